
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: the chain of the audit log.
 */


#include "store_fixture.h"
#include "acme_ca_store_audit.h"


static void test_chain(void);
static void test_content(void);
static void test_open(void);
static void test_seal(void);
static void test_lines(void);
static void test_migrate(void);
static void test_memory(void);

static void hide_hashes(ngx_str_t *text);
static void audit_full(acme_ca_audit_t *audit);
static int64_t exec(const char *text);
static ngx_uint_t columns_that_change(void);
static ngx_uint_t chain_is_good(void);


/* that of audit_full() */
#define LINE_OF(id)                                                           \
    "{\"authority\":\"corp\",\"id\":" id ","                                  \
    "\"at\":\"2027-01-15T08:00:00Z\",\"actor\":\"account\","                  \
    "\"action\":\"issue\",\"outcome\":\"done\","                              \
    "\"reason\":\"it \\\"said\\\"\",\"details\":{\"a\":[1,null]},"          \
    "\"account_id\":1,\"order_id\":2,\"authz_id\":3,\"challenge_id\":4,"      \
    "\"certificate_id\":5,\"client_address\":\"::1\","                        \
    "\"user_agent\":\"certbot\",\"request_id\":\"r\",\"hash\":\"\"}\n"


int
main(void)
{
    fixture_begin();

    test_chain();
    test_content();
    test_open();
    test_seal();
    test_lines();
    test_migrate();
    test_memory();

    fixture_end();

    return done_testing();
}


static void
test_chain(void)
{
    acme_ca_audit_t        audit;
    acme_ca_audit_state_t  state;

    fixture_start();

    is_int(acme_ca_store_audit_get_state(store, &state), NGX_OK, "state");
    is_int(state.last, 0, "no row");
    is_int(state.chained, 0, "no chain");
    is_int(state.checkpoint, 0, "no checkpoint");

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));
    audit.actor = "client";
    audit.action = "new-order";

    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "first");
    audit_full(&audit);
    is_int(acme_ca_store_audit_add(store, &audit, NOW + 1), NGX_OK, "second");
    is_int(acme_ca_store_audit_add(store, &audit, NOW + 2), NGX_OK, "third");

    is_int(acme_ca_store_audit_get_state(store, &state), NGX_OK, "state");
    is_int(state.last, 3, "three rows");
    is_int(state.chained, 3, "chained");
    is_int(chain_is_good(), 1, "as the view tells");
    is_int(fixture_count("SELECT count(DISTINCT hash) FROM acme_audit_logs"),
           3, "each its own hash");

    /* what a request undid is not in the chain */

    is_int(acme_ca_store_begin(store), NGX_OK, "begin");
    is_int(acme_ca_store_savepoint(store), NGX_OK, "savepoint");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "undone");
    is_int(acme_ca_store_rollback_to(store), NGX_OK, "rollback");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "fourth");
    is_int(acme_ca_store_commit(store), NGX_OK, "commit");
    is_int(fixture_count("SELECT max(id) FROM acme_audit_logs"), 4, "four");
    is_int(chain_is_good(), 1, "still good");

    /* nobody changes it */

    is_int(exec("UPDATE acme_audit_logs SET action = 'x' WHERE id = 2"),
           SQLITE_CONSTRAINT_TRIGGER, "no change");
    is_int(columns_that_change(), 0, "whatever the column");
    is_int(exec("UPDATE acme_audit_logs SET hash = zeroblob(32)"),
           SQLITE_CONSTRAINT_TRIGGER, "no other hash");
    is_int(exec("UPDATE acme_audit_logs SET hash = NULL"),
           SQLITE_CONSTRAINT_TRIGGER, "no hash taken away");
    is_int(exec("DELETE FROM acme_audit_logs WHERE id = 4"),
           SQLITE_CONSTRAINT_TRIGGER, "no removal");

    fixture_stop();
}


/* the same content in C and in SQL, whatever is in a row */

static void
test_content(void)
{
    ngx_uint_t       i;
    acme_ca_audit_t  audit;

    static const char  *texts[] = {
        "", "-", "a", "1:a,", "\xc3\xa4\xe2\x82\xac", "line\nfeed \"x\" \\",
        "ill-formed \377 \033[2J"
    };

    fixture_start();

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ngx_memzero(&audit, sizeof(acme_ca_audit_t));
        audit.actor = "account";
        audit.action = "issue";
        audit.refused = i % 3;
        audit.certificate_id = i * 1000000000000LL;
        fixture_str(&audit.reason, texts[i]);
        fixture_str(&audit.user_agent, texts[i]);

        is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, texts[i]);
    }

    is_int(chain_is_good(), 1, "the same content");

    fixture_stop();
}


/* rows of the tool, the master, an older release */

static void
test_open(void)
{
    acme_ca_audit_t        audit;
    acme_ca_store_t       *master;
    acme_ca_audit_state_t  state;

    fixture_start();

    audit_full(&audit);
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "chained");

    master = fixture_open(ACME_CA_STORE_MIGRATE);
    is_int(acme_ca_store_audit_add(master, &audit, NOW), NGX_OK, "master's");
    acme_ca_store_close(master);

    is_int(exec("INSERT INTO acme_audit_logs (at, actor, action, outcome)"
                " VALUES (1, 'operator', 'x', 'done')"), SQLITE_OK, "tool's");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "follows");

    is_int(acme_ca_store_audit_get_state(store, &state), NGX_OK, "state");
    is_int(state.last, 4, "four rows");
    is_int(state.chained, 1, "one chained");

    is_int(acme_ca_store_audit_chain(store, 2), NGX_OK, "two more");
    is_int(acme_ca_store_audit_get_state(store, &state), NGX_OK, "state");
    is_int(state.chained, 3, "are chained");

    is_int(acme_ca_store_audit_chain(store, 100), NGX_OK, "and the rest");
    is_int(acme_ca_store_audit_chain(store, 100), NGX_OK, "nothing left");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "as ever");
    is_int(acme_ca_store_audit_get_state(store, &state), NGX_OK, "state");
    is_int(state.chained, 5, "all are chained");
    is_int(chain_is_good(), 1, "well");

    fixture_stop();
}


static void
test_seal(void)
{
    acme_ca_audit_t             audit;
    acme_ca_audit_state_t       state;
    acme_ca_audit_checkpoint_t  checkpoint;

    fixture_start();

    is_int(acme_ca_store_audit_find_end(store, pool, NOW, &checkpoint),
           NGX_DECLINED, "nothing to sign");

    audit_full(&audit);
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "one");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "two");

    is_int(acme_ca_store_audit_find_end(store, pool, NOW, &checkpoint),
           NGX_OK, "something to sign");
    is_int(checkpoint.id, 2, "up to the last row");
    is_int(ngx_strncmp(checkpoint.text.data, "acme-ca audit 2 1800000000 ",
                       27), 0, "its text");
    is_int(checkpoint.text.len, 27 + 64, "with the hash");

    ngx_memset(checkpoint.key_id, 'k', ACME_CA_SHA256_LEN);
    fixture_str(&checkpoint.signature, "signature");

    is_int(acme_ca_store_audit_add_checkpoint(store, &checkpoint), NGX_OK,
           "checkpoint");
    is_int(acme_ca_store_audit_add_checkpoint(store, &checkpoint),
           NGX_DECLINED, "only once");
    is_int(acme_ca_store_audit_get_state(store, &state), NGX_OK, "state");
    is_int(state.checkpoint, 2, "is known");
    is_int(state.checkpoint_at, NOW, "with its time");

    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "three");

    is_int(exec("UPDATE acme_ca_meta SET audit_sealed = 1"),
           SQLITE_CONSTRAINT_TRIGGER, "only a checkpoint seals");
    is_int(exec("UPDATE acme_ca_meta SET audit_sealed = 2"), SQLITE_OK,
           "sealed");
    is_int(exec("UPDATE acme_ca_meta SET audit_sealed = 1"),
           SQLITE_CONSTRAINT_TRIGGER, "for good");
    is_int(exec("DELETE FROM acme_audit_logs WHERE id = 3"),
           SQLITE_CONSTRAINT_TRIGGER, "what is behind stays");
    is_int(exec("DELETE FROM acme_audit_logs WHERE id < 3"), SQLITE_OK,
           "what is sealed may go");
    is_int(exec("DELETE FROM acme_audit_checkpoints"),
           SQLITE_CONSTRAINT_TRIGGER, "the checkpoint stays");
    is_int(exec("UPDATE acme_audit_checkpoints SET at = 1"),
           SQLITE_CONSTRAINT_TRIGGER, "as it is");

    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "four");
    is_int(fixture_count("SELECT max(id) FROM acme_audit_logs"), 4,
           "no id twice");

    fixture_stop();
}


/* of what is added and of what is chained, not of what is undone */

static void
test_lines(void)
{
    ngx_str_t         name, text;
    acme_ca_audit_t   audit;
    acme_ca_store_t  *master;

    fixture_start();

    audit_full(&audit);
    fixture_str(&name, "corp");

    is_int(acme_ca_store_begin(store), NGX_OK, "begin");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "unseen");
    acme_ca_store_audit_watch(store, pool, &name);
    is_int(acme_ca_store_audit_join(store, &text), NGX_OK, "join");
    is_int(text.len, 0, "no line");

    is_int(acme_ca_store_savepoint(store), NGX_OK, "savepoint");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "two");
    is_int(acme_ca_store_release(store), NGX_OK, "release");

    is_int(acme_ca_store_savepoint(store), NGX_OK, "savepoint");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "undone");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "as well");
    is_int(acme_ca_store_rollback_to(store), NGX_OK, "rollback");

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));
    audit.actor = "client";
    audit.action = "new-order";
    audit.refused = 1;
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "three");

    is_int(acme_ca_store_audit_join(store, &text), NGX_OK, "join");
    is_int(acme_ca_store_commit(store), NGX_OK, "commit");
    is_int(chain_is_good(), 1, "the chain");

    hide_hashes(&text);
    is_str(&text, LINE_OF("2") "{\"authority\":\"corp\",\"id\":3,"
           "\"at\":\"2027-01-15T08:00:00Z\",\"actor\":\"client\","
           "\"action\":\"new-order\",\"outcome\":\"refused\",\"hash\":\"\"}\n",
           "two and three");

    /* what others added is chained and read */

    audit_full(&audit);
    master = fixture_open(ACME_CA_STORE_MIGRATE);
    is_int(acme_ca_store_audit_add(master, &audit, NOW), NGX_OK, "master's");
    acme_ca_store_close(master);

    is_int(acme_ca_store_begin(store), NGX_OK, "begin");
    acme_ca_store_audit_watch(store, pool, &name);
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "open");
    is_int(acme_ca_store_audit_chain(store, 9), NGX_OK, "chained");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "behind it");
    is_int(acme_ca_store_audit_join(store, &text), NGX_OK, "join");
    is_int(acme_ca_store_commit(store), NGX_OK, "commit");
    is_int(chain_is_good(), 1, "the chain");

    hide_hashes(&text);
    is_str(&text, LINE_OF("4") LINE_OF("5") LINE_OF("6"), "four to six");

    /* nobody watches for longer than a transaction */

    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "seven");
    is_int(acme_ca_store_audit_join(store, &text), NGX_ERROR, "no lines");

    fixture_stop();
}


/* rows that are older than the chain */

static void
test_migrate(void)
{
    acme_ca_audit_t   audit;
    acme_ca_store_t  *master;

    fixture_start();

    audit_full(&audit);
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "one");
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "two");
    is_int(exec("DROP TRIGGER acme_audit_logs_chained;"
                "UPDATE acme_audit_logs SET hash = NULL"), SQLITE_OK, "old");

    master = fixture_open(ACME_CA_STORE_MIGRATE);
    is_int(acme_ca_store_audit_migrate(master), NGX_OK, "migrated");
    acme_ca_store_close(master);

    is_int(chain_is_good(), 1, "chained");

    fixture_stop();
}


static void
test_memory(void)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_uint_t                  i, failed;
    acme_ca_audit_t             audit;
    acme_ca_audit_checkpoint_t  checkpoint;

    fixture_start();

    audit_full(&audit);
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "a row");

    for (i = 0; /* void */ ; i++) {
        is_int(acme_ca_store_begin(store), NGX_OK, "begin");

        shim_fail_at(i);
        rc = acme_ca_store_audit_find_end(store, pool, NOW, &checkpoint);

        acme_ca_store_audit_watch(store, pool, &audit.request_id);

        if (acme_ca_store_audit_add(store, &audit, NOW) != NGX_OK
            || acme_ca_store_audit_join(store, &text) != NGX_OK)
        {
            rc = NGX_ERROR;
        }

        failed = shim_failed();
        shim_fail_at(-1);

        is_int(acme_ca_store_commit(store), NGX_OK, "commit");
        ngx_reset_pool(pool);

        if (!failed) {
            break;
        }

        is_int(rc, NGX_ERROR, "an error without memory");
    }

    is_int(rc, NGX_OK, "with enough memory");
    ok(i > 1, "and an error without");
    is_int(chain_is_good(), 1, "the rows are good, with lines or without");

    fixture_stop();
}


/* each is another one, of 64 digits */

static void
hide_hashes(ngx_str_t *text)
{
    u_char  *p, *end;

    end = text->data + text->len;

    for (p = text->data + 8; p + 65 <= end; p++) {
        if (strncmp((char *) p - 8, "\"hash\":\"", 8) == 0) {
            memmove(p, p + 64, end - p - 64);
            end -= 64;
        }
    }

    text->len = end - text->data;
}


static void
audit_full(acme_ca_audit_t *audit)
{
    ngx_memzero(audit, sizeof(acme_ca_audit_t));

    audit->actor = "account";
    audit->action = "issue";
    fixture_str(&audit->reason, "it \"said\"");
    fixture_str(&audit->details, "{\"a\":[1,null]}");
    audit->account_id = 1;
    audit->order_id = 2;
    audit->authz_id = 3;
    audit->challenge_id = 4;
    audit->certificate_id = 5;
    fixture_str(&audit->client_address, "::1");
    fixture_str(&audit->user_agent, "certbot");
    fixture_str(&audit->request_id, "r");
}


static int64_t
exec(const char *text)
{
    int  rc;

    rc = sqlite3_exec(store->db, text, NULL, NULL, NULL);

    return (rc == SQLITE_OK) ? rc : sqlite3_extended_errcode(store->db);
}


/* of a row that is there; a hash may be set once */

static ngx_uint_t
columns_that_change(void)
{
    char           text[128];
    ngx_uint_t     n;
    sqlite3_stmt  *stmt;

    n = 0;
    sqlite3_prepare_v2(store->db, "SELECT 'UPDATE acme_audit_logs"
                       " SET ' || name || ' = ' || name"
                       " FROM pragma_table_info('acme_audit_logs')"
                       " WHERE name <> 'hash'", -1, &stmt, NULL);

    while (sqlite3_step(stmt) == SQLITE_ROW) {
        snprintf(text, sizeof(text), "%s", sqlite3_column_text(stmt, 0));

        if (exec(text) != SQLITE_CONSTRAINT_TRIGGER) {
            n++;
        }
    }

    sqlite3_finalize(stmt);

    return n;
}


/* with what the view says, not with what C hashed */

static ngx_uint_t
chain_is_good(void)
{
    char           hex[65], *text;
    size_t         n;
    u_char         hash[ACME_CA_SHA256_LEN];
    ngx_uint_t     good;
    sqlite3_stmt  *stmt;

    good = 1;
    memset(hex, '0', 64);
    hex[64] = '\0';

    if (sqlite3_prepare_v2(store->db, "SELECT content, hash FROM "
                           "acme_audit_contents ORDER BY id", -1, &stmt, NULL)
        != SQLITE_OK)
    {
        return 0;
    }

    while (sqlite3_step(stmt) == SQLITE_ROW) {
        n = sqlite3_column_bytes(stmt, 0);
        text = malloc(64 + n);
        memcpy(text, hex, 64);
        memcpy(text + 64, sqlite3_column_blob(stmt, 0), n);

        acme_ca_sha256((u_char *) text, 64 + n, hash);
        free(text);

        if (sqlite3_column_bytes(stmt, 1) != ACME_CA_SHA256_LEN
            || memcmp(sqlite3_column_blob(stmt, 1), hash, ACME_CA_SHA256_LEN))
        {
            good = 0;
        }

        ngx_hex_dump((u_char *) hex, hash, ACME_CA_SHA256_LEN);
    }

    (void) sqlite3_finalize(stmt);

    return good;
}
