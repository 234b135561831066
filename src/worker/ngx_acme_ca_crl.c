
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Which worker makes a CRL, and when: claimed in the database, made on a
 * thread with a handle of its own, put into place by the store task.  What was
 * revoked meanwhile makes it due again; revocations in a row share a CRL.
 *
 * When a worker dies the lease ends, and another one makes it.
 */


#include "ngx_acme_ca_crl.h"


#define NGX_ACME_CA_CRL_AGAIN     10       /* after a failure */
#define NGX_ACME_CA_CRL_HOLD_MS   60000


struct ngx_acme_ca_crl_s {
    ngx_acme_ca_write_t      write;
    ngx_acme_ca_t           *ca;
    ngx_acme_ca_crl_make_t   make;
    ngx_thread_task_t       *task;
    ngx_event_t              hold;         /* keeps a draining worker */
    ngx_int_t                rc;           /* of the thread */
    time_t                   now;
    unsigned                 busy:1;
};


static void ngx_acme_ca_crl_begin(ngx_acme_ca_crl_t *c,
    const acme_ca_issuer_t *issuer, const acme_ca_crl_t *crl);
static ngx_int_t ngx_acme_ca_crl_claim(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_crl_claimed(ngx_acme_ca_write_t *write, ngx_int_t rc);
static void ngx_acme_ca_crl_thread(void *data, ngx_log_t *log);
static void ngx_acme_ca_crl_written(ngx_event_t *ev);
static ngx_int_t ngx_acme_ca_crl_record(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_crl_recorded(ngx_acme_ca_write_t *write,
    ngx_int_t rc);
static void ngx_acme_ca_crl_end(ngx_acme_ca_crl_t *c);
static void ngx_acme_ca_crl_hold(ngx_event_t *ev);


typedef struct {
    ngx_acme_ca_crl_t  *crl;
} ngx_acme_ca_crl_task_t;


ngx_int_t
ngx_acme_ca_crl_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_acme_ca_crl_t       *c;
    ngx_acme_ca_crl_task_t  *data;

    c = ngx_pcalloc(cycle->pool, sizeof(ngx_acme_ca_crl_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->task = ngx_thread_task_alloc(cycle->pool,
                                    sizeof(ngx_acme_ca_crl_task_t));
    if (c->task == NULL) {
        return NGX_ERROR;
    }

    data = c->task->ctx;
    data->crl = c;

    c->task->handler = ngx_acme_ca_crl_thread;
    c->task->event.handler = ngx_acme_ca_crl_written;
    c->task->event.data = data;
    c->task->event.log = cycle->log;

    /* not cancelable: a claim that is left costs a lease */

    c->hold.handler = ngx_acme_ca_crl_hold;
    c->hold.data = c;
    c->hold.log = cycle->log;

    c->ca = ca;
    ca->crl = c;

    return NGX_OK;
}


/* of any issuer that has leaves, whether it signs more of them or not */

void
ngx_acme_ca_crl_tick(ngx_acme_ca_t *ca)
{
    time_t               now, made;
    ngx_uint_t           i;
    acme_ca_crl_t        crl;
    acme_ca_issuer_t   **issuer;

    if (ca->crl->busy || ngx_exiting || ca->writer == NULL) {
        return;
    }

    now = ngx_time();
    issuer = ca->authority.issuers.elts;

    /* what one that is made now says of itself; workers' clocks differ */

    made = now - ngx_acme_ca_crl_backdate(ca->crl_lifetime);

    for (i = 0; i < ca->authority.issuers.nelts; i++) {

        if (issuer[i]->crl_sign
            && !acme_ca_issuer_is_done(issuer[i], now, ca->crl_lifetime)
            && acme_ca_store_crl_find_due(ca->reader, issuer[i]->id, now,
                                          made - ca->crl_interval,
                                          made + NGX_ACME_CA_CRL_LEASE, &crl)
               == NGX_OK)
        {
            ngx_acme_ca_crl_begin(ca->crl, issuer[i], &crl);
            return;
        }
    }
}


static void
ngx_acme_ca_crl_begin(ngx_acme_ca_crl_t *c, const acme_ca_issuer_t *issuer,
    const acme_ca_crl_t *crl)
{
    ngx_memzero(&c->write, sizeof(ngx_acme_ca_write_t));
    ngx_memzero(&c->make, sizeof(ngx_acme_ca_crl_make_t));

    c->make.pool = ngx_create_pool(4096, ngx_cycle->log);
    if (c->make.pool == NULL) {
        return;
    }

    c->make.log = ngx_cycle->log;
    c->make.folder = c->ca->authority.path;
    c->make.issuer = issuer;
    c->make.crl = *crl;
    c->now = ngx_time();

    c->write.apply = ngx_acme_ca_crl_claim;
    c->write.done = ngx_acme_ca_crl_claimed;
    c->write.data = c;

    c->busy = 1;
    ngx_add_timer(&c->hold, NGX_ACME_CA_CRL_HOLD_MS);

    ngx_acme_ca_write_add(c->ca, &c->write);
}


static ngx_int_t
ngx_acme_ca_crl_claim(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_crl_t  *c = write->data;

    return acme_ca_store_crl_claim(store, c->make.pool, &c->make.crl, c->now,
                                   c->now + NGX_ACME_CA_CRL_LEASE);
}


static void
ngx_acme_ca_crl_claimed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_crl_t  *c = write->data;

    if (rc != NGX_OK) {
        ngx_acme_ca_crl_end(c);
        return;
    }

    ngx_acme_ca_crl_date(&c->make, c->now, c->ca->crl_lifetime);

    c->rc = NGX_ERROR;

    if (ngx_thread_task_post(c->ca->threads, c->task) != NGX_OK) {
        ngx_acme_ca_crl_written(&c->task->event);
    }
}


static void
ngx_acme_ca_crl_thread(void *data, ngx_log_t *log)
{
    ngx_acme_ca_crl_task_t  *ctx = data;

    acme_ca_store_t    *store;
    ngx_acme_ca_crl_t  *c;

    c = ctx->crl;

    ngx_acme_ca_thread_enter();

    store = acme_ca_store_open(&c->ca->authority.database, ACME_CA_STORE_READ,
                               log);
    if (store == NULL) {
        return;
    }

    c->rc = ngx_acme_ca_crl_write(&c->make, store);

    acme_ca_store_close(store);
}


static void
ngx_acme_ca_crl_written(ngx_event_t *ev)
{
    ngx_acme_ca_crl_task_t  *ctx = ev->data;

    ngx_acme_ca_crl_t  *c;

    c = ctx->crl;

    ngx_memzero(&c->write, sizeof(ngx_acme_ca_write_t));

    c->write.apply = ngx_acme_ca_crl_record;
    c->write.done = ngx_acme_ca_crl_recorded;
    c->write.data = c;

    ngx_acme_ca_write_add(c->ca, &c->write);
}


/*
 * The files take their place while the database is locked for this: whoever
 * lost the claim meanwhile does not put an older one over a newer one.
 */

static ngx_int_t
ngx_acme_ca_crl_record(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_crl_t  *c = write->data;

    ngx_int_t                rc;
    ngx_acme_ca_crl_make_t  *make;

    make = &c->make;

    if (c->rc != NGX_OK) {
        return acme_ca_store_crl_set_due(store, &make->crl,
                                         c->now + NGX_ACME_CA_CRL_AGAIN);
    }

    rc = acme_ca_store_crl_set_made(store, &make->crl,
                                    make->crl.next_update
                                    - c->ca->crl_overlap);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_note(make, store, c->now);
    }

    return (rc == NGX_OK) ? ngx_acme_ca_crl_publish(make) : rc;
}


static void
ngx_acme_ca_crl_recorded(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_crl_t  *c = write->data;

    /* those that took their place are gone from here */

    if (c->rc == NGX_OK) {
        ngx_acme_ca_crl_discard(&c->make);
    }

    ngx_acme_ca_crl_end(c);

    if (rc == NGX_OK && c->rc == NGX_OK) {
        ngx_acme_ca_crl_tick(c->ca);
    }
}


static void
ngx_acme_ca_crl_end(ngx_acme_ca_crl_t *c)
{
    c->busy = 0;
    ngx_del_timer(&c->hold);

    ngx_destroy_pool(c->make.pool);
}


static void
ngx_acme_ca_crl_hold(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_ACME_CA_CRL_HOLD_MS);
}
