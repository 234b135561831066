
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Private keys of the CA: made, read from a file or a store, written as PEM.
 */


#ifndef _ACME_CA_KEY_H_INCLUDED_
#define _ACME_CA_KEY_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_text.h"

#include <openssl/evp.h>


/* a fresh EC P-256 key, or one of an ACME_CA_KEY_* kind, or NULL (logged).  The
   caller frees it */
EVP_PKEY *acme_ca_key_new(ngx_log_t *log);
EVP_PKEY *acme_ca_key_make(ngx_log_t *log, ngx_uint_t kind);

/*
 * Reads a private key: a path of any file that OpenSSL decodes (PEM, DER,
 * PKCS#8, PKCS#12 without a password), "store:URI" or any URI with a scheme
 * (OSSL_STORE: "pkcs11:...", "file:..."), or "engine:NAME:ID".  NULL: *error
 * says why, in words fit for nginx -t.  The caller frees the key.
 */
EVP_PKEY *acme_ca_key_load(ngx_pool_t *pool, ngx_str_t *source,
    ngx_str_t *error);

/* unencrypted PKCS#8 PEM.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_key_write(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t *pem);


#endif /* _ACME_CA_KEY_H_INCLUDED_ */
