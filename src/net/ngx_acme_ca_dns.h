
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Names to addresses inside the event loop, by c-ares: nothing blocks, every
 * query has a handler that is called exactly once.
 */


#ifndef _NGX_ACME_CA_DNS_H_INCLUDED_
#define _NGX_ACME_CA_DNS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef struct ngx_acme_ca_dns_s        ngx_acme_ca_dns_t;
typedef struct ngx_acme_ca_dns_query_s  ngx_acme_ca_dns_query_t;

typedef enum {
    NGX_ACME_CA_DNS_OK = 0,
    NGX_ACME_CA_DNS_NO_NAME,       /* NXDOMAIN */
    NGX_ACME_CA_DNS_NO_DATA,
    NGX_ACME_CA_DNS_SERVER,        /* SERVFAIL, REFUSED ... */
    NGX_ACME_CA_DNS_TIMEOUT,
    NGX_ACME_CA_DNS_UNREACHABLE,   /* no server took the query */
    NGX_ACME_CA_DNS_UNSIGNED,      /* no AD bit where one is required */
    NGX_ACME_CA_DNS_CANCELLED,
    NGX_ACME_CA_DNS_ERROR          /* ours */
} ngx_acme_ca_dns_rc_e;


typedef struct {
    struct sockaddr_storage   sockaddr;   /* port 0 */
    socklen_t                 socklen;
} ngx_acme_ca_dns_address_t;


/* what the configuration has of a zone with servers of its own */
typedef struct {
    ngx_str_t                 name;       /* lower-case, no dot at an end */
    ngx_array_t              *servers;    /* ngx_str_t, as of create() */
} ngx_acme_ca_dns_zone_t;


/* addresses: IPv6 and IPv4 as found, at most 16; NULL when rc is not OK */
typedef void (*ngx_acme_ca_dns_handler_pt)(void *data,
    ngx_acme_ca_dns_rc_e rc, ngx_acme_ca_dns_address_t *addresses,
    ngx_uint_t n);


/*
 * A channel of one worker.  servers: "10.0.0.53", "10.0.0.53:5353",
 * "[::1]:53" (ngx_str_t); NULL or empty: those of resolv.conf, and then
 * /etc/hosts is asked first.  NULL: logged.
 */
ngx_acme_ca_dns_t *ngx_acme_ca_dns_create(ngx_pool_t *pool,
    ngx_array_t *servers, ngx_msec_t timeout_ms, ngx_uint_t tries,
    ngx_log_t *log);

/*
 * Names in and below the zone are asked of its servers; the longest zone that
 * has a name wins.  NGX_ERROR: logged.
 */
ngx_int_t ngx_acme_ca_dns_zone_add(ngx_acme_ca_dns_t *dns, ngx_pool_t *pool,
    ngx_acme_ca_dns_zone_t *zone);

/*
 * Answers of search() without the AD bit (RFC 6840, 5.8) are UNSIGNED from now
 * on.  The bit says that the server validated (RFC 4035), and is worth what
 * the path to that server is worth.  For all zones that were added.
 */
void ngx_acme_ca_dns_require_ad(ngx_acme_ca_dns_t *dns);

/* cancels what is under way: each handler is called with CANCELLED; never to
   be called by a handler */
void ngx_acme_ca_dns_destroy(ngx_acme_ca_dns_t *dns);

/*
 * Asks for AAAA and A; an address is its own answer, and so is "localhost".
 * The handler is never called before this returns, also when the answer was
 * at hand.  The query is for cancel() until the handler was called.  NULL: not
 * started, the handler will not be called.
 */
ngx_acme_ca_dns_query_t *ngx_acme_ca_dns_resolve(ngx_acme_ca_dns_t *dns,
    ngx_str_t *name, ngx_acme_ca_dns_handler_pt handler, void *data);

/*
 * Asks for the records of one type (RFC 1035 number) at that very name, over
 * TCP where UDP is too small; CNAMEs are the name server's business and in the
 * message.  OK: the answer section is not empty, though it may hold nothing but
 * a CNAME.  message: the answer as it came, of OK, NO_NAME and NO_DATA, else
 * NULL; gone when the handler returns.  A name that cannot be asked for (it is
 * too long) is NO_NAME without a message.  Calls, cancel() and NULL as of
 * resolve().
 */
typedef void (*ngx_acme_ca_dns_search_pt)(void *data, ngx_acme_ca_dns_rc_e rc,
    u_char *message, size_t len);

ngx_acme_ca_dns_query_t *ngx_acme_ca_dns_search(ngx_acme_ca_dns_t *dns,
    ngx_str_t *name, ngx_uint_t type, ngx_acme_ca_dns_search_pt handler,
    void *data);

/* the handler will not be called any more */
void ngx_acme_ca_dns_cancel(ngx_acme_ca_dns_query_t *query);

const char *ngx_acme_ca_dns_rc_text(ngx_acme_ca_dns_rc_e rc);

/* checks one "servers" entry, for nginx -t: NGX_OK or NGX_DECLINED */
ngx_int_t ngx_acme_ca_dns_server_check(ngx_str_t *server);


#endif /* _NGX_ACME_CA_DNS_H_INCLUDED_ */
