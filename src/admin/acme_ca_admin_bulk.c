
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Many certificates in one call: revoked, or given back if they were held (RFC
 * 5280, 5.3.1).  A call does a page of them; "next" says where to go on.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_leaf.h"
#include "acme_ca_signing.h"
#include "acme_ca_store_registry.h"


#define ACME_CA_ADMIN_HOLD  6


typedef struct acme_ca_admin_bulk_s  acme_ca_admin_bulk_t;

struct acme_ca_admin_bulk_s {
    ngx_int_t               reason;
    time_t                  invalidity_at;
    acme_ca_store_filter_t  filter;
    acme_ca_store_page_t    page;
    acme_ca_json_writer_t   w;
    ngx_uint_t              dry_run;
    ngx_int_t             (*change)(acme_ca_admin_t *a,
                                    acme_ca_admin_bulk_t *bulk,
                                    acme_ca_certificate_t *certificate);
};


static ngx_int_t acme_ca_admin_bulk_read(acme_ca_admin_t *a,
    acme_ca_admin_bulk_t *bulk);
static ngx_int_t acme_ca_admin_bulk_page(acme_ca_admin_t *a,
    acme_ca_admin_bulk_t *bulk);
static ngx_int_t acme_ca_admin_bulk_run(acme_ca_admin_t *a,
    acme_ca_admin_bulk_t *bulk);
static ngx_int_t acme_ca_admin_bulk_row(acme_ca_admin_t *a,
    acme_ca_admin_bulk_t *bulk, int64_t id, ngx_uint_t last);
static void acme_ca_admin_bulk_write(acme_ca_json_writer_t *w,
    acme_ca_certificate_t *certificate, ngx_str_t *serial);
static ngx_int_t acme_ca_admin_bulk_audit(acme_ca_admin_t *a,
    acme_ca_admin_bulk_t *bulk, acme_ca_certificate_t *certificate,
    ngx_str_t *serial, ngx_uint_t last);
static ngx_int_t acme_ca_admin_bulk_end(acme_ca_admin_t *a,
    acme_ca_admin_bulk_t *bulk, acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_admin_bulk_release(acme_ca_admin_t *a,
    acme_ca_admin_bulk_t *bulk, acme_ca_certificate_t *certificate);


/* what is held may be revoked for good, and is not held twice */

ngx_int_t
acme_ca_admin_revoke(acme_ca_admin_t *a)
{
    ngx_int_t             rc;
    acme_ca_admin_bulk_t  bulk;

    static ngx_str_t  fresh = ngx_string("valid unknown");
    static ngx_str_t  all = ngx_string("valid unknown held");

    ngx_memzero(&bulk, sizeof(acme_ca_admin_bulk_t));

    bulk.reason = -1;
    bulk.change = acme_ca_admin_bulk_end;

    rc = acme_ca_admin_reason(a, &bulk.reason, &bulk.invalidity_at);
    if (rc != NGX_OK) {
        return rc;
    }

    bulk.filter.status = (bulk.reason == ACME_CA_ADMIN_HOLD) ? &fresh : &all;
    bulk.filter.expires_after = a->ctx.now;

    return acme_ca_admin_bulk_run(a, &bulk);
}


ngx_int_t
acme_ca_admin_unrevoke(acme_ca_admin_t *a)
{
    acme_ca_admin_bulk_t  bulk;

    static ngx_str_t  held = ngx_string("held");

    ngx_memzero(&bulk, sizeof(acme_ca_admin_bulk_t));

    bulk.change = acme_ca_admin_bulk_release;
    bulk.filter.status = &held;

    return acme_ca_admin_bulk_run(a, &bulk);
}


static ngx_int_t
acme_ca_admin_bulk_read(acme_ca_admin_t *a, acme_ca_admin_bulk_t *bulk)
{
    ngx_int_t                rc;
    acme_ca_admin_choice_t  *choice;
    acme_ca_store_filter_t  *filter;

    filter = &bulk->filter;

    choice = ngx_palloc(a->ctx.pool, sizeof(acme_ca_admin_choice_t));
    if (choice == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_admin_choice(a, choice);
    if (rc != NGX_OK) {
        return rc;
    }

    filter->now = a->ctx.now;
    filter->account_id = choice->account_id;
    filter->eab_id = choice->eab_id;
    filter->profile = &choice->profile;
    filter->issuer = &choice->issuer;
    filter->issuer_id = choice->issuer_id;
    filter->serial = choice->serial;

    if (choice->name.len && choice->name.data[0] == '.') {
        filter->below = &choice->name;

    } else {
        filter->name = &choice->name;
    }

    bulk->dry_run = acme_ca_json_true(a->body, "dry_run");

    return acme_ca_admin_bulk_page(a, bulk);
}


static ngx_int_t
acme_ca_admin_bulk_page(acme_ca_admin_t *a, acme_ca_admin_bulk_t *bulk)
{
    off_t            n;
    ngx_int_t        rc;
    ngx_str_t        cursor;
    acme_ca_json_t  *limit;

    bulk->page.before = INT64_MAX;
    bulk->page.limit = ACME_CA_ADMIN_PAGE_MAX;

    limit = acme_ca_json_member(a->body, "limit");

    if (limit) {
        if (!limit->integer || limit->number < 1
            || limit->number > ACME_CA_ADMIN_PAGE_MAX)
        {
            return acme_ca_admin_refuse(a, 400, "\"limit\" is a number from 1 "
                                        "to %d", ACME_CA_ADMIN_PAGE_MAX);
        }

        bulk->page.limit = (ngx_uint_t) limit->number;
    }

    rc = acme_ca_admin_text(a, "cursor", &cursor);

    if (rc != NGX_OK || cursor.len == 0) {
        return rc;
    }

    n = ngx_atoof(cursor.data, cursor.len);

    if (n < 1) {
        return acme_ca_admin_refuse(a, 400, "\"cursor\" is to be one of the "
                                    "answer before");
    }

    bulk->page.before = (int64_t) n;

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_bulk_run(acme_ca_admin_t *a, acme_ca_admin_bulk_t *bulk)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    acme_ca_store_row_t  *row;

    rc = acme_ca_admin_bulk_read(a, bulk);

    if (rc == NGX_OK) {
        rc = acme_ca_store_certificate_page(a->store, a->ctx.pool,
                                            &bulk->filter, &bulk->page);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    row = bulk->page.rows->elts;

    acme_ca_json_start(&bulk->w, a->ctx.pool,
                       256 * (bulk->page.rows->nelts + 1));
    acme_ca_json_open_object(&bulk->w, NULL);
    acme_ca_json_open_array(&bulk->w, "items");

    for (i = 0; i < bulk->page.rows->nelts; i++) {
        rc = acme_ca_admin_bulk_row(a, bulk, row[i].id,
                                    i + 1 == bulk->page.rows->nelts);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    acme_ca_json_shut(&bulk->w);
    acme_ca_json_write_number(&bulk->w, "changed", bulk->dry_run ? 0 : i);

    if (bulk->page.next) {
        u_char     text[NGX_INT64_LEN];
        ngx_str_t  next;

        next.data = text;
        next.len = ngx_sprintf(text, "%L", bulk->page.next) - text;

        acme_ca_json_write_string(&bulk->w, "next", &next);
    }

    acme_ca_json_shut(&bulk->w);

    return acme_ca_admin_reply(a, 200, &bulk->w);
}


static ngx_int_t
acme_ca_admin_bulk_row(acme_ca_admin_t *a, acme_ca_admin_bulk_t *bulk,
    int64_t id, ngx_uint_t last)
{
    ngx_int_t              rc;
    ngx_str_t              serial;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_store_certificate_find(a->store, a->ctx.pool, id,
                                        &certificate);

    if (rc == NGX_OK) {
        rc = acme_ca_hex(a->ctx.pool, certificate.serial.data,
                         certificate.serial.len, &serial);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_admin_bulk_write(&bulk->w, &certificate, &serial);

    if (bulk->dry_run) {
        return NGX_OK;
    }

    rc = bulk->change(a, bulk, &certificate);

    return (rc == NGX_OK)
           ? acme_ca_admin_bulk_audit(a, bulk, &certificate, &serial, last)
           : rc;
}


static void
acme_ca_admin_bulk_write(acme_ca_json_writer_t *w,
    acme_ca_certificate_t *certificate, ngx_str_t *serial)
{
    acme_ca_json_open_object(w, NULL);
    acme_ca_json_write_string(w, "serial", serial);

    if (certificate->account_id) {
        acme_ca_json_write_number(w, "account", certificate->account_id);
    }

    acme_ca_admin_write_words(w, "names", &certificate->sans);

    if (certificate->profile.len) {
        acme_ca_json_write_string(w, "profile", &certificate->profile);
    }

    acme_ca_json_write_time(w, "not_after", certificate->not_after);
    acme_ca_json_shut(w);
}


/* a row for each of them; the last one is that of the call itself */

static ngx_int_t
acme_ca_admin_bulk_audit(acme_ca_admin_t *a, acme_ca_admin_bulk_t *bulk,
    acme_ca_certificate_t *certificate, ngx_str_t *serial, ngx_uint_t last)
{
    acme_ca_audit_t        audit;
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "serial", serial);
    acme_ca_json_write_string(&w, "names", &certificate->sans);

    if (bulk->reason >= 0 && bulk->change == acme_ca_admin_bulk_end) {
        acme_ca_json_write_number(&w, "reason", bulk->reason);
    }

    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    audit = a->audit;

    audit.account_id = certificate->account_id;
    audit.order_id = certificate->order_id;
    audit.certificate_id = certificate->id;

    if (acme_ca_json_finish(&w, &audit.details) != NGX_OK) {
        return NGX_ERROR;
    }

    if (last) {
        a->audit = audit;
        return NGX_OK;
    }

    return acme_ca_store_audit_add(a->store, &audit, a->ctx.now);
}


static ngx_int_t
acme_ca_admin_bulk_end(acme_ca_admin_t *a, acme_ca_admin_bulk_t *bulk,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;

    rc = acme_ca_store_registry_revoke(a->store, certificate->id, bulk->reason,
                                       bulk->invalidity_at, a->ctx.now);

    if (rc != NGX_OK || certificate->status == ACME_CA_REVOKED) {
        return rc;
    }

    return acme_ca_signing_tell(&a->ctx, a->authority, a->store, &a->request,
                                NULL, certificate);
}


static ngx_int_t
acme_ca_admin_bulk_release(acme_ca_admin_t *a, acme_ca_admin_bulk_t *bulk,
    acme_ca_certificate_t *certificate)
{
    return acme_ca_store_registry_release(a->store, certificate->id);
}
