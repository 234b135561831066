
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Rate limits without a lock.
 *
 * Invariants:
 *     1. a cell is one word, changed by compare-and-swap only: whatever dies
 *        in between leaves a good one
 *     2. two that bring the same new subject into a bucket meet in the same
 *        cell, the first of the oldest: times only grow, so the oldest stays
 *        it until it is changed, and who comes second looks again
 *     3. the hash is keyed: nobody chooses subjects that share a cell
 */


#include "acme_ca_limit.h"
#include "acme_ca_text.h"


#define ACME_CA_LIMIT_MIN      64        /* cells */
#define ACME_CA_LIMIT_WAYS     8         /* cells of a bucket: a cache line */
#define ACME_CA_LIMIT_KEY      32

#define ACME_CA_LIMIT_BITS     40        /* of a time: 34 years of ms */
#define ACME_CA_LIMIT_MASK     (((uint64_t) 1 << ACME_CA_LIMIT_BITS) - 1)


struct acme_ca_limit_zone_s {
    u_char     key[ACME_CA_LIMIT_KEY];
    int64_t    epoch;                    /* seconds: when times begin */
    uint64_t   buckets;                  /* a power of two */
    uint64_t   padding[2];
    uint64_t   cells[1];                 /* buckets * ACME_CA_LIMIT_WAYS */
};


typedef enum {
    ACME_CA_LIMIT_PEEK = 0,
    ACME_CA_LIMIT_TAKE,
    ACME_CA_LIMIT_ADD
} acme_ca_limit_mode_e;


static ngx_uint_t acme_ca_limit_zone_cells(ngx_uint_t n);
static time_t acme_ca_limit_run(acme_ca_limit_zone_t *zone,
    acme_ca_limit_e limit, const acme_ca_rate_t *rate, ngx_str_t *subject,
    time_t now, acme_ca_limit_mode_e mode);
static ngx_int_t acme_ca_limit_find(acme_ca_limit_zone_t *zone,
    acme_ca_limit_e limit, ngx_str_t *subject, uint64_t **bucket,
    uint64_t *tag);
static uint64_t *acme_ca_limit_cell(uint64_t *bucket, uint64_t tag,
    uint64_t *old);


static ngx_uint_t
acme_ca_limit_zone_cells(ngx_uint_t n)
{
    ngx_uint_t  cells;

    for (cells = ACME_CA_LIMIT_MIN; cells < n; cells *= 2) { /* void */ }

    return cells;
}


size_t
acme_ca_limit_zone_size(ngx_uint_t n)
{
    return offsetof(acme_ca_limit_zone_t, cells)
           + acme_ca_limit_zone_cells(n) * sizeof(uint64_t);
}


ngx_int_t
acme_ca_limit_zone_init(acme_ca_limit_zone_t *zone, ngx_uint_t n, time_t now)
{
    ngx_memzero(zone, acme_ca_limit_zone_size(n));

    zone->epoch = now;
    zone->buckets = acme_ca_limit_zone_cells(n) / ACME_CA_LIMIT_WAYS;

    return acme_ca_random(zone->key, ACME_CA_LIMIT_KEY);
}


time_t
acme_ca_limit_peek(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    const acme_ca_rate_t *rate, ngx_str_t *subject, time_t now)
{
    return acme_ca_limit_run(zone, limit, rate, subject, now,
                             ACME_CA_LIMIT_PEEK);
}


time_t
acme_ca_limit_take(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    const acme_ca_rate_t *rate, ngx_str_t *subject, time_t now)
{
    return acme_ca_limit_run(zone, limit, rate, subject, now,
                             ACME_CA_LIMIT_TAKE);
}


time_t
acme_ca_limit_add(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    const acme_ca_rate_t *rate, ngx_str_t *subject, time_t now)
{
    return acme_ca_limit_run(zone, limit, rate, subject, now,
                             ACME_CA_LIMIT_ADD);
}


/*
 * One costs an interval.  Who has paid for all is at "at" or before; who still
 * owes a burst of intervals has to wait until he owes one less.
 */

static time_t
acme_ca_limit_run(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    const acme_ca_rate_t *rate, ngx_str_t *subject, time_t now,
    acme_ca_limit_mode_e mode)
{
    int64_t    at, due, interval, most, wait;
    uint64_t   tag, old, *bucket, *cell;

    if (zone == NULL || rate->n == 0
        || acme_ca_limit_find(zone, limit, subject, &bucket, &tag) != NGX_OK)
    {
        return 0;
    }

    at = (ngx_max((int64_t) now - zone->epoch, 0) + 1) * 1000;
    interval = (int64_t) rate->period * 1000 / (int64_t) rate->n;
    most = at + interval * (int64_t) rate->burst;

    for ( ;; ) {
        cell = acme_ca_limit_cell(bucket, tag, &old);

        due = 0;

        if (old >> ACME_CA_LIMIT_BITS == tag) {
            due = (int64_t) (old & ACME_CA_LIMIT_MASK);
        }

        /* a clock that was set back, a rate that was another */

        due = ngx_min(ngx_max(due, at), most);

        wait = due - (most - interval);
        wait = (wait > 0) ? (wait + 999) / 1000 : 0;

        if (mode == ACME_CA_LIMIT_PEEK
            || (mode == ACME_CA_LIMIT_TAKE && wait > 0))
        {
            return (time_t) wait;
        }

        due = ngx_min(due + interval, most);
        due = ngx_min(due, (int64_t) ACME_CA_LIMIT_MASK);

        if (__atomic_compare_exchange_n(cell, &old,
                                        tag << ACME_CA_LIMIT_BITS
                                        | (uint64_t) due,
                                        0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
        {
            return (time_t) wait;
        }
    }
}


static ngx_int_t
acme_ca_limit_find(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    ngx_str_t *subject, uint64_t **bucket, uint64_t *tag)
{
    u_char    text[ACME_CA_LIMIT_KEY + 1 + ACME_CA_SHA256_LEN];
    u_char    hash[ACME_CA_SHA256_LEN];
    uint64_t  n;

    ngx_memcpy(text, zone->key, ACME_CA_LIMIT_KEY);
    text[ACME_CA_LIMIT_KEY] = (u_char) limit;

    if (acme_ca_sha256(subject->data, subject->len,
                       text + ACME_CA_LIMIT_KEY + 1)
        != NGX_OK
        || acme_ca_sha256(text, sizeof(text), hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(&n, hash, sizeof(n));
    *bucket = &zone->cells[n % zone->buckets * ACME_CA_LIMIT_WAYS];

    /* an empty cell is nobody's */

    ngx_memcpy(&n, hash + sizeof(n), sizeof(n));
    *tag = ngx_max(n >> ACME_CA_LIMIT_BITS, 1);

    return NGX_OK;
}


/* the subject's own cell, or the one that it is to have */

static uint64_t *
acme_ca_limit_cell(uint64_t *bucket, uint64_t tag, uint64_t *old)
{
    uint64_t    cell, *oldest;
    ngx_uint_t  i;

    oldest = NULL;

    for (i = 0; i < ACME_CA_LIMIT_WAYS; i++) {
        cell = __atomic_load_n(&bucket[i], __ATOMIC_SEQ_CST);

        if (cell >> ACME_CA_LIMIT_BITS == tag) {
            *old = cell;
            return &bucket[i];
        }

        if (oldest == NULL
            || (cell & ACME_CA_LIMIT_MASK) < (*old & ACME_CA_LIMIT_MASK))
        {
            oldest = &bucket[i];
            *old = cell;
        }
    }

    return oldest;
}
