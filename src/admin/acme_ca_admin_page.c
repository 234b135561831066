
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Pages of lists.  The next one is told as a Link (RFC 8288) that is relative
 * to the request's URL, and as a cursor in the document.
 */


#include "acme_ca_admin_private.h"


static ngx_int_t acme_ca_admin_page_link(acme_ca_admin_t *a,
    acme_ca_admin_page_t *page);
static size_t acme_ca_admin_page_escape(u_char *dst, const ngx_str_t *text);


ngx_int_t
acme_ca_admin_page(acme_ca_admin_t *a, acme_ca_admin_page_t *page)
{
    off_t       n;
    ngx_str_t  *limit, *cursor;

    page->limit = ACME_CA_ADMIN_PAGE;
    page->before = INT64_MAX;
    page->next = 0;

    limit = acme_ca_admin_arg(a, "limit");

    if (limit) {
        n = ngx_atoof(limit->data, limit->len);

        if (n < 1 || n > ACME_CA_ADMIN_PAGE_MAX) {
            return acme_ca_admin_refuse(a, 400, "\"limit\" is a number from 1 "
                                        "to %d", ACME_CA_ADMIN_PAGE_MAX);
        }

        page->limit = (ngx_uint_t) n;
    }

    cursor = acme_ca_admin_arg(a, "cursor");

    if (cursor) {
        n = ngx_atoof(cursor->data, cursor->len);

        if (n < 1) {
            return acme_ca_admin_refuse(a, 400, "\"cursor\" is to be one of "
                                        "the page before");
        }

        page->before = (int64_t) n;
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_admin_reply_page(acme_ca_admin_t *a, acme_ca_admin_page_t *page,
    acme_ca_json_writer_t *w)
{
    u_char     text[NGX_INT64_LEN];
    ngx_str_t  next;

    acme_ca_json_shut(w);

    if (page->next) {
        next.data = text;
        next.len = ngx_sprintf(text, "%L", page->next) - text;

        acme_ca_json_write_string(w, "next", &next);

        if (acme_ca_admin_page_link(a, page) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    acme_ca_json_shut(w);

    return acme_ca_admin_reply(a, 200, w);
}


/* the same arguments with another cursor */

static ngx_int_t
acme_ca_admin_page_link(acme_ca_admin_t *a, acme_ca_admin_page_t *page)
{
    u_char               *p;
    ngx_uint_t            i;
    acme_ca_link_t       *link;
    acme_ca_admin_arg_t  *arg;

    link = ngx_pcalloc(a->ctx.pool, sizeof(acme_ca_link_t));
    p = ngx_pnalloc(a->ctx.pool, 3 * a->request.query.len
                                 + sizeof("?cursor=") + NGX_INT64_LEN);

    if (link == NULL || p == NULL) {
        return NGX_ERROR;
    }

    link->url.data = p;
    link->rel = "next";
    link->next = a->reply.links;

    a->reply.links = link;

    *p++ = '?';

    arg = a->args->elts;

    for (i = 0; i < a->args->nelts; i++) {

        if (acme_ca_str_is(&arg[i].name, "cursor")) {
            continue;
        }

        p = ngx_cpymem(p, arg[i].name.data, arg[i].name.len);
        *p++ = '=';
        p += acme_ca_admin_page_escape(p, &arg[i].value);
        *p++ = '&';
    }

    p = ngx_sprintf(p, "cursor=%L", page->next);

    link->url.len = p - link->url.data;

    return NGX_OK;
}


/* all but the unreserved characters (RFC 3986, 2.3) */

static size_t
acme_ca_admin_page_escape(u_char *dst, const ngx_str_t *text)
{
    size_t   i;
    u_char  *p, ch;

    p = dst;

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9') || ngx_strchr("-._~", ch))
        {
            *p++ = ch;

        } else {
            p = ngx_sprintf(p, "%%%02Xd", (ngx_uint_t) ch);
        }
    }

    return p - dst;
}
