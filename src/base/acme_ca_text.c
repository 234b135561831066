
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Texts and bytes.  Everything here is strict on purpose: a text that has two
 * spellings would let one nonce, signature or key pass as two.
 * RFC 4648, 5; RFC 3339, 5.6; RFC 3629, 4.
 */


#include "acme_ca_text.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define ACME_CA_BASE64_BAD  0xff


static ngx_int_t acme_ca_rfc3339_number(const u_char *p, size_t n,
    ngx_int_t max);
static ngx_int_t acme_ca_rfc3339_offset(const u_char *p, size_t n,
    ngx_int_t *offset);
static int64_t acme_ca_days(int64_t year, int64_t month, int64_t day);
static void acme_ca_sha256_fetch(void);


/* that of EVP_sha256() is looked for at each use */

static CRYPTO_ONCE  acme_ca_sha256_once = CRYPTO_ONCE_STATIC_INIT;
static EVP_MD      *acme_ca_sha256_type;


static const u_char  acme_ca_base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define XX  ACME_CA_BASE64_BAD

static const u_char  acme_ca_base64url_values[256] = {
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, XX,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, XX, XX, XX, XX, XX, XX,
    XX,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, XX, XX, XX, XX, 63,
    XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX
};

#undef XX


ngx_int_t
acme_ca_base64url_parse(ngx_pool_t *pool, ngx_str_t *src, ngx_str_t *dst)
{
    u_char  *d;

    d = ngx_pnalloc(pool, src->len / 4 * 3 + 3);
    if (d == NULL) {
        return NGX_ERROR;
    }

    dst->data = d;

    d = acme_ca_base64url_read(d, src->data, src->len);

    if (d == NULL) {
        return NGX_DECLINED;
    }

    dst->len = d - dst->data;
    *d = '\0';

    return NGX_OK;
}


u_char *
acme_ca_base64url_read(u_char *dst, const u_char *src, size_t n)
{
    uint32_t       group;
    ngx_uint_t     bad;
    const u_char  *v;

    if (n % 4 == 1) {
        return NULL;
    }

    v = acme_ca_base64url_values;
    bad = 0;

    for ( /* void */ ; n >= 4; n -= 4, src += 4) {
        bad |= v[src[0]] | v[src[1]] | v[src[2]] | v[src[3]];
        group = (uint32_t) v[src[0]] << 18 | v[src[1]] << 12 | v[src[2]] << 6
                | v[src[3]];
        *dst++ = (u_char) (group >> 16);
        *dst++ = (u_char) (group >> 8);
        *dst++ = (u_char) group;
    }

    /* bits that carry nothing must be zero: RFC 4648, 3.5 */

    if (n == 2) {
        bad |= v[src[0]] | v[src[1]] | (v[src[1]] & 0x0f) << 6;
        *dst++ = (u_char) (v[src[0]] << 2 | v[src[1]] >> 4);

    } else if (n == 3) {
        bad |= v[src[0]] | v[src[1]] | v[src[2]] | (v[src[2]] & 0x03) << 6;
        *dst++ = (u_char) (v[src[0]] << 2 | v[src[1]] >> 4);
        *dst++ = (u_char) (v[src[1]] << 4 | v[src[2]] >> 2);
    }

    /* a value has six bits, what stands for none has eight */

    return bad > 0x3f ? NULL : dst;
}


u_char *
acme_ca_base64url_write(u_char *dst, const u_char *src, size_t n)
{
    const u_char  *a;

    a = acme_ca_base64url_alphabet;

    for ( /* void */ ; n >= 3; n -= 3) {
        *dst++ = a[src[0] >> 2];
        *dst++ = a[(src[0] & 0x03) << 4 | src[1] >> 4];
        *dst++ = a[(src[1] & 0x0f) << 2 | src[2] >> 6];
        *dst++ = a[src[2] & 0x3f];
        src += 3;
    }

    if (n) {
        *dst++ = a[src[0] >> 2];

        if (n == 1) {
            *dst++ = a[(src[0] & 0x03) << 4];

        } else {
            *dst++ = a[(src[0] & 0x03) << 4 | src[1] >> 4];
            *dst++ = a[(src[1] & 0x0f) << 2];
        }
    }

    return dst;
}


ngx_int_t
acme_ca_hex(ngx_pool_t *pool, const u_char *src, size_t n, ngx_str_t *dst)
{
    u_char  *p;

    p = ngx_pnalloc(pool, n * 2 + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst->data = p;
    dst->len = n * 2;

    p = ngx_hex_dump(p, (u_char *) src, n);
    *p = '\0';

    return NGX_OK;
}


u_char *
acme_ca_rfc3339_write(u_char *dst, time_t at)
{
    int64_t  days, sec, era, doe, yoe, doy, mp, year, month, day;

    /* four digits are all that a year has: 0000-01-01 to 9999-12-31 */

    at = ngx_max(at, (time_t) -62167219200);
    at = ngx_min(at, (time_t) 253402300799);

    days = at / 86400;
    sec = at % 86400;

    if (sec < 0) {
        sec += 86400;
        days--;
    }

    /* a year that begins in March keeps the leap day at its end */

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;

    day = doy - (153 * mp + 2) / 5 + 1;
    month = mp < 10 ? mp + 3 : mp - 9;
    year = yoe + era * 400 + (month <= 2 ? 1 : 0);

    return ngx_sprintf(dst, "%04L-%02L-%02LT%02L:%02L:%02LZ",
                       year, month, day, sec / 3600, sec / 60 % 60, sec % 60);
}


ngx_int_t
acme_ca_rfc3339_parse(ngx_str_t *src, time_t *at)
{
    size_t      n;
    int64_t     days;
    u_char     *p, *last;
    ngx_int_t   year, month, day, hour, min, sec, offset;

    static const u_char  lengths[] = { 31, 28, 31, 30, 31, 30,
                                       31, 31, 30, 31, 30, 31 };

    p = src->data;
    last = p + src->len;

    if (src->len < ACME_CA_RFC3339_LEN
        || p[4] != '-' || p[7] != '-' || (p[10] | 0x20) != 't'
        || p[13] != ':' || p[16] != ':')
    {
        return NGX_DECLINED;
    }

    year = acme_ca_rfc3339_number(p, 4, 9999);
    month = acme_ca_rfc3339_number(p + 5, 2, 12);
    day = acme_ca_rfc3339_number(p + 8, 2, 31);
    hour = acme_ca_rfc3339_number(p + 11, 2, 23);
    min = acme_ca_rfc3339_number(p + 14, 2, 59);
    sec = acme_ca_rfc3339_number(p + 17, 2, 60);

    if (year < 0 || month < 1 || day < 1 || hour < 0 || min < 0 || sec < 0) {
        return NGX_DECLINED;
    }

    if (day > lengths[month - 1]
        && !(month == 2 && day == 29
             && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
    {
        return NGX_DECLINED;
    }

    p += 19;

    if (*p == '.') {
        p++;

        for (n = 0; p < last && *p >= '0' && *p <= '9'; n++) {
            p++;
        }

        if (n == 0) {
            return NGX_DECLINED;
        }
    }

    if (acme_ca_rfc3339_offset(p, last - p, &offset) != NGX_OK) {
        return NGX_DECLINED;
    }

    days = acme_ca_days(year, month, day);

    *at = (time_t) (days * 86400 + hour * 3600 + min * 60 + sec - offset);

    return NGX_OK;
}


static ngx_int_t
acme_ca_rfc3339_number(const u_char *p, size_t n, ngx_int_t max)
{
    ngx_int_t  value;

    for (value = 0; n; n--, p++) {
        if (*p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        value = value * 10 + (*p - '0');
    }

    return value > max ? NGX_ERROR : value;
}


static ngx_int_t
acme_ca_rfc3339_offset(const u_char *p, size_t n, ngx_int_t *offset)
{
    ngx_int_t  hour, min;

    if (n == 1 && (*p | 0x20) == 'z') {
        *offset = 0;
        return NGX_OK;
    }

    if (n != sizeof("+00:00") - 1 || (*p != '+' && *p != '-') || p[3] != ':') {
        return NGX_DECLINED;
    }

    hour = acme_ca_rfc3339_number(p + 1, 2, 23);
    min = acme_ca_rfc3339_number(p + 4, 2, 59);

    if (hour < 0 || min < 0) {
        return NGX_DECLINED;
    }

    *offset = (hour * 60 + min) * 60;

    if (*p == '-') {
        *offset = -*offset;
    }

    return NGX_OK;
}


/* days from 1970-01-01; a year that begins in March, as above */

static int64_t
acme_ca_days(int64_t year, int64_t month, int64_t day)
{
    int64_t  era, yoe, doy;

    year -= month <= 2 ? 1 : 0;
    era = (year >= 0 ? year : year - 399) / 400;
    yoe = year - era * 400;
    doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}


ngx_int_t
acme_ca_random(u_char *dst, size_t n)
{
    if (RAND_bytes(dst, (int) n) != 1) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
acme_ca_equal(const u_char *a, const u_char *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}


ngx_int_t
acme_ca_sha256(const u_char *src, size_t n, u_char digest[ACME_CA_SHA256_LEN])
{
    const EVP_MD  *type;

    if (!CRYPTO_THREAD_run_once(&acme_ca_sha256_once, acme_ca_sha256_fetch)) {
        return NGX_ERROR;
    }

    type = acme_ca_sha256_type ? acme_ca_sha256_type : EVP_sha256();

    if (EVP_Digest(src, n, digest, NULL, type, NULL) != 1) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
acme_ca_sha256_fetch(void)
{
    acme_ca_sha256_type = EVP_MD_fetch(NULL, "SHA256", NULL);

    if (acme_ca_sha256_type == NULL) {
        ERR_clear_error();
    }
}


ngx_int_t
acme_ca_copy(ngx_pool_t *pool, ngx_str_t *dst, const u_char *src, size_t n)
{
    u_char  *p;

    p = ngx_pnalloc(pool, n + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst->data = p;
    dst->len = n;

    if (n) {
        p = ngx_cpymem(p, src, n);
    }

    *p = '\0';

    return NGX_OK;
}


ngx_int_t
acme_ca_format(ngx_pool_t *pool, ngx_str_t *dst, size_t max, const char *fmt,
    ...)
{
    u_char   *p;
    va_list   args;

    p = ngx_pnalloc(pool, max + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst->data = p;

    va_start(args, fmt);
    p = ngx_vslprintf(p, p + max, fmt, args);
    va_end(args);

    dst->len = p - dst->data;
    *p = '\0';

    return NGX_OK;
}


size_t
acme_ca_utf8_len(const u_char *p, size_t n)
{
    size_t      i, len;
    ngx_uint_t  low, high;

    if (p[0] < 0x80) {
        return 1;
    }

    /*
     * RFC 3629, 4: the second byte's range shuts out overlong forms,
     * surrogates and what lies above U+10FFFF
     */

    low = 0x80;
    high = 0xbf;

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;

    } else if ((p[0] & 0xf0) == 0xe0) {
        len = 3;
        low = p[0] == 0xe0 ? 0xa0 : low;
        high = p[0] == 0xed ? 0x9f : high;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        low = p[0] == 0xf0 ? 0x90 : low;
        high = p[0] == 0xf4 ? 0x8f : high;

    } else {
        return 0;
    }

    if (n < len || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return len;
}


void
acme_ca_utf8_repair(ngx_str_t *text)
{
    size_t  i, n;

    for (i = 0; i < text->len; i += n) {
        n = acme_ca_utf8_len(&text->data[i], text->len - i);

        if (n == 0) {
            text->data[i] = '?';
            n = 1;
        }
    }
}
