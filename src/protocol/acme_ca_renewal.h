
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Renewals (RFC 9773): certificates by certID, and orders that replace them.
 */


#ifndef _ACME_CA_RENEWAL_H_INCLUDED_
#define _ACME_CA_RENEWAL_H_INCLUDED_


#include "acme_ca_protocol_private.h"


/* the certificate of a certID (4.1).  NGX_ABORT: malformed, or there is none */
ngx_int_t acme_ca_renewal_find(acme_ca_exchange_t *x, ngx_str_t *cert_id,
    acme_ca_certificate_t *certificate);

/* which certificate an order replaces, and whether it may */
ngx_int_t acme_ca_replaces_read(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish);
ngx_int_t acme_ca_replaces_admit(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish);


#endif /* _ACME_CA_RENEWAL_H_INCLUDED_ */
