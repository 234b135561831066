
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * c-ares in nginx's event loop.  c-ares opens, reads and closes its sockets;
 * nginx tells it when, through a connection object for each, and by one timer
 * for the whole channel.
 */


#include "ngx_acme_ca_dns_channel.h"


#define NGX_ACME_CA_DNS_PORT  53

#define NGX_ACME_CA_DNS_SERVER_LEN                                            \
    (NGX_INET6_ADDRSTRLEN + sizeof("[]:65535,") - 1)


static ngx_int_t ngx_acme_ca_dns_servers(ngx_acme_ca_dns_t *dns,
    ngx_pool_t *pool, ngx_array_t *servers);
static ngx_int_t ngx_acme_ca_dns_server_parse(ngx_str_t *server,
    ngx_str_t *address, ngx_uint_t *ipv6, ngx_int_t *port);
static ngx_connection_t *ngx_acme_ca_dns_socket_find(ngx_acme_ca_dns_t *dns,
    ares_socket_t fd);
static ngx_connection_t *ngx_acme_ca_dns_socket_add(ngx_acme_ca_dns_t *dns,
    ares_socket_t fd);
static void ngx_acme_ca_dns_socket_remove(ngx_connection_t *c);
static void ngx_acme_ca_dns_watch(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t on);
static void ngx_acme_ca_dns_ready(ngx_event_t *ev);
static void ngx_acme_ca_dns_peek(ngx_acme_ca_dns_t *dns,
    ngx_connection_t *c);


ngx_int_t
ngx_acme_ca_dns_open(ngx_acme_ca_dns_t *dns, ngx_pool_t *pool,
    ngx_array_t *servers, ngx_msec_t timeout_ms, ngx_uint_t tries)
{
    int                  rc, mask;
    ngx_uint_t           own;
    struct ares_options  options;

    own = servers && servers->nelts;

    ngx_memzero(&options, sizeof(struct ares_options));

    /*
     * No search domains (the name of an identifier is complete) and no
     * HOSTALIASES: nobody's environment decides what is validated.
     */

    options.flags = ARES_FLAG_EDNS|ARES_FLAG_NOSEARCH|ARES_FLAG_NOALIASES;
    options.ednspsz = NGX_ACME_CA_DNS_EDNS;
    options.timeout = (int) timeout_ms;
    options.tries = (int) tries;
    options.ndomains = 0;
    options.lookups = own ? "b" : "fb";
    options.sock_state_cb = ngx_acme_ca_dns_socket;
    options.sock_state_cb_data = dns;

    mask = ARES_OPT_FLAGS|ARES_OPT_EDNSPSZ|ARES_OPT_TIMEOUTMS|ARES_OPT_TRIES
           |ARES_OPT_DOMAINS|ARES_OPT_LOOKUPS|ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE
    /* a retry has to see what was corrected meanwhile */
    options.qcache_max_ttl = 0;
    mask |= ARES_OPT_QUERY_CACHE;
#endif

#ifdef ARES_OPT_UDP_MAX_QUERIES
    /* a port for each query: the other half of what a forger has to guess */
    options.udp_max_queries = 1;
    mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif

    rc = ares_library_init(ARES_LIB_INIT_ALL);

    if (rc != ARES_SUCCESS) {
        ngx_log_error(NGX_LOG_EMERG, dns->log, 0,
                      "ares_library_init() failed: %s", ares_strerror(rc));
        return NGX_ERROR;
    }

    rc = ares_init_options(&dns->channel, &options, mask);

    if (rc != ARES_SUCCESS) {
        ngx_log_error(NGX_LOG_EMERG, dns->log, 0,
                      "ares_init_options() failed: %s", ares_strerror(rc));
        ares_library_cleanup();
        dns->channel = NULL;
        return NGX_ERROR;
    }

    return own ? ngx_acme_ca_dns_servers(dns, pool, servers) : NGX_OK;
}


static ngx_int_t
ngx_acme_ca_dns_servers(ngx_acme_ca_dns_t *dns, ngx_pool_t *pool,
    ngx_array_t *servers)
{
    int          rc;
    u_char      *csv, *p, *last;
    ngx_int_t    port;
    ngx_str_t   *server, address;
    ngx_uint_t   i, ipv6;

    csv = ngx_pnalloc(pool, servers->nelts * NGX_ACME_CA_DNS_SERVER_LEN + 1);

    if (csv == NULL) {
        return NGX_ERROR;
    }

    p = csv;
    last = csv + servers->nelts * NGX_ACME_CA_DNS_SERVER_LEN;
    server = servers->elts;

    for (i = 0; i < servers->nelts; i++) {

        if (ngx_acme_ca_dns_server_parse(&server[i], &address, &ipv6, &port)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, dns->log, 0,
                          "invalid DNS server \"%V\"", &server[i]);
            return NGX_ERROR;
        }

        p = ngx_slprintf(p, last, ipv6 ? "%s[%V]:%i" : "%s%V:%i",
                         i ? "," : "", &address, port);
    }

    *p = '\0';

    rc = ares_set_servers_ports_csv(dns->channel, (char *) csv);

    if (rc != ARES_SUCCESS) {
        ngx_log_error(NGX_LOG_EMERG, dns->log, 0,
                      "ares_set_servers_ports_csv(\"%s\") failed: %s",
                      csv, ares_strerror(rc));
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_acme_ca_dns_server_check(ngx_str_t *server)
{
    ngx_int_t   port;
    ngx_str_t   address;
    ngx_uint_t  ipv6;

    return ngx_acme_ca_dns_server_parse(server, &address, &ipv6, &port);
}


static ngx_int_t
ngx_acme_ca_dns_server_parse(ngx_str_t *server, ngx_str_t *address,
    ngx_uint_t *ipv6, ngx_int_t *port)
{
    u_char  *p, *last, *colon;
    u_char   addr6[16];

    p = server->data;
    last = p + server->len;

    colon = ngx_strlchr(p, last, ':');

    if (server->len && *p == '[') {
        *ipv6 = 1;
        address->data = p + 1;
        colon = ngx_strlchr(p, last, ']');

        if (colon == NULL) {
            return NGX_DECLINED;
        }

        address->len = colon - address->data;
        colon++;

    } else if (colon && ngx_strlchr(colon + 1, last, ':')) {
        *ipv6 = 1;
        *address = *server;
        colon = last;

    } else {
        *ipv6 = 0;
        address->data = p;
        colon = colon ? colon : last;
        address->len = colon - p;
    }

    *port = NGX_ACME_CA_DNS_PORT;

    if (colon != last) {
        *port = (*colon == ':') ? ngx_atoi(colon + 1, last - colon - 1) : 0;

        if (*port < 1 || *port > 65535) {
            return NGX_DECLINED;
        }
    }

    if (*ipv6) {
        return (ngx_inet6_addr(address->data, address->len, addr6) == NGX_OK)
               ? NGX_OK : NGX_DECLINED;
    }

    return (ngx_inet_addr(address->data, address->len) != INADDR_NONE)
           ? NGX_OK : NGX_DECLINED;
}


void
ngx_acme_ca_dns_socket(void *data, ares_socket_t fd, int readable,
    int writable)
{
    ngx_acme_ca_dns_t  *dns = data;

    ngx_connection_t  *c;

    c = ngx_acme_ca_dns_socket_find(dns, fd);

    if (!readable && !writable) {

        if (c) {
            ngx_acme_ca_dns_socket_remove(c);
        }

        return;
    }

    if (c == NULL) {
        c = ngx_acme_ca_dns_socket_add(dns, fd);

        /* then the query times out */

        if (c == NULL) {
            return;
        }
    }

    ngx_acme_ca_dns_watch(c->read, NGX_READ_EVENT, readable);
    ngx_acme_ca_dns_watch(c->write, NGX_WRITE_EVENT, writable);
}


static ngx_connection_t *
ngx_acme_ca_dns_socket_find(ngx_acme_ca_dns_t *dns, ares_socket_t fd)
{
    ngx_queue_t       *q;
    ngx_connection_t  *c;

    for (q = ngx_queue_head(&dns->sockets);
         q != ngx_queue_sentinel(&dns->sockets);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_connection_t, queue);

        if (c->fd == fd) {
            return c;
        }
    }

    return NULL;
}


static ngx_connection_t *
ngx_acme_ca_dns_socket_add(ngx_acme_ca_dns_t *dns, ares_socket_t fd)
{
    socklen_t          len;
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, dns->log);

    if (c == NULL) {
        return NULL;
    }

    len = sizeof(int);
    (void) getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *) &c->type, &len);

    c->data = dns;
    c->read->handler = ngx_acme_ca_dns_ready;
    c->write->handler = ngx_acme_ca_dns_ready;
    c->read->log = dns->log;
    c->write->log = dns->log;

    /* no client's: shutdown timers and the check for leaks pass it by */

    c->read->resolver = 1;

    ngx_queue_insert_tail(&dns->sockets, &c->queue);

    return c;
}


static void
ngx_acme_ca_dns_socket_remove(ngx_connection_t *c)
{
    ngx_queue_remove(&c->queue);

    /* c-ares closes the socket next, and the kernel forgets it then */

    if (ngx_del_conn) {
        ngx_del_conn(c, NGX_CLOSE_EVENT);

    } else {
        if (c->read->active) {
            ngx_del_event(c->read, NGX_READ_EVENT, NGX_CLOSE_EVENT);
        }

        if (c->write->active) {
            ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLOSE_EVENT);
        }
    }

    c->shared = 1;
    ngx_close_connection(c);
}


/* level-triggered: c-ares need not read until there is nothing left */

static void
ngx_acme_ca_dns_watch(ngx_event_t *ev, ngx_int_t event, ngx_uint_t on)
{
    if (on && !ev->active) {
        (void) ngx_add_event(ev, event, NGX_LEVEL_EVENT);

    } else if (!on && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


static void
ngx_acme_ca_dns_ready(ngx_event_t *ev)
{
    ngx_connection_t   *c;
    ngx_acme_ca_dns_t  *dns;

    c = ev->data;
    dns = c->data;

    if (ev->write) {
        ares_process_fd(dns->channel, ARES_SOCKET_BAD, c->fd);

    } else {
        ngx_acme_ca_dns_peek(dns, c);
        ares_process_fd(dns->channel, c->fd, ARES_SOCKET_BAD);
    }

    ngx_acme_ca_dns_schedule(dns);
}


/*
 * Counts answers that say that the server failed (RFC 1035, 4.1.1).  c-ares
 * goes on to the next server then, and may not tell in the end what happened.
 */

static void
ngx_acme_ca_dns_peek(ngx_acme_ca_dns_t *dns, ngx_connection_t *c)
{
    int         size;
    u_char      head[4];
    ngx_uint_t  rcode;

    if (c->type != SOCK_DGRAM) {
        return;
    }

    /* an error that waits on the socket is for c-ares: recv() would take it */

    if (ioctl(c->fd, FIONREAD, &size) == -1 || size < (int) sizeof(head)) {
        return;
    }

    if (recv(c->fd, head, sizeof(head), MSG_PEEK) != sizeof(head)) {
        return;
    }

    rcode = head[3] & 0x0f;

    if (rcode != 0 && rcode != 3) {
        dns->failures++;
    }
}


void
ngx_acme_ca_dns_timeout(ngx_event_t *ev)
{
    ngx_acme_ca_dns_t  *dns;

    dns = ev->data;

    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);

    ngx_acme_ca_dns_schedule(dns);
}


/* not cancelable: a draining worker waits for its answers */

void
ngx_acme_ca_dns_schedule(ngx_acme_ca_dns_t *dns)
{
    struct timeval  *tvp, tv;

    tvp = dns->channel ? ares_timeout(dns->channel, NULL, &tv) : NULL;

    if (tvp) {
        ngx_add_timer(&dns->timer,
                      tvp->tv_sec * 1000 + (tvp->tv_usec + 999) / 1000);

    } else if (dns->timer.timer_set) {
        ngx_del_timer(&dns->timer);
    }
}
