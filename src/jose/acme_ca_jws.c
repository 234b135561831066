
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * JSON Web Signatures: taken apart, nothing believed.  What is not written in
 * the one way that RFC 8555, 6.2 asks for is refused, because each further
 * way is one in which two readers may disagree about what was signed.
 */


#include "acme_ca_jose_private.h"


static const acme_ca_jws_alg_t *acme_ca_jws_alg(ngx_str_t *name);
static ngx_int_t acme_ca_jws_members(acme_ca_ctx_t *ctx,
    acme_ca_json_t *value);
static ngx_int_t acme_ca_jws_header_names(acme_ca_ctx_t *ctx,
    acme_ca_json_t *header);
static ngx_int_t acme_ca_jws_bytes(acme_ca_ctx_t *ctx, const char *name,
    ngx_str_t *text, ngx_str_t *bytes);
static ngx_int_t acme_ca_jws_input(acme_ca_ctx_t *ctx, ngx_str_t *protected,
    ngx_str_t *payload, ngx_str_t *input);
static ngx_int_t acme_ca_jws_header(acme_ca_ctx_t *ctx,
    acme_ca_json_t *header, ngx_uint_t inner, acme_ca_jws_t *jws);
static ngx_int_t acme_ca_jws_header_alg(acme_ca_ctx_t *ctx,
    acme_ca_json_t *header, acme_ca_jws_t *jws);
static ngx_int_t acme_ca_jws_header_nonce(acme_ca_ctx_t *ctx,
    acme_ca_json_t *header, ngx_uint_t inner, acme_ca_jws_t *jws);
static ngx_int_t acme_ca_jws_header_key(acme_ca_ctx_t *ctx,
    acme_ca_json_t *header, acme_ca_jws_t *jws);


const ngx_str_t  acme_ca_jws_algorithms = ngx_string(ACME_CA_ALGORITHMS);


/* in the order of ACME_CA_ALGORITHMS; no "none", no HS*, no SHA-1 */

static const acme_ca_jws_alg_t  acme_ca_jws_algs[] = {
    { ngx_string("ES256"), EVP_PKEY_EC, "prime256v1", "SHA256", 64, 0 },
    { ngx_string("ES384"), EVP_PKEY_EC, "secp384r1", "SHA384", 96, 0 },
    { ngx_string("ES512"), EVP_PKEY_EC, "secp521r1", "SHA512", 132, 0 },
    { ngx_string("EdDSA"), EVP_PKEY_ED25519, NULL, NULL, 64, 0 },
    { ngx_string("RS256"), EVP_PKEY_RSA, NULL, "SHA256", 0, 0 },
    { ngx_string("RS384"), EVP_PKEY_RSA, NULL, "SHA384", 0, 0 },
    { ngx_string("RS512"), EVP_PKEY_RSA, NULL, "SHA512", 0, 0 },
    { ngx_string("PS256"), EVP_PKEY_RSA, NULL, "SHA256", 0, 1 }
};


/*
 * Header parameters that would change what is signed (RFC 7515, 4.1.11;
 * RFC 7797) or say where the key comes from (RFC 7515, 4.1.2 - 4.1.8)
 */

static const char  *acme_ca_jws_refused[] = {
    "crit", "b64", "zip", "jku", "x5u", "x5c", "x5t", "x5t#S256"
};


ngx_int_t
acme_ca_jws_parse(acme_ca_ctx_t *ctx, ngx_str_t *text, ngx_uint_t inner,
    acme_ca_jws_t **jws)
{
    ngx_int_t        rc;
    acme_ca_json_t  *value;

    rc = acme_ca_json_parse(ctx, "JWS", text, &value);

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_jws_parse_json(ctx, value, inner, jws);
}


ngx_int_t
acme_ca_jws_parse_json(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    ngx_uint_t inner, acme_ca_jws_t **jws)
{
    ngx_int_t             rc;
    acme_ca_jws_t        *j;
    acme_ca_jws_parts_t   parts;

    rc = acme_ca_jws_open(ctx, value, "protected header", &parts);
    if (rc != NGX_OK) {
        return rc;
    }

    j = ngx_pcalloc(ctx->pool, sizeof(acme_ca_jws_t));
    if (j == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_jws_header(ctx, parts.header, inner, j);

    if (rc == NGX_OK) {
        rc = acme_ca_jws_decode(ctx, &parts, &j->payload, &j->signature,
                                &j->input);
    }

    if (rc == NGX_OK) {
        *jws = j;
    }

    return rc;
}


ngx_int_t
acme_ca_jws_open(acme_ca_ctx_t *ctx, acme_ca_json_t *value, const char *what,
    acme_ca_jws_parts_t *parts)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = acme_ca_jws_members(ctx, value);
    if (rc != NGX_OK) {
        return rc;
    }

    parts->protected = acme_ca_json_string(value, "protected");
    parts->payload = acme_ca_json_string(value, "payload");
    parts->signature = acme_ca_json_string(value, "signature");

    rc = acme_ca_jws_bytes(ctx, "protected", parts->protected, &text);

    if (rc == NGX_OK) {
        rc = acme_ca_json_parse(ctx, what, &text, &parts->header);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (parts->header->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the %s is not a JSON object", what);
    }

    return acme_ca_jws_header_names(ctx, parts->header);
}


ngx_int_t
acme_ca_jws_decode(acme_ca_ctx_t *ctx, acme_ca_jws_parts_t *parts,
    ngx_str_t *payload, ngx_str_t *signature, ngx_str_t *input)
{
    ngx_int_t  rc;

    rc = acme_ca_jws_bytes(ctx, "payload", parts->payload, payload);

    if (rc == NGX_OK) {
        rc = acme_ca_jws_bytes(ctx, "signature", parts->signature, signature);
    }

    return (rc == NGX_OK) ? acme_ca_jws_input(ctx, parts->protected,
                                              parts->payload, input)
                          : rc;
}


/* exactly three strings: RFC 7515, 7.2.2 without "header" */

static ngx_int_t
acme_ca_jws_members(acme_ca_ctx_t *ctx, acme_ca_json_t *value)
{
    size_t           i;
    acme_ca_json_t  *member;

    static const char  *names[] = { "protected", "payload", "signature" };

    if (value->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the JWS is not a JSON object");
    }

    for (i = 0; i < sizeof(names) / sizeof(char *); i++) {

        if (acme_ca_json_string(value, names[i]) == NULL) {
            return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                                  "the JWS has no \"%s\" string; it has to be "
                                  "in the flattened JSON serialization",
                                  names[i]);
        }
    }

    for (member = value->first; member; member = member->next) {

        for (i = 0; i < sizeof(names) / sizeof(char *); i++) {

            if (ngx_strcmp(member->name.data, names[i]) == 0) {
                break;
            }
        }

        if (i == sizeof(names) / sizeof(char *)) {
            return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                                  "the JWS has a member \"%V\"",
                                  &member->name);
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_jws_header(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    ngx_uint_t inner, acme_ca_jws_t *jws)
{
    ngx_int_t  rc;

    rc = acme_ca_jws_header_alg(ctx, header, jws);

    if (rc == NGX_OK) {
        rc = acme_ca_jws_header_key(ctx, header, jws);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_jws_header_nonce(ctx, header, inner, jws);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_jws_string(ctx, header, "url", &jws->url);
    }

    return rc;
}


static ngx_int_t
acme_ca_jws_header_names(acme_ca_ctx_t *ctx, acme_ca_json_t *header)
{
    size_t  i;

    for (i = 0; i < sizeof(acme_ca_jws_refused) / sizeof(char *); i++) {

        if (acme_ca_json_member(header, acme_ca_jws_refused[i]) != NULL) {
            return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                                  "the protected header has \"%s\", which is "
                                  "not allowed here", acme_ca_jws_refused[i]);
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_jws_header_alg(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    acme_ca_jws_t *jws)
{
    ngx_int_t  rc;
    ngx_str_t  name;

    ngx_str_null(&name);

    rc = acme_ca_jws_string(ctx, header, "alg", &name);

    if (rc != NGX_OK) {
        return rc;
    }

    if (name.len == 0) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the protected header has no \"alg\"");
    }

    jws->alg = acme_ca_jws_alg(&name);

    if (jws->alg == NULL) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_SIGNATURE_ALGORITHM,
                              "the signature algorithm \"%V\" is not "
                              "supported", &name);
    }

    return NGX_OK;
}


static const acme_ca_jws_alg_t *
acme_ca_jws_alg(ngx_str_t *name)
{
    size_t  i;

    for (i = 0; i < sizeof(acme_ca_jws_algs) / sizeof(acme_ca_jws_alg_t); i++) {

        if (acme_ca_str_eq(name, &acme_ca_jws_algs[i].name)) {
            return &acme_ca_jws_algs[i];
        }
    }

    return NULL;
}


static ngx_int_t
acme_ca_jws_header_key(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    acme_ca_jws_t *jws)
{
    ngx_int_t   rc;
    ngx_str_t  *alg;

    jws->jwk = acme_ca_json_member(header, "jwk");

    rc = acme_ca_jws_string(ctx, header, "kid", &jws->kid);

    if (rc != NGX_OK) {
        return rc;
    }

    if ((jws->jwk != NULL) == (jws->kid.len != 0)) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the protected header has to have either "
                              "\"jwk\" or \"kid\"");
    }

    if (jws->jwk == NULL) {
        return NGX_OK;
    }

    if (jws->jwk->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED, "jwk is not an object");
    }

    alg = acme_ca_json_string(jws->jwk, "alg");

    if (alg != NULL && !acme_ca_str_eq(alg, &jws->alg->name)) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "jwk says \"alg\" is \"%V\", the protected "
                              "header says \"%V\"", alg, &jws->alg->name);
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_jws_header_nonce(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    ngx_uint_t inner, acme_ca_jws_t *jws)
{
    ngx_int_t  rc;
    ngx_str_t  bytes;

    if (acme_ca_json_member(header, "nonce") == NULL) {
        return NGX_OK;
    }

    if (inner) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "the inner JWS must not have a nonce");
    }

    rc = acme_ca_jws_string(ctx, header, "nonce", &jws->nonce);

    if (rc != NGX_OK) {
        return rc;
    }

    /* RFC 8555, 6.5.2: one that is no base64url is malformed, not badNonce */

    return acme_ca_jws_bytes(ctx, "nonce", &jws->nonce, &bytes);
}


/* absent: left as it is */

ngx_int_t
acme_ca_jws_string(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    const char *name, ngx_str_t *text)
{
    acme_ca_json_t  *member;

    member = acme_ca_json_member(header, name);

    if (member == NULL) {
        return NGX_OK;
    }

    if (member->type != ACME_CA_JSON_STRING || member->text.len == 0) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "\"%s\" in the protected header is not a string, "
                              "or empty", name);
    }

    *text = member->text;

    return NGX_OK;
}


static ngx_int_t
acme_ca_jws_bytes(acme_ca_ctx_t *ctx, const char *name, ngx_str_t *text,
    ngx_str_t *bytes)
{
    ngx_int_t  rc;

    rc = acme_ca_base64url_parse(ctx->pool, text, bytes);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "\"%s\" is not base64url without padding", name);
    }

    return rc;
}


/* RFC 7515, 5.1: what is signed is the encoded text, not what it means */

static ngx_int_t
acme_ca_jws_input(acme_ca_ctx_t *ctx, ngx_str_t *protected, ngx_str_t *payload,
    ngx_str_t *input)
{
    u_char  *p;

    input->len = protected->len + 1 + payload->len;

    p = ngx_pnalloc(ctx->pool, input->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    input->data = p;

    p = ngx_cpymem(p, protected->data, protected->len);
    *p++ = '.';
    ngx_memcpy(p, payload->data, payload->len);

    return NGX_OK;
}
