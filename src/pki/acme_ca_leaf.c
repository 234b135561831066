
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Leaf certificates, written backwards into one buffer (RFC 5280, 4.1).  Only
 * two things in one are of the client's making: the public key, by which its
 * request was verified, and the names of the order, which were proven.
 */


#include "acme_ca_leaf.h"
#include "acme_ca_crl.h"
#include "acme_ca_crypto.h"
#include "acme_ca_leaf_extension.h"


#define ACME_CA_LEAF_SERIAL_LEN   16
#define ACME_CA_LEAF_CN_MAX       64         /* X.520: ub-common-name */

/* all that is of fixed length, with room to spare */
#define ACME_CA_LEAF_FIXED        512
/* a name's tag and length, and the "*." of a wildcard */
#define ACME_CA_LEAF_NAME_EXTRA   8
/* of an extension with an URL, or a fixed one, all but the URL */
#define ACME_CA_LEAF_EXT_EXTRA    64


/* what of a leaf was decided before it is written */
typedef struct {
    u_char         serial[ACME_CA_LEAF_SERIAL_LEN];
    time_t         not_before;
    time_t         not_after;
    ngx_str_t      common_name;
} acme_ca_leaf_plan_t;


static ngx_int_t acme_ca_leaf_dates(acme_ca_ctx_t *ctx,
    const acme_ca_leaf_t *leaf, acme_ca_leaf_plan_t *plan);
static ngx_int_t acme_ca_leaf_serial(acme_ca_ctx_t *ctx,
    acme_ca_leaf_plan_t *plan);
static ngx_int_t acme_ca_leaf_point(acme_ca_ctx_t *ctx,
    const acme_ca_leaf_plan_t *plan, acme_ca_leaf_t *leaf);
static ngx_int_t acme_ca_leaf_issuer_file(acme_ca_ctx_t *ctx,
    acme_ca_leaf_t *leaf);
static ngx_int_t acme_ca_leaf_common_name(acme_ca_ctx_t *ctx,
    const acme_ca_leaf_t *leaf, ngx_str_t *common_name);
static ngx_int_t acme_ca_leaf_write(acme_ca_ctx_t *ctx,
    const acme_ca_leaf_t *leaf, const acme_ca_leaf_plan_t *plan,
    ngx_str_t *tbs);
static void acme_ca_leaf_write_subject(acme_ca_der_writer_t *w,
    const ngx_str_t *common_name);
static ngx_int_t acme_ca_leaf_seal(acme_ca_ctx_t *ctx,
    const acme_ca_issuer_t *issuer, ngx_str_t *tbs, ngx_str_t *der);
static ngx_int_t acme_ca_leaf_record(acme_ca_ctx_t *ctx,
    const acme_ca_leaf_t *leaf, const acme_ca_leaf_plan_t *plan,
    acme_ca_certificate_t *cert);


ngx_int_t
acme_ca_leaf_sign(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    acme_ca_certificate_t *cert)
{
    ngx_int_t            rc;
    ngx_str_t            tbs;
    acme_ca_leaf_t       numbered;
    acme_ca_leaf_plan_t  plan;

    rc = acme_ca_leaf_dates(ctx, leaf, &plan);
    if (rc != NGX_OK) {
        return rc;
    }

    numbered = *leaf;

    if (acme_ca_leaf_serial(ctx, &plan) != NGX_OK
        || acme_ca_leaf_point(ctx, &plan, &numbered) != NGX_OK
        || acme_ca_leaf_issuer_file(ctx, &numbered) != NGX_OK
        || acme_ca_leaf_common_name(ctx, leaf, &plan.common_name) != NGX_OK
        || acme_ca_leaf_write(ctx, &numbered, &plan, &tbs) != NGX_OK
        || acme_ca_lint(ctx, &numbered, &tbs) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a token may be away for a while: the order stays as it is */

    if (acme_ca_leaf_seal(ctx, leaf->issuer, &tbs, &cert->der) != NGX_OK) {
        return acme_ca_refuse(ctx, ACME_CA_UNAVAILABLE,
                              "the CA's key cannot be used at the moment");
    }

    return acme_ca_leaf_record(ctx, leaf, &plan, cert);
}


/*
 * RFC 8555, 7.4: no certificate with other dates than those requested.  An
 * order may be days old when it is finalized, so a notBefore that it was given
 * then may lie further back than the profile's back-date.
 */

static ngx_int_t
acme_ca_leaf_dates(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    acme_ca_leaf_plan_t *plan)
{
    time_t                   latest;
    const acme_ca_issuer_t  *issuer;

    issuer = leaf->issuer;

    if (issuer->not_after <= ctx->now) {
        ngx_log_error(NGX_LOG_ERR, ctx->log, 0,
                      "the issuer \"%V\" has expired", &issuer->name);

        return acme_ca_refuse(ctx, ACME_CA_UNAVAILABLE,
                              "the CA's certificate has expired");
    }

    plan->not_before = ngx_max(ctx->now - leaf->profile->backdate,
                               issuer->not_before);

    if (leaf->not_before != 0) {
        plan->not_before = leaf->not_before;
    }

    latest = ngx_max(ctx->now, plan->not_before) + leaf->profile->lifetime;
    latest = ngx_min(latest, issuer->not_after);

    plan->not_after = (leaf->not_after != 0) ? leaf->not_after : latest;

    if (plan->not_before < issuer->not_before
        || plan->not_after > latest
        || plan->not_after <= plan->not_before
        || plan->not_after <= ctx->now)
    {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "no certificate can be valid from the ordered "
                              "notBefore to notAfter");
    }

    return NGX_OK;
}


/* positive, and its shortest form always of the same length */

static ngx_int_t
acme_ca_leaf_serial(acme_ca_ctx_t *ctx, acme_ca_leaf_plan_t *plan)
{
    do {
        if (acme_ca_random(plan->serial, ACME_CA_LEAF_SERIAL_LEN) != NGX_OK) {
            acme_ca_crypto_error(ctx->log, "random bytes for a serial number");
            return NGX_ERROR;
        }

        plan->serial[0] &= 0x7f;

    } while (plan->serial[0] == 0);

    return NGX_OK;
}


/* the issuer's own CRL, unless the profile says another URL, or none */

static ngx_int_t
acme_ca_leaf_point(acme_ca_ctx_t *ctx, const acme_ca_leaf_plan_t *plan,
    acme_ca_leaf_t *leaf)
{
    ngx_str_t  serial;

    if (leaf->profile->crl_url.len != 0 || leaf->profile->no_rev_avail) {
        return NGX_OK;
    }

    serial.data = (u_char *) plan->serial;
    serial.len = ACME_CA_LEAF_SERIAL_LEN;

    return acme_ca_crl_url(ctx->pool, leaf->issuer, &serial, &leaf->crl_url);
}


/* issuers follow each other: each has a file of its own */

static ngx_int_t
acme_ca_leaf_issuer_file(acme_ca_ctx_t *ctx, acme_ca_leaf_t *leaf)
{
    const ngx_str_t  *url, *name;

    url = &leaf->profile->issuer_url;
    name = &leaf->issuer->crl_name;

    if (url->len == 0 || url->data[url->len - 1] != '/') {
        return NGX_OK;
    }

    return acme_ca_format(ctx->pool, &leaf->issuer_url,
                          url->len + name->len + 8, "%V%V.der", url, name);
}


static ngx_int_t
acme_ca_leaf_common_name(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    ngx_str_t *common_name)
{
    ngx_str_t                    name;
    ngx_uint_t                   i, mode;
    const acme_ca_identifier_t  *identifier;

    ngx_str_null(common_name);

    mode = leaf->profile->common_name;

    if (mode == ACME_CA_CN_NONE) {
        return NGX_OK;
    }

    for (i = 0; i < leaf->n; i++) {
        identifier = &leaf->identifiers[i];

        if (acme_ca_identifier_name(ctx->pool, identifier, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        if (name.len > ACME_CA_LEAF_CN_MAX) {
            continue;
        }

        if (mode == ACME_CA_CN_FIRST
            ? identifier->type == ACME_CA_IDENTIFIER_DNS
            : acme_ca_str_eq(&name, &leaf->csr->common_name))
        {
            *common_name = name;
            return NGX_OK;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_leaf_write(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    const acme_ca_leaf_plan_t *plan, ngx_str_t *tbs)
{
    size_t                 size;
    u_char                *buf, *dates;
    ngx_uint_t             i;
    acme_ca_der_writer_t   w;

    size = ACME_CA_LEAF_FIXED + leaf->issuer->subject.len
           + leaf->issuer->algorithm.len + leaf->issuer->key_id.len
           + leaf->csr->spki.len + acme_ca_leaf_crl_url(leaf)->len
           + leaf->profile->ocsp_url.len + acme_ca_leaf_issuer_url(leaf)->len
           + 4 * ACME_CA_LEAF_EXT_EXTRA;

    for (i = 0; i < leaf->n; i++) {
        size += leaf->identifiers[i].value.len + ACME_CA_LEAF_NAME_EXTRA;
    }

    buf = ngx_pnalloc(ctx->pool, size);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    w.start = buf;
    w.p = buf + size;
    w.failed = 0;

    if (acme_ca_leaf_extensions(ctx, &w, leaf,
                                      plan->common_name.len == 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_der_put(&w, leaf->csr->spki.data, leaf->csr->spki.len);

    acme_ca_leaf_write_subject(&w, &plan->common_name);

    dates = w.p;
    acme_ca_der_put_time(&w, plan->not_after);
    acme_ca_der_put_time(&w, plan->not_before);
    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, dates);

    acme_ca_der_put(&w, leaf->issuer->subject.data, leaf->issuer->subject.len);
    acme_ca_der_put(&w, leaf->issuer->algorithm.data,
                    leaf->issuer->algorithm.len);

    acme_ca_der_put(&w, plan->serial, ACME_CA_LEAF_SERIAL_LEN);
    acme_ca_der_wrap(&w, ACME_CA_DER_INTEGER, w.p + ACME_CA_LEAF_SERIAL_LEN);

    acme_ca_leaf_put(&w, "\xa0\x03\x02\x01\x02");

    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, buf + size);

    if (w.failed) {
        return acme_ca_never(ctx->log);
    }

    tbs->data = w.p;
    tbs->len = buf + size - w.p;

    return NGX_OK;
}


static void
acme_ca_leaf_write_subject(acme_ca_der_writer_t *w,
    const ngx_str_t *common_name)
{
    u_char  *end;

    end = w->p;

    if (common_name->len) {
        acme_ca_der_put(w, common_name->data, common_name->len);
        acme_ca_der_wrap(w, ACME_CA_DER_UTF8, end);
        acme_ca_leaf_put(w, "\x06\x03\x55\x04\x03");
        acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
        acme_ca_der_wrap(w, ACME_CA_DER_SET, end);
    }

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


static ngx_int_t
acme_ca_leaf_seal(acme_ca_ctx_t *ctx, const acme_ca_issuer_t *issuer,
    ngx_str_t *tbs, ngx_str_t *der)
{
    size_t                 size;
    u_char                *buf;
    ngx_str_t              signature;
    acme_ca_der_writer_t   w;

    if (acme_ca_issuer_sign(ctx, issuer, tbs, &signature) != NGX_OK) {
        return NGX_ERROR;
    }

    size = ACME_CA_LEAF_FIXED + issuer->algorithm.len + tbs->len
           + signature.len;

    buf = ngx_pnalloc(ctx->pool, size);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    w.start = buf;
    w.p = buf + size;
    w.failed = 0;

    acme_ca_der_put(&w, signature.data, signature.len);
    acme_ca_leaf_put(&w, "\0");
    acme_ca_der_wrap(&w, ACME_CA_DER_BIT_STRING, buf + size);
    acme_ca_der_put(&w, issuer->algorithm.data, issuer->algorithm.len);
    acme_ca_der_put(&w, tbs->data, tbs->len);
    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, buf + size);

    if (w.failed) {
        return acme_ca_never(ctx->log);
    }

    der->data = w.p;
    der->len = buf + size - w.p;

    return NGX_OK;
}


static ngx_int_t
acme_ca_leaf_record(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    const acme_ca_leaf_plan_t *plan, acme_ca_certificate_t *cert)
{
    if (acme_ca_copy(ctx->pool, &cert->serial, plan->serial,
                     ACME_CA_LEAF_SERIAL_LEN)
        != NGX_OK
        || acme_ca_leaf_sans(ctx, leaf, &cert->sans) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (acme_ca_sha256(cert->der.data, cert->der.len, cert->fingerprint)
        != NGX_OK)
    {
        acme_ca_crypto_error(ctx->log, "SHA-256");
        return NGX_ERROR;
    }

    cert->status = ACME_CA_VALID;
    cert->common_name = plan->common_name;
    cert->key_type = leaf->csr->key_type;
    cert->profile = leaf->profile->name;
    cert->not_before = plan->not_before;
    cert->not_after = plan->not_after;
    cert->created_at = ctx->now;
    cert->revoked_at = 0;
    cert->revocation_reason = -1;

    return NGX_OK;
}


ngx_int_t
acme_ca_leaf_sans(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf,
    ngx_str_t *sans)
{
    size_t                       len;
    u_char                      *p;
    ngx_uint_t                   i;
    const acme_ca_identifier_t  *identifier;

    len = 0;

    for (i = 0; i < leaf->n; i++) {
        len += leaf->identifiers[i].value.len + sizeof(" dns:*.") - 1;
    }

    p = ngx_pnalloc(ctx->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    sans->data = p;

    for (i = 0; i < leaf->n; i++) {
        identifier = &leaf->identifiers[i];

        p = ngx_sprintf(p, "%s%V:%s%V", i ? " " : "",
                        &acme_ca_identifier_types[identifier->type],
                        identifier->wildcard ? "*." : "", &identifier->value);
    }

    sans->len = p - sans->data;

    return NGX_OK;
}
