
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The module: life cycle and the content handler.  Directives are
 * in src/http, nothing about ACME is here.
 *
 *     nginx -t         postconfiguration checks, changes nothing on disk
 *     start            init_module prepares the state folder, as root, and
 *                      writes who signs from now on
 *     reload           postconfiguration prepares it, so that a failure leaves
 *                      the old configuration running.  What comes after it may
 *                      fail as well, other directives or a port that is not
 *                      free: init_module is the first to know that it did not.
 *                      It must not fail then, it would end the master
 *     failed reload    the pool of the configuration goes before init_module:
 *                      what was begun for it leaves a row of the audit log
 *     worker           init_process opens the worker's handles
 *     stop             exit_master, when all workers have gone
 */


#include "ngx_http_acme_ca.h"
#include "ngx_acme_ca_call.h"


/*
 * The answer to "I am ready", or to a finalization with an external signer,
 * waits so long for the verdict: clients that are
 * told "valid" at once do not poll, some of them after ten seconds only.
 */
#define NGX_HTTP_ACME_CA_PATIENCE_MS  1000


static ngx_int_t ngx_http_acme_ca_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_acme_ca_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_acme_ca_init_process(ngx_cycle_t *cycle);
static void ngx_http_acme_ca_exit_process(ngx_cycle_t *cycle);

static void ngx_http_acme_ca_body_handler(ngx_http_request_t *r);
static ngx_http_acme_ca_ctx_t *ngx_http_acme_ca_ctx_create(
    ngx_http_request_t *r, ngx_acme_ca_t *ca);
static void ngx_http_acme_ca_ctx_cleanup(void *data);
static ngx_int_t ngx_http_acme_ca_run(ngx_http_request_t *r,
    ngx_http_acme_ca_ctx_t *ctx);
static ngx_int_t ngx_http_acme_ca_start(ngx_http_request_t *r,
    ngx_http_acme_ca_ctx_t *ctx);
static void ngx_http_acme_ca_ask(ngx_http_acme_ca_ctx_t *ctx);
static void ngx_http_acme_ca_asked(ngx_acme_ca_ask_t *ask);
static void ngx_http_acme_ca_prepare(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_http_acme_ca_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_http_acme_ca_record(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_http_acme_ca_done(ngx_acme_ca_write_t *write, ngx_int_t rc);
static void ngx_http_acme_ca_wait(ngx_http_acme_ca_ctx_t *ctx);
static void ngx_http_acme_ca_settled(ngx_acme_ca_wait_t *wait);
static void ngx_http_acme_ca_impatient(ngx_event_t *ev);


static ngx_http_module_t  ngx_http_acme_ca_module_ctx = {
    ngx_http_acme_ca_variables_add,        /* preconfiguration */
    ngx_http_acme_ca_postconfiguration,    /* postconfiguration */

    ngx_http_acme_ca_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_http_acme_ca_create_srv_conf,      /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_acme_ca_create_loc_conf,      /* create location configuration */
    ngx_http_acme_ca_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_acme_ca_module = {
    NGX_MODULE_V1,
    &ngx_http_acme_ca_module_ctx,          /* module context */
    ngx_http_acme_ca_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_acme_ca_init_module,          /* init module */
    ngx_http_acme_ca_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_acme_ca_exit_process,         /* exit process */
    ngx_http_acme_ca_exit_master,          /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_acme_ca_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                      name = ngx_string("request_id");
    ngx_str_t                      pool = ngx_string("default");
    ngx_uint_t                     i, reload;
    ngx_acme_ca_t                **ca;
    ngx_http_acme_ca_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_acme_ca_module);

    amcf->request_id = ngx_http_get_variable_index(cf, &name);
    if (amcf->request_id == NGX_ERROR
        || ngx_http_acme_ca_guard_check(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_acme_ca_fault_phase_add(cf) != NGX_OK
        || ngx_http_acme_ca_client_init(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_acme_ca_call_filter_init();

    reload = ngx_http_acme_ca_is_reload(cf->cycle);

    ca = amcf->authorities.elts;

    for (i = 0; i < amcf->authorities.nelts; i++) {

        if (!ca[i]->used) {
            continue;
        }

        if (ngx_thread_pool_add(cf, &pool) == NULL
            || ngx_acme_ca_zone_add(cf, ca[i], &ngx_http_acme_ca_module)
               != NGX_OK
            || ngx_acme_ca_home_check(cf, ca[i]) != NGX_CONF_OK)
        {
            return NGX_ERROR;
        }

        if (reload && ngx_acme_ca_home_prepare(cf->cycle, ca[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i, reload;
    ngx_acme_ca_t                **ca;
    ngx_http_acme_ca_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_acme_ca_module);

    if (amcf == NULL || ngx_test_config) {
        return NGX_OK;
    }

    amcf->runs = 1;

    ca = amcf->authorities.elts;

    for (i = 0; i < amcf->authorities.nelts; i++) {

        if (!ca[i]->used) {
            continue;
        }

        reload = ca[i]->ready;

        if (!reload && ngx_acme_ca_home_prepare(cycle, ca[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_acme_ca_home_begin(cycle, ca[i]) == NGX_OK) {
            continue;
        }

        if (!reload) {
            return NGX_ERROR;
        }

        ngx_log_error(NGX_LOG_CRIT, cycle->log, 0,
                      "acme_ca authority \"%V\": the database does not know of "
                      "this configuration: reload nginx once more",
                      &ca[i]->authority.name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_acme_ca_t                **ca;
    ngx_http_acme_ca_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_acme_ca_module);

    if (amcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ca = amcf->authorities.elts;

    for (i = 0; i < amcf->authorities.nelts; i++) {

        if (ca[i]->used
            && ngx_acme_ca_worker_init(ca[i], cycle) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_acme_ca_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_acme_ca_t                **ca;
    ngx_http_acme_ca_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_acme_ca_module);

    if (amcf == NULL) {
        return;
    }

    /* the pools were told to end before us: they are nginx's own modules */

    ngx_acme_ca_thread_wait(cycle->log);

    ca = amcf->authorities.elts;

    for (i = 0; i < amcf->authorities.nelts; i++) {
        ngx_acme_ca_worker_exit(ca[i]);
    }
}


ngx_int_t
ngx_http_acme_ca_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_read_client_request_body(r, ngx_http_acme_ca_body_handler);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_acme_ca_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_acme_ca_ctx_t       *ctx;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    /* a body that nginx refused goes on coming: it is not refused twice */

    r->read_event_handler = ngx_http_block_reading;

    if (r == r->main && r->connection->read->timer_set) {
        ngx_del_timer(r->connection->read);
    }

    ctx = ngx_http_acme_ca_ctx_create(r, alcf->ca);

    ngx_http_set_ctx(r, ctx, ngx_http_acme_ca_module);

    rc = (ctx == NULL) ? NGX_HTTP_INTERNAL_SERVER_ERROR
                       : ngx_http_acme_ca_request_read(r, alcf->ca,
                                                     &ctx->exchange.request,
                                                     ctx->exchange.ctx.pool);

    if (rc == NGX_OK) {
        rc = ngx_http_acme_ca_run(r, ctx);
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* has a pool of its own: the store thread works in it */

static ngx_http_acme_ca_ctx_t *
ngx_http_acme_ca_ctx_create(ngx_http_request_t *r, ngx_acme_ca_t *ca)
{
    ngx_pool_t              *pool;
    acme_ca_exchange_t      *x;
    ngx_pool_cleanup_t      *cln;
    ngx_http_acme_ca_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(8192, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    ctx = ngx_pcalloc(pool, sizeof(ngx_http_acme_ca_ctx_t));
    if (ctx == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    cln->handler = ngx_http_acme_ca_ctx_cleanup;
    cln->data = ctx;

    ctx->request = r;
    ctx->ca = ca;

    x = &ctx->exchange;

    x->ctx.pool = pool;
    x->ctx.log = ngx_cycle->log;
    x->ctx.now = ngx_time();
    x->authority = &ca->authority;
    x->nonces = ca->nonces;
    x->keys = ca->keys;
    x->store = ca->reader;
    x->lease_ms = ngx_acme_ca_validator_lease(ca) * 1000;

    ctx->write.prepare = ngx_http_acme_ca_prepare;
    ctx->write.apply = ngx_http_acme_ca_apply;
    ctx->write.record = ngx_http_acme_ca_record;
    ctx->write.done = ngx_http_acme_ca_done;
    ctx->write.data = ctx;

    return ctx;
}


/* what nobody waits for any more goes when it was written */

static void
ngx_http_acme_ca_ctx_cleanup(void *data)
{
    ngx_http_acme_ca_ctx_t  *ctx = data;

    if (ctx->exchange.silent && ctx->request != NULL) {
        ctx->request = NULL;
        return;
    }

    ngx_destroy_pool(ctx->exchange.ctx.pool);
}


/* NGX_DONE: the store task has it; else what r is to be finalized with */

static ngx_int_t
ngx_http_acme_ca_run(ngx_http_request_t *r, ngx_http_acme_ca_ctx_t *ctx)
{
    ngx_int_t            rc;
    acme_ca_exchange_t  *x;

    x = &ctx->exchange;

    rc = ngx_http_acme_ca_start(r, ctx);

    if (rc == NGX_AGAIN) {
        ngx_http_acme_ca_keep(r);
        ngx_http_acme_ca_ask(ctx);

        return NGX_DONE;
    }

    rc = ngx_http_acme_ca_reply_send(r, &x->reply);

    if (x->silent) {
        ctx->write.lazy = 1;
        ngx_acme_ca_write_add(ctx->ca, &ctx->write);
    }

    return rc;
}


static void
ngx_http_acme_ca_ask(ngx_http_acme_ca_ctx_t *ctx)
{
    ctx->write.apart = acme_ca_protocol_signs(&ctx->exchange);

    if (ctx->exchange.asks == NULL) {
        ngx_acme_ca_write_add(ctx->ca, &ctx->write);
        return;
    }

    ctx->ask.exchange = &ctx->exchange;
    ctx->ask.handler = ngx_http_acme_ca_asked;
    ctx->ask.data = ctx;

    ngx_acme_ca_ask(ctx->ca, &ctx->ask);
}


static void
ngx_http_acme_ca_asked(ngx_acme_ca_ask_t *ask)
{
    ngx_http_acme_ca_ctx_t  *ctx = ask->data;

    ctx->exchange.ctx.now = ngx_time();

    ngx_acme_ca_write_add(ctx->ca, &ctx->write);
}


/* refused by nginx before us, impossible without a database, or as ever */

static ngx_int_t
ngx_http_acme_ca_start(ngx_http_request_t *r, ngx_http_acme_ca_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  status;

    status = ngx_http_acme_ca_fault_status(r);

    /* the reply has a status of its own, equal to its document's */

    r->err_status = 0;

    if (!ngx_acme_ca_is_open(ctx->ca)) {

        rc = acme_ca_protocol_fault(&ctx->exchange,
                                    status ? status
                                           : NGX_HTTP_SERVICE_UNAVAILABLE);
        if (rc == NGX_AGAIN) {
            acme_ca_protocol_finish(&ctx->exchange, NGX_OK);
        }

        return NGX_DONE;
    }

    return status ? acme_ca_protocol_fault(&ctx->exchange, status)
                  : acme_ca_protocol_start(&ctx->exchange);
}


static void
ngx_http_acme_ca_prepare(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_http_acme_ca_ctx_t  *ctx = write->data;

    acme_ca_protocol_prepare(&ctx->exchange, store);
}


static ngx_int_t
ngx_http_acme_ca_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_http_acme_ca_ctx_t  *ctx = write->data;

    return acme_ca_protocol_apply(&ctx->exchange, store);
}


static ngx_int_t
ngx_http_acme_ca_record(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_http_acme_ca_ctx_t  *ctx = write->data;

    return acme_ca_protocol_record(&ctx->exchange, store);
}


static void
ngx_http_acme_ca_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_http_acme_ca_ctx_t  *ctx = write->data;

    acme_ca_exchange_t  *x;

    x = &ctx->exchange;

    if (x->silent) {

        /* the pool goes with whoever is last: this, or r */

        x->silent = 0;

        if (ctx->request == NULL) {
            ngx_destroy_pool(x->ctx.pool);
        }

        return;
    }

    if (rc == NGX_OK && (x->job_id != 0 || x->signing != NULL)) {
        ngx_http_acme_ca_wait(ctx);
        return;
    }

    acme_ca_protocol_finish(x, rc);

    ngx_http_acme_ca_answer(ctx->request, &x->reply);
}


static void
ngx_http_acme_ca_wait(ngx_http_acme_ca_ctx_t *ctx)
{
    ctx->wait.handler = ngx_http_acme_ca_settled;
    ctx->wait.data = ctx;

    ctx->timer.handler = ngx_http_acme_ca_impatient;
    ctx->timer.data = ctx;
    ctx->timer.log = ngx_cycle->log;

    ngx_add_timer(&ctx->timer, NGX_HTTP_ACME_CA_PATIENCE_MS);

    if (ctx->exchange.signing != NULL) {
        ngx_acme_ca_signer_start(ctx->ca, ctx->exchange.signing, &ctx->wait);
        return;
    }

    ngx_acme_ca_validator_start(ctx->ca, &ctx->exchange.job, &ctx->wait);
}


static void
ngx_http_acme_ca_settled(ngx_acme_ca_wait_t *wait)
{
    ngx_http_acme_ca_ctx_t  *ctx = wait->data;

    ngx_del_timer(&ctx->timer);

    acme_ca_protocol_settle(&ctx->exchange, ctx->ca->reader, ngx_time());

    ngx_http_acme_ca_answer(ctx->request, &ctx->exchange.reply);
}


static void
ngx_http_acme_ca_impatient(ngx_event_t *ev)
{
    ngx_http_acme_ca_ctx_t  *ctx = ev->data;

    ngx_acme_ca_validator_forget(&ctx->wait);

    acme_ca_protocol_finish(&ctx->exchange, NGX_OK);

    ngx_http_acme_ca_answer(ctx->request, &ctx->exchange.reply);
}


/* whatever its client does meanwhile */

void
ngx_http_acme_ca_keep(ngx_http_request_t *r)
{
    r->main->blocked++;
    r->aio = 1;
}


void
ngx_http_acme_ca_answer(ngx_http_request_t *r, acme_ca_reply_t *reply)
{
    ngx_connection_t  *c;

    c = r->connection;

    r->main->blocked--;
    r->aio = 0;

    ngx_http_finalize_request(r, c->error
                              ? NGX_ERROR
                              : ngx_http_acme_ca_reply_send(r, reply));

    ngx_http_run_posted_requests(c);
}
