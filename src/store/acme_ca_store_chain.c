
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The chain of the audit log: rows that others added, how far it is, and its
 * checkpoints.
 */


#include "acme_ca_store_private.h"


static ngx_int_t acme_ca_store_audit_get_open(acme_ca_store_t *store,
    int64_t *id);
static ngx_int_t acme_ca_store_audit_get_hash(acme_ca_store_t *store,
    int64_t id, u_char hash[ACME_CA_SHA256_LEN]);
static ngx_int_t acme_ca_store_audit_set_hash(acme_ca_store_t *store,
    int64_t id, u_char hash[ACME_CA_SHA256_LEN]);


ngx_int_t
acme_ca_store_audit_get_state(acme_ca_store_t *store,
    acme_ca_audit_state_t *state)
{
    int64_t          open;
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_GET_STATE);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    state->last = acme_ca_column_integer(&q);
    open = acme_ca_column_integer(&q);
    state->checkpoint = acme_ca_column_integer(&q);
    state->checkpoint_at = acme_ca_column_integer(&q);
    state->sealed = acme_ca_column_integer(&q);
    state->chained = open ? open - 1 : state->last;

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_audit_chain(acme_ca_store_t *store, ngx_uint_t limit)
{
    u_char      hash[ACME_CA_SHA256_LEN];
    int64_t     first, id;
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = acme_ca_store_audit_get_open(store, &first);

    if (rc != NGX_OK || first == 0) {
        return rc;
    }

    id = first;
    rc = acme_ca_store_audit_get_hash(store, id - 1, hash);

    for (i = 0; i < limit && rc == NGX_OK; i++) {
        rc = acme_ca_store_audit_set_hash(store, id++, hash);
    }

    /* behind the last one there is none */

    if (rc == NGX_DECLINED) {
        rc = NGX_OK;
        id--;
    }

    return (rc == NGX_OK) ? acme_ca_store_line_list(store, first, id - 1) : rc;
}


ngx_int_t
acme_ca_store_audit_migrate(acme_ca_store_t *store)
{
    ngx_uint_t  i;

    static const acme_ca_statement_e  statements[] = {
        ACME_CA_SQL_AUDIT_GET_OPEN, ACME_CA_SQL_AUDIT_GET_HASH,
        ACME_CA_SQL_AUDIT_GET_CONTENT, ACME_CA_SQL_AUDIT_SET_HASH
    };

    for (i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        if (acme_ca_store_prepare(store, statements[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return acme_ca_store_audit_chain(store, NGX_MAX_INT_T_VALUE);
}


static ngx_int_t
acme_ca_store_audit_get_open(acme_ca_store_t *store, int64_t *id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_GET_OPEN);

    return acme_ca_query_find_integer(&q, id);
}


/* zeros of the row before the first one */

static ngx_int_t
acme_ca_store_audit_get_hash(acme_ca_store_t *store, int64_t id,
    u_char hash[ACME_CA_SHA256_LEN])
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    ngx_memzero(hash, ACME_CA_SHA256_LEN);

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_GET_HASH);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    (void) acme_ca_column_digest(&q, hash);

    return acme_ca_query_end(&q);
}


/* NGX_DECLINED: there is no such row.  Replaces the hash by this row's */

static ngx_int_t
acme_ca_store_audit_set_hash(acme_ca_store_t *store, int64_t id,
    u_char hash[ACME_CA_SHA256_LEN])
{
    ngx_int_t        rc;
    EVP_MD_CTX      *md;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_GET_CONTENT);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    md = acme_ca_store_audit_start(store, hash);

    if (md == NULL
        || acme_ca_column_update(&q, md) != 1
        || EVP_DigestFinal_ex(md, hash, NULL) != 1)
    {
        (void) acme_ca_query_end(&q);
        return acme_ca_store_failed(store, "audit_chain", SQLITE_NOMEM);
    }

    rc = acme_ca_query_end(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_SET_HASH);
    acme_ca_query_integer(&q, id);
    acme_ca_query_blob(&q, hash, ACME_CA_SHA256_LEN);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_audit_find_end(acme_ca_store_t *store, ngx_pool_t *pool,
    time_t now, acme_ca_audit_checkpoint_t *checkpoint)
{
    u_char     hex[2 * ACME_CA_SHA256_LEN];
    ngx_int_t  rc;

    rc = acme_ca_store_audit_find_last(store, &checkpoint->id,
                                       checkpoint->hash);

    if (rc == NGX_OK && checkpoint->id == 0) {
        return NGX_DECLINED;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    checkpoint->at = now;

    (void) ngx_hex_dump(hex, checkpoint->hash, ACME_CA_SHA256_LEN);

    return acme_ca_format(pool, &checkpoint->text, 256,
                          "acme-ca audit %L %T %*s", checkpoint->id, now,
                          sizeof(hex), hex);
}


ngx_int_t
acme_ca_store_audit_add_checkpoint(acme_ca_store_t *store,
    const acme_ca_audit_checkpoint_t *checkpoint)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_ADD_CHECKPOINT);
    acme_ca_query_integer(&q, checkpoint->id);
    acme_ca_query_integer(&q, checkpoint->at);
    acme_ca_query_blob(&q, checkpoint->hash, ACME_CA_SHA256_LEN);
    acme_ca_query_blob(&q, checkpoint->key_id, ACME_CA_SHA256_LEN);
    acme_ca_query_blob(&q, checkpoint->signature.data,
                       checkpoint->signature.len);

    return acme_ca_query_add(&q, NULL);
}
