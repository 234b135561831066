
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_ca_metrics: what the shared zone counted, for Prometheus.  A scrape asks
 * the database for the issuers and nothing else.
 */


#include "ngx_http_acme_ca_slots.h"

#include "ngx_acme_ca_ocsp.h"
#include "acme_ca_accept.h"
#include "acme_ca_metrics_text.h"
#include "acme_ca_store_census.h"
#include "acme_ca_store_event.h"


static ngx_int_t ngx_http_acme_ca_metrics_setup(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);
static ngx_int_t ngx_http_acme_ca_metrics_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_metrics_view(ngx_http_request_t *r,
    ngx_acme_ca_t *ca, acme_ca_metrics_view_t *view);


ngx_http_acme_ca_service_t  ngx_http_acme_ca_metrics = {
    ngx_http_acme_ca_metrics_handler,
    ngx_http_acme_ca_metrics_setup
};


static const ngx_str_t  ngx_http_acme_ca_metrics_accepts[] = {
    ngx_string("text/plain"),
    ngx_string("application/openmetrics-text")
};


static ngx_int_t
ngx_http_acme_ca_metrics_setup(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ca->counted = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    acme_ca_metrics_view_t        view;
    ngx_http_acme_ca_document_t   document;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    rc = ngx_http_acme_ca_document_begin(r);
    if (rc != NGX_OK) {
        return rc;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    ngx_memzero(&document, sizeof(ngx_http_acme_ca_document_t));

    if (ngx_http_acme_ca_metrics_view(r, alcf->ca, &view) != NGX_OK
        || acme_ca_metrics_write(r->pool, &view, &document.body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    document.status = NGX_HTTP_OK;

    if (view.openmetrics) {
        ngx_str_set(&document.type, "application/openmetrics-text; "
                    "version=1.0.0; charset=utf-8");

    } else {
        ngx_str_set(&document.type, "text/plain; version=0.0.4; "
                    "charset=utf-8");
    }

    ngx_str_set(&document.cache_control, "no-store");
    ngx_str_set(&document.vary, "Accept");

    return ngx_http_acme_ca_document_send(r, &document);
}


/* counters are there also while the database is not */

static ngx_int_t
ngx_http_acme_ca_metrics_view(ngx_http_request_t *r, ngx_acme_ca_t *ca,
    acme_ca_metrics_view_t *view)
{
    ngx_str_t  accept;

    ngx_memzero(view, sizeof(acme_ca_metrics_view_t));
    ngx_str_null(&accept);

    if (ngx_http_acme_ca_request_accept(r, &accept, r->pool) != NGX_OK) {
        return NGX_ERROR;
    }

    view->authority = &ca->authority;
    view->server_not_after = ca->server_not_after;
    view->ocsp_not_after = ngx_acme_ca_ocsp_not_after(ca);
    view->stock_period = acme_ca_stock_period(ngx_current_msec) - 1;
    view->now = ngx_time();
    view->openmetrics = acme_ca_accept(&accept,
                                       ngx_http_acme_ca_metrics_accepts, 2)
                        == 1;

    if (ngx_acme_ca_is_open(ca)
        && acme_ca_store_census_issuers(ca->reader, r->pool, view->now,
                                        &view->issuers)
           == NGX_OK
        && acme_ca_store_event_hook_list_lags(ca->reader, r->pool,
                                              &view->hooks)
           == NGX_OK)
    {
        return NGX_OK;
    }

    view->hooks = NULL;
    view->issuers = ngx_array_create(r->pool, 1, sizeof(acme_ca_issuer_end_t));

    return (view->issuers != NULL) ? NGX_OK : NGX_ERROR;
}
