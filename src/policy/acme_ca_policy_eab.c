
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What an account may have that is bound to an external one (RFC 8555,
 * 7.3.4): the names and profiles of its credential, within what the authority
 * allows everybody.
 */


#include "acme_ca_policy_private.h"


static ngx_uint_t acme_ca_policy_eab_next(ngx_str_t *list, ngx_str_t *word);
static ngx_uint_t acme_ca_policy_eab_covers(ngx_str_t *pattern,
    const acme_ca_identifier_t *identifier);
static ngx_uint_t acme_ca_policy_eab_has(const acme_ca_eab_t *eab,
    const ngx_str_t *profile);


ngx_int_t
acme_ca_policy_eab_identifier(acme_ca_ctx_t *ctx, const acme_ca_eab_t *eab,
    const acme_ca_identifier_t *identifier)
{
    ngx_str_t  list, pattern;

    list = eab->names;

    if (list.len == 0) {
        return NGX_OK;
    }

    while (acme_ca_policy_eab_next(&list, &pattern)) {
        if (acme_ca_policy_eab_covers(&pattern, identifier)) {
            return NGX_OK;
        }
    }

    return acme_ca_refuse(ctx, ACME_CA_REJECTED_IDENTIFIER,
                          "the external account \"%V\" does not allow it",
                          &eab->label);
}


/* the next word of a list that is separated by blanks */

static ngx_uint_t
acme_ca_policy_eab_next(ngx_str_t *list, ngx_str_t *word)
{
    u_char  *p, *last;

    p = list->data;
    last = p + list->len;

    while (p < last && *p == ' ') {
        p++;
    }

    word->data = p;

    while (p < last && *p != ' ') {
        p++;
    }

    word->len = p - word->data;

    list->data = p;
    list->len = last - p;

    return word->len != 0;
}


static ngx_uint_t
acme_ca_policy_eab_covers(ngx_str_t *pattern,
    const acme_ca_identifier_t *identifier)
{
    ngx_cidr_t  cidr;

    if (identifier->type != ACME_CA_IDENTIFIER_IP) {
        return acme_ca_policy_allows(pattern, identifier);
    }

    if (acme_ca_str_is(pattern, "*")) {
        return 1;
    }

    ngx_memzero(&cidr, sizeof(ngx_cidr_t));

    return ngx_ptocidr(pattern, &cidr) != NGX_ERROR
           && acme_ca_policy_in_cidr(&cidr, identifier->address,
                                     identifier->address_len, NULL);
}


ngx_int_t
acme_ca_policy_eab_profile(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, const acme_ca_eab_t *eab,
    ngx_uint_t asked, const acme_ca_profile_t **profile)
{
    ngx_str_t           list, name;
    acme_ca_profile_t  *own;

    if (acme_ca_policy_eab_has(eab, &(*profile)->name)) {
        return NGX_OK;
    }

    list = eab->profiles;

    while (!asked && acme_ca_policy_eab_next(&list, &name)) {
        own = acme_ca_authority_profile(authority, &name);

        if (own) {
            *profile = own;
            return NGX_OK;
        }
    }

    return acme_ca_refuse(ctx, ACME_CA_UNAUTHORIZED, "the external account "
                          "\"%V\" does not allow the profile \"%V\"",
                          &eab->label, &(*profile)->name);
}


static ngx_uint_t
acme_ca_policy_eab_has(const acme_ca_eab_t *eab, const ngx_str_t *profile)
{
    ngx_str_t  list, name;

    list = eab->profiles;

    if (list.len == 0) {
        return 1;
    }

    while (acme_ca_policy_eab_next(&list, &name)) {
        if (acme_ca_str_eq(&name, profile)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
acme_ca_policy_eab_pattern(ngx_pool_t *pool, ngx_str_t *pattern)
{
    ngx_int_t              rc;
    ngx_str_t              name;
    ngx_cidr_t             cidr;
    acme_ca_identifier_t   identifier;

    ngx_strlow(pattern->data, pattern->data, pattern->len);

    ngx_memzero(&cidr, sizeof(ngx_cidr_t));

    if (acme_ca_str_is(pattern, "*")
        || ngx_ptocidr(pattern, &cidr) != NGX_ERROR)
    {
        return NGX_OK;
    }

    name = *pattern;

    if (name.len > 1 && name.data[0] == '.') {
        name.data++;
        name.len--;
    }

    rc = acme_ca_identifier_from_dns(pool, name.data, name.len, &identifier);

    return (rc == NGX_OK && identifier.wildcard) ? NGX_DECLINED : rc;
}
