
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Rate limits (RFC 8555, 6.6), where the protocol asks for them.
 */


#ifndef _ACME_CA_RATE_H_INCLUDED_
#define _ACME_CA_RATE_H_INCLUDED_


#include "acme_ca_protocol_private.h"


/*
 * NGX_ABORT: rateLimited.  gate() is before the signature is checked and counts
 * nothing; accept() is after it; account() is before an account is written,
 * identifier() before an authorization, order() before an order, certificate()
 * before a signature of ours; failed() counts a validation.
 */
ngx_int_t acme_ca_rate_gate(acme_ca_exchange_t *x);
ngx_int_t acme_ca_rate_accept(acme_ca_exchange_t *x);
ngx_int_t acme_ca_rate_account(acme_ca_exchange_t *x);
ngx_int_t acme_ca_rate_identifier(acme_ca_exchange_t *x,
    acme_ca_identifier_t *identifier);
/* identifiers: acme_ca_order_identifier_t */
ngx_int_t acme_ca_rate_order(acme_ca_exchange_t *x, ngx_array_t *identifiers);
ngx_int_t acme_ca_rate_certificate(acme_ca_exchange_t *x,
    ngx_array_t *identifiers);
void acme_ca_rate_failed(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, int64_t account_id,
    const acme_ca_identifier_t *identifier);


#endif /* _ACME_CA_RATE_H_INCLUDED_ */
