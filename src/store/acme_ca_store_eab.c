
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_eab_credentials (RFC 8555, 7.3.4).  Written by the operator, with his
 * tool or the admin location; ACME only counts the accounts.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_eab.h"


static ngx_int_t acme_ca_store_eab_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_eab_t *eab);
static void acme_ca_store_eab_columns(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_eab_t *eab);


ngx_int_t
acme_ca_store_eab_find(acme_ca_store_t *store, ngx_pool_t *pool, int64_t id,
    acme_ca_eab_t *eab)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EAB_FIND);
    acme_ca_query_integer(&q, id);

    return acme_ca_store_eab_read(&q, pool, eab);
}


ngx_int_t
acme_ca_store_eab_find_kid(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_str_t *kid, acme_ca_eab_t *eab)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EAB_FIND_KID);
    acme_ca_query_text(&q, kid);

    return acme_ca_store_eab_read(&q, pool, eab);
}


static ngx_int_t
acme_ca_store_eab_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_eab_t *eab)
{
    ngx_int_t  rc;

    rc = acme_ca_query_find(q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_store_eab_columns(q, pool, eab);

    return acme_ca_query_end(q);
}


static void
acme_ca_store_eab_columns(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_eab_t *eab)
{
    eab->id = acme_ca_column_integer(q);
    acme_ca_column_text(q, pool, &eab->kid);
    acme_ca_column_text(q, pool, &eab->key);
    acme_ca_column_text(q, pool, &eab->label);
    acme_ca_column_text(q, pool, &eab->names);
    acme_ca_column_text(q, pool, &eab->profiles);
    eab->max_accounts = acme_ca_column_integer(q);
    eab->accounts = acme_ca_column_integer(q);
    eab->created_at = acme_ca_column_integer(q);
    eab->expires_at = acme_ca_column_integer(q);
    eab->revoked_at = acme_ca_column_integer(q);
}


ngx_int_t
acme_ca_store_eab_use(acme_ca_store_t *store, int64_t id, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EAB_USE);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_eab_add(acme_ca_store_t *store, acme_ca_eab_t *eab)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EAB_ADD);
    acme_ca_query_text(&q, &eab->kid);
    acme_ca_query_blob(&q, eab->key.data, eab->key.len);
    acme_ca_query_text(&q, &eab->label);
    acme_ca_query_text(&q, &eab->names);
    acme_ca_query_text(&q, &eab->profiles);
    acme_ca_query_optional(&q, eab->max_accounts);
    acme_ca_query_integer(&q, eab->created_at);
    acme_ca_query_optional(&q, eab->expires_at);

    return acme_ca_query_add(&q, &eab->id);
}


ngx_int_t
acme_ca_store_eab_revoke(acme_ca_store_t *store, int64_t id, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EAB_REVOKE);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_eab_list(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t before, const ngx_str_t *label, ngx_uint_t limit,
    ngx_array_t **eabs)
{
    ngx_int_t         rc;
    acme_ca_eab_t    *eab;
    acme_ca_query_t   q;

    *eabs = ngx_array_create(pool, limit, sizeof(acme_ca_eab_t));
    if (*eabs == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EAB_LIST);
    acme_ca_query_integer(&q, before);
    acme_ca_query_text(&q, label);
    acme_ca_query_integer(&q, limit);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);

        if (rc != NGX_OK) {
            break;
        }

        eab = acme_ca_query_push(&q, *eabs);

        if (eab) {
            acme_ca_store_eab_columns(&q, pool, eab);
        }
    }

    return (rc == NGX_DONE) ? NGX_OK : rc;
}


ngx_int_t
acme_ca_store_eab_list_accounts(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, int64_t after, ngx_uint_t limit, ngx_array_t **ids)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EAB_LIST_ACCOUNTS);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, after);
    acme_ca_query_integer(&q, limit);

    return acme_ca_query_list_ids(&q, pool, ids);
}
