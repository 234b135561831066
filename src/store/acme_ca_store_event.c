
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_event_hooks, and the audit log as what they are told.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_event.h"


static void acme_ca_store_event_hook_is(acme_ca_query_t *q,
    const acme_ca_event_hook_t *hook);
static void acme_ca_store_event_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_event_t *event);


ngx_int_t
acme_ca_store_event_list(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_event_page_t *page)
{
    size_t            size;
    ngx_int_t         rc;
    ngx_uint_t        n;
    acme_ca_query_t   q;
    acme_ca_event_t   event, *slot;

    page->place = page->after;
    page->more = 0;

    page->events = ngx_array_create(pool, 8, sizeof(acme_ca_event_t));
    if (page->events == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_LIST);
    acme_ca_query_integer(&q, page->after.log_id);
    acme_ca_query_integer(&q, page->after.checkpoint_id);
    acme_ca_query_text(&q, &page->types);

    size = 0;

    for (n = 0; /* void */ ; n++) {
        rc = acme_ca_query_step(&q);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        if (n == page->rows || page->events->nelts == page->limit
            || size > page->size)
        {
            page->more = 1;
            return acme_ca_query_end(&q);
        }

        acme_ca_store_event_read(&q, pool, &event);

        if (event.checkpoint) {
            page->place.checkpoint_id = event.id;

        } else {
            page->place.log_id = event.id;
        }

        if (event.data.len == 0) {
            continue;
        }

        size += event.data.len;

        slot = acme_ca_query_push(&q, page->events);

        if (slot) {
            *slot = event;
        }
    }
}


static void
acme_ca_store_event_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_event_t *event)
{
    event->id = acme_ca_column_integer(q);
    event->checkpoint = acme_ca_column_integer(q);
    event->at = acme_ca_column_integer(q);
    acme_ca_column_text(q, pool, &event->type);
    acme_ca_column_text(q, pool, &event->data);
}


ngx_int_t
acme_ca_store_event_hook_list(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_array_t **hooks)
{
    ngx_int_t              rc;
    acme_ca_query_t        q;
    acme_ca_event_hook_t  *hook;

    *hooks = ngx_array_create(pool, 4, sizeof(acme_ca_event_hook_t));
    if (*hooks == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_LIST);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        hook = acme_ca_query_push(&q, *hooks);

        if (hook) {
            hook->id = acme_ca_column_integer(&q);
            acme_ca_column_text(&q, pool, &hook->uri);
            hook->place.log_id = acme_ca_column_integer(&q);
            hook->place.checkpoint_id = acme_ca_column_integer(&q);
            hook->attempts = acme_ca_column_integer(&q);
            hook->run_at = acme_ca_column_integer(&q);
            hook->lease_until = acme_ca_column_integer(&q);
        }
    }
}


ngx_int_t
acme_ca_store_event_hook_set(acme_ca_store_t *store, ngx_str_t *uri,
    ngx_str_t *types, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_SET);
    acme_ca_query_text(&q, uri);
    acme_ca_query_text(&q, types);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_event_hook_remove(acme_ca_store_t *store, int64_t id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_REMOVE);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_event_hook_set_due(acme_ca_store_t *store, int64_t id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_SET_DUE);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_event_hook_list_lags(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_array_t **lags)
{
    ngx_int_t             rc;
    acme_ca_query_t       q;
    acme_ca_event_lag_t  *lag;

    *lags = ngx_array_create(pool, 4, sizeof(acme_ca_event_lag_t));
    if (*lags == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_LIST_LAGS);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        lag = acme_ca_query_push(&q, *lags);

        if (lag) {
            acme_ca_column_text(&q, pool, &lag->uri);
            lag->rows = acme_ca_column_integer(&q);
            lag->since = acme_ca_column_integer(&q);
            lag->attempts = acme_ca_column_integer(&q);
            lag->delivered = acme_ca_column_integer(&q);
        }
    }
}


/* ?1 to ?3 of those below */

static void
acme_ca_store_event_hook_is(acme_ca_query_t *q,
    const acme_ca_event_hook_t *hook)
{
    acme_ca_query_integer(q, hook->id);
    acme_ca_query_integer(q, hook->place.log_id);
    acme_ca_query_integer(q, hook->place.checkpoint_id);
}


ngx_int_t
acme_ca_store_event_hook_claim(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, time_t lease_until)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_CLAIM);
    acme_ca_store_event_hook_is(&q, hook);
    acme_ca_query_integer(&q, hook->lease_until);
    acme_ca_query_integer(&q, lease_until);
    acme_ca_query_optional(&q, store->owner);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_event_hook_set_delivered(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, acme_ca_event_place_t *place, ngx_uint_t n,
    time_t now, time_t lease_until)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_SET_DELIVERED);
    acme_ca_store_event_hook_is(&q, hook);
    acme_ca_query_integer(&q, place->log_id);
    acme_ca_query_integer(&q, place->checkpoint_id);
    acme_ca_query_integer(&q, n);
    acme_ca_query_integer(&q, now);
    acme_ca_query_integer(&q, lease_until);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_event_hook_set_passed(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, acme_ca_event_place_t *place)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_SET_PASSED);
    acme_ca_store_event_hook_is(&q, hook);
    acme_ca_query_integer(&q, place->log_id);
    acme_ca_query_integer(&q, place->checkpoint_id);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_event_hook_set_failed(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, time_t run_at, time_t now, ngx_str_t *error)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_EVENT_HOOK_SET_FAILED);
    acme_ca_store_event_hook_is(&q, hook);
    acme_ca_query_integer(&q, run_at);
    acme_ca_query_integer(&q, now);
    acme_ca_query_text(&q, error);

    return acme_ca_query_set(&q);
}
