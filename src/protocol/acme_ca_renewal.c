
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * RenewalInfo (RFC 9773, 4): when a certificate had better be renewed, told to
 * whoever asks, without a signature and without a write.  A refusal leaves no
 * audit row either: nobody has to prove anything to ask.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_renewal.h"
#include "acme_ca_leaf.h"


/* how long ago, in seconds, the window of a revoked certificate was */
#define ACME_CA_RENEWAL_PAST    3600

#define ACME_CA_RENEWAL_RETRY   60


static ngx_int_t acme_ca_renewal_find_issued(acme_ca_exchange_t *x,
    ngx_str_t *key_id, ngx_str_t *serial, acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_renewal_window(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate, acme_ca_window_t *window);
static time_t acme_ca_renewal_retry(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate);


ngx_int_t
acme_ca_renewal_info_get(acme_ca_exchange_t *x)
{
    ngx_int_t               rc;
    ngx_str_t               cert_id;
    acme_ca_window_t        window;
    acme_ca_certificate_t   certificate;
    acme_ca_json_writer_t   w;

    x->audit.action = NULL;

    cert_id.data = x->request.path.data + x->route->head.len + 1;
    cert_id.len = x->request.path.len - x->route->head.len - 1;

    rc = acme_ca_renewal_find(x, &cert_id, &certificate);

    if (rc == NGX_OK) {
        rc = acme_ca_renewal_window(x, &certificate, &window);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, x->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_object(&w, "suggestedWindow");
    acme_ca_json_write_time(&w, "start", window.start);
    acme_ca_json_write_time(&w, "end", window.end);
    acme_ca_json_shut(&w);

    if (window.explanation.len) {
        acme_ca_json_write_string(&w, "explanationURL", &window.explanation);
    }

    acme_ca_json_shut(&w);

    x->reply.retry_after = acme_ca_renewal_retry(x, &certificate);

    return acme_ca_reply_json(x, 200, &w);
}


/* the key identifier is the one that stands in the certificate itself */

ngx_int_t
acme_ca_renewal_find(acme_ca_exchange_t *x, ngx_str_t *cert_id,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;
    ngx_str_t  key_id, serial;

    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    rc = acme_ca_cert_id_parse(x->ctx.pool, cert_id, &key_id, &serial);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "a certificate is named by base64url of its "
                              "authority key identifier, \".\", and base64url "
                              "of its serial number as in DER");
    }

    if (rc == NGX_OK) {
        rc = acme_ca_renewal_find_issued(x, &key_id, &serial, certificate);
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND,
                              "no such certificate was issued here");
    }

    return rc;
}


/* of those with the serial number: their issuers have keys of their own */

static ngx_int_t
acme_ca_renewal_find_issued(acme_ca_exchange_t *x, ngx_str_t *key_id,
    ngx_str_t *serial, acme_ca_certificate_t *certificate)
{
    ngx_int_t     rc;
    ngx_str_t     is;
    ngx_uint_t    i;
    ngx_array_t  *ids;

    rc = acme_ca_store_certificate_list_serial(x->store, x->ctx.pool, serial,
                                               &ids);

    for (i = 0; rc == NGX_OK && i < ids->nelts; i++) {
        rc = acme_ca_store_certificate_find(x->store, x->ctx.pool,
                                            ((int64_t *) ids->elts)[i],
                                            certificate);

        if (rc == NGX_OK
            && acme_ca_certificate_issuer_key_id(&certificate->der, &is)
               == NGX_OK
            && acme_ca_str_eq(&is, key_id))
        {
            return NGX_OK;
        }
    }

    return (rc == NGX_OK) ? NGX_DECLINED : rc;
}


/* a revoked certificate is to be renewed at once */

static ngx_int_t
acme_ca_renewal_window(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate, acme_ca_window_t *window)
{
    ngx_int_t  rc;

    ngx_memzero(window, sizeof(acme_ca_window_t));

    rc = acme_ca_store_certificate_find_window(x->store, x->ctx.pool,
                                               certificate->id, window);
    if (rc != NGX_OK) {
        return rc;
    }

    if (certificate->status == ACME_CA_REVOKED) {
        window->end = ngx_min(certificate->revoked_at, x->ctx.now) - 1;
        window->start = window->end - ACME_CA_RENEWAL_PAST;
    }

    if (window->explanation.len == 0) {
        window->explanation = x->authority->renewal_explanation;
    }

    return NGX_OK;
}


/* a short life is looked at more often */

static time_t
acme_ca_renewal_retry(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate)
{
    time_t  share;

    share = (certificate->not_after - certificate->not_before) / 20;

    return ngx_min(x->authority->renewal_retry_after,
                   ngx_max(share, ACME_CA_RENEWAL_RETRY));
}
