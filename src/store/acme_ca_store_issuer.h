
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The store's states of issuers; the rules are those of acme_ca_store.h.
 * Triggers see to it that there is one active issuer at most, and that none
 * comes back.
 */


#ifndef _ACME_CA_STORE_ISSUER_H_INCLUDED_
#define _ACME_CA_STORE_ISSUER_H_INCLUDED_


#include "acme_ca_store.h"


/* the same CA with another certificate.  NGX_DECLINED: there is no such row */
ngx_int_t acme_ca_store_issuer_set_certificate(acme_ca_store_t *store,
    int64_t id, ngx_str_t *name, ngx_str_t *der, ngx_str_t *chain_pem,
    time_t not_before, time_t not_after);

/* who signs.  NGX_DECLINED: nobody */
ngx_int_t acme_ca_store_issuer_find_active(acme_ca_store_t *store,
    int64_t *id);
/* those that have a state, the oldest row first: acme_ca_issuer_row_t */
ngx_int_t acme_ca_store_issuer_list(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_array_t **rows);

/* NGX_DECLINED: its state is another one, nothing was changed */
ngx_int_t acme_ca_store_issuer_set_next(acme_ca_store_t *store, int64_t id);
/* at: 0, never */
ngx_int_t acme_ca_store_issuer_set_published(acme_ca_store_t *store,
    int64_t id, time_t at);
ngx_int_t acme_ca_store_issuer_set_active(acme_ca_store_t *store, int64_t id,
    time_t now);
ngx_int_t acme_ca_store_issuer_set_retired(acme_ca_store_t *store, int64_t id,
    time_t now);

ngx_int_t acme_ca_store_issuer_set_compromised(acme_ca_store_t *store,
    int64_t id, time_t now);

ngx_int_t acme_ca_store_issuer_set_wanted(acme_ca_store_t *store, time_t now);
/* the operator waits for a new one.  NGX_DECLINED: nobody does */
ngx_int_t acme_ca_store_issuer_find_wanted(acme_ca_store_t *store);
ngx_int_t acme_ca_store_issuer_remove_wanted(acme_ca_store_t *store);


#endif /* _ACME_CA_STORE_ISSUER_H_INCLUDED_ */
