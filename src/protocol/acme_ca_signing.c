
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What follows from a signer's answer for the order or the revocation (RFC
 * 8555, 7.1.6 and 7.4).
 *
 * Invariants:
 *   1. an order becomes valid together with its certificate's row, its
 *      issuer's row and the audit row, by whoever removed the job
 *   2. a certificate was checked before it is written, and nobody sees it
 *      before
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_issuer.h"
#include "acme_ca_signing.h"
#include "acme_ca_store_signing.h"


#define ACME_CA_SIGNING_LEASE_MORE  3      /* seconds beyond the timeout */


static ngx_int_t acme_ca_signing_retry(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_settle(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_stop(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_order_t *order, acme_ca_certificate_t *certificate,
    acme_ca_problem_type_e type, const char *why);
static ngx_int_t acme_ca_signing_issue(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_order_t *order, acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_known(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_order_t *order, acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_fail(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_order_t *order, acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_invalid(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_order_t *order);
static ngx_int_t acme_ca_signing_told(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_signing_answer_t *answer);
static void acme_ca_signing_audit(acme_ca_signing_t *signing,
    const char *action, acme_ca_audit_t *audit);


time_t
acme_ca_signing_lease(const acme_ca_signer_t *signer)
{
    return (time_t) ((signer->timeout + 999) / 1000)
           + ACME_CA_SIGNING_LEASE_MORE;
}


/* in its own time: it is revoked with us */

ngx_int_t
acme_ca_signing_tell(acme_ca_ctx_t *ctx, const acme_ca_authority_t *authority,
    acme_ca_store_t *store, const acme_ca_request_t *request,
    const acme_ca_account_t *account,
    const acme_ca_certificate_t *certificate)
{
    acme_ca_signing_t  signing;

    if (authority->signer == NULL
        || authority->signer->revoke_uri.len == 0
        || acme_ca_issuer_find(authority, certificate->issuer_id) != NULL)
    {
        return NGX_OK;
    }

    ngx_memzero(&signing, sizeof(acme_ca_signing_t));

    signing.certificate_id = certificate->id;
    signing.account_id = account ? account->id : 0;
    signing.created_at = ctx->now;
    signing.deadline_at = ctx->now + authority->signer->deadline;
    signing.client_address = request->client_address;
    signing.request_id = request->request_id;

    return acme_ca_store_signing_add(store, &signing, ctx->now);
}


ngx_int_t
acme_ca_signing_apply(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer)
{
    ngx_int_t  rc;

    if (answer->outcome == ACME_CA_SIGNING_LATER
        || answer->outcome == ACME_CA_SIGNING_FAILED)
    {
        return acme_ca_signing_retry(ctx, store, signing, answer);
    }

    rc = acme_ca_store_signing_remove(store, signing->id);

    /* it was asked twice, with one key, and the other answer came first */

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = signing->order_id
             ? acme_ca_signing_settle(ctx, store, signing, answer)
             : acme_ca_signing_told(ctx, store, signing, answer);
    }

    return (rc == NGX_DECLINED) ? acme_ca_never(ctx->log) : rc;
}


ngx_int_t
acme_ca_signing_cancel(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing)
{
    acme_ca_signing_answer_t  answer;

    ngx_memzero(&answer, sizeof(acme_ca_signing_answer_t));

    answer.outcome = ACME_CA_SIGNING_CANCELLED;
    ngx_str_set(&answer.detail, "the operator cancelled it");

    return acme_ca_signing_apply(ctx, store, signing, &answer);
}


/* that it needs more time is no failure, and not worth a row each time */

static ngx_int_t
acme_ca_signing_retry(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer)
{
    ngx_int_t        rc;
    acme_ca_audit_t  audit;

    rc = acme_ca_store_signing_set_retry(store, signing->id,
                                         signing->attempts, answer->run_at,
                                         (answer->outcome
                                          == ACME_CA_SIGNING_FAILED)
                                         ? &answer->detail : NULL);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK || answer->outcome == ACME_CA_SIGNING_LATER) {
        return rc;
    }

    acme_ca_signing_audit(signing, "sign", &audit);

    audit.refused = ACME_CA_AUDIT_FAILED;
    audit.reason = answer->detail;

    return acme_ca_store_audit_add(store, &audit, ctx->now);
}


static ngx_int_t
acme_ca_signing_settle(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer)
{
    ngx_int_t               rc;
    acme_ca_order_t         order;
    acme_ca_account_t       account;
    acme_ca_certificate_t   other;

    ngx_memzero(&order, sizeof(acme_ca_order_t));
    ngx_memzero(&account, sizeof(acme_ca_account_t));

    rc = acme_ca_store_order_find(store, ctx->pool, signing->order_id, &order);

    if (rc == NGX_OK) {
        rc = acme_ca_store_account_find(store, ctx->pool, order.account_id,
                                        &account);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (answer->outcome != ACME_CA_SIGNING_DONE) {
        return acme_ca_signing_fail(ctx, store, signing, &order, answer);
    }

    if (order.expires_at <= ctx->now) {
        return acme_ca_signing_stop(ctx, store, signing, &order,
                                    &answer->certificate,
                                    ACME_CA_SERVER_INTERNAL,
                                    "the order expired before it was signed");
    }

    if (account.status != ACME_CA_VALID) {
        return acme_ca_signing_stop(ctx, store, signing, &order,
                                    &answer->certificate,
                                    ACME_CA_UNAUTHORIZED,
                                    "the account is not valid any more");
    }

    rc = acme_ca_store_certificate_find_exact(store, ctx->pool,
                                              &answer->certificate.serial,
                                              answer->certificate.fingerprint,
                                              &other);
    if (rc == NGX_OK) {
        return acme_ca_signing_known(ctx, store, signing, &order, answer);
    }

    return (rc == NGX_DECLINED)
           ? acme_ca_signing_issue(ctx, store, signing, &order, answer)
           : rc;
}


/* the certificate exists, though nobody gets it: its serial number is kept */

static ngx_int_t
acme_ca_signing_stop(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_order_t *order,
    acme_ca_certificate_t *certificate, acme_ca_problem_type_e type,
    const char *why)
{
    ngx_int_t        rc;
    acme_ca_audit_t  audit;

    if (acme_ca_refuse(ctx, type, "%s", why) != NGX_ABORT) {
        return NGX_ERROR;
    }

    acme_ca_signing_audit(signing, "issue", &audit);

    audit.refused = ACME_CA_AUDIT_REFUSED;

    if (acme_ca_verdict_reason(ctx->pool, ctx->problem, &audit.reason)
        != NGX_OK
        || acme_ca_finalize_details(ctx, certificate, &audit.details)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = acme_ca_signing_invalid(ctx, store, order);

    return (rc == NGX_OK) ? acme_ca_store_audit_add(store, &audit, ctx->now)
                          : rc;
}


static ngx_int_t
acme_ca_signing_issue(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_order_t *order,
    acme_ca_signing_answer_t *answer)
{
    ngx_int_t               rc;
    acme_ca_audit_t         audit;
    acme_ca_issuer_t       *issuer;
    acme_ca_status_e        to;
    acme_ca_certificate_t  *certificate;

    issuer = &answer->issuer;
    certificate = &answer->certificate;

    rc = acme_ca_state_next(ACME_CA_MACHINE_ORDER, order->status,
                            ACME_CA_EVENT_ISSUE, &to);

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_add(store, &issuer->name, &issuer->der,
                                      &issuer->chain, issuer->not_before,
                                      issuer->not_after, ctx->now,
                                      &certificate->issuer_id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_certificate_add(store, certificate);

        if (rc == NGX_DECLINED) {
            return acme_ca_signing_known(ctx, store, signing, order, answer);
        }
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_order_set_status(store, order->id, order->status,
                                            to, NULL, certificate->id,
                                            ctx->now);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_signing_audit(signing, "issue", &audit);

    audit.certificate_id = certificate->id;

    rc = acme_ca_finalize_details(ctx, certificate, &audit.details);

    return (rc == NGX_OK) ? acme_ca_store_audit_add(store, &audit, ctx->now)
                          : rc;
}


/* RFC 5280, 4.1.2.2: it has, or another one of its issuer */

static ngx_int_t
acme_ca_signing_known(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_order_t *order,
    acme_ca_signing_answer_t *answer)
{
    answer->outcome = ACME_CA_SIGNING_WRONG;
    ngx_str_set(&answer->detail, "its serial number is known already");

    return acme_ca_signing_fail(ctx, store, signing, order, answer);
}


/* what is ours or the signer's fault is the operator's to know in detail */

static ngx_int_t
acme_ca_signing_fail(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_order_t *order,
    acme_ca_signing_answer_t *answer)
{
    ngx_int_t        rc;
    acme_ca_audit_t  audit;

    if (answer->outcome == ACME_CA_SIGNING_REFUSED) {
        rc = acme_ca_refuse(ctx, answer->type, "the signer refused: %V",
                            &answer->detail);

    } else if (answer->outcome == ACME_CA_SIGNING_LATE) {
        rc = acme_ca_refuse(ctx, ACME_CA_SERVER_INTERNAL,
                            "the signer did not sign in time");

    } else if (answer->outcome == ACME_CA_SIGNING_CANCELLED) {
        rc = acme_ca_refuse(ctx, ACME_CA_UNAUTHORIZED,
                            "the signature was cancelled by the CA");

    } else {
        rc = acme_ca_refuse(ctx, ACME_CA_SERVER_INTERNAL,
                            "what the signer made is not what was ordered");
    }

    if (rc != NGX_ABORT) {
        return NGX_ERROR;
    }

    acme_ca_signing_audit(signing, "issue", &audit);

    audit.refused = (answer->outcome == ACME_CA_SIGNING_REFUSED)
                    ? ACME_CA_AUDIT_REFUSED : ACME_CA_AUDIT_FAILED;

    if (acme_ca_format(ctx->pool, &audit.reason, 2 * ACME_CA_SIGNING_DETAIL,
                       "%s: %V", acme_ca_problem_name(ctx->problem->type),
                       &answer->detail)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = acme_ca_signing_invalid(ctx, store, order);

    return (rc == NGX_OK) ? acme_ca_store_audit_add(store, &audit, ctx->now)
                          : rc;
}


/* with ctx->problem as its error */

static ngx_int_t
acme_ca_signing_invalid(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_order_t *order)
{
    ngx_int_t         rc;
    ngx_str_t         error;
    acme_ca_status_e  to;

    rc = acme_ca_state_next(ACME_CA_MACHINE_ORDER, order->status,
                            ACME_CA_EVENT_FAIL, &to);

    if (rc == NGX_OK) {
        rc = acme_ca_problem_write(ctx->pool, ctx->problem, &error);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_store_order_set_status(store, order->id, order->status, to,
                                          &error, 0, ctx->now);
}


/* the certificate is revoked with us, whatever the signer made of it */

static ngx_int_t
acme_ca_signing_told(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer)
{
    acme_ca_audit_t  audit;

    acme_ca_signing_audit(signing, "revoke-at-signer", &audit);

    audit.certificate_id = signing->certificate_id;
    audit.reason = answer->detail;

    if (answer->outcome != ACME_CA_SIGNING_DONE) {
        audit.refused = (answer->outcome == ACME_CA_SIGNING_REFUSED)
                        ? ACME_CA_AUDIT_REFUSED : ACME_CA_AUDIT_FAILED;
    }

    return acme_ca_store_audit_add(store, &audit, ctx->now);
}


static void
acme_ca_signing_audit(acme_ca_signing_t *signing, const char *action,
    acme_ca_audit_t *audit)
{
    ngx_memzero(audit, sizeof(acme_ca_audit_t));

    audit->action = action;
    audit->actor = "server";
    audit->account_id = signing->account_id;
    audit->order_id = signing->order_id;
    audit->certificate_id = signing->certificate_id;
    audit->client_address = signing->client_address;
    audit->request_id = signing->request_id;
}
