
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * http-01 (RFC 8555, 8.3): the answer fetched, redirects followed.
 *
 *     start -> port -> ask -> (dns) -> connect -> (fetch) -> judge
 *               ^       ^                 |                    |
 *               |       +---- redirect ---|--------------------+
 *               +--------- next port -----+
 */


#include "ngx_acme_ca_validation.h"

#include "acme_ca_http01.h"


typedef struct {
    acme_ca_http01_target_t     target;
    ngx_uint_t                  port;         /* index into http_01_ports */
    ngx_uint_t                  redirects;
    ngx_acme_ca_fetch_t         fetch;
    ngx_uint_t                  status;
    ngx_str_t                   location;
    ngx_str_t                   body;
    unsigned                    fetching:1;
} ngx_acme_ca_http01_t;


static void ngx_acme_ca_validation_http01_port(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_http01_ask(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_http01_connect(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_http01_fetched(ngx_acme_ca_fetch_t *fetch);
static void ngx_acme_ca_validation_http01_judge(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_http01_unreached(
    ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_http01_redirect(
    ngx_acme_ca_validation_t *v);


/* how a fetch that brought no answer is told: RFC 8555, 6.7 */

typedef struct {
    acme_ca_problem_type_e   type;
    unsigned                 next:1;    /* another address may do better */
    unsigned                 ours:1;    /* says nothing about the target */
} ngx_acme_ca_http01_outcome_t;

static const ngx_acme_ca_http01_outcome_t  ngx_acme_ca_http01_outcomes[] = {
    /* OK */        { ACME_CA_SERVER_INTERNAL, 0, 0 },
    /* CONNECT */   { ACME_CA_CONNECTION, 1, 0 },
    /* TIMEOUT */   { ACME_CA_CONNECTION, 1, 0 },
    /* TLS */       { ACME_CA_TLS, 1, 0 },
    /* PROTOCOL */  { ACME_CA_INCORRECT_RESPONSE, 0, 0 },
    /* TOO_LARGE */ { ACME_CA_INCORRECT_RESPONSE, 0, 0 },
    /* ABORTED */   { ACME_CA_SERVER_INTERNAL, 0, 1 },
    /* ERROR */     { ACME_CA_SERVER_INTERNAL, 0, 1 }
};


void
ngx_acme_ca_validation_http01_start(ngx_acme_ca_validation_t *v)
{
    v->data = ngx_pcalloc(v->ctx.pool, sizeof(ngx_acme_ca_http01_t));

    if (v->data == NULL) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    ngx_acme_ca_validation_http01_port(v);
}


static void
ngx_acme_ca_validation_http01_port(ngx_acme_ca_validation_t *v)
{
    in_port_t             *ports;
    ngx_acme_ca_http01_t  *h = v->data;

    ports = v->ca->authority.http_01_ports->elts;

    if (acme_ca_http01_start(v->ctx.pool, &v->job.identifier, ports[h->port],
                             &v->job.token, &h->target)
        != NGX_OK)
    {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    ngx_acme_ca_validation_http01_ask(v);
}


static void
ngx_acme_ca_validation_http01_ask(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_http01_t  *h = v->data;

    h->status = 0;

    ngx_acme_ca_validation_resolve(v, &h->target.host,
                                   ngx_acme_ca_validation_http01_connect);
}


static void
ngx_acme_ca_validation_http01_connect(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_http01_t       *h = v->data;
    ngx_acme_ca_dns_address_t  *address;

    address = ngx_acme_ca_validation_aim(v, h->target.port);

    if (address == NULL) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    ngx_memzero(&h->fetch, sizeof(ngx_acme_ca_fetch_t));

    h->fetch.conf = v->ca->fetch;
    h->fetch.sockaddr = (struct sockaddr *) &address->sockaddr;
    h->fetch.socklen = address->socklen;
    h->fetch.host = h->target.host_header;
    h->fetch.path = h->target.path;
    h->fetch.tls = h->target.tls;
    h->fetch.timeout_ms = ngx_acme_ca_validation_share(v, v->n - v->i);
    h->fetch.max_body = ACME_CA_HTTP01_BODY;
    h->fetch.log = &v->log;
    h->fetch.handler = ngx_acme_ca_validation_http01_fetched;
    h->fetch.data = v;
    ngx_str_set(&h->fetch.user_agent, NGX_ACME_CA_USER_AGENT);

    if (h->target.tls && v->job.identifier.type == ACME_CA_IDENTIFIER_DNS) {
        h->fetch.server_name = h->target.host;
    }

    if (ngx_acme_ca_fetch_start(&h->fetch) != NGX_OK) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    h->fetching = 1;
}


static void
ngx_acme_ca_validation_http01_fetched(ngx_acme_ca_fetch_t *fetch)
{
    ngx_acme_ca_validation_t  *v = fetch->data;
    ngx_acme_ca_http01_t      *h = v->data;

    h->fetching = 0;
    h->status = fetch->status;

    ngx_str_null(&h->location);
    ngx_str_null(&h->body);

    if (acme_ca_copy(v->ctx.pool, &h->location, fetch->location.data,
                     fetch->location.len)
        != NGX_OK
        || acme_ca_copy(v->ctx.pool, &h->body, fetch->body.data,
                        fetch->body.len)
           != NGX_OK)
    {
        fetch->rc = NGX_ACME_CA_FETCH_ERROR;
    }

    ngx_acme_ca_validation_post(v, ngx_acme_ca_validation_http01_judge);
}


static void
ngx_acme_ca_validation_http01_judge(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_http01_t  *h = v->data;

    ngx_acme_ca_validation_tried(v, ngx_acme_ca_fetch_rc_text(h->fetch.rc),
                                 h->status);

    if (h->fetch.rc != NGX_ACME_CA_FETCH_OK) {
        ngx_acme_ca_validation_http01_unreached(v);
        return;
    }

    if (h->status >= 301 && h->status <= 308 && h->location.len != 0) {
        ngx_acme_ca_validation_http01_redirect(v);
        return;
    }

    if (acme_ca_http01_judge(&v->ctx, &v->where, h->status, &h->body,
                             &v->key_authorization)
        == NGX_OK)
    {
        ngx_acme_ca_validation_passed(v);
        return;
    }

    v->again = h->status >= 500;

    ngx_acme_ca_validation_finish(v);
}


static void
ngx_acme_ca_validation_http01_unreached(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_http01_t                *h = v->data;
    const ngx_acme_ca_http01_outcome_t  *outcome;

    outcome = &ngx_acme_ca_http01_outcomes[h->fetch.rc];

    if (outcome->ours) {

        /* the lease ends, and somebody else asks */

        ngx_acme_ca_validation_drop(v);
        return;
    }

    if (outcome->next) {

        if (++v->i < v->n) {
            ngx_acme_ca_validation_http01_connect(v);
            return;
        }

        if (h->redirects == 0
            && ++h->port < v->ca->authority.http_01_ports->nelts)
        {
            ngx_acme_ca_validation_http01_port(v);
            return;
        }
    }

    (void) acme_ca_refuse(&v->ctx, outcome->type, "%V: %s%s", &v->where,
                          h->fetch.connected ? "connected, but " : "",
                          ngx_acme_ca_fetch_rc_text(h->fetch.rc));

    ngx_acme_ca_validation_finish(v);
}


static void
ngx_acme_ca_validation_http01_redirect(ngx_acme_ca_validation_t *v)
{
    ngx_int_t                rc;
    ngx_acme_ca_http01_t    *h = v->data;
    acme_ca_http01_target_t  target;

    target = h->target;

    if (++h->redirects > ACME_CA_HTTP01_REDIRECTS) {

        rc = acme_ca_refuse(&v->ctx, ACME_CA_CONNECTION,
                            "%V: more than %d redirects", &v->where,
                            ACME_CA_HTTP01_REDIRECTS);

    } else {
        rc = acme_ca_http01_redirect(&v->ctx, &h->target, &h->location,
                                     v->ca->authority.http_01_ports, &target);
    }

    if (rc == NGX_OK) {
        h->target = target;
        ngx_acme_ca_validation_http01_ask(v);

    } else if (rc == NGX_ABORT) {
        v->final = 1;
        ngx_acme_ca_validation_finish(v);

    } else {
        ngx_acme_ca_validation_drop(v);
    }
}


void
ngx_acme_ca_validation_http01_stop(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_http01_t  *h = v->data;

    if (h->fetching) {
        ngx_acme_ca_fetch_cancel(&h->fetch);
        h->fetching = 0;
    }
}
