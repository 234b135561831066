
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a profile must not say: settings that contradict each other, and make
 * certificates that nobody could use.
 */


#include "ngx_http_acme_ca_slots.h"


static char *ngx_http_acme_ca_plain_url(ngx_conf_t *cf, void *post,
    void *data);


ngx_conf_post_t  ngx_http_acme_ca_plain_url_post = {
    ngx_http_acme_ca_plain_url
};


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


char *
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


/* when all of the authority was read */

char *
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
