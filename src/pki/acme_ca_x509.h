
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OpenSSL's certificates as the project's bytes.
 */


#ifndef _ACME_CA_X509_H_INCLUDED_
#define _ACME_CA_X509_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/x509.h>


/* DER (X.690), a copy in the pool */
ngx_int_t acme_ca_x509_der(ngx_pool_t *pool, X509 *x509, ngx_str_t *der);

/*
 * Whether both are certificates of one CA: leaves name their issuer by its
 * subject, and are verified by its key.
 */
ngx_uint_t acme_ca_x509_same(X509 *one, X509 *two);


#endif /* _ACME_CA_X509_H_INCLUDED_ */
