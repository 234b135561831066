
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Counters in memory that all workers share: atomic adds and nothing else, kept
 * over a reload.  Every function takes NULL for "nobody counts".
 *
 * The census is what the database is asked now and then, by one worker for all
 * of them: how many objects there are in which state.
 */


#ifndef _ACME_CA_METRICS_H_INCLUDED_
#define _ACME_CA_METRICS_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_problem.h"
#include "acme_ca_stock.h"


/* rows of the route table, and one for what is none */
#define ACME_CA_METRICS_RESOURCES  24

/* how a request ended: a status without a problem, or the problem */
#define ACME_CA_METRICS_STATUSES   4
#define ACME_CA_METRICS_OUTCOMES   (ACME_CA_METRICS_STATUSES                  \
                                    + ACME_CA_PROBLEM_N)

#define ACME_CA_METRICS_VERDICTS   5       /* on nonces */
#define ACME_CA_METRICS_BOUNDS     14      /* of a histogram, at most */
#define ACME_CA_METRICS_TABLES     24      /* whose rows are counted, at most */


typedef struct {
    uint64_t   buckets[ACME_CA_METRICS_BOUNDS + 1];   /* each for itself */
    uint64_t   sum;
} acme_ca_histogram_t;


typedef struct {
    const char  *text;             /* "0.25", as a client is told it */
    uint64_t     value;            /* in the histogram's own unit */
} acme_ca_bound_t;

/* up to the row without a text */
extern const acme_ca_bound_t  acme_ca_metrics_seconds[];    /* unit: us */
extern const acme_ca_bound_t  acme_ca_metrics_sizes[];
extern const acme_ca_bound_t  acme_ca_metrics_ages[];       /* unit: s */


typedef enum {
    ACME_CA_METRICS_PASSED = 0,
    ACME_CA_METRICS_FAILED,
    ACME_CA_METRICS_RETRIED,
    ACME_CA_METRICS_ENDS
} acme_ca_metrics_end_e;


/* responses to OCSP: successful ones, and why they are not */
typedef enum {
    ACME_CA_METRICS_OCSP_KEPT = 0,
    ACME_CA_METRICS_OCSP_SIGNED,
    ACME_CA_METRICS_OCSP_MALFORMED,
    ACME_CA_METRICS_OCSP_INTERNAL,
    ACME_CA_METRICS_OCSP_TRY_LATER,
    ACME_CA_METRICS_OCSP_UNAUTHORIZED,
    ACME_CA_METRICS_OCSP_N
} acme_ca_metrics_ocsp_e;


typedef struct {
    int64_t    accounts[ACME_CA_STATUS_N];
    int64_t    orders[ACME_CA_STATUS_N];
    int64_t    authz[ACME_CA_STATUS_N];
    int64_t    challenges[ACME_CA_STATUS_N];
    int64_t    certificates[ACME_CA_STATUS_N];
    int64_t    jobs[ACME_CA_CHALLENGE_TYPE_N];
    int64_t    eab[ACME_CA_STATUS_N];
    int64_t    rows[ACME_CA_METRICS_TABLES];
    int64_t    late;               /* renewals */
    int64_t    unfetched;          /* certificates */
    int64_t    job_oldest;         /* when it was to run, 0: none is late */
    int64_t    database_size;      /* bytes */
    int64_t    database_free;
} acme_ca_census_t;


struct acme_ca_metrics_s {
    uint64_t               requests[ACME_CA_METRICS_RESOURCES]
                                   [ACME_CA_METRICS_OUTCOMES];
    uint64_t               nonces_issued;
    uint64_t               nonces[ACME_CA_METRICS_VERDICTS];
    uint64_t               limits[ACME_CA_LIMIT_N];
    acme_ca_histogram_t    validations[ACME_CA_CHALLENGE_TYPE_N]
                                      [ACME_CA_METRICS_ENDS];
    acme_ca_histogram_t    batches;
    acme_ca_histogram_t    commits;
    uint64_t               batches_failed;
    uint64_t               ocsp[ACME_CA_METRICS_OCSP_N];
    acme_ca_histogram_t    ocsp_ages;      /* of kept ones, when sent */
    acme_ca_stock_t        ocsp_stock[ACME_CA_STOCK_PERIODS];

    int64_t                census_at;      /* seconds; 0: never yet */
    int64_t                census_due;
    acme_ca_census_t       census;
};


void acme_ca_metrics_request(acme_ca_metrics_t *metrics, ngx_uint_t resource,
    ngx_uint_t status, const acme_ca_problem_t *problem);
void acme_ca_metrics_nonce_issued(acme_ca_metrics_t *metrics);
/* verdict: acme_ca_nonce_verdict_e */
void acme_ca_metrics_nonce_used(acme_ca_metrics_t *metrics,
    ngx_uint_t verdict);
void acme_ca_metrics_limit(acme_ca_metrics_t *metrics, acme_ca_limit_e limit);
void acme_ca_metrics_validation(acme_ca_metrics_t *metrics,
    acme_ca_challenge_type_e type, acme_ca_metrics_end_e end, uint64_t us);
void acme_ca_metrics_batch(acme_ca_metrics_t *metrics, ngx_uint_t writes,
    uint64_t us, ngx_uint_t failed);

void acme_ca_metrics_ocsp(acme_ca_metrics_t *metrics,
    acme_ca_metrics_ocsp_e result);
/* a kept one leaves, so many seconds after it was signed */
void acme_ca_metrics_ocsp_kept(acme_ca_metrics_t *metrics, time_t age);

/*
 * Whoever is answered 1 takes the census that is due now, and nobody else for
 * the next lease seconds.
 */
ngx_uint_t acme_ca_metrics_census_claim(acme_ca_metrics_t *metrics, time_t now,
    time_t lease);
/* publishes it; the next one is due at due */
void acme_ca_metrics_census_set(acme_ca_metrics_t *metrics,
    const acme_ca_census_t *census, time_t now, time_t due);

uint64_t acme_ca_metrics_get(const uint64_t *counter);


#endif /* _ACME_CA_METRICS_H_INCLUDED_ */
