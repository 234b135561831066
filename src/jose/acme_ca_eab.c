
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * External account bindings (RFC 8555, 7.3.4): the JWS in a new account's
 * "externalAccountBinding".  Judges bytes only; whose key it is and whether it
 * may still be used is the protocol's.
 */


#include "acme_ca_eab.h"
#include "acme_ca_jose_private.h"

#include <openssl/err.h>
#include <openssl/hmac.h>


struct acme_ca_eab_alg_s {
    ngx_str_t      name;
    const EVP_MD  *(*digest)(void);
    size_t         len;             /* of the MAC, which is never cut */
};


static ngx_int_t acme_ca_eab_header(acme_ca_ctx_t *ctx,
    acme_ca_json_t *header, const ngx_str_t *url, acme_ca_binding_t *binding);
static ngx_int_t acme_ca_eab_names(acme_ca_ctx_t *ctx,
    acme_ca_json_t *header);
static ngx_int_t acme_ca_eab_alg(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    acme_ca_binding_t *binding);
static ngx_int_t acme_ca_eab_text(acme_ca_ctx_t *ctx,
    acme_ca_jws_parts_t *parts, ngx_str_t *text);


/* RFC 7518, 3.2 */

static const acme_ca_eab_alg_t  acme_ca_eab_algs[] = {
    { ngx_string("HS256"), EVP_sha256, 32 },
    { ngx_string("HS384"), EVP_sha384, 48 },
    { ngx_string("HS512"), EVP_sha512, 64 }
};


ngx_int_t
acme_ca_eab_parse(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const ngx_str_t *url, acme_ca_binding_t **binding)
{
    ngx_int_t             rc;
    acme_ca_binding_t    *b;
    acme_ca_jws_parts_t   parts;

    rc = acme_ca_jws_open(ctx, value, "protected header of the binding",
                          &parts);
    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_pcalloc(ctx->pool, sizeof(acme_ca_binding_t));
    if (b == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_eab_header(ctx, parts.header, url, b);

    if (rc == NGX_OK) {
        rc = acme_ca_jws_decode(ctx, &parts, &b->payload, &b->mac, &b->input);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_eab_text(ctx, &parts, &b->text);
    }

    if (rc == NGX_OK) {
        *binding = b;
    }

    return rc;
}


static ngx_int_t
acme_ca_eab_header(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    const ngx_str_t *url, acme_ca_binding_t *binding)
{
    ngx_int_t   rc;
    ngx_str_t  *own;

    rc = acme_ca_eab_names(ctx, header);

    if (rc == NGX_OK) {
        rc = acme_ca_eab_alg(ctx, header, binding);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_jws_string(ctx, header, "kid", &binding->kid);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (binding->kid.len == 0) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the binding has no \"kid\"");
    }

    own = acme_ca_json_string(header, "url");

    if (own == NULL || !acme_ca_str_eq(own, url)) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the binding's \"url\" is not the request's");
    }

    return NGX_OK;
}


/* besides what no JWS may have here: a key of its own, a nonce */

static ngx_int_t
acme_ca_eab_names(acme_ca_ctx_t *ctx, acme_ca_json_t *header)
{
    size_t  i;

    static const char  *refused[] = { "jwk", "nonce" };

    for (i = 0; i < sizeof(refused) / sizeof(char *); i++) {
        if (acme_ca_json_member(header, refused[i]) != NULL) {
            return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                                  "the binding must not have a \"%s\"",
                                  refused[i]);
        }
    }

    return NGX_OK;
}


/*
 * malformed, and not badSignatureAlgorithm: the list that goes with that is
 * of the algorithms that a request is signed with
 */

static ngx_int_t
acme_ca_eab_alg(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    acme_ca_binding_t *binding)
{
    size_t      i;
    ngx_str_t  *name;

    name = acme_ca_json_string(header, "alg");

    for (i = 0;
         name && i < sizeof(acme_ca_eab_algs) / sizeof(acme_ca_eab_alg_t);
         i++)
    {
        if (acme_ca_str_eq(name, &acme_ca_eab_algs[i].name)) {
            binding->alg = &acme_ca_eab_algs[i];
            return NGX_OK;
        }
    }

    return acme_ca_refuse(ctx, ACME_CA_MALFORMED, "the binding's \"alg\" has "
                          "to be HS256, HS384 or HS512");
}


/* for the account object: the same value (RFC 8555, 7.3.4) */

static ngx_int_t
acme_ca_eab_text(acme_ca_ctx_t *ctx, acme_ca_jws_parts_t *parts,
    ngx_str_t *text)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, ctx->pool, parts->protected->len
                                      + parts->payload->len
                                      + parts->signature->len + 64);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "protected", parts->protected);
    acme_ca_json_write_string(&w, "payload", parts->payload);
    acme_ca_json_write_string(&w, "signature", parts->signature);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, text);
}


ngx_int_t
acme_ca_eab_verify(acme_ca_ctx_t *ctx, acme_ca_binding_t *binding,
    const ngx_str_t *key)
{
    u_char                    mac[EVP_MAX_MD_SIZE];
    unsigned int              len;
    const acme_ca_eab_alg_t  *alg;

    alg = binding->alg;

    if (binding->mac.len != alg->len) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED, "the binding's MAC has "
                              "to have %uz bytes, not %uz", alg->len,
                              binding->mac.len);
    }

    if (HMAC(alg->digest(), key->data, (int) key->len, binding->input.data,
             binding->input.len, mac, &len)
        == NULL
        || len != alg->len)
    {
        ERR_clear_error();
        ngx_log_error(NGX_LOG_ERR, ctx->log, 0, "OpenSSL could not make a MAC");
        return NGX_ERROR;
    }

    if (!acme_ca_equal(mac, binding->mac.data, alg->len)) {
        return acme_ca_refuse(ctx, ACME_CA_UNAUTHORIZED,
                              "the binding's MAC is wrong");
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_eab_match(acme_ca_ctx_t *ctx, acme_ca_binding_t *binding,
    const acme_ca_jwk_t *jwk)
{
    ngx_int_t        rc;
    acme_ca_jwk_t   *bound;
    acme_ca_json_t  *value;

    bound = NULL;

    rc = acme_ca_json_parse(ctx, "payload of the binding", &binding->payload,
                            &value);

    if (rc == NGX_OK && value->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the binding's payload is not a JWK");
    }

    if (rc == NGX_OK) {
        rc = acme_ca_jwk_parse(ctx, value, &bound);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_memcmp(bound->thumbprint, jwk->thumbprint, ACME_CA_SHA256_LEN) != 0
        || !acme_ca_str_eq(&bound->text, &jwk->text))
    {
        return acme_ca_refuse(ctx, ACME_CA_UNAUTHORIZED,
                              "the binding is of another key than the "
                              "account's");
    }

    return NGX_OK;
}
