
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What new orders and newAuthz share: the account's valid authorization that
 * answers for an identifier, and a new one with its challenges (RFC 8555,
 * 7.1.4 and 7.4).  One for a domain with its subdomains (RFC 9444) answers for
 * names below it, but for no wildcard; and no challenge but those of the DNS
 * proves it.
 */


#include "acme_ca_authorize.h"
#include "acme_ca_dns01.h"


/*
 * An order promises that it can be finalized until it expires, so an
 * authorization that is about to end is not leant on.  What CAA says is looked
 * at again when it is finalized.
 */

ngx_int_t
acme_ca_authorize_find(acme_ca_exchange_t *x, acme_ca_identifier_t *identifier,
    acme_ca_authz_t *authz)
{
    int64_t    id;
    ngx_int_t  rc;

    if (!x->authority->authz_reuse) {
        return NGX_DECLINED;
    }

    rc = acme_ca_authorize_find_id(x, identifier, acme_ca_authorize_until(x),
                                   &id);

    return (rc == NGX_OK) ? acme_ca_store_authz_find(x->store, x->ctx.pool, id,
                                                     authz)
                          : rc;
}


/*
 * draft-ietf-acme-dns-persist, 7.8: a record whose TTL is short proves for the
 * order that asked only; its authorization lives no longer than it has to.
 */

time_t
acme_ca_authorize_until(acme_ca_exchange_t *x)
{
    time_t  left;

    left = ngx_min(x->authority->order_lifetime,
                   x->authority->authz_lifetime / 2);

    if (x->authority->challenges
        & ((ngx_uint_t) 1 << ACME_CA_DNS_PERSIST_01))
    {
        left = ngx_max(left, ACME_CA_DNS_PERSIST_REUSE);
    }

    return x->ctx.now + left;
}


ngx_int_t
acme_ca_authorize_find_id(acme_ca_exchange_t *x,
    acme_ca_identifier_t *identifier, time_t until, int64_t *id)
{
    ngx_int_t  rc;

    rc = acme_ca_store_authz_find_valid(x->store, x->account->id, identifier,
                                        0, until, id);

    if (rc != NGX_DECLINED || !x->authority->subdomain_authorization
        || identifier->type != ACME_CA_IDENTIFIER_DNS || identifier->wildcard)
    {
        return rc;
    }

    return acme_ca_store_authz_find_ancestor(x->store, x->account->id,
                                             identifier, until, id);
}


ngx_uint_t
acme_ca_authorize_fits(const acme_ca_authority_t *authority, ngx_uint_t type,
    const acme_ca_identifier_t *identifier, ngx_uint_t subdomains)
{
    return acme_ca_challenge_fits(authority, type, identifier)
           && (!subdomains || acme_ca_challenge_kinds[type].subdomains);
}


ngx_uint_t
acme_ca_authorize_provable(const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier, ngx_uint_t subdomains)
{
    ngx_uint_t  type;

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {
        if (acme_ca_authorize_fits(authority, type, identifier, subdomains)) {
            return 1;
        }
    }

    return 0;
}


/* what the server is willing to do for a domain (RFC 9444) */

ngx_int_t
acme_ca_authorize_willing(acme_ca_exchange_t *x,
    const acme_ca_order_wish_t *wish, acme_ca_identifier_t *domain)
{
    ngx_int_t                    rc;
    acme_ca_problem_t           *before;
    acme_ca_order_identifier_t   identifier;

    if (!x->authority->subdomain_authorization
        || domain->type != ACME_CA_IDENTIFIER_DNS || domain->wildcard
        || !acme_ca_authorize_provable(x->authority, domain, 1))
    {
        return NGX_DECLINED;
    }

    before = x->ctx.problem;
    x->ctx.problem = NULL;

    identifier.identifier = *domain;

    rc = acme_ca_order_admit(x, wish, &identifier);

    x->ctx.problem = before;

    return (rc == NGX_ABORT) ? NGX_DECLINED : rc;
}


ngx_int_t
acme_ca_authorize_add(acme_ca_exchange_t *x, acme_ca_authz_t *authz)
{
    ngx_int_t  rc;
    u_char     seed[ACME_CA_TOKEN_SEED_LEN];

    if (authz->trusted_by.len == 0) {

        if (acme_ca_random(seed, sizeof(seed)) != NGX_OK) {
            return NGX_ERROR;
        }

        authz->token_seed.data = seed;
        authz->token_seed.len = sizeof(seed);
    }

    rc = acme_ca_store_authz_add(x->store, authz);

    /* the bytes do not outlive this function */

    ngx_str_null(&authz->token_seed);

    if (rc == NGX_OK && authz->trusted_by.len) {
        return acme_ca_ruling_note(x, authz);
    }

    return rc;
}
