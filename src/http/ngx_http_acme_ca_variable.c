
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Variables: the CA's own certificate for "ssl_certificate", and what a request
 * was about for logs and maps.  Who an account is is known when its signature
 * was good: none is found before.
 */


#include "ngx_http_acme_ca.h"
#include "acme_ca_store_eab.h"


static ngx_int_t ngx_http_acme_ca_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_acme_ca_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_acme_ca_variable_eab(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_acme_ca_variable_identifiers(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_acme_ca_variable_problem(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_acme_ca_ctx_t *ngx_http_acme_ca_variable_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_variable_set(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *value);


static ngx_http_variable_t  ngx_http_acme_ca_variables[] = {

    { ngx_string("acme_ca_certificate"), NULL, ngx_http_acme_ca_variable,
      offsetof(ngx_acme_ca_t, server_certificate),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_certificate_key"), NULL, ngx_http_acme_ca_variable,
      offsetof(ngx_acme_ca_t, server_key),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_account"), NULL, ngx_http_acme_ca_variable_id,
      ACME_CA_ID_ACCOUNT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_order"), NULL, ngx_http_acme_ca_variable_id,
      ACME_CA_ID_ORDER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_eab"), NULL, ngx_http_acme_ca_variable_eab,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_identifiers"), NULL,
      ngx_http_acme_ca_variable_identifiers, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_problem"), NULL, ngx_http_acme_ca_variable_problem,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_acme_ca_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *v, *var;

    for (v = ngx_http_acme_ca_variables; v->name.len != 0; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return ngx_http_acme_ca_client_add(cf);
}


/* in a handshake there is a server and no location yet */

static ngx_int_t
ngx_http_acme_ca_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                     *value;
    ngx_acme_ca_t                **ca;
    ngx_http_acme_ca_srv_conf_t   *ascf;
    ngx_http_acme_ca_main_conf_t  *amcf;

    ascf = ngx_http_get_module_srv_conf(r, ngx_http_acme_ca_module);
    amcf = ngx_http_get_module_main_conf(r, ngx_http_acme_ca_module);
    ca = amcf->authorities.elts;

    value = NULL;

    if (ascf->ca != NULL) {
        value = (ngx_str_t *) ((char *) ascf->ca + data);

    } else if (amcf->authorities.nelts != 0) {
        value = (ngx_str_t *) ((char *) ca[0] + data);
    }

    if (value == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_acme_ca_variable_set(r, v, value);
}


/* the last part of the object's URL */

static ngx_int_t
ngx_http_acme_ca_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                   text[ACME_CA_ID_LEN];
    int64_t                  id;
    ngx_str_t                value;
    acme_ca_audit_t         *audit;
    ngx_http_acme_ca_ctx_t  *ctx;

    ctx = ngx_http_acme_ca_variable_ctx(r);

    id = 0;

    if (ctx != NULL && ctx->exchange.proved && ctx->ca->reader != NULL) {
        audit = &ctx->exchange.audit;
        id = (data == ACME_CA_ID_ACCOUNT) ? audit->account_id
                                          : audit->order_id;
    }

    if (id == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (acme_ca_store_id_write(ctx->ca->reader, (acme_ca_id_kind_e) data, id,
                               text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    value.data = text;
    value.len = ACME_CA_ID_LEN;

    return ngx_http_acme_ca_variable_set(r, v, &value);
}


/* read when it is asked for: most configurations never do */

static ngx_int_t
ngx_http_acme_ca_variable_eab(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_int_t                rc;
    acme_ca_eab_t            eab;
    acme_ca_store_t         *store;
    acme_ca_account_t        account;
    ngx_http_acme_ca_ctx_t  *ctx;

    ctx = ngx_http_acme_ca_variable_ctx(r);

    v->not_found = 1;

    if (ctx == NULL || !ctx->exchange.proved || ctx->ca->reader == NULL
        || ctx->exchange.audit.account_id == 0)
    {
        return NGX_OK;
    }

    store = ctx->ca->reader;

    rc = acme_ca_store_account_find(store, r->pool,
                                    ctx->exchange.audit.account_id, &account);

    if (rc != NGX_OK || account.eab_id == 0) {
        return NGX_OK;
    }

    rc = acme_ca_store_eab_find(store, r->pool, account.eab_id, &eab);

    return (rc == NGX_OK) ? ngx_http_acme_ca_variable_set(r, v, &eab.kid)
                          : NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_variable_identifiers(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_acme_ca_ctx_t  *ctx;

    ctx = ngx_http_acme_ca_variable_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_acme_ca_variable_set(r, v, &ctx->exchange.identifiers);
}


static ngx_int_t
ngx_http_acme_ca_variable_problem(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                name;
    const char              *type;
    acme_ca_exchange_t      *x;
    ngx_http_acme_ca_ctx_t  *ctx;

    ctx = ngx_http_acme_ca_variable_ctx(r);
    x = (ctx != NULL) ? &ctx->exchange : NULL;

    if (x == NULL || !x->finished || x->reply.status < 400
        || x->ctx.problem == NULL)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    type = acme_ca_problem_name(x->ctx.problem->type);

    name.data = (u_char *) type;
    name.len = ngx_strlen(type);

    return ngx_http_acme_ca_variable_set(r, v, &name);
}


static ngx_http_acme_ca_ctx_t *
ngx_http_acme_ca_variable_ctx(ngx_http_request_t *r)
{
    return ngx_http_get_module_ctx(r->main, ngx_http_acme_ca_module);
}


/* a copy: the value may go before r does */

static ngx_int_t
ngx_http_acme_ca_variable_set(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *value)
{
    v->valid = 0;
    v->not_found = 1;

    if (value->len == 0) {
        return NGX_OK;
    }

    v->data = ngx_pstrdup(r->pool, value);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->len = value->len;

    return NGX_OK;
}
