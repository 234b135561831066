
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * http-01 (RFC 8555, 8.3): questions, redirects (RFC 3986, 4.2 and 5), the
 * verdict.  What comes from a target never gets into a detail.
 */


#include "acme_ca_http01.h"


#define ACME_CA_HTTP01_PATH      "/.well-known/acme-challenge/"
#define ACME_CA_HTTP01_LOCATION  2000


/* a reference taken apart; what is absent has data == NULL */
typedef struct {
    ngx_str_t    scheme;
    ngx_str_t    authority;
    ngx_str_t    path;
    ngx_str_t    query;         /* with its "?" */
} acme_ca_http01_reference_t;


static ngx_int_t acme_ca_http01_host_header(ngx_pool_t *pool,
    acme_ca_http01_target_t *target);
static ngx_int_t acme_ca_http01_redirect_refuse(acme_ca_ctx_t *ctx,
    const char *reason);
static const char *acme_ca_http01_split(ngx_str_t *location,
    acme_ca_http01_reference_t *reference);
static size_t acme_ca_http01_scheme(const u_char *p, size_t n);
static u_char *acme_ca_http01_find(u_char *p, u_char *last,
    const char *ends);
static ngx_int_t acme_ca_http01_authority(acme_ca_ctx_t *ctx,
    ngx_str_t *authority, ngx_array_t *ports,
    acme_ca_http01_target_t *target);
static ngx_int_t acme_ca_http01_host(acme_ca_ctx_t *ctx, ngx_str_t *host,
    ngx_uint_t bracketed, acme_ca_http01_target_t *target);
static ngx_int_t acme_ca_http01_port(ngx_str_t *text, ngx_array_t *ports,
    acme_ca_http01_target_t *target);
static ngx_int_t acme_ca_http01_path(acme_ca_ctx_t *ctx,
    const acme_ca_http01_target_t *from,
    acme_ca_http01_reference_t *reference, acme_ca_http01_target_t *target);
static void acme_ca_http01_dot_segments(ngx_str_t *path);


ngx_int_t
acme_ca_http01_start(ngx_pool_t *pool, const acme_ca_identifier_t *identifier,
    in_port_t port, ngx_str_t *token, acme_ca_http01_target_t *target)
{
    ngx_memzero(target, sizeof(acme_ca_http01_target_t));

    target->port = port;

    if (acme_ca_copy(pool, &target->host, identifier->value.data,
                     identifier->value.len)
        != NGX_OK
        || acme_ca_format(pool, &target->path,
                          sizeof(ACME_CA_HTTP01_PATH) + token->len,
                          ACME_CA_HTTP01_PATH "%V", token)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_http01_host_header(pool, target);
}


static ngx_int_t
acme_ca_http01_host_header(ngx_pool_t *pool, acme_ca_http01_target_t *target)
{
    const char  *fmt;
    in_port_t    standard;
    ngx_str_t   *host;

    host = &target->host;
    standard = target->tls ? 443 : 80;

    fmt = ngx_strlchr(host->data, host->data + host->len, ':') ? "[%V]" : "%V";

    if (target->port == standard) {
        return acme_ca_format(pool, &target->host_header, host->len + 2, fmt,
                              host);
    }

    fmt = (*fmt == '[') ? "[%V]:%ui" : "%V:%ui";

    return acme_ca_format(pool, &target->host_header,
                          host->len + sizeof("[]:65535") - 1, fmt, host,
                          (ngx_uint_t) target->port);
}


ngx_int_t
acme_ca_key_authorization(ngx_pool_t *pool, ngx_str_t *token,
    const u_char thumbprint[ACME_CA_SHA256_LEN], ngx_str_t *text)
{
    u_char  *p;

    text->len = token->len + 1 + acme_ca_base64url_len(ACME_CA_SHA256_LEN);
    text->data = ngx_pnalloc(pool, text->len);

    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text->data, token->data, token->len);
    *p++ = '.';
    (void) acme_ca_base64url_write(p, thumbprint, ACME_CA_SHA256_LEN);

    return NGX_OK;
}


ngx_int_t
acme_ca_http01_redirect(acme_ca_ctx_t *ctx,
    const acme_ca_http01_target_t *from, ngx_str_t *location,
    ngx_array_t *ports, acme_ca_http01_target_t *target)
{
    ngx_int_t                    rc;
    const char                  *reason;
    acme_ca_http01_reference_t   reference;

    reason = acme_ca_http01_split(location, &reference);

    if (reason) {
        return acme_ca_http01_redirect_refuse(ctx, reason);
    }

    *target = *from;

    if (reference.scheme.data) {
        target->tls = (reference.scheme.len == sizeof("https") - 1);
    }

    if (reference.authority.data) {
        rc = acme_ca_http01_authority(ctx, &reference.authority, ports,
                                      target);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (acme_ca_http01_path(ctx, from, &reference, target) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_http01_host_header(ctx->pool, target);
}


static ngx_int_t
acme_ca_http01_redirect_refuse(acme_ca_ctx_t *ctx, const char *reason)
{
    return acme_ca_refuse(ctx, ACME_CA_CONNECTION,
                          "the redirect cannot be followed: %s", reason);
}


/* NULL, or why not */

static const char *
acme_ca_http01_split(ngx_str_t *location,
    acme_ca_http01_reference_t *reference)
{
    u_char  *p, *last, *end;
    size_t   i, scheme;

    ngx_memzero(reference, sizeof(acme_ca_http01_reference_t));

    if (location->len == 0) {
        return "its \"Location\" is missing or empty";
    }

    if (location->len > ACME_CA_HTTP01_LOCATION) {
        return "its URL is too long";
    }

    for (i = 0; i < location->len; i++) {
        if (location->data[i] <= 0x20 || location->data[i] >= 0x7f) {
            return "its URL has characters that no URL has";
        }
    }

    p = location->data;
    last = acme_ca_http01_find(p, p + location->len, "#");

    scheme = acme_ca_http01_scheme(p, last - p);

    if (scheme) {
        reference->scheme.data = p;
        reference->scheme.len = scheme;
        p += scheme + 1;

        if ((scheme != 4 && scheme != 5)
            || ngx_strncasecmp(reference->scheme.data, (u_char *) "https",
                               scheme)
               != 0)
        {
            return "its URL is neither http nor https";
        }

        if (last - p < 2 || p[0] != '/' || p[1] != '/') {
            return "its URL names no host";
        }
    }

    if (last - p >= 2 && p[0] == '/' && p[1] == '/') {
        p += 2;
        end = acme_ca_http01_find(p, last, "/?");

        reference->authority.data = p;
        reference->authority.len = end - p;
        p = end;
    }

    end = acme_ca_http01_find(p, last, "?");

    reference->path.data = p;
    reference->path.len = end - p;

    if (end != last) {
        reference->query.data = end;
        reference->query.len = last - end;
    }

    return NULL;
}


/* its length, 0: none */

static size_t
acme_ca_http01_scheme(const u_char *p, size_t n)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < n; i++) {

        c = (u_char) (p[i] | 0x20);

        if (c >= 'a' && c <= 'z') {
            continue;
        }

        if (p[i] == ':') {
            return i;
        }

        if (i == 0
            || ((p[i] < '0' || p[i] > '9') && p[i] != '+' && p[i] != '-'
                && p[i] != '.'))
        {
            return 0;
        }
    }

    return 0;
}


/* the first of any of these characters, or last */

static u_char *
acme_ca_http01_find(u_char *p, u_char *last, const char *ends)
{
    for ( /* void */ ; p < last; p++) {
        if (ngx_strchr(ends, *p) != NULL) {
            break;
        }
    }

    return p;
}


static ngx_int_t
acme_ca_http01_authority(acme_ca_ctx_t *ctx, ngx_str_t *authority,
    ngx_array_t *ports, acme_ca_http01_target_t *target)
{
    u_char      *p, *last, *end;
    ngx_str_t    host, port;
    ngx_uint_t   bracketed;

    p = authority->data;
    last = p + authority->len;

    if (acme_ca_http01_find(p, last, "@") != last) {
        return acme_ca_http01_redirect_refuse(ctx,
                                          "its URL holds user information");
    }

    bracketed = (p != last && *p == '[');

    if (bracketed) {
        p++;
        end = acme_ca_http01_find(p, last, "]");
        port.data = (end != last) ? end + 1 : last;

    } else {
        end = acme_ca_http01_find(p, last, ":");
        port.data = end;
    }

    host.data = p;
    host.len = end - p;
    port.len = last - port.data;

    if (bracketed && end == last) {
        return acme_ca_http01_redirect_refuse(ctx, "its host is invalid");
    }

    if (acme_ca_http01_port(&port, ports, target) != NGX_OK) {
        return acme_ca_http01_redirect_refuse(ctx, "its port is not allowed");
    }

    return acme_ca_http01_host(ctx, &host, bracketed, target);
}


static ngx_int_t
acme_ca_http01_host(acme_ca_ctx_t *ctx, ngx_str_t *host, ngx_uint_t bracketed,
    acme_ca_http01_target_t *target)
{
    u_char                 addr6[16];
    in_addr_t              addr;
    ngx_int_t              rc;
    acme_ca_identifier_t   identifier;

    identifier.wildcard = 0;

    if (bracketed) {
        rc = ngx_inet6_addr(host->data, host->len, addr6);

        rc = (rc != NGX_OK) ? NGX_DECLINED
             : acme_ca_identifier_from_address(ctx->pool, addr6, 16,
                                               &identifier);

    } else {
        addr = ngx_inet_addr(host->data, host->len);

        rc = (addr != INADDR_NONE)
             ? acme_ca_identifier_from_address(ctx->pool, (u_char *) &addr, 4,
                                               &identifier)
             : acme_ca_identifier_from_dns(ctx->pool, host->data, host->len,
                                           &identifier);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || identifier.wildcard) {
        return acme_ca_http01_redirect_refuse(ctx, "its host is invalid");
    }

    target->host = identifier.value;

    return NGX_OK;
}


/* ":port", ":" or nothing */

static ngx_int_t
acme_ca_http01_port(ngx_str_t *text, ngx_array_t *ports,
    acme_ca_http01_target_t *target)
{
    in_port_t   *listed;
    ngx_int_t    port;
    ngx_uint_t   i;

    target->port = target->tls ? 443 : 80;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (text->data[0] != ':') {
        return NGX_DECLINED;
    }

    if (text->len == 1) {
        return NGX_OK;
    }

    port = ngx_atoi(text->data + 1, text->len - 1);

    if (port < 1 || port > 65535) {
        return NGX_DECLINED;
    }

    target->port = (in_port_t) port;

    if (port == 80 || port == 443) {
        return NGX_OK;
    }

    if (ports == NULL) {
        return NGX_DECLINED;
    }

    listed = ports->elts;

    for (i = 0; i < ports->nelts; i++) {
        if (listed[i] == (in_port_t) port) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* RFC 3986, 5.2.2 and 5.2.3 */

static ngx_int_t
acme_ca_http01_path(acme_ca_ctx_t *ctx, const acme_ca_http01_target_t *from,
    acme_ca_http01_reference_t *reference, acme_ca_http01_target_t *target)
{
    u_char     *p, *last;
    ngx_str_t   base, query, path;

    query = reference->query;

    ngx_str_set(&base, "/");

    if (reference->authority.data == NULL) {

        last = from->path.data + from->path.len;
        p = acme_ca_http01_find(from->path.data, last, "?");

        base.data = from->path.data;
        base.len = p - from->path.data;

        if (reference->path.len == 0 && query.data == NULL) {
            query.data = p;
            query.len = last - p;
        }
    }

    if (reference->path.len) {

        /* the base up to its last slash, unless the path begins with one */

        while (base.data[base.len - 1] != '/') {
            base.len--;
        }

        if (reference->path.data[0] == '/') {
            base.len = 0;
        }
    }

    if (acme_ca_format(ctx->pool, &path, base.len + reference->path.len,
                       "%V%V", &base, &reference->path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_http01_dot_segments(&path);

    return acme_ca_format(ctx->pool, &target->path, path.len + query.len,
                          "%V%V", &path, &query);
}


/* RFC 3986, 5.2.4, in place; the path begins with a slash and stays so */

static void
acme_ca_http01_dot_segments(ngx_str_t *path)
{
    u_char  *src, *dst, *last, *end;
    size_t   len;

    src = path->data;
    dst = path->data;
    last = src + path->len;

    /* each turn takes a slash and the segment behind it */

    while (src < last) {

        end = acme_ca_http01_find(src + 1, last, "/");
        len = end - src;

        if (len == 2 && src[1] == '.') {
            /* void */

        } else if (len == 3 && src[1] == '.' && src[2] == '.') {

            while (dst > path->data) {
                dst--;

                if (*dst == '/') {
                    break;
                }
            }

        } else {
            dst = ngx_movemem(dst, src, len);
            src = end;
            continue;
        }

        /* a dot segment at the end leaves its slash */

        if (end == last) {
            *dst++ = '/';
        }

        src = end;
    }

    path->len = dst - path->data;
}


ngx_int_t
acme_ca_http01_judge(acme_ca_ctx_t *ctx, ngx_str_t *where, ngx_uint_t status,
    ngx_str_t *body, ngx_str_t *key_authorization)
{
    size_t   len, token;
    u_char  *key;

    if (status != 200) {
        return acme_ca_refuse(ctx, ACME_CA_UNAUTHORIZED,
                              "%V answered with status %ui, not with 200",
                              where, status);
    }

    /* RFC 8555, 8.3: white space at the end is left aside */

    for (len = body->len; len; len--) {
        if (ngx_strchr(" \t\r\n", body->data[len - 1]) == NULL
            || body->data[len - 1] == '\0')
        {
            break;
        }
    }

    key = key_authorization->data;

    if (len == key_authorization->len && acme_ca_equal(body->data, key, len)) {
        return NGX_OK;
    }

    if (len == 0) {
        return acme_ca_refuse(ctx, ACME_CA_INCORRECT_RESPONSE,
                              "the body of the answer of %V is empty", where);
    }

    if (len != key_authorization->len) {
        return acme_ca_refuse(ctx, ACME_CA_INCORRECT_RESPONSE,
                              "the body of the answer of %V is of %uz bytes, "
                              "the key authorization is of %uz",
                              where, len, key_authorization->len);
    }

    token = len - acme_ca_base64url_len(ACME_CA_SHA256_LEN);

    if (acme_ca_equal(body->data, key, token)) {
        return acme_ca_refuse(ctx, ACME_CA_INCORRECT_RESPONSE,
                              "the body of the answer of %V begins with the "
                              "token, but goes on with another account's key",
                              where);
    }

    return acme_ca_refuse(ctx, ACME_CA_INCORRECT_RESPONSE,
                          "the body of the answer of %V has the right length, "
                          "but does not begin with the token", where);
}
