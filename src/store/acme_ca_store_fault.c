
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What SQLite's errors mean to the callers, and what they tell the operator.
 */


#include "acme_ca_store_private.h"


typedef struct {
    int          rc;
    ngx_int_t    outcome;
    ngx_uint_t   level;
    ngx_uint_t   stale;
    const char  *advice;
} acme_ca_store_fault_t;


static const acme_ca_store_fault_t  acme_ca_store_faults[] = {

    { SQLITE_BUSY, NGX_BUSY, NGX_LOG_ERR, 0,
      "another process holds the database: see who does with \"fuser\"" },

    { SQLITE_LOCKED, NGX_BUSY, NGX_LOG_ERR, 0,
      "another handle of this process holds the database" },

    { SQLITE_PROTOCOL, NGX_BUSY, NGX_LOG_ERR, 0,
      "the database's locks are contended" },

    { SQLITE_FULL, NGX_BUSY, NGX_LOG_CRIT, 0,
      "the disk is full: free space on the file system of the database" },

    { SQLITE_READONLY_DBMOVED, NGX_BUSY, NGX_LOG_CRIT, 1,
      "the database was moved or removed: put it back, or reload nginx to "
      "begin a new one" },

    { SQLITE_READONLY, NGX_BUSY, NGX_LOG_CRIT, 1,
      "the database cannot be written: the file, its -wal and -shm, and the "
      "folder must be writable for the worker's user" },

    { SQLITE_CANTOPEN, NGX_BUSY, NGX_LOG_CRIT, 1,
      "the database cannot be opened: its folder must exist and be readable "
      "and writable for the worker's user" },

    { SQLITE_PERM, NGX_BUSY, NGX_LOG_CRIT, 1,
      "the database must be readable and writable for the worker's user" },

    { SQLITE_IOERR, NGX_BUSY, NGX_LOG_CRIT, 1,
      "the disk failed or is full: see the kernel's log and free space" },

    { SQLITE_CORRUPT, NGX_ERROR, NGX_LOG_CRIT, 1,
      "the database is damaged: stop nginx, keep a copy, then restore a "
      "backup or use the \".recover\" command of sqlite3" },

    { SQLITE_NOTADB, NGX_ERROR, NGX_LOG_CRIT, 1,
      "the file is no SQLite database or is damaged: stop nginx, keep a copy, "
      "then restore a backup" },

    { SQLITE_NOMEM, NGX_ERROR, NGX_LOG_CRIT, 0, "out of memory" },

    { SQLITE_OK, NGX_ERROR, NGX_LOG_ERR, 0, NULL }
};


ngx_int_t
acme_ca_store_failed(acme_ca_store_t *store, const char *what, int rc)
{
    time_t                        now;
    const char                   *text;
    const acme_ca_store_fault_t  *fault;

    for (fault = acme_ca_store_faults; fault->rc != SQLITE_OK; fault++) {
        if (fault->rc == rc || fault->rc == (rc & 0xff)) {
            break;
        }
    }

    if (fault->stale) {
        store->stale = 1;
    }

    text = sqlite3_errstr(rc);

    if (store->db && sqlite3_extended_errcode(store->db) == rc) {
        text = sqlite3_errmsg(store->db);
    }

    if (fault->advice == NULL) {
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "acme_ca store \"%s\": %s failed: %s (%d)",
                      store->path, what, text, rc);
        return NGX_ERROR;
    }

    /* a full disk fails every request: one line a second tells it as well */

    now = ngx_time();

    if (store->complained_at != now) {
        store->complained_at = now;

        ngx_log_error(fault->level, store->log, 0,
                      "acme_ca store \"%s\": %s failed: %s (%d): %s",
                      store->path, what, text, rc, fault->advice);
    }

    return fault->outcome;
}
