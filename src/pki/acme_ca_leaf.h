
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Leaf certificates (RFC 5280, 4.1): written as DER from the order's names,
 * the request's public key, the profile and the issuer, checked by code that
 * did not write them (acme_ca_lint.c), signed.
 */


#ifndef _ACME_CA_LEAF_H_INCLUDED_
#define _ACME_CA_LEAF_H_INCLUDED_


#include "acme_ca_csr.h"
#include "acme_ca_issuer.h"


typedef struct {
    const acme_ca_issuer_t       *issuer;
    const acme_ca_profile_t      *profile;
    const acme_ca_identifier_t   *identifiers;
    ngx_uint_t                    n;
    const acme_ca_csr_t          *csr;
    time_t                        not_before;   /* as ordered; 0: the profile */
    time_t                        not_after;
    ngx_str_t                     crl_url;      /* filled by sign() */
    ngx_str_t                     issuer_url;   /* the same */
} acme_ca_leaf_t;


/*
 * Writes, lints and signs; fills all of cert but the ids and download times.
 * Dates that were ordered are honoured or refused (RFC 8555, 7.4).  Without,
 * notBefore is back-dated by the profile, never before the issuer's; notAfter
 * is the profile's, clamped to the issuer's.  keyUsage is digitalSignature,
 * and keyEncipherment for RSA; SAN is critical when the subject is empty;
 * the serial has 127 random bits.  NGX_ABORT: the issuer has expired
 * (serverInternal), or the ordered dates make no certificate (malformed).
 */
ngx_int_t acme_ca_leaf_sign(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    acme_ca_certificate_t *cert);

/* of its distribution point: the profile's, or the issuer's, or empty */
#define acme_ca_leaf_crl_url(leaf)                                            \
    ((leaf)->profile->crl_url.len ? &(leaf)->profile->crl_url                 \
                                  : &(leaf)->crl_url)

/* the profile's, or of the issuer's file in the folder that it names */
#define acme_ca_leaf_issuer_url(leaf)                                         \
    ((leaf)->issuer_url.len ? &(leaf)->issuer_url                             \
                            : &(leaf)->profile->issuer_url)

/*
 * What the to-be-signed certificate must be, read back from its DER without
 * the code that wrote it.  NGX_OK, or NGX_ERROR with the first fault logged.
 */
ngx_int_t acme_ca_lint(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    ngx_str_t *tbs);

/* "dns:a.example dns:*.b.example ip:10.0.0.1": the names of a leaf */
ngx_int_t acme_ca_leaf_sans(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    ngx_str_t *sans);

/*
 * PEM of a DER certificate, or of a request, with a newline at the end.
 * NGX_OK, NGX_ERROR
 */
ngx_int_t acme_ca_pem_write(ngx_pool_t *pool, ngx_str_t *der, ngx_str_t *pem);
ngx_int_t acme_ca_pem_write_request(ngx_pool_t *pool, ngx_str_t *der,
    ngx_str_t *pem);

/* serial number of a certificate, for revocation.  NGX_OK or NGX_DECLINED */
ngx_int_t acme_ca_certificate_serial(ngx_str_t *der, ngx_str_t *serial);

/*
 * base64url of a key identifier, ".", base64url of a serial number as in DER;
 * serial is without its zero byte.  NGX_OK, NGX_DECLINED or NGX_ERROR.
 */
ngx_int_t acme_ca_cert_id_parse(ngx_pool_t *pool, ngx_str_t *cert_id,
    ngx_str_t *key_id, ngx_str_t *serial);

/* keyIdentifier of its authorityKeyIdentifier.  NGX_OK or NGX_DECLINED */
ngx_int_t acme_ca_certificate_issuer_key_id(ngx_str_t *der,
    ngx_str_t *key_id);

/*
 * A self-made request for a name set: for the CA's own server certificate.
 * Fills csr->spki, key, key_type, thumbprint from the key.
 */
ngx_int_t acme_ca_csr_from_key(acme_ca_ctx_t *ctx, EVP_PKEY *key,
    acme_ca_csr_t **csr);


#endif /* _ACME_CA_LEAF_H_INCLUDED_ */
