
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a validation would find for a name that nobody ordered.
 */


#ifndef _NGX_ACME_CA_PREFLIGHT_H_INCLUDED_
#define _NGX_ACME_CA_PREFLIGHT_H_INCLUDED_


#include "ngx_acme_ca.h"
#include "acme_ca_preflight.h"


/*
 * The handler is called once, maybe before start()
 * returns, when all checks have ended.  NGX_BUSY: too many are under way;
 * NGX_ERROR; it is not called then.  cancel(): it is not called any more.
 */
typedef struct ngx_acme_ca_preflight_s  ngx_acme_ca_preflight_t;

struct ngx_acme_ca_preflight_s {
    ngx_array_t               *checks;          /* acme_ca_check_t */
    ngx_pool_t                *pool;            /* of what was found */
    void                     (*handler)(ngx_acme_ca_preflight_t *p);
    void                      *data;

    /* private */
    ngx_acme_ca_t             *ca;
    void                     **running;         /* of each check, or NULL */
    ngx_uint_t                 n;               /* still to come */
};

ngx_int_t ngx_acme_ca_preflight_start(ngx_acme_ca_t *ca,
    ngx_acme_ca_preflight_t *p);
void ngx_acme_ca_preflight_cancel(ngx_acme_ca_preflight_t *p);


#endif /* _NGX_ACME_CA_PREFLIGHT_H_INCLUDED_ */
