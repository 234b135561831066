
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One attempt: asks what validate/ says and hands the answer back to it (RFC
 * 8555, 8).
 *
 *     run -> port -> ask -> (dns) -> connect -> (fetch) -> judge -> finish
 *              ^      ^                 |                    |
 *              |      +---- redirect ---|--------------------+
 *              +-------- next port -----+
 *
 * The handlers of dns and fetch only keep what came and post v->step, so no
 * function runs inside another's call.
 */


#include "ngx_acme_ca_validation.h"

#include "acme_ca_policy.h"


static ngx_int_t ngx_acme_ca_validation_copy(ngx_pool_t *pool,
    acme_ca_job_t *dst, acme_ca_job_t *src);
static void ngx_acme_ca_validation_port(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_ask(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_found(void *data, ngx_acme_ca_dns_rc_e rc,
    ngx_acme_ca_dns_address_t *addresses, ngx_uint_t n);
static void ngx_acme_ca_validation_resolved(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_police(ngx_acme_ca_validation_t *v,
    ngx_str_t *denied);
static void ngx_acme_ca_validation_connect(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_fetched(ngx_acme_ca_fetch_t *fetch);
static void ngx_acme_ca_validation_judge(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_unreached(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_redirect(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_post(ngx_acme_ca_validation_t *v,
    void (*next)(ngx_acme_ca_validation_t *v));
static void ngx_acme_ca_validation_step(ngx_event_t *ev);
static void ngx_acme_ca_validation_timeout(ngx_event_t *ev);
static void ngx_acme_ca_validation_tried(ngx_acme_ca_validation_t *v,
    const char *result, ngx_uint_t status);
static u_char *ngx_acme_ca_validation_log(ngx_log_t *log, u_char *buf,
    size_t len);


/* how a fetch that brought no answer is told: RFC 8555, 6.7 */

typedef struct {
    acme_ca_problem_type_e   type;
    unsigned                 next:1;    /* another address may do better */
    unsigned                 ours:1;    /* says nothing about the target */
} ngx_acme_ca_outcome_t;

static const ngx_acme_ca_outcome_t  ngx_acme_ca_outcomes[] = {
    /* OK */        { ACME_CA_SERVER_INTERNAL, 0, 0 },
    /* CONNECT */   { ACME_CA_CONNECTION, 1, 0 },
    /* TIMEOUT */   { ACME_CA_CONNECTION, 1, 0 },
    /* TLS */       { ACME_CA_TLS, 1, 0 },
    /* PROTOCOL */  { ACME_CA_INCORRECT_RESPONSE, 0, 0 },
    /* TOO_LARGE */ { ACME_CA_INCORRECT_RESPONSE, 0, 0 },
    /* ABORTED */   { ACME_CA_SERVER_INTERNAL, 0, 1 },
    /* ERROR */     { ACME_CA_SERVER_INTERNAL, 0, 1 }
};


ngx_acme_ca_validation_t *
ngx_acme_ca_validation_create(ngx_acme_ca_t *ca, acme_ca_job_t *job)
{
    ngx_pool_t                *pool;
    ngx_acme_ca_validation_t  *v;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    v = ngx_pcalloc(pool, sizeof(ngx_acme_ca_validation_t));

    if (v == NULL
        || ngx_acme_ca_validation_copy(pool, &v->job, job) != NGX_OK
        || acme_ca_key_authorization(pool, &v->job.token, v->job.thumbprint,
                                     &v->key_authorization)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    v->ca = ca;

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

    v->ends_at = ngx_current_msec + timeout;

    /* not cancelable: a draining worker finishes what it began */

    ngx_add_timer(&v->timer, timeout);

    ngx_acme_ca_validation_port(v);
}


static void
ngx_acme_ca_validation_port(ngx_acme_ca_validation_t *v)
{
    in_port_t  *ports;

    ports = v->ca->authority.http_01_ports->elts;

    v->redirects = 0;

    if (acme_ca_http01_start(v->ctx.pool, &v->job.identifier, ports[v->port],
                             &v->job.token, &v->target)
        != NGX_OK)
    {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    ngx_acme_ca_validation_ask(v);
}


static void
ngx_acme_ca_validation_ask(ngx_acme_ca_validation_t *v)
{
    v->n = 0;
    v->i = 0;
    v->status = 0;

    v->query = ngx_acme_ca_dns_resolve(v->ca->dns, &v->target.host,
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

    if (v->dns_rc != NGX_ACME_CA_DNS_OK || v->n == 0) {

        (void) acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "no address for %V: %s", &v->target.host,
                              ngx_acme_ca_dns_rc_text(v->dns_rc));

        ngx_acme_ca_validation_finish(v);
        return;
    }

    ngx_acme_ca_validation_police(v, &denied);

    if (v->n == 0) {
        v->final = 1;

        (void) acme_ca_refuse(&v->ctx, ACME_CA_CONNECTION,
                              "%V resolves to %V, which this authority may "
                              "not connect to", &v->target.host, &denied);

        ngx_acme_ca_validation_finish(v);
        return;
    }

    ngx_acme_ca_validation_connect(v);
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


static void
ngx_acme_ca_validation_connect(ngx_acme_ca_validation_t *v)
{
    size_t                      len;
    u_char                      text[NGX_SOCKADDR_STRLEN];
    ngx_msec_int_t              left;
    ngx_acme_ca_dns_address_t  *address;

    address = &v->addresses[v->i];

    ngx_inet_set_port((struct sockaddr *) &address->sockaddr, v->target.port);

    len = ngx_sock_ntop((struct sockaddr *) &address->sockaddr,
                        address->socklen, text, NGX_SOCKADDR_STRLEN, 1);

    if (acme_ca_copy(v->ctx.pool, &v->where, text, len) != NGX_OK) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    /* what is left is shared among the addresses that are left */

    left = (ngx_msec_int_t) (v->ends_at - ngx_current_msec);
    left = ngx_max(left, 2) / (ngx_msec_int_t) (v->n - v->i);

    ngx_memzero(&v->fetch, sizeof(ngx_acme_ca_fetch_t));

    v->fetch.conf = v->ca->fetch;
    v->fetch.sockaddr = (struct sockaddr *) &address->sockaddr;
    v->fetch.socklen = address->socklen;
    v->fetch.host = v->target.host_header;
    v->fetch.path = v->target.path;
    v->fetch.tls = v->target.tls;
    v->fetch.timeout_ms = ngx_max(left, 1);
    v->fetch.max_body = ACME_CA_HTTP01_BODY;
    v->fetch.log = &v->log;
    v->fetch.handler = ngx_acme_ca_validation_fetched;
    v->fetch.data = v;
    ngx_str_set(&v->fetch.user_agent, NGX_ACME_CA_USER_AGENT);

    if (v->target.tls && v->job.identifier.type == ACME_CA_IDENTIFIER_DNS) {
        v->fetch.server_name = v->target.host;
    }

    if (ngx_acme_ca_fetch_start(&v->fetch) != NGX_OK) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    v->fetching = 1;
}


static void
ngx_acme_ca_validation_fetched(ngx_acme_ca_fetch_t *fetch)
{
    ngx_acme_ca_validation_t  *v = fetch->data;

    v->fetching = 0;
    v->status = fetch->status;

    ngx_str_null(&v->location);
    ngx_str_null(&v->body);

    if (acme_ca_copy(v->ctx.pool, &v->location, fetch->location.data,
                     fetch->location.len)
        != NGX_OK
        || acme_ca_copy(v->ctx.pool, &v->body, fetch->body.data,
                        fetch->body.len)
           != NGX_OK)
    {
        fetch->rc = NGX_ACME_CA_FETCH_ERROR;
    }

    ngx_acme_ca_validation_post(v, ngx_acme_ca_validation_judge);
}


static void
ngx_acme_ca_validation_judge(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_validation_tried(v, ngx_acme_ca_fetch_rc_text(v->fetch.rc),
                                 v->status);

    if (v->fetch.rc != NGX_ACME_CA_FETCH_OK) {
        ngx_acme_ca_validation_unreached(v);
        return;
    }

    if (v->status >= 301 && v->status <= 308 && v->location.len != 0) {
        ngx_acme_ca_validation_redirect(v);
        return;
    }

    (void) acme_ca_http01_judge(&v->ctx, &v->where, v->status, &v->body,
                                &v->key_authorization);

    ngx_acme_ca_validation_finish(v);
}


static void
ngx_acme_ca_validation_unreached(ngx_acme_ca_validation_t *v)
{
    const ngx_acme_ca_outcome_t  *outcome;

    outcome = &ngx_acme_ca_outcomes[v->fetch.rc];

    if (outcome->ours) {

        /* the lease ends, and somebody else asks */

        ngx_acme_ca_validation_drop(v);
        return;
    }

    if (outcome->next) {

        if (++v->i < v->n) {
            ngx_acme_ca_validation_connect(v);
            return;
        }

        if (v->redirects == 0
            && ++v->port < v->ca->authority.http_01_ports->nelts)
        {
            ngx_acme_ca_validation_port(v);
            return;
        }
    }

    (void) acme_ca_refuse(&v->ctx, outcome->type, "%V: %s%s", &v->where,
                          v->fetch.connected ? "connected, but " : "",
                          ngx_acme_ca_fetch_rc_text(v->fetch.rc));

    ngx_acme_ca_validation_finish(v);
}


static void
ngx_acme_ca_validation_redirect(ngx_acme_ca_validation_t *v)
{
    ngx_int_t                rc;
    acme_ca_http01_target_t  target;

    target = v->target;

    if (++v->redirects > ACME_CA_HTTP01_REDIRECTS) {

        rc = acme_ca_refuse(&v->ctx, ACME_CA_CONNECTION,
                            "%V: more than %d redirects", &v->where,
                            ACME_CA_HTTP01_REDIRECTS);

    } else {
        rc = acme_ca_http01_redirect(&v->ctx, &v->target, &v->location,
                                     v->ca->authority.http_01_ports, &target);
    }

    if (rc == NGX_OK) {
        v->target = target;
        ngx_acme_ca_validation_ask(v);

    } else if (rc == NGX_ABORT) {
        v->final = 1;
        ngx_acme_ca_validation_finish(v);

    } else {
        ngx_acme_ca_validation_drop(v);
    }
}


static void
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
                              "no address for %V: the time was up",
                              &v->target.host);

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

    if (v->fetching) {
        ngx_acme_ca_fetch_cancel(&v->fetch);
        v->fetching = 0;
    }

    if (v->timer.timer_set) {
        ngx_del_timer(&v->timer);
    }

    if (v->step.posted) {
        ngx_delete_posted_event(&v->step);
    }
}


static void
ngx_acme_ca_validation_tried(ngx_acme_ca_validation_t *v, const char *result,
    ngx_uint_t status)
{
    acme_ca_json_open_object(&v->tried, NULL);
    acme_ca_json_write_string(&v->tried, "host", &v->target.host);
    acme_ca_json_write_string(&v->tried, "address", &v->where);
    acme_ca_json_write_text(&v->tried, "result", result);

    if (status != 0) {
        acme_ca_json_write_number(&v->tried, "status", status);
    }

    acme_ca_json_shut(&v->tried);
}


static u_char *
ngx_acme_ca_validation_log(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_acme_ca_validation_t  *v = log->data;

    return ngx_snprintf(buf, len, ", authority: %V, http-01 of %V at %V",
                        &v->ca->authority.name, &v->job.identifier.value,
                        &v->where);
}
