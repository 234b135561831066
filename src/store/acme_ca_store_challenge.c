
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_challenges (RFC 8555, 7.1.5), those that were answered.  The table's
 * key is (authz_id, type), the id that others see is made of both.
 */


#include "acme_ca_store_private.h"


static void acme_ca_store_challenge_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_challenge_t *challenge);


ngx_int_t
acme_ca_store_challenge_add(acme_ca_store_t *store,
    acme_ca_challenge_t *challenge)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CHALLENGE_ADD);
    acme_ca_query_challenge(&q, challenge->id);
    acme_ca_query_status(&q, challenge->status);
    acme_ca_query_text(&q, &challenge->token);

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_challenge_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_challenge_t *challenge)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CHALLENGE_FIND);
    acme_ca_query_challenge(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_store_challenge_read(&q, pool, challenge);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_challenge_list(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t authz_id, ngx_array_t **challenges)
{
    ngx_int_t             rc;
    acme_ca_query_t       q;
    acme_ca_challenge_t  *challenge;

    *challenges = ngx_array_create(pool, 2, sizeof(acme_ca_challenge_t));
    if (*challenges == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CHALLENGE_LIST);
    acme_ca_query_integer(&q, authz_id);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        challenge = acme_ca_query_push(&q, *challenges);

        if (challenge) {
            acme_ca_store_challenge_read(&q, pool, challenge);
        }
    }
}


static void
acme_ca_store_challenge_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_challenge_t *challenge)
{
    challenge->id = acme_ca_column_challenge(q);
    challenge->type = challenge->id % ACME_CA_CHALLENGE_SLOTS;
    challenge->status = acme_ca_column_status(q);
    acme_ca_column_text(q, pool, &challenge->token);
    challenge->validated_at = acme_ca_column_integer(q);
    acme_ca_column_text(q, pool, &challenge->error);
    challenge->stored = 1;
}


ngx_int_t
acme_ca_store_challenge_set_status(acme_ca_store_t *store, int64_t id,
    acme_ca_status_e from, acme_ca_status_e to, ngx_str_t *error, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CHALLENGE_SET_STATUS);
    acme_ca_query_challenge(&q, id);
    acme_ca_query_status(&q, from);
    acme_ca_query_status(&q, to);
    acme_ca_query_text(&q, error);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}
