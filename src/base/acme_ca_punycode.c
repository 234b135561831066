
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The decoder of RFC 3492, 6.2, without its output: where a character is
 * inserted does not matter, its number does.
 */


#include "acme_ca_punycode.h"


#define ACME_CA_PUNYCODE_BASE   36
#define ACME_CA_PUNYCODE_TMIN   1
#define ACME_CA_PUNYCODE_TMAX   26
#define ACME_CA_PUNYCODE_BIAS   72

/* no number of a label of 63 bytes comes near it */
#define ACME_CA_PUNYCODE_LIMIT  ((uint64_t) 1 << 32)


static const u_char *acme_ca_punycode_number(const u_char *p,
    const u_char *last, ngx_uint_t bias, uint64_t *number);
static ngx_uint_t acme_ca_punycode_adapt(uint64_t delta, ngx_uint_t count,
    ngx_uint_t first);
static ngx_uint_t acme_ca_punycode_character(uint64_t n);


ngx_uint_t
acme_ca_punycode_valid(const u_char *text, size_t len)
{
    uint64_t       n, i, delta;
    ngx_uint_t     count, bias, first;
    const u_char  *p, *last;

    last = text + len;

    /* the ASCII characters stand before the last hyphen */

    for (p = last; p > text && p[-1] != '-'; p--) { /* void */ }

    count = (p > text) ? p - text - 1 : 0;

    if (p == last || (p > text && count == 0)) {
        return 0;
    }

    n = 0x80;
    i = 0;
    bias = ACME_CA_PUNYCODE_BIAS;
    first = 1;

    while (p < last) {
        p = acme_ca_punycode_number(p, last, bias, &delta);
        if (p == NULL) {
            return 0;
        }

        count++;
        i += delta;
        n += i / count;
        i = i % count + 1;

        if (!acme_ca_punycode_character(n)) {
            return 0;
        }

        bias = acme_ca_punycode_adapt(delta, count, first);
        first = 0;
    }

    return 1;
}


/* a generalized integer of variable length; answers what is behind it */

static const u_char *
acme_ca_punycode_number(const u_char *p, const u_char *last, ngx_uint_t bias,
    uint64_t *number)
{
    uint64_t    w;
    ngx_uint_t  k, t, digit;

    *number = 0;
    w = 1;

    for (k = ACME_CA_PUNYCODE_BASE; p < last; k += ACME_CA_PUNYCODE_BASE) {

        digit = (*p >= 'a') ? *p - 'a' : *p - '0' + 26;
        p++;

        *number += digit * w;

        t = (k <= bias) ? ACME_CA_PUNYCODE_TMIN
                        : ngx_min(k - bias, ACME_CA_PUNYCODE_TMAX);

        if (digit < t) {
            return p;
        }

        w *= ACME_CA_PUNYCODE_BASE - t;

        if (w > ACME_CA_PUNYCODE_LIMIT || *number > ACME_CA_PUNYCODE_LIMIT) {
            return NULL;
        }
    }

    return NULL;
}


/* RFC 3492, 6.1 */

static ngx_uint_t
acme_ca_punycode_adapt(uint64_t delta, ngx_uint_t count, ngx_uint_t first)
{
    ngx_uint_t  k, range;

    range = ACME_CA_PUNYCODE_BASE - ACME_CA_PUNYCODE_TMIN;

    delta /= first ? 700 : 2;
    delta += delta / count;

    for (k = 0; delta > range * ACME_CA_PUNYCODE_TMAX / 2; k++) {
        delta /= range;
    }

    return k * ACME_CA_PUNYCODE_BASE + (range + 1) * delta / (delta + 38);
}


static ngx_uint_t
acme_ca_punycode_character(uint64_t n)
{
    return n >= 0xa0 && n <= 0x10ffff && (n < 0xd800 || n > 0xdfff);
}
