
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A handle: opened for one of three purposes, its pragmas, its statements,
 * its transactions and the checkpoint.
 *
 * 1. What commit() acknowledged is on the disk (WAL, synchronous=FULL).
 * 2. A READ handle cannot write, and holds no row between two calls.
 * 3. Nothing is believed of a file that does not carry our application id.
 * 4. A transaction that SQLite ended by itself takes no further statement.
 * 5. No handle is open in a process while it forks: SQLite's POSIX locks do
 *    not survive that.  For the same reason nothing else of this module opens
 *    the database file: closing it would drop the locks.
 */


#define ACME_CA_SQL_TEXTS
#include "acme_ca_store_private.h"


#define ACME_CA_STORE_WRITE_TIMEOUT     5000   /* ms */
#define ACME_CA_STORE_READ_TIMEOUT      20     /* ms: the event loop waits */
#define ACME_CA_STORE_CHECKPOINT_PAGES  1000


static acme_ca_store_t *acme_ca_store_create(ngx_str_t *path,
    acme_ca_store_mode_e mode, ngx_log_t *log);
static ngx_int_t acme_ca_store_touch(acme_ca_store_t *store);
static ngx_int_t acme_ca_store_connect(acme_ca_store_t *store);
static ngx_uint_t acme_ca_store_is_moved(acme_ca_store_t *store);
static ngx_int_t acme_ca_store_configure(acme_ca_store_t *store);
static ngx_int_t acme_ca_store_prepare_all(acme_ca_store_t *store);
static int acme_ca_store_committed(void *data, sqlite3 *db, const char *name,
    int pages);
static void acme_ca_store_ended(acme_ca_store_t *store);
static ngx_int_t acme_ca_store_run(acme_ca_store_t *store,
    acme_ca_statement_e statement);


static const int  acme_ca_store_options[][2] = {
    { SQLITE_DBCONFIG_DEFENSIVE, 1 },
    { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
    { SQLITE_DBCONFIG_DQS_DML, 0 },
    { SQLITE_DBCONFIG_DQS_DDL, 0 },
    { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 }
};


acme_ca_store_t *
acme_ca_store_open(ngx_str_t *path, acme_ca_store_mode_e mode, ngx_log_t *log)
{
    acme_ca_store_t  *store;

    store = acme_ca_store_create(path, mode, log);
    if (store == NULL) {
        return NULL;
    }

    if (acme_ca_store_touch(store) != NGX_OK
        || acme_ca_store_connect(store) != NGX_OK
        || acme_ca_store_configure(store) != NGX_OK
        || acme_ca_store_migrate(store) != NGX_OK
        || acme_ca_store_prepare_all(store) != NGX_OK
        || acme_ca_store_id_init(store) != NGX_OK)
    {
        acme_ca_store_close(store);
        return NULL;
    }

    /* not earlier: another process may recover the WAL while we open it */

    if (mode == ACME_CA_STORE_READ) {
        (void) sqlite3_busy_timeout(store->db, ACME_CA_STORE_READ_TIMEOUT);
    }

    return store;
}


static acme_ca_store_t *
acme_ca_store_create(ngx_str_t *path, acme_ca_store_mode_e mode,
    ngx_log_t *log)
{
    acme_ca_store_t  *store;

    store = ngx_calloc(sizeof(acme_ca_store_t) + path->len + 1, log);
    if (store == NULL) {
        return NULL;
    }

    store->log = log;
    store->mode = mode;
    store->path = (char *) (store + 1);

    ngx_memcpy(store->path, path->data, path->len);

    return store;
}


void
acme_ca_store_close(acme_ca_store_t *store)
{
    ngx_uint_t  i;

    if (store == NULL) {
        return;
    }

    acme_ca_store_rollback(store);

    for (i = 0; i < ACME_CA_SQL_N; i++) {
        (void) sqlite3_finalize(store->statements[i]);
    }

    acme_ca_store_id_done(store);
    EVP_MD_CTX_free(store->md);

    (void) sqlite3_close(store->db);

    ngx_free(store);
}


/*
 * The master runs as root in a folder of the worker's user: what that user
 * may have put there as a link is not followed.  A folder above it may be one.
 */

static ngx_int_t
acme_ca_store_touch(acme_ca_store_t *store)
{
    ngx_fd_t         fd;
    ngx_err_t        err;
    ngx_file_info_t  fi;

    if (store->mode == ACME_CA_STORE_MIGRATE) {
        fd = ngx_open_file((u_char *) store->path, NGX_FILE_WRONLY,
                           O_CREAT|O_EXCL, NGX_FILE_OWNER_ACCESS);

        err = ngx_errno;

        if (fd != NGX_INVALID_FILE) {
            (void) ngx_close_file(fd);

        } else if (err != NGX_EEXIST) {
            ngx_log_error(NGX_LOG_EMERG, store->log, err,
                          "acme_ca store: cannot create \"%s\"", store->path);
            return NGX_ERROR;
        }
    }

    if (ngx_link_info((u_char *) store->path, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, store->log, ngx_errno,
                      "acme_ca store: cannot find \"%s\"", store->path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store: \"%s\" is no regular file", store->path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_store_connect(acme_ca_store_t *store)
{
    int          rc, flags;
    const char  *vfs;

    if (sqlite3_threadsafe() == 0) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store: the SQLite library was built without "
                      "threads (SQLITE_THREADSAFE=0)");
        return NGX_ERROR;
    }

    /*
     * Nobody asks how much memory SQLite has, and to count it takes a lock of
     * the whole process for each piece.  The master says so before there is a
     * thread; once SQLite runs it stays as it is.
     */

    if (store->mode == ACME_CA_STORE_MIGRATE) {
        (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    }

    /* a reader of a WAL database writes into its -shm file: never READONLY */

    flags = SQLITE_OPEN_READWRITE|SQLITE_OPEN_NOMUTEX
            |SQLITE_OPEN_PRIVATECACHE;

    vfs = (store->mode == ACME_CA_STORE_WRITE) ? acme_ca_store_wal_vfs()
                                               : NULL;

    rc = sqlite3_open_v2(store->path, &store->db, flags, vfs);

    if (rc != SQLITE_OK) {
        return acme_ca_store_failed(store, "open", rc);
    }

    (void) sqlite3_extended_result_codes(store->db, 1);

    /* SQLite is content to read what it may not write, and stays so */

    if (sqlite3_db_readonly(store->db, "main") == 1) {
        return acme_ca_store_failed(store, "open", SQLITE_READONLY);
    }

    return NGX_OK;
}


ngx_uint_t
acme_ca_store_is_stale(acme_ca_store_t *store)
{
    return store->stale || acme_ca_store_is_moved(store);
}


static ngx_uint_t
acme_ca_store_is_moved(acme_ca_store_t *store)
{
    int  moved;

    moved = 0;

    (void) sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED,
                                &moved);

    return moved;
}


static ngx_int_t
acme_ca_store_configure(acme_ca_store_t *store)
{
    int         rc;
    ngx_uint_t  i;

    for (i = 0; i < sizeof(acme_ca_store_options) / (2 * sizeof(int)); i++) {
        rc = sqlite3_db_config(store->db, acme_ca_store_options[i][0],
                               acme_ca_store_options[i][1], NULL);

        if (rc != SQLITE_OK) {
            return acme_ca_store_failed(store, "configure", rc);
        }
    }

    rc = sqlite3_busy_timeout(store->db,
                              (store->mode == ACME_CA_STORE_MIGRATE)
                              ? ACME_CA_STORE_MASTER_TIMEOUT
                              : ACME_CA_STORE_WRITE_TIMEOUT);

    if (rc != SQLITE_OK) {
        return acme_ca_store_failed(store, "configure", rc);
    }

    /* takes the place of SQLite's own checkpoint inside of a commit */

    (void) sqlite3_wal_hook(store->db, acme_ca_store_committed, store);

    return acme_ca_store_script(store,
                                &acme_ca_sql_scripts[ACME_CA_SCRIPT_OPEN],
                                NULL, 0);
}


static ngx_int_t
acme_ca_store_prepare_all(acme_ca_store_t *store)
{
    ngx_uint_t        i;
    acme_ca_script_e  script;

    script = (store->mode == ACME_CA_STORE_READ) ? ACME_CA_SCRIPT_OPEN_READ
                                                 : ACME_CA_SCRIPT_OPEN_WRITE;

    if (acme_ca_store_script(store, &acme_ca_sql_scripts[script], NULL, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < ACME_CA_SQL_N; i++) {
        if (acme_ca_store_prepare(store, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_store_prepare(acme_ca_store_t *store, acme_ca_statement_e statement)
{
    int                   rc;
    const acme_ca_sql_t  *sql;

    if (store->statements[statement]) {
        return NGX_OK;
    }

    sql = &acme_ca_sql_statements[statement];

    rc = sqlite3_prepare_v3(store->db, sql->text, -1, SQLITE_PREPARE_PERSISTENT,
                            &store->statements[statement], NULL);

    if (rc != SQLITE_OK) {
        return acme_ca_store_failed(store, sql->name, rc);
    }

    return NGX_OK;
}


int
acme_ca_store_load(acme_ca_store_t *store, const acme_ca_sql_t *sql,
    int64_t *numbers, ngx_uint_t n)
{
    int            rc;
    ngx_uint_t     i;
    const char    *text;
    sqlite3_stmt  *stmt;

    text = sql->text;

    for ( ;; ) {
        rc = sqlite3_prepare_v2(store->db, text, -1, &stmt, &text);

        if (rc != SQLITE_OK || stmt == NULL) {
            return rc;
        }

        rc = sqlite3_step(stmt);

        for (i = 0; i < n && rc == SQLITE_ROW; i++) {
            numbers[i] = sqlite3_column_int64(stmt, i);
        }

        rc = sqlite3_finalize(stmt);

        if (rc != SQLITE_OK) {
            return rc;
        }
    }
}


ngx_int_t
acme_ca_store_script(acme_ca_store_t *store, const acme_ca_sql_t *sql,
    int64_t *numbers, ngx_uint_t n)
{
    int  rc;

    rc = acme_ca_store_load(store, sql, numbers, n);

    if (rc != SQLITE_OK) {
        return acme_ca_store_failed(store, sql->name, rc);
    }

    return NGX_OK;
}


void
acme_ca_store_set_patience(acme_ca_store_t *store, ngx_msec_t ms)
{
    (void) sqlite3_busy_timeout(store->db, (int) ms);
}


ngx_int_t
acme_ca_store_begin(acme_ca_store_t *store)
{
    ngx_int_t  rc;

    if (acme_ca_store_is_moved(store)) {
        return acme_ca_store_failed(store, "begin", SQLITE_READONLY_DBMOVED);
    }

    rc = acme_ca_store_run(store, ACME_CA_SQL_BEGIN);

    if (rc == NGX_OK) {
        store->transaction = 1;
        store->savepoints = 0;
        store->lost = SQLITE_OK;
    }

    return rc;
}


ngx_int_t
acme_ca_store_commit(acme_ca_store_t *store)
{
    ngx_int_t  rc;

    rc = acme_ca_store_run(store, ACME_CA_SQL_COMMIT);

    if (rc != NGX_OK) {
        acme_ca_store_rollback(store);
        return rc;
    }

    acme_ca_store_ended(store);

    return NGX_OK;
}


void
acme_ca_store_rollback(acme_ca_store_t *store)
{
    if (!store->transaction) {
        return;
    }

    /* first: a transaction that SQLite ended needs no ROLLBACK */

    acme_ca_store_ended(store);
    acme_ca_store_end_read(store);
}


static void
acme_ca_store_ended(acme_ca_store_t *store)
{
    store->transaction = 0;
    store->savepoints = 0;
    store->audit.known = 0;
    store->audit.lines = NULL;
}


void
acme_ca_store_begin_read(acme_ca_store_t *store)
{
    (void) acme_ca_store_run(store, ACME_CA_SQL_BEGIN_READ);
}


void
acme_ca_store_end_read(acme_ca_store_t *store)
{
    /* an error may have ended it; unlike COMMIT, ROLLBACK always does */

    if (!sqlite3_get_autocommit(store->db)) {
        (void) acme_ca_store_run(store, ACME_CA_SQL_ROLLBACK);
    }
}


ngx_int_t
acme_ca_store_savepoint(acme_ca_store_t *store)
{
    ngx_int_t  rc;

    rc = acme_ca_store_run(store, ACME_CA_SQL_SAVEPOINT);

    if (rc == NGX_OK) {
        store->savepoints++;
    }

    return rc;
}


ngx_int_t
acme_ca_store_release(acme_ca_store_t *store)
{
    if (store->savepoints == 0) {
        return NGX_OK;
    }

    store->savepoints--;

    return acme_ca_store_run(store, ACME_CA_SQL_RELEASE);
}


ngx_int_t
acme_ca_store_rollback_to(acme_ca_store_t *store)
{
    ngx_int_t  rc;

    if (store->savepoints == 0) {
        return NGX_OK;
    }

    rc = acme_ca_store_run(store, ACME_CA_SQL_ROLLBACK_TO);

    if (rc == NGX_OK) {
        rc = acme_ca_store_audit_undone(store);
    }

    return (rc == NGX_OK) ? acme_ca_store_release(store) : rc;
}


static ngx_int_t
acme_ca_store_run(acme_ca_store_t *store, acme_ca_statement_e statement)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, statement);

    return acme_ca_query_run(&q);
}


static int
acme_ca_store_committed(void *data, sqlite3 *db, const char *name, int pages)
{
    acme_ca_store_t *store = data;

    store->wal_pages = pages;

    /* the WAL was begun anew, by this handle or another */

    if (pages < store->wal_checked) {
        store->wal_checked = 0;
    }

    return SQLITE_OK;
}


void
acme_ca_store_checkpoint(acme_ca_store_t *store)
{
    int  rc, pages, moved;

    if (store->wal_pages - store->wal_checked < ACME_CA_STORE_CHECKPOINT_PAGES)
    {
        return;
    }

    /* PASSIVE waits for nobody; what it leaves, the next one moves */

    rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                   &pages, &moved);

    store->wal_checked = store->wal_pages;

    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        (void) acme_ca_store_failed(store, "checkpoint", rc);
    }
}
