
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Who signs OCSP responses in an issuer's name (RFC 6960, 4.2.2.2): a
 * certificate with id-kp-OCSPSigning, directly below the issuer, short-lived
 * because nobody asks whether it was revoked (id-pkix-ocsp-nocheck).
 */


#include "acme_ca_ocsp.h"
#include "acme_ca_crypto.h"
#include "acme_ca_x509.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>


/* for clients whose clocks are slow */
#define ACME_CA_OCSP_BACKDATE    3600

/* X.520's limit of a common name */
#define ACME_CA_OCSP_CN_MAX      64


static X509 *acme_ca_ocsp_signer_make(const acme_ca_issuer_t *issuer,
    const acme_ca_certificate_t *cert, EVP_PKEY *key);
static ngx_int_t acme_ca_ocsp_signer_fill(const acme_ca_issuer_t *issuer,
    const acme_ca_certificate_t *cert, EVP_PKEY *key, X509 *x509);
static ngx_int_t acme_ca_ocsp_signer_subject(const ngx_str_t *common_name,
    X509 *x509);
static ngx_int_t acme_ca_ocsp_signer_extend(const acme_ca_issuer_t *issuer,
    X509 *x509);
static ngx_int_t acme_ca_ocsp_signer_purpose(X509 *x509);
static ngx_int_t acme_ca_ocsp_signer_authority(const ngx_str_t *key_id,
    X509 *x509);
static ngx_int_t acme_ca_ocsp_signer_der(ngx_pool_t *pool, X509 *x509,
    acme_ca_certificate_t *cert);


ngx_int_t
acme_ca_ocsp_signer_new(acme_ca_ctx_t *ctx, const acme_ca_issuer_t *issuer,
    time_t lifetime, acme_ca_certificate_t *cert, ngx_str_t *key_pem)
{
    X509       *x509;
    EVP_PKEY   *key;
    ngx_int_t   rc;
    ngx_str_t   label;

    label.data = issuer->name.data;
    label.len = ngx_min(issuer->name.len,
                        ACME_CA_OCSP_CN_MAX - sizeof(" OCSP") + 1);

    cert->status = ACME_CA_VALID;
    cert->revocation_reason = -1;
    cert->not_before = ngx_max(ctx->now - ACME_CA_OCSP_BACKDATE,
                               issuer->not_before);
    cert->not_after = ngx_min(ctx->now + lifetime, issuer->not_after);

    cert->serial.len = ACME_CA_X509_SERIAL_LEN;
    cert->serial.data = ngx_pnalloc(ctx->pool, ACME_CA_X509_SERIAL_LEN);

    ngx_str_set(&cert->key_type, "EC P-256");

    if (cert->serial.data == NULL
        || acme_ca_x509_serial_new(cert->serial.data) != NGX_OK
        || acme_ca_format(ctx->pool, &cert->common_name, ACME_CA_OCSP_CN_MAX,
                          "%V OCSP", &label)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    key = acme_ca_key_new(ctx->log);
    if (key == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    x509 = acme_ca_ocsp_signer_make(issuer, cert, key);

    if (x509 == NULL) {
        acme_ca_crypto_error(ctx->log, "making a certificate for OCSP");

    } else if (acme_ca_ocsp_signer_der(ctx->pool, x509, cert) == NGX_OK) {
        rc = acme_ca_key_write(ctx->pool, key, key_pem);
    }

    X509_free(x509);
    EVP_PKEY_free(key);

    return rc;
}


static X509 *
acme_ca_ocsp_signer_make(const acme_ca_issuer_t *issuer,
    const acme_ca_certificate_t *cert, EVP_PKEY *key)
{
    X509        *x509;
    EVP_MD_CTX  *md;

    x509 = X509_new();
    md = EVP_MD_CTX_new();

    if (x509 == NULL || md == NULL
        || acme_ca_ocsp_signer_fill(issuer, cert, key, x509) != NGX_OK
        || acme_ca_ocsp_signer_extend(issuer, x509) != NGX_OK
        || acme_ca_key_sign_init(md, issuer->digest, issuer->key) != NGX_OK
        || X509_sign_ctx(x509, md) <= 0)
    {
        X509_free(x509);
        x509 = NULL;
    }

    EVP_MD_CTX_free(md);

    return x509;
}


static ngx_int_t
acme_ca_ocsp_signer_fill(const acme_ca_issuer_t *issuer,
    const acme_ca_certificate_t *cert, EVP_PKEY *key, X509 *x509)
{
    X509_NAME     *name;
    ngx_int_t      rc;
    const u_char  *p;

    p = issuer->subject.data;

    name = d2i_X509_NAME(NULL, &p, (long) issuer->subject.len);
    if (name == NULL) {
        return NGX_ERROR;
    }

    rc = (X509_set_version(x509, X509_VERSION_3)
          && acme_ca_x509_serial_set(x509, cert->serial.data) == NGX_OK
          && acme_ca_ocsp_signer_subject(&cert->common_name, x509) == NGX_OK
          && X509_set_issuer_name(x509, name)
          && ASN1_TIME_set(X509_getm_notBefore(x509), cert->not_before) != NULL
          && ASN1_TIME_set(X509_getm_notAfter(x509), cert->not_after) != NULL
          && X509_set_pubkey(x509, key))
         ? NGX_OK : NGX_ERROR;

    X509_NAME_free(name);

    return rc;
}


static ngx_int_t
acme_ca_ocsp_signer_subject(const ngx_str_t *common_name, X509 *x509)
{
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(x509),
                                      NID_commonName, MBSTRING_UTF8,
                                      common_name->data,
                                      (int) common_name->len, -1, 0)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
acme_ca_ocsp_signer_extend(const acme_ca_issuer_t *issuer, X509 *x509)
{
    ngx_int_t   rc;
    ASN1_NULL  *null;

    if (acme_ca_x509_usage(x509, ACME_CA_X509_DIGITAL_SIGNATURE) != NGX_OK
        || acme_ca_ocsp_signer_purpose(x509) != NGX_OK
        || acme_ca_ocsp_signer_authority(&issuer->key_id, x509) != NGX_OK)
    {
        return NGX_ERROR;
    }

    null = ASN1_NULL_new();

    rc = (null != NULL
          && X509_add1_ext_i2d(x509, NID_id_pkix_OCSP_noCheck, null, 0,
                               X509V3_ADD_DEFAULT)
             == 1)
         ? NGX_OK : NGX_ERROR;

    ASN1_NULL_free(null);

    return rc;
}


static ngx_int_t
acme_ca_ocsp_signer_purpose(X509 *x509)
{
    ngx_int_t            rc;
    EXTENDED_KEY_USAGE  *list;

    list = sk_ASN1_OBJECT_new_null();

    rc = (list != NULL
          && sk_ASN1_OBJECT_push(list, OBJ_nid2obj(NID_OCSP_sign)) > 0
          && X509_add1_ext_i2d(x509, NID_ext_key_usage, list, 0,
                               X509V3_ADD_DEFAULT)
             == 1)
         ? NGX_OK : NGX_ERROR;

    /* what is in it is a constant of OpenSSL's */

    sk_ASN1_OBJECT_free(list);

    return rc;
}


static ngx_int_t
acme_ca_ocsp_signer_authority(const ngx_str_t *key_id, X509 *x509)
{
    ngx_int_t           rc;
    ASN1_OCTET_STRING  *id;

    if (key_id->len == 0) {
        return NGX_OK;
    }

    id = ASN1_OCTET_STRING_new();

    rc = (id != NULL
          && ASN1_OCTET_STRING_set(id, key_id->data, (int) key_id->len))
         ? acme_ca_x509_authority(x509, id) : NGX_ERROR;

    ASN1_OCTET_STRING_free(id);

    return rc;
}


static ngx_int_t
acme_ca_ocsp_signer_der(ngx_pool_t *pool, X509 *x509,
    acme_ca_certificate_t *cert)
{
    if (acme_ca_x509_der(pool, x509, &cert->der) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_sha256(cert->der.data, cert->der.len, cert->fingerprint);
}


ngx_int_t
acme_ca_ocsp_signer_load(acme_ca_ocsp_signer_t *signer, ngx_str_t *certificate,
    ngx_str_t *key_pem, ngx_log_t *log)
{
    BIO              *bio;
    X509             *x509;
    ngx_int_t         rc;
    ASN1_BIT_STRING  *bits;

    signer->key = NULL;
    signer->certificate = *certificate;

    x509 = acme_ca_x509_read(certificate);
    bio = BIO_new_mem_buf(key_pem->data, (int) key_pem->len);

    if (bio != NULL) {
        signer->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    }

    rc = NGX_ERROR;

    if (x509 != NULL && signer->key != NULL) {
        bits = X509_get0_pubkey_bitstr(x509);

        if (EVP_Digest(ASN1_STRING_get0_data(bits), ASN1_STRING_length(bits),
                       signer->key_id, NULL, EVP_sha1(), NULL)
            == 1)
        {
            rc = NGX_OK;
        }
    }

    if (rc != NGX_OK) {
        acme_ca_crypto_error(log, "reading the certificate and key for OCSP");
        acme_ca_ocsp_signer_free(signer);
    }

    X509_free(x509);
    BIO_free(bio);

    return rc;
}


void
acme_ca_ocsp_signer_free(acme_ca_ocsp_signer_t *signer)
{
    EVP_PKEY_free(signer->key);
    signer->key = NULL;
}
