
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The upstream handler of a fetch: one GET to one address.  The answer's
 * fields never become fields of the subrequest (so no X-Accel-Redirect of the
 * target does anything), and its body goes into a buffer of ours and into no
 * filter.
 */


#include "ngx_acme_ca_fetch_upstream.h"


#define NGX_ACME_CA_FETCH_HEAD  8192

/* a fair sender's framing; who needs more than this for a body is not one */
#define ngx_acme_ca_fetch_raw_max(max)  ((max) * 8 + 16384)


static ngx_http_upstream_conf_t *ngx_acme_ca_fetch_upstream_create(
    ngx_conf_t *cf);
static ngx_int_t ngx_acme_ca_fetch_upstream_init(ngx_http_request_t *sr,
    ngx_acme_ca_fetch_ctx_t *ctx);
static ngx_int_t ngx_acme_ca_fetch_upstream_tls(ngx_http_upstream_t *u,
    ngx_acme_ca_fetch_ctx_t *ctx);
static ngx_int_t ngx_acme_ca_fetch_create_request(ngx_http_request_t *sr);
static ngx_int_t ngx_acme_ca_fetch_reinit_request(ngx_http_request_t *sr);
static ngx_int_t ngx_acme_ca_fetch_process_header(ngx_http_request_t *sr);
static ngx_int_t ngx_acme_ca_fetch_input_filter_init(void *data);
static ngx_int_t ngx_acme_ca_fetch_input_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_acme_ca_fetch_fail(ngx_acme_ca_fetch_ctx_t *ctx,
    ngx_acme_ca_fetch_rc_e rc);
static void ngx_acme_ca_fetch_abort_request(ngx_http_request_t *sr);
static void ngx_acme_ca_fetch_finalize_request(ngx_http_request_t *sr,
    ngx_int_t rc);
#if (NGX_HTTP_SSL || NGX_COMPAT)
static ngx_int_t ngx_acme_ca_fetch_ssl_create(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *conf);
#endif


#if (NGX_HTTP_SSL || NGX_COMPAT)

/*
 * The module's own build flags do not say whether the nginx that loads it has
 * TLS in its upstreams: without it "u->ssl" is ignored, and the request would
 * go out in the clear.
 */

extern ngx_module_t  ngx_http_ssl_module __attribute__((weak));


static const ngx_str_t  ngx_acme_ca_fetch_https = ngx_string("https://");

#endif


static const ngx_str_t  ngx_acme_ca_fetch_http = ngx_string("http://");


ngx_acme_ca_fetch_conf_t *
ngx_acme_ca_fetch_conf_create(void *cf, void *server, void **location)
{
    ngx_acme_ca_fetch_conf_t  *conf;

    conf = ngx_palloc(((ngx_conf_t *) cf)->pool,
                      sizeof(ngx_acme_ca_fetch_conf_t));

    if (conf == NULL) {
        return NULL;
    }

    conf->server = server;
    conf->location = location;
    conf->upstream = ngx_acme_ca_fetch_upstream_create(cf);

    if (conf->upstream == NULL) {
        return NULL;
    }

    return conf;
}


static ngx_http_upstream_conf_t *
ngx_acme_ca_fetch_upstream_create(ngx_conf_t *cf)
{
    ngx_http_upstream_conf_t  *conf;

    /* zero: unbuffered, no cache, no store, no interception, no local bind */

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_conf_t));

    if (conf == NULL) {
        return NULL;
    }

    conf->buffer_size = NGX_ACME_CA_FETCH_HEAD;
    conf->next_upstream = NGX_HTTP_UPSTREAM_FT_OFF;
    conf->next_upstream_tries = 1;
    conf->ignore_headers = ~ (ngx_uint_t) 0;

    /* there is no client, and its connection must never be polled for one */
    conf->ignore_client_abort = 1;

    ngx_str_set(&conf->module, "acme_ca");

#if (NGX_HTTP_SSL || NGX_COMPAT)

    if (&ngx_http_ssl_module != NULL
        && ngx_acme_ca_fetch_ssl_create(cf, conf) != NGX_OK)
    {
        return NULL;
    }

#endif

    return conf;
}


#if (NGX_HTTP_SSL || NGX_COMPAT)

static ngx_int_t
ngx_acme_ca_fetch_ssl_create(ngx_conf_t *cf, ngx_http_upstream_conf_t *conf)
{
    ngx_pool_cleanup_t  *cln;

    conf->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));

    if (conf->ssl == NULL) {
        return NGX_ERROR;
    }

    conf->ssl->log = cf->log;

    if (ngx_ssl_create(conf->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(conf->ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = conf->ssl;

    /* RFC 8555, 8.3: a target has no certificate yet that could be checked */

    SSL_CTX_set_verify(conf->ssl->ctx, SSL_VERIFY_NONE, NULL);

    return NGX_OK;
}

#endif


void
ngx_acme_ca_fetch_content(ngx_http_request_t *sr)
{
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = sr->post_subrequest->data;

    sr->write_event_handler = ngx_http_request_empty_handler;
    sr->loc_conf = ctx->conf->location;

    if (ngx_acme_ca_fetch_upstream_init(sr, ctx) != NGX_OK) {
        (void) ngx_acme_ca_fetch_fail(ctx, NGX_ACME_CA_FETCH_ERROR);
        ngx_http_finalize_request(sr, NGX_ERROR);
        return;
    }

    ngx_http_upstream_init(sr);
}


static ngx_int_t
ngx_acme_ca_fetch_upstream_init(ngx_http_request_t *sr,
    ngx_acme_ca_fetch_ctx_t *ctx)
{
    ngx_acme_ca_fetch_t           *fetch;
    ngx_http_upstream_t           *u;
    ngx_http_upstream_resolved_t  *resolved;

    fetch = ctx->fetch;

    if (ngx_http_upstream_create(sr) != NGX_OK) {
        return NGX_ERROR;
    }

    resolved = ngx_pcalloc(sr->pool, sizeof(ngx_http_upstream_resolved_t));

    if (resolved == NULL) {
        return NGX_ERROR;
    }

    /*
     * The host stays empty: nginx looks for an upstream{} or a proxy_pass of
     * the same host and port, and would connect to its servers instead.
     */

    resolved->sockaddr = fetch->sockaddr;
    resolved->socklen = fetch->socklen;
    resolved->naddrs = 1;
    resolved->port = ngx_inet_get_port(fetch->sockaddr);
    resolved->name = ctx->address;
    ngx_str_set(&resolved->host, "");

    ctx->upstream = *(ngx_http_upstream_conf_t *) ctx->conf->upstream;
    ctx->upstream.connect_timeout = fetch->timeout_ms;
    ctx->upstream.send_timeout = fetch->timeout_ms;
    ctx->upstream.read_timeout = fetch->timeout_ms;

    u = sr->upstream;

    u->conf = &ctx->upstream;
    u->resolved = resolved;
    u->schema = ngx_acme_ca_fetch_http;
    u->uri = fetch->path;
    u->output.tag = (ngx_buf_tag_t) &ngx_acme_ca_fetch_content;

    u->create_request = ngx_acme_ca_fetch_create_request;
    u->reinit_request = ngx_acme_ca_fetch_reinit_request;
    u->process_header = ngx_acme_ca_fetch_process_header;
    u->abort_request = ngx_acme_ca_fetch_abort_request;
    u->finalize_request = ngx_acme_ca_fetch_finalize_request;
    u->input_filter_init = ngx_acme_ca_fetch_input_filter_init;
    u->input_filter = ngx_acme_ca_fetch_input_filter;
    u->input_filter_ctx = sr;

    if (fetch->tls) {
        return ngx_acme_ca_fetch_upstream_tls(u, ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_fetch_upstream_tls(ngx_http_upstream_t *u,
    ngx_acme_ca_fetch_ctx_t *ctx)
{
#if (NGX_HTTP_SSL || NGX_COMPAT)

    ngx_str_t  *name;

    if (ctx->upstream.ssl) {
        u->schema = ngx_acme_ca_fetch_https;
        u->ssl = 1;

        /* RFC 6066, 3: no addresses; nginx itself leaves IPv4 ones out */

        name = &ctx->fetch->server_name;

        if (ngx_strlchr(name->data, name->data + name->len, ':') == NULL) {
            ctx->ssl_name.value = *name;
            ctx->upstream.ssl_name = &ctx->ssl_name;
            ctx->upstream.ssl_server_name = 1;
        }

        return NGX_OK;
    }

#endif

    ngx_log_error(NGX_LOG_ERR, &ctx->carrier.log, 0,
                  "this nginx was built without http_ssl_module, "
                  "https redirects cannot be followed");

    return ngx_acme_ca_fetch_fail(ctx, NGX_ACME_CA_FETCH_TLS);
}


static ngx_int_t
ngx_acme_ca_fetch_create_request(ngx_http_request_t *sr)
{
    size_t                    len;
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_acme_ca_fetch_t      *fetch;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    static const char  format[] = "GET %V HTTP/1.1" CRLF
                                  "Host: %V" CRLF
                                  "User-Agent: %V" CRLF
                                  "Accept: */*" CRLF
                                  "Accept-Encoding: identity" CRLF
                                  "Connection: close" CRLF CRLF;

    ctx = sr->post_subrequest->data;
    fetch = ctx->fetch;

    len = sizeof(format) + fetch->path.len + fetch->host.len
          + fetch->user_agent.len;

    b = ngx_create_temp_buf(sr->pool, len);

    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(sr->pool);

    if (cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_slprintf(b->last, b->end, format, &fetch->path,
                           &fetch->host, &fetch->user_agent);
    b->flush = 1;

    cl->buf = b;
    cl->next = NULL;

    sr->upstream->request_bufs = cl;

    return NGX_OK;
}


/* there is one try only */

static ngx_int_t
ngx_acme_ca_fetch_reinit_request(ngx_http_request_t *sr)
{
    return NGX_ERROR;
}


static ngx_int_t
ngx_acme_ca_fetch_process_header(ngx_http_request_t *sr)
{
    ngx_int_t                 rc;
    ngx_buf_t                *b;
    ngx_http_upstream_t      *u;
    acme_ca_http_head_t      *head;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = sr->post_subrequest->data;
    head = &ctx->head;
    u = sr->upstream;
    b = &u->buffer;

    for ( ;; ) {

        rc = acme_ca_http_head_parse(b->pos, b->last - b->pos, head);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc != NGX_OK || head->status == NGX_HTTP_SWITCHING_PROTOCOLS) {
            ngx_log_error(NGX_LOG_ERR, &ctx->carrier.log, 0,
                          "upstream sent no valid HTTP/1.x header");
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        b->pos += head->length;

        if (head->status >= NGX_HTTP_OK) {
            break;
        }

        /* RFC 9110, 15.2: interim answers, the final one follows */
    }

    /* the buffer is used again for the body */

    if (head->location.len) {
        ctx->location.data = ngx_pstrdup(sr->pool, &head->location);

        if (ctx->location.data == NULL) {
            return NGX_ERROR;
        }

        ctx->location.len = head->location.len;
    }

    u->headers_in.status_n = head->status;

    /* filters are to see an answer without a body and without a type */

    u->headers_in.content_length_n = 0;

    return NGX_OK;
}


/* u->length: what is still to come; -1: until close; 0: all is there */

static ngx_int_t
ngx_acme_ca_fetch_input_filter_init(void *data)
{
    ngx_http_request_t  *sr = data;

    size_t                    max;
    acme_ca_http_head_t      *head;
    ngx_http_upstream_t      *u;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = sr->post_subrequest->data;
    head = &ctx->head;
    u = sr->upstream;
    max = ctx->fetch->max_body;

    /* nobody asks for the body of a redirect or of an error */

    if (head->status != NGX_HTTP_OK || head->content_length == 0) {
        u->length = 0;
        return NGX_OK;
    }

    if (head->content_length > (off_t) max) {
        return ngx_acme_ca_fetch_fail(ctx, NGX_ACME_CA_FETCH_TOO_LARGE);
    }

    ctx->size = max;
    u->length = -1;

    if (head->chunked) {

        /* a close before the last chunk is a premature one */
        u->length = 1;

    } else if (head->content_length != -1) {
        ctx->size = (size_t) head->content_length;
        u->length = head->content_length;
    }

    ctx->body.data = ngx_pnalloc(sr->pool, ctx->size);

    if (ctx->body.data == NULL) {
        return ngx_acme_ca_fetch_fail(ctx, NGX_ACME_CA_FETCH_ERROR);
    }

    return NGX_OK;
}


/* the bytes lie at the buffer's last, which stays: nginx fills it anew */

static ngx_int_t
ngx_acme_ca_fetch_input_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t  *sr = data;

    size_t                    n;
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_http_upstream_t      *u;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = sr->post_subrequest->data;
    u = sr->upstream;

    if (u->length == 0) {
        return NGX_OK;
    }

    p = u->buffer.last;
    n = bytes;

    ctx->raw += n;

    if (ctx->head.chunked) {

        n = acme_ca_chunked_parse(&ctx->chunked, p, n, &rc);

        if (rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_ERR, &ctx->carrier.log, 0,
                          "upstream sent an invalid chunked body");
            return ngx_acme_ca_fetch_fail(ctx, NGX_ACME_CA_FETCH_PROTOCOL);
        }

        if (rc == NGX_DONE) {
            u->length = 0;
        }

    } else if (u->length != -1) {
        n = (size_t) ngx_min((off_t) n, u->length);
        u->length -= n;
    }

    if (n > ctx->size - ctx->body.len
        || ctx->raw > ngx_acme_ca_fetch_raw_max(ctx->size))
    {
        return ngx_acme_ca_fetch_fail(ctx, NGX_ACME_CA_FETCH_TOO_LARGE);
    }

    ngx_memcpy(ctx->body.data + ctx->body.len, p, n);
    ctx->body.len += n;

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_fetch_fail(ngx_acme_ca_fetch_ctx_t *ctx, ngx_acme_ca_fetch_rc_e rc)
{
    if (ctx->rc == NGX_ACME_CA_FETCH_OK) {
        ctx->rc = rc;
    }

    return NGX_ERROR;
}


static void
ngx_acme_ca_fetch_abort_request(ngx_http_request_t *sr)
{
    /* void */
}


/* the connection is still there: the last moment to see how far it came */

static void
ngx_acme_ca_fetch_finalize_request(ngx_http_request_t *sr, ngx_int_t rc)
{
    ngx_connection_t         *c;
    ngx_http_upstream_t      *u;
    ngx_acme_ca_fetch_rc_e    why;
    ngx_acme_ca_fetch_ctx_t  *ctx;

    ctx = sr->post_subrequest->data;
    u = sr->upstream;
    c = u->peer.connection;

    ctx->connected = u->request_sent;

    if (rc == NGX_OK || rc == NGX_DONE) {
        return;
    }

    if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        why = NGX_ACME_CA_FETCH_TIMEOUT;

    } else if (rc != NGX_HTTP_BAD_GATEWAY) {
        why = NGX_ACME_CA_FETCH_ERROR;

#if (NGX_SSL || NGX_COMPAT)
    } else if (c && c->ssl && (!u->request_sent || c->read->error)) {
        why = NGX_ACME_CA_FETCH_TLS;
#endif

    } else if (!u->request_sent || (c && c->read->error)) {
        why = NGX_ACME_CA_FETCH_CONNECT;

    } else {
        why = NGX_ACME_CA_FETCH_PROTOCOL;
    }

    (void) ngx_acme_ca_fetch_fail(ctx, why);
}
