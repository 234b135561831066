
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * tls-alpn-01 (RFC 8737; RFC 8738, 6): each address on each port, until one
 * lets itself be asked.
 *
 *     start -> (dns) -> connect -> (probe) -> judge
 *                          ^                    |
 *                          +--- next address ---+
 */


#include "ngx_acme_ca_validation.h"

#include "acme_ca_tls_alpn01.h"


typedef struct {
    ngx_uint_t                  port;      /* index into tls_alpn_01_ports */
    ngx_acme_ca_probe_t         probe;
} ngx_acme_ca_alpn_t;


static void ngx_acme_ca_validation_alpn_connect(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_alpn_probed(ngx_acme_ca_probe_t *probe);
static void ngx_acme_ca_validation_alpn_judge(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_alpn_unreached(
    ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_alpn_refuse(ngx_acme_ca_validation_t *v);


void
ngx_acme_ca_validation_alpn_start(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_alpn_t  *a;

    a = ngx_pcalloc(v->ctx.pool, sizeof(ngx_acme_ca_alpn_t));

    v->data = a;

    if (a == NULL
        || acme_ca_tls_alpn01_server_name(v->ctx.pool, &v->job.identifier,
                                          &a->probe.server_name)
           != NGX_OK)
    {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    a->probe.tls = v->ca->tls;
    a->probe.name = &v->where;
    a->probe.pool = v->ctx.pool;
    a->probe.log = &v->log;
    a->probe.handler = ngx_acme_ca_validation_alpn_probed;
    a->probe.data = v;
    ngx_str_set(&a->probe.protocol, ACME_CA_TLS_ALPN01_PROTOCOL);

    ngx_acme_ca_validation_resolve(v, &v->job.identifier.value,
                                   ngx_acme_ca_validation_alpn_connect);
}


static void
ngx_acme_ca_validation_alpn_connect(ngx_acme_ca_validation_t *v)
{
    in_port_t                  *ports;
    ngx_uint_t                  ports_left;
    ngx_acme_ca_alpn_t         *a = v->data;
    ngx_acme_ca_dns_address_t  *address;

    ports = v->ca->authority.tls_alpn_01_ports->elts;
    ports_left = v->ca->authority.tls_alpn_01_ports->nelts - a->port - 1;

    address = ngx_acme_ca_validation_aim(v, ports[a->port]);

    if (address == NULL) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    a->probe.sockaddr = (struct sockaddr *) &address->sockaddr;
    a->probe.socklen = address->socklen;
    a->probe.timeout_ms = ngx_acme_ca_validation_share(v, v->n - v->i
                                                       + ports_left * v->n);

    if (ngx_acme_ca_probe_start(&a->probe) != NGX_OK) {
        ngx_acme_ca_validation_drop(v);
    }
}


static void
ngx_acme_ca_validation_alpn_probed(ngx_acme_ca_probe_t *probe)
{
    ngx_acme_ca_validation_post(probe->data,
                                ngx_acme_ca_validation_alpn_judge);
}


static void
ngx_acme_ca_validation_alpn_judge(ngx_acme_ca_validation_t *v)
{
    ngx_int_t            rc;
    ngx_acme_ca_alpn_t  *a = v->data;

    ngx_acme_ca_validation_tried(v, ngx_acme_ca_probe_rc_text(a->probe.rc), 0);

    if (a->probe.rc != NGX_ACME_CA_PROBE_OK) {
        ngx_acme_ca_validation_alpn_unreached(v);
        return;
    }

    if (!a->probe.selected) {
        rc = acme_ca_refuse(&v->ctx, ACME_CA_UNAUTHORIZED,
                            "%V did not select the protocol \"%V\"",
                            &v->where, &a->probe.protocol);

    } else {
        rc = acme_ca_tls_alpn01_judge(&v->ctx, &v->where, &v->job.identifier,
                                      &a->probe.certificate,
                                      &v->key_authorization);
    }

    if (rc == NGX_OK) {
        ngx_acme_ca_validation_passed(v);

    } else if (rc == NGX_ABORT) {
        ngx_acme_ca_validation_finish(v);

    } else {
        ngx_acme_ca_validation_drop(v);
    }
}


static void
ngx_acme_ca_validation_alpn_unreached(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_alpn_t  *a = v->data;

    if (a->probe.rc == NGX_ACME_CA_PROBE_ERROR) {

        /* the lease ends, and somebody else asks */

        ngx_acme_ca_validation_drop(v);
        return;
    }

    if (++v->i < v->n) {
        ngx_acme_ca_validation_alpn_connect(v);
        return;
    }

    if (++a->port < v->ca->authority.tls_alpn_01_ports->nelts) {
        v->i = 0;
        ngx_acme_ca_validation_alpn_connect(v);
        return;
    }

    ngx_acme_ca_validation_alpn_refuse(v);
}


/* RFC 8555, 6.7: connection or tls */

static void
ngx_acme_ca_validation_alpn_refuse(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_probe_t     *probe;
    acme_ca_problem_type_e   type;

    probe = &((ngx_acme_ca_alpn_t *) v->data)->probe;

    type = probe->rc == NGX_ACME_CA_PROBE_TLS ? ACME_CA_TLS
                                              : ACME_CA_CONNECTION;

    if (probe->rc == NGX_ACME_CA_PROBE_TLS && probe->alert != NULL) {

        (void) acme_ca_refuse(&v->ctx, type,
                              "%V: connected, but the TLS handshake failed: "
                              "%s the alert \"%s\"", &v->where,
                              probe->alert_ours ? "it was given" : "it sent",
                              probe->alert);

    } else {
        (void) acme_ca_refuse(&v->ctx, type, "%V: %s%s", &v->where,
                              probe->connected ? "connected, but " : "",
                              ngx_acme_ca_probe_rc_text(probe->rc));
    }

    ngx_acme_ca_validation_finish(v);
}


void
ngx_acme_ca_validation_alpn_stop(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_alpn_t  *a = v->data;

    ngx_acme_ca_probe_cancel(&a->probe);
}
