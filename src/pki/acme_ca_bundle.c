
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Bundles of certificates, without OpenSSL: it would parse each of them, and
 * nothing of that is asked for.
 */


#include "acme_ca_bundle.h"
#include "acme_ca_text.h"
#include "acme_ca_der.h"


#define ACME_CA_BUNDLE_CERTIFICATES  0xa0
#define ACME_CA_BUNDLE_CONTENT       0xa0

/* all headers and constants, with room to spare */
#define ACME_CA_BUNDLE_FIXED         128


static ngx_int_t acme_ca_bundle_body(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *der);


static const ngx_str_t  acme_ca_bundle_begin =
    ngx_string("-----BEGIN CERTIFICATE-----");
static const ngx_str_t  acme_ca_bundle_end =
    ngx_string("-----END CERTIFICATE-----");


ngx_int_t
acme_ca_bundle_read(ngx_pool_t *pool, const ngx_str_t *pem, ngx_array_t *list)
{
    u_char     *p, *last, *begin, *end;
    ngx_int_t   rc;
    ngx_str_t  *der;

    p = pem->data;
    last = p + pem->len;

    for ( ;; ) {
        begin = ngx_strlcasestrn(p, last, acme_ca_bundle_begin.data,
                                 acme_ca_bundle_begin.len - 1);
        if (begin == NULL) {
            break;
        }

        begin += acme_ca_bundle_begin.len;

        end = ngx_strlcasestrn(begin, last, acme_ca_bundle_end.data,
                               acme_ca_bundle_end.len - 1);
        if (end == NULL) {
            return NGX_DECLINED;
        }

        der = ngx_array_push(list);
        if (der == NULL) {
            return NGX_ERROR;
        }

        rc = acme_ca_bundle_body(pool, begin, end, der);
        if (rc != NGX_OK) {
            return rc;
        }

        p = end + acme_ca_bundle_end.len;
    }

    return list->nelts ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
acme_ca_bundle_body(ngx_pool_t *pool, u_char *p, u_char *last, ngx_str_t *der)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(pool, last - p + 1);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = 0;

    for ( /* void */ ; p != last; p++) {
        if (*p != '\n' && *p != '\r') {
            text.data[text.len++] = *p;
        }
    }

    der->data = ngx_pnalloc(pool, ngx_base64_decoded_length(text.len) + 1);
    if (der->data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(der, &text) != NGX_OK || der->len == 0) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* RFC 5652, 5.1: version 1, no digests, content of type data that is absent */

ngx_int_t
acme_ca_bundle_write(ngx_pool_t *pool, ngx_array_t *list, ngx_str_t *message)
{
    size_t                 size;
    u_char                *buf, *end;
    ngx_str_t             *der;
    ngx_uint_t             i;
    acme_ca_der_writer_t   w;

    der = list->elts;
    size = ACME_CA_BUNDLE_FIXED;

    for (i = 0; i < list->nelts; i++) {
        size += der[i].len;
    }

    buf = ngx_pnalloc(pool, size);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    end = buf + size;

    w.start = buf;
    w.p = end;
    w.failed = 0;

    acme_ca_der_put(&w, "\x31\x00", 2);                    /* signerInfos */

    buf = w.p;

    for (i = list->nelts; i > 0; i--) {
        acme_ca_der_put(&w, der[i - 1].data, der[i - 1].len);
    }

    acme_ca_der_wrap(&w, ACME_CA_BUNDLE_CERTIFICATES, buf);

    acme_ca_der_put(&w, "\x02\x01\x01"                     /* version */
                    "\x31\x00"                             /* digests */
                    "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01",
                    18);

    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(&w, ACME_CA_BUNDLE_CONTENT, end);

    acme_ca_der_put(&w, "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 11);
    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, end);

    if (w.failed) {
        return acme_ca_never(pool->log);
    }

    message->data = w.p;
    message->len = end - w.p;

    return NGX_OK;
}
