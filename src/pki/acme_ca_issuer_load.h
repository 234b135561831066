
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Loading an issuer: acme_ca_issuer.c checks it, acme_ca_issuer_fill.c keeps of
 * it what signing needs.
 */


#ifndef _ACME_CA_ISSUER_LOAD_H_INCLUDED_
#define _ACME_CA_ISSUER_LOAD_H_INCLUDED_


#include "acme_ca_issuer.h"


#define ACME_CA_ISSUER_ERROR_MAX  256


typedef struct {
    ngx_pool_t         *pool;
    STACK_OF(X509)     *certs;         /* issuer first */
    EVP_PKEY           *key;
    time_t              now;
    acme_ca_issuer_t   *issuer;
    ngx_str_t          *error;
} acme_ca_issuer_load_t;


/*
 * Steps of the loading.  NGX_OK, NGX_DECLINED with load->error set, or
 * NGX_ERROR.
 */
ngx_int_t acme_ca_issuer_read(acme_ca_issuer_load_t *load, ngx_str_t *pem);
/* all of them may sign */
ngx_int_t acme_ca_issuer_check_ca(acme_ca_issuer_load_t *load);
/* those of a CA, in date, in their order */
ngx_int_t acme_ca_issuer_check(acme_ca_issuer_load_t *load);
ngx_int_t acme_ca_issuer_fill_der(acme_ca_issuer_load_t *load);
ngx_int_t acme_ca_issuer_fill_name(acme_ca_issuer_load_t *load);
ngx_int_t acme_ca_issuer_fill_key_id(acme_ca_issuer_load_t *load);
ngx_int_t acme_ca_issuer_fill_chain(acme_ca_issuer_load_t *load);
ngx_int_t acme_ca_issuer_fill_constraints(acme_ca_issuer_load_t *load);
ngx_int_t acme_ca_issuer_fill_key(acme_ca_issuer_load_t *load);

/* the extension that says so, if there are any.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_constraints_extend(X509 *cert, const acme_ca_rules_t *rules);

/* of a certificate, as seconds.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_issuer_time(const ASN1_TIME *at, time_t *t);


#endif /* _ACME_CA_ISSUER_LOAD_H_INCLUDED_ */
