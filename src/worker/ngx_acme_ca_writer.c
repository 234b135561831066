
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The store task: everything that arrives while one batch is being written is
 * the next batch, and a batch is one transaction with one fsync, each write in
 * a savepoint of its own.  Replies leave after the commit.  A lazy write goes
 * with the next batch that has another reason, or, after a while, alone.  What
 * takes long to be prepared was prepared before (ngx_acme_ca_apart.c).
 *
 * Each batch costs locks, an fsync and reading anew what the other workers
 * wrote, so those of a busy worker share one: soon after the last one it waits
 * as long as each turn of the event loop brings another write.
 *
 * On the thread nothing of nginx is touched but the writes handed over: no
 * request, no timer, no cycle.
 */


#include "ngx_acme_ca.h"


/* bounds the time that the last of a batch waits for the first */
#define NGX_ACME_CA_BATCH       128

/* no longer than a client would wait: SQLite's own lock takes over */
#define NGX_ACME_CA_MUTEX_MS    5000

/* from a write's arrival, for processes that do not know the mutex; at least */
#define NGX_ACME_CA_LOCK_MS     2000
#define NGX_ACME_CA_LOCK_LEAST  100

/* from one batch to the next of a busy worker; a slow disk takes longer */
#define NGX_ACME_CA_GATHER_MS   5

#define NGX_ACME_CA_HOLD_MS     60000

/* what an idle writer saves up: a crash costs no more than it */
#define NGX_ACME_CA_LAZY_MS     20


static void ngx_acme_ca_writer_post(ngx_acme_ca_t *ca);
static ngx_uint_t ngx_acme_ca_writer_take(ngx_acme_ca_t *ca,
    ngx_queue_t *from, ngx_uint_t n);
static void ngx_acme_ca_writer_thread(void *data, ngx_log_t *log);
static ngx_msec_t ngx_acme_ca_writer_patience(ngx_acme_ca_t *ca);
static uint64_t ngx_acme_ca_writer_clock(void);
static ngx_int_t ngx_acme_ca_writer_batch(ngx_acme_ca_t *ca,
    ngx_log_t *log);
static ngx_int_t ngx_acme_ca_writer_one(ngx_acme_ca_t *ca,
    ngx_acme_ca_write_t *write);
static void ngx_acme_ca_writer_spread(ngx_acme_ca_t *ca, ngx_int_t rc);
static void ngx_acme_ca_writer_done(ngx_event_t *ev);
static void ngx_acme_ca_writer_answer(ngx_queue_t *batch);
static void ngx_acme_ca_writer_hold(ngx_event_t *ev);
static void ngx_acme_ca_writer_linger(ngx_event_t *ev);
static void ngx_acme_ca_writer_gather(ngx_event_t *ev);


typedef struct {
    ngx_acme_ca_t  *ca;
} ngx_acme_ca_writer_task_t;


ngx_int_t
ngx_acme_ca_writer_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_str_t                   name = ngx_string("default");
    ngx_acme_ca_writer_task_t  *data;

    if (ngx_acme_ca_thread_init(cycle->log) != NGX_OK
        || ngx_acme_ca_apart_init(ca, cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_queue_init(&ca->waiting);
    ngx_queue_init(&ca->lazy);
    ngx_queue_init(&ca->batch);

    ca->threads = ngx_thread_pool_get(cycle, &name);
    ca->task = ngx_thread_task_alloc(cycle->pool,
                                     sizeof(ngx_acme_ca_writer_task_t));

    if (ca->threads == NULL || ca->task == NULL) {
        return NGX_ERROR;
    }

    data = ca->task->ctx;
    data->ca = ca;

    ca->task->handler = ngx_acme_ca_writer_thread;
    ca->task->event.handler = ngx_acme_ca_writer_done;
    ca->task->event.data = data;
    ca->task->event.log = cycle->log;

    /* not cancelable: a worker does not leave while a batch is under way */

    ca->hold.handler = ngx_acme_ca_writer_hold;
    ca->hold.data = ca;
    ca->hold.log = cycle->log;

    /* nor before it has written what could wait */

    ca->linger.handler = ngx_acme_ca_writer_linger;
    ca->linger.data = ca;
    ca->linger.log = cycle->log;

    ca->gather.handler = ngx_acme_ca_writer_gather;
    ca->gather.data = ca;
    ca->gather.log = cycle->log;

    ca->posted = ngx_current_msec - NGX_ACME_CA_GATHER_MS;

    return NGX_OK;
}


void
ngx_acme_ca_write_add(ngx_acme_ca_t *ca, ngx_acme_ca_write_t *write)
{
    if (write->apart) {
        ngx_acme_ca_apart_add(ca, write);
        return;
    }

    ngx_acme_ca_writer_add(ca, write);
}


ngx_int_t
ngx_acme_ca_write_now(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_int_t  rc;

    if (write->prepare != NULL) {
        write->prepare(write, store);
    }

    rc = acme_ca_store_begin(store);

    if (rc == NGX_OK) {
        rc = write->apply(write, store);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_commit(store);
    }

    if (rc != NGX_OK) {
        acme_ca_store_rollback(store);
    }

    return rc;
}


void
ngx_acme_ca_writer_add(ngx_acme_ca_t *ca, ngx_acme_ca_write_t *write)
{
    write->added = ngx_acme_ca_writer_clock();

    if (write->lazy) {
        ngx_queue_insert_tail(&ca->lazy, &write->queue);

        if (!ca->linger.timer_set) {
            ngx_add_timer(&ca->linger, NGX_ACME_CA_LAZY_MS);
        }

        return;
    }

    ngx_queue_insert_tail(&ca->waiting, &write->queue);

    ca->more = 1;
    ngx_acme_ca_writer_post(ca);
}


/* nothing is lost if it is called too often */

static void
ngx_acme_ca_writer_post(ngx_acme_ca_t *ca)
{
    ngx_uint_t  n;

    if (ca->in_flight || ca->gather.posted || ngx_queue_empty(&ca->waiting)) {
        ngx_acme_ca_writer_keep(ca);
        return;
    }

    if (ca->more && ngx_current_msec - ca->posted < NGX_ACME_CA_GATHER_MS) {
        ca->more = 0;
        ngx_post_event(&ca->gather, &ngx_posted_next_events);
        ngx_acme_ca_writer_keep(ca);
        return;
    }

    ca->posted = ngx_current_msec;

    n = ngx_acme_ca_writer_take(ca, &ca->waiting, NGX_ACME_CA_BATCH);

    (void) ngx_acme_ca_writer_take(ca, &ca->lazy, NGX_ACME_CA_BATCH - n);

    if (ngx_queue_empty(&ca->lazy) && ca->linger.timer_set) {
        ngx_del_timer(&ca->linger);
    }

    ca->in_flight = 1;
    ngx_acme_ca_writer_keep(ca);

    if (ca->writer == NULL
        || ngx_thread_task_post(ca->threads, ca->task) != NGX_OK)
    {
        /* all are still NGX_BUSY; the event loop answers them, not we */

        ngx_post_event(&ca->task->event, &ngx_posted_events);
    }
}


void
ngx_acme_ca_writer_keep(ngx_acme_ca_t *ca)
{
    ngx_uint_t  busy;

    busy = (ca->in_flight || ca->gather.posted || ca->preparing != 0);

    if (busy && !ca->hold.timer_set) {
        ngx_add_timer(&ca->hold, NGX_ACME_CA_HOLD_MS);

    } else if (!busy && ca->hold.timer_set) {
        ngx_del_timer(&ca->hold);
    }
}


/* moves at most n writes to the batch, the oldest first: how many it were */

static ngx_uint_t
ngx_acme_ca_writer_take(ngx_acme_ca_t *ca, ngx_queue_t *from, ngx_uint_t n)
{
    ngx_uint_t            i;
    ngx_queue_t          *q;
    ngx_acme_ca_write_t  *write;

    for (i = 0; i < n && !ngx_queue_empty(from); i++) {
        q = ngx_queue_head(from);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ca->batch, q);

        write = ngx_queue_data(q, ngx_acme_ca_write_t, queue);
        write->rc = NGX_BUSY;
    }

    return i;
}


static void
ngx_acme_ca_writer_thread(void *data, ngx_log_t *log)
{
    ngx_acme_ca_writer_task_t  *ctx = data;

    uint64_t              begun;
    ngx_int_t             rc, held;
    ngx_uint_t            n;
    ngx_queue_t          *q;
    ngx_acme_ca_t        *ca;
    ngx_acme_ca_write_t  *write;

    ca = ctx->ca;

    ngx_acme_ca_thread_enter();

    n = 0;

    for (q = ngx_queue_head(&ca->batch);
         q != ngx_queue_sentinel(&ca->batch);
         q = ngx_queue_next(q))
    {
        write = ngx_queue_data(q, ngx_acme_ca_write_t, queue);

        if (write->prepare != NULL && !write->apart) {
            write->prepare(write, ca->writer);
        }

        n++;
    }

    held = acme_ca_mutex_lock(&ca->shared->mutex, NGX_ACME_CA_MUTEX_MS, log);

    acme_ca_store_set_patience(ca->writer, ngx_acme_ca_writer_patience(ca));

    begun = ngx_acme_ca_writer_clock();

    rc = ngx_acme_ca_writer_batch(ca, log);

    acme_ca_metrics_batch(ca->shared->metrics, n,
                          ngx_acme_ca_writer_clock() - begun, rc != NGX_OK);

    if (rc == NGX_OK) {
        acme_ca_store_checkpoint(ca->writer);
    }

    if (held == NGX_OK) {
        acme_ca_mutex_unlock(&ca->shared->mutex, log);
    }
}


/*
 * Who waited for somebody who waited for the same lock does not begin anew: the
 * oldest of the batch says what is left.
 */

static ngx_msec_t
ngx_acme_ca_writer_patience(ngx_acme_ca_t *ca)
{
    uint64_t              waited;
    ngx_acme_ca_write_t  *write;

    write = ngx_queue_data(ngx_queue_head(&ca->batch), ngx_acme_ca_write_t,
                           queue);

    waited = (ngx_acme_ca_writer_clock() - write->added) / 1000;

    return (waited + NGX_ACME_CA_LOCK_LEAST < NGX_ACME_CA_LOCK_MS)
           ? NGX_ACME_CA_LOCK_MS - waited : NGX_ACME_CA_LOCK_LEAST;
}


/* microseconds; nginx's own clock stands still on a thread */

static uint64_t
ngx_acme_ca_writer_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static ngx_int_t
ngx_acme_ca_writer_batch(ngx_acme_ca_t *ca, ngx_log_t *log)
{
    ngx_int_t             rc;
    ngx_queue_t          *q;
    ngx_acme_ca_write_t  *write;

    rc = acme_ca_store_begin(ca->writer);
    if (rc != NGX_OK) {
        ngx_acme_ca_writer_spread(ca, rc);
        return rc;
    }

    ngx_acme_ca_audit_begin(ca, ca->writer, log);

    for (q = ngx_queue_head(&ca->batch);
         q != ngx_queue_sentinel(&ca->batch) && rc == NGX_OK;
         q = ngx_queue_next(q))
    {
        write = ngx_queue_data(q, ngx_acme_ca_write_t, queue);

        write->rc = ngx_acme_ca_writer_one(ca, write);

        if (write->rc == NGX_BUSY) {
            rc = NGX_BUSY;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_audit_end(ca, ca->writer, log);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_commit(ca->writer);
    }

    if (rc != NGX_OK) {
        acme_ca_store_rollback(ca->writer);
        ca->audit.lines.len = 0;
        ngx_acme_ca_writer_spread(ca, rc);
    }

    return rc;
}


/*
 * NGX_ERROR is one write's own fault and leaves the others alone; NGX_BUSY is
 * the database's and ends the batch.
 */

static ngx_int_t
ngx_acme_ca_writer_one(ngx_acme_ca_t *ca, ngx_acme_ca_write_t *write)
{
    ngx_int_t  rc;

    if (acme_ca_store_savepoint(ca->writer) != NGX_OK) {
        return NGX_BUSY;
    }

    rc = write->apply(write, ca->writer);

    if (rc == NGX_BUSY) {
        return NGX_BUSY;
    }

    if (rc != NGX_OK) {

        if (acme_ca_store_rollback_to(ca->writer) != NGX_OK) {
            return NGX_BUSY;
        }

        if (rc == NGX_ABORT && write->record != NULL) {
            rc = write->record(write, ca->writer);
        }
    }

    if (acme_ca_store_release(ca->writer) != NGX_OK) {
        return NGX_BUSY;
    }

    return rc;
}


/* the batch failed as a whole: nobody's write happened */

static void
ngx_acme_ca_writer_spread(ngx_acme_ca_t *ca, ngx_int_t rc)
{
    ngx_queue_t          *q;
    ngx_acme_ca_write_t  *write;

    for (q = ngx_queue_head(&ca->batch);
         q != ngx_queue_sentinel(&ca->batch);
         q = ngx_queue_next(q))
    {
        write = ngx_queue_data(q, ngx_acme_ca_write_t, queue);
        write->rc = rc;
    }
}


static void
ngx_acme_ca_writer_done(ngx_event_t *ev)
{
    ngx_acme_ca_writer_task_t  *ctx = ev->data;

    ngx_queue_t     batch;
    ngx_acme_ca_t  *ca;

    ca = ctx->ca;

    ngx_queue_init(&batch);
    ngx_queue_add(&batch, &ca->batch);
    ngx_queue_init(&ca->batch);

    ca->in_flight = 0;

    ngx_acme_ca_audit_flush(ca);

    /* the next batch is written while this one is answered */

    ngx_acme_ca_writer_post(ca);

    ngx_acme_ca_writer_answer(&batch);
}


static void
ngx_acme_ca_writer_answer(ngx_queue_t *batch)
{
    ngx_queue_t          *q;
    ngx_acme_ca_write_t  *write;

    while (!ngx_queue_empty(batch)) {
        q = ngx_queue_head(batch);
        ngx_queue_remove(q);

        write = ngx_queue_data(q, ngx_acme_ca_write_t, queue);
        write->done(write, write->rc);
    }
}


static void
ngx_acme_ca_writer_hold(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_ACME_CA_HOLD_MS);
}


/* from now on they wait like any other write */

static void
ngx_acme_ca_writer_linger(ngx_event_t *ev)
{
    ngx_acme_ca_t *ca = ev->data;

    ngx_queue_add(&ca->waiting, &ca->lazy);
    ngx_queue_init(&ca->lazy);

    ngx_acme_ca_writer_post(ca);
}


static void
ngx_acme_ca_writer_gather(ngx_event_t *ev)
{
    ngx_acme_ca_writer_post(ev->data);
}
