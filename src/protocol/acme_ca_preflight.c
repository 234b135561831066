
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Which kinds of challenges a name can be tried by.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_preflight.h"


#define ACME_CA_PREFLIGHT_TOKEN  32


static ngx_uint_t acme_ca_preflight_needs_account(ngx_uint_t type);
static ngx_int_t acme_ca_preflight_token(ngx_pool_t *pool, ngx_str_t *token);


ngx_int_t
acme_ca_protocol_preflight(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier, ngx_uint_t kinds,
    const acme_ca_account_t *account, const ngx_str_t *account_url,
    ngx_array_t **checks)
{
    ngx_uint_t        type;
    acme_ca_job_t    *job;
    acme_ca_check_t  *check;

    *checks = ngx_array_create(ctx->pool, ACME_CA_CHALLENGE_TYPE_N,
                               sizeof(acme_ca_check_t));
    if (*checks == NULL) {
        return NGX_ERROR;
    }

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {

        if ((kinds != 0 && !(kinds & ((ngx_uint_t) 1 << type)))
            || !acme_ca_challenge_fits(authority, type, identifier)
            || (account_url->len == 0
                && acme_ca_preflight_needs_account(type)))
        {
            continue;
        }

        check = ngx_array_push(*checks);
        if (check == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(check, sizeof(acme_ca_check_t));

        job = &check->job;

        job->identifier = *identifier;
        job->type = (acme_ca_challenge_type_e) type;
        job->account_url = *account_url;

        if (account) {
            job->account_id = account->id;
            ngx_memcpy(job->thumbprint, account->thumbprint,
                       ACME_CA_SHA256_LEN);
        }

        if (acme_ca_preflight_token(ctx->pool, &job->token) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_protocol_account_url(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store, int64_t id,
    ngx_str_t *url)
{
    ngx_int_t            rc;
    acme_ca_exchange_t  *x;

    if (authority->base_url.len == 0) {
        ngx_str_null(url);
        return NGX_OK;
    }

    x = ngx_pcalloc(ctx->pool, sizeof(acme_ca_exchange_t));
    if (x == NULL) {
        return NGX_ERROR;
    }

    x->ctx = *ctx;
    x->store = store;
    x->request.base = authority->base_url;

    rc = acme_ca_reply_url(x, ACME_CA_ROUTE_ACCOUNT, id, url);

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


/* its records name the account by its URL */

static ngx_uint_t
acme_ca_preflight_needs_account(ngx_uint_t type)
{
    return type == ACME_CA_DNS_ACCOUNT_01 || type == ACME_CA_DNS_PERSIST_01;
}


static ngx_int_t
acme_ca_preflight_token(ngx_pool_t *pool, ngx_str_t *token)
{
    u_char  seed[ACME_CA_PREFLIGHT_TOKEN], *p;

    p = ngx_pnalloc(pool, acme_ca_base64url_len(sizeof(seed)));

    if (p == NULL || acme_ca_random(seed, sizeof(seed)) != NGX_OK) {
        return NGX_ERROR;
    }

    token->data = p;
    token->len = acme_ca_base64url_write(p, seed, sizeof(seed)) - p;

    return NGX_OK;
}
