
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Download of a certificate with its chain (RFC 8555, 7.4.2), by the account
 * that ordered it.  Leaf first, issuer after subject, an empty line between
 * two certificates: some clients split there.  That it was fetched is noted
 * after the reply has left.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_leaf.h"


static ngx_int_t acme_ca_download_find(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_download_chain(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate, ngx_str_t *text);
static ngx_int_t acme_ca_download_spread(ngx_pool_t *pool, ngx_str_t *leaf,
    ngx_str_t *chain, ngx_str_t *text);
static ngx_uint_t acme_ca_download_begins(u_char *p, u_char *last);


static const char  acme_ca_download_type[] =
    "application/pem-certificate-chain";

static const ngx_str_t  acme_ca_download_mark =
    ngx_string("-----BEGIN CERTIFICATE-----");


ngx_int_t
acme_ca_download_get(acme_ca_exchange_t *x)
{
    ngx_int_t              rc;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_download_find(x, &certificate);

    if (rc == NGX_OK) {
        rc = acme_ca_download_chain(x, &certificate, &x->reply.body);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    x->reply.status = 200;
    x->reply.content_type = acme_ca_download_type;

    return NGX_OK;
}


static ngx_int_t
acme_ca_download_find(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;

    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    rc = acme_ca_store_certificate_find(x->store, x->ctx.pool, x->object_id,
                                        certificate);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && certificate->account_id != x->account->id))
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND, NULL);
    }

    if (rc == NGX_OK) {
        x->audit.order_id = certificate->order_id;
    }

    return rc;
}


static ngx_int_t
acme_ca_download_chain(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate, ngx_str_t *text)
{
    ngx_int_t  rc;
    ngx_str_t  leaf, chain;

    rc = acme_ca_store_issuer_find_chain(x->store, x->ctx.pool,
                                         certificate->issuer_id, &chain);

    if (rc == NGX_DECLINED) {
        return acme_ca_never(x->ctx.log);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_pem_write(x->ctx.pool, &certificate->der, &leaf);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_download_spread(x->ctx.pool, &leaf, &chain, text);
}


/* empty lines of the chain are dropped, and one put before each certificate */

static ngx_int_t
acme_ca_download_spread(ngx_pool_t *pool, ngx_str_t *leaf, ngx_str_t *chain,
    ngx_str_t *text)
{
    u_char  *p, *out, *last, *line;

    text->data = ngx_pnalloc(pool, leaf->len + 2 * chain->len + 2);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    out = ngx_cpymem(text->data, leaf->data, leaf->len);

    last = chain->data + chain->len;

    for (line = chain->data; line < last; line = p + 1) {

        p = ngx_strlchr(line, last, '\n');
        if (p == NULL) {
            p = last;
        }

        if (p == line) {
            continue;
        }

        if (acme_ca_download_begins(line, p)) {
            *out++ = '\n';
        }

        out = ngx_cpymem(out, line, p - line);
        *out++ = '\n';
    }

    text->len = out - text->data;

    return NGX_OK;
}


static ngx_uint_t
acme_ca_download_begins(u_char *p, u_char *last)
{
    return (size_t) (last - p) >= acme_ca_download_mark.len
           && ngx_memcmp(p, acme_ca_download_mark.data,
                         acme_ca_download_mark.len)
              == 0;
}


ngx_int_t
acme_ca_download_note(acme_ca_exchange_t *x)
{
    return acme_ca_store_certificate_set_download(x->store, x->object_id,
                                                  x->ctx.now);
}
