
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The extensions of leaf certificates, and how constants are written.
 */


#ifndef _ACME_CA_LEAF_EXTENSION_H_INCLUDED_
#define _ACME_CA_LEAF_EXTENSION_H_INCLUDED_


#include "acme_ca_leaf.h"
#include "acme_ca_der.h"


#define acme_ca_leaf_put(w, literal)                                          \
    acme_ca_der_put(w, literal, sizeof(literal) - 1)


/*
 * Writes all extensions, in their [3].  The names are critical where there is
 * no subject (RFC 5280, 4.2.1.6).  NGX_OK or NGX_ERROR.
 */
ngx_int_t acme_ca_leaf_extensions(acme_ca_ctx_t *ctx, acme_ca_der_writer_t *w,
    const acme_ca_leaf_t *leaf, ngx_uint_t san_critical);


#endif /* _ACME_CA_LEAF_EXTENSION_H_INCLUDED_ */
