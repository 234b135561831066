
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * issuers: who signed, with the chain that follows their leaves, stored once.
 * acme_server_certificates: what the CA issued to its own server block.
 */


#include "acme_ca_store_private.h"


static ngx_int_t acme_ca_store_issuer_find(acme_ca_store_t *store,
    ngx_str_t *name, ngx_str_t *der, ngx_str_t *chain_pem, int64_t *id);


ngx_int_t
acme_ca_store_issuer_add(acme_ca_store_t *store, ngx_str_t *name,
    ngx_str_t *der, ngx_str_t *chain_pem, time_t not_before, time_t not_after,
    time_t now, int64_t *id)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    rc = acme_ca_store_issuer_find(store, name, der, chain_pem, id);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_ADD);
    acme_ca_query_text(&q, name);
    acme_ca_query_blob(&q, der->data, der->len);
    acme_ca_query_text(&q, chain_pem);
    acme_ca_query_integer(&q, not_before);
    acme_ca_query_integer(&q, not_after);
    acme_ca_query_integer(&q, now);

    rc = acme_ca_query_step(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *id = acme_ca_column_integer(&q);

    /* outside of a transaction the last step is the commit */

    return acme_ca_query_run(&q);
}


static ngx_int_t
acme_ca_store_issuer_find(acme_ca_store_t *store, ngx_str_t *name,
    ngx_str_t *der, ngx_str_t *chain_pem, int64_t *id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_FIND);
    acme_ca_query_text(&q, name);
    acme_ca_query_blob(&q, der->data, der->len);
    acme_ca_query_text(&q, chain_pem);

    return acme_ca_query_find_integer(&q, id);
}


ngx_int_t
acme_ca_store_issuer_list_named(acme_ca_store_t *store, ngx_pool_t *pool,
    const ngx_str_t *text, ngx_array_t **ids)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_LIST_NAMED);
    acme_ca_query_text(&q, text);

    return acme_ca_query_list_ids(&q, pool, ids);
}


ngx_int_t
acme_ca_store_issuer_find_chain(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, ngx_str_t *chain_pem)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_FIND_CHAIN);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_column_text(&q, pool, chain_pem);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_server_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t *certificate_id, ngx_str_t *names, ngx_str_t *chain_pem,
    ngx_str_t *key_pem, time_t *not_before, time_t *not_after)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SERVER_FIND);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *certificate_id = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, names);
    acme_ca_column_text(&q, pool, chain_pem);
    acme_ca_column_text(&q, pool, key_pem);
    *not_before = acme_ca_column_integer(&q);
    *not_after = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_server_add(acme_ca_store_t *store, int64_t certificate_id,
    ngx_str_t *names, ngx_str_t *chain_pem, ngx_str_t *key_pem,
    time_t not_before, time_t not_after)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_SERVER_ADD);
    acme_ca_query_integer(&q, certificate_id);
    acme_ca_query_text(&q, names);
    acme_ca_query_text(&q, chain_pem);
    acme_ca_query_text(&q, key_pem);
    acme_ca_query_integer(&q, not_before);
    acme_ca_query_integer(&q, not_after);

    return acme_ca_query_run(&q);
}
