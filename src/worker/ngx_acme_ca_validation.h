
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One attempt of one validation; private to the files that run it.
 */


#ifndef _NGX_ACME_CA_VALIDATION_H_INCLUDED_
#define _NGX_ACME_CA_VALIDATION_H_INCLUDED_


#include "ngx_acme_ca_preflight.h"

#define NGX_ACME_CA_ADDRESSES   16

/* seconds from one attempt to the next, at most */
#define NGX_ACME_CA_BACKOFF     60


typedef struct ngx_acme_ca_validation_s  ngx_acme_ca_validation_t;


/*
 * A kind of challenge.  start() leads to passed(), finish() or drop(), at once
 * or later; it may keep what it needs in v->data, in v->ctx.pool.  stop() is
 * called when there is v->data, maybe twice: nothing of the method may be
 * called any more.  A query in v->query is cancelled without it.
 */
typedef struct {
    void                      (*start)(ngx_acme_ca_validation_t *v);
    void                      (*stop)(ngx_acme_ca_validation_t *v);
} ngx_acme_ca_method_t;

extern const ngx_acme_ca_method_t
    ngx_acme_ca_methods[ACME_CA_CHALLENGE_TYPE_N];


struct ngx_acme_ca_validation_s {
    ngx_queue_t                 queue;
    ngx_acme_ca_t              *ca;
    acme_ca_ctx_t               ctx;          /* pool, log, problem */
    acme_ca_job_t               job;
    ngx_log_t                   log;

    const ngx_acme_ca_method_t *method;
    void                       *data;         /* the method's, or NULL */
    ngx_str_t                   key_authorization;

    ngx_acme_ca_dns_query_t    *query;        /* one at a time, or NULL */
    ngx_str_t                   name;         /* what the query asks for */
    ngx_acme_ca_dns_rc_e        dns_rc;
    ngx_acme_ca_dns_address_t   addresses[NGX_ACME_CA_ADDRESSES];
    ngx_uint_t                  n;
    ngx_uint_t                  i;            /* the one in use */
    ngx_str_t                   where;        /* "10.0.0.1:80", or empty */
    void                      (*resolved)(ngx_acme_ca_validation_t *v);

    ngx_array_t                *caa;          /* records at v->name */
    ngx_int_t                   caa_rc;       /* of reading them */
    ngx_str_t                   caa_asked;    /* v->name or its alias */
    ngx_uint_t                  caa_aliases;

    acme_ca_json_writer_t       tried;        /* details of the audit row */
    ngx_msec_t                  began_at;     /* ngx_current_msec */
    ngx_msec_t                  ends_at;
    ngx_event_t                 timer;
    ngx_event_t                 step;
    void                      (*next)(ngx_acme_ca_validation_t *v);
    ngx_acme_ca_write_t         write;
    ngx_str_t                   details;
    time_t                      run_at;       /* of the next attempt */
    ngx_acme_ca_wait_t         *wait;

    ngx_acme_ca_preflight_t    *preflight;    /* it is one of it, or NULL */
    ngx_uint_t                  check;        /* of it: the index */
    acme_ca_problem_t          *proof;        /* of the challenge alone */
    ngx_msec_t                  proof_ms;

    ngx_acme_ca_ask_t          *ask;          /* CAA only, for this; or NULL */
    acme_ca_job_t              *asked;        /* of it, without an answer */

    unsigned                    final:1;      /* asking again cannot help */
    unsigned                    again:1;      /* it can, whatever the type */
    unsigned                    caa_alias:1;  /* caa_asked is to be asked */
    unsigned                    running:1;
    unsigned                    works:1;      /* of a preflight */
    unsigned                    tried_caa:1;
};


/*
 * ngx_acme_ca_validation.c.  create() copies the job; NULL: no memory, the
 * lease ends by itself.  run() ends in finish() or drop().
 */
ngx_acme_ca_validation_t *ngx_acme_ca_validation_create(ngx_acme_ca_t *ca,
    acme_ca_job_t *job);
void ngx_acme_ca_validation_run(ngx_acme_ca_validation_t *v);

/* nothing of it is called any more, but by the writer */
void ngx_acme_ca_validation_stop(ngx_acme_ca_validation_t *v);

/*
 * For methods.  resolve(): next is called when v->addresses has v->n >= 1
 * addresses that the policy allows; if there are none the attempt is finished.
 * aim(): v->addresses[v->i] with this port, in v->where as well; NULL: no
 * memory.  share(): what is left of the time for each of so many tries.
 * post(): next is called from the event loop, not from inside.  tried(): a
 * line of the audit row; status 0: none.
 */
void ngx_acme_ca_validation_resolve(ngx_acme_ca_validation_t *v,
    ngx_str_t *name, void (*next)(ngx_acme_ca_validation_t *v));
ngx_acme_ca_dns_address_t *ngx_acme_ca_validation_aim(
    ngx_acme_ca_validation_t *v, in_port_t port);
ngx_msec_t ngx_acme_ca_validation_share(ngx_acme_ca_validation_t *v,
    ngx_uint_t tries);
void ngx_acme_ca_validation_post(ngx_acme_ca_validation_t *v,
    void (*next)(ngx_acme_ca_validation_t *v));
void ngx_acme_ca_validation_tried(ngx_acme_ca_validation_t *v,
    const char *result, ngx_uint_t status);

/* ngx_acme_ca_validation_http01.c */
void ngx_acme_ca_validation_http01_start(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_validation_http01_stop(ngx_acme_ca_validation_t *v);

/* ngx_acme_ca_validation_alpn.c */
void ngx_acme_ca_validation_alpn_start(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_validation_alpn_stop(ngx_acme_ca_validation_t *v);

/* ngx_acme_ca_validation_dns.c: all kinds with a TXT record */
void ngx_acme_ca_validation_dns_start(ngx_acme_ca_validation_t *v);

/*
 * ngx_acme_ca_validation_end.c.  passed(): the challenge is proven.  finish()
 * writes the verdict, v->ctx.problem (NULL: passed), or puts the job back for
 * another attempt.  drop() forgets the attempt and tells who waits for it.
 */
void ngx_acme_ca_validation_passed(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_validation_finish(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_validation_drop(ngx_acme_ca_validation_t *v);

/* ngx_acme_ca_validation_caa.c: ends in finish() or drop() */
void ngx_acme_ca_validation_caa(ngx_acme_ca_validation_t *v);

/*
 * ngx_acme_ca_ask.c: of one with v->ask.  answer() is in place of the verdict,
 * drop() without one; end() when it is gone.
 */
void ngx_acme_ca_ask_answer(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_ask_drop(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_ask_end(ngx_acme_ca_ask_t *ask);

/*
 * ngx_acme_ca_preflight.c: of one with v->preflight.  answer() is in place of
 * the verdict; resolved() notes what the name server said; drop() and end() as
 * above.
 */
void ngx_acme_ca_preflight_answer(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_preflight_resolved(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_preflight_drop(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_preflight_end(ngx_acme_ca_preflight_t *p);

/* ngx_acme_ca_validator.c: runs what was waiting for a place */
void ngx_acme_ca_validator_next(ngx_acme_ca_t *ca);


#endif /* _NGX_ACME_CA_VALIDATION_H_INCLUDED_ */
