
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Pre-authorization (RFC 8555, 7.4.1): an authorization before any order needs
 * it, for a domain with its subdomains if the client asks so (RFC 9444).  Who
 * has a valid one already is shown that one.
 */


#include "acme_ca_authorize.h"
#include "acme_ca_rate.h"
#include "acme_ca_terms.h"


static ngx_int_t acme_ca_new_authz_read(acme_ca_exchange_t *x,
    acme_ca_authz_t *wish);
static ngx_int_t acme_ca_new_authz_admit(acme_ca_exchange_t *x,
    acme_ca_authz_t *wish);
static ngx_int_t acme_ca_new_authz_find(acme_ca_exchange_t *x,
    acme_ca_authz_t *wish, int64_t *id);
static ngx_int_t acme_ca_new_authz_add(acme_ca_exchange_t *x,
    acme_ca_authz_t *wish);
static ngx_int_t acme_ca_new_authz_details(acme_ca_exchange_t *x,
    acme_ca_authz_t *wish);


ngx_int_t
acme_ca_new_authz_check(acme_ca_exchange_t *x)
{
    ngx_int_t         rc;
    acme_ca_authz_t  *wish;

    wish = ngx_pcalloc(x->ctx.pool, sizeof(acme_ca_authz_t));
    if (wish == NULL) {
        return NGX_ERROR;
    }

    x->prepared = wish;

    rc = acme_ca_terms_gate(x);

    if (rc == NGX_OK) {
        rc = acme_ca_new_authz_read(x, wish);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_new_authz_admit(x, wish);
    }

    return (rc == NGX_OK) ? acme_ca_rate_identifier(x, &wish->identifier) : rc;
}


static ngx_int_t
acme_ca_new_authz_read(acme_ca_exchange_t *x, acme_ca_authz_t *wish)
{
    ngx_int_t        rc;
    ngx_str_t       *type, *value;
    acme_ca_json_t  *identifier, *subdomains;

    identifier = acme_ca_json_member(x->payload, "identifier");

    type = acme_ca_json_string(identifier, "type");
    value = acme_ca_json_string(identifier, "value");

    if (type == NULL || value == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"identifier\" is to be an object with \"type\" "
                              "and \"value\"");
    }

    subdomains = acme_ca_json_member(identifier, "subdomainAuthAllowed");

    if (subdomains && subdomains->type != ACME_CA_JSON_BOOLEAN) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"subdomainAuthAllowed\" is to be a boolean");
    }

    wish->subdomains = subdomains ? subdomains->boolean : 0;

    rc = acme_ca_identifier_parse(&x->ctx, type, value, &wish->identifier);

    if (rc == NGX_OK && wish->identifier.wildcard) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "there is no pre-authorization of wildcards");
    }

    return rc;
}


/* 7.4.1: 403 when the server would not issue for it */

static ngx_int_t
acme_ca_new_authz_admit(acme_ca_exchange_t *x, acme_ca_authz_t *wish)
{
    ngx_int_t                   rc;
    acme_ca_order_wish_t        order;
    acme_ca_order_identifier_t  identifier;

    ngx_memzero(&order, sizeof(acme_ca_order_wish_t));
    ngx_memzero(&identifier, sizeof(acme_ca_order_identifier_t));

    order.n = 1;
    identifier.identifier = wish->identifier;

    rc = acme_ca_binding_load(x);

    if (rc == NGX_OK) {
        rc = acme_ca_order_admit(x, &order, &identifier);
    }

    /* trust is of orders: here it has to be proven */

    if (rc == NGX_OK && identifier.trusted_by.len
        && !acme_ca_authorize_provable(x->authority, &wish->identifier, 0))
    {
        rc = acme_ca_refuse(&x->ctx, ACME_CA_REJECTED_IDENTIFIER,
                            "no challenge that is offered here can prove it");
    }

    if (rc == NGX_ABORT) {
        (void) acme_ca_order_refused(x);

        if (x->ctx.problem->type == ACME_CA_REJECTED_IDENTIFIER) {
            x->ctx.problem->type = ACME_CA_REJECTED_AUTHZ;
        }
    }

    if (rc != NGX_OK || !wish->subdomains) {
        return rc;
    }

    rc = acme_ca_authorize_willing(x, &order, &wish->identifier);

    if (rc == NGX_DECLINED) {
        wish->subdomains = 0;
        rc = NGX_OK;
    }

    return rc;
}


ngx_int_t
acme_ca_new_authz(acme_ca_exchange_t *x)
{
    int64_t                id;
    ngx_int_t              rc;
    ngx_uint_t             status;
    acme_ca_authz_t       *wish;
    acme_ca_authz_view_t   view;

    wish = x->prepared;
    status = 200;

    rc = acme_ca_new_authz_find(x, wish, &id);

    if (rc == NGX_DECLINED) {
        status = 201;
        rc = acme_ca_new_authz_add(x, wish);
        id = wish->id;

    } else if (rc == NGX_OK) {
        x->audit.action = NULL;
    }

    if (rc == NGX_OK) {
        rc = acme_ca_view_authz(x, id, &view);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_reply_url(x, ACME_CA_ROUTE_AUTHZ, id, &x->reply.location);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_reply_authz(x, &view);
    }

    x->reply.status = status;

    return rc;
}


static ngx_int_t
acme_ca_new_authz_find(acme_ca_exchange_t *x, acme_ca_authz_t *wish,
    int64_t *id)
{
    time_t  until;

    until = acme_ca_authorize_until(x);

    return acme_ca_store_authz_find_valid(x->store, x->account->id,
                                          &wish->identifier, wish->subdomains,
                                          until, id);
}


static ngx_int_t
acme_ca_new_authz_add(acme_ca_exchange_t *x, acme_ca_authz_t *wish)
{
    ngx_int_t  rc;

    wish->account_id = x->account->id;
    wish->status = ACME_CA_PENDING;
    wish->created_at = x->ctx.now;
    wish->expires_at = x->ctx.now + x->authority->order_lifetime;

    rc = acme_ca_authorize_add(x, wish);
    if (rc != NGX_OK) {
        return rc;
    }

    x->audit.authz_id = wish->id;

    return acme_ca_new_authz_details(x, wish);
}


static ngx_int_t
acme_ca_new_authz_details(acme_ca_exchange_t *x, acme_ca_authz_t *wish)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, x->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "identifier", &wish->identifier.value);

    if (wish->subdomains) {
        acme_ca_json_write_boolean(&w, "subdomains", 1);
    }

    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &x->audit.details);
}
