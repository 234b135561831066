
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Look-ups in an authority's settings.  The settings are read only here.
 */


#include "acme_ca_authority.h"
#include "acme_ca_text.h"


const ngx_str_t  acme_ca_limit_names[ACME_CA_LIMIT_N] = {
    ngx_string("new_accounts"),
    ngx_string("new_orders"),
    ngx_string("failed_validations"),
    ngx_string("certificates")
};


const ngx_str_t  acme_ca_issuer_states[ACME_CA_ISSUER_STATE_N] = {
    ngx_null_string,
    ngx_string("next"),
    ngx_string("active"),
    ngx_string("retired"),
    ngx_string("compromised")
};


acme_ca_profile_t *
acme_ca_authority_profile(const acme_ca_authority_t *authority,
    const ngx_str_t *name)
{
    ngx_uint_t          i;
    acme_ca_profile_t  *profile;

    if (name->len == 0) {
        return authority->default_profile;
    }

    profile = authority->profiles.elts;

    for (i = 0; i < authority->profiles.nelts; i++) {
        if (acme_ca_str_eq(&profile[i].name, name)) {
            return &profile[i];
        }
    }

    return NULL;
}
