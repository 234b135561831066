
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Reading private keys.  All of them come by way of OSSL_STORE, which reads
 * files in any form and asks providers for the others, but for those of
 * engines.
 *
 * Passphrases are tried one after the other, on files.  A token gets the first
 * one only, as its PIN: it locks itself after a few wrong ones.
 */


/* engines are deprecated, and yet the only way to some hardware */

#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif


#include "acme_ca_key.h"
#include "acme_ca_crypto.h"

#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#ifndef OPENSSL_NO_ENGINE
#include <openssl/engine.h>
#endif


#define ACME_CA_KEY_ERROR_MAX   1024
#define ACME_CA_KEY_OBJECTS_MAX 64           /* looked at in one file */
#define ACME_CA_KEY_SCHEME_MAX  32


typedef struct {
    const char        *name;       /* of the source, zero-terminated */
    UI_METHOD         *ui;
    const ngx_str_t   *password;   /* the one to be tried, or NULL */
    ngx_uint_t         asked;      /* for a passphrase or PIN */
    ngx_uint_t         token;      /* no file */
} acme_ca_key_source_t;


typedef struct {
    const char        *prefix;
    EVP_PKEY        *(*load)(acme_ca_key_source_t *source);
    ngx_uint_t         token;
} acme_ca_key_scheme_t;


static EVP_PKEY *acme_ca_key_load_each(acme_ca_key_source_t *source,
    const ngx_array_t *passwords);
static EVP_PKEY *acme_ca_key_load_uri(acme_ca_key_source_t *source);
static EVP_PKEY *acme_ca_key_load_store(acme_ca_key_source_t *source);
static EVP_PKEY *acme_ca_key_store(acme_ca_key_source_t *source,
    const char *uri);
static void acme_ca_key_properties(const char *uri, u_char *properties);
static EVP_PKEY *acme_ca_key_load_first(OSSL_STORE_CTX *store);
static EVP_PKEY *acme_ca_key_load_pkcs11(acme_ca_key_source_t *source);
static EVP_PKEY *acme_ca_key_load_engine(acme_ca_key_source_t *source);
static EVP_PKEY *acme_ca_key_engine(acme_ca_key_source_t *source,
    const char *name, const char *id);
static int acme_ca_key_password(char *buf, int size, int writing, void *data);
static void acme_ca_key_refuse(ngx_pool_t *pool, acme_ca_key_source_t *source,
    const ngx_array_t *passwords, ngx_str_t *name, ngx_str_t *error);
static void acme_ca_key_conceal(ngx_str_t *name);


/* the last one is of all others */

static const acme_ca_key_scheme_t  acme_ca_key_schemes[] = {
    { "engine:", acme_ca_key_load_engine, 1 },
    { "pkcs11:", acme_ca_key_load_pkcs11, 1 },
    { "store:", acme_ca_key_load_uri, 1 },
    { "", acme_ca_key_load_store, 0 }
};


EVP_PKEY *
acme_ca_key_load(ngx_pool_t *pool, ngx_str_t *source,
    const ngx_array_t *passwords, ngx_str_t *error)
{
    EVP_PKEY              *key;
    ngx_str_t              name, shown;
    acme_ca_key_source_t   s;

    ngx_str_set(error, "no memory for a key");

    if (acme_ca_copy(pool, &name, source->data, source->len) != NGX_OK
        || acme_ca_copy(pool, &shown, source->data, source->len) != NGX_OK)
    {
        return NULL;
    }

    ERR_clear_error();

    ngx_memzero(&s, sizeof(acme_ca_key_source_t));

    s.name = (const char *) name.data;

    /* without one of ours OpenSSL would ask on the terminal */

    s.ui = UI_UTIL_wrap_read_pem_callback(acme_ca_key_password, 0);
    if (s.ui == NULL) {
        return NULL;
    }

    key = acme_ca_key_load_each(&s, passwords);

    UI_destroy_method(s.ui);

    if (key == NULL) {
        acme_ca_key_refuse(pool, &s, passwords, &shown, error);
    }

    ERR_clear_error();

    return key;
}


static EVP_PKEY *
acme_ca_key_load_each(acme_ca_key_source_t *source,
    const ngx_array_t *passwords)
{
    EVP_PKEY                    *key;
    ngx_uint_t                   i, n;
    const ngx_str_t             *password;
    const acme_ca_key_scheme_t  *scheme;

    for (scheme = acme_ca_key_schemes;
         ngx_strncmp(source->name, scheme->prefix, ngx_strlen(scheme->prefix))
         != 0;
         scheme++)
    {
        /* void */
    }

    password = (passwords != NULL) ? passwords->elts : NULL;
    n = (passwords != NULL) ? passwords->nelts : 0;

    source->token = scheme->token;

    if (scheme->token) {
        n = ngx_min(n, 1);
    }

    key = NULL;
    i = 0;

    do {
        source->password = (i < n) ? &password[i] : NULL;

        key = scheme->load(source);

    } while (key == NULL && source->asked && ++i < n);

    return key;
}


static EVP_PKEY *
acme_ca_key_load_uri(acme_ca_key_source_t *source)
{
    return acme_ca_key_store(source, source->name + sizeof("store:") - 1);
}


static EVP_PKEY *
acme_ca_key_load_store(acme_ca_key_source_t *source)
{
    return acme_ca_key_store(source, source->name);
}


static EVP_PKEY *
acme_ca_key_store(acme_ca_key_source_t *source, const char *uri)
{
    u_char           properties[ACME_CA_KEY_PROPERTIES_MAX];
    EVP_PKEY        *key;
    OSSL_STORE_CTX  *store;

    acme_ca_key_properties(uri, properties);

    store = OSSL_STORE_open_ex(uri, NULL, (char *) properties, source->ui,
                               source, NULL, NULL, NULL);
    if (store == NULL) {
        return NULL;
    }

    key = acme_ca_key_load_first(store);

    (void) OSSL_STORE_close(store);

    return key;
}


/*
 * Without being asked for, another provider would take of a key what the one
 * that keeps it gives away, the public half.  No scheme: none is preferred.
 */

static void
acme_ca_key_properties(const char *uri, u_char *properties)
{
    u_char              scheme[ACME_CA_KEY_SCHEME_MAX + 1];
    ngx_uint_t          n;
    OSSL_STORE_LOADER  *loader;

    properties[0] = '\0';

    for (n = 0; uri[n] != ':'; n++) {

        if (n == ACME_CA_KEY_SCHEME_MAX || uri[n] == '\0' || uri[n] == '/') {
            return;
        }

        scheme[n] = uri[n];
    }

    scheme[n] = '\0';

    loader = OSSL_STORE_LOADER_fetch(NULL, (char *) scheme, NULL);

    if (loader == NULL) {
        ERR_clear_error();
        return;
    }

    acme_ca_key_prefer(OSSL_PROVIDER_get0_name(
                                      OSSL_STORE_LOADER_get0_provider(loader)),
                       properties);

    OSSL_STORE_LOADER_free(loader);
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


/*
 * By a provider if one knows the scheme, otherwise by the engine of that name.
 * Not by the one after the other: the PIN would be tried twice.
 */

static EVP_PKEY *
acme_ca_key_load_pkcs11(acme_ca_key_source_t *source)
{
    OSSL_STORE_LOADER  *loader;

    loader = OSSL_STORE_LOADER_fetch(NULL, "pkcs11", NULL);

    if (loader != NULL) {
        OSSL_STORE_LOADER_free(loader);
        return acme_ca_key_load_store(source);
    }

    ERR_clear_error();

    return acme_ca_key_engine(source, "pkcs11", source->name);
}


/* "engine:NAME:ID", as ssl_certificate_key has it; the text is our own copy */

static EVP_PKEY *
acme_ca_key_load_engine(acme_ca_key_source_t *source)
{
    char  *id, *name;

    name = (char *) source->name + sizeof("engine:") - 1;

    id = ngx_strchr(name, ':');
    if (id == NULL) {
        return NULL;
    }

    *id++ = '\0';

    return acme_ca_key_engine(source, name, id);
}


#ifndef OPENSSL_NO_ENGINE

static EVP_PKEY *
acme_ca_key_engine(acme_ca_key_source_t *source, const char *name,
    const char *id)
{
    ENGINE    *engine;
    EVP_PKEY  *key;

    key = NULL;

    engine = ENGINE_by_id(name);

    if (engine != NULL && ENGINE_init(engine)) {

        /* libp11 would tell stderr the URI, with its PIN; others lack it */

        (void) ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1);

        key = ENGINE_load_private_key(engine, id, source->ui, source);
        ENGINE_finish(engine);
    }

    ENGINE_free(engine);

    return key;
}

#else

static EVP_PKEY *
acme_ca_key_engine(acme_ca_key_source_t *source, const char *name,
    const char *id)
{
    ERR_raise(ERR_LIB_USER, ERR_R_DISABLED);

    return NULL;
}

#endif


/* nobody is there to be asked but the file of passphrases */

static int
acme_ca_key_password(char *buf, int size, int writing, void *data)
{
    acme_ca_key_source_t *source = data;

    source->asked = 1;

    if (source->password == NULL || source->password->len > (size_t) size) {
        return -1;
    }

    ngx_memcpy(buf, source->password->data, source->password->len);

    return (int) source->password->len;
}


/* the text of before stays where there is no memory for this one */

static void
acme_ca_key_refuse(ngx_pool_t *pool, acme_ca_key_source_t *source,
    const ngx_array_t *passwords, ngx_str_t *name, ngx_str_t *error)
{
    char         buf[ACME_CA_CRYPTO_REASON_LEN], *reason;
    const char  *format;

    reason = (ERR_peek_error() != 0) ? acme_ca_crypto_reason(buf)
                                     : "nothing like one was found";

    format = !source->asked
             ? "no private key in \"%V\" (%s)"
             : (passwords == NULL)
             ? "the private key in \"%V\" needs a passphrase, in a file "
               "that \"issuer_password_file\" names (%s)"
             : source->token
             ? "the first line of \"issuer_password_file\" is not the PIN of "
               "the private key in \"%V\" (%s)"
             : "no line of \"issuer_password_file\" is the passphrase of the "
               "private key in \"%V\" (%s)";

    acme_ca_key_conceal(name);

    (void) acme_ca_format(pool, error, ACME_CA_KEY_ERROR_MAX, format, name,
                          reason);
}


/* "pin-value=1234" of a URI (RFC 7512, 2.4) is not for a log */

static void
acme_ca_key_conceal(ngx_str_t *name)
{
    char  *p;

    p = ngx_strstr(name->data, "pin-value=");
    if (p == NULL) {
        return;
    }

    for (p += sizeof("pin-value=") - 1; *p != '\0' && *p != ';' && *p != '&';
         p++)
    {
        *p = '*';
    }
}
