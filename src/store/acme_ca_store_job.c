
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * jobs: validations that have to be done, by whoever lives.  A job's id is its
 * challenge's.
 */


#include "acme_ca_store_private.h"


static ngx_int_t acme_ca_store_job_get(acme_ca_store_t *store,
    ngx_pool_t *pool, acme_ca_job_t *job);


ngx_int_t
acme_ca_store_job_add(acme_ca_store_t *store, acme_ca_job_t *job,
    time_t run_at)
{
    acme_ca_query_t  q;

    job->id = job->challenge_id;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_ADD);
    acme_ca_query_challenge(&q, job->id);
    acme_ca_query_integer(&q, job->attempts);
    acme_ca_query_integer(&q, run_at);
    acme_ca_query_integer(&q, job->deadline_at);
    acme_ca_query_text(&q, &job->client_address);
    acme_ca_query_text(&q, &job->request_id);
    acme_ca_query_text(&q, &job->account_url);
    acme_ca_query_optional(&q, store->owner);

    return acme_ca_query_add(&q, NULL);
}


ngx_int_t
acme_ca_store_job_claim(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_due_t *due, ngx_uint_t limit, ngx_array_t **jobs)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    acme_ca_job_t    *job;
    acme_ca_query_t   q;

    *jobs = ngx_array_create(pool, 4, sizeof(acme_ca_job_t));
    if (*jobs == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_CLAIM);
    acme_ca_query_due(&q, due);
    acme_ca_query_integer(&q, due->now + due->lease);
    acme_ca_query_integer(&q, limit);
    acme_ca_query_optional(&q, store->owner);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        job = acme_ca_query_push(&q, *jobs);

        if (job) {
            job->id = acme_ca_column_challenge(&q);
        }
    }

    job = (*jobs)->elts;

    for (i = 0; i < (*jobs)->nelts; i++) {
        rc = acme_ca_store_job_get(store, pool, &job[i]);

        if (rc == NGX_DECLINED) {
            /* foreign keys do not allow it */
            return acme_ca_store_failed(store, "job_get", SQLITE_CORRUPT);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_store_job_get(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_job_t *job)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_GET);
    acme_ca_query_challenge(&q, job->id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    job->challenge_id = acme_ca_column_challenge(&q);
    job->authz_id = job->challenge_id / ACME_CA_CHALLENGE_SLOTS;
    job->type = job->challenge_id % ACME_CA_CHALLENGE_SLOTS;
    job->account_id = acme_ca_column_integer(&q);
    acme_ca_column_identifier(&q, pool, &job->identifier);
    acme_ca_column_text(&q, pool, &job->token);
    acme_ca_column_bytes(&q, job->thumbprint, ACME_CA_SHA256_LEN);
    job->attempts = acme_ca_column_integer(&q);
    job->deadline_at = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, &job->client_address);
    acme_ca_column_text(&q, pool, &job->request_id);
    acme_ca_column_text(&q, pool, &job->account_url);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_job_find_due(acme_ca_store_t *store, const acme_ca_due_t *due,
    ngx_uint_t *n)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_FIND_DUE);
    acme_ca_query_due(&q, due);

    return acme_ca_query_find_count(&q, n);
}


ngx_int_t
acme_ca_store_job_set_retry(acme_ca_store_t *store, int64_t id,
    ngx_uint_t attempts, time_t run_at, const ngx_str_t *error)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_SET_RETRY);
    acme_ca_query_challenge(&q, id);
    acme_ca_query_integer(&q, attempts);
    acme_ca_query_integer(&q, run_at);
    acme_ca_query_text(&q, error);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_job_set_due(acme_ca_store_t *store, int64_t id, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_SET_DUE);
    acme_ca_query_challenge(&q, id);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_job_find(acme_ca_store_t *store, ngx_pool_t *pool, int64_t id,
    acme_ca_job_t *job)
{
    ngx_memzero(job, sizeof(acme_ca_job_t));

    job->id = id;

    return acme_ca_store_job_get(store, pool, job);
}


ngx_int_t
acme_ca_store_job_remove(acme_ca_store_t *store, int64_t id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_REMOVE);
    acme_ca_query_challenge(&q, id);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_job_remove_authz(acme_ca_store_t *store, int64_t authz_id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_REMOVE_AUTHZ);
    acme_ca_query_integer(&q, authz_id);

    return acme_ca_query_run(&q);
}
