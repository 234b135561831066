
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The block "rule": who may have what.  Its directives are a module of their
 * own.
 */


#include "ngx_http_acme_ca_slots.h"
#include "acme_ca_policy_rule.h"


static char *ngx_http_acme_ca_policy_action(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_acme_ca_policy_list(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_acme_ca_policy_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca,
    acme_ca_policy_rule_t *rule);
static char *ngx_http_acme_ca_policy_complain(ngx_conf_t *cf,
    acme_ca_policy_rule_t *rule, const char *what);


static ngx_command_t  ngx_http_acme_ca_rule_commands[] = {

    { ngx_string("account"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_1MORE,
      ngx_http_acme_ca_policy_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, accounts),
      NULL },

    { ngx_string("eab"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_1MORE,
      ngx_http_acme_ca_policy_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, eabs),
      NULL },

    { ngx_string("address"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_1MORE,
      ngx_http_acme_ca_policy_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, addresses),
      NULL },

    { ngx_string("client_certificate"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_1MORE,
      ngx_http_acme_ca_policy_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, certificates),
      NULL },

    { ngx_string("names"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_1MORE,
      ngx_http_acme_ca_policy_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, names),
      NULL },

    { ngx_string("ip"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_1MORE,
      ngx_http_acme_ca_policy_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, ips),
      NULL },

    { ngx_string("profiles"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_1MORE,
      ngx_http_acme_ca_policy_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, profiles),
      NULL },

    { ngx_string("wildcards"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, wildcards),
      NULL },

    { ngx_string("max_identifiers"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_policy_rule_t, max_identifiers),
      &ngx_http_acme_ca_identifiers_bounds },

    { ngx_string("allow"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_NOARGS,
      ngx_http_acme_ca_policy_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deny"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_NOARGS,
      ngx_http_acme_ca_policy_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("trust"),
      NGX_HTTP_ACME_CA_RULE|NGX_CONF_NOARGS,
      ngx_http_acme_ca_policy_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    ngx_null_command
};


static ngx_http_module_t  ngx_http_acme_ca_rule_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_acme_ca_rule_module = {
    NGX_MODULE_V1,
    &ngx_http_acme_ca_rule_module_ctx, /* module context */
    ngx_http_acme_ca_rule_commands,    /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


char *
ngx_http_acme_ca_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    char                   *rv;
    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_array_t            *rules;
    acme_ca_policy_rule_t  *rule;

    value = cf->args->elts;

    if (!ngx_http_acme_ca_is_name(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rule name \"%V\": it has 1 to 32 of "
                           "a-z, 0-9, \"-\", \"_\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    rules = ca->authority.named_rules;

    if (rules == NULL) {
        rules = ngx_array_create(cf->pool, 4, sizeof(acme_ca_policy_rule_t));
        if (rules == NULL) {
            return NGX_CONF_ERROR;
        }

        ca->authority.named_rules = rules;
    }

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (acme_ca_str_eq(&rule[i].name, &value[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate rule \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    rule = ngx_array_push(rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(rule, sizeof(acme_ca_policy_rule_t));

    rule->name = value[1];
    rule->wildcards = NGX_CONF_UNSET;
    rule->max_identifiers = NGX_CONF_UNSET_UINT;

    rv = ngx_http_acme_ca_block(cf, NGX_HTTP_ACME_CA_RULE, rule);

    return (rv == NGX_CONF_OK) ? ngx_http_acme_ca_policy_finish(cf, ca, rule)
                               : rv;
}


/* who is trusted, and with what, has to be said */

static char *
ngx_http_acme_ca_policy_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca,
    acme_ca_policy_rule_t *rule)
{
    ngx_conf_init_value(rule->wildcards, 1);
    ngx_conf_init_uint_value(rule->max_identifiers, 0);

    if (rule->action == ACME_CA_RULE_NONE) {
        return ngx_http_acme_ca_policy_complain(cf, rule,
                                                "allow, deny or trust");
    }

    if (rule->action != ACME_CA_RULE_TRUST) {
        return NGX_CONF_OK;
    }

    if (rule->accounts == NULL && rule->eabs == NULL
        && rule->addresses == NULL && rule->certificates == NULL)
    {
        return ngx_http_acme_ca_policy_complain(cf, rule,
                   "account, eab, address or client_certificate, as it trusts");
    }

    if (rule->names == NULL && rule->ips == NULL) {
        return ngx_http_acme_ca_policy_complain(cf, rule,
                                                "names or ip, as it trusts");
    }

    if (rule->wildcards) {
        ca->authority.wildcard = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_acme_ca_policy_complain(ngx_conf_t *cf, acme_ca_policy_rule_t *rule,
    const char *what)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "rule \"%V\" needs %s",
                       &rule->name, what);
    return NGX_CONF_ERROR;
}


/* allow; deny; trust; */

static char *
ngx_http_acme_ca_policy_action(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    acme_ca_policy_rule_t *rule = conf;

    if (rule->action != ACME_CA_RULE_NONE) {
        return "is not the first of allow, deny and trust";
    }

    rule->action = acme_ca_str_is(&cmd->name, "allow") ? ACME_CA_RULE_ALLOW
                   : acme_ca_str_is(&cmd->name, "deny") ? ACME_CA_RULE_DENY
                   : ACME_CA_RULE_TRUST;

    return NGX_CONF_OK;
}


/* words as they are, patterns of names, or ranges of addresses; more of a
   directive is more of the list */

static char *
ngx_http_acme_ca_policy_list(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char          *rv;
    ngx_str_t     *value, *word;
    ngx_uint_t     i, cidr, names;
    ngx_array_t  **list;

    list = (ngx_array_t **) ((char *) conf + cmd->offset);

    cidr = acme_ca_str_is(&cmd->name, "address")
           || acme_ca_str_is(&cmd->name, "ip");
    names = acme_ca_str_is(&cmd->name, "names");

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 4, cidr ? sizeof(ngx_cidr_t)
                                                   : sizeof(ngx_str_t));
        if (*list == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (cidr || names) {
            rv = cidr ? ngx_http_acme_ca_rule_cidr(cf, *list, &value[i])
                      : ngx_http_acme_ca_rule_dns(cf, *list, &value[i]);

            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (value[i].len == 0) {
            return "has an empty word";
        }

        word = ngx_array_push(*list);
        if (word == NULL) {
            return NGX_CONF_ERROR;
        }

        *word = value[i];
    }

    return NGX_CONF_OK;
}


/* profiles may stand after the rules that name them */

char *
ngx_http_acme_ca_policy_check(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_str_t              *name;
    ngx_uint_t              i, k;
    ngx_array_t            *rules;
    acme_ca_policy_rule_t  *rule;

    rules = ca->authority.named_rules;

    if (rules == NULL) {
        return NGX_CONF_OK;
    }

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {

        if (rule[i].profiles == NULL) {
            continue;
        }

        name = rule[i].profiles->elts;

        for (k = 0; k < rule[i].profiles->nelts; k++) {

            if (acme_ca_authority_profile(&ca->authority, &name[k]) == NULL) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "no profile \"%V\", which rule \"%V\" "
                                   "names", &name[k], &rule[i].name);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}
