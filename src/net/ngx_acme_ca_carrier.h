
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A main request that belongs to no client, and carries one subrequest of
 * ours.  Its connection is a fake, modelled on a QUIC stream: "shared", so
 * nginx neither polls nor closes it, and ready for ever.
 */


#ifndef _NGX_ACME_CA_CARRIER_H_INCLUDED_
#define _NGX_ACME_CA_CARRIER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* the beginning of its owner's context, in the pool of the connection */
typedef struct {
    ngx_http_log_ctx_t    log_ctx;     /* first: nginx finds it by log */
    ngx_log_t             log;
    ngx_connection_t     *connection;
    ngx_http_request_t   *request;     /* NULL until there is one */
    struct sockaddr_in    client;
} ngx_acme_ca_carrier_t;


/*
 * A context of that size, zeroed but for its carrier.  text adds to lines of
 * the log, which has the context as its data; shutdown is the handler of the
 * read event; cleanup is called with the context when the connection goes.
 * NULL: no memory, or no connection is free.
 */
void *ngx_acme_ca_carrier_create(size_t size, ngx_log_t *log,
    ngx_log_handler_pt text, ngx_event_handler_pt shutdown,
    ngx_pool_cleanup_pt cleanup);

/* the main request, in that server.  NGX_OK or NGX_ERROR */
ngx_int_t ngx_acme_ca_carrier_request(ngx_acme_ca_carrier_t *carrier,
    void *server);

/* ends one that has no request yet */
void ngx_acme_ca_carrier_close(ngx_acme_ca_carrier_t *carrier);

/* before nginx is to end it: no keepalive and no lingering close */
void ngx_acme_ca_carrier_release(ngx_acme_ca_carrier_t *carrier);


#endif /* _NGX_ACME_CA_CARRIER_H_INCLUDED_ */
