
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The fake connection and main request, for whoever has a subrequest to make
 * and no client that it is for.
 */


#include "ngx_acme_ca_carrier.h"


static ngx_connection_t *ngx_acme_ca_carrier_connection(ngx_log_t *log,
    ngx_event_handler_pt shutdown);
static void *ngx_acme_ca_carrier_init(ngx_connection_t *c, size_t size,
    ngx_log_t *log);
static void ngx_acme_ca_carrier_discard(ngx_connection_t *c);
static void ngx_acme_ca_carrier_write(ngx_event_t *ev);


/*
 * ngx_http_close_connection() takes one off this counter in an nginx that has
 * it; the module's build flags do not say whether this one does.
 */

extern ngx_atomic_t  *ngx_stat_active __attribute__((weak));


void *
ngx_acme_ca_carrier_create(size_t size, ngx_log_t *log,
    ngx_log_handler_pt text, ngx_event_handler_pt shutdown,
    ngx_pool_cleanup_pt cleanup)
{
    ngx_connection_t       *c;
    ngx_pool_cleanup_t     *cln;
    ngx_acme_ca_carrier_t  *carrier;

    c = ngx_acme_ca_carrier_connection(log, shutdown);
    if (c == NULL) {
        return NULL;
    }

    carrier = ngx_acme_ca_carrier_init(c, size, log);

    cln = (carrier != NULL) ? ngx_pool_cleanup_add(c->pool, 0) : NULL;

    if (cln == NULL) {
        ngx_acme_ca_carrier_discard(c);
        return NULL;
    }

    cln->handler = cleanup;
    cln->data = carrier;

    carrier->log.handler = text;

    return carrier;
}


static ngx_connection_t *
ngx_acme_ca_carrier_connection(ngx_log_t *log, ngx_event_handler_pt shutdown)
{
    ngx_connection_t  *c, *file0;

    /* poll and devpoll note the connection under its descriptor */

    file0 = ngx_cycle->files ? ngx_cycle->files[0] : NULL;

    c = ngx_get_connection(0, log);

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

    c->read->handler = shutdown;
    c->write->handler = ngx_acme_ca_carrier_write;

    /*
     * In the state in which no event module has anything to do with them: an
     * upstream asks for the read event, to know when its client goes.
     */

    c->read->active = 1;

    if (ngx_event_flags & NGX_USE_CLEAR_EVENT) {
        c->write->active = 1;
    }

    c->write->ready = 1;

    return c;
}


static void *
ngx_acme_ca_carrier_init(ngx_connection_t *c, size_t size, ngx_log_t *log)
{
    ngx_acme_ca_carrier_t  *carrier;

    c->pool = ngx_create_pool(4096, log);

    if (c->pool == NULL) {
        return NULL;
    }

    carrier = ngx_pcalloc(c->pool, size);

    if (carrier == NULL) {
        return NULL;
    }

    /* ngx_http_request_t::header_in; nothing was and nothing will be read */

    c->buffer = ngx_calloc_buf(c->pool);

    if (c->buffer == NULL) {
        return NULL;
    }

    carrier->connection = c;
    carrier->log_ctx.connection = c;

    carrier->log = *log;
    carrier->log.connection = c->number;
    carrier->log.handler = NULL;
    carrier->log.data = carrier;
    carrier->log.action = NULL;

    c->log = &carrier->log;
    c->pool->log = c->log;
    c->read->log = c->log;
    c->write->log = c->log;

    /* what $remote_addr and its kin say; never connected to */

    carrier->client.sin_family = AF_INET;
    carrier->client.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->sockaddr = (struct sockaddr *) &carrier->client;
    c->socklen = sizeof(struct sockaddr_in);
    c->local_sockaddr = c->sockaddr;
    c->local_socklen = c->socklen;
    ngx_str_set(&c->addr_text, "127.0.0.1");

    return carrier;
}


ngx_int_t
ngx_acme_ca_carrier_request(ngx_acme_ca_carrier_t *carrier, void *server)
{
    ngx_log_t               log;
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_connection_t  *hc;

    c = carrier->connection;

    hc = ngx_pcalloc(c->pool, sizeof(ngx_http_connection_t));

    if (hc == NULL) {
        return NGX_ERROR;
    }

    hc->conf_ctx = server;
    c->data = hc;

    /* nginx points the log at the server's error_log; ours stays ours */

    log = carrier->log;

    r = ngx_http_create_request(c);

    if (r == NULL) {
        return NGX_ERROR;
    }

    carrier->log = log;
    carrier->request = r;
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


void
ngx_acme_ca_carrier_close(ngx_acme_ca_carrier_t *carrier)
{
    ngx_acme_ca_carrier_discard(carrier->connection);
}


static void
ngx_acme_ca_carrier_discard(ngx_connection_t *c)
{
    ngx_pool_t  *pool;

    pool = c->pool;

    c->fd = 0;
    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


void
ngx_acme_ca_carrier_release(ngx_acme_ca_carrier_t *carrier)
{
    carrier->connection->read->eof = 1;

    /* ngx_free_connection() indexes by it under poll and devpoll */

    carrier->connection->fd = 0;
}


/* no event but the end of a delay (limit_req), which nginx has as its timer */

static void
ngx_acme_ca_carrier_write(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (!ev->delayed || !ev->timedout) {
        return;
    }

    ev->delayed = 0;
    ev->timedout = 0;

    c = ev->data;
    r = c->data;

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}
