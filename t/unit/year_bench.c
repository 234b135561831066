
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The size of a database over a year: so many issuances a day in simulated
 * time, through the module's own statements, with its sweeps and the return of
 * free pages.  A host renews every sixty days; 1 % of certificates is revoked.
 *
 *     year_bench DIRECTORY [DAYS [ISSUANCES_A_DAY [RETENTION_DAYS]]]
 */


#include "store_flow.h"

#include "acme_ca_store_census.h"
#include "acme_ca_store_sweep.h"

#include <sys/stat.h>


#define BATCH      50
#define ACCOUNTS   100
#define DAY        86400
#define RENEWAL    60       /* days */
#define REPORT     30
#define TABLES     32


static void issue(acme_ca_store_t *store, ngx_uint_t day, ngx_uint_t n,
    const int64_t *accounts);
static void sweep(acme_ca_store_t *store, time_t retention);
static void report(const char *path, ngx_uint_t day, ngx_uint_t n);
static void tables(acme_ca_store_t *store);


int
main(int argc, char **argv)
{
    char              path[1024];
    int64_t           accounts[ACCOUNTS];
    ngx_str_t         s;
    ngx_uint_t        day, days, n;
    acme_ca_store_t  *store;
    time_t            retention;

    if (argc < 2) {
        fprintf(stderr, "usage: year_bench DIRECTORY [DAYS [A_DAY"
                " [RETENTION]]]\n");
        return 1;
    }

    days = argc > 2 ? (ngx_uint_t) atol(argv[2]) : 365;
    n = argc > 3 ? (ngx_uint_t) atol(argv[3]) : 1000;
    retention = (argc > 4 ? atol(argv[4]) : 30) * DAY;

    snprintf(path, sizeof(path), "%s/year.db", argv[1]);
    (void) unlink(path);

    s.data = (u_char *) path;
    s.len = strlen(path);

    store = acme_ca_store_open(&s, ACME_CA_STORE_MIGRATE, &shim_log);
    must(store ? NGX_OK : NGX_ERROR, "migrate");
    flow_start(store, accounts, ACCOUNTS);
    acme_ca_store_close(store);

    store = acme_ca_store_open(&s, ACME_CA_STORE_WRITE, &shim_log);
    must(store ? NGX_OK : NGX_ERROR, "open");

    printf("%6s %10s %8s %14s\n", "day", "issuances", "MB", "bytes a flow");

    for (day = 1; day <= days; day++) {
        issue(store, day, n, accounts);
        sweep(store, retention);

        if (day % REPORT == 0 || day == days) {
            report(path, day, n);
        }
    }

    tables(store);
    acme_ca_store_close(store);

    return 0;
}


static void
issue(acme_ca_store_t *store, ngx_uint_t day, ngx_uint_t n,
    const int64_t *accounts)
{
    ngx_uint_t  i, k, host;

    static flow_t  flows[BATCH];

    for (i = 0; i < n; i += BATCH) {

        flow_now += DAY * BATCH / n;

        for (k = 0; k < BATCH; k++) {
            host = (day % RENEWAL) * n + i + k;
            flows[k].host = host;
            flows[k].account.id = accounts[host % ACCOUNTS];
        }

        flow_run(store, flows, BATCH);

        if (i % (2 * BATCH) == 0) {
            must(acme_ca_store_certificate_set_revoked(store,
                                                  flows[0].certificate.id, 4,
                                                  flow_now), "revoked");
        }
    }
}


/* as the workers do it, until there is nothing left to do */

static void
sweep(acme_ca_store_t *store, time_t retention)
{
    ngx_uint_t       n, expired;
    acme_ca_swept_t  swept;

    do {
        must(acme_ca_store_begin(store), "begin");
        must(acme_ca_store_sweep(store, flow_now - retention, 200, &swept),
             "sweep");
        must(acme_ca_store_sweep_expire(store, flow_now, 200, &expired),
             "expire");
        must(acme_ca_store_commit(store), "commit");

    } while (swept.orders || expired);

    for ( ;; ) {
        must(acme_ca_store_vacuum_get_surplus(store, &n), "surplus");

        if (n == 0) {
            break;
        }

        must(acme_ca_store_vacuum(store, 64), "vacuum");
        acme_ca_store_checkpoint(store);
    }
}


static void
report(const char *path, ngx_uint_t day, ngx_uint_t n)
{
    struct stat  file;

    must(stat(path, &file), "stat");

    printf("%6d %10d %8.1f %14.0f\n", (int) day, (int) (day * n),
           file.st_size / 1e6, (double) file.st_size / (day * n));
}


static void
tables(acme_ca_store_t *store)
{
    int64_t     rows[TABLES];
    ngx_uint_t  i;

    must(acme_ca_store_census_rows(store, rows, TABLES), "rows");

    for (i = 0; acme_ca_store_tables[i] != NULL; i++) {
        printf("%-26s %14lld\n", acme_ca_store_tables[i], (long long) rows[i]);
    }
}
