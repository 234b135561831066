
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The answer section of a DNS message (RFC 1035, 4.1).  Nothing is believed:
 * each length is checked against the end of what it lies in, pointers lead
 * backwards only, and what an attacker's name server may fill 64 KB with is
 * bounded.
 */


#include "acme_ca_dns_record.h"


#define ACME_CA_DNS_HEADER     12
#define ACME_CA_DNS_QUESTION   4       /* type and class */
#define ACME_CA_DNS_RECORD     10      /* type, class, TTL, length */
#define ACME_CA_DNS_RECORDS    512
#define ACME_CA_DNS_CLASS_IN   1


typedef struct {
    const u_char   *pos;
    const u_char   *last;
} acme_ca_dns_cursor_t;


static ngx_int_t acme_ca_dns_record(acme_ca_dns_cursor_t *cursor,
    acme_ca_dns_record_t *record);
static ngx_int_t acme_ca_dns_skip(acme_ca_dns_cursor_t *cursor, size_t n);
static ngx_int_t acme_ca_dns_skip_name(acme_ca_dns_cursor_t *cursor);
static ngx_int_t acme_ca_dns_label(acme_ca_dns_name_t *name,
    const u_char *label, size_t len);
static ngx_uint_t acme_ca_dns_16(const u_char *p);


ngx_int_t
acme_ca_dns_answer_read(ngx_pool_t *pool, const u_char *message, size_t len,
    acme_ca_dns_answer_t *answer)
{
    ngx_uint_t             i, questions, answers;
    acme_ca_dns_cursor_t   cursor;
    acme_ca_dns_record_t  *record;

    answer->start = message;
    answer->last = message + len;

    cursor.pos = message;
    cursor.last = answer->last;

    if (acme_ca_dns_skip(&cursor, ACME_CA_DNS_HEADER) != NGX_OK) {
        return NGX_DECLINED;
    }

    questions = acme_ca_dns_16(message + 4);
    answers = acme_ca_dns_16(message + 6);

    if (questions > 1 || answers > ACME_CA_DNS_RECORDS) {
        return NGX_DECLINED;
    }

    for (i = 0; i < questions; i++) {
        if (acme_ca_dns_skip_name(&cursor) != NGX_OK
            || acme_ca_dns_skip(&cursor, ACME_CA_DNS_QUESTION) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    answer->records = ngx_array_create(pool, answers + 1,
                                       sizeof(acme_ca_dns_record_t));
    if (answer->records == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < answers; i++) {

        record = ngx_array_push(answer->records);
        if (record == NULL) {
            return NGX_ERROR;
        }

        if (acme_ca_dns_record(&cursor, record) != NGX_OK) {
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


ngx_int_t
acme_ca_dns_name_read(const acme_ca_dns_answer_t *answer, const u_char *pos,
    acme_ca_dns_name_t *name)
{
    size_t         len;
    const u_char  *target, *last;

    name->len = 0;
    last = answer->last;

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

            target = answer->start + ((len & 0x3f) << 8 | *pos);

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


static ngx_uint_t
acme_ca_dns_16(const u_char *p)
{
    return (ngx_uint_t) p[0] << 8 | p[1];
}
