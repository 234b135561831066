
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Account key rollover (RFC 8555, 7.3.5), its checks in its order.  The old
 * key signed the request; the JWS inside is signed by the new one.  Nothing
 * but the key changes: orders and authorizations are the account's.
 */


#include "acme_ca_protocol_private.h"


static ngx_int_t acme_ca_key_change_inner(acme_ca_exchange_t *x,
    acme_ca_jws_t **inner, acme_ca_jwk_t **jwk);
static ngx_int_t acme_ca_key_change_object(acme_ca_exchange_t *x,
    acme_ca_jws_t *inner);
static ngx_int_t acme_ca_key_change_old(acme_ca_exchange_t *x,
    acme_ca_json_t *value);
static ngx_int_t acme_ca_key_change_taken(acme_ca_exchange_t *x,
    acme_ca_jwk_t *jwk);
static ngx_int_t acme_ca_key_change_conflict(acme_ca_exchange_t *x,
    acme_ca_account_t *account);
static ngx_int_t acme_ca_key_change_details(acme_ca_exchange_t *x,
    u_char *from, u_char *to);


ngx_int_t
acme_ca_key_change_check(acme_ca_exchange_t *x)
{
    ngx_int_t       rc;
    acme_ca_jwk_t  *jwk;
    acme_ca_jws_t  *inner;

    rc = acme_ca_key_change_inner(x, &inner, &jwk);

    if (rc == NGX_OK) {
        rc = acme_ca_key_change_object(x, inner);
    }

    if (rc == NGX_OK) {
        x->prepared = jwk;
    }

    return rc;
}


/* steps 2 to 4, and 6 */

static ngx_int_t
acme_ca_key_change_inner(acme_ca_exchange_t *x, acme_ca_jws_t **inner,
    acme_ca_jwk_t **jwk)
{
    ngx_int_t  rc;

    rc = acme_ca_jws_parse_json(&x->ctx, x->payload, 1, inner);
    if (rc != NGX_OK) {
        return rc;
    }

    if ((*inner)->jwk == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "the inner JWS is to be signed by \"jwk\"");
    }

    rc = acme_ca_jwk_parse(&x->ctx, (*inner)->jwk, jwk);

    if (rc == NGX_OK) {
        rc = acme_ca_jws_verify(&x->ctx, *inner, (*jwk)->key);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!acme_ca_str_eq(&(*inner)->url, &x->jws->url)) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "the inner JWS has another \"url\"");
    }

    return NGX_OK;
}


/* steps 5, 7 and 8 */

static ngx_int_t
acme_ca_key_change_object(acme_ca_exchange_t *x, acme_ca_jws_t *inner)
{
    ngx_int_t        rc;
    ngx_str_t       *account;
    acme_ca_json_t  *object;

    rc = acme_ca_json_parse(&x->ctx, "inner payload", &inner->payload,
                            &object);
    if (rc != NGX_OK) {
        return rc;
    }

    account = acme_ca_json_string(object, "account");

    if (account == NULL || !acme_ca_str_eq(account, &x->jws->kid)) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"account\" is not the account that signed");
    }

    return acme_ca_key_change_old(x, acme_ca_json_member(object, "oldKey"));
}


static ngx_int_t
acme_ca_key_change_old(acme_ca_exchange_t *x, acme_ca_json_t *value)
{
    ngx_int_t       rc;
    acme_ca_jwk_t  *old;

    if (value == NULL || value->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"oldKey\" is to be a JWK");
    }

    rc = acme_ca_jwk_parse(&x->ctx, value, &old);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_memcmp(old->thumbprint, x->account->thumbprint,
                   ACME_CA_SHA256_LEN)
        != 0)
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"oldKey\" is not the account's key");
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_key_change(acme_ca_exchange_t *x)
{
    ngx_int_t       rc;
    acme_ca_jwk_t  *jwk;

    jwk = x->prepared;

    rc = acme_ca_key_change_taken(x, jwk);

    if (rc == NGX_OK) {
        rc = acme_ca_store_account_set_key(x->store, x->account->id,
                                           x->account->thumbprint,
                                           jwk->thumbprint, &jwk->text,
                                           x->ctx.now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_key_change_details(x, x->account->thumbprint,
                                        jwk->thumbprint);
    }

    return (rc == NGX_OK) ? acme_ca_reply_account(x, 200, x->account) : rc;
}


/* step 9; inside the transaction, so that nobody comes in between */

static ngx_int_t
acme_ca_key_change_taken(acme_ca_exchange_t *x, acme_ca_jwk_t *jwk)
{
    ngx_int_t          rc;
    acme_ca_account_t  account;

    rc = acme_ca_store_account_find_key(x->store, x->ctx.pool, jwk->thumbprint,
                                        &account);
    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    return (rc == NGX_OK) ? acme_ca_key_change_conflict(x, &account) : rc;
}


static ngx_int_t
acme_ca_key_change_conflict(acme_ca_exchange_t *x, acme_ca_account_t *account)
{
    ngx_int_t  rc;
    ngx_str_t  url;

    if (acme_ca_reply_url(x, ACME_CA_ROUTE_ACCOUNT, account->id, &url)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = acme_ca_refuse(&x->ctx, ACME_CA_CONFLICT,
                        "the new key is an account's already");

    if (rc == NGX_ABORT) {
        x->ctx.problem->location = url;
    }

    return rc;
}


static ngx_int_t
acme_ca_key_change_details(acme_ca_exchange_t *x, u_char *from, u_char *to)
{
    ngx_str_t              old, new;
    acme_ca_json_writer_t  w;

    if (acme_ca_hex(x->ctx.pool, from, ACME_CA_SHA256_LEN, &old) != NGX_OK
        || acme_ca_hex(x->ctx.pool, to, ACME_CA_SHA256_LEN, &new) != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, x->ctx.pool, 192);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "from", &old);
    acme_ca_json_write_string(&w, "to", &new);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &x->audit.details);
}
