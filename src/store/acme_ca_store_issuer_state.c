
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * issuers: their states.  What follows what is decided elsewhere.
 */


#include "acme_ca_store_issuer.h"
#include "acme_ca_authority.h"
#include "acme_ca_store_private.h"


static acme_ca_issuer_state_e acme_ca_store_issuer_state(acme_ca_query_t *q,
    ngx_pool_t *pool);
static ngx_int_t acme_ca_store_issuer_set(acme_ca_store_t *store,
    acme_ca_statement_e statement, int64_t id, time_t at);


ngx_int_t
acme_ca_store_issuer_set_certificate(acme_ca_store_t *store, int64_t id,
    ngx_str_t *name, ngx_str_t *der, ngx_str_t *chain_pem, time_t not_before,
    time_t not_after)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_SET_CERTIFICATE);
    acme_ca_query_integer(&q, id);
    acme_ca_query_text(&q, name);
    acme_ca_query_blob(&q, der->data, der->len);
    acme_ca_query_text(&q, chain_pem);
    acme_ca_query_integer(&q, not_before);
    acme_ca_query_integer(&q, not_after);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_issuer_find_active(acme_ca_store_t *store, int64_t *id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_FIND_ACTIVE);

    return acme_ca_query_find_integer(&q, id);
}


ngx_int_t
acme_ca_store_issuer_list(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_array_t **rows)
{
    ngx_int_t              rc;
    acme_ca_query_t        q;
    acme_ca_issuer_row_t  *row;

    *rows = ngx_array_create(pool, 4, sizeof(acme_ca_issuer_row_t));
    if (*rows == NULL) {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_LIST);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        row = acme_ca_query_push(&q, *rows);

        if (row != NULL) {
            row->id = acme_ca_column_integer(&q);
            acme_ca_column_text(&q, pool, &row->name);
            row->state = acme_ca_store_issuer_state(&q, pool);
            row->not_before = acme_ca_column_integer(&q);
            row->not_after = acme_ca_column_integer(&q);
            row->published_at = acme_ca_column_integer(&q);
            row->signs_until = acme_ca_column_integer(&q);
        }
    }
}


static acme_ca_issuer_state_e
acme_ca_store_issuer_state(acme_ca_query_t *q, ngx_pool_t *pool)
{
    ngx_str_t   word;
    ngx_uint_t  i;

    acme_ca_column_text(q, pool, &word);

    for (i = ACME_CA_ISSUER_NEXT; i < ACME_CA_ISSUER_STATE_N; i++) {
        if (acme_ca_str_eq(&acme_ca_issuer_states[i], &word)) {
            return i;
        }
    }

    return ACME_CA_ISSUER_NONE;
}


ngx_int_t
acme_ca_store_issuer_set_next(acme_ca_store_t *store, int64_t id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_SET_NEXT);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_issuer_set_published(acme_ca_store_t *store, int64_t id,
    time_t at)
{
    return acme_ca_store_issuer_set(store, ACME_CA_SQL_ISSUER_SET_PUBLISHED, id,
                                    at);
}


ngx_int_t
acme_ca_store_issuer_set_active(acme_ca_store_t *store, int64_t id,
    time_t now)
{
    return acme_ca_store_issuer_set(store, ACME_CA_SQL_ISSUER_SET_ACTIVE, id,
                                    now);
}


ngx_int_t
acme_ca_store_issuer_set_retired(acme_ca_store_t *store, int64_t id,
    time_t now)
{
    return acme_ca_store_issuer_set(store, ACME_CA_SQL_ISSUER_SET_RETIRED, id,
                                    now);
}


ngx_int_t
acme_ca_store_issuer_set_compromised(acme_ca_store_t *store, int64_t id,
    time_t now)
{
    return acme_ca_store_issuer_set(store, ACME_CA_SQL_ISSUER_SET_COMPROMISED,
                                    id, now);
}


static ngx_int_t
acme_ca_store_issuer_set(acme_ca_store_t *store, acme_ca_statement_e statement,
    int64_t id, time_t at)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, statement);
    acme_ca_query_integer(&q, id);
    acme_ca_query_optional(&q, at);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_issuer_set_wanted(acme_ca_store_t *store, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_SET_WANTED);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_issuer_find_wanted(acme_ca_store_t *store)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_FIND_WANTED);

    rc = acme_ca_query_find(&q);

    return (rc == NGX_OK) ? acme_ca_query_end(&q) : rc;
}


ngx_int_t
acme_ca_store_issuer_remove_wanted(acme_ca_store_t *store)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ISSUER_REMOVE_WANTED);

    return acme_ca_query_run(&q);
}
