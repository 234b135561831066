
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a validation would find for a name that nobody ordered.
 */


#ifndef _ACME_CA_PREFLIGHT_H_INCLUDED_
#define _ACME_CA_PREFLIGHT_H_INCLUDED_


#include "acme_ca_protocol.h"


/* one kind of challenge: a validation without a row in the store */
typedef struct {
    acme_ca_job_t   job;
    ngx_uint_t      works;         /* it could be proven, and CAA permits it */
    ngx_str_t       found;         /* JSON; empty: it could not be tried */
} acme_ca_check_t;


/*
 * Those kinds of the bits in "kinds" that fit the identifier, or all that do
 * and are enabled where "kinds" is 0; tokens are of nobody.  account: NULL for
 * a key without one; account_url may be empty: kinds that need it are left out.
 * NGX_OK with an ngx_array_t of acme_ca_check_t, or NGX_ERROR.
 */
ngx_int_t acme_ca_protocol_preflight(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier, ngx_uint_t kinds,
    const acme_ca_account_t *account, const ngx_str_t *account_url,
    ngx_array_t **checks);

/* as clients know it; empty where each of them has its own base_url */
ngx_int_t acme_ca_protocol_account_url(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store, int64_t id,
    ngx_str_t *url);


#endif /* _ACME_CA_PREFLIGHT_H_INCLUDED_ */
