
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The client's certificate, if nginx asked for one (ssl_verify_client) and
 * found it good: its subject and its names.  Any other is as none.
 */


#include "ngx_http_acme_ca.h"

#if (NGX_HTTP_SSL)
#include <openssl/x509v3.h>
#endif


#if (NGX_HTTP_SSL)

static ngx_http_variable_value_t *ngx_http_acme_ca_peer_variable(
    ngx_http_request_t *r, const char *name);
static ngx_int_t ngx_http_acme_ca_peer_names(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool);
static ngx_int_t ngx_http_acme_ca_peer_name(GENERAL_NAME *general,
    ngx_array_t *names);


ngx_int_t
ngx_http_acme_ca_peer_read(ngx_http_request_t *r, acme_ca_request_t *request,
    ngx_pool_t *pool)
{
    ngx_str_t                   verify;
    ngx_http_variable_value_t  *v;

    if (r->connection->ssl == NULL) {
        return NGX_OK;
    }

    v = ngx_http_acme_ca_peer_variable(r, "ssl_client_verify");

    if (v == NULL || v->not_found) {
        return NGX_OK;
    }

    verify.data = v->data;
    verify.len = v->len;

    if (!acme_ca_str_is(&verify, "SUCCESS")) {
        return NGX_OK;
    }

    v = ngx_http_acme_ca_peer_variable(r, "ssl_client_s_dn");

    if (v == NULL
        || (!v->not_found
            && acme_ca_copy(pool, &request->client_certificate, v->data,
                            v->len)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_acme_ca_peer_names(r, request, pool);
}


static ngx_http_variable_value_t *
ngx_http_acme_ca_peer_variable(ngx_http_request_t *r, const char *name)
{
    ngx_str_t  text;

    text.data = (u_char *) name;
    text.len = ngx_strlen(name);

    return ngx_http_get_variable(r, &text,
                                 ngx_hash_key(text.data, text.len));
}


static ngx_int_t
ngx_http_acme_ca_peer_names(ngx_http_request_t *r, acme_ca_request_t *request,
    ngx_pool_t *pool)
{
    int             i;
    X509           *cert;
    ngx_int_t       rc;
    GENERAL_NAMES  *generals;

    request->client_names = ngx_array_create(pool, 2, sizeof(ngx_str_t));
    if (request->client_names == NULL) {
        return NGX_ERROR;
    }

    cert = SSL_get_peer_certificate(r->connection->ssl->connection);
    if (cert == NULL) {
        return NGX_OK;
    }

    generals = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    X509_free(cert);

    rc = NGX_OK;

    for (i = 0; rc == NGX_OK && i < sk_GENERAL_NAME_num(generals); i++) {
        rc = ngx_http_acme_ca_peer_name(sk_GENERAL_NAME_value(generals, i),
                                        request->client_names);
    }

    GENERAL_NAMES_free(generals);

    return rc;
}


static ngx_int_t
ngx_http_acme_ca_peer_name(GENERAL_NAME *general, ngx_array_t *names)
{
    ngx_str_t    *name, value;
    const char   *kind;
    ASN1_STRING  *string;

    switch (general->type) {

    case GEN_DNS:
        kind = "dns";
        break;

    case GEN_EMAIL:
        kind = "email";
        break;

    case GEN_URI:
        kind = "uri";
        break;

    default:
        return NGX_OK;
    }

    string = general->d.ia5;

    value.data = (u_char *) ASN1_STRING_get0_data(string);
    value.len = ASN1_STRING_length(string);

    name = ngx_array_push(names);
    if (name == NULL) {
        return NGX_ERROR;
    }

    if (acme_ca_format(names->pool, name, value.len + sizeof("email:"),
                       "%s:%V", kind, &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (general->type == GEN_DNS) {
        ngx_strlow(name->data, name->data, name->len);
    }

    return NGX_OK;
}

#else

ngx_int_t
ngx_http_acme_ca_peer_read(ngx_http_request_t *r, acme_ca_request_t *request,
    ngx_pool_t *pool)
{
    return NGX_OK;
}

#endif
