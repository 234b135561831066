
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Between the two halves of a fetch, and for nobody else: the life of the
 * request (ngx_acme_ca_fetch.c), and what it says and hears as an upstream
 * (ngx_acme_ca_fetch_upstream.c).
 */


#ifndef _NGX_ACME_CA_FETCH_UPSTREAM_H_INCLUDED_
#define _NGX_ACME_CA_FETCH_UPSTREAM_H_INCLUDED_


#include "ngx_acme_ca_carrier.h"
#include "ngx_acme_ca_fetch.h"
#include "acme_ca_http01.h"


/* lives in the pool of the fake connection */
typedef struct {
    ngx_acme_ca_carrier_t        carrier;    /* first */

    ngx_acme_ca_fetch_t         *fetch;      /* NULL: the handler was called */
    ngx_acme_ca_fetch_conf_t    *conf;

    ngx_http_request_t          *subrequest;
    ngx_http_post_subrequest_t   ps;
    ngx_http_upstream_conf_t     upstream;   /* with this fetch's timeouts */
#if (NGX_HTTP_SSL || NGX_COMPAT)
    ngx_http_complex_value_t     ssl_name;
#endif

    ngx_event_t                  deadline;
    ngx_event_t                  event;      /* begins, and later reports */

    ngx_str_t                    address;    /* of the target, as text */
    u_char                       text[NGX_SOCKADDR_STRLEN];

    ngx_acme_ca_fetch_rc_e       rc;         /* the first that went wrong */
    acme_ca_http_head_t          head;
    acme_ca_chunked_t            chunked;
    ngx_str_t                    location;
    ngx_str_t                    body;
    size_t                       size;       /* of the body's buffer */
    size_t                       raw;        /* bytes, framing included */

    unsigned                     answered:1; /* the subrequest is over */
    unsigned                     connected:1;
} ngx_acme_ca_fetch_ctx_t;


/* write_event_handler of the subrequest: what phases would have led to */
void ngx_acme_ca_fetch_content(ngx_http_request_t *sr);

#endif /* _NGX_ACME_CA_FETCH_UPSTREAM_H_INCLUDED_ */
