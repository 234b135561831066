
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The directives of the external signer.
 */


#include "ngx_http_acme_ca_slots.h"


#define NGX_HTTP_ACME_CA_SIGNER_TIMEOUT   30000    /* milliseconds */
#define NGX_HTTP_ACME_CA_SIGNER_DEADLINE  3600     /* seconds */
#define NGX_HTTP_ACME_CA_SIGNER_CALLS     64


/* NGX_OK, or NGX_ERROR: the value is none */
typedef ngx_int_t (*ngx_http_acme_ca_signer_set_pt)(ngx_conf_t *cf,
    acme_ca_signer_t *signer, ngx_str_t *value);

typedef struct {
    ngx_str_t                        name;       /* "timeout=" */
    ngx_http_acme_ca_signer_set_pt   set;
} ngx_http_acme_ca_signer_parameter_t;


static char *ngx_http_acme_ca_signer_parameter(ngx_conf_t *cf,
    acme_ca_signer_t *signer, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_signer_format(ngx_conf_t *cf,
    acme_ca_signer_t *signer, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_signer_timeout(ngx_conf_t *cf,
    acme_ca_signer_t *signer, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_signer_deadline(ngx_conf_t *cf,
    acme_ca_signer_t *signer, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_signer_calls(ngx_conf_t *cf,
    acme_ca_signer_t *signer, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_signer_revoke(ngx_conf_t *cf,
    acme_ca_signer_t *signer, ngx_str_t *value);


static const ngx_http_acme_ca_signer_parameter_t
    ngx_http_acme_ca_signer_parameters[] =
{
    { ngx_string("format="), ngx_http_acme_ca_signer_format },
    { ngx_string("timeout="), ngx_http_acme_ca_signer_timeout },
    { ngx_string("deadline="), ngx_http_acme_ca_signer_deadline },
    { ngx_string("calls="), ngx_http_acme_ca_signer_calls },
    { ngx_string("revoke="), ngx_http_acme_ca_signer_revoke },
    { ngx_null_string, NULL }
};


char *
ngx_http_acme_ca_signer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t         *value;
    ngx_uint_t         i;
    acme_ca_signer_t  *signer;

    if (ca->authority.signer != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!ngx_http_acme_ca_is_uri(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid signer \"%V\": the URI of a location is "
                           "needed, such as \"/sign\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    signer = ngx_pcalloc(cf->pool, sizeof(acme_ca_signer_t));
    if (signer == NULL) {
        return NGX_CONF_ERROR;
    }

    signer->uri = value[1];
    signer->timeout = NGX_HTTP_ACME_CA_SIGNER_TIMEOUT;
    signer->deadline = NGX_HTTP_ACME_CA_SIGNER_DEADLINE;
    signer->calls = NGX_HTTP_ACME_CA_SIGNER_CALLS;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_acme_ca_signer_parameter(cf, signer, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    ca->authority.signer = signer;

    return NGX_CONF_OK;
}


static char *
ngx_http_acme_ca_signer_parameter(ngx_conf_t *cf, acme_ca_signer_t *signer,
    ngx_str_t *value)
{
    ngx_str_t                                   text;
    const ngx_http_acme_ca_signer_parameter_t  *p;

    for (p = ngx_http_acme_ca_signer_parameters; p->set; p++) {

        if (value->len < p->name.len
            || ngx_memcmp(value->data, p->name.data, p->name.len) != 0)
        {
            continue;
        }

        text.data = value->data + p->name.len;
        text.len = value->len - p->name.len;

        if (p->set(cf, signer, &text) == NGX_OK) {
            return NGX_CONF_OK;
        }

        break;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"signer\"", value);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_acme_ca_signer_format(ngx_conf_t *cf, acme_ca_signer_t *signer,
    ngx_str_t *value)
{
    signer->pem = acme_ca_str_is(value, "pem");

    return (signer->pem || acme_ca_str_is(value, "json")) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_acme_ca_signer_timeout(ngx_conf_t *cf, acme_ca_signer_t *signer,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n == 0) {
        return NGX_ERROR;
    }

    signer->timeout = (ngx_msec_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_signer_deadline(ngx_conf_t *cf, acme_ca_signer_t *signer,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 1);

    if (n == NGX_ERROR || n == 0) {
        return NGX_ERROR;
    }

    signer->deadline = (time_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_signer_calls(ngx_conf_t *cf, acme_ca_signer_t *signer,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR || n == 0) {
        return NGX_ERROR;
    }

    signer->calls = (ngx_uint_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_signer_revoke(ngx_conf_t *cf, acme_ca_signer_t *signer,
    ngx_str_t *value)
{
    signer->revoke_uri = *value;

    return ngx_http_acme_ca_is_uri(value) ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_acme_ca_is_uri(const ngx_str_t *uri)
{
    size_t  i;

    for (i = 0; i < uri->len; i++) {
        if (uri->data[i] <= ' ' || uri->data[i] >= 0x7f
            || uri->data[i] == '?' || uri->data[i] == '#')
        {
            return 0;
        }
    }

    return uri->len != 0 && uri->data[0] == '/';
}


char *
ngx_http_acme_ca_signer_trusted(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t  *value, error;

    if (ca->signer_anchors != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_acme_ca_signer_trust(ca, cf->temp_pool, &value[1], &error)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "signer_trusted_certificate \"%V\": %V", &value[1],
                           &error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_acme_ca_signer_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    acme_ca_signer_t  *signer;

    signer = ca->authority.signer;

    if (signer == NULL) {

        if (ca->signer_anchors == NULL) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"signer_trusted_certificate\" needs \"signer\" "
                           "in authority \"%V\"", &ca->authority.name);
        return NGX_CONF_ERROR;
    }

    signer->anchors = ca->signer_anchors;

    if (signer->timeout / 1000 > (ngx_msec_t) signer->deadline) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"timeout\" of \"signer\" is longer than its "
                           "\"deadline\" in authority \"%V\"",
                           &ca->authority.name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
