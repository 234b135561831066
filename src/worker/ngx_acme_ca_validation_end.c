
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * How an attempt ends: its verdict is written, or it is put back to be tried
 * again (RFC 8555, 8.2).
 */


#include "ngx_acme_ca_validation.h"


static ngx_uint_t ngx_acme_ca_validation_again(ngx_acme_ca_validation_t *v);
static ngx_int_t ngx_acme_ca_validation_verdict(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_validation_retry(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_validation_written(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


/* what must hold beside the challenge */

void
ngx_acme_ca_validation_passed(ngx_acme_ca_validation_t *v)
{
    if (v->preflight != NULL) {
        ngx_acme_ca_validation_finish(v);
        return;
    }

    ngx_acme_ca_validation_caa(v);
}


/* v->ctx.problem is the verdict: NULL is passed */

void
ngx_acme_ca_validation_finish(ngx_acme_ca_validation_t *v)
{
    ngx_uint_t  again;

    ngx_acme_ca_validation_stop(v);

    v->ctx.now = ngx_time();

    if (v->ask != NULL) {
        ngx_acme_ca_ask_answer(v);
        ngx_acme_ca_validation_drop(v);
        return;
    }

    if (v->preflight != NULL) {
        ngx_acme_ca_preflight_answer(v);
        return;
    }

    if (v->ctx.problem != NULL) {
        ngx_log_error(NGX_LOG_INFO, &v->log, 0, "validation failed: %V",
                      &v->ctx.problem->detail);
    }

    again = ngx_acme_ca_validation_again(v);

    acme_ca_json_shut(&v->tried);

    if (again) {
        acme_ca_json_write_time(&v->tried, "next_at", v->run_at);
    }

    acme_ca_json_shut(&v->tried);

    if (acme_ca_json_finish(&v->tried, &v->details) != NGX_OK) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    acme_ca_metrics_validation(v->ca->shared->metrics, v->job.type,
                               again ? ACME_CA_METRICS_RETRIED
                               : v->ctx.problem ? ACME_CA_METRICS_FAILED
                                                : ACME_CA_METRICS_PASSED,
                               (uint64_t) (ngx_current_msec - v->began_at)
                               * 1000);

    v->write.apply = again ? ngx_acme_ca_validation_retry
                           : ngx_acme_ca_validation_verdict;

    v->write.done = ngx_acme_ca_validation_written;
    v->write.data = v;

    ngx_acme_ca_write_add(v->ca, &v->write);
}


/*
 * Only what may be over in a moment is asked again: no name, no connection, a
 * server that said so itself.  Another wrong answer is final.
 */

static ngx_uint_t
ngx_acme_ca_validation_again(ngx_acme_ca_validation_t *v)
{
    ngx_uint_t              passing;
    acme_ca_problem_type_e  type;

    if (v->ctx.problem == NULL) {
        return 0;
    }

    type = v->ctx.problem->type;

    passing = type == ACME_CA_CONNECTION || type == ACME_CA_DNS
              || type == ACME_CA_TLS || v->again;

    v->run_at = v->ctx.now
                + ngx_min((time_t) 1 << ngx_min(v->job.attempts, 16),
                          NGX_ACME_CA_BACKOFF);

    return passing && !v->final
           && v->job.attempts + 1 < v->ca->authority.validation_attempts
           && v->run_at <= v->job.deadline_at;
}


static ngx_int_t
ngx_acme_ca_validation_verdict(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_validation_t  *v = write->data;

    return acme_ca_protocol_verdict(&v->ctx, &v->ca->authority, store, &v->job,
                                    v->ctx.problem, &v->details);
}


static ngx_int_t
ngx_acme_ca_validation_retry(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_validation_t  *v = write->data;

    return acme_ca_protocol_retry(&v->ctx, store, &v->job, v->ctx.problem,
                                  &v->details, v->run_at);
}


static void
ngx_acme_ca_validation_written(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_validation_t  *v = write->data;

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, &v->log, 0,
                      "a verdict could not be written; the validation will be "
                      "run again");
    }

    ngx_acme_ca_validation_drop(v);
}


void
ngx_acme_ca_validation_drop(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_t            *ca;
    ngx_acme_ca_ask_t        *ask;
    ngx_acme_ca_wait_t       *wait;
    ngx_acme_ca_preflight_t  *preflight;

    ca = v->ca;
    ask = v->ask;
    preflight = v->preflight;
    wait = v->wait;

    ngx_acme_ca_validation_stop(v);

    if (ask != NULL) {
        ngx_acme_ca_ask_drop(v);
    }

    if (preflight != NULL) {
        ngx_acme_ca_preflight_drop(v);
    }

    ngx_queue_remove(&v->queue);
    ca->validations_n -= v->running;

    ngx_destroy_pool(v->ctx.pool);

    if (wait != NULL) {
        wait->place = NULL;
        wait->handler(wait);
    }

    if (ask != NULL) {
        ngx_acme_ca_ask_end(ask);
    }

    if (preflight != NULL) {
        ngx_acme_ca_preflight_end(preflight);
    }

    ngx_acme_ca_validator_next(ca);
}
