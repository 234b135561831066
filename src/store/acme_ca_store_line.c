
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Rows of the audit log as lines of JSON, for whoever watches a transaction:
 * of what it adds while it is in memory still, of what it chains from the
 * table.  What a request undid is not among them.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_json.h"


/* most lines are shorter */
#define ACME_CA_STORE_LINE  640


typedef struct {
    int64_t    id;
    ngx_str_t  text;
} acme_ca_store_line_t;


static ngx_int_t acme_ca_store_line_write(ngx_pool_t *pool, ngx_str_t *name,
    const acme_ca_audit_row_t *row, ngx_str_t *text);
static void acme_ca_store_line_text(acme_ca_json_writer_t *w,
    const char *name, const ngx_str_t *text);
static void acme_ca_store_line_number(acme_ca_json_writer_t *w,
    const char *name, int64_t number);
static void acme_ca_store_line_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_audit_row_t *row, acme_ca_audit_t *audit);


void
acme_ca_store_audit_watch(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_str_t *name)
{
    store->audit.pool = pool;
    store->audit.name = name;
    store->audit.lines = ngx_array_create(pool, 16,
                                          sizeof(acme_ca_store_line_t));
    store->audit.lost = (store->audit.lines == NULL);
}


/* the row stands: that there is no line of it is told at the end */

void
acme_ca_store_line_add(acme_ca_store_t *store, const acme_ca_audit_row_t *row)
{
    acme_ca_store_line_t  *line;

    if (store->audit.lines == NULL) {
        return;
    }

    line = ngx_array_push(store->audit.lines);

    if (line == NULL) {
        store->audit.lost = 1;
        return;
    }

    line->id = row->id;
    ngx_str_null(&line->text);

    if (acme_ca_store_line_write(store->audit.pool, store->audit.name, row,
                                 &line->text)
        != NGX_OK)
    {
        store->audit.lost = 1;
    }
}


static ngx_int_t
acme_ca_store_line_write(ngx_pool_t *pool, ngx_str_t *name,
    const acme_ca_audit_row_t *row, ngx_str_t *text)
{
    u_char                  hex[2 * ACME_CA_SHA256_LEN];
    ngx_str_t               hash;
    const acme_ca_audit_t  *audit;
    acme_ca_json_writer_t   w;

    audit = row->audit;

    hash.len = ngx_hex_dump(hex, (u_char *) row->hash, ACME_CA_SHA256_LEN)
               - hex;
    hash.data = hex;

    acme_ca_json_start(&w, pool, ACME_CA_STORE_LINE);
    acme_ca_json_open_object(&w, NULL);

    acme_ca_json_write_string(&w, "authority", name);
    acme_ca_json_write_number(&w, "id", row->id);
    acme_ca_json_write_time(&w, "at", row->at);
    acme_ca_json_write_text(&w, "actor", audit->actor);
    acme_ca_json_write_text(&w, "action", audit->action);
    acme_ca_json_write_text(&w, "outcome", row->outcome);
    acme_ca_store_line_text(&w, "reason", &audit->reason);

    if (audit->details.len) {
        acme_ca_json_write_raw(&w, "details", (ngx_str_t *) &audit->details);
    }

    acme_ca_store_line_number(&w, "account_id", audit->account_id);
    acme_ca_store_line_number(&w, "order_id", audit->order_id);
    acme_ca_store_line_number(&w, "authz_id", audit->authz_id);
    acme_ca_store_line_number(&w, "challenge_id", audit->challenge_id);
    acme_ca_store_line_number(&w, "certificate_id", audit->certificate_id);
    acme_ca_store_line_text(&w, "client_address", &audit->client_address);
    acme_ca_store_line_text(&w, "user_agent", &audit->user_agent);
    acme_ca_store_line_text(&w, "request_id", &audit->request_id);
    acme_ca_store_line_text(&w, "hash", &hash);

    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, text);
}


static void
acme_ca_store_line_text(acme_ca_json_writer_t *w, const char *name,
    const ngx_str_t *text)
{
    if (text->len) {
        acme_ca_json_write_string(w, name, (ngx_str_t *) text);
    }
}


static void
acme_ca_store_line_number(acme_ca_json_writer_t *w, const char *name,
    int64_t number)
{
    if (number) {
        acme_ca_json_write_number(w, name, number);
    }
}


ngx_int_t
acme_ca_store_line_list(acme_ca_store_t *store, int64_t first, int64_t last)
{
    ngx_int_t            rc;
    acme_ca_audit_t      audit;
    acme_ca_query_t      q;
    acme_ca_audit_row_t  row;

    if (store->audit.lines == NULL) {
        return NGX_OK;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_LIST);
    acme_ca_query_integer(&q, first);
    acme_ca_query_integer(&q, last);

    for ( ;; ) {
        rc = acme_ca_query_step(&q);
        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        acme_ca_store_line_read(&q, store->audit.pool, &row, &audit);
        acme_ca_store_line_add(store, &row);
    }
}


static void
acme_ca_store_line_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_audit_row_t *row, acme_ca_audit_t *audit)
{
    row->audit = audit;
    row->id = acme_ca_column_integer(q);
    row->at = acme_ca_column_integer(q);

    audit->actor = acme_ca_column_word(q);
    audit->action = acme_ca_column_word(q);
    row->outcome = acme_ca_column_word(q);

    acme_ca_column_text(q, pool, &audit->reason);
    acme_ca_column_text(q, pool, &audit->details);

    audit->account_id = acme_ca_column_integer(q);
    audit->order_id = acme_ca_column_integer(q);
    audit->authz_id = acme_ca_column_integer(q);
    audit->challenge_id = acme_ca_column_integer(q);
    audit->certificate_id = acme_ca_column_integer(q);

    acme_ca_column_text(q, pool, &audit->client_address);
    acme_ca_column_text(q, pool, &audit->user_agent);
    acme_ca_column_text(q, pool, &audit->request_id);

    acme_ca_column_bytes(q, row->hash, ACME_CA_SHA256_LEN);
}


/* the rows behind the last one that is left were undone */

ngx_int_t
acme_ca_store_line_undo(acme_ca_store_t *store)
{
    u_char                 hash[ACME_CA_SHA256_LEN];
    int64_t                last;
    ngx_int_t              rc;
    ngx_array_t           *lines;
    acme_ca_store_line_t  *line;

    lines = store->audit.lines;

    if (lines == NULL || lines->nelts == 0) {
        return NGX_OK;
    }

    rc = acme_ca_store_audit_find_last(store, &last, hash);

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    line = lines->elts;

    while (lines->nelts && line[lines->nelts - 1].id > last) {
        lines->nelts--;
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_store_audit_join(acme_ca_store_t *store, ngx_str_t *text)
{
    u_char                *p;
    size_t                 n;
    ngx_uint_t             i;
    acme_ca_store_line_t  *line;

    ngx_str_null(text);

    if (store->audit.lines == NULL) {
        return NGX_ERROR;
    }

    line = store->audit.lines->elts;
    n = 1;

    for (i = 0; i < store->audit.lines->nelts; i++) {
        n += line[i].text.len + 1;
    }

    text->data = ngx_pnalloc(store->audit.pool, n);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = text->data;

    for (i = 0; i < store->audit.lines->nelts; i++) {
        if (line[i].text.len) {
            p = ngx_cpymem(p, line[i].text.data, line[i].text.len);
            *p++ = '\n';
        }
    }

    text->len = p - text->data;

    return store->audit.lost ? NGX_ERROR : NGX_OK;
}
