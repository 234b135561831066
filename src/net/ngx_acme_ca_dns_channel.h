
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Between the parts of the DNS client, and for nobody else: queries
 * (ngx_acme_ca_dns.c), those for any type (ngx_acme_ca_dns_search.c), and
 * c-ares' channel in the event loop (ngx_acme_ca_dns_channel.c).
 */


#ifndef _NGX_ACME_CA_DNS_CHANNEL_H_INCLUDED_
#define _NGX_ACME_CA_DNS_CHANNEL_H_INCLUDED_


#include "ngx_acme_ca_dns.h"

/* its old functions are all that the oldest supported release has */
#define CARES_NO_DEPRECATED
#include <ares.h>


#define NGX_ACME_CA_DNS_EDNS       1232     /* passes every path unbroken */
#define NGX_ACME_CA_DNS_NAME       253
#define NGX_ACME_CA_DNS_ADDRESSES  16


/* each zone has a channel of its own, in the chain of the one for the rest */

struct ngx_acme_ca_dns_s {
    ares_channel                 channel;    /* NULL: destroyed */
    ngx_queue_t                  queries;
    ngx_queue_t                  sockets;    /* ngx_connection_t.queue */
    ngx_event_t                  timer;
    ngx_uint_t                   failures;   /* SERVFAIL and the like, seen */
    ngx_log_t                   *log;

    ngx_str_t                    zone;       /* empty: the rest */
    ngx_acme_ca_dns_t           *next;
    ngx_msec_t                   timeout_ms;
    ngx_uint_t                   tries;
    unsigned                     require_ad:1;
};


struct ngx_acme_ca_dns_query_s {
    ngx_queue_t                  queue;
    ngx_acme_ca_dns_t           *dns;
    ngx_event_t                  event;      /* reports, when posted */
    ngx_acme_ca_dns_handler_pt   handler;    /* of resolve() */
    ngx_acme_ca_dns_search_pt    search;     /* of search() */
    void                        *data;
    ngx_uint_t                   failures;   /* of the channel, at start */
    unsigned                     starting:1;
    unsigned                     unproven:1; /* lacks the AD bit it needs */

    u_char                      *question;   /* c-ares'; NULL: asked twice */
    int                          question_len;

    ngx_acme_ca_dns_rc_e         rc;
    u_char                      *message;
    size_t                       len;
    ngx_uint_t                   n;
    ngx_acme_ca_dns_address_t    addresses[NGX_ACME_CA_DNS_ADDRESSES];
};


/* a query of the channel that serves the name; NULL: no memory, destroyed */
ngx_acme_ca_dns_query_t *ngx_acme_ca_dns_query(ngx_acme_ca_dns_t *dns,
    ngx_str_t *name, void *data);

/* the one way from c-ares to the handler, whatever was asked */
void ngx_acme_ca_dns_finish(ngx_acme_ca_dns_query_t *query, int status);

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
