
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_certificates: all that was ever signed.  Rows are never removed.
 */


#include "acme_ca_store_private.h"


static ngx_int_t acme_ca_store_certificate_read(acme_ca_query_t *q,
    ngx_pool_t *pool, acme_ca_certificate_t *certificate);


ngx_int_t
acme_ca_store_certificate_add(acme_ca_store_t *store,
    acme_ca_certificate_t *certificate)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_ADD);
    acme_ca_query_optional(&q, certificate->order_id);
    acme_ca_query_optional(&q, certificate->account_id);
    acme_ca_query_integer(&q, certificate->issuer_id);
    acme_ca_query_status(&q, certificate->status);
    acme_ca_query_blob(&q, certificate->serial.data, certificate->serial.len);
    acme_ca_query_blob(&q, certificate->fingerprint, ACME_CA_SHA256_LEN);
    acme_ca_query_text(&q, &certificate->common_name);
    acme_ca_query_text(&q, &certificate->sans);
    acme_ca_query_text(&q, &certificate->key_type);
    acme_ca_query_text(&q, &certificate->profile);
    acme_ca_query_integer(&q, certificate->not_before);
    acme_ca_query_integer(&q, certificate->not_after);
    acme_ca_query_integer(&q, certificate->created_at);
    acme_ca_query_blob(&q, certificate->der.data, certificate->der.len);

    return acme_ca_query_add(&q, &certificate->id);
}


ngx_int_t
acme_ca_store_certificate_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_certificate_t *certificate)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_FIND);
    acme_ca_query_integer(&q, id);

    return acme_ca_store_certificate_read(&q, pool, certificate);
}


ngx_int_t
acme_ca_store_certificate_find_exact(acme_ca_store_t *store, ngx_pool_t *pool,
    const ngx_str_t *serial, const u_char *fingerprint,
    acme_ca_certificate_t *certificate)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_FIND_EXACT);
    acme_ca_query_blob(&q, serial->data, serial->len);
    acme_ca_query_blob(&q, fingerprint, ACME_CA_SHA256_LEN);

    return acme_ca_store_certificate_read(&q, pool, certificate);
}


ngx_int_t
acme_ca_store_certificate_find_serial(acme_ca_store_t *store, ngx_pool_t *pool,
    const ngx_str_t *serial, int64_t issuer_id,
    acme_ca_certificate_t *certificate)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_FIND_SERIAL);
    acme_ca_query_blob(&q, serial->data, serial->len);
    acme_ca_query_integer(&q, issuer_id);

    return acme_ca_store_certificate_read(&q, pool, certificate);
}


ngx_int_t
acme_ca_store_certificate_list_serial(acme_ca_store_t *store, ngx_pool_t *pool,
    const ngx_str_t *serial, ngx_array_t **ids)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_LIST_SERIAL);
    acme_ca_query_blob(&q, serial->data, serial->len);

    return acme_ca_query_list_ids(&q, pool, ids);
}


static ngx_int_t
acme_ca_store_certificate_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;

    rc = acme_ca_query_find(q);
    if (rc != NGX_OK) {
        return rc;
    }

    certificate->id = acme_ca_column_integer(q);
    certificate->order_id = acme_ca_column_integer(q);
    certificate->account_id = acme_ca_column_integer(q);
    certificate->issuer_id = acme_ca_column_integer(q);
    certificate->status = acme_ca_column_status(q);
    acme_ca_column_text(q, pool, &certificate->serial);
    acme_ca_column_bytes(q, certificate->fingerprint, ACME_CA_SHA256_LEN);
    acme_ca_column_text(q, pool, &certificate->common_name);
    acme_ca_column_text(q, pool, &certificate->sans);
    acme_ca_column_text(q, pool, &certificate->key_type);
    acme_ca_column_text(q, pool, &certificate->profile);
    certificate->not_before = acme_ca_column_integer(q);
    certificate->not_after = acme_ca_column_integer(q);
    certificate->created_at = acme_ca_column_integer(q);
    certificate->revoked_at = acme_ca_column_integer(q);
    certificate->revocation_reason = acme_ca_column_integer(q);
    certificate->first_download_at = acme_ca_column_integer(q);
    certificate->last_download_at = acme_ca_column_integer(q);
    certificate->replaced_by = acme_ca_column_integer(q);
    acme_ca_column_text(q, pool, &certificate->der);

    return acme_ca_query_end(q);
}


ngx_int_t
acme_ca_store_certificate_set_revoked(acme_ca_store_t *store, int64_t id,
    ngx_int_t reason, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_SET_REVOKED);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, reason);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_certificate_set_download(acme_ca_store_t *store, int64_t id,
    time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_SET_DOWNLOAD);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_certificate_find_window(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_window_t *window)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_FIND_WINDOW);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    window->start = acme_ca_column_integer(&q);
    window->end = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, &window->explanation);

    return acme_ca_query_end(&q);
}
