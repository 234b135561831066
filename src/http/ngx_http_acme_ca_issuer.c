
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The directives of issuers: files, and when one follows the other.
 */


#include "ngx_http_acme_ca_slots.h"


/* the key may be the URI of a store: "pkcs11:...", "engine:..." */

char *
ngx_http_acme_ca_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t                   *value;
    ngx_acme_ca_issuer_files_t  *files;

    if (ca->issuer_files == NULL) {
        ca->issuer_files = ngx_array_create(cf->pool, 1,
                                          sizeof(ngx_acme_ca_issuer_files_t));
        if (ca->issuer_files == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    files = ngx_array_push(ca->issuer_files);
    if (files == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strlchr(value[2].data, value[2].data + value[2].len, ':') == NULL
        && ngx_conf_full_name(cf->cycle, &value[2], 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    files->certificate = value[1];
    files->key = value[2];

    return NGX_CONF_OK;
}


/* "50%" or "off" */

char *
ngx_http_acme_ca_rotate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_int_t   percent;
    ngx_str_t  *value;

    if (ca->authority.issuer_rotate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (acme_ca_str_is(&value[1], "off")) {
        ca->authority.issuer_rotate = 0;
        return NGX_CONF_OK;
    }

    percent = NGX_ERROR;

    if (value[1].data[value[1].len - 1] == '%') {
        percent = ngx_atoi(value[1].data, value[1].len - 1);
    }

    if (percent < 1 || percent > 100) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "issuer_rotate \"%V\" is neither \"off\" nor from "
                           "\"1%%\" to \"100%%\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    ca->authority.issuer_rotate = percent;

    return NGX_CONF_OK;
}
