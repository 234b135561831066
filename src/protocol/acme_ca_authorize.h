
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Which authorization answers for an identifier, and how a new one is made:
 * what new orders, newAuthz and revocation share.
 */


#ifndef _ACME_CA_AUTHORIZE_H_INCLUDED_
#define _ACME_CA_AUTHORIZE_H_INCLUDED_


#include "acme_ca_policy_rule.h"
#include "acme_ca_protocol_private.h"


/*
 * find(): the account's valid authorization that a new order may lean on for
 * this identifier, or NGX_DECLINED; find_id(): its id, of one that lives until
 * then.  until(): how long one has to live that is leant on.
 */
ngx_int_t acme_ca_authorize_find(acme_ca_exchange_t *x,
    acme_ca_identifier_t *identifier, acme_ca_authz_t *authz);
time_t acme_ca_authorize_until(acme_ca_exchange_t *x);
ngx_int_t acme_ca_authorize_find_id(acme_ca_exchange_t *x,
    acme_ca_identifier_t *identifier, time_t until, int64_t *id);
/* as acme_ca_challenge_fits(), for a domain with all below it, too */
ngx_uint_t acme_ca_authorize_fits(const acme_ca_authority_t *authority,
    ngx_uint_t type, const acme_ca_identifier_t *identifier,
    ngx_uint_t subdomains);
ngx_uint_t acme_ca_authorize_provable(const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier, ngx_uint_t subdomains);
/* to let this domain answer for its subdomains: NGX_OK or NGX_DECLINED */
ngx_int_t acme_ca_authorize_willing(acme_ca_exchange_t *x,
    const acme_ca_order_wish_t *wish, acme_ca_identifier_t *domain);
/* writes it with its challenges */
ngx_int_t acme_ca_authorize_add(acme_ca_exchange_t *x, acme_ca_authz_t *authz);


/*
 * acme_ca_ruling.c.  The named rule that decides on an identifier of an order
 * of n: fills in identifier->rule and trusted_by, or refuses.  again(): so it
 * was, and still is.  profile may be NULL: none yet.
 */
ngx_int_t acme_ca_ruling(acme_ca_exchange_t *x,
    const acme_ca_profile_t *profile, ngx_uint_t n,
    acme_ca_order_identifier_t *identifier);
ngx_int_t acme_ca_ruling_again(acme_ca_exchange_t *x,
    const acme_ca_profile_t *profile, ngx_uint_t n,
    const acme_ca_order_identifier_t *identifier);
/* for the audit log: the member "rules", and the row of a trusted one */
void acme_ca_ruling_write(acme_ca_json_writer_t *w, ngx_array_t *identifiers);
ngx_int_t acme_ca_ruling_note(acme_ca_exchange_t *x, acme_ca_authz_t *authz);


#endif /* _ACME_CA_AUTHORIZE_H_INCLUDED_ */
