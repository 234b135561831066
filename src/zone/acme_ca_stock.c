
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Shares of all workers, added up without a lock.
 */


#include "acme_ca_stock.h"


static ngx_int_t acme_ca_stock_open(acme_ca_stock_t *stock, int64_t period);
static acme_ca_share_t *acme_ca_stock_place(acme_ca_stock_t *stock,
    int64_t issuer_id);
static ngx_uint_t acme_ca_stock_swap(int64_t *word, int64_t old, int64_t set);
static int64_t acme_ca_stock_get(const int64_t *word);


ngx_int_t
acme_ca_stock_add(acme_ca_stock_t *stock, int64_t period,
    const acme_ca_share_t *share)
{
    int64_t           was;
    acme_ca_share_t  *sum;

    stock += period % ACME_CA_STOCK_PERIODS;

    if (acme_ca_stock_open(stock, period) != NGX_OK) {
        return NGX_AGAIN;
    }

    sum = acme_ca_stock_place(stock, share->issuer_id);
    if (sum == NULL) {
        return NGX_DECLINED;
    }

    (void) __atomic_fetch_add(&sum->n, share->n, __ATOMIC_RELAXED);

    if (share->n == 0) {
        return NGX_OK;
    }

    do {
        was = acme_ca_stock_get(&sum->oldest);
    } while ((was == 0 || share->oldest < was)
             && !acme_ca_stock_swap(&sum->oldest, was, share->oldest));

    do {
        was = acme_ca_stock_get(&sum->newest);
    } while (share->newest > was
             && !acme_ca_stock_swap(&sum->newest, was, share->newest));

    return NGX_OK;
}


/* whoever comes first empties what was there some periods ago */

static ngx_int_t
acme_ca_stock_open(acme_ca_stock_t *stock, int64_t period)
{
    int64_t  was;

    was = acme_ca_stock_get(&stock->period);

    if (was == period) {
        return NGX_OK;
    }

    if (was == -period || !acme_ca_stock_swap(&stock->period, was, -period)) {
        return NGX_AGAIN;
    }

    ngx_memzero(stock->shares, sizeof(stock->shares));

    __atomic_store_n(&stock->period, period, __ATOMIC_RELEASE);

    return NGX_OK;
}


static acme_ca_share_t *
acme_ca_stock_place(acme_ca_stock_t *stock, int64_t issuer_id)
{
    ngx_uint_t        i;
    acme_ca_share_t  *share;

    for (i = 0; i < ACME_CA_STOCK_ISSUERS; i++) {
        share = &stock->shares[i];

        if (acme_ca_stock_swap(&share->issuer_id, 0, issuer_id)
            || acme_ca_stock_get(&share->issuer_id) == issuer_id)
        {
            return share;
        }
    }

    return NULL;
}


ngx_int_t
acme_ca_stock_find(const acme_ca_stock_t *stock, int64_t period,
    int64_t issuer_id, acme_ca_share_t *share)
{
    ngx_uint_t              i;
    const acme_ca_share_t  *sum;

    stock += period % ACME_CA_STOCK_PERIODS;

    if (acme_ca_stock_get(&stock->period) != period) {
        return NGX_DECLINED;
    }

    for (i = 0; i < ACME_CA_STOCK_ISSUERS; i++) {
        sum = &stock->shares[i];

        if (acme_ca_stock_get(&sum->issuer_id) == issuer_id) {
            share->issuer_id = issuer_id;
            share->n = acme_ca_stock_get(&sum->n);
            share->oldest = acme_ca_stock_get(&sum->oldest);
            share->newest = acme_ca_stock_get(&sum->newest);

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_uint_t
acme_ca_stock_swap(int64_t *word, int64_t old, int64_t set)
{
    return __atomic_compare_exchange_n(word, &old, set, 0, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}


static int64_t
acme_ca_stock_get(const int64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
