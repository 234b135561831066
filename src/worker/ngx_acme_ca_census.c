
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Counts the objects of the database for the metrics: on a thread, with a
 * handle of its own, in one worker for all of them, and the less often the
 * longer it takes.
 */


#include "ngx_acme_ca_chores.h"

#include "acme_ca_store_census.h"


#define NGX_ACME_CA_CENSUS        2      /* seconds from one to the next */
#define NGX_ACME_CA_CENSUS_PART   100    /* it takes a hundredth of all time */
#define NGX_ACME_CA_CENSUS_LEASE  60     /* should the worker die of it */


typedef struct {
    ngx_acme_ca_t     *ca;
    time_t             now;
    time_t             took;             /* seconds, rounded up from 1/100 */
    ngx_int_t          rc;
    acme_ca_census_t   census;
} ngx_acme_ca_census_task_t;


static void ngx_acme_ca_census_thread(void *data, ngx_log_t *log);
static ngx_int_t ngx_acme_ca_census_take(acme_ca_store_t *store, time_t now,
    acme_ca_census_t *census);
static void ngx_acme_ca_census_done(ngx_event_t *ev);


ngx_int_t
ngx_acme_ca_census_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_acme_ca_census_task_t  *task;

    if (!ca->counted) {
        return NGX_OK;
    }

    ca->census = ngx_thread_task_alloc(cycle->pool,
                                       sizeof(ngx_acme_ca_census_task_t));
    if (ca->census == NULL) {
        return NGX_ERROR;
    }

    task = ca->census->ctx;
    task->ca = ca;

    ca->census->handler = ngx_acme_ca_census_thread;
    ca->census->event.handler = ngx_acme_ca_census_done;
    ca->census->event.data = task;
    ca->census->event.log = cycle->log;

    return NGX_OK;
}


void
ngx_acme_ca_census_tick(ngx_acme_ca_t *ca)
{
    ngx_acme_ca_census_task_t  *task;

    if (ca->census == NULL || ca->counting || ngx_exiting
        || !acme_ca_metrics_census_claim(ca->shared->metrics, ngx_time(),
                                         NGX_ACME_CA_CENSUS_LEASE))
    {
        return;
    }

    task = ca->census->ctx;
    task->now = ngx_time();

    if (ngx_thread_task_post(ca->threads, ca->census) == NGX_OK) {
        ca->counting = 1;
    }
}


static void
ngx_acme_ca_census_thread(void *data, ngx_log_t *log)
{
    ngx_acme_ca_census_task_t *task = data;

    acme_ca_store_t  *store;
    struct timespec   begun, ended;

    ngx_acme_ca_thread_enter();

    (void) clock_gettime(CLOCK_MONOTONIC, &begun);

    task->rc = NGX_ERROR;

    store = acme_ca_store_open(&task->ca->authority.database,
                               ACME_CA_STORE_READ, log);
    if (store != NULL) {
        task->rc = ngx_acme_ca_census_take(store, task->now, &task->census);
        acme_ca_store_close(store);
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ended);

    task->took = ((ended.tv_sec - begun.tv_sec) * 1000
                  + (ended.tv_nsec - begun.tv_nsec) / 1000000)
                 * NGX_ACME_CA_CENSUS_PART / 1000;
}


static ngx_int_t
ngx_acme_ca_census_take(acme_ca_store_t *store, time_t now,
    acme_ca_census_t *census)
{
    /* each for itself: a long read would stop checkpoints */

    if (acme_ca_store_census_accounts(store, now, census->accounts) != NGX_OK
        || acme_ca_store_census_orders(store, now, census->orders) != NGX_OK
        || acme_ca_store_census_authz(store, now, census->authz) != NGX_OK
        || acme_ca_store_census_challenges(store, now, census->challenges)
           != NGX_OK
        || acme_ca_store_census_certificates(store, now, census->certificates)
           != NGX_OK
        || acme_ca_store_census_jobs(store, census->jobs, &census->job_oldest)
           != NGX_OK
        || acme_ca_store_census_eab(store, now, census->eab) != NGX_OK
        || acme_ca_store_census_radar(store, now, &census->late,
                                      &census->unfetched)
           != NGX_OK
        || acme_ca_store_census_rows(store, census->rows,
                                     ACME_CA_METRICS_TABLES)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_store_census_size(store, &census->database_size,
                                     &census->database_free);
}


static void
ngx_acme_ca_census_done(ngx_event_t *ev)
{
    ngx_acme_ca_census_task_t *task = ev->data;

    ngx_acme_ca_t  *ca;

    ca = task->ca;
    ca->counting = 0;

    if (task->rc == NGX_OK) {
        acme_ca_metrics_census_set(ca->shared->metrics, &task->census,
                                   task->now,
                                   ngx_time() + ngx_max(NGX_ACME_CA_CENSUS,
                                                        task->took));
    }
}
