
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Private keys.  All of them come by way of OSSL_STORE, which reads files in
 * any form and asks providers for the others, but for those of engines.
 */


/* engines are deprecated, and yet the only way to some hardware */

#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif


#include "acme_ca_key.h"
#include "acme_ca_crypto.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#ifndef OPENSSL_NO_ENGINE
#include <openssl/engine.h>
#endif


#define ACME_CA_KEY_ERROR_MAX   1024
#define ACME_CA_KEY_OBJECTS_MAX 64           /* looked at in one file */


typedef struct {
    ngx_uint_t    kind;
    const char   *group;
    unsigned int  bits;
} acme_ca_key_kind_t;


static EVP_PKEY *acme_ca_key_load_store(const char *uri);
static EVP_PKEY *acme_ca_key_load_first(OSSL_STORE_CTX *store);
static int acme_ca_key_password(char *buf, int size, int writing, void *data);
static EVP_PKEY *acme_ca_key_load_engine(ngx_str_t *source);


/* what is not among them is Ed25519 */

static const acme_ca_key_kind_t  acme_ca_key_kinds[] = {
    { ACME_CA_KEY_EC_P256, "P-256", 0 },
    { ACME_CA_KEY_EC_P384, "P-384", 0 },
    { ACME_CA_KEY_RSA_2048, NULL, 2048 },
    { ACME_CA_KEY_RSA_3072, NULL, 3072 },
    { ACME_CA_KEY_RSA_4096, NULL, 4096 },
    { 0, NULL, 0 }
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
    EVP_PKEY                   *key;
    const acme_ca_key_kind_t   *k;

    for (k = acme_ca_key_kinds; k->kind != 0 && k->kind != kind; k++) {
        /* void */
    }

    if (k->group != NULL) {
        key = EVP_EC_gen(k->group);

    } else if (k->bits != 0) {
        key = EVP_RSA_gen(k->bits);

    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }

    if (key == NULL) {
        acme_ca_crypto_error(log, "making a key");
    }

    return key;
}


EVP_PKEY *
acme_ca_key_load(ngx_pool_t *pool, ngx_str_t *source, ngx_str_t *error)
{
    char        buf[ACME_CA_CRYPTO_REASON_LEN], *reason;
    EVP_PKEY   *key;
    ngx_str_t   name;

    ngx_str_set(error, "no memory for a key");

    if (acme_ca_copy(pool, &name, source->data, source->len) != NGX_OK) {
        return NULL;
    }

    ERR_clear_error();

    if (ngx_strncmp(name.data, "engine:", sizeof("engine:") - 1) == 0) {
        key = acme_ca_key_load_engine(&name);

    } else if (ngx_strncmp(name.data, "store:", sizeof("store:") - 1) == 0) {
        key = acme_ca_key_load_store((char *) name.data
                                     + sizeof("store:") - 1);

    } else {
        key = acme_ca_key_load_store((char *) name.data);
    }

    if (key != NULL) {
        ERR_clear_error();
        return key;
    }

    reason = (ERR_peek_error() != 0) ? acme_ca_crypto_reason(buf)
                                     : "nothing like one was found";

    /* the text above stays where there is no memory for this one */

    (void) acme_ca_format(pool, error, ACME_CA_KEY_ERROR_MAX,
                          "no private key in \"%V\" (%s)", source, reason);

    return NULL;
}


static EVP_PKEY *
acme_ca_key_load_store(const char *uri)
{
    EVP_PKEY        *key;
    UI_METHOD       *ui;
    OSSL_STORE_CTX  *store;

    /* without one of ours OpenSSL would ask on the terminal */

    ui = UI_UTIL_wrap_read_pem_callback(acme_ca_key_password, 0);
    if (ui == NULL) {
        return NULL;
    }

    key = NULL;

    store = OSSL_STORE_open(uri, ui, NULL, NULL, NULL);

    if (store != NULL) {
        key = acme_ca_key_load_first(store);
        (void) OSSL_STORE_close(store);
    }

    UI_destroy_method(ui);

    return key;
}


static EVP_PKEY *
acme_ca_key_load_first(OSSL_STORE_CTX *store)
{
    EVP_PKEY         *key;
    ngx_uint_t        n;
    OSSL_STORE_INFO  *info;

    key = NULL;

    for (n = 0; n < ACME_CA_KEY_OBJECTS_MAX; n++) {

        if (key != NULL || OSSL_STORE_eof(store)) {
            break;
        }

        info = OSSL_STORE_load(store);

        if (info != NULL
            && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
        {
            key = OSSL_STORE_INFO_get1_PKEY(info);
        }

        OSSL_STORE_INFO_free(info);
    }

    return key;
}


/* nobody is there to be asked */

static int
acme_ca_key_password(char *buf, int size, int writing, void *data)
{
    return -1;
}


#ifndef OPENSSL_NO_ENGINE

/* "engine:NAME:ID", as ssl_certificate_key has it */

static EVP_PKEY *
acme_ca_key_load_engine(ngx_str_t *source)
{
    u_char    *id, *name;
    ENGINE    *engine;
    EVP_PKEY  *key;

    name = source->data + sizeof("engine:") - 1;

    id = (u_char *) ngx_strchr(name, ':');
    if (id == NULL) {
        return NULL;
    }

    *id++ = '\0';

    key = NULL;

    engine = ENGINE_by_id((char *) name);

    if (engine != NULL && ENGINE_init(engine)) {
        key = ENGINE_load_private_key(engine, (char *) id, NULL, NULL);
        ENGINE_finish(engine);
    }

    ENGINE_free(engine);

    return key;
}

#else

static EVP_PKEY *
acme_ca_key_load_engine(ngx_str_t *source)
{
    ERR_raise(ERR_LIB_USER, ERR_R_DISABLED);

    return NULL;
}

#endif


ngx_int_t
acme_ca_key_write(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t *pem)
{
    BIO        *bio;
    char       *text;
    long        len;
    ngx_int_t   rc;

    rc = NGX_ERROR;

    /* BIO_s_secmem() wipes what it frees */

    bio = BIO_new(BIO_s_secmem());

    if (bio == NULL
        || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
    {
        acme_ca_crypto_error(pool->log, "writing a private key");

    } else {
        len = BIO_get_mem_data(bio, &text);
        rc = acme_ca_copy(pool, pem, (u_char *) text, len);
    }

    BIO_free(bio);

    return rc;
}
