
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Objects as of now: the row, what its status depends on, and the status that
 * follows from both and the clock (RFC 8555, 7.1.6).  Nothing has to run when
 * an object expires: whoever looks at it sees that it did.
 *
 * What is absent and what is another account's are one answer.
 */


#include "acme_ca_protocol_private.h"


static ngx_int_t acme_ca_view_absent(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_view_names(acme_ca_exchange_t *x,
    ngx_array_t *identifiers);
static void acme_ca_view_order_status(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);


ngx_int_t
acme_ca_view_order(acme_ca_exchange_t *x, int64_t id,
    acme_ca_order_view_t *view)
{
    ngx_int_t  rc;

    ngx_memzero(view, sizeof(acme_ca_order_view_t));

    rc = acme_ca_store_order_find(x->store, x->ctx.pool, id, &view->row);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && view->row.account_id != x->account->id))
    {
        return acme_ca_view_absent(x);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_order_list_identifiers(x->store, x->ctx.pool, id,
                                              &view->identifiers);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_view_order_status(x, view);

    return acme_ca_view_names(x, view->identifiers);
}


/* for logs */

static ngx_int_t
acme_ca_view_names(acme_ca_exchange_t *x, ngx_array_t *identifiers)
{
    u_char                      *p;
    size_t                       len;
    ngx_uint_t                   i;
    acme_ca_order_identifier_t  *oi;

    oi = identifiers->elts;
    len = 1;

    for (i = 0; i < identifiers->nelts; i++) {
        len += oi[i].identifier.value.len + sizeof("*.,");
    }

    p = ngx_pnalloc(x->ctx.pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    x->identifiers.data = p;

    for (i = 0; i < identifiers->nelts; i++) {
        p = ngx_sprintf(p, "%s%s%V", i ? "," : "",
                        oi[i].identifier.wildcard ? "*." : "",
                        &oi[i].identifier.value);
    }

    x->identifiers.len = p - x->identifiers.data;

    return NGX_OK;
}


/* those that a client asks for, before anybody judged them */

ngx_int_t
acme_ca_view_wishes(acme_ca_exchange_t *x)
{
    u_char          *p;
    size_t           len;
    ngx_str_t       *name;
    acme_ca_json_t  *list, *wish;

    list = acme_ca_json_member(x->payload, "identifiers");

    if (list == NULL || list->type != ACME_CA_JSON_ARRAY) {
        return NGX_OK;
    }

    len = 1;

    for (wish = list->first; wish; wish = wish->next) {
        name = acme_ca_json_string(wish, "value");
        len += name ? name->len + 1 : 0;
    }

    p = ngx_pnalloc(x->ctx.pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    x->identifiers.data = p;

    for (wish = list->first; wish; wish = wish->next) {
        name = acme_ca_json_string(wish, "value");

        if (name) {
            p = ngx_sprintf(p, "%s%V", p == x->identifiers.data ? "" : ",",
                            name);
        }
    }

    x->identifiers.len = p - x->identifiers.data;

    return NGX_OK;
}


/* an authorization that ended otherwise than "valid" takes the order along */

static void
acme_ca_view_order_status(acme_ca_exchange_t *x, acme_ca_order_view_t *view)
{
    time_t                       now;
    ngx_uint_t                   i;
    acme_ca_status_e             status, next;
    acme_ca_order_identifier_t  *identifier;

    now = x->ctx.now;

    view->status = acme_ca_view_status(ACME_CA_MACHINE_ORDER, view->row.status,
                                       view->row.expires_at, now);

    if (view->status != ACME_CA_PENDING && view->status != ACME_CA_READY) {
        return;
    }

    identifier = view->identifiers->elts;

    for (i = 0; i < view->identifiers->nelts; i++) {
        status = acme_ca_view_status(ACME_CA_MACHINE_AUTHZ,
                                     identifier[i].authz_status,
                                     identifier[i].authz_expires_at, now);

        if (status != ACME_CA_PENDING && status != ACME_CA_VALID
            && acme_ca_state_next(ACME_CA_MACHINE_ORDER, view->status,
                                  ACME_CA_EVENT_FAIL, &next)
               == NGX_OK)
        {
            view->status = next;
            return;
        }
    }
}


ngx_int_t
acme_ca_view_authz(acme_ca_exchange_t *x, int64_t id,
    acme_ca_authz_view_t *view)
{
    ngx_int_t  rc;

    ngx_memzero(view, sizeof(acme_ca_authz_view_t));

    rc = acme_ca_store_authz_find(x->store, x->ctx.pool, id, &view->row);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && view->row.account_id != x->account->id))
    {
        return acme_ca_view_absent(x);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    view->status = acme_ca_view_status(ACME_CA_MACHINE_AUTHZ, view->row.status,
                                       view->row.expires_at, x->ctx.now);

    if (acme_ca_identifier_name(x->ctx.pool, &view->row.identifier,
                                &x->identifiers)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_challenge_list(x, &view->row, &view->challenges);
}


ngx_int_t
acme_ca_view_challenge(acme_ca_exchange_t *x, acme_ca_authz_view_t *view,
    acme_ca_challenge_t **challenge)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    acme_ca_challenge_t  *c;

    rc = acme_ca_view_authz(x, x->object_id / ACME_CA_CHALLENGE_SLOTS, view);
    if (rc != NGX_OK) {
        return rc;
    }

    x->audit.authz_id = view->row.id;

    c = view->challenges->elts;

    for (i = 0; i < view->challenges->nelts; i++) {
        if (c[i].id == x->object_id) {
            *challenge = &c[i];
            return NGX_OK;
        }
    }

    return acme_ca_view_absent(x);
}


acme_ca_status_e
acme_ca_view_status(acme_ca_machine_e machine, acme_ca_status_e status,
    time_t expires_at, time_t now)
{
    acme_ca_status_e  next;

    if (expires_at <= now
        && acme_ca_state_next(machine, status, ACME_CA_EVENT_EXPIRE, &next)
           == NGX_OK)
    {
        return next;
    }

    return status;
}


static ngx_int_t
acme_ca_view_absent(acme_ca_exchange_t *x)
{
    return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND, NULL);
}
