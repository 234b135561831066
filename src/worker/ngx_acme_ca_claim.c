
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Claims rows that are due and that nobody works on, or nobody any more: in
 * one write they are leased to this worker, which begins with them then.
 */


#include "ngx_acme_ca_claim.h"
#include "ngx_acme_ca_pool.h"


typedef struct {
    ngx_acme_ca_write_t           write;
    ngx_acme_ca_t                *ca;
    const ngx_acme_ca_claimed_t  *kind;
    ngx_uint_t                   *busy;
    ngx_pool_t                   *pool;
    acme_ca_due_t                 due;
    ngx_uint_t                    limit;
    ngx_array_t                  *rows;
} ngx_acme_ca_claim_t;


static ngx_int_t ngx_acme_ca_claim_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_claim_done(ngx_acme_ca_write_t *write, ngx_int_t rc);


void
ngx_acme_ca_claim(ngx_acme_ca_t *ca, const ngx_acme_ca_claimed_t *kind,
    ngx_uint_t *busy, time_t lease, ngx_uint_t limit)
{
    ngx_uint_t            n;
    ngx_pool_t           *pool;
    acme_ca_due_t         due;
    ngx_acme_ca_claim_t  *claim;

    due.now = ngx_time();
    due.pause = kind->pause;
    due.lease = lease;

    /* a draining worker would find something to do for ever */

    if (ngx_exiting
        || *busy
        || limit == 0
        || kind->find_due(ca->reader, &due, &n) != NGX_OK
        || n == 0)
    {
        return;
    }

    claim = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_claim_t), &pool);
    if (claim == NULL) {
        return;
    }

    claim->ca = ca;
    claim->kind = kind;
    claim->busy = busy;
    claim->pool = pool;
    claim->due = due;
    claim->limit = limit;

    claim->write.apply = ngx_acme_ca_claim_apply;
    claim->write.done = ngx_acme_ca_claim_done;
    claim->write.data = claim;

    *busy = 1;

    ngx_acme_ca_write_add(ca, &claim->write);
}


static ngx_int_t
ngx_acme_ca_claim_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_claim_t  *claim = write->data;

    return claim->kind->claim(store, claim->pool, &claim->due, claim->limit,
                              &claim->rows);
}


static void
ngx_acme_ca_claim_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_claim_t  *claim = write->data;

    u_char      *row;
    ngx_uint_t   i;

    *claim->busy = 0;

    if (rc == NGX_OK && claim->rows != NULL) {
        row = claim->rows->elts;

        for (i = 0; i < claim->rows->nelts; i++) {
            claim->kind->start(claim->ca, row + i * claim->rows->size);
        }
    }

    ngx_destroy_pool(claim->pool);
}
