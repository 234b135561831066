
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Several certificates in one: PEM taken apart (RFC 7468), and put together as
 * a certs-only CMS message (RFC 8551, 3.8).
 */


#ifndef _ACME_CA_BUNDLE_H_INCLUDED_
#define _ACME_CA_BUNDLE_H_INCLUDED_


#include "acme_ca_base.h"


/*
 * Pushes the DER of each certificate in a PEM text of our own writing to list
 * (ngx_str_t).  NGX_OK, NGX_DECLINED (no certificate, or a malformed one) or
 * NGX_ERROR.
 */
ngx_int_t acme_ca_bundle_read(ngx_pool_t *pool, const ngx_str_t *pem,
    ngx_array_t *list);

/* SignedData without signers, of the DER certificates of list.  NGX_OK or
 * NGX_ERROR */
ngx_int_t acme_ca_bundle_write(ngx_pool_t *pool, ngx_array_t *list,
    ngx_str_t *message);


#endif /* _ACME_CA_BUNDLE_H_INCLUDED_ */
