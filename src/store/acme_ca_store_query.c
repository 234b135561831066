
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One run of one statement.
 *
 * SQLite may end a whole transaction by itself (disk full, I/O error, out of
 * memory).  What came after that would be committed row by row: a query that
 * finds its transaction gone fails with the error that ended it.
 */


#include "acme_ca_store_private.h"


static void acme_ca_query_kept(acme_ca_query_t *q, int rc);
static void acme_ca_query_value(acme_ca_query_t *q, const char *data, size_t n);
static ngx_int_t acme_ca_query_fail(acme_ca_query_t *q);
static ngx_int_t acme_ca_query_unique(int rc);


void
acme_ca_query_begin(acme_ca_store_t *store, acme_ca_query_t *q,
    acme_ca_statement_e statement)
{
    q->store = store;
    q->statement = statement;
    q->stmt = store->statements[statement];
    q->n = 0;
    q->rc = SQLITE_OK;

    if (store->transaction && sqlite3_get_autocommit(store->db)) {
        q->rc = store->lost ? store->lost : SQLITE_ABORT_ROLLBACK;
    }
}


static void
acme_ca_query_kept(acme_ca_query_t *q, int rc)
{
    if (q->rc == SQLITE_OK) {
        q->rc = rc;
    }
}


void
acme_ca_query_integer(acme_ca_query_t *q, int64_t value)
{
    q->n++;
    acme_ca_query_kept(q, sqlite3_bind_int64(q->stmt, q->n, value));
}


void
acme_ca_query_optional(acme_ca_query_t *q, int64_t value)
{
    if (value) {
        acme_ca_query_integer(q, value);
        return;
    }

    q->n++;
    acme_ca_query_kept(q, sqlite3_bind_null(q->stmt, q->n));
}


static void
acme_ca_query_value(acme_ca_query_t *q, const char *data, size_t n)
{
    q->n++;

    /* STATIC: the caller's bytes live until the statement is reset */

    acme_ca_query_kept(q, sqlite3_bind_text64(q->stmt, q->n, data, n,
                                              SQLITE_STATIC, SQLITE_UTF8));
}


void
acme_ca_query_text(acme_ca_query_t *q, const ngx_str_t *value)
{
    if (value == NULL || value->len == 0) {
        acme_ca_query_optional(q, 0);
        return;
    }

    acme_ca_query_value(q, (const char *) value->data, value->len);
}


void
acme_ca_query_word(acme_ca_query_t *q, const char *value)
{
    acme_ca_query_value(q, value, ngx_strlen(value));
}


void
acme_ca_query_blob(acme_ca_query_t *q, const u_char *data, size_t n)
{
    q->n++;
    acme_ca_query_kept(q, sqlite3_bind_blob64(q->stmt, q->n, data, n,
                                              SQLITE_STATIC));
}


void
acme_ca_query_status(acme_ca_query_t *q, acme_ca_status_e status)
{
    acme_ca_query_text(q, &acme_ca_statuses[status]);
}


void
acme_ca_query_challenge(acme_ca_query_t *q, int64_t id)
{
    acme_ca_query_integer(q, id / ACME_CA_CHALLENGE_SLOTS);
    acme_ca_query_integer(q, id % ACME_CA_CHALLENGE_SLOTS);
}


void
acme_ca_query_identifier(acme_ca_query_t *q,
    const acme_ca_identifier_t *identifier)
{
    acme_ca_query_text(q, &acme_ca_identifier_types[identifier->type]);
    acme_ca_query_text(q, &identifier->value);
    acme_ca_query_integer(q, identifier->wildcard);
}


ngx_int_t
acme_ca_query_step(acme_ca_query_t *q)
{
    int  rc;

    if (q->rc == SQLITE_OK) {
        rc = sqlite3_step(q->stmt);

        if (rc == SQLITE_ROW) {
            q->n = 0;
            return NGX_OK;
        }

        q->rc = rc;

        if (rc == SQLITE_DONE) {
            (void) sqlite3_reset(q->stmt);
            return NGX_DONE;
        }
    }

    return acme_ca_query_fail(q);
}


static ngx_int_t
acme_ca_query_fail(acme_ca_query_t *q)
{
    ngx_int_t         rc;
    acme_ca_store_t  *store;

    store = q->store;

    rc = acme_ca_store_failed(store, acme_ca_sql_statements[q->statement].name,
                              q->rc);

    (void) sqlite3_reset(q->stmt);

    if (store->transaction && store->lost == 0
        && sqlite3_get_autocommit(store->db))
    {
        store->lost = q->rc;
    }

    return rc;
}


ngx_int_t
acme_ca_query_find(acme_ca_query_t *q)
{
    ngx_int_t  rc;

    rc = acme_ca_query_step(q);

    return (rc == NGX_DONE) ? NGX_DECLINED : rc;
}


ngx_int_t
acme_ca_query_find_integer(acme_ca_query_t *q, int64_t *value)
{
    ngx_int_t  rc;

    rc = acme_ca_query_find(q);
    if (rc != NGX_OK) {
        return rc;
    }

    *value = acme_ca_column_integer(q);

    return acme_ca_query_end(q);
}


ngx_int_t
acme_ca_query_find_count(acme_ca_query_t *q, ngx_uint_t *n)
{
    int64_t    value;
    ngx_int_t  rc;

    value = 0;

    rc = acme_ca_query_find_integer(q, &value);

    if (rc == NGX_OK) {
        *n = (ngx_uint_t) value;
    }

    return rc;
}


int64_t
acme_ca_column_integer(acme_ca_query_t *q)
{
    return sqlite3_column_int64(q->stmt, q->n++);
}


void
acme_ca_column_text(acme_ca_query_t *q, ngx_pool_t *pool, ngx_str_t *value)
{
    int            n;
    const u_char  *data;

    /* a blob as well: the bytes are taken as they are */

    data = sqlite3_column_blob(q->stmt, q->n);
    n = sqlite3_column_bytes(q->stmt, q->n);

    q->n++;

    if (n == 0) {
        ngx_str_null(value);
        return;
    }

    if (data == NULL || acme_ca_copy(pool, value, data, n) != NGX_OK) {
        acme_ca_query_kept(q, SQLITE_NOMEM);
        ngx_str_null(value);
    }
}


const char *
acme_ca_column_word(acme_ca_query_t *q)
{
    const u_char  *word;

    word = sqlite3_column_text(q->stmt, q->n++);

    return word ? (const char *) word : "";
}


void
acme_ca_column_bytes(acme_ca_query_t *q, u_char *data, size_t n)
{
    const u_char  *blob;

    blob = sqlite3_column_blob(q->stmt, q->n);

    if (blob && (size_t) sqlite3_column_bytes(q->stmt, q->n) == n) {
        ngx_memcpy(data, blob, n);

    } else {
        acme_ca_query_kept(q, SQLITE_CORRUPT);
        ngx_memzero(data, n);
    }

    q->n++;
}


ngx_int_t
acme_ca_column_digest(acme_ca_query_t *q, u_char hash[ACME_CA_SHA256_LEN])
{
    if (sqlite3_column_bytes(q->stmt, q->n) == 0) {
        q->n++;
        ngx_memzero(hash, ACME_CA_SHA256_LEN);
        return NGX_DECLINED;
    }

    acme_ca_column_bytes(q, hash, ACME_CA_SHA256_LEN);

    return NGX_OK;
}


int
acme_ca_column_update(acme_ca_query_t *q, EVP_MD_CTX *md)
{
    int          n;
    const void  *data;

    data = sqlite3_column_blob(q->stmt, q->n);
    n = sqlite3_column_bytes(q->stmt, q->n);

    q->n++;

    return (data == NULL) ? 0 : EVP_DigestUpdate(md, data, n);
}


acme_ca_status_e
acme_ca_column_status(acme_ca_query_t *q)
{
    ngx_str_t         text;
    acme_ca_status_e  status;

    text.data = (u_char *) sqlite3_column_blob(q->stmt, q->n);
    text.len = sqlite3_column_bytes(q->stmt, q->n);

    q->n++;

    if (text.data && acme_ca_status_parse(&text, &status) == NGX_OK) {
        return status;
    }

    acme_ca_query_kept(q, SQLITE_CORRUPT);

    return ACME_CA_INVALID;
}


int64_t
acme_ca_column_challenge(acme_ca_query_t *q)
{
    int64_t  id;

    id = acme_ca_column_integer(q) * ACME_CA_CHALLENGE_SLOTS;

    return id + acme_ca_column_integer(q);
}


void
acme_ca_column_identifier(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_identifier_t *identifier)
{
    ngx_str_t      type, value;
    ngx_uint_t     wildcard;
    acme_ca_ctx_t  ctx;

    ngx_memzero(identifier, sizeof(acme_ca_identifier_t));

    type.data = (u_char *) sqlite3_column_blob(q->stmt, q->n);
    type.len = sqlite3_column_bytes(q->stmt, q->n);
    q->n++;

    acme_ca_column_text(q, pool, &value);
    wildcard = acme_ca_column_integer(q) != 0;

    if (type.data == NULL || q->rc != SQLITE_OK) {
        acme_ca_query_kept(q, SQLITE_CORRUPT);
        return;
    }

    if (acme_ca_str_is(&type, "dns")) {
        identifier->type = ACME_CA_IDENTIFIER_DNS;
        identifier->value = value;
        identifier->wildcard = wildcard;
        return;
    }

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = pool;
    ctx.log = q->store->log;

    switch (acme_ca_identifier_parse(&ctx, &type, &value, identifier)) {

    case NGX_OK:
        return;

    case NGX_ABORT:
        acme_ca_query_kept(q, SQLITE_CORRUPT);
        return;

    default: /* NGX_ERROR */
        acme_ca_query_kept(q, SQLITE_NOMEM);
    }
}


ngx_int_t
acme_ca_query_end(acme_ca_query_t *q)
{
    if (q->rc != SQLITE_OK && q->rc != SQLITE_DONE) {
        return acme_ca_query_fail(q);
    }

    (void) sqlite3_reset(q->stmt);

    return NGX_OK;
}


ngx_int_t
acme_ca_query_run(acme_ca_query_t *q)
{
    ngx_int_t  rc;

    rc = acme_ca_query_step(q);

    if (rc == NGX_OK) {
        return acme_ca_query_end(q);
    }

    return (rc == NGX_DONE) ? NGX_OK : rc;
}


ngx_int_t
acme_ca_query_add(acme_ca_query_t *q, int64_t *id)
{
    if (q->rc == SQLITE_OK) {
        q->rc = sqlite3_step(q->stmt);
    }

    if (q->rc == SQLITE_DONE) {
        (void) sqlite3_reset(q->stmt);

        if (id) {
            *id = sqlite3_last_insert_rowid(q->store->db);
        }

        return NGX_OK;
    }

    if (acme_ca_query_unique(q->rc)) {
        (void) sqlite3_reset(q->stmt);
        return NGX_DECLINED;
    }

    return acme_ca_query_fail(q);
}


static ngx_int_t
acme_ca_query_unique(int rc)
{
    return rc == SQLITE_CONSTRAINT_UNIQUE
           || rc == SQLITE_CONSTRAINT_PRIMARYKEY;
}


ngx_int_t
acme_ca_query_set(acme_ca_query_t *q)
{
    ngx_int_t  rc;

    rc = acme_ca_query_add(q, NULL);

    if (rc == NGX_OK && sqlite3_changes(q->store->db) == 0) {
        return NGX_DECLINED;
    }

    return rc;
}


void *
acme_ca_query_push(acme_ca_query_t *q, ngx_array_t *array)
{
    void  *element;

    element = ngx_array_push(array);

    if (element == NULL) {
        acme_ca_query_kept(q, SQLITE_NOMEM);
        return NULL;
    }

    ngx_memzero(element, array->size);

    return element;
}


ngx_int_t
acme_ca_query_list_ids(acme_ca_query_t *q, ngx_pool_t *pool,
    ngx_array_t **ids)
{
    int64_t    *id;
    ngx_int_t   rc;

    *ids = ngx_array_create(pool, 4, sizeof(int64_t));
    if (*ids == NULL) {
        return NGX_ERROR;
    }

    for ( ;; ) {
        rc = acme_ca_query_step(q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        id = acme_ca_query_push(q, *ids);

        if (id) {
            *id = acme_ca_column_integer(q);
        }
    }
}
