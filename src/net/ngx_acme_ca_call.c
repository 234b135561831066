
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The life of a call: a main request of nobody's (ngx_acme_ca_carrier.h) and
 * one subrequest, which runs through the phases of its location.
 *
 *     start: both requests, deadline; then, from the event loop,
 *     ngx_acme_ca_call_run() -> nginx -> ngx_acme_ca_call_answered()
 *     -> ngx_acme_ca_call_done()
 *
 * Invariants: those of ngx_acme_ca_fetch.c.
 */


#include "ngx_acme_ca_call_private.h"


/* Content-Type and Content-Length */
#define NGX_ACME_CA_CALL_FIELDS  2


static ngx_int_t ngx_acme_ca_call_fields(ngx_acme_ca_call_ctx_t *ctx);
static ngx_table_elt_t *ngx_acme_ca_call_field(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_acme_ca_call_request_body(ngx_acme_ca_call_ctx_t *ctx);
static ngx_int_t ngx_acme_ca_call_subrequest(ngx_acme_ca_call_ctx_t *ctx);
static void ngx_acme_ca_call_run(ngx_event_t *ev);
static ngx_uint_t ngx_acme_ca_call_is_whole(
    const ngx_acme_ca_call_ctx_t *ctx);
static void ngx_acme_ca_call_done(ngx_event_t *ev);
static void ngx_acme_ca_call_expired(ngx_event_t *ev);
static void ngx_acme_ca_call_shutdown(ngx_event_t *ev);
static void ngx_acme_ca_call_abort(ngx_acme_ca_call_ctx_t *ctx,
    ngx_acme_ca_fetch_rc_e rc);
static void ngx_acme_ca_call_report(ngx_acme_ca_call_ctx_t *ctx,
    ngx_acme_ca_fetch_rc_e rc);
static void ngx_acme_ca_call_stop_events(ngx_acme_ca_call_ctx_t *ctx);
static void ngx_acme_ca_call_cleanup(void *data);
static u_char *ngx_acme_ca_call_log(ngx_log_t *log, u_char *buf, size_t len);


static ngx_str_t  ngx_acme_ca_call_post = ngx_string("POST");


ngx_int_t
ngx_acme_ca_call_start(ngx_acme_ca_call_t *call)
{
    ngx_acme_ca_call_ctx_t  *ctx;

    call->rc = NGX_ACME_CA_FETCH_OK;
    call->status = 0;
    call->retry_after = 0;
    ngx_str_null(&call->answer);

    ctx = ngx_acme_ca_carrier_create(sizeof(ngx_acme_ca_call_ctx_t),
                                     call->log, ngx_acme_ca_call_log,
                                     ngx_acme_ca_call_shutdown,
                                     ngx_acme_ca_call_cleanup);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->length = -1;

    ctx->deadline.handler = ngx_acme_ca_call_expired;
    ctx->deadline.data = ctx;
    ctx->deadline.log = &ctx->carrier.log;

    ctx->event.handler = ngx_acme_ca_call_run;
    ctx->event.data = ctx;
    ctx->event.log = &ctx->carrier.log;

    if (ngx_acme_ca_carrier_request(&ctx->carrier, call->conf->server)
        != NGX_OK)
    {
        ngx_acme_ca_carrier_close(&ctx->carrier);
        return NGX_ERROR;
    }

    /* from here on there is a request, and nginx closes the connection */

    ctx->call = call;

    if (ngx_acme_ca_call_fields(ctx) != NGX_OK
        || ngx_acme_ca_call_request_body(ctx) != NGX_OK
        || ngx_acme_ca_call_subrequest(ctx) != NGX_OK)
    {
        ctx->call = NULL;
        ngx_acme_ca_call_abort(ctx, NGX_ACME_CA_FETCH_ERROR);
        return NGX_ERROR;
    }

    ngx_add_timer(&ctx->deadline, call->timeout_ms);
    ngx_post_event(&ctx->event, &ngx_posted_events);

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_call_fields(ngx_acme_ca_call_ctx_t *ctx)
{
    ngx_str_t            length;
    ngx_uint_t           i;
    ngx_keyval_t        *field;
    ngx_http_request_t  *r;
    ngx_acme_ca_call_t  *call;

    ngx_str_t  type_name = ngx_string("Content-Type");
    ngx_str_t  length_name = ngx_string("Content-Length");

    r = ctx->carrier.request;
    call = ctx->call;
    field = call->fields->elts;

    /* in one part: the subrequest has a copy of the list's head */

    if (ngx_list_init(&r->headers_in.headers, r->pool,
                      call->fields->nelts + NGX_ACME_CA_CALL_FIELDS,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    length.data = ngx_pnalloc(r->pool, NGX_SIZE_T_LEN);
    if (length.data == NULL) {
        return NGX_ERROR;
    }

    length.len = ngx_sprintf(length.data, "%uz", call->body.len) - length.data;

    r->headers_in.content_type = ngx_acme_ca_call_field(r, &type_name,
                                                        &call->content_type);
    r->headers_in.content_length = ngx_acme_ca_call_field(r, &length_name,
                                                          &length);
    r->headers_in.content_length_n = (off_t) call->body.len;

    if (r->headers_in.content_type == NULL
        || r->headers_in.content_length == NULL)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < call->fields->nelts; i++) {
        if (ngx_acme_ca_call_field(r, &field[i].key, &field[i].value) == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_acme_ca_call_field(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key = *name;
    h->value = *value;

    h->lowcase_key = ngx_pnalloc(r->pool, name->len);
    if (h->lowcase_key == NULL) {
        return NULL;
    }

    h->hash = ngx_hash_strlow(h->lowcase_key, name->data, name->len);

    return h;
}


static ngx_int_t
ngx_acme_ca_call_request_body(ngx_acme_ca_call_ctx_t *ctx)
{
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_http_request_t       *r;
    ngx_http_request_body_t  *body;

    r = ctx->carrier.request;

    body = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (body == NULL || b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->start = ctx->call->body.data;
    b->pos = b->start;
    b->last = b->start + ctx->call->body.len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    cl->buf = b;
    cl->next = NULL;

    body->bufs = cl;
    body->buf = b;

    r->request_body = body;

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_call_subrequest(ngx_acme_ca_call_ctx_t *ctx)
{
    ngx_http_request_t  *r, *sr;

    r = ctx->carrier.request;

    ctx->ps.handler = ngx_acme_ca_call_answered;
    ctx->ps.data = ctx;

    if (ngx_http_subrequest(r, &ctx->call->uri, NULL, &sr, &ctx->ps, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* it was only posted */

    sr->method = NGX_HTTP_POST;
    sr->method_name = ngx_acme_ca_call_post;

    return NGX_OK;
}


/* from the event loop, so that start() never calls the handler */

static void
ngx_acme_ca_call_run(ngx_event_t *ev)
{
    ngx_acme_ca_call_ctx_t  *ctx;

    ctx = ev->data;

    ngx_http_run_posted_requests(ctx->carrier.connection);
}


/* rc is nginx's own status where there is no answer to be had */

ngx_int_t
ngx_acme_ca_call_answered(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_acme_ca_call_ctx_t  *ctx = data;

    /* a filter's error must not terminate the main request */

    sr->connection->error = 0;

    if (ctx->answered) {
        return NGX_OK;
    }

    ctx->answered = 1;

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->status = rc;
        ctx->body.len = 0;

    } else if (rc == NGX_ERROR || ctx->status == 0
               || !ngx_acme_ca_call_is_whole(ctx))
    {
        if (ctx->rc == NGX_ACME_CA_FETCH_OK) {
            ctx->rc = NGX_ACME_CA_FETCH_PROTOCOL;
        }
    }

    ctx->event.handler = ngx_acme_ca_call_done;
    ngx_post_event(&ctx->event, &ngx_posted_events);

    return NGX_OK;
}


/* after an answer in chunks that broke off nginx says that all is well */

static ngx_uint_t
ngx_acme_ca_call_is_whole(const ngx_acme_ca_call_ctx_t *ctx)
{
    return (ctx->length >= 0) ? ctx->length == (off_t) ctx->body.len
                              : ctx->ended;
}


static void
ngx_acme_ca_call_done(ngx_event_t *ev)
{
    ngx_acme_ca_call_ctx_t  *ctx;

    ctx = ev->data;

    ngx_acme_ca_call_stop_events(ctx);
    ngx_acme_ca_call_report(ctx, ctx->rc);

    /* the last reference: frees the request, the connection and their pools */

    ngx_acme_ca_carrier_release(&ctx->carrier);
    ngx_http_finalize_request(ctx->carrier.request, NGX_DONE);
}


static void
ngx_acme_ca_call_expired(ngx_event_t *ev)
{
    ngx_acme_ca_call_ctx_t  *ctx;

    ctx = ev->data;

    if (!ctx->answered) {
        ngx_acme_ca_call_abort(ctx, NGX_ACME_CA_FETCH_TIMEOUT);
    }
}


/* called by the timer of worker_shutdown_timeout, with c->close set */

static void
ngx_acme_ca_call_shutdown(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_acme_ca_call_ctx_t  *ctx;

    c = ev->data;
    ctx = c->log->data;

    if (c->close && !ctx->answered) {
        ngx_acme_ca_call_abort(ctx, NGX_ACME_CA_FETCH_ABORTED);
    }
}


static void
ngx_acme_ca_call_abort(ngx_acme_ca_call_ctx_t *ctx, ngx_acme_ca_fetch_rc_e rc)
{
    ngx_connection_t  *c;

    c = ctx->carrier.connection;

    ngx_acme_ca_call_stop_events(ctx);
    ngx_acme_ca_call_report(ctx, rc);

    /* the upstream's own cleanup closes the connection to the signer */

    ngx_acme_ca_carrier_release(&ctx->carrier);
    c->error = 1;

    ngx_http_finalize_request(ctx->carrier.request, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}


static void
ngx_acme_ca_call_report(ngx_acme_ca_call_ctx_t *ctx, ngx_acme_ca_fetch_rc_e rc)
{
    ngx_acme_ca_call_t  *call;

    call = ctx->call;

    if (call == NULL) {
        return;
    }

    ctx->call = NULL;

    call->rc = rc;

    if (rc == NGX_ACME_CA_FETCH_OK) {
        call->status = ctx->status;
        call->retry_after = ctx->retry_after;
        call->answer = ctx->body;
    }

    call->handler(call);
}


static void
ngx_acme_ca_call_stop_events(ngx_acme_ca_call_ctx_t *ctx)
{
    if (ctx->deadline.timer_set) {
        ngx_del_timer(&ctx->deadline);
    }

    if (ctx->event.posted) {
        ngx_delete_posted_event(&ctx->event);
    }
}


static void
ngx_acme_ca_call_cleanup(void *data)
{
    ngx_acme_ca_call_ctx_t  *ctx = data;

    ngx_acme_ca_call_stop_events(ctx);
    ngx_acme_ca_call_report(ctx, NGX_ACME_CA_FETCH_ERROR);
}


static u_char *
ngx_acme_ca_call_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                  *p, *last;
    ngx_acme_ca_call_t      *call;
    ngx_acme_ca_call_ctx_t  *ctx;

    p = buf;
    last = buf + len;

    if (log->action) {
        p = ngx_slprintf(p, last, " while %s", log->action);
    }

    ctx = log->data;
    call = ctx->call;

    if (call == NULL) {
        return p;
    }

    p = ngx_slprintf(p, last, ", location: \"%V\"", &call->uri);

    if (call->log->handler) {
        p = call->log->handler(call->log, p, last - p);
    }

    return p;
}
