
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The life of a fetch: a main request of nobody's (ngx_acme_ca_carrier.h) that
 * does nothing but carry one in-memory subrequest, which is the upstream
 * request.
 *
 *     start: both requests, deadline; then, from the event
 *     loop, ngx_acme_ca_fetch_run() -> ngx_acme_ca_fetch_content()
 *     -> ngx_acme_ca_fetch_answered() by nginx -> ngx_acme_ca_fetch_done()
 *
 * Invariants:
 * 1. The handler is called exactly once, or never after cancel(): ctx->fetch
 *    is NULL from then on, and the connection's pool calls it if nobody did.
 * 2. Whoever ends a fetch leaves no timer, no posted event, no connection.
 * 3. The deadline is not cancelable: it keeps a draining worker alive.
 */


#include "ngx_acme_ca_fetch_upstream.h"


static ngx_acme_ca_fetch_ctx_t *ngx_acme_ca_fetch_ctx_create(
    ngx_acme_ca_fetch_t *fetch);
static ngx_int_t ngx_acme_ca_fetch_subrequest(ngx_acme_ca_fetch_ctx_t *ctx);
static void ngx_acme_ca_fetch_run(ngx_event_t *ev);
static ngx_int_t ngx_acme_ca_fetch_answered(ngx_http_request_t *sr,
    void *data, ngx_int_t rc);
static void ngx_acme_ca_fetch_done(ngx_event_t *ev);
static void ngx_acme_ca_fetch_expired(ngx_event_t *ev);
static void ngx_acme_ca_fetch_shutdown(ngx_event_t *ev);
static void ngx_acme_ca_fetch_abort(ngx_acme_ca_fetch_ctx_t *ctx,
    ngx_acme_ca_fetch_rc_e rc);
static void ngx_acme_ca_fetch_report(ngx_acme_ca_fetch_ctx_t *ctx,
    ngx_acme_ca_fetch_rc_e rc);
static void ngx_acme_ca_fetch_stop_events(ngx_acme_ca_fetch_ctx_t *ctx);
static void ngx_acme_ca_fetch_cleanup(void *data);
static u_char *ngx_acme_ca_fetch_log(ngx_log_t *log, u_char *buf, size_t len);


static const char  *ngx_acme_ca_fetch_rc_texts[] = {
    "ok",
    "connection refused, reset or unreachable",
    "timed out",
    "TLS failed",
    "no complete HTTP answer",
    "the answer is too large",
    "the server is shutting down",
    "internal error"
};


ngx_int_t
ngx_acme_ca_fetch_start(ngx_acme_ca_fetch_t *fetch)
{
    ngx_acme_ca_fetch_ctx_t  *ctx;

    fetch->rc = NGX_ACME_CA_FETCH_OK;
    fetch->status = 0;
    fetch->connected = 0;
    ngx_str_null(&fetch->location);
    ngx_str_null(&fetch->body);
    fetch->request = NULL;

    ctx = ngx_acme_ca_fetch_ctx_create(fetch);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ngx_acme_ca_carrier_request(&ctx->carrier, fetch->conf->server)
        != NGX_OK)
    {
        ngx_acme_ca_carrier_close(&ctx->carrier);
        return NGX_ERROR;
    }

    /* from here on there is a request, and nginx closes the connection */

    if (ngx_acme_ca_fetch_subrequest(ctx) != NGX_OK) {
        ngx_acme_ca_fetch_abort(ctx, NGX_ACME_CA_FETCH_ERROR);
        return NGX_ERROR;
    }

    ctx->fetch = fetch;
    fetch->request = ctx;

    ngx_add_timer(&ctx->deadline, fetch->timeout_ms);
    ngx_post_event(&ctx->event, &ngx_posted_events);

    return NGX_OK;
}


static ngx_acme_ca_fetch_ctx_t *
ngx_acme_ca_fetch_ctx_create(ngx_acme_ca_fetch_t *fetch)
{
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = ngx_acme_ca_carrier_create(sizeof(ngx_acme_ca_fetch_ctx_t),
                                     fetch->log, ngx_acme_ca_fetch_log,
                                     ngx_acme_ca_fetch_shutdown,
                                     ngx_acme_ca_fetch_cleanup);
    if (ctx == NULL) {
        return NULL;
    }

    ctx->conf = fetch->conf;
    ctx->address.data = ctx->text;
    ctx->address.len = ngx_sock_ntop(fetch->sockaddr, fetch->socklen,
                                     ctx->text, NGX_SOCKADDR_STRLEN, 1);

    ctx->deadline.handler = ngx_acme_ca_fetch_expired;
    ctx->deadline.data = ctx;
    ctx->deadline.log = &ctx->carrier.log;

    ctx->event.handler = ngx_acme_ca_fetch_run;
    ctx->event.data = ctx;
    ctx->event.log = &ctx->carrier.log;

    return ctx;
}


static ngx_int_t
ngx_acme_ca_fetch_subrequest(ngx_acme_ca_fetch_ctx_t *ctx)
{
    ngx_http_request_t  *r, *sr;

    r = ctx->carrier.request;

    if (ngx_list_init(&r->headers_in.headers, r->pool, 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->ps.handler = ngx_acme_ca_fetch_answered;
    ctx->ps.data = ctx;

    if (ngx_http_subrequest(r, &r->uri, NULL, &sr, &ctx->ps,
                            NGX_HTTP_SUBREQUEST_IN_MEMORY)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * It was only posted.  Where ngx_http_handler() would have run the phases
     * of the location (rewrite, limits, access), the upstream begins at once.
     */

    sr->write_event_handler = ngx_acme_ca_fetch_content;
    ctx->subrequest = sr;

    return NGX_OK;
}


/* from the event loop, so that start() never calls the handler */

static void
ngx_acme_ca_fetch_run(ngx_event_t *ev)
{
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = ev->data;

    ctx->subrequest->uri = ctx->fetch->path;

    ngx_http_run_posted_requests(ctx->carrier.request->connection);
}


static ngx_int_t
ngx_acme_ca_fetch_answered(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_acme_ca_fetch_ctx_t  *ctx = data;

    /* the error is ours to report, and must not terminate the main request */

    sr->connection->error = 0;

    if (ctx->answered) {
        return NGX_OK;
    }

    ctx->answered = 1;

    if (rc != NGX_OK && ctx->rc == NGX_ACME_CA_FETCH_OK) {
        ctx->rc = NGX_ACME_CA_FETCH_ERROR;
    }

    ctx->event.handler = ngx_acme_ca_fetch_done;
    ngx_post_event(&ctx->event, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_acme_ca_fetch_done(ngx_event_t *ev)
{
    ngx_http_request_t       *r;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->carrier.request;

    ngx_acme_ca_fetch_stop_events(ctx);
    ngx_acme_ca_fetch_report(ctx, ctx->rc);

    /* the last reference: frees the request, the connection and their pools */

    ngx_acme_ca_carrier_release(&ctx->carrier);
    ngx_http_finalize_request(r, NGX_DONE);
}


static void
ngx_acme_ca_fetch_expired(ngx_event_t *ev)
{
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = ev->data;

    if (ctx->answered) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, &ctx->carrier.log, NGX_ETIMEDOUT,
                  "fetch timed out");

    ngx_acme_ca_fetch_abort(ctx, NGX_ACME_CA_FETCH_TIMEOUT);
}


/* called by the timer of worker_shutdown_timeout, with c->close set */

static void
ngx_acme_ca_fetch_shutdown(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    c = ev->data;
    ctx = c->log->data;

    if (c->close && !ctx->answered) {
        ngx_acme_ca_fetch_abort(ctx, NGX_ACME_CA_FETCH_ABORTED);
    }
}


void
ngx_acme_ca_fetch_cancel(ngx_acme_ca_fetch_t *fetch)
{
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = fetch->request;

    if (ctx) {
        fetch->request = NULL;
        ctx->fetch = NULL;
        ngx_acme_ca_fetch_abort(ctx, NGX_ACME_CA_FETCH_ABORTED);
    }
}


static void
ngx_acme_ca_fetch_abort(ngx_acme_ca_fetch_ctx_t *ctx,
    ngx_acme_ca_fetch_rc_e rc)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    c = ctx->carrier.request->connection;
    u = ctx->subrequest ? ctx->subrequest->upstream : NULL;

    if (u && u->request_sent) {
        ctx->connected = 1;
    }

    ngx_acme_ca_fetch_stop_events(ctx);
    ngx_acme_ca_fetch_report(ctx, rc);

    /* the upstream's own cleanup closes the connection to the target */

    ngx_acme_ca_carrier_release(&ctx->carrier);
    c->error = 1;

    ngx_http_finalize_request(ctx->carrier.request, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}


static void
ngx_acme_ca_fetch_report(ngx_acme_ca_fetch_ctx_t *ctx,
    ngx_acme_ca_fetch_rc_e rc)
{
    ngx_acme_ca_fetch_t  *fetch;

    fetch = ctx->fetch;

    if (fetch == NULL) {
        return;
    }

    ctx->fetch = NULL;

    fetch->request = NULL;
    fetch->rc = rc;
    fetch->connected = ctx->connected;

    if (rc == NGX_ACME_CA_FETCH_OK) {
        fetch->status = ctx->head.status;
        fetch->location = ctx->location;
        fetch->body = ctx->body;
    }

    fetch->handler(fetch);
}


static void
ngx_acme_ca_fetch_stop_events(ngx_acme_ca_fetch_ctx_t *ctx)
{
    if (ctx->deadline.timer_set) {
        ngx_del_timer(&ctx->deadline);
    }

    if (ctx->event.posted) {
        ngx_delete_posted_event(&ctx->event);
    }
}


static void
ngx_acme_ca_fetch_cleanup(void *data)
{
    ngx_acme_ca_fetch_ctx_t  *ctx = data;

    ngx_acme_ca_fetch_stop_events(ctx);
    ngx_acme_ca_fetch_report(ctx, NGX_ACME_CA_FETCH_ERROR);
}


/* what for, then what the owner's log has to say */

static u_char *
ngx_acme_ca_fetch_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                   *p, *last;
    ngx_acme_ca_fetch_t      *fetch;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    p = buf;
    last = buf + len;

    if (log->action) {
        p = ngx_slprintf(p, last, " while %s", log->action);
    }

    ctx = log->data;
    fetch = ctx->fetch;

    if (fetch == NULL) {
        return p;
    }

    p = ngx_slprintf(p, last, ", fetch: \"%s%V%V\", upstream: \"%V\"",
                     fetch->tls ? "https://" : "http://", &fetch->host,
                     &fetch->path, &ctx->address);

    if (fetch->log->handler) {
        p = fetch->log->handler(fetch->log, p, last - p);
    }

    return p;
}


const char *
ngx_acme_ca_fetch_rc_text(ngx_acme_ca_fetch_rc_e rc)
{
    return ngx_acme_ca_fetch_rc_texts[rc];
}
