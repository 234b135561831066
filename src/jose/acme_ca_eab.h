
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The binding of a new account to an external one (RFC 8555, 7.3.4): the only
 * JWS that is signed by a shared key.  It has a parser of its own, so that no
 * way leads from a request's signature to HMAC and from here to a public key.
 */


#ifndef _ACME_CA_EAB_H_INCLUDED_
#define _ACME_CA_EAB_H_INCLUDED_


#include "acme_ca_jwk.h"


typedef struct acme_ca_eab_alg_s  acme_ca_eab_alg_t;   /* a row, private */


typedef struct {
    const acme_ca_eab_alg_t  *alg;
    ngx_str_t                 kid;
    ngx_str_t                 payload;      /* decoded */
    ngx_str_t                 mac;          /* decoded */
    ngx_str_t                 input;        /* protected "." payload */
    ngx_str_t                 text;         /* the JWS, written anew */
} acme_ca_binding_t;


/*
 * Takes the JWS apart: flattened, alg HS256, HS384 or HS512, a kid, the url of
 * the outer JWS, no nonce, no jwk.  NGX_ABORT: malformed.
 */
ngx_int_t acme_ca_eab_parse(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const ngx_str_t *url, acme_ca_binding_t **binding);

/*
 * NGX_OK: the MAC was made with that key.  NGX_ABORT: malformed when it has
 * another length than the algorithm's, unauthorized when it is wrong.  The
 * time taken does not depend on where it is wrong.
 */
ngx_int_t acme_ca_eab_verify(acme_ca_ctx_t *ctx, acme_ca_binding_t *binding,
    const ngx_str_t *key);

/*
 * NGX_OK: the payload is the account's key.  NGX_ABORT: malformed or
 * badPublicKey when it is none, unauthorized when it is another.
 */
ngx_int_t acme_ca_eab_match(acme_ca_ctx_t *ctx, acme_ca_binding_t *binding,
    const acme_ca_jwk_t *jwk);


#endif /* _ACME_CA_EAB_H_INCLUDED_ */
