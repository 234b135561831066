
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_rotation.c: whose turn it is, when the next one has to be
 * made, and what start and workers write.
 */


#include "store_fixture.h"

#include "acme_ca_issuer.h"
#include "acme_ca_rotation.h"


#define DAY    86400
#define YEAR   (365 * DAY)


static void test_turn(void);
static void test_due(void);
static void test_start(void);
static void test_refused(void);
static void test_done(void);
static void test_memory(void);
static void begin(ngx_uint_t n);
static void put(int64_t id, acme_ca_issuer_state_e state, time_t from,
    time_t to, time_t published_at);
static int64_t turn(void);
static ngx_int_t start(time_t now);
static ngx_int_t change(time_t now);
static void states_are(const char *expected, const char *what);


static acme_ca_authority_t   authority;
static acme_ca_issuer_t      issuers[3];
static acme_ca_issuer_t     *list[3];
static acme_ca_issuer_row_t  rows_of[3];
static ngx_array_t           rows;


int
main(void)
{
    fixture_begin();

    test_turn();
    test_due();
    test_start();
    test_refused();
    test_done();
    test_memory();

    fixture_end();

    return done_testing();
}


static void
test_turn(void)
{
    begin(2);

    is_int(turn(), 0, "nobody is known");

    put(1, ACME_CA_ISSUER_NEXT, NOW - DAY, NOW + DAY, NOW);
    is_int(turn(), 1, "the first one does not wait");

    rows_of[0].state = ACME_CA_ISSUER_ACTIVE;
    put(2, ACME_CA_ISSUER_NEXT, NOW - DAY, NOW + DAY, NOW - 99);
    is_int(turn(), 0, "the second one does");

    rows_of[1].published_at = NOW - 100;
    is_int(turn(), 2, "as long as it was told");

    rows_of[1].published_at = 0;
    is_int(turn(), 0, "it is not shown");

    rows_of[1].published_at = NOW - 99;
    rows_of[0].not_after = NOW;
    is_int(turn(), 2, "the active one has expired");

    rows_of[0].not_after = NOW + DAY;
    rows_of[0].state = ACME_CA_ISSUER_COMPROMISED;
    is_int(turn(), 2, "the first one is in other hands");

    issuers[1].candidate = 0;
    is_int(turn(), 0, "the configuration does not want it");
    issuers[1].candidate = 1;

    rows_of[1].not_before = NOW + 1;
    is_int(turn(), 0, "it is of the future");
    rows_of[1].not_before = NOW;

    rows_of[1].not_after = NOW;
    is_int(turn(), 0, "it has expired");
    rows_of[1].not_after = NOW + DAY;

    rows_of[1].id = 7;
    is_int(turn(), 0, "its key is elsewhere");

    acme_ca_rotation_follow(&authority, &rows);
    ok(authority.issuer == NULL, "nobody signs");

    rows_of[1].id = 2;
    rows_of[1].state = ACME_CA_ISSUER_ACTIVE;
    acme_ca_rotation_follow(&authority, &rows);
    ok(authority.issuer == &issuers[1], "the second one signs");
    is_int(issuers[0].state, ACME_CA_ISSUER_COMPROMISED, "states follow");
}


static void
test_due(void)
{
    begin(2);

    authority.issuers.nelts = 1;
    authority.issuer_rotate = 25;

    issuers[0].not_before = NOW - 75 * DAY;
    issuers[0].not_after = NOW + 25 * DAY + 1;

    is_int(acme_ca_rotation_due(&authority, &rows, NOW), NGX_DECLINED,
           "more than a quarter of its life is left");

    is_int(acme_ca_rotation_due(&authority, &rows, NOW + 1), NGX_OK,
           "no more than a quarter");

    authority.issuer_rotate = 0;
    is_int(acme_ca_rotation_due(&authority, &rows, NOW + 20 * DAY),
           NGX_DECLINED, "never");

    put(1, ACME_CA_ISSUER_RETIRED, 0, 0, 0);
    is_int(acme_ca_rotation_due(&authority, &rows, NOW), NGX_OK,
           "nobody is left");

    authority.issuers.nelts = 2;
    authority.issuer_rotate = 100;
    is_int(acme_ca_rotation_due(&authority, &rows, NOW), NGX_OK,
           "the second one, new, will be active: it ends as well");

    put(2, ACME_CA_ISSUER_NEXT, NOW, NOW + DAY, 0);
    is_int(acme_ca_rotation_due(&authority, &rows, NOW), NGX_DECLINED,
           "one waits");

    rows_of[0].state = ACME_CA_ISSUER_ACTIVE;
    is_int(acme_ca_rotation_due(&authority, &rows, NOW), NGX_DECLINED,
           "one waits behind the active one");

    rows.nelts = 1;
    is_int(acme_ca_rotation_due(&authority, &rows, NOW), NGX_DECLINED,
           "one is new and will wait");

    issuers[1].candidate = 0;
    is_int(acme_ca_rotation_due(&authority, &rows, NOW), NGX_OK,
           "it is no candidate");
}


static void
test_start(void)
{
    acme_ca_issuer_t  *found;

    fixture_start();
    begin(3);
    authority.issuers.nelts = 1;

    is_int(acme_ca_rotation_find(&authority, store, &found), NGX_DECLINED,
           "nobody signs");

    is_int(start(NOW), NGX_OK, "the first start");
    states_are("active", "one is active at once");
    ok(authority.issuer == &issuers[0], "it is known");
    is_int(acme_ca_rotation_find(&authority, store, &found), NGX_OK, "find");
    ok(found == &issuers[0], "by the database");

    is_int(start(NOW + 1), NGX_OK, "the same again");
    states_are("active", "changes nothing");
    is_int(fixture_sql("SELECT count(*) FROM acme_audit_logs"), 2,
           "two audit rows");

    authority.issuers.nelts = 2;
    is_int(start(NOW + 2), NGX_OK, "another one");
    states_are("active next", "waits");
    is_int(fixture_sql("SELECT published_at FROM issuers WHERE state = 'next'"),
           NOW + 2, "since now");

    is_int(change(NOW + 101), NGX_OK, "too soon");
    states_are("active next", "it waits");

    is_int(change(NOW + 102), NGX_OK, "in time");
    states_are("retired active", "it is active");
    is_int(change(NOW + 103), NGX_OK, "once more");
    states_are("retired active", "changes nothing");
    is_int(acme_ca_rotation_find(&authority, store, &found), NGX_OK, "find");
    ok(found == &issuers[1], "the second one, whatever is remembered");

    /* the configuration names another one only */

    authority.issuers.elts = &list[2];
    authority.issuers.nelts = 1;
    is_int(start(NOW + 104), NGX_OK, "others are configured");
    states_are("retired retired active", "they sign at once");

    /* and none of its own any more, but shows one that waits no more */

    issuers[2].candidate = 0;
    is_int(start(NOW + 105), NGX_OK, "none is a candidate");
    states_are("retired retired retired", "nobody signs");
    ok(authority.issuer == NULL, "it is known");

    fixture_stop();
}


/* what the schema refuses, whoever asks for it */

static void
test_refused(void)
{
    ngx_uint_t  i;

    static const char  *ways[] = {
        "UPDATE issuers SET state = 'active' WHERE state = 'retired'",
        "UPDATE issuers SET state = 'next' WHERE state = 'active'",
        "UPDATE issuers SET state = NULL WHERE state = 'active'",
        "UPDATE issuers SET state = 'active' WHERE state = 'next'",
        "UPDATE issuers SET state = 'gone' WHERE state = 'next'"
    };

    fixture_start();
    begin(3);

    (void) start(NOW);
    (void) change(NOW + 100);
    states_are("retired active next", "one of each");

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        ok(fixture_sql(ways[i]) < 0, "%s", ways[i]);
    }

    is_int(fixture_sql("UPDATE issuers SET state = 'compromised'"), 0,
           "all may be compromised");
    ok(fixture_sql("UPDATE issuers SET state = 'retired'") < 0,
       "and stay it");

    fixture_stop();
}


static void
test_done(void)
{
    begin(1);

    issuers[0].state = ACME_CA_ISSUER_ACTIVE;
    is_int(acme_ca_issuer_is_done(&issuers[0], NOW, 10), 0, "it signs");
    is_int(acme_ca_issuer_is_done(&issuers[0], issuers[0].not_after, 10), 1,
           "it has expired");

    issuers[0].state = ACME_CA_ISSUER_RETIRED;
    issuers[0].signs_until = NOW;
    is_int(acme_ca_issuer_is_done(&issuers[0], NOW + 10, 10), 0,
           "a CRL is still wanted");
    is_int(acme_ca_issuer_is_done(&issuers[0], NOW + 11, 10), 1,
           "nothing is");
}


static void
test_memory(void)
{
    ngx_int_t   n, rc;
    ngx_pool_t *one;

    fixture_start();
    begin(2);

    one = pool;
    rc = NGX_ERROR;

    for (n = 0; n < 200 && rc != NGX_OK; n++) {
        pool = ngx_create_pool(256, &shim_log);

        shim_fail_at(n);
        rc = start(NOW);
        shim_fail_at(SHIM_NEVER);

        ngx_destroy_pool(pool);
    }

    pool = one;

    ok(rc == NGX_OK && n > 3, "after %d allocations", (int) n);
    states_are("active next", "nothing is left out");

    fixture_stop();
}


/* "n" issuers, whose rows are those of their numbers */

static void
begin(ngx_uint_t n)
{
    ngx_uint_t  i;

    static u_char  names[3][2] = { "a", "b", "c" };

    ngx_memzero(&authority, sizeof(acme_ca_authority_t));
    ngx_memzero(issuers, sizeof(issuers));
    ngx_memzero(rows_of, sizeof(rows_of));
    ngx_memzero(&rows, sizeof(ngx_array_t));

    for (i = 0; i < n; i++) {
        issuers[i].id = i + 1;
        issuers[i].candidate = 1;
        issuers[i].not_before = NOW - DAY;
        issuers[i].not_after = NOW + YEAR;
        issuers[i].name.data = names[i];
        issuers[i].name.len = 1;
        list[i] = &issuers[i];
    }

    rows.elts = rows_of;
    authority.issuers.elts = list;
    authority.issuers.nelts = n;
    authority.issuer_overlap = 100;
}


static void
put(int64_t id, acme_ca_issuer_state_e state, time_t from, time_t to,
    time_t published_at)
{
    acme_ca_issuer_row_t  *row;

    row = &rows_of[id - 1];

    row->id = id;
    row->state = state;
    row->not_before = from;
    row->not_after = to;
    row->published_at = published_at;

    rows.nelts = ngx_max(rows.nelts, (ngx_uint_t) id);
}


/* the number of who is next, 0: nobody */

static int64_t
turn(void)
{
    acme_ca_issuer_t  *issuer;

    issuer = acme_ca_rotation_turn(&authority, &rows, NOW);

    return issuer ? issuer->id : 0;
}


/* as the master does it: rows, then states, in one transaction */

static ngx_int_t
start(time_t now)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    acme_ca_ctx_t       ctx;
    acme_ca_issuer_t  **issuer;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = pool;
    ctx.log = &shim_log;
    ctx.now = now;

    issuer = authority.issuers.elts;

    rc = acme_ca_store_begin(store);

    for (i = 0; rc == NGX_OK && i < authority.issuers.nelts; i++) {
        rc = acme_ca_store_issuer_add(store, &issuer[i]->name,
                                      &issuer[i]->name, &issuer[i]->name,
                                      issuer[i]->not_before,
                                      issuer[i]->not_after, now,
                                      &issuer[i]->id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_rotation_start(&ctx, &authority, store);
    }

    if (rc == NGX_OK) {
        return acme_ca_store_commit(store);
    }

    acme_ca_store_rollback(store);

    return rc;
}


static ngx_int_t
change(time_t now)
{
    ngx_int_t      rc;
    acme_ca_ctx_t  ctx;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = pool;
    ctx.log = &shim_log;
    ctx.now = now;

    rc = acme_ca_store_begin(store);

    if (rc == NGX_OK) {
        rc = acme_ca_rotation_change(&ctx, &authority, store);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_commit(store);
    }

    return rc;
}


static void
states_are(const char *expected, const char *what)
{
    char  text[400];

    snprintf(text, sizeof(text),
             "SELECT (SELECT group_concat(state, ' ') FROM (SELECT state FROM "
             "issuers WHERE state IS NOT NULL ORDER BY id)) = '%s'", expected);

    is_int(fixture_sql(text), 1, "%s: %s", what, expected);
}
