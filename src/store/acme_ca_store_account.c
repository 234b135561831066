
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_accounts (RFC 8555, 7.1.2).
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_eab.h"


static ngx_int_t acme_ca_store_account_read(acme_ca_query_t *q,
    ngx_pool_t *pool, acme_ca_account_t *account);


ngx_int_t
acme_ca_store_account_add(acme_ca_store_t *store, acme_ca_account_t *account)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_ADD);
    acme_ca_query_status(&q, account->status);
    acme_ca_query_blob(&q, account->thumbprint, ACME_CA_SHA256_LEN);
    acme_ca_query_text(&q, &account->jwk);
    acme_ca_query_text(&q, &account->contact);
    acme_ca_query_optional(&q, account->terms_agreed_at);
    acme_ca_query_integer(&q, account->created_at);
    acme_ca_query_optional(&q, account->eab_id);
    acme_ca_query_text(&q, &account->eab_binding);

    return acme_ca_query_add(&q, &account->id);
}


ngx_int_t
acme_ca_store_account_find(acme_ca_store_t *store, ngx_pool_t *pool, int64_t id,
    acme_ca_account_t *account)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_FIND);
    acme_ca_query_integer(&q, id);

    return acme_ca_store_account_read(&q, pool, account);
}


ngx_int_t
acme_ca_store_account_find_key(acme_ca_store_t *store, ngx_pool_t *pool,
    const u_char *thumbprint, acme_ca_account_t *account)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_FIND_KEY);
    acme_ca_query_blob(&q, thumbprint, ACME_CA_SHA256_LEN);

    return acme_ca_store_account_read(&q, pool, account);
}


static ngx_int_t
acme_ca_store_account_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_account_t *account)
{
    ngx_int_t  rc;

    rc = acme_ca_query_find(q);
    if (rc != NGX_OK) {
        return rc;
    }

    account->id = acme_ca_column_integer(q);
    account->status = acme_ca_column_status(q);
    acme_ca_column_bytes(q, account->thumbprint, ACME_CA_SHA256_LEN);
    acme_ca_column_text(q, pool, &account->jwk);
    acme_ca_column_text(q, pool, &account->contact);
    account->terms_agreed_at = acme_ca_column_integer(q);
    account->created_at = acme_ca_column_integer(q);
    account->eab_id = acme_ca_column_integer(q);
    ngx_str_null(&account->eab_binding);

    return acme_ca_query_end(q);
}


ngx_int_t
acme_ca_store_account_set_contact(acme_ca_store_t *store, int64_t id,
    ngx_str_t *contact, time_t terms_agreed_at, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_SET_CONTACT);
    acme_ca_query_integer(&q, id);
    acme_ca_query_text(&q, contact);
    acme_ca_query_optional(&q, terms_agreed_at);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_account_set_status(acme_ca_store_t *store, int64_t id,
    acme_ca_status_e from, acme_ca_status_e to, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_SET_STATUS);
    acme_ca_query_integer(&q, id);
    acme_ca_query_status(&q, from);
    acme_ca_query_status(&q, to);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_account_set_key(acme_ca_store_t *store, int64_t id,
    const u_char *old_thumbprint, const u_char *new_thumbprint, ngx_str_t *jwk,
    time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_SET_KEY);
    acme_ca_query_integer(&q, id);
    acme_ca_query_blob(&q, old_thumbprint, ACME_CA_SHA256_LEN);
    acme_ca_query_blob(&q, new_thumbprint, ACME_CA_SHA256_LEN);
    acme_ca_query_text(&q, jwk);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_account_get_binding(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, ngx_str_t *binding)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_GET_BINDING);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_column_text(&q, pool, binding);

    return acme_ca_query_end(&q);
}


/* authorizations before orders: they are found through them */

ngx_int_t
acme_ca_store_account_end(acme_ca_store_t *store, int64_t id, ngx_str_t *error,
    time_t now)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_END_JOBS);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_run(&q);

    if (rc == NGX_OK) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_END_AUTHZS);
        acme_ca_query_integer(&q, id);
        acme_ca_query_integer(&q, now);

        rc = acme_ca_query_run(&q);
    }

    if (rc == NGX_OK) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_END_ORDERS);
        acme_ca_query_integer(&q, id);
        acme_ca_query_text(&q, error);
        acme_ca_query_integer(&q, now);

        rc = acme_ca_query_run(&q);
    }

    return rc;
}
