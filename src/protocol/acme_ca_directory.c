
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The directory (RFC 8555, 7.1.1; draft-ietf-acme-profiles): the rows of the
 * route table that have a name there, and what is to be known beforehand.
 * "meta" is always there: some clients fail without.
 */


#include "acme_ca_protocol_private.h"


static void acme_ca_directory_meta(acme_ca_json_writer_t *w,
    acme_ca_authority_t *authority);
static void acme_ca_directory_profiles(acme_ca_json_writer_t *w,
    acme_ca_authority_t *authority);


ngx_int_t
acme_ca_directory_get(acme_ca_exchange_t *x)
{
    ngx_uint_t              i;
    const acme_ca_route_t  *route;
    acme_ca_json_writer_t   w;

    acme_ca_json_start(&w, x->ctx.pool, 512);
    acme_ca_json_open_object(&w, NULL);

    for (i = 0; i < ACME_CA_ROUTE_N; i++) {
        route = &acme_ca_routes[i];

        if (route->member && acme_ca_route_offered(route, x->authority)) {
            acme_ca_json_write_parts(&w, route->member, &x->request.base, "",
                                     (ngx_str_t *) &route->head);
        }
    }

    acme_ca_directory_meta(&w, x->authority);

    acme_ca_json_shut(&w);

    return acme_ca_reply_json(x, 200, &w);
}


static void
acme_ca_directory_meta(acme_ca_json_writer_t *w,
    acme_ca_authority_t *authority)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    acme_ca_json_open_object(w, "meta");

    if (authority->terms_of_service.len) {
        acme_ca_json_write_string(w, "termsOfService",
                                  &authority->terms_of_service);
    }

    if (authority->website.len) {
        acme_ca_json_write_string(w, "website", &authority->website);
    }

    if (authority->caa_identities) {
        acme_ca_json_open_array(w, "caaIdentities");

        name = authority->caa_identities->elts;

        for (i = 0; i < authority->caa_identities->nelts; i++) {
            acme_ca_json_write_string(w, NULL, &name[i]);
        }

        acme_ca_json_shut(w);
    }

    if (authority->eab == ACME_CA_EAB_REQUIRED) {
        acme_ca_json_write_boolean(w, "externalAccountRequired", 1);
    }

    if (authority->subdomain_authorization) {
        acme_ca_json_write_boolean(w, "subdomainAuthAllowed", 1);
    }

    if (authority->profiles_shown) {
        acme_ca_directory_profiles(w, authority);
    }

    acme_ca_json_shut(w);
}


static void
acme_ca_directory_profiles(acme_ca_json_writer_t *w,
    acme_ca_authority_t *authority)
{
    ngx_uint_t          i;
    acme_ca_profile_t  *profile;

    acme_ca_json_open_object(w, "profiles");

    profile = authority->profiles.elts;

    /* names come from nginx.conf: NUL terminated */

    for (i = 0; i < authority->profiles.nelts; i++) {
        acme_ca_json_write_string(w, (char *) profile[i].name.data,
                                  &profile[i].description);
    }

    acme_ca_json_shut(w);
}
