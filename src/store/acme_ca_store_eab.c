
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_eab_credentials (RFC 8555, 7.3.4).  Written by the operator's tool; the
 * module only counts the accounts.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_eab.h"


static ngx_int_t acme_ca_store_eab_read(acme_ca_query_t *q, ngx_pool_t *pool,
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

    return acme_ca_query_end(q);
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
