
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * JSON Web Signatures in the flattened serialization (RFC 7515, 7.2.2) as
 * RFC 8555, 6.2 narrows it.  Parsing and verifying are apart, because the key
 * of a "kid" comes from the store in between.
 */


#ifndef _ACME_CA_JWS_H_INCLUDED_
#define _ACME_CA_JWS_H_INCLUDED_


#include "acme_ca_jwk.h"


/* JSON array of the names of the algorithms taken: for "algorithms" */
extern const ngx_str_t  acme_ca_jws_algorithms;


typedef struct acme_ca_jws_alg_s  acme_ca_jws_alg_t;   /* a row, private */


typedef struct {
    const acme_ca_jws_alg_t  *alg;
    ngx_str_t                 nonce;        /* empty: absent */
    ngx_str_t                 url;          /* empty: absent */
    ngx_str_t                 kid;          /* empty: absent */
    acme_ca_json_t           *jwk;          /* NULL: absent */
    ngx_str_t                 payload;      /* decoded; empty: POST-as-GET */
    ngx_str_t                 signature;    /* decoded */
    ngx_str_t                 input;        /* protected "." payload */
} acme_ca_jws_t;


/*
 * Refused (malformed): not flattened ("signatures"), an unprotected "header",
 * unknown or duplicate members of the JWS, "crit", "b64", both or none of jwk
 * and kid, any x5u, jku, x5c or other key hint, no protected header, base64url
 * that is not canonical, nonce not base64url.
 * badSignatureAlgorithm: alg not on our list (none and HS* above all).
 * ES256, ES384, ES512, RS256, RS384, RS512, PS256, EdDSA.
 * "inner" (the JWS inside a key-change, RFC 8555, 7.3.5): a nonce is refused.
 */
ngx_int_t acme_ca_jws_parse(acme_ca_ctx_t *ctx, ngx_str_t *text,
    ngx_uint_t inner, acme_ca_jws_t **jws);
ngx_int_t acme_ca_jws_parse_json(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    ngx_uint_t inner, acme_ca_jws_t **jws);

/*
 * NGX_OK: the signature is that key's.  NGX_ABORT: badSignatureAlgorithm when
 * alg does not fit the key's type, malformed when the signature has the wrong
 * length, unauthorized when it is wrong.
 */
ngx_int_t acme_ca_jws_verify(acme_ca_ctx_t *ctx, acme_ca_jws_t *jws,
    EVP_PKEY *key);

/*
 * The same for a key that will verify more: kept, at first zeros, is what need
 * not be made or looked at again.  It belongs to this key and to one thread,
 * and the caller frees its context.
 */
typedef struct {
    const acme_ca_jws_alg_t  *alg;          /* that fits the key */
    EVP_PKEY_CTX             *verify;
} acme_ca_jws_kept_t;

ngx_int_t acme_ca_jws_verify_again(acme_ca_ctx_t *ctx, acme_ca_jws_t *jws,
    EVP_PKEY *key, acme_ca_jws_kept_t *kept);


#endif /* _ACME_CA_JWS_H_INCLUDED_ */
