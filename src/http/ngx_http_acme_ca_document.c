
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A document of a location that is not ACME.  ETag and Last-Modified stand
 * where nginx's own filters look for them: they answer 304 and 412.
 */


#include "ngx_http_acme_ca.h"


static ngx_int_t ngx_http_acme_ca_document_head(ngx_http_request_t *r,
    ngx_http_acme_ca_document_t *document);


ngx_int_t
ngx_http_acme_ca_document_begin(ngx_http_request_t *r)
{
    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    return ngx_http_discard_request_body(r);
}


ngx_int_t
ngx_http_acme_ca_document_send(ngx_http_request_t *r,
    ngx_http_acme_ca_document_t *document)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (ngx_http_acme_ca_document_head(r, document) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = document->body.data;
    b->last = b->pos + document->body.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_acme_ca_document_head(ngx_http_request_t *r,
    ngx_http_acme_ca_document_t *document)
{
    u_char     date[sizeof("Mon, 28 Sep 1970 06:00:00 GMT")];
    ngx_str_t  expires;

    r->headers_out.status = document->status;
    r->headers_out.content_length_n = document->body.len;
    r->headers_out.content_type = document->type;
    r->headers_out.content_type_len = document->type.len;

    r->disable_not_modified = (document->status != NGX_HTTP_OK);

    if (document->last_modified != 0) {
        r->headers_out.last_modified_time = document->last_modified;
    }

    ngx_str_null(&expires);

    if (document->expires != 0) {
        expires.data = date;
        expires.len = ngx_http_time(date, document->expires) - date;
    }

    if (ngx_http_acme_ca_reply_field(r, "Cache-Control",
                                     &document->cache_control)
        != NGX_OK
        || ngx_http_acme_ca_reply_field(r, "Vary", &document->vary) != NGX_OK
        || ngx_http_acme_ca_reply_field(r, "Expires", &expires) != NGX_OK
        || ngx_http_acme_ca_reply_tag(r, &document->etag) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (document->body.len == 0 || r->method == NGX_HTTP_HEAD) {
        r->header_only = 1;
    }

    return NGX_OK;
}
