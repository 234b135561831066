
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Strings and numbers.
 */


#include "shim.h"


static uint64_t shim_atou(u_char *line, size_t n, uint64_t max,
    ngx_uint_t base);
static void shim_base64_write(ngx_str_t *dst, ngx_str_t *src,
    const char *alphabet, ngx_uint_t padding);
static ngx_int_t shim_base64_parse(ngx_str_t *dst, ngx_str_t *src,
    const char *alphabet);


static const char  shim_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char  shim_base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    for ( /* void */ ; n; n--, src++) {
        *dst++ = ngx_tolower(*src);
    }
}


size_t
ngx_strnlen(u_char *p, size_t n)
{
    return strnlen((char *) p, n);
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    if (n == 0) {
        return dst;
    }

    for ( /* void */ ; n > 1 && *src != '\0'; n--) {
        *dst++ = *src++;
    }

    *dst = '\0';

    return dst;
}


u_char *
ngx_pstrdup(ngx_pool_t *pool, ngx_str_t *src)
{
    u_char  *dst;

    dst = ngx_pnalloc(pool, src->len);

    if (dst && src->len) {
        ngx_memcpy(dst, src->data, src->len);
    }

    return dst;
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    explicit_bzero(buf, n);
}


ngx_int_t
ngx_strcasecmp(u_char *s1, u_char *s2)
{
    return strcasecmp((char *) s1, (char *) s2);
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


u_char *
ngx_strnstr(u_char *s1, char *s2, size_t n)
{
    return memmem(s1, strnlen((char *) s1, n), s2, strlen(s2));
}


u_char *
ngx_strlcasestrn(u_char *s1, u_char *last, u_char *s2, size_t n)
{
    /* n is the length of s2 less one */

    for ( /* void */ ; s1 + n < last; s1++) {
        if (strncasecmp((char *) s1, (char *) s2, n + 1) == 0) {
            return s1;
        }
    }

    return NULL;
}


ngx_int_t
ngx_memn2cmp(u_char *s1, u_char *s2, size_t n1, size_t n2)
{
    int  rc;

    rc = memcmp(s1, s2, ngx_min(n1, n2));

    return rc ? rc : (n1 > n2) - (n1 < n2);
}


static uint64_t
shim_atou(u_char *line, size_t n, uint64_t max, ngx_uint_t base)
{
    uint64_t  value, digit;

    if (n == 0) {
        return (uint64_t) NGX_ERROR;
    }

    for (value = 0; n; n--, line++) {
        digit = base;

        if (*line >= '0' && *line <= '9') {
            digit = *line - '0';

        } else if ((*line | 0x20) >= 'a' && (*line | 0x20) <= 'f') {
            digit = (*line | 0x20) - 'a' + 10;
        }

        if (digit >= base || value > (max - digit) / base) {
            return (uint64_t) NGX_ERROR;
        }

        value = value * base + digit;
    }

    return value;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    return (ngx_int_t) shim_atou(line, n, NGX_MAX_INT_T_VALUE, 10);
}


ssize_t
ngx_atosz(u_char *line, size_t n)
{
    return (ssize_t) shim_atou(line, n, NGX_MAX_SIZE_T_VALUE, 10);
}


off_t
ngx_atoof(u_char *line, size_t n)
{
    return (off_t) shim_atou(line, n, NGX_MAX_OFF_T_VALUE, 10);
}


time_t
ngx_atotm(u_char *line, size_t n)
{
    return (time_t) shim_atou(line, n, NGX_MAX_TIME_T_VALUE, 10);
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    return (ngx_int_t) shim_atou(line, n, NGX_MAX_INT_T_VALUE, 16);
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    for ( /* void */ ; len; len--, src++) {
        *dst++ = "0123456789abcdef"[*src >> 4];
        *dst++ = "0123456789abcdef"[*src & 0x0f];
    }

    return dst;
}


void
ngx_encode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    shim_base64_write(dst, src, shim_base64, 1);
}


void
ngx_encode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    shim_base64_write(dst, src, shim_base64url, 0);
}


ngx_int_t
ngx_decode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    return shim_base64_parse(dst, src, shim_base64);
}


ngx_int_t
ngx_decode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    return shim_base64_parse(dst, src, shim_base64url);
}


static void
shim_base64_write(ngx_str_t *dst, ngx_str_t *src, const char *alphabet,
    ngx_uint_t padding)
{
    u_char      *d;
    size_t       i, j, left;
    uint32_t     group;

    d = dst->data;

    for (i = 0; i < src->len; i += 3) {
        left = ngx_min(src->len - i, 3);

        for (group = 0, j = 0; j < 3; j++) {
            group = group << 8 | (j < left ? src->data[i + j] : 0);
        }

        for (j = 0; j < 4; j++) {
            if (j <= left) {
                *d++ = alphabet[group >> (18 - 6 * j) & 0x3f];

            } else if (padding) {
                *d++ = '=';
            }
        }
    }

    dst->len = d - dst->data;
}


static ngx_int_t
shim_base64_parse(ngx_str_t *dst, ngx_str_t *src, const char *alphabet)
{
    u_char      *d;
    size_t       i;
    uint32_t     group;
    ngx_uint_t   bits;
    const char  *p;

    d = dst->data;
    group = 0;
    bits = 0;

    for (i = 0; i < src->len && src->data[i] != '='; i++) {
        p = src->data[i] ? strchr(alphabet, src->data[i]) : NULL;

        if (p == NULL) {
            return NGX_ERROR;
        }

        group = (group << 6 | (uint32_t) (p - alphabet)) & 0xffffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *d++ = (u_char) (group >> bits);
        }
    }

    if (i % 4 == 1) {
        return NGX_ERROR;
    }

    dst->len = d - dst->data;

    return NGX_OK;
}


uint32_t
ngx_utf8_decode(u_char **p, size_t n)
{
    size_t    i, len;
    uint32_t  c;

    c = **p;
    len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3
          : c < 0xf8 ? 4 : 0;

    if (len == 0) {
        (*p)++;
        return 0xffffffff;
    }

    if (len > n) {
        return 0xfffffffe;
    }

    c &= len == 1 ? 0x7f : 0xff >> (len + 1);

    for (i = 1; i < len; i++) {
        if (((*p)[i] & 0xc0) != 0x80) {
            (*p) += i;
            return 0xffffffff;
        }

        c = c << 6 | ((*p)[i] & 0x3f);
    }

    *p += len;

    if (c > 0x10ffff || (len == 3 && c < 0x800) || (len == 4 && c < 0x10000)) {
        return 0xffffffff;
    }

    return c;
}


size_t
ngx_utf8_length(u_char *p, size_t n)
{
    size_t   len;
    u_char  *last;

    last = p + n;

    for (len = 0; p < last; len++) {
        if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            return n;
        }
    }

    return len;
}


uintptr_t
ngx_escape_json(u_char *dst, u_char *src, size_t size)
{
    uintptr_t  extra;

    for (extra = 0; size; size--, src++) {

        if (*src == '"' || *src == '\\') {
            extra++;

            if (dst) {
                *dst++ = '\\';
                *dst++ = *src;
            }

        } else if (*src < 0x20) {
            extra += 5;

            if (dst) {
                dst = ngx_sprintf(dst, "\\u%04xd", (int) *src);
            }

        } else if (dst) {
            *dst++ = *src;
        }
    }

    return dst ? (uintptr_t) dst : extra;
}


void
ngx_sort(void *base, size_t n, size_t size,
    ngx_int_t (*cmp)(const void *, const void *))
{
    size_t   i, j;
    u_char  *p, *tmp;

    /* stable: an insertion sort */

    if (n < 2) {
        return;
    }

    p = base;

    tmp = malloc(size);
    if (tmp == NULL) {
        abort();
    }

    for (i = 1; i < n; i++) {
        ngx_memcpy(tmp, p + i * size, size);

        for (j = i; j > 0 && cmp(p + (j - 1) * size, tmp) > 0; j--) {
            ngx_memcpy(p + j * size, p + (j - 1) * size, size);
        }

        ngx_memcpy(p + j * size, tmp, size);
    }

    free(tmp);
}


void
ngx_gmtime(time_t t, ngx_tm_t *tm)
{
    (void) gmtime_r(&t, tm);

    tm->ngx_tm_mon++;
    tm->ngx_tm_year += 1900;
}


u_char *
ngx_http_time(u_char *buf, time_t t)
{
    struct tm  tm;

    (void) gmtime_r(&t, &tm);

    return buf + strftime((char *) buf, 30, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}
