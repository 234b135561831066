
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the master leaves in the audit logs about its own life, beside starts
 * and reloads: its end, and a reload that nginx refused.  The latter is known
 * from the first line of the http block on: the pool of a configuration that
 * fails is destroyed before init_module was called.
 */


#include "ngx_http_acme_ca.h"


static void ngx_http_acme_ca_reload_failed(void *data);
static ngx_uint_t ngx_http_acme_ca_is_ours(ngx_cycle_t *cycle);
static void ngx_http_acme_ca_life_each(ngx_cycle_t *cycle,
    void (*handler)(ngx_acme_ca_t *ca, ngx_log_t *log));


ngx_uint_t
ngx_http_acme_ca_is_reload(ngx_cycle_t *cycle)
{
    return !ngx_is_init_cycle(cycle->old_cycle) && !ngx_test_config
           && ngx_process != NGX_PROCESS_SIGNALLER;
}


ngx_int_t
ngx_http_acme_ca_reload_watch(ngx_conf_t *cf,
    ngx_http_acme_ca_main_conf_t *amcf)
{
    ngx_pool_cleanup_t  *cln;

    if (!ngx_http_acme_ca_is_reload(cf->cycle)) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_acme_ca_reload_failed;
    cln->data = amcf;

    return NGX_OK;
}


/* ngx_cycle is the one that runs on */

static void
ngx_http_acme_ca_reload_failed(void *data)
{
    ngx_http_acme_ca_main_conf_t  *amcf = data;

    ngx_cycle_t  *cycle;

    cycle = (ngx_cycle_t *) ngx_cycle;

    if (!amcf->runs && ngx_http_acme_ca_is_ours(cycle)) {
        ngx_http_acme_ca_life_each(cycle, ngx_acme_ca_audit_reload_failed);
    }
}


/* the module's file may have been replaced: another build, other structures */

static ngx_uint_t
ngx_http_acme_ca_is_ours(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    for (i = 0; cycle->modules[i] != NULL; i++) {
        if (cycle->modules[i] == &ngx_http_acme_ca_module) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_acme_ca_exit_master(ngx_cycle_t *cycle)
{
    ngx_http_acme_ca_life_each(cycle, ngx_acme_ca_audit_stopped);
}


/* of the authorities that were running */

static void
ngx_http_acme_ca_life_each(ngx_cycle_t *cycle,
    void (*handler)(ngx_acme_ca_t *ca, ngx_log_t *log))
{
    ngx_uint_t                     i;
    ngx_acme_ca_t                **ca;
    ngx_http_acme_ca_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_acme_ca_module);

    if (amcf == NULL) {
        return;
    }

    ca = amcf->authorities.elts;

    for (i = 0; i < amcf->authorities.nelts; i++) {

        if (ca[i]->used && ca[i]->ready) {
            handler(ca[i], cycle->log);
        }
    }
}
