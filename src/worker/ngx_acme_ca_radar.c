
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * When the radar looks: on a thread, with a handle of its own, in one worker
 * for all, and the less often the longer it takes.  What it finds is written by
 * the store task, some of it at a time.
 */


#include "ngx_acme_ca_chores.h"
#include "ngx_acme_ca_event.h"

#include "acme_ca_store_radar.h"


#define NGX_ACME_CA_RADAR        5       /* seconds from one to the next */
#define NGX_ACME_CA_RADAR_PART   100     /* it takes a hundredth of all time */
#define NGX_ACME_CA_RADAR_LIMIT  100     /* marks of a kind in one write */


struct ngx_acme_ca_radar_s {
    ngx_acme_ca_t         *ca;
    ngx_thread_task_t     *task;
    ngx_acme_ca_write_t    write;
    ngx_pool_t            *pool;
    acme_ca_radar_t        radar;
    time_t                 took;         /* seconds, of a hundred times it */
    time_t                 due_at;
    ngx_int_t              rc;
    unsigned               busy:1;
};

typedef struct {
    ngx_acme_ca_radar_t   *radar;
} ngx_acme_ca_radar_task_t;


static void ngx_acme_ca_radar_thread(void *data, ngx_log_t *log);
static void ngx_acme_ca_radar_done(ngx_event_t *ev);
static ngx_int_t ngx_acme_ca_radar_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_radar_written(ngx_acme_ca_write_t *write,
    ngx_int_t rc);
static void ngx_acme_ca_radar_end(ngx_acme_ca_radar_t *r);


ngx_int_t
ngx_acme_ca_radar_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_acme_ca_radar_t       *r;
    ngx_acme_ca_radar_task_t  *data;

    r = ngx_pcalloc(cycle->pool, sizeof(ngx_acme_ca_radar_t));
    if (r == NULL) {
        return NGX_ERROR;
    }

    r->ca = ca;

    r->task = ngx_thread_task_alloc(cycle->pool,
                                    sizeof(ngx_acme_ca_radar_task_t));
    if (r->task == NULL) {
        return NGX_ERROR;
    }

    data = r->task->ctx;
    data->radar = r;

    r->task->handler = ngx_acme_ca_radar_thread;
    r->task->event.handler = ngx_acme_ca_radar_done;
    r->task->event.data = data;
    r->task->event.log = cycle->log;

    ca->radar = r;

    return NGX_OK;
}


void
ngx_acme_ca_radar_tick(ngx_acme_ca_t *ca)
{
    ngx_acme_ca_radar_t  *r;

    r = ca->radar;

    if (!ngx_acme_ca_leads(ca) || r->busy || ngx_time() < r->due_at) {
        return;
    }

    r->pool = ngx_create_pool(4096, ngx_cycle->log);
    if (r->pool == NULL) {
        return;
    }

    ngx_memzero(&r->radar, sizeof(acme_ca_radar_t));

    r->radar.now = ngx_time();
    r->radar.limit = NGX_ACME_CA_RADAR_LIMIT;
    r->radar.told = (r->ca->events != NULL);
    r->rc = NGX_ERROR;
    r->took = 0;
    r->busy = 1;

    if (ngx_thread_task_post(ca->threads, r->task) != NGX_OK) {
        ngx_acme_ca_radar_end(r);
    }
}


static void
ngx_acme_ca_radar_thread(void *data, ngx_log_t *log)
{
    ngx_acme_ca_radar_task_t  *ctx = data;

    acme_ca_store_t      *store;
    struct timespec       begun, ended;
    ngx_acme_ca_radar_t  *r;

    r = ctx->radar;

    ngx_acme_ca_thread_enter();

    (void) clock_gettime(CLOCK_MONOTONIC, &begun);

    store = acme_ca_store_open(&r->ca->authority.database, ACME_CA_STORE_READ,
                               log);
    if (store != NULL) {
        r->rc = acme_ca_store_radar_look(store, r->pool, &r->radar);
        acme_ca_store_close(store);
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ended);

    r->took = ((ended.tv_sec - begun.tv_sec) * 1000
               + (ended.tv_nsec - begun.tv_nsec) / 1000000)
              * NGX_ACME_CA_RADAR_PART / 1000;
}


static void
ngx_acme_ca_radar_done(ngx_event_t *ev)
{
    ngx_acme_ca_radar_task_t  *ctx = ev->data;

    ngx_acme_ca_radar_t  *r;

    r = ctx->radar;

    if (r->rc != NGX_OK || r->radar.marks->nelts == 0) {
        ngx_acme_ca_radar_end(r);
        return;
    }

    ngx_memzero(&r->write, sizeof(ngx_acme_ca_write_t));

    r->write.apply = ngx_acme_ca_radar_apply;
    r->write.done = ngx_acme_ca_radar_written;
    r->write.data = r;

    ngx_acme_ca_write_add(r->ca, &r->write);
}


static ngx_int_t
ngx_acme_ca_radar_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_radar_t  *r = write->data;

    return acme_ca_store_radar_note(store, &r->radar);
}


static void
ngx_acme_ca_radar_written(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_radar_t  *r = write->data;

    if (rc != NGX_OK) {
        r->radar.more = 0;
    }

    ngx_acme_ca_radar_end(r);
}


/* what is left is looked for at the next tick */

static void
ngx_acme_ca_radar_end(ngx_acme_ca_radar_t *r)
{
    r->busy = 0;

    r->due_at = r->radar.more ? 0
                : ngx_time() + ngx_max(NGX_ACME_CA_RADAR, r->took);

    ngx_destroy_pool(r->pool);
    r->pool = NULL;
}
