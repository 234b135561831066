
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * How a validation ended, written back with all that follows (RFC 8555,
 * 7.1.6): challenge, authorization, the orders that wait for it, the job, the
 * audit row.  A verdict that comes too late - the job was done by another, the
 * authorization or the account is gone - changes nothing and says so.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_rate.h"


/* what the verdict is about, as the store has it now */
typedef struct {
    acme_ca_account_t     account;
    acme_ca_authz_t       authz;
    acme_ca_challenge_t   challenge;
} acme_ca_verdict_t;


static ngx_int_t acme_ca_verdict_find(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_job_t *job, acme_ca_verdict_t *verdict);
static ngx_int_t acme_ca_verdict_moot(acme_ca_ctx_t *ctx,
    acme_ca_verdict_t *verdict, ngx_str_t *why);
static ngx_int_t acme_ca_verdict_write(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_verdict_t *verdict, acme_ca_event_e event,
    time_t expires_at, ngx_str_t *error);
static ngx_int_t acme_ca_verdict_pass(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_verdict_t *verdict);
static ngx_int_t acme_ca_verdict_fail(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_verdict_t *verdict,
    acme_ca_problem_t *problem);
static ngx_int_t acme_ca_verdict_add_error(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_authz_t *authz,
    acme_ca_problem_t *problem);
static ngx_int_t acme_ca_verdict_order(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, int64_t order_id, acme_ca_status_e from,
    acme_ca_event_e event, ngx_str_t *error);
static ngx_int_t acme_ca_verdict_order_error(acme_ca_ctx_t *ctx,
    const acme_ca_identifier_t *identifier, acme_ca_problem_t *problem,
    ngx_str_t *error);
static ngx_int_t acme_ca_verdict_subproblem(acme_ca_ctx_t *ctx,
    const acme_ca_identifier_t *identifier, const acme_ca_problem_t *problem,
    acme_ca_problem_t *sub);
static ngx_int_t acme_ca_verdict_audit(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_job_t *job, acme_ca_problem_t *problem,
    ngx_str_t *moot, ngx_str_t *details);


ngx_int_t
acme_ca_protocol_verdict(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_problem_t *problem, ngx_str_t *details)
{
    ngx_int_t          rc;
    ngx_str_t          moot;
    acme_ca_verdict_t  verdict;

    ngx_str_null(&moot);

    rc = acme_ca_store_job_remove(store, job->id);

    if (rc == NGX_DECLINED) {
        ngx_str_set(&moot, "the validation was finished before");
        return acme_ca_verdict_audit(ctx, store, job, problem, &moot, details);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_verdict_find(ctx, store, job, &verdict);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_verdict_moot(ctx, &verdict, &moot);
    }

    if (rc == NGX_OK && moot.len == 0) {
        rc = problem ? acme_ca_verdict_fail(ctx, store, &verdict, problem)
                     : acme_ca_verdict_pass(ctx, authority, store, job,
                                            &verdict);
    }

    if (rc == NGX_OK && moot.len == 0 && problem) {
        acme_ca_rate_failed(ctx, authority, job->account_id,
                            &verdict.authz.identifier);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_verdict_audit(ctx, store, job, problem, &moot, details);
    }

    return (rc == NGX_DECLINED) ? acme_ca_never(ctx->log) : rc;
}


ngx_int_t
acme_ca_protocol_cancel(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_problem_t *problem)
{
    ngx_int_t          rc;
    ngx_str_t          moot;
    acme_ca_verdict_t  verdict;

    ngx_str_null(&moot);

    rc = acme_ca_store_job_remove_authz(store, job->authz_id);

    if (rc == NGX_OK) {
        rc = acme_ca_verdict_find(ctx, store, job, &verdict);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_verdict_moot(ctx, &verdict, &moot);
    }

    if (rc == NGX_OK && moot.len == 0) {
        rc = acme_ca_verdict_fail(ctx, store, &verdict, problem);
    }

    return (rc == NGX_DECLINED) ? acme_ca_never(ctx->log) : rc;
}


static ngx_int_t
acme_ca_verdict_find(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_verdict_t *verdict)
{
    ngx_int_t  rc;

    ngx_memzero(verdict, sizeof(acme_ca_verdict_t));

    rc = acme_ca_store_account_find(store, ctx->pool, job->account_id,
                                    &verdict->account);

    if (rc == NGX_OK) {
        rc = acme_ca_store_authz_find(store, ctx->pool, job->authz_id,
                                      &verdict->authz);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_challenge_find(store, ctx->pool, job->challenge_id,
                                          &verdict->challenge);
    }

    return rc;
}


/* why is empty when the verdict still matters */

static ngx_int_t
acme_ca_verdict_moot(acme_ca_ctx_t *ctx, acme_ca_verdict_t *verdict,
    ngx_str_t *why)
{
    static const struct {
        const char        *what;
        acme_ca_status_e   wanted;
    } facts[] = {
        { "account", ACME_CA_VALID },
        { "authorization", ACME_CA_PENDING },
        { "challenge", ACME_CA_PROCESSING }
    };

    ngx_uint_t        i;
    acme_ca_status_e  is[3];

    is[0] = verdict->account.status;
    is[1] = acme_ca_view_status(ACME_CA_MACHINE_AUTHZ, verdict->authz.status,
                                verdict->authz.expires_at, ctx->now);
    is[2] = verdict->challenge.status;

    for (i = 0; i < 3; i++) {
        if (is[i] != facts[i].wanted) {
            return acme_ca_format(ctx->pool, why, 64, "the %s is %V by now",
                                  facts[i].what, &acme_ca_statuses[is[i]]);
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_verdict_pass(acme_ca_ctx_t *ctx, const acme_ca_authority_t *authority,
    acme_ca_store_t *store, acme_ca_job_t *job, acme_ca_verdict_t *verdict)
{
    time_t     lifetime;
    ngx_int_t  rc;

    lifetime = authority->authz_lifetime;

    if (job->reuse != 0) {
        lifetime = ngx_min(lifetime, job->reuse);
    }

    rc = acme_ca_verdict_write(ctx, store, verdict, ACME_CA_EVENT_PASS,
                               ctx->now + lifetime, NULL);
    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_verdict_pass_orders(ctx, store, verdict->authz.id);
}


static ngx_int_t
acme_ca_verdict_fail(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_verdict_t *verdict, acme_ca_problem_t *problem)
{
    ngx_int_t  rc;
    ngx_str_t  error;

    rc = acme_ca_problem_write(ctx->pool, problem, &error);

    if (rc == NGX_OK) {
        rc = acme_ca_verdict_write(ctx, store, verdict, ACME_CA_EVENT_FAIL, 0,
                                   &error);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_verdict_add_error(ctx, store, &verdict->authz, problem);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_verdict_fail_orders(ctx, store, verdict->authz.id,
                                       &verdict->authz.identifier, problem);
}


/* orders that failed by another name: their error tells of both */

static ngx_int_t
acme_ca_verdict_add_error(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_authz_t *authz, acme_ca_problem_t *problem)
{
    int64_t            *id;
    ngx_int_t           rc;
    ngx_str_t           whole, part;
    ngx_uint_t          i;
    ngx_array_t        *ids;
    acme_ca_ctx_t       several;
    acme_ca_problem_t   sub;

    rc = acme_ca_store_order_list_by_authz(store, ctx->pool, authz->id,
                                           ACME_CA_INVALID, &ids);

    if (rc != NGX_OK || ids->nelts == 0) {
        return rc;
    }

    several = *ctx;

    if (acme_ca_verdict_subproblem(ctx, &authz->identifier, problem, &sub)
        != NGX_OK
        || acme_ca_problem_write(ctx->pool, &sub, &part) != NGX_OK
        || acme_ca_refuse(&several, ACME_CA_COMPOUND, NULL) != NGX_ABORT
        || acme_ca_problem_write(ctx->pool, several.problem, &whole) != NGX_OK)
    {
        return NGX_ERROR;
    }

    id = ids->elts;

    for (i = 0; i < ids->nelts; i++) {
        rc = acme_ca_store_order_add_error(store, id[i], &part, &whole,
                                           ctx->now);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            return rc;
        }
    }

    return NGX_OK;
}


/* challenge and authorization follow the same event */

static ngx_int_t
acme_ca_verdict_write(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_verdict_t *verdict, acme_ca_event_e event, time_t expires_at,
    ngx_str_t *error)
{
    ngx_int_t             rc;
    acme_ca_authz_t      *authz;
    acme_ca_status_e      challenge_to, authz_to;
    acme_ca_challenge_t  *challenge;

    authz = &verdict->authz;
    challenge = &verdict->challenge;
    authz_to = authz->status;

    rc = acme_ca_state_next(ACME_CA_MACHINE_CHALLENGE, challenge->status,
                            event, &challenge_to);

    if (rc == NGX_OK) {
        rc = acme_ca_state_next(ACME_CA_MACHINE_AUTHZ, authz->status, event,
                                &authz_to);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_challenge_set_status(store, challenge->id,
                                                challenge->status,
                                                challenge_to, error, ctx->now);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_store_authz_set_status(store, authz->id, authz->status,
                                          authz_to, expires_at, ctx->now);
}


ngx_int_t
acme_ca_verdict_pass_orders(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    int64_t authz_id)
{
    int64_t      *id;
    ngx_int_t     rc;
    ngx_uint_t    i, open;
    ngx_array_t  *ids;

    rc = acme_ca_store_order_list_by_authz(store, ctx->pool, authz_id,
                                           ACME_CA_PENDING, &ids);
    if (rc != NGX_OK) {
        return rc;
    }

    id = ids->elts;

    for (i = 0; i < ids->nelts; i++) {
        rc = acme_ca_store_order_get_open(store, id[i], &open);

        if (rc == NGX_OK && open == 0) {
            rc = acme_ca_verdict_order(ctx, store, id[i], ACME_CA_PENDING,
                                       ACME_CA_EVENT_PASS, NULL);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_verdict_fail_orders(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    int64_t authz_id, const acme_ca_identifier_t *identifier,
    acme_ca_problem_t *problem)
{
    static const acme_ca_status_e  waiting[] = {
        ACME_CA_PENDING, ACME_CA_READY
    };

    int64_t      *id;
    ngx_int_t     rc;
    ngx_str_t     error;
    ngx_uint_t    i, n;
    ngx_array_t  *ids;

    rc = acme_ca_verdict_order_error(ctx, identifier, problem, &error);

    for (n = 0; rc == NGX_OK && n < 2; n++) {
        rc = acme_ca_store_order_list_by_authz(store, ctx->pool, authz_id,
                                               waiting[n], &ids);
        if (rc != NGX_OK) {
            return rc;
        }

        id = ids->elts;

        for (i = 0; rc == NGX_OK && i < ids->nelts; i++) {
            rc = acme_ca_verdict_order(ctx, store, id[i], waiting[n],
                                       ACME_CA_EVENT_FAIL, &error);
        }
    }

    return rc;
}


static ngx_int_t
acme_ca_verdict_order(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    int64_t order_id, acme_ca_status_e from, acme_ca_event_e event,
    ngx_str_t *error)
{
    ngx_int_t         rc;
    acme_ca_status_e  to;

    rc = acme_ca_state_next(ACME_CA_MACHINE_ORDER, from, event, &to);
    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_store_order_set_status(store, order_id, from, to, error, 0,
                                          ctx->now);
}


/* RFC 8555, 6.7.1: only a subproblem may name the identifier */

static ngx_int_t
acme_ca_verdict_order_error(acme_ca_ctx_t *ctx,
    const acme_ca_identifier_t *identifier, acme_ca_problem_t *problem,
    ngx_str_t *error)
{
    acme_ca_problem_t  top, sub;

    if (acme_ca_verdict_subproblem(ctx, identifier, problem, &sub) != NGX_OK) {
        return NGX_ERROR;
    }

    top = *problem;
    top.subproblems = &sub;

    return acme_ca_problem_write(ctx->pool, &top, error);
}


static ngx_int_t
acme_ca_verdict_subproblem(acme_ca_ctx_t *ctx,
    const acme_ca_identifier_t *identifier, const acme_ca_problem_t *problem,
    acme_ca_problem_t *sub)
{
    *sub = *problem;

    sub->subproblems = NULL;
    sub->next = NULL;
    sub->identifier_type = acme_ca_identifier_types[identifier->type];

    return acme_ca_identifier_name(ctx->pool, identifier,
                                   &sub->identifier_value);
}


ngx_int_t
acme_ca_protocol_retry(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_problem_t *problem, ngx_str_t *details,
    time_t run_at)
{
    ngx_int_t  rc;
    ngx_str_t  moot, reason;

    ngx_str_null(&moot);

    if (acme_ca_verdict_reason(ctx->pool, problem, &reason) != NGX_OK) {
        return NGX_ERROR;
    }

    job->attempts++;

    rc = acme_ca_store_job_set_retry(store, job->id, job->attempts, run_at,
                                     &reason);

    if (rc == NGX_DECLINED) {
        ngx_str_set(&moot, "the validation was finished before");

    } else if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_verdict_audit(ctx, store, job, problem, &moot, details);
}


static ngx_int_t
acme_ca_verdict_audit(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_problem_t *problem, ngx_str_t *moot,
    ngx_str_t *details)
{
    acme_ca_audit_t  audit;

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.action = "validate";
    audit.actor = "server";
    audit.account_id = job->account_id;
    audit.authz_id = job->authz_id;
    audit.challenge_id = job->challenge_id;
    audit.client_address = job->client_address;
    audit.request_id = job->request_id;

    if (details) {
        audit.details = *details;
    }

    if (moot->len) {
        audit.refused = ACME_CA_AUDIT_REFUSED;
        audit.reason = *moot;

    } else if (problem) {
        audit.refused = ACME_CA_AUDIT_FAILED;

        if (acme_ca_verdict_reason(ctx->pool, problem, &audit.reason)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return acme_ca_store_audit_add(store, &audit, ctx->now);
}


ngx_int_t
acme_ca_verdict_reason(ngx_pool_t *pool, acme_ca_problem_t *problem,
    ngx_str_t *reason)
{
    const char  *name;

    name = acme_ca_problem_name(problem->type);

    return acme_ca_format(pool, reason,
                          ngx_strlen(name) + problem->detail.len + 2, "%s: %V",
                          name, &problem->detail);
}
