
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Names against the name constraints of CA certificates (RFC 5280, 4.2.1.10):
 * what is outside of them no client would accept, so it is not certified.
 */


#include "acme_ca_policy_private.h"


static ngx_uint_t acme_ca_policy_constraint_dns(const ngx_array_t *rules,
    const acme_ca_identifier_t *identifier,
    ngx_uint_t (*covers)(ngx_str_t *rule,
    const acme_ca_identifier_t *identifier));
static ngx_uint_t acme_ca_policy_constraint_ip(const ngx_array_t *rules,
    const acme_ca_identifier_t *identifier);
static ngx_uint_t acme_ca_policy_constraint_admits(
    const acme_ca_rules_t *rules, const acme_ca_identifier_t *identifier);


ngx_uint_t
acme_ca_policy_is_constrained(const ngx_array_t *constraints,
    const acme_ca_identifier_t *identifier)
{
    ngx_uint_t        i;
    acme_ca_rules_t  *rules;

    if (constraints == NULL) {
        return 0;
    }

    rules = constraints->elts;

    for (i = 0; i < constraints->nelts; i++) {
        if (!acme_ca_policy_constraint_admits(&rules[i], identifier)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
acme_ca_policy_constraints(acme_ca_ctx_t *ctx, const ngx_array_t *constraints,
    const acme_ca_identifier_t *identifier)
{
    if (!acme_ca_policy_is_constrained(constraints, identifier)) {
        return NGX_OK;
    }

    return acme_ca_policy_reject(ctx, identifier,
                                 "the name constraints of the CA's certificate "
                                 "do not permit it", NULL);
}


static ngx_uint_t
acme_ca_policy_constraint_admits(const acme_ca_rules_t *rules,
    const acme_ca_identifier_t *identifier)
{
    if (identifier->type == ACME_CA_IDENTIFIER_IP) {
        return !acme_ca_policy_constraint_ip(rules->deny_ip, identifier)
               && (rules->allow_ip == NULL
                   || acme_ca_policy_constraint_ip(rules->allow_ip,
                                                   identifier));
    }

    return !acme_ca_policy_constraint_dns(rules->deny_dns, identifier,
                                          acme_ca_policy_denies)
           && (rules->allow_dns == NULL
               || acme_ca_policy_constraint_dns(rules->allow_dns, identifier,
                                                acme_ca_policy_allows));
}


static ngx_uint_t
acme_ca_policy_constraint_dns(const ngx_array_t *rules,
    const acme_ca_identifier_t *identifier,
    ngx_uint_t (*covers)(ngx_str_t *rule,
    const acme_ca_identifier_t *identifier))
{
    ngx_str_t   *rule;
    ngx_uint_t   i;

    if (rules == NULL) {
        return 0;
    }

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (covers(&rule[i], identifier)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
acme_ca_policy_constraint_ip(const ngx_array_t *rules,
    const acme_ca_identifier_t *identifier)
{
    ngx_uint_t   i;
    ngx_cidr_t  *cidr;

    if (rules == NULL) {
        return 0;
    }

    cidr = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (acme_ca_policy_in_cidr(&cidr[i], identifier->address,
                                   identifier->address_len, NULL))
        {
            return 1;
        }
    }

    return 0;
}
