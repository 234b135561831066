
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * store/acme_ca_store_eab.c, and the end of an account.
 */


#include "store_fixture.h"

#include "acme_ca_store_eab.h"


static void test_find(void);
static void test_use(void);
static void test_end(void);
static void test_memory(void);


#define COLUMNS                                                               \
    "INSERT INTO acme_eab_credentials (kid, hmac_key, label, names, "         \
    "profiles, max_accounts, accounts, created_at, expires_at, revoked_at) "  \
    "VALUES "

#define SECRET  "zeroblob(31) || x'07'"


int
main(void)
{
    fixture_begin();

    test_find();
    test_use();
    test_end();
    test_memory();

    fixture_end();

    return done_testing();
}


static void
test_find(void)
{
    ngx_str_t      kid;
    acme_ca_eab_t  eab;

    fixture_start();

    is_int(fixture_sql(COLUMNS "('k', CAST(" SECRET " AS BLOB), 'L', "
                       "'a.b .c', 'p q', 3, 1, 10, 20, 30)"), 0, "a row");

    is_int(acme_ca_store_eab_find(store, pool, 1, &eab), NGX_OK, "eab_find");
    is_str(&eab.kid, "k", "kid");
    is_str(&eab.label, "L", "label");
    is_str(&eab.names, "a.b .c", "names");
    is_str(&eab.profiles, "p q", "profiles");
    ok(eab.key.len == 32 && eab.key.data[0] == 0 && eab.key.data[31] == 7,
       "key, with its zeros");
    ok(eab.max_accounts == 3 && eab.accounts == 1 && eab.created_at == 10
       && eab.expires_at == 20 && eab.revoked_at == 30, "numbers");

    fixture_str(&kid, "k");
    is_int(acme_ca_store_eab_find_kid(store, pool, &kid, &eab), NGX_OK,
           "eab_find_kid");
    is_int(eab.id, 1, "the same");

    fixture_str(&kid, "K");
    is_int(acme_ca_store_eab_find_kid(store, pool, &kid, &eab), NGX_DECLINED,
           "eab_find_kid: absent");
    is_int(acme_ca_store_eab_find(store, pool, 2, &eab), NGX_DECLINED,
           "eab_find: absent");

    ok(fixture_sql(COLUMNS "('s', zeroblob(31), 'L', '', '', NULL, 0, 1, NULL, "
                   "NULL)") < 0, "a key that is too short");
    ok(fixture_sql(COLUMNS "('k', zeroblob(32), 'L', '', '', NULL, 0, 1, NULL, "
                   "NULL)") < 0, "a kid that there is");

    fixture_stop();
}


static void
test_use(void)
{
    size_t  i;

    static const struct {
        const char  *limits;        /* max, accounts ... revoked */
        ngx_int_t    rc;
    } cases[] = {
        { "NULL, 1000, 1, NULL, NULL", NGX_OK },
        { "2, 1, 1, NULL, NULL", NGX_OK },
        { "2, 2, 1, NULL, NULL", NGX_DECLINED },
        { "NULL, 0, 1, 1800000001, NULL", NGX_OK },
        { "NULL, 0, 1, 1800000000, NULL", NGX_DECLINED },
        { "NULL, 0, 1, NULL, 1800000001", NGX_DECLINED }
    };

    char  text[512];

    fixture_start();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), COLUMNS "('k%d', zeroblob(32), 'L', '', "
                 "'', %s)", (int) i, cases[i].limits);
        (void) fixture_sql(text);

        is_int(acme_ca_store_eab_use(store, i + 1, NOW), cases[i].rc, "use: %s",
               cases[i].limits);
    }

    is_int(fixture_sql("SELECT accounts FROM acme_eab_credentials "
                       "WHERE id = 2"), 2, "counted");
    is_int(acme_ca_store_eab_use(store, 77, NOW), NGX_DECLINED, "use: absent");

    fixture_stop();
}


static void
test_end(void)
{
    ngx_uint_t            i;
    ngx_str_t             error, binding;
    acme_ca_job_t         job;
    acme_ca_authz_t       authz;
    acme_ca_order_t       order;
    acme_ca_account_t     account;
    acme_ca_challenge_t   challenge;

    fixture_start();

    (void) fixture_sql(COLUMNS "('k', zeroblob(32), 'L', '', '', NULL, 0, 1, "
                       "NULL, NULL)");

    fixture_account(&account, 2);
    account.eab_id = 1;
    fixture_str(&account.eab_binding, "{}");
    is_int(acme_ca_store_account_add(store, &account), NGX_OK, "bound");
    is_int(acme_ca_store_account_get_binding(store, pool, account.id,
                                             &binding), NGX_OK, "binding");
    is_str(&binding, "{}", "as it was");
    is_int(acme_ca_store_account_find(store, pool, account.id, &account),
           NGX_OK, "account");
    is_int(account.eab_id, 1, "eab_id");

    for (i = 0; i < 2; i++) {
        fixture_order(&order, i ? account.id : account_id);
        (void) acme_ca_store_order_add(store, &order);
        fixture_authz(&authz, order.account_id, "a.example");
        (void) acme_ca_store_authz_add(store, &authz);
        (void) acme_ca_store_order_add_identifier(store, order.id, 0,
                                                  &authz.identifier, authz.id);
        fixture_challenge(&challenge, authz.id);
        (void) acme_ca_store_challenge_add(store, &challenge);

        ngx_memzero(&job, sizeof(acme_ca_job_t));
        job.challenge_id = challenge.id;
        is_int(acme_ca_store_job_add(store, &job, NOW), NGX_OK, "a job");
    }

    /* a valid one without an order */

    fixture_authz(&authz, account.id, "b.example");
    (void) acme_ca_store_authz_add(store, &authz);
    is_int(acme_ca_store_authz_set_status(store, authz.id, ACME_CA_PENDING,
                                          ACME_CA_VALID, 0, NOW), NGX_OK,
           "a valid authorization");

    fixture_str(&error, "{\"x\":1}");
    is_int(acme_ca_store_account_end(store, account.id, &error, NOW), NGX_OK,
           "end");

    is_int(fixture_sql("SELECT count(*) FROM jobs"), 1, "one job is left");
    is_int(fixture_sql("SELECT count(*) FROM acme_authorizations WHERE "
                       "account_id = 2 AND status = 'deactivated'"), 2,
           "authorizations ended");
    is_int(fixture_sql("SELECT count(*) FROM acme_orders WHERE account_id = 2 "
                       "AND status = 'invalid' AND error = '{\"x\":1}'"), 1,
           "its order ended");
    is_int(fixture_sql("SELECT count(*) FROM acme_orders AS o JOIN "
                       "acme_authorizations AS a USING (account_id) WHERE "
                       "account_id = 1 AND o.status = 'pending' AND a.status "
                       "= 'pending'"), 1, "another's did not");

    fixture_stop();
}


static void
test_memory(void)
{
    ngx_int_t       n, rc;
    ngx_str_t       kid, error, binding;
    ngx_pool_t     *memory;
    acme_ca_eab_t   eab;

    fixture_start();

    (void) fixture_sql(COLUMNS "('k', zeroblob(32), 'L', 'a', 'p', NULL, 0, 1, "
                       "NULL, NULL)");
    fixture_str(&kid, "k");
    fixture_str(&error, "{}");

    rc = NGX_ERROR;

    for (n = 0; rc != NGX_OK && n < 3000; n++) {
        memory = ngx_create_pool(64, &shim_log);
        shim_fail_at(n);

        rc = acme_ca_store_eab_find_kid(store, memory, &kid, &eab);

        if (rc == NGX_OK) {
            rc = acme_ca_store_eab_use(store, eab.id, NOW);
        }

        if (rc == NGX_OK) {
            rc = acme_ca_store_account_get_binding(store, memory, account_id,
                                                   &binding);
        }

        if (rc == NGX_OK) {
            rc = acme_ca_store_account_end(store, account_id, &error, NOW);
        }

        if (rc == NGX_OK && shim_failed()) {
            rc = NGX_ERROR;
        }

        shim_fail_at(SHIM_NEVER);
        ngx_destroy_pool(memory);
    }

    is_int(rc, NGX_OK, "fails cleanly at each of %d allocations", (int) n);

    fixture_stop();
}
