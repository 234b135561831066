
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Accept, read element by element: for each type on offer the most specific
 * range that matches says how much it is liked (RFC 9110, 12.5.1).  Elements
 * that are malformed do not count.
 */


#include "acme_ca_accept.h"


/* qvalues are thousandths */
#define ACME_CA_ACCEPT_ONE   1000


/* how narrow a range is that matches; none: 0 */
typedef enum {
    ACME_CA_ACCEPT_ANY = 1,
    ACME_CA_ACCEPT_FAMILY,
    ACME_CA_ACCEPT_EXACT
} acme_ca_accept_fit_e;

typedef struct {
    ngx_str_t    range;
    ngx_uint_t   q;
} acme_ca_accept_item_t;


static ngx_uint_t acme_ca_accept_next(const u_char **p, const u_char *last,
    acme_ca_accept_item_t *item);
static ngx_uint_t acme_ca_accept_like(const ngx_str_t *field,
    const ngx_str_t *type, ngx_uint_t *read);
static void acme_ca_accept_part(const u_char **p, const u_char *last,
    u_char end, ngx_str_t *part);
static ngx_int_t acme_ca_accept_q(const ngx_str_t *parameter, ngx_uint_t *q);
static ngx_uint_t acme_ca_accept_fit(const ngx_str_t *range,
    const ngx_str_t *type);


ngx_uint_t
acme_ca_accept(const ngx_str_t *field, const ngx_str_t *types, ngx_uint_t n)
{
    ngx_uint_t  i, q, best, best_q, read;

    best = n;
    best_q = 0;
    read = 0;

    for (i = 0; i < n; i++) {
        q = acme_ca_accept_like(field, &types[i], &read);

        if (q > best_q) {
            best_q = q;
            best = i;
        }
    }

    return read ? best : 0;
}


/* read: set when anything at all could be read */

static ngx_uint_t
acme_ca_accept_like(const ngx_str_t *field, const ngx_str_t *type,
    ngx_uint_t *read)
{
    ngx_uint_t              q, fit, best;
    const u_char           *p, *last;
    acme_ca_accept_item_t   item;

    q = 0;
    best = 0;

    p = field->data;
    last = p + field->len;

    while (p != last) {

        if (!acme_ca_accept_next(&p, last, &item)) {
            continue;
        }

        *read = 1;

        fit = acme_ca_accept_fit(&item.range, type);

        if (fit > best || (fit && fit == best && item.q > q)) {
            best = fit;
            q = item.q;
        }
    }

    return q;
}


/* takes an element and the comma behind it; 0 when it is malformed */

static ngx_uint_t
acme_ca_accept_next(const u_char **p, const u_char *last,
    acme_ca_accept_item_t *item)
{
    ngx_str_t      element, parameter;
    const u_char  *q, *end;

    acme_ca_accept_part(p, last, ',', &element);

    q = element.data;
    end = q + element.len;

    acme_ca_accept_part(&q, end, ';', &item->range);

    item->q = ACME_CA_ACCEPT_ONE;

    while (q != end) {
        acme_ca_accept_part(&q, end, ';', &parameter);

        if (acme_ca_accept_q(&parameter, &item->q) != NGX_OK) {
            return 0;
        }
    }

    return item->range.len != 0
           && ngx_strlchr(item->range.data,
                          item->range.data + item->range.len, '/')
              != NULL;
}


/* up to the next "end" outside of quotes, without the space around */

static void
acme_ca_accept_part(const u_char **p, const u_char *last, u_char end,
    ngx_str_t *part)
{
    ngx_uint_t     quoted;
    const u_char  *from, *to;

    quoted = 0;

    for (from = to = *p; to != last && (quoted || *to != end); to++) {

        if (*to == '"') {
            quoted = !quoted;

        } else if (*to == '\\' && quoted && to + 1 != last) {
            to++;
        }
    }

    *p = (to == last) ? last : to + 1;

    while (from != to && (*from == ' ' || *from == '\t')) {
        from++;
    }

    while (to != from && (to[-1] == ' ' || to[-1] == '\t')) {
        to--;
    }

    part->data = (u_char *) from;
    part->len = to - from;
}


/* "q=0.5"; other parameters say nothing here */

static ngx_int_t
acme_ca_accept_q(const ngx_str_t *parameter, ngx_uint_t *q)
{
    size_t      i;
    u_char     *p;
    ngx_uint_t  value, unit;

    p = parameter->data;

    if (parameter->len < 2 || (p[0] | 0x20) != 'q' || p[1] != '=') {
        return NGX_OK;
    }

    if (parameter->len < 3 || parameter->len > sizeof("q=0.000") - 1
        || (p[2] != '0' && p[2] != '1')
        || (parameter->len > 3 && p[3] != '.'))
    {
        return NGX_DECLINED;
    }

    unit = ACME_CA_ACCEPT_ONE;
    value = (p[2] - '0') * unit;

    for (i = 4; i < parameter->len; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return NGX_DECLINED;
        }

        unit /= 10;
        value += (p[i] - '0') * unit;
    }

    if (value > ACME_CA_ACCEPT_ONE) {
        return NGX_DECLINED;
    }

    *q = value;

    return NGX_OK;
}


static ngx_uint_t
acme_ca_accept_fit(const ngx_str_t *range, const ngx_str_t *type)
{
    size_t  family;

    if (range->len == type->len
        && ngx_strncasecmp(range->data, type->data, type->len) == 0)
    {
        return ACME_CA_ACCEPT_EXACT;
    }

    if (range->len == 3 && ngx_strncmp(range->data, "*/*", 3) == 0) {
        return ACME_CA_ACCEPT_ANY;
    }

    family = range->len - 1;

    if (family < type->len
        && range->data[family] == '*'
        && family > 0
        && range->data[family - 1] == '/'
        && ngx_strncasecmp(range->data, type->data, family) == 0)
    {
        return ACME_CA_ACCEPT_FAMILY;
    }

    return 0;
}
