
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * caa: one mode for all names, and others for zones.
 */


#include "ngx_http_acme_ca_slots.h"


static acme_ca_caa_mode_e *ngx_http_acme_ca_caa_place(ngx_conf_t *cf,
    acme_ca_authority_t *a, ngx_str_t *value);


static const ngx_str_t  ngx_http_acme_ca_caa_modes[] = {
    ngx_string("off"),
    ngx_string("permissive"),
    ngx_string("strict")
};


/* caa off | permissive | strict [zone=NAME] */

char *
ngx_http_acme_ca_caa(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t           *value;
    ngx_uint_t           mode;
    acme_ca_caa_mode_e  *place;

    value = cf->args->elts;

    for (mode = 0; mode < ACME_CA_CAA_UNSET; mode++) {
        if (acme_ca_str_eq(&value[1], &ngx_http_acme_ca_caa_modes[mode])) {
            break;
        }
    }

    if (mode == ACME_CA_CAA_UNSET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": off, permissive or strict "
                           "is needed", &value[1]);
        return NGX_CONF_ERROR;
    }

    place = &ca->authority.caa;

    if (cf->args->nelts == 3) {
        place = ngx_http_acme_ca_caa_place(cf, &ca->authority, &value[2]);

        if (place == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (*place != ACME_CA_CAA_UNSET) {
        return "is duplicate";
    }

    *place = (acme_ca_caa_mode_e) mode;

    return NGX_CONF_OK;
}


/* NULL: said why */

static acme_ca_caa_mode_e *
ngx_http_acme_ca_caa_place(ngx_conf_t *cf, acme_ca_authority_t *a,
    ngx_str_t *value)
{
    ngx_str_t            zone;
    ngx_uint_t           i;
    acme_ca_caa_zone_t  *z;

    if (value->len <= 5 || ngx_strncmp(value->data, "zone=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           value);
        return NULL;
    }

    zone.data = value->data + 5;
    zone.len = value->len - 5;

    ngx_strlow(zone.data, zone.data, zone.len);

    if (!ngx_http_acme_ca_is_zone(&zone)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\": a domain name is needed",
                           &zone);
        return NULL;
    }

    if (a->caa_zones == NULL) {
        a->caa_zones = ngx_array_create(cf->pool, 2,
                                        sizeof(acme_ca_caa_zone_t));
        if (a->caa_zones == NULL) {
            return NULL;
        }
    }

    z = a->caa_zones->elts;

    for (i = 0; i < a->caa_zones->nelts; i++) {
        if (acme_ca_str_eq(&z[i].zone, &zone)) {
            return &z[i].mode;
        }
    }

    z = ngx_array_push(a->caa_zones);
    if (z == NULL) {
        return NULL;
    }

    z->zone = zone;
    z->mode = ACME_CA_CAA_UNSET;

    return &z->mode;
}


/*
 * Whoever names the authority in CAA records wants them obeyed; a name server
 * that cannot be reached is no such record.
 */

char *
ngx_http_acme_ca_caa_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_uint_t            i, wanted;
    acme_ca_caa_zone_t   *z;
    acme_ca_authority_t  *a;

    a = &ca->authority;
    a->loaded_at = ngx_time();

    if (a->caa == ACME_CA_CAA_UNSET) {
        a->caa = a->caa_identities ? ACME_CA_CAA_PERMISSIVE : ACME_CA_CAA_OFF;
    }

    wanted = a->caa != ACME_CA_CAA_OFF;

    if (a->caa_zones != NULL) {
        z = a->caa_zones->elts;

        for (i = 0; i < a->caa_zones->nelts; i++) {
            wanted |= z[i].mode != ACME_CA_CAA_OFF;
        }
    }

    if (wanted && a->caa_identities == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caa\" needs \"caa_identities\" in authority "
                           "\"%V\": the name that CAA records call it by",
                           &a->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
