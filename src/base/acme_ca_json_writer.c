
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The JSON writer: what it writes is always well-formed JSON in UTF-8, also
 * when a text holds bytes that are not UTF-8 (they become U+FFFD).  Failures
 * are remembered and told by finish only.  RFC 8259, 7.
 */


#include "acme_ca_json.h"
#include "acme_ca_text.h"


#define ACME_CA_JSON_LEVELS  31


static ngx_int_t acme_ca_json_room(acme_ca_json_writer_t *w, size_t size);
static ngx_int_t acme_ca_json_begin(acme_ca_json_writer_t *w,
    const char *name, size_t size);
static void acme_ca_json_down(acme_ca_json_writer_t *w, const char *name,
    u_char bracket);
static size_t acme_ca_json_plain(const u_char *p, size_t n);
static size_t acme_ca_json_escaped_len(const u_char *p, size_t n);
static u_char *acme_ca_json_escaped(u_char *dst, const u_char *p, size_t n);


void
acme_ca_json_start(acme_ca_json_writer_t *w, ngx_pool_t *pool, size_t size)
{
    ngx_memzero(w, sizeof(acme_ca_json_writer_t));

    w->pool = pool;
    size = ngx_max(size, 64);

    w->start = ngx_pnalloc(pool, size);
    if (w->start == NULL) {
        w->failed = 1;
        return;
    }

    w->last = w->start;
    w->end = w->start + size;
}


static ngx_int_t
acme_ca_json_room(acme_ca_json_writer_t *w, size_t size)
{
    size_t   len;
    u_char  *p;

    if (w->failed) {
        return NGX_ERROR;
    }

    if (size <= (size_t) (w->end - w->last)) {
        return NGX_OK;
    }

    len = w->last - w->start;
    size = ngx_max(2 * (size_t) (w->end - w->start), len + size);

    p = ngx_pnalloc(w->pool, size);
    if (p == NULL) {
        w->failed = 1;
        return NGX_ERROR;
    }

    ngx_memcpy(p, w->start, len);
    (void) ngx_pfree(w->pool, w->start);

    w->start = p;
    w->last = p + len;
    w->end = p + size;

    return NGX_OK;
}


/* a comma if needed, the name, and room for size bytes and a bracket */

static ngx_int_t
acme_ca_json_begin(acme_ca_json_writer_t *w, const char *name, size_t size)
{
    size_t  len;

    len = name ? ngx_strlen(name) : 0;

    if (acme_ca_json_room(w, size + len + sizeof(",\"\":]")) != NGX_OK) {
        return NGX_ERROR;
    }

    if (w->filled & (uint32_t) 1 << w->depth) {
        *w->last++ = ',';
    }

    w->filled |= (uint32_t) 1 << w->depth;

    if (name) {
        *w->last++ = '"';
        w->last = ngx_cpymem(w->last, name, len);
        *w->last++ = '"';
        *w->last++ = ':';
    }

    return NGX_OK;
}


static void
acme_ca_json_down(acme_ca_json_writer_t *w, const char *name, u_char bracket)
{
    if (acme_ca_json_begin(w, name, 1) != NGX_OK) {
        return;
    }

    if (w->depth == ACME_CA_JSON_LEVELS) {
        w->failed = 1;
        return;
    }

    *w->last++ = bracket;
    w->depth++;

    w->filled &= ~((uint32_t) 1 << w->depth);

    if (bracket == '[') {
        w->arrays |= (uint32_t) 1 << w->depth;

    } else {
        w->arrays &= ~((uint32_t) 1 << w->depth);
    }
}


void
acme_ca_json_open_object(acme_ca_json_writer_t *w, const char *name)
{
    acme_ca_json_down(w, name, '{');
}


void
acme_ca_json_open_array(acme_ca_json_writer_t *w, const char *name)
{
    acme_ca_json_down(w, name, '[');
}


void
acme_ca_json_shut(acme_ca_json_writer_t *w)
{
    if (acme_ca_json_room(w, 1) != NGX_OK) {
        return;
    }

    if (w->depth == 0) {
        w->failed = 1;
        return;
    }

    *w->last++ = (w->arrays & (uint32_t) 1 << w->depth) ? ']' : '}';
    w->depth--;
}


void
acme_ca_json_write_string(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *text)
{
    acme_ca_json_write_parts(w, name, text, NULL, NULL);
}


void
acme_ca_json_write_parts(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *a, const char *b, ngx_str_t *c)
{
    size_t      size;
    ngx_str_t   part[3];
    ngx_uint_t  i;

    ngx_memzero(part, sizeof(part));

    if (a) {
        part[0] = *a;
    }

    if (b) {
        part[1].data = (u_char *) b;
        part[1].len = ngx_strlen(b);
    }

    if (c) {
        part[2] = *c;
    }

    size = 2;

    for (i = 0; i < 3; i++) {
        size += acme_ca_json_escaped_len(part[i].data, part[i].len);
    }

    if (acme_ca_json_begin(w, name, size) != NGX_OK) {
        return;
    }

    *w->last++ = '"';

    for (i = 0; i < 3; i++) {
        w->last = acme_ca_json_escaped(w->last, part[i].data, part[i].len);
    }

    *w->last++ = '"';
}


void
acme_ca_json_write_text(acme_ca_json_writer_t *w, const char *name,
    const char *text)
{
    acme_ca_json_write_parts(w, name, NULL, text, NULL);
}


void
acme_ca_json_write_number(acme_ca_json_writer_t *w, const char *name,
    int64_t number)
{
    if (acme_ca_json_begin(w, name, NGX_INT64_LEN) != NGX_OK) {
        return;
    }

    w->last = ngx_sprintf(w->last, "%L", number);
}


void
acme_ca_json_write_boolean(acme_ca_json_writer_t *w, const char *name,
    ngx_uint_t boolean)
{
    ngx_str_t  json;

    if (boolean) {
        ngx_str_set(&json, "true");

    } else {
        ngx_str_set(&json, "false");
    }

    acme_ca_json_write_raw(w, name, &json);
}


void
acme_ca_json_write_time(acme_ca_json_writer_t *w, const char *name, time_t at)
{
    if (acme_ca_json_begin(w, name, ACME_CA_RFC3339_LEN + 2) != NGX_OK) {
        return;
    }

    *w->last++ = '"';
    w->last = acme_ca_rfc3339_write(w->last, at);
    *w->last++ = '"';
}


void
acme_ca_json_write_raw(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *json)
{
    if (acme_ca_json_begin(w, name, json->len) != NGX_OK) {
        return;
    }

    w->last = ngx_cpymem(w->last, json->data, json->len);
}


ngx_int_t
acme_ca_json_finish(acme_ca_json_writer_t *w, ngx_str_t *text)
{
    if (w->failed || w->depth != 0) {
        return NGX_ERROR;
    }

    text->data = w->start;
    text->len = w->last - w->start;

    return NGX_OK;
}


/* how many bytes from here on stand for themselves: mostly all */

static size_t
acme_ca_json_plain(const u_char *p, size_t n)
{
    size_t    i;
    uint64_t  word;

    for (i = 0; i + sizeof(uint64_t) <= n; i += sizeof(uint64_t)) {
        ngx_memcpy(&word, p + i, sizeof(uint64_t));

        if ((word & ACME_CA_WORD_OF(0x80))
            | ACME_CA_WORD_BELOW(word, 0x20)
            | ACME_CA_WORD_HAS(word, 0x7f)
            | ACME_CA_WORD_HAS(word, '"')
            | ACME_CA_WORD_HAS(word, '\\'))
        {
            break;
        }
    }

    for ( /* void */ ; i < n; i++) {
        if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '"' || p[i] == '\\') {
            break;
        }
    }

    return i;
}


static size_t
acme_ca_json_escaped_len(const u_char *p, size_t n)
{
    size_t  size, len, plain;

    size = 0;

    while (n) {
        plain = acme_ca_json_plain(p, n);
        len = plain ? plain : acme_ca_utf8_len(p, n);

        if (len == 0) {
            size += 3;
            len = 1;

        } else if (plain || *p >= 0x80) {
            size += len;

        } else if (*p == '"' || *p == '\\') {
            size += 2;

        } else {
            size += 6;
        }

        p += len;
        n -= len;
    }

    return size;
}


static u_char *
acme_ca_json_escaped(u_char *dst, const u_char *p, size_t n)
{
    size_t  len, plain;

    while (n) {
        plain = acme_ca_json_plain(p, n);
        len = plain ? plain : acme_ca_utf8_len(p, n);

        if (len == 0) {
            dst = ngx_cpymem(dst, "\xef\xbf\xbd", 3);
            len = 1;

        } else if (plain || *p >= 0x80) {
            dst = ngx_cpymem(dst, p, len);

        } else if (*p == '"' || *p == '\\') {
            *dst++ = '\\';
            *dst++ = *p;

        } else {
            dst = ngx_sprintf(dst, "\\u%04xi", (ngx_int_t) *p);
        }

        p += len;
        n -= len;
    }

    return dst;
}
