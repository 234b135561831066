
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The row of an issuer.  A CA is a name and a key: its certificate may be
 * renewed, and what it signed before is still its own (RFC 5280, 4.1.2.4), in
 * its revocation lists and OCSP responses as well.
 */


#include "ngx_acme_ca.h"

#include "acme_ca_store_issuer.h"
#include "acme_ca_store_registry.h"


static ngx_int_t ngx_acme_ca_home_row_find(acme_ca_store_t *store,
    ngx_pool_t *pool, acme_ca_issuer_t *issuer);


ngx_int_t
ngx_acme_ca_home_row(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_issuer_t *issuer, time_t now)
{
    ngx_int_t  rc;

    rc = ngx_acme_ca_home_row_find(store, pool, issuer);

    if (rc == NGX_OK) {
        return acme_ca_store_issuer_set_certificate(store, issuer->id,
                                      &issuer->name, &issuer->der,
                                      &issuer->chain, issuer->not_before,
                                      issuer->not_after);
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_store_issuer_add(store, &issuer->name, &issuer->der,
                                        &issuer->chain, issuer->not_before,
                                        issuer->not_after, now, &issuer->id);
    }

    return rc;
}


/* NGX_DECLINED: its certificate has a row, or none of its certificates has */

static ngx_int_t
ngx_acme_ca_home_row_find(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_issuer_t *issuer)
{
    int64_t      *id;
    ngx_int_t     rc;
    ngx_str_t    *der;
    ngx_uint_t    i;
    ngx_array_t  *ids, *ders;

    rc = acme_ca_store_registry_list_issuers(store, pool, &ids, &ders);
    if (rc != NGX_OK) {
        return rc;
    }

    id = ids->elts;
    der = ders->elts;

    for (i = 0; i < ders->nelts; i++) {
        if (acme_ca_str_eq(&der[i], &issuer->der)) {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < ders->nelts; i++) {
        rc = acme_ca_issuer_is_same(issuer, &der[i]);

        if (rc != NGX_DECLINED) {
            issuer->id = id[i];
            return rc;
        }
    }

    return NGX_DECLINED;
}
