
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Validations that wait: made due at once, or given up.
 */


#include "acme_ca_admin_private.h"


static ngx_int_t acme_ca_admin_job_find(acme_ca_admin_t *a,
    acme_ca_job_t *job);


ngx_int_t
acme_ca_admin_job_retry(acme_ca_admin_t *a)
{
    ngx_int_t      rc;
    acme_ca_job_t  job;

    rc = acme_ca_admin_job_find(a, &job);

    if (rc == NGX_OK) {
        rc = acme_ca_store_job_set_due(a->store, job.id, a->ctx.now);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, job.id) : rc;
}


/* RFC 8555, 7.1.6: what needs the authorization is invalid, too */

ngx_int_t
acme_ca_admin_job_cancel(acme_ca_admin_t *a)
{
    ngx_int_t      rc;
    acme_ca_job_t  job;
    acme_ca_ctx_t  ctx;

    ctx = a->ctx;

    rc = acme_ca_admin_job_find(a, &job);

    if (rc == NGX_OK
        && acme_ca_refuse(&ctx, ACME_CA_UNAUTHORIZED, "the validation was "
                          "cancelled by the CA")
           != NGX_ABORT)
    {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        rc = acme_ca_protocol_cancel(&ctx, a->store, &job, ctx.problem);
    }

    a->reply.status = 204;

    return rc;
}


static ngx_int_t
acme_ca_admin_job_find(acme_ca_admin_t *a, acme_ca_job_t *job)
{
    off_t      id;
    ngx_int_t  rc;

    id = ngx_atoof(a->operand.data, a->operand.len);

    rc = (id > 0) ? acme_ca_store_job_find(a->store, a->ctx.pool, (int64_t) id,
                                           job)
                  : NGX_DECLINED;

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 404, "there is no job \"%V\"",
                                    &a->operand);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    a->audit.account_id = job->account_id;
    a->audit.authz_id = job->authz_id;
    a->audit.challenge_id = job->challenge_id;

    return acme_ca_admin_details(a, &a->audit, "name",
                                 &job->identifier.value);
}
