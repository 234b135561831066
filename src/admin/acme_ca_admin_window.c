
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Windows that renewals are moved to (RFC 9773): for the certificates that all
 * members of the request select.
 */


#include "acme_ca_admin_private.h"


#define ACME_CA_ADMIN_WINDOW        86400
/* some clients take a window of a second for a mistake */
#define ACME_CA_ADMIN_WINDOW_LEAST  2


static ngx_int_t acme_ca_admin_window_what(acme_ca_admin_t *a,
    acme_ca_store_window_t *w);
static ngx_int_t acme_ca_admin_window_when(acme_ca_admin_t *a,
    acme_ca_store_window_t *w);
static ngx_int_t acme_ca_admin_window_details(acme_ca_admin_t *a, int64_t id,
    const acme_ca_store_window_t *w);


ngx_int_t
acme_ca_admin_window_create(acme_ca_admin_t *a)
{
    int64_t                 id;
    ngx_int_t               rc;
    acme_ca_store_window_t  w;

    id = 0;

    ngx_memzero(&w, sizeof(acme_ca_store_window_t));

    rc = acme_ca_admin_window_what(a, &w);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_window_when(a, &w);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_window_add(a->store, &w, a->ctx.now, &id);
    }

    if (rc == NGX_OK) {
        a->audit.account_id = w.account_id;
        rc = acme_ca_admin_window_details(a, id, &w);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_format(a->ctx.pool, &a->reply.location, 32, "windows/%L",
                            id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_row(a, id);
    }

    if (rc == NGX_OK) {
        a->reply.status = 201;
    }

    return rc;
}


ngx_int_t
acme_ca_admin_window_drop(acme_ca_admin_t *a)
{
    off_t      id;
    ngx_int_t  rc;

    id = ngx_atoof(a->operand.data, a->operand.len);

    rc = (id > 0) ? acme_ca_store_window_remove(a->store, (int64_t) id)
                  : NGX_DECLINED;

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 404, "there is no window \"%V\"",
                                    &a->operand);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_details(a, &a->audit, "id", &a->operand);
    }

    a->reply.status = 204;

    return rc;
}


static ngx_int_t
acme_ca_admin_window_what(acme_ca_admin_t *a, acme_ca_store_window_t *w)
{
    ngx_int_t               rc;
    acme_ca_admin_choice_t  choice;

    rc = acme_ca_admin_choice(a, &choice);

    w->issuer_id = choice.issuer_id;
    w->account_id = choice.account_id;
    w->profile = choice.profile;
    w->serial = choice.serial;
    w->name = choice.name;

    return rc;
}


/* from now on and for a day, if nothing else is said */

static ngx_int_t
acme_ca_admin_window_when(acme_ca_admin_t *a, acme_ca_store_window_t *w)
{
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t  *url;

    w->start = a->ctx.now;

    rc = acme_ca_admin_date(a, "start", &w->start);

    if (rc == NGX_OK) {
        w->end = w->start + ACME_CA_ADMIN_WINDOW;
        rc = acme_ca_admin_date(a, "end", &w->end);
    }

    if (rc == NGX_OK && w->end < w->start + ACME_CA_ADMIN_WINDOW_LEAST) {
        return acme_ca_admin_refuse(a, 400, "\"end\" is to be two seconds "
                                    "after \"start\", or more");
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_text(a, "explanation_url", &w->explanation);
    }

    if (rc != NGX_OK || w->explanation.len == 0) {
        return rc;
    }

    url = &w->explanation;

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] > '~') {
            break;
        }
    }

    if (i < url->len || url->len < 9
        || (ngx_strncmp(url->data, "https://", 8) != 0
            && ngx_strncmp(url->data, "http://", 7) != 0))
    {
        return acme_ca_admin_refuse(a, 400, "\"explanation_url\" is no URL");
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_window_details(acme_ca_admin_t *a, int64_t id,
    const acme_ca_store_window_t *w)
{
    ngx_str_t              serial;
    acme_ca_json_writer_t  json;

    if (acme_ca_hex(a->ctx.pool, w->serial.data, w->serial.len, &serial)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_json_start(&json, a->ctx.pool, 256);
    acme_ca_json_open_object(&json, NULL);
    acme_ca_json_write_number(&json, "id", id);

    if (w->issuer_id) {
        acme_ca_json_write_number(&json, "issuer", w->issuer_id);
    }

    acme_ca_json_write_string(&json, "profile", (ngx_str_t *) &w->profile);
    acme_ca_json_write_string(&json, "serial", &serial);
    acme_ca_json_write_string(&json, "name", (ngx_str_t *) &w->name);
    acme_ca_json_write_number(&json, "within", w->end - w->start);
    acme_ca_json_write_string(&json, "url", (ngx_str_t *) &w->explanation);
    acme_ca_admin_write_user(&json, a);
    acme_ca_json_shut(&json);

    return acme_ca_json_finish(&json, &a->audit.details);
}
