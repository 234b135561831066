
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Between the two halves of a call: its life (ngx_acme_ca_call.c), and how the
 * answer is caught (ngx_acme_ca_call_filter.c).
 */


#ifndef _NGX_ACME_CA_CALL_PRIVATE_H_INCLUDED_
#define _NGX_ACME_CA_CALL_PRIVATE_H_INCLUDED_


#include "ngx_acme_ca_carrier.h"
#include "ngx_acme_ca_call.h"


typedef struct {
    ngx_acme_ca_carrier_t        carrier;      /* first */

    ngx_acme_ca_call_t          *call;         /* NULL: it was told */
    ngx_http_post_subrequest_t   ps;
    ngx_event_t                  deadline;
    ngx_event_t                  event;        /* begins, and later reports */

    ngx_acme_ca_fetch_rc_e       rc;           /* the first that went wrong */
    ngx_uint_t                   status;
    time_t                       retry_after;
    off_t                        length;       /* that was announced, or -1 */
    ngx_str_t                    body;
    size_t                       size;         /* of the body's buffer */

    unsigned                     ended:1;      /* the last buffer was there */
    unsigned                     answered:1;   /* the subrequest is over */
} ngx_acme_ca_call_ctx_t;


/* of the subrequest, which is known by it */
ngx_int_t ngx_acme_ca_call_answered(ngx_http_request_t *sr, void *data,
    ngx_int_t rc);


#endif /* _NGX_ACME_CA_CALL_PRIVATE_H_INCLUDED_ */
