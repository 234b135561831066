
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The block "profile": its directives, a module of their own, its defaults, and
 * what it must not say: settings that contradict each other, and make
 * certificates that nobody could use.
 */


#include "ngx_http_acme_ca_slots.h"


#define NGX_HTTP_ACME_CA_PROFILE_LIFETIME  (90 * 86400)


static void ngx_http_acme_ca_profile_unset(acme_ca_profile_t *profile);
static char *ngx_http_acme_ca_profile_finish(ngx_conf_t *cf,
    acme_ca_profile_t *profile);
static char *ngx_http_acme_ca_profile_check(ngx_conf_t *cf,
    const acme_ca_profile_t *profile);
static char *ngx_http_acme_ca_profiles_check(ngx_conf_t *cf,
    const acme_ca_authority_t *authority);
static char *ngx_http_acme_ca_plain_url(ngx_conf_t *cf, void *post,
    void *data);


ngx_conf_post_t  ngx_http_acme_ca_plain_url_post = {
    ngx_http_acme_ca_plain_url
};


static ngx_command_t  ngx_http_acme_ca_profile_commands[] = {

    { ngx_string("description"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, description),
      NULL },

    { ngx_string("lifetime"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, lifetime),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("backdate"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, backdate),
      NULL },

    { ngx_string("key_types"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, key_types),
      &ngx_http_acme_ca_key_type_words },

    { ngx_string("extended_key_usage"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, eku),
      &ngx_http_acme_ca_eku_words },

    { ngx_string("common_name"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, common_name),
      &ngx_http_acme_ca_common_name_words },

    { ngx_string("must_staple"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, must_staple),
      &ngx_http_acme_ca_staple_words },

    { ngx_string("crl_url"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, crl_url),
      &ngx_http_acme_ca_plain_url_post },

    { ngx_string("ocsp_url"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, ocsp_url),
      &ngx_http_acme_ca_plain_url_post },

    { ngx_string("issuer_url"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, issuer_url),
      &ngx_http_acme_ca_plain_url_post },

    { ngx_string("no_rev_avail"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, no_rev_avail),
      NULL },

    { ngx_string("max_identifiers"),
      NGX_HTTP_ACME_CA_PROFILE|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(acme_ca_profile_t, max_identifiers),
      &ngx_http_acme_ca_identifiers_bounds },

    ngx_null_command
};


static ngx_http_module_t  ngx_http_acme_ca_profile_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_acme_ca_profile_module = {
    NGX_MODULE_V1,
    &ngx_http_acme_ca_profile_module_ctx,/* module context */
    ngx_http_acme_ca_profile_commands, /* module directives */
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
ngx_http_acme_ca_profile(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    char               *rv;
    ngx_str_t          *value;
    ngx_uint_t          i;
    acme_ca_profile_t  *profile;

    value = cf->args->elts;

    if (!ngx_http_acme_ca_is_name(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid profile name \"%V\": it has 1 to 32 of "
                           "a-z, 0-9, \"-\", \"_\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    profile = ca->authority.profiles.elts;

    for (i = 0; i < ca->authority.profiles.nelts; i++) {
        if (acme_ca_str_eq(&profile[i].name, &value[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate profile \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    profile = ngx_array_push(&ca->authority.profiles);
    if (profile == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_http_acme_ca_profile_unset(profile);

    profile->name = value[1];
    ca->authority.profiles_shown = 1;

    rv = ngx_http_acme_ca_block(cf, NGX_HTTP_ACME_CA_PROFILE, profile);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_acme_ca_profile_finish(cf, profile);
}


static void
ngx_http_acme_ca_profile_unset(acme_ca_profile_t *profile)
{
    ngx_memzero(profile, sizeof(acme_ca_profile_t));

    profile->lifetime = NGX_CONF_UNSET;
    profile->backdate = NGX_CONF_UNSET;
    profile->common_name = NGX_CONF_UNSET_UINT;
    profile->must_staple = NGX_CONF_UNSET_UINT;
    profile->no_rev_avail = NGX_CONF_UNSET;
    profile->max_identifiers = NGX_CONF_UNSET_UINT;
}


static char *
ngx_http_acme_ca_profile_finish(ngx_conf_t *cf, acme_ca_profile_t *profile)
{
    ngx_conf_init_value(profile->lifetime, NGX_HTTP_ACME_CA_PROFILE_LIFETIME);
    ngx_conf_init_uint_value(profile->common_name, ACME_CA_CN_NONE);
    ngx_conf_init_uint_value(profile->must_staple, ACME_CA_STAPLE_OFF);
    ngx_conf_init_value(profile->no_rev_avail, 0);
    ngx_conf_init_uint_value(profile->max_identifiers, 0);

    /* clocks differ: an hour, but not much of a short life */

    ngx_conf_init_value(profile->backdate,
                        ngx_min(3600, profile->lifetime / 10));

    if (profile->key_types == 0) {
        profile->key_types = ACME_CA_KEY_ANY;
    }

    if (profile->eku == 0) {
        profile->eku = ACME_CA_EKU_SERVER;
    }

    return ngx_http_acme_ca_profile_check(cf, profile);
}


static char *
ngx_http_acme_ca_profile_check(ngx_conf_t *cf,
    const acme_ca_profile_t *profile)
{
    const char  *fault;

    fault = NULL;

    if (profile->backdate >= profile->lifetime) {
        fault = "backdate is not less than lifetime";

    } else if (profile->no_rev_avail
               && (profile->crl_url.len || profile->ocsp_url.len))
    {
        fault = "no_rev_avail excludes crl_url and ocsp_url";

    } else if (profile->no_rev_avail
               && profile->must_staple != ACME_CA_STAPLE_OFF)
    {
        fault = "no_rev_avail excludes must_staple";

    } else if (profile->must_staple != ACME_CA_STAPLE_OFF
               && profile->ocsp_url.len == 0)
    {
        fault = "must_staple needs an ocsp_url";
    }

    if (fault == NULL) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "in profile \"%V\": %s",
                       &profile->name, fault);

    return NGX_CONF_ERROR;
}


/* the one of default_profile, or the first, or one that nobody had to write */

char *
ngx_http_acme_ca_profiles_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    acme_ca_profile_t    *profile;
    acme_ca_authority_t  *a;

    a = &ca->authority;

    if (a->profiles.nelts == 0) {

        profile = ngx_array_push(&a->profiles);
        if (profile == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_http_acme_ca_profile_unset(profile);
        ngx_str_set(&profile->name, "default");

        if (ngx_http_acme_ca_profile_finish(cf, profile) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_acme_ca_profiles_check(cf, a) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    a->default_profile = a->profiles.elts;

    if (ca->profile_name.len == 0) {
        return NGX_CONF_OK;
    }

    profile = acme_ca_authority_profile(a, &ca->profile_name);

    if (profile == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no profile \"%V\" in authority \"%V\"",
                           &ca->profile_name, &a->name);
        return NGX_CONF_ERROR;
    }

    a->default_profile = profile;

    return NGX_CONF_OK;
}


/* when all of the authority was read */

static char *
ngx_http_acme_ca_profiles_check(ngx_conf_t *cf,
    const acme_ca_authority_t *authority)
{
    ngx_uint_t          i;
    acme_ca_profile_t  *profile;

    profile = authority->profiles.elts;

    for (i = 0; i < authority->profiles.nelts; i++) {

        if (profile[i].max_identifiers > authority->max_identifiers) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "max_identifiers of profile \"%V\" exceeds "
                               "the authority's of %ui", &profile[i].name,
                               authority->max_identifiers);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* RFC 5280, 8: to ask an https URL a certificate has to be verified first */

static char *
ngx_http_acme_ca_plain_url(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *url = data;

    if (ngx_http_acme_ca_url_post.post_handler(cf, post, data) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strncmp(url->data, "https://", 8) == 0) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" is in certificates: many clients do not "
                           "follow https there", url);
    }

    return NGX_CONF_OK;
}
