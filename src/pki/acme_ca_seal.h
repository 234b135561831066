
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the CA says under its name beside certificates: signatures of texts,
 * ECDSA with SHA-256 of a key that signs nothing else.
 */


#ifndef _ACME_CA_SEAL_H_INCLUDED_
#define _ACME_CA_SEAL_H_INCLUDED_


#include "acme_ca_text.h"

#include <openssl/evp.h>


/* the public key as PEM, and the SHA-256 of its SubjectPublicKeyInfo */
ngx_int_t acme_ca_seal_public(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t *pem,
    u_char id[ACME_CA_SHA256_LEN]);

/* DER, as "openssl dgst -sha256 -verify" takes it */
ngx_int_t acme_ca_seal_sign(ngx_pool_t *pool, EVP_PKEY *key,
    const ngx_str_t *text, ngx_str_t *signature);


#endif /* _ACME_CA_SEAL_H_INCLUDED_ */
