
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The external signer: jobs that this worker's clients left, and those that
 * nobody works on any more.  One attempt is one call of the signer's location,
 * whose answer the store task reads and writes.  A job that no worker finishes
 * (kill -9, power) is claimed again by tick() when its lease has ended or was
 * freed, and the signer is asked once more with the same key.
 */


#include "ngx_acme_ca.h"
#include "ngx_acme_ca_call.h"
#include "ngx_acme_ca_claim.h"
#include "ngx_acme_ca_pool.h"

#include "acme_ca_foreign.h"
#include "acme_ca_signing.h"
#include "acme_ca_store_signing.h"


typedef struct {
    ngx_acme_ca_t              *ca;
    acme_ca_ctx_t               ctx;
    ngx_log_t                   log;
    acme_ca_signing_t           signing;
    acme_ca_signing_request_t   request;
    acme_ca_signing_answer_t    answer;
    ngx_acme_ca_call_t          call;
    ngx_acme_ca_write_t         write;
    ngx_acme_ca_wait_t         *wait;
} ngx_acme_ca_signing_t;


static ngx_acme_ca_signing_t *ngx_acme_ca_signer_create(ngx_acme_ca_t *ca,
    acme_ca_signing_t *signing);
static ngx_int_t ngx_acme_ca_signer_copy(ngx_pool_t *pool,
    acme_ca_signing_t *dst, acme_ca_signing_t *src);
static ngx_int_t ngx_acme_ca_signer_ask(ngx_acme_ca_signing_t *s);
static ngx_int_t ngx_acme_ca_signer_fields(ngx_acme_ca_signing_t *s);
static void ngx_acme_ca_signer_answered(ngx_acme_ca_call_t *call);
static ngx_int_t ngx_acme_ca_signer_take(ngx_acme_ca_signing_t *s,
    ngx_acme_ca_call_t *call);
static void ngx_acme_ca_signer_prepare(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_signer_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_signer_written(ngx_acme_ca_write_t *write,
    ngx_int_t rc);
static ngx_int_t ngx_acme_ca_signer_leave(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_signer_left(ngx_acme_ca_write_t *write, ngx_int_t rc);
static void ngx_acme_ca_signer_tell(ngx_acme_ca_signing_t *s);
static void ngx_acme_ca_signer_drop(ngx_acme_ca_signing_t *s);
static void ngx_acme_ca_signer_claimed(ngx_acme_ca_t *ca, void *row);
static u_char *ngx_acme_ca_signer_log(ngx_log_t *log, u_char *buf,
    size_t len);


static const ngx_acme_ca_claimed_t  ngx_acme_ca_signer_jobs = {
    ACME_CA_SIGNING_PAUSE,
    acme_ca_store_signing_find_due,
    acme_ca_store_signing_claim,
    ngx_acme_ca_signer_claimed
};


ngx_int_t
ngx_acme_ca_signer_trust(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *path,
    ngx_str_t *error)
{
    ngx_str_t  pem;

    ngx_str_set(error, "no memory");

    if (ngx_acme_ca_home_read(temp, path, 0, &pem, error) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_anchors_load(ca->pool, &pem, &ca->signer_anchors, error);
}


/* without "signer_trusted_certificate": those of our own issuers */

ngx_int_t
ngx_acme_ca_signer_load(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *error)
{
    ngx_str_t           pem, before;
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;
    acme_ca_signer_t   *signer;

    signer = ca->authority.signer;
    issuer = ca->authority.issuers.elts;

    if (signer == NULL || signer->anchors != NULL) {
        return NGX_OK;
    }

    ngx_str_null(&pem);

    for (i = 0; i < ca->authority.issuers.nelts; i++) {
        before = pem;

        if (acme_ca_format(temp, &pem,
                           before.len + issuer[i]->chain.len
                           + issuer[i]->root.len + 3,
                           "%V%V\n%V\n", &before, &issuer[i]->chain,
                           &issuer[i]->root)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return acme_ca_anchors_load(ca->pool, &pem, &signer->anchors, error);
}


void
ngx_acme_ca_signer_start(ngx_acme_ca_t *ca, acme_ca_signing_t *signing,
    ngx_acme_ca_wait_t *wait)
{
    ngx_int_t               rc;
    ngx_acme_ca_signing_t  *s;

    /* without memory the lease ends by itself */

    s = ngx_acme_ca_signer_create(ca, signing);
    if (s == NULL) {
        return;
    }

    ca->signings_n++;

    if (wait != NULL) {
        s->wait = wait;
        wait->place = &s->wait;
    }

    if (wait != NULL && ca->authority.signer != NULL
        && ca->signings_n > ca->authority.signer->calls)
    {
        s->write.prepare = NULL;
        s->write.apply = ngx_acme_ca_signer_leave;
        s->write.done = ngx_acme_ca_signer_left;

        ngx_acme_ca_write_add(ca, &s->write);
        return;
    }

    rc = ngx_acme_ca_signer_ask(s);

    if (rc == NGX_OK) {
        return;
    }

    s->write.prepare = ngx_acme_ca_signer_prepare;

    if (rc == NGX_DECLINED) {
        s->answer.outcome = ACME_CA_SIGNING_WRONG;
        ngx_str_set(&s->answer.detail, "the configuration has no signer, "
                    "location or profile for it any more");
        s->write.prepare = NULL;
    }

    s->answer.fault = "the request could not be made";

    ngx_acme_ca_write_add(ca, &s->write);
}


static ngx_acme_ca_signing_t *
ngx_acme_ca_signer_create(ngx_acme_ca_t *ca, acme_ca_signing_t *signing)
{
    ngx_pool_t             *pool;
    ngx_acme_ca_signing_t  *s;

    s = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_signing_t), &pool);
    if (s == NULL) {
        return NULL;
    }

    if (ngx_acme_ca_signer_copy(pool, &s->signing, signing) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    s->ca = ca;

    s->log = *ngx_cycle->log;
    s->log.handler = ngx_acme_ca_signer_log;
    s->log.data = s;
    s->log.action = NULL;

    s->ctx.pool = pool;
    s->ctx.log = &s->log;
    s->ctx.now = ngx_time();

    s->write.prepare = ngx_acme_ca_signer_prepare;
    s->write.apply = ngx_acme_ca_signer_apply;
    s->write.done = ngx_acme_ca_signer_written;
    s->write.data = s;

    return s;
}


static ngx_int_t
ngx_acme_ca_signer_copy(ngx_pool_t *pool, acme_ca_signing_t *dst,
    acme_ca_signing_t *src)
{
    *dst = *src;

    if (acme_ca_copy(pool, &dst->csr, src->csr.data, src->csr.len) != NGX_OK
        || acme_ca_copy(pool, &dst->client_address, src->client_address.data,
                        src->client_address.len)
           != NGX_OK
        || acme_ca_copy(pool, &dst->request_id, src->request_id.data,
                        src->request_id.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_signer_ask(ngx_acme_ca_signing_t *s)
{
    ngx_int_t            rc;
    ngx_acme_ca_call_t  *call;

    if (s->ca->authority.signer == NULL) {
        return NGX_DECLINED;
    }

    rc = acme_ca_signing_ask(&s->ctx, &s->ca->authority, s->ca->reader,
                             &s->signing, &s->request);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_acme_ca_signer_fields(s) != NGX_OK) {
        return NGX_ERROR;
    }

    call = &s->call;

    call->conf = s->ca->fetch;
    call->uri = s->request.uri;
    call->content_type = s->request.content_type;
    call->body = s->request.body;
    call->timeout_ms = s->ca->authority.signer->timeout;
    call->max_body = ACME_CA_SIGNING_BODY;
    call->log = &s->log;
    call->handler = ngx_acme_ca_signer_answered;
    call->data = s;

    return ngx_acme_ca_call_start(call);
}


static ngx_int_t
ngx_acme_ca_signer_fields(ngx_acme_ca_signing_t *s)
{
    ngx_uint_t                i, n;
    ngx_keyval_t             *kv;
    acme_ca_signing_field_t  *field;

    field = s->request.fields.elts;
    n = s->request.fields.nelts;

    s->call.fields = ngx_array_create(s->ctx.pool, n, sizeof(ngx_keyval_t));
    if (s->call.fields == NULL) {
        return NGX_ERROR;
    }

    kv = ngx_array_push_n(s->call.fields, n);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        kv[i].key = field[i].name;
        kv[i].value = field[i].value;
    }

    return NGX_OK;
}


static void
ngx_acme_ca_signer_answered(ngx_acme_ca_call_t *call)
{
    ngx_acme_ca_signing_t  *s = call->data;

    s->ctx.now = ngx_time();

    if (ngx_acme_ca_signer_take(s, call) != NGX_OK) {
        ngx_acme_ca_signer_drop(s);
        return;
    }

    ngx_acme_ca_write_add(s->ca, &s->write);
}


/* the call's own bytes go with it */

static ngx_int_t
ngx_acme_ca_signer_take(ngx_acme_ca_signing_t *s, ngx_acme_ca_call_t *call)
{
    if (call->rc != NGX_ACME_CA_FETCH_OK) {
        s->answer.fault = ngx_acme_ca_fetch_rc_text(call->rc);
        return NGX_OK;
    }

    s->answer.status = call->status;
    s->answer.retry_after = call->retry_after;

    return acme_ca_copy(s->ctx.pool, &s->answer.body, call->answer.data,
                        call->answer.len);
}


static void
ngx_acme_ca_signer_prepare(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_signing_t  *s = write->data;

    acme_ca_signing_prepare(&s->ctx, &s->ca->authority, store, &s->signing,
                            &s->answer);
}


static ngx_int_t
ngx_acme_ca_signer_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_signing_t  *s = write->data;

    return acme_ca_signing_apply(&s->ctx, store, &s->signing, &s->answer);
}


static void
ngx_acme_ca_signer_written(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_signing_t  *s = write->data;

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, &s->log, 0,
                      "a signer's answer could not be written; it will be "
                      "asked again");

    } else {
        ngx_acme_ca_signer_tell(s);
    }

    ngx_acme_ca_signer_drop(s);
}


/* too many at once: to whose tick comes first, without an attempt */

static ngx_int_t
ngx_acme_ca_signer_leave(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_signing_t  *s = write->data;

    ngx_int_t  rc;

    rc = acme_ca_store_signing_set_retry(store, s->signing.id,
                                         s->signing.attempts, s->ctx.now, NULL);

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


static void
ngx_acme_ca_signer_left(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_signer_drop(write->data);
}


static void
ngx_acme_ca_signer_tell(ngx_acme_ca_signing_t *s)
{
    static const struct {
        ngx_uint_t   level;
        const char  *text;
    } lines[] = {
        { NGX_LOG_INFO, "has done it" },
        { NGX_LOG_INFO, "is not ready" },
        { NGX_LOG_WARN, "failed and will be asked again" },
        { NGX_LOG_ERR, "refused" },
        { NGX_LOG_ERR, "is of no use here" },
        { NGX_LOG_ERR, "did not do it in time" }
    };

    ngx_log_error(lines[s->answer.outcome].level, &s->log, 0,
                  "the signer %s%s%V", lines[s->answer.outcome].text,
                  s->answer.detail.len ? ": " : "", &s->answer.detail);
}


static void
ngx_acme_ca_signer_drop(ngx_acme_ca_signing_t *s)
{
    ngx_acme_ca_wait_t  *wait;

    wait = s->wait;

    s->ca->signings_n--;

    ngx_destroy_pool(s->ctx.pool);

    if (wait != NULL) {
        wait->place = NULL;
        wait->handler(wait);
    }
}


void
ngx_acme_ca_signer_tick(ngx_acme_ca_t *ca)
{
    ngx_uint_t         limit;
    acme_ca_signer_t  *signer;

    signer = ca->authority.signer;

    if (signer == NULL || ca->signings_n >= signer->calls) {
        return;
    }

    limit = signer->calls - ca->signings_n;

    ngx_acme_ca_claim(ca, &ngx_acme_ca_signer_jobs, &ca->signer_claiming,
                      acme_ca_signing_lease(signer), limit);
}


static void
ngx_acme_ca_signer_claimed(ngx_acme_ca_t *ca, void *row)
{
    ngx_acme_ca_signer_start(ca, row, NULL);
}


static u_char *
ngx_acme_ca_signer_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                 *p;
    ngx_acme_ca_signing_t  *s = log->data;

    p = ngx_snprintf(buf, len, ", authority: %V", &s->ca->authority.name);
    len -= p - buf;

    return s->signing.order_id
           ? ngx_snprintf(p, len, ", order: %L", s->signing.order_id)
           : ngx_snprintf(p, len, ", revoked certificate: %L",
                          s->signing.certificate_id);
}
