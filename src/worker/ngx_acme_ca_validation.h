
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One attempt of one validation; private to the files that run it.
 */


#ifndef _NGX_ACME_CA_VALIDATION_H_INCLUDED_
#define _NGX_ACME_CA_VALIDATION_H_INCLUDED_


#include "ngx_acme_ca.h"

#include "acme_ca_http01.h"


#define NGX_ACME_CA_ADDRESSES   16


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

    unsigned                    final:1;      /* asking again cannot help */
    unsigned                    fetching:1;
    unsigned                    running:1;
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
 * ngx_acme_ca_validation_end.c.  finish() writes the verdict, v->ctx.problem
 * (NULL: passed), or puts the job back for another attempt.  drop() forgets
 * the attempt and tells who waits for it.
 */
void ngx_acme_ca_validation_finish(ngx_acme_ca_validation_t *v);
void ngx_acme_ca_validation_drop(ngx_acme_ca_validation_t *v);

/* ngx_acme_ca_validator.c: runs what was waiting for a place */
void ngx_acme_ca_validator_next(ngx_acme_ca_t *ca);


#endif /* _NGX_ACME_CA_VALIDATION_H_INCLUDED_ */
