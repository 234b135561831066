
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Counters without a lock.  Numbers of one moment may miss each other by what
 * happens in between; none is lost.
 */


#include "acme_ca_metrics.h"


static void acme_ca_metrics_add(uint64_t *counter, uint64_t n);
static void acme_ca_metrics_observe(acme_ca_histogram_t *histogram,
    const acme_ca_bound_t *bound, uint64_t value);


const acme_ca_bound_t  acme_ca_metrics_seconds[] = {
    { "0.001", 1000 },
    { "0.0025", 2500 },
    { "0.005", 5000 },
    { "0.01", 10000 },
    { "0.025", 25000 },
    { "0.05", 50000 },
    { "0.1", 100000 },
    { "0.25", 250000 },
    { "0.5", 500000 },
    { "1.0", 1000000 },
    { "2.5", 2500000 },
    { "5.0", 5000000 },
    { "10.0", 10000000 },
    { "30.0", 30000000 },
    { NULL, 0 }
};


const acme_ca_bound_t  acme_ca_metrics_sizes[] = {
    { "1.0", 1 },
    { "2.0", 2 },
    { "4.0", 4 },
    { "8.0", 8 },
    { "16.0", 16 },
    { "32.0", 32 },
    { "64.0", 64 },
    { "128.0", 128 },
    { NULL, 0 }
};


const acme_ca_bound_t  acme_ca_metrics_ages[] = {
    { "60.0", 60 },
    { "600.0", 600 },
    { "3600.0", 3600 },
    { "21600.0", 21600 },
    { "86400.0", 86400 },
    { "259200.0", 259200 },
    { "604800.0", 604800 },
    { NULL, 0 }
};


static void
acme_ca_metrics_add(uint64_t *counter, uint64_t n)
{
    (void) __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}


uint64_t
acme_ca_metrics_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}


static void
acme_ca_metrics_observe(acme_ca_histogram_t *histogram,
    const acme_ca_bound_t *bound, uint64_t value)
{
    ngx_uint_t  i;

    for (i = 0; bound[i].text != NULL && value > bound[i].value; i++) {
        /* void */
    }

    acme_ca_metrics_add(&histogram->buckets[i], 1);
    acme_ca_metrics_add(&histogram->sum, value);
}


void
acme_ca_metrics_request(acme_ca_metrics_t *metrics, ngx_uint_t resource,
    ngx_uint_t status, const acme_ca_problem_t *problem)
{
    ngx_uint_t  outcome;

    if (metrics == NULL) {
        return;
    }

    if (resource >= ACME_CA_METRICS_RESOURCES) {
        resource = ACME_CA_METRICS_RESOURCES - 1;
    }

    if (status >= 400) {
        outcome = ACME_CA_METRICS_STATUSES
                  + ((problem != NULL) ? problem->type
                                       : ACME_CA_SERVER_INTERNAL);

    } else {
        outcome = (status == 200) ? 0 : (status == 201) ? 1
                  : (status == 204) ? 2 : 3;
    }

    acme_ca_metrics_add(&metrics->requests[resource][outcome], 1);
}


void
acme_ca_metrics_nonce_issued(acme_ca_metrics_t *metrics)
{
    if (metrics != NULL) {
        acme_ca_metrics_add(&metrics->nonces_issued, 1);
    }
}


void
acme_ca_metrics_nonce_used(acme_ca_metrics_t *metrics, ngx_uint_t verdict)
{
    if (metrics != NULL && verdict < ACME_CA_METRICS_VERDICTS) {
        acme_ca_metrics_add(&metrics->nonces[verdict], 1);
    }
}


void
acme_ca_metrics_limit(acme_ca_metrics_t *metrics, acme_ca_limit_e limit)
{
    if (metrics != NULL) {
        acme_ca_metrics_add(&metrics->limits[limit], 1);
    }
}


void
acme_ca_metrics_validation(acme_ca_metrics_t *metrics,
    acme_ca_challenge_type_e type, acme_ca_metrics_end_e end, uint64_t us)
{
    if (metrics != NULL) {
        acme_ca_metrics_observe(&metrics->validations[type][end],
                                acme_ca_metrics_seconds, us);
    }
}


void
acme_ca_metrics_batch(acme_ca_metrics_t *metrics, ngx_uint_t writes,
    uint64_t us, ngx_uint_t failed)
{
    if (metrics == NULL) {
        return;
    }

    acme_ca_metrics_observe(&metrics->batches, acme_ca_metrics_sizes, writes);
    acme_ca_metrics_observe(&metrics->commits, acme_ca_metrics_seconds, us);

    if (failed) {
        acme_ca_metrics_add(&metrics->batches_failed, 1);
    }
}


void
acme_ca_metrics_ocsp(acme_ca_metrics_t *metrics,
    acme_ca_metrics_ocsp_e result)
{
    if (metrics != NULL) {
        acme_ca_metrics_add(&metrics->ocsp[result], 1);
    }
}


void
acme_ca_metrics_ocsp_kept(acme_ca_metrics_t *metrics, time_t age)
{
    if (metrics != NULL) {
        acme_ca_metrics_add(&metrics->ocsp[ACME_CA_METRICS_OCSP_KEPT], 1);
        acme_ca_metrics_observe(&metrics->ocsp_ages, acme_ca_metrics_ages,
                                ngx_max(age, 0));
    }
}


ngx_uint_t
acme_ca_metrics_census_claim(acme_ca_metrics_t *metrics, time_t now,
    time_t lease)
{
    int64_t  due;

    if (metrics == NULL) {
        return 0;
    }

    due = __atomic_load_n(&metrics->census_due, __ATOMIC_ACQUIRE);

    /* a due time far ahead is one of a clock that was set back since */

    if (due > now && due - now <= 86400) {
        return 0;
    }

    return __atomic_compare_exchange_n(&metrics->census_due, &due, now + lease,
                                       0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}


void
acme_ca_metrics_census_set(acme_ca_metrics_t *metrics,
    const acme_ca_census_t *census, time_t now, time_t due)
{
    metrics->census = *census;

    __atomic_store_n(&metrics->census_at, now, __ATOMIC_RELEASE);
    __atomic_store_n(&metrics->census_due, due, __ATOMIC_RELEASE);
}
