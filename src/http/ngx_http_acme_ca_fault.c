
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What nginx refuses in a location of ours before us: told as we tell things,
 * on a page of the location that nginx's own redirect leads to.
 */


#include "ngx_http_acme_ca_slots.h"


/* nginx's, which stand in its modules */
#define NGX_HTTP_ACME_CA_REQ_REJECTED   3
#define NGX_HTTP_ACME_CA_CONN_REJECTED  2


static ngx_int_t ngx_http_acme_ca_body_phase(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_kept_phase(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_again_phase(ngx_http_request_t *r);
static ngx_uint_t ngx_http_acme_ca_is_kept(ngx_uint_t status);
static ngx_uint_t ngx_http_acme_ca_is_fault(ngx_http_request_t *r);
static ngx_uint_t ngx_http_acme_ca_is_fault_uri(ngx_http_request_t *r);


/*
 * What nginx refuses in this location before us comes back to us, to be told
 * as a problem document (RFC 8555, 6.7).  The operator's own error_page wins.
 */

ngx_int_t
ngx_http_acme_ca_fault_pages(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_str_t                     uri;
    ngx_uint_t                    i;
    ngx_array_t                  *pages;
    ngx_http_err_page_t          *page;

    static const ngx_int_t  statuses[] = {
        400, 401, 403, 405, 408, 411, 413, 414, 415, 429, 500, 502, 503, 504
    };

    if (acme_ca_format(cf->pool, &uri, clcf->name.len + 16, "%V%s",
                       &clcf->name,
                       (clcf->name.data[clcf->name.len - 1] == '/')
                       ? NGX_HTTP_ACME_CA_FAULT : "/" NGX_HTTP_ACME_CA_FAULT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the inherited array belongs to the server too: not to be added to */

    pages = ngx_array_create(cf->pool, 16, sizeof(ngx_http_err_page_t));
    if (pages == NULL) {
        return NGX_ERROR;
    }

    if (clcf->error_pages != NULL) {

        page = ngx_array_push_n(pages, clcf->error_pages->nelts);
        if (page == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(page, clcf->error_pages->elts,
                   clcf->error_pages->nelts * sizeof(ngx_http_err_page_t));
    }

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {

        page = ngx_array_push(pages);
        if (page == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(page, sizeof(ngx_http_err_page_t));

        page->status = statuses[i];
        page->overwrite = -1;
        page->value.value = uri;
    }

    clcf->error_pages = pages;

    return NGX_OK;
}


/*
 * What the request was refused with, or 0.  A limit is told as one whatever its
 * status is.
 */

ngx_uint_t
ngx_http_acme_ca_fault_status(ngx_http_request_t *r)
{
    if (!r->internal || r->err_status == 0) {
        return 0;
    }

    return (r->main->limit_req_status == NGX_HTTP_ACME_CA_REQ_REJECTED
            || r->main->limit_conn_status == NGX_HTTP_ACME_CA_CONN_REJECTED)
           ? NGX_HTTP_TOO_MANY_REQUESTS : (ngx_uint_t) r->err_status;
}


/* nginx calls who comes last first: before "return", limits and rules */

ngx_int_t
ngx_http_acme_ca_fault_phase_add(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_handler_pt        *handler;
    ngx_http_core_main_conf_t  *cmcf;

    static const struct {
        ngx_http_phases      phase;
        ngx_http_handler_pt  handler;
    } phases[] = {
        { NGX_HTTP_SERVER_REWRITE_PHASE, ngx_http_acme_ca_body_phase },
        { NGX_HTTP_REWRITE_PHASE, ngx_http_acme_ca_kept_phase },
        { NGX_HTTP_PREACCESS_PHASE, ngx_http_acme_ca_again_phase }
    };

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {

        handler = ngx_array_push(&cmcf->phases[phases[i].phase].handlers);
        if (handler == NULL) {
            return NGX_ERROR;
        }

        *handler = phases[i].handler;
    }

    return NGX_OK;
}


/*
 * A body that is too large is passed over, which only HTTP/1 notes in the
 * request: with the other versions nginx would refuse it again, on its way to
 * our page, and tell so in a page of its own.
 */

static ngx_int_t
ngx_http_acme_ca_body_phase(ngx_http_request_t *r)
{
    if (r->err_status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
        && r->http_version >= NGX_HTTP_VERSION_20
        && ngx_http_acme_ca_is_fault_uri(r))
    {
        r->discard_body = 1;
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_acme_ca_is_fault(ngx_http_request_t *r)
{
    ngx_http_acme_ca_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    return alcf->ca != NULL
           && (alcf->service == NULL
               || alcf->service == &ngx_http_acme_ca_admin_service)
           && ngx_http_acme_ca_is_fault_uri(r);
}


static ngx_uint_t
ngx_http_acme_ca_is_fault_uri(ngx_http_request_t *r)
{
    ngx_str_t  uri = r->uri;

    if (!r->internal || r->err_status == 0
        || uri.len < sizeof(NGX_HTTP_ACME_CA_FAULT) - 1)
    {
        return 0;
    }

    uri.data += uri.len - (sizeof(NGX_HTTP_ACME_CA_FAULT) - 1);
    uri.len = sizeof(NGX_HTTP_ACME_CA_FAULT) - 1;

    return acme_ca_str_is(&uri, NGX_HTTP_ACME_CA_FAULT);
}


/*
 * What keeps a client out of the location would keep it out of our page about
 * that, too.  The page tells nothing and writes nothing.
 */

static ngx_int_t
ngx_http_acme_ca_kept_phase(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (!ngx_http_acme_ca_is_fault(r)
        || !ngx_http_acme_ca_is_kept(r->err_status))
    {
        return NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_http_finalize_request(r, clcf->handler(r));

    return NGX_DONE;
}


/* that what is told about has a page does not end it: access comes after it */

static ngx_int_t
ngx_http_acme_ca_again_phase(ngx_http_request_t *r)
{
    if (ngx_http_acme_ca_is_fault(r)) {
        r->error_page = 0;
    }

    return NGX_DECLINED;
}


/* by rules, limits, or faults of what rules ask */

static ngx_uint_t
ngx_http_acme_ca_is_kept(ngx_uint_t status)
{
    return status == NGX_HTTP_UNAUTHORIZED
           || status == NGX_HTTP_FORBIDDEN
           || status == NGX_HTTP_TOO_MANY_REQUESTS
           || status >= NGX_HTTP_INTERNAL_SERVER_ERROR;
}
