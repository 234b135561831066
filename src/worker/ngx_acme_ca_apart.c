
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What takes long to be prepared runs on a thread of its own before the write
 * is queued: a key that takes a second for a signature holds nobody else's
 * write, neither in the store task nor in a transaction.
 *
 * Each such thread has a handle of the database to read by; a few are kept for
 * those that follow.
 */


#include "ngx_acme_ca.h"


#define NGX_ACME_CA_READERS  4


struct ngx_acme_ca_apart_s {
    ngx_thread_mutex_t   mtx;
    acme_ca_store_t     *idle[NGX_ACME_CA_READERS];
    ngx_uint_t           n;
};


static void ngx_acme_ca_apart_thread(void *data, ngx_log_t *log);
static acme_ca_store_t *ngx_acme_ca_apart_take(ngx_acme_ca_t *ca,
    ngx_log_t *log);
static void ngx_acme_ca_apart_give(ngx_acme_ca_apart_t *apart,
    acme_ca_store_t *store, ngx_log_t *log);
static void ngx_acme_ca_apart_done(ngx_event_t *ev);


ngx_int_t
ngx_acme_ca_apart_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ca->apart = ngx_pcalloc(cycle->pool, sizeof(ngx_acme_ca_apart_t));

    return (ca->apart != NULL)
           ? ngx_thread_mutex_create(&ca->apart->mtx, cycle->log) : NGX_ERROR;
}


/* the threads are gone by now */

void
ngx_acme_ca_apart_exit(ngx_acme_ca_t *ca)
{
    if (ca->apart == NULL) {
        return;
    }

    while (ca->apart->n != 0) {
        acme_ca_store_close(ca->apart->idle[--ca->apart->n]);
    }

    (void) ngx_thread_mutex_destroy(&ca->apart->mtx, ngx_cycle->log);
}


void
ngx_acme_ca_apart_add(ngx_acme_ca_t *ca, ngx_acme_ca_write_t *write)
{
    ngx_thread_task_t  *task;

    write->ca = ca;
    write->rc = NGX_BUSY;

    task = &write->task;

    ngx_memzero(task, sizeof(ngx_thread_task_t));

    task->ctx = write;
    task->handler = ngx_acme_ca_apart_thread;
    task->event.handler = ngx_acme_ca_apart_done;
    task->event.data = write;
    task->event.log = ngx_cycle->log;

    ca->preparing++;
    ngx_acme_ca_writer_keep(ca);

    if (ngx_thread_task_post(ca->threads, task) != NGX_OK) {

        /* the event loop tells its owner, not we */

        ngx_post_event(&task->event, &ngx_posted_events);
    }
}


static void
ngx_acme_ca_apart_thread(void *data, ngx_log_t *log)
{
    ngx_acme_ca_write_t *write = data;

    acme_ca_store_t  *store;

    ngx_acme_ca_thread_enter();

    store = ngx_acme_ca_apart_take(write->ca, log);
    if (store == NULL) {
        return;
    }

    write->prepare(write, store);
    write->rc = NGX_OK;

    ngx_acme_ca_apart_give(write->ca->apart, store, log);
}


static acme_ca_store_t *
ngx_acme_ca_apart_take(ngx_acme_ca_t *ca, ngx_log_t *log)
{
    acme_ca_store_t      *store;
    ngx_acme_ca_apart_t  *apart;

    apart = ca->apart;
    store = NULL;

    if (ngx_thread_mutex_lock(&apart->mtx, log) != NGX_OK) {
        return NULL;
    }

    if (apart->n != 0) {
        store = apart->idle[--apart->n];
    }

    (void) ngx_thread_mutex_unlock(&apart->mtx, log);

    /* the database may have been moved or restored meanwhile */

    if (store != NULL && acme_ca_store_is_stale(store)) {
        acme_ca_store_close(store);
        store = NULL;
    }

    return (store != NULL)
           ? store
           : acme_ca_store_open(&ca->authority.database, ACME_CA_STORE_READ,
                                log);
}


static void
ngx_acme_ca_apart_give(ngx_acme_ca_apart_t *apart, acme_ca_store_t *store,
    ngx_log_t *log)
{
    if (ngx_thread_mutex_lock(&apart->mtx, log) == NGX_OK) {

        if (apart->n < NGX_ACME_CA_READERS) {
            apart->idle[apart->n++] = store;
            store = NULL;
        }

        (void) ngx_thread_mutex_unlock(&apart->mtx, log);
    }

    acme_ca_store_close(store);
}


static void
ngx_acme_ca_apart_done(ngx_event_t *ev)
{
    ngx_acme_ca_write_t *write = ev->data;

    write->ca->preparing--;

    if (write->rc != NGX_OK) {
        ngx_acme_ca_writer_keep(write->ca);
        write->done(write, write->rc);
        return;
    }

    ngx_acme_ca_writer_add(write->ca, write);
}
