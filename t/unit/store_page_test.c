
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
} ask_t;


static void fill(void);
static void test_ask(const ask_t *ask);
static int64_t sum_pages(const acme_ca_store_filter_t *filter,
    ngx_uint_t limit, ngx_uint_t *n);


static const ask_t  asks[] = {
    { "all", "1", NULL, NULL, NULL, NULL, NULL, 0, 0 },
    { "an account", "account_id = 2", NULL, NULL, NULL, NULL, NULL, 2, 0 },
    { "an external account", "account_id IN (2, 3)", NULL, NULL, NULL, NULL,
      NULL, 0, 1 },
    { "a name", "sans = 'dns:a7.example'", NULL, NULL, NULL, NULL,
      "a7.example", 0, 0 },
    { "a name of an account", "sans = 'dns:a7.example' AND account_id = 2",
      NULL, NULL, NULL, NULL, "a7.example", 2, 0 },
    { "valid", "status = 'valid' AND not_after > 1800000000", "valid", NULL,
      NULL, NULL, NULL, 0, 0 },
    { "expired, noted or not", "status = 'valid' AND not_after <= 1800000000",
      "expired", NULL, NULL, NULL, NULL, 0, 0 },
    { "revoked", "status = 'revoked'", "revoked", NULL, NULL, NULL, NULL, 0,
      0 },
    { "held", "revocation_reason = 6", "held", NULL, NULL, NULL, NULL, 0, 0 },
    { "revoked or expired", "status = 'revoked' OR not_after <= 1800000000",
      "revoked expired", NULL, NULL, NULL, NULL, 0, 0 },
    { "device", "category = 'device'", NULL, "device", NULL, NULL, NULL, 0,
      0 },
    { "internal", "category = 'internal' OR (category IS NULL AND"
      " account_id IS NULL)", NULL, "internal", NULL, NULL, NULL, 0, 0 },
    { "service", "category IS NULL AND account_id IS NOT NULL", NULL,
      "service", NULL, NULL, NULL, 0, 0 },
    { "a profile", "profile = 'short'", NULL, NULL, "short", NULL, NULL, 0,
      0 },
    { "a rare profile, revoked", "profile = 'rare' AND status = 'revoked'",
      "revoked", NULL, "rare", NULL, NULL, 0, 0 },
    { "an issuer", "issuer_id = 2", NULL, NULL, NULL, "old", NULL, 0, 0 },
    { "by number, profile", "issuer_id = 1 AND profile = 'default'", NULL,
      NULL, "default", "1", NULL, 0, 0 },
    { "nobody's", "0", NULL, NULL, NULL, "none", NULL, 0, 0 }
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
        " iif(i % 7 = 0, 1795000000, NULL),"
        " iif(i % 7 = 0, i % 14 / 7 * 6, NULL),"
        " CASE WHEN i % 13 = 0 THEN 'device' WHEN i % 17 = 0 THEN 'internal'"
        " END, x'00' FROM n");

    is_int(fixture_count("SELECT count(*) FROM acme_certificates"),
           CERTIFICATES, "a registry");

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
    ngx_str_t               texts[5];
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
    filter.eab_id = ask->eab_id;
    filter.now = NOW;

    sum = sum_pages(&filter, 1000, &n);

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM acme_certificates WHERE"
             " %s", ask->where);
    is_int(n, fixture_count(sql), "%s: as many", ask->what);

    snprintf(sql, sizeof(sql), "SELECT coalesce(sum(id), 0) FROM"
             " acme_certificates WHERE %s", ask->where);
    is_int(sum, fixture_count(sql), "%s: the same", ask->what);

    is_int(sum_pages(&filter, 7, &n), sum, "%s: in pages", ask->what);
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
