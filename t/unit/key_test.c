
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_key.c: keys in every form that OpenSSL reads.
 */


#include "pki.h"
#include "tap.h"

#include <openssl/pkcs12.h>

#include <unistd.h>


static void test_new(ngx_pool_t *pool);
static void test_quick(void);
static void test_files(ngx_pool_t *pool);
static void test_refused(ngx_pool_t *pool);
static void test_passwords(ngx_pool_t *pool);
static void test_memory(ngx_pool_t *pool);


static char  folder[] = "/tmp/acme-ca-key-XXXXXX";
static char  path[256];


int
main(void)
{
    ngx_pool_t  *pool;

    /* not shim_openssl(): without memory OpenSSL's decoders crash */

    pool = ngx_create_pool(4096, &shim_log);

    if (mkdtemp(folder) == NULL) {
        return 1;
    }

    snprintf(path, sizeof(path), "%s/key", folder);

    /* one that is installed here leaks when it is not asked for a key */

    setenv("OPENSSL_ENGINES", folder, 1);

    test_new(pool);
    test_quick();
    test_files(pool);
    test_refused(pool);
    test_passwords(pool);
    test_memory(pool);

    is_int(ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");

    unlink(path);
    rmdir(folder);
    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_new(ngx_pool_t *pool)
{
    char        name[32];
    size_t      len;
    EVP_PKEY   *key, *again;
    ngx_str_t   pem;

    key = acme_ca_key_new(&shim_log);
    ok(key != NULL, "a new key");

    EVP_PKEY_get_group_name(key, name, sizeof(name), &len);
    ok(strcmp(name, "prime256v1") == 0, "is of P-256");

    is_int(acme_ca_key_write(pool, key, &pem), NGX_OK, "written");
    ok(strncmp((char *) pem.data, "-----BEGIN PRIVATE KEY-----\n", 28) == 0,
       "as PKCS#8");

    again = pki_key_pem(&pem);
    is_int(EVP_PKEY_eq(key, again), 1, "is the same");

    EVP_PKEY_free(key);
    EVP_PKEY_free(again);
}


/* keys in tokens: t/acme_ca_pkcs11.t signs with them */

static void
test_quick(void)
{
    ngx_uint_t   i;
    EVP_PKEY    *key;

    static const struct {
        ngx_uint_t   kind;
        ngx_uint_t   quick;
        const char  *name;
    } keys[] = {
        { ACME_CA_KEY_EC_P256, 1, "P-256 is quick" },
        { ACME_CA_KEY_ED25519, 1, "Ed25519 is quick" },
        { ACME_CA_KEY_EC_P384, 0, "P-384 is not" },
        { ACME_CA_KEY_RSA_2048, 0, "RSA is not" },
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        key = acme_ca_key_make(&shim_log, keys[i].kind);
        is_int(acme_ca_key_is_quick(key), keys[i].quick, keys[i].name);
        EVP_PKEY_free(key);
    }
}


static void
is_loaded(ngx_pool_t *pool, EVP_PKEY *key, const char *source,
    const char *what)
{
    EVP_PKEY   *read;
    ngx_str_t   name, error;

    name = pki_c(source);
    ngx_str_null(&error);

    read = acme_ca_key_load(pool, &name, NULL, &error);

    if (!ok(read != NULL && EVP_PKEY_eq(key, read) == 1, "%s", what)) {
        printf("# %.*s\n", (int) error.len, error.data);
    }

    EVP_PKEY_free(read);
}


static void
test_files(ngx_pool_t *pool)
{
    BIO        *bio;
    char        uri[300];
    X509       *cert;
    size_t      i;
    PKCS12     *p12;
    EVP_PKEY   *key;

    static const char  *kinds[] = {
        "P-256", "P-384", "P-521", "ED25519", "2048"
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        key = pki_key(kinds[i]);

        bio = BIO_new_file(path, "w");
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
        BIO_free(bio);
        is_loaded(pool, key, path, "PKCS#8 in PEM");

        snprintf(uri, sizeof(uri), "file:%s", path);
        is_loaded(pool, key, uri, "file:");
        snprintf(uri, sizeof(uri), "store:%s", path);
        is_loaded(pool, key, uri, "store:");
        snprintf(uri, sizeof(uri), "store:file:%s", path);
        is_loaded(pool, key, uri, "store:file:");

        bio = BIO_new_file(path, "w");
        i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL);
        BIO_free(bio);
        is_loaded(pool, key, path, "PKCS#8 in DER");

        bio = BIO_new_file(path, "w");
        PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL,
                                             NULL);
        BIO_free(bio);

        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
            is_loaded(pool, key, path, "the traditional form");
        }

        ERR_clear_error();

        cert = pki_ca("CA", key, NULL, NULL, PKI_NOW, PKI_NOW + 1,
                      pki_ca_exts);

        bio = BIO_new_file(path, "w");
        PEM_write_bio_X509(bio, cert);
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
        BIO_free(bio);
        is_loaded(pool, key, path, "behind a certificate");

        bio = BIO_new_file(path, "w");
        BIO_printf(bio, "-----BEGIN EC PARAMETERS-----\n"
                   "BggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
        BIO_free(bio);
        is_loaded(pool, key, path, "behind parameters");

        p12 = PKCS12_create("", "name", key, cert, NULL, 0, 0, 0, 0, 0);
        bio = BIO_new_file(path, "w");
        i2d_PKCS12_bio(bio, p12);
        BIO_free(bio);
        PKCS12_free(p12);
        is_loaded(pool, key, path, "PKCS#12 without a password");

        X509_free(cert);
        EVP_PKEY_free(key);
    }
}


static void
is_refused(ngx_pool_t *pool, const char *source, const char *what)
{
    ngx_str_t   name, error;
    EVP_PKEY   *key;

    name = pki_c(source);
    ngx_str_null(&error);

    key = acme_ca_key_load(pool, &name, NULL, &error);

    ok(key == NULL && error.len
       && strstr((char *) error.data, source) != NULL, "%s", what);
    printf("# %.*s\n", (int) error.len, error.data);
    is_int(ERR_peek_error(), 0, "nothing is left behind");

    EVP_PKEY_free(key);
}


static void
test_refused(ngx_pool_t *pool)
{
    BIO        *bio;
    X509       *cert;
    EVP_PKEY   *key;
    ngx_str_t   name, error;

    is_refused(pool, "/nonexistent/key.pem", "no such file");
    is_refused(pool, "/", "a folder");
    is_refused(pool, "", "no name");
    is_refused(pool, "pkcs11:token=none", "a scheme without a provider");
    is_refused(pool, "engine:none", "an engine without a key");
    is_refused(pool, "engine:none:key", "an unknown engine");
    is_refused(pool, "store:", "no URI");

    /* the engine's name stays as it was */

    name = pki_lit("engine:none:key");
    (void) acme_ca_key_load(pool, &name, NULL, &error);
    is_str(&name, "engine:none:key", "the source is not written to");

    bio = BIO_new_file(path, "w");
    BIO_free(bio);
    is_refused(pool, path, "an empty file");

    bio = BIO_new_file(path, "w");
    BIO_puts(bio, "this is not a key\n");
    BIO_free(bio);
    is_refused(pool, path, "a text");

    key = pki_key("P-256");

    bio = BIO_new_file(path, "w");
    PEM_write_bio_PUBKEY(bio, key);
    BIO_free(bio);
    is_refused(pool, path, "a public key");

    cert = pki_ca("CA", key, NULL, NULL, PKI_NOW, PKI_NOW + 1, pki_ca_exts);
    bio = BIO_new_file(path, "w");
    PEM_write_bio_X509(bio, cert);
    BIO_free(bio);
    X509_free(cert);
    is_refused(pool, path, "a certificate");

    bio = BIO_new_file(path, "w");
    PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), "secret", 6,
                                  NULL, NULL);
    BIO_free(bio);
    is_refused(pool, path, "an encrypted key (nobody is asked)");

    EVP_PKEY_free(key);
}


static void
test_passwords(ngx_pool_t *pool)
{
    FILE         *f;
    EVP_PKEY     *key, *read;
    ngx_str_t     name, error, pem, sealed, words[3];
    ngx_uint_t    i;
    ngx_array_t   passwords;

    static const struct {
        ngx_uint_t    n;
        ngx_uint_t    read;
        const char   *what;
    } tries[] = {
        { 0, 0, "no passphrase" },
        { 2, 0, "two that are wrong" },
        { 3, 1, "the third one is right" },
    };

    key = pki_key("P-256");
    name = pki_c(path);

    words[0] = pki_lit("wrong");
    words[1] = pki_lit("secre");
    words[2] = pki_lit("secret words");

    acme_ca_key_write(pool, key, &pem);

    is_int(acme_ca_key_seal(pool, &pem, &words[2], &sealed), NGX_OK, "sealed");
    ok(strncmp((char *) sealed.data, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
               38) == 0, "as PKCS#8");

    f = fopen(path, "w");
    fwrite(sealed.data, 1, sealed.len, f);
    fclose(f);

    ngx_memzero(&passwords, sizeof(ngx_array_t));
    passwords.elts = words;
    passwords.size = sizeof(ngx_str_t);

    for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        passwords.nelts = tries[i].n;
        ngx_str_null(&error);

        read = acme_ca_key_load(pool, &name,
                                tries[i].n != 0 ? &passwords : NULL, &error);

        is_int(read != NULL && EVP_PKEY_eq(key, read) == 1, tries[i].read,
               "%s", tries[i].what);
        is_int(strstr((char *) error.data ? (char *) error.data : "",
                      "issuer_password_file") != NULL, !tries[i].read,
               "and what is said");

        EVP_PKEY_free(read);
    }

    /* a key without one is not asked for it */

    f = fopen(path, "w");
    fwrite(pem.data, 1, pem.len, f);
    fclose(f);

    passwords.nelts = 1;
    read = acme_ca_key_load(pool, &name, &passwords, &error);
    ok(read != NULL, "a key without a passphrase");
    EVP_PKEY_free(read);

    /* who reads the log need not know */

    name = pki_lit("pkcs11:token=a;pin-value=1234;object=b");
    read = acme_ca_key_load(pool, &name, NULL, &error);
    ok(read == NULL && strstr((char *) error.data, "pin-value=****;object=b")
       != NULL, "a PIN is not shown");
    is_str(&name, "pkcs11:token=a;pin-value=1234;object=b", "and is kept");

    is_int(acme_ca_key_seal(pool, &name, &words[0], &sealed), NGX_ERROR,
           "what is no key is not sealed");

    EVP_PKEY_free(key);
}


static void
test_memory(ngx_pool_t *pool)
{
    BIO         *bio;
    EVP_PKEY    *key, *read;
    ngx_int_t    n, rc;
    ngx_str_t    name, error, pem;
    ngx_pool_t  *one;

    key = pki_key("P-256");

    bio = BIO_new_file(path, "w");
    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    BIO_free(bio);

    name = pki_c(path);

    for (n = 0; /* void */ ; n++) {
        one = ngx_create_pool(1024, &shim_log);
        ngx_str_null(&error);

        shim_fail_at(n);
        read = acme_ca_key_load(one, &name, NULL, &error);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            ok(read != NULL, "loaded with memory");
            EVP_PKEY_free(read);
            ngx_destroy_pool(one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (read == NULL && error.len == 0) {
            ok(0, "no error without allocation %d", (int) n);
        }

        EVP_PKEY_free(read);
        ERR_clear_error();
        ngx_destroy_pool(one);
    }

    for (n = 0; /* void */ ; n++) {
        one = ngx_create_pool(1024, &shim_log);

        shim_fail_at(n);
        rc = acme_ca_key_write(one, key, &pem);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "written with memory");
            ngx_destroy_pool(one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc == NGX_OK && pem.len == 0) {
            ok(0, "no text without allocation %d", (int) n);
        }

        ERR_clear_error();
        ngx_destroy_pool(one);
    }

    EVP_PKEY_free(key);
}
