
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Between the two halves of the DNS client, and for nobody else: queries
 * (ngx_acme_ca_dns.c), and c-ares' channel in the event loop
 * (ngx_acme_ca_dns_channel.c).
 */


#ifndef _NGX_ACME_CA_DNS_CHANNEL_H_INCLUDED_
#define _NGX_ACME_CA_DNS_CHANNEL_H_INCLUDED_


#include "ngx_acme_ca_dns.h"

#include <ares.h>


struct ngx_acme_ca_dns_s {
    ares_channel                 channel;    /* NULL: destroyed */
    ngx_queue_t                  queries;
    ngx_queue_t                  sockets;    /* ngx_connection_t.queue */
    ngx_event_t                  timer;
    ngx_uint_t                   failures;   /* SERVFAIL and the like, seen */
    ngx_log_t                   *log;
};


/* NGX_ERROR: logged */
ngx_int_t ngx_acme_ca_dns_open(ngx_acme_ca_dns_t *dns, ngx_pool_t *pool,
    ngx_array_t *servers, ngx_msec_t timeout_ms, ngx_uint_t tries);

/* what c-ares calls when it wants to hear of a socket, or no more */
void ngx_acme_ca_dns_socket(void *data, ares_socket_t fd, int readable,
    int writable);

/* the timer's handler */
void ngx_acme_ca_dns_timeout(ngx_event_t *ev);

/* sets the timer; after every call of c-ares that may have changed it */
void ngx_acme_ca_dns_schedule(ngx_acme_ca_dns_t *dns);


#endif /* _NGX_ACME_CA_DNS_CHANNEL_H_INCLUDED_ */
