
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * CAA at finalization (RFC 8659, 3; RFC 8657, 5.6): an authorization may be
 * older than what CAA said when it was proven is good for, or be a parent's.
 * Here it is found out whom to ask, by whoever can ask, before anything is
 * signed; and what is answered becomes the refusal.  The order stays "ready":
 * with other records it can be finalized still.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_caa.h"


static ngx_int_t acme_ca_caa_again_list(acme_ca_exchange_t *x,
    ngx_array_t *jobs);


ngx_int_t
acme_ca_caa_again(acme_ca_exchange_t *x)
{
    time_t            since;
    ngx_int_t         rc;
    ngx_array_t      *jobs;
    acme_ca_order_t   order;

    if (x->authority->caa_identities == NULL) {
        return NGX_OK;
    }

    rc = acme_ca_store_order_find(x->store, x->ctx.pool, x->object_id, &order);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && (order.account_id != x->account->id
                             || order.status != ACME_CA_READY)))
    {
        /* the endpoint refuses it */

        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    x->audit.order_id = order.id;

    /* what another configuration permitted may not have been looked at */

    since = ngx_max(x->ctx.now - ACME_CA_CAA_LIFETIME,
                    x->authority->loaded_at);

    rc = acme_ca_store_order_list_stale(x->store, x->ctx.pool, order.id, since,
                                        &jobs);

    return (rc == NGX_OK) ? acme_ca_caa_again_list(x, jobs) : rc;
}


static ngx_int_t
acme_ca_caa_again_list(acme_ca_exchange_t *x, ngx_array_t *jobs)
{
    ngx_uint_t      i, n;
    acme_ca_job_t  *job;

    job = jobs->elts;
    n = 0;

    for (i = 0; i < jobs->nelts; i++) {

        if (!acme_ca_caa_wanted(x->authority, &job[i].identifier)) {
            continue;
        }

        job[i].account_id = x->account->id;

        if (acme_ca_reply_url(x, ACME_CA_ROUTE_ACCOUNT, x->account->id,
                              &job[i].account_url)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        job[n++] = job[i];
    }

    jobs->nelts = n;
    x->asks = n ? jobs : NULL;

    return NGX_OK;
}


void
acme_ca_protocol_asked(acme_ca_exchange_t *x, acme_ca_job_t *job,
    acme_ca_problem_t *problem)
{
    ngx_str_t                name, detail;
    acme_ca_problem_type_e   type;

    if (problem != NULL) {
        type = problem->type;
        detail = problem->detail;

    } else {
        type = ACME_CA_UNAVAILABLE;
        ngx_str_set(&detail, "CAA could not be looked up");
    }

    if (x->rc != NGX_ERROR) {
        x->rc = acme_ca_identifier_name(x->ctx.pool, &job->identifier, &name);
    }

    if (x->rc == NGX_OK) {
        x->rc = acme_ca_refuse_identifier(&x->ctx, type,
                     (ngx_str_t *)
                     &acme_ca_identifier_types[job->identifier.type], &name,
                     "%V", &detail);
    }
}


/* RFC 8555, 6.7.1: one type at the top, where all have the same */

void
acme_ca_protocol_answered(acme_ca_exchange_t *x)
{
    acme_ca_problem_t  *problem, *sub;

    if (x->rc != NGX_ABORT) {
        return;
    }

    (void) acme_ca_order_refused(x);

    problem = x->ctx.problem;

    for (sub = problem->subproblems; sub; sub = sub->next) {
        if (sub->type != problem->subproblems->type) {
            return;
        }
    }

    problem->type = problem->subproblems->type;
}
