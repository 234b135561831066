
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One attempt: what all kinds of challenges have in common (RFC 8555, 8).  A
 * kind is a row of ngx_acme_ca_methods; it asks what validate/ says and hands
 * the answer back to it.
 *
 *     run -> method->start ... -> passed -> finish
 *                           \-> finish, with v->ctx.problem
 *                            \-> drop
 *
 * The handlers of dns and of sockets only keep what came and post v->step, so
 * no function runs inside another's call.
 */


#include "ngx_acme_ca_validation.h"
#include "ngx_acme_ca_pool.h"

#include "acme_ca_http01.h"
#include "acme_ca_policy.h"


static ngx_int_t ngx_acme_ca_validation_copy(ngx_pool_t *pool,
    acme_ca_job_t *dst, acme_ca_job_t *src);
static void ngx_acme_ca_validation_found(void *data, ngx_acme_ca_dns_rc_e rc,
    ngx_acme_ca_dns_address_t *addresses, ngx_uint_t n);
static void ngx_acme_ca_validation_resolved(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_police(ngx_acme_ca_validation_t *v,
    ngx_str_t *denied);
static void ngx_acme_ca_validation_step(ngx_event_t *ev);
static void ngx_acme_ca_validation_timeout(ngx_event_t *ev);
static u_char *ngx_acme_ca_validation_log(ngx_log_t *log, u_char *buf,
    size_t len);


const ngx_acme_ca_method_t  ngx_acme_ca_methods[ACME_CA_CHALLENGE_TYPE_N] = {

    /* HTTP_01 */
    { ngx_acme_ca_validation_http01_start,
      ngx_acme_ca_validation_http01_stop },

    /* TLS_ALPN_01 */
    { ngx_acme_ca_validation_alpn_start,
      ngx_acme_ca_validation_alpn_stop },

    /* DNS_01 */
    { ngx_acme_ca_validation_dns_start, NULL },

    /* DNS_ACCOUNT_01 */
    { ngx_acme_ca_validation_dns_start, NULL },

    /* DNS_PERSIST_01 */
    { ngx_acme_ca_validation_dns_start, NULL }
};


ngx_acme_ca_validation_t *
ngx_acme_ca_validation_create(ngx_acme_ca_t *ca, acme_ca_job_t *job)
{
    ngx_pool_t                *pool;
    ngx_acme_ca_validation_t  *v;

    v = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_validation_t), &pool);
    if (v == NULL) {
        return NULL;
    }

    if (ngx_acme_ca_validation_copy(pool, &v->job, job) != NGX_OK
        || acme_ca_key_authorization(pool, &v->job.token, v->job.thumbprint,
                                     &v->key_authorization)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    v->ca = ca;
    v->method = &ngx_acme_ca_methods[v->job.type];

    v->log = *ngx_cycle->log;
    v->log.handler = ngx_acme_ca_validation_log;
    v->log.data = v;
    v->log.action = NULL;

    v->ctx.pool = pool;
    v->ctx.log = &v->log;
    v->ctx.now = ngx_time();

    v->timer.handler = ngx_acme_ca_validation_timeout;
    v->timer.data = v;
    v->timer.log = &v->log;

    v->step.handler = ngx_acme_ca_validation_step;
    v->step.data = v;
    v->step.log = &v->log;

    acme_ca_json_start(&v->tried, pool, 256);
    acme_ca_json_open_object(&v->tried, NULL);
    acme_ca_json_write_number(&v->tried, "attempt", v->job.attempts + 1);
    acme_ca_json_open_array(&v->tried, "tried");

    return v;
}


static ngx_int_t
ngx_acme_ca_validation_copy(ngx_pool_t *pool, acme_ca_job_t *dst,
    acme_ca_job_t *src)
{
    *dst = *src;

    if (acme_ca_copy(pool, &dst->token, src->token.data, src->token.len)
        != NGX_OK
        || acme_ca_copy(pool, &dst->identifier.value,
                        src->identifier.value.data, src->identifier.value.len)
           != NGX_OK
        || acme_ca_copy(pool, &dst->client_address, src->client_address.data,
                        src->client_address.len)
           != NGX_OK
        || acme_ca_copy(pool, &dst->request_id, src->request_id.data,
                        src->request_id.len)
           != NGX_OK
        || acme_ca_copy(pool, &dst->account_url, src->account_url.data,
                        src->account_url.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_acme_ca_validation_run(ngx_acme_ca_validation_t *v)
{
    ngx_msec_t  timeout;

    timeout = v->ca->authority.validation_timeout;

    v->began_at = ngx_current_msec;
    v->ends_at = v->began_at + timeout;

    /* not cancelable: a draining worker finishes what it began */

    ngx_add_timer(&v->timer, timeout);

    if (v->ask != NULL) {
        ngx_acme_ca_validation_caa(v);
        return;
    }

    v->method->start(v);
}


void
ngx_acme_ca_validation_resolve(ngx_acme_ca_validation_t *v, ngx_str_t *name,
    void (*next)(ngx_acme_ca_validation_t *v))
{
    v->n = 0;
    v->i = 0;
    v->name = *name;
    v->resolved = next;

    v->query = ngx_acme_ca_dns_resolve(v->ca->dns, &v->name,
                                       ngx_acme_ca_validation_found, v);

    if (v->query == NULL) {
        ngx_acme_ca_validation_drop(v);
    }
}


static void
ngx_acme_ca_validation_found(void *data, ngx_acme_ca_dns_rc_e rc,
    ngx_acme_ca_dns_address_t *addresses, ngx_uint_t n)
{
    ngx_acme_ca_validation_t  *v = data;

    v->query = NULL;
    v->dns_rc = rc;
    v->n = ngx_min(n, NGX_ACME_CA_ADDRESSES);

    if (v->n != 0) {
        ngx_memcpy(v->addresses, addresses,
                   v->n * sizeof(ngx_acme_ca_dns_address_t));
    }

    ngx_acme_ca_validation_post(v, ngx_acme_ca_validation_resolved);
}


static void
ngx_acme_ca_validation_resolved(ngx_acme_ca_validation_t *v)
{
    ngx_str_t  denied;

    if (v->preflight != NULL) {
        ngx_acme_ca_preflight_resolved(v);
    }

    if (v->dns_rc != NGX_ACME_CA_DNS_OK || v->n == 0) {

        (void) acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "no address for %V: %s", &v->name,
                              ngx_acme_ca_dns_rc_text(v->dns_rc));

        ngx_acme_ca_validation_finish(v);
        return;
    }

    ngx_acme_ca_validation_police(v, &denied);

    if (v->n == 0) {
        v->final = 1;

        (void) acme_ca_refuse(&v->ctx, ACME_CA_CONNECTION,
                              "%V resolves to %V, which this authority may "
                              "not connect to", &v->name, &denied);

        ngx_acme_ca_validation_finish(v);
        return;
    }

    v->resolved(v);
}


/* of each hop the addresses are policed, before anything is sent */

static void
ngx_acme_ca_validation_police(ngx_acme_ca_validation_t *v, ngx_str_t *denied)
{
    u_char            text[NGX_SOCKADDR_STRLEN];
    size_t            len;
    ngx_uint_t        i, n;
    struct sockaddr  *sockaddr;

    ngx_str_null(denied);
    n = 0;

    for (i = 0; i < v->n; i++) {
        sockaddr = (struct sockaddr *) &v->addresses[i].sockaddr;

        if (acme_ca_policy_address(&v->ca->authority, sockaddr) == NGX_OK) {
            v->addresses[n++] = v->addresses[i];
            continue;
        }

        len = ngx_sock_ntop(sockaddr, v->addresses[i].socklen, text,
                            NGX_SOCKADDR_STRLEN, 0);

        (void) acme_ca_copy(v->ctx.pool, denied, text, len);
    }

    v->n = n;
}


ngx_acme_ca_dns_address_t *
ngx_acme_ca_validation_aim(ngx_acme_ca_validation_t *v, in_port_t port)
{
    size_t                      len;
    u_char                      text[NGX_SOCKADDR_STRLEN];
    ngx_acme_ca_dns_address_t  *address;

    address = &v->addresses[v->i];

    ngx_inet_set_port((struct sockaddr *) &address->sockaddr, port);

    len = ngx_sock_ntop((struct sockaddr *) &address->sockaddr,
                        address->socklen, text, NGX_SOCKADDR_STRLEN, 1);

    if (acme_ca_copy(v->ctx.pool, &v->where, text, len) != NGX_OK) {
        return NULL;
    }

    return address;
}


ngx_msec_t
ngx_acme_ca_validation_share(ngx_acme_ca_validation_t *v, ngx_uint_t tries)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (v->ends_at - ngx_current_msec);
    left = ngx_max(left, 2) / (ngx_msec_int_t) tries;

    return ngx_max(left, 1);
}


void
ngx_acme_ca_validation_post(ngx_acme_ca_validation_t *v,
    void (*next)(ngx_acme_ca_validation_t *v))
{
    v->next = next;

    ngx_post_event(&v->step, &ngx_posted_events);
}


static void
ngx_acme_ca_validation_step(ngx_event_t *ev)
{
    ngx_acme_ca_validation_t  *v = ev->data;

    v->next(v);
}


static void
ngx_acme_ca_validation_timeout(ngx_event_t *ev)
{
    ngx_acme_ca_validation_t  *v = ev->data;

    if (v->query != NULL) {
        (void) acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "no answer for %V: the time was up", &v->name);

    } else {
        ngx_acme_ca_validation_tried(v, "timed out", 0);

        (void) acme_ca_refuse(&v->ctx, ACME_CA_CONNECTION,
                              "%V: the time was up", &v->where);
    }

    ngx_acme_ca_validation_finish(v);
}


void
ngx_acme_ca_validation_stop(ngx_acme_ca_validation_t *v)
{
    if (v->query != NULL) {
        ngx_acme_ca_dns_cancel(v->query);
        v->query = NULL;
    }

    if (v->data != NULL && v->method->stop != NULL) {
        v->method->stop(v);
    }

    if (v->timer.timer_set) {
        ngx_del_timer(&v->timer);
    }

    if (v->step.posted) {
        ngx_delete_posted_event(&v->step);
    }
}


void
ngx_acme_ca_validation_tried(ngx_acme_ca_validation_t *v, const char *result,
    ngx_uint_t status)
{
    acme_ca_json_open_object(&v->tried, NULL);
    acme_ca_json_write_string(&v->tried, "host", &v->name);

    if (v->where.len != 0) {
        acme_ca_json_write_string(&v->tried, "address", &v->where);
    }

    acme_ca_json_write_text(&v->tried, "result", result);

    if (status != 0) {
        acme_ca_json_write_number(&v->tried, "status", status);
    }

    acme_ca_json_write_number(&v->tried, "ms", ngx_current_msec - v->began_at);
    acme_ca_json_shut(&v->tried);
}


static u_char *
ngx_acme_ca_validation_log(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_acme_ca_validation_t  *v = log->data;

    u_char  *p;

    p = ngx_snprintf(buf, len, ", authority: %V, %V of %V",
                     &v->ca->authority.name,
                     &acme_ca_challenge_kinds[v->job.type].name,
                     &v->job.identifier.value);

    if (v->where.len != 0) {
        p = ngx_snprintf(p, len - (p - buf), " at %V", &v->where);
    }

    return p;
}
