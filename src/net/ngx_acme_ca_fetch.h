
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One HTTP request of ours to an address: an in-memory subrequest of a main
 * request that belongs to no client, served by an upstream handler of ours.
 * No phases run and no filters see the body, so nothing in the operator's
 * configuration (rewrite, limits, ssi) can touch it, and no configuration is
 * needed.  It follows no redirects: that is decided above.
 */


#ifndef _NGX_ACME_CA_FETCH_H_INCLUDED_
#define _NGX_ACME_CA_FETCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef struct ngx_acme_ca_fetch_s  ngx_acme_ca_fetch_t;

typedef enum {
    NGX_ACME_CA_FETCH_OK = 0,
    NGX_ACME_CA_FETCH_CONNECT,     /* refused, unreachable, reset */
    NGX_ACME_CA_FETCH_TIMEOUT,     /* connect, answer or the whole deadline */
    NGX_ACME_CA_FETCH_TLS,         /* the handshake failed */
    NGX_ACME_CA_FETCH_PROTOCOL,    /* not HTTP, cut short, head too large */
    NGX_ACME_CA_FETCH_TOO_LARGE,   /* the body is over max_body */
    NGX_ACME_CA_FETCH_ABORTED,     /* the worker shuts down */
    NGX_ACME_CA_FETCH_ERROR        /* ours */
} ngx_acme_ca_fetch_rc_e;


/* set by the module from the first location with acme_ca */
typedef struct {
    void       *server;            /* ngx_http_conf_ctx_t of the server */
    void      **location;          /* loc_conf of the location */
    void       *upstream;          /* ngx_http_upstream_conf_t, made by us */
} ngx_acme_ca_fetch_conf_t;


struct ngx_acme_ca_fetch_s {
    /* in: live until the handler was called */
    ngx_acme_ca_fetch_conf_t  *conf;
    struct sockaddr           *sockaddr;      /* with the port */
    socklen_t                  socklen;
    ngx_str_t                  host;          /* Host header, as it goes out */
    ngx_str_t                  server_name;   /* SNI; empty: none */
    ngx_str_t                  path;
    ngx_str_t                  user_agent;
    ngx_msec_t                 timeout_ms;    /* of the whole fetch */
    size_t                     max_body;
    ngx_uint_t                 tls;           /* https: no certificate check
                                                 (RFC 8555, 8.3) */
    ngx_log_t                 *log;
    void                     (*handler)(ngx_acme_ca_fetch_t *fetch);
    void                      *data;

    /* out: live while the handler runs */
    ngx_acme_ca_fetch_rc_e     rc;
    ngx_uint_t                 connected;     /* the target took a connection,
                                                 and TLS stood if asked for */
    ngx_uint_t                 status;
    ngx_str_t                  location;      /* header, or empty */
    ngx_str_t                  body;          /* of a status 200 only */

    /* private */
    void                      *request;
};


/* in postconfiguration or later; NULL on error.  cf is an ngx_conf_t */
ngx_acme_ca_fetch_conf_t *ngx_acme_ca_fetch_conf_create(void *cf,
    void *server, void **location);

/*
 * NGX_OK: the handler will be called exactly once, never before this returns.
 * NGX_ERROR: it will not be called.
 */
ngx_int_t ngx_acme_ca_fetch_start(ngx_acme_ca_fetch_t *fetch);

/* the handler will not be called any more */
void ngx_acme_ca_fetch_cancel(ngx_acme_ca_fetch_t *fetch);

const char *ngx_acme_ca_fetch_rc_text(ngx_acme_ca_fetch_rc_e rc);


#endif /* _NGX_ACME_CA_FETCH_H_INCLUDED_ */
