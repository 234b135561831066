
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The extensions that a certificate request asks for (RFC 2985, 5.4.2).
 */


#ifndef _ACME_CA_CSR_EXTENSION_H_INCLUDED_
#define _ACME_CA_CSR_EXTENSION_H_INCLUDED_


#include "acme_ca_der.h"
#include "acme_ca_identifier.h"


/* what is asked for, beside the key */
typedef struct {
    ngx_array_t  *names;           /* acme_ca_identifier_t, of the caller */
    ngx_uint_t    must_staple;     /* RFC 7633 */
} acme_ca_csr_wish_t;


/*
 * Reads all of Extensions: the names of subjectAltName are pushed to
 * wish->names, must-staple is noted, the others are only looked at.  NGX_ABORT:
 * badCSR, for one that is not in the list, twice there, malformed, or that asks
 * for more than a server or a client needs.
 */
ngx_int_t acme_ca_csr_extensions(acme_ca_ctx_t *ctx, acme_ca_der_t *der,
    acme_ca_csr_wish_t *wish);


#endif /* _ACME_CA_CSR_EXTENSION_H_INCLUDED_ */
