
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Who may have what: names, address ranges, contacts, dates.  Decides from
 * the authority's settings alone; stores nothing.
 */


#ifndef _ACME_CA_POLICY_H_INCLUDED_
#define _ACME_CA_POLICY_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_json.h"


/*
 * May this authority certify the identifier at all?  NGX_ABORT appends a
 * subproblem (rejectedIdentifier) naming the rule.  "Deny" wins over "allow";
 * where a type has an "allow", the rest of the type is denied.  A wildcard
 * needs a challenge type that can prove one.
 */
ngx_int_t acme_ca_policy_identifier(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier);

/*
 * The same of the name constraints of a chain (acme_ca_rules_t, one for each
 * certificate that has some, or NULL), which all have to permit it.
 */
ngx_int_t acme_ca_policy_constraints(acme_ca_ctx_t *ctx,
    const ngx_array_t *constraints, const acme_ca_identifier_t *identifier);
ngx_uint_t acme_ca_policy_is_constrained(const ngx_array_t *constraints,
    const acme_ca_identifier_t *identifier);

/*
 * Is the identifier among the names of this external account?  NGX_ABORT:
 * rejectedIdentifier, with the account's label.
 */
ngx_int_t acme_ca_policy_eab_identifier(acme_ca_ctx_t *ctx,
    const acme_ca_eab_t *eab, const acme_ca_identifier_t *identifier);

/*
 * A pattern of an external account's names: "a.b", ".b" (below b), "*", or a
 * range of addresses; made lower-case.  NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t acme_ca_policy_eab_pattern(ngx_pool_t *pool, ngx_str_t *pattern);

/*
 * The profile of an order of this external account: the wanted one if it is
 * among the account's, or, when the client did not ask for it, the first one
 * that is.  NGX_ABORT: unauthorized, with the account's label.
 */
ngx_int_t acme_ca_policy_eab_profile(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, const acme_ca_eab_t *eab,
    ngx_uint_t asked, const acme_ca_profile_t **profile);

/*
 * May validation connect to this address?  NGX_OK, or NGX_DECLINED.  Beside
 * the rules: link-local, multicast, unspecified, broadcast and reserved ones
 * and the metadata services of clouds are denied unless an "allow address" that
 * lies inside such a range names them ("0.0.0.0/0" does not).  An IPv6 address
 * that wraps an IPv4 one is judged as that one, too.
 */
ngx_int_t acme_ca_policy_address(const acme_ca_authority_t *authority,
    struct sockaddr *sockaddr);

/*
 * Checks "contact" of a new account or an update (RFC 8555, 7.3): an array of
 * mailto: URLs with one address each and no header fields; value is NULL when
 * it is absent.  contact is the JSON array to store.  NGX_ABORT:
 * invalidContact, unsupportedContact, malformed.
 */
ngx_int_t acme_ca_policy_contact(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_json_t *value,
    ngx_str_t *contact);

/*
 * Order's notBefore and notAfter against the profile: 0 is "not asked".
 * NGX_ABORT: malformed.
 */
ngx_int_t acme_ca_policy_dates(acme_ca_ctx_t *ctx,
    const acme_ca_profile_t *profile, time_t not_before, time_t not_after);


#endif /* _ACME_CA_POLICY_H_INCLUDED_ */
