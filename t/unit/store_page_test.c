
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: pages of certificates.  Whatever they are asked by, and whichever
 * index finds them: they are those that a plain look at all rows finds, newest
 * first, each once, however short the pages are.
 */


#include "store_fixture.h"

#include "acme_ca_store_page.h"
#include "acme_ca_store_sweep.h"


#define CERTIFICATES  300


typedef struct {
    const char  *what;
    const char  *where;            /* what SQL says of acme_certificates */
    const char  *status;
    const char  *category;
    const char  *profile;
    const char  *issuer;
    const char  *name;
    int64_t      account_id;
    int64_t      eab_id;
    const char  *radar;
    int64_t      row;
    time_t       revoked_after;
    time_t       revoked_before;
} ask_t;


static void fill(void);
static void test_ask(const ask_t *ask);
static void test_ending(void);
static int64_t sum_pages(const acme_ca_store_filter_t *filter,
    ngx_uint_t limit, ngx_uint_t *n);


static const ask_t  asks[] = {
    { .what = "all", .where = "1" },
    { .what = "an account", .where = "account_id = 2", .account_id = 2 },
    { .what = "an external account", .where = "account_id IN (2, 3)",
      .eab_id = 1 },
    { .what = "a name", .where = "sans = 'dns:a7.example'",
      .name = "a7.example" },
    { .what = "a name of an account",
      .where = "sans = 'dns:a7.example' AND account_id = 2",
      .name = "a7.example", .account_id = 2 },
    { .what = "valid", .where = "status = 'valid' AND not_after > 1800000000",
      .status = "valid" },
    { .what = "expired, noted or not",
      .where = "status = 'valid' AND not_after <= 1800000000",
      .status = "expired" },
    { .what = "revoked", .where = "status = 'revoked'", .status = "revoked" },
    { .what = "held", .where = "revocation_reason = 6", .status = "held" },
    { .what = "revoked or expired",
      .where = "status = 'revoked' OR not_after <= 1800000000",
      .status = "revoked expired" },
    { .what = "device", .where = "category = 'device'", .category = "device" },
    { .what = "internal",
      .where = "category = 'internal' OR (category IS NULL AND"
               " account_id IS NULL)",
      .category = "internal" },
    { .what = "service",
      .where = "category IS NULL AND account_id IS NOT NULL",
      .category = "service" },
    { .what = "a profile", .where = "profile = 'short'", .profile = "short" },
    { .what = "a rare profile, revoked",
      .where = "profile = 'rare' AND status = 'revoked'", .status = "revoked",
      .profile = "rare" },
    { .what = "an issuer", .where = "issuer_id = 2", .issuer = "old" },
    { .what = "by number, profile",
      .where = "issuer_id = 1 AND profile = 'default'", .profile = "default",
      .issuer = "1" },
    { .what = "nobody's", .where = "0", .issuer = "none" },
    { .what = "on the radar", .where = "id % 30 = 1", .radar = "late" },
    { .what = "on the radar, of an account", .radar = "late",
      .where = "id % 30 = 1 AND account_id = 2", .account_id = 2 },
    { .what = "a row", .where = "id = 77", .row = 77 },
    { .what = "a row of another account", .where = "0", .row = 77,
      .account_id = 2 },
    { .what = "no row", .where = "0", .row = -1 },
    { .what = "revoked since then", .where = "revoked_at >= 1795000140",
      .revoked_after = 1795000140 },
    { .what = "revoked between", .revoked_after = 1795000140,
      .where = "revoked_at >= 1795000140 AND revoked_at < 1795000210",
      .revoked_before = 1795000210 }
};


int
main(void)
{
    size_t  i;

    fixture_begin();
    fixture_start();
    fill();

    for (i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        test_ask(&asks[i]);
    }

    test_ending();

    fixture_stop();
    fixture_end();

    return done_testing();
}


static void
fill(void)
{
    ngx_uint_t  n;

    (void) fixture_count("INSERT INTO acme_eab_credentials (kid, hmac_key,"
        " label, names, profiles, accounts, created_at) VALUES ('k',"
        " randomblob(32), 'k', '', '', 2, 0)");
    (void) fixture_count("INSERT INTO acme_accounts (status, thumbprint, jwk,"
        " contact, created_at, updated_at, eab_id) VALUES"
        " ('valid', randomblob(32), '{}', '[]', 0, 0, 1),"
        " ('valid', randomblob(32), '{}', '[]', 0, 0, 1)");
    (void) fixture_count("INSERT INTO issuers (name, der, chain_pem,"
        " not_before, not_after, created_at) VALUES ('old', x'01', 'x', 0,"
        " 1, 0)");

    (void) fixture_count(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        "                         WHERE i < 300)"
        " INSERT INTO acme_certificates (account_id, issuer_id, status,"
        " serial, fingerprint, sans, key_type, profile, not_before, not_after,"
        " created_at, revoked_at, revocation_reason, category, der)"
        " SELECT nullif(i % 4, 0), 1 + (i % 5 = 0),"
        " iif(i % 7 = 0, 'revoked', 'valid'), randomblob(16), randomblob(32),"
        " iif(i % 4 = 0, '', 'dns:a' || (i % 11) || '.example'), 'EC P-256',"
        " CASE WHEN i % 4 = 0 THEN NULL WHEN i % 70 < 3 THEN 'rare'"
        "      WHEN i % 3 = 0 THEN 'short' ELSE 'default' END,"
        " 1790000000, 1799999850 + i, 1790000000,"
        " iif(i % 7 = 0, 1795000000 + i, NULL),"
        " iif(i % 7 = 0, i % 14 / 7 * 6, NULL),"
        " CASE WHEN i % 13 = 0 THEN 'device' WHEN i % 17 = 0 THEN 'internal'"
        " END, x'00' FROM n");

    is_int(fixture_count("SELECT count(*) FROM acme_certificates"),
           CERTIFICATES, "a registry");

    (void) fixture_count("INSERT INTO acme_radar (kind, object_id, at)"
        " SELECT 'late', id, 0 FROM acme_certificates WHERE id % 30 = 1");

    /* some of those that expired are noted, the soonest */

    (void) acme_ca_store_sweep_expire(store, NOW, 60, &n);
    is_int(n, 60, "some are noted");
}


static void
test_ask(const ask_t *ask)
{
    char                    sql[512];
    size_t                  i;
    int64_t                 sum;
    ngx_str_t               texts[5], radar;
    ngx_uint_t              n;
    acme_ca_store_filter_t  filter;

    const char  *given[] = { ask->status, ask->category, ask->profile,
                             ask->issuer, ask->name };

    ngx_memzero(&filter, sizeof(acme_ca_store_filter_t));

    for (i = 0; i < 5; i++) {
        fixture_str(&texts[i], given[i] ? given[i] : "");
    }

    filter.status = &texts[0];
    filter.category = &texts[1];
    filter.profile = &texts[2];
    filter.issuer = &texts[3];
    filter.name = &texts[4];
    filter.account_id = ask->account_id;
    filter.certificate_id = ask->row;
    filter.eab_id = ask->eab_id;
    filter.now = NOW;
    filter.revoked_after = ask->revoked_after;
    filter.revoked_before = ask->revoked_before;

    fixture_str(&radar, ask->radar ? ask->radar : "");
    filter.radar = &radar;

    sum = sum_pages(&filter, 1000, &n);

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM acme_certificates WHERE"
             " %s", ask->where);
    is_int(n, fixture_count(sql), "%s: as many", ask->what);

    snprintf(sql, sizeof(sql), "SELECT coalesce(sum(id), 0) FROM"
             " acme_certificates WHERE %s", ask->where);
    is_int(sum, fixture_count(sql), "%s: the same", ask->what);

    is_int(sum_pages(&filter, 7, &n), sum, "%s: in pages", ask->what);
}


/* those that live, soonest first, by pages, with equal ends as well */

static void
test_ending(void)
{
    time_t                  after;
    int64_t                 sum, id;
    ngx_uint_t              i, n, bad;
    acme_ca_store_row_t    *row;
    acme_ca_store_page_t    page;
    acme_ca_store_filter_t  filter;

    (void) fixture_count("UPDATE acme_certificates SET not_after = 1800000100"
                         " WHERE id % 6 = 0 AND status = 'valid'"
                         " AND expired_at IS NULL");

    ngx_memzero(&filter, sizeof(acme_ca_store_filter_t));
    filter.expires_before = 1800000140;

    page.before = INT64_MAX;
    page.limit = 4;
    after = NOW;

    sum = 0;
    n = 0;
    bad = 0;

    do {
        if (acme_ca_store_certificate_list_ending(store, pool, &filter, after,
                                                  &page)
            != NGX_OK)
        {
            break;
        }

        row = page.rows->elts;

        for (i = 0; i < page.rows->nelts; i++) {
            char  sql[128];

            id = row[i].id;

            snprintf(sql, sizeof(sql), "SELECT not_after FROM"
                     " acme_certificates WHERE id = %lld", (long long) id);
            bad += (fixture_count(sql) < after);
            after = fixture_count(sql);

            sum += id;
            n++;
        }

        page.before = page.next;

    } while (page.next);

    is_int(bad, 0, "soonest first");
    is_int(n, fixture_count("SELECT count(*) FROM acme_certificates WHERE"
           " status = 'valid' AND expired_at IS NULL AND not_after >"
           " 1800000000 AND not_after <= 1800000140"), "as many as end");
    is_int(sum, fixture_count("SELECT sum(id) FROM acme_certificates WHERE"
           " status = 'valid' AND expired_at IS NULL AND not_after >"
           " 1800000000 AND not_after <= 1800000140"), "the same");
}


/* the sum of all ids, -1: they do not fall */

static int64_t
sum_pages(const acme_ca_store_filter_t *filter, ngx_uint_t limit,
    ngx_uint_t *n)
{
    int64_t                sum, last;
    ngx_uint_t             i;
    acme_ca_store_row_t   *row;
    acme_ca_store_page_t   page;

    *n = 0;
    sum = 0;
    last = INT64_MAX;

    page.before = INT64_MAX;
    page.limit = limit;

    do {
        if (acme_ca_store_certificate_page(store, pool, filter, &page)
            != NGX_OK)
        {
            return -1;
        }

        row = page.rows->elts;

        for (i = 0; i < page.rows->nelts; i++) {
            if (row[i].id >= last) {
                return -1;
            }

            last = row[i].id;
            sum += last;
            (*n)++;
        }

        page.before = page.next;

    } while (page.next);

    return sum;
}
