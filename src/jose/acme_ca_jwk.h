
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * JSON Web Keys (RFC 7517, 7518, 8037): public keys of accounts, and nothing
 * else.  A key with private members, off its curve, too small, or written in
 * any other than its one canonical form is refused (badPublicKey, malformed).
 */


#ifndef _ACME_CA_JWK_H_INCLUDED_
#define _ACME_CA_JWK_H_INCLUDED_


#include "acme_ca_json.h"
#include "acme_ca_text.h"

#include <openssl/evp.h>


typedef enum {
    ACME_CA_JWK_RSA = 0,
    ACME_CA_JWK_P256,
    ACME_CA_JWK_P384,
    ACME_CA_JWK_P521,
    ACME_CA_JWK_ED25519
} acme_ca_jwk_type_e;


typedef struct {
    acme_ca_jwk_type_e   type;
    ngx_uint_t           bits;
    EVP_PKEY            *key;            /* owned by the pool: a cleanup */
    ngx_str_t            text;           /* canonical JSON, RFC 7638, 3 */
    u_char               thumbprint[ACME_CA_SHA256_LEN];
} acme_ca_jwk_t;


/*
 * Reads the value of a "jwk" member (an object).  RSA: 2048 to 8192 bits, odd
 * exponent >= 65537 of at most 33 bits, odd modulus, no leading zero bytes.
 * EC: coordinates of exactly the curve's length, the point on the curve.
 * "use" other than "sig", "key_ops" without "verify", an "alg" of another
 * kind of key: refused.  Unknown members are passed over.
 */
ngx_int_t acme_ca_jwk_parse(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    acme_ca_jwk_t **jwk);

/* the same from the stored canonical text */
ngx_int_t acme_ca_jwk_parse_text(acme_ca_ctx_t *ctx, ngx_str_t *text,
    acme_ca_jwk_t **jwk);


#endif /* _ACME_CA_JWK_H_INCLUDED_ */
