
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One POST of events, and how it ended.  2xx moves the hook's place.  Whatever
 * else was answered, or that nothing was, leaves all where it is: it is told
 * again later, and so is what happens meanwhile, behind it.
 */


#include "ngx_acme_ca_event.h"


#define NGX_ACME_CA_EVENT_LEASE   5        /* seconds */
#define NGX_ACME_CA_EVENT_ANSWER  4096     /* bytes, which nobody reads */
#define NGX_ACME_CA_EVENT_ERROR   64


static ngx_int_t ngx_acme_ca_event_ask(ngx_acme_ca_hook_t *hook);
static ngx_int_t ngx_acme_ca_event_fields(ngx_acme_ca_hook_t *hook);
static void ngx_acme_ca_event_answered(ngx_acme_ca_call_t *call);
static ngx_int_t ngx_acme_ca_event_taken(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_event_taken_done(ngx_acme_ca_write_t *write,
    ngx_int_t rc);
static void ngx_acme_ca_event_fail(ngx_acme_ca_hook_t *hook);
static ngx_int_t ngx_acme_ca_event_failed(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_event_failed_done(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


time_t
ngx_acme_ca_event_lease(const ngx_acme_ca_hook_t *hook)
{
    return (time_t) ((hook->timeout + 999) / 1000) + NGX_ACME_CA_EVENT_LEASE;
}


void
ngx_acme_ca_event_tell(ngx_acme_ca_hook_t *hook)
{
    if (ngx_acme_ca_event_ask(hook) == NGX_OK) {
        return;
    }

    hook->call.retry_after = 0;
    ngx_str_set(&hook->error, "the request could not be made");

    ngx_acme_ca_event_fail(hook);
}


static ngx_int_t
ngx_acme_ca_event_ask(ngx_acme_ca_hook_t *hook)
{
    ngx_acme_ca_call_t  *call;

    call = &hook->call;

    ngx_memzero(call, sizeof(ngx_acme_ca_call_t));

    if (ngx_acme_ca_event_fields(hook) != NGX_OK) {
        return NGX_ERROR;
    }

    call->conf = hook->ca->fetch;
    call->uri = hook->uri;
    ngx_str_set(&call->content_type, "application/json");
    call->body = hook->body;
    call->timeout_ms = hook->timeout;
    call->max_body = NGX_ACME_CA_EVENT_ANSWER;
    call->log = &hook->log;
    call->handler = ngx_acme_ca_event_answered;
    call->data = hook;

    return ngx_acme_ca_call_start(call);
}


static ngx_int_t
ngx_acme_ca_event_fields(ngx_acme_ca_hook_t *hook)
{
    ngx_keyval_t  *field;

    hook->call.fields = ngx_array_create(hook->pool, 2, sizeof(ngx_keyval_t));
    if (hook->call.fields == NULL) {
        return NGX_ERROR;
    }

    field = ngx_array_push_n(hook->call.fields, 2);
    if (field == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&field[0].key, "Acme-Ca-Authority");
    field[0].value = hook->ca->authority.name;

    ngx_str_set(&field[1].key, "Acme-Ca-Signature");

    return acme_ca_event_sign(hook->pool, hook->ca->events->keys, ngx_time(),
                              &hook->body, &field[1].value);
}


static void
ngx_acme_ca_event_answered(ngx_acme_ca_call_t *call)
{
    ngx_acme_ca_hook_t *hook = call->data;

    ngx_int_t  rc;

    if (call->rc == NGX_ACME_CA_FETCH_OK && call->status / 100 == 2) {
        ngx_acme_ca_event_write(hook, 0, ngx_acme_ca_event_taken,
                                ngx_acme_ca_event_taken_done);
        return;
    }

    rc = (call->rc != NGX_ACME_CA_FETCH_OK)
         ? acme_ca_format(hook->pool, &hook->error, NGX_ACME_CA_EVENT_ERROR,
                          "%s", ngx_acme_ca_fetch_rc_text(call->rc))
         : acme_ca_format(hook->pool, &hook->error, NGX_ACME_CA_EVENT_ERROR,
                          "status %ui", call->status);

    if (rc != NGX_OK) {
        ngx_str_set(&hook->error, "not taken");
    }

    ngx_acme_ca_event_fail(hook);
}


/* a draining worker leaves the rest to the others */

static ngx_int_t
ngx_acme_ca_event_taken(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_hook_t *hook = write->data;

    time_t  lease;

    hook->leased = hook->page.more && !ngx_exiting;

    lease = hook->leased ? hook->now + ngx_acme_ca_event_lease(hook) : 0;

    return acme_ca_store_event_hook_set_delivered(store, &hook->row,
                                                  &hook->page.place,
                                                  hook->page.events->nelts,
                                                  hook->now, lease);
}


static void
ngx_acme_ca_event_taken_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_hook_t *hook = write->data;

    if (rc == NGX_OK && hook->row.attempts != 0) {
        ngx_log_error(NGX_LOG_NOTICE, &hook->log, 0, "events are taken again");
    }

    if (rc == NGX_BUSY || rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, &hook->log, 0,
                      "that events were taken could not be written; they will "
                      "be told again");
    }

    if (rc == NGX_OK) {
        hook->row.attempts = 0;
    }

    ngx_acme_ca_event_told(hook, rc);
}


static void
ngx_acme_ca_event_fail(ngx_acme_ca_hook_t *hook)
{
    hook->again_at = acme_ca_event_again(hook->row.attempts, hook->pause,
                                         hook->call.retry_after, ngx_time());

    ngx_log_error(NGX_LOG_WARN, &hook->log, 0,
                  "events were not taken: %V; again in %T seconds",
                  &hook->error, hook->again_at - ngx_time());

    ngx_acme_ca_event_write(hook, 0, ngx_acme_ca_event_failed,
                            ngx_acme_ca_event_failed_done);
}


static ngx_int_t
ngx_acme_ca_event_failed(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_hook_t *hook = write->data;

    return acme_ca_store_event_hook_set_failed(store, &hook->row,
                                               hook->again_at, hook->now,
                                               &hook->error);
}


/* what could not be written waits for the end of the lease */

static void
ngx_acme_ca_event_failed_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_hook_t *hook = write->data;

    hook->leased = 0;

    ngx_acme_ca_event_told(hook, NGX_ERROR);
}
