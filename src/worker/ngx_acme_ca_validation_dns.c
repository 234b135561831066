
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Challenges by a TXT record (RFC 8555, 8.4, and its relatives).
 *
 *     start -> ask -> (dns) -> judge -> passed
 *               ^                |  \-> finish
 *               +---- alias -----+
 *
 * A name server that follows aliases itself sends the chain with the records;
 * of one that does not, or that does not serve the target, the target is asked
 * for here.
 */


#include "ngx_acme_ca_validation.h"

#include "acme_ca_dns01.h"


typedef struct {
    ngx_str_t           name;
    ngx_uint_t          aliases;
    ngx_str_t           message;
    acme_ca_dns_txt_t   txt;
} ngx_acme_ca_validation_dns_t;


static void ngx_acme_ca_validation_dns_ask(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_dns_answered(void *data,
    ngx_acme_ca_dns_rc_e rc, u_char *message, size_t len);
static void ngx_acme_ca_validation_dns_judge(ngx_acme_ca_validation_t *v);
static ngx_int_t ngx_acme_ca_validation_dns_read(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_dns_alias(ngx_acme_ca_validation_t *v);
static ngx_int_t ngx_acme_ca_validation_dns_compare(
    ngx_acme_ca_validation_t *v);


void
ngx_acme_ca_validation_dns_start(ngx_acme_ca_validation_t *v)
{
    ngx_int_t                      rc;
    ngx_acme_ca_validation_dns_t  *d;

    d = ngx_pcalloc(v->ctx.pool, sizeof(ngx_acme_ca_validation_dns_t));

    if (d == NULL) {
        ngx_acme_ca_validation_drop(v);
        return;
    }

    v->data = d;

    rc = acme_ca_dns01_name(&v->ctx, &v->job, &d->name);

    if (rc == NGX_OK) {
        ngx_acme_ca_validation_dns_ask(v);

    } else if (rc == NGX_ABORT) {
        v->final = 1;
        ngx_acme_ca_validation_finish(v);

    } else {
        ngx_acme_ca_validation_drop(v);
    }
}


static void
ngx_acme_ca_validation_dns_ask(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_validation_dns_t *d = v->data;

    v->name = d->name;
    ngx_str_null(&d->message);

    v->query = ngx_acme_ca_dns_search(v->ca->dns, &v->name, ACME_CA_DNS_TXT,
                                      ngx_acme_ca_validation_dns_answered, v);
    if (v->query == NULL) {
        ngx_acme_ca_validation_drop(v);
    }
}


static void
ngx_acme_ca_validation_dns_answered(void *data, ngx_acme_ca_dns_rc_e rc,
    u_char *message, size_t len)
{
    ngx_acme_ca_validation_t  *v = data;

    ngx_acme_ca_validation_dns_t  *d;

    d = v->data;

    v->query = NULL;
    v->dns_rc = rc;

    if (rc == NGX_ACME_CA_DNS_OK
        && acme_ca_copy(v->ctx.pool, &d->message, message, len) != NGX_OK)
    {
        v->dns_rc = NGX_ACME_CA_DNS_ERROR;
    }

    ngx_acme_ca_validation_post(v, ngx_acme_ca_validation_dns_judge);
}


static void
ngx_acme_ca_validation_dns_judge(ngx_acme_ca_validation_t *v)
{
    ngx_int_t                      rc;
    ngx_acme_ca_validation_dns_t  *d;

    d = v->data;

    ngx_acme_ca_validation_tried(v, ngx_acme_ca_dns_rc_text(v->dns_rc), 0);

    rc = ngx_acme_ca_validation_dns_read(v);

    if (rc == NGX_OK && d->txt.texts->nelts == 0 && d->txt.aliases != 0) {
        ngx_acme_ca_validation_dns_alias(v);
        return;
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_validation_dns_compare(v);
    }

    if (rc == NGX_OK) {
        ngx_acme_ca_validation_passed(v);

    } else if (rc == NGX_ABORT) {

        /* a record may take its time to get to every name server */

        v->again = 1;
        ngx_acme_ca_validation_finish(v);

    } else {
        ngx_acme_ca_validation_drop(v);
    }
}


static ngx_int_t
ngx_acme_ca_validation_dns_read(ngx_acme_ca_validation_t *v)
{
    ngx_int_t                      rc;
    ngx_acme_ca_validation_dns_t  *d;

    d = v->data;

    if (v->dns_rc == NGX_ACME_CA_DNS_ERROR
        || v->dns_rc == NGX_ACME_CA_DNS_CANCELLED)
    {
        return NGX_ERROR;
    }

    if (v->dns_rc != NGX_ACME_CA_DNS_OK) {
        return acme_ca_refuse(&v->ctx, ACME_CA_DNS, "no TXT record at %V: %s",
                              &v->name, ngx_acme_ca_dns_rc_text(v->dns_rc));
    }

    rc = acme_ca_dns_txt_parse(v->ctx.pool, d->message.data, d->message.len,
                               &d->name, &d->txt);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "the DNS server's answer for TXT records at %V "
                              "is malformed", &v->name);
    }

    return rc;
}


static void
ngx_acme_ca_validation_dns_alias(ngx_acme_ca_validation_t *v)
{
    ngx_acme_ca_validation_dns_t  *d;

    d = v->data;

    d->aliases += d->txt.aliases;

    if (d->aliases > ACME_CA_DNS_ALIASES) {
        v->again = 1;

        (void) acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "no TXT record at %V: more than %d aliases in a "
                              "row", &v->name, ACME_CA_DNS_ALIASES);

        ngx_acme_ca_validation_finish(v);
        return;
    }

    d->name = d->txt.name;

    ngx_acme_ca_validation_dns_ask(v);
}


static ngx_int_t
ngx_acme_ca_validation_dns_compare(ngx_acme_ca_validation_t *v)
{
    ngx_int_t                      rc;
    ngx_str_t                      digest;
    ngx_acme_ca_validation_dns_t  *d;

    d = v->data;

    if (v->job.type == ACME_CA_DNS_PERSIST_01) {
        v->ctx.now = ngx_time();
        v->job.reuse = ngx_max(d->txt.ttl, ACME_CA_DNS_PERSIST_REUSE);

        return acme_ca_dns_persist_judge(&v->ctx, &d->txt, &v->job,
                                         v->ca->authority.caa_identities);
    }

    rc = acme_ca_dns01_digest(v->ctx.pool, &v->key_authorization, &digest);

    return (rc == NGX_OK) ? acme_ca_dns01_judge(&v->ctx, &d->txt, &digest)
                          : rc;
}
