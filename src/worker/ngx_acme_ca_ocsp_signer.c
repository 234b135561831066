
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The certificates that OCSP responses are signed by: made by the master at
 * start, renewed by whichever worker comes first after two thirds of their
 * life, picked up by the others from the database.
 */


#include "ngx_acme_ca_ocsp.h"
#include "ngx_acme_ca_pool.h"

#include "acme_ca_store_ocsp.h"


#define NGX_ACME_CA_OCSP_SIGNER_LIFE  (30 * 86400)


typedef struct {
    ngx_acme_ca_write_t         write;
    ngx_acme_ca_ocsp_issuer_t  *issuer;
    ngx_pool_t                 *pool;
    time_t                      now;
} ngx_acme_ca_ocsp_renewal_t;


static time_t ngx_acme_ca_ocsp_signer_due(time_t not_before,
    time_t not_after);
static ngx_int_t ngx_acme_ca_ocsp_signer_record(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, const acme_ca_issuer_t *issuer);
static ngx_int_t ngx_acme_ca_ocsp_signer_renew(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_ocsp_signer_renewed(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


/* in a transaction of the caller; does nothing while the newest one will do */

ngx_int_t
ngx_acme_ca_ocsp_signer_issue(acme_ca_store_t *store,
    const acme_ca_issuer_t *issuer, ngx_pool_t *pool, ngx_log_t *log,
    time_t now)
{
    time_t         not_before, not_after;
    int64_t        id;
    ngx_int_t      rc;
    ngx_str_t      certificate, key;
    acme_ca_ctx_t  ctx;

    rc = acme_ca_store_ocsp_signer_find(store, pool, issuer->id, &id,
                                        &certificate, &key, &not_before,
                                        &not_after);

    if (rc == NGX_OK
        && now < ngx_acme_ca_ocsp_signer_due(not_before, not_after))
    {
        return NGX_OK;
    }

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = pool;
    ctx.log = log;
    ctx.now = now;

    return ngx_acme_ca_ocsp_signer_record(&ctx, store, issuer);
}


static time_t
ngx_acme_ca_ocsp_signer_due(time_t not_before, time_t not_after)
{
    return not_after - (not_after - not_before) / 3;
}


static ngx_int_t
ngx_acme_ca_ocsp_signer_record(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    const acme_ca_issuer_t *issuer)
{
    ngx_int_t              rc;
    ngx_str_t              key;
    acme_ca_audit_t        audit;
    acme_ca_certificate_t  cert;

    /* one that has expired signs nobody's certificate */

    if (issuer->not_after <= ctx->now) {
        return NGX_OK;
    }

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));
    ngx_memzero(&cert, sizeof(acme_ca_certificate_t));

    if (acme_ca_ocsp_signer_new(ctx, issuer, NGX_ACME_CA_OCSP_SIGNER_LIFE,
                                &cert, &key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cert.issuer_id = issuer->id;
    cert.created_at = ctx->now;

    /* it is for no name, and an empty text would be none at all */

    ngx_str_set(&cert.sans, " ");

    rc = acme_ca_store_certificate_add(store, &cert);

    if (rc == NGX_OK) {
        rc = acme_ca_store_ocsp_signer_add(store, issuer->id, cert.id, &key);
    }

    if (rc == NGX_OK) {
        audit.action = "issue-ocsp";
        audit.actor = "server";
        audit.certificate_id = cert.id;

        rc = acme_ca_store_audit_add(store, &audit, ctx->now);
    }

    return rc;
}


/* a worker's view of the newest one, by the reader */

void
ngx_acme_ca_ocsp_signer_load(ngx_acme_ca_ocsp_issuer_t *issuer)
{
    time_t                  not_before, not_after;
    int64_t                 id;
    ngx_str_t               certificate, key;
    ngx_pool_t             *pool;
    acme_ca_ocsp_signer_t   signer;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    if (acme_ca_store_ocsp_signer_find(issuer->ca->reader, pool, issuer->id,
                                       &id, &certificate, &key, &not_before,
                                       &not_after)
        != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return;
    }

    issuer->not_after = not_after;
    issuer->renew_at = ngx_acme_ca_ocsp_signer_due(not_before, not_after);

    if (id == issuer->signer_id
        || acme_ca_ocsp_signer_load(&signer, &certificate, &key,
                                    ngx_cycle->log)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return;
    }

    if (issuer->pool != NULL) {
        acme_ca_ocsp_signer_free(&issuer->signer);
        ngx_destroy_pool(issuer->pool);
    }

    issuer->pool = pool;
    issuer->signer = signer;
    issuer->signer_id = id;
}


void
ngx_acme_ca_ocsp_signer_tick(ngx_acme_ca_ocsp_issuer_t *issuer)
{
    ngx_pool_t                  *pool;
    ngx_acme_ca_ocsp_renewal_t  *renewal;

    ngx_acme_ca_ocsp_signer_load(issuer);

    if (issuer->renewing || ngx_exiting || ngx_time() < issuer->renew_at
        || acme_ca_issuer_is_done(issuer->issuer, ngx_time(),
                                  issuer->ca->crl_lifetime))
    {
        return;
    }

    renewal = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_ocsp_renewal_t), &pool);
    if (renewal == NULL) {
        return;
    }

    renewal->issuer = issuer;
    renewal->pool = pool;
    renewal->now = ngx_time();
    renewal->write.apply = ngx_acme_ca_ocsp_signer_renew;
    renewal->write.done = ngx_acme_ca_ocsp_signer_renewed;
    renewal->write.data = renewal;

    issuer->renewing = 1;

    ngx_acme_ca_write_add(issuer->ca, &renewal->write);
}


static ngx_int_t
ngx_acme_ca_ocsp_signer_renew(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_ocsp_renewal_t  *renewal = write->data;

    return ngx_acme_ca_ocsp_signer_issue(store, renewal->issuer->issuer,
                                         renewal->pool, renewal->pool->log,
                                         renewal->now);
}


static void
ngx_acme_ca_ocsp_signer_renewed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_ocsp_renewal_t  *renewal = write->data;

    ngx_acme_ca_ocsp_issuer_t  *issuer;

    issuer = renewal->issuer;
    issuer->renewing = 0;

    ngx_destroy_pool(renewal->pool);

    if (rc == NGX_OK) {
        ngx_acme_ca_ocsp_signer_load(issuer);
    }
}
