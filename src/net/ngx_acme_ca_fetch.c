
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The life of a fetch.  Its connection is a fake, modelled on a QUIC stream:
 * "shared", so nginx neither polls nor closes it, and ready for ever.  Its
 * main request does nothing but carry one in-memory subrequest, which is the
 * upstream request.
 *
 *     start: fake connection and requests, deadline; then, from the event
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


static ngx_connection_t *ngx_acme_ca_fetch_connection(
    ngx_acme_ca_fetch_t *fetch);
static ngx_acme_ca_fetch_ctx_t *ngx_acme_ca_fetch_ctx_create(
    ngx_acme_ca_fetch_t *fetch, ngx_connection_t *c);
static ngx_int_t ngx_acme_ca_fetch_request(ngx_acme_ca_fetch_ctx_t *ctx,
    ngx_connection_t *c);
static ngx_int_t ngx_acme_ca_fetch_subrequest(ngx_acme_ca_fetch_ctx_t *ctx);
static void ngx_acme_ca_fetch_close(ngx_connection_t *c);
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
static void ngx_acme_ca_fetch_release(ngx_connection_t *c);
static void ngx_acme_ca_fetch_cleanup(void *data);
static void ngx_acme_ca_fetch_no_event(ngx_event_t *ev);
static u_char *ngx_acme_ca_fetch_log(ngx_log_t *log, u_char *buf, size_t len);


/*
 * ngx_http_close_connection() takes one off this counter in an nginx that has
 * it; the module's build flags do not say whether this one does.
 */

extern ngx_atomic_t  *ngx_stat_active __attribute__((weak));


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
    ngx_connection_t         *c;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    fetch->rc = NGX_ACME_CA_FETCH_OK;
    fetch->status = 0;
    fetch->connected = 0;
    ngx_str_null(&fetch->location);
    ngx_str_null(&fetch->body);
    fetch->request = NULL;

    c = ngx_acme_ca_fetch_connection(fetch);

    if (c == NULL) {
        return NGX_ERROR;
    }

    ctx = ngx_acme_ca_fetch_ctx_create(fetch, c);

    if (ctx == NULL || ngx_acme_ca_fetch_request(ctx, c) != NGX_OK) {
        ngx_acme_ca_fetch_close(c);
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


static ngx_connection_t *
ngx_acme_ca_fetch_connection(ngx_acme_ca_fetch_t *fetch)
{
    ngx_connection_t  *c, *file0;

    /* poll and devpoll note the connection under its descriptor */

    file0 = ngx_cycle->files ? ngx_cycle->files[0] : NULL;

    c = ngx_get_connection(0, fetch->log);

    if (ngx_cycle->files) {
        ngx_cycle->files[0] = file0;
    }

    if (c == NULL) {
        return NULL;
    }

    /* neither a descriptor nor -1, which stands for "closed" */

    c->fd = (ngx_socket_t) -2;
    c->shared = 1;
    c->type = SOCK_STREAM;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->start_time = ngx_current_msec;

    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    c->sndlowat = 1;

    c->read->handler = ngx_acme_ca_fetch_shutdown;
    c->write->handler = ngx_acme_ca_fetch_no_event;

    /* in the state in which no event module has anything to do with them */

    if (ngx_event_flags & NGX_USE_CLEAR_EVENT) {
        c->read->active = 1;
        c->write->active = 1;
    }

    c->write->ready = 1;

    return c;
}


static ngx_acme_ca_fetch_ctx_t *
ngx_acme_ca_fetch_ctx_create(ngx_acme_ca_fetch_t *fetch, ngx_connection_t *c)
{
    ngx_pool_cleanup_t       *cln;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    c->pool = ngx_create_pool(4096, fetch->log);

    if (c->pool == NULL) {
        return NULL;
    }

    ctx = ngx_pcalloc(c->pool, sizeof(ngx_acme_ca_fetch_ctx_t));

    if (ctx == NULL) {
        return NULL;
    }

    /* ngx_http_request_t::header_in; nothing was and nothing will be read */

    c->buffer = ngx_calloc_buf(c->pool);

    if (c->buffer == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(c->pool, 0);

    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_acme_ca_fetch_cleanup;
    cln->data = ctx;

    ctx->log = *fetch->log;
    ctx->log.connection = c->number;
    ctx->log.handler = ngx_acme_ca_fetch_log;
    ctx->log.data = ctx;
    ctx->log.action = NULL;
    ctx->log_ctx.connection = c;

    c->log = &ctx->log;
    c->pool->log = c->log;
    c->read->log = c->log;
    c->write->log = c->log;

    /* what $remote_addr and its kin say; never connected to */

    ctx->client.sin_family = AF_INET;
    ctx->client.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->sockaddr = (struct sockaddr *) &ctx->client;
    c->socklen = sizeof(struct sockaddr_in);
    c->local_sockaddr = c->sockaddr;
    c->local_socklen = c->socklen;
    ngx_str_set(&c->addr_text, "127.0.0.1");

    ctx->conf = fetch->conf;
    ctx->address.data = ctx->text;
    ctx->address.len = ngx_sock_ntop(fetch->sockaddr, fetch->socklen,
                                     ctx->text, NGX_SOCKADDR_STRLEN, 1);

    ctx->deadline.handler = ngx_acme_ca_fetch_expired;
    ctx->deadline.data = ctx;
    ctx->deadline.log = c->log;

    ctx->event.handler = ngx_acme_ca_fetch_run;
    ctx->event.data = ctx;
    ctx->event.log = c->log;

    return ctx;
}


static ngx_int_t
ngx_acme_ca_fetch_request(ngx_acme_ca_fetch_ctx_t *ctx, ngx_connection_t *c)
{
    ngx_log_t               log;
    ngx_http_request_t     *r;
    ngx_http_connection_t  *hc;

    hc = ngx_pcalloc(c->pool, sizeof(ngx_http_connection_t));

    if (hc == NULL) {
        return NGX_ERROR;
    }

    hc->conf_ctx = ctx->conf->server;
    c->data = hc;

    /* nginx points the log at the server's error_log; ours stays ours */

    log = ctx->log;

    r = ngx_http_create_request(c);

    if (r == NULL) {
        return NGX_ERROR;
    }

    ctx->log = log;
    ctx->request = r;
    c->data = r;

    if (&ngx_stat_active != NULL) {
        (void) ngx_atomic_fetch_add(ngx_stat_active, 1);
    }

    r->method = NGX_HTTP_GET;
    r->method_name = ngx_http_core_get_method;
    r->http_version = NGX_HTTP_VERSION_11;
    r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;
    ngx_str_set(&r->uri, "/");
    r->headers_in.content_length_n = 0;

    r->internal = 1;
    r->logged = 1;

    /* the server's post_action is not for this request */

    r->post_action = 1;
    r->uri_changes = 0;

    r->read_event_handler = ngx_http_request_empty_handler;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_fetch_subrequest(ngx_acme_ca_fetch_ctx_t *ctx)
{
    ngx_http_request_t  *r, *sr;

    r = ctx->request;

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


/* before there was a request */

static void
ngx_acme_ca_fetch_close(ngx_connection_t *c)
{
    ngx_pool_t  *pool;

    pool = c->pool;

    ngx_acme_ca_fetch_release(c);
    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


/* from the event loop, so that start() never calls the handler */

static void
ngx_acme_ca_fetch_run(ngx_event_t *ev)
{
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = ev->data;

    ctx->subrequest->uri = ctx->fetch->path;

    ngx_http_run_posted_requests(ctx->request->connection);
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
    r = ctx->request;

    ngx_acme_ca_fetch_stop_events(ctx);
    ngx_acme_ca_fetch_report(ctx, ctx->rc);

    /* the last reference: frees the request, the connection and their pools */

    ngx_acme_ca_fetch_release(r->connection);
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

    ngx_log_error(NGX_LOG_ERR, &ctx->log, NGX_ETIMEDOUT, "fetch timed out");

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

    c = ctx->request->connection;
    u = ctx->subrequest ? ctx->subrequest->upstream : NULL;

    if (u && u->request_sent) {
        ctx->connected = 1;
    }

    ngx_acme_ca_fetch_stop_events(ctx);
    ngx_acme_ca_fetch_report(ctx, rc);

    /* the upstream's own cleanup closes the connection to the target */

    ngx_acme_ca_fetch_release(c);
    c->error = 1;

    ngx_http_finalize_request(ctx->request, NGX_ERROR);
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
ngx_acme_ca_fetch_release(ngx_connection_t *c)
{
    /* no keepalive and no lingering close, whatever the server's settings */

    c->read->eof = 1;

    /* ngx_free_connection() indexes by it under poll and devpoll */

    c->fd = 0;
}


static void
ngx_acme_ca_fetch_cleanup(void *data)
{
    ngx_acme_ca_fetch_ctx_t  *ctx = data;

    ngx_acme_ca_fetch_stop_events(ctx);
    ngx_acme_ca_fetch_report(ctx, NGX_ACME_CA_FETCH_ERROR);
}


static void
ngx_acme_ca_fetch_no_event(ngx_event_t *ev)
{
    /* void */
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
