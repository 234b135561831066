
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: the radar finds each thing once, and lets it go.
 */


#include "store_fixture.h"
#include "acme_ca_store_radar.h"


#define DAY  86400


static void test_radar(void);
static void test_limit(void);
static void test_memory(void);

static void add(int64_t id, const char *name, time_t not_before,
    time_t not_after);
static ngx_int_t look(time_t now, acme_ca_radar_t *radar);
static int64_t audited(const char *action);
static int64_t marked(const char *kind);


int
main(void)
{
    fixture_begin();

    test_radar();
    test_limit();
    test_memory();

    fixture_end();

    return done_testing();
}


static void
add(int64_t id, const char *name, time_t not_before, time_t not_after)
{
    char  sql[512];

    snprintf(sql, sizeof(sql),
             "INSERT INTO acme_certificates (id, account_id, issuer_id, status,"
             " serial, fingerprint, sans, key_type, not_before, not_after,"
             " created_at, first_download_at, der) VALUES (%lld, %lld, %lld,"
             " 'valid', x'%08llx', zeroblob(32), 'dns:%s', 'EC', %lld, %lld,"
             " %lld, 1, x'00')", (long long) id, (long long) account_id,
             (long long) issuer_id, (long long) id, name,
             (long long) not_before, (long long) not_after,
             (long long) not_before);

    (void) fixture_sql(sql);
}


static ngx_int_t
look(time_t now, acme_ca_radar_t *radar)
{
    ngx_int_t  rc;

    ngx_memzero(radar, sizeof(acme_ca_radar_t));

    radar->now = now;
    radar->limit = 3;
    radar->told = 1;

    rc = acme_ca_store_radar_look(store, pool, radar);

    if (rc == NGX_OK) {
        rc = acme_ca_store_radar_note(store, radar);
    }

    return rc;
}


static int64_t
audited(const char *action)
{
    char  sql[128];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM acme_audit_logs WHERE"
             " action = '%s'", action);

    return fixture_count(sql);
}


static int64_t
marked(const char *kind)
{
    char  sql[128];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM acme_radar WHERE"
             " kind = '%s'", kind);

    return fixture_count(sql);
}


static void
test_radar(void)
{
    acme_ca_radar_t  radar;

    fixture_start();

    (void) fixture_sql("UPDATE issuers SET not_before = 0,"
                       " not_after = 9000000000");

    add(101, "a.example", NOW, NOW + 100 * DAY);
    add(102, "b.example", NOW, NOW + 100 * DAY);

    is_int(look(NOW + 63 * DAY, &radar), NGX_OK, "look");
    is_int(radar.marks->nelts, 0, "nothing is late");

    is_int(look(NOW + 76 * DAY, &radar), NGX_OK, "look");
    is_int(audited("renewal-late"), 2, "both are late");
    is_int(look(NOW + 77 * DAY, &radar), NGX_OK, "look again");
    is_int(radar.marks->nelts, 0, "told once");

    /* a successor by its names */

    add(103, "b.example", NOW + 77 * DAY, NOW + 177 * DAY);

    is_int(look(NOW + 91 * DAY, &radar), NGX_OK, "later");
    is_int(audited("expiring"), 1, "one is about to end");
    is_int(marked("late"), 1, "the other one was renewed");
    is_int(marked("expiring"), 1, "and one not");

    is_int(look(NOW + 101 * DAY, &radar), NGX_OK, "at its end");
    is_int(audited("expired"), 1, "it ended so, once");
    is_int(fixture_count("SELECT count(*) FROM acme_radar"), 0, "forgotten");
    is_int(look(NOW + 102 * DAY, &radar), NGX_OK, "afterwards");
    is_int(radar.marks->nelts, 0, "nothing");

    /* not fetched; an issuer */

    (void) fixture_sql("UPDATE acme_certificates SET first_download_at = NULL,"
                       " created_at = not_before WHERE id = 103");
    (void) fixture_sql("UPDATE issuers SET not_after = 1808000000 + 7000000");

    is_int(look(NOW + 103 * DAY, &radar), NGX_OK, "look");
    is_int(audited("not-fetched"), 1, "not fetched");
    is_int(audited("issuer-expiring"), 1, "an issuer");

    (void) fixture_sql("UPDATE acme_certificates SET first_download_at = 1");

    is_int(look(NOW + 103 * DAY, &radar), NGX_OK, "look");
    is_int(marked("not-fetched"), 0, "fetched");
    is_int(marked("issuer"), 1, "still there");

    fixture_stop();
}


static void
test_limit(void)
{
    ngx_int_t        i, n;
    acme_ca_radar_t  radar;

    static const char *const  names[] = {
        "a.example", "b.example", "c.example", "d.example", "e.example",
        "f.example", "g.example"
    };

    fixture_start();

    for (i = 0; i < 7; i++) {
        add(201 + i, names[i], NOW, NOW + 100 * DAY);
    }

    for (n = 1; n < 10; n++) {
        if (look(NOW + 80 * DAY, &radar) != NGX_OK || !radar.more) {
            break;
        }
    }

    is_int(audited("renewal-late"), 7, "all");
    is_int(n, 3, "some at a time");

    fixture_stop();
}


static void
test_memory(void)
{
    ngx_int_t        n, rc;
    acme_ca_radar_t  radar;

    fixture_start();

    add(301, "a.example", NOW, NOW + 100 * DAY);

    for (n = 0; /* void */ ; n++) {
        ngx_memzero(&radar, sizeof(acme_ca_radar_t));
        radar.now = NOW + 95 * DAY;
        radar.limit = 3;

        shim_fail_at(n);
        rc = acme_ca_store_radar_look(store, pool, &radar);

        if (!shim_failed() || rc != NGX_ERROR) {
            break;
        }
    }

    shim_fail_at(SHIM_NEVER);
    is_int(rc, NGX_OK, "fails cleanly at each of %d allocations", (int) n);

    /* without hooks there is nobody to read it */

    n = fixture_count("SELECT count(*) FROM acme_audit_logs");

    is_int(acme_ca_store_radar_note(store, &radar), NGX_OK, "noted");
    is_int(marked("late"), 1, "it has a mark");
    is_int(fixture_count("SELECT count(*) FROM acme_audit_logs"), n,
           "and no row of the log");

    fixture_stop();
}
