
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Finalization (RFC 8555, 7.4).  sign() reads the request, holds it against
 * the order and signs, outside of any transaction; finalize() looks at the
 * order again inside one, and makes it valid together with the certificate's
 * row and the audit row, or throws the signature away.
 *
 * Invariants:
 *   1. the names are the order's and the key is the request's; nothing else of
 *      the request is looked at by whoever signs
 *   2. no certificate leaves before it is recorded
 *   3. where an external signer signs, the order is "processing" and has a job
 *   4. an order yields one certificate: a second finalization is shown the
 *      first one's
 *   5. its issuer is the active one of the transaction that records it: if that
 *      has changed since it was signed, it is signed again
 */


#include "acme_ca_authorize.h"
#include "acme_ca_rate.h"
#include "acme_ca_rotation.h"
#include "acme_ca_signing.h"
#include "acme_ca_store_signing.h"


/* what was signed, and of what */
typedef struct {
    acme_ca_leaf_t          leaf;
    acme_ca_certificate_t   certificate;
} acme_ca_finalize_t;


static ngx_int_t acme_ca_finalize_admit(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);
static ngx_int_t acme_ca_finalize_csr(acme_ca_exchange_t *x,
    acme_ca_leaf_t *leaf);
static ngx_int_t acme_ca_finalize_decode(acme_ca_exchange_t *x,
    ngx_str_t *der);
static ngx_int_t acme_ca_finalize_key(acme_ca_exchange_t *x,
    const acme_ca_csr_t *csr);
static ngx_int_t acme_ca_finalize_feature(acme_ca_exchange_t *x,
    const acme_ca_profile_t *profile, const acme_ca_csr_t *csr);
static ngx_int_t acme_ca_finalize_leaf(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view, acme_ca_leaf_t *leaf);
static ngx_int_t acme_ca_finalize_names(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view, acme_ca_leaf_t *leaf);
static ngx_int_t acme_ca_finalize_hand_over(acme_ca_exchange_t *x,
    acme_ca_leaf_t *leaf, acme_ca_order_view_t *view);
static ngx_int_t acme_ca_finalize_sign(acme_ca_exchange_t *x,
    acme_ca_finalize_t *finalize, acme_ca_order_view_t *view);
static ngx_int_t acme_ca_finalize_constrain(acme_ca_exchange_t *x,
    const acme_ca_leaf_t *leaf);
static ngx_int_t acme_ca_finalize_issuer(acme_ca_exchange_t *x,
    acme_ca_issuer_t **issuer);
static ngx_int_t acme_ca_finalize_again(acme_ca_exchange_t *x,
    acme_ca_finalize_t *finalize, acme_ca_order_view_t *view);
static ngx_int_t acme_ca_finalize_process(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view);
static ngx_int_t acme_ca_finalize_issue(acme_ca_exchange_t *x,
    acme_ca_order_view_t *view, acme_ca_finalize_t *finalize);


ngx_int_t
acme_ca_order_sign(acme_ca_exchange_t *x)
{
    ngx_int_t              rc;
    acme_ca_finalize_t    *finalize;
    acme_ca_order_view_t   view;

    rc = acme_ca_view_order(x, x->object_id, &view);

    if (rc == NGX_OK) {
        rc = acme_ca_finalize_admit(x, &view);
    }

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : rc;
    }

    finalize = ngx_pcalloc(x->ctx.pool, sizeof(acme_ca_finalize_t));
    if (finalize == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_finalize_leaf(x, &view, &finalize->leaf);

    if (rc == NGX_OK) {
        rc = acme_ca_finalize_csr(x, &finalize->leaf);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_rate_certificate(x, view.identifiers);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return x->authority->signer
           ? acme_ca_finalize_hand_over(x, &finalize->leaf, &view)
           : acme_ca_finalize_sign(x, finalize, &view);
}


static ngx_int_t
acme_ca_finalize_sign(acme_ca_exchange_t *x, acme_ca_finalize_t *finalize,
    acme_ca_order_view_t *view)
{
    ngx_int_t               rc;
    acme_ca_certificate_t  *certificate;

    certificate = &finalize->certificate;

    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    rc = acme_ca_finalize_constrain(x, &finalize->leaf);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_leaf_sign(&x->ctx, &finalize->leaf, certificate);

    if (rc == NGX_OK) {
        certificate->order_id = view->row.id;
        certificate->account_id = view->row.account_id;
        certificate->issuer_id = finalize->leaf.issuer->id;
        x->prepared = finalize;
    }

    return rc;
}


/* the issuer may be another one than when the order was made */

static ngx_int_t
acme_ca_finalize_constrain(acme_ca_exchange_t *x, const acme_ca_leaf_t *leaf)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < leaf->n; i++) {
        rc = acme_ca_policy_constraints(&x->ctx, leaf->issuer->constraints,
                                        &leaf->identifiers[i]);

        if (rc != NGX_OK && rc != NGX_ABORT) {
            return rc;
        }
    }

    return x->ctx.problem ? acme_ca_order_refused(x) : NGX_OK;
}


static ngx_int_t
acme_ca_finalize_issuer(acme_ca_exchange_t *x, acme_ca_issuer_t **issuer)
{
    ngx_int_t  rc;

    rc = acme_ca_rotation_find(x->authority, x->store, issuer);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, x->ctx.log, 0,
                      "authority \"%V\": an order cannot be finalized: no "
                      "issuer may sign certificates", &x->authority->name);

        return acme_ca_refuse(&x->ctx, ACME_CA_UNAVAILABLE,
                              "the authority has no issuer");
    }

    return rc;
}


/* in the transaction: another issuer may have become active meanwhile */

static ngx_int_t
acme_ca_finalize_again(acme_ca_exchange_t *x, acme_ca_finalize_t *finalize,
    acme_ca_order_view_t *view)
{
    ngx_int_t          rc;
    acme_ca_issuer_t  *issuer;

    rc = acme_ca_finalize_issuer(x, &issuer);

    if (rc != NGX_OK || issuer == finalize->leaf.issuer) {
        return rc;
    }

    finalize->leaf.issuer = issuer;

    return acme_ca_finalize_sign(x, finalize, view);
}


/* another signs: the request goes to it as it came */

static ngx_int_t
acme_ca_finalize_hand_over(acme_ca_exchange_t *x, acme_ca_leaf_t *leaf,
    acme_ca_order_view_t *view)
{
    acme_ca_signing_t  *signing;

    signing = ngx_pcalloc(x->ctx.pool, sizeof(acme_ca_signing_t));
    if (signing == NULL) {
        return NGX_ERROR;
    }

    signing->order_id = view->row.id;
    signing->account_id = view->row.account_id;
    signing->created_at = x->ctx.now;
    signing->deadline_at = ngx_min(x->ctx.now
                                   + x->authority->signer->deadline,
                                   view->row.expires_at);
    signing->client_address = x->request.client_address;
    signing->request_id = x->request.request_id;

    x->prepared = signing;

    return acme_ca_finalize_decode(x, &signing->csr);
}


/* NGX_OK: go on.  NGX_DONE: there is nothing more to do, show the order */

static ngx_int_t
acme_ca_finalize_admit(acme_ca_exchange_t *x, acme_ca_order_view_t *view)
{
    if (view->status == ACME_CA_READY) {
        return NGX_OK;
    }

    if (view->status == ACME_CA_PROCESSING || view->status == ACME_CA_VALID) {
        return NGX_DONE;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_ORDER_NOT_READY, "the order is %V",
                          &acme_ca_statuses[view->status]);
}


static ngx_int_t
acme_ca_finalize_leaf(acme_ca_exchange_t *x, acme_ca_order_view_t *view,
    acme_ca_leaf_t *leaf)
{
    ngx_int_t          rc;
    acme_ca_issuer_t  *issuer;

    issuer = NULL;

    if (x->authority->signer == NULL) {
        rc = acme_ca_finalize_issuer(x, &issuer);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    leaf->issuer = issuer;
    leaf->not_before = view->row.not_before;
    leaf->not_after = view->row.not_after;
    leaf->profile = acme_ca_authority_profile(x->authority,
                                              &view->row.profile);

    if (leaf->profile == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_INVALID_PROFILE,
                              "there is no profile \"%V\" any more",
                              &view->row.profile);
    }

    return acme_ca_finalize_names(x, view, leaf);
}


/* the rules may have changed since the order was made */

static ngx_int_t
acme_ca_finalize_names(acme_ca_exchange_t *x, acme_ca_order_view_t *view,
    acme_ca_leaf_t *leaf)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, n;
    acme_ca_identifier_t        *names;
    acme_ca_order_identifier_t  *identifier;

    n = view->identifiers->nelts;
    identifier = view->identifiers->elts;

    names = ngx_palloc(x->ctx.pool, n * sizeof(acme_ca_identifier_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        names[i] = identifier[i].identifier;

        rc = acme_ca_policy_identifier(&x->ctx, x->authority, &names[i]);

        if (rc == NGX_OK) {
            rc = acme_ca_ruling_again(x, leaf->profile, n, &identifier[i]);
        }

        if (rc != NGX_OK && rc != NGX_ABORT) {
            return rc;
        }
    }

    if (x->ctx.problem) {
        return acme_ca_order_refused(x);
    }

    leaf->identifiers = names;
    leaf->n = n;

    return NGX_OK;
}


static ngx_int_t
acme_ca_finalize_csr(acme_ca_exchange_t *x, acme_ca_leaf_t *leaf)
{
    ngx_int_t       rc;
    ngx_str_t       der;
    acme_ca_csr_t  *csr;

    csr = NULL;

    rc = acme_ca_finalize_decode(x, &der);

    if (rc == NGX_OK) {
        rc = acme_ca_csr_parse(&x->ctx, &der, leaf->profile->key_types, &csr);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_csr_match(&x->ctx, csr, leaf->identifiers, leaf->n);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_finalize_key(x, csr);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_finalize_feature(x, leaf->profile, csr);
    }

    if (rc == NGX_OK) {
        leaf->csr = csr;
    }

    return rc;
}


static ngx_int_t
acme_ca_finalize_decode(acme_ca_exchange_t *x, ngx_str_t *der)
{
    ngx_int_t   rc;
    ngx_str_t  *text;

    text = acme_ca_json_string(x->payload, "csr");

    if (text == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"csr\" is to be a string");
    }

    rc = acme_ca_base64url_parse(x->ctx.pool, text, der);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"csr\" is not base64url of DER");
    }

    return rc;
}


/* RFC 8555, 11.1: an account's key is not a certificate's */

static ngx_int_t
acme_ca_finalize_key(acme_ca_exchange_t *x, const acme_ca_csr_t *csr)
{
    ngx_int_t          rc;
    acme_ca_account_t  account;

    rc = acme_ca_store_account_find_key(x->store, x->ctx.pool, csr->thumbprint,
                                        &account);

    if (rc == NGX_OK) {
        return acme_ca_refuse(&x->ctx, ACME_CA_BAD_CSR,
                              "the key of the CSR is an account's");
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/*
 * Clients ask for must-staple only where their operator did: a certificate
 * without it would not be what was wanted, so it is refused aloud.
 */

static ngx_int_t
acme_ca_finalize_feature(acme_ca_exchange_t *x,
    const acme_ca_profile_t *profile, const acme_ca_csr_t *csr)
{
    if (csr->must_staple && profile->must_staple == ACME_CA_STAPLE_OFF) {
        return acme_ca_refuse(&x->ctx, ACME_CA_BAD_CSR,
                              "the CSR asks for must-staple, and profile "
                              "\"%V\" does not have it", &profile->name);
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_order_finalize(acme_ca_exchange_t *x)
{
    ngx_int_t             rc;
    acme_ca_order_view_t  view;

    rc = acme_ca_view_order(x, x->object_id, &view);

    if (rc == NGX_OK) {
        rc = acme_ca_finalize_admit(x, &view);
    }

    if (rc == NGX_OK) {
        rc = x->authority->signer
             ? acme_ca_finalize_process(x, &view)
             : acme_ca_finalize_issue(x, &view, x->prepared);

    } else if (rc == NGX_DONE) {
        x->audit.action = NULL;
        rc = NGX_OK;
    }

    return (rc == NGX_OK) ? acme_ca_reply_order(x, 200, &view) : rc;
}


/* the job is as durable as the status that the client hears of */

static ngx_int_t
acme_ca_finalize_process(acme_ca_exchange_t *x, acme_ca_order_view_t *view)
{
    time_t              lease;
    ngx_int_t           rc;
    acme_ca_status_e    to;
    acme_ca_signing_t  *signing;

    signing = x->prepared;

    if (signing == NULL) {
        return acme_ca_never(x->ctx.log);
    }

    rc = acme_ca_state_next(ACME_CA_MACHINE_ORDER, view->row.status,
                            ACME_CA_EVENT_FINALIZE, &to);

    if (rc == NGX_OK) {
        rc = acme_ca_store_order_set_status(x->store, view->row.id,
                                            view->row.status, to, NULL, 0,
                                            x->ctx.now);
    }

    if (rc == NGX_OK) {
        lease = acme_ca_signing_lease(x->authority->signer);

        rc = acme_ca_store_signing_add(x->store, signing, x->ctx.now + lease);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    view->row.status = to;
    view->status = to;

    x->audit.action = "finalize";
    x->signing = signing;

    return NGX_OK;
}


static ngx_int_t
acme_ca_finalize_issue(acme_ca_exchange_t *x, acme_ca_order_view_t *view,
    acme_ca_finalize_t *finalize)
{
    ngx_int_t               rc;
    acme_ca_status_e        to;
    acme_ca_certificate_t  *certificate;

    if (finalize == NULL) {
        return acme_ca_never(x->ctx.log);
    }

    certificate = &finalize->certificate;
    to = view->row.status;

    rc = acme_ca_finalize_again(x, finalize, view);

    if (rc == NGX_OK) {
        rc = acme_ca_state_next(ACME_CA_MACHINE_ORDER, view->row.status,
                                ACME_CA_EVENT_ISSUE, &to);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_certificate_add(x->store, certificate);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_order_set_status(x->store, view->row.id,
                                            view->row.status, to, NULL,
                                            certificate->id, x->ctx.now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_finalize_details(&x->ctx, certificate,
                                      &x->audit.details);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    view->row.certificate_id = certificate->id;
    view->row.status = to;
    view->status = to;

    x->audit.certificate_id = certificate->id;

    return NGX_OK;
}


ngx_int_t
acme_ca_finalize_details(acme_ca_ctx_t *ctx,
    acme_ca_certificate_t *certificate, ngx_str_t *details)
{
    ngx_str_t              serial;
    acme_ca_json_writer_t  w;

    if (acme_ca_hex(ctx->pool, certificate->serial.data,
                    certificate->serial.len, &serial)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, ctx->pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "serial", &serial);
    acme_ca_json_write_string(&w, "sans", &certificate->sans);
    acme_ca_json_write_string(&w, "profile", &certificate->profile);
    acme_ca_json_write_string(&w, "keyType", &certificate->key_type);
    acme_ca_json_write_time(&w, "notAfter", certificate->not_after);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, details);
}
