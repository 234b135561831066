
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OCSP: whose certificates are asked for, what the database says of them, and
 * a response that is either kept from before or signed on a thread.
 */


#include "ngx_acme_ca_ocsp.h"

#include "acme_ca_store_ocsp.h"


/* signatures that wait for a thread; more are told to come later */
#define NGX_ACME_CA_OCSP_FLIGHT   1024

#define NGX_ACME_CA_OCSP_HOLD_MS  60000


static ngx_int_t ngx_acme_ca_ocsp_issuer(ngx_acme_ca_t *ca,
    const acme_ca_issuer_t *issuer);
static ngx_int_t ngx_acme_ca_ocsp_refuse(ngx_acme_ca_ocsp_query_t *query,
    acme_ca_ocsp_status_e status);
static ngx_acme_ca_ocsp_issuer_t *ngx_acme_ca_ocsp_find(
    ngx_acme_ca_ocsp_t *ocsp, const acme_ca_ocsp_request_t *request);
static ngx_uint_t ngx_acme_ca_ocsp_is_single(
    const acme_ca_ocsp_request_t *request);
static ngx_int_t ngx_acme_ca_ocsp_kept(ngx_acme_ca_ocsp_query_t *query);
static ngx_int_t ngx_acme_ca_ocsp_look(ngx_acme_ca_ocsp_query_t *query);
static ngx_int_t ngx_acme_ca_ocsp_status(ngx_acme_ca_ocsp_query_t *query,
    ngx_uint_t i);
static ngx_int_t ngx_acme_ca_ocsp_post(ngx_acme_ca_ocsp_query_t *query);
static void ngx_acme_ca_ocsp_thread(void *data, ngx_log_t *log);
static void ngx_acme_ca_ocsp_signed(ngx_event_t *ev);
static void ngx_acme_ca_ocsp_hold(ngx_event_t *ev);


ngx_int_t
ngx_acme_ca_ocsp_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_uint_t            i;
    acme_ca_issuer_t    **issuer;
    ngx_acme_ca_ocsp_t   *ocsp;

    if (!ca->ocsp_served) {
        return NGX_OK;
    }

    ocsp = ngx_pcalloc(cycle->pool, sizeof(ngx_acme_ca_ocsp_t));
    /* the slots stay where they are: there are as many as there will be */

    if (ocsp == NULL
        || ngx_array_init(&ocsp->issuers, cycle->pool,
                          ngx_max(ca->authority.issuers.nelts, 1),
                          sizeof(ngx_acme_ca_ocsp_issuer_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_acme_ca_ocsp_cache_init(&ocsp->cache, NGX_ACME_CA_OCSP_CACHE);

    /* not cancelable: a worker does not leave while a thread signs */

    ocsp->hold.handler = ngx_acme_ca_ocsp_hold;
    ocsp->hold.data = ocsp;
    ocsp->hold.log = cycle->log;

    ca->ocsp = ocsp;

    issuer = ca->authority.issuers.elts;

    for (i = 0; i < ca->authority.issuers.nelts; i++) {
        if (ngx_acme_ca_ocsp_issuer(ca, issuer[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_ocsp_issuer(ngx_acme_ca_t *ca, const acme_ca_issuer_t *issuer)
{
    ngx_acme_ca_ocsp_issuer_t  *slot;

    slot = ngx_array_push(&ca->ocsp->issuers);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(slot, sizeof(ngx_acme_ca_ocsp_issuer_t));

    slot->ca = ca;
    slot->issuer = issuer;
    slot->id = issuer->id;

    ngx_queue_init(&slot->ages);

    return acme_ca_ocsp_issuer_init(&slot->hashes, &issuer->der,
                                    ngx_cycle->log);
}


void
ngx_acme_ca_ocsp_exit(ngx_acme_ca_t *ca)
{
    ngx_uint_t                  i;
    ngx_acme_ca_ocsp_issuer_t  *issuer;

    if (ca->ocsp == NULL) {
        return;
    }

    ngx_acme_ca_ocsp_cache_clear(&ca->ocsp->cache);

    issuer = ca->ocsp->issuers.elts;

    for (i = 0; i < ca->ocsp->issuers.nelts; i++) {
        if (issuer[i].pool != NULL) {
            acme_ca_ocsp_signer_free(&issuer[i].signer);
            ngx_destroy_pool(issuer[i].pool);
        }
    }
}


void
ngx_acme_ca_ocsp_load(ngx_acme_ca_t *ca)
{
    ngx_uint_t                  i;
    ngx_acme_ca_ocsp_issuer_t  *issuer;

    if (ca->ocsp == NULL) {
        return;
    }

    issuer = ca->ocsp->issuers.elts;

    for (i = 0; i < ca->ocsp->issuers.nelts; i++) {
        ngx_acme_ca_ocsp_signer_load(&issuer[i]);
    }
}


void
ngx_acme_ca_ocsp_tick(ngx_acme_ca_t *ca)
{
    ngx_uint_t                  i;
    ngx_acme_ca_ocsp_issuer_t  *issuer;

    if (ca->ocsp == NULL) {
        return;
    }

    issuer = ca->ocsp->issuers.elts;

    for (i = 0; i < ca->ocsp->issuers.nelts; i++) {
        ngx_acme_ca_ocsp_signer_tick(&issuer[i]);
    }

    ngx_acme_ca_ocsp_stock_tick(ca);
}


time_t
ngx_acme_ca_ocsp_not_after(const ngx_acme_ca_t *ca)
{
    time_t                      first;
    ngx_uint_t                  i;
    ngx_acme_ca_ocsp_issuer_t  *issuer;

    first = 0;

    if (ca->ocsp != NULL) {
        issuer = ca->ocsp->issuers.elts;

        for (i = 0; i < ca->ocsp->issuers.nelts; i++) {
            if (!acme_ca_issuer_is_done(issuer[i].issuer, ngx_time(),
                                        ca->crl_lifetime)
                && (first == 0 || issuer[i].not_after < first))
            {
                first = issuer[i].not_after;
            }
        }
    }

    return first;
}


ngx_int_t
ngx_acme_ca_ocsp_ask(ngx_acme_ca_ocsp_query_t *query)
{
    ngx_int_t       rc;
    ngx_acme_ca_t  *ca;

    ca = query->ca;

    query->this_update = 0;
    query->fresh_until = 0;

    if (acme_ca_ocsp_parse(query->question.data, query->question.len,
                           &query->request)
        != NGX_OK)
    {
        return ngx_acme_ca_ocsp_refuse(query, ACME_CA_OCSP_MALFORMED);
    }

    if (!ngx_acme_ca_is_open(ca)) {
        return ngx_acme_ca_ocsp_refuse(query, ACME_CA_OCSP_TRY_LATER);
    }

    query->issuer = ngx_acme_ca_ocsp_find(ca->ocsp, &query->request);

    if (query->issuer == NULL) {
        return ngx_acme_ca_ocsp_refuse(query, ACME_CA_OCSP_UNAUTHORIZED);
    }

    if (query->issuer->signer_id == 0
        || query->issuer->not_after <= ngx_time()
        || ca->ocsp->in_flight >= NGX_ACME_CA_OCSP_FLIGHT)
    {
        return ngx_acme_ca_ocsp_refuse(query, ACME_CA_OCSP_TRY_LATER);
    }

    query->signer_id = query->issuer->signer_id;

    /* read before the statuses: what is committed after it is seen next */

    rc = acme_ca_store_data_version(ca->reader, &query->version);

    if (rc == NGX_OK && ngx_acme_ca_ocsp_is_single(&query->request)) {
        rc = ngx_acme_ca_ocsp_kept(query);

        if (rc == NGX_OK) {
            return NGX_OK;
        }

        rc = (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_ocsp_look(query);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_ocsp_post(query);
    }

    switch (rc) {

    case NGX_AGAIN:
        return NGX_AGAIN;

    case NGX_BUSY:
        return ngx_acme_ca_ocsp_refuse(query, ACME_CA_OCSP_TRY_LATER);

    default: /* NGX_ERROR */
        return ngx_acme_ca_ocsp_refuse(query, ACME_CA_OCSP_INTERNAL);
    }
}


static ngx_int_t
ngx_acme_ca_ocsp_refuse(ngx_acme_ca_ocsp_query_t *query,
    acme_ca_ocsp_status_e status)
{
    acme_ca_metrics_ocsp_e  result;

    switch (status) {

    case ACME_CA_OCSP_MALFORMED:
        result = ACME_CA_METRICS_OCSP_MALFORMED;
        break;

    case ACME_CA_OCSP_TRY_LATER:
        result = ACME_CA_METRICS_OCSP_TRY_LATER;
        break;

    case ACME_CA_OCSP_UNAUTHORIZED:
        result = ACME_CA_METRICS_OCSP_UNAUTHORIZED;
        break;

    default: /* ACME_CA_OCSP_INTERNAL */
        result = ACME_CA_METRICS_OCSP_INTERNAL;
    }

    acme_ca_ocsp_refusal(status, &query->response);
    acme_ca_metrics_ocsp(query->ca->shared->metrics, result);

    return NGX_OK;
}


/* that of the first certificate that is one of ours: it can sign for its own */

static ngx_acme_ca_ocsp_issuer_t *
ngx_acme_ca_ocsp_find(ngx_acme_ca_ocsp_t *ocsp,
    const acme_ca_ocsp_request_t *request)
{
    ngx_uint_t                  i, n;
    ngx_acme_ca_ocsp_issuer_t  *issuer;

    issuer = ocsp->issuers.elts;

    for (n = 0; n < request->n; n++) {
        for (i = 0; i < ocsp->issuers.nelts; i++) {
            if (acme_ca_ocsp_is_issuer(&issuer[i].hashes, &request->ids[n])) {
                return &issuer[i];
            }
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_acme_ca_ocsp_is_single(const acme_ca_ocsp_request_t *request)
{
    return request->n == 1 && request->nonce.p == NULL;
}


/* NGX_DECLINED: there is none, or none that is still true */

static ngx_int_t
ngx_acme_ca_ocsp_kept(ngx_acme_ca_ocsp_query_t *query)
{
    ngx_int_t                  rc;
    acme_ca_ocsp_single_t     *single;
    ngx_acme_ca_ocsp_entry_t  *entry;

    entry = ngx_acme_ca_ocsp_cache_find(&query->ca->ocsp->cache,
                                        &query->request.ids[0].whole);

    if (entry == NULL || entry->signer_id != query->signer_id
        || ngx_time() >= entry->fresh_until
        || ngx_time() < entry->this_update)
    {
        return NGX_DECLINED;
    }

    if (entry->version != query->version) {

        rc = ngx_acme_ca_ocsp_status(query, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        single = &query->singles[0];

        if (single->state != entry->single.state
            || single->revoked_at != entry->single.revoked_at
            || single->reason != entry->single.reason)
        {
            return NGX_DECLINED;
        }

        entry->version = query->version;
    }

    /* the entry may go before the response has left */

    if (acme_ca_copy(query->pool, &query->response, entry->response.data,
                     entry->response.len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    query->this_update = entry->this_update;
    query->fresh_until = entry->fresh_until;

    acme_ca_metrics_ocsp_kept(query->ca->shared->metrics,
                              ngx_time() - query->this_update);

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_ocsp_look(ngx_acme_ca_ocsp_query_t *query)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = NGX_OK;

    acme_ca_store_begin_read(query->ca->reader);

    for (i = 0; rc == NGX_OK && i < query->request.n; i++) {
        rc = ngx_acme_ca_ocsp_status(query, i);
    }

    acme_ca_store_end_read(query->ca->reader);

    return rc;
}


static ngx_int_t
ngx_acme_ca_ocsp_status(ngx_acme_ca_ocsp_query_t *query, ngx_uint_t i)
{
    time_t                    revoked_at;
    ngx_int_t                 rc, reason;
    acme_ca_status_e          status;
    const acme_ca_ocsp_id_t  *id;
    acme_ca_ocsp_single_t    *single;

    id = &query->request.ids[i];
    single = &query->singles[i];

    single->state = ACME_CA_OCSP_UNKNOWN;
    single->revoked_at = 0;
    single->reason = -1;

    if (!acme_ca_ocsp_is_issuer(&query->issuer->hashes, id)) {
        return NGX_OK;
    }

    rc = acme_ca_store_ocsp_find_status(query->ca->reader, id->serial.p,
                                        id->serial.last - id->serial.p,
                                        query->issuer->id, &status,
                                        &revoked_at, &reason);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (status == ACME_CA_REVOKED) {
        single->state = ACME_CA_OCSP_REVOKED;
        single->revoked_at = revoked_at;
        single->reason = reason;

    } else {
        single->state = ACME_CA_OCSP_GOOD;
    }

    return NGX_OK;
}


/* NGX_AGAIN: a thread has it */

static ngx_int_t
ngx_acme_ca_ocsp_post(ngx_acme_ca_ocsp_query_t *query)
{
    ngx_acme_ca_t                    *ca;
    acme_ca_ocsp_answer_t            *answer;
    ngx_acme_ca_ocsp_query_t        **ctx;

    ca = query->ca;

    query->task = ngx_thread_task_alloc(query->pool,
                                        sizeof(ngx_acme_ca_ocsp_query_t *));
    if (query->task == NULL) {
        return NGX_ERROR;
    }

    ctx = query->task->ctx;
    *ctx = query;

    query->task->handler = ngx_acme_ca_ocsp_thread;
    query->task->event.handler = ngx_acme_ca_ocsp_signed;
    query->task->event.data = query;
    query->task->event.log = ngx_cycle->log;

    /* the issuer may have another signer before the thread is done */

    query->signer = query->issuer->signer;

    if (acme_ca_copy(query->pool, &query->signer.certificate,
                     query->issuer->signer.certificate.data,
                     query->issuer->signer.certificate.len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    answer = &query->answer;

    answer->request = &query->request;
    answer->singles = query->singles;
    answer->signer = &query->signer;
    answer->now = ngx_time();
    answer->next_update = ngx_min(answer->now + ca->ocsp_lifetime,
                                  query->issuer->not_after);

    query->this_update = answer->now;
    query->fresh_until = answer->now
                         + (answer->next_update - answer->now) / 2;

    if (ngx_thread_task_post(ca->threads, query->task) != NGX_OK) {
        return NGX_BUSY;
    }

    (void) EVP_PKEY_up_ref(query->signer.key);

    ca->ocsp->in_flight++;

    if (!ca->ocsp->hold.timer_set) {
        ngx_add_timer(&ca->ocsp->hold, NGX_ACME_CA_OCSP_HOLD_MS);
    }

    return NGX_AGAIN;
}


static void
ngx_acme_ca_ocsp_thread(void *data, ngx_log_t *log)
{
    ngx_acme_ca_ocsp_query_t **ctx = data;

    acme_ca_ctx_t              actx;
    ngx_acme_ca_ocsp_query_t  *query;

    query = *ctx;

    ngx_acme_ca_thread_enter();

    ngx_memzero(&actx, sizeof(acme_ca_ctx_t));

    actx.pool = query->pool;
    actx.log = log;

    query->rc = acme_ca_ocsp_write(&actx, &query->answer, &query->response);
}


static void
ngx_acme_ca_ocsp_signed(ngx_event_t *ev)
{
    ngx_acme_ca_ocsp_query_t *query = ev->data;

    ngx_acme_ca_ocsp_t  *ocsp;

    ocsp = query->ca->ocsp;

    ocsp->in_flight--;

    if (ocsp->in_flight == 0 && ocsp->hold.timer_set) {
        ngx_del_timer(&ocsp->hold);
    }

    acme_ca_ocsp_signer_free(&query->signer);

    if (query->rc != NGX_OK) {
        query->this_update = 0;
        (void) ngx_acme_ca_ocsp_refuse(query, ACME_CA_OCSP_INTERNAL);

    } else {
        acme_ca_metrics_ocsp(query->ca->shared->metrics,
                             ACME_CA_METRICS_OCSP_SIGNED);

        if (!ngx_acme_ca_ocsp_is_single(&query->request)
            || query->singles[0].state == ACME_CA_OCSP_UNKNOWN)
        {
            /* anybody can ask for what there is not: it is not worth keeping */

            query->this_update = 0;

        } else {
            ngx_acme_ca_ocsp_cache_add(&ocsp->cache, query);
        }
    }

    query->done(query);
}


static void
ngx_acme_ca_ocsp_hold(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_ACME_CA_OCSP_HOLD_MS);
}
