
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The answer section of a DNS message (RFC 1035, 4.1).  Nothing is believed:
 * each length is checked against the end of what it lies in, pointers lead
 * backwards only, and what an attacker's name server may fill 64 KB with is
 * bounded.
 */


#include "acme_ca_dns_message.h"
#include "acme_ca_text.h"


#define ACME_CA_DNS_HEADER     12
#define ACME_CA_DNS_QUESTION   4       /* type and class */
#define ACME_CA_DNS_RECORD     10      /* type, class, TTL, length */
#define ACME_CA_DNS_RECORDS    512
#define ACME_CA_DNS_CLASS_IN   1
#define ACME_CA_DNS_CNAME      5

/* what a byte becomes that no host name, and none of ours, has */
#define ACME_CA_DNS_ODD        '?'


typedef struct {
    const u_char   *start;
    const u_char   *pos;
    const u_char   *last;
} acme_ca_dns_cursor_t;


typedef struct {
    u_char          text[ACME_CA_DNS_NAME + 1];
    size_t          len;
} acme_ca_dns_name_t;


typedef struct {
    const u_char   *owner;
    ngx_uint_t      type;
    uint32_t        ttl;
    const u_char   *data;
    size_t          len;
} acme_ca_dns_record_t;


static ngx_int_t acme_ca_dns_records(ngx_pool_t *pool,
    acme_ca_dns_cursor_t *cursor, ngx_array_t **records);
static ngx_int_t acme_ca_dns_record(acme_ca_dns_cursor_t *cursor,
    acme_ca_dns_record_t *record);
static ngx_int_t acme_ca_dns_skip(acme_ca_dns_cursor_t *cursor, size_t n);
static ngx_int_t acme_ca_dns_skip_name(acme_ca_dns_cursor_t *cursor);
static ngx_int_t acme_ca_dns_name(acme_ca_dns_cursor_t *cursor,
    const u_char *pos, acme_ca_dns_name_t *name);
static ngx_int_t acme_ca_dns_label(acme_ca_dns_name_t *name,
    const u_char *label, size_t len);
static ngx_int_t acme_ca_dns_follow(acme_ca_dns_cursor_t *cursor,
    ngx_array_t *records, acme_ca_dns_name_t *name, ngx_uint_t *aliases);
static acme_ca_dns_record_t *acme_ca_dns_find(acme_ca_dns_cursor_t *cursor,
    ngx_array_t *records, ngx_uint_t from, ngx_uint_t type,
    acme_ca_dns_name_t *name);
static ngx_int_t acme_ca_dns_text(ngx_pool_t *pool,
    acme_ca_dns_record_t *record, ngx_str_t *text);
static ngx_uint_t acme_ca_dns_16(const u_char *p);


ngx_int_t
acme_ca_dns_txt_parse(ngx_pool_t *pool, const u_char *message, size_t len,
    const ngx_str_t *name, acme_ca_dns_txt_t *txt)
{
    ngx_int_t              rc;
    ngx_str_t             *text;
    ngx_array_t           *records;
    acme_ca_dns_name_t     at;
    acme_ca_dns_cursor_t   cursor;
    acme_ca_dns_record_t  *record, *first;

    ngx_memzero(txt, sizeof(acme_ca_dns_txt_t));

    if (name->len > ACME_CA_DNS_NAME) {
        return NGX_DECLINED;
    }

    at.len = name->len;
    ngx_strlow(at.text, name->data, name->len);

    cursor.start = message;
    cursor.pos = message;
    cursor.last = message + len;

    rc = acme_ca_dns_records(pool, &cursor, &records);

    if (rc == NGX_OK) {
        rc = acme_ca_dns_follow(&cursor, records, &at, &txt->aliases);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    txt->texts = ngx_array_create(pool, 4, sizeof(ngx_str_t));

    if (txt->texts == NULL
        || acme_ca_copy(pool, &txt->name, at.text, at.len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    first = records->elts;
    record = acme_ca_dns_find(&cursor, records, 0, ACME_CA_DNS_TXT, &at);

    while (record != NULL) {

        text = ngx_array_push(txt->texts);
        if (text == NULL) {
            return NGX_ERROR;
        }

        rc = acme_ca_dns_text(pool, record, text);
        if (rc != NGX_OK) {
            return rc;
        }

        if (txt->texts->nelts == 1 || (time_t) record->ttl < txt->ttl) {
            txt->ttl = record->ttl;
        }

        record = acme_ca_dns_find(&cursor, records, record - first + 1,
                                  ACME_CA_DNS_TXT, &at);
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_dns_records(ngx_pool_t *pool, acme_ca_dns_cursor_t *cursor,
    ngx_array_t **records)
{
    ngx_uint_t             i, questions, answers;
    acme_ca_dns_record_t  *record;

    if (acme_ca_dns_skip(cursor, ACME_CA_DNS_HEADER) != NGX_OK) {
        return NGX_DECLINED;
    }

    questions = acme_ca_dns_16(cursor->start + 4);
    answers = acme_ca_dns_16(cursor->start + 6);

    if (questions > 1 || answers > ACME_CA_DNS_RECORDS) {
        return NGX_DECLINED;
    }

    for (i = 0; i < questions; i++) {
        if (acme_ca_dns_skip_name(cursor) != NGX_OK
            || acme_ca_dns_skip(cursor, ACME_CA_DNS_QUESTION) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    *records = ngx_array_create(pool, answers + 1,
                                sizeof(acme_ca_dns_record_t));
    if (*records == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < answers; i++) {

        record = ngx_array_push(*records);
        if (record == NULL) {
            return NGX_ERROR;
        }

        if (acme_ca_dns_record(cursor, record) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_dns_record(acme_ca_dns_cursor_t *cursor, acme_ca_dns_record_t *record)
{
    const u_char  *p;

    record->owner = cursor->pos;

    if (acme_ca_dns_skip_name(cursor) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = cursor->pos;

    if (acme_ca_dns_skip(cursor, ACME_CA_DNS_RECORD) != NGX_OK) {
        return NGX_DECLINED;
    }

    record->type = acme_ca_dns_16(p);
    record->ttl = (uint32_t) acme_ca_dns_16(p + 4) << 16
                  | (uint32_t) acme_ca_dns_16(p + 6);

    /* RFC 2181, 8: a TTL with its first bit set is zero */

    if (record->ttl & 0x80000000) {
        record->ttl = 0;
    }

    if (acme_ca_dns_16(p + 2) != ACME_CA_DNS_CLASS_IN) {
        record->type = 0;
    }

    record->data = cursor->pos;
    record->len = acme_ca_dns_16(p + 8);

    return acme_ca_dns_skip(cursor, record->len);
}


static ngx_int_t
acme_ca_dns_skip(acme_ca_dns_cursor_t *cursor, size_t n)
{
    if ((size_t) (cursor->last - cursor->pos) < n) {
        return NGX_DECLINED;
    }

    cursor->pos += n;

    return NGX_OK;
}


static ngx_int_t
acme_ca_dns_skip_name(acme_ca_dns_cursor_t *cursor)
{
    u_char  len;

    for ( ;; ) {

        if (cursor->pos == cursor->last) {
            return NGX_DECLINED;
        }

        len = *cursor->pos;

        if (len == 0) {
            return acme_ca_dns_skip(cursor, 1);
        }

        if ((len & 0xc0) == 0xc0) {
            return acme_ca_dns_skip(cursor, 2);
        }

        if ((len & 0xc0) != 0
            || acme_ca_dns_skip(cursor, (size_t) len + 1) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }
}


/* lower-case text without a dot at the end; the root is an empty one */

static ngx_int_t
acme_ca_dns_name(acme_ca_dns_cursor_t *cursor, const u_char *pos,
    acme_ca_dns_name_t *name)
{
    size_t         len;
    const u_char  *target, *last;

    name->len = 0;
    last = cursor->last;

    for ( ;; ) {

        if (pos == last) {
            return NGX_DECLINED;
        }

        len = *pos++;

        if (len == 0) {
            return NGX_OK;
        }

        if ((len & 0xc0) == 0xc0) {

            if (pos == last) {
                return NGX_DECLINED;
            }

            target = cursor->start + ((len & 0x3f) << 8 | *pos);

            /* what was read once is not read again: no loops */

            last = pos - 1;

            if (target >= last) {
                return NGX_DECLINED;
            }

            pos = target;
            continue;
        }

        if ((len & 0xc0) != 0
            || (size_t) (last - pos) < len
            || acme_ca_dns_label(name, pos, len) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        pos += len;
    }
}


static ngx_int_t
acme_ca_dns_label(acme_ca_dns_name_t *name, const u_char *label, size_t len)
{
    size_t  i;
    u_char  ch;

    if (name->len + (name->len != 0) + len > ACME_CA_DNS_NAME) {
        return NGX_DECLINED;
    }

    if (name->len != 0) {
        name->text[name->len++] = '.';
    }

    for (i = 0; i < len; i++) {
        ch = ngx_tolower(label[i]);

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9')
            && ch != '-' && ch != '_')
        {
            ch = ACME_CA_DNS_ODD;
        }

        name->text[name->len++] = ch;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_dns_follow(acme_ca_dns_cursor_t *cursor, ngx_array_t *records,
    acme_ca_dns_name_t *name, ngx_uint_t *aliases)
{
    acme_ca_dns_record_t  *record;

    for ( ;; ) {
        record = acme_ca_dns_find(cursor, records, 0, ACME_CA_DNS_CNAME, name);

        if (record == NULL) {
            return NGX_OK;
        }

        if (++*aliases > ACME_CA_DNS_ALIASES
            || acme_ca_dns_name(cursor, record->data, name) != NGX_OK
            || name->len == 0
            || ngx_strlchr(name->text, name->text + name->len, ACME_CA_DNS_ODD)
               != NULL)
        {
            return NGX_DECLINED;
        }
    }
}


static acme_ca_dns_record_t *
acme_ca_dns_find(acme_ca_dns_cursor_t *cursor, ngx_array_t *records,
    ngx_uint_t from, ngx_uint_t type, acme_ca_dns_name_t *name)
{
    ngx_uint_t             i;
    acme_ca_dns_name_t     owner;
    acme_ca_dns_record_t  *record;

    record = records->elts;

    for (i = from; i < records->nelts; i++) {

        if (record[i].type == type
            && acme_ca_dns_name(cursor, record[i].owner, &owner) == NGX_OK
            && owner.len == name->len
            && ngx_memcmp(owner.text, name->text, name->len) == 0)
        {
            return &record[i];
        }
    }

    return NULL;
}


/* RFC 1035, 3.3.14: character-strings, which mean nothing apart */

static ngx_int_t
acme_ca_dns_text(ngx_pool_t *pool, acme_ca_dns_record_t *record,
    ngx_str_t *text)
{
    size_t         n;
    u_char        *dst;
    const u_char  *p, *last;

    text->len = 0;
    text->data = ngx_pnalloc(pool, record->len + 1);

    if (text->data == NULL) {
        return NGX_ERROR;
    }

    dst = text->data;
    p = record->data;
    last = p + record->len;

    while (p < last) {
        n = *p++;

        if ((size_t) (last - p) < n) {
            return NGX_DECLINED;
        }

        dst = ngx_cpymem(dst, p, n);
        p += n;
    }

    text->len = dst - text->data;

    return NGX_OK;
}


static ngx_uint_t
acme_ca_dns_16(const u_char *p)
{
    return (ngx_uint_t) p[0] << 8 | p[1];
}
