
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * allow and deny: names, addresses as identifiers, addresses to connect to.
 */


#include "ngx_http_acme_ca_slots.h"


/* allow | deny  dns | ip | address  VALUE ... */

char *
ngx_http_acme_ca_rule(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    size_t         offset;
    char          *rv;
    ngx_str_t     *value;
    ngx_uint_t     i, deny, dns;
    ngx_array_t  **list;

    value = cf->args->elts;
    deny = acme_ca_str_is(&value[0], "deny");
    dns = acme_ca_str_is(&value[1], "dns");

    if (dns) {
        offset = deny ? offsetof(acme_ca_rules_t, deny_dns)
                      : offsetof(acme_ca_rules_t, allow_dns);

    } else if (acme_ca_str_is(&value[1], "ip")) {
        offset = deny ? offsetof(acme_ca_rules_t, deny_ip)
                      : offsetof(acme_ca_rules_t, allow_ip);

    } else if (acme_ca_str_is(&value[1], "address")) {
        offset = deny ? offsetof(acme_ca_rules_t, deny_address)
                      : offsetof(acme_ca_rules_t, allow_address);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown kind \"%V\": dns, ip or address is needed",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    list = (ngx_array_t **) ((char *) &ca->authority.rules + offset);

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 4,
                                 dns ? sizeof(ngx_str_t) : sizeof(ngx_cidr_t));
        if (*list == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 2; i < cf->args->nelts; i++) {

        rv = dns ? ngx_http_acme_ca_rule_dns(cf, *list, &value[i])
                 : ngx_http_acme_ca_rule_cidr(cf, *list, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* "name", ".name" (below it), "*" (all) */

char *
ngx_http_acme_ca_rule_dns(ngx_conf_t *cf, ngx_array_t *list, ngx_str_t *value)
{
    ngx_str_t              name, *rule;
    acme_ca_ctx_t          ctx;
    acme_ca_identifier_t   identifier;

    rule = ngx_array_push(list);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    *rule = *value;

    if (acme_ca_str_is(value, "*")) {
        return NGX_CONF_OK;
    }

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = cf->pool;
    ctx.log = cf->log;

    name = *value;

    if (name.len > 1 && name.data[0] == '.') {
        name.data++;
        name.len--;
    }

    ngx_strlow(rule->data, rule->data, rule->len);

    if (acme_ca_identifier_from_dns(ctx.pool, name.data, name.len, &identifier)
        != NGX_OK
        || identifier.wildcard)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\": a host name, \".\" and a "
                           "domain, or \"*\" is needed", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_acme_ca_rule_cidr(ngx_conf_t *cf, ngx_array_t *list, ngx_str_t *value)
{
    ngx_int_t    rc;
    ngx_cidr_t  *cidr;

    cidr = ngx_array_push(list);
    if (cidr == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

    rc = ngx_ptocidr(value, cidr);

    if (rc == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address range \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    if (rc == NGX_DONE) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "low address bits of %V are meaningless", value);
    }

    return NGX_CONF_OK;
}
