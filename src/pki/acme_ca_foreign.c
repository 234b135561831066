
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The chain of a certificate that somebody else signed (RFC 5280, 6.1): read,
 * checked, and put into the order in which it will be served, whatever order
 * it came in and whatever came with it.
 */


#include "acme_ca_foreign_private.h"
#include "acme_ca_crypto.h"

#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>


#define ACME_CA_FOREIGN_DEPTH   8

/* 112 bits: no SHA-1, no RSA of 1024 bits, anywhere in the chain */
#define ACME_CA_FOREIGN_LEVEL   2


struct acme_ca_anchors_s {
    X509_STORE  *store;
};


static ngx_int_t acme_ca_anchors_add(acme_ca_issuer_load_t *load,
    X509_STORE *store);
static void acme_ca_anchors_cleanup(void *data);
static ngx_int_t acme_ca_foreign_try(acme_ca_foreign_t *foreign);
static ngx_int_t acme_ca_foreign_read(acme_ca_foreign_t *foreign);
static ngx_int_t acme_ca_foreign_verify(acme_ca_foreign_t *foreign);
static ngx_int_t acme_ca_foreign_follow(acme_ca_foreign_t *foreign,
    X509_STORE_CTX *verify);
static ngx_int_t acme_ca_foreign_issuer(acme_ca_foreign_t *foreign);
static ngx_int_t acme_ca_foreign_record(acme_ca_foreign_t *foreign);


/* cheap ones first; the last ones need what those before them filled in */

static const acme_ca_foreign_step_pt  acme_ca_foreign_steps[] = {
    acme_ca_foreign_read,
    acme_ca_foreign_kind,
    acme_ca_foreign_bytes,
    acme_ca_foreign_key,
    acme_ca_foreign_names,
    acme_ca_foreign_subject,
    acme_ca_foreign_dates,
    acme_ca_foreign_usage,
    acme_ca_foreign_feature,
    acme_ca_foreign_verify,
    acme_ca_foreign_issuer,
    acme_ca_foreign_record,
    NULL
};


ngx_int_t
acme_ca_anchors_load(ngx_pool_t *pool, ngx_str_t *pem,
    acme_ca_anchors_t **anchors, ngx_str_t *error)
{
    ngx_int_t               rc;
    ngx_pool_cleanup_t     *cln;
    acme_ca_anchors_t      *own;
    acme_ca_issuer_load_t   load;

    ngx_str_set(error, "no memory for certificates");

    ngx_memzero(&load, sizeof(acme_ca_issuer_load_t));

    load.pool = pool;
    load.error = error;

    cln = ngx_pool_cleanup_add(pool, sizeof(acme_ca_anchors_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    own = cln->data;

    own->store = X509_STORE_new();
    if (own->store == NULL) {
        acme_ca_crypto_error(pool->log, "X509_STORE_new()");
        return NGX_ERROR;
    }

    cln->handler = acme_ca_anchors_cleanup;

    load.certs = sk_X509_new_null();
    if (load.certs == NULL) {
        acme_ca_crypto_error(pool->log, "sk_X509_new_null()");
        return NGX_ERROR;
    }

    rc = acme_ca_issuer_read(&load, pem);

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_check_ca(&load);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_anchors_add(&load, own->store);
    }

    sk_X509_pop_free(load.certs, X509_free);

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(pool->log, "loading trusted certificates");
        return NGX_ERROR;
    }

    ERR_clear_error();

    if (rc == NGX_OK) {
        *anchors = own;
    }

    return rc;
}


static ngx_int_t
acme_ca_anchors_add(acme_ca_issuer_load_t *load, X509_STORE *store)
{
    int  i;

    for (i = 0; i < sk_X509_num(load->certs); i++) {
        if (!X509_STORE_add_cert(store, sk_X509_value(load->certs, i))) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
acme_ca_anchors_cleanup(void *data)
{
    acme_ca_anchors_t  *anchors = data;

    X509_STORE_free(anchors->store);
}


ngx_int_t
acme_ca_foreign_check(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *wanted,
    const acme_ca_anchors_t *anchors, time_t ordered_at, ngx_str_t *pem,
    acme_ca_certificate_t *cert, acme_ca_issuer_t *issuer, ngx_str_t *reason)
{
    ngx_int_t          rc;
    acme_ca_foreign_t  foreign;

    ngx_memzero(&foreign, sizeof(acme_ca_foreign_t));

    foreign.ctx = ctx;
    foreign.wanted = wanted;
    foreign.anchors = anchors;
    foreign.ordered_at = ordered_at;
    foreign.pem = pem;
    foreign.cert = cert;
    foreign.issuer = issuer;
    foreign.reason = reason;

    /*
     * OpenSSL without memory may tell of a fault of the certificate, and of
     * nothing else: one counts when it is found again.
     */

    rc = acme_ca_foreign_try(&foreign);

    if (rc == NGX_DECLINED) {
        rc = acme_ca_foreign_try(&foreign);
    }

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(ctx->log, "checking a certificate");
        return NGX_ERROR;
    }

    ERR_clear_error();

    return rc;
}


static ngx_int_t
acme_ca_foreign_try(acme_ca_foreign_t *foreign)
{
    ngx_int_t                       rc;
    const acme_ca_foreign_step_pt  *step;

    ERR_clear_error();

    foreign->certs = NULL;
    foreign->chain = NULL;

    rc = NGX_OK;

    for (step = acme_ca_foreign_steps; rc == NGX_OK && *step; step++) {
        rc = (*step)(foreign);
    }

    sk_X509_pop_free(foreign->certs, X509_free);
    sk_X509_pop_free(foreign->chain, X509_free);

    return rc;
}


ngx_int_t
acme_ca_foreign_fault(acme_ca_foreign_t *foreign, const char *reason)
{
    if (acme_ca_crypto_starved()) {
        return NGX_ERROR;
    }

    foreign->reason->data = (u_char *) reason;
    foreign->reason->len = ngx_strlen(reason);

    return NGX_DECLINED;
}


static ngx_int_t
acme_ca_foreign_read(acme_ca_foreign_t *foreign)
{
    ngx_int_t              rc;
    acme_ca_issuer_load_t  load;

    foreign->certs = sk_X509_new_null();
    if (foreign->certs == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&load, sizeof(acme_ca_issuer_load_t));

    load.pool = foreign->ctx->pool;
    load.certs = foreign->certs;
    load.error = foreign->reason;

    rc = acme_ca_issuer_read(&load, foreign->pem);

    if (rc == NGX_OK) {
        foreign->leaf = sk_X509_value(foreign->certs, 0);
    }

    return rc;
}


static ngx_int_t
acme_ca_foreign_verify(acme_ca_foreign_t *foreign)
{
    ngx_int_t        rc;
    X509_STORE_CTX  *verify;

    verify = X509_STORE_CTX_new();
    if (verify == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (X509_STORE_CTX_init(verify, foreign->anchors->store, foreign->leaf,
                            foreign->certs))
    {
        rc = acme_ca_foreign_follow(foreign, verify);
    }

    X509_STORE_CTX_free(verify);

    return rc;
}


/* a clock that is a little ahead of ours made a certificate of the future */

static ngx_int_t
acme_ca_foreign_follow(acme_ca_foreign_t *foreign, X509_STORE_CTX *verify)
{
    int                 error;
    time_t              at;
    X509_VERIFY_PARAM  *param;

    at = ngx_max(foreign->ctx->now, foreign->cert->not_before);

    param = X509_STORE_CTX_get0_param(verify);

    X509_VERIFY_PARAM_set_time(param, at);
    X509_VERIFY_PARAM_set_depth(param, ACME_CA_FOREIGN_DEPTH);
    X509_VERIFY_PARAM_set_auth_level(param, ACME_CA_FOREIGN_LEVEL);

    if (!X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN)
        || !X509_STORE_CTX_set_purpose(verify,
                (foreign->wanted->profile->eku & ACME_CA_EKU_SERVER)
                ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT))
    {
        return NGX_ERROR;
    }

    if (X509_verify_cert(verify) == 1) {
        foreign->chain = X509_STORE_CTX_get1_chain(verify);
        return (foreign->chain != NULL) ? NGX_OK : NGX_ERROR;
    }

    error = X509_STORE_CTX_get_error(verify);

    if (error == X509_V_ERR_OUT_OF_MEM || error == X509_V_ERR_UNSPECIFIED
        || acme_ca_crypto_starved())
    {
        return NGX_ERROR;
    }

    return acme_ca_format(foreign->ctx->pool, foreign->reason,
                          ACME_CA_ISSUER_ERROR_MAX,
                          "its chain does not lead to a trusted certificate: "
                          "%s, at certificate %d",
                          X509_verify_cert_error_string(error),
                          X509_STORE_CTX_get_error_depth(verify) + 1)
           == NGX_OK ? NGX_DECLINED : NGX_ERROR;
}


/* who signed it, as an issuer of ours would be known */

static ngx_int_t
acme_ca_foreign_issuer(acme_ca_foreign_t *foreign)
{
    ngx_int_t               rc;
    acme_ca_issuer_load_t   load;

    X509_free(sk_X509_shift(foreign->chain));

    if (sk_X509_num(foreign->chain) == 0) {
        return acme_ca_foreign_fault(foreign, "it has no issuer");
    }

    ngx_memzero(&load, sizeof(acme_ca_issuer_load_t));
    ngx_memzero(foreign->issuer, sizeof(acme_ca_issuer_t));

    load.pool = foreign->ctx->pool;
    load.certs = foreign->chain;
    load.now = ngx_max(foreign->ctx->now, foreign->cert->not_before);
    load.issuer = foreign->issuer;
    load.error = foreign->reason;

    rc = acme_ca_issuer_check(&load);

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_fill_der(&load);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_fill_name(&load);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_fill_chain(&load);
    }

    if (rc == NGX_OK
        && foreign->cert->not_after > foreign->issuer->not_after)
    {
        return acme_ca_foreign_fault(foreign, "it outlives its issuer");
    }

    return rc;
}


static ngx_int_t
acme_ca_foreign_record(acme_ca_foreign_t *foreign)
{
    acme_ca_ctx_t          *ctx;
    acme_ca_certificate_t  *cert;

    ctx = foreign->ctx;
    cert = foreign->cert;

    if (acme_ca_leaf_sans(ctx, foreign->wanted, &cert->sans) != NGX_OK
        || acme_ca_sha256(cert->der.data, cert->der.len, cert->fingerprint)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    cert->status = ACME_CA_VALID;
    cert->key_type = foreign->wanted->csr->key_type;
    cert->profile = foreign->wanted->profile->name;
    cert->created_at = ctx->now;
    cert->revoked_at = 0;
    cert->revocation_reason = -1;

    return NGX_OK;
}
