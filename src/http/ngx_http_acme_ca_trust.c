
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_ca_trust: root, issuer and chain for everybody, with a page that tells
 * how to trust them.
 */


#include "ngx_http_acme_ca_slots.h"

#include "acme_ca_trust.h"


static ngx_int_t ngx_http_acme_ca_trust_setup(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);
static ngx_int_t ngx_http_acme_ca_trust_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_trust_send(ngx_http_request_t *r,
    acme_ca_trust_t *file);


ngx_http_acme_ca_service_t  ngx_http_acme_ca_trust = {
    ngx_http_acme_ca_trust_handler,
    ngx_http_acme_ca_trust_setup
};


/*
 * The links of the page are below it, and so are the issuers' files that
 * certificates name (RFC 5280, 4.2.2.1), if a listener without TLS serves them.
 */

static ngx_int_t
ngx_http_acme_ca_trust_setup(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_int_t           rc;
    ngx_str_t           url;
    ngx_uint_t          i;
    acme_ca_profile_t  *profile;

    rc = ngx_http_acme_ca_public_folder(cf, "acme_ca_trust", "/trust/");

    if (rc == NGX_OK) {
        rc = ngx_http_acme_ca_public_url(cf, &url);
    }

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    if (url.len == 0
        || ngx_strncmp(url.data, "http://", sizeof("http://") - 1) != 0)
    {
        return NGX_OK;
    }

    profile = ca->authority.profiles.elts;

    for (i = 0; i < ca->authority.profiles.nelts; i++) {
        if (profile[i].issuer_url.len == 0) {
            profile[i].issuer_url = url;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_trust_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     name;
    acme_ca_trust_t               file;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    rc = ngx_http_acme_ca_document_begin(r);
    if (rc != NGX_OK) {
        return rc;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    name.data = r->uri.data + ngx_min(clcf->name.len, r->uri.len);
    name.len = r->uri.data + r->uri.len - name.data;

    rc = acme_ca_trust_get(r->pool, &alcf->ca->authority, &name, &file);

    switch (rc) {

    case NGX_OK:
        return ngx_http_acme_ca_trust_send(r, &file);

    case NGX_DECLINED:
        return NGX_HTTP_NOT_FOUND;

    default: /* NGX_ERROR */
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }
}


static ngx_int_t
ngx_http_acme_ca_trust_send(ngx_http_request_t *r, acme_ca_trust_t *file)
{
    u_char                       digest[ACME_CA_SHA256_LEN];
    ngx_str_t                    hex;
    ngx_http_acme_ca_document_t  document;

    ngx_memzero(&document, sizeof(ngx_http_acme_ca_document_t));

    document.status = NGX_HTTP_OK;
    document.body = file->body;
    document.type.data = (u_char *) file->type;
    document.type.len = ngx_strlen(file->type);
    ngx_str_set(&document.cache_control, "public, max-age=3600");

    if (acme_ca_sha256(file->body.data, file->body.len, digest) != NGX_OK
        || acme_ca_hex(r->pool, digest, 16, &hex) != NGX_OK
        || acme_ca_format(r->pool, &document.etag, hex.len + 2, "\"%V\"", &hex)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_acme_ca_document_send(r, &document);
}
