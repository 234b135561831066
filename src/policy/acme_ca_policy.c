
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Names, addresses and dates against the authority's rules.  Looks nothing
 * up: whoever calls has resolved, parsed and canonicalized before.
 */


#include "acme_ca_policy_private.h"


/* an address, and the IPv4 address that it only wraps, if it does */
typedef struct {
    u_char       addr[2][16];
    size_t       len[2];
    ngx_uint_t   n;
} acme_ca_policy_forms_t;


typedef ngx_uint_t (*acme_ca_policy_covers_pt)(ngx_str_t *rule,
    const acme_ca_identifier_t *identifier);


static ngx_int_t acme_ca_policy_dns(acme_ca_ctx_t *ctx,
    const acme_ca_rules_t *rules, const acme_ca_identifier_t *identifier);
static ngx_int_t acme_ca_policy_ip(acme_ca_ctx_t *ctx,
    const acme_ca_rules_t *rules, const acme_ca_identifier_t *identifier);
static ngx_str_t *acme_ca_policy_find(ngx_array_t *rules,
    const acme_ca_identifier_t *identifier, acme_ca_policy_covers_pt covers);
static ngx_uint_t acme_ca_policy_below(ngx_str_t *rule, ngx_str_t *name);
static void acme_ca_policy_forms(struct sockaddr *sockaddr,
    acme_ca_policy_forms_t *forms);
static ngx_uint_t acme_ca_policy_in_cidrs(ngx_array_t *cidrs,
    acme_ca_policy_forms_t *forms, const acme_ca_policy_class_t *within);
static const acme_ca_policy_class_t *acme_ca_policy_class(
    acme_ca_policy_forms_t *forms);
static ngx_uint_t acme_ca_policy_prefix_eq(const u_char *a, const u_char *b,
    ngx_uint_t prefix);


/*
 * What validation never reaches unless an "allow address" lies inside the
 * class.  Loopback and private ranges are not here: an internal CA is for
 * them.  The single addresses are metadata services of clouds, which hand out
 * credentials to whoever asks from the machine.
 */

static const acme_ca_policy_class_t  acme_ca_policy_classes[] = {
    { 4, { 0 }, 8 },                           /* "this" network */
    { 4, { 169, 254 }, 16 },                   /* link-local */
    { 4, { 224 }, 4 },                         /* multicast */
    { 4, { 240 }, 4 },                         /* reserved, broadcast */
    { 4, { 100, 100, 100, 200 }, 32 },
    { 4, { 168, 63, 129, 16 }, 32 },
    { 16, { 0 }, 128 },                        /* unspecified */
    { 16, { 0x01 }, 64 },                      /* discard-only */
    { 16, { 0xfe, 0x80 }, 10 },                /* link-local */
    { 16, { 0xff }, 8 },                       /* multicast */
    { 16, { 0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0x02, 0x54 }, 128 },
    { 0, { 0 }, 0 }
};


/* IPv6 prefixes that wrap an IPv4 address, and where it begins in them */

static const struct {
    u_char       addr[16];
    ngx_uint_t   prefix;
    ngx_uint_t   offset;
    ngx_uint_t   alone;       /* the address is the IPv4 one and no other */
} acme_ca_policy_wraps[] = {
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96, 12, 1 },   /* mapped */
    { { 0, 0x64, 0xff, 0x9b }, 96, 12, 0 },                        /* NAT64 */
    { { 0x20, 0x02 }, 16, 2, 0 },                                  /* 6to4 */
    { { 0 }, 0, 0, 0 }
};


ngx_int_t
acme_ca_policy_identifier(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier)
{
    if (identifier->type == ACME_CA_IDENTIFIER_IP) {
        return acme_ca_policy_ip(ctx, &authority->rules, identifier);
    }

    if (identifier->wildcard && !authority->wildcard) {
        return acme_ca_policy_reject(ctx, identifier,
                            "no challenge offered here can prove a wildcard",
                            NULL);
    }

    return acme_ca_policy_dns(ctx, &authority->rules, identifier);
}


static ngx_int_t
acme_ca_policy_dns(acme_ca_ctx_t *ctx, const acme_ca_rules_t *rules,
    const acme_ca_identifier_t *identifier)
{
    ngx_str_t  *rule;

    rule = acme_ca_policy_find(rules->deny_dns, identifier,
                               acme_ca_policy_denies);
    if (rule) {
        return acme_ca_policy_reject(ctx, identifier,
                                     "the name is denied by the rule", rule);
    }

    if (rules->allow_dns == NULL) {
        return NGX_OK;
    }

    rule = acme_ca_policy_find(rules->allow_dns, identifier,
                               acme_ca_policy_allows);
    if (rule) {
        return NGX_OK;
    }

    return acme_ca_policy_reject(ctx, identifier,
                                 "no rule allows the name", NULL);
}


static ngx_int_t
acme_ca_policy_ip(acme_ca_ctx_t *ctx, const acme_ca_rules_t *rules,
    const acme_ca_identifier_t *identifier)
{
    acme_ca_policy_forms_t  forms;

    ngx_memcpy(forms.addr[0], identifier->address, identifier->address_len);
    forms.len[0] = identifier->address_len;
    forms.n = 1;

    if (acme_ca_policy_in_cidrs(rules->deny_ip, &forms, NULL)) {
        return acme_ca_policy_reject(ctx, identifier,
                                     "a rule denies the address", NULL);
    }

    if (rules->allow_ip == NULL
        || acme_ca_policy_in_cidrs(rules->allow_ip, &forms, NULL))
    {
        return NGX_OK;
    }

    return acme_ca_policy_reject(ctx, identifier,
                                 "no rule allows the address", NULL);
}


ngx_int_t
acme_ca_policy_reject(acme_ca_ctx_t *ctx,
    const acme_ca_identifier_t *identifier, const char *reason,
    ngx_str_t *rule)
{
    ngx_str_t  type, name;

    type = acme_ca_identifier_types[identifier->type];

    if (acme_ca_identifier_name(ctx->pool, identifier, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rule) {
        return acme_ca_refuse_identifier(ctx, ACME_CA_REJECTED_IDENTIFIER,
                                         &type, &name, "%s \"%V\"", reason,
                                         rule);
    }

    return acme_ca_refuse_identifier(ctx, ACME_CA_REJECTED_IDENTIFIER, &type,
                                     &name, "%s", reason);
}


static ngx_str_t *
acme_ca_policy_find(ngx_array_t *rules,
    const acme_ca_identifier_t *identifier, acme_ca_policy_covers_pt covers)
{
    ngx_str_t   *rule;
    ngx_uint_t   i;

    if (rules == NULL) {
        return NULL;
    }

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (covers(&rule[i], identifier)) {
            return &rule[i];
        }
    }

    return NULL;
}


/* every name that the identifier stands for has to be under the rule */

ngx_uint_t
acme_ca_policy_allows(ngx_str_t *rule, const acme_ca_identifier_t *identifier)
{
    ngx_str_t  name, base;

    if (acme_ca_str_is(rule, "*")) {
        return 1;
    }

    name = identifier->value;

    if (!identifier->wildcard) {
        return acme_ca_str_eq(rule, &name) || acme_ca_policy_below(rule, &name);
    }

    if (rule->len < 2 || rule->data[0] != '.') {
        return 0;
    }

    /* "*.b" is below ".b" just as "*.a.b" is */

    base.data = rule->data + 1;
    base.len = rule->len - 1;

    return acme_ca_str_eq(&base, &name) || acme_ca_policy_below(rule, &name);
}


/* one name that the identifier stands for under the rule is enough */

ngx_uint_t
acme_ca_policy_denies(ngx_str_t *rule, const acme_ca_identifier_t *identifier)
{
    u_char     *dot;
    ngx_str_t   parent;

    if (acme_ca_policy_allows(rule, identifier)) {
        return 1;
    }

    if (!identifier->wildcard || rule->len == 0 || rule->data[0] == '.') {
        return 0;
    }

    /* "x.b" is among the names of "*.b" */

    dot = ngx_strlchr(rule->data, rule->data + rule->len, '.');

    if (dot == NULL) {
        return 0;
    }

    parent.data = dot + 1;
    parent.len = rule->data + rule->len - parent.data;

    return acme_ca_str_eq(&parent, &identifier->value);
}


static ngx_uint_t
acme_ca_policy_below(ngx_str_t *rule, ngx_str_t *name)
{
    return rule->len != 0
           && rule->data[0] == '.'
           && name->len > rule->len
           && ngx_memcmp(name->data + name->len - rule->len, rule->data,
                         rule->len)
              == 0;
}


ngx_int_t
acme_ca_policy_address(const acme_ca_authority_t *authority,
    struct sockaddr *sockaddr)
{
    const acme_ca_rules_t         *rules;
    acme_ca_policy_forms_t         forms;
    const acme_ca_policy_class_t  *class;

    rules = &authority->rules;

    acme_ca_policy_forms(sockaddr, &forms);

    if (forms.n == 0
        || acme_ca_policy_in_cidrs(rules->deny_address, &forms, NULL))
    {
        return NGX_DECLINED;
    }

    class = acme_ca_policy_class(&forms);

    if (class == NULL && rules->allow_address == NULL) {
        return NGX_OK;
    }

    if (acme_ca_policy_in_cidrs(rules->allow_address, &forms, class)) {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static void
acme_ca_policy_forms(struct sockaddr *sockaddr, acme_ca_policy_forms_t *forms)
{
    u_char      *p;
    ngx_uint_t   i;

    forms->n = 0;

    if (sockaddr->sa_family == AF_INET) {
        p = (u_char *) &((struct sockaddr_in *) sockaddr)->sin_addr;
        ngx_memcpy(forms->addr[0], p, 4);
        forms->len[0] = 4;
        forms->n = 1;
        return;
    }

    if (sockaddr->sa_family != AF_INET6) {
        return;
    }

    p = (u_char *) &((struct sockaddr_in6 *) sockaddr)->sin6_addr;

    for (i = 0; acme_ca_policy_wraps[i].prefix; i++) {

        if (!acme_ca_policy_prefix_eq(p, acme_ca_policy_wraps[i].addr,
                                      acme_ca_policy_wraps[i].prefix))
        {
            continue;
        }

        ngx_memcpy(forms->addr[0], p + acme_ca_policy_wraps[i].offset, 4);
        forms->len[0] = 4;
        forms->n = 1;

        if (acme_ca_policy_wraps[i].alone) {
            return;
        }

        break;
    }

    ngx_memcpy(forms->addr[forms->n], p, 16);
    forms->len[forms->n] = 16;
    forms->n++;
}


/* within: only ranges that lie inside this class count; NULL: all do */

static ngx_uint_t
acme_ca_policy_in_cidrs(ngx_array_t *cidrs, acme_ca_policy_forms_t *forms,
    const acme_ca_policy_class_t *within)
{
    ngx_uint_t   i, k;
    ngx_cidr_t  *cidr;

    if (cidrs == NULL) {
        return 0;
    }

    cidr = cidrs->elts;

    for (i = 0; i < cidrs->nelts; i++) {
        for (k = 0; k < forms->n; k++) {
            if (acme_ca_policy_in_cidr(&cidr[i], forms->addr[k],
                                       forms->len[k], within))
            {
                return 1;
            }
        }
    }

    return 0;
}


ngx_uint_t
acme_ca_policy_in_cidr(ngx_cidr_t *cidr, const u_char *addr, size_t len,
    const acme_ca_policy_class_t *within)
{
    u_char      *net, *mask;
    ngx_uint_t   i, n, family;

    family = (len == 4) ? AF_INET : AF_INET6;

    if (cidr->family != family) {
        return 0;
    }

    if (family == AF_INET) {
        net = (u_char *) &cidr->u.in.addr;
        mask = (u_char *) &cidr->u.in.mask;

    } else {
        net = (u_char *) &cidr->u.in6.addr;
        mask = (u_char *) &cidr->u.in6.mask;
    }

    for (i = 0; i < len; i++) {
        if ((addr[i] & mask[i]) != net[i]) {
            return 0;
        }
    }

    if (within == NULL) {
        return 1;
    }

    /*
     * All bits of the class's prefix are in the mask; where the class is of
     * the wrapped address, only the very address names it.
     */

    n = (within->len == len) ? within->prefix : len * 8;

    for (i = 0; i < n; i++) {
        if ((mask[i / 8] & (0x80 >> (i % 8))) == 0) {
            return 0;
        }
    }

    return 1;
}


static const acme_ca_policy_class_t *
acme_ca_policy_class(acme_ca_policy_forms_t *forms)
{
    ngx_uint_t                     k;
    const acme_ca_policy_class_t  *class;

    for (class = acme_ca_policy_classes; class->len; class++) {
        for (k = 0; k < forms->n; k++) {
            if (forms->len[k] == class->len
                && acme_ca_policy_prefix_eq(forms->addr[k], class->addr,
                                            class->prefix))
            {
                return class;
            }
        }
    }

    return NULL;
}


static ngx_uint_t
acme_ca_policy_prefix_eq(const u_char *a, const u_char *b, ngx_uint_t prefix)
{
    ngx_uint_t  bytes, bits;

    bytes = prefix / 8;
    bits = prefix % 8;

    if (ngx_memcmp(a, b, bytes) != 0) {
        return 0;
    }

    return bits == 0 || ((a[bytes] ^ b[bytes]) >> (8 - bits)) == 0;
}


ngx_int_t
acme_ca_policy_dates(acme_ca_ctx_t *ctx, const acme_ca_profile_t *profile,
    time_t not_before, time_t not_after)
{
    time_t  from;

    if (not_before && not_before < ctx->now - profile->backdate) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "notBefore is in the past");
    }

    if (not_before && not_before > ctx->now + profile->lifetime) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "notBefore is too far in the future");
    }

    if (not_after == 0) {
        return NGX_OK;
    }

    from = (not_before > ctx->now) ? not_before : ctx->now;

    if (not_after <= from) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "notAfter is not after notBefore and now");
    }

    if (not_after - from > profile->lifetime) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "notAfter exceeds the lifetime of %T seconds",
                              profile->lifetime);
    }

    return NGX_OK;
}
