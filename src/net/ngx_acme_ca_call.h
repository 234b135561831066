
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One POST of ours to a location of this nginx, as a subrequest of a main
 * request that belongs to no client: all that the operator configured there
 * takes part (proxy_pass, upstream, TLS, header lines, rewrites), as in any
 * subrequest.  The answer is caught before filters of nginx see it.
 */


#ifndef _NGX_ACME_CA_CALL_H_INCLUDED_
#define _NGX_ACME_CA_CALL_H_INCLUDED_


#include "ngx_acme_ca_fetch.h"


typedef struct ngx_acme_ca_call_s  ngx_acme_ca_call_t;

struct ngx_acme_ca_call_s {
    /* in: live until the handler was called */
    ngx_acme_ca_fetch_conf_t  *conf;          /* its server has the location */
    ngx_str_t                  uri;
    ngx_str_t                  content_type;
    ngx_str_t                  body;
    ngx_array_t               *fields;        /* ngx_keyval_t: header lines */
    ngx_msec_t                 timeout_ms;    /* of all of it */
    size_t                     max_body;      /* of the answer */
    ngx_log_t                 *log;
    void                     (*handler)(ngx_acme_ca_call_t *call);
    void                      *data;

    /* out: live while the handler runs */
    ngx_acme_ca_fetch_rc_e     rc;
    ngx_uint_t                 status;        /* of OK: nginx's own as well */
    time_t                     retry_after;   /* seconds, 0: none */
    ngx_str_t                  answer;        /* the body */
};


/*
 * NGX_OK: the handler will be called exactly once, never before this returns.
 * NGX_ERROR: it will not be called.
 */
ngx_int_t ngx_acme_ca_call_start(ngx_acme_ca_call_t *call);


/* ngx_acme_ca_call_filter.c: puts the filters into their places, when all of
   the configuration was read */
void ngx_acme_ca_call_filter_init(void);


#endif /* _NGX_ACME_CA_CALL_H_INCLUDED_ */
