
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The arguments of an URL.  What no resource knows is refused: a filter that
 * was misspelt must not become a list of everything.
 */


#include "acme_ca_admin_private.h"


#define ACME_CA_ADMIN_ARGS  1024


static ngx_int_t acme_ca_admin_query_part(ngx_pool_t *pool, const u_char *p,
    const u_char *last, ngx_str_t *text);
static ngx_int_t acme_ca_admin_query_digit(u_char ch);
static ngx_uint_t acme_ca_admin_query_is_text(const ngx_str_t *text);


ngx_int_t
acme_ca_admin_query_parse(ngx_pool_t *pool, const ngx_str_t *query,
    ngx_array_t **args)
{
    u_char               *p, *end, *last, *sign;
    ngx_int_t             rc;
    acme_ca_admin_arg_t  *arg;

    *args = ngx_array_create(pool, 4, sizeof(acme_ca_admin_arg_t));
    if (*args == NULL) {
        return NGX_ERROR;
    }

    last = query->data + query->len;

    for (p = query->data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        if (end == p) {
            continue;
        }

        sign = ngx_strlchr(p, end, '=');

        if (sign == NULL || (*args)->nelts == ACME_CA_ADMIN_ARGS) {
            return NGX_DECLINED;
        }

        arg = ngx_array_push(*args);
        if (arg == NULL) {
            return NGX_ERROR;
        }

        rc = acme_ca_admin_query_part(pool, p, sign, &arg->name);

        if (rc == NGX_OK) {
            rc = acme_ca_admin_query_part(pool, sign + 1, end, &arg->value);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_query_part(ngx_pool_t *pool, const u_char *p, const u_char *last,
    ngx_str_t *text)
{
    u_char     *dst;
    ngx_int_t   high, low;

    dst = ngx_pnalloc(pool, last - p + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    text->data = dst;

    for ( /* void */ ; p < last; p++) {

        if (*p != '%') {
            *dst++ = (*p == '+') ? ' ' : *p;
            continue;
        }

        if (last - p < 3) {
            return NGX_DECLINED;
        }

        high = acme_ca_admin_query_digit(p[1]);
        low = acme_ca_admin_query_digit(p[2]);

        if (high < 0 || low < 0) {
            return NGX_DECLINED;
        }

        *dst++ = (u_char) (high << 4 | low);
        p += 2;
    }

    *dst = '\0';
    text->len = dst - text->data;

    return acme_ca_admin_query_is_text(text) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
acme_ca_admin_query_digit(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    return (ch >= 'a' && ch <= 'f') ? ch - 'a' + 10 : -1;
}


static ngx_uint_t
acme_ca_admin_query_is_text(const ngx_str_t *text)
{
    size_t  i, n;

    for (i = 0; i < text->len; i += n) {
        n = acme_ca_utf8_len(text->data + i, text->len - i);

        if (n == 0 || text->data[i] < 0x20 || text->data[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
acme_ca_admin_query(acme_ca_admin_t *a)
{
    ngx_int_t             rc;
    ngx_uint_t            i, k, many;
    const char           *known;
    acme_ca_admin_arg_t  *arg;

    /* what is written stands in the body */

    known = (a->request.method == ACME_CA_POST) ? NULL : a->route->args;

    rc = acme_ca_admin_query_parse(a->ctx.pool, &a->request.query, &a->args);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 400,
                                    "the arguments of the URL are malformed");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    arg = a->args->elts;

    for (i = 0; i < a->args->nelts; i++) {

        if (!acme_ca_admin_has(known, &arg[i].name, &many)) {
            return acme_ca_admin_refuse(a, 400, "there is no argument \"%V\" "
                                        "here", &arg[i].name);
        }

        for (k = 0; k < i && !many; k++) {
            if (acme_ca_str_eq(&arg[k].name, &arg[i].name)) {
                return acme_ca_admin_refuse(a, 400, "the argument \"%V\" is "
                                            "there twice", &arg[i].name);
            }
        }

        rc = acme_ca_admin_filter(a, &arg[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_str_t *
acme_ca_admin_arg(acme_ca_admin_t *a, const char *name)
{
    ngx_str_t             text;
    ngx_uint_t            i;
    acme_ca_admin_arg_t  *arg;

    text.data = (u_char *) name;
    text.len = ngx_strlen(name);

    arg = a->args->elts;

    for (i = 0; i < a->args->nelts; i++) {
        if (acme_ca_str_eq(&arg[i].name, &text)) {
            return &arg[i].value;
        }
    }

    return NULL;
}


ngx_uint_t
acme_ca_admin_has(const char *list, const ngx_str_t *word, ngx_uint_t *many)
{
    size_t       n;
    const char  *p;

    *many = 0;

    for (p = list; p && *p; p += n) {

        while (*p == ' ') {
            p++;
        }

        for (n = 0; p[n] && p[n] != ' '; n++) { /* void */ }

        *many = (n != 0 && p[n - 1] == '*');

        if (word->len != 0 && n - *many == word->len
            && ngx_memcmp(p, word->data, word->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
