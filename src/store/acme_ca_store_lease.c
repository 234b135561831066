
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Leases of jobs, signer's jobs and event hooks.  A lease ends by itself, so
 * that nothing hangs whatever happens; that its owner is gone frees it sooner.
 */


#include "acme_ca_store_private.h"


/* seconds that workers may differ by: their clocks tick, and while they are
   reloaded the ones have longer timeouts than the others */
#define ACME_CA_LEASE_SKEW  60


void
acme_ca_store_set_owner(acme_ca_store_t *store, int64_t owner)
{
    store->owner = owner;
}


time_t
acme_ca_due_most(time_t now, time_t longest)
{
    return now + longest + ACME_CA_LEASE_SKEW;
}


/* who adds a row may lease it by its run_at */

void
acme_ca_query_due(acme_ca_query_t *q, const acme_ca_due_t *due)
{
    acme_ca_query_integer(q, due->now);
    acme_ca_query_integer(q, acme_ca_due_most(due->now, ngx_max(due->pause,
                                                                due->lease)));
    acme_ca_query_integer(q, acme_ca_due_most(due->now, due->lease));
}


ngx_int_t
acme_ca_store_lease_list_owners(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_array_t **owners)
{
    int64_t          *owner;
    ngx_int_t         rc;
    acme_ca_query_t   q;

    *owners = ngx_array_create(pool, 4, sizeof(int64_t));
    if (*owners == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_LEASE_LIST_OWNERS);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        owner = acme_ca_query_push(&q, *owners);

        if (owner) {
            *owner = acme_ca_column_integer(&q);
        }
    }
}


ngx_int_t
acme_ca_store_lease_free(acme_ca_store_t *store, int64_t owner, time_t now)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_LEASE_FREE_JOBS);
    acme_ca_query_integer(&q, owner);
    acme_ca_query_integer(&q, now);

    rc = acme_ca_query_run(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_LEASE_FREE_SIGNER_JOBS);
    acme_ca_query_integer(&q, owner);
    acme_ca_query_integer(&q, now);

    rc = acme_ca_query_run(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_LEASE_FREE_EVENT_HOOKS);
    acme_ca_query_integer(&q, owner);

    return acme_ca_query_run(&q);
}
