
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a request has to know from outside before it is processed: CAA of the
 * names of an order.  Each name is a validation without a challenge, which
 * takes its place among the others; the request waits for all of them.
 */


#include "ngx_acme_ca_validation.h"


void
ngx_acme_ca_ask(ngx_acme_ca_t *ca, ngx_acme_ca_ask_t *ask)
{
    ngx_uint_t                 i;
    acme_ca_job_t             *job;
    acme_ca_exchange_t        *x;
    ngx_acme_ca_validation_t  *v;

    x = ask->exchange;
    job = x->asks->elts;

    /* an answer may come at once: this one holds the end back */

    ask->n = 1;

    for (i = 0; i < x->asks->nelts; i++) {
        v = ngx_acme_ca_validation_create(ca, &job[i]);

        if (v == NULL) {
            acme_ca_protocol_asked(x, &job[i], NULL);
            continue;
        }

        ask->n++;

        v->ask = ask;
        v->asked = &job[i];

        ngx_queue_insert_tail(&ca->claimed, &v->queue);
    }

    ngx_acme_ca_validator_next(ca);

    ngx_acme_ca_ask_end(ask);
}


void
ngx_acme_ca_ask_answer(ngx_acme_ca_validation_t *v)
{
    if (v->ctx.problem != NULL) {
        ngx_log_error(NGX_LOG_INFO, &v->log, 0, "%V", &v->ctx.problem->detail);
        acme_ca_protocol_asked(v->ask->exchange, v->asked, v->ctx.problem);
    }

    v->asked = NULL;
}


void
ngx_acme_ca_ask_drop(ngx_acme_ca_validation_t *v)
{
    if (v->asked != NULL) {
        acme_ca_protocol_asked(v->ask->exchange, v->asked, NULL);
    }
}


void
ngx_acme_ca_ask_end(ngx_acme_ca_ask_t *ask)
{
    if (--ask->n == 0) {
        acme_ca_protocol_answered(ask->exchange);
        ask->handler(ask);
    }
}
