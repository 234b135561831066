
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Download of a certificate with its chain (RFC 8555, 7.4.2), by the account
 * that ordered it, in the form that Accept prefers.  PEM: leaf first, issuer
 * after subject, an empty line between two certificates: some clients split
 * there.  That it was fetched is noted after the reply has left.
 *
 * Other chains have the number of their "alternate_chain" behind the URL, among
 * those of the issuer that signed.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_accept.h"
#include "acme_ca_bundle.h"
#include "acme_ca_leaf.h"


typedef struct {
    acme_ca_certificate_t   row;
    ngx_uint_t              number;     /* of the chain, 0: the first */
    ngx_str_t               chain;      /* PEM, without the leaf */
} acme_ca_download_t;

typedef struct {
    const char        *type;
    ngx_int_t        (*write)(acme_ca_exchange_t *x,
                              acme_ca_download_t *download);
} acme_ca_download_form_t;


static ngx_int_t acme_ca_download_form(acme_ca_exchange_t *x,
    ngx_uint_t *form);
static ngx_int_t acme_ca_download_find(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate);
static ngx_uint_t acme_ca_download_number(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_download_chain(acme_ca_exchange_t *x,
    int64_t issuer_id, ngx_uint_t number, ngx_str_t *chain);
static ngx_int_t acme_ca_download_links(acme_ca_exchange_t *x,
    acme_ca_download_t *download);
static ngx_int_t acme_ca_download_link(acme_ca_exchange_t *x, const char *rel,
    acme_ca_route_e route, int64_t id, ngx_uint_t number);
static ngx_int_t acme_ca_download_pem(acme_ca_exchange_t *x,
    acme_ca_download_t *download);
static ngx_int_t acme_ca_download_der(acme_ca_exchange_t *x,
    acme_ca_download_t *download);
static ngx_int_t acme_ca_download_bundle(acme_ca_exchange_t *x,
    acme_ca_download_t *download);
static ngx_int_t acme_ca_download_spread(ngx_pool_t *pool, ngx_str_t *leaf,
    ngx_str_t *chain, ngx_str_t *text);
static ngx_uint_t acme_ca_download_begins(u_char *p, u_char *last);


static const char  acme_ca_download_pkix[] = "application/pkix-cert";

/*
 * What Accept may name, and a form for each.  There are clients that ask for
 * JSON here as everywhere, and take PEM.
 */

static const ngx_str_t  acme_ca_download_types[] = {
    ngx_string("application/pem-certificate-chain"),
    ngx_string("application/pkix-cert"),
    ngx_string("application/pkcs7-mime"),
    ngx_string("application/json")
};

#define ACME_CA_DOWNLOAD_N                                                    \
    (sizeof(acme_ca_download_types) / sizeof(acme_ca_download_types[0]))

static const acme_ca_download_form_t
    acme_ca_download_forms[ACME_CA_DOWNLOAD_N] =
{
    { "application/pem-certificate-chain", acme_ca_download_pem },
    { acme_ca_download_pkix, acme_ca_download_der },
    { "application/pkcs7-mime; smime-type=certs-only",
      acme_ca_download_bundle },
    { "application/pem-certificate-chain", acme_ca_download_pem }
};

static const ngx_str_t  acme_ca_download_mark =
    ngx_string("-----BEGIN CERTIFICATE-----");


ngx_int_t
acme_ca_download_get(acme_ca_exchange_t *x)
{
    ngx_int_t           rc;
    ngx_uint_t          form;
    acme_ca_download_t  download;

    ngx_memzero(&download, sizeof(acme_ca_download_t));

    download.number = acme_ca_download_number(x);
    form = 0;

    rc = acme_ca_download_find(x, &download.row);

    if (rc == NGX_OK) {
        rc = acme_ca_download_chain(x, download.row.issuer_id,
                                    download.number, &download.chain);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_download_form(x, &form);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_download_forms[form].write(x, &download);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_download_links(x, &download);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    x->reply.status = 200;
    x->reply.content_type = acme_ca_download_forms[form].type;

    return NGX_OK;
}


static ngx_int_t
acme_ca_download_form(acme_ca_exchange_t *x, ngx_uint_t *form)
{
    *form = acme_ca_accept(&x->request.accept, acme_ca_download_types,
                           ACME_CA_DOWNLOAD_N);

    if (*form == ACME_CA_DOWNLOAD_N) {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_ACCEPTABLE, NULL);
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_download_find(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;

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


/* that of the path, 0 where it has none */

static ngx_uint_t
acme_ca_download_number(acme_ca_exchange_t *x)
{
    if (x->route->tail.len == 0) {
        return 0;
    }

    return x->request.path.data[x->request.path.len - 1] - '0';
}


static ngx_int_t
acme_ca_download_chain(acme_ca_exchange_t *x, int64_t issuer_id,
    ngx_uint_t number, ngx_str_t *chain)
{
    ngx_int_t                rc;
    ngx_str_t               *other;
    const acme_ca_issuer_t  *issuer;

    if (number) {
        issuer = acme_ca_issuer_find(x->authority, issuer_id);

        if (issuer == NULL || number > issuer->alternates.nelts)
        {
            return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND, NULL);
        }

        other = issuer->alternates.elts;
        *chain = other[number - 1];

        return NGX_OK;
    }

    rc = acme_ca_store_issuer_find_chain(x->store, x->ctx.pool, issuer_id,
                                         chain);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND, NULL);
    }

    return rc;
}


/* to all chains but this one; links stand in a reply last one first */

static ngx_int_t
acme_ca_download_links(acme_ca_exchange_t *x, acme_ca_download_t *download)
{
    ngx_uint_t               i;
    const acme_ca_issuer_t  *issuer;

    issuer = acme_ca_issuer_find(x->authority, download->row.issuer_id);

    if (issuer == NULL) {
        return NGX_OK;
    }

    for (i = issuer->alternates.nelts + 1; i > 0; i--) {

        if (i - 1 != download->number
            && acme_ca_download_link(x, "alternate", ACME_CA_ROUTE_CERTIFICATE,
                                     download->row.id, i - 1)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_download_link(acme_ca_exchange_t *x, const char *rel,
    acme_ca_route_e route, int64_t id, ngx_uint_t number)
{
    ngx_str_t  url, whole;

    if (acme_ca_reply_url(x, route, id, &url) != NGX_OK) {
        return NGX_ERROR;
    }

    if (number == 0) {
        return acme_ca_reply_link(x, rel, &url);
    }

    if (acme_ca_format(x->ctx.pool, &whole, url.len + 2, "%V/%ui", &url,
                       number)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_reply_link(x, rel, &whole);
}


static ngx_int_t
acme_ca_download_pem(acme_ca_exchange_t *x, acme_ca_download_t *download)
{
    ngx_str_t  leaf;

    if (acme_ca_pem_write(x->ctx.pool, &download->row.der, &leaf) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_download_spread(x->ctx.pool, &leaf, &download->chain,
                                   &x->reply.body);
}


/* the leaf alone: "up" leads to who signed it */

static ngx_int_t
acme_ca_download_der(acme_ca_exchange_t *x, acme_ca_download_t *download)
{
    x->reply.body = download->row.der;

    return acme_ca_download_link(x, "up", ACME_CA_ROUTE_ISSUER,
                                 download->row.issuer_id, download->number);
}


static ngx_int_t
acme_ca_download_bundle(acme_ca_exchange_t *x, acme_ca_download_t *download)
{
    ngx_int_t     rc;
    ngx_str_t    *der;
    ngx_array_t   list;

    if (ngx_array_init(&list, x->ctx.pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    der = ngx_array_push(&list);
    if (der == NULL) {
        return NGX_ERROR;
    }

    *der = download->row.der;

    rc = acme_ca_bundle_read(x->ctx.pool, &download->chain, &list);

    if (rc == NGX_DECLINED) {
        return acme_ca_never(x->ctx.log);
    }

    return (rc == NGX_OK) ? acme_ca_bundle_write(x->ctx.pool, &list,
                                                 &x->reply.body)
                          : rc;
}


/* public: what RFC 2585 has behind the "up" of a lone certificate */

ngx_int_t
acme_ca_download_issuer(acme_ca_exchange_t *x)
{
    ngx_int_t     rc;
    ngx_str_t     chain, *der;
    ngx_array_t   list;

    /* who asks without a signature leaves no trace in the audit log */

    if (x->request.method != ACME_CA_POST) {
        x->audit.action = NULL;

        rc = acme_ca_gate_object(x);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = acme_ca_download_chain(x, x->object_id, acme_ca_download_number(x),
                                &chain);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_array_init(&list, x->ctx.pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = acme_ca_bundle_read(x->ctx.pool, &chain, &list);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? acme_ca_never(x->ctx.log) : rc;
    }

    der = list.elts;

    x->reply.status = 200;
    x->reply.content_type = acme_ca_download_pkix;
    x->reply.body = der[0];

    return NGX_OK;
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
