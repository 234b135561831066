
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The gate: what is asked of every POST before its endpoint sees it
 * (RFC 8555, 6.2 to 6.5), one question a function, in this order.
 *
 * Invariants:
 *   1. the signature is verified before the nonce is spent: whoever has no key
 *      cannot burn nonces of others
 *   2. the payload is read as JSON only after both
 *   3. what the path names is looked up only for those who signed
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_rate.h"


static ngx_int_t acme_ca_gate_content_type(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_jws(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_url(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_signer(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_key(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_kid(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_signature(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_nonce(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_gate_payload(acme_ca_exchange_t *x);
static ngx_uint_t acme_ca_gate_skip(ngx_str_t *text, const ngx_str_t *prefix);


static const acme_ca_step_pt  acme_ca_gate_steps[] = {
    acme_ca_gate_content_type,
    acme_ca_gate_jws,
    acme_ca_gate_url,
    acme_ca_gate_signer,
    acme_ca_gate_key,
    acme_ca_rate_gate,
    acme_ca_gate_signature,
    acme_ca_gate_nonce,
    acme_ca_gate_account,
    acme_ca_gate_object,
    acme_ca_gate_payload,
    acme_ca_view_wishes,
    acme_ca_rate_accept,
    NULL
};


/* each begins with the words that acme.sh goes by */

static const char  *acme_ca_gate_nonces[] = {
    NULL,
    "JWS has an invalid anti-replay nonce: it is not one of this server's",
    "JWS has an invalid anti-replay nonce: it was made before a restart",
    "JWS has an invalid anti-replay nonce: it is too old",
    "JWS has an invalid anti-replay nonce: it was used before"
};


ngx_int_t
acme_ca_gate(acme_ca_exchange_t *x)
{
    ngx_int_t               rc;
    const acme_ca_step_pt  *step;

    for (step = acme_ca_gate_steps; *step; step++) {
        rc = (*step)(x);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_gate_content_type(acme_ca_exchange_t *x)
{
    ngx_str_t  type, jose = ngx_string("application/jose+json");

    type = x->request.content_type;

    if (type.len >= jose.len
        && ngx_strncasecmp(type.data, jose.data, jose.len) == 0
        && (type.len == jose.len || type.data[jose.len] == ';'
            || type.data[jose.len] == ' '))
    {
        return NGX_OK;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_UNSUPPORTED_MEDIA, NULL);
}


static ngx_int_t
acme_ca_gate_jws(acme_ca_exchange_t *x)
{
    return acme_ca_jws_parse(&x->ctx, &x->request.body, 0, &x->jws);
}


/* RFC 8555, 6.4: equal as strings, no normalization */

static ngx_int_t
acme_ca_gate_url(acme_ca_exchange_t *x)
{
    ngx_str_t  url, mark = ngx_string("?");

    url = x->jws->url;

    if (url.len == 0) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "the JWS has no \"url\"");
    }

    if (acme_ca_gate_skip(&url, &x->request.base)
        && acme_ca_gate_skip(&url, &x->request.path)
        && (x->request.query.len == 0
            || (acme_ca_gate_skip(&url, &mark)
                && acme_ca_gate_skip(&url, &x->request.query)))
        && url.len == 0)
    {
        return NGX_OK;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_UNAUTHORIZED,
                          "the JWS was made for another URL than \"%V%V\"",
                          &x->request.base, &x->request.path);
}


static ngx_int_t
acme_ca_gate_signer(acme_ca_exchange_t *x)
{
    ngx_uint_t  signer;

    signer = x->jws->jwk ? ACME_CA_SIGNED_JWK : ACME_CA_SIGNED_KID;

    if (x->route->signers & signer) {
        return NGX_OK;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                          "this request is to be signed by \"%s\"",
                          x->jws->jwk ? "kid" : "jwk");
}


static ngx_int_t
acme_ca_gate_key(acme_ca_exchange_t *x)
{
    return x->jws->jwk ? acme_ca_jwk_parse(&x->ctx, x->jws->jwk, &x->jwk)
                       : acme_ca_gate_kid(x);
}


static ngx_int_t
acme_ca_gate_kid(acme_ca_exchange_t *x)
{
    int64_t           id;
    ngx_int_t         rc;
    ngx_str_t         kid;
    const ngx_str_t  *head;

    kid = x->jws->kid;
    head = &acme_ca_routes[ACME_CA_ROUTE_ACCOUNT].head;

    x->account = ngx_pcalloc(x->ctx.pool, sizeof(acme_ca_account_t));
    if (x->account == NULL) {
        return NGX_ERROR;
    }

    id = 0;
    rc = NGX_DECLINED;

    if (acme_ca_gate_skip(&kid, &x->request.base)
        && acme_ca_gate_skip(&kid, head))
    {
        rc = acme_ca_store_id_parse(x->store, ACME_CA_ID_ACCOUNT, &kid, &id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_account_find(x->store, x->ctx.pool, id, x->account);
    }

    if (rc == NGX_DECLINED) {
        x->account = NULL;
        return acme_ca_refuse(&x->ctx, ACME_CA_ACCOUNT_DOES_NOT_EXIST,
                              "\"kid\" is not the URL of an account");
    }

    if (rc == NGX_OK) {
        x->audit.account_id = x->account->id;
    }

    return rc;
}


static ngx_int_t
acme_ca_gate_signature(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    rc = x->jwk ? acme_ca_jws_verify(&x->ctx, x->jws, x->jwk->key)
                : acme_ca_keys_verify(&x->ctx, x->keys, x->account, x->jws);

    if (rc == NGX_OK) {
        x->proved = 1;
    }

    if (rc == NGX_OK && x->account) {
        x->audit.actor = "account";
    }

    return rc;
}


static ngx_int_t
acme_ca_gate_nonce(acme_ca_exchange_t *x)
{
    acme_ca_nonce_verdict_e  verdict;

    if (x->jws->nonce.len == 0) {
        return acme_ca_refuse(&x->ctx, ACME_CA_BAD_NONCE,
                           "JWS has an invalid anti-replay nonce: it has none");
    }

    verdict = acme_ca_nonce_use(x->nonces, x->ctx.now, &x->jws->nonce);

    acme_ca_metrics_nonce_used(x->authority->metrics, verdict);

    if (verdict == ACME_CA_NONCE_GOOD) {
        return NGX_OK;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_BAD_NONCE, "%s",
                          acme_ca_gate_nonces[verdict]);
}


/* told only to those who hold the key */

ngx_int_t
acme_ca_gate_account(acme_ca_exchange_t *x)
{
    if (x->account == NULL || x->account->status == ACME_CA_VALID) {
        return NGX_OK;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_ACCOUNT_DEACTIVATED,
                          "the account is %V",
                          &acme_ca_statuses[x->account->status]);
}


ngx_int_t
acme_ca_gate_object(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;
    ngx_str_t  text;
    int64_t   *ids[] = {
        NULL, &x->audit.account_id, &x->audit.order_id, &x->audit.authz_id,
        &x->audit.challenge_id, &x->audit.certificate_id, NULL
    };

    if (x->route->kind == 0) {
        return NGX_OK;
    }

    text.data = x->request.path.data + x->route->head.len;
    text.len = ACME_CA_ID_LEN;

    rc = acme_ca_store_id_parse(x->store, (acme_ca_id_kind_e) x->route->kind,
                                &text, &x->object_id);
    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND, NULL);
    }

    /* of a foreign account it is the actor who is to be remembered */

    if (rc == NGX_OK && x->route->kind != ACME_CA_ID_ACCOUNT
        && ids[x->route->kind])
    {
        *ids[x->route->kind] = x->object_id;
    }

    return rc;
}


static ngx_int_t
acme_ca_gate_payload(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    if (x->jws->payload.len == 0) {
        return x->route->read ? NGX_OK
                              : acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                                               "the payload is empty");
    }

    if (x->route->write == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "the payload of a POST-as-GET is to be empty");
    }

    rc = acme_ca_json_parse(&x->ctx, "payload", &x->jws->payload, &x->payload);

    if (rc == NGX_OK && x->payload->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "the payload is not a JSON object");
    }

    return rc;
}


/* takes the prefix off the text */

static ngx_uint_t
acme_ca_gate_skip(ngx_str_t *text, const ngx_str_t *prefix)
{
    if (text->len < prefix->len
        || ngx_memcmp(text->data, prefix->data, prefix->len) != 0)
    {
        return 0;
    }

    text->data += prefix->len;
    text->len -= prefix->len;

    return 1;
}
