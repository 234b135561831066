
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Challenges (RFC 8555, 7.5.1 and 8): which are offered, how one is read, and
 * the client's "I am ready", which leaves a job behind.  Nothing is validated
 * here: the job's row is the message to whoever does.
 */


#include "acme_ca_protocol_private.h"


static ngx_int_t acme_ca_challenge_start(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view, acme_ca_challenge_t *challenge);
static ngx_int_t acme_ca_challenge_add_job(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view, acme_ca_challenge_t *challenge);


const acme_ca_challenge_kind_t
    acme_ca_challenge_kinds[ACME_CA_CHALLENGE_TYPE_N] =
{
    { ngx_string("http-01"), 0, 1, 0, 0 },
    { ngx_string("tls-alpn-01"), 0, 1, 0, 0 },
    { ngx_string("dns-01"), 1, 0, 0, 1 },
    { ngx_string("dns-account-01"), 1, 0, 0, 1 },
    { ngx_string("dns-persist-01"), 1, 0, 1, 0 }
};


ngx_uint_t
acme_ca_challenge_fits(const acme_ca_authority_t *authority, ngx_uint_t type,
    const acme_ca_identifier_t *identifier)
{
    const acme_ca_challenge_kind_t  *kind;

    kind = &acme_ca_challenge_kinds[type];

    return (authority->challenges & ((ngx_uint_t) 1 << type)) != 0
           && (!identifier->wildcard || kind->wildcard)
           && (identifier->type != ACME_CA_IDENTIFIER_IP || kind->ip);
}


ngx_int_t
acme_ca_challenge_get(acme_ca_exchange_t *x)
{
    ngx_int_t             rc;
    acme_ca_challenge_t  *challenge;
    acme_ca_authz_view_t  view;

    rc = acme_ca_view_challenge(x, &view, &challenge);

    return (rc == NGX_OK) ? acme_ca_reply_challenge(x, &view, challenge) : rc;
}


/* one that is under way or settled is shown as it is: clients ask again */

ngx_int_t
acme_ca_challenge_respond(acme_ca_exchange_t *x)
{
    ngx_int_t             rc;
    acme_ca_challenge_t  *challenge;
    acme_ca_authz_view_t  view;

    rc = acme_ca_view_challenge(x, &view, &challenge);
    if (rc != NGX_OK) {
        return rc;
    }

    if (challenge->status != ACME_CA_PENDING) {
        x->audit.action = NULL;
        return acme_ca_reply_challenge(x, &view, challenge);
    }

    if (view.status != ACME_CA_PENDING) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "the authorization is %V already",
                              &acme_ca_statuses[view.status]);
    }

    rc = acme_ca_challenge_start(x, &view, challenge);

    return (rc == NGX_OK) ? acme_ca_reply_challenge(x, &view, challenge) : rc;
}


static ngx_int_t
acme_ca_challenge_start(acme_ca_exchange_t *x, acme_ca_authz_view_t *view,
    acme_ca_challenge_t *challenge)
{
    ngx_int_t         rc;
    acme_ca_status_e  from, to;

    from = challenge->status;

    rc = acme_ca_state_next(ACME_CA_MACHINE_CHALLENGE, from,
                            ACME_CA_EVENT_RESPOND, &to);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_challenge_set_status(x->store, challenge->id, from, to,
                                            NULL, x->ctx.now);
    if (rc != NGX_OK) {
        return rc;
    }

    challenge->status = to;

    return acme_ca_challenge_add_job(x, view, challenge);
}


/* not due before the lease of the worker that has this request ends */

static ngx_int_t
acme_ca_challenge_add_job(acme_ca_exchange_t *x, acme_ca_authz_view_t *view,
    acme_ca_challenge_t *challenge)
{
    time_t          lease;
    ngx_int_t       rc;
    acme_ca_job_t  *job;

    job = &x->job;

    ngx_memzero(job, sizeof(acme_ca_job_t));

    job->challenge_id = challenge->id;
    job->authz_id = view->row.id;
    job->account_id = x->account->id;
    job->identifier = view->row.identifier;
    job->type = challenge->type;
    job->token = challenge->token;
    job->deadline_at = x->ctx.now + x->authority->validation_deadline;
    job->client_address = x->request.client_address;
    job->request_id = x->request.request_id;
    ngx_memcpy(job->thumbprint, x->account->thumbprint, ACME_CA_SHA256_LEN);

    rc = acme_ca_reply_url(x, ACME_CA_ROUTE_ACCOUNT, job->account_id,
                           &job->account_url);
    if (rc != NGX_OK) {
        return rc;
    }

    lease = (time_t) ((x->lease_ms + 999) / 1000);

    rc = acme_ca_store_job_add(x->store, job, x->ctx.now + lease);

    if (rc == NGX_OK) {
        x->job_id = job->id;
    }

    return rc;
}
