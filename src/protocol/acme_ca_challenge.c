
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Challenges (RFC 8555, 7.5.1 and 8): which are offered, how one is read, and
 * the client's "I am ready", which leaves a job behind.  Nothing is validated
 * here: the job's row is the message to whoever does.
 *
 * A challenge gets a row when it is answered.  Until then it follows from its
 * authorization and from what the authority offers now.
 */


#include "acme_ca_authorize.h"


static ngx_int_t acme_ca_challenge_offer(acme_ca_exchange_t *x,
    acme_ca_authz_t *authz, ngx_uint_t type, acme_ca_challenge_t *challenge);
static ngx_int_t acme_ca_challenge_token(acme_ca_exchange_t *x,
    ngx_str_t *seed, ngx_uint_t type, ngx_str_t *token);
static ngx_int_t acme_ca_challenge_start(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view, acme_ca_challenge_t *challenge);
static ngx_int_t acme_ca_challenge_write(acme_ca_exchange_t *x,
    acme_ca_challenge_t *challenge, acme_ca_status_e to);
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
acme_ca_challenge_list(acme_ca_exchange_t *x, acme_ca_authz_t *authz,
    ngx_array_t **challenges)
{
    ngx_int_t             rc;
    ngx_uint_t            type, n;
    ngx_array_t          *rows;
    acme_ca_challenge_t  *row, *challenge;

    rc = acme_ca_store_challenge_list(x->store, x->ctx.pool, authz->id, &rows);

    if (rc != NGX_OK || authz->token_seed.len == 0) {
        *challenges = rows;
        return rc;
    }

    *challenges = ngx_array_create(x->ctx.pool, ACME_CA_CHALLENGE_TYPE_N,
                                   sizeof(acme_ca_challenge_t));
    if (*challenges == NULL) {
        return NGX_ERROR;
    }

    row = rows->elts;
    challenge = (*challenges)->elts;
    n = 0;

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {

        if (n < rows->nelts && row[n].type == type) {
            *challenge++ = row[n++];

        } else if (acme_ca_authorize_fits(x->authority, type,
                                          &authz->identifier,
                                          authz->subdomains)
                   && acme_ca_challenge_offer(x, authz, type, challenge++)
                      != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    (*challenges)->nelts = challenge
                           - (acme_ca_challenge_t *) (*challenges)->elts;

    return NGX_OK;
}


static ngx_int_t
acme_ca_challenge_offer(acme_ca_exchange_t *x, acme_ca_authz_t *authz,
    ngx_uint_t type, acme_ca_challenge_t *challenge)
{
    ngx_memzero(challenge, sizeof(acme_ca_challenge_t));

    challenge->id = authz->id * ACME_CA_CHALLENGE_SLOTS + type;
    challenge->type = (acme_ca_challenge_type_e) type;
    challenge->status = ACME_CA_PENDING;

    return acme_ca_challenge_token(x, &authz->token_seed, type,
                                   &challenge->token);
}


/*
 * RFC 8555, 8: at least 128 bits of entropy, and no other challenge's.  The
 * seed has 256 bits; its last byte is the one where its tokens differ.  That
 * one of them tells the others harms nobody: what proves is the account's key.
 */

static ngx_int_t
acme_ca_challenge_token(acme_ca_exchange_t *x, ngx_str_t *seed,
    ngx_uint_t type, ngx_str_t *token)
{
    u_char  secret[ACME_CA_TOKEN_SEED_LEN], *last;

    if (seed->len != ACME_CA_TOKEN_SEED_LEN) {
        return acme_ca_never(x->ctx.log);
    }

    token->data = ngx_pnalloc(x->ctx.pool,
                              acme_ca_base64url_len(ACME_CA_TOKEN_SEED_LEN));
    if (token->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(secret, seed->data, ACME_CA_TOKEN_SEED_LEN);
    secret[ACME_CA_TOKEN_SEED_LEN - 1] ^= (u_char) type;

    last = acme_ca_base64url_write(token->data, secret,
                                   ACME_CA_TOKEN_SEED_LEN);
    token->len = last - token->data;

    return NGX_OK;
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
    acme_ca_status_e  to;

    rc = acme_ca_state_next(ACME_CA_MACHINE_CHALLENGE, challenge->status,
                            ACME_CA_EVENT_RESPOND, &to);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_challenge_write(x, challenge, to);
    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_challenge_add_job(x, view, challenge);
}


static ngx_int_t
acme_ca_challenge_write(acme_ca_exchange_t *x, acme_ca_challenge_t *challenge,
    acme_ca_status_e to)
{
    acme_ca_status_e  from;

    from = challenge->status;
    challenge->status = to;

    if (challenge->stored) {
        return acme_ca_store_challenge_set_status(x->store, challenge->id,
                                                  from, to, NULL, x->ctx.now);
    }

    return acme_ca_store_challenge_add(x->store, challenge);
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
