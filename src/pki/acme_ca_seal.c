
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Signatures of texts, and the public half of the key that makes them.
 */


#include "acme_ca_seal.h"
#include "acme_ca_crypto.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>


ngx_int_t
acme_ca_seal_public(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t *pem,
    u_char id[ACME_CA_SHA256_LEN])
{
    int         n;
    BIO        *bio;
    char       *text;
    u_char     *der;
    ngx_int_t   rc;

    rc = NGX_ERROR;
    der = NULL;

    bio = BIO_new(BIO_s_mem());
    n = i2d_PUBKEY(key, &der);

    if (bio != NULL && n > 0 && PEM_write_bio_PUBKEY(bio, key) == 1
        && acme_ca_sha256(der, n, id) == NGX_OK)
    {
        n = BIO_get_mem_data(bio, &text);
        rc = acme_ca_copy(pool, pem, (u_char *) text, n);

    } else {
        acme_ca_crypto_error(pool->log, "writing a public key");
    }

    OPENSSL_free(der);
    BIO_free(bio);

    return rc;
}


ngx_int_t
acme_ca_seal_sign(ngx_pool_t *pool, EVP_PKEY *key, const ngx_str_t *text,
    ngx_str_t *signature)
{
    size_t       n;
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    rc = NGX_ERROR;
    n = EVP_PKEY_get_size(key);

    signature->data = ngx_pnalloc(pool, n);
    if (signature->data == NULL) {
        return NGX_ERROR;
    }

    md = EVP_MD_CTX_new();

    if (md != NULL
        && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1
        && EVP_DigestSign(md, signature->data, &n, text->data, text->len) == 1)
    {
        signature->len = n;
        rc = NGX_OK;

    } else {
        acme_ca_crypto_error(pool->log, "signing a text");
    }

    EVP_MD_CTX_free(md);

    return rc;
}
