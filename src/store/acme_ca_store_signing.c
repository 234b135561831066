
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_signer_jobs: what an external signer has to do.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_signing.h"


static void acme_ca_store_signing_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_signing_t *signing);


ngx_int_t
acme_ca_store_signing_add(acme_ca_store_t *store, acme_ca_signing_t *signing,
    time_t run_at)
{
    acme_ca_query_t  q;

    signing->id = signing->order_id ? signing->order_id * 2
                                    : signing->certificate_id * 2 + 1;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SIGNING_ADD);
    acme_ca_query_integer(&q, signing->id);
    acme_ca_query_optional(&q, signing->order_id);
    acme_ca_query_optional(&q, signing->certificate_id);
    acme_ca_query_optional(&q, signing->account_id);

    if (signing->order_id) {
        acme_ca_query_blob(&q, signing->csr.data, signing->csr.len);

    } else {
        acme_ca_query_optional(&q, 0);
    }

    acme_ca_query_integer(&q, signing->attempts);
    acme_ca_query_integer(&q, run_at);
    acme_ca_query_integer(&q, signing->deadline_at);
    acme_ca_query_integer(&q, signing->created_at);
    acme_ca_query_text(&q, &signing->client_address);
    acme_ca_query_text(&q, &signing->request_id);
    acme_ca_query_optional(&q, store->owner);

    return acme_ca_query_add(&q, NULL);
}


ngx_int_t
acme_ca_store_signing_claim(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_due_t *due, ngx_uint_t limit, ngx_array_t **signings)
{
    ngx_int_t           rc;
    acme_ca_query_t     q;
    acme_ca_signing_t  *signing;

    *signings = ngx_array_create(pool, 4, sizeof(acme_ca_signing_t));
    if (*signings == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SIGNING_CLAIM);
    acme_ca_query_due(&q, due);
    acme_ca_query_integer(&q, due->now + due->lease);
    acme_ca_query_integer(&q, limit);
    acme_ca_query_optional(&q, store->owner);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        signing = acme_ca_query_push(&q, *signings);

        if (signing) {
            acme_ca_store_signing_read(&q, pool, signing);
        }
    }
}


static void
acme_ca_store_signing_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_signing_t *signing)
{
    signing->id = acme_ca_column_integer(q);
    signing->order_id = acme_ca_column_integer(q);
    signing->certificate_id = acme_ca_column_integer(q);
    signing->account_id = acme_ca_column_integer(q);
    acme_ca_column_text(q, pool, &signing->csr);
    signing->attempts = acme_ca_column_integer(q);
    signing->deadline_at = acme_ca_column_integer(q);
    signing->created_at = acme_ca_column_integer(q);
    acme_ca_column_text(q, pool, &signing->client_address);
    acme_ca_column_text(q, pool, &signing->request_id);
}


ngx_int_t
acme_ca_store_signing_find_due(acme_ca_store_t *store,
    const acme_ca_due_t *due, ngx_uint_t *n)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SIGNING_FIND_DUE);
    acme_ca_query_due(&q, due);

    return acme_ca_query_find_count(&q, n);
}


ngx_int_t
acme_ca_store_signing_set_retry(acme_ca_store_t *store, int64_t id,
    ngx_uint_t attempts, time_t run_at, const ngx_str_t *error)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SIGNING_SET_RETRY);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, attempts);
    acme_ca_query_integer(&q, run_at);
    acme_ca_query_text(&q, error);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_signing_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_signing_t *signing, time_t *lease_until)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SIGNING_FIND);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_store_signing_read(&q, pool, signing);
    *lease_until = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_signing_set_due(acme_ca_store_t *store, int64_t id, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SIGNING_SET_DUE);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_signing_remove(acme_ca_store_t *store, int64_t id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SIGNING_REMOVE);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_signing_set_deadline(acme_ca_store_t *store, time_t deadline)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_META_SET_SIGNER);
    acme_ca_query_integer(&q, deadline);

    return acme_ca_query_run(&q);
}
