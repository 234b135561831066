
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The schema's version: the master brings a database up to date, everyone
 * else refuses one that is not.  A migration happens in one transaction or
 * not at all.  The texts of the migrations are sql/NNN_*.sql.
 */


#include "acme_ca_store_private.h"


#define ACME_CA_STORE_ERROR_LEN  512

#define ACME_CA_STORE_TRIES      20
#define ACME_CA_STORE_PAUSE      100     /* milliseconds */


static ngx_int_t acme_ca_store_judge(acme_ca_store_t *store, int64_t *version,
    ngx_str_t *error);
static ngx_int_t acme_ca_store_migrate_all(acme_ca_store_t *store,
    int64_t version);
static ngx_int_t acme_ca_store_migrate_next(acme_ca_store_t *store,
    int64_t *version);
static ngx_int_t acme_ca_store_migrate_run(acme_ca_store_t *store,
    int64_t version);
static ngx_int_t acme_ca_store_wal(acme_ca_store_t *store);
static int acme_ca_store_peek(acme_ca_store_t *store, u_char *uri,
    ngx_str_t *path, ngx_str_t *error);
static u_char *acme_ca_store_uri(ngx_pool_t *pool, ngx_str_t *path);


ngx_uint_t
acme_ca_store_version(void)
{
    return ACME_CA_SQL_VERSION;
}


/*
 * The workers of a running nginx may be in the middle of a checkpoint: its
 * first page tells of pages that are not there yet, as that of a damaged file
 * does.  Only what stays so is an error.
 */

ngx_int_t
acme_ca_store_check(ngx_pool_t *pool, ngx_str_t *path, ngx_str_t *error)
{
    int               rc;
    u_char           *uri;
    ngx_uint_t        tries;
    ngx_file_info_t   fi;
    acme_ca_store_t   store;

    uri = acme_ca_store_uri(pool, path);
    error->data = ngx_pnalloc(pool, ACME_CA_STORE_ERROR_LEN);
    error->len = 0;

    if (uri == NULL || error->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&store, sizeof(acme_ca_store_t));

    store.log = pool->log;
    store.path = (char *) path->data;

    if (ngx_link_info(path->data, &fi) == NGX_FILE_ERROR
        && (ngx_errno == NGX_ENOENT || ngx_errno == NGX_ENOTDIR))
    {
        return NGX_DECLINED;
    }

    tries = ACME_CA_STORE_TRIES;

    for ( ;; ) {
        rc = acme_ca_store_peek(&store, uri, path, error);

        if (rc != SQLITE_CORRUPT || --tries == 0) {
            break;
        }

        ngx_msleep(ACME_CA_STORE_PAUSE);
    }

    return (error->len == 0) ? NGX_OK : NGX_ERROR;
}


/*
 * Immutable: reads the file as it lies there, without a lock, a -shm file or
 * the recovery of a WAL.  SQLite's code, and *error unless all is well.
 */

static int
acme_ca_store_peek(acme_ca_store_t *store, u_char *uri, ngx_str_t *path,
    ngx_str_t *error)
{
    int      rc;
    int64_t  version;

    error->len = 0;

    rc = sqlite3_open_v2((char *) uri, &store->db,
                         SQLITE_OPEN_READONLY|SQLITE_OPEN_URI
                         |SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        (void) acme_ca_store_judge(store, &version, error);
        rc = sqlite3_errcode(store->db);

    } else {
        error->len = ngx_snprintf(error->data, ACME_CA_STORE_ERROR_LEN,
                                  "database \"%V\": %s", path,
                                  sqlite3_errstr(rc))
                     - error->data;
    }

    (void) sqlite3_close(store->db);

    return rc;
}


static u_char *
acme_ca_store_uri(ngx_pool_t *pool, ngx_str_t *path)
{
    u_char      *uri, *p;
    ngx_uint_t   i;

    static const char  query[] = "?mode=ro&immutable=1";

    uri = ngx_pnalloc(pool, sizeof("file:") - 1 + 3 * path->len
                            + sizeof(query));
    if (uri == NULL) {
        return NULL;
    }

    p = ngx_cpymem(uri, "file:", sizeof("file:") - 1);

    for (i = 0; i < path->len; i++) {
        if (ngx_strchr("?#%", path->data[i])) {
            p = ngx_sprintf(p, "%%%02Xd", (ngx_uint_t) path->data[i]);

        } else {
            *p++ = path->data[i];
        }
    }

    ngx_memcpy(p, query, sizeof(query));

    return uri;
}


/* NGX_OK and the version, 0 of an empty file; NGX_ERROR and the reason */

static ngx_int_t
acme_ca_store_judge(acme_ca_store_t *store, int64_t *version, ngx_str_t *error)
{
    int      rc;
    u_char  *p, *last;
    int64_t  numbers[3];

    p = error->data;
    last = p + ACME_CA_STORE_ERROR_LEN;

    ngx_memzero(numbers, sizeof(numbers));

    rc = acme_ca_store_load(store, &acme_ca_sql_scripts[ACME_CA_SCRIPT_VERSION],
                            numbers, 3);

    *version = numbers[1];

    p = ngx_slprintf(p, last, "database \"%s\": ", store->path);

    if (rc != SQLITE_OK) {
        p = ngx_slprintf(p, last, "%s: restore a backup, or use the "
                         "\".recover\" command of sqlite3",
                         sqlite3_errmsg(store->db));

    } else if (numbers[0] == 0 && numbers[1] == 0 && numbers[2] == 0) {
        return NGX_OK;

    } else if (numbers[0] != ACME_CA_STORE_APPLICATION) {
        p = ngx_slprintf(p, last, "it belongs to another application "
                         "(application_id 0x%xL)", numbers[0]);

    } else if (numbers[1] > ACME_CA_SQL_VERSION) {
        p = ngx_slprintf(p, last, "it was made by a newer release: its schema "
                         "has version %L, this release knows %d: install "
                         "the newer release, or restore the backup from "
                         "before it", numbers[1], ACME_CA_SQL_VERSION);

    } else {
        return NGX_OK;
    }

    error->len = p - error->data;

    return NGX_ERROR;
}


ngx_int_t
acme_ca_store_migrate(acme_ca_store_t *store)
{
    u_char     text[ACME_CA_STORE_ERROR_LEN];
    int64_t    version;
    ngx_str_t  error;

    error.data = text;
    error.len = 0;

    if (acme_ca_store_judge(store, &version, &error) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0, "acme_ca store: %V",
                      &error);
        return NGX_ERROR;
    }

    if (store->mode == ACME_CA_STORE_MIGRATE) {
        return acme_ca_store_migrate_all(store, version);
    }

    if (version < ACME_CA_SQL_VERSION) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store \"%s\": its schema has version %L, not "
                      "%d yet: restart or reload nginx, the master brings it "
                      "up to date", store->path, version, ACME_CA_SQL_VERSION);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_store_migrate_all(acme_ca_store_t *store, int64_t version)
{
    if (acme_ca_store_wal(store) != NGX_OK
        || acme_ca_store_prepare(store, ACME_CA_SQL_BEGIN) != NGX_OK
        || acme_ca_store_prepare(store, ACME_CA_SQL_COMMIT) != NGX_OK
        || acme_ca_store_prepare(store, ACME_CA_SQL_ROLLBACK) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (version == ACME_CA_SQL_VERSION) {
        return NGX_OK;
    }

    while (version < ACME_CA_SQL_VERSION) {
        if (acme_ca_store_migrate_next(store, &version) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* the new version stands in the file itself, where check() sees it */

    (void) sqlite3_wal_checkpoint_v2(store->db, NULL,
                                     SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    return NGX_OK;
}


static ngx_int_t
acme_ca_store_migrate_next(acme_ca_store_t *store, int64_t *version)
{
    int64_t    numbers[3];
    ngx_int_t  rc;

    if (acme_ca_store_begin(store) != NGX_OK) {
        return NGX_ERROR;
    }

    /* another master may have been here first: of a binary upgrade */

    rc = acme_ca_store_script(store,
                              &acme_ca_sql_scripts[ACME_CA_SCRIPT_VERSION],
                              numbers, 3);

    if (rc == NGX_OK && numbers[1] == *version) {
        rc = acme_ca_store_migrate_run(store, *version);
        numbers[1]++;
    }

    if (rc != NGX_OK) {
        acme_ca_store_rollback(store);

        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store \"%s\": migration %s failed, the "
                      "database is as it was", store->path,
                      acme_ca_sql_migrations[*version].name);
        return NGX_ERROR;
    }

    *version = numbers[1];

    return acme_ca_store_commit(store);
}


static ngx_int_t
acme_ca_store_migrate_run(acme_ca_store_t *store, int64_t version)
{
    int64_t               orphans, numbers[3];
    const acme_ca_sql_t  *sql;

    sql = &acme_ca_sql_migrations[version];

    if (acme_ca_store_script(store, sql, NULL, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (version == 0 && acme_ca_store_id_seed(store) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what the log held before it was a chain becomes one */

    if (version == 2 && acme_ca_store_audit_migrate(store) != NGX_OK) {
        return NGX_ERROR;
    }

    orphans = 0;

    if (acme_ca_store_script(store,
                             &acme_ca_sql_scripts[ACME_CA_SCRIPT_FOREIGN_KEYS],
                             &orphans, 1)
        != NGX_OK
        || acme_ca_store_script(store,
                                &acme_ca_sql_scripts[ACME_CA_SCRIPT_VERSION],
                                numbers, 3)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (orphans || numbers[1] != version + 1) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store \"%s\": after %s: %L rows without a "
                      "parent, version %L",
                      store->path, sql->name, orphans, numbers[1]);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, store->log, 0,
                  "acme_ca store \"%s\": %s", store->path, sql->name);

    return NGX_OK;
}


static ngx_int_t
acme_ca_store_wal(acme_ca_store_t *store)
{
    int  rc, pages, moved;

    if (acme_ca_store_script(store,
                             &acme_ca_sql_scripts[ACME_CA_SCRIPT_OPEN_WAL],
                             NULL, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                   &pages, &moved);

    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        return acme_ca_store_failed(store, "checkpoint", rc);
    }

    /* busy: a worker is doing the same, which says as much */

    if (rc == SQLITE_OK && pages < 0) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store \"%s\": no WAL here: the folder must lie "
                      "on a local file system with shared memory", store->path);
        return NGX_ERROR;
    }

    return NGX_OK;
}
