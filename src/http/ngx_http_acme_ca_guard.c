
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


/* whose rules have to be closed: IPv4, and IPv6 where nginx has it */
#if (NGX_HAVE_INET6)
#define NGX_HTTP_ACME_CA_GUARD_FAMILIES  2
#else
#define NGX_HTTP_ACME_CA_GUARD_FAMILIES  1
#endif


typedef struct {
    const char   *module;
    ngx_uint_t    guard;
    ngx_uint_t  (*closes)(void *conf);
} ngx_http_acme_ca_guard_t;


static ngx_int_t ngx_http_acme_ca_admin_setup(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);
static ngx_uint_t ngx_http_acme_ca_guard_access(void *conf);
static ngx_uint_t ngx_http_acme_ca_guard_opens(void *conf);
static ngx_int_t ngx_http_acme_ca_guard_rest(void *conf, ngx_uint_t family);
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
                          "\"deny all\", \"auth_basic\", \"auth_request\" or "
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
    void                            *conf;
    ngx_uint_t                       i, k, n, guards, any;
    ngx_module_t                    *module;
    ngx_http_core_loc_conf_t        *clcf;
    const ngx_http_acme_ca_guard_t  *guard;

    n = sizeof(ngx_http_acme_ca_guard_modules)
        / sizeof(ngx_http_acme_ca_guard_modules[0]);

    clcf = place->loc_conf[ngx_http_core_module.ctx_index];
    any = (clcf->satisfy == NGX_HTTP_SATISFY_ANY);

    guards = ngx_http_acme_ca_guard_tls(place->srv_conf);

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (module->type != NGX_HTTP_MODULE) {
            continue;
        }

        for (k = 0; k < n; k++) {
            guard = &ngx_http_acme_ca_guard_modules[k];
            conf = place->loc_conf[module->ctx_index];

            if (ngx_strcmp(module->name, guard->module) != 0) {
                continue;
            }

            if (guard->closes(conf)) {
                guards |= guard->guard;

            } else if (any && guard->guard == NGX_HTTP_ACME_CA_GUARD_ACCESS
                       && ngx_http_acme_ca_guard_opens(conf))
            {
                return ngx_http_acme_ca_guard_tls(place->srv_conf);
            }
        }
    }

    return guards;
}


/*
 * Lists of rules of IPv4, IPv6 and unix sockets; the last word of a rule says
 * that it denies, those before it are zero where it is for all.  The first rule
 * for all decides about whom no rule before it named: where it does not deny,
 * strangers come in.  A unix socket is closed by the mode of its file.
 */

static ngx_uint_t
ngx_http_acme_ca_guard_access(void *conf)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ACME_CA_GUARD_FAMILIES; i++) {
        if (ngx_http_acme_ca_guard_rest(conf, i) != 1) {
            return 0;
        }
    }

    return 1;
}


/* with "satisfy any" it is enough that one of the lists lets all in */

static ngx_uint_t
ngx_http_acme_ca_guard_opens(void *conf)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ACME_CA_GUARD_FAMILIES; i++) {
        if (ngx_http_acme_ca_guard_rest(conf, i) == 0) {
            return 1;
        }
    }

    return 0;
}


/* what the first rule for all says: 1 denies, 0 allows; -1: there is none */

static ngx_int_t
ngx_http_acme_ca_guard_rest(void *conf, ngx_uint_t family)
{
    ngx_array_t **list = conf;

    size_t       size;
    u_char      *rule;
    ngx_uint_t   k, n, deny;

    if (list[family] == NULL) {
        return -1;
    }

    rule = list[family]->elts;
    size = list[family]->size;

    for (k = 0; k < list[family]->nelts; k++, rule += size) {

        for (n = 0; n < size - sizeof(ngx_uint_t) && rule[n] == 0; n++) {
            /* void */
        }

        if (n == size - sizeof(ngx_uint_t)) {
            ngx_memcpy(&deny, rule + n, sizeof(ngx_uint_t));
            return deny ? 1 : 0;
        }
    }

    return -1;
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
