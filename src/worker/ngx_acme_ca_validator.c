
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Which validations run: those that this worker's clients answered for, and
 * those that nobody works on any more.  A job that no worker finishes (kill
 * -9, power) is claimed again by tick() when its lease has ended or was freed.
 */


#include "ngx_acme_ca_validation.h"
#include "ngx_acme_ca_claim.h"


#define NGX_ACME_CA_CLAIM       64
#define NGX_ACME_CA_LEASE_MORE  3          /* seconds beyond the timeout */


static void ngx_acme_ca_validator_claimed(ngx_acme_ca_t *ca, void *row);


static const ngx_acme_ca_claimed_t  ngx_acme_ca_validator_jobs = {
    NGX_ACME_CA_BACKOFF,
    acme_ca_store_job_find_due,
    acme_ca_store_job_claim,
    ngx_acme_ca_validator_claimed
};


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
    ngx_uint_t  limit;

    limit = ca->authority.validation_concurrency - ca->validations_n;

    ngx_acme_ca_claim(ca, &ngx_acme_ca_validator_jobs, &ca->claiming,
                      ngx_acme_ca_validator_lease(ca),
                      ngx_min(limit, NGX_ACME_CA_CLAIM));
}


static void
ngx_acme_ca_validator_claimed(ngx_acme_ca_t *ca, void *row)
{
    ngx_acme_ca_validator_start(ca, row, NULL);
}
