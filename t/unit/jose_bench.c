
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the paths of every request cost, in CPU time of the thread:
 *
 *     t/unit/bench jose
 */


#include "shim_jose.h"

#include "acme_ca_jws.h"
#include "acme_ca_nonce.h"

#include <time.h>


#define ROUNDS  9


static double bench_now(void);
static void bench_report(const char *what, double times[ROUNDS], unsigned n);
static void bench_nonce(void);
static void bench_jwk(const char *alg);
static void bench_jws(const char *alg);


int
main(void)
{
    bench_nonce();
    bench_jwk("ES256");
    bench_jwk("RS256");
    bench_jwk("EdDSA");
    bench_jws("ES256");
    bench_jws("EdDSA");
    bench_jws("RS256");
    bench_jws("ES384");

    return 0;
}


static double
bench_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}


/* the least and the middle of the rounds, in microseconds */

static void
bench_report(const char *what, double times[ROUNDS], unsigned n)
{
    int     i, j;
    double  t;

    for (i = 1; i < ROUNDS; i++) {
        for (j = i; j > 0 && times[j - 1] > times[j]; j--) {
            t = times[j];
            times[j] = times[j - 1];
            times[j - 1] = t;
        }
    }

    printf("%-36s %9.3f us (least %.3f)\n", what, times[ROUNDS / 2] / n,
           times[0] / n);
}


static void
bench_nonce(void)
{
    int                    i, n;
    u_char                 buf[ACME_CA_NONCE_LEN];
    double                 times[ROUNDS], t;
    ngx_str_t              nonce;
    ngx_pool_t            *pool;
    acme_ca_nonces_t      *nonces;
    acme_ca_nonce_zone_t  *zone;

    pool = ngx_create_pool(1024, &shim_log);
    zone = ngx_pmemalign(pool, acme_ca_nonce_zone_size(1 << 20), 64);
    (void) acme_ca_nonce_zone_init(zone, 1 << 20, 3600);
    nonces = acme_ca_nonces_open(pool, zone);

    nonce.data = buf;
    nonce.len = ACME_CA_NONCE_LEN;

    for (i = 0; i < ROUNDS; i++) {
        t = bench_now();

        for (n = 0; n < 100000; n++) {
            (void) acme_ca_nonce_issue(nonces, 1700000000, buf);

            if (acme_ca_nonce_use(nonces, 1700000000, &nonce)
                != ACME_CA_NONCE_GOOD)
            {
                abort();
            }
        }

        times[i] = bench_now() - t;
    }

    bench_report("nonce issue + use", times, 100000);
    ngx_destroy_pool(pool);
}


static void
bench_jwk(const char *alg)
{
    int             i, n;
    char            what[64];
    double          times[ROUNDS], t;
    EVP_PKEY       *key;
    ngx_str_t       text, copy;
    ngx_pool_t     *pool;
    acme_ca_ctx_t   ctx;
    acme_ca_jwk_t  *jwk;

    pool = ngx_create_pool(1024, &shim_log);
    key = shim_key(alg);
    text = shim_jwk(pool, key);

    ngx_memzero(&ctx, sizeof(ctx));
    ctx.log = &shim_log;

    for (i = 0; i < ROUNDS; i++) {
        t = bench_now();

        for (n = 0; n < 500; n++) {
            ctx.pool = ngx_create_pool(4096, &shim_log);
            copy = text;

            if (acme_ca_jwk_parse_text(&ctx, &copy, &jwk) != NGX_OK) {
                abort();
            }

            ngx_destroy_pool(ctx.pool);
        }

        times[i] = bench_now() - t;
    }

    (void) snprintf(what, sizeof(what), "JWK parse %s", alg);
    bench_report(what, times, 500);

    EVP_PKEY_free(key);
    ngx_destroy_pool(pool);
}


static void
bench_jws(const char *alg)
{
    int             i, n;
    char            what[64];
    double          parse[ROUNDS], verify[ROUNDS], t;
    EVP_PKEY       *key;
    ngx_str_t       text, copy;
    ngx_pool_t     *pool;
    acme_ca_ctx_t   ctx;
    acme_ca_jws_t  *jws;

    pool = ngx_create_pool(1024, &shim_log);
    key = shim_key(alg);
    text = shim_text(pool, "{\"alg\":\"%s\",\"nonce\":\"%s\","
                     "\"kid\":\"https://ca.corp.internal/acme/acct/x8dWlf\","
                     "\"url\":\"https://ca.corp.internal/acme/new-order\"}",
                     alg, "AAAAAAAAAAAAAAAAAAAAAA");
    text = shim_jws(pool, key, alg, (char *) text.data,
                    "{\"identifiers\":[{\"type\":\"dns\",\"value\":"
                    "\"host.corp.internal\"}]}");

    ngx_memzero(&ctx, sizeof(ctx));
    ctx.log = &shim_log;

    for (i = 0; i < ROUNDS; i++) {
        parse[i] = 0;
        verify[i] = 0;

        for (n = 0; n < 200; n++) {
            ctx.pool = ngx_create_pool(4096, &shim_log);
            copy = text;

            t = bench_now();

            if (acme_ca_jws_parse(&ctx, &copy, 0, &jws) != NGX_OK) {
                abort();
            }

            parse[i] += bench_now() - t;
            t = bench_now();

            if (acme_ca_jws_verify(&ctx, jws, key) != NGX_OK) {
                abort();
            }

            verify[i] += bench_now() - t;

            ngx_destroy_pool(ctx.pool);
        }
    }

    (void) snprintf(what, sizeof(what), "JWS parse %s", alg);
    bench_report(what, parse, 200);
    (void) snprintf(what, sizeof(what), "JWS verify %s", alg);
    bench_report(what, verify, 200);

    EVP_PKEY_free(key);
    ngx_destroy_pool(pool);
}
