
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


static ngx_int_t acme_ca_store_sweep_old(acme_ca_query_t *q, time_t time,
    ngx_uint_t limit, ngx_uint_t *n);


ngx_int_t
acme_ca_store_sweep(acme_ca_store_t *store, time_t before, ngx_uint_t limit,
    ngx_uint_t *n)
{
    ngx_int_t        rc;
    ngx_uint_t       other;
    acme_ca_query_t  q;

    *n = 0;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_ORDERS);
    rc = acme_ca_store_sweep_old(&q, before, limit, n);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_AUTHZ);
    rc = acme_ca_store_sweep_old(&q, before, limit * ACME_CA_STORE_SWEEP_AUTHZ,
                                 &other);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_EAB);
    rc = acme_ca_store_sweep_old(&q, before, limit, &other);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_SERVER);
    acme_ca_query_integer(&q, before);

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
