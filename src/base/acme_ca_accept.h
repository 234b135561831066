
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Content negotiation (RFC 9110, 12.5.1): which of some media types a client
 * would like best.
 */


#ifndef _ACME_CA_ACCEPT_H_INCLUDED_
#define _ACME_CA_ACCEPT_H_INCLUDED_


#include "acme_ca_base.h"


/*
 * The index of the type that an Accept field prefers, of those that it likes
 * equally the first; n when it takes none of them.  The first one as well when
 * there is no field, or nothing in it that can be read.  Types are in lower
 * case and have no parameters.
 */
ngx_uint_t acme_ca_accept(const ngx_str_t *field, const ngx_str_t *types,
    ngx_uint_t n);


#endif /* _ACME_CA_ACCEPT_H_INCLUDED_ */
