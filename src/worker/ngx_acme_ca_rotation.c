
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A worker and the states of the issuers: each second it takes them up from
 * the database, and writes the change whose time has come.  The first one to
 * write it is right, the others find it done.
 */


#include "ngx_acme_ca_chores.h"
#include "ngx_acme_ca_pool.h"

#include "acme_ca_rotation.h"


typedef struct {
    ngx_acme_ca_write_t   write;
    ngx_acme_ca_t        *ca;
    acme_ca_ctx_t         ctx;
} ngx_acme_ca_rotation_t;


static ngx_array_t *ngx_acme_ca_rotation_rows(ngx_acme_ca_t *ca,
    ngx_pool_t *pool);
static void ngx_acme_ca_rotation_begin(ngx_acme_ca_t *ca);
static ngx_int_t ngx_acme_ca_rotation_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_rotation_done(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


void
ngx_acme_ca_rotation_load(ngx_acme_ca_t *ca)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    (void) ngx_acme_ca_rotation_rows(ca, pool);

    ngx_destroy_pool(pool);
}


static ngx_array_t *
ngx_acme_ca_rotation_rows(ngx_acme_ca_t *ca, ngx_pool_t *pool)
{
    ngx_array_t  *rows;

    if (acme_ca_store_issuer_list(ca->reader, pool, &rows) != NGX_OK) {
        return NULL;
    }

    acme_ca_rotation_follow(&ca->authority, rows);

    return rows;
}


void
ngx_acme_ca_rotation_tick(ngx_acme_ca_t *ca)
{
    ngx_pool_t   *pool;
    ngx_array_t  *rows;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    rows = ngx_acme_ca_rotation_rows(ca, pool);

    if (rows != NULL && !ca->rotating && !ngx_exiting
        && acme_ca_rotation_turn(&ca->authority, rows, ngx_time()) != NULL)
    {
        ngx_acme_ca_rotation_begin(ca);
    }

    ngx_destroy_pool(pool);
}


static void
ngx_acme_ca_rotation_begin(ngx_acme_ca_t *ca)
{
    ngx_pool_t              *pool;
    ngx_acme_ca_rotation_t  *rotation;

    rotation = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_rotation_t), &pool);
    if (rotation == NULL) {
        return;
    }

    rotation->ca = ca;
    rotation->ctx.pool = pool;
    rotation->ctx.log = pool->log;
    rotation->ctx.now = ngx_time();
    rotation->write.apply = ngx_acme_ca_rotation_apply;
    rotation->write.done = ngx_acme_ca_rotation_done;
    rotation->write.data = rotation;

    ca->rotating = 1;

    ngx_acme_ca_write_add(ca, &rotation->write);
}


static ngx_int_t
ngx_acme_ca_rotation_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_rotation_t  *rotation = write->data;

    return acme_ca_rotation_change(&rotation->ctx, &rotation->ca->authority,
                                   store);
}


static void
ngx_acme_ca_rotation_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_rotation_t  *rotation = write->data;

    ngx_acme_ca_t     *ca;
    acme_ca_issuer_t  *issuer;

    ca = rotation->ca;
    issuer = ca->authority.issuer;

    ca->rotating = 0;

    ngx_destroy_pool(rotation->ctx.pool);

    if (rc != NGX_OK || !ngx_acme_ca_is_open(ca)) {
        return;
    }

    ngx_acme_ca_rotation_load(ca);

    if (ca->authority.issuer != NULL && ca->authority.issuer != issuer) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "acme_ca authority \"%V\": issuer \"%V\" is active",
                      &ca->authority.name, &ca->authority.issuer->name);
    }
}
