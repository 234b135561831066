
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificate revocation lists, version 2 (RFC 5280, 5), written as they are
 * signed.  In front of the entries lies room for the head, which can be
 * written when the length of all entries is known; it grows backwards, so that
 * no entry is moved.
 */


#include "acme_ca_crl.h"
#include "acme_ca_crypto.h"
#include "acme_ca_der.h"


#define ACME_CA_CRL_REASON_MAX     10
#define ACME_CA_CRL_SERIAL_MAX     20

/* headers, version, two dates */
#define ACME_CA_CRL_HEAD           128
/* extensions but for identifier and URL, headers of the signature */
#define ACME_CA_CRL_TAIL           192

#define ACME_CA_CRL_ENUMERATED     0x0a
#define ACME_CA_CRL_EXTENSIONS     0xa0
#define ACME_CA_CRL_KEY_ID         0x80
#define ACME_CA_CRL_URI            0x86
#define ACME_CA_CRL_POINT          0xa0      /* and the names around it */

#define acme_ca_crl_put(w, literal)                                           \
    acme_ca_der_put(w, literal, sizeof(literal) - 1)


static void acme_ca_crl_write_entry(acme_ca_der_writer_t *w,
    const acme_ca_revoked_t *entry);
static void acme_ca_crl_write_serial(acme_ca_der_writer_t *w,
    const ngx_str_t *serial);
static void acme_ca_crl_write_extensions(acme_ca_der_writer_t *w,
    const acme_ca_crl_list_t *list);
static void acme_ca_crl_write_number(acme_ca_der_writer_t *w, int64_t number);
static void acme_ca_crl_write_points(acme_ca_der_writer_t *w,
    const ngx_str_t *urls);
static void acme_ca_crl_append(acme_ca_crl_list_t *list,
    acme_ca_der_writer_t *w);


size_t
acme_ca_crl_size(const acme_ca_crl_list_t *list, ngx_uint_t n)
{
    const acme_ca_issuer_t  *issuer;

    issuer = list->issuer;

    return ACME_CA_CRL_HEAD + issuer->subject.len + issuer->algorithm.len
           + n * ACME_CA_CRL_ENTRY_MAX
           + ACME_CA_CRL_TAIL + issuer->key_id.len + 2 * list->crl.points.len
           + issuer->algorithm.len + EVP_PKEY_get_size(issuer->key);
}


void
acme_ca_crl_start(acme_ca_crl_list_t *list, u_char *room, size_t size)
{
    list->start = room;
    list->end = room + size;
    list->entries = room + ACME_CA_CRL_HEAD + list->issuer->subject.len
                    + list->issuer->algorithm.len;
    list->last = list->entries;
    list->crl.entries = 0;
}


ngx_int_t
acme_ca_crl_add(acme_ca_crl_list_t *list, const acme_ca_revoked_t *entry)
{
    u_char                buf[ACME_CA_CRL_ENTRY_MAX];
    size_t                tail;
    acme_ca_der_writer_t  w;

    tail = acme_ca_crl_size(list, 0) - (list->entries - list->start);

    w.start = buf;
    w.p = buf + sizeof(buf);
    w.failed = 0;

    acme_ca_crl_write_entry(&w, entry);

    if (w.failed
        || (size_t) (list->end - list->last)
           < (size_t) (buf + sizeof(buf) - w.p) + tail)
    {
        return NGX_DECLINED;
    }

    list->last = ngx_cpymem(list->last, w.p, buf + sizeof(buf) - w.p);
    list->crl.entries++;

    return NGX_OK;
}


static void
acme_ca_crl_write_entry(acme_ca_der_writer_t *w,
    const acme_ca_revoked_t *entry)
{
    u_char  *end, *item, reason;

    end = w->p;

    if (entry->invalidity_at != 0) {
        acme_ca_der_put_generalized(w, entry->invalidity_at);
        acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
        acme_ca_crl_put(w, "\x06\x03\x55\x1d\x18");
        acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    }

    /* RFC 5280, 5.3.1: "unspecified" should be left out */

    if (entry->reason > 0 && entry->reason <= ACME_CA_CRL_REASON_MAX) {
        item = w->p;
        reason = (u_char) entry->reason;

        acme_ca_der_put(w, &reason, 1);
        acme_ca_der_wrap(w, ACME_CA_CRL_ENUMERATED, item);
        acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, item);
        acme_ca_crl_put(w, "\x06\x03\x55\x1d\x15");
        acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, item);
    }

    if (w->p != end) {
        acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    }

    acme_ca_der_put_time(w, entry->revoked_at);
    acme_ca_crl_write_serial(w, &entry->serial);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


static void
acme_ca_crl_write_serial(acme_ca_der_writer_t *w, const ngx_str_t *serial)
{
    u_char  *end;

    end = w->p;

    if (serial->len == 0 || serial->len > ACME_CA_CRL_SERIAL_MAX) {
        w->failed = 1;
        return;
    }

    acme_ca_der_put(w, serial->data, serial->len);

    if (serial->data[0] & 0x80) {
        acme_ca_crl_put(w, "\0");
    }

    acme_ca_der_wrap(w, ACME_CA_DER_INTEGER, end);
}


ngx_int_t
acme_ca_crl_sign(acme_ca_ctx_t *ctx, acme_ca_crl_list_t *list, ngx_str_t *der)
{
    ngx_str_t                tbs, signature;
    acme_ca_der_writer_t     head, tail;
    const acme_ca_issuer_t  *issuer;

    issuer = list->issuer;

    head.start = list->start;
    head.p = list->entries;
    head.failed = 0;

    /* RFC 5280, 5.1.2.6: absent, where there are none */

    if (list->last != list->entries) {
        acme_ca_der_wrap(&head, ACME_CA_DER_SEQUENCE, list->last);
    }

    tail.start = list->last;
    tail.p = list->end;
    tail.failed = 0;

    acme_ca_crl_write_extensions(&tail, list);
    acme_ca_crl_append(list, &tail);

    acme_ca_der_put_time(&head, list->crl.next_update);
    acme_ca_der_put_time(&head, list->crl.this_update);
    acme_ca_der_put(&head, issuer->subject.data, issuer->subject.len);
    acme_ca_der_put(&head, issuer->algorithm.data, issuer->algorithm.len);
    acme_ca_crl_put(&head, "\x02\x01\x01");
    acme_ca_der_wrap(&head, ACME_CA_DER_SEQUENCE, list->last);

    if (head.failed || tail.failed) {
        return acme_ca_never(ctx->log);
    }

    tbs.data = head.p;
    tbs.len = list->last - head.p;

    if (acme_ca_issuer_sign(ctx, issuer, &tbs, &signature) != NGX_OK) {
        return NGX_ERROR;
    }

    tail.start = list->last;
    tail.p = list->end;

    acme_ca_der_put(&tail, signature.data, signature.len);
    acme_ca_crl_put(&tail, "\0");
    acme_ca_der_wrap(&tail, ACME_CA_DER_BIT_STRING, list->end);
    acme_ca_der_put(&tail, issuer->algorithm.data, issuer->algorithm.len);
    acme_ca_crl_append(list, &tail);

    acme_ca_der_wrap(&head, ACME_CA_DER_SEQUENCE, list->last);

    if (head.failed || tail.failed) {
        return acme_ca_never(ctx->log);
    }

    der->data = head.p;
    der->len = list->last - head.p;

    return NGX_OK;
}


static void
acme_ca_crl_append(acme_ca_crl_list_t *list, acme_ca_der_writer_t *w)
{
    size_t  n;

    n = list->end - w->p;

    ngx_memmove(list->last, w->p, n);
    list->last += n;
}


static void
acme_ca_crl_write_extensions(acme_ca_der_writer_t *w,
    const acme_ca_crl_list_t *list)
{
    u_char           *end, *extension;
    const ngx_str_t  *key_id;

    end = w->p;

    if (list->crl.points.len != 0) {
        acme_ca_crl_write_points(w, &list->crl.points);
    }

    acme_ca_crl_write_number(w, list->crl.number);

    extension = w->p;
    key_id = &list->issuer->key_id;

    acme_ca_der_put(w, key_id->data, key_id->len);
    acme_ca_der_wrap(w, ACME_CA_CRL_KEY_ID, extension);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, extension);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, extension);
    acme_ca_crl_put(w, "\x06\x03\x55\x1d\x23");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, extension);

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_CRL_EXTENSIONS, end);
}


static void
acme_ca_crl_write_number(acme_ca_der_writer_t *w, int64_t number)
{
    u_char  *end, byte;

    end = w->p;

    do {
        byte = (u_char) (number & 0xff);
        acme_ca_der_put(w, &byte, 1);
        number >>= 8;

    } while (number > 0);

    if (byte & 0x80) {
        acme_ca_crl_put(w, "\0");
    }

    acme_ca_der_wrap(w, ACME_CA_DER_INTEGER, end);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_crl_put(w, "\x06\x03\x55\x1d\x14");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


/* issuingDistributionPoint, critical: the very URLs of the certificates */

static void
acme_ca_crl_write_points(acme_ca_der_writer_t *w, const ngx_str_t *urls)
{
    u_char  *end, *p, *last, *item;

    end = w->p;
    last = urls->data + urls->len;

    for (p = last; p > urls->data; last = p - 1) {

        for (p = last; p > urls->data && p[-1] != ' '; p--) { /* void */ }

        item = w->p;

        acme_ca_der_put(w, p, last - p);
        acme_ca_der_wrap(w, ACME_CA_CRL_URI, item);
    }

    acme_ca_der_wrap(w, ACME_CA_CRL_POINT, end);
    acme_ca_der_wrap(w, ACME_CA_CRL_POINT, end);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_crl_put(w, "\x01\x01\xff");
    acme_ca_crl_put(w, "\x06\x03\x55\x1d\x1c");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


ngx_int_t
acme_ca_crl_name(ngx_pool_t *pool, const acme_ca_issuer_t *issuer,
    ngx_uint_t shards, ngx_uint_t shard, ngx_str_t *name)
{
    if (shards <= 1) {
        *name = issuer->crl_name;
        return NGX_OK;
    }

    return acme_ca_format(pool, name, issuer->crl_name.len + 16, "%V-%ui-%ui",
                          &issuer->crl_name, shards, shard);
}


ngx_uint_t
acme_ca_crl_shard(const ngx_str_t *serial, ngx_uint_t shards)
{
    ngx_uint_t  first;

    first = (serial->len != 0) ? serial->data[0] : 0;

    return ngx_min(first, ACME_CA_CRL_SHARDS - 1) * ngx_max(shards, 1)
           / ACME_CA_CRL_SHARDS;
}


ngx_int_t
acme_ca_crl_part_url(ngx_pool_t *pool, const acme_ca_issuer_t *issuer,
    const acme_ca_crl_t *crl, ngx_str_t *url)
{
    ngx_str_t  name;

    if (acme_ca_crl_name(pool, issuer, crl->shards, crl->shard, &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_format(pool, url, issuer->crl_url.len + name.len + 8,
                          "%V%V.crl", &issuer->crl_url, &name);
}


ngx_int_t
acme_ca_crl_url(ngx_pool_t *pool, const acme_ca_issuer_t *issuer,
    const ngx_str_t *serial, ngx_str_t *url)
{
    acme_ca_crl_t  crl;

    if (issuer->crl_url.len == 0 || !issuer->crl_sign) {
        ngx_str_null(url);
        return NGX_OK;
    }

    ngx_memzero(&crl, sizeof(acme_ca_crl_t));

    crl.shards = ngx_max(issuer->crl_shards, 1);
    crl.shard = acme_ca_crl_shard(serial, crl.shards);

    return acme_ca_crl_part_url(pool, issuer, &crl, url);
}
