
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Event hooks and the master: the keys that sign what they are told, which
 * workers get in memory, and the hooks' rows.
 */


#include "ngx_acme_ca_event.h"


#define NGX_ACME_CA_EVENT_KEY        "event.key"
#define NGX_ACME_CA_EVENT_KEY_BYTES  32


static ngx_int_t ngx_acme_ca_event_path(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    ngx_str_t *path);
static ngx_int_t ngx_acme_ca_event_key_new(ngx_acme_ca_home_t *home);


ngx_int_t
ngx_acme_ca_event_load(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *error)
{
    ngx_int_t         rc;
    ngx_str_t         path, text;
    const char       *fault;
    ngx_file_info_t   fi;

    if (ca->events == NULL || ca->events->keys != NULL) {
        return NGX_OK;
    }

    if (ngx_acme_ca_event_path(ca, temp, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(path.data, &fi) == NGX_FILE_ERROR
        && ngx_errno == NGX_ENOENT)
    {
        return NGX_DECLINED;
    }

    if (ngx_acme_ca_home_read(ca->pool, &path, 1, &text, error) != NGX_OK) {
        return NGX_ERROR;
    }

    fault = NULL;

    rc = acme_ca_event_keys(ca->pool, &text, &ca->events->keys, &fault);

    if (rc != NGX_OK) {
        ca->events->keys = NULL;
    }

    if (rc == NGX_DECLINED) {
        (void) acme_ca_format(temp, error, path.len + 128,
                              "event_key \"%s\" %s", path.data, fault);
    }

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_acme_ca_event_path(ngx_acme_ca_t *ca, ngx_pool_t *pool, ngx_str_t *path)
{
    if (ca->events->key_file.len != 0) {
        *path = ca->events->key_file;
        return NGX_OK;
    }

    return ngx_acme_ca_home_file(ca, pool, NGX_ACME_CA_EVENT_KEY, path);
}


ngx_int_t
ngx_acme_ca_event_prepare(ngx_acme_ca_home_t *home)
{
    ngx_int_t  rc;
    ngx_str_t  error;

    ngx_str_null(&error);

    rc = ngx_acme_ca_event_load(home->ca, home->pool, &error);

    if (rc == NGX_DECLINED) {
        rc = ngx_acme_ca_event_key_new(home);

        if (rc == NGX_OK) {
            rc = ngx_acme_ca_event_load(home->ca, home->pool, &error);
        }
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, home->log, 0,
                      "acme_ca authority \"%V\": no key for events: %V",
                      &home->ca->authority.name, &error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_event_key_new(ngx_acme_ca_home_t *home)
{
    u_char     bytes[NGX_ACME_CA_EVENT_KEY_BYTES];
    u_char     line[2 * NGX_ACME_CA_EVENT_KEY_BYTES + 1], *p;
    ngx_int_t  rc;
    ngx_str_t  path, text;

    if (acme_ca_random(bytes, sizeof(bytes)) != NGX_OK
        || ngx_acme_ca_event_path(home->ca, home->pool, &path) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_hex_dump(line, bytes, sizeof(bytes));
    *p++ = '\n';

    text.data = line;
    text.len = p - line;

    rc = ngx_acme_ca_home_put(home, &path, &text, 0600);

    ngx_explicit_memzero(bytes, sizeof(bytes));
    ngx_explicit_memzero(line, sizeof(line));

    return rc;
}


/* a hook that the configuration does not name any more loses its place */

ngx_int_t
ngx_acme_ca_event_started(ngx_acme_ca_home_t *home, acme_ca_store_t *store,
    time_t now)
{
    ngx_int_t              rc;
    ngx_uint_t             i, j, n;
    ngx_array_t           *rows;
    ngx_acme_ca_hook_t    *hook;
    acme_ca_event_hook_t  *row;

    rc = acme_ca_store_event_hook_list(store, home->pool, &rows);
    if (rc != NGX_OK) {
        return rc;
    }

    hook = NULL;
    n = 0;

    if (home->ca->events != NULL) {
        hook = home->ca->events->hooks.elts;
        n = home->ca->events->hooks.nelts;
    }

    for (i = 0; i < n && rc == NGX_OK; i++) {
        rc = acme_ca_store_event_hook_set(store, &hook[i].uri, &hook[i].types,
                                          now);
    }

    row = rows->elts;

    for (i = 0; i < rows->nelts && rc == NGX_OK; i++) {

        for (j = 0; j < n; j++) {
            if (acme_ca_str_eq(&hook[j].uri, &row[i].uri)) {
                break;
            }
        }

        if (j == n) {
            rc = acme_ca_store_event_hook_remove(store, row[i].id);
        }
    }

    return rc;
}
