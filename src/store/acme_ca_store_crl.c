
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_crls, and the revoked certificates that belong into a CRL.  Entries are
 * read in pages, each a read of its own: one that lasted would keep the WAL
 * from being moved into the database.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_crl.h"


#define ACME_CA_STORE_CRL_PAGE    4096

/* longer than any serial number, so that it is greater than all */
#define ACME_CA_STORE_CRL_SERIAL  21


/* serial numbers behind "from", of those below "to" */
typedef struct {
    u_char       from[ACME_CA_STORE_CRL_SERIAL];
    size_t       from_len;
    u_char       to[ACME_CA_STORE_CRL_SERIAL];
    size_t       to_len;
} acme_ca_store_crl_range_t;


static ngx_int_t acme_ca_store_crl_read(acme_ca_query_t *q,
    acme_ca_crl_t *crl);
static void acme_ca_store_crl_range(const acme_ca_crl_t *crl,
    acme_ca_store_crl_range_t *range);
static ngx_int_t acme_ca_store_crl_page(acme_ca_query_t *q,
    acme_ca_store_crl_range_t *range, acme_ca_store_revoked_pt handler,
    void *data, ngx_uint_t *n);
static void acme_ca_store_crl_entry(acme_ca_query_t *q,
    acme_ca_revoked_t *entry);


ngx_int_t
acme_ca_store_crl_add(acme_ca_store_t *store, int64_t issuer_id,
    ngx_uint_t shards, ngx_uint_t shard, ngx_str_t *url)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_ADD);
    acme_ca_query_integer(&q, issuer_id);
    acme_ca_query_integer(&q, shards);
    acme_ca_query_integer(&q, shard);
    acme_ca_query_text(&q, url);

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_crl_find(acme_ca_store_t *store, int64_t issuer_id,
    ngx_uint_t shards, ngx_uint_t shard, acme_ca_crl_t *crl)
{
    acme_ca_query_t  q;

    crl->issuer_id = issuer_id;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_FIND);
    acme_ca_query_integer(&q, issuer_id);
    acme_ca_query_integer(&q, shards);
    acme_ca_query_integer(&q, shard);

    return acme_ca_store_crl_read(&q, crl);
}


ngx_int_t
acme_ca_store_crl_find_due(acme_ca_store_t *store, int64_t issuer_id,
    time_t now, time_t before, time_t after, acme_ca_crl_t *crl)
{
    acme_ca_query_t  q;

    crl->issuer_id = issuer_id;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_FIND_DUE);
    acme_ca_query_integer(&q, issuer_id);
    acme_ca_query_integer(&q, now);
    acme_ca_query_integer(&q, before);
    acme_ca_query_integer(&q, after);

    return acme_ca_store_crl_read(&q, crl);
}


ngx_int_t
acme_ca_store_crl_find_ending(acme_ca_store_t *store, ngx_pool_t *pool,
    time_t before, ngx_str_t *issuer, time_t *next_update)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_FIND_ENDING);
    acme_ca_query_integer(&q, before);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_column_text(&q, pool, issuer);
    *next_update = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


static ngx_int_t
acme_ca_store_crl_read(acme_ca_query_t *q, acme_ca_crl_t *crl)
{
    ngx_int_t  rc;

    rc = acme_ca_query_find(q);
    if (rc != NGX_OK) {
        return rc;
    }

    crl->shards = acme_ca_column_integer(q);
    crl->shard = acme_ca_column_integer(q);
    crl->number = acme_ca_column_integer(q);
    crl->this_update = acme_ca_column_integer(q);
    crl->next_update = acme_ca_column_integer(q);
    crl->entries = acme_ca_column_integer(q);

    return acme_ca_query_end(q);
}


ngx_int_t
acme_ca_store_crl_claim(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_crl_t *crl, time_t now, time_t lease_until)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_CLAIM);
    acme_ca_query_integer(&q, crl->issuer_id);
    acme_ca_query_integer(&q, crl->shards);
    acme_ca_query_integer(&q, crl->shard);
    acme_ca_query_integer(&q, now);
    acme_ca_query_integer(&q, lease_until);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    crl->number = acme_ca_column_integer(&q);
    crl->this_update = acme_ca_column_integer(&q);
    acme_ca_column_text(&q, pool, &crl->points);
    crl->asked = acme_ca_column_integer(&q);

    /* outside of a transaction the last step is the commit */

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_crl_set_made(acme_ca_store_t *store, const acme_ca_crl_t *crl,
    time_t due_at)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_SET_MADE);
    acme_ca_query_integer(&q, crl->issuer_id);
    acme_ca_query_integer(&q, crl->shards);
    acme_ca_query_integer(&q, crl->shard);
    acme_ca_query_integer(&q, crl->number);
    acme_ca_query_integer(&q, crl->this_update);
    acme_ca_query_integer(&q, crl->next_update);
    acme_ca_query_integer(&q, crl->entries);
    acme_ca_query_integer(&q, due_at);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_crl_set_due(acme_ca_store_t *store, const acme_ca_crl_t *crl,
    time_t due_at)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_SET_DUE);
    acme_ca_query_integer(&q, crl->issuer_id);
    acme_ca_query_integer(&q, crl->shards);
    acme_ca_query_integer(&q, crl->shard);
    acme_ca_query_integer(&q, due_at);

    return acme_ca_query_set(&q);
}


ngx_int_t
acme_ca_store_crl_count_revoked(acme_ca_store_t *store,
    const acme_ca_crl_t *crl, time_t since, ngx_uint_t *n)
{
    acme_ca_query_t            q;
    acme_ca_store_crl_range_t  range;

    acme_ca_store_crl_range(crl, &range);

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_COUNT_REVOKED);
    acme_ca_query_integer(&q, crl->issuer_id);
    acme_ca_query_blob(&q, range.from, range.from_len);
    acme_ca_query_blob(&q, range.to, range.to_len);
    acme_ca_query_integer(&q, since);

    return acme_ca_query_find_count(&q, n);
}


ngx_int_t
acme_ca_store_crl_list_revoked(acme_ca_store_t *store,
    const acme_ca_crl_t *crl, time_t since, acme_ca_store_revoked_pt handler,
    void *data)
{
    ngx_int_t                  rc;
    ngx_uint_t                 n;
    acme_ca_query_t            q;
    acme_ca_store_crl_range_t  range;

    acme_ca_store_crl_range(crl, &range);

    do {
        acme_ca_query_begin(store, &q, ACME_CA_SQL_CRL_LIST_REVOKED);
        acme_ca_query_integer(&q, crl->issuer_id);
        acme_ca_query_blob(&q, range.from, range.from_len);
        acme_ca_query_blob(&q, range.to, range.to_len);
        acme_ca_query_integer(&q, since);
        acme_ca_query_integer(&q, ACME_CA_STORE_CRL_PAGE);

        rc = acme_ca_store_crl_page(&q, &range, handler, data, &n);

    } while (rc == NGX_OK && n == ACME_CA_STORE_CRL_PAGE);

    return rc;
}


/* parts have equal shares of what the first byte can be */

static void
acme_ca_store_crl_range(const acme_ca_crl_t *crl,
    acme_ca_store_crl_range_t *range)
{
    ngx_memset(range->from, 0xff, ACME_CA_STORE_CRL_SERIAL);

    range->from[0] = crl->shard * ACME_CA_CRL_SHARDS / crl->shards - 1;
    range->from_len = (crl->shard != 0) ? ACME_CA_STORE_CRL_SERIAL : 0;

    range->to[0] = (crl->shard + 1) * ACME_CA_CRL_SHARDS / crl->shards;
    range->to_len = 1;

    /* foreign serial numbers may use all of the byte */

    if (crl->shard + 1 == crl->shards) {
        ngx_memset(range->to, 0xff, ACME_CA_STORE_CRL_SERIAL);
        range->to_len = ACME_CA_STORE_CRL_SERIAL;
    }
}


static ngx_int_t
acme_ca_store_crl_page(acme_ca_query_t *q, acme_ca_store_crl_range_t *range,
    acme_ca_store_revoked_pt handler, void *data, ngx_uint_t *n)
{
    ngx_int_t          rc;
    acme_ca_revoked_t  entry;

    for (*n = 0; /* void */ ; (*n)++) {

        rc = acme_ca_query_step(q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        acme_ca_store_crl_entry(q, &entry);

        if (entry.serial.len == 0
            || entry.serial.len >= ACME_CA_STORE_CRL_SERIAL)
        {
            (void) acme_ca_query_end(q);
            return acme_ca_never(q->store->log);
        }

        ngx_memcpy(range->from, entry.serial.data, entry.serial.len);
        range->from_len = entry.serial.len;

        rc = handler(data, &entry);

        if (rc != NGX_OK) {
            (void) acme_ca_query_end(q);
            return rc;
        }
    }
}


/* its serial number lies in the row */

static void
acme_ca_store_crl_entry(acme_ca_query_t *q, acme_ca_revoked_t *entry)
{
    entry->serial.data = (u_char *) sqlite3_column_blob(q->stmt, q->n);
    entry->serial.len = sqlite3_column_bytes(q->stmt, q->n);

    q->n++;

    entry->revoked_at = acme_ca_column_integer(q);
    entry->reason = acme_ca_column_integer(q);
    entry->invalidity_at = acme_ca_column_integer(q);
}
