
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Statuses for OCSP, and acme_ocsp_signers.
 */


#include "acme_ca_store_ocsp.h"
#include "acme_ca_store_private.h"


ngx_int_t
acme_ca_store_ocsp_find_status(acme_ca_store_t *store, const u_char *serial,
    size_t n, int64_t issuer_id, acme_ca_status_e *status,
    time_t *revoked_at, ngx_int_t *reason)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_OCSP_FIND_STATUS);
    acme_ca_query_blob(&q, serial, n);
    acme_ca_query_integer(&q, issuer_id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *status = acme_ca_column_status(&q);
    *revoked_at = acme_ca_column_integer(&q);
    *reason = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_ocsp_signer_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t issuer_id, int64_t *id, ngx_str_t *certificate,
    ngx_str_t *key_pem, time_t *not_before, time_t *not_after)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_OCSP_SIGNER_FIND);
    acme_ca_query_integer(&q, issuer_id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *id = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, certificate);
    acme_ca_column_text(&q, pool, key_pem);
    *not_before = acme_ca_column_integer(&q);
    *not_after = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_ocsp_signer_add(acme_ca_store_t *store, int64_t issuer_id,
    int64_t certificate_id, ngx_str_t *key_pem)
{
    int64_t          id;
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_OCSP_SIGNER_ADD);
    acme_ca_query_integer(&q, issuer_id);
    acme_ca_query_integer(&q, certificate_id);
    acme_ca_query_text(&q, key_pem);

    rc = acme_ca_query_add(&q, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_OCSP_SIGNER_REMOVE);
    acme_ca_query_integer(&q, issuer_id);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_data_version(acme_ca_store_t *store, int64_t *version)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_DATA_VERSION);

    return acme_ca_query_find_integer(&q, version);
}
