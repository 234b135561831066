
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: what the store does by itself as time goes by: orders and others
 * are forgotten, certificates expire, pages are given back; and the size of a
 * database after many days.
 */


#include "store_fixture.h"
#include "store_flow.h"

#include "acme_ca_store_census.h"
#include "acme_ca_store_eab.h"
#include "acme_ca_store_sweep.h"


#define DAYS      5
#define A_DAY     1000     /* issuances */
#define A_BATCH   20
#define TABLES    32


static void test_sweep(void);
static void test_sweep_shared(void);
static void test_eab(void);
static void test_server(void);
static void test_expire(void);
static void test_vacuum(void);
static void test_vacuum_old(void);
static void test_days(void);
static void issue_day(ngx_uint_t day, int64_t *accounts);
static ngx_uint_t stays(const char *table);
static int64_t sweep_all(time_t before);
static int64_t add_order(int64_t authz_id, time_t created_at);
static void add_eab(const char *kid, time_t expires_at);
static int64_t add_certificate(const char *serial, time_t not_after);
static void census(time_t now, int64_t valid, int64_t expired,
    int64_t revoked);


int
main(void)
{
    fixture_begin();

    test_sweep();
    test_sweep_shared();
    test_eab();
    test_server();
    test_expire();
    test_vacuum();
    test_vacuum_old();
    test_days();

    fixture_end();

    return done_testing();
}


static void
test_sweep(void)
{
    ngx_uint_t            i;
    acme_ca_job_t         job;
    acme_ca_authz_t       authz;
    acme_ca_order_t       order;
    acme_ca_swept_t       swept;
    acme_ca_challenge_t   challenge;

    fixture_start();

    for (i = 0; i < 6; i++) {
        fixture_authz(&authz, account_id, "a.example");
        authz.created_at = NOW + 10 * i;
        authz.expires_at = NOW + 10 * i + 100;
        (void) acme_ca_store_authz_add(store, &authz);
        fixture_challenge(&challenge, authz.id);
        (void) acme_ca_store_challenge_add(store, &challenge);
        (void) add_order(authz.id, NOW + 10 * i);
    }

    ngx_memzero(&job, sizeof(acme_ca_job_t));
    job.challenge_id = 16;
    (void) acme_ca_store_job_add(store, &job, NOW);

    is_int(acme_ca_store_sweep(store, NOW + 100, 10, &swept), NGX_OK, "sweep");
    is_int(swept.orders, 0, "nothing has expired before that");
    is_int(acme_ca_store_sweep(store, NOW + 125, 2, &swept), NGX_OK, "sweep");
    is_int(swept.orders, 2, "two, the limit");
    is_int(fixture_count("SELECT count(*) FROM jobs"), 0, "with the job");
    is_int(acme_ca_store_sweep(store, NOW + 125, 2, &swept), NGX_OK, "sweep");
    is_int(swept.orders, 1, "one more");
    is_int(acme_ca_store_order_find(store, pool, 3, &order), NGX_DECLINED,
           "the third is gone");
    is_int(acme_ca_store_order_find(store, pool, 4, &order), NGX_OK,
           "the fourth is not");
    is_int(fixture_count("SELECT count(*) FROM acme_authorizations"), 3,
           "with the authorizations");
    is_int(fixture_count("SELECT count(*) FROM acme_challenges"), 3,
           "and challenges");
    is_int(fixture_count("SELECT count(*) FROM acme_order_identifiers"), 3,
           "and identifiers");

    (void) acme_ca_store_sweep(store, NOW + 100000, 99, &swept);
    is_int(swept.orders, 2, "all but the newest");
    is_int(add_order(6, NOW), 7, "so that no id comes twice");

    fixture_stop();
}


static void
test_sweep_shared(void)
{
    int64_t          one, two;
    acme_ca_authz_t  authz, found;
    acme_ca_swept_t  swept;

    fixture_start();

    fixture_authz(&authz, account_id, "a.example");
    (void) acme_ca_store_authz_add(store, &authz);
    (void) acme_ca_store_authz_set_status(store, authz.id, ACME_CA_PENDING,
                                          ACME_CA_VALID, NOW + 500, NOW);
    one = add_order(authz.id, NOW);
    two = add_order(authz.id, NOW + 300);
    (void) add_order(authz.id, NOW + 900);

    fixture_authz(&authz, account_id, "b.example");
    authz.created_at = NOW + 900;
    authz.expires_at = NOW + 999;
    (void) acme_ca_store_authz_add(store, &authz);

    (void) acme_ca_store_order_set_status(store, one, ACME_CA_PENDING,
                                          ACME_CA_INVALID, NULL, 0, NOW + 1);

    (void) acme_ca_store_sweep(store, NOW + 50, 9, &swept);
    is_int(swept.orders, 1, "one that ended goes before it expires");
    is_int(acme_ca_store_authz_find(store, pool, 1, &found), NGX_OK,
           "its authorization is valid still");
    (void) acme_ca_store_sweep(store, NOW + 600, 9, &swept);
    is_int(swept.orders, 1, "the second expired");
    is_int(two, 2, "(it was the second)");
    is_int(acme_ca_store_authz_find(store, pool, 1, &found), NGX_OK,
           "the third needs the authorization, though it expired");

    fixture_stop();
}


static void
test_eab(void)
{
    acme_ca_swept_t    swept;
    acme_ca_account_t  account;

    fixture_start();

    add_eab("bound", NOW + 10);
    add_eab("expired", NOW + 10);
    add_eab("later", NOW + 100);
    add_eab("ever", 0);
    add_eab("revoked", 0);
    add_eab("newest", NOW + 10);

    must(acme_ca_store_eab_use(store, 1, NOW), "used");
    fixture_account(&account, 2);
    account.eab_id = 1;
    must(acme_ca_store_account_add(store, &account), "by an account");
    must(acme_ca_store_eab_revoke(store, 5, NOW + 20), "revoked");

    must(acme_ca_store_sweep(store, NOW + 10, 9, &swept), "too early");
    is_int(fixture_count("SELECT count(*) FROM acme_eab_credentials"), 6,
           "none is forgotten before its end");

    must(acme_ca_store_sweep(store, NOW + 20, 9, &swept), "sweep");
    is_int(fixture_count("SELECT count(*) FROM acme_eab_credentials"
                         " WHERE kid = 'expired'"), 0, "what expired is");
    is_int(fixture_count("SELECT count(*) FROM acme_eab_credentials"), 5,
           "but not what an account names, nor the newest");

    must(acme_ca_store_sweep(store, NOW + 21, 9, &swept), "sweep");
    is_int(fixture_count("SELECT count(*) FROM acme_eab_credentials"
                         " WHERE kid = 'revoked'"), 0, "what was revoked is");
    is_int(fixture_count("SELECT count(*) FROM acme_eab_credentials"), 4,
           "and nothing else");

    fixture_stop();
}


static void
test_server(void)
{
    time_t           since;
    int64_t          id;
    ngx_str_t        text;
    ngx_uint_t       i;
    acme_ca_swept_t  swept;

    fixture_start();

    fixture_str(&text, "text");

    for (i = 0; i < 3; i++) {
        id = add_certificate((i == 0) ? "a" : (i == 1) ? "b" : "c", NOW);
        must(acme_ca_store_server_add(store, id, &text, &text, &text, NOW,
                                      NOW + 10 * i), "server");
    }

    must(acme_ca_store_sweep(store, NOW + 1, 9, &swept), "sweep");
    is_int(fixture_count("SELECT count(*) FROM acme_server_certificates"), 2,
           "an old key of the server goes");
    must(acme_ca_store_sweep_find_untold(store, NOW, &since, &swept),
         "it was not told");
    is_int(since, 0, "nor was anything before");
    must(acme_ca_store_sweep_set_told(store, NOW), "told");

    must(acme_ca_store_sweep(store, NOW + 1000, 9, &swept), "sweep");
    is_int(fixture_count("SELECT min(id) FROM acme_server_certificates"), 3,
           "the newest stays");

    is_int(acme_ca_store_sweep_find_untold(store, NOW + 86399, &since, &swept),
           NGX_DECLINED, "it is not told on the same day");
    must(acme_ca_store_sweep_find_untold(store, NOW - 1, &since, &swept),
         "it is when the clock was set back");
    must(acme_ca_store_sweep_find_untold(store, NOW + 86400, &since, &swept),
         "and a day later");
    is_int(since, NOW, "since when");
    is_int(swept.server_keys, 1, "how many");
    is_int(swept.orders + swept.authorizations + swept.external_accounts, 0,
           "of nothing else");

    must(acme_ca_store_sweep_set_told(store, NOW + 86400), "told");
    is_int(acme_ca_store_sweep_find_untold(store, NOW + 200000, &since, &swept),
           NGX_DECLINED, "nothing was removed since");

    fixture_stop();
}


static void
test_expire(void)
{
    int64_t     id;
    ngx_uint_t  n;

    fixture_start();

    (void) add_certificate("a", NOW + 10);
    (void) add_certificate("b", NOW + 20);
    (void) add_certificate("c", NOW + 30);
    id = add_certificate("d", NOW + 5);
    must(acme_ca_store_certificate_set_revoked(store, id, 1, NOW), "revoked");

    census(NOW, 3, 0, 1);
    census(NOW + 20, 1, 2, 1);

    must(acme_ca_store_sweep_expire(store, NOW + 9, 9, &n), "too early");
    is_int(n, 0, "nothing has expired");
    must(acme_ca_store_sweep_expire(store, NOW + 20, 1, &n), "one");
    is_int(n, 1, "no more than one at a time");
    is_int(fixture_count("SELECT expired_at FROM acme_certificates"
                         " WHERE id = 1"), NOW + 20, "soonest first");
    census(NOW + 20, 1, 2, 1);

    must(acme_ca_store_sweep_expire(store, NOW + 20, 9, &n), "the rest");
    is_int(n, 1, "one more");
    must(acme_ca_store_sweep_expire(store, NOW + 20, 9, &n), "again");
    is_int(n, 0, "each once");
    census(NOW + 20, 1, 2, 1);

    is_int(fixture_count("SELECT count(*) FROM acme_certificates"
                         " WHERE status = 'revoked' AND expired_at IS NULL"),
           1, "what was revoked stays so");

    must(acme_ca_store_sweep_expire(store, NOW + 15, 9, &n), "clock set back");
    is_int(n, 1, "one lives again");
    census(NOW + 15, 2, 1, 1);

    fixture_stop();
}


/* pages are given back to the file system, but for some */

static void
test_vacuum(void)
{
    int64_t     pages;
    ngx_uint_t  n, left;

    fixture_start();

    is_int(fixture_count("PRAGMA auto_vacuum"), 2, "incremental");

    must(acme_ca_store_vacuum_get_surplus(store, &n), "a new one");
    is_int(n, 0, "has nothing to give");

    is_int(fixture_count("CREATE TABLE big (x)"), -1, "a table");
    is_int(fixture_count("INSERT INTO big SELECT zeroblob(4000000)"), -1,
           "a thousand pages");
    must(acme_ca_store_vacuum_get_surplus(store, &n), "with it");
    is_int(n, 0, "none is free");
    is_int(fixture_count("DROP TABLE big"), -1, "gone");

    pages = fixture_count("PRAGMA page_count");
    must(acme_ca_store_vacuum_get_surplus(store, &n), "surplus");
    ok(n > 800 && n < 1000, "most of them");

    must(acme_ca_store_begin(store), "begin");
    must(acme_ca_store_savepoint(store), "savepoint");
    must(acme_ca_store_vacuum(store, 10), "ten");
    must(acme_ca_store_release(store), "release");
    must(acme_ca_store_commit(store), "commit");

    is_int(fixture_count("PRAGMA page_count"), pages - 10, "ten are gone");

    for (left = 100; left && n; left--) {
        must(acme_ca_store_vacuum(store, 64), "more");
        must(acme_ca_store_vacuum_get_surplus(store, &n), "surplus");
    }

    is_int(n, 0, "until there is no surplus");
    ok(fixture_count("PRAGMA freelist_count") > 0, "some are kept for what"
       " comes");
    is_int(fixture_count("SELECT count(*) FROM pragma_integrity_check"
                         " WHERE integrity_check <> 'ok'"), 0, "sound");

    fixture_stop();
}


/* one of an older release keeps its pages until it is told otherwise */

static void
test_vacuum_old(void)
{
    ngx_uint_t  n;

    fixture_start();

    is_int(fixture_count("PRAGMA auto_vacuum = NONE"), -1, "as it was once");
    is_int(fixture_count("VACUUM"), -1, "made so");
    is_int(fixture_count("PRAGMA auto_vacuum"), 0, "no pages singly");
    is_int(fixture_count("CREATE TABLE big AS SELECT zeroblob(4000000)"), -1,
           "a table");
    is_int(fixture_count("DROP TABLE big"), -1, "gone");

    must(acme_ca_store_vacuum_get_surplus(store, &n), "surplus");
    is_int(n, 0, "none that could be given back");
    must(acme_ca_store_vacuum(store, 10), "and it is no error");

    is_int(fixture_count("PRAGMA auto_vacuum = INCREMENTAL"), -1, "asked for");
    is_int(fixture_count("VACUUM"), -1, "made so");
    is_int(fixture_count("PRAGMA auto_vacuum"), 2, "pages singly");

    fixture_stop();
}


/* what is kept for ever grows by the day, the rest does not */

static void
test_days(void)
{
    int64_t     accounts[10], pages, grown[DAYS], orders;
    int64_t     rows[DAYS][TABLES];
    ngx_uint_t  day, i;

    fixture_start();

    flow_now = NOW;
    flow_reuse = 86400;
    flow_start(store, accounts, 10);
    orders = 0;
    pages = fixture_count("PRAGMA page_count");

    for (day = 0; day < DAYS; day++) {
        issue_day(day, accounts);
        orders += sweep_all(flow_now - 86400);

        grown[day] = fixture_count("PRAGMA page_count") - pages;
        pages += grown[day];

        must(acme_ca_store_census_rows(store, rows[day], TABLES), "rows");
    }

    /* all tables are counted */

    for (i = 0; acme_ca_store_tables[i] != NULL; i++) {
        if (!stays(acme_ca_store_tables[i])) {
            is_int(rows[DAYS - 1][i], rows[DAYS - 2][i], "%s: no more rows",
                   acme_ca_store_tables[i]);
        }
    }

    is_int(fixture_count("SELECT count(*) FROM acme_certificates"),
           DAYS * A_DAY, "certificates stay");
    is_int(orders, (DAYS - 1) * A_DAY, "orders go after a day");
    is_int(fixture_count("SELECT count(*) FROM acme_orders"), A_DAY,
           "those of the last day are there");
    is_int(fixture_count("SELECT count(*) FROM acme_challenges"),
           fixture_count("SELECT count(*) FROM acme_authorizations"),
           "challenges go with authorizations");
    ok(fixture_count("SELECT count(*) FROM acme_authorizations")
       <= 2 * A_DAY, "which go after their own end");

    ok(grown[DAYS - 1] < grown[0], "the file grows by less");
    ok(grown[DAYS - 1] <= grown[DAYS - 2] + grown[DAYS - 2] / 50,
       "and not by more each day");

    fixture_stop();
}


static void
issue_day(ngx_uint_t day, int64_t *accounts)
{
    ngx_uint_t  i, k;

    static flow_t  flows[A_BATCH];

    for (i = 0; i < A_DAY; i += A_BATCH) {

        flow_now = NOW + day * 86400 + i * 86400 / A_DAY;

        for (k = 0; k < A_BATCH; k++) {
            flows[k].host = day * A_DAY + i + k;
            flows[k].account.id = accounts[flows[k].host % 10];
        }

        flow_run(store, flows, A_BATCH);
    }

    flow_now = NOW + (day + 1) * 86400;
}


/* certificates for ever, audit rows until they are sealed */

static ngx_uint_t
stays(const char *table)
{
    return strcmp(table, "acme_certificates") == 0
           || strcmp(table, "acme_certificate_names") == 0
           || strcmp(table, "acme_audit_logs") == 0;
}


/* as often as there is something to sweep */

static int64_t
sweep_all(time_t before)
{
    int64_t          all;
    ngx_uint_t       left;
    acme_ca_swept_t  swept;

    all = 0;
    swept.orders = 1;

    for (left = 100; left && swept.orders; left--) {
        must(acme_ca_store_begin(store), "begin");
        must(acme_ca_store_sweep(store, before, 200, &swept), "sweep");
        must(acme_ca_store_commit(store), "commit");
        all += swept.orders;
    }

    return all;
}


static int64_t
add_order(int64_t authz_id, time_t created_at)
{
    acme_ca_order_t       order;
    acme_ca_identifier_t  identifier;

    ngx_memzero(&identifier, sizeof(acme_ca_identifier_t));
    fixture_str(&identifier.value, "a.example");

    fixture_order(&order, account_id);
    order.created_at = created_at;
    order.expires_at = created_at + 100;
    (void) acme_ca_store_order_add(store, &order);
    (void) acme_ca_store_order_add_identifier(store, order.id, 0, &identifier,
                                              authz_id);

    return order.id;
}


static void
add_eab(const char *kid, time_t expires_at)
{
    acme_ca_eab_t  eab;

    ngx_memzero(&eab, sizeof(acme_ca_eab_t));

    fixture_str(&eab.kid, kid);
    fixture_str(&eab.key, "0123456789abcdef0123456789abcdef");
    fixture_str(&eab.label, kid);
    eab.created_at = NOW;
    eab.expires_at = expires_at;

    must(acme_ca_store_eab_add(store, &eab), "eab");
}


static int64_t
add_certificate(const char *serial, time_t not_after)
{
    acme_ca_certificate_t  certificate;

    fixture_certificate(&certificate, account_id, serial);
    certificate.not_after = not_after;
    must(acme_ca_store_certificate_add(store, &certificate), "certificate");

    return certificate.id;
}


static void
census(time_t now, int64_t valid, int64_t expired, int64_t revoked)
{
    int64_t  numbers[ACME_CA_STATUS_N];

    must(acme_ca_store_census_certificates(store, now, numbers), "census");
    is_int(numbers[ACME_CA_VALID], valid, "valid");
    is_int(numbers[ACME_CA_EXPIRED], expired, "expired");
    is_int(numbers[ACME_CA_REVOKED], revoked, "revoked");
}
