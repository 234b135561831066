
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a new order asks for (RFC 8555, 7.4; draft-ietf-acme-profiles), read
 * and held against the policy.  Looks at no row: it runs before the
 * transaction that writes the order.
 */


#include "acme_ca_authorize.h"
#include "acme_ca_renewal.h"
#include "acme_ca_rate.h"
#include "acme_ca_terms.h"
#include "acme_ca_caa.h"
#include "acme_ca_issuer.h"


#define ACME_CA_ORDER_NEVER  "0001-01-01T00:00:00Z"


static ngx_int_t acme_ca_order_read_identifiers(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish);
static ngx_int_t acme_ca_order_read_identifier(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish, acme_ca_json_t *value);
static ngx_int_t acme_ca_order_read_ancestor(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish, acme_ca_json_t *value,
    acme_ca_order_identifier_t *identifier);
static ngx_int_t acme_ca_order_add_wish(acme_ca_order_wish_t *wish,
    acme_ca_order_identifier_t *identifier);
static void acme_ca_order_share(acme_ca_order_wish_t *wish);
static ngx_int_t acme_ca_order_blame(acme_ca_exchange_t *x, ngx_str_t *type,
    ngx_str_t *value, acme_ca_problem_t *before);
static ngx_int_t acme_ca_order_read_profile(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish);
static ngx_int_t acme_ca_order_count(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish, ngx_uint_t n);
static ngx_int_t acme_ca_order_dates(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish);
static ngx_int_t acme_ca_order_read_date(acme_ca_exchange_t *x,
    const char *name, time_t *at);


ngx_int_t
acme_ca_order_check(acme_ca_exchange_t *x)
{
    ngx_int_t              rc;
    acme_ca_order_wish_t  *wish;

    rc = acme_ca_order_read(x);
    wish = x->prepared;

    return (rc == NGX_OK) ? acme_ca_rate_order(x, wish->identifiers) : rc;
}


ngx_int_t
acme_ca_order_read(acme_ca_exchange_t *x)
{
    ngx_int_t              rc;
    acme_ca_order_wish_t  *wish;

    wish = ngx_pcalloc(x->ctx.pool, sizeof(acme_ca_order_wish_t));
    if (wish == NULL) {
        return NGX_ERROR;
    }

    x->prepared = wish;

    rc = acme_ca_terms_gate(x);

    if (rc == NGX_OK) {
        rc = acme_ca_binding_load(x);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_read_profile(x, wish);
    }

    if (rc == NGX_OK && x->eab) {
        rc = acme_ca_policy_eab_profile(&x->ctx, x->authority, x->eab,
                                        wish->profile_asked, &wish->profile);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_read_date(x, "notBefore", &wish->not_before);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_read_date(x, "notAfter", &wish->not_after);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_dates(x, wish);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_read_identifiers(x, wish);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_replaces_read(x, wish);
    }

    return rc;
}


/* all are looked at, so that one answer names all that are refused */

static ngx_int_t
acme_ca_order_read_identifiers(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish)
{
    ngx_int_t        rc;
    acme_ca_json_t  *list, *value;

    list = acme_ca_json_member(x->payload, "identifiers");

    if (list == NULL || list->type != ACME_CA_JSON_ARRAY || list->n == 0) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                          "\"identifiers\" is to be an array that has some");
    }

    rc = acme_ca_order_count(x, wish, list->n);
    if (rc != NGX_OK) {
        return rc;
    }

    wish->identifiers = ngx_array_create(x->ctx.pool, list->n,
                                         sizeof(acme_ca_order_identifier_t));
    if (wish->identifiers == NULL) {
        return NGX_ERROR;
    }

    wish->n = list->n;

    for (value = list->first; value; value = value->next) {
        rc = acme_ca_order_read_identifier(x, wish, value);

        if (rc != NGX_OK && rc != NGX_ABORT) {
            return rc;
        }
    }

    acme_ca_order_share(wish);

    return x->ctx.problem ? acme_ca_order_refused(x) : NGX_OK;
}


static ngx_int_t
acme_ca_order_read_identifier(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish, acme_ca_json_t *value)
{
    ngx_int_t                    rc;
    ngx_str_t                   *type, *text, none = ngx_null_string;
    acme_ca_problem_t           *before;
    acme_ca_order_identifier_t   identifier;

    ngx_memzero(&identifier, sizeof(acme_ca_order_identifier_t));

    before = x->ctx.problem;
    x->ctx.problem = NULL;

    type = acme_ca_json_string(value, "type");
    text = acme_ca_json_string(value, "value");

    if (type == NULL || text == NULL) {
        type = text = &none;
        rc = acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                     "an identifier is an object with \"type\" and \"value\"");

    } else {
        rc = acme_ca_identifier_parse(&x->ctx, type, text,
                                      &identifier.identifier);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_admit(x, wish, &identifier);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_read_ancestor(x, wish, value, &identifier);
    }

    if (rc == NGX_ABORT) {
        return acme_ca_order_blame(x, type, text, before);
    }

    x->ctx.problem = before;

    return (rc == NGX_OK) ? acme_ca_order_add_wish(wish, &identifier) : rc;
}


ngx_int_t
acme_ca_order_admit(acme_ca_exchange_t *x, const acme_ca_order_wish_t *wish,
    acme_ca_order_identifier_t *identifier)
{
    ngx_int_t                rc;
    const acme_ca_issuer_t  *issuer;

    rc = acme_ca_binding_load(x);

    if (rc == NGX_OK) {
        rc = acme_ca_policy_identifier(&x->ctx, x->authority,
                                       &identifier->identifier);
    }

    /* once: the event loop may change it meanwhile */

    issuer = x->authority->issuer;

    if (rc == NGX_OK && x->authority->signer == NULL && issuer != NULL) {
        rc = acme_ca_policy_constraints(&x->ctx, issuer->constraints,
                                        &identifier->identifier);
    }

    if (rc == NGX_OK && x->eab) {
        rc = acme_ca_policy_eab_identifier(&x->ctx, x->eab,
                                           &identifier->identifier);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_ruling(x, wish->profile, wish->n, identifier);
    }

    if (rc != NGX_OK || identifier->trusted_by.len
        || acme_ca_authorize_provable(x->authority, &identifier->identifier,
                                      0))
    {
        return rc;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_REJECTED_IDENTIFIER,
                        "no challenge that is offered here can prove it");
}


/*
 * RFC 9444: a domain that the client could prove instead.  Where we are not
 * willing to take that, the name has to be proven itself.
 */

static ngx_int_t
acme_ca_order_read_ancestor(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish,
    acme_ca_json_t *value, acme_ca_order_identifier_t *identifier)
{
    ngx_int_t              rc;
    ngx_str_t             *text, *name, dns = ngx_string("dns");
    acme_ca_identifier_t   domain;

    if (!x->authority->subdomain_authorization
        || identifier->identifier.wildcard || identifier->trusted_by.len
        || acme_ca_json_member(value, "ancestorDomain") == NULL)
    {
        return NGX_OK;
    }

    text = acme_ca_json_string(value, "ancestorDomain");

    if (text == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"ancestorDomain\" is to be a string");
    }

    rc = acme_ca_identifier_parse(&x->ctx, &dns, text, &domain);
    if (rc != NGX_OK) {
        return rc;
    }

    name = &identifier->identifier.value;

    if (identifier->identifier.type != ACME_CA_IDENTIFIER_DNS
        || domain.wildcard || name->len == domain.value.len
        || !acme_ca_name_within(name, &domain.value))
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"%V\" is not an ancestor domain of it", text);
    }

    /* CAA is asked for at the name that is proven: the ancestor's is another */

    if (acme_ca_caa_wanted(x->authority, &identifier->identifier)) {
        return NGX_OK;
    }

    rc = acme_ca_authorize_willing(x, wish, &domain);

    if (rc == NGX_OK) {
        identifier->ancestor = domain.value;
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/* one that stands there twice is one */

static ngx_int_t
acme_ca_order_add_wish(acme_ca_order_wish_t *wish,
    acme_ca_order_identifier_t *identifier)
{
    ngx_uint_t                   i;
    acme_ca_order_identifier_t  *known, *fresh;

    known = wish->identifiers->elts;

    for (i = 0; i < wish->identifiers->nelts; i++) {
        if (acme_ca_identifier_cmp(&known[i].identifier,
                                   &identifier->identifier)
            == 0)
        {
            return NGX_OK;
        }
    }

    fresh = ngx_array_push(wish->identifiers);
    if (fresh == NULL) {
        return NGX_ERROR;
    }

    *fresh = *identifier;

    return NGX_OK;
}


/* a domain beside names that it answers for is proven once, with them */

static void
acme_ca_order_share(acme_ca_order_wish_t *wish)
{
    ngx_uint_t                   i, k;
    acme_ca_order_identifier_t  *id;

    id = wish->identifiers->elts;

    for (i = 0; i < wish->identifiers->nelts; i++) {

        if (id[i].ancestor.len || id[i].trusted_by.len
            || id[i].identifier.wildcard
            || id[i].identifier.type != ACME_CA_IDENTIFIER_DNS)
        {
            continue;
        }

        for (k = 0; k < wish->identifiers->nelts; k++) {
            if (acme_ca_str_eq(&id[k].ancestor, &id[i].identifier.value)) {
                id[i].ancestor = id[i].identifier.value;
                break;
            }
        }
    }
}


/* makes one identifier's problem a subproblem, beside those before it */

static ngx_int_t
acme_ca_order_blame(acme_ca_exchange_t *x, ngx_str_t *type, ngx_str_t *value,
    acme_ca_problem_t *before)
{
    acme_ca_problem_t  *problem;

    problem = x->ctx.problem;
    x->ctx.problem = before;

    if (problem->subproblems) {
        problem = problem->subproblems;
    }

    return acme_ca_refuse_identifier(&x->ctx, problem->type, type, value,
                                     "%V", &problem->detail);
}


/* clients show the type and detail at the top: a single one is said there */

ngx_int_t
acme_ca_order_refused(acme_ca_exchange_t *x)
{
    acme_ca_problem_t  *problem, *sub;

    problem = x->ctx.problem;
    sub = problem->subproblems;

    if (sub && sub->next == NULL) {
        problem->type = sub->type;
        problem->detail = sub->detail;
    }

    return NGX_ABORT;
}


static ngx_int_t
acme_ca_order_read_profile(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish)
{
    ngx_str_t       *name;
    acme_ca_json_t  *value;

    wish->profile = x->authority->default_profile;

    value = acme_ca_json_member(x->payload, "profile");
    if (value == NULL) {
        return NGX_OK;
    }

    name = acme_ca_json_string(x->payload, "profile");

    if (name == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"profile\" is to be a string");
    }

    if (name->len == 0) {
        return NGX_OK;
    }

    wish->profile_asked = 1;
    wish->profile = x->authority->profiles_shown
                    ? acme_ca_authority_profile(x->authority, name) : NULL;

    if (wish->profile == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_INVALID_PROFILE, NULL);
    }

    return NGX_OK;
}


/*
 * draft-ietf-acme-profiles, 4: a profile that was named and does not go with
 * the rest of the request is to blame itself.
 */

static ngx_int_t
acme_ca_order_count(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish,
    ngx_uint_t n)
{
    ngx_uint_t  max;

    max = wish->profile->max_identifiers;

    if (max && wish->profile_asked && n > max
        && n <= x->authority->max_identifiers)
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_INVALID_PROFILE,
                              "an order of profile \"%V\" has at most %ui "
                              "identifiers, not %ui", &wish->profile->name,
                              max, n);
    }

    if (max == 0) {
        max = x->authority->max_identifiers;
    }

    if (n > max) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "an order has at most %ui identifiers, not %ui",
                              max, n);
    }

    return NGX_OK;
}


/* RFC 8555, 7.4: what cannot be fulfilled as specified is refused */

static ngx_int_t
acme_ca_order_dates(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish)
{
    time_t                   from;
    ngx_int_t                rc;
    const acme_ca_issuer_t  *issuer;

    from = ngx_max(x->ctx.now, wish->not_before);

    if (wish->profile_asked && wish->not_after - from > wish->profile->lifetime)
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_INVALID_PROFILE,
                              "notAfter exceeds the lifetime of profile "
                              "\"%V\", %T seconds", &wish->profile->name,
                              wish->profile->lifetime);
    }

    rc = acme_ca_policy_dates(&x->ctx, wish->profile, wish->not_before,
                              wish->not_after);

    issuer = x->authority->issuer;

    if (rc != NGX_OK || issuer == NULL) {
        return rc;
    }

    if (wish->not_after > issuer->not_after
        || wish->not_before >= issuer->not_after
        || (wish->not_before && wish->not_before < issuer->not_before))
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "notBefore or notAfter is outside of the "
                              "validity of the CA's certificate");
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_order_read_date(acme_ca_exchange_t *x, const char *name, time_t *at)
{
    ngx_str_t       *text;
    acme_ca_json_t  *value;

    *at = 0;

    value = acme_ca_json_member(x->payload, name);
    if (value == NULL) {
        return NGX_OK;
    }

    text = acme_ca_json_string(x->payload, name);

    /* clients send what they do not want to say, too: step a zero time */

    if (text && (text->len == 0 || acme_ca_str_is(text, ACME_CA_ORDER_NEVER)))
    {
        return NGX_OK;
    }

    if (text == NULL || acme_ca_rfc3339_parse(text, at) != NGX_OK) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"%s\" is not a date of RFC 3339", name);
    }

    return NGX_OK;
}
