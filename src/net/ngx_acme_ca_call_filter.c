
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a location answered to a call of ours: its status, Retry-After and body
 * are kept, and go no further, so that no filter of nginx (gzip, ssi, sub)
 * changes them and nothing is sent.  All other requests pass by.
 */


#include "ngx_acme_ca_call_private.h"


/* what a body begins with; it doubles */
#define NGX_ACME_CA_CALL_BUFFER  4096

/* seconds: more is not believed */
#define NGX_ACME_CA_CALL_RETRY   86400


static ngx_acme_ca_call_ctx_t *ngx_acme_ca_call_find(ngx_http_request_t *r);
static ngx_int_t ngx_acme_ca_call_header(ngx_http_request_t *r);
static time_t ngx_acme_ca_call_retry_after(ngx_http_request_t *r);
static ngx_int_t ngx_acme_ca_call_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_acme_ca_call_take(ngx_acme_ca_call_ctx_t *ctx,
    ngx_http_request_t *r, ngx_buf_t *b);
static u_char *ngx_acme_ca_call_reserve(ngx_acme_ca_call_ctx_t *ctx,
    ngx_http_request_t *r, size_t n);


static ngx_http_output_header_filter_pt  ngx_acme_ca_call_next_header;
static ngx_http_output_body_filter_pt    ngx_acme_ca_call_next_body;


void
ngx_acme_ca_call_filter_init(void)
{
    ngx_acme_ca_call_next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_acme_ca_call_header;

    ngx_acme_ca_call_next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_acme_ca_call_body;
}


/* an internal redirect clears the contexts of modules, but not this */

static ngx_acme_ca_call_ctx_t *
ngx_acme_ca_call_find(ngx_http_request_t *r)
{
    if (r == r->main || r->post_subrequest == NULL
        || r->post_subrequest->handler != ngx_acme_ca_call_answered)
    {
        return NULL;
    }

    return r->post_subrequest->data;
}


static ngx_int_t
ngx_acme_ca_call_header(ngx_http_request_t *r)
{
    ngx_acme_ca_call_ctx_t  *ctx;

    ctx = ngx_acme_ca_call_find(r);

    if (ctx == NULL) {
        return ngx_acme_ca_call_next_header(r);
    }

    if (r->header_sent) {
        return NGX_OK;
    }

    r->header_sent = 1;

    ctx->status = r->headers_out.status;
    ctx->length = r->headers_out.content_length_n;
    ctx->retry_after = ngx_acme_ca_call_retry_after(r);

    return NGX_OK;
}


/* RFC 9110, 10.2.3: seconds, or a date */

static time_t
ngx_acme_ca_call_retry_after(ngx_http_request_t *r)
{
    time_t            at;
    ngx_int_t         n;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0
                || h[i].key.len != sizeof("Retry-After") - 1
                || ngx_strncasecmp(h[i].key.data, (u_char *) "Retry-After",
                                   sizeof("Retry-After") - 1)
                   != 0)
            {
                continue;
            }

            n = ngx_atoi(h[i].value.data, h[i].value.len);

            if (n == NGX_ERROR) {
                at = ngx_parse_http_time(h[i].value.data, h[i].value.len);
                n = (at == (time_t) NGX_ERROR || at < ngx_time())
                    ? 0 : (ngx_int_t) (at - ngx_time());
            }

            return ngx_min(n, NGX_ACME_CA_CALL_RETRY);
        }
    }

    return 0;
}


static ngx_int_t
ngx_acme_ca_call_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t               *b;
    ngx_chain_t             *cl;
    ngx_acme_ca_call_ctx_t  *ctx;

    ctx = ngx_acme_ca_call_find(r);

    if (ctx == NULL) {
        return ngx_acme_ca_call_next_body(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        /* an empty one need not be special */

        if (ngx_buf_size(b) != 0
            && ngx_acme_ca_call_take(ctx, r, b) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (b->last_buf || b->last_in_chain) {
            ctx->ended = 1;
        }

        b->pos = b->last;
        b->file_pos = b->file_last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_call_take(ngx_acme_ca_call_ctx_t *ctx, ngx_http_request_t *r,
    ngx_buf_t *b)
{
    off_t    n;
    u_char  *p;

    n = ngx_buf_size(b);

    if (ctx->call == NULL
        || n > (off_t) (ctx->call->max_body - ctx->body.len))
    {
        ctx->rc = NGX_ACME_CA_FETCH_TOO_LARGE;
        return NGX_ERROR;
    }

    p = ngx_acme_ca_call_reserve(ctx, r, (size_t) n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* an answer that nginx put into a file: it is in memory all the same */

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(p, b->pos, (size_t) n);

    } else if (ngx_read_file(b->file, p, (size_t) n, b->file_pos)
               != (ssize_t) n)
    {
        return NGX_ERROR;
    }

    ctx->body.len += (size_t) n;

    return NGX_OK;
}


static u_char *
ngx_acme_ca_call_reserve(ngx_acme_ca_call_ctx_t *ctx, ngx_http_request_t *r,
    size_t n)
{
    size_t   size;
    u_char  *p;

    if (ctx->size - ctx->body.len >= n) {
        return ctx->body.data + ctx->body.len;
    }

    size = ngx_max(2 * ctx->size, NGX_ACME_CA_CALL_BUFFER);
    size = ngx_max(size, ctx->body.len + n);

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NULL;
    }

    if (ctx->body.len) {
        ngx_memcpy(p, ctx->body.data, ctx->body.len);
    }

    ctx->body.data = p;
    ctx->size = size;

    return p + ctx->body.len;
}
