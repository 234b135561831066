
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * terms_changed DATE [grace=TIME].
 */


#include "ngx_http_acme_ca_slots.h"


static ngx_int_t ngx_http_acme_ca_date(ngx_str_t *value, time_t *at);
static ngx_int_t ngx_http_acme_ca_grace(ngx_str_t *value, time_t *grace);


char *
ngx_http_acme_ca_terms(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t            *value;
    acme_ca_authority_t  *a;

    a = &ca->authority;
    value = cf->args->elts;

    if (a->terms_changed_at != 0) {
        return "is duplicate";
    }

    if (ngx_http_acme_ca_date(&value[1], &a->terms_changed_at) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid date \"%V\": one as in \"2027-01-31\" or "
                           "\"2027-01-31T12:00:00Z\" is needed", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3
        && ngx_http_acme_ca_grace(&value[2], &a->terms_grace) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": grace= and a time is "
                           "needed", &value[2]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* RFC 3339; without a time it is the first second, UTC */

static ngx_int_t
ngx_http_acme_ca_date(ngx_str_t *value, time_t *at)
{
    u_char     text[sizeof("1970-01-01T00:00:00Z")];
    ngx_str_t  whole;

    whole = *value;

    if (value->len == sizeof("1970-01-01") - 1) {
        whole.data = text;
        whole.len = ngx_sprintf(text, "%VT00:00:00Z", value) - text;
    }

    return (acme_ca_rfc3339_parse(&whole, at) == NGX_OK && *at > 0)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_acme_ca_grace(ngx_str_t *value, time_t *grace)
{
    ngx_int_t  n;
    ngx_str_t  text;

    if (value->len <= 6 || ngx_strncmp(value->data, "grace=", 6) != 0) {
        return NGX_ERROR;
    }

    text.data = value->data + 6;
    text.len = value->len - 6;

    n = ngx_parse_time(&text, 1);
    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    *grace = n;

    return NGX_OK;
}


char *
ngx_http_acme_ca_terms_check(ngx_conf_t *cf, const acme_ca_authority_t *a)
{
    if (a->terms_changed_at != 0 && a->terms_of_service.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"terms_changed\" needs \"terms_of_service\" in "
                           "authority \"%V\"", &a->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
