
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Orders (RFC 8555, 7.4): a new one is written with an authorization for each
 * identifier, one of the account's valid ones where there is one.  What it
 * asks for was read and admitted before, by acme_ca_order_check().
 */


#include "acme_ca_protocol_private.h"


static void acme_ca_order_fill(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish, acme_ca_order_view_t *view);
static ngx_int_t acme_ca_order_authorize(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);
static ngx_int_t acme_ca_order_reuse(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view, acme_ca_order_identifier_t *identifier);
static ngx_int_t acme_ca_order_add(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);
static ngx_int_t acme_ca_order_add_authz(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view, acme_ca_order_identifier_t *identifier);
static ngx_int_t acme_ca_order_add_challenges(acme_ca_exchange_t *x,
    acme_ca_order_identifier_t *identifier);
static ngx_int_t acme_ca_order_add_challenge(acme_ca_exchange_t *x,
    int64_t authz_id, ngx_uint_t type);
static ngx_int_t acme_ca_order_details(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);


#define ACME_CA_TOKEN_BYTES  32


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

    x->audit.order_id = view.row.id;

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

    if (wish->profile != x->authority->default_profile
        || wish->profile_asked)
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
            open++;

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


/*
 * An order promises that it can be finalized until it expires, so it does not
 * outlive what it leans on; and an authorization that is about to end is not
 * leant on, lest the order end with it.
 */

static ngx_int_t
acme_ca_order_reuse(acme_ca_exchange_t *x, acme_ca_order_view_t *view,
    acme_ca_order_identifier_t *identifier)
{
    time_t           need;
    int64_t          id;
    ngx_int_t        rc;
    acme_ca_authz_t  authz;

    need = ngx_min(x->authority->order_lifetime,
                   x->authority->authz_lifetime / 2);

    rc = acme_ca_store_authz_find_valid(x->store, x->account->id,
                                        &identifier->identifier,
                                        x->ctx.now + need, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_authz_find(x->store, x->ctx.pool, id, &authz);
    if (rc != NGX_OK) {
        return rc;
    }

    identifier->authz_id = authz.id;
    identifier->authz_status = authz.status;
    identifier->authz_expires_at = authz.expires_at;

    view->row.expires_at = ngx_min(view->row.expires_at, authz.expires_at);

    return NGX_OK;
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
    ngx_int_t        rc;
    acme_ca_authz_t  authz;

    ngx_memzero(&authz, sizeof(acme_ca_authz_t));

    authz.account_id = view->row.account_id;
    authz.identifier = identifier->identifier;
    authz.status = ACME_CA_PENDING;
    authz.created_at = x->ctx.now;
    authz.expires_at = view->row.expires_at;

    rc = acme_ca_store_authz_add(x->store, &authz);
    if (rc != NGX_OK) {
        return rc;
    }

    identifier->authz_id = authz.id;
    identifier->authz_status = authz.status;
    identifier->authz_expires_at = authz.expires_at;

    return acme_ca_order_add_challenges(x, identifier);
}


static ngx_int_t
acme_ca_order_add_challenges(acme_ca_exchange_t *x,
    acme_ca_order_identifier_t *identifier)
{
    ngx_int_t   rc;
    ngx_uint_t  type;

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {

        if (!acme_ca_challenge_fits(x->authority, type,
                                    &identifier->identifier))
        {
            continue;
        }

        rc = acme_ca_order_add_challenge(x, identifier->authz_id, type);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_order_add_challenge(acme_ca_exchange_t *x, int64_t authz_id,
    ngx_uint_t type)
{
    u_char               secret[ACME_CA_TOKEN_BYTES], *last;
    u_char               token[acme_ca_base64url_len(ACME_CA_TOKEN_BYTES)];
    acme_ca_challenge_t  challenge;

    if (acme_ca_random(secret, sizeof(secret)) != NGX_OK) {
        return NGX_ERROR;
    }

    last = acme_ca_base64url_write(token, secret, sizeof(secret));

    ngx_memzero(&challenge, sizeof(acme_ca_challenge_t));

    challenge.id = authz_id * ACME_CA_CHALLENGE_SLOTS + type;
    challenge.type = (acme_ca_challenge_type_e) type;
    challenge.status = ACME_CA_PENDING;
    challenge.token.data = token;
    challenge.token.len = last - token;

    return acme_ca_store_challenge_add(x->store, &challenge);
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
