
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Which authorization answers for an identifier, and how a new one is made:
 * what new orders, newAuthz and revocation share.
 */


#ifndef _ACME_CA_AUTHORIZE_H_INCLUDED_
#define _ACME_CA_AUTHORIZE_H_INCLUDED_


#include "acme_ca_protocol_private.h"


/*
 * find(): the account's valid authorization that a new
 * order may lean on for this identifier, or NGX_DECLINED; find_id(): its id,
 * of one that lives until then.
 */
ngx_int_t acme_ca_authorize_find(acme_ca_exchange_t *x,
    acme_ca_identifier_t *identifier, acme_ca_authz_t *authz);
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
    acme_ca_identifier_t *domain);
/* writes it with its challenges */
ngx_int_t acme_ca_authorize_add(acme_ca_exchange_t *x, acme_ca_authz_t *authz);


#endif /* _ACME_CA_AUTHORIZE_H_INCLUDED_ */
