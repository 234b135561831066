
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A worker's part in keeping the database small: forgets what ended long ago,
 * notes what expired, and gives pages back to the file system while there is
 * nothing else to write.
 */


#include "ngx_acme_ca_sweep.h"

#include "acme_ca_json.h"
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
static ngx_int_t ngx_acme_ca_sweep_tell(ngx_acme_ca_sweep_t *sweep,
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
    return !ca->in_flight && ngx_queue_empty(&ca->waiting)
           && ngx_queue_empty(&ca->lazy);
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

    ngx_int_t        rc;
    ngx_uint_t       n;
    acme_ca_swept_t  swept;

    rc = acme_ca_store_sweep(store,
                             sweep->now - sweep->ca->authority.retention,
                             NGX_ACME_CA_SWEEP_N, &swept);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_sweep_expire(store, sweep->now, NGX_ACME_CA_SWEEP_N,
                                    &n);

    sweep->n = ngx_max(swept.orders, n);

    return (rc == NGX_OK) ? ngx_acme_ca_sweep_tell(sweep, store) : rc;
}


/* once a day: what was removed since it was told last */

static ngx_int_t
ngx_acme_ca_sweep_tell(ngx_acme_ca_sweep_t *sweep, acme_ca_store_t *store)
{
    time_t                  since;
    ngx_int_t               rc;
    ngx_pool_t             *pool;
    acme_ca_audit_t         audit;
    acme_ca_swept_t         swept;
    acme_ca_json_writer_t   w;

    rc = acme_ca_store_sweep_find_untold(store, sweep->now, &since, &swept);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.action = "sweep";
    audit.actor = "server";

    acme_ca_json_start(&w, pool, 256);
    acme_ca_json_open_object(&w, NULL);

    if (since != 0) {
        acme_ca_json_write_time(&w, "since", since);
    }

    acme_ca_json_write_number(&w, "orders", swept.orders);
    acme_ca_json_write_number(&w, "authorizations", swept.authorizations);
    acme_ca_json_write_number(&w, "external_accounts",
                              swept.external_accounts);
    acme_ca_json_write_number(&w, "server_keys", swept.server_keys);
    acme_ca_json_shut(&w);

    rc = acme_ca_json_finish(&w, &audit.details);

    if (rc == NGX_OK) {
        rc = acme_ca_store_audit_add(store, &audit, sweep->now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_sweep_set_told(store, sweep->now);
    }

    ngx_destroy_pool(pool);

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
