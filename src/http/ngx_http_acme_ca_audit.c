
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * audit_log FILE | syslog:... | off, and audit_checkpoint TIME [ROWS].
 */


#include "ngx_http_acme_ca_slots.h"


#define NGX_HTTP_ACME_CA_CHECKPOINT       900
#define NGX_HTTP_ACME_CA_CHECKPOINT_ROWS  1000
#define NGX_HTTP_ACME_CA_CHECKPOINT_MAX   1000000


char *
ngx_http_acme_ca_audit_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (ca->audit.log_set) {
        return "is duplicate";
    }

    ca->audit.log_set = 1;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "syslog:", sizeof("syslog:") - 1) == 0) {
        ca->audit.syslog = ngx_pcalloc(cf->pool, sizeof(ngx_syslog_peer_t));

        return (ca->audit.syslog == NULL)
               ? NGX_CONF_ERROR
               : ngx_syslog_process_conf(cf, ca->audit.syslog);
    }

    ca->audit.file = ngx_conf_open_file(cf->cycle, &value[1]);

    return (ca->audit.file == NULL) ? NGX_CONF_ERROR : NGX_CONF_OK;
}


char *
ngx_http_acme_ca_audit_checkpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (ca->audit.interval != 0) {
        return "is duplicate";
    }

    ca->audit.interval = ngx_parse_time(&value[1], 1);

    if (ca->audit.interval <= 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid time \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    ca->audit.rows = ngx_atoi(value[2].data, value[2].len);

    if (ca->audit.rows < 1 || ca->audit.rows > NGX_HTTP_ACME_CA_CHECKPOINT_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of rows \"%V\": 1 to %d is needed",
                           &value[2], NGX_HTTP_ACME_CA_CHECKPOINT_MAX);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void
ngx_http_acme_ca_audit_finish(ngx_acme_ca_t *ca)
{
    if (ca->audit.interval == 0) {
        ca->audit.interval = NGX_HTTP_ACME_CA_CHECKPOINT;
    }

    if (ca->audit.rows == 0) {
        ca->audit.rows = NGX_HTTP_ACME_CA_CHECKPOINT_ROWS;
    }
}
