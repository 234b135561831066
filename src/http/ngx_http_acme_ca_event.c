
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * event_hook URI [TYPE ...] [timeout=] [batch=] [retry=], and event_key FILE.
 */


#include "ngx_http_acme_ca_slots.h"

#include "ngx_acme_ca_event.h"


#define NGX_HTTP_ACME_CA_EVENT_TIMEOUT  10000      /* milliseconds */
#define NGX_HTTP_ACME_CA_EVENT_BATCH    100
#define NGX_HTTP_ACME_CA_EVENT_BATCHES  1000
#define NGX_HTTP_ACME_CA_EVENT_RETRY    300        /* seconds */


/* NGX_OK, or NGX_ERROR: the value is none */
typedef ngx_int_t (*ngx_http_acme_ca_event_set_pt)(ngx_acme_ca_hook_t *hook,
    ngx_str_t *value);

typedef struct {
    ngx_str_t                       name;        /* "timeout=" */
    ngx_http_acme_ca_event_set_pt   set;
} ngx_http_acme_ca_event_parameter_t;


static ngx_acme_ca_events_t *ngx_http_acme_ca_events(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);
static ngx_int_t ngx_http_acme_ca_event_word(ngx_conf_t *cf,
    ngx_acme_ca_hook_t *hook, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_event_type(ngx_conf_t *cf,
    ngx_acme_ca_hook_t *hook, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_event_timeout(ngx_acme_ca_hook_t *hook,
    ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_event_batch(ngx_acme_ca_hook_t *hook,
    ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_event_retry(ngx_acme_ca_hook_t *hook,
    ngx_str_t *value);


static const ngx_http_acme_ca_event_parameter_t
    ngx_http_acme_ca_event_parameters[] =
{
    { ngx_string("timeout="), ngx_http_acme_ca_event_timeout },
    { ngx_string("batch="), ngx_http_acme_ca_event_batch },
    { ngx_string("retry="), ngx_http_acme_ca_event_retry },
    { ngx_null_string, NULL }
};


char *
ngx_http_acme_ca_event_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_acme_ca_hook_t    *hook;
    ngx_acme_ca_events_t  *events;

    events = ngx_http_acme_ca_events(cf, ca);
    if (events == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (!ngx_http_acme_ca_is_uri(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid event_hook \"%V\": the URI of a location "
                           "is needed, such as \"/event\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    hook = events->hooks.elts;

    for (i = 0; i < events->hooks.nelts; i++) {
        if (acme_ca_str_eq(&hook[i].uri, &value[1])) {
            return "is duplicate";
        }
    }

    hook = ngx_array_push(&events->hooks);
    if (hook == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(hook, sizeof(ngx_acme_ca_hook_t));

    hook->uri = value[1];
    hook->timeout = NGX_HTTP_ACME_CA_EVENT_TIMEOUT;
    hook->limit = NGX_HTTP_ACME_CA_EVENT_BATCH;
    hook->pause = NGX_HTTP_ACME_CA_EVENT_RETRY;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_acme_ca_event_word(cf, hook, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" of \"event_hook\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (hook->types.len == 0
        && acme_ca_event_all(cf->pool, &hook->types) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_acme_ca_events_t *
ngx_http_acme_ca_events(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    if (ca->events != NULL) {
        return ca->events;
    }

    ca->events = ngx_pcalloc(cf->pool, sizeof(ngx_acme_ca_events_t));

    if (ca->events == NULL
        || ngx_array_init(&ca->events->hooks, cf->pool, 2,
                          sizeof(ngx_acme_ca_hook_t))
           != NGX_OK)
    {
        return NULL;
    }

    return ca->events;
}


static ngx_int_t
ngx_http_acme_ca_event_word(ngx_conf_t *cf, ngx_acme_ca_hook_t *hook,
    ngx_str_t *value)
{
    ngx_str_t                                  text;
    const ngx_http_acme_ca_event_parameter_t  *p;

    for (p = ngx_http_acme_ca_event_parameters; p->set; p++) {

        if (value->len >= p->name.len
            && ngx_memcmp(value->data, p->name.data, p->name.len) == 0)
        {
            text.data = value->data + p->name.len;
            text.len = value->len - p->name.len;

            return p->set(hook, &text);
        }
    }

    return ngx_http_acme_ca_event_type(cf, hook, value);
}


/* to the list, which has a blank at both ends */

static ngx_int_t
ngx_http_acme_ca_event_type(ngx_conf_t *cf, ngx_acme_ca_hook_t *hook,
    ngx_str_t *value)
{
    ngx_str_t  list = ngx_string(" ");

    if (!acme_ca_event_is_type(value)) {
        return NGX_ERROR;
    }

    if (hook->types.len != 0) {
        list = hook->types;
    }

    return acme_ca_format(cf->pool, &hook->types, list.len + value->len + 1,
                          "%V%V ", &list, value);
}


static ngx_int_t
ngx_http_acme_ca_event_timeout(ngx_acme_ca_hook_t *hook, ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    hook->timeout = (ngx_msec_t) n;

    return (n > 0) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_acme_ca_event_batch(ngx_acme_ca_hook_t *hook, ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    hook->limit = (ngx_uint_t) n;

    return (n > 0 && n <= NGX_HTTP_ACME_CA_EVENT_BATCHES) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_acme_ca_event_retry(ngx_acme_ca_hook_t *hook, ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 1);

    hook->pause = (time_t) n;

    return (n > 0) ? NGX_OK : NGX_ERROR;
}


char *
ngx_http_acme_ca_event_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t             *value;
    ngx_acme_ca_events_t  *events;

    events = ngx_http_acme_ca_events(cf, ca);
    if (events == NULL) {
        return NGX_CONF_ERROR;
    }

    if (events->key_file.len != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    events->key_file = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_acme_ca_event_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    if (ca->events != NULL && ca->events->hooks.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"event_key\" needs \"event_hook\" in authority "
                           "\"%V\"", &ca->authority.name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
