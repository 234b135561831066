
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Forgets what ended long ago, and gives back its place.  Certificates,
 * accounts, issuers and audit rows stay for ever.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_sweep.h"


/* an order has one authorization or a few, and shares some with others */
#define ACME_CA_STORE_SWEEP_AUTHZ  4


static ngx_int_t acme_ca_store_sweep_count(acme_ca_store_t *store,
    const acme_ca_swept_t *swept);
static ngx_int_t acme_ca_store_sweep_old(acme_ca_query_t *q, time_t time,
    ngx_uint_t limit, ngx_uint_t *n);


ngx_int_t
acme_ca_store_sweep(acme_ca_store_t *store, time_t before, ngx_uint_t limit,
    acme_ca_swept_t *swept)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    ngx_memzero(swept, sizeof(acme_ca_swept_t));

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_ORDERS);
    rc = acme_ca_store_sweep_old(&q, before, limit, &swept->orders);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_AUTHZ);
    rc = acme_ca_store_sweep_old(&q, before, limit * ACME_CA_STORE_SWEEP_AUTHZ,
                                 &swept->authorizations);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_EAB);
    rc = acme_ca_store_sweep_old(&q, before, limit, &swept->external_accounts);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_SERVER);
    rc = acme_ca_store_sweep_old(&q, before, limit, &swept->server_keys);
    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_store_sweep_count(store, swept);
}


static ngx_int_t
acme_ca_store_sweep_count(acme_ca_store_t *store, const acme_ca_swept_t *swept)
{
    acme_ca_query_t  q;

    if (swept->orders == 0 && swept->authorizations == 0
        && swept->external_accounts == 0 && swept->server_keys == 0)
    {
        return NGX_OK;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_COUNT);
    acme_ca_query_integer(&q, swept->orders);
    acme_ca_query_integer(&q, swept->authorizations);
    acme_ca_query_integer(&q, swept->external_accounts);
    acme_ca_query_integer(&q, swept->server_keys);

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_sweep_find_untold(acme_ca_store_t *store, time_t now,
    time_t *since, acme_ca_swept_t *swept)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_GET_UNTOLD);
    acme_ca_query_integer(&q, now);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *since = acme_ca_column_integer(&q);
    swept->orders = acme_ca_column_integer(&q);
    swept->authorizations = acme_ca_column_integer(&q);
    swept->external_accounts = acme_ca_column_integer(&q);
    swept->server_keys = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_sweep_set_told(acme_ca_store_t *store, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_SET_TOLD);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_run(&q);
}


static ngx_int_t
acme_ca_store_sweep_old(acme_ca_query_t *q, time_t time, ngx_uint_t limit,
    ngx_uint_t *n)
{
    ngx_int_t  rc;

    acme_ca_query_integer(q, time);
    acme_ca_query_integer(q, limit);

    rc = acme_ca_query_run(q);

    *n = (rc == NGX_OK) ? sqlite3_changes(q->store->db) : 0;

    return rc;
}


ngx_int_t
acme_ca_store_sweep_expire(acme_ca_store_t *store, time_t now,
    ngx_uint_t limit, ngx_uint_t *n)
{
    ngx_int_t        rc;
    ngx_uint_t       revived;
    acme_ca_query_t  q;

    *n = 0;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_REVIVE);
    rc = acme_ca_store_sweep_old(&q, now, limit, &revived);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_EXPIRE);
    rc = acme_ca_store_sweep_old(&q, now, limit, n);

    *n += revived;

    return rc;
}


ngx_int_t
acme_ca_store_vacuum_get_surplus(acme_ca_store_t *store, ngx_uint_t *n)
{
    int64_t          surplus;
    ngx_int_t        rc;
    acme_ca_query_t  q;

    *n = 0;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_VACUUM_GET_SURPLUS);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    surplus = acme_ca_column_integer(&q);

    *n = (surplus > 0) ? (ngx_uint_t) surplus : 0;

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_vacuum(acme_ca_store_t *store, ngx_uint_t limit)
{
    ngx_int_t        rc;
    ngx_uint_t       i;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_VACUUM);

    for (i = 0; i < limit; i++) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }
    }

    return acme_ca_query_end(&q);
}
