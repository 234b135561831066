
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a CRL costs: a registry with so many revoked certificates, the list read
 * from it, signed and turned to PEM, as the thread of a worker does it.
 *
 *     crl_bench DIRECTORY [N...]
 */


#include "pki.h"

#include "acme_ca_crl.h"
#include "acme_ca_store_crl.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <time.h>


static void run(const char *directory, long n);
static void fill(const char *file, long n);
static ngx_int_t add(void *data, const acme_ca_revoked_t *entry);
static double seconds(clockid_t clock);
static long touched(void);


int
main(int argc, char **argv)
{
    int  i;

    static const long  sizes[] = { 0, 1000, 100000, 1000000 };

    if (argc < 2) {
        fprintf(stderr, "usage: crl_bench DIRECTORY [N...]\n");
        return 1;
    }

    printf("%10s %12s %10s %10s %10s %10s\n", "revoked", "bytes", "read ms",
           "sign ms", "cpu ms", "MiB more");

    if (argc == 2) {
        for (i = 0; i < 4; i++) {
            run(argv[1], sizes[i]);
        }
    }

    for (i = 2; i < argc; i++) {
        run(argv[1], atol(argv[i]));
    }

    return 0;
}


static void
run(const char *directory, long n)
{
    char                 file[512];
    long                 before;
    double               start, read, end, cpu;
    u_char              *room;
    size_t               size;
    EVP_PKEY            *key;
    ngx_str_t            path, name = ngx_string("bench"), error, der;
    ngx_uint_t           count;
    acme_ca_ctx_t        ctx;
    acme_ca_store_t     *store;
    acme_ca_issuer_t    *issuer;
    acme_ca_crl_list_t   list;
    acme_ca_hierarchy_t  h;

    pki_start(&ctx);

    snprintf(file, sizeof(file), "%s/crl_bench.db", directory);
    (void) unlink(file);

    path.data = (u_char *) file;
    path.len = strlen(file);

    acme_ca_store_close(acme_ca_store_open(&path, ACME_CA_STORE_MIGRATE,
                                           &shim_log));
    fill(file, n);

    acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h);
    key = pki_key_pem(&h.key);

    if (acme_ca_issuer_load(ctx.pool, &h.certificate, key, PKI_NOW, &issuer,
                            &error)
        != NGX_OK)
    {
        fprintf(stderr, "issuer: %.*s\n", (int) error.len, error.data);
        exit(1);
    }

    memset(&list, 0, sizeof(acme_ca_crl_list_t));

    list.issuer = issuer;
    list.crl.issuer_id = 1;
    list.crl.shards = 1;
    list.crl.number = PKI_NOW;
    list.crl.this_update = PKI_NOW;
    list.crl.next_update = PKI_NOW + 3 * 86400;

    before = touched();
    start = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

    store = acme_ca_store_open(&path, ACME_CA_STORE_READ, &shim_log);

    if (acme_ca_store_crl_count_revoked(store, &list.crl, 0, &count)
        != NGX_OK)
    {
        exit(1);
    }

    size = acme_ca_crl_size(&list, count + count / 16 + 64);
    room = malloc(size);
    acme_ca_crl_start(&list, room, size);

    if (acme_ca_store_crl_list_revoked(store, &list.crl, 0, add, &list)
        != NGX_OK)
    {
        exit(1);
    }

    read = seconds(CLOCK_MONOTONIC);

    if (acme_ca_crl_sign(&ctx, &list, &der) != NGX_OK) {
        exit(1);
    }

    end = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;

    printf("%10lu %12zu %10.1f %10.1f %10.1f %10.1f\n",
           (unsigned long) list.crl.entries, der.len, (read - start) * 1e3,
           (end - read) * 1e3, cpu * 1e3, (touched() - before) / 1024.0);

    free(room);
    acme_ca_store_close(store);
    EVP_PKEY_free(key);
    pki_stop(&ctx);
    (void) unlink(file);
}


/* every certificate of as many again is revoked, with a reason */

static void
fill(const char *file, long n)
{
    char      text[1024], *error;
    sqlite3  *db;

    snprintf(text, sizeof(text),
        "BEGIN;"
        "INSERT INTO issuers (name, der, chain_pem, not_before, not_after, "
        "created_at) VALUES ('bench', x'00', '', 0, 0, 0);"
        "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
        "WHERE n < %ld) INSERT INTO acme_certificates (issuer_id, status, "
        "serial, fingerprint, sans, key_type, not_before, not_after, "
        "created_at, revoked_at, revocation_reason, der) SELECT 1, 'revoked', "
        "CAST(char(1 + abs(random()) %% 127) || randomblob(15) AS BLOB), "
        "zeroblob(32), 'dns:a.example', 'EC P-256', 0, 4102444800, 0, "
        "1700000000, 4, zeroblob(600) FROM i WHERE %ld > 0;"
        "COMMIT;", n, n);

    error = NULL;

    if (sqlite3_open(file, &db) != SQLITE_OK
        || sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
    {
        fprintf(stderr, "%s\n", error ? error : "sqlite3_open()");
        exit(1);
    }

    (void) sqlite3_close(db);
}


static ngx_int_t
add(void *data, const acme_ca_revoked_t *entry)
{
    return acme_ca_crl_add(data, entry);
}


static double
seconds(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


/* KiB of the process in memory */

static long
touched(void)
{
    long   pages, resident;
    FILE  *f;

    resident = 0;
    f = fopen("/proc/self/statm", "r");

    if (f != NULL) {
        if (fscanf(f, "%ld %ld", &pages, &resident) != 2) {
            resident = 0;
        }

        (void) fclose(f);
    }

    return resident * 4;
}
