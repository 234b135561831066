
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the operator does to certificates of the registry, under the rules of
 * acme_ca_store.h.
 */


#ifndef _ACME_CA_STORE_REGISTRY_H_INCLUDED_
#define _ACME_CA_STORE_REGISTRY_H_INCLUDED_


#include "acme_ca_store.h"


#define ACME_CA_UUID_LEN  16
#define ACME_CA_UUID_ROW  6         /* of them: the row's number */


/*
 * valid -> revoked, or held -> revoked for another reason (-1: none given).
 * invalidity_at: 0, or since when the key is in other hands.  release(): held
 * -> valid.  NGX_DECLINED: neither is it.
 */
ngx_int_t acme_ca_store_registry_revoke(acme_ca_store_t *store, int64_t id,
    ngx_int_t reason, time_t invalidity_at, time_t now);
ngx_int_t acme_ca_store_registry_release(acme_ca_store_t *store, int64_t id);

/* what is empty stays as it is.  NGX_DECLINED: there is none */
ngx_int_t acme_ca_store_registry_set(acme_ca_store_t *store, int64_t id,
    const ngx_str_t *category, const ngx_str_t *remarks);

/* NGX_DECLINED: it is nobody's */
ngx_int_t acme_ca_store_registry_find_uuid(acme_ca_store_t *store,
    const u_char uuid[ACME_CA_UUID_LEN], int64_t *id);
/* how many are noted as expired */
ngx_int_t acme_ca_store_registry_get_expired(acme_ca_store_t *store,
    int64_t *n);

/* those whose certificate is known: int64_t and ngx_str_t, DER */
ngx_int_t acme_ca_store_registry_list_issuers(acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_array_t **ids, ngx_array_t **ders);
/* one that was signed elsewhere: sets its id.  NGX_DECLINED: its serial number
   is known already */
ngx_int_t acme_ca_store_registry_import(acme_ca_store_t *store,
    acme_ca_certificate_t *certificate, const ngx_str_t *category,
    const ngx_str_t *remarks);

/* for good, with what refers to it.  NGX_DECLINED: there is none */
ngx_int_t acme_ca_store_registry_remove(acme_ca_store_t *store, int64_t id);


#endif /* _ACME_CA_STORE_REGISTRY_H_INCLUDED_ */
