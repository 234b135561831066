
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Jobs of an external signer, under the rules of acme_ca_store.h.
 */


#ifndef _ACME_CA_STORE_SIGNING_H_INCLUDED_
#define _ACME_CA_STORE_SIGNING_H_INCLUDED_


#include "acme_ca_store.h"


/*
 * Sets the id.  Nobody else can claim it before run_at.  NGX_DECLINED: there
 * is one for this object already.
 */
ngx_int_t acme_ca_store_signing_add(acme_ca_store_t *store,
    acme_ca_signing_t *signing, time_t run_at);
/* as acme_ca_store_job_claim(); an ngx_array_t of acme_ca_signing_t */
ngx_int_t acme_ca_store_signing_claim(acme_ca_store_t *store,
    ngx_pool_t *pool, const acme_ca_due_t *due, ngx_uint_t limit,
    ngx_array_t **signings);
/* whether there is any to claim: 1 or 0; for the event loop's reader */
ngx_int_t acme_ca_store_signing_find_due(acme_ca_store_t *store,
    const acme_ca_due_t *due, ngx_uint_t *n);
/* gives the lease back and puts the next try at run_at.  error: why this one
   failed, NULL or empty if it did not */
ngx_int_t acme_ca_store_signing_set_retry(acme_ca_store_t *store, int64_t id,
    ngx_uint_t attempts, time_t run_at, const ngx_str_t *error);
/* by the operator.  find: NGX_DECLINED: there is none; lease_until is set, too.
   set_due: now, and for a minute at least */
ngx_int_t acme_ca_store_signing_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_signing_t *signing, time_t *lease_until);
ngx_int_t acme_ca_store_signing_set_due(acme_ca_store_t *store, int64_t id,
    time_t now);
/* for the operator's tool: seconds that a signer is told of a revocation for;
   0: there is none to tell */
ngx_int_t acme_ca_store_signing_set_deadline(acme_ca_store_t *store,
    time_t deadline);
/* NGX_DECLINED: somebody else was done with it first */
ngx_int_t acme_ca_store_signing_remove(acme_ca_store_t *store, int64_t id);


#endif /* _ACME_CA_STORE_SIGNING_H_INCLUDED_ */
