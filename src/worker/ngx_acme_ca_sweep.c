
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A worker's part in keeping the database small: forgets what ended long ago,
 * notes what expired, and gives pages back to the file system while there is
 * nothing else to write.
 */


#include "ngx_acme_ca_sweep.h"

#include "acme_ca_store_sweep.h"


#define NGX_ACME_CA_SWEEP         60     /* seconds */
#define NGX_ACME_CA_SWEEP_FIRST   8
#define NGX_ACME_CA_SWEEP_N       200    /* orders, certificates at a time */
#define NGX_ACME_CA_SWEEP_PAGES   64     /* a millisecond or two */


typedef struct {
    ngx_acme_ca_write_t   write;
    ngx_acme_ca_t        *ca;
    time_t                now;
    ngx_uint_t            n;
} ngx_acme_ca_sweep_t;


static void ngx_acme_ca_sweep_start(ngx_acme_ca_t *ca,
    ngx_int_t (*apply)(ngx_acme_ca_write_t *write, acme_ca_store_t *store),
    void (*done)(ngx_acme_ca_write_t *write, ngx_int_t rc));
static ngx_int_t ngx_acme_ca_sweep_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_sweep_done(ngx_acme_ca_write_t *write, ngx_int_t rc);
static ngx_uint_t ngx_acme_ca_sweep_is_idle(ngx_acme_ca_t *ca);
static ngx_int_t ngx_acme_ca_sweep_vacuum(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_sweep_vacuumed(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


void
ngx_acme_ca_sweep_init(ngx_acme_ca_t *ca)
{
    /* soon after a start, and not all workers at the same moment */

    ca->swept_at = ngx_time() - NGX_ACME_CA_SWEEP
                   + 1 + ngx_random() % NGX_ACME_CA_SWEEP_FIRST;
}


void
ngx_acme_ca_sweep_tick(ngx_acme_ca_t *ca)
{
    ngx_uint_t  n;

    if (ca->sweeping) {
        return;
    }

    if (ngx_time() - ca->swept_at >= NGX_ACME_CA_SWEEP) {
        ngx_acme_ca_sweep_start(ca, ngx_acme_ca_sweep_apply,
                                ngx_acme_ca_sweep_done);
        return;
    }

    if (ngx_acme_ca_sweep_is_idle(ca)
        && acme_ca_store_vacuum_get_surplus(ca->reader, &n) == NGX_OK && n > 0)
    {
        ngx_acme_ca_sweep_start(ca, ngx_acme_ca_sweep_vacuum,
                                ngx_acme_ca_sweep_vacuumed);
    }
}


static ngx_uint_t
ngx_acme_ca_sweep_is_idle(ngx_acme_ca_t *ca)
{
    return !ca->in_flight && ngx_queue_empty(&ca->lazy);
}


static void
ngx_acme_ca_sweep_start(ngx_acme_ca_t *ca,
    ngx_int_t (*apply)(ngx_acme_ca_write_t *write, acme_ca_store_t *store),
    void (*done)(ngx_acme_ca_write_t *write, ngx_int_t rc))
{
    ngx_acme_ca_sweep_t  *sweep;

    sweep = ngx_calloc(sizeof(ngx_acme_ca_sweep_t), ngx_cycle->log);
    if (sweep == NULL) {
        return;
    }

    sweep->ca = ca;
    sweep->now = ngx_time();
    sweep->write.apply = apply;
    sweep->write.done = done;
    sweep->write.data = sweep;

    ca->sweeping = 1;

    ngx_acme_ca_write_add(ca, &sweep->write);
}


static ngx_int_t
ngx_acme_ca_sweep_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_sweep_t  *sweep = write->data;

    ngx_int_t   rc;
    ngx_uint_t  n;

    rc = acme_ca_store_sweep(store,
                             sweep->now - sweep->ca->authority.retention,
                             NGX_ACME_CA_SWEEP_N, &sweep->n);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_sweep_expire(store, sweep->now, NGX_ACME_CA_SWEEP_N,
                                    &n);

    sweep->n = ngx_max(sweep->n, n);

    return rc;
}


static void
ngx_acme_ca_sweep_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_sweep_t  *sweep = write->data;

    sweep->ca->sweeping = 0;

    /* a full round is followed by the next one at the next tick */

    if (rc != NGX_OK || sweep->n < NGX_ACME_CA_SWEEP_N) {
        sweep->ca->swept_at = ngx_time();
    }

    ngx_free(sweep);
}


static ngx_int_t
ngx_acme_ca_sweep_vacuum(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    return acme_ca_store_vacuum(store, NGX_ACME_CA_SWEEP_PAGES);
}


static void
ngx_acme_ca_sweep_vacuumed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_sweep_t  *sweep = write->data;

    sweep->ca->sweeping = 0;

    ngx_free(sweep);
}
