
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The certificate of a CA below another one, as a row of the registry: there
 * it can be revoked.
 */


#include "acme_ca_issuer_load.h"
#include "acme_ca_crypto.h"
#include "acme_ca_x509.h"

#include <openssl/x509v3.h>


#define ACME_CA_ISSUER_KEY_TYPE  32


static ngx_int_t acme_ca_issuer_record_of(acme_ca_ctx_t *ctx,
    const acme_ca_issuer_t *upper, X509 *cert,
    acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_issuer_record_signed(const acme_ca_issuer_t *upper,
    X509 *cert);
static ngx_int_t acme_ca_issuer_record_fill(ngx_pool_t *pool, X509 *cert,
    acme_ca_certificate_t *certificate);


ngx_int_t
acme_ca_issuer_record(acme_ca_ctx_t *ctx, const acme_ca_issuer_t *upper,
    const ngx_str_t *pem, acme_ca_certificate_t *certificate)
{
    X509       *cert;
    ngx_int_t   rc;

    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    rc = NGX_ERROR;
    cert = acme_ca_x509_read_pem(pem);

    if (cert != NULL) {
        rc = acme_ca_issuer_record_of(ctx, upper, cert, certificate);
    }

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(ctx->log, "reading the certificate of a CA");
    }

    ERR_clear_error();

    X509_free(cert);

    return rc;
}


static ngx_int_t
acme_ca_issuer_record_of(acme_ca_ctx_t *ctx, const acme_ca_issuer_t *upper,
    X509 *cert, acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;

    rc = acme_ca_issuer_record_signed(upper, cert);

    if (rc != NGX_OK) {
        return rc;
    }

    certificate->issuer_id = upper->id;
    certificate->status = ACME_CA_VALID;
    certificate->revocation_reason = -1;
    certificate->created_at = ctx->now;

    /* it is for no name, and an empty text would be none at all */

    ngx_str_set(&certificate->sans, " ");

    return acme_ca_issuer_record_fill(ctx->pool, cert, certificate);
}


static ngx_int_t
acme_ca_issuer_record_signed(const acme_ca_issuer_t *upper, X509 *cert)
{
    X509       *above;
    ngx_int_t   rc;

    above = acme_ca_x509_read(&upper->der);
    if (above == NULL) {
        return NGX_ERROR;
    }

    rc = (X509_check_issued(above, cert) == X509_V_OK
          && X509_verify(cert, X509_get0_pubkey(above)) == 1)
         ? NGX_OK : NGX_DECLINED;

    X509_free(above);

    return rc;
}


static ngx_int_t
acme_ca_issuer_record_fill(ngx_pool_t *pool, X509 *cert,
    acme_ca_certificate_t *certificate)
{
    EVP_PKEY            *key;
    const char          *type;
    const ASN1_INTEGER  *serial;

    serial = X509_get0_serialNumber(cert);
    key = X509_get0_pubkey(cert);
    type = (key != NULL) ? EVP_PKEY_get0_type_name(key) : NULL;

    if (type == NULL
        || acme_ca_copy(pool, &certificate->serial,
                        ASN1_STRING_get0_data(serial),
                        ASN1_STRING_length(serial))
           != NGX_OK
        || acme_ca_format(pool, &certificate->key_type,
                          ACME_CA_ISSUER_KEY_TYPE, "%s %d", type,
                          EVP_PKEY_get_bits(key))
           != NGX_OK
        || acme_ca_issuer_time(X509_get0_notBefore(cert),
                               &certificate->not_before)
           != NGX_OK
        || acme_ca_issuer_time(X509_get0_notAfter(cert),
                               &certificate->not_after)
           != NGX_OK
        || acme_ca_x509_der(pool, cert, &certificate->der) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_sha256(certificate->der.data, certificate->der.len,
                          certificate->fingerprint);
}
