
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_authorizations (RFC 8555, 7.1.4).
 */


#include "acme_ca_store_private.h"


ngx_int_t
acme_ca_store_authz_add(acme_ca_store_t *store, acme_ca_authz_t *authz)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUTHZ_ADD);
    acme_ca_query_integer(&q, authz->account_id);
    acme_ca_query_identifier(&q, &authz->identifier);
    acme_ca_query_status(&q, authz->status);
    acme_ca_query_integer(&q, authz->created_at);
    acme_ca_query_integer(&q, authz->expires_at);
    acme_ca_query_integer(&q, authz->subdomains);
    acme_ca_query_text(&q, &authz->trusted_by);
    acme_ca_query_blob(&q, authz->token_seed.data, authz->token_seed.len);

    return acme_ca_query_add(&q, &authz->id);
}


ngx_int_t
acme_ca_store_authz_find(acme_ca_store_t *store, ngx_pool_t *pool, int64_t id,
    acme_ca_authz_t *authz)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUTHZ_FIND);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    authz->id = acme_ca_column_integer(&q);
    authz->account_id = acme_ca_column_integer(&q);
    acme_ca_column_identifier(&q, pool, &authz->identifier);
    authz->status = acme_ca_column_status(&q);
    authz->created_at = acme_ca_column_integer(&q);
    authz->expires_at = acme_ca_column_integer(&q);
    authz->subdomains = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, &authz->trusted_by);
    acme_ca_column_text(&q, pool, &authz->token_seed);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_authz_find_valid(acme_ca_store_t *store, int64_t account_id,
    const acme_ca_identifier_t *identifier, ngx_uint_t subdomains, time_t now,
    int64_t *id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUTHZ_FIND_VALID);
    acme_ca_query_integer(&q, account_id);
    acme_ca_query_identifier(&q, identifier);
    acme_ca_query_integer(&q, now);
    acme_ca_query_integer(&q, subdomains);

    return acme_ca_query_find_integer(&q, id);
}


ngx_int_t
acme_ca_store_authz_find_ancestor(acme_ca_store_t *store, int64_t account_id,
    const acme_ca_identifier_t *identifier, time_t now, int64_t *id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUTHZ_FIND_ANCESTOR);
    acme_ca_query_integer(&q, account_id);
    acme_ca_query_text(&q, &identifier->value);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_find_integer(&q, id);
}


ngx_int_t
acme_ca_store_authz_set_status(acme_ca_store_t *store, int64_t id,
    acme_ca_status_e from, acme_ca_status_e to, time_t expires_at, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUTHZ_SET_STATUS);
    acme_ca_query_integer(&q, id);
    acme_ca_query_status(&q, from);
    acme_ca_query_status(&q, to);
    acme_ca_query_optional(&q, expires_at);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}
