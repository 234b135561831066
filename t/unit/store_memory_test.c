
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store when memory runs out at each allocation, of nginx and of SQLite.
 */


#include "store_fixture.h"

#include "acme_ca_store_sweep.h"


static void test_memory_open(void);
static void test_memory_migrate(void);
static void test_memory(void);
static ngx_int_t flow(ngx_pool_t *memory);
static void *fault_malloc(int n);
static void fault_free(void *p);
static void *fault_realloc(void *p, int n);
static int fault_size(void *p);
static int fault_roundup(int n);
static int fault_init(void *data);
static void fault_shutdown(void *data);


static const sqlite3_mem_methods  fault_methods = {
    fault_malloc, fault_free, fault_realloc, fault_size, fault_roundup,
    fault_init, fault_shutdown, NULL
};



int
main(void)
{
    /* SQLite's memory comes from the same counter as nginx's pools */

    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &fault_methods) != SQLITE_OK) {
        printf("Bail out!  sqlite3_config()\n");
        return 1;
    }

    fixture_begin();

    test_memory_open();
    test_memory_migrate();
    test_memory();

    fixture_end();

    return done_testing();
}


static void
test_memory_open(void)
{
    ngx_int_t         n;
    ngx_uint_t        opened;
    acme_ca_store_t  *s;

    acme_ca_store_close(fixture_new());
    opened = 0;

    /* thousands of allocations; each statement that is prepared has about 50 */

    for (n = 0; ; n += n < 300 ? 1 : 53) {
        shim_fail_at(n);
        s = fixture_open(ACME_CA_STORE_WRITE);
        opened += s != NULL && shim_failed();
        acme_ca_store_close(s);

        if (!shim_failed()) {
            break;
        }
    }

    shim_fail_at(SHIM_NEVER);
    ok(s != NULL, "open fails cleanly at each of %d allocations (%d did not "
       "matter)", (int) n, (int) opened);
}


static void
test_memory_migrate(void)
{
    ngx_int_t         n;
    acme_ca_store_t  *s;

    for (n = 0; ; n += n < 100 ? 1 : 157) {
        fixture_remove();
        shim_fail_at(n);
        s = fixture_open(ACME_CA_STORE_MIGRATE);
        acme_ca_store_close(s);

        if (!shim_failed()) {
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (s == NULL) {
            s = fixture_open(ACME_CA_STORE_MIGRATE);
            acme_ca_store_close(s);
        }

        if (s == NULL) {
            break;
        }
    }

    shim_fail_at(SHIM_NEVER);
    ok(s != NULL, "so does MIGRATE at %d, and it can be repeated", (int) n);
}


static void
test_memory(void)
{
    ngx_int_t    n, rc;
    ngx_pool_t  *memory;

    fixture_start();

    for (n = 0; ; n++) {
        memory = ngx_create_pool(4096, &shim_log);

        shim_fail_at(n);
        rc = acme_ca_store_begin(store);

        if (rc == NGX_OK) {
            rc = flow(memory);
        }

        shim_fail_at(shim_failed() ? SHIM_NEVER : n);
        acme_ca_store_rollback(store);
        ngx_destroy_pool(memory);

        if (rc == NGX_OK) {
            break;
        }

        if (rc != NGX_ERROR && rc != NGX_BUSY) {
            break;
        }

        shim_fail_at(SHIM_NEVER);
    }

    shim_fail_at(SHIM_NEVER);
    is_int(rc, NGX_OK, "an issuance fails cleanly at each of %d allocations",
           (int) n);
    is_int(fixture_count("SELECT count(*) FROM acme_orders"), 0,
           "none was committed");
    is_int(fixture_count("SELECT integrity_check = 'ok' FROM "
                         "pragma_integrity_check"), 1, "integrity_check");

    fixture_stop();
}


#define must(call)                                                            \
    do {                                                                      \
        ngx_int_t  rc_ = (call);                                              \
                                                                              \
        if (rc_ != NGX_OK) {                                                  \
            return rc_;                                                       \
        }                                                                     \
    } while (0)


static ngx_int_t
flow(ngx_pool_t *memory)
{
    ngx_array_t            *list;
    acme_ca_due_t           due = { NOW, 30, 30 };
    acme_ca_job_t           job;
    acme_ca_audit_t         audit;
    acme_ca_authz_t         authz;
    acme_ca_order_t         order;
    acme_ca_swept_t         swept;
    acme_ca_account_t       account;
    acme_ca_challenge_t     challenge;
    acme_ca_certificate_t   certificate;

    must(acme_ca_store_savepoint(store));
    must(acme_ca_store_account_find(store, memory, account_id, &account));
    fixture_order(&order, account_id);
    must(acme_ca_store_order_add(store, &order));
    fixture_authz(&authz, account_id, "10.0.0.1");
    authz.identifier.type = ACME_CA_IDENTIFIER_IP;
    must(acme_ca_store_authz_add(store, &authz));
    must(acme_ca_store_order_add_identifier(store, order.id, 0,
                                            &authz.identifier, authz.id));
    fixture_challenge(&challenge, authz.id);
    must(acme_ca_store_challenge_add(store, &challenge));

    ngx_memzero(&job, sizeof(acme_ca_job_t));
    job.challenge_id = challenge.id;
    must(acme_ca_store_job_add(store, &job, NOW));
    acme_ca_store_set_owner(store, 7);
    must(acme_ca_store_job_claim(store, memory, &due, 9, &list));
    must(acme_ca_store_lease_list_owners(store, memory, &list));
    must(acme_ca_store_lease_free(store, 7, NOW));
    must(acme_ca_store_job_remove(store, job.id));
    must(acme_ca_store_challenge_list(store, memory, authz.id, &list));
    must(acme_ca_store_authz_set_status(store, authz.id, ACME_CA_PENDING,
                                        ACME_CA_VALID, 0, NOW));
    must(acme_ca_store_order_list_by_authz(store, memory, authz.id,
                                           ACME_CA_PENDING, &list));
    must(acme_ca_store_order_list_identifiers(store, memory, order.id, &list));
    must(acme_ca_store_release(store));

    must(acme_ca_store_savepoint(store));
    fixture_certificate(&certificate, account_id, "serial");
    must(acme_ca_store_certificate_add(store, &certificate));
    must(acme_ca_store_certificate_find(store, memory, certificate.id,
                                        &certificate));
    ngx_memzero(&audit, sizeof(acme_ca_audit_t));
    audit.actor = "account";
    audit.action = "issue";
    must(acme_ca_store_audit_add(store, &audit, NOW));
    must(acme_ca_store_rollback_to(store));

    return acme_ca_store_sweep(store, NOW + 1, 9, &swept);
}


static void *
fault_malloc(int n)
{
    int64_t  *p;

    p = shim_malloc(n + sizeof(int64_t));
    if (p == NULL) {
        return NULL;
    }

    *p = n;

    return p + 1;
}


static void
fault_free(void *p)
{
    free((int64_t *) p - 1);
}


static void *
fault_realloc(void *p, int n)
{
    void  *q;

    q = fault_malloc(n);

    if (q) {
        memcpy(q, p, ngx_min(n, fault_size(p)));
        fault_free(p);
    }

    return q;
}


static int
fault_size(void *p)
{
    return p ? (int) ((int64_t *) p)[-1] : 0;
}


static int
fault_roundup(int n)
{
    return (n + 7) & ~7;
}


static int
fault_init(void *data)
{
    return SQLITE_OK;
}


static void
fault_shutdown(void *data)
{
    /* void */
}
