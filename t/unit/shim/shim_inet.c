
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Addresses.
 */


#include "shim.h"


static ngx_int_t shim_prefix(u_char *mask, size_t len, ngx_int_t bits);
static ngx_uint_t shim_in_cidr(const u_char *address, const u_char *net,
    const u_char *mask, size_t len);


in_addr_t
ngx_inet_addr(u_char *text, size_t len)
{
    char            buf[NGX_INET_ADDRSTRLEN + 1];
    struct in_addr  in;

    if (len == 0 || len >= sizeof(buf)) {
        return INADDR_NONE;
    }

    ngx_memcpy(buf, text, len);
    buf[len] = '\0';

    return inet_pton(AF_INET, buf, &in) == 1 ? in.s_addr : INADDR_NONE;
}


ngx_int_t
ngx_inet6_addr(u_char *p, size_t len, u_char *addr)
{
    char  buf[NGX_INET6_ADDRSTRLEN + 1];

    if (len == 0 || len >= sizeof(buf)) {
        return NGX_ERROR;
    }

    ngx_memcpy(buf, p, len);
    buf[len] = '\0';

    return inet_pton(AF_INET6, buf, addr) == 1 ? NGX_OK : NGX_ERROR;
}


size_t
ngx_inet6_ntop(u_char *p, u_char *text, size_t len)
{
    return ngx_inet_ntop(AF_INET6, p, text, len);
}


size_t
ngx_inet_ntop(int family, void *addr, u_char *text, size_t len)
{
    char  buf[NGX_INET6_ADDRSTRLEN + 1];

    if (inet_ntop(family, addr, buf, sizeof(buf)) == NULL) {
        return 0;
    }

    return ngx_snprintf(text, len, "%s", buf) - text;
}


size_t
ngx_sock_ntop(struct sockaddr *sa, socklen_t socklen, u_char *text, size_t len,
    ngx_uint_t port)
{
    void    *addr;
    u_char   buf[NGX_INET6_ADDRSTRLEN];
    size_t   n;

    addr = sa->sa_family == AF_INET
           ? (void *) &((struct sockaddr_in *) (void *) sa)->sin_addr
           : (void *) &((struct sockaddr_in6 *) (void *) sa)->sin6_addr;

    n = ngx_inet_ntop(sa->sa_family, addr, buf, sizeof(buf));

    if (!port) {
        return ngx_snprintf(text, len, "%*s", n, buf) - text;
    }

    return ngx_snprintf(text, len,
                        sa->sa_family == AF_INET ? "%*s:%d" : "[%*s]:%d",
                        n, buf, (int) ngx_inet_get_port(sa))
           - text;
}


in_port_t
ngx_inet_get_port(struct sockaddr *sa)
{
    return ntohs(sa->sa_family == AF_INET
                 ? ((struct sockaddr_in *) (void *) sa)->sin_port
                 : ((struct sockaddr_in6 *) (void *) sa)->sin6_port);
}


void
ngx_inet_set_port(struct sockaddr *sa, in_port_t port)
{
    if (sa->sa_family == AF_INET) {
        ((struct sockaddr_in *) (void *) sa)->sin_port = htons(port);

    } else {
        ((struct sockaddr_in6 *) (void *) sa)->sin6_port = htons(port);
    }
}


static ngx_int_t
shim_prefix(u_char *mask, size_t len, ngx_int_t bits)
{
    size_t  i;

    if (bits < 0 || bits > (ngx_int_t) len * 8) {
        return NGX_ERROR;
    }

    for (i = 0; i < len; i++) {
        mask[i] = bits >= 8 ? 0xff : bits > 0 ? (u_char) (0xff00 >> bits) : 0;
        bits -= 8;
    }

    return NGX_OK;
}


ngx_int_t
ngx_ptocidr(ngx_str_t *text, ngx_cidr_t *cidr)
{
    u_char     *slash, *last, *addr, *mask;
    size_t      i, n, len;
    ngx_int_t   bits, rc;

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

    last = text->data + text->len;
    slash = ngx_strlchr(text->data, last, '/');
    n = (slash ? slash : last) - text->data;

    cidr->u.in.addr = ngx_inet_addr(text->data, n);

    if (cidr->u.in.addr != INADDR_NONE) {
        cidr->family = AF_INET;
        addr = (u_char *) &cidr->u.in.addr;
        mask = (u_char *) &cidr->u.in.mask;
        len = 4;

    } else if (ngx_inet6_addr(text->data, n, cidr->u.in6.addr.s6_addr)
               == NGX_OK)
    {
        cidr->family = AF_INET6;
        addr = cidr->u.in6.addr.s6_addr;
        mask = cidr->u.in6.mask.s6_addr;
        len = 16;

    } else {
        return NGX_ERROR;
    }

    bits = slash ? ngx_atoi(slash + 1, last - slash - 1)
                 : (ngx_int_t) len * 8;

    if (shim_prefix(mask, len, bits) != NGX_OK) {
        return NGX_ERROR;
    }

    for (rc = NGX_OK, i = 0; i < len; i++) {
        if (addr[i] & ~mask[i]) {
            addr[i] &= mask[i];
            rc = NGX_DONE;
        }
    }

    return rc;
}


ngx_int_t
ngx_cidr_match(struct sockaddr *sa, ngx_array_t *cidrs)
{
    u_char      *address;
    ngx_uint_t   i, family;
    ngx_cidr_t  *cidr;

    family = sa->sa_family;

    if (family == AF_INET) {
        address = (u_char *) &((struct sockaddr_in *) (void *) sa)->sin_addr;

    } else if (family == AF_INET6) {
        address = ((struct sockaddr_in6 *) (void *) sa)->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_V4MAPPED((struct in6_addr *) (void *) address)) {
            family = AF_INET;
            address += 12;
        }

    } else {
        return NGX_DECLINED;
    }

    cidr = cidrs->elts;

    for (i = 0; i < cidrs->nelts; i++) {

        if (cidr[i].family != family) {
            continue;
        }

        if (family == AF_INET
            ? shim_in_cidr(address, (u_char *) &cidr[i].u.in.addr,
                           (u_char *) &cidr[i].u.in.mask, 4)
            : shim_in_cidr(address, cidr[i].u.in6.addr.s6_addr,
                           cidr[i].u.in6.mask.s6_addr, 16))
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_uint_t
shim_in_cidr(const u_char *address, const u_char *net, const u_char *mask,
    size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if ((address[i] & mask[i]) != net[i]) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_parse_addr(ngx_pool_t *pool, ngx_addr_t *addr, u_char *text, size_t len)
{
    in_addr_t             in;
    struct in6_addr       in6;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    in = ngx_inet_addr(text, len);

    if (in == INADDR_NONE && ngx_inet6_addr(text, len, in6.s6_addr) != NGX_OK) {
        return NGX_DECLINED;
    }

    addr->sockaddr = ngx_pcalloc(pool, sizeof(ngx_sockaddr_t));
    if (addr->sockaddr == NULL) {
        return NGX_ERROR;
    }

    if (in != INADDR_NONE) {
        sin = (struct sockaddr_in *) (void *) addr->sockaddr;
        sin->sin_family = AF_INET;
        sin->sin_addr.s_addr = in;
        addr->socklen = sizeof(struct sockaddr_in);
        return NGX_OK;
    }

    sin6 = (struct sockaddr_in6 *) (void *) addr->sockaddr;
    sin6->sin6_family = AF_INET6;
    sin6->sin6_addr = in6;
    addr->socklen = sizeof(struct sockaddr_in6);

    return NGX_OK;
}
