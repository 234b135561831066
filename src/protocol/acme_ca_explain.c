
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * An order that is read and held against all rules as newOrder does (RFC 8555,
 * 7.4), first as a whole, then name by name, and thrown away.
 */


#include "acme_ca_explain.h"
#include "acme_ca_authorize.h"


static ngx_int_t acme_ca_explain_order(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_explain_newcomer(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_explain_name(acme_ca_exchange_t *x,
    const acme_ca_order_wish_t *wish, acme_ca_json_t *value,
    ngx_array_t *names);
static ngx_uint_t acme_ca_explain_challenges(
    const acme_ca_authority_t *authority,
    const acme_ca_order_identifier_t *identifier);


ngx_int_t
acme_ca_protocol_explain(acme_ca_exchange_t *x,
    acme_ca_explanation_t *explanation)
{
    ngx_int_t              rc;
    acme_ca_json_t        *list, *value;
    acme_ca_order_wish_t  *wish, none;

    rc = acme_ca_explain_order(x);

    if (rc != NGX_OK && rc != NGX_ABORT) {
        return rc;
    }

    explanation->problem = x->ctx.problem;

    list = acme_ca_json_member(x->payload, "identifiers");

    explanation->names = ngx_array_create(x->ctx.pool, list ? list->n + 1 : 1,
                                          sizeof(acme_ca_explain_name_t));
    if (explanation->names == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&none, sizeof(acme_ca_order_wish_t));

    wish = x->prepared ? x->prepared : &none;
    wish->n = list ? list->n : 0;

    explanation->profile = wish->profile;

    for (value = list ? list->first : NULL; value; value = value->next) {
        rc = acme_ca_explain_name(x, wish, value, explanation->names);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_explain_order(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    rc = acme_ca_gate_account(x);

    if (rc == NGX_OK && x->account && x->account->id == 0) {
        rc = acme_ca_explain_newcomer(x);
    }

    return (rc == NGX_OK) ? acme_ca_order_read(x) : rc;
}


/* the account that comes first, as far as its external one decides */

static ngx_int_t
acme_ca_explain_newcomer(acme_ca_exchange_t *x)
{
    if (x->authority->eab == ACME_CA_EAB_OFF) {
        x->eab = NULL;
        return NGX_OK;
    }

    if (x->eab) {
        return acme_ca_binding_check(x, x->eab);
    }

    return (x->authority->eab == ACME_CA_EAB_REQUIRED)
           ? acme_ca_refuse(&x->ctx, ACME_CA_EXTERNAL_ACCOUNT_REQUIRED, NULL)
           : NGX_OK;
}


static ngx_int_t
acme_ca_explain_name(acme_ca_exchange_t *x, const acme_ca_order_wish_t *wish,
    acme_ca_json_t *value, ngx_array_t *names)
{
    ngx_int_t                rc;
    ngx_str_t               *type, *text;
    acme_ca_explain_name_t  *name;

    type = acme_ca_json_string(value, "type");
    text = acme_ca_json_string(value, "value");

    if (type == NULL || text == NULL) {
        return acme_ca_never(x->ctx.log);
    }

    name = ngx_array_push(names);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(name, sizeof(acme_ca_explain_name_t));

    name->type = *type;
    name->value = *text;

    x->ctx.problem = NULL;

    rc = acme_ca_identifier_parse(&x->ctx, type, text,
                                  &name->identifier.identifier);

    if (rc == NGX_OK) {
        rc = acme_ca_order_admit(x, wish, &name->identifier);
    }

    if (rc == NGX_OK) {
        name->challenges = acme_ca_explain_challenges(x->authority,
                                                      &name->identifier);
        return NGX_OK;
    }

    if (rc != NGX_ABORT) {
        return rc;
    }

    name->problem = x->ctx.problem->subproblems ? x->ctx.problem->subproblems
                                                : x->ctx.problem;

    return NGX_OK;
}


static ngx_uint_t
acme_ca_explain_challenges(const acme_ca_authority_t *authority,
    const acme_ca_order_identifier_t *identifier)
{
    ngx_uint_t  type, fits;

    fits = 0;

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {
        if (identifier->trusted_by.len == 0
            && acme_ca_challenge_fits(authority, type,
                                      &identifier->identifier))
        {
            fits |= 1 << type;
        }
    }

    return fits;
}
