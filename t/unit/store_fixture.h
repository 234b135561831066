
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the tests of the store share: a database in a folder of its own, and
 * one row of each kind to begin with.
 */


#ifndef _STORE_FIXTURE_H_INCLUDED_
#define _STORE_FIXTURE_H_INCLUDED_


#include "shim.h"
#include "tap.h"

#include "acme_ca_store_private.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


#define NOW  1800000000


static char        fixture_folder[64];
static char        fixture_file[96];
static ngx_str_t   fixture_path;

/* the clock of log lines that come once a second */
static ngx_time_t  fixture_time;

/* of the test that runs: between fixture_start() and fixture_stop() */
static ngx_pool_t       *pool;
static acme_ca_store_t  *store;
static int64_t           account_id, issuer_id;


static inline void
fixture_begin(void)
{
    strcpy(fixture_folder, "/tmp/acme_ca_store.XXXXXX");

    if (mkdtemp(fixture_folder) == NULL) {
        perror("mkdtemp()");
        exit(1);
    }

    snprintf(fixture_file, sizeof(fixture_file), "%s/ca.db", fixture_folder);

    fixture_path.data = (u_char *) fixture_file;
    fixture_path.len = strlen(fixture_file);
}


static inline void
fixture_tick(void)
{
    fixture_time.sec++;
    ngx_cached_time = &fixture_time;
    shim_logged[0] = '\0';
}


static inline void
fixture_remove(void)
{
    char        name[128];
    ngx_uint_t  i;

    static const char  *suffixes[] = { "", "-wal", "-shm", "-journal" };

    for (i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "%s%s", fixture_file, suffixes[i]);
        (void) unlink(name);
    }
}


static inline void
fixture_end(void)
{
    fixture_remove();
    (void) rmdir(fixture_folder);
}


static inline acme_ca_store_t *
fixture_open(acme_ca_store_mode_e mode)
{
    return acme_ca_store_open(&fixture_path, mode, &shim_log);
}


/* a new database, and the handle that writes it */

static inline acme_ca_store_t *
fixture_new(void)
{
    fixture_remove();
    acme_ca_store_close(fixture_open(ACME_CA_STORE_MIGRATE));

    return fixture_open(ACME_CA_STORE_WRITE);
}


/* what the sqlite3 shell would answer: the first column as a number */

static inline int64_t
fixture_sql(const char *text)
{
    int            rc;
    int64_t        value;
    sqlite3       *db;
    sqlite3_stmt  *stmt;

    value = -1;

    if (sqlite3_open(fixture_file, &db) == SQLITE_OK) {
        rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL);

        if (rc == SQLITE_OK) {
            rc = sqlite3_step(stmt);
            value = (rc == SQLITE_ROW) ? sqlite3_column_int64(stmt, 0)
                                       : (rc == SQLITE_DONE) ? 0 : -rc;
            (void) sqlite3_finalize(stmt);

        } else {
            value = -rc;
        }
    }

    (void) sqlite3_close(db);

    return value;
}


static inline int64_t
fixture_count(const char *text)
{
    int64_t        n;
    sqlite3_stmt  *stmt;

    n = -1;

    if (sqlite3_prepare_v2(store->db, text, -1, &stmt, NULL) == SQLITE_OK) {
        if (sqlite3_step(stmt) == SQLITE_ROW) {
            n = sqlite3_column_int64(stmt, 0);
        }

        (void) sqlite3_finalize(stmt);
    }

    return n;
}


static inline void
fixture_str(ngx_str_t *s, const char *text)
{
    s->data = (u_char *) text;
    s->len = strlen(text);
}


static inline void
fixture_account(acme_ca_account_t *account, u_char key)
{
    ngx_memzero(account, sizeof(acme_ca_account_t));

    account->status = ACME_CA_VALID;
    account->created_at = NOW;
    ngx_memset(account->thumbprint, key, ACME_CA_SHA256_LEN);
    fixture_str(&account->jwk, "{\"kty\":\"EC\"}");
    fixture_str(&account->contact, "[]");
}


static inline void
fixture_order(acme_ca_order_t *order, int64_t owner)
{
    ngx_memzero(order, sizeof(acme_ca_order_t));

    order->account_id = owner;
    order->status = ACME_CA_PENDING;
    order->created_at = NOW;
    order->expires_at = NOW + 86400;
}


static inline void
fixture_authz(acme_ca_authz_t *authz, int64_t owner, const char *name)
{
    ngx_memzero(authz, sizeof(acme_ca_authz_t));

    authz->account_id = owner;
    authz->status = ACME_CA_PENDING;
    authz->created_at = NOW;
    authz->expires_at = NOW + 86400;
    authz->identifier.type = ACME_CA_IDENTIFIER_DNS;
    fixture_str(&authz->identifier.value, name);
}


static inline void
fixture_challenge(acme_ca_challenge_t *challenge, int64_t authz_id)
{
    ngx_memzero(challenge, sizeof(acme_ca_challenge_t));

    challenge->id = authz_id * ACME_CA_CHALLENGE_SLOTS + ACME_CA_HTTP_01;
    challenge->type = ACME_CA_HTTP_01;
    challenge->status = ACME_CA_PENDING;
    fixture_str(&challenge->token, "token");
}


static inline void
fixture_certificate(acme_ca_certificate_t *certificate, int64_t owner,
    const char *serial)
{
    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    certificate->account_id = owner;
    certificate->issuer_id = issuer_id;
    certificate->status = ACME_CA_VALID;
    certificate->not_before = NOW;
    certificate->not_after = NOW + 7776000;
    certificate->created_at = NOW;
    ngx_memset(certificate->fingerprint, 7, ACME_CA_SHA256_LEN);
    fixture_str(&certificate->serial, serial);
    fixture_str(&certificate->common_name, "a.example");
    fixture_str(&certificate->sans, "dns:a.example");
    fixture_str(&certificate->key_type, "EC P-256");
    fixture_str(&certificate->der, "0\202\001\n");
}


/* a new database with an account and an issuer; what the last test left */

static inline void
fixture_start(void)
{
    ngx_str_t          s;
    acme_ca_account_t  account;

    pool = ngx_create_pool(4096, &shim_log);
    store = fixture_new();

    if (store == NULL) {
        printf("Bail out!  %s\n", shim_logged);
        exit(1);
    }

    fixture_account(&account, 1);
    (void) acme_ca_store_account_add(store, &account);
    account_id = account.id;

    fixture_str(&s, "issuer");
    (void) acme_ca_store_issuer_add(store, &s, &s, &s, NOW, NOW, NOW,
                                    &issuer_id);
    fixture_tick();
}


static inline void
fixture_stop(void)
{
    is_int(fixture_count("SELECT count(*) FROM pragma_foreign_key_check"),
           0,
           "no row without its parent");

    acme_ca_store_close(store);
    ngx_destroy_pool(pool);
}


#endif /* _STORE_FIXTURE_H_INCLUDED_ */
