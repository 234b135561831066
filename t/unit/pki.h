
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the tests of certificates share: keys, requests made by OpenSSL or
 * from single pieces of DER, issuers.
 */


#ifndef _PKI_H_INCLUDED_
#define _PKI_H_INCLUDED_


#include "shim.h"

#include "acme_ca_csr.h"
#include "acme_ca_der.h"
#include "acme_ca_issuer.h"
#include "acme_ca_leaf.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>


#define PKI_NOW  1800000000                  /* 2027-01-15T08:00:00Z */

#define PKI_UNUSED  __attribute__((unused))

#define pki_lit(literal)  pki_str(literal, sizeof(literal) - 1)


static const acme_ca_hierarchy_plan_t  pki_plan PKI_UNUSED = {
    ACME_CA_KEY_EC_P256, 0, { NULL, NULL, NULL, NULL, NULL, NULL },
    ngx_null_string, 10 * 31536000, 5 * 31536000
};


/* a context on a pool of its own */
static PKI_UNUSED void
pki_start(acme_ca_ctx_t *ctx)
{
    memset(ctx, 0, sizeof(acme_ca_ctx_t));

    ctx->log = &shim_log;
    ctx->now = PKI_NOW;
    ctx->pool = ngx_create_pool(4096, &shim_log);
    shim_logged[0] = '\0';
}


static PKI_UNUSED void
pki_stop(acme_ca_ctx_t *ctx)
{
    ngx_destroy_pool(ctx->pool);
}


static PKI_UNUSED ngx_str_t
pki_str(const char *text, size_t len)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = len;

    return s;
}


static PKI_UNUSED ngx_str_t
pki_c(const char *text)
{
    return pki_str(text, strlen(text));
}


/* "P-256", "P-384", "P-521", "secp256k1", "ED25519", "ED448", "2048" (RSA) */
static PKI_UNUSED EVP_PKEY *
pki_key(const char *kind)
{
    EVP_PKEY  *key;

    if (kind[0] >= '1' && kind[0] <= '9') {
        key = EVP_RSA_gen(atoi(kind));

    } else if (kind[0] == 'E') {
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);

    } else {
        key = EVP_EC_gen(kind);
    }

    if (key == NULL) {
        ERR_print_errors_fp(stderr);
        abort();
    }

    return key;
}


/* one element around the pieces, that end with an empty one */
static PKI_UNUSED ngx_str_t
pki_der(ngx_pool_t *pool, int tag, ...)
{
    size_t      len;
    u_char     *p;
    va_list     args;
    ngx_str_t   piece, whole;

    len = 0;

    va_start(args, tag);

    for ( ;; ) {
        piece = va_arg(args, ngx_str_t);
        if (piece.data == NULL) {
            break;
        }

        len += piece.len;
    }

    va_end(args);

    whole.data = ngx_palloc(pool, len + 6);
    p = whole.data;

    *p++ = (u_char) tag;

    if (len < 0x80) {
        *p++ = (u_char) len;

    } else if (len < 0x100) {
        *p++ = 0x81;
        *p++ = (u_char) len;

    } else {
        *p++ = 0x82;
        *p++ = (u_char) (len >> 8);
        *p++ = (u_char) len;
    }

    va_start(args, tag);

    for ( ;; ) {
        piece = va_arg(args, ngx_str_t);
        if (piece.data == NULL) {
            break;
        }

        p = ngx_cpymem(p, piece.data, piece.len);
    }

    va_end(args);

    whole.len = p - whole.data;

    return whole;
}

#define PKI_END  pki_str(NULL, 0)


static PKI_UNUSED ngx_str_t
pki_cat(ngx_pool_t *pool, ngx_str_t a, ngx_str_t b)
{
    ngx_str_t  s;

    s.len = a.len + b.len;
    s.data = ngx_palloc(pool, s.len + 1);

    (void) ngx_cpymem(ngx_cpymem(s.data, a.data, a.len), b.data, b.len);

    return s;
}


static PKI_UNUSED ngx_str_t
pki_own(ngx_pool_t *pool, u_char *openssl, int len)
{
    ngx_str_t  s;

    s.data = ngx_palloc(pool, len + 1);
    s.len = len;
    memcpy(s.data, openssl, len);
    OPENSSL_free(openssl);

    return s;
}


static PKI_UNUSED ngx_str_t
pki_spki(ngx_pool_t *pool, EVP_PKEY *key)
{
    int      len;
    u_char  *p;

    p = NULL;
    len = i2d_PUBKEY(key, &p);

    return pki_own(pool, p, len);
}


/* what "digest" (NULL: Ed25519) signs, as BIT STRING */
static PKI_UNUSED ngx_str_t
pki_sign(ngx_pool_t *pool, EVP_PKEY *key, const EVP_MD *digest, int salt_len,
    ngx_str_t tbs)
{
    size_t         len;
    u_char         signature[2048];
    EVP_MD_CTX    *md;
    EVP_PKEY_CTX  *pctx;

    md = EVP_MD_CTX_new();
    len = sizeof(signature);

    if (EVP_DigestSignInit(md, &pctx, digest, NULL, key) != 1
        || (salt_len >= 0
            && (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1
                || EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt_len) != 1))
        || EVP_DigestSign(md, signature, &len, tbs.data, tbs.len) != 1)
    {
        ERR_print_errors_fp(stderr);
        abort();
    }

    EVP_MD_CTX_free(md);

    return pki_der(pool, 0x03, pki_lit("\0"),
                   pki_str((char *) signature, len), PKI_END);
}


/* AlgorithmIdentifiers of signatures */

#define PKI_ECDSA_SHA256                                                      \
    pki_lit("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define PKI_RSA_SHA256                                                        \
    pki_lit("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")


static PKI_UNUSED ngx_str_t
pki_request(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t info)
{
    const EVP_MD  *digest;
    ngx_str_t      algorithm;

    digest = EVP_sha256();
    algorithm = PKI_ECDSA_SHA256;

    switch (EVP_PKEY_get_base_id(key)) {

    case EVP_PKEY_RSA:
        algorithm = PKI_RSA_SHA256;
        break;

    case EVP_PKEY_ED25519:
        digest = NULL;
        algorithm = pki_lit("\x30\x05\x06\x03\x2b\x65\x70");
        break;
    }

    return pki_der(pool, 0x30, info, algorithm,
                   pki_sign(pool, key, digest, -1, info), PKI_END);
}


/* an Extension */
static PKI_UNUSED ngx_str_t
pki_extension(ngx_pool_t *pool, ngx_str_t oid, ngx_str_t critical,
    ngx_str_t value)
{
    return pki_der(pool, 0x30, pki_der(pool, 0x06, oid, PKI_END), critical,
                   pki_der(pool, 0x04, value, PKI_END), PKI_END);
}


/* subjectAltName of "a.example,b.example" */
static PKI_UNUSED ngx_str_t
pki_san(ngx_pool_t *pool, const char *names)
{
    size_t      n;
    ngx_str_t   list;

    list = pki_lit("");

    while (*names) {
        n = strcspn(names, ",");
        list = pki_cat(pool, list,
                       pki_der(pool, 0x82, pki_str(names, n), PKI_END));
        names += n + (names[n] == ',');
    }

    return pki_extension(pool, pki_lit("\x55\x1d\x11"), pki_lit(""),
                         pki_der(pool, 0x30, list, PKI_END));
}


/* attributes with one extensionRequest */
static PKI_UNUSED ngx_str_t
pki_attribute(ngx_pool_t *pool, ngx_str_t extensions)
{
    return pki_der(pool, 0x30,
                   pki_lit("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"),
                   pki_der(pool, 0x31,
                           pki_der(pool, 0x30, extensions, PKI_END), PKI_END),
                   PKI_END);
}


/* one relative distinguished name of a subject */
static PKI_UNUSED ngx_str_t
pki_rdn(ngx_pool_t *pool, ngx_str_t oid, int tag, ngx_str_t value)
{
    return pki_der(pool, 0x31,
                   pki_der(pool, 0x30, pki_der(pool, 0x06, oid, PKI_END),
                           pki_der(pool, tag, value, PKI_END), PKI_END),
                   PKI_END);
}

#define pki_cn(pool, text)                                                    \
    pki_rdn(pool, pki_lit("\x55\x04\x03"), 0x0c, pki_c(text))


/* a request from its parts; subject and extensions are lists of elements */
static PKI_UNUSED ngx_str_t
pki_csr(ngx_pool_t *pool, EVP_PKEY *key, ngx_str_t subject,
    ngx_str_t extensions)
{
    return pki_request(pool, key,
                       pki_der(pool, 0x30, pki_lit("\x02\x01\0"),
                               pki_der(pool, 0x30, subject, PKI_END),
                               pki_spki(pool, key),
                               pki_der(pool, 0xa0,
                                       pki_attribute(pool, extensions),
                                       PKI_END),
                               PKI_END));
}


static PKI_UNUSED X509 *
pki_x509(ngx_str_t *der)
{
    const u_char  *p;

    p = der->data;

    return d2i_X509(NULL, &p, der->len);
}


static PKI_UNUSED X509 *
pki_x509_pem(ngx_str_t *pem)
{
    BIO   *bio;
    X509  *cert;

    bio = BIO_new_mem_buf(pem->data, pem->len);
    cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);

    return cert;
}


static PKI_UNUSED EVP_PKEY *
pki_key_pem(ngx_str_t *pem)
{
    BIO       *bio;
    EVP_PKEY  *key;

    bio = BIO_new_mem_buf(pem->data, pem->len);
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);

    return key;
}


/* a certificate with extensions in OpenSSL's words, up to a NULL name */
typedef struct {
    int          nid;
    const char  *value;
} pki_ext_t;

static PKI_UNUSED X509 *
pki_ca(const char *cn, EVP_PKEY *key, X509 *upper, EVP_PKEY *upper_key,
    time_t from, time_t to, const pki_ext_t *exts)
{
    X509            *cert;
    X509V3_CTX       v3;
    X509_NAME       *name;
    X509_EXTENSION  *ext;

    cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711);

    name = X509_get_subject_name(cert);

    if (cn != NULL) {
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (u_char *) cn,
                                   -1, -1, 0);
    }

    X509_set_issuer_name(cert, upper ? X509_get_subject_name(upper) : name);
    ASN1_TIME_set(X509_getm_notBefore(cert), from);
    ASN1_TIME_set(X509_getm_notAfter(cert), to);
    X509_set_pubkey(cert, key);

    X509V3_set_ctx(&v3, upper ? upper : cert, cert, NULL, NULL, 0);

    for ( /* void */ ; exts->value; exts++) {
        ext = X509V3_EXT_conf_nid(NULL, &v3, exts->nid, exts->value);
        if (ext == NULL) {
            ERR_print_errors_fp(stderr);
            abort();
        }

        X509_add_ext(cert, ext, -1);
        X509_EXTENSION_free(ext);
    }

    X509_sign(cert, upper_key ? upper_key : key,
              EVP_PKEY_get_base_id(upper_key ? upper_key : key)
              == EVP_PKEY_ED25519 ? NULL : EVP_sha256());

    return cert;
}

static const pki_ext_t  pki_ca_exts[] PKI_UNUSED = {
    { NID_basic_constraints, "critical,CA:TRUE" },
    { NID_key_usage, "critical,keyCertSign,cRLSign" },
    { NID_subject_key_identifier, "hash" },
    { NID_authority_key_identifier, "keyid" },
    { 0, NULL }
};


/* PEM of certificates, appended to pem */
static PKI_UNUSED void
pki_pem(ngx_pool_t *pool, X509 *cert, ngx_str_t *pem)
{
    BIO   *bio;
    char  *text;
    long   len;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    len = BIO_get_mem_data(bio, &text);
    *pem = pki_cat(pool, *pem, pki_str(text, len));
    BIO_free(bio);
}


/* the problem's type, or -1 */
#define pki_problem(ctx)  ((ctx)->problem ? (int) (ctx)->problem->type : -1)


#endif /* _PKI_H_INCLUDED_ */
