
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Private keys: making and writing them.  acme_ca_key_load.c reads.
 */


#include "acme_ca_key.h"
#include "acme_ca_crypto.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>


/* what guessing a passphrase costs; a start of nginx pays it a few times */
#define ACME_CA_KEY_ITERATIONS  100000


typedef struct {
    ngx_uint_t    kind;
    const char   *name;                        /* of the algorithm */
    const char   *group;
    unsigned int  bits;
} acme_ca_key_kind_t;


static const acme_ca_key_kind_t *acme_ca_key_kind(ngx_uint_t kind);
static ngx_int_t acme_ca_key_text(ngx_pool_t *pool, BIO *bio,
    ngx_str_t *text);


static const acme_ca_key_kind_t  acme_ca_key_kinds[] = {
    { ACME_CA_KEY_EC_P256, "EC", "P-256", 0 },
    { ACME_CA_KEY_EC_P384, "EC", "P-384", 0 },
    { ACME_CA_KEY_RSA_2048, "RSA", NULL, 2048 },
    { ACME_CA_KEY_RSA_3072, "RSA", NULL, 3072 },
    { ACME_CA_KEY_RSA_4096, "RSA", NULL, 4096 },
    { ACME_CA_KEY_ED25519, "ED25519", NULL, 0 },
    { ACME_CA_KEY_ML_DSA_44, "ML-DSA-44", NULL, 0 },
    { ACME_CA_KEY_ML_DSA_65, "ML-DSA-65", NULL, 0 },
    { ACME_CA_KEY_ML_DSA_87, "ML-DSA-87", NULL, 0 },
    { 0, NULL, NULL, 0 }
};


EVP_PKEY *
acme_ca_key_new(ngx_log_t *log)
{
    EVP_PKEY  *key;

    key = EVP_EC_gen("P-256");

    if (key == NULL) {
        acme_ca_crypto_error(log, "making an EC key");
    }

    return key;
}


EVP_PKEY *
acme_ca_key_make(ngx_log_t *log, ngx_uint_t kind)
{
    EVP_PKEY                  *key;
    const acme_ca_key_kind_t  *k;

    k = acme_ca_key_kind(kind);

    if (k->group != NULL) {
        key = EVP_EC_gen(k->group);

    } else if (k->bits != 0) {
        key = EVP_RSA_gen(k->bits);

    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, k->name);
    }

    if (key == NULL) {
        acme_ca_crypto_error(log, "making a key");
    }

    return key;
}


const char *
acme_ca_key_unknown(ngx_uint_t kind)
{
    EVP_PKEY_CTX  *ctx;
    const char    *name;

    name = acme_ca_key_kind(kind)->name;

    ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);

    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();

    return (ctx == NULL) ? name : NULL;
}


/* what is known of a token's key is not how long it takes */

ngx_uint_t
acme_ca_key_is_quick(const EVP_PKEY *key)
{
    const OSSL_PROVIDER  *provider;

    provider = EVP_PKEY_get0_provider(key);

    return provider != NULL
           && ngx_strcmp(OSSL_PROVIDER_get0_name(provider), "default") == 0
           && EVP_PKEY_get_bits(key) <= 256;
}


static const acme_ca_key_kind_t *
acme_ca_key_kind(ngx_uint_t kind)
{
    const acme_ca_key_kind_t  *k;

    for (k = acme_ca_key_kinds; k->kind != 0 && k->kind != kind; k++) {
        /* void */
    }

    return k;
}


/*
 * Without being asked for, the default provider would sign with what that of a
 * token gives away of the key, the public half.
 */

ngx_int_t
acme_ca_key_sign_init(EVP_MD_CTX *md, const EVP_MD *digest, EVP_PKEY *key)
{
    u_char                properties[ACME_CA_KEY_PROPERTIES_MAX];
    const char           *name;
    const OSSL_PROVIDER  *provider;

    provider = EVP_PKEY_get0_provider(key);
    name = (provider != NULL) ? OSSL_PROVIDER_get0_name(provider) : "default";

    if (ngx_strcmp(name, "default") == 0) {
        return (EVP_DigestSignInit(md, NULL, digest, NULL, key) == 1)
               ? NGX_OK : NGX_ERROR;
    }

    acme_ca_key_prefer(name, properties);

    name = (digest != NULL) ? EVP_MD_get0_name(digest) : NULL;

    return (EVP_DigestSignInit_ex(md, NULL, name, NULL, (char *) properties,
                                  key, NULL)
            == 1)
           ? NGX_OK : NGX_ERROR;
}


void
acme_ca_key_prefer(const char *provider, u_char *properties)
{
    u_char  *last;

    last = properties + ACME_CA_KEY_PROPERTIES_MAX - 1;

    *ngx_snprintf(properties, last - properties, "?provider=%s", provider)
        = '\0';
}


ngx_int_t
acme_ca_key_write(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t *pem)
{
    BIO        *bio;
    ngx_int_t   rc;

    rc = NGX_ERROR;

    /* BIO_s_secmem() wipes what it frees */

    bio = BIO_new(BIO_s_secmem());

    if (bio == NULL
        || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
    {
        acme_ca_crypto_error(pool->log, "writing a private key");

    } else {
        rc = acme_ca_key_text(pool, bio, pem);
    }

    BIO_free(bio);

    return rc;
}


/* PBES2 (RFC 8018, 6.2): the form that every tool reads */

ngx_int_t
acme_ca_key_seal(ngx_pool_t *pool, const ngx_str_t *pem,
    const ngx_str_t *password, ngx_str_t *sealed)
{
    BIO                  *in, *out;
    X509_SIG             *sig;
    ngx_int_t             rc;
    X509_ALGOR           *algorithm;
    PKCS8_PRIV_KEY_INFO  *info;

    info = NULL;
    sig = NULL;

    in = BIO_new_mem_buf(pem->data, (int) pem->len);
    out = BIO_new(BIO_s_mem());

    algorithm = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), ACME_CA_KEY_ITERATIONS,
                                  NULL, 0, NULL, NID_hmacWithSHA256);

    if (in != NULL && out != NULL && algorithm != NULL) {
        info = PEM_read_bio_PKCS8_PRIV_KEY_INFO(in, NULL, NULL, NULL);
    }

    if (info != NULL) {
        sig = PKCS8_set0_pbe((const char *) password->data,
                             (int) password->len, info, algorithm);
    }

    if (sig == NULL) {
        X509_ALGOR_free(algorithm);
    }

    if (sig == NULL || !PEM_write_bio_PKCS8(out, sig)) {
        acme_ca_crypto_error(pool->log, "encrypting a private key");
        rc = NGX_ERROR;

    } else {
        rc = acme_ca_key_text(pool, out, sealed);
    }

    PKCS8_PRIV_KEY_INFO_free(info);
    X509_SIG_free(sig);
    BIO_free(in);
    BIO_free(out);

    return rc;
}


static ngx_int_t
acme_ca_key_text(ngx_pool_t *pool, BIO *bio, ngx_str_t *text)
{
    char  *data;
    long   len;

    len = BIO_get_mem_data(bio, &data);

    return acme_ca_copy(pool, text, (u_char *) data, len);
}
