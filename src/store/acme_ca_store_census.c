
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The census: numbers of objects by their state.
 */


#include "acme_ca_store_census.h"
#include "acme_ca_store_private.h"


static ngx_int_t acme_ca_store_census_statuses(acme_ca_query_t *q,
    int64_t numbers[ACME_CA_STATUS_N]);


/* in the order of census_rows */

const char  *acme_ca_store_tables[] = {
    "acme_accounts", "acme_eab_credentials", "acme_orders",
    "acme_order_identifiers", "acme_authorizations", "acme_challenges",
    "acme_certificates", "acme_certificate_names", "acme_renewal_windows",
    "jobs", "acme_signer_jobs", "acme_audit_checkpoints", "acme_audit_logs",
    "issuers", "acme_crls", "acme_ocsp_signers", "acme_server_certificates",
    "acme_event_hooks", "acme_radar", "acme_sweeps", NULL
};


ngx_int_t
acme_ca_store_census_accounts(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N])
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_ACCOUNTS);

    return acme_ca_store_census_statuses(&q, numbers);
}


ngx_int_t
acme_ca_store_census_orders(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N])
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_ORDERS);
    acme_ca_query_integer(&q, now);

    return acme_ca_store_census_statuses(&q, numbers);
}


ngx_int_t
acme_ca_store_census_authz(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N])
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_AUTHZ);
    acme_ca_query_integer(&q, now);

    return acme_ca_store_census_statuses(&q, numbers);
}


ngx_int_t
acme_ca_store_census_challenges(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N])
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_CHALLENGES);

    return acme_ca_store_census_statuses(&q, numbers);
}


ngx_int_t
acme_ca_store_census_eab(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N])
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_EAB);
    acme_ca_query_integer(&q, now);

    return acme_ca_store_census_statuses(&q, numbers);
}


static ngx_int_t
acme_ca_store_census_statuses(acme_ca_query_t *q,
    int64_t numbers[ACME_CA_STATUS_N])
{
    ngx_int_t         rc;
    acme_ca_status_e  status;

    ngx_memzero(numbers, ACME_CA_STATUS_N * sizeof(int64_t));

    for ( ;; ) {
        rc = acme_ca_query_step(q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        status = acme_ca_column_status(q);
        numbers[status] = acme_ca_column_integer(q);
    }
}


ngx_int_t
acme_ca_store_census_certificates(acme_ca_store_t *store, time_t now,
    int64_t numbers[ACME_CA_STATUS_N])
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    ngx_memzero(numbers, ACME_CA_STATUS_N * sizeof(int64_t));

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_CERTIFICATES);
    acme_ca_query_integer(&q, now);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    numbers[ACME_CA_VALID] = acme_ca_column_integer(&q);
    numbers[ACME_CA_EXPIRED] = acme_ca_column_integer(&q);
    numbers[ACME_CA_REVOKED] = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_census_jobs(acme_ca_store_t *store,
    int64_t numbers[ACME_CA_CHALLENGE_TYPE_N], int64_t *oldest)
{
    int64_t          type, n, run_at;
    ngx_int_t        rc;
    acme_ca_query_t  q;

    ngx_memzero(numbers, ACME_CA_CHALLENGE_TYPE_N * sizeof(int64_t));

    *oldest = 0;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_JOBS);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        type = acme_ca_column_integer(&q);
        n = acme_ca_column_integer(&q);
        run_at = acme_ca_column_integer(&q);

        if (type >= 0 && type < ACME_CA_CHALLENGE_TYPE_N) {
            numbers[type] = n;
        }

        if (*oldest == 0 || run_at < *oldest) {
            *oldest = run_at;
        }
    }
}


ngx_int_t
acme_ca_store_census_radar(acme_ca_store_t *store, time_t now, int64_t *late,
    int64_t *unfetched)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_RADAR);
    acme_ca_query_integer(&q, now);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *late = acme_ca_column_integer(&q);
    *unfetched = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_census_rows(acme_ca_store_t *store, int64_t *rows, ngx_uint_t n)
{
    ngx_int_t        rc;
    ngx_uint_t       i;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_ROWS);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < n && acme_ca_store_tables[i] != NULL; i++) {
        rows[i] = acme_ca_column_integer(&q);
    }

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_census_size(acme_ca_store_t *store, int64_t *size,
    int64_t *unused)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_SIZE);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *size = acme_ca_column_integer(&q);
    *unused = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_census_issuers(acme_ca_store_t *store, ngx_pool_t *pool,
    time_t now, ngx_array_t **issuers)
{
    ngx_int_t              rc;
    acme_ca_query_t        q;
    acme_ca_issuer_end_t  *issuer;

    *issuers = ngx_array_create(pool, 4, sizeof(acme_ca_issuer_end_t));
    if (*issuers == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CENSUS_ISSUERS);
    acme_ca_query_integer(&q, now);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        issuer = acme_ca_query_push(&q, *issuers);

        if (issuer != NULL) {
            issuer->id = acme_ca_column_integer(&q);
            acme_ca_column_text(&q, pool, &issuer->name);
            issuer->not_after = acme_ca_column_integer(&q);
            acme_ca_column_text(&q, pool, &issuer->state);
            issuer->crl_this_update = acme_ca_column_integer(&q);
            issuer->crl_next_update = acme_ca_column_integer(&q);
        }
    }
}
