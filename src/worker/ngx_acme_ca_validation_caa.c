
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * CAA after the challenge (RFC 8659, 3): the name is asked for its records,
 * then each parent, until some are found.  The mode that decides is that of
 * the name being asked: where CAA is off, climbing ends.  An alias that the
 * name server did not follow is asked for here, and speaks for the name.
 */


#include "ngx_acme_ca_validation.h"

#include "acme_ca_caa.h"
#include "acme_ca_dns_message.h"


static void ngx_acme_ca_validation_caa_begin(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_caa_ask(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_caa_found(void *data,
    ngx_acme_ca_dns_rc_e rc, u_char *message, size_t len);
static ngx_int_t ngx_acme_ca_validation_caa_read(ngx_acme_ca_validation_t *v,
    u_char *message, size_t len);
static void ngx_acme_ca_validation_caa_answered(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_caa_judge(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_caa_failed(ngx_acme_ca_validation_t *v,
    const char *why);
static void ngx_acme_ca_validation_caa_climb(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_validation_caa_timeout(ngx_event_t *ev);
static void ngx_acme_ca_validation_caa_note(ngx_acme_ca_validation_t *v,
    const char *result);


void
ngx_acme_ca_validation_caa(ngx_acme_ca_validation_t *v)
{
    if (v->job.identifier.type != ACME_CA_IDENTIFIER_DNS) {
        ngx_acme_ca_validation_finish(v);
        return;
    }

    v->name = v->job.identifier.value;
    v->timer.handler = ngx_acme_ca_validation_caa_timeout;

    ngx_acme_ca_validation_caa_begin(v);
}


static void
ngx_acme_ca_validation_caa_begin(ngx_acme_ca_validation_t *v)
{
    if (acme_ca_caa_mode(&v->ca->authority, &v->name) == ACME_CA_CAA_OFF) {
        ngx_acme_ca_validation_finish(v);
        return;
    }

    v->caa_asked = v->name;
    v->caa_aliases = 0;

    ngx_acme_ca_validation_caa_ask(v);
}


static void
ngx_acme_ca_validation_caa_ask(ngx_acme_ca_validation_t *v)
{
    v->caa_alias = 0;
    v->caa = ngx_array_create(v->ctx.pool, 2, sizeof(acme_ca_caa_record_t));

    if (v->caa != NULL) {
        v->query = ngx_acme_ca_dns_search(v->ca->dns, &v->caa_asked,
                                          ACME_CA_CAA_TYPE,
                                          ngx_acme_ca_validation_caa_found, v);
    }

    if (v->caa == NULL || v->query == NULL) {
        ngx_acme_ca_validation_drop(v);
    }
}


static void
ngx_acme_ca_validation_caa_found(void *data, ngx_acme_ca_dns_rc_e rc,
    u_char *message, size_t len)
{
    ngx_acme_ca_validation_t  *v = data;

    v->query = NULL;
    v->dns_rc = rc;
    v->caa_rc = NGX_OK;

    if (rc == NGX_ACME_CA_DNS_OK) {
        v->caa_rc = ngx_acme_ca_validation_caa_read(v, message, len);
    }

    ngx_acme_ca_validation_post(v, ngx_acme_ca_validation_caa_answered);
}


static ngx_int_t
ngx_acme_ca_validation_caa_read(ngx_acme_ca_validation_t *v, u_char *message,
    size_t len)
{
    ngx_int_t          rc;
    acme_ca_dns_txt_t  txt;

    rc = acme_ca_caa_parse(v->ctx.pool, message, len, v->caa);

    if (rc != NGX_OK || v->caa->nelts != 0) {
        return rc;
    }

    /* no texts are in it, but where the aliases lead to */

    rc = acme_ca_dns_txt_parse(v->ctx.pool, message, len, &v->caa_asked, &txt);

    if (rc == NGX_OK && txt.aliases != 0) {
        v->caa_asked = txt.name;
        v->caa_aliases += txt.aliases;
        v->caa_alias = 1;
    }

    return rc;
}


static void
ngx_acme_ca_validation_caa_answered(ngx_acme_ca_validation_t *v)
{
    if (v->dns_rc == NGX_ACME_CA_DNS_ERROR
        || v->dns_rc == NGX_ACME_CA_DNS_CANCELLED
        || v->caa_rc == NGX_ERROR)
    {
        /* the lease ends, and somebody else asks */

        ngx_acme_ca_validation_drop(v);
        return;
    }

    if (v->dns_rc != NGX_ACME_CA_DNS_OK
        && v->dns_rc != NGX_ACME_CA_DNS_NO_NAME
        && v->dns_rc != NGX_ACME_CA_DNS_NO_DATA)
    {
        ngx_acme_ca_validation_caa_failed(v,
                                          ngx_acme_ca_dns_rc_text(v->dns_rc));
        return;
    }

    if (v->caa_rc != NGX_OK) {
        ngx_acme_ca_validation_caa_failed(v, "the answer is malformed");

    } else if (v->caa_aliases > ACME_CA_DNS_ALIASES) {
        ngx_acme_ca_validation_caa_failed(v, "too many aliases in a row");

    } else if (v->caa_alias) {
        ngx_acme_ca_validation_caa_ask(v);

    } else {
        ngx_acme_ca_validation_caa_judge(v);
    }
}


static void
ngx_acme_ca_validation_caa_judge(ngx_acme_ca_validation_t *v)
{
    ngx_int_t              rc;
    acme_ca_caa_request_t  request;

    request.identifier = &v->job.identifier;
    request.identities = v->ca->authority.caa_identities;
    request.account_url = v->job.account_url;
    request.method = acme_ca_challenge_kinds[v->job.type].name;

    rc = acme_ca_caa_judge(&v->ctx, &request, &v->name, v->caa);

    switch (rc) {

    case NGX_OK:
        ngx_acme_ca_validation_caa_note(v, "permitted");
        ngx_acme_ca_validation_finish(v);
        return;

    case NGX_DECLINED:
        ngx_acme_ca_validation_caa_note(v, "no records");
        ngx_acme_ca_validation_caa_climb(v);
        return;

    case NGX_ABORT:
        ngx_acme_ca_validation_caa_note(v, "forbidden");
        ngx_acme_ca_validation_finish(v);
        return;

    default:
        ngx_acme_ca_validation_drop(v);
    }
}


static void
ngx_acme_ca_validation_caa_failed(ngx_acme_ca_validation_t *v,
    const char *why)
{
    ngx_acme_ca_validation_caa_note(v, why);

    if (acme_ca_caa_mode(&v->ca->authority, &v->name) == ACME_CA_CAA_STRICT) {

        (void) acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "CAA of %V is unknown, so nothing is issued for "
                              "%V: %s", &v->name, &v->job.identifier.value,
                              why);

        ngx_acme_ca_validation_finish(v);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, &v->log, 0,
                  "CAA of %V is unknown, and counts as none: %s", &v->name,
                  why);

    ngx_acme_ca_validation_caa_climb(v);
}


static void
ngx_acme_ca_validation_caa_climb(ngx_acme_ca_validation_t *v)
{
    if (acme_ca_caa_climb(&v->name) == NGX_OK) {
        ngx_acme_ca_validation_caa_begin(v);
        return;
    }

    ngx_acme_ca_validation_finish(v);
}


/* of the whole attempt: no other name can be asked */

static void
ngx_acme_ca_validation_caa_timeout(ngx_event_t *ev)
{
    ngx_acme_ca_validation_t  *v = ev->data;

    if (v->query != NULL) {
        ngx_acme_ca_dns_cancel(v->query);
        v->query = NULL;
    }

    if (v->step.posted) {
        ngx_delete_posted_event(&v->step);
    }

    ngx_acme_ca_validation_caa_note(v, "the time was up");

    if (acme_ca_caa_mode(&v->ca->authority, &v->name) == ACME_CA_CAA_STRICT) {
        (void) acme_ca_refuse(&v->ctx, ACME_CA_DNS,
                              "CAA of %V is unknown, so nothing is issued for "
                              "%V: the time was up", &v->name,
                              &v->job.identifier.value);
    }

    ngx_acme_ca_validation_finish(v);
}


static void
ngx_acme_ca_validation_caa_note(ngx_acme_ca_validation_t *v,
    const char *result)
{
    acme_ca_json_open_object(&v->tried, NULL);
    acme_ca_json_write_string(&v->tried, "caa", &v->name);
    acme_ca_json_write_text(&v->tried, "result", result);
    acme_ca_json_write_number(&v->tried, "ms", ngx_current_msec - v->began_at);
    acme_ca_json_shut(&v->tried);
}
