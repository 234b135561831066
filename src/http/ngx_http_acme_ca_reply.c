
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * From a reply of protocol/ to an nginx response.  Header fields are plain list
 * elements: that is what all versions of nginx and of HTTP deliver alike.  Each
 * Link stands on a line of its own; some clients read no more than one.
 */


#include "ngx_http_acme_ca.h"


static ngx_int_t ngx_http_acme_ca_reply_fields(ngx_http_request_t *r,
    acme_ca_reply_t *reply);
static ngx_int_t ngx_http_acme_ca_reply_links(ngx_http_request_t *r,
    acme_ca_reply_t *reply);


ngx_int_t
ngx_http_acme_ca_reply_send(ngx_http_request_t *r, acme_ca_reply_t *reply)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (ngx_http_acme_ca_reply_fields(r, reply) != NGX_OK
        || ngx_http_acme_ca_reply_links(r, reply) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* answers have no versions: no precondition is about them */

    r->disable_not_modified = 1;

    r->headers_out.status = reply->status;
    r->headers_out.content_length_n = reply->body.len;

    /* without a body there is no type: not the one of default_type either */

    if (reply->content_type != NULL) {
        r->headers_out.content_type.data = (u_char *) reply->content_type;
        r->headers_out.content_type.len = ngx_strlen(reply->content_type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    if (reply->body.len == 0 || r->method == NGX_HTTP_HEAD) {
        r->header_only = 1;

        if (reply->status == NGX_HTTP_NO_CONTENT
            || reply->status == NGX_HTTP_NOT_MODIFIED)
        {
            r->headers_out.content_length_n = -1;
        }
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_create_temp_buf(r->pool, reply->body.len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, reply->body.data, reply->body.len);
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_acme_ca_reply_fields(ngx_http_request_t *r, acme_ca_reply_t *reply)
{
    u_char     number[NGX_TIME_T_LEN];
    ngx_str_t  nonce, retry_after, cache;

    ngx_str_null(&nonce);
    ngx_str_null(&cache);

    if (reply->has_nonce) {
        nonce.data = reply->nonce;
        nonce.len = ACME_CA_NONCE_LEN;
    }

    if (reply->no_store) {
        ngx_str_set(&cache, "no-store");

    } else if (reply->etag.len) {
        ngx_str_set(&cache, "no-cache");
    }

    retry_after.data = number;
    retry_after.len = (reply->retry_after == 0) ? 0
                      : (size_t) (ngx_sprintf(number, "%T", reply->retry_after)
                                  - number);

    if (ngx_http_acme_ca_reply_field(r, "Replay-Nonce", &nonce) != NGX_OK
        || ngx_http_acme_ca_reply_field(r, "Cache-Control", &cache)
           != NGX_OK
        || ngx_http_acme_ca_reply_field(r, "Location", &reply->location)
           != NGX_OK
        || ngx_http_acme_ca_reply_field(r, "Retry-After", &retry_after)
           != NGX_OK
        || ngx_http_acme_ca_reply_tag(r, &reply->etag) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_acme_ca_reply_field(r, "Allow", &reply->allow);
}


/* a filter that changes the body weakens the tag where it looks for it */

ngx_int_t
ngx_http_acme_ca_reply_tag(ngx_http_request_t *r, ngx_str_t *tag)
{
    ngx_list_part_t  *last;

    if (ngx_http_acme_ca_reply_field(r, "ETag", tag) != NGX_OK) {
        return NGX_ERROR;
    }

    if (tag->len != 0) {
        last = r->headers_out.headers.last;
        r->headers_out.etag = (ngx_table_elt_t *) last->elts + last->nelts - 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_reply_links(ngx_http_request_t *r, acme_ca_reply_t *reply)
{
    ngx_str_t        value;
    acme_ca_link_t  *link;

    for (link = reply->links; link != NULL; link = link->next) {

        if (acme_ca_format(r->pool, &value, link->url.len + 64,
                           "<%V>;rel=\"%s\"", &link->url, link->rel)
            != NGX_OK
            || ngx_http_acme_ca_reply_field(r, "Link", &value) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* an empty value is no field; the value is copied into the request's pool */

ngx_int_t
ngx_http_acme_ca_reply_field(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    if (value->len == 0) {
        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 0;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    if (acme_ca_copy(r->pool, &h->value, value->data, value->len) != NGX_OK) {
        return NGX_ERROR;
    }

    h->hash = 1;

    return NGX_OK;
}
