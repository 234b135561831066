
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What hooks are told, and when:
 *
 *     tick -> read (thread) -> claim (store task) -> tell -> told -> read ...
 *
 * The lease is kept from one page to the next and given back at the end.  What
 * a killed worker left is told once more when its lease has ended or was freed.
 */


#include "ngx_acme_ca_event.h"

#include "acme_ca_store_audit.h"


/* rows of the log in one go, and bytes of events: a location takes 1 MB */
#define NGX_ACME_CA_EVENT_ROWS   10000
#define NGX_ACME_CA_EVENT_BYTES  (256 * 1024)

/* seconds from one note to the next of rows that are nothing for a hook */
#define NGX_ACME_CA_EVENT_PASS   10


typedef struct {
    ngx_acme_ca_events_t  *events;
} ngx_acme_ca_event_task_t;


static void ngx_acme_ca_event_look(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    const acme_ca_audit_state_t *state);
static ngx_acme_ca_hook_t *ngx_acme_ca_event_find(ngx_acme_ca_events_t *events,
    const ngx_str_t *uri);
static void ngx_acme_ca_event_consider(ngx_acme_ca_hook_t *hook,
    const acme_ca_event_hook_t *row, const acme_ca_audit_state_t *state);
static ngx_uint_t ngx_acme_ca_event_waits(time_t at, time_t now,
    time_t longest);
static ngx_int_t ngx_acme_ca_event_begin(ngx_acme_ca_hook_t *hook,
    const acme_ca_event_hook_t *row);
static void ngx_acme_ca_event_end(ngx_acme_ca_hook_t *hook);
static void ngx_acme_ca_event_want(ngx_acme_ca_hook_t *hook);
static void ngx_acme_ca_event_next(ngx_acme_ca_events_t *events);
static void ngx_acme_ca_event_thread(void *data, ngx_log_t *log);
static ngx_int_t ngx_acme_ca_event_page(ngx_acme_ca_hook_t *hook,
    acme_ca_store_t *store);
static void ngx_acme_ca_event_read(ngx_event_t *ev);
static void ngx_acme_ca_event_nothing(ngx_acme_ca_hook_t *hook);
static void ngx_acme_ca_event_pass(ngx_acme_ca_hook_t *hook);
static ngx_int_t ngx_acme_ca_event_pass_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_event_pass_done(ngx_acme_ca_write_t *write,
    ngx_int_t rc);
static void ngx_acme_ca_event_claim(ngx_acme_ca_hook_t *hook);
static ngx_int_t ngx_acme_ca_event_claim_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_event_claim_done(ngx_acme_ca_write_t *write,
    ngx_int_t rc);
static ngx_uint_t ngx_acme_ca_event_is(const acme_ca_event_place_t *a,
    const acme_ca_event_place_t *b);
static u_char *ngx_acme_ca_event_log(ngx_log_t *log, u_char *buf, size_t len);


ngx_int_t
ngx_acme_ca_event_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_uint_t                 i;
    ngx_acme_ca_hook_t        *hook;
    ngx_acme_ca_events_t      *events;
    ngx_acme_ca_event_task_t  *data;

    events = ca->events;

    if (events == NULL) {
        return NGX_OK;
    }

    events->task = ngx_thread_task_alloc(cycle->pool,
                                         sizeof(ngx_acme_ca_event_task_t));
    if (events->task == NULL) {
        return NGX_ERROR;
    }

    data = events->task->ctx;
    data->events = events;

    events->task->handler = ngx_acme_ca_event_thread;
    events->task->event.handler = ngx_acme_ca_event_read;
    events->task->event.data = data;
    events->task->event.log = cycle->log;

    hook = events->hooks.elts;

    for (i = 0; i < events->hooks.nelts; i++) {
        hook[i].ca = ca;

        hook[i].log = *cycle->log;
        hook[i].log.handler = ngx_acme_ca_event_log;
        hook[i].log.data = &hook[i];
        hook[i].log.action = NULL;
    }

    return NGX_OK;
}


/* the threads have ended */

void
ngx_acme_ca_event_exit(ngx_acme_ca_t *ca)
{
    if (ca->events != NULL) {
        acme_ca_store_close(ca->events->store);
        ca->events->store = NULL;
    }
}


void
ngx_acme_ca_event_tick(ngx_acme_ca_t *ca)
{
    ngx_pool_t             *temp;
    acme_ca_audit_state_t   state;

    if (ca->events == NULL
        || !ngx_acme_ca_leads(ca)
        || acme_ca_store_audit_get_state(ca->reader, &state) != NGX_OK)
    {
        return;
    }

    temp = ngx_create_pool(1024, ngx_cycle->log);
    if (temp == NULL) {
        return;
    }

    ngx_acme_ca_event_look(ca, temp, &state);

    ngx_destroy_pool(temp);

    ngx_acme_ca_event_next(ca->events);
}


static void
ngx_acme_ca_event_look(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    const acme_ca_audit_state_t *state)
{
    ngx_uint_t             i;
    ngx_array_t           *rows;
    ngx_acme_ca_hook_t    *hook;
    acme_ca_event_hook_t  *row;

    if (acme_ca_store_event_hook_list(ca->reader, temp, &rows) != NGX_OK) {
        return;
    }

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {
        hook = ngx_acme_ca_event_find(ca->events, &row[i].uri);

        if (hook != NULL && !hook->busy) {
            ngx_acme_ca_event_consider(hook, &row[i], state);
        }
    }
}


/* NULL: of a configuration that is not this worker's */

static ngx_acme_ca_hook_t *
ngx_acme_ca_event_find(ngx_acme_ca_events_t *events, const ngx_str_t *uri)
{
    ngx_uint_t           i;
    ngx_acme_ca_hook_t  *hook;

    hook = events->hooks.elts;

    for (i = 0; i < events->hooks.nelts; i++) {
        if (acme_ca_str_eq(&hook[i].uri, uri)) {
            return &hook[i];
        }
    }

    return NULL;
}


static void
ngx_acme_ca_event_consider(ngx_acme_ca_hook_t *hook,
    const acme_ca_event_hook_t *row, const acme_ca_audit_state_t *state)
{
    time_t  now;

    now = ngx_time();

    if (ngx_acme_ca_event_waits(row->run_at, now,
                                ngx_max(hook->pause, ACME_CA_EVENT_PAUSE))
        || ngx_acme_ca_event_waits(row->lease_until, now,
                                   ngx_acme_ca_event_lease(hook)))
    {
        return;
    }

    /* somebody else moved it, or this worker never looked */

    if (!ngx_acme_ca_event_is(&row->place, &hook->known)) {
        hook->known = row->place;
        hook->passed = row->place;
    }

    if (state->last > hook->passed.log_id
        || state->checkpoint > hook->passed.checkpoint_id)
    {
        if (ngx_acme_ca_event_begin(hook, row) == NGX_OK) {
            ngx_acme_ca_event_want(hook);
        }

        return;
    }

    if (!ngx_acme_ca_event_is(&hook->passed, &hook->known)
        && now - hook->passed_at >= NGX_ACME_CA_EVENT_PASS
        && ngx_acme_ca_event_begin(hook, row) == NGX_OK)
    {
        ngx_acme_ca_event_pass(hook);
    }
}


/* what is further ahead than that is of a clock that was set back */

static ngx_uint_t
ngx_acme_ca_event_waits(time_t at, time_t now, time_t longest)
{
    return at > now && at <= acme_ca_due_most(now, longest);
}


static ngx_int_t
ngx_acme_ca_event_begin(ngx_acme_ca_hook_t *hook,
    const acme_ca_event_hook_t *row)
{
    hook->pool = ngx_create_pool(8192, ngx_cycle->log);
    if (hook->pool == NULL) {
        return NGX_ERROR;
    }

    hook->row = *row;
    hook->row.uri = hook->uri;

    hook->busy = 1;
    hook->leased = 0;

    return NGX_OK;
}


static void
ngx_acme_ca_event_end(ngx_acme_ca_hook_t *hook)
{
    hook->busy = 0;
    hook->leased = 0;

    ngx_destroy_pool(hook->pool);
    hook->pool = NULL;
}


static void
ngx_acme_ca_event_want(ngx_acme_ca_hook_t *hook)
{
    ngx_memzero(&hook->page, sizeof(acme_ca_event_page_t));

    hook->page.after = hook->passed;
    hook->page.types = hook->types;
    hook->page.rows = NGX_ACME_CA_EVENT_ROWS;
    hook->page.limit = hook->limit;
    hook->page.size = NGX_ACME_CA_EVENT_BYTES;

    hook->wanted = 1;
}


/* one thread reads for all hooks */

static void
ngx_acme_ca_event_next(ngx_acme_ca_events_t *events)
{
    ngx_uint_t           i;
    ngx_acme_ca_hook_t  *hook;

    hook = events->hooks.elts;

    for (i = 0; i < events->hooks.nelts && events->reading == NULL; i++) {

        if (!hook[i].wanted) {
            continue;
        }

        hook[i].wanted = 0;
        hook[i].rc = NGX_ERROR;

        /* the thread may begin before post() returns */

        events->reading = &hook[i];

        if (ngx_thread_task_post(hook[i].ca->threads, events->task)
            != NGX_OK)
        {
            events->reading = NULL;
            ngx_acme_ca_event_end(&hook[i]);
        }
    }
}


static void
ngx_acme_ca_event_thread(void *data, ngx_log_t *log)
{
    ngx_acme_ca_event_task_t  *ctx = data;

    ngx_acme_ca_hook_t    *hook;
    ngx_acme_ca_events_t  *events;

    events = ctx->events;
    hook = events->reading;

    ngx_acme_ca_thread_enter();

    if (events->store != NULL && acme_ca_store_is_stale(events->store)) {
        acme_ca_store_close(events->store);
        events->store = NULL;
    }

    if (events->store == NULL) {
        events->store = acme_ca_store_open(&hook->ca->authority.database,
                                           ACME_CA_STORE_READ, log);
    }

    if (events->store != NULL) {
        hook->rc = ngx_acme_ca_event_page(hook, events->store);
    }
}


static ngx_int_t
ngx_acme_ca_event_page(ngx_acme_ca_hook_t *hook, acme_ca_store_t *store)
{
    ngx_int_t  rc;

    rc = acme_ca_store_event_list(store, hook->pool, &hook->page);

    if (rc == NGX_OK && hook->page.events->nelts != 0) {
        rc = acme_ca_event_write(hook->pool, &hook->ca->authority.name,
                                 &hook->uri, hook->page.events, &hook->body);
    }

    return rc;
}


static void
ngx_acme_ca_event_read(ngx_event_t *ev)
{
    ngx_acme_ca_event_task_t  *ctx = ev->data;

    ngx_acme_ca_hook_t  *hook;

    hook = ctx->events->reading;
    ctx->events->reading = NULL;

    if (hook->rc != NGX_OK) {
        ngx_acme_ca_event_end(hook);

    } else if (hook->page.events->nelts == 0) {
        ngx_acme_ca_event_nothing(hook);

    } else if (hook->leased) {
        ngx_acme_ca_event_tell(hook);

    } else {
        ngx_acme_ca_event_claim(hook);
    }

    ngx_acme_ca_event_next(ctx->events);
}


static void
ngx_acme_ca_event_nothing(ngx_acme_ca_hook_t *hook)
{
    hook->passed = hook->page.place;

    if (hook->page.more && !ngx_exiting) {
        ngx_reset_pool(hook->pool);
        ngx_acme_ca_event_want(hook);

    } else if (hook->leased) {
        ngx_acme_ca_event_pass(hook);

    } else {
        ngx_acme_ca_event_end(hook);
    }
}


static void
ngx_acme_ca_event_pass(ngx_acme_ca_hook_t *hook)
{
    ngx_acme_ca_event_write(hook, 1, ngx_acme_ca_event_pass_apply,
                            ngx_acme_ca_event_pass_done);
}


static ngx_int_t
ngx_acme_ca_event_pass_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_hook_t *hook = write->data;

    return acme_ca_store_event_hook_set_passed(store, &hook->row,
                                               &hook->passed);
}


static void
ngx_acme_ca_event_pass_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_hook_t *hook = write->data;

    if (rc == NGX_OK) {
        hook->known = hook->passed;
        hook->passed_at = ngx_time();
    }

    ngx_acme_ca_event_end(hook);
}


static void
ngx_acme_ca_event_claim(ngx_acme_ca_hook_t *hook)
{
    ngx_acme_ca_event_write(hook, 0, ngx_acme_ca_event_claim_apply,
                            ngx_acme_ca_event_claim_done);
}


static ngx_int_t
ngx_acme_ca_event_claim_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_hook_t *hook = write->data;

    return acme_ca_store_event_hook_claim(store, &hook->row,
                                          hook->now
                                          + ngx_acme_ca_event_lease(hook));
}


static void
ngx_acme_ca_event_claim_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_hook_t *hook = write->data;

    if (rc != NGX_OK) {
        ngx_acme_ca_event_end(hook);
        return;
    }

    hook->leased = 1;

    ngx_acme_ca_event_tell(hook);
}


void
ngx_acme_ca_event_write(ngx_acme_ca_hook_t *hook, ngx_uint_t lazy,
    ngx_int_t (*apply)(ngx_acme_ca_write_t *write, acme_ca_store_t *store),
    void (*done)(ngx_acme_ca_write_t *write, ngx_int_t rc))
{
    ngx_memzero(&hook->write, sizeof(ngx_acme_ca_write_t));

    hook->now = ngx_time();

    hook->write.lazy = lazy;
    hook->write.apply = apply;
    hook->write.done = done;
    hook->write.data = hook;

    ngx_acme_ca_write_add(hook->ca, &hook->write);
}


void
ngx_acme_ca_event_told(ngx_acme_ca_hook_t *hook, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        hook->row.place = hook->page.place;
        hook->known = hook->page.place;
        hook->passed = hook->page.place;
        hook->passed_at = ngx_time();
    }

    if (rc != NGX_OK || !hook->leased) {
        ngx_acme_ca_event_end(hook);
        return;
    }

    ngx_reset_pool(hook->pool);

    ngx_acme_ca_event_want(hook);
    ngx_acme_ca_event_next(hook->ca->events);
}


static ngx_uint_t
ngx_acme_ca_event_is(const acme_ca_event_place_t *a,
    const acme_ca_event_place_t *b)
{
    return a->log_id == b->log_id && a->checkpoint_id == b->checkpoint_id;
}


static u_char *
ngx_acme_ca_event_log(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_acme_ca_hook_t *hook = log->data;

    return ngx_snprintf(buf, len, ", authority: %V, event_hook: %V",
                        &hook->ca->authority.name, &hook->uri);
}
