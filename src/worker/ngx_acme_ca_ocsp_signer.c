
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


/* one that is being made */
typedef struct {
    ngx_acme_ca_write_t         write;
    acme_ca_ctx_t               ctx;
    const acme_ca_issuer_t     *issuer;
    ngx_int_t                   rc;      /* of making it */
    acme_ca_certificate_t       cert;    /* der NULL: it is not needed */
    ngx_str_t                   key;
    ngx_acme_ca_ocsp_issuer_t  *slot;    /* a worker's */
} ngx_acme_ca_ocsp_renewal_t;


static void ngx_acme_ca_ocsp_signer_write(
    ngx_acme_ca_ocsp_renewal_t *renewal);
static ngx_int_t ngx_acme_ca_ocsp_signer_lasts(
    ngx_acme_ca_ocsp_renewal_t *renewal, acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_ocsp_signer_make(
    ngx_acme_ca_ocsp_renewal_t *renewal, acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_ocsp_signer_record(
    ngx_acme_ca_ocsp_renewal_t *renewal, acme_ca_store_t *store);
static void ngx_acme_ca_ocsp_signer_prepare(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_ocsp_signer_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_ocsp_signer_renewed(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


/* what workers do by ticks, at once; does nothing while the newest will do */

ngx_int_t
ngx_acme_ca_ocsp_signer_issue(acme_ca_store_t *store,
    const acme_ca_issuer_t *issuer, ngx_pool_t *pool, ngx_log_t *log,
    time_t now)
{
    ngx_acme_ca_ocsp_renewal_t  *renewal;

    renewal = ngx_pcalloc(pool, sizeof(ngx_acme_ca_ocsp_renewal_t));
    if (renewal == NULL) {
        return NGX_ERROR;
    }

    renewal->ctx.pool = pool;
    renewal->ctx.log = log;
    renewal->ctx.now = now;
    renewal->issuer = issuer;

    ngx_acme_ca_ocsp_signer_write(renewal);

    return ngx_acme_ca_write_now(&renewal->write, store);
}


static void
ngx_acme_ca_ocsp_signer_write(ngx_acme_ca_ocsp_renewal_t *renewal)
{
    renewal->write.apart = 1;
    renewal->write.prepare = ngx_acme_ca_ocsp_signer_prepare;
    renewal->write.apply = ngx_acme_ca_ocsp_signer_apply;
    renewal->write.done = ngx_acme_ca_ocsp_signer_renewed;
    renewal->write.data = renewal;
}


/* NGX_OK: the newest one will do; NGX_DECLINED: it will not */

static ngx_int_t
ngx_acme_ca_ocsp_signer_lasts(ngx_acme_ca_ocsp_renewal_t *renewal,
    acme_ca_store_t *store)
{
    time_t     not_before, not_after;
    int64_t    id;
    ngx_int_t  rc;
    ngx_str_t  certificate, key;

    rc = acme_ca_store_ocsp_signer_find(store, renewal->ctx.pool,
                                        renewal->issuer->id, &id,
                                        &certificate, &key, &not_before,
                                        &not_after);
    if (rc != NGX_OK) {
        return rc;
    }

    return (renewal->ctx.now
            < acme_ca_issuer_renew_at(renewal->issuer, not_before, not_after,
                                      renewal->ctx.now))
           ? NGX_OK : NGX_DECLINED;
}


/* outside of a transaction: the key of the issuer may take its time */

static ngx_int_t
ngx_acme_ca_ocsp_signer_make(ngx_acme_ca_ocsp_renewal_t *renewal,
    acme_ca_store_t *store)
{
    ngx_int_t  rc;

    rc = ngx_acme_ca_ocsp_signer_lasts(renewal, store);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* one that has expired signs nobody's certificate */

    if (renewal->issuer->not_after <= renewal->ctx.now) {
        return NGX_OK;
    }

    if (acme_ca_ocsp_signer_new(&renewal->ctx, renewal->issuer,
                                NGX_ACME_CA_OCSP_SIGNER_LIFE, &renewal->cert,
                                &renewal->key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    renewal->cert.issuer_id = renewal->issuer->id;
    renewal->cert.created_at = renewal->ctx.now;

    /* it is for no name, and an empty text would be none at all */

    ngx_str_set(&renewal->cert.sans, " ");

    return NGX_OK;
}


/* in a transaction: if another was faster, this one is nobody's */

static ngx_int_t
ngx_acme_ca_ocsp_signer_record(ngx_acme_ca_ocsp_renewal_t *renewal,
    acme_ca_store_t *store)
{
    ngx_int_t               rc;
    acme_ca_audit_t         audit;
    acme_ca_certificate_t  *cert;

    cert = &renewal->cert;

    rc = ngx_acme_ca_ocsp_signer_lasts(renewal, store);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = acme_ca_store_certificate_add(store, cert);

    if (rc == NGX_OK) {
        rc = acme_ca_store_ocsp_signer_add(store, cert->issuer_id, cert->id,
                                           &renewal->key);
    }

    if (rc == NGX_OK) {
        ngx_memzero(&audit, sizeof(acme_ca_audit_t));

        audit.action = "issue-ocsp";
        audit.actor = "server";
        audit.certificate_id = cert->id;

        rc = acme_ca_store_audit_add(store, &audit, renewal->ctx.now);
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
    issuer->renew_at = acme_ca_issuer_renew_at(issuer->issuer, not_before,
                                               not_after, ngx_time());

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

    renewal->ctx.pool = pool;
    renewal->ctx.log = pool->log;
    renewal->ctx.now = ngx_time();
    renewal->issuer = issuer->issuer;
    renewal->slot = issuer;

    ngx_acme_ca_ocsp_signer_write(renewal);

    issuer->renewing = 1;

    ngx_acme_ca_write_add(issuer->ca, &renewal->write);
}


static void
ngx_acme_ca_ocsp_signer_prepare(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_ocsp_renewal_t  *renewal = write->data;

    renewal->rc = ngx_acme_ca_ocsp_signer_make(renewal, store);
}


static ngx_int_t
ngx_acme_ca_ocsp_signer_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_ocsp_renewal_t  *renewal = write->data;

    if (renewal->rc != NGX_OK) {
        return NGX_ERROR;
    }

    return (renewal->cert.der.data != NULL)
           ? ngx_acme_ca_ocsp_signer_record(renewal, store) : NGX_OK;
}


static void
ngx_acme_ca_ocsp_signer_renewed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_ocsp_renewal_t  *renewal = write->data;

    ngx_acme_ca_ocsp_issuer_t  *issuer;

    issuer = renewal->slot;
    issuer->renewing = 0;

    ngx_destroy_pool(renewal->ctx.pool);

    if (rc == NGX_OK) {
        ngx_acme_ca_ocsp_signer_load(issuer);
    }
}
