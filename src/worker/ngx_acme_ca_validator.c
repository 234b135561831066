
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Which validations run: those that this worker's clients answered for, and
 * those that nobody works on any more.  A job that no worker finishes (kill
 * -9, power) is claimed again by tick() when its lease has ended.
 */


#include "ngx_acme_ca_validation.h"


#define NGX_ACME_CA_CLAIM       64
#define NGX_ACME_CA_LEASE_MORE  3          /* seconds beyond the timeout */


typedef struct {
    ngx_acme_ca_write_t         write;
    ngx_acme_ca_t              *ca;
    ngx_pool_t                 *pool;
    time_t                      now;
    time_t                      lease_until;
    ngx_uint_t                  limit;
    ngx_array_t                *jobs;
} ngx_acme_ca_claim_t;


static ngx_int_t ngx_acme_ca_validator_claim(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_validator_claimed(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


time_t
ngx_acme_ca_validator_lease(const ngx_acme_ca_t *ca)
{
    return (time_t) (ca->authority.validation_timeout / 1000)
           + NGX_ACME_CA_LEASE_MORE;
}


void
ngx_acme_ca_validator_start(ngx_acme_ca_t *ca, acme_ca_job_t *job,
    ngx_acme_ca_wait_t *wait)
{
    ngx_acme_ca_validation_t  *v;

    v = ngx_acme_ca_validation_create(ca, job);
    if (v == NULL) {
        return;
    }

    if (wait != NULL) {
        v->wait = wait;
        wait->place = &v->wait;
    }

    ngx_queue_insert_tail(&ca->claimed, &v->queue);

    ngx_acme_ca_validator_next(ca);
}


void
ngx_acme_ca_validator_forget(ngx_acme_ca_wait_t *wait)
{
    if (wait->place != NULL) {
        *wait->place = NULL;
        wait->place = NULL;
    }
}


void
ngx_acme_ca_validator_next(ngx_acme_ca_t *ca)
{
    ngx_queue_t               *q;
    ngx_acme_ca_validation_t  *v;

    while (!ngx_queue_empty(&ca->claimed)
           && ca->validations_n < ca->authority.validation_concurrency)
    {
        q = ngx_queue_head(&ca->claimed);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ca->validations, q);

        v = ngx_queue_data(q, ngx_acme_ca_validation_t, queue);

        v->running = 1;
        ca->validations_n++;

        ngx_acme_ca_validation_run(v);
    }
}


void
ngx_acme_ca_validator_tick(ngx_acme_ca_t *ca)
{
    ngx_uint_t            n;
    ngx_pool_t           *pool;
    ngx_acme_ca_claim_t  *claim;

    /* a draining worker would find something to do for ever */

    if (ngx_exiting
        || ca->claiming
        || ca->validations_n >= ca->authority.validation_concurrency
        || acme_ca_store_job_find_due(ca->reader, ngx_time(), &n) != NGX_OK
        || n == 0)
    {
        return;
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    claim = ngx_pcalloc(pool, sizeof(ngx_acme_ca_claim_t));
    if (claim == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    claim->ca = ca;
    claim->pool = pool;
    claim->now = ngx_time();
    claim->lease_until = claim->now + ngx_acme_ca_validator_lease(ca);
    claim->limit = ngx_min(ca->authority.validation_concurrency
                           - ca->validations_n, NGX_ACME_CA_CLAIM);

    claim->write.apply = ngx_acme_ca_validator_claim;
    claim->write.done = ngx_acme_ca_validator_claimed;
    claim->write.data = claim;

    ca->claiming = 1;

    ngx_acme_ca_write_add(ca, &claim->write);
}


static ngx_int_t
ngx_acme_ca_validator_claim(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_claim_t  *claim = write->data;

    return acme_ca_store_job_claim(store, claim->pool, claim->now,
                                   claim->lease_until, claim->limit,
                                   &claim->jobs);
}


static void
ngx_acme_ca_validator_claimed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_claim_t  *claim = write->data;

    ngx_uint_t      i;
    acme_ca_job_t  *job;

    claim->ca->claiming = 0;

    if (rc == NGX_OK && claim->jobs != NULL) {
        job = claim->jobs->elts;

        for (i = 0; i < claim->jobs->nelts; i++) {
            ngx_acme_ca_validator_start(claim->ca, &job[i], NULL);
        }
    }

    ngx_destroy_pool(claim->pool);
}
