
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_audit_logs: append only, each row chained to the one before.
 */


#include "acme_ca_store_private.h"


/* what is hashed, gathered: each call of OpenSSL's costs more than its bytes */
typedef struct {
    EVP_MD_CTX  *md;
    u_char      *last;
    u_char       data[1024];
} acme_ca_store_audit_text_t;


static ngx_int_t acme_ca_store_audit_hash(acme_ca_store_t *store,
    acme_ca_audit_row_t *row);
static void acme_ca_store_audit_added(acme_ca_store_t *store,
    const acme_ca_audit_row_t *row);
static void acme_ca_store_audit_number(acme_ca_store_audit_text_t *text,
    int64_t number);
static u_char *acme_ca_store_audit_digits(u_char *dst, uint64_t number);
static void acme_ca_store_audit_word(acme_ca_store_audit_text_t *text,
    const char *word);
static void acme_ca_store_audit_value(acme_ca_store_audit_text_t *text,
    const ngx_str_t *value);
static void acme_ca_store_audit_flush(acme_ca_store_audit_text_t *text);


/* by acme_ca_audit_t.refused */

static const char  *acme_ca_store_outcomes[] = { "done", "refused", "failed" };


/*
 * The master does not chain, nor does what follows a row that waits for it: a
 * worker does both, in the order of the rows, and writes them to the log file.
 */

ngx_int_t
acme_ca_store_audit_add(acme_ca_store_t *store, const acme_ca_audit_t *audit,
    time_t now)
{
    ngx_int_t            rc;
    ngx_uint_t           chained;
    acme_ca_query_t      q;
    acme_ca_audit_row_t  row;

    row.at = now;
    row.outcome = acme_ca_store_outcomes[audit->refused];
    row.audit = audit;

    rc = (store->mode == ACME_CA_STORE_MIGRATE)
         ? NGX_DECLINED
         : acme_ca_store_audit_find_last(store, &row.id, row.hash);

    chained = (rc == NGX_OK);

    if (chained) {
        row.id++;
        rc = acme_ca_store_audit_hash(store, &row);
    }

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_ADD);
    acme_ca_query_integer(&q, now);
    acme_ca_query_word(&q, audit->actor);
    acme_ca_query_word(&q, audit->action);
    acme_ca_query_word(&q, row.outcome);
    acme_ca_query_text(&q, &audit->reason);
    acme_ca_query_text(&q, &audit->details);
    acme_ca_query_optional(&q, audit->account_id);
    acme_ca_query_optional(&q, audit->order_id);
    acme_ca_query_optional(&q, audit->authz_id);
    acme_ca_query_optional(&q, audit->challenge_id);
    acme_ca_query_optional(&q, audit->certificate_id);
    acme_ca_query_text(&q, &audit->client_address);
    acme_ca_query_text(&q, &audit->user_agent);
    acme_ca_query_text(&q, &audit->request_id);

    if (chained) {
        acme_ca_query_integer(&q, row.id);
        acme_ca_query_blob(&q, row.hash, ACME_CA_SHA256_LEN);

    } else {
        acme_ca_query_optional(&q, 0);
        acme_ca_query_optional(&q, 0);
    }

    rc = acme_ca_query_run(&q);

    if (rc == NGX_OK && chained) {
        acme_ca_store_audit_added(store, &row);
    }

    return rc;
}


/* the next row of this transaction need not look for it */

static void
acme_ca_store_audit_added(acme_ca_store_t *store,
    const acme_ca_audit_row_t *row)
{
    store->audit.known = store->transaction;
    store->audit.last = row->id;
    ngx_memcpy(store->audit.hash, row->hash, ACME_CA_SHA256_LEN);

    acme_ca_store_line_add(store, row);
}


ngx_int_t
acme_ca_store_audit_undone(acme_ca_store_t *store)
{
    store->audit.known = 0;

    return acme_ca_store_line_undo(store);
}


ngx_int_t
acme_ca_store_audit_find_last(acme_ca_store_t *store, int64_t *id,
    u_char hash[ACME_CA_SHA256_LEN])
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    if (store->audit.known) {
        *id = store->audit.last;
        ngx_memcpy(hash, store->audit.hash, ACME_CA_SHA256_LEN);
        return NGX_OK;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_GET_LAST);

    rc = acme_ca_query_find(&q);

    if (rc == NGX_DECLINED) {
        *id = 0;
        ngx_memzero(hash, ACME_CA_SHA256_LEN);
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    *id = acme_ca_column_integer(&q);
    rc = acme_ca_column_digest(&q, hash);

    return (acme_ca_query_end(&q) == NGX_OK) ? rc : NGX_ERROR;
}


/* begins with the hash before, which it replaces */

EVP_MD_CTX *
acme_ca_store_audit_start(acme_ca_store_t *store,
    const u_char hash[ACME_CA_SHA256_LEN])
{
    u_char         hex[2 * ACME_CA_SHA256_LEN];
    const EVP_MD  *type;

    /* a context that knows its algorithm does not look for it again */

    type = NULL;

    if (store->md == NULL) {
        store->md = EVP_MD_CTX_new();
        type = EVP_sha256();
    }

    if (store->md == NULL || EVP_DigestInit_ex(store->md, type, NULL) != 1) {
        EVP_MD_CTX_free(store->md);
        store->md = NULL;

        return NULL;
    }

    (void) ngx_hex_dump(hex, (u_char *) hash, ACME_CA_SHA256_LEN);
    (void) EVP_DigestUpdate(store->md, hex, sizeof(hex));

    return store->md;
}


/* the same content as that of the view acme_audit_contents */

static ngx_int_t
acme_ca_store_audit_hash(acme_ca_store_t *store, acme_ca_audit_row_t *row)
{
    const acme_ca_audit_t       *audit;
    acme_ca_store_audit_text_t   text;

    audit = row->audit;

    text.md = acme_ca_store_audit_start(store, row->hash);
    text.last = text.data;

    if (text.md == NULL) {
        return acme_ca_store_failed(store, "audit_add", SQLITE_NOMEM);
    }

    acme_ca_store_audit_number(&text, row->id);
    acme_ca_store_audit_number(&text, row->at);
    acme_ca_store_audit_word(&text, audit->actor);
    acme_ca_store_audit_word(&text, audit->action);
    acme_ca_store_audit_word(&text, row->outcome);
    acme_ca_store_audit_value(&text, &audit->reason);
    acme_ca_store_audit_value(&text, &audit->details);
    acme_ca_store_audit_number(&text, audit->account_id);
    acme_ca_store_audit_number(&text, audit->order_id);
    acme_ca_store_audit_number(&text, audit->authz_id);
    acme_ca_store_audit_number(&text, audit->challenge_id);
    acme_ca_store_audit_number(&text, audit->certificate_id);
    acme_ca_store_audit_value(&text, &audit->client_address);
    acme_ca_store_audit_value(&text, &audit->user_agent);
    acme_ca_store_audit_value(&text, &audit->request_id);

    acme_ca_store_audit_flush(&text);

    if (EVP_DigestFinal_ex(text.md, row->hash, NULL) != 1) {
        return acme_ca_store_failed(store, "audit_add", SQLITE_NOMEM);
    }

    return NGX_OK;
}


static void
acme_ca_store_audit_number(acme_ca_store_audit_text_t *text, int64_t number)
{
    u_char     digits[NGX_INT64_LEN];
    ngx_str_t  value;

    value.data = digits;
    value.len = number ? acme_ca_store_audit_digits(digits, number) - digits
                       : 0;

    acme_ca_store_audit_value(text, &value);
}


/* ids, times and lengths: ngx_sprintf() costs more than all the rest */

static u_char *
acme_ca_store_audit_digits(u_char *dst, uint64_t number)
{
    u_char  digits[NGX_INT64_LEN], *p, *end;

    end = digits + sizeof(digits);
    p = end;

    do {
        *--p = (u_char) ('0' + number % 10);
        number /= 10;
    } while (number);

    return ngx_cpymem(dst, p, end - p);
}


static void
acme_ca_store_audit_word(acme_ca_store_audit_text_t *text, const char *word)
{
    ngx_str_t  value;

    value.data = (u_char *) word;
    value.len = ngx_strlen(word);

    acme_ca_store_audit_value(text, &value);
}


static void
acme_ca_store_audit_value(acme_ca_store_audit_text_t *text,
    const ngx_str_t *value)
{
    size_t  room;

    room = text->data + sizeof(text->data) - text->last;

    if (room < NGX_SIZE_T_LEN + sizeof(":,") - 1 + value->len) {
        acme_ca_store_audit_flush(text);
    }

    if (value->len == 0) {
        *text->last++ = '-';

    } else if (value->len > sizeof(text->data) / 2) {
        text->last = acme_ca_store_audit_digits(text->last, value->len);
        *text->last++ = ':';
        acme_ca_store_audit_flush(text);
        (void) EVP_DigestUpdate(text->md, value->data, value->len);

    } else {
        text->last = acme_ca_store_audit_digits(text->last, value->len);
        *text->last++ = ':';
        text->last = ngx_cpymem(text->last, value->data, value->len);
    }

    *text->last++ = ',';
}


/* an update fails only where the final one does */

static void
acme_ca_store_audit_flush(acme_ca_store_audit_text_t *text)
{
    (void) EVP_DigestUpdate(text->md, text->data, text->last - text->data);

    text->last = text->data;
}


ngx_int_t
acme_ca_store_audit_get_sealing(acme_ca_store_t *store, int64_t id,
    ngx_uint_t *known, ngx_uint_t *told)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_GET_SEALING);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    *known = acme_ca_column_integer(&q);
    *told = acme_ca_column_integer(&q);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_audit_seal(acme_ca_store_t *store, int64_t id, ngx_uint_t limit,
    ngx_uint_t *n)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_SET_SEALED);
    acme_ca_query_integer(&q, id);

    rc = acme_ca_query_run(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_REMOVE_SEALED);
    acme_ca_query_integer(&q, id);
    acme_ca_query_integer(&q, limit);

    rc = acme_ca_query_run(&q);

    *n = (rc == NGX_OK) ? sqlite3_changes(store->db) : 0;

    return rc;
}


ngx_int_t
acme_ca_store_audit_find_start(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_str_t *after)
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_META_GET_START);

    rc = acme_ca_query_find(&q);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_column_text(&q, pool, after);

    return acme_ca_query_end(&q);
}


ngx_int_t
acme_ca_store_audit_set_start(acme_ca_store_t *store, const char *after)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_META_SET_START);
    acme_ca_query_word(&q, after);

    return acme_ca_query_run(&q);
}
