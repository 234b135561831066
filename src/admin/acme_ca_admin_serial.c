
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Serial numbers as operators write them: hexadecimal, with or without colons
 * and zeros in front, or decimal.  A number that both can be is taken for
 * hexadecimal, unless only the other one is in the registry.  And uuids, which
 * have dashes.
 *
 * RFC 5280, 4.1.2.2: each issuer has serial numbers of its own.  Who gives one
 * that several have is told whose certificates they are, and nothing is done.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_store_registry.h"


#define ACME_CA_ADMIN_SERIAL  20
/* 2^160 has so many digits */
#define ACME_CA_ADMIN_DIGITS  49
/* certificates that a refusal names */
#define ACME_CA_ADMIN_NAMED   8


static ngx_int_t acme_ca_admin_uuid_read(const ngx_str_t *text,
    u_char *bytes);
static ngx_int_t acme_ca_admin_uuid_find(acme_ca_admin_t *a,
    const ngx_str_t *text, acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_admin_serial_decimal(ngx_pool_t *pool,
    const ngx_str_t *text, ngx_str_t *serial);
static ngx_int_t acme_ca_admin_serial_several(acme_ca_admin_t *a,
    const ngx_str_t *text, ngx_str_t *serial);
static ngx_int_t acme_ca_admin_serial_name(acme_ca_admin_t *a,
    ngx_str_t *json);


ngx_int_t
acme_ca_admin_serial(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_str_t *serial)
{
    u_char      ch, *p, hex[2 * ACME_CA_ADMIN_SERIAL];
    size_t      i, n;
    ngx_int_t   digit;

    n = 0;

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];

        if (ch == ':' || (n == 0 && ch == '0')) {
            continue;
        }

        digit = ngx_hextoi(&ch, 1);

        if (digit == NGX_ERROR || n == sizeof(hex)) {
            return NGX_DECLINED;
        }

        hex[n++] = (u_char) digit;
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    serial->len = (n + 1) / 2;
    serial->data = ngx_pnalloc(pool, serial->len);

    if (serial->data == NULL) {
        return NGX_ERROR;
    }

    p = serial->data;
    i = 0;

    if (n % 2) {
        *p++ = hex[i++];
    }

    for ( /* void */ ; i < n; i += 2) {
        *p++ = (u_char) (hex[i] << 4 | hex[i + 1]);
    }

    return NGX_OK;
}


/* each digit: all bytes times ten, and it */

static ngx_int_t
acme_ca_admin_serial_decimal(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_str_t *serial)
{
    u_char      bytes[ACME_CA_ADMIN_SERIAL];
    size_t      i, k;
    ngx_uint_t  carry;

    ngx_memzero(bytes, sizeof(bytes));

    for (i = 0; i < text->len; i++) {

        if (text->data[i] < '0' || text->data[i] > '9') {
            return NGX_DECLINED;
        }

        carry = text->data[i] - '0';

        for (k = sizeof(bytes); k > 0; k--) {
            carry += bytes[k - 1] * 10;
            bytes[k - 1] = (u_char) carry;
            carry >>= 8;
        }

        if (carry) {
            return NGX_DECLINED;
        }
    }

    for (k = 0; k < sizeof(bytes) && bytes[k] == 0; k++) { /* void */ }

    return (k < sizeof(bytes))
           ? acme_ca_copy(pool, serial, bytes + k, sizeof(bytes) - k)
           : NGX_DECLINED;
}


ngx_int_t
acme_ca_admin_serial_write(ngx_pool_t *pool, const ngx_str_t *serial,
    ngx_str_t *text)
{
    u_char      bytes[ACME_CA_ADMIN_SERIAL], digits[ACME_CA_ADMIN_DIGITS], *p;
    size_t      k;
    ngx_uint_t  rest, more;

    p = digits + sizeof(digits);

    if (serial->len > sizeof(bytes)) {
        return NGX_ERROR;
    }

    ngx_memcpy(bytes, serial->data, serial->len);

    do {
        rest = 0;
        more = 0;

        for (k = 0; k < serial->len; k++) {
            rest = rest << 8 | bytes[k];
            bytes[k] = (u_char) (rest / 10);
            rest %= 10;
            more |= bytes[k];
        }

        *--p = (u_char) ('0' + rest);
    } while (more);

    return acme_ca_copy(pool, text, p, digits + sizeof(digits) - p);
}


ngx_int_t
acme_ca_admin_uuid(acme_ca_admin_t *a, const ngx_str_t *text, int64_t *id)
{
    u_char     bytes[ACME_CA_UUID_LEN];
    ngx_int_t  rc;

    rc = acme_ca_admin_uuid_read(text, bytes);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_registry_find_uuid(a->store, bytes, id);

    if (rc == NGX_DECLINED) {
        *id = -1;
        rc = NGX_OK;
    }

    return rc;
}


static ngx_int_t
acme_ca_admin_uuid_read(const ngx_str_t *text, u_char *bytes)
{
    size_t     i, n;
    u_char     ch;
    ngx_int_t  digit;

    ngx_memzero(bytes, ACME_CA_UUID_LEN);

    for (i = 0, n = 0; i < text->len; i++) {
        ch = text->data[i];

        if (ch == '-') {
            continue;
        }

        digit = ngx_hextoi(&ch, 1);

        if (digit == NGX_ERROR || n == 2 * ACME_CA_UUID_LEN) {
            return NGX_DECLINED;
        }

        bytes[n / 2] |= (u_char) (digit << (n % 2 ? 0 : 4));
        n++;
    }

    return (n == 2 * ACME_CA_UUID_LEN) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
acme_ca_admin_uuid_find(acme_ca_admin_t *a, const ngx_str_t *text,
    acme_ca_certificate_t *certificate)
{
    int64_t    id;
    ngx_int_t  rc;

    rc = acme_ca_admin_uuid(a, text, &id);

    return (rc == NGX_OK)
           ? acme_ca_store_certificate_find(a->store, a->ctx.pool, id,
                                            certificate)
           : rc;
}


ngx_int_t
acme_ca_admin_serial_list(acme_ca_admin_t *a, const ngx_str_t *text,
    ngx_str_t *serial, ngx_array_t **ids)
{
    ngx_int_t   rc;
    ngx_str_t   first;
    ngx_uint_t  i;

    static ngx_int_t (*const  forms[])(ngx_pool_t *pool,
        const ngx_str_t *text, ngx_str_t *serial) =
    {
        acme_ca_admin_serial,
        acme_ca_admin_serial_decimal
    };

    ngx_str_null(&first);

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {

        rc = forms[i](a->ctx.pool, text, serial);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc == NGX_OK) {
            rc = acme_ca_store_certificate_list_serial(a->store, a->ctx.pool,
                                                       serial, ids);
        }

        if (rc != NGX_OK || (*ids)->nelts) {
            return rc;
        }

        if (first.len == 0) {
            first = *serial;
        }
    }

    *serial = first;

    return first.len ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
acme_ca_admin_serial_find(acme_ca_admin_t *a, const ngx_str_t *text,
    int64_t issuer_id, acme_ca_certificate_t *certificate)
{
    ngx_int_t     rc;
    ngx_str_t     serial;
    ngx_array_t  *ids;

    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    if (ngx_strlchr(text->data, text->data + text->len, '-')) {
        return acme_ca_admin_uuid_find(a, text, certificate);
    }

    rc = acme_ca_admin_serial_list(a, text, &serial, &ids);
    if (rc != NGX_OK) {
        return rc;
    }

    certificate->serial = serial;

    if (issuer_id) {
        return acme_ca_store_certificate_find_serial(a->store, a->ctx.pool,
                                                     &serial, issuer_id,
                                                     certificate);
    }

    if (ids->nelts > 1) {
        return acme_ca_admin_serial_several(a, text, &serial);
    }

    return ids->nelts
           ? acme_ca_store_certificate_find(a->store, a->ctx.pool,
                                            *(int64_t *) ids->elts,
                                            certificate)
           : NGX_DECLINED;
}


/* 409, with the newest of them */

static ngx_int_t
acme_ca_admin_serial_several(acme_ca_admin_t *a, const ngx_str_t *text,
    ngx_str_t *serial)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    acme_ca_store_row_t    *row;
    acme_ca_store_page_t    page;
    acme_ca_store_filter_t  filter;

    ngx_memzero(&filter, sizeof(acme_ca_store_filter_t));

    filter.serial = *serial;
    filter.now = a->ctx.now;

    page.before = INT64_MAX;
    page.limit = ACME_CA_ADMIN_NAMED;

    rc = acme_ca_store_certificate_page(a->store, a->ctx.pool, &filter, &page);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_admin_refuse(a, 409, "several certificates have the serial "
                              "number \"%V\": name the issuer, or the uuid",
                              text);

    row = page.rows->elts;

    for (i = 0; rc == NGX_ABORT && i < page.rows->nelts; i++) {
        rc = acme_ca_admin_serial_name(a, &row[i].json);
    }

    return rc;
}


/* NGX_ABORT: the refusal has it */

static ngx_int_t
acme_ca_admin_serial_name(acme_ca_admin_t *a, ngx_str_t *json)
{
    ngx_str_t        before, *uuid, *issuer;
    acme_ca_json_t  *row;

    if (acme_ca_json_parse(&a->ctx, "row", json, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    before = a->detail;
    uuid = acme_ca_json_string(row, "uuid");
    issuer = acme_ca_json_string(row, "issuer");

    if (uuid == NULL || issuer == NULL) {
        return acme_ca_never(a->ctx.log);
    }

    return (acme_ca_format(a->ctx.pool, &a->detail,
                           before.len + uuid->len + issuer->len + 8,
                           "%V; %V of %V", &before, uuid, issuer)
            == NGX_OK)
           ? NGX_ABORT : NGX_ERROR;
}
