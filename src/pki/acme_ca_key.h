
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

/* NULL: this OpenSSL has keys of such a kind; otherwise the name of it */
const char *acme_ca_key_unknown(ngx_uint_t kind);

/*
 * Reads a private key: a path of any file that OpenSSL decodes (PEM, DER,
 * PKCS#8, PKCS#12), "store:URI" or any URI with a scheme (OSSL_STORE:
 * "pkcs11:...", which the engine of that name reads where no provider does,
 * "file:..."), or "engine:NAME:ID".  passwords (ngx_str_t, or NULL) are tried
 * in turn on files; the first one is the PIN of what is no file.  NULL: *error
 * says why, in words fit for nginx -t.  The caller frees the key.
 */
EVP_PKEY *acme_ca_key_load(ngx_pool_t *pool, ngx_str_t *source,
    const ngx_array_t *passwords, ngx_str_t *error);

/* P-256 or Ed25519 in memory: a signature takes less than a change of threads.
   Of any other key nobody knows how long one takes, or it takes longer */
ngx_uint_t acme_ca_key_is_quick(const EVP_PKEY *key);

/* begins a signature, by the provider that keeps the key.  digest: NULL, the
   key's own.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_key_sign_init(EVP_MD_CTX *md, const EVP_MD *digest,
    EVP_PKEY *key);

/* the property query of OpenSSL that prefers a provider */
#define ACME_CA_KEY_PROPERTIES_MAX  128
void acme_ca_key_prefer(const char *provider, u_char *properties);

/* unencrypted PKCS#8 PEM.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_key_write(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t *pem);

/* such a text, encrypted by a passphrase.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_key_seal(ngx_pool_t *pool, const ngx_str_t *pem,
    const ngx_str_t *password, ngx_str_t *sealed);


#endif /* _ACME_CA_KEY_H_INCLUDED_ */
