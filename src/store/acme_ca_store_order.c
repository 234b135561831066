
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_orders and acme_order_identifiers (RFC 8555, 7.1.3).
 */


#include "acme_ca_store_private.h"


ngx_int_t
acme_ca_store_order_add(acme_ca_store_t *store, acme_ca_order_t *order)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_ADD);
    acme_ca_query_integer(&q, order->account_id);
    acme_ca_query_status(&q, order->status);
    acme_ca_query_text(&q, &order->profile);
    acme_ca_query_integer(&q, order->profile_asked);
    acme_ca_query_optional(&q, order->not_before);
    acme_ca_query_optional(&q, order->not_after);
    acme_ca_query_integer(&q, order->created_at);
    acme_ca_query_integer(&q, order->expires_at);
    acme_ca_query_optional(&q, order->replaces_id);
    acme_ca_query_text(&q, &order->replaces);

    return acme_ca_query_add(&q, &order->id);
}


ngx_int_t
acme_ca_store_order_find(acme_ca_store_t *store, ngx_pool_t *pool, int64_t id,
    acme_ca_order_t *order)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_FIND);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    order->id = acme_ca_column_integer(&q);
    order->account_id = acme_ca_column_integer(&q);
    order->status = acme_ca_column_status(&q);
    acme_ca_column_text(&q, pool, &order->profile);
    order->profile_asked = acme_ca_column_integer(&q);
    order->not_before = acme_ca_column_integer(&q);
    order->not_after = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, &order->error);
    order->certificate_id = acme_ca_column_integer(&q);
    order->created_at = acme_ca_column_integer(&q);
    order->expires_at = acme_ca_column_integer(&q);
    order->replaces_id = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, &order->replaces);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_order_find_replacing(acme_ca_store_t *store,
    int64_t certificate_id, time_t now, int64_t *id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_FIND_REPLACING);
    acme_ca_query_integer(&q, certificate_id);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_find_integer(&q, id);
}


ngx_int_t
acme_ca_store_order_list(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t account_id, int64_t before, ngx_uint_t limit, ngx_array_t **ids)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_LIST);
    acme_ca_query_integer(&q, account_id);
    acme_ca_query_integer(&q, before ? before : INT64_MAX);
    acme_ca_query_integer(&q, limit);

    return acme_ca_query_list_ids(&q, pool, ids);
}


ngx_int_t
acme_ca_store_order_add_identifier(acme_ca_store_t *store, int64_t order_id,
    ngx_uint_t position, acme_ca_identifier_t *identifier, int64_t authz_id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_ADD_IDENTIFIER);
    acme_ca_query_integer(&q, order_id);
    acme_ca_query_integer(&q, position);
    acme_ca_query_identifier(&q, identifier);
    acme_ca_query_integer(&q, authz_id);

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_order_list_identifiers(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t order_id, ngx_array_t **identifiers)
{
    ngx_int_t                    rc;
    acme_ca_query_t              q;
    acme_ca_order_identifier_t  *oi;

    *identifiers = ngx_array_create(pool, 2,
                                    sizeof(acme_ca_order_identifier_t));
    if (*identifiers == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_LIST_IDENTIFIERS);
    acme_ca_query_integer(&q, order_id);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        oi = acme_ca_query_push(&q, *identifiers);
        if (oi == NULL) {
            continue;
        }

        acme_ca_column_identifier(&q, pool, &oi->identifier);
        oi->authz_id = acme_ca_column_integer(&q);
        oi->authz_status = acme_ca_column_status(&q);
        oi->authz_expires_at = acme_ca_column_integer(&q);
        acme_ca_column_text(&q, pool, &oi->trusted_by);
    }
}


ngx_int_t
acme_ca_store_order_list_stale(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t order_id, time_t since, ngx_array_t **jobs)
{
    ngx_int_t         rc;
    acme_ca_job_t    *job;
    acme_ca_query_t   q;

    *jobs = ngx_array_create(pool, 2, sizeof(acme_ca_job_t));
    if (*jobs == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_LIST_STALE);
    acme_ca_query_integer(&q, order_id);
    acme_ca_query_integer(&q, since);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        job = acme_ca_query_push(&q, *jobs);
        if (job == NULL) {
            continue;
        }

        job->challenge_id = acme_ca_column_challenge(&q);
        job->authz_id = job->challenge_id / ACME_CA_CHALLENGE_SLOTS;
        job->type = job->challenge_id % ACME_CA_CHALLENGE_SLOTS;
        acme_ca_column_identifier(&q, pool, &job->identifier);
    }
}


ngx_int_t
acme_ca_store_order_list_by_authz(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t authz_id, acme_ca_status_e status, ngx_array_t **ids)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_LIST_BY_AUTHZ);
    acme_ca_query_integer(&q, authz_id);
    acme_ca_query_status(&q, status);

    return acme_ca_query_list_ids(&q, pool, ids);
}


ngx_int_t
acme_ca_store_order_get_open(acme_ca_store_t *store, int64_t order_id,
    ngx_uint_t *n)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_GET_OPEN);
    acme_ca_query_integer(&q, order_id);

    return acme_ca_query_find_count(&q, n);
}


ngx_int_t
acme_ca_store_order_set_status(acme_ca_store_t *store, int64_t id,
    acme_ca_status_e from, acme_ca_status_e to, ngx_str_t *error,
    int64_t certificate_id, time_t now)
{
    acme_ca_query_t  q;

    if (certificate_id) {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_SET_ISSUED);

    } else {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_SET_STATUS);
    }

    acme_ca_query_integer(&q, id);
    acme_ca_query_status(&q, from);
    acme_ca_query_status(&q, to);
    acme_ca_query_text(&q, error);
    acme_ca_query_integer(&q, now);

    if (certificate_id) {
        acme_ca_query_integer(&q, certificate_id);
    }

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_order_add_error(acme_ca_store_t *store, int64_t id,
    ngx_str_t *subproblem, ngx_str_t *problem, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ORDER_ADD_ERROR);
    acme_ca_query_integer(&q, id);
    acme_ca_query_text(&q, subproblem);
    acme_ca_query_text(&q, problem);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}
