
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Accounts (RFC 8555, 7.3): made and found by key, updated, deactivated, and
 * the list of an account's orders (7.1.2.1).
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_rate.h"
#include "acme_ca_terms.h"


static ngx_int_t acme_ca_account_find(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_account_add(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_account_fill(acme_ca_exchange_t *x,
    acme_ca_account_t *account);
static ngx_int_t acme_ca_account_created(acme_ca_exchange_t *x,
    ngx_uint_t status, acme_ca_account_t *account);
static ngx_int_t acme_ca_account_own(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_account_deactivate(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_account_end(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_account_contact(acme_ca_exchange_t *x,
    acme_ca_json_t *contact);
static ngx_int_t acme_ca_account_write(acme_ca_exchange_t *x,
    const char *action);
static ngx_int_t acme_ca_account_cursor(acme_ca_exchange_t *x,
    int64_t *before);
static ngx_int_t acme_ca_account_next(acme_ca_exchange_t *x, int64_t last);


/* "status" of the payload never matters here: lacme sends "deactivated" */

ngx_int_t
acme_ca_account_new(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    rc = acme_ca_account_find(x);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (acme_ca_json_true(x->payload, "onlyReturnExisting")) {
        return acme_ca_refuse(&x->ctx, ACME_CA_ACCOUNT_DOES_NOT_EXIST, NULL);
    }

    rc = acme_ca_account_add(x);

    /* another worker was faster with the same key */

    return (rc == NGX_DECLINED) ? acme_ca_account_find(x) : rc;
}


/* RFC 8555, 7.3.1: as it is, whatever the payload says */

static ngx_int_t
acme_ca_account_find(acme_ca_exchange_t *x)
{
    ngx_int_t           rc;
    acme_ca_account_t  *account;

    account = ngx_pcalloc(x->ctx.pool, sizeof(acme_ca_account_t));
    if (account == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_store_account_find_key(x->store, x->ctx.pool,
                                        x->jwk->thumbprint, account);
    if (rc != NGX_OK) {
        return rc;
    }

    x->account = account;
    x->audit.account_id = account->id;

    rc = acme_ca_gate_account(x);
    if (rc != NGX_OK) {
        return rc;
    }

    x->audit.action = NULL;

    return acme_ca_account_created(x, 200, account);
}


static ngx_int_t
acme_ca_account_add(acme_ca_exchange_t *x)
{
    ngx_int_t          rc;
    acme_ca_account_t  account;

    ngx_memzero(&account, sizeof(acme_ca_account_t));

    rc = acme_ca_account_fill(x, &account);

    if (rc == NGX_OK) {
        rc = acme_ca_binding_new(x, &account);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_rate_account(x);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_account_add(x->store, &account);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    x->audit.actor = "account";
    x->audit.account_id = account.id;

    return acme_ca_account_created(x, 201, &account);
}


static ngx_int_t
acme_ca_account_fill(acme_ca_exchange_t *x, acme_ca_account_t *account)
{
    ngx_uint_t  agreed;

    agreed = acme_ca_json_true(x->payload, "termsOfServiceAgreed");

    if (x->authority->terms_of_service.len && !agreed) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                         "\"termsOfServiceAgreed\" is to be true: see \"%V\"",
                         &x->authority->terms_of_service);
    }

    account->status = ACME_CA_VALID;
    account->jwk = x->jwk->text;
    account->terms_agreed_at = agreed ? x->ctx.now : 0;
    account->created_at = x->ctx.now;
    ngx_memcpy(account->thumbprint, x->jwk->thumbprint, ACME_CA_SHA256_LEN);

    return acme_ca_policy_contact(&x->ctx, x->authority,
                                  acme_ca_json_member(x->payload, "contact"),
                                  &account->contact);
}


static ngx_int_t
acme_ca_account_created(acme_ca_exchange_t *x, ngx_uint_t status,
    acme_ca_account_t *account)
{
    if (acme_ca_reply_url(x, ACME_CA_ROUTE_ACCOUNT, account->id,
                          &x->reply.location)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_reply_account(x, status, account);
}


/* an account sees no other: theirs are as absent as those that never were */

static ngx_int_t
acme_ca_account_own(acme_ca_exchange_t *x)
{
    if (x->object_id == x->account->id) {
        return NGX_OK;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND, NULL);
}


ngx_int_t
acme_ca_account_get(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    rc = acme_ca_account_own(x);

    return (rc == NGX_OK) ? acme_ca_reply_account(x, 200, x->account) : rc;
}


/* RFC 8555, 7.3.2: members other than these three are passed over */

ngx_int_t
acme_ca_account_update(acme_ca_exchange_t *x)
{
    ngx_int_t        rc;
    ngx_str_t       *status;
    ngx_uint_t       agreed;
    acme_ca_json_t  *contact;

    rc = acme_ca_account_own(x);
    if (rc != NGX_OK) {
        return rc;
    }

    status = acme_ca_json_string(x->payload, "status");
    contact = acme_ca_json_member(x->payload, "contact");
    agreed = acme_ca_terms_agree(x);

    if (status && acme_ca_str_is(status, "deactivated")) {
        rc = acme_ca_account_deactivate(x);

    } else if (contact) {
        rc = acme_ca_account_contact(x, contact);

    } else if (agreed) {
        rc = acme_ca_account_write(x, "agree-terms");

    } else {
        x->audit.action = NULL;
    }

    return (rc == NGX_OK) ? acme_ca_reply_account(x, 200, x->account) : rc;
}


/*
 * RFC 8555, 7.3.6: what is pending is cancelled.  Validations under way see it
 * at their verdict.
 */

static ngx_int_t
acme_ca_account_deactivate(acme_ca_exchange_t *x)
{
    ngx_int_t         rc;
    acme_ca_status_e  from, to;

    x->audit.action = "deactivate-account";

    from = x->account->status;

    rc = acme_ca_state_next(ACME_CA_MACHINE_ACCOUNT, from,
                            ACME_CA_EVENT_DEACTIVATE, &to);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_account_set_status(x->store, x->account->id, from, to,
                                          x->ctx.now);
    if (rc == NGX_OK) {
        x->account->status = to;
        rc = acme_ca_account_end(x);
    }

    return rc;
}


static ngx_int_t
acme_ca_account_end(acme_ca_exchange_t *x)
{
    ngx_int_t      rc;
    ngx_str_t      error;
    acme_ca_ctx_t  ctx;

    ctx = x->ctx;
    ctx.problem = NULL;

    rc = acme_ca_refuse(&ctx, ACME_CA_UNAUTHORIZED,
                        "the account was deactivated");
    if (rc != NGX_ABORT) {
        return rc;
    }

    rc = acme_ca_problem_write(ctx.pool, ctx.problem, &error);

    return (rc == NGX_OK) ? acme_ca_store_account_end(x->store, x->account->id,
                                                      &error, x->ctx.now)
                          : rc;
}


static ngx_int_t
acme_ca_account_contact(acme_ca_exchange_t *x, acme_ca_json_t *contact)
{
    ngx_int_t  rc;

    x->audit.action = "update-account";

    rc = acme_ca_policy_contact(&x->ctx, x->authority, contact,
                                &x->account->contact);

    return (rc == NGX_OK) ? acme_ca_account_write(x, "update-account") : rc;
}


/* contacts, and when it agreed to the terms */

static ngx_int_t
acme_ca_account_write(acme_ca_exchange_t *x, const char *action)
{
    x->audit.action = action;

    return acme_ca_store_account_set_contact(x->store, x->account->id,
                                             &x->account->contact,
                                             x->account->terms_agreed_at,
                                             x->ctx.now);
}


/* newest first; one more than a page is asked for, to know whether it ends */

ngx_int_t
acme_ca_account_orders(acme_ca_exchange_t *x)
{
    int64_t                *id, before;
    ngx_int_t               rc;
    ngx_str_t               url;
    ngx_uint_t              i;
    ngx_array_t            *ids;
    acme_ca_json_writer_t   w;

    before = 0;
    ids = NULL;

    rc = acme_ca_account_own(x);

    if (rc == NGX_OK) {
        rc = acme_ca_account_cursor(x, &before);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_order_list(x->store, x->ctx.pool, x->account->id,
                                      before, ACME_CA_ORDERS_PAGE + 1, &ids);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    id = ids->elts;

    acme_ca_json_start(&w, x->ctx.pool, 64 + 128 * ids->nelts);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "orders");

    for (i = 0; i < ids->nelts && i < ACME_CA_ORDERS_PAGE; i++) {
        if (acme_ca_reply_url(x, ACME_CA_ROUTE_ORDER, id[i], &url) != NGX_OK) {
            return NGX_ERROR;
        }

        acme_ca_json_write_string(&w, NULL, &url);
    }

    acme_ca_json_shut(&w);
    acme_ca_json_shut(&w);

    if (ids->nelts > ACME_CA_ORDERS_PAGE
        && acme_ca_account_next(x, id[ACME_CA_ORDERS_PAGE - 1]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_reply_json(x, 200, &w);
}


/* ?cursor=<the last order of the page before> */

static ngx_int_t
acme_ca_account_cursor(acme_ca_exchange_t *x, int64_t *before)
{
    ngx_int_t  rc;
    ngx_str_t  text, name = ngx_string("cursor=");

    *before = 0;

    if (x->request.query.len == 0) {
        return NGX_OK;
    }

    rc = NGX_DECLINED;
    text = x->request.query;

    if (text.len == name.len + ACME_CA_ID_LEN
        && ngx_memcmp(text.data, name.data, name.len) == 0)
    {
        text.data += name.len;
        text.len -= name.len;

        rc = acme_ca_store_id_parse(x->store, ACME_CA_ID_ORDER, &text, before);
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND,
                              "the cursor is not one that was given out");
    }

    return rc;
}


static ngx_int_t
acme_ca_account_next(acme_ca_exchange_t *x, int64_t last)
{
    ngx_str_t  url, next, cursor;
    u_char     id[ACME_CA_ID_LEN];

    cursor.data = id;
    cursor.len = ACME_CA_ID_LEN;

    if (acme_ca_store_id_write(x->store, ACME_CA_ID_ORDER, last, id) != NGX_OK
        || acme_ca_reply_url(x, ACME_CA_ROUTE_ORDERS, x->account->id, &url)
           != NGX_OK
        || acme_ca_format(x->ctx.pool, &next,
                          url.len + sizeof("?cursor=") + ACME_CA_ID_LEN,
                          "%V?cursor=%V", &url, &cursor)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_reply_link(x, "next", &next);
}
