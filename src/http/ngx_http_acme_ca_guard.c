
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The directive acme_ca_admin, and what keeps strangers out of its location:
 * nginx's own modules, whose settings are looked at when all of the
 * configuration was read.
 *
 * nginx has no interface to ask for them.  The settings of these modules begin
 * as said below since they exist, and no other byte of theirs is read.
 */


#include "ngx_http_acme_ca_slots.h"


typedef struct {
    const char   *module;
    ngx_uint_t    guard;
    ngx_uint_t  (*closes)(void *conf);
} ngx_http_acme_ca_guard_t;


static ngx_int_t ngx_http_acme_ca_admin_setup(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);
static ngx_uint_t ngx_http_acme_ca_guard_access(void *conf);
static ngx_uint_t ngx_http_acme_ca_guard_basic(void *conf);
static ngx_uint_t ngx_http_acme_ca_guard_request(void *conf);
static ngx_uint_t ngx_http_acme_ca_guard_tls(void **srv_conf);
static ngx_uint_t ngx_http_acme_ca_guards(ngx_conf_t *cf,
    ngx_http_acme_ca_admin_place_t *place);


static const ngx_http_acme_ca_guard_t  ngx_http_acme_ca_guard_modules[] = {

    { "ngx_http_access_module", NGX_HTTP_ACME_CA_GUARD_ACCESS,
      ngx_http_acme_ca_guard_access },

    { "ngx_http_auth_basic_module", NGX_HTTP_ACME_CA_GUARD_BASIC,
      ngx_http_acme_ca_guard_basic },

    { "ngx_http_auth_request_module", NGX_HTTP_ACME_CA_GUARD_REQUEST,
      ngx_http_acme_ca_guard_request }
};


ngx_http_acme_ca_service_t  ngx_http_acme_ca_admin_service = {
    ngx_http_acme_ca_admin_handler,
    ngx_http_acme_ca_admin_setup
};


/* acme_ca_admin NAME [read | full] [open] */

char *
ngx_http_acme_ca_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_acme_ca_loc_conf_t *alcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (acme_ca_str_is(&value[i], "full") && i == 2) {
            alcf->full = 1;

        } else if (acme_ca_str_is(&value[i], "open")
                   && i == cf->args->nelts - 1)
        {
            alcf->open = 1;

        } else if (i != 2 || !acme_ca_str_is(&value[i], "read")) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": after the name come "
                               "\"read\" or \"full\" and \"open\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_acme_ca_location(cf, cmd, conf);
}


/* settings of other modules are merged before or after ours: not now */

static ngx_int_t
ngx_http_acme_ca_admin_setup(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_http_conf_ctx_t             *ctx;
    ngx_http_acme_ca_main_conf_t    *amcf;
    ngx_http_acme_ca_admin_place_t  *place;

    ca->counted = 1;

    ctx = cf->ctx;
    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_acme_ca_module);

    place = ngx_array_push(&amcf->admins);
    if (place == NULL) {
        return NGX_ERROR;
    }

    place->alcf = ngx_http_conf_get_module_loc_conf(cf,
                                                    ngx_http_acme_ca_module);
    place->srv_conf = ctx->srv_conf;
    place->loc_conf = ctx->loc_conf;

    return ngx_http_acme_ca_limits(cf);
}


ngx_int_t
ngx_http_acme_ca_guard_check(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_acme_ca_loc_conf_t     *alcf;
    ngx_http_acme_ca_main_conf_t    *amcf;
    ngx_http_acme_ca_admin_place_t  *place;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_acme_ca_module);

    place = amcf->admins.elts;

    for (i = 0; i < amcf->admins.nelts; i++) {
        alcf = place[i].alcf;

        alcf->guards = ngx_http_acme_ca_guards(cf, &place[i]);

        if (alcf->guards == 0 && !alcf->open) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "acme_ca_admin is open to everybody: it needs "
                          "\"deny\", \"auth_basic\", \"auth_request\" or "
                          "\"ssl_verify_client on\", or the word \"open\" if "
                          "something else guards it, in %s:%ui",
                          alcf->file_name, alcf->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_acme_ca_guards(ngx_conf_t *cf, ngx_http_acme_ca_admin_place_t *place)
{
    ngx_uint_t                       i, k, n, guards;
    ngx_module_t                    *module;
    const ngx_http_acme_ca_guard_t  *guard;

    n = sizeof(ngx_http_acme_ca_guard_modules)
        / sizeof(ngx_http_acme_ca_guard_modules[0]);

    guards = ngx_http_acme_ca_guard_tls(place->srv_conf);

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (module->type != NGX_HTTP_MODULE) {
            continue;
        }

        for (k = 0; k < n; k++) {
            guard = &ngx_http_acme_ca_guard_modules[k];

            if (ngx_strcmp(module->name, guard->module) == 0
                && guard->closes(place->loc_conf[module->ctx_index]))
            {
                guards |= guard->guard;
            }
        }
    }

    return guards;
}


/*
 * Lists of rules of IPv4, IPv6 and unix sockets; the last word of a rule says
 * that it denies.  Where nothing is denied all may come.
 */

static ngx_uint_t
ngx_http_acme_ca_guard_access(void *conf)
{
    ngx_array_t **list = conf;

    u_char      *rule;
    ngx_uint_t   i, k, n, deny;

    n = 1;

#if (NGX_HAVE_INET6)
    n++;
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    n++;
#endif

    for (i = 0; i < n; i++) {

        if (list[i] == NULL) {
            continue;
        }

        rule = list[i]->elts;

        for (k = 0; k < list[i]->nelts; k++) {
            rule += list[i]->size;

            ngx_memcpy(&deny, rule - sizeof(ngx_uint_t), sizeof(ngx_uint_t));

            if (deny) {
                return 1;
            }
        }
    }

    return 0;
}


/* the realm, and then the file of users, of which both are needed */

static ngx_uint_t
ngx_http_acme_ca_guard_basic(void *conf)
{
    void **word = conf;

    ngx_http_complex_value_t  *realm;

    realm = word[0];

    return realm != NULL && word[1] != NULL
           && !acme_ca_str_is(&realm->value, "off");
}


/* the URI that is asked */

static ngx_uint_t
ngx_http_acme_ca_guard_request(void *conf)
{
    ngx_str_t *uri = conf;

    return uri->len != 0;
}


/* "optional" lets everybody in */

static ngx_uint_t
ngx_http_acme_ca_guard_tls(void **srv_conf)
{
#if (NGX_HTTP_SSL)
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = srv_conf[ngx_http_ssl_module.ctx_index];

    if (sscf->verify == 1) {
        return NGX_HTTP_ACME_CA_GUARD_TLS;
    }
#endif

    return 0;
}
