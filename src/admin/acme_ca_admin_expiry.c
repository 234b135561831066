
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificates that end: a list of those that will, soonest first, and a note
 * of those that did.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_store_registry.h"
#include "acme_ca_store_sweep.h"


/* seconds, if nothing else is asked for */
#define ACME_CA_ADMIN_SOON    (30 * 86400)
/* those of a call: other writers wait for it */
#define ACME_CA_ADMIN_EXPIRE  10000


static ngx_int_t acme_ca_admin_expiry_filter(acme_ca_admin_t *a,
    acme_ca_store_filter_t *filter);
static ngx_int_t acme_ca_admin_expiry_after(acme_ca_admin_t *a,
    acme_ca_admin_page_t *page, time_t *after);


ngx_int_t
acme_ca_admin_certificate_expiring(acme_ca_admin_t *a)
{
    time_t                   after;
    ngx_int_t                rc;
    ngx_uint_t               i;
    acme_ca_store_row_t     *row;
    acme_ca_admin_page_t     page;
    acme_ca_store_page_t     rows;
    acme_ca_json_writer_t    w;
    acme_ca_store_filter_t   filter;

    after = 0;

    rc = acme_ca_admin_page(a, &page);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_expiry_filter(a, &filter);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_expiry_after(a, &page, &after);
    }

    if (rc == NGX_OK) {
        rows.before = page.before;
        rows.limit = page.limit;

        rc = acme_ca_store_certificate_list_ending(a->store, a->ctx.pool,
                                                   &filter, after, &rows);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    page.next = rows.next;

    acme_ca_json_start(&w, a->ctx.pool, 1024 * (rows.rows->nelts + 1));
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "items");

    row = rows.rows->elts;

    for (i = 0; i < rows.rows->nelts; i++) {
        rc = acme_ca_admin_row_write(a, row[i].id, &w);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return acme_ca_admin_reply_page(a, &page, &w);
}


static ngx_int_t
acme_ca_admin_expiry_filter(acme_ca_admin_t *a, acme_ca_store_filter_t *filter)
{
    ngx_int_t  rc;

    ngx_memzero(filter, sizeof(acme_ca_store_filter_t));

    filter->profile = acme_ca_admin_arg(a, "profile");
    filter->expires_before = a->ctx.now + ACME_CA_ADMIN_SOON;

    rc = acme_ca_admin_list_date(a, "expires_before", &filter->expires_before);

    return (rc == NGX_OK) ? acme_ca_admin_list_account(a, &filter->account_id)
                          : rc;
}


/* a page goes on behind its certificate: by its end first, then by its id */

static ngx_int_t
acme_ca_admin_expiry_after(acme_ca_admin_t *a, acme_ca_admin_page_t *page,
    time_t *after)
{
    ngx_int_t              rc;
    acme_ca_certificate_t  certificate;

    *after = a->ctx.now;

    if (page->before == INT64_MAX) {
        return NGX_OK;
    }

    rc = acme_ca_store_certificate_find(a->store, a->ctx.pool, page->before,
                                        &certificate);

    *after = certificate.not_after;

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 400, "\"cursor\" is no certificate's any "
                                  "more")
           : rc;
}


ngx_int_t
acme_ca_admin_certificate_expire(acme_ca_admin_t *a)
{
    int64_t                expired;
    ngx_int_t              rc;
    ngx_str_t              text;
    ngx_uint_t             updated;
    acme_ca_json_writer_t  w;

    updated = 0;
    expired = 0;

    rc = acme_ca_store_sweep_expire(a->store, a->ctx.now, ACME_CA_ADMIN_EXPIRE,
                                    &updated);

    if (rc == NGX_OK) {
        rc = acme_ca_store_registry_get_expired(a->store, &expired);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_format(a->ctx.pool, &text, NGX_INT_T_LEN, "%ui", updated);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_details(a, &a->audit, "updated", &text);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_number(&w, "updated", updated);
    acme_ca_json_write_number(&w, "expired", expired);
    acme_ca_json_write_boolean(&w, "more", updated >= ACME_CA_ADMIN_EXPIRE);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}
