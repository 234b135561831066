
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The operator's named rules, from subject and identifier to one that decides.
 * What the authority's own allow and deny refuse never comes here.
 */


#include "acme_ca_policy_private.h"
#include "acme_ca_policy_rule.h"


static const acme_ca_policy_rule_t *acme_ca_policy_rule_find(
    const ngx_array_t *rules, const acme_ca_policy_subject_t *subject,
    const acme_ca_identifier_t *identifier);
static ngx_uint_t acme_ca_policy_rule_closed(const ngx_array_t *rules);
static ngx_int_t acme_ca_policy_rule_limits(acme_ca_ctx_t *ctx,
    const acme_ca_policy_rule_t *rule, const acme_ca_policy_want_t *want);
static ngx_uint_t acme_ca_policy_rule_speaks_of(
    const acme_ca_policy_rule_t *rule,
    const acme_ca_policy_subject_t *subject);
static ngx_uint_t acme_ca_policy_rule_covers(const acme_ca_policy_rule_t *rule,
    const acme_ca_identifier_t *identifier);
static ngx_uint_t acme_ca_policy_rule_has(const ngx_array_t *list,
    const ngx_str_t *value);
static ngx_uint_t acme_ca_policy_rule_has_address(const ngx_array_t *cidrs,
    const u_char *address, size_t len);
static ngx_uint_t acme_ca_policy_rule_near(const ngx_array_t *cidrs,
    const ngx_str_t *address);
static ngx_uint_t acme_ca_policy_rule_certified(const ngx_array_t *list,
    const acme_ca_policy_subject_t *subject);
static ngx_uint_t acme_ca_policy_rule_has_rdn(const ngx_str_t *subject,
    const ngx_str_t *wanted);


ngx_int_t
acme_ca_policy_rule(acme_ca_ctx_t *ctx, const ngx_array_t *rules,
    const acme_ca_policy_subject_t *subject, const acme_ca_policy_want_t *want,
    const acme_ca_policy_rule_t **rule)
{
    *rule = NULL;

    if (rules == NULL) {
        return NGX_OK;
    }

    *rule = acme_ca_policy_rule_find(rules, subject, want->identifier);

    if (*rule == NULL) {

        if (!acme_ca_policy_rule_closed(rules)) {
            return NGX_OK;
        }

        return acme_ca_refuse(ctx, ACME_CA_REJECTED_IDENTIFIER,
                              "no rule allows it to this client");
    }

    if ((*rule)->action == ACME_CA_RULE_DENY) {
        return acme_ca_refuse(ctx, ACME_CA_REJECTED_IDENTIFIER,
                              "the rule \"%V\" denies it", &(*rule)->name);
    }

    return acme_ca_policy_rule_limits(ctx, *rule, want);
}


static const acme_ca_policy_rule_t *
acme_ca_policy_rule_find(const ngx_array_t *rules,
    const acme_ca_policy_subject_t *subject,
    const acme_ca_identifier_t *identifier)
{
    ngx_uint_t                    i;
    const acme_ca_policy_rule_t  *rule;

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (acme_ca_policy_rule_speaks_of(&rule[i], subject)
            && acme_ca_policy_rule_covers(&rule[i], identifier))
        {
            return &rule[i];
        }
    }

    return NULL;
}


/* as with allow and deny: where something is allowed the rest is not */

static ngx_uint_t
acme_ca_policy_rule_closed(const ngx_array_t *rules)
{
    ngx_uint_t                    i;
    const acme_ca_policy_rule_t  *rule;

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (rule[i].action != ACME_CA_RULE_DENY) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
acme_ca_policy_rule_limits(acme_ca_ctx_t *ctx,
    const acme_ca_policy_rule_t *rule, const acme_ca_policy_want_t *want)
{
    if (want->identifier->wildcard && !rule->wildcards) {
        return acme_ca_refuse(ctx, ACME_CA_REJECTED_IDENTIFIER,
                              "the rule \"%V\" allows no wildcards",
                              &rule->name);
    }

    if (rule->max_identifiers && want->n > rule->max_identifiers) {
        return acme_ca_refuse(ctx, ACME_CA_REJECTED_IDENTIFIER,
                              "the rule \"%V\" allows orders of at most %ui "
                              "identifiers, not %ui", &rule->name,
                              rule->max_identifiers, want->n);
    }

    if (rule->profiles && want->profile.len
        && !acme_ca_policy_rule_has(rule->profiles, &want->profile))
    {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_PROFILE,
                              "the rule \"%V\" does not allow the profile "
                              "\"%V\"", &rule->name, &want->profile);
    }

    return NGX_OK;
}


static ngx_uint_t
acme_ca_policy_rule_speaks_of(const acme_ca_policy_rule_t *rule,
    const acme_ca_policy_subject_t *subject)
{
    if (rule->accounts
        && !acme_ca_policy_rule_has(rule->accounts, &subject->account)
        && !acme_ca_policy_rule_has(rule->accounts, &subject->thumbprint))
    {
        return 0;
    }

    if (rule->eabs && !acme_ca_policy_rule_has(rule->eabs, &subject->eab)) {
        return 0;
    }

    if (rule->addresses
        && !acme_ca_policy_rule_near(rule->addresses, &subject->address))
    {
        return 0;
    }

    return rule->certificates == NULL
           || acme_ca_policy_rule_certified(rule->certificates, subject);
}


/* a denied name is denied with the wildcard that it is among, too */

static ngx_uint_t
acme_ca_policy_rule_covers(const acme_ca_policy_rule_t *rule,
    const acme_ca_identifier_t *identifier)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (rule->names == NULL && rule->ips == NULL) {
        return 1;
    }

    if (identifier->type == ACME_CA_IDENTIFIER_IP) {
        return rule->ips
               && acme_ca_policy_rule_has_address(rule->ips,
                                                  identifier->address,
                                                  identifier->address_len);
    }

    if (rule->names == NULL) {
        return 0;
    }

    name = rule->names->elts;

    for (i = 0; i < rule->names->nelts; i++) {
        if (rule->action == ACME_CA_RULE_DENY
            ? acme_ca_policy_denies(&name[i], identifier)
            : acme_ca_policy_allows(&name[i], identifier))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
acme_ca_policy_rule_has(const ngx_array_t *list, const ngx_str_t *value)
{
    ngx_str_t   *own;
    ngx_uint_t   i;

    if (value->len == 0) {
        return 0;
    }

    own = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (acme_ca_str_eq(&own[i], value)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
acme_ca_policy_rule_has_address(const ngx_array_t *cidrs,
    const u_char *address, size_t len)
{
    ngx_cidr_t  *cidr;
    ngx_uint_t   i;

    cidr = cidrs->elts;

    for (i = 0; i < cidrs->nelts; i++) {
        if (acme_ca_policy_in_cidr(&cidr[i], address, len, NULL)) {
            return 1;
        }
    }

    return 0;
}


/* nginx writes an IPv4 client of an IPv6 socket as "::ffff:192.0.2.1" */

static ngx_uint_t
acme_ca_policy_rule_near(const ngx_array_t *cidrs, const ngx_str_t *address)
{
    u_char  bytes[16], text[INET6_ADDRSTRLEN];

    if (address->len == 0 || address->len >= sizeof(text)) {
        return 0;
    }

    ngx_memcpy(text, address->data, address->len);
    text[address->len] = '\0';

    if (inet_pton(AF_INET, (char *) text, bytes) == 1) {
        return acme_ca_policy_rule_has_address(cidrs, bytes, 4);
    }

    if (inet_pton(AF_INET6, (char *) text, bytes) != 1) {
        return 0;
    }

    if (IN6_IS_ADDR_V4MAPPED((struct in6_addr *) bytes)) {
        return acme_ca_policy_rule_has_address(cidrs, bytes + 12, 4);
    }

    return acme_ca_policy_rule_has_address(cidrs, bytes, 16);
}


static ngx_uint_t
acme_ca_policy_rule_certified(const ngx_array_t *list,
    const acme_ca_policy_subject_t *subject)
{
    ngx_str_t   *wanted, *own;
    ngx_uint_t   i, k;

    if (subject->certificate.len == 0 && subject->alternatives == NULL) {
        return 0;
    }

    wanted = list->elts;

    for (i = 0; i < list->nelts; i++) {

        if (acme_ca_str_is(&wanted[i], "*")
            || acme_ca_str_eq(&wanted[i], &subject->certificate)
            || acme_ca_policy_rule_has_rdn(&subject->certificate, &wanted[i]))
        {
            return 1;
        }

        if (subject->alternatives == NULL) {
            continue;
        }

        own = subject->alternatives->elts;

        for (k = 0; k < subject->alternatives->nelts; k++) {
            if (acme_ca_str_eq(&own[k], &wanted[i])) {
                return 1;
            }
        }
    }

    return 0;
}


/* one of the parts between commas, where a comma of a value has a "\" */

static ngx_uint_t
acme_ca_policy_rule_has_rdn(const ngx_str_t *subject, const ngx_str_t *wanted)
{
    u_char     *p, *last;
    ngx_str_t   part;

    p = subject->data;
    last = p + subject->len;

    while (p < last) {
        part.data = p;

        while (p < last && *p != ',') {
            p += (*p == '\\' && p + 1 < last) ? 2 : 1;
        }

        part.len = p++ - part.data;

        if (acme_ca_str_eq(&part, wanted)) {
            return 1;
        }
    }

    return 0;
}
