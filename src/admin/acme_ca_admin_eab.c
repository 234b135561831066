
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * External accounts (RFC 8555, 7.3.4).  The key leaves with the answer that
 * made it, and never again.
 */


#include "acme_ca_admin_private.h"


static ngx_int_t acme_ca_admin_eab_find(acme_ca_admin_t *a,
    acme_ca_eab_t *eab);
static void acme_ca_admin_eab_write(acme_ca_json_writer_t *w,
    acme_ca_eab_t *eab, time_t now);
static const char *acme_ca_admin_eab_status(acme_ca_eab_t *eab, time_t now);


ngx_int_t
acme_ca_admin_eab_list(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_array_t           *eabs;
    acme_ca_eab_t         *eab;
    acme_ca_admin_page_t   page;
    acme_ca_json_writer_t  w;

    eabs = NULL;

    rc = acme_ca_admin_page(a, &page);

    if (rc == NGX_OK) {
        rc = acme_ca_store_eab_list(a->store, a->ctx.pool, page.before,
                                    acme_ca_admin_arg(a, "label"),
                                    page.limit + 1, &eabs);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    eab = eabs->elts;

    if (eabs->nelts > page.limit) {
        eabs->nelts = page.limit;
        page.next = eab[page.limit - 1].id;
    }

    acme_ca_json_start(&w, a->ctx.pool, 256 * (eabs->nelts + 1));
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "items");

    for (i = 0; i < eabs->nelts; i++) {
        acme_ca_json_open_object(&w, NULL);
        acme_ca_admin_eab_write(&w, &eab[i], a->ctx.now);
        acme_ca_json_shut(&w);
    }

    return acme_ca_admin_reply_page(a, &page, &w);
}


ngx_int_t
acme_ca_admin_eab_get(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    acme_ca_eab_t          eab;
    acme_ca_json_writer_t  w;

    rc = acme_ca_admin_eab_find(a, &eab);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 512);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_admin_eab_write(&w, &eab, a->ctx.now);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}


static ngx_int_t
acme_ca_admin_eab_find(acme_ca_admin_t *a, acme_ca_eab_t *eab)
{
    ngx_int_t  rc;

    rc = acme_ca_store_eab_find_kid(a->store, a->ctx.pool, &a->operand, eab);

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "there is no external account "
                                  "\"%V\"", &a->operand)
           : rc;
}


static void
acme_ca_admin_eab_write(acme_ca_json_writer_t *w, acme_ca_eab_t *eab,
    time_t now)
{
    acme_ca_json_write_string(w, "kid", &eab->kid);
    acme_ca_json_write_string(w, "label", &eab->label);
    acme_ca_json_write_text(w, "status", acme_ca_admin_eab_status(eab, now));
    acme_ca_admin_write_words(w, "names", &eab->names);
    acme_ca_admin_write_words(w, "profiles", &eab->profiles);
    acme_ca_json_write_number(w, "accounts", eab->accounts);

    if (eab->max_accounts) {
        acme_ca_json_write_number(w, "max_accounts", eab->max_accounts);
    }

    acme_ca_admin_write_time(w, "created_at", eab->created_at);
    acme_ca_admin_write_time(w, "expires_at", eab->expires_at);
    acme_ca_admin_write_time(w, "revoked_at", eab->revoked_at);
}


static const char *
acme_ca_admin_eab_status(acme_ca_eab_t *eab, time_t now)
{
    if (eab->revoked_at) {
        return "revoked";
    }

    if (eab->expires_at && eab->expires_at <= now) {
        return "expired";
    }

    return (eab->max_accounts && eab->accounts >= eab->max_accounts)
           ? "used up" : "valid";
}


ngx_int_t
acme_ca_admin_eab_reply(acme_ca_admin_t *a, acme_ca_eab_t *eab,
    ngx_str_t *key)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, a->ctx.pool, 512);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_admin_eab_write(&w, eab, a->ctx.now);
    acme_ca_json_write_string(&w, "hmac_key", key);
    acme_ca_json_shut(&w);

    if (acme_ca_format(a->ctx.pool, &a->reply.location, eab->kid.len + 8,
                       "eab/%V", &eab->kid)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_admin_reply(a, 201, &w);
}


ngx_int_t
acme_ca_admin_eab_revoke(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    ngx_uint_t             n;
    acme_ca_eab_t          eab;
    acme_ca_json_writer_t  w;

    n = 0;

    rc = acme_ca_admin_eab_find(a, &eab);

    if (rc == NGX_OK && eab.revoked_at == 0) {
        rc = acme_ca_store_eab_revoke(a->store, eab.id, a->ctx.now);
        eab.revoked_at = a->ctx.now;
    }

    if (rc == NGX_OK && acme_ca_json_true(a->body, "accounts")) {
        rc = acme_ca_admin_account_end_all(a, eab.id, &n);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "eab", &eab.label);
    acme_ca_json_write_string(&w, "kid", &eab.kid);
    acme_ca_json_write_number(&w, "accounts", n);
    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &a->audit.details) != NGX_OK) {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, a->ctx.pool, 512);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_admin_eab_write(&w, &eab, a->ctx.now);
    acme_ca_json_write_number(&w, "accounts_ended", n);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}
