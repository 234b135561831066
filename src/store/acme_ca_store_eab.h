
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The store's external accounts, and the end of an account; the rules are
 * those of acme_ca_store.h.
 */


#ifndef _ACME_CA_STORE_EAB_H_INCLUDED_
#define _ACME_CA_STORE_EAB_H_INCLUDED_


#include "acme_ca_store.h"


/* external accounts.  use: NGX_DECLINED when it binds no more accounts */
ngx_int_t acme_ca_store_eab_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_eab_t *eab);
ngx_int_t acme_ca_store_eab_find_kid(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_str_t *kid, acme_ca_eab_t *eab);
ngx_int_t acme_ca_store_eab_use(acme_ca_store_t *store, int64_t id,
    time_t now);
/* NGX_DECLINED: the kid is taken */
ngx_int_t acme_ca_store_eab_add(acme_ca_store_t *store, acme_ca_eab_t *eab);
/* NGX_DECLINED: it was before */
ngx_int_t acme_ca_store_eab_revoke(acme_ca_store_t *store, int64_t id,
    time_t now);
/* those with ids below "before", newest first; label may be empty: any; an
   ngx_array_t of acme_ca_eab_t */
ngx_int_t acme_ca_store_eab_list(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t before, const ngx_str_t *label, ngx_uint_t limit,
    ngx_array_t **eabs);
/* its valid accounts with ids above "after": int64_t */
ngx_int_t acme_ca_store_eab_list_accounts(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t id, int64_t after, ngx_uint_t limit,
    ngx_array_t **ids);


/* of an account with an eab_id: JSON */
ngx_int_t acme_ca_store_account_get_binding(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t id, ngx_str_t *binding);
/* orders, authorizations and validations of an account that ends; error: the
   orders' problem document */
ngx_int_t acme_ca_store_account_end(acme_ca_store_t *store, int64_t id,
    ngx_str_t *error, time_t now);


#endif /* _ACME_CA_STORE_EAB_H_INCLUDED_ */
