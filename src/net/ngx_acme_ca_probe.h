
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One TLS handshake with an address, by nginx's own connection and SSL
 * functions: nothing blocks.  Not a byte is exchanged behind the handshake;
 * what certificate there was is judged above.
 */


#ifndef _NGX_ACME_CA_PROBE_H_INCLUDED_
#define _NGX_ACME_CA_PROBE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>


typedef struct ngx_acme_ca_probe_s      ngx_acme_ca_probe_t;
typedef struct ngx_acme_ca_probe_tls_s  ngx_acme_ca_probe_tls_t;

typedef enum {
    NGX_ACME_CA_PROBE_OK = 0,
    NGX_ACME_CA_PROBE_CONNECT,     /* refused, unreachable, reset */
    NGX_ACME_CA_PROBE_TIMEOUT,
    NGX_ACME_CA_PROBE_TLS,         /* the handshake failed */
    NGX_ACME_CA_PROBE_ERROR        /* ours */
} ngx_acme_ca_probe_rc_e;


struct ngx_acme_ca_probe_s {
    /* in: live until the handler was called */
    ngx_acme_ca_probe_tls_t   *tls;
    struct sockaddr           *sockaddr;      /* with the port */
    socklen_t                  socklen;
    ngx_str_t                 *name;          /* of the address, for logs */
    ngx_str_t                  server_name;   /* SNI, NUL terminated */
    ngx_str_t                  protocol;      /* ALPN: the only one offered */
    ngx_msec_t                 timeout_ms;    /* of the whole probe */
    ngx_pool_t                *pool;          /* of the certificate */
    ngx_log_t                 *log;
    void                     (*handler)(ngx_acme_ca_probe_t *probe);
    void                      *data;

    /* out */
    ngx_acme_ca_probe_rc_e     rc;
    ngx_uint_t                 connected;     /* the target took a connection */
    ngx_uint_t                 selected;      /* the target took the protocol */
    ngx_str_t                  certificate;   /* DER; empty: none */
    const char                *alert;         /* TLS alert that ended the
                                                 handshake, or NULL */
    ngx_uint_t                 alert_ours;    /* we sent it */

    /* private */
    ngx_peer_connection_t      peer;
    ngx_log_t                  quiet;
    ngx_event_t                event;
};


/*
 * What all probes of a worker share: TLS 1.2 and later, any certificate.
 * NULL: logged.
 */
ngx_acme_ca_probe_tls_t *ngx_acme_ca_probe_tls_create(ngx_pool_t *pool,
    ngx_log_t *log);

/*
 * NGX_OK: the handler will be called exactly once, never before this returns;
 * the connection is closed by then.  NGX_ERROR: it will not be called.
 */
ngx_int_t ngx_acme_ca_probe_start(ngx_acme_ca_probe_t *probe);

/* the handler will not be called any more; welcome after it was, too */
void ngx_acme_ca_probe_cancel(ngx_acme_ca_probe_t *probe);

const char *ngx_acme_ca_probe_rc_text(ngx_acme_ca_probe_rc_e rc);


#endif /* _NGX_ACME_CA_PROBE_H_INCLUDED_ */
