
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the store costs per issuance.  A step of a batch of flows is one
 * transaction, each flow in a savepoint of its own.
 *
 *     store_bench DIRECTORY [FLOWS [ACCOUNTS]]
 */


#include "store_flow.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>


static void run(const char *directory, ngx_uint_t flows, ngx_uint_t accounts,
    ngx_uint_t batch);
static double seconds(clockid_t clock);


int
main(int argc, char **argv)
{
    size_t      i;
    ngx_uint_t  flows, accounts;

    static const ngx_uint_t  batches[] = { 1, 16, 64 };

    if (argc < 2) {
        fprintf(stderr, "usage: store_bench DIRECTORY [FLOWS [ACCOUNTS]]\n");
        return 1;
    }

    flows = argc > 2 ? (ngx_uint_t) atol(argv[2]) : 20000;
    accounts = argc > 3 ? (ngx_uint_t) atol(argv[3]) : 64;

    for (i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        run(argv[1], flows, accounts, batches[i]);
    }

    return 0;
}


static void
run(const char *directory, ngx_uint_t flows, ngx_uint_t accounts,
    ngx_uint_t batch)
{
    char              path[1024];
    double            wall, cpu;
    int64_t          *ids;
    flow_t           *flow;
    ngx_str_t         s;
    ngx_uint_t        n, k;
    struct stat       before, after;
    acme_ca_store_t  *store;

    snprintf(path, sizeof(path), "%s/bench-%d.db", directory, (int) batch);
    (void) unlink(path);

    s.data = (u_char *) path;
    s.len = strlen(path);

    store = acme_ca_store_open(&s, ACME_CA_STORE_MIGRATE, &shim_log);
    must(store ? NGX_OK : NGX_ERROR, "migrate");

    ids = calloc(accounts, sizeof(int64_t));
    flow_start(store, ids, accounts);
    acme_ca_store_close(store);
    must(stat(path, &before), "stat");

    store = acme_ca_store_open(&s, ACME_CA_STORE_WRITE, &shim_log);
    must(store ? NGX_OK : NGX_ERROR, "open");

    flow = calloc(batch, sizeof(flow_t));
    wall = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

    for (n = 0; n < flows; n += batch) {
        for (k = 0; k < batch; k++) {
            flow[k].host = n + k;
            flow[k].account.id = ids[(n + k) % accounts];
        }

        flow_run(store, flow, batch);
    }

    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;

    acme_ca_store_close(store);
    must(stat(path, &after), "stat");

    printf("batch %3d: %6.0f flows/s, %5.1f us CPU and %5.0f bytes a flow\n",
           (int) batch, n / wall, cpu / n * 1e6,
           (double) (after.st_size - before.st_size) / n);

    free(flow);
    free(ids);
}


static double
seconds(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}
