
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificates that were signed elsewhere, for the registry: nothing is asked
 * of them but that they are what they seem, signed by who is said to be their
 * issuer.
 */


#ifndef _ACME_CA_IMPORT_H_INCLUDED_
#define _ACME_CA_IMPORT_H_INCLUDED_


#include "acme_ca_issuer.h"
#include "acme_ca_objects.h"


/*
 * The first certificate of a PEM text fills cert, but for the ids.  Its issuer
 * is the second one, or one of "known" (ngx_str_t: DER), or is known by its
 * name alone: then issuer->der is no certificate and issuer->chain empty.  Of
 * issuer der, name, chain and dates are set.  NGX_OK, NGX_DECLINED with
 * *reason, or NGX_ERROR.
 */
ngx_int_t acme_ca_import_read(acme_ca_ctx_t *ctx, ngx_str_t *pem,
    ngx_array_t *known, acme_ca_certificate_t *cert, acme_ca_issuer_t *issuer,
    ngx_str_t *reason);


#endif /* _ACME_CA_IMPORT_H_INCLUDED_ */
