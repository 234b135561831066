
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The TXT records of a name, through the aliases that an answer has
 * (RFC 1035, 3.3.14 and 3.6.2).
 */


#include "acme_ca_dns_message.h"
#include "acme_ca_dns_record.h"
#include "acme_ca_text.h"


#define ACME_CA_DNS_CNAME      5


static ngx_int_t acme_ca_dns_follow(const acme_ca_dns_answer_t *answer,
    acme_ca_dns_name_t *name, ngx_uint_t *aliases);
static acme_ca_dns_record_t *acme_ca_dns_find(
    const acme_ca_dns_answer_t *answer, ngx_uint_t from, ngx_uint_t type,
    acme_ca_dns_name_t *name);
static ngx_int_t acme_ca_dns_text(ngx_pool_t *pool,
    acme_ca_dns_record_t *record, ngx_str_t *text);


ngx_int_t
acme_ca_dns_txt_parse(ngx_pool_t *pool, const u_char *message, size_t len,
    const ngx_str_t *name, acme_ca_dns_txt_t *txt)
{
    ngx_int_t              rc;
    ngx_str_t             *text;
    acme_ca_dns_name_t     at;
    acme_ca_dns_answer_t   answer;
    acme_ca_dns_record_t  *record, *first;

    ngx_memzero(txt, sizeof(acme_ca_dns_txt_t));

    if (name->len > ACME_CA_DNS_NAME) {
        return NGX_DECLINED;
    }

    at.len = name->len;
    ngx_strlow(at.text, name->data, name->len);

    rc = acme_ca_dns_answer_read(pool, message, len, &answer);

    if (rc == NGX_OK) {
        rc = acme_ca_dns_follow(&answer, &at, &txt->aliases);
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

    first = answer.records->elts;
    record = acme_ca_dns_find(&answer, 0, ACME_CA_DNS_TXT, &at);

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

        record = acme_ca_dns_find(&answer, record - first + 1,
                                  ACME_CA_DNS_TXT, &at);
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_dns_follow(const acme_ca_dns_answer_t *answer,
    acme_ca_dns_name_t *name, ngx_uint_t *aliases)
{
    acme_ca_dns_record_t  *record;

    for ( ;; ) {
        record = acme_ca_dns_find(answer, 0, ACME_CA_DNS_CNAME, name);

        if (record == NULL) {
            return NGX_OK;
        }

        if (++*aliases > ACME_CA_DNS_ALIASES
            || acme_ca_dns_name_read(answer, record->data, name) != NGX_OK
            || name->len == 0
            || ngx_strlchr(name->text, name->text + name->len, ACME_CA_DNS_ODD)
               != NULL)
        {
            return NGX_DECLINED;
        }
    }
}


static acme_ca_dns_record_t *
acme_ca_dns_find(const acme_ca_dns_answer_t *answer, ngx_uint_t from,
    ngx_uint_t type, acme_ca_dns_name_t *name)
{
    ngx_uint_t             i;
    acme_ca_dns_name_t     owner;
    acme_ca_dns_record_t  *record;

    record = answer->records->elts;

    for (i = from; i < answer->records->nelts; i++) {

        if (record[i].type == type
            && acme_ca_dns_name_read(answer, record[i].owner, &owner)
               == NGX_OK
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
