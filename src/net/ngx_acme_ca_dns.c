
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Queries and their answers.
 *
 *     resolve -> c-ares -> found (its callback) -> finish -> report -> handler
 *     search  -> c-ares -> answered ------------------+
 *
 * A query is on dns->queries from its start to report(), so that destroy()
 * misses none, and report() alone calls handlers and frees.
 */


#include "ngx_acme_ca_dns_channel.h"

#include "acme_ca_identifier.h"


typedef struct {
    int                          status;     /* of c-ares */
    ngx_acme_ca_dns_rc_e         rc;
} ngx_acme_ca_dns_status_t;


static void ngx_acme_ca_dns_close(ngx_acme_ca_dns_t *dns);
static ngx_acme_ca_dns_t *ngx_acme_ca_dns_choose(ngx_acme_ca_dns_t *dns,
    ngx_str_t *name);
static ngx_uint_t ngx_acme_ca_dns_known(ngx_acme_ca_dns_query_t *query,
    ngx_str_t *name);
static ngx_uint_t ngx_acme_ca_dns_localhost(ngx_str_t *name);
static void ngx_acme_ca_dns_add(ngx_acme_ca_dns_query_t *query, int family,
    const void *addr);
static void ngx_acme_ca_dns_found(void *arg, int status, int timeouts,
    struct ares_addrinfo *result);
static void ngx_acme_ca_dns_copy(ngx_acme_ca_dns_query_t *query,
    struct ares_addrinfo *result);
static void ngx_acme_ca_dns_posted(ngx_event_t *ev);
static void ngx_acme_ca_dns_report(ngx_acme_ca_dns_query_t *query);


static const ngx_acme_ca_dns_status_t  ngx_acme_ca_dns_statuses[] = {
    { ARES_SUCCESS, NGX_ACME_CA_DNS_OK },
    { ARES_ENOTFOUND, NGX_ACME_CA_DNS_NO_NAME },
    { ARES_EBADNAME, NGX_ACME_CA_DNS_NO_NAME },
    { ARES_ENODATA, NGX_ACME_CA_DNS_NO_DATA },
    { ARES_ESERVFAIL, NGX_ACME_CA_DNS_SERVER },
    { ARES_EREFUSED, NGX_ACME_CA_DNS_SERVER },
    { ARES_ENOTIMP, NGX_ACME_CA_DNS_SERVER },
    { ARES_EFORMERR, NGX_ACME_CA_DNS_SERVER },
    { ARES_EBADRESP, NGX_ACME_CA_DNS_SERVER },
    { ARES_ETIMEOUT, NGX_ACME_CA_DNS_TIMEOUT },
    { ARES_ECONNREFUSED, NGX_ACME_CA_DNS_UNREACHABLE },
    { ARES_ECANCELLED, NGX_ACME_CA_DNS_CANCELLED },
    { ARES_EDESTRUCTION, NGX_ACME_CA_DNS_CANCELLED },
    { -1, NGX_ACME_CA_DNS_ERROR }
};


static const char  *ngx_acme_ca_dns_rc_texts[] = {
    "ok",
    "no such name (NXDOMAIN)",
    "the name has no such record",
    "the DNS server failed or refused to answer",
    "the DNS query timed out",
    "no DNS server is reachable",
    "the answer is not authenticated by DNSSEC",
    "cancelled",
    "internal error"
};


ngx_acme_ca_dns_t *
ngx_acme_ca_dns_create(ngx_pool_t *pool, ngx_array_t *servers,
    ngx_msec_t timeout_ms, ngx_uint_t tries, ngx_log_t *log)
{
    ngx_acme_ca_dns_t  *dns;

    dns = ngx_pcalloc(pool, sizeof(ngx_acme_ca_dns_t));

    if (dns == NULL) {
        return NULL;
    }

    dns->log = log;
    dns->timeout_ms = timeout_ms;
    dns->tries = tries;
    ngx_queue_init(&dns->queries);
    ngx_queue_init(&dns->sockets);

    dns->timer.handler = ngx_acme_ca_dns_timeout;
    dns->timer.data = dns;
    dns->timer.log = log;

    if (ngx_acme_ca_dns_open(dns, pool, servers, timeout_ms, tries) != NGX_OK) {
        ngx_acme_ca_dns_close(dns);
        return NULL;
    }

    return dns;
}


ngx_int_t
ngx_acme_ca_dns_zone_add(ngx_acme_ca_dns_t *dns, ngx_pool_t *pool,
    ngx_acme_ca_dns_zone_t *zone)
{
    ngx_acme_ca_dns_t  *other;

    other = ngx_acme_ca_dns_create(pool, zone->servers, dns->timeout_ms,
                                   dns->tries, dns->log);
    if (other == NULL) {
        return NGX_ERROR;
    }

    other->zone = zone->name;
    other->next = dns->next;
    dns->next = other;

    return NGX_OK;
}


void
ngx_acme_ca_dns_require_ad(ngx_acme_ca_dns_t *dns)
{
    for ( /* void */ ; dns != NULL; dns = dns->next) {
        dns->require_ad = 1;
    }
}


/* the first is for the rest, and when it is closed no query starts any more */

void
ngx_acme_ca_dns_destroy(ngx_acme_ca_dns_t *dns)
{
    for ( /* void */ ; dns != NULL; dns = dns->next) {
        ngx_acme_ca_dns_close(dns);
    }
}


static void
ngx_acme_ca_dns_close(ngx_acme_ca_dns_t *dns)
{
    ngx_queue_t              *q;
    ares_channel              channel;
    ngx_acme_ca_dns_query_t  *query;

    channel = dns->channel;

    if (channel == NULL) {
        return;
    }

    /* a handler that would start another query is told no */

    dns->channel = NULL;

    ares_destroy(channel);
    ares_library_cleanup();

    while (!ngx_queue_empty(&dns->queries)) {
        q = ngx_queue_head(&dns->queries);
        query = ngx_queue_data(q, ngx_acme_ca_dns_query_t, queue);

        if (query->event.posted) {
            ngx_delete_posted_event(&query->event);
        }

        query->rc = NGX_ACME_CA_DNS_CANCELLED;
        ngx_acme_ca_dns_report(query);
    }

    if (dns->timer.timer_set) {
        ngx_del_timer(&dns->timer);
    }
}


static ngx_acme_ca_dns_t *
ngx_acme_ca_dns_choose(ngx_acme_ca_dns_t *dns, ngx_str_t *name)
{
    ngx_acme_ca_dns_t  *best, *other;

    best = dns;

    for (other = dns->next; other != NULL; other = other->next) {
        if (acme_ca_name_nearer(name, &other->zone, &best->zone)) {
            best = other;
        }
    }

    return best;
}


ngx_acme_ca_dns_query_t *
ngx_acme_ca_dns_resolve(ngx_acme_ca_dns_t *dns, ngx_str_t *name,
    ngx_acme_ca_dns_handler_pt handler, void *data)
{
    u_char                       text[NGX_ACME_CA_DNS_NAME + 1];
    ngx_acme_ca_dns_query_t     *query;
    struct ares_addrinfo_hints   hints;

    if (name->len > NGX_ACME_CA_DNS_NAME) {
        return NULL;
    }

    query = ngx_acme_ca_dns_query(dns, name, data);

    if (query == NULL) {
        return NULL;
    }

    query->handler = handler;

    if (ngx_acme_ca_dns_known(query, name)) {
        ngx_acme_ca_dns_finish(query, ARES_SUCCESS);
        return query;
    }

    (void) ngx_cpystrn(text, name->data, name->len + 1);

    /* sorting (RFC 6724) would open a socket for every address */

    ngx_memzero(&hints, sizeof(struct ares_addrinfo_hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = ARES_AI_NOSORT;

    ares_getaddrinfo(query->dns->channel, (char *) text, NULL, &hints,
                     ngx_acme_ca_dns_found, query);
    query->starting = 0;

    ngx_acme_ca_dns_schedule(query->dns);

    return query;
}


ngx_acme_ca_dns_query_t *
ngx_acme_ca_dns_query(ngx_acme_ca_dns_t *dns, ngx_str_t *name, void *data)
{
    ngx_acme_ca_dns_query_t  *query;

    if (dns->channel == NULL) {
        return NULL;
    }

    query = ngx_alloc(sizeof(ngx_acme_ca_dns_query_t), dns->log);

    if (query == NULL) {
        return NULL;
    }

    ngx_memzero(query, offsetof(ngx_acme_ca_dns_query_t, addresses));

    query->dns = ngx_acme_ca_dns_choose(dns, name);
    query->data = data;
    query->starting = 1;
    query->failures = query->dns->failures;

    query->event.handler = ngx_acme_ca_dns_posted;
    query->event.data = query;
    query->event.log = dns->log;

    ngx_queue_insert_tail(&query->dns->queries, &query->queue);

    return query;
}


void
ngx_acme_ca_dns_cancel(ngx_acme_ca_dns_query_t *query)
{
    /* c-ares cannot drop one query: it goes on, unheard */

    query->handler = NULL;
    query->search = NULL;
}


/*
 * An address is its own answer.  So is "localhost" (RFC 6761, 6.3), which
 * c-ares releases treat in different ways.
 */

static ngx_uint_t
ngx_acme_ca_dns_known(ngx_acme_ca_dns_query_t *query, ngx_str_t *name)
{
    u_char     addr6[16];
    in_addr_t  addr;

    if (ngx_acme_ca_dns_localhost(name)) {
        addr = htonl(INADDR_LOOPBACK);
        ngx_acme_ca_dns_add(query, AF_INET, &addr);
        ngx_acme_ca_dns_add(query, AF_INET6, &in6addr_loopback);
        return 1;
    }

    addr = ngx_inet_addr(name->data, name->len);

    if (addr != INADDR_NONE) {
        ngx_acme_ca_dns_add(query, AF_INET, &addr);
        return 1;
    }

    if (ngx_inet6_addr(name->data, name->len, addr6) == NGX_OK) {
        ngx_acme_ca_dns_add(query, AF_INET6, addr6);
        return 1;
    }

    return 0;
}


/* "localhost" and what is below it */

static ngx_uint_t
ngx_acme_ca_dns_localhost(ngx_str_t *name)
{
    u_char  *p;

    if (name->len < sizeof("localhost") - 1) {
        return 0;
    }

    p = name->data + name->len - (sizeof("localhost") - 1);

    return ngx_strncasecmp(p, (u_char *) "localhost", sizeof("localhost") - 1)
           == 0
           && (p == name->data || p[-1] == '.');
}


static void
ngx_acme_ca_dns_add(ngx_acme_ca_dns_query_t *query, int family,
    const void *addr)
{
    struct sockaddr_in         *sin;
    struct sockaddr_in6        *sin6;
    ngx_acme_ca_dns_address_t  *address;

    if (query->n == NGX_ACME_CA_DNS_ADDRESSES) {
        return;
    }

    address = &query->addresses[query->n++];

    ngx_memzero(&address->sockaddr, sizeof(struct sockaddr_storage));

    if (family == AF_INET) {
        sin = (struct sockaddr_in *) &address->sockaddr;
        sin->sin_family = AF_INET;
        ngx_memcpy(&sin->sin_addr, addr, 4);
        address->socklen = sizeof(struct sockaddr_in);
        return;
    }

    sin6 = (struct sockaddr_in6 *) &address->sockaddr;
    sin6->sin6_family = AF_INET6;
    ngx_memcpy(&sin6->sin6_addr, addr, 16);
    address->socklen = sizeof(struct sockaddr_in6);
}


static void
ngx_acme_ca_dns_found(void *arg, int status, int timeouts,
    struct ares_addrinfo *result)
{
    ngx_acme_ca_dns_query_t  *query = arg;

    if (result) {
        ngx_acme_ca_dns_copy(query, result);
        ares_freeaddrinfo(result);
    }

    if (status == ARES_SUCCESS && query->n == 0) {
        status = ARES_ENODATA;
    }

    ngx_acme_ca_dns_finish(query, status);
}


static void
ngx_acme_ca_dns_copy(ngx_acme_ca_dns_query_t *query,
    struct ares_addrinfo *result)
{
    struct sockaddr_in         *sin;
    struct sockaddr_in6        *sin6;
    struct ares_addrinfo_node  *node;

    for (node = result->nodes; node; node = node->ai_next) {

        if (node->ai_family == AF_INET) {
            sin = (struct sockaddr_in *) node->ai_addr;
            ngx_acme_ca_dns_add(query, AF_INET, &sin->sin_addr);

        } else if (node->ai_family == AF_INET6) {
            sin6 = (struct sockaddr_in6 *) (void *) node->ai_addr;
            ngx_acme_ca_dns_add(query, AF_INET6, &sin6->sin6_addr);
        }
    }
}


void
ngx_acme_ca_dns_finish(ngx_acme_ca_dns_query_t *query, int status)
{
    const ngx_acme_ca_dns_status_t  *s;

    for (s = ngx_acme_ca_dns_statuses; s->status != -1; s++) {
        if (s->status == status) {
            break;
        }
    }

    query->rc = query->unproven ? NGX_ACME_CA_DNS_UNSIGNED : s->rc;

    /* c-ares 1.18 says "refused" as well when servers answered SERVFAIL */

    if (query->rc == NGX_ACME_CA_DNS_UNREACHABLE
        && query->failures != query->dns->failures)
    {
        query->rc = NGX_ACME_CA_DNS_SERVER;
    }

    if (query->rc == NGX_ACME_CA_DNS_ERROR) {
        ngx_log_error(NGX_LOG_ERR, query->dns->log, 0,
                      "DNS query failed: %s", ares_strerror(status));
    }

    /* c-ares may know the answer before its start has returned */

    if (query->starting) {
        ngx_post_event(&query->event, &ngx_posted_events);
        return;
    }

    ngx_acme_ca_dns_report(query);
}


static void
ngx_acme_ca_dns_posted(ngx_event_t *ev)
{
    ngx_acme_ca_dns_report(ev->data);
}


static void
ngx_acme_ca_dns_report(ngx_acme_ca_dns_query_t *query)
{
    ngx_queue_remove(&query->queue);

    if (query->search != NULL) {
        query->search(query->data, query->rc, query->message, query->len);

    } else if (query->handler == NULL) {
        /* void */

    } else if (query->rc == NGX_ACME_CA_DNS_OK) {
        query->handler(query->data, query->rc, query->addresses, query->n);

    } else {
        query->handler(query->data, query->rc, NULL, 0);
    }

    if (query->question != NULL) {
        ares_free_string(query->question);
    }

    if (query->message != NULL) {
        ngx_free(query->message);
    }

    ngx_free(query);
}


const char *
ngx_acme_ca_dns_rc_text(ngx_acme_ca_dns_rc_e rc)
{
    return ngx_acme_ca_dns_rc_texts[rc];
}
