
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The store's revocation lists; the rules are those of acme_ca_store.h.
 */


#ifndef _ACME_CA_STORE_CRL_H_INCLUDED_
#define _ACME_CA_STORE_CRL_H_INCLUDED_


#include "acme_ca_store.h"


/* takes an entry, which is gone afterwards.  NGX_OK: go on */
typedef ngx_int_t (*acme_ca_store_revoked_pt)(void *data,
    const acme_ca_revoked_t *entry);


/* does nothing where the row is there; a new URL is added to those it has */
ngx_int_t acme_ca_store_crl_add(acme_ca_store_t *store, int64_t issuer_id,
    ngx_uint_t shards, ngx_uint_t shard, ngx_str_t *url);
ngx_int_t acme_ca_store_crl_find(acme_ca_store_t *store, int64_t issuer_id,
    ngx_uint_t shards, ngx_uint_t shard, acme_ca_crl_t *crl);
/* the first that ends before then, and that no worker makes */
ngx_int_t acme_ca_store_crl_find_ending(acme_ca_store_t *store,
    ngx_pool_t *pool, time_t before, ngx_str_t *issuer, time_t *next_update);
/* one that is to be made, the last of which is from "before" or older, or,
   the clock having been set back, from later than "after" */
ngx_int_t acme_ca_store_crl_find_due(acme_ca_store_t *store,
    int64_t issuer_id, time_t now, time_t before, time_t after,
    acme_ca_crl_t *crl);

/*
 * Whoever claims a CRL makes it, until the lease ends: crl->number is its new
 * number.  NGX_DECLINED: somebody else does, or it is not due.  set_made():
 * NGX_DECLINED when the claim does not count any more.
 */
ngx_int_t acme_ca_store_crl_claim(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_crl_t *crl, time_t now, time_t lease_until);
ngx_int_t acme_ca_store_crl_set_made(acme_ca_store_t *store,
    const acme_ca_crl_t *crl, time_t due_at);
/* gives a claim back, and has it made then */
ngx_int_t acme_ca_store_crl_set_due(acme_ca_store_t *store,
    const acme_ca_crl_t *crl, time_t due_at);

/*
 * What a CRL is to list: revoked certificates of its issuer with serial
 * numbers of its range that had not ended at "since".  list(): all of them, in
 * the order of their serial numbers, in short reads; NGX_DECLINED as soon as
 * the handler answers so.
 */
ngx_int_t acme_ca_store_crl_count_revoked(acme_ca_store_t *store,
    const acme_ca_crl_t *crl, time_t since, ngx_uint_t *n);
ngx_int_t acme_ca_store_crl_list_revoked(acme_ca_store_t *store,
    const acme_ca_crl_t *crl, time_t since, acme_ca_store_revoked_pt handler,
    void *data);


#endif /* _ACME_CA_STORE_CRL_H_INCLUDED_ */
