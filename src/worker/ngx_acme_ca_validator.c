
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Runs validations: takes a job, asks what validate/ says, hands the answer
 * back to it, writes the verdict (RFC 8555, 8).
 *
 *     start -> run -> ask -> (dns) -> connect -> (fetch) -> judge -> finish
 *               ^       ^                |                    |
 *               |       +-- redirect ----|--------------------+
 *               +------- next port ------+
 *
 * The handlers of dns and fetch only keep what came and post v->step, so no
 * function runs inside another's call.  A job that no worker finishes (kill
 * -9, power) is claimed again by tick() when its lease has ended.
 */


#include "ngx_acme_ca.h"

#include "acme_ca_http01.h"
#include "acme_ca_policy.h"


#define NGX_ACME_CA_ADDRESSES   16
#define NGX_ACME_CA_CLAIM       64
#define NGX_ACME_CA_LEASE_MORE  3          /* seconds beyond the timeout */
#define NGX_ACME_CA_BACKOFF     60         /* seconds, at most */


typedef struct ngx_acme_ca_validation_s  ngx_acme_ca_validation_t;

struct ngx_acme_ca_validation_s {
    ngx_queue_t                 queue;
    ngx_acme_ca_t              *ca;
    acme_ca_ctx_t               ctx;          /* pool, log, problem */
    acme_ca_job_t               job;
    ngx_log_t                   log;

    ngx_str_t                   key_authorization;
    acme_ca_http01_target_t     target;
    ngx_uint_t                  port;         /* index into http_01_ports */
    ngx_uint_t                  redirects;

    ngx_acme_ca_dns_query_t    *query;
    ngx_acme_ca_dns_rc_e        dns_rc;
    ngx_acme_ca_dns_address_t   addresses[NGX_ACME_CA_ADDRESSES];
    ngx_uint_t                  n;
    ngx_uint_t                  i;
    ngx_str_t                   where;        /* "10.0.0.1:80" */

    ngx_acme_ca_fetch_t         fetch;
    ngx_uint_t                  status;
    ngx_str_t                   location;
    ngx_str_t                   body;

    acme_ca_json_writer_t       tried;        /* details of the audit row */
    ngx_msec_t                  ends_at;      /* ngx_current_msec */
    ngx_event_t                 timer;
    ngx_event_t                 step;
    void                      (*next)(ngx_acme_ca_validation_t *v);
    ngx_acme_ca_write_t         write;
    ngx_str_t                   details;
    time_t                      run_at;       /* of the next attempt */
    ngx_acme_ca_wait_t         *wait;

    unsigned                    fetching:1;
    unsigned                    running:1;
};


typedef struct {
    ngx_acme_ca_write_t         write;
    ngx_acme_ca_t              *ca;
    ngx_pool_t                 *pool;
    time_t                      now;
    time_t                      lease_until;
    ngx_uint_t                  limit;
    ngx_array_t                *jobs;
} ngx_acme_ca_claim_t;


static ngx_acme_ca_validation_t *ngx_acme_ca_validation_create(
    ngx_acme_ca_t *ca, acme_ca_job_t *job);
static ngx_int_t ngx_acme_ca_validation_copy(ngx_pool_t *pool,
    acme_ca_job_t *dst, acme_ca_job_t *src);
static void ngx_acme_ca_validation_run(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_port(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_ask(ngx_acme_ca_validation_t *v);
static ngx_uint_t ngx_acme_ca_validation_literal(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_found(void *data, ngx_acme_ca_dns_rc_e rc,
    ngx_acme_ca_dns_address_t *addresses, ngx_uint_t n);
static void ngx_acme_ca_validation_resolved(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_connect(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_fetched(ngx_acme_ca_fetch_t *fetch);
static void ngx_acme_ca_validation_judge(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_unreached(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_redirect(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_finish(ngx_acme_ca_validation_t *v);
static ngx_uint_t ngx_acme_ca_validation_again(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_post(ngx_acme_ca_validation_t *v,
    void (*next)(ngx_acme_ca_validation_t *v));
static void ngx_acme_ca_validation_step(ngx_event_t *ev);
static void ngx_acme_ca_validation_timeout(ngx_event_t *ev);
static void ngx_acme_ca_validation_stop(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_tried(ngx_acme_ca_validation_t *v,
    const char *result, ngx_uint_t status);
static ngx_int_t ngx_acme_ca_validation_verdict(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_validation_retry(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_validation_written(ngx_acme_ca_write_t *write,
    ngx_int_t rc);
static void ngx_acme_ca_validation_drop(ngx_acme_ca_validation_t *v);
static u_char *ngx_acme_ca_validation_log(ngx_log_t *log, u_char *buf,
    size_t len);

static void ngx_acme_ca_validator_next(ngx_acme_ca_t *ca);
static ngx_int_t ngx_acme_ca_validator_claim(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_validator_claimed(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


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


time_t
ngx_acme_ca_validator_lease(const ngx_acme_ca_t *ca)
{
    return (time_t) (ca->authority.validation_timeout / 1000)
           + NGX_ACME_CA_LEASE_MORE;
}


void
ngx_acme_ca_validator_start(ngx_acme_ca_t *ca, acme_ca_job_t *job,
    ngx_acme_ca_wait_t *wait)
{
    ngx_acme_ca_validation_t  *v;

    v = ngx_acme_ca_validation_create(ca, job);
    if (v == NULL) {
        return;
    }

    if (wait != NULL) {
        v->wait = wait;
        wait->place = &v->wait;
    }

    ngx_queue_insert_tail(&ca->claimed, &v->queue);

    ngx_acme_ca_validator_next(ca);
}


void
ngx_acme_ca_validator_forget(ngx_acme_ca_wait_t *wait)
{
    if (wait->place != NULL) {
        *wait->place = NULL;
        wait->place = NULL;
    }
}


static void
ngx_acme_ca_validator_next(ngx_acme_ca_t *ca)
{
    ngx_queue_t               *q;
    ngx_acme_ca_validation_t  *v;

    while (!ngx_queue_empty(&ca->claimed)
           && ca->validations_n < ca->authority.validation_concurrency)
    {
        q = ngx_queue_head(&ca->claimed);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ca->validations, q);

        v = ngx_queue_data(q, ngx_acme_ca_validation_t, queue);

        v->running = 1;
        ca->validations_n++;

        ngx_acme_ca_validation_run(v);
    }
}


void
ngx_acme_ca_validator_tick(ngx_acme_ca_t *ca)
{
    ngx_uint_t            n;
    ngx_pool_t           *pool;
    ngx_acme_ca_claim_t  *claim;

    if (ca->claiming
        || ca->validations_n >= ca->authority.validation_concurrency
        || acme_ca_store_job_find_due(ca->reader, ngx_time(), &n) != NGX_OK
        || n == 0)
    {
        return;
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    claim = ngx_pcalloc(pool, sizeof(ngx_acme_ca_claim_t));
    if (claim == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    claim->ca = ca;
    claim->pool = pool;
    claim->now = ngx_time();
    claim->lease_until = claim->now + ngx_acme_ca_validator_lease(ca);
    claim->limit = ngx_min(ca->authority.validation_concurrency
                           - ca->validations_n, NGX_ACME_CA_CLAIM);

    claim->write.apply = ngx_acme_ca_validator_claim;
    claim->write.done = ngx_acme_ca_validator_claimed;
    claim->write.data = claim;

    ca->claiming = 1;

    ngx_acme_ca_write_add(ca, &claim->write);
}


static ngx_int_t
ngx_acme_ca_validator_claim(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_claim_t  *claim = write->data;

    return acme_ca_store_job_claim(store, claim->pool, claim->now,
                                   claim->lease_until, claim->limit,
                                   &claim->jobs);
}


static void
ngx_acme_ca_validator_claimed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_claim_t  *claim = write->data;

    ngx_uint_t      i;
    acme_ca_job_t  *job;

    claim->ca->claiming = 0;

    if (rc == NGX_OK && claim->jobs != NULL) {
        job = claim->jobs->elts;

        for (i = 0; i < claim->jobs->nelts; i++) {
            ngx_acme_ca_validator_start(claim->ca, &job[i], NULL);
        }
    }

    ngx_destroy_pool(claim->pool);
}


static ngx_acme_ca_validation_t *
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
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
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
    v->dns_rc = NGX_ACME_CA_DNS_OK;

    if (ngx_acme_ca_validation_literal(v)) {
        ngx_acme_ca_validation_post(v, ngx_acme_ca_validation_resolved);
        return;
    }

    v->next = NULL;
    v->query = ngx_acme_ca_dns_resolve(v->ca->dns, &v->target.host,
                                       ngx_acme_ca_validation_found, v);

    if (v->next != NULL) {

        /* it was answered before it returned */

        v->query = NULL;

    } else if (v->query == NULL) {
        v->dns_rc = NGX_ACME_CA_DNS_ERROR;
        ngx_acme_ca_validation_post(v, ngx_acme_ca_validation_resolved);
    }
}


static ngx_uint_t
ngx_acme_ca_validation_literal(ngx_acme_ca_validation_t *v)
{
    ngx_addr_t  addr;

    if (ngx_parse_addr(v->ctx.pool, &addr, v->target.host.data,
                       v->target.host.len)
        != NGX_OK)
    {
        return 0;
    }

    ngx_memcpy(&v->addresses[0].sockaddr, addr.sockaddr, addr.socklen);
    v->addresses[0].socklen = addr.socklen;
    v->n = 1;

    return 1;
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
    u_char       text[NGX_SOCKADDR_STRLEN];
    size_t       len;
    ngx_str_t    denied;
    ngx_uint_t   i, n;

    if (v->dns_rc != NGX_ACME_CA_DNS_OK || v->n == 0) {

        (void) acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "no address for %V: %s", &v->target.host,
                              ngx_acme_ca_dns_rc_text(v->dns_rc));

        ngx_acme_ca_validation_finish(v);
        return;
    }

    /* of each hop the addresses are policed, before anything is sent */

    ngx_str_null(&denied);
    n = 0;

    for (i = 0; i < v->n; i++) {

        if (acme_ca_policy_address(&v->ca->authority,
                        (struct sockaddr *) &v->addresses[i].sockaddr)
            == NGX_OK)
        {
            v->addresses[n++] = v->addresses[i];
            continue;
        }

        len = ngx_sock_ntop((struct sockaddr *) &v->addresses[i].sockaddr,
                            v->addresses[i].socklen, text,
                            NGX_SOCKADDR_STRLEN, 0);

        (void) acme_ca_copy(v->ctx.pool, &denied, text, len);
    }

    if (n == 0) {
        (void) acme_ca_refuse(&v->ctx, ACME_CA_CONNECTION,
                              "%V resolves to %V, which this authority may "
                              "not connect to", &v->target.host, &denied);

        ngx_acme_ca_validation_finish(v);
        return;
    }

    v->n = n;

    ngx_acme_ca_validation_connect(v);
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

    (void) acme_ca_refuse(&v->ctx, outcome->type, "%V: %s", &v->where,
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
        ngx_acme_ca_validation_finish(v);

    } else {
        ngx_acme_ca_validation_drop(v);
    }
}


/* v->ctx.problem is the verdict: NULL is passed */

static void
ngx_acme_ca_validation_finish(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_validation_stop(v);

    v->ctx.now = ngx_time();

    if (v->ctx.problem != NULL) {
        ngx_log_error(NGX_LOG_INFO, &v->log, 0, "validation failed: %V",
                      &v->ctx.problem->detail);
    }

    acme_ca_json_shut(&v->tried);
    acme_ca_json_shut(&v->tried);

    if (acme_ca_json_finish(&v->tried, &v->details) != NGX_OK) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    v->write.apply = ngx_acme_ca_validation_again(v)
                     ? ngx_acme_ca_validation_retry
                     : ngx_acme_ca_validation_verdict;

    v->write.done = ngx_acme_ca_validation_written;
    v->write.data = v;

    ngx_acme_ca_write_add(v->ca, &v->write);
}


/*
 * Only what may be over in a moment is asked again: no connection, no name.
 * An answer that came and was wrong is final (RFC 8555, 8.2).
 */

static ngx_uint_t
ngx_acme_ca_validation_again(ngx_acme_ca_validation_t *v)
{
    acme_ca_problem_type_e  type;

    if (v->ctx.problem == NULL) {
        return 0;
    }

    type = v->ctx.problem->type;

    if (type != ACME_CA_CONNECTION && type != ACME_CA_DNS
        && type != ACME_CA_TLS)
    {
        return 0;
    }

    v->run_at = v->ctx.now
                + ngx_min((time_t) 1 << ngx_min(v->job.attempts, 16),
                          NGX_ACME_CA_BACKOFF);

    return v->job.attempts + 1 < v->ca->authority.validation_attempts
           && v->run_at <= v->job.deadline_at;
}


static ngx_int_t
ngx_acme_ca_validation_verdict(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_validation_t  *v = write->data;

    return acme_ca_protocol_verdict(&v->ctx, &v->ca->authority, store, &v->job,
                                    v->ctx.problem, &v->details);
}


static ngx_int_t
ngx_acme_ca_validation_retry(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_validation_t  *v = write->data;

    return acme_ca_protocol_retry(&v->ctx, store, &v->job, v->ctx.problem,
                                  &v->details, v->run_at);
}


static void
ngx_acme_ca_validation_written(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_validation_t  *v = write->data;

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, &v->log, 0,
                      "a verdict could not be written; the validation will be "
                      "run again");
    }

    ngx_acme_ca_validation_drop(v);
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


/* nothing of this validation is called any more, but by the writer */

static void
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


static void
ngx_acme_ca_validation_drop(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_t       *ca;
    ngx_acme_ca_wait_t  *wait;

    ca = v->ca;
    wait = v->wait;

    ngx_acme_ca_validation_stop(v);

    ngx_queue_remove(&v->queue);
    ca->validations_n -= v->running;

    ngx_destroy_pool(v->ctx.pool);

    if (wait != NULL) {
        wait->place = NULL;
        wait->handler(wait);
    }

    ngx_acme_ca_validator_next(ca);
}


static u_char *
ngx_acme_ca_validation_log(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_acme_ca_validation_t  *v = log->data;

    return ngx_snprintf(buf, len, ", authority: %V, http-01 of %V at %V",
                        &v->ca->authority.name, &v->job.identifier.value,
                        &v->where);
}
