
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Events as a receiver gets them.
 */


#include "acme_ca_event.h"
#include "acme_ca_json.h"
#include "acme_ca_text.h"

#include <openssl/hmac.h>


static void acme_ca_event_write_one(acme_ca_json_writer_t *w,
    const ngx_str_t *authority, acme_ca_event_t *event);


/* sql/event.sql says which rows of the log they are */

const ngx_str_t  acme_ca_event_types[] = {
    ngx_string("issued"),
    ngx_string("refused"),
    ngx_string("revoked"),
    ngx_string("unrevoked"),
    ngx_string("renewal_late"),
    ngx_string("expiring"),
    ngx_string("expired"),
    ngx_string("not_fetched"),
    ngx_string("issuer_expiring"),
    ngx_string("issuer"),
    ngx_string("checkpoint"),
    ngx_null_string
};


ngx_uint_t
acme_ca_event_is_type(const ngx_str_t *name)
{
    const ngx_str_t  *type;

    for (type = acme_ca_event_types; type->len; type++) {
        if (acme_ca_str_eq(type, name)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
acme_ca_event_all(ngx_pool_t *pool, ngx_str_t *types)
{
    u_char           *p;
    size_t            n;
    const ngx_str_t  *type;

    n = 1;

    for (type = acme_ca_event_types; type->len; type++) {
        n += type->len + 1;
    }

    p = ngx_pnalloc(pool, n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    types->data = p;
    types->len = n;

    *p++ = ' ';

    for (type = acme_ca_event_types; type->len; type++) {
        p = ngx_cpymem(p, type->data, type->len);
        *p++ = ' ';
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_event_write(ngx_pool_t *pool, const ngx_str_t *authority,
    const ngx_str_t *hook, ngx_array_t *events, ngx_str_t *body)
{
    size_t                  size;
    ngx_uint_t              i;
    acme_ca_event_t        *event;
    acme_ca_json_writer_t   w;

    event = events->elts;
    size = 256;

    for (i = 0; i < events->nelts; i++) {
        size += event[i].data.len + authority->len + 128;
    }

    acme_ca_json_start(&w, pool, size);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "authority", (ngx_str_t *) authority);
    acme_ca_json_write_string(&w, "hook", (ngx_str_t *) hook);
    acme_ca_json_open_array(&w, "events");

    for (i = 0; i < events->nelts; i++) {
        acme_ca_event_write_one(&w, authority, &event[i]);
    }

    acme_ca_json_shut(&w);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, body);
}


/*
 * The id is the same each time that an event is told.  It has the time, because
 * a database that was restored gives numbers again.
 */

static void
acme_ca_event_write_one(acme_ca_json_writer_t *w, const ngx_str_t *authority,
    acme_ca_event_t *event)
{
    u_char     number[2 * NGX_INT64_LEN + sizeof("-c-")];
    ngx_str_t  tail;

    tail.data = number;
    tail.len = ngx_sprintf(number, "%s%L-%T", event->checkpoint ? "c" : "",
                           event->id, event->at)
               - number;

    acme_ca_json_open_object(w, NULL);
    acme_ca_json_write_parts(w, "id", (ngx_str_t *) authority, "-",
                             &tail);
    acme_ca_json_write_string(w, "type", &event->type);
    acme_ca_json_write_time(w, "at", event->at);
    acme_ca_json_write_raw(w, "data", &event->data);
    acme_ca_json_shut(w);
}


ngx_int_t
acme_ca_event_sign(ngx_pool_t *pool, const ngx_array_t *keys, time_t now,
    const ngx_str_t *body, ngx_str_t *signature)
{
    u_char       mac[EVP_MAX_MD_SIZE], *p;
    ngx_str_t   *key, text;
    ngx_uint_t   i;

    if (acme_ca_format(pool, &text, NGX_TIME_T_LEN + 1 + body->len, "%T.%V",
                       now, body)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, sizeof("t=") + NGX_TIME_T_LEN
                          + keys->nelts * (sizeof(",v1=")
                                           + 2 * ACME_CA_SHA256_LEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    signature->data = p;

    p = ngx_sprintf(p, "t=%T", now);
    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (HMAC(EVP_sha256(), key[i].data, (int) key[i].len, text.data,
                 text.len, mac, NULL)
            == NULL)
        {
            return NGX_ERROR;
        }

        p = ngx_cpymem(p, ",v1=", sizeof(",v1=") - 1);
        p = ngx_hex_dump(p, mac, ACME_CA_SHA256_LEN);
    }

    signature->len = p - signature->data;

    return NGX_OK;
}


/* a text, not its bytes decoded: receivers take it as it stands there */

ngx_int_t
acme_ca_event_keys(ngx_pool_t *pool, ngx_str_t *text, ngx_array_t **keys,
    const char **error)
{
    u_char     *p, *last, *end;
    ngx_str_t  *key;

    *keys = ngx_array_create(pool, ACME_CA_EVENT_KEYS, sizeof(ngx_str_t));
    if (*keys == NULL) {
        return NGX_ERROR;
    }

    last = text->data + text->len;

    for (p = text->data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) < ACME_CA_EVENT_KEY_MIN
            || end[-1] == '\r')
        {
            *error = "has a line that is no key: 16 bytes at least, and no CR";
            return NGX_DECLINED;
        }

        if ((*keys)->nelts == ACME_CA_EVENT_KEYS) {
            *error = "has more than 4 keys";
            return NGX_DECLINED;
        }

        key = ngx_array_push(*keys);
        if (key == NULL) {
            return NGX_ERROR;
        }

        key->data = p;
        key->len = end - p;
    }

    if ((*keys)->nelts == 0) {
        *error = "has no key";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


time_t
acme_ca_event_again(ngx_uint_t attempts, time_t most, time_t retry_after,
    time_t now)
{
    time_t  pause;

    pause = ngx_min((time_t) 1 << ngx_min(attempts, 16), most);

    return now + ngx_max(pause, ngx_min(retry_after, ACME_CA_EVENT_PAUSE));
}
