
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What waits: validations, and calls of an external signer.  Made due at once,
 * or given up.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_metrics.h"
#include "acme_ca_signing.h"
#include "acme_ca_store_signing.h"


/* the last bits of an id, where it is not the type of a challenge */
#define ACME_CA_ADMIN_JOB_MASK  7
#define ACME_CA_ADMIN_JOB_SIGN  6


/* one of both: its id is not 0 */
typedef struct {
    int64_t             id;
    acme_ca_job_t       job;
    acme_ca_signing_t   signing;
    time_t              lease_until;   /* of signing */
} acme_ca_admin_job_t;


static ngx_int_t acme_ca_admin_job_find(acme_ca_admin_t *a,
    acme_ca_admin_job_t *job);
static ngx_int_t acme_ca_admin_job_validation(acme_ca_admin_t *a,
    acme_ca_admin_job_t *job);
static ngx_int_t acme_ca_admin_job_signing(acme_ca_admin_t *a,
    acme_ca_admin_job_t *job);
static ngx_int_t acme_ca_admin_job_give_up(acme_ca_admin_t *a,
    acme_ca_job_t *job);


ngx_int_t
acme_ca_admin_queues(acme_ca_admin_t *a)
{
    int64_t                   pending;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    acme_ca_store_row_t      *row;
    acme_ca_store_page_t      page;
    acme_ca_json_writer_t     w;
    const acme_ca_metrics_t  *metrics;

    metrics = a->authority->metrics;

    pending = (metrics == NULL || metrics->census_at == 0)
              ? -1 : metrics->census.authz[ACME_CA_PENDING];

    rc = acme_ca_store_job_list_queues(a->store, a->ctx.pool, a->ctx.now,
                                       pending, &page);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 512);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "items");

    row = page.rows->elts;

    for (i = 0; i < page.rows->nelts; i++) {
        acme_ca_json_write_raw(&w, NULL, &row[i].json);
    }

    acme_ca_json_shut(&w);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}


ngx_int_t
acme_ca_admin_job_retry(acme_ca_admin_t *a)
{
    ngx_int_t            rc;
    acme_ca_admin_job_t  job;

    rc = acme_ca_admin_job_find(a, &job);

    if (rc == NGX_OK) {
        rc = job.signing.id
             ? acme_ca_store_signing_set_due(a->store, job.signing.id,
                                             a->ctx.now)
             : acme_ca_store_job_set_due(a->store, job.job.id, a->ctx.now);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, job.id) : rc;
}


/* what the signer is signing would be a certificate that nobody knows of */

ngx_int_t
acme_ca_admin_job_cancel(acme_ca_admin_t *a)
{
    ngx_int_t            rc;
    acme_ca_ctx_t        ctx;
    acme_ca_admin_job_t  job;

    ctx = a->ctx;

    rc = acme_ca_admin_job_find(a, &job);

    if (rc == NGX_OK && job.lease_until > a->ctx.now) {
        return acme_ca_admin_refuse(a, 409, "the signer is being asked");
    }

    if (rc == NGX_OK) {
        rc = job.signing.id
             ? acme_ca_signing_cancel(&ctx, a->store, &job.signing)
             : acme_ca_admin_job_give_up(a, &job.job);
    }

    a->reply.status = 204;

    return rc;
}


/* RFC 8555, 7.1.6: what needs the authorization is invalid, too */

static ngx_int_t
acme_ca_admin_job_give_up(acme_ca_admin_t *a, acme_ca_job_t *job)
{
    acme_ca_ctx_t  ctx;

    ctx = a->ctx;

    if (acme_ca_refuse(&ctx, ACME_CA_UNAUTHORIZED, "the validation was "
                       "cancelled by the CA")
        != NGX_ABORT)
    {
        return NGX_ERROR;
    }

    return acme_ca_protocol_cancel(&ctx, a->store, job, ctx.problem);
}


static ngx_int_t
acme_ca_admin_job_find(acme_ca_admin_t *a, acme_ca_admin_job_t *job)
{
    off_t      id;
    ngx_int_t  rc;

    ngx_memzero(job, sizeof(acme_ca_admin_job_t));

    id = ngx_atoof(a->operand.data, a->operand.len);

    job->id = (int64_t) id;

    if (id < 1) {
        rc = NGX_DECLINED;

    } else if ((id & ACME_CA_ADMIN_JOB_MASK) == ACME_CA_ADMIN_JOB_SIGN) {
        rc = acme_ca_admin_job_signing(a, job);

    } else {
        rc = acme_ca_admin_job_validation(a, job);
    }

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "there is no job \"%V\"", &a->operand)
           : rc;
}


static ngx_int_t
acme_ca_admin_job_validation(acme_ca_admin_t *a, acme_ca_admin_job_t *job)
{
    ngx_int_t  rc;

    rc = acme_ca_store_job_find(a->store, a->ctx.pool, job->id, &job->job);
    if (rc != NGX_OK) {
        return rc;
    }

    a->audit.account_id = job->job.account_id;
    a->audit.authz_id = job->job.authz_id;
    a->audit.challenge_id = job->job.challenge_id;

    return acme_ca_admin_details(a, &a->audit, "name",
                                 &job->job.identifier.value);
}


static ngx_int_t
acme_ca_admin_job_signing(acme_ca_admin_t *a, acme_ca_admin_job_t *job)
{
    ngx_int_t  rc;

    rc = acme_ca_store_signing_find(a->store, a->ctx.pool,
                                    job->id / (ACME_CA_ADMIN_JOB_MASK + 1),
                                    &job->signing, &job->lease_until);
    if (rc != NGX_OK) {
        return rc;
    }

    a->audit.account_id = job->signing.account_id;
    a->audit.order_id = job->signing.order_id;
    a->audit.certificate_id = job->signing.certificate_id;

    return acme_ca_admin_details(a, &a->audit, "job", &a->operand);
}
