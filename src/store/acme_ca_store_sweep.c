
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Forgets what ended long ago.  Certificates, accounts, issuers and audit rows
 * stay for ever.
 */


#include "acme_ca_store_private.h"


/* an order has one authorization or a few, and shares some with others */
#define ACME_CA_STORE_SWEEP_AUTHZ  4


ngx_int_t
acme_ca_store_sweep(acme_ca_store_t *store, time_t before, ngx_uint_t limit,
    ngx_uint_t *n)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_ORDERS);
    acme_ca_query_integer(&q, before);
    acme_ca_query_integer(&q, limit);

    rc = acme_ca_query_run(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *n = sqlite3_changes(store->db);

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SWEEP_AUTHZ);
    acme_ca_query_integer(&q, before);
    acme_ca_query_integer(&q, limit * ACME_CA_STORE_SWEEP_AUTHZ);

    return acme_ca_query_run(&q);
}
