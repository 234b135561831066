
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Authorizations (RFC 8555, 7.5): how one is read, and its deactivation
 * (7.5.2), which ends what leans on it: the validation under way, and orders
 * that are not finalized yet.
 */


#include "acme_ca_protocol_private.h"


static ngx_int_t acme_ca_authz_deactivate(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view);
static ngx_int_t acme_ca_authz_end(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view);


ngx_int_t
acme_ca_authz_get(acme_ca_exchange_t *x)
{
    ngx_int_t             rc;
    acme_ca_authz_view_t  view;

    rc = acme_ca_view_authz(x, x->object_id, &view);

    return (rc == NGX_OK) ? acme_ca_reply_authz(x, &view) : rc;
}


ngx_int_t
acme_ca_authz_update(acme_ca_exchange_t *x)
{
    ngx_int_t             rc;
    ngx_str_t            *status;
    acme_ca_authz_view_t  view;

    x->audit.action = "deactivate-authz";

    rc = acme_ca_view_authz(x, x->object_id, &view);
    if (rc != NGX_OK) {
        return rc;
    }

    status = acme_ca_json_string(x->payload, "status");

    if (status == NULL || !acme_ca_str_is(status, "deactivated")) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                     "an authorization takes \"status\": \"deactivated\" only");
    }

    if (view.status == ACME_CA_DEACTIVATED) {
        x->audit.action = NULL;
        return acme_ca_reply_authz(x, &view);
    }

    rc = acme_ca_authz_deactivate(x, &view);

    return (rc == NGX_OK) ? acme_ca_reply_authz(x, &view) : rc;
}


static ngx_int_t
acme_ca_authz_deactivate(acme_ca_exchange_t *x, acme_ca_authz_view_t *view)
{
    ngx_int_t         rc;
    acme_ca_status_e  to;

    rc = acme_ca_state_next(ACME_CA_MACHINE_AUTHZ, view->status,
                            ACME_CA_EVENT_DEACTIVATE, &to);
    if (rc != NGX_OK) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "the authorization is %V already",
                              &acme_ca_statuses[view->status]);
    }

    rc = acme_ca_store_authz_set_status(x->store, view->row.id,
                                        view->row.status, to, 0, x->ctx.now);
    if (rc != NGX_OK) {
        return rc;
    }

    view->status = to;

    return acme_ca_authz_end(x, view);
}


static ngx_int_t
acme_ca_authz_end(acme_ca_exchange_t *x, acme_ca_authz_view_t *view)
{
    ngx_int_t          rc;
    acme_ca_problem_t  problem;

    rc = acme_ca_store_job_remove_authz(x->store, view->row.id);

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    ngx_memzero(&problem, sizeof(acme_ca_problem_t));

    problem.type = ACME_CA_UNAUTHORIZED;
    ngx_str_set(&problem.detail, "the authorization was deactivated");

    return acme_ca_verdict_fail_orders(&x->ctx, x->store, view->row.id,
                                       &view->row.identifier, &problem);
}
