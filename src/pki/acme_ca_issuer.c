
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Issuers: what nginx.conf or the store names is checked thoroughly once, so
 * that no leaf has to be refused by a client later (RFC 5280, 6.1).
 */


#include "acme_ca_issuer_load.h"
#include "acme_ca_crypto.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>


#define ACME_CA_ISSUER_CHAIN_MAX  16
#define ACME_CA_ISSUER_RSA_MIN    2048
#define ACME_CA_ISSUER_SIG_MAX    5120       /* bytes: ML-DSA-87 has 4627 */


typedef const EVP_MD *(*acme_ca_issuer_digest_pt)(void);

typedef struct {
    const char                *type;
    const char                *curve;
    acme_ca_issuer_digest_pt   digest;
    ngx_str_t                  algorithm;
} acme_ca_issuer_signer_t;

typedef ngx_int_t (*acme_ca_issuer_step_pt)(acme_ca_issuer_load_t *load);


static int acme_ca_issuer_no_password(char *buf, int size, int write,
    void *data);
static ngx_int_t acme_ca_issuer_check_dates(acme_ca_issuer_load_t *load);
static ngx_int_t acme_ca_issuer_check_chain(acme_ca_issuer_load_t *load);
static ngx_int_t acme_ca_issuer_check_signer(acme_ca_issuer_load_t *load);
static ngx_int_t acme_ca_issuer_check_key(acme_ca_issuer_load_t *load);
static ngx_int_t acme_ca_issuer_try(acme_ca_issuer_load_t *load,
    EVP_PKEY *public, EVP_MD_CTX *md);


static const acme_ca_issuer_signer_t  acme_ca_issuer_signers[] = {

    { "EC", "prime256v1", EVP_sha256,
      ngx_string("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02") },

    { "EC", "secp384r1", EVP_sha384,
      ngx_string("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03") },

    { "EC", "secp521r1", EVP_sha512,
      ngx_string("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04") },

    { "RSA", NULL, EVP_sha256,
      ngx_string("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
                 "\x05\x00") },

    { "ED25519", NULL, NULL,
      ngx_string("\x30\x05\x06\x03\x2b\x65\x70") },

    /* RFC 9881; OpenSSL 3.5 */

    { "ML-DSA-44", NULL, NULL,
      ngx_string("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03"
                 "\x11") },

    { "ML-DSA-65", NULL, NULL,
      ngx_string("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03"
                 "\x12") },

    { "ML-DSA-87", NULL, NULL,
      ngx_string("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03"
                 "\x13") },

    { NULL, NULL, NULL, ngx_null_string }
};


/* in this order: a step may need what those before it have filled in */

static const acme_ca_issuer_step_pt  acme_ca_issuer_steps[] = {
    acme_ca_issuer_check,
    acme_ca_issuer_check_signer,
    acme_ca_issuer_fill_der,
    acme_ca_issuer_check_key,
    acme_ca_issuer_fill_name,
    acme_ca_issuer_fill_key_id,
    acme_ca_issuer_fill_chain,
    acme_ca_issuer_fill_constraints,
    acme_ca_issuer_fill_key,
    NULL
};


ngx_int_t
acme_ca_issuer_load(ngx_pool_t *pool, ngx_str_t *chain_pem, EVP_PKEY *key,
    time_t now, acme_ca_issuer_t **issuer, ngx_str_t *error)
{
    ngx_int_t                      rc;
    acme_ca_issuer_load_t          load;
    const acme_ca_issuer_step_pt  *step;

    ngx_str_set(error, "no memory for an issuer");

    load.pool = pool;
    load.key = key;
    load.now = now;
    load.error = error;

    load.issuer = ngx_pcalloc(pool, sizeof(acme_ca_issuer_t));
    if (load.issuer == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&load.issuer->alternates, pool, 1, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    load.certs = sk_X509_new_null();
    if (load.certs == NULL) {
        acme_ca_crypto_error(pool->log, "sk_X509_new_null()");
        return NGX_ERROR;
    }

    rc = acme_ca_issuer_read(&load, chain_pem);

    for (step = acme_ca_issuer_steps; rc == NGX_OK && *step; step++) {
        rc = (*step)(&load);
    }

    sk_X509_pop_free(load.certs, X509_free);

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(pool->log, "loading an issuer");
        return NGX_ERROR;
    }

    ERR_clear_error();

    if (rc == NGX_OK) {
        *issuer = load.issuer;

    } else if (load.issuer->not_after != 0 && load.issuer->not_after <= now) {
        *issuer = load.issuer;
        return NGX_DONE;
    }

    return rc;
}


ngx_int_t
acme_ca_issuer_read(acme_ca_issuer_load_t *load, ngx_str_t *pem)
{
    BIO         *bio;
    X509        *cert;
    ngx_int_t    rc;
    ngx_uint_t   i;

    bio = BIO_new_mem_buf(pem->data, (int) pem->len);
    if (bio == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (i = 0; i < ACME_CA_ISSUER_CHAIN_MAX; i++) {

        cert = PEM_read_bio_X509(bio, NULL, acme_ca_issuer_no_password, NULL);
        if (cert == NULL) {
            break;
        }

        if (!sk_X509_push(load->certs, cert)) {
            X509_free(cert);
            rc = NGX_ERROR;
            break;
        }
    }

    BIO_free(bio);

    if (rc == NGX_ERROR || acme_ca_crypto_starved()) {
        return NGX_ERROR;
    }

    if (i == ACME_CA_ISSUER_CHAIN_MAX) {
        ngx_str_set(load->error, "the chain is too long");
        return NGX_DECLINED;
    }

    /* how PEM_read_bio_X509() says that it read them all */

    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        ngx_str_set(load->error, "a certificate is malformed");
        return NGX_DECLINED;
    }

    ERR_clear_error();

    if (i == 0) {
        ngx_str_set(load->error, "there is no certificate in PEM form");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* OpenSSL's own would ask on the terminal */

static int
acme_ca_issuer_no_password(char *buf, int size, int write, void *data)
{
    return 0;
}


ngx_int_t
acme_ca_issuer_check(acme_ca_issuer_load_t *load)
{
    ngx_int_t  rc;

    rc = acme_ca_issuer_check_ca(load);

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_check_dates(load);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_check_chain(load);
    }

    return rc;
}


ngx_int_t
acme_ca_issuer_check_ca(acme_ca_issuer_load_t *load)
{
    int        i;
    X509      *cert;
    uint32_t   flags;

    for (i = 0; i < sk_X509_num(load->certs); i++) {
        cert = sk_X509_value(load->certs, i);
        flags = X509_get_extension_flags(cert);

        if (flags & EXFLAG_INVALID) {
            if (acme_ca_crypto_starved()) {
                return NGX_ERROR;
            }

            (void) acme_ca_format(load->pool, load->error,
                                  ACME_CA_ISSUER_ERROR_MAX,
                                  "certificate %d has invalid extensions",
                                  i + 1);
            return NGX_DECLINED;
        }

        if (flags & EXFLAG_CRITICAL) {
            (void) acme_ca_format(load->pool, load->error,
                                  ACME_CA_ISSUER_ERROR_MAX,
                                  "certificate %d has a critical extension of "
                                  "an unknown kind", i + 1);
            return NGX_DECLINED;
        }

        if (!(flags & EXFLAG_CA)
            || !(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN))
        {
            (void) acme_ca_format(load->pool, load->error,
                                  ACME_CA_ISSUER_ERROR_MAX,
                                  "certificate %d is not one of a CA (it "
                                  "needs basicConstraints CA:TRUE and "
                                  "keyUsage keyCertSign)", i + 1);
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_issuer_check_dates(acme_ca_issuer_load_t *load)
{
    X509              *cert;
    acme_ca_issuer_t  *issuer;

    cert = sk_X509_value(load->certs, 0);
    issuer = load->issuer;

    if (acme_ca_issuer_time(X509_get0_notBefore(cert), &issuer->not_before)
        != NGX_OK
        || acme_ca_issuer_time(X509_get0_notAfter(cert), &issuer->not_after)
           != NGX_OK)
    {
        ngx_str_set(load->error, "the certificate's dates are malformed");
        return acme_ca_crypto_starved() ? NGX_ERROR : NGX_DECLINED;
    }

    if (issuer->not_before > load->now) {
        ngx_str_set(load->error, "the certificate is not valid yet");
        return NGX_DECLINED;
    }

    if (issuer->not_after <= load->now) {
        ngx_str_set(load->error, "the certificate has expired");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_issuer_time(const ASN1_TIME *at, time_t *t)
{
    int         days, seconds;
    ngx_int_t   rc;
    ASN1_TIME  *epoch;

    days = 0;
    seconds = 0;
    epoch = ASN1_TIME_set(NULL, 0);

    rc = (epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, at))
         ? NGX_OK : NGX_ERROR;

    ASN1_TIME_free(epoch);

    if (rc == NGX_OK) {
        *t = (time_t) days * 86400 + seconds;
    }

    return rc;
}


/* each certificate signed the one before it, and allowed it to be there */

static ngx_int_t
acme_ca_issuer_check_chain(acme_ca_issuer_load_t *load)
{
    int        i;
    long       pathlen;
    X509      *upper, *lower;
    EVP_PKEY  *public;

    for (i = 1; i < sk_X509_num(load->certs); i++) {

        upper = sk_X509_value(load->certs, i);
        lower = sk_X509_value(load->certs, i - 1);

        public = X509_get0_pubkey(upper);

        if (public == NULL
            || X509_check_issued(upper, lower) != X509_V_OK
            || X509_verify(lower, public) != 1)
        {
            if (acme_ca_crypto_starved()) {
                return NGX_ERROR;
            }

            (void) acme_ca_format(load->pool, load->error,
                                  ACME_CA_ISSUER_ERROR_MAX,
                                  "certificate %d did not sign the one before "
                                  "it", i + 1);
            return NGX_DECLINED;
        }

        pathlen = X509_get_pathlen(upper);

        if (pathlen >= 0 && pathlen < i) {
            (void) acme_ca_format(load->pool, load->error,
                                  ACME_CA_ISSUER_ERROR_MAX,
                                  "certificate %d allows only %l CAs below it",
                                  i + 1, pathlen);
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_issuer_check_signer(acme_ca_issuer_load_t *load)
{
    char                            curve[32];
    size_t                          len;
    EVP_PKEY                       *public;
    const acme_ca_issuer_signer_t  *signer;

    public = X509_get0_pubkey(sk_X509_value(load->certs, 0));
    if (public == NULL) {

        if (acme_ca_crypto_starved()) {
            return NGX_ERROR;
        }

        ngx_str_set(load->error, "the certificate's key is not supported");
        return NGX_DECLINED;
    }

    /* RSA and others have none */

    if (EVP_PKEY_get_group_name(public, curve, sizeof(curve), &len) != 1) {
        curve[0] = '\0';
        ERR_clear_error();
    }

    for (signer = acme_ca_issuer_signers; signer->type; signer++) {

        if (EVP_PKEY_is_a(public, signer->type)
            && (signer->curve == NULL
                || ngx_strcmp(signer->curve, curve) == 0))
        {
            break;
        }
    }

    if (signer->type == NULL
        || (EVP_PKEY_is_a(public, "RSA")
            && EVP_PKEY_get_bits(public) < ACME_CA_ISSUER_RSA_MIN))
    {
        ngx_str_set(load->error, "the certificate's key is not supported: it "
                    "has to be EC P-256, P-384, P-521, RSA of at least 2048 "
                    "bits, Ed25519, or ML-DSA where OpenSSL has it");
        return NGX_DECLINED;
    }

    load->issuer->algorithm = signer->algorithm;
    load->issuer->digest = (signer->digest != NULL) ? signer->digest() : NULL;

    return NGX_OK;
}


/*
 * Comparing public keys is not always possible where the private one lives in
 * hardware, and does not show that it can be used: a signature does.
 */

static ngx_int_t
acme_ca_issuer_check_key(acme_ca_issuer_load_t *load)
{
    EVP_PKEY    *public;
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    public = X509_get0_pubkey(sk_X509_value(load->certs, 0));

    rc = EVP_PKEY_eq(public, load->key);

    if (rc != 1 && acme_ca_crypto_starved()) {
        return NGX_ERROR;
    }

    if (rc == 0) {
        ngx_str_set(load->error, "the key is not that of the certificate");
        return NGX_DECLINED;
    }

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_issuer_try(load, public, md);

    EVP_MD_CTX_free(md);

    return rc;
}


static ngx_int_t
acme_ca_issuer_try(acme_ca_issuer_load_t *load, EVP_PKEY *public,
    EVP_MD_CTX *md)
{
    char               buf[ACME_CA_CRYPTO_REASON_LEN], *reason;
    size_t             len;
    u_char             signature[ACME_CA_ISSUER_SIG_MAX];
    acme_ca_issuer_t  *issuer;

    issuer = load->issuer;
    len = sizeof(signature);

    ERR_clear_error();

    if (acme_ca_key_sign_init(md, issuer->digest, load->key) != NGX_OK
        || EVP_DigestSign(md, signature, &len, issuer->der.data,
                          issuer->der.len)
           != 1
        || len > sizeof(signature))
    {
        if (acme_ca_crypto_starved()) {
            return NGX_ERROR;
        }

        reason = acme_ca_crypto_reason(buf);

        (void) acme_ca_format(load->pool, load->error,
                              2 * ACME_CA_ISSUER_ERROR_MAX,
                              "signing with the key failed (%s)", reason);
        return NGX_DECLINED;
    }

    (void) EVP_MD_CTX_reset(md);

    if (EVP_DigestVerifyInit(md, NULL, issuer->digest, NULL, public) != 1) {
        return NGX_ERROR;
    }

    if (EVP_DigestVerify(md, signature, len, issuer->der.data,
                         issuer->der.len)
        != 1)
    {
        if (acme_ca_crypto_starved()) {
            return NGX_ERROR;
        }

        ngx_str_set(load->error, "the key is not that of the certificate");
        return NGX_DECLINED;
    }

    return NGX_OK;
}
