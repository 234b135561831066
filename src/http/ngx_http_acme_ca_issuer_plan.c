
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The directives of CAs that are made here: kind of keys, lives, and the names
 * that intermediates are for (RFC 5280, 4.2.1.10).
 */


#include "ngx_http_acme_ca_slots.h"


#define NGX_HTTP_ACME_CA_YEAR  ((time_t) 365 * 86400)


typedef struct {
    ngx_str_t    sense;
    ngx_str_t    type;
    size_t       offset;             /* of the list in acme_ca_rules_t */
    size_t       size;               /* of what is in it */
    char      *(*add)(ngx_conf_t *cf, ngx_array_t *list, ngx_str_t *value);
} ngx_http_acme_ca_constraint_t;


static char *ngx_http_acme_ca_constraint_dns(ngx_conf_t *cf,
    ngx_array_t *list, ngx_str_t *value);


static const ngx_http_acme_ca_constraint_t  ngx_http_acme_ca_constraints[] = {

    { ngx_string("permitted"), ngx_string("dns"),
      offsetof(acme_ca_rules_t, allow_dns), sizeof(ngx_str_t),
      ngx_http_acme_ca_constraint_dns },

    { ngx_string("excluded"), ngx_string("dns"),
      offsetof(acme_ca_rules_t, deny_dns), sizeof(ngx_str_t),
      ngx_http_acme_ca_constraint_dns },

    { ngx_string("permitted"), ngx_string("ip"),
      offsetof(acme_ca_rules_t, allow_ip), sizeof(ngx_cidr_t),
      ngx_http_acme_ca_rule_cidr },

    { ngx_string("excluded"), ngx_string("ip"),
      offsetof(acme_ca_rules_t, deny_ip), sizeof(ngx_cidr_t),
      ngx_http_acme_ca_rule_cidr },

    { ngx_null_string, ngx_null_string, 0, 0, NULL }
};


char *
ngx_http_acme_ca_issuer_key_type(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_acme_ca_t *ca = conf;

    char        *rv;
    ngx_str_t   *value;
    const char  *unknown;

    rv = ngx_conf_set_enum_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    unknown = acme_ca_key_unknown(ca->issuer_plan.kind);

    if (unknown != NULL) {
        value = cf->args->elts;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "issuer_key_type \"%V\": this OpenSSL has no keys "
                           "of the kind %s", &value[1], unknown);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* permitted|excluded dns|ip value ... */

char *
ngx_http_acme_ca_name_constraint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_acme_ca_t *ca = conf;

    char                                 *rv;
    ngx_str_t                            *value;
    ngx_uint_t                            i;
    ngx_array_t                         **list;
    const ngx_http_acme_ca_constraint_t  *c;

    value = cf->args->elts;

    for (c = ngx_http_acme_ca_constraints; c->add != NULL; c++) {
        if (acme_ca_str_eq(&c->sense, &value[1])
            && acme_ca_str_eq(&c->type, &value[2]))
        {
            break;
        }
    }

    if (c->add == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name constraint \"%V %V\": \"permitted\" "
                           "or \"excluded\", and \"dns\" or \"ip\" are needed",
                           &value[1], &value[2]);
        return NGX_CONF_ERROR;
    }

    list = (ngx_array_t **) ((char *) &ca->issuer_plan.constraints
                             + c->offset);

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, cf->args->nelts, c->size);
        if (*list == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 3; i < cf->args->nelts; i++) {
        rv = c->add(cf, *list, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* a domain: it and all names below it */

static char *
ngx_http_acme_ca_constraint_dns(ngx_conf_t *cf, ngx_array_t *list,
    ngx_str_t *value)
{
    ngx_str_t             *name;
    acme_ca_identifier_t   identifier;

    name = ngx_array_push(list);
    if (name == NULL) {
        return NGX_CONF_ERROR;
    }

    if (acme_ca_identifier_from_dns(cf->pool, value->data, value->len,
                                    &identifier)
        != NGX_OK
        || identifier.wildcard)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name constraint \"%V\": a domain is "
                           "needed, which stands for all names below it, too",
                           value);
        return NGX_CONF_ERROR;
    }

    *name = identifier.value;

    return NGX_CONF_OK;
}


/* the next one has to be made as long before the end as it is shown */

char *
ngx_http_acme_ca_issuer_plan_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    time_t                     left;
    acme_ca_authority_t       *a;
    acme_ca_hierarchy_plan_t  *plan;

    a = &ca->authority;
    plan = &ca->issuer_plan;

    ngx_conf_init_uint_value(plan->kind, ACME_CA_KEY_EC_P256);
    ngx_conf_init_uint_value(plan->path_length, 0);
    ngx_conf_init_value(plan->root_life, 10 * NGX_HTTP_ACME_CA_YEAR);
    ngx_conf_init_value(plan->life, 5 * NGX_HTTP_ACME_CA_YEAR);

    left = plan->life * (time_t) a->issuer_rotate / 100;

    if (ca->issuer_files == NULL && a->issuer_rotate != 0
        && a->issuer_overlap > left)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "issuer_overlap is longer than what issuer_rotate "
                           "leaves of issuer_lifetime, %T seconds, in "
                           "authority \"%V\"", left, &a->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
