
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The admin location: from an nginx request to the operator's API and back.
 * It lets in who nginx let in.
 */


#include "ngx_http_acme_ca.h"
#include "ngx_acme_ca_preflight.h"
#include "acme_ca_admin.h"


typedef struct {
    ngx_http_request_t       *request;
    ngx_acme_ca_t            *ca;
    acme_ca_admin_t           admin;
    ngx_acme_ca_write_t       write;
    ngx_acme_ca_preflight_t   preflight;
} ngx_http_acme_ca_admin_ctx_t;


static void ngx_http_acme_ca_admin_body_handler(ngx_http_request_t *r);
static ngx_http_acme_ca_admin_ctx_t *ngx_http_acme_ca_admin_ctx_create(
    ngx_http_request_t *r, ngx_http_acme_ca_loc_conf_t *alcf);
static ngx_int_t ngx_http_acme_ca_admin_read(ngx_http_request_t *r,
    ngx_http_acme_ca_loc_conf_t *alcf, acme_ca_admin_t *admin);
static ngx_int_t ngx_http_acme_ca_admin_condition(ngx_pool_t *pool,
    ngx_table_elt_t *h, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_admin_user(ngx_http_request_t *r,
    ngx_http_acme_ca_loc_conf_t *alcf, acme_ca_admin_t *admin);
static ngx_int_t ngx_http_acme_ca_admin_run(ngx_http_request_t *r,
    ngx_http_acme_ca_admin_ctx_t *ctx);
static ngx_int_t ngx_http_acme_ca_admin_preflight(ngx_http_request_t *r,
    ngx_http_acme_ca_admin_ctx_t *ctx);
static void ngx_http_acme_ca_admin_gone(void *data);
static void ngx_http_acme_ca_admin_found(ngx_acme_ca_preflight_t *preflight);
static ngx_uint_t ngx_http_acme_ca_admin_refused(ngx_http_request_t *r,
    ngx_acme_ca_t *ca, acme_ca_admin_t *admin);
static ngx_int_t ngx_http_acme_ca_admin_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_http_acme_ca_admin_record(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_http_acme_ca_admin_done(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


ngx_int_t
ngx_http_acme_ca_admin_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_read_client_request_body(r,
                                         ngx_http_acme_ca_admin_body_handler);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_acme_ca_admin_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_acme_ca_loc_conf_t   *alcf;
    ngx_http_acme_ca_admin_ctx_t  *ctx;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    /* a body that nginx refused goes on coming: it is not refused twice */

    r->read_event_handler = ngx_http_block_reading;

    if (r == r->main && r->connection->read->timer_set) {
        ngx_del_timer(r->connection->read);
    }

    ctx = ngx_http_acme_ca_admin_ctx_create(r, alcf);

    rc = (ctx == NULL) ? NGX_HTTP_INTERNAL_SERVER_ERROR
                       : ngx_http_acme_ca_admin_read(r, alcf, &ctx->admin);

    if (rc == NGX_OK) {
        rc = ngx_http_acme_ca_admin_run(r, ctx);
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* has a pool of its own: the store thread works in it */

static ngx_http_acme_ca_admin_ctx_t *
ngx_http_acme_ca_admin_ctx_create(ngx_http_request_t *r,
    ngx_http_acme_ca_loc_conf_t *alcf)
{
    ngx_pool_t                    *pool;
    acme_ca_admin_t               *admin;
    ngx_http_acme_ca_admin_ctx_t  *ctx;

    pool = ngx_http_acme_ca_request_pool(r);
    if (pool == NULL) {
        return NULL;
    }

    ctx = ngx_pcalloc(pool, sizeof(ngx_http_acme_ca_admin_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->ca = alcf->ca;

    admin = &ctx->admin;

    admin->ctx.pool = pool;
    admin->ctx.log = ngx_cycle->log;
    admin->ctx.now = ngx_time();
    admin->authority = &alcf->ca->authority;
    admin->store = alcf->ca->reader;
    admin->full = alcf->full;

    ctx->write.apply = ngx_http_acme_ca_admin_apply;
    ctx->write.record = ngx_http_acme_ca_admin_record;
    ctx->write.done = ngx_http_acme_ca_admin_done;
    ctx->write.data = ctx;

    return ctx;
}


static ngx_int_t
ngx_http_acme_ca_admin_read(ngx_http_request_t *r,
    ngx_http_acme_ca_loc_conf_t *alcf, acme_ca_admin_t *admin)
{
    ngx_int_t    rc;
    ngx_pool_t  *pool;

    pool = admin->ctx.pool;

    rc = ngx_http_acme_ca_request_read(r, alcf->ca, &admin->request, pool);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_acme_ca_admin_condition(pool, r->headers_in.if_none_match,
                                         &admin->if_none_match)
        != NGX_OK
        || ngx_http_acme_ca_admin_condition(pool, r->headers_in.if_match,
                                            &admin->if_match)
           != NGX_OK
        || ngx_http_acme_ca_admin_user(r, alcf, admin) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_admin_condition(ngx_pool_t *pool, ngx_table_elt_t *h,
    ngx_str_t *value)
{
    return (h != NULL)
           ? acme_ca_copy(pool, value, h->value.data, h->value.len) : NGX_OK;
}


/*
 * For the audit log: a name counts if nginx checked it here.  With "satisfy
 * any" a client may say one that nobody asked for.
 */

static ngx_int_t
ngx_http_acme_ca_admin_user(ngx_http_request_t *r,
    ngx_http_acme_ca_loc_conf_t *alcf, acme_ca_admin_t *admin)
{
    ngx_str_t                 *user;
    ngx_pool_t                *pool;
    acme_ca_request_t         *request;
    ngx_http_core_loc_conf_t  *clcf;

    pool = admin->ctx.pool;
    request = &admin->request;
    user = &r->headers_in.user;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (request->client_names == NULL
        && ngx_http_acme_ca_peer_read(r, request, pool) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!(alcf->guards & NGX_HTTP_ACME_CA_GUARD_BASIC)
        || clcf->satisfy != NGX_HTTP_SATISFY_ALL || user->len == 0)
    {
        user = &request->client_certificate;
    }

    return acme_ca_copy(pool, &admin->user, user->data, user->len);
}


static ngx_int_t
ngx_http_acme_ca_admin_run(ngx_http_request_t *r,
    ngx_http_acme_ca_admin_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  status;

    rc = NGX_DONE;
    status = ngx_http_acme_ca_admin_refused(r, ctx->ca, &ctx->admin);

    if (status) {
        acme_ca_admin_fault(&ctx->admin, status);

    } else {
        rc = acme_ca_admin_start(&ctx->admin);
    }

    if (rc == NGX_AGAIN) {
        ngx_http_acme_ca_keep(r);
        ngx_acme_ca_write_add(ctx->ca, &ctx->write);

        return NGX_DONE;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_acme_ca_admin_preflight(r, ctx);
    }

    return ngx_http_acme_ca_reply_send(r, &ctx->admin.reply);
}


/* nobody waits for it but the client: it ends with him */

static ngx_int_t
ngx_http_acme_ca_admin_preflight(ngx_http_request_t *r,
    ngx_http_acme_ca_admin_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_acme_ca_admin_gone;
    cln->data = &ctx->preflight;

    ctx->preflight.checks = ctx->admin.checks;
    ctx->preflight.pool = ctx->admin.ctx.pool;
    ctx->preflight.handler = ngx_http_acme_ca_admin_found;
    ctx->preflight.data = ctx;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    rc = ngx_acme_ca_preflight_start(ctx->ca, &ctx->preflight);

    if (rc == NGX_OK) {
        return NGX_DONE;
    }

    acme_ca_admin_answered(&ctx->admin, rc);

    return ngx_http_acme_ca_reply_send(r, &ctx->admin.reply);
}


static void
ngx_http_acme_ca_admin_gone(void *data)
{
    ngx_acme_ca_preflight_cancel(data);
}


static void
ngx_http_acme_ca_admin_found(ngx_acme_ca_preflight_t *preflight)
{
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_acme_ca_admin_ctx_t  *ctx = preflight->data;

    r = ctx->request;
    c = r->connection;

    acme_ca_admin_answered(&ctx->admin, NGX_OK);

    ngx_http_finalize_request(r, ngx_http_acme_ca_reply_send(r,
                                                         &ctx->admin.reply));

    ngx_http_run_posted_requests(c);
}


/*
 * By nginx before us; by us where a server that asks for certificates listens
 * without TLS, too; by the absence of a database.  0: not refused.
 */

static ngx_uint_t
ngx_http_acme_ca_admin_refused(ngx_http_request_t *r, ngx_acme_ca_t *ca,
    acme_ca_admin_t *admin)
{
    ngx_uint_t                    status;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    status = ngx_http_acme_ca_fault_status(r);

    /* the reply has a status of its own, equal to its document's */

    r->err_status = 0;

    if (status) {
        return status;
    }

    if (alcf->guards == NGX_HTTP_ACME_CA_GUARD_TLS
        && admin->request.client_names == NULL)
    {
        return NGX_HTTP_FORBIDDEN;
    }

    return ngx_acme_ca_is_open(ca) ? 0 : NGX_HTTP_SERVICE_UNAVAILABLE;
}


static ngx_int_t
ngx_http_acme_ca_admin_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_http_acme_ca_admin_ctx_t  *ctx = write->data;

    return acme_ca_admin_apply(&ctx->admin, store);
}


static ngx_int_t
ngx_http_acme_ca_admin_record(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_http_acme_ca_admin_ctx_t  *ctx = write->data;

    return acme_ca_admin_record(&ctx->admin, store);
}


static void
ngx_http_acme_ca_admin_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_http_acme_ca_admin_ctx_t  *ctx = write->data;

    acme_ca_admin_finish(&ctx->admin, rc);

    ngx_http_acme_ca_answer(ctx->request, &ctx->admin.reply);
}
