
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Validations that nobody ordered: each kind of challenge is tried as it would
 * be, then CAA, and what was found is told instead of written.  They take
 * their places among the others, and end with whoever asked.
 *
 *     start -> method ... -> answer (of the challenge) -> caa ... -> answer
 *                     \-> drop                               \-> drop
 */


#include "ngx_acme_ca_validation.h"

#include "acme_ca_policy.h"


/* at once, of one worker */
#define NGX_ACME_CA_PREFLIGHTS  8


static ngx_uint_t ngx_acme_ca_preflight_works(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_preflight_caa(ngx_acme_ca_validation_t *v);
static ngx_int_t ngx_acme_ca_preflight_write(ngx_acme_ca_validation_t *v);
static void ngx_acme_ca_preflight_problem(ngx_acme_ca_validation_t *v,
    acme_ca_problem_t *problem);


ngx_int_t
ngx_acme_ca_preflight_start(ngx_acme_ca_t *ca, ngx_acme_ca_preflight_t *p)
{
    ngx_uint_t                 i;
    acme_ca_check_t           *check;
    ngx_acme_ca_validation_t  *v;

    if (ca->preflights_n == NGX_ACME_CA_PREFLIGHTS) {
        return NGX_BUSY;
    }

    p->ca = ca;
    p->running = ngx_pcalloc(p->pool, ACME_CA_CHALLENGE_TYPE_N
                                      * sizeof(ngx_acme_ca_validation_t *));
    if (p->running == NULL) {
        return NGX_ERROR;
    }

    ca->preflights_n++;

    /* this one holds the end back */

    p->n = 1;

    check = p->checks->elts;

    for (i = 0; i < p->checks->nelts; i++) {
        v = ngx_acme_ca_validation_create(ca, &check[i].job);

        if (v == NULL) {
            continue;
        }

        p->n++;
        p->running[i] = v;

        v->preflight = p;
        v->check = i;

        acme_ca_json_start(&v->tried, v->ctx.pool, 512);
        acme_ca_json_open_object(&v->tried, NULL);
        acme_ca_json_write_string(&v->tried, "challenge",
                   (ngx_str_t *) &acme_ca_challenge_kinds[v->job.type].name);
        acme_ca_json_open_array(&v->tried, "tried");

        ngx_queue_insert_tail(&ca->claimed, &v->queue);
    }

    ngx_acme_ca_validator_next(ca);

    ngx_acme_ca_preflight_end(p);

    return NGX_OK;
}


void
ngx_acme_ca_preflight_cancel(ngx_acme_ca_preflight_t *p)
{
    ngx_uint_t  i;

    if (p->n == 0) {
        return;
    }

    p->handler = NULL;

    for (i = 0; i < p->checks->nelts; i++) {
        if (p->running[i]) {
            ngx_acme_ca_validation_drop(p->running[i]);
        }
    }
}


/* all addresses, and which of them may be asked */

void
ngx_acme_ca_preflight_resolved(ngx_acme_ca_validation_t *v)
{
    size_t                  len;
    u_char                  text[NGX_SOCKADDR_STRLEN];
    ngx_str_t               address;
    ngx_uint_t              i;
    struct sockaddr        *sockaddr;
    acme_ca_json_writer_t  *w;

    w = &v->tried;

    acme_ca_json_open_object(w, NULL);
    acme_ca_json_write_string(w, "host", &v->name);
    acme_ca_json_write_text(w, "result", ngx_acme_ca_dns_rc_text(v->dns_rc));
    acme_ca_json_open_array(w, "addresses");

    for (i = 0; i < v->n; i++) {
        sockaddr = (struct sockaddr *) &v->addresses[i].sockaddr;

        len = ngx_sock_ntop(sockaddr, v->addresses[i].socklen, text,
                            NGX_SOCKADDR_STRLEN, 0);

        address.data = text;
        address.len = len;

        acme_ca_json_open_object(w, NULL);
        acme_ca_json_write_string(w, "address", &address);
        acme_ca_json_write_boolean(w, "allowed",
                      acme_ca_policy_address(&v->ca->authority, sockaddr)
                      == NGX_OK);
        acme_ca_json_shut(w);
    }

    acme_ca_json_shut(w);
    acme_ca_json_write_number(w, "ms", ngx_current_msec - v->began_at);
    acme_ca_json_shut(w);
}


void
ngx_acme_ca_preflight_answer(ngx_acme_ca_validation_t *v)
{
    if (!v->tried_caa) {
        ngx_acme_ca_preflight_caa(v);
        return;
    }

    if (ngx_acme_ca_preflight_write(v) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, &v->log, 0,
                      "what a preflight found could not be told");
    }

    ngx_acme_ca_validation_drop(v);
}


/* the token is of nobody: another answer is as good as the right one */

static ngx_uint_t
ngx_acme_ca_preflight_works(ngx_acme_ca_validation_t *v)
{
    acme_ca_problem_type_e  type;

    if (v->ctx.problem == NULL) {
        return 1;
    }

    switch (v->job.type) {

    case ACME_CA_HTTP_01:
    case ACME_CA_TLS_ALPN_01:
        type = v->ctx.problem->type;

        return (type == ACME_CA_INCORRECT_RESPONSE
                || type == ACME_CA_UNAUTHORIZED)
               && !v->again;

    default:
        return v->dns_rc == NGX_ACME_CA_DNS_OK
               || v->dns_rc == NGX_ACME_CA_DNS_NO_NAME
               || v->dns_rc == NGX_ACME_CA_DNS_NO_DATA;
    }
}


static void
ngx_acme_ca_preflight_caa(ngx_acme_ca_validation_t *v)
{
    v->works = ngx_acme_ca_preflight_works(v);
    v->proof = v->ctx.problem;
    v->proof_ms = ngx_current_msec - v->began_at;

    v->ctx.problem = NULL;
    v->tried_caa = 1;

    ngx_add_timer(&v->timer, v->ca->authority.validation_timeout);

    ngx_acme_ca_validation_caa(v);
}


static ngx_int_t
ngx_acme_ca_preflight_write(ngx_acme_ca_validation_t *v)
{
    ngx_str_t               text;
    acme_ca_check_t        *check;
    acme_ca_json_writer_t  *w;

    w = &v->tried;
    check = (acme_ca_check_t *) v->preflight->checks->elts + v->check;

    acme_ca_json_shut(w);
    acme_ca_json_write_boolean(w, "ok", v->works);
    ngx_acme_ca_preflight_problem(v, v->proof);
    acme_ca_json_write_number(w, "ms", v->proof_ms);
    acme_ca_json_open_object(w, "caa");
    acme_ca_json_write_boolean(w, "ok", v->ctx.problem == NULL);
    ngx_acme_ca_preflight_problem(v, v->ctx.problem);
    acme_ca_json_shut(w);
    acme_ca_json_shut(w);

    if (acme_ca_json_finish(w, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    check->works = v->works && v->ctx.problem == NULL;

    return acme_ca_copy(v->preflight->pool, &check->found, text.data,
                        text.len);
}


static void
ngx_acme_ca_preflight_problem(ngx_acme_ca_validation_t *v,
    acme_ca_problem_t *problem)
{
    ngx_str_t  document;

    if (problem == NULL) {
        return;
    }

    if (acme_ca_problem_write(v->ctx.pool, problem, &document) != NGX_OK) {
        v->tried.failed = 1;
        return;
    }

    acme_ca_json_write_raw(&v->tried, "problem", &document);
}


void
ngx_acme_ca_preflight_drop(ngx_acme_ca_validation_t *v)
{
    v->preflight->running[v->check] = NULL;
}


void
ngx_acme_ca_preflight_end(ngx_acme_ca_preflight_t *p)
{
    if (--p->n != 0) {
        return;
    }

    p->ca->preflights_n--;

    if (p->handler) {
        p->handler(p);
    }
}
