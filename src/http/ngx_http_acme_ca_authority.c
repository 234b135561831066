
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The block "acme_ca_authority": its defaults, and what can be checked when all
 * of it was read.
 */


#include "ngx_http_acme_ca_slots.h"


/* keeps every authority in a folder of its own */
#define NGX_HTTP_ACME_CA_PATH       "/var/lib/nginx/acme-ca/"
#define NGX_HTTP_ACME_CA_DATABASE   "ca.db"

#define NGX_HTTP_ACME_CA_DAY        86400


static char *ngx_http_acme_ca_paths(ngx_conf_t *cf, ngx_acme_ca_t *ca);
static ngx_uint_t ngx_http_acme_ca_same_folder(const ngx_str_t *one,
    const ngx_str_t *two);
static char *ngx_http_acme_ca_challenges(ngx_conf_t *cf, ngx_acme_ca_t *ca);
static ngx_int_t ngx_http_acme_ca_port(ngx_conf_t *cf, ngx_array_t **ports,
    in_port_t value);


ngx_acme_ca_t *
ngx_http_acme_ca_authority_find(ngx_http_acme_ca_main_conf_t *amcf,
    ngx_str_t *name)
{
    ngx_uint_t       i;
    ngx_acme_ca_t  **ca;

    ca = amcf->authorities.elts;

    for (i = 0; i < amcf->authorities.nelts; i++) {
        if (acme_ca_str_eq(&ca[i]->authority.name, name)) {
            return ca[i];
        }
    }

    return NULL;
}


ngx_acme_ca_t *
ngx_http_acme_ca_authority_create(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_acme_ca_t                 *ca, **slot;
    acme_ca_authority_t           *a;
    ngx_http_acme_ca_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_acme_ca_module);

    ca = ngx_pcalloc(cf->pool, sizeof(ngx_acme_ca_t));
    if (ca == NULL) {
        return NULL;
    }

    slot = ngx_array_push(&amcf->authorities);
    if (slot == NULL) {
        return NULL;
    }

    *slot = ca;

    ca->pool = cf->pool;
    ca->file_name = cf->conf_file->file.name.data;
    ca->line = cf->conf_file->line;
    ca->hostname = cf->cycle->hostname;
    ca->zone_size = NGX_CONF_UNSET_SIZE;
    ca->nonce_lifetime = NGX_CONF_UNSET;
    ca->dns_require_ad = NGX_CONF_UNSET;
    ca->issuer_plan.kind = NGX_CONF_UNSET_UINT;
    ca->issuer_plan.path_length = NGX_CONF_UNSET_UINT;
    ca->issuer_plan.root_life = NGX_CONF_UNSET;
    ca->issuer_plan.life = NGX_CONF_UNSET;
    ca->ocsp_lifetime = NGX_CONF_UNSET;
    ca->crl_lifetime = NGX_CONF_UNSET;
    ca->crl_overlap = NGX_CONF_UNSET;
    ca->crl_interval = NGX_CONF_UNSET;
    ca->crl_root_lifetime = NGX_CONF_UNSET;
    ca->crl_shards = NGX_CONF_UNSET_UINT;

    a = &ca->authority;

    a->name = *name;
    a->eab = NGX_CONF_UNSET_UINT;
    a->max_identifiers = NGX_CONF_UNSET_UINT;
    a->renewal_info = NGX_CONF_UNSET;
    a->renewal_retry_after = NGX_CONF_UNSET;
    a->pre_authorization = NGX_CONF_UNSET;
    a->subdomain_authorization = NGX_CONF_UNSET;
    a->authz_reuse = NGX_CONF_UNSET;
    a->issuer_rotate = NGX_CONF_UNSET_UINT;
    a->issuer_overlap = NGX_CONF_UNSET;
    a->caa = ACME_CA_CAA_UNSET;
    a->order_lifetime = NGX_CONF_UNSET;
    a->authz_lifetime = NGX_CONF_UNSET;
    a->retention = NGX_CONF_UNSET;
    a->validation_timeout = NGX_CONF_UNSET_MSEC;
    a->validation_deadline = NGX_CONF_UNSET;
    a->validation_attempts = NGX_CONF_UNSET_UINT;
    a->validation_concurrency = NGX_CONF_UNSET_UINT;

    if (ngx_array_init(&a->profiles, cf->pool, 2, sizeof(acme_ca_profile_t))
        != NGX_OK)
    {
        return NULL;
    }

    return ca;
}


char *
ngx_http_acme_ca_authority_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    acme_ca_authority_t  *a;

    a = &ca->authority;

    ngx_conf_init_size_value(ca->zone_size, 1024 * 1024);
    ngx_conf_init_value(ca->nonce_lifetime, 3600);
    ngx_conf_init_value(ca->ocsp_lifetime, NGX_HTTP_ACME_CA_DAY);
    ngx_conf_init_value(ca->dns_require_ad, 0);

    ngx_conf_init_uint_value(a->eab, ACME_CA_EAB_OFF);
    ngx_conf_init_uint_value(a->max_identifiers, 100);
    ngx_conf_init_value(a->renewal_info, 1);
    ngx_conf_init_value(a->renewal_retry_after, 6 * 3600);
    ngx_conf_init_value(a->pre_authorization, 0);
    ngx_conf_init_value(a->subdomain_authorization, 0);
    ngx_conf_init_value(a->authz_reuse, 1);
    ngx_conf_init_uint_value(a->issuer_rotate, 50);
    ngx_conf_init_value(a->issuer_overlap, 30 * NGX_HTTP_ACME_CA_DAY);
    ngx_conf_init_value(a->order_lifetime, 7 * NGX_HTTP_ACME_CA_DAY);
    ngx_conf_init_value(a->authz_lifetime, 30 * NGX_HTTP_ACME_CA_DAY);
    ngx_conf_init_value(a->retention, 30 * NGX_HTTP_ACME_CA_DAY);
    ngx_conf_init_msec_value(a->validation_timeout, 10000);
    ngx_conf_init_value(a->validation_deadline, 30);
    ngx_conf_init_uint_value(a->validation_attempts, 3);
    ngx_conf_init_uint_value(a->validation_concurrency, 100);

    if (a->contact_max == 0) {
        a->contact_max = 10;
    }

    ngx_http_acme_ca_audit_finish(ca);

    if (a->pre_authorization && !a->authz_reuse) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "pre_authorization needs authorization_reuse in "
                           "authority \"%V\"", &a->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_acme_ca_port(cf, &a->http_01_ports, 80) != NGX_OK
        || ngx_http_acme_ca_port(cf, &a->tls_alpn_01_ports, 443) != NGX_OK
        || ngx_http_acme_ca_challenges(cf, ca) != NGX_CONF_OK
        || ngx_http_acme_ca_issuer_plan_finish(cf, ca) != NGX_CONF_OK
        || ngx_http_acme_ca_caa_finish(cf, ca) != NGX_CONF_OK
        || ngx_http_acme_ca_signer_finish(cf, ca) != NGX_CONF_OK
        || ngx_http_acme_ca_event_finish(cf, ca) != NGX_CONF_OK
        || ngx_http_acme_ca_crl_finish(cf, ca) != NGX_CONF_OK
        || ngx_http_acme_ca_terms_check(cf, a) != NGX_CONF_OK
        || ngx_http_acme_ca_paths(cf, ca) != NGX_CONF_OK
        || ngx_http_acme_ca_profiles_finish(cf, ca) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_acme_ca_policy_check(cf, ca);
}


char *
ngx_http_acme_ca_authority(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_acme_ca_main_conf_t *amcf = conf;

    char           *rv;
    ngx_str_t      *value;
    ngx_acme_ca_t  *ca;

    value = cf->args->elts;

    if (!ngx_http_acme_ca_is_name(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid authority name \"%V\": it has 1 to 32 of "
                           "a-z, 0-9, \"-\", \"_\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_acme_ca_authority_find(amcf, &value[1]) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate authority \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    ca = ngx_http_acme_ca_authority_create(cf, &value[1]);
    if (ca == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_acme_ca_block(cf, NGX_HTTP_ACME_CA_AUTHORITY, ca);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_acme_ca_authority_finish(cf, ca);
}


char *
ngx_http_acme_ca_block(ngx_conf_t *cf, ngx_uint_t type, void *conf)
{
    char                 *rv;
    ngx_uint_t            i;
    ngx_conf_t            save;
    ngx_http_conf_ctx_t   ctx, *outer;

    outer = cf->ctx;

    ctx = *outer;
    ctx.loc_conf = ngx_palloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    if (ctx.loc_conf == NULL) {
        return NGX_CONF_ERROR;
    }

    /* whichever module of ours a directive belongs to */

    for (i = 0; i < ngx_http_max_module; i++) {
        ctx.loc_conf[i] = conf;
    }

    save = *cf;

    cf->ctx = &ctx;
    cf->cmd_type = type;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


ngx_uint_t
ngx_http_acme_ca_is_name(const ngx_str_t *name)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9')
            && ch != '-' && ch != '_')
        {
            return 0;
        }
    }

    return i >= 1 && i <= 32;
}


/* one that is there may have several names */

static ngx_uint_t
ngx_http_acme_ca_same_folder(const ngx_str_t *one, const ngx_str_t *two)
{
    ngx_file_info_t  a, b;

    return acme_ca_str_eq(one, two)
           || (ngx_file_info(one->data, &a) != NGX_FILE_ERROR
               && ngx_file_info(two->data, &b) != NGX_FILE_ERROR
               && ngx_file_uniq(&a) == ngx_file_uniq(&b)
               && a.st_dev == b.st_dev);
}


static char *
ngx_http_acme_ca_paths(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_uint_t                     i;
    acme_ca_authority_t           *a;
    ngx_acme_ca_t                **other;
    ngx_http_acme_ca_main_conf_t  *amcf;

    a = &ca->authority;

    if (a->path.len == 0
        && acme_ca_format(cf->pool, &a->path,
                          sizeof(NGX_HTTP_ACME_CA_PATH) + a->name.len + 1,
                          NGX_HTTP_ACME_CA_PATH "%V", &a->name)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* one database has one authority */

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_acme_ca_module);
    other = amcf->authorities.elts;

    for (i = 0; i < amcf->authorities.nelts; i++) {

        if (other[i] != ca
            && ngx_http_acme_ca_same_folder(&other[i]->authority.path,
                                            &a->path))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "path \"%V\" is that of authority \"%V\"",
                               &a->path, &other[i]->authority.name);
            return NGX_CONF_ERROR;
        }
    }

    if (acme_ca_format(cf->pool, &a->database, a->path.len + 16, "%V/%s",
                       &a->path, NGX_HTTP_ACME_CA_DATABASE)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_acme_ca_challenges(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_str_t            *name;
    ngx_uint_t            i, n;
    acme_ca_authority_t  *a;

    a = &ca->authority;

    if (a->challenges == 0) {
        a->challenges = 1 << ACME_CA_HTTP_01 | 1 << ACME_CA_TLS_ALPN_01
                        | 1 << ACME_CA_DNS_01;
    }

    for (i = 0; i < ACME_CA_CHALLENGE_TYPE_N; i++) {
        if ((a->challenges & ((ngx_uint_t) 1 << i)) != 0
            && acme_ca_challenge_kinds[i].wildcard)
        {
            a->wildcard = 1;
        }
    }

    if ((a->challenges & 1 << ACME_CA_DNS_PERSIST_01) == 0) {
        return NGX_CONF_OK;
    }

    n = a->caa_identities ? a->caa_identities->nelts : 0;

    if (n == 0 || n > ACME_CA_DNS_PERSIST_ISSUERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"dns-persist-01\" in authority \"%V\" needs "
                           "\"caa_identities\" with 1 to %d names",
                           &a->name, ACME_CA_DNS_PERSIST_ISSUERS);
        return NGX_CONF_ERROR;
    }

    name = a->caa_identities->elts;

    for (i = 0; i < n; i++) {
        ngx_strlow(name[i].data, name[i].data, name[i].len);

        if (!ngx_http_acme_ca_is_zone(&name[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"dns-persist-01\" in authority \"%V\" needs "
                               "domain names as \"caa_identities\", \"%V\" is "
                               "none", &a->name, &name[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_acme_ca_port(ngx_conf_t *cf, ngx_array_t **ports, in_port_t value)
{
    in_port_t  *port;

    if (*ports != NULL) {
        return NGX_OK;
    }

    *ports = ngx_array_create(cf->pool, 1, sizeof(in_port_t));
    if (*ports == NULL) {
        return NGX_ERROR;
    }

    port = ngx_array_push(*ports);
    if (port == NULL) {
        return NGX_ERROR;
    }

    *port = value;

    return NGX_OK;
}
