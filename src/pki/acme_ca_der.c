
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * DER, read and written (X.690, 10.1: definite lengths, shortest form).  The
 * reader never looks behind "last" and never copies.
 */


#include "acme_ca_der.h"
#include "acme_ca_text.h"


#define ACME_CA_DER_HIGH_TAG  0x1f     /* the tag goes on in further bytes */

#define ACME_CA_DER_UTC_END   ((time_t) 2524608000)


static ngx_int_t acme_ca_der_length(acme_ca_der_t *der, size_t *len);
static void acme_ca_der_put_digits(acme_ca_der_writer_t *w, u_char tag,
    size_t skip, time_t at);


ngx_int_t
acme_ca_der_take(acme_ca_der_t *der, u_char tag, acme_ca_der_t *content,
    acme_ca_der_t *whole)
{
    size_t         len;
    const u_char  *start;

    start = der->p;

    if (der->last - start < 2
        || start[0] != tag
        || (tag & ACME_CA_DER_HIGH_TAG) == ACME_CA_DER_HIGH_TAG)
    {
        return NGX_DECLINED;
    }

    der->p++;

    if (acme_ca_der_length(der, &len) != NGX_OK) {
        der->p = start;
        return NGX_DECLINED;
    }

    if (content != NULL) {
        content->p = der->p;
        content->last = der->p + len;
    }

    der->p += len;

    if (whole != NULL) {
        whole->p = start;
        whole->last = der->p;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_der_length(acme_ca_der_t *der, size_t *len)
{
    size_t      value;
    ngx_uint_t  n;

    value = *der->p++;

    if (value & 0x80) {
        n = value & 0x7f;

        /* 0x80 alone is the indefinite form; 4 GB are more than enough */

        if (n == 0 || n > 4 || (size_t) (der->last - der->p) < n
            || *der->p == 0)
        {
            return NGX_DECLINED;
        }

        for (value = 0; n; n--) {
            value = (value << 8) | *der->p++;
        }

        if (value < 0x80) {
            return NGX_DECLINED;
        }
    }

    if ((size_t) (der->last - der->p) < value) {
        return NGX_DECLINED;
    }

    *len = value;

    return NGX_OK;
}


u_char
acme_ca_der_peek(const acme_ca_der_t *der)
{
    return (der->p < der->last) ? *der->p : 0;
}


ngx_int_t
acme_ca_der_unsigned(acme_ca_der_t *der, acme_ca_der_t *value)
{
    const u_char  *start;

    start = der->p;

    if (acme_ca_der_take(der, ACME_CA_DER_INTEGER, value, NULL) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (value->p == value->last
        || (*value->p & 0x80)
        || (*value->p == 0 && value->last - value->p > 1
            && !(value->p[1] & 0x80)))
    {
        der->p = start;
        return NGX_DECLINED;
    }

    if (*value->p == 0 && value->last - value->p > 1) {
        value->p++;
    }

    return NGX_OK;
}


void
acme_ca_der_put(acme_ca_der_writer_t *w, const void *bytes, size_t n)
{
    if (w->failed || (size_t) (w->p - w->start) < n) {
        w->failed = 1;
        return;
    }

    if (n) {
        w->p -= n;
        ngx_memcpy(w->p, bytes, n);
    }
}


void
acme_ca_der_wrap(acme_ca_der_writer_t *w, u_char tag, const u_char *end)
{
    size_t      len;
    u_char      header[2 + sizeof(uint32_t)];
    ngx_uint_t  i;

    len = end - w->p;
    i = sizeof(header);

    if (len < 0x80) {
        header[--i] = (u_char) len;

    } else {

        for ( /* void */ ; len && i > 2; len >>= 8) {
            header[--i] = (u_char) len;
        }

        header[i - 1] = (u_char) (0x80 | (sizeof(header) - i));
        i--;
    }

    header[--i] = tag;

    acme_ca_der_put(w, &header[i], sizeof(header) - i);
}


void
acme_ca_der_put_time(acme_ca_der_writer_t *w, time_t at)
{
    if (at < ACME_CA_DER_UTC_END) {
        acme_ca_der_put_digits(w, ACME_CA_DER_UTC_TIME, 2, at);

    } else {
        acme_ca_der_put_generalized(w, at);
    }
}


void
acme_ca_der_put_generalized(acme_ca_der_writer_t *w, time_t at)
{
    acme_ca_der_put_digits(w, ACME_CA_DER_TIME, 0, at);
}


/* RFC 5280, 4.1.2.5: both forms end with seconds and "Z" */

static void
acme_ca_der_put_digits(acme_ca_der_writer_t *w, u_char tag, size_t skip,
    time_t at)
{
    u_char   text[ACME_CA_RFC3339_LEN], digits[sizeof("19700101000000Z")];
    u_char  *end;
    size_t   i, n;

    (void) acme_ca_rfc3339_write(text, at);

    n = 0;

    for (i = 0; i < ACME_CA_RFC3339_LEN; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            digits[n++] = text[i];
        }
    }

    digits[n++] = 'Z';

    end = w->p;

    acme_ca_der_put(w, digits + skip, n - skip);
    acme_ca_der_wrap(w, tag, end);
}
