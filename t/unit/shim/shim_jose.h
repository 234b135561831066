
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The client's side of JOSE, for tests: keys, their JWK, signed JWS.  Written
 * apart from src/jose/, and aborts when anything fails.
 */


#ifndef _SHIM_JOSE_H_INCLUDED_
#define _SHIM_JOSE_H_INCLUDED_


#include "shim.h"

#include <openssl/evp.h>


/* a new key for "ES256", "ES384", "ES512", "EdDSA", "RS256" ... "PS256" */
EVP_PKEY *shim_key(const char *alg);

/* its public JWK, in pool */
ngx_str_t shim_jwk(ngx_pool_t *pool, EVP_PKEY *key);

ngx_str_t shim_base64url_text(ngx_pool_t *pool, const void *data, size_t n);

/* the signature as JWS has it, base64url */
ngx_str_t shim_sign(ngx_pool_t *pool, EVP_PKEY *key, const char *alg,
    ngx_str_t *input);

/* the flattened JWS over the header's and the payload's JSON texts */
ngx_str_t shim_jws(ngx_pool_t *pool, EVP_PKEY *key, const char *alg,
    const char *header, const char *payload);

/* printf() into pool; nginx's formats */
ngx_str_t shim_text(ngx_pool_t *pool, const char *fmt, ...);


#endif /* _SHIM_JOSE_H_INCLUDED_ */
