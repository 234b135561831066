
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The operator's API as a function: request in, reply out.  Who may come here
 * was decided by nginx; this room knows two roles only.  One call passes
 * through:
 *
 *     acme_ca_admin_start()     event loop: resource, method, role, arguments,
 *                               and the answer if it only reads
 *     acme_ca_admin_answered()  event loop: what the network said, if that was
 *                               to be asked
 *     acme_ca_admin_apply()     store thread, in a savepoint: what writes
 *     acme_ca_admin_finish()    event loop, after the commit: the one exit
 *
 * JSON only, no cookies: a page of another site cannot write, as a browser
 * asks us first about application/json.  Problem documents (RFC 9457) are of
 * type about:blank.
 */


#ifndef _ACME_CA_ADMIN_H_INCLUDED_
#define _ACME_CA_ADMIN_H_INCLUDED_


#include "acme_ca_preflight.h"


typedef struct acme_ca_admin_s        acme_ca_admin_t;
typedef struct acme_ca_admin_route_s  acme_ca_admin_route_t;


struct acme_ca_admin_s {
    /* in: set by the caller, live as long as the call */
    acme_ca_ctx_t                  ctx;
    acme_ca_authority_t           *authority;
    acme_ca_store_t               *store;
    acme_ca_request_t              request;
    ngx_str_t                      if_none_match;  /* empty: none */
    ngx_str_t                      if_match;       /* the same */
    ngx_str_t                      user;           /* as nginx knows him, or
                                                      empty */
    unsigned                       full:1;         /* the role */

    /* out */
    acme_ca_reply_t                reply;

    /* between the steps */
    const acme_ca_admin_route_t   *route;
    ngx_int_t                      rc;
    ngx_array_t                   *args;           /* acme_ca_admin_arg_t */
    acme_ca_json_t                *body;           /* an object, of a POST */
    ngx_str_t                      operand;        /* "{...}" of the path */
    ngx_uint_t                     status;         /* of a refusal */
    ngx_str_t                      detail;
    acme_ca_audit_t                audit;
    ngx_array_t                   *checks;         /* acme_ca_check_t */
};


/* NGX_DONE: the reply is ready.  NGX_AGAIN: a store task, then finish().
   NGX_DECLINED: a->checks are to be made, then answered() */
ngx_int_t acme_ca_admin_start(acme_ca_admin_t *a);

/* rc: NGX_BUSY and NGX_ERROR: they were not made.  The reply is ready */
void acme_ca_admin_answered(acme_ca_admin_t *a, ngx_int_t rc);

/* as those of acme_ca_protocol.h */
ngx_int_t acme_ca_admin_apply(acme_ca_admin_t *a, acme_ca_store_t *store);
ngx_int_t acme_ca_admin_record(acme_ca_admin_t *a, acme_ca_store_t *store);
void acme_ca_admin_finish(acme_ca_admin_t *a, ngx_int_t rc);

/* in place of start(), for what others refused: the reply is ready */
void acme_ca_admin_fault(acme_ca_admin_t *a, ngx_uint_t status);


#endif /* _ACME_CA_ADMIN_H_INCLUDED_ */
