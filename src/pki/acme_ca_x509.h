
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OpenSSL's certificates: read and written, and what those that this CA makes
 * with OpenSSL have in common.
 */


#ifndef _ACME_CA_X509_H_INCLUDED_
#define _ACME_CA_X509_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/x509.h>


#define ACME_CA_X509_SERIAL_LEN  16

/* of keyUsage (RFC 5280, 4.2.1.3): bit n is 1 << n */
#define ACME_CA_X509_DIGITAL_SIGNATURE  (1 << 0)
#define ACME_CA_X509_CERT_SIGN          (1 << 5)
#define ACME_CA_X509_CRL_SIGN           (1 << 6)


/* the caller's to free; NULL: not read, OpenSSL's queue says why */
X509 *acme_ca_x509_read(const ngx_str_t *der);
X509 *acme_ca_x509_read_pem(const ngx_str_t *pem);

/* DER (X.690), a copy in the pool */
ngx_int_t acme_ca_x509_der(ngx_pool_t *pool, X509 *x509, ngx_str_t *der);

/*
 * Whether both are certificates of one CA: leaves name their issuer by its
 * subject, and are verified by its key.
 */
ngx_uint_t acme_ca_x509_same(X509 *one, X509 *two);

/* ACME_CA_X509_SERIAL_LEN bytes.  All of these: NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_x509_serial_new(u_char *serial);
ngx_int_t acme_ca_x509_serial_set(X509 *x509, const u_char *serial);

ngx_int_t acme_ca_x509_usage(X509 *x509, ngx_uint_t bits);

/* authorityKeyIdentifier; NULL: an empty one */
ngx_int_t acme_ca_x509_authority(X509 *x509, const ASN1_OCTET_STRING *key_id);


#endif /* _ACME_CA_X509_H_INCLUDED_ */
