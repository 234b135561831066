
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * From an nginx request to what protocol/ is asked.
 */


#include "ngx_http_acme_ca.h"


#define NGX_HTTP_ACME_CA_ACCEPT  1024
#define NGX_HTTP_ACME_CA_POOL    8192


static void ngx_http_acme_ca_request_done(void *data);
static ngx_int_t ngx_http_acme_ca_request_path(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool);
static ngx_int_t ngx_http_acme_ca_request_base(ngx_http_request_t *r,
    ngx_acme_ca_t *ca, acme_ca_request_t *request, ngx_pool_t *pool);
static ngx_uint_t ngx_http_acme_ca_request_tls(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_request_host(ngx_http_request_t *r,
    ngx_pool_t *pool, ngx_str_t *host);
static ngx_int_t ngx_http_acme_ca_request_peer(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool);


ngx_pool_t *
ngx_http_acme_ca_request_pool(ngx_http_request_t *r)
{
    ngx_pool_t          *pool;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(NGX_HTTP_ACME_CA_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_acme_ca_request_done;
    cln->data = pool;

    return pool;
}


static void
ngx_http_acme_ca_request_done(void *data)
{
    ngx_pool_t *pool = data;

    ngx_destroy_pool(pool);
}


ngx_int_t
ngx_http_acme_ca_request_read(ngx_http_request_t *r, ngx_acme_ca_t *ca,
    acme_ca_request_t *request, ngx_pool_t *pool)
{
    ngx_str_t  *type;

    switch (r->method) {

    case NGX_HTTP_GET:
        request->method = ACME_CA_GET;
        break;

    case NGX_HTTP_HEAD:
        request->method = ACME_CA_HEAD;
        break;

    case NGX_HTTP_POST:
        request->method = ACME_CA_POST;
        break;

    default:
        request->method = ACME_CA_OTHER;
    }

    if (r->headers_in.content_type != NULL) {
        type = &r->headers_in.content_type->value;

        if (acme_ca_copy(pool, &request->content_type, type->data, type->len)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (acme_ca_copy(pool, &request->method_name, r->method_name.data,
                     r->method_name.len)
        != NGX_OK
        || ngx_http_acme_ca_request_path(r, request, pool) != NGX_OK
        || ngx_http_acme_ca_request_base(r, ca, request, pool) != NGX_OK
        || ngx_http_acme_ca_request_accept(r, &request->accept, pool) != NGX_OK
        || ngx_http_acme_ca_request_peer(r, request, pool) != NGX_OK
        || (ca->authority.named_rules != NULL
            && ngx_http_acme_ca_peer_read(r, request, pool) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_acme_ca_request_body(r, request, pool);
}


static ngx_int_t
ngx_http_acme_ca_request_path(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool)
{
    u_char                    *p, *last;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    p = r->uri.data + ngx_min(clcf->name.len, r->uri.len);
    last = r->uri.data + r->uri.len;

    if (p < last && *p == '/') {
        p++;

    } else if (p < last && p[-1] != '/') {

        /* "location /acme" takes "/acmefoo" too, which is nothing of ours */

        p = r->uri.data;
    }

    if (acme_ca_copy(pool, &request->path, p, last - p) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_copy(pool, &request->query, r->args.data, r->args.len);
}


/*
 * base_url if it is set.  Else what the client called us, which is as good as
 * its Host header: an operator behind a proxy sets base_url.
 */

static ngx_int_t
ngx_http_acme_ca_request_base(ngx_http_request_t *r, ngx_acme_ca_t *ca,
    acme_ca_request_t *request, ngx_pool_t *pool)
{
    size_t                     len;
    ngx_str_t                  host, name;
    ngx_http_core_loc_conf_t  *clcf;

    if (ca->authority.base_url.len != 0) {
        request->base = ca->authority.base_url;
        return NGX_OK;
    }

    if (ngx_http_acme_ca_request_host(r, pool, &host) != NGX_OK) {
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    name = clcf->name;

    while (name.len != 0 && name.data[name.len - 1] == '/') {
        name.len--;
    }

    len = sizeof("https://") + host.len + name.len + 1;

    return acme_ca_format(pool, &request->base, len, "%s%V%V/",
                          ngx_http_acme_ca_request_tls(r)
                          ? "https://" : "http://", &host, &name);
}


static ngx_uint_t
ngx_http_acme_ca_request_tls(ngx_http_request_t *r)
{
#if (NGX_QUIC || NGX_COMPAT) && (nginx_version >= 1025000)
    if (r->connection->quic != NULL) {
        return 1;
    }
#endif

#if (NGX_SSL || NGX_COMPAT)
    return r->connection->ssl != NULL;
#else
    return 0;
#endif
}


/* HTTP/3 and HTTP/1.0 have no Host header field: name and port as we know */

static ngx_int_t
ngx_http_acme_ca_request_host(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *host)
{
    u_char       text[NGX_SOCKADDR_STRLEN];
    in_port_t    port;
    ngx_str_t    local;
    ngx_uint_t   standard;

    if (r->headers_in.host != NULL) {
        *host = r->headers_in.host->value;
        return NGX_OK;
    }

    local.data = text;
    local.len = NGX_SOCKADDR_STRLEN;

    if (ngx_connection_local_sockaddr(r->connection, &local, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->headers_in.server.len != 0) {
        local = r->headers_in.server;
    }

    port = ngx_inet_get_port(r->connection->local_sockaddr);
    standard = ngx_http_acme_ca_request_tls(r) ? 443 : 80;

    if (port == 0 || port == standard) {
        return acme_ca_copy(pool, host, local.data, local.len);
    }

    return acme_ca_format(pool, host, local.len + sizeof(":65535"), "%V:%d",
                          &local, (int) port);
}


/* a pre-read body comes in several buffers, a large one in a file */

ngx_int_t
ngx_http_acme_ca_request_body(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool)
{
    off_t         size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size > NGX_HTTP_ACME_CA_BODY) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    p = ngx_pnalloc(pool, (size_t) size + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    request->body.data = p;
    request->body.len = (size_t) size;

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_special(b)) {
            continue;
        }

        if (!b->in_file || ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = ngx_read_file(b->file, p, (size_t) (b->file_last - b->file_pos),
                          b->file_pos);

        if (n != (ssize_t) (b->file_last - b->file_pos)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p += n;
    }

    *p = '\0';

    return NGX_OK;
}


/*
 * Not every nginx is built to know Accept by itself.  Several fields of that
 * name are one list (RFC 9110, 5.3), and what is too long for one is left out.
 */

ngx_int_t
ngx_http_acme_ca_request_accept(ngx_http_request_t *r, ngx_str_t *accept,
    ngx_pool_t *pool)
{
    ngx_str_t         before;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("accept") - 1
                || ngx_strncasecmp(h[i].key.data, (u_char *) "accept",
                                   sizeof("accept") - 1)
                   != 0
                || h[i].value.len > NGX_HTTP_ACME_CA_ACCEPT
                || accept->len > NGX_HTTP_ACME_CA_ACCEPT)
            {
                continue;
            }

            before = *accept;

            if (acme_ca_format(pool, accept,
                               before.len + 1 + h[i].value.len, "%V%s%V",
                               &before, before.len ? "," : "", &h[i].value)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_request_peer(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool)
{
    ngx_str_t                     *agent, *address;
    ngx_http_variable_value_t     *id;
    ngx_http_acme_ca_main_conf_t  *amcf;

    address = &r->connection->addr_text;

    if (acme_ca_copy(pool, &request->client_address, address->data,
                     address->len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->headers_in.user_agent != NULL) {
        agent = &r->headers_in.user_agent->value;

        if (acme_ca_copy(pool, &request->user_agent, agent->data,
                         ngx_min(agent->len, 256))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* it becomes a part of JSON texts */

        acme_ca_utf8_repair(&request->user_agent);
    }

    amcf = ngx_http_get_module_main_conf(r, ngx_http_acme_ca_module);

    id = ngx_http_get_indexed_variable(r, amcf->request_id);

    if (id == NULL || id->not_found) {
        return NGX_OK;
    }

    return acme_ca_copy(pool, &request->request_id, id->data, id->len);
}
