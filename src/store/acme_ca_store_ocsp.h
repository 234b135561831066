
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What OCSP needs of the registry: whether a certificate is good, and the
 * certificates and keys of those who sign that.
 */


#ifndef _ACME_CA_STORE_OCSP_H_INCLUDED_
#define _ACME_CA_STORE_OCSP_H_INCLUDED_


#include "acme_ca_store.h"


/* of the issuer's certificate with that serial: NGX_DECLINED: there is none */
ngx_int_t acme_ca_store_ocsp_find_status(acme_ca_store_t *store,
    const u_char *serial, size_t n, int64_t issuer_id,
    acme_ca_status_e *status, time_t *revoked_at, ngx_int_t *reason);

/*
 * The newest one of an issuer.  find: NGX_DECLINED when there is none;
 * *not_before is 0 if it was revoked
 */
ngx_int_t acme_ca_store_ocsp_signer_find(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t issuer_id, int64_t *id, ngx_str_t *certificate,
    ngx_str_t *key_pem, time_t *not_before, time_t *not_after);
/* adds one; the keys of those before are forgotten */
ngx_int_t acme_ca_store_ocsp_signer_add(acme_ca_store_t *store,
    int64_t issuer_id, int64_t certificate_id, ngx_str_t *key_pem);

/* a number that changes when another handle has committed something */
ngx_int_t acme_ca_store_data_version(acme_ca_store_t *store,
    int64_t *version);


#endif /* _ACME_CA_STORE_OCSP_H_INCLUDED_ */
