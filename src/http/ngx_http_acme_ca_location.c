
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a location with acme_ca or a service beside it gets: its authority, and
 * for ACME the limits that nginx enforces before us.
 */


#include "ngx_http_acme_ca_slots.h"


static void ngx_http_acme_ca_inherit(ngx_conf_t *cf,
    ngx_http_acme_ca_loc_conf_t *prev, ngx_http_acme_ca_loc_conf_t *conf);
static ngx_int_t ngx_http_acme_ca_server_names(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);


void *
ngx_http_acme_ca_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_acme_ca_main_conf_t  *amcf;

    amcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_acme_ca_main_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&amcf->authorities, cf->pool, 2,
                       sizeof(ngx_acme_ca_t *))
        != NGX_OK
        || ngx_array_init(&amcf->admins, cf->pool, 2,
                          sizeof(ngx_http_acme_ca_admin_place_t))
           != NGX_OK
        || ngx_http_acme_ca_reload_watch(cf, amcf) != NGX_OK)
    {
        return NULL;
    }

    return amcf;
}


void *
ngx_http_acme_ca_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_acme_ca_srv_conf_t));
}


void *
ngx_http_acme_ca_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_acme_ca_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_acme_ca_loc_conf_t));

    if (conf != NULL) {
        conf->client_check = NGX_CONF_UNSET;
    }

    return conf;
}


/*
 * Here the whole of http {} has been read: names of authorities are resolved,
 * and what the location needs of nginx is set.
 */

char *
ngx_http_acme_ca_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_acme_ca_loc_conf_t *prev = parent;
    ngx_http_acme_ca_loc_conf_t *conf = child;

    ngx_acme_ca_t                 *ca;
    ngx_http_conf_ctx_t           *ctx;
    ngx_http_core_srv_conf_t      *cscf;
    ngx_http_acme_ca_srv_conf_t   *ascf;
    ngx_http_acme_ca_main_conf_t  *amcf;

    ngx_conf_merge_value(conf->client_check, prev->client_check, 0);

    ngx_http_acme_ca_inherit(cf, prev, conf);

    if (conf->name.len == 0) {
        return NGX_CONF_OK;
    }

    ctx = cf->ctx;
    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_acme_ca_module);
    ascf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_acme_ca_module);
    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    ca = ngx_http_acme_ca_authority_find(amcf, &conf->name);

    if (ca == NULL && acme_ca_str_is(&conf->name, "default")) {

        ca = ngx_http_acme_ca_authority_create(cf, &conf->name);
        if (ca == NULL) {
            return NGX_CONF_ERROR;
        }

        ca->file_name = conf->file_name;
        ca->line = conf->line;

        if (ngx_http_acme_ca_authority_finish(cf, ca) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ca == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "acme_ca: no authority \"%V\" in %s:%ui",
                      &conf->name, conf->file_name, conf->line);
        return NGX_CONF_ERROR;
    }

    conf->ca = ca;
    ca->used = 1;

    if (ascf->ca == NULL) {
        ascf->ca = ca;
    }

    if (ca->fetch == NULL) {
        ca->fetch = ngx_acme_ca_fetch_conf_create(cf, cscf->ctx,
                                                  ctx->loc_conf);
        if (ca->fetch == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (conf->service != NULL) {
        return (conf->service->setup == NULL
                || conf->service->setup(cf, ca) == NGX_OK)
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (ngx_http_acme_ca_limits(cf) != NGX_OK
        || ngx_http_acme_ca_server_names(cf, ca) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * "if" and "limit_except" within a location are locations to nginx, and the
 * request is served by ours all the same.
 */

static void
ngx_http_acme_ca_inherit(ngx_conf_t *cf, ngx_http_acme_ca_loc_conf_t *prev,
    ngx_http_acme_ca_loc_conf_t *conf)
{
    ngx_flag_t                 check;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname || conf->name.len != 0 || prev->name.len == 0) {
        return;
    }

    check = conf->client_check;
    *conf = *prev;
    conf->client_check = check;

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = (conf->service != NULL) ? conf->service->handler
                                                : ngx_http_acme_ca_handler;
    }
}


/* nginx refuses what is too large before it reads it */

ngx_int_t
ngx_http_acme_ca_limits(ngx_conf_t *cf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->client_max_body_size == 0
        || clcf->client_max_body_size > NGX_HTTP_ACME_CA_BODY)
    {
        clcf->client_max_body_size = NGX_HTTP_ACME_CA_BODY;
    }

    clcf->client_body_buffer_size = ngx_max(clcf->client_body_buffer_size,
                                            NGX_HTTP_ACME_CA_BODY);

    return ngx_http_acme_ca_fault_pages(cf, clcf);
}


static ngx_int_t
ngx_http_acme_ca_server_names(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_str_t                 *name;
    ngx_uint_t                 i;
    ngx_http_server_name_t    *names;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    names = cscf->server_names.elts;

    if (ca->server_names == NULL) {
        ca->server_names = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (ca->server_names == NULL) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < cscf->server_names.nelts; i++) {

        name = ngx_array_push(ca->server_names);
        if (name == NULL) {
            return NGX_ERROR;
        }

        *name = names[i].name;
    }

    return NGX_OK;
}


char *
ngx_http_acme_ca_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!ngx_http_acme_ca_is_prefix(clcf)) {
        return "needs a prefix location, such as \"location /acme/\"";
    }

    return ngx_http_acme_ca_service(cf, cmd, conf);
}


/* cmd->post is what is served; NULL: ACME itself */

char *
ngx_http_acme_ca_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_acme_ca_loc_conf_t *alcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    if (alcf->name.len != 0) {
        return (alcf->service == cmd->post)
               ? "is duplicate"
               : "is not the only one of this module in the location";
    }

    if (cf->args->nelts >= 2 && value[1].len == 0) {
        return "needs the name of an authority";
    }

    if (cf->args->nelts >= 2) {
        alcf->name = value[1];

    } else {
        ngx_str_set(&alcf->name, "default");
    }

    alcf->file_name = cf->conf_file->file.name.data;
    alcf->line = cf->conf_file->line;
    alcf->service = cmd->post;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = (alcf->service != NULL) ? alcf->service->handler
                                            : ngx_http_acme_ca_handler;

    return NGX_CONF_OK;
}
