
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_audit_logs: append only, each row chained to the one before.
 */


#include "acme_ca_store_private.h"


static ngx_int_t acme_ca_store_audit_hash(acme_ca_store_t *store,
    const acme_ca_audit_t *audit, time_t now, int64_t id,
    u_char hash[ACME_CA_SHA256_LEN]);
static void acme_ca_store_audit_number(EVP_MD_CTX *md, int64_t number);
static void acme_ca_store_audit_value(EVP_MD_CTX *md, const u_char *data,
    size_t n);


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
    u_char           hash[ACME_CA_SHA256_LEN];
    int64_t          id;
    ngx_int_t        rc;
    acme_ca_query_t  q;

    id = 0;

    rc = (store->mode == ACME_CA_STORE_MIGRATE)
         ? NGX_DECLINED
         : acme_ca_store_audit_find_last(store, &id, hash);

    if (rc == NGX_OK) {
        id++;
        rc = acme_ca_store_audit_hash(store, audit, now, id, hash);
    }

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_ADD);
    acme_ca_query_integer(&q, now);
    acme_ca_query_word(&q, audit->actor);
    acme_ca_query_word(&q, audit->action);
    acme_ca_query_word(&q, acme_ca_store_outcomes[audit->refused]);
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

    if (rc == NGX_OK) {
        acme_ca_query_integer(&q, id);
        acme_ca_query_blob(&q, hash, ACME_CA_SHA256_LEN);

    } else {
        acme_ca_query_optional(&q, 0);
        acme_ca_query_optional(&q, 0);
    }

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_audit_find_last(acme_ca_store_t *store, int64_t *id,
    u_char hash[ACME_CA_SHA256_LEN])
{
    ngx_int_t        rc;
    acme_ca_query_t  q;

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
acme_ca_store_audit_hash(acme_ca_store_t *store, const acme_ca_audit_t *audit,
    time_t now, int64_t id, u_char hash[ACME_CA_SHA256_LEN])
{
    const char  *outcome;
    EVP_MD_CTX  *md;

    md = acme_ca_store_audit_start(store, hash);

    if (md == NULL) {
        return acme_ca_store_failed(store, "audit_add", SQLITE_NOMEM);
    }

    outcome = acme_ca_store_outcomes[audit->refused];

    acme_ca_store_audit_number(md, id);
    acme_ca_store_audit_number(md, now);
    acme_ca_store_audit_value(md, (u_char *) audit->actor,
                              ngx_strlen(audit->actor));
    acme_ca_store_audit_value(md, (u_char *) audit->action,
                              ngx_strlen(audit->action));
    acme_ca_store_audit_value(md, (u_char *) outcome, ngx_strlen(outcome));
    acme_ca_store_audit_value(md, audit->reason.data, audit->reason.len);
    acme_ca_store_audit_value(md, audit->details.data, audit->details.len);
    acme_ca_store_audit_number(md, audit->account_id);
    acme_ca_store_audit_number(md, audit->order_id);
    acme_ca_store_audit_number(md, audit->authz_id);
    acme_ca_store_audit_number(md, audit->challenge_id);
    acme_ca_store_audit_number(md, audit->certificate_id);
    acme_ca_store_audit_value(md, audit->client_address.data,
                              audit->client_address.len);
    acme_ca_store_audit_value(md, audit->user_agent.data,
                              audit->user_agent.len);
    acme_ca_store_audit_value(md, audit->request_id.data,
                              audit->request_id.len);

    if (EVP_DigestFinal_ex(md, hash, NULL) != 1) {
        return acme_ca_store_failed(store, "audit_add", SQLITE_NOMEM);
    }

    return NGX_OK;
}


static void
acme_ca_store_audit_number(EVP_MD_CTX *md, int64_t number)
{
    u_char  text[NGX_INT64_LEN];

    acme_ca_store_audit_value(md, text,
                              number ? ngx_sprintf(text, "%L", number) - text
                                     : 0);
}


/* an update fails only where the final one does */

static void
acme_ca_store_audit_value(EVP_MD_CTX *md, const u_char *data, size_t n)
{
    u_char  length[NGX_INT64_LEN + 1];

    if (n == 0) {
        (void) EVP_DigestUpdate(md, "-,", 2);
        return;
    }

    (void) EVP_DigestUpdate(md, length,
                            ngx_sprintf(length, "%uz:", n) - length);
    (void) EVP_DigestUpdate(md, data, n);
    (void) EVP_DigestUpdate(md, ",", 1);
}
