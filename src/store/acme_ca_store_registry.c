
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificates in the operator's hand.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_registry.h"


static ngx_int_t acme_ca_store_registry_forget(acme_ca_store_t *store,
    int64_t id);
static ngx_int_t acme_ca_store_registry_run(acme_ca_query_t *q, int64_t id);


ngx_int_t
acme_ca_store_registry_revoke(acme_ca_store_t *store, int64_t id,
    ngx_int_t reason, time_t invalidity_at, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_REVOKE);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, reason);
    acme_ca_query_optional(&q, invalidity_at);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_registry_release(acme_ca_store_t *store, int64_t id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_RELEASE);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_registry_set(acme_ca_store_t *store, int64_t id,
    const ngx_str_t *category, const ngx_str_t *remarks)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_SET);
    acme_ca_query_integer(&q, id);
    acme_ca_query_text(&q, category);
    acme_ca_query_text(&q, remarks);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_registry_find_uuid(acme_ca_store_t *store,
    const u_char uuid[ACME_CA_UUID_LEN], int64_t *id)
{
    size_t           i;
    int64_t          row;
    ngx_int_t        rc;
    acme_ca_query_t  q;

    for (i = 0, row = 0; i < ACME_CA_UUID_ROW; i++) {
        row = row << 8 | uuid[i];
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_FIND_UUID);
    acme_ca_query_integer(&q, row);
    acme_ca_query_blob(&q, uuid, ACME_CA_UUID_LEN);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *id = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_registry_get_expired(acme_ca_store_t *store, int64_t *n)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_GET_EXPIRED);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *n = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_registry_remove(acme_ca_store_t *store, int64_t id)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    rc = acme_ca_store_registry_forget(store, id);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_REMOVE);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_set(&q);
}


/* rows that refer to it */

static ngx_int_t
acme_ca_store_registry_forget(acme_ca_store_t *store, int64_t id)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_FORGET_SUCCESSOR);
    rc = acme_ca_store_registry_run(&q, id);

    if (rc == NGX_OK) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_FORGET_REPLACING);
        rc = acme_ca_store_registry_run(&q, id);
    }

    if (rc == NGX_OK) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_REMOVE_ORDER);
        rc = acme_ca_store_registry_run(&q, id);
    }

    if (rc == NGX_OK) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_REMOVE_JOB);
        rc = acme_ca_store_registry_run(&q, id);
    }

    if (rc == NGX_OK) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_REMOVE_SERVER);
        rc = acme_ca_store_registry_run(&q, id);
    }

    if (rc == NGX_OK) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_REMOVE_OCSP_SIGNER);
        rc = acme_ca_store_registry_run(&q, id);
    }

    return rc;
}


static ngx_int_t
acme_ca_store_registry_run(acme_ca_query_t *q, int64_t id)
{
    acme_ca_query_integer(q, id);

    return acme_ca_query_run(q);
}


ngx_int_t
acme_ca_store_registry_list_issuers(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_array_t **ids, ngx_array_t **ders)
{
    int64_t          *id;
    ngx_int_t         rc;
    ngx_str_t        *der;
    acme_ca_query_t   q;

    *ids = ngx_array_create(pool, 4, sizeof(int64_t));
    *ders = ngx_array_create(pool, 4, sizeof(ngx_str_t));

    if (*ids == NULL || *ders == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_LIST_ISSUERS);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        id = acme_ca_query_push(&q, *ids);
        der = acme_ca_query_push(&q, *ders);

        if (id && der) {
            *id = acme_ca_column_integer(&q);
            acme_ca_column_text(&q, pool, der);
        }
    }
}


ngx_int_t
acme_ca_store_registry_import(acme_ca_store_t *store,
    acme_ca_certificate_t *certificate, const ngx_str_t *category,
    const ngx_str_t *remarks)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_REGISTRY_IMPORT);
    acme_ca_query_integer(&q, certificate->issuer_id);
    acme_ca_query_blob(&q, certificate->serial.data, certificate->serial.len);
    acme_ca_query_blob(&q, certificate->fingerprint, ACME_CA_SHA256_LEN);
    acme_ca_query_text(&q, &certificate->common_name);
    acme_ca_query_text(&q, &certificate->sans);
    acme_ca_query_text(&q, &certificate->key_type);
    acme_ca_query_integer(&q, certificate->not_before);
    acme_ca_query_integer(&q, certificate->not_after);
    acme_ca_query_integer(&q, certificate->created_at);
    acme_ca_query_text(&q, category);
    acme_ca_query_text(&q, remarks);
    acme_ca_query_blob(&q, certificate->der.data, certificate->der.len);

    return acme_ca_query_add(&q, &certificate->id);
}
