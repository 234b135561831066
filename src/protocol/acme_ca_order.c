
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Orders (RFC 8555, 7.4): a new one is written with an authorization for each
 * identifier, one of the account's valid ones where there is one.  What it
 * asks for was read and admitted before, by acme_ca_order_check().
 */


#include "acme_ca_authorize.h"
#include "acme_ca_renewal.h"


static void acme_ca_order_fill(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish, acme_ca_order_view_t *view);
static ngx_int_t acme_ca_order_authorize(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);
static ngx_int_t acme_ca_order_reuse(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view, acme_ca_order_identifier_t *identifier);
static void acme_ca_order_lean(acme_ca_order_identifier_t *identifier,
    acme_ca_authz_t *authz);
static ngx_int_t acme_ca_order_add(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);
static ngx_int_t acme_ca_order_add_authz(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view, acme_ca_order_identifier_t *identifier);
static acme_ca_order_identifier_t *acme_ca_order_sibling(
    acme_ca_order_view_t *view, acme_ca_order_identifier_t *identifier);
static ngx_int_t acme_ca_order_details(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);


ngx_int_t
acme_ca_order_new(acme_ca_exchange_t *x)
{
    ngx_int_t             rc;
    acme_ca_order_view_t  view;

    acme_ca_order_fill(x, x->prepared, &view);

    rc = acme_ca_replaces_admit(x, x->prepared);

    if (rc == NGX_OK) {
        rc = acme_ca_order_authorize(x, &view);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_add(x, &view);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_order_details(x, &view);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_reply_order(x, 201, &view);
}


static void
acme_ca_order_fill(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish,
    acme_ca_order_view_t *view)
{
    acme_ca_order_t  *order;

    ngx_memzero(view, sizeof(acme_ca_order_view_t));

    order = &view->row;

    order->account_id = x->account->id;
    order->status = ACME_CA_PENDING;
    order->not_before = wish->not_before;
    order->not_after = wish->not_after;
    order->replaces_id = wish->replaces_id;
    order->replaces = wish->replaces;
    order->created_at = x->ctx.now;
    order->expires_at = x->ctx.now + x->authority->order_lifetime;

    order->profile_asked = wish->profile_asked;

    /* where profiles are shown an order has one: the client sees which */

    if (x->authority->profiles_shown
        || wish->profile != x->authority->default_profile)
    {
        order->profile = wish->profile->name;
    }

    view->identifiers = wish->identifiers;
}


/* reuses what is valid; an order that needs nothing else is ready at once */

static ngx_int_t
acme_ca_order_authorize(acme_ca_exchange_t *x, acme_ca_order_view_t *view)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, open;
    acme_ca_status_e             next;
    acme_ca_order_identifier_t  *identifier;

    identifier = view->identifiers->elts;
    open = 0;

    for (i = 0; i < view->identifiers->nelts; i++) {
        rc = acme_ca_order_reuse(x, view, &identifier[i]);

        if (rc == NGX_DECLINED) {
            open += (identifier[i].trusted_by.len == 0);

        } else if (rc != NGX_OK) {
            return rc;
        }
    }

    if (open == 0
        && acme_ca_state_next(ACME_CA_MACHINE_ORDER, view->row.status,
                              ACME_CA_EVENT_PASS, &next)
           == NGX_OK)
    {
        view->row.status = next;
    }

    view->status = view->row.status;

    return NGX_OK;
}


/* an order does not outlive what it leans on */

static ngx_int_t
acme_ca_order_reuse(acme_ca_exchange_t *x, acme_ca_order_view_t *view,
    acme_ca_order_identifier_t *identifier)
{
    ngx_int_t        rc;
    acme_ca_authz_t  authz;

    rc = acme_ca_authorize_find(x, &identifier->identifier, &authz);

    if (rc == NGX_OK) {
        ngx_str_null(&identifier->trusted_by);
        acme_ca_order_lean(identifier, &authz);
        view->row.expires_at = ngx_min(view->row.expires_at, authz.expires_at);
    }

    return rc;
}


static void
acme_ca_order_lean(acme_ca_order_identifier_t *identifier,
    acme_ca_authz_t *authz)
{
    identifier->authz_id = authz->id;
    identifier->authz_status = authz->status;
    identifier->authz_expires_at = authz->expires_at;
}


static ngx_int_t
acme_ca_order_add(acme_ca_exchange_t *x, acme_ca_order_view_t *view)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    acme_ca_order_identifier_t  *identifier;

    rc = acme_ca_store_order_add(x->store, &view->row);
    if (rc != NGX_OK) {
        return rc;
    }

    x->audit.order_id = view->row.id;

    identifier = view->identifiers->elts;

    for (i = 0; i < view->identifiers->nelts; i++) {

        if (identifier[i].authz_id == 0) {
            rc = acme_ca_order_add_authz(x, view, &identifier[i]);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        rc = acme_ca_store_order_add_identifier(x->store, view->row.id, i,
                                                &identifier[i].identifier,
                                                identifier[i].authz_id);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_order_add_authz(acme_ca_exchange_t *x, acme_ca_order_view_t *view,
    acme_ca_order_identifier_t *identifier)
{
    ngx_int_t                    rc;
    acme_ca_authz_t              authz;
    acme_ca_order_identifier_t  *other;

    other = acme_ca_order_sibling(view, identifier);

    if (other) {
        identifier->authz_id = other->authz_id;
        identifier->authz_status = other->authz_status;
        identifier->authz_expires_at = other->authz_expires_at;
        return NGX_OK;
    }

    ngx_memzero(&authz, sizeof(acme_ca_authz_t));

    authz.account_id = view->row.account_id;
    authz.identifier = identifier->identifier;
    authz.status = ACME_CA_PENDING;
    authz.created_at = x->ctx.now;
    authz.expires_at = view->row.expires_at;

    if (identifier->trusted_by.len) {
        authz.status = ACME_CA_VALID;
        authz.trusted_by = identifier->trusted_by;

    } else if (identifier->ancestor.len) {
        authz.identifier.value = identifier->ancestor;
        authz.subdomains = 1;
    }

    rc = acme_ca_authorize_add(x, &authz);

    if (rc == NGX_OK) {
        acme_ca_order_lean(identifier, &authz);
    }

    return rc;
}


/* one before it in this order that is to be proven by the same domain */

static acme_ca_order_identifier_t *
acme_ca_order_sibling(acme_ca_order_view_t *view,
    acme_ca_order_identifier_t *identifier)
{
    acme_ca_order_identifier_t  *other;

    if (identifier->ancestor.len == 0) {
        return NULL;
    }

    for (other = view->identifiers->elts; other != identifier; other++) {
        if (other->authz_status == ACME_CA_PENDING
            && acme_ca_str_eq(&other->ancestor, &identifier->ancestor))
        {
            return other;
        }
    }

    return NULL;
}


static ngx_int_t
acme_ca_order_details(acme_ca_exchange_t *x, acme_ca_order_view_t *view)
{
    ngx_str_t                    name;
    ngx_uint_t                   i;
    acme_ca_json_writer_t        w;
    acme_ca_order_identifier_t  *identifier;

    acme_ca_json_start(&w, x->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "identifiers");

    identifier = view->identifiers->elts;

    for (i = 0; i < view->identifiers->nelts; i++) {
        if (acme_ca_identifier_name(x->ctx.pool, &identifier[i].identifier,
                                    &name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        acme_ca_json_write_string(&w, NULL, &name);
    }

    acme_ca_json_shut(&w);

    acme_ca_ruling_write(&w, view->identifiers);

    if (view->row.replaces.len) {
        acme_ca_json_write_string(&w, "replaces", &view->row.replaces);
    }

    if (x->eab) {
        acme_ca_json_write_string(&w, "eab", &x->eab->label);
    }

    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &x->audit.details);
}


ngx_int_t
acme_ca_order_get(acme_ca_exchange_t *x)
{
    ngx_int_t             rc;
    acme_ca_order_view_t  view;

    rc = acme_ca_view_order(x, x->object_id, &view);

    return (rc == NGX_OK) ? acme_ca_reply_order(x, 200, &view) : rc;
}
