
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * nginx's printf: its conversions, and a buffer that has an end.
 */


#include "shim.h"


typedef struct {
    u_char      *p;
    u_char      *last;
    size_t       width;
    size_t       fraction;
    size_t       len;          /* of "%*s"; (size_t) -1: up to the NUL */
    u_char       pad;
    ngx_uint_t   sign;
    ngx_uint_t   hex;          /* 1: lower case, 2: upper case */
    ngx_uint_t   max_width;    /* "m" */
} shim_out_t;


static const char *shim_flags(shim_out_t *out, const char *fmt, size_t len);
static void shim_put(shim_out_t *out, const u_char *p, size_t n);
static void shim_put_text(shim_out_t *out, const u_char *p, size_t n);
static void shim_put_number(shim_out_t *out, uint64_t n, ngx_uint_t minus);
static void shim_put_signed(shim_out_t *out, int64_t n);
static void shim_put_double(shim_out_t *out, double f);


/* a number of one type, signed or not */
#define shim_number(out, args, s, u)                                          \
    if ((out)->sign) {                                                        \
        shim_put_signed(out, (int64_t) va_arg(args, s));                      \
    } else {                                                                  \
        shim_put_number(out, (uint64_t) va_arg(args, u), 0);                  \
    }                                                                         \
    break


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, (u_char *) UINTPTR_MAX, fmt, args);
    va_end(args);

    return p;
}


u_char * ngx_cdecl
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + max, fmt, args);
    va_end(args);

    return p;
}


u_char * ngx_cdecl
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, last, fmt, args);
    va_end(args);

    return p;
}


u_char *
ngx_vslprintf(u_char *buf, u_char *last, const char *fmt, va_list list)
{
    u_char      c;
    size_t      len;
    va_list     args;
    ngx_str_t  *str;
    shim_out_t  out;

    va_copy(args, list);

    out.p = buf;
    out.last = last;

    for ( /* void */ ; *fmt; fmt++) {

        if (*fmt != '%') {
            shim_put(&out, (u_char *) fmt, 1);
            continue;
        }

        fmt++;

        /* "*" stands before all but a zero and is used with "s" only */
        len = fmt[0] == '*' || (fmt[0] == '0' && fmt[1] == '*')
              ? va_arg(args, size_t) : (size_t) -1;

        fmt = shim_flags(&out, fmt, len);

        switch (*fmt) {

        case 'V':
            str = va_arg(args, ngx_str_t *);
            shim_put_text(&out, str->data, str->len);
            break;

        case 's':
            str = (ngx_str_t *) va_arg(args, u_char *);
            shim_put_text(&out, (u_char *) str,
                          out.len != (size_t) -1 ? out.len : ngx_strlen(str));
            break;

        case 'O':
            shim_put_signed(&out, va_arg(args, off_t));
            break;

        case 'P':
            shim_put_signed(&out, va_arg(args, ngx_pid_t));
            break;

        case 'T':
            shim_put_signed(&out, va_arg(args, time_t));
            break;

        case 'M':
            shim_put_number(&out, va_arg(args, ngx_msec_t), 0);
            break;

        case 'z':
            shim_number(&out, args, ssize_t, size_t);

        case 'i':
            shim_number(&out, args, ngx_int_t, ngx_uint_t);

        case 'd':
            shim_number(&out, args, int, u_int);

        case 'l':
            shim_number(&out, args, long, u_long);

        case 'D':
            shim_number(&out, args, int32_t, uint32_t);

        case 'L':
            shim_number(&out, args, int64_t, uint64_t);

        case 'A':
            shim_number(&out, args, ngx_atomic_int_t, ngx_atomic_uint_t);

        case 'f':
            shim_put_double(&out, va_arg(args, double));
            break;

        case 'p':
            out.hex = 2;
            out.pad = '0';
            out.width = 2 * sizeof(void *);
            shim_put_number(&out, (uintptr_t) va_arg(args, void *), 0);
            break;

        case 'c':
            c = (u_char) va_arg(args, int);
            shim_put(&out, &c, 1);
            break;

        case 'Z':
            shim_put(&out, (u_char *) "", 1);
            break;

        case 'N':
            shim_put(&out, (u_char *) "\n", 1);
            break;

        case '%':
            shim_put(&out, (u_char *) "%", 1);
            break;

        default:
            /* nginx would print it: in a test it is a mistake */
            fprintf(stderr, "no such conversion: %%%s\n", fmt);
            abort();
        }
    }

    va_end(args);

    return out.p;
}


static const char *
shim_flags(shim_out_t *out, const char *fmt, size_t len)
{
    out->width = 0;
    out->fraction = 0;
    out->len = len;
    out->sign = 1;
    out->hex = 0;
    out->max_width = 0;
    out->pad = ' ';

    if (*fmt == '0') {
        out->pad = '0';
        fmt++;
    }

    while (*fmt >= '0' && *fmt <= '9') {
        out->width = out->width * 10 + (*fmt++ - '0');
    }

    for ( ;; fmt++) {

        if (*fmt == 'u') {
            out->sign = 0;

        } else if (*fmt == 'X' || *fmt == 'x') {
            out->hex = *fmt == 'X' ? 2 : 1;
            out->sign = 0;

        } else if (*fmt == 'm') {
            out->max_width = 1;

        } else if (*fmt == '.') {
            while (fmt[1] >= '0' && fmt[1] <= '9') {
                out->fraction = out->fraction * 10 + (*++fmt - '0');
            }

        } else if (*fmt != '*') {
            return fmt;
        }
    }
}


static void
shim_put(shim_out_t *out, const u_char *p, size_t n)
{
    n = ngx_min(n, (size_t) (out->last - out->p));

    if (n) {
        ngx_memcpy(out->p, p, n);
        out->p += n;
    }
}


static void
shim_put_text(shim_out_t *out, const u_char *p, size_t n)
{
    u_char       c[2];
    const char  *hex;

    if (out->hex == 0) {
        shim_put(out, p, n);
        return;
    }

    hex = (out->hex == 1) ? "0123456789abcdef" : "0123456789ABCDEF";

    for ( /* void */ ; n; n--, p++) {
        c[0] = hex[*p >> 4];
        c[1] = hex[*p & 15];
        shim_put(out, c, 2);
    }
}


static void
shim_put_number(shim_out_t *out, uint64_t n, ngx_uint_t minus)
{
    char    text[32];
    size_t  len;

    len = snprintf(text, sizeof(text),
                   out->hex == 0 ? "%llu" : out->hex == 1 ? "%llx" : "%llX",
                   (unsigned long long) n);

    if (out->max_width) {
        out->width = NGX_INT_T_LEN;
    }

    if (minus) {
        shim_put(out, (u_char *) "-", 1);
    }

    for ( /* void */ ; out->width > len; out->width--) {
        shim_put(out, &out->pad, 1);
    }

    shim_put(out, (u_char *) text, len);
}


static void
shim_put_signed(shim_out_t *out, int64_t n)
{
    shim_put_number(out, n < 0 ? 0 - (uint64_t) n : (uint64_t) n, n < 0);
}


static void
shim_put_double(shim_out_t *out, double f)
{
    char  text[64];

    (void) snprintf(text, sizeof(text), "%.*f", (int) out->fraction, f);
    shim_put(out, (u_char *) text, strlen(text));
}
