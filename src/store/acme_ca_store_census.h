
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * How many objects there are.  Reads whole tables or indexes: on a thread, with
 * a handle of its own, and not often.
 */


#ifndef _ACME_CA_STORE_CENSUS_H_INCLUDED_
#define _ACME_CA_STORE_CENSUS_H_INCLUDED_


#include "acme_ca_store.h"


typedef struct {
    int64_t      id;
    ngx_str_t    name;
    time_t       not_after;
    ngx_str_t    state;               /* empty: it signs no leaves here */
    time_t       crl_this_update;     /* of its oldest CRL; 0: there is none */
    time_t       crl_next_update;     /* of the one that ends first */
} acme_ca_issuer_end_t;


/* as many names as there are numbers, and NULL */
extern const char  *acme_ca_store_tables[];


/* a number of each status or kind */
ngx_int_t acme_ca_store_census_accounts(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N]);
ngx_int_t acme_ca_store_census_orders(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N]);
ngx_int_t acme_ca_store_census_authz(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N]);
ngx_int_t acme_ca_store_census_challenges(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N]);
ngx_int_t acme_ca_store_census_certificates(acme_ca_store_t *store,
    time_t now, int64_t numbers[ACME_CA_STATUS_N]);
ngx_int_t acme_ca_store_census_eab(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N]);
/* late renewals, certificates that nobody fetched */
ngx_int_t acme_ca_store_census_radar(acme_ca_store_t *store, time_t now,
    int64_t *late, int64_t *unfetched);
/* n: room; one for each of acme_ca_store_tables */
ngx_int_t acme_ca_store_census_rows(acme_ca_store_t *store, int64_t *rows,
    ngx_uint_t n);
/* oldest: when the one that waits longest was to run, 0: there is none */
ngx_int_t acme_ca_store_census_jobs(acme_ca_store_t *store,
    int64_t numbers[ACME_CA_CHALLENGE_TYPE_N], int64_t *oldest);
ngx_int_t acme_ca_store_census_size(acme_ca_store_t *store, int64_t *size,
    int64_t *unused);

/* few rows: for the event loop as well.  An array of acme_ca_issuer_end_t */
ngx_int_t acme_ca_store_census_issuers(acme_ca_store_t *store,
    ngx_pool_t *pool, time_t now, ngx_array_t **issuers);


#endif /* _ACME_CA_STORE_CENSUS_H_INCLUDED_ */
