
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A probe's life: connect, handshake, close, report.
 *
 * Invariants:
 * 1. One timer, on the connection's read event, is the deadline of all of it;
 *    it is not cancelable: it keeps a draining worker alive.
 * 2. The connection is closed before the handler is called, and the handler is
 *    called from the event loop only.
 */


#include "ngx_acme_ca_probe.h"


struct ngx_acme_ca_probe_tls_s {
    ngx_ssl_t  ssl;
};


static int ngx_acme_ca_probe_verify(X509_STORE_CTX *store, void *data);
static void ngx_acme_ca_probe_info(const ngx_ssl_conn_t *ssl, int where,
    int value);
static void ngx_acme_ca_probe_quiet(ngx_acme_ca_probe_t *probe);
static ngx_int_t ngx_acme_ca_probe_connect(ngx_acme_ca_probe_t *probe);
static void ngx_acme_ca_probe_connected(ngx_event_t *ev);
static ngx_int_t ngx_acme_ca_probe_offer(ngx_acme_ca_probe_t *probe,
    ngx_connection_t *c);
static void ngx_acme_ca_probe_handshake(ngx_connection_t *c);
static ngx_int_t ngx_acme_ca_probe_read(ngx_acme_ca_probe_t *probe,
    ngx_connection_t *c);
static void ngx_acme_ca_probe_close(ngx_acme_ca_probe_t *probe);
static void ngx_acme_ca_probe_end(ngx_acme_ca_probe_t *probe,
    ngx_acme_ca_probe_rc_e rc);
static void ngx_acme_ca_probe_refused(ngx_event_t *ev);


static const char  *ngx_acme_ca_probe_rc_texts[] = {
    "ok",
    "connection refused, reset or unreachable",
    "timed out",
    "TLS failed",
    "internal error"
};


ngx_acme_ca_probe_tls_t *
ngx_acme_ca_probe_tls_create(ngx_pool_t *pool, ngx_log_t *log)
{
    ngx_pool_cleanup_t       *cln;
    ngx_acme_ca_probe_tls_t  *tls;

    tls = ngx_pcalloc(pool, sizeof(ngx_acme_ca_probe_tls_t));
    if (tls == NULL) {
        return NULL;
    }

    tls->ssl.log = log;

    if (ngx_ssl_create(&tls->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(&tls->ssl);
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = &tls->ssl;

    SSL_CTX_set_cert_verify_callback(tls->ssl.ctx, ngx_acme_ca_probe_verify,
                                     NULL);
    SSL_CTX_set_info_callback(tls->ssl.ctx, ngx_acme_ca_probe_info);

    return tls;
}


/* strange chains are not worth the time of building them */

static int
ngx_acme_ca_probe_verify(X509_STORE_CTX *store, void *data)
{
    return 1;
}


static void
ngx_acme_ca_probe_info(const ngx_ssl_conn_t *ssl, int where, int value)
{
    ngx_connection_t     *c;
    ngx_acme_ca_probe_t  *probe;

    if (!(where & SSL_CB_ALERT)) {
        return;
    }

    c = ngx_ssl_get_connection((ngx_ssl_conn_t *) ssl);
    probe = c->data;

    probe->alert = SSL_alert_desc_string_long(value);
    probe->alert_ours = (where & SSL_CB_WRITE) ? 1 : 0;
}


ngx_int_t
ngx_acme_ca_probe_start(ngx_acme_ca_probe_t *probe)
{
    probe->rc = NGX_ACME_CA_PROBE_OK;
    probe->connected = 0;
    probe->selected = 0;
    probe->alert = NULL;
    probe->alert_ours = 0;
    ngx_str_null(&probe->certificate);

    ngx_acme_ca_probe_quiet(probe);

    ngx_memzero(&probe->event, sizeof(ngx_event_t));

    probe->event.handler = ngx_acme_ca_probe_refused;
    probe->event.data = probe;
    probe->event.log = &probe->quiet;

    ngx_memzero(&probe->peer, sizeof(ngx_peer_connection_t));

    probe->peer.sockaddr = probe->sockaddr;
    probe->peer.socklen = probe->socklen;
    probe->peer.name = probe->name;
    probe->peer.get = ngx_event_get_peer;
    probe->peer.log = &probe->quiet;
    probe->peer.log_error = NGX_ERROR_ERR;

    return ngx_acme_ca_probe_connect(probe);
}


/*
 * nginx takes a target that is at fault for a critical matter of its own; the
 * verdict says what happened.
 */

static void
ngx_acme_ca_probe_quiet(ngx_acme_ca_probe_t *probe)
{
    probe->quiet = *probe->log;

    if (probe->quiet.log_level < NGX_LOG_DEBUG) {
        probe->quiet.log_level = NGX_LOG_ALERT;
    }
}


static ngx_int_t
ngx_acme_ca_probe_connect(ngx_acme_ca_probe_t *probe)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    rc = ngx_event_connect_peer(&probe->peer);

    if (rc == NGX_DECLINED) {
        ngx_post_event(&probe->event, &ngx_posted_events);
        return NGX_OK;
    }

    c = probe->peer.connection;

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_acme_ca_probe_close(probe);
        return NGX_ERROR;
    }

    c->pool = ngx_create_pool(1024, &probe->quiet);
    if (c->pool == NULL) {
        ngx_acme_ca_probe_close(probe);
        return NGX_ERROR;
    }

    probe->quiet.connection = c->number;

    c->data = probe;
    c->log = &probe->quiet;
    c->pool->log = c->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->sendfile = 0;

    c->read->handler = ngx_acme_ca_probe_connected;
    c->write->handler = ngx_acme_ca_probe_connected;

    ngx_add_timer(c->read, probe->timeout_ms);

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
ngx_acme_ca_probe_connected(ngx_event_t *ev)
{
    int                   err;
    socklen_t             len;
    ngx_int_t             rc;
    ngx_connection_t     *c;
    ngx_acme_ca_probe_t  *probe;

    c = ev->data;
    probe = c->data;

    if (ev->timedout) {
        ngx_acme_ca_probe_end(probe, NGX_ACME_CA_PROBE_TIMEOUT);
        return;
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err != 0) {
        ngx_acme_ca_probe_end(probe, NGX_ACME_CA_PROBE_CONNECT);
        return;
    }

    probe->connected = 1;

    if (ngx_acme_ca_probe_offer(probe, c) != NGX_OK) {
        ngx_acme_ca_probe_end(probe, NGX_ACME_CA_PROBE_ERROR);
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_acme_ca_probe_handshake;
        return;
    }

    ngx_acme_ca_probe_handshake(c);
}


static ngx_int_t
ngx_acme_ca_probe_offer(ngx_acme_ca_probe_t *probe, ngx_connection_t *c)
{
    u_char  list[256], *p;

    if (ngx_ssl_create_connection(&probe->tls->ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    list[0] = (u_char) probe->protocol.len;
    p = ngx_cpymem(&list[1], probe->protocol.data,
                   ngx_min(probe->protocol.len, 255));

    /* the one function of OpenSSL that answers 0 when it went well */

    if (SSL_set_alpn_protos(c->ssl->connection, list, p - list) != 0
        || SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) probe->server_name.data)
           == 0)
    {
        ngx_ssl_error(NGX_LOG_ALERT, probe->log, 0,
                      "a TLS handshake could not be prepared");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_acme_ca_probe_handshake(ngx_connection_t *c)
{
    ngx_acme_ca_probe_t     *probe;
    ngx_acme_ca_probe_rc_e   rc;

    probe = c->data;

    if (c->ssl->handshaked) {
        rc = ngx_acme_ca_probe_read(probe, c) == NGX_OK
             ? NGX_ACME_CA_PROBE_OK : NGX_ACME_CA_PROBE_ERROR;

    } else if (c->read->timedout) {
        rc = NGX_ACME_CA_PROBE_TIMEOUT;

    } else {
        rc = NGX_ACME_CA_PROBE_TLS;
    }

    ngx_acme_ca_probe_end(probe, rc);
}


static ngx_int_t
ngx_acme_ca_probe_read(ngx_acme_ca_probe_t *probe, ngx_connection_t *c)
{
    int                   n;
    X509                 *cert;
    u_char               *p;
    unsigned int          len;
    const unsigned char  *protocol;

    SSL_get0_alpn_selected(c->ssl->connection, &protocol, &len);

    probe->selected = len == probe->protocol.len
                      && ngx_memcmp(protocol, probe->protocol.data, len) == 0;

    cert = SSL_get0_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return NGX_OK;
    }

    n = i2d_X509(cert, NULL);
    if (n <= 0) {
        ERR_clear_error();
        return NGX_OK;
    }

    probe->certificate.data = ngx_pnalloc(probe->pool, n);
    if (probe->certificate.data == NULL) {
        return NGX_ERROR;
    }

    p = probe->certificate.data;
    probe->certificate.len = i2d_X509(cert, &p);

    return NGX_OK;
}


static void
ngx_acme_ca_probe_close(ngx_acme_ca_probe_t *probe)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = probe->peer.connection;

    if (c == NULL) {
        return;
    }

    probe->peer.connection = NULL;

    if (c->ssl != NULL) {

        /* RFC 8737, 4: closed at once; one that failed is owed no farewell */

        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = !c->ssl->handshaked;

        (void) ngx_ssl_shutdown(c);
    }

    pool = c->pool;

    ngx_close_connection(c);

    if (pool != NULL) {
        ngx_destroy_pool(pool);
    }
}


static void
ngx_acme_ca_probe_end(ngx_acme_ca_probe_t *probe, ngx_acme_ca_probe_rc_e rc)
{
    ngx_acme_ca_probe_close(probe);

    probe->rc = rc;
    probe->handler(probe);
}


static void
ngx_acme_ca_probe_refused(ngx_event_t *ev)
{
    ngx_acme_ca_probe_end(ev->data, NGX_ACME_CA_PROBE_CONNECT);
}


void
ngx_acme_ca_probe_cancel(ngx_acme_ca_probe_t *probe)
{
    if (probe->event.posted) {
        ngx_delete_posted_event(&probe->event);
    }

    ngx_acme_ca_probe_close(probe);
}


const char *
ngx_acme_ca_probe_rc_text(ngx_acme_ca_probe_rc_e rc)
{
    return ngx_acme_ca_probe_rc_texts[rc];
}
