
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * rate_limit NAME N/TIME [burst=N].
 */


#include "ngx_http_acme_ca_slots.h"


#define NGX_HTTP_ACME_CA_RATE    1000000
#define NGX_HTTP_ACME_CA_PERIOD  (366 * 86400)


static ngx_int_t ngx_http_acme_ca_rate(ngx_str_t *value, acme_ca_rate_t *rate);


char *
ngx_http_acme_ca_rate_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_int_t        n;
    ngx_str_t       *value;
    ngx_uint_t       limit;
    acme_ca_rate_t  *rate;

    value = cf->args->elts;

    for (limit = 0; limit < ACME_CA_LIMIT_N; limit++) {
        if (acme_ca_str_eq(&value[1], &acme_ca_limit_names[limit])) {
            break;
        }
    }

    if (limit == ACME_CA_LIMIT_N) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown limit \"%V\": new_accounts, new_orders, "
                           "failed_validations or certificates is needed",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    rate = &ca->authority.rates[limit];

    if (rate->n != 0) {
        return "is duplicate";
    }

    if (ngx_http_acme_ca_rate(&value[2], rate) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\": a number and a time as in "
                           "\"300/3h\" is needed, at most 1000 a second",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {
        return NGX_CONF_OK;
    }

    n = NGX_ERROR;

    if (value[3].len > 6 && ngx_strncmp(value[3].data, "burst=", 6) == 0) {
        n = ngx_atoi(value[3].data + 6, value[3].len - 6);
    }

    /* what is owed has to be paid for within ten periods at the longest */

    if (n < 1 || (ngx_uint_t) n > rate->n * 10) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": burst= and a number up "
                           "to ten times that of the rate is needed",
                           &value[3]);
        return NGX_CONF_ERROR;
    }

    rate->burst = n;

    return NGX_CONF_OK;
}


/* without a burst all may be done at once */

static ngx_int_t
ngx_http_acme_ca_rate(ngx_str_t *value, acme_ca_rate_t *rate)
{
    u_char     *slash;
    ngx_int_t   n, period;
    ngx_str_t   text;

    slash = ngx_strlchr(value->data, value->data + value->len, '/');
    if (slash == NULL) {
        return NGX_ERROR;
    }

    n = ngx_atoi(value->data, slash - value->data);

    text.data = slash + 1;
    text.len = value->data + value->len - text.data;

    period = ngx_parse_time(&text, 1);

    if (n < 1 || n > NGX_HTTP_ACME_CA_RATE
        || period < 1 || period > NGX_HTTP_ACME_CA_PERIOD
        || period * 1000 < n)
    {
        return NGX_ERROR;
    }

    rate->n = n;
    rate->period = period;
    rate->burst = n;
    rate->text = *value;

    return NGX_OK;
}
