
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Small things about finished certificates: their PEM form (RFC 7468), their
 * serial number, and the request that stands in where the CA asks itself.
 */


#include "acme_ca_leaf.h"
#include "acme_ca_crypto.h"
#include "acme_ca_der.h"
#include "acme_ca_spki.h"

#include <openssl/x509.h>


#define ACME_CA_PEM_LINE      48       /* bytes that make 64 characters */

#define ACME_CA_CERT_VERSION  0xa0
#define ACME_CA_CERT_EXTS     0xa3
#define ACME_CA_CERT_KEY_ID   0x80


typedef struct {
    ngx_str_t      begin;
    ngx_str_t      end;
} acme_ca_pem_label_t;


static ngx_int_t acme_ca_pem_wrap(ngx_pool_t *pool,
    const acme_ca_pem_label_t *label, ngx_str_t *der, ngx_str_t *pem);
static ngx_int_t acme_ca_certificate_tbs(ngx_str_t *der, acme_ca_der_t *tbs);


static const acme_ca_pem_label_t  acme_ca_pem_certificate = {
    ngx_string("-----BEGIN CERTIFICATE-----\n"),
    ngx_string("-----END CERTIFICATE-----\n")
};

static const acme_ca_pem_label_t  acme_ca_pem_request = {
    ngx_string("-----BEGIN CERTIFICATE REQUEST-----\n"),
    ngx_string("-----END CERTIFICATE REQUEST-----\n")
};


ngx_int_t
acme_ca_pem_write(ngx_pool_t *pool, ngx_str_t *der, ngx_str_t *pem)
{
    return acme_ca_pem_wrap(pool, &acme_ca_pem_certificate, der, pem);
}


ngx_int_t
acme_ca_pem_write_request(ngx_pool_t *pool, ngx_str_t *der, ngx_str_t *pem)
{
    return acme_ca_pem_wrap(pool, &acme_ca_pem_request, der, pem);
}


static ngx_int_t
acme_ca_pem_wrap(ngx_pool_t *pool, const acme_ca_pem_label_t *label,
    ngx_str_t *der, ngx_str_t *pem)
{
    u_char  *p;
    size_t   len, n, lines;

    lines = (der->len + ACME_CA_PEM_LINE - 1) / ACME_CA_PEM_LINE;

    len = label->begin.len + ngx_base64_encoded_length(der->len) + lines
          + label->end.len;

    pem->data = ngx_pnalloc(pool, len + 1);
    if (pem->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(pem->data, label->begin.data, label->begin.len);

    for (n = 0; n < der->len; n += ACME_CA_PEM_LINE) {

        /* the NUL that it puts behind the text is overwritten */

        p += EVP_EncodeBlock(p, der->data + n,
                             (int) ngx_min(der->len - n, ACME_CA_PEM_LINE));
        *p++ = '\n';
    }

    p = ngx_cpymem(p, label->end.data, label->end.len);
    *p = '\0';

    pem->len = len;

    return NGX_OK;
}


ngx_int_t
acme_ca_certificate_serial(ngx_str_t *der, ngx_str_t *serial)
{
    acme_ca_der_t  tbs, value;

    if (acme_ca_certificate_tbs(der, &tbs) != NGX_OK
        || acme_ca_der_unsigned(&tbs, &value) != NGX_OK
        || *value.p == 0)
    {
        return NGX_DECLINED;
    }

    serial->data = (u_char *) value.p;
    serial->len = value.last - value.p;

    return NGX_OK;
}


/* what follows the version */

static ngx_int_t
acme_ca_certificate_tbs(ngx_str_t *der, acme_ca_der_t *tbs)
{
    acme_ca_der_t  span, cert;

    span.p = der->data;
    span.last = der->data + der->len;

    if (acme_ca_der_take(&span, ACME_CA_DER_SEQUENCE, &cert, NULL) != NGX_OK
        || span.p != span.last
        || acme_ca_der_take(&cert, ACME_CA_DER_SEQUENCE, tbs, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return acme_ca_der_take(tbs, ACME_CA_CERT_VERSION, NULL, NULL);
}


ngx_int_t
acme_ca_certificate_issuer_key_id(ngx_str_t *der, ngx_str_t *key_id)
{
    u_char         tag;
    acme_ca_der_t  tbs, exts, list, ext, oid, value, aki, id;

    if (acme_ca_certificate_tbs(der, &tbs) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* serial, algorithm, names and key are of no interest */

    for (tag = acme_ca_der_peek(&tbs);
         tag && tag != ACME_CA_CERT_EXTS;
         tag = acme_ca_der_peek(&tbs))
    {
        if (acme_ca_der_take(&tbs, tag, NULL, NULL) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    if (acme_ca_der_take(&tbs, ACME_CA_CERT_EXTS, &exts, NULL) != NGX_OK
        || acme_ca_der_take(&exts, ACME_CA_DER_SEQUENCE, &list, NULL)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    while (acme_ca_der_take(&list, ACME_CA_DER_SEQUENCE, &ext, NULL) == NGX_OK)
    {
        if (acme_ca_der_take(&ext, ACME_CA_DER_OID, &oid, NULL) != NGX_OK
            || !acme_ca_der_is(&oid, "\x55\x1d\x23", 3))
        {
            continue;
        }

        if (acme_ca_der_take(&ext, ACME_CA_DER_OCTET_STRING, &value, NULL)
            != NGX_OK
            || acme_ca_der_take(&value, ACME_CA_DER_SEQUENCE, &aki, NULL)
               != NGX_OK
            || acme_ca_der_take(&aki, ACME_CA_CERT_KEY_ID, &id, NULL)
               != NGX_OK)
        {
            return NGX_DECLINED;
        }

        key_id->data = (u_char *) id.p;
        key_id->len = id.last - id.p;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
acme_ca_csr_from_key(acme_ca_ctx_t *ctx, EVP_PKEY *key, acme_ca_csr_t **csr)
{
    int             len;
    u_char         *der;
    ngx_int_t       rc;
    acme_ca_csr_t  *request;
    acme_ca_der_t   spki;

    request = ngx_pcalloc(ctx->pool, sizeof(acme_ca_csr_t));
    if (request == NULL) {
        return NGX_ERROR;
    }

    der = NULL;

    len = i2d_PUBKEY(key, &der);
    if (len <= 0) {
        acme_ca_crypto_error(ctx->log, "i2d_PUBKEY()");
        return NGX_ERROR;
    }

    spki.p = der;
    spki.last = der + len;

    rc = acme_ca_spki_parse(ctx, &spki, ACME_CA_KEY_ANY, request, NULL);

    OPENSSL_free(der);

    if (rc == NGX_OK) {
        *csr = request;
    }

    return rc;
}
