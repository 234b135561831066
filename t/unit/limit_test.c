
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * zone/acme_ca_limit.c: rates and bursts, clocks that jump, a table that
 * overflows, and two processes with two threads each over one zone.
 */


#include "shim.h"
#include "tap.h"

#include "acme_ca_limit.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>


#define NOW        1700000000
#define THREADS    2
#define PROCESSES  2
#define SUBJECTS   64
#define ROUNDS     400


typedef struct {
    acme_ca_limit_zone_t  *zone;
    uint32_t              *passed;         /* of each subject */
    uint32_t               start;
} test_shared_t;


static acme_ca_limit_zone_t *test_zone(ngx_uint_t n);
static ngx_str_t test_subject(u_char *buf, ngx_uint_t n);
static void test_size(void);
static void test_rate(void);
static void test_modes(void);
static void test_limits(void);
static void test_clock(void);
static void test_overflow(void);
static void test_contention(void);
static void *test_thread(void *data);


int
main(void)
{
    shim_openssl();

    test_size();
    test_rate();
    test_modes();
    test_limits();
    test_clock();
    test_overflow();
    test_contention();

    return done_testing();
}


static acme_ca_limit_zone_t *
test_zone(ngx_uint_t n)
{
    void  *zone;

    /* exactly as large as told, so that the sanitizer guards its end */

    if (posix_memalign(&zone, 64, acme_ca_limit_zone_size(n)) != 0
        || acme_ca_limit_zone_init(zone, n, NOW) != NGX_OK)
    {
        abort();
    }

    return zone;
}


static ngx_str_t
test_subject(u_char *buf, ngx_uint_t n)
{
    ngx_str_t  subject;

    subject.data = buf;
    subject.len = ngx_sprintf(buf, "subject %ui", n) - buf;

    return subject;
}


static void
test_size(void)
{
    is_int(acme_ca_limit_zone_size(0), acme_ca_limit_zone_size(64),
           "64 at least");
    is_int(acme_ca_limit_zone_size(65), acme_ca_limit_zone_size(128),
           "rounded up to a power of two");
    ok(acme_ca_limit_zone_size(16384) <= 16384 * 8 + 64,
       "eight bytes for each");
}


static void
test_rate(void)
{
    time_t                 at;
    ngx_str_t              a = ngx_string("a"), b = ngx_string("b");
    ngx_uint_t             i;
    acme_ca_rate_t         rate = { 10, 100, 3, ngx_null_string };
    acme_ca_limit_zone_t  *zone;

    zone = test_zone(64);

    for (i = 0; i < 3; i++) {
        is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW), 0,
               "%d of a burst", (int) i);
    }

    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW), 10, "no more: wait");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW + 4), 6, "less");
    is_int(acme_ca_limit_take(zone, 0, &rate, &b, NOW), 0, "another subject");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW + 10), 0,
           "after the time it was told");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW + 10), 10, "one only");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW + 1000), 0, "long after");

    for (i = 0, at = NOW + 2000; at < NOW + 3000; at++) {
        i += acme_ca_limit_take(zone, 0, &rate, &a, at) == 0;
    }

    is_int(i, 102, "in a thousand seconds a hundred and the burst");

    rate.n = 1000;
    rate.period = 1;
    rate.burst = 1000;

    for (i = 0; acme_ca_limit_take(zone, 0, &rate, &a, NOW + 9000) == 0; i++) {
        /* void */
    }

    is_int(i, 1000, "a thousand a second");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW + 9001), 0,
           "and in the next one");

    free(zone);
}


static void
test_modes(void)
{
    ngx_str_t              a = ngx_string("a");
    ngx_uint_t             i;
    acme_ca_rate_t         rate = { 1, 60, 2, ngx_null_string };
    acme_ca_rate_t         none = { 0, 0, 0, ngx_null_string };
    acme_ca_limit_zone_t  *zone;

    zone = test_zone(64);

    for (i = 0; i < 5; i++) {
        is_int(acme_ca_limit_peek(zone, 0, &rate, &a, NOW), 0, "peek");
    }

    is_int(acme_ca_limit_add(zone, 0, &rate, &a, NOW), 0, "add");
    is_int(acme_ca_limit_peek(zone, 0, &rate, &a, NOW), 0, "one is left");

    for (i = 0; i < 10; i++) {
        (void) acme_ca_limit_add(zone, 0, &rate, &a, NOW);
    }

    is_int(acme_ca_limit_peek(zone, 0, &rate, &a, NOW), 60,
           "what is added does not lock out for more than one");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW), 60, "take");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW + 60), 0, "after that");

    is_int(acme_ca_limit_take(zone, 0, &none, &a, NOW), 0, "no limit");
    is_int(acme_ca_limit_take(NULL, 0, &rate, &a, NOW), 0, "no zone");

    free(zone);
}


static void
test_limits(void)
{
    ngx_str_t              a = ngx_string("a"), none = ngx_null_string;
    ngx_uint_t             i;
    acme_ca_rate_t         rate = { 1, 60, 1, ngx_null_string };
    acme_ca_limit_zone_t  *zone;

    zone = test_zone(64);

    for (i = 0; i < ACME_CA_LIMIT_N; i++) {
        is_int(acme_ca_limit_take(zone, i, &rate, &a, NOW), 0,
               "limit %d counts for itself", (int) i);
    }

    is_int(acme_ca_limit_take(zone, 0, &rate, &none, NOW), 0, "nobody");
    is_int(acme_ca_limit_take(zone, 0, &rate, &none, NOW), 60, "is one too");

    free(zone);
}


static void
test_clock(void)
{
    ngx_str_t              a = ngx_string("a");
    acme_ca_rate_t         rate = { 1, 60, 1, ngx_null_string };
    acme_ca_limit_zone_t  *zone;

    zone = test_zone(64);

    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW + 86400), 0, "taken");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW), 60,
           "a clock that is set back locks nobody out for long");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a, NOW - 86400), 60,
           "nor one before the zone was made");
    is_int(acme_ca_limit_take(zone, 0, &rate, &a,
                              NOW + (time_t) 50 * 365 * 86400),
           0, "fifty years later");

    free(zone);
}


/* the least bound are forgotten, those that are bound are not */

static void
test_overflow(void)
{
    u_char                 buf[64];
    ngx_str_t              subject, a = ngx_string("a");
    ngx_uint_t             i, forgotten;
    acme_ca_rate_t         rate = { 1, 60, 10, ngx_null_string };
    acme_ca_limit_zone_t  *zone;

    zone = test_zone(64);

    for (i = 0; i < 10; i++) {
        (void) acme_ca_limit_take(zone, 0, &rate, &a, NOW);
    }

    forgotten = 0;

    for (i = 0; i < 10000; i++) {
        subject = test_subject(buf, i);
        (void) acme_ca_limit_take(zone, 0, &rate, &subject, NOW);

        forgotten += acme_ca_limit_peek(zone, 0, &rate, &a, NOW) == 0;
    }

    is_int(forgotten, 0, "ten thousand subjects do not free one of ten");

    subject = test_subject(buf, 9999);
    is_int(acme_ca_limit_take(zone, 0, &rate, &subject, NOW + 86400), 0,
           "what is over is overwritten");

    free(zone);
}


static void
test_contention(void)
{
    pid_t           pids[PROCESSES];
    size_t          size;
    ngx_uint_t      i, j, wrong;
    pthread_t       threads[THREADS];
    test_shared_t  *shared;

    size = sizeof(test_shared_t) + SUBJECTS * sizeof(uint32_t) + 64
           + acme_ca_limit_zone_size(1024);

    shared = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);
    if (shared == MAP_FAILED) {
        abort();
    }

    shared->passed = (uint32_t *) (shared + 1);
    shared->zone = (void *) ngx_align_ptr(shared->passed + SUBJECTS, 64);

    if (acme_ca_limit_zone_init(shared->zone, 1024, NOW) != NGX_OK) {
        abort();
    }

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            for (j = 0; j < THREADS; j++) {
                pthread_create(&threads[j], NULL, test_thread, shared);
            }

            for (j = 0; j < THREADS; j++) {
                pthread_join(threads[j], NULL);
            }

            _exit(0);
        }
    }

    __atomic_store_n(&shared->start, 1, __ATOMIC_SEQ_CST);

    for (i = 0; i < PROCESSES; i++) {
        waitpid(pids[i], NULL, 0);
    }

    wrong = 0;

    for (i = 0; i < SUBJECTS; i++) {
        wrong += shared->passed[i] != 100;
    }

    is_int(wrong, 0, "each subject got its hundred, in all of them together");

    munmap(shared, size);
}


static void *
test_thread(void *data)
{
    test_shared_t *shared = data;

    u_char          buf[64];
    ngx_str_t       subject;
    ngx_uint_t      i, n;
    acme_ca_rate_t  rate = { 1, 3600, 100, ngx_null_string };

    while (!__atomic_load_n(&shared->start, __ATOMIC_SEQ_CST)) { /* void */ }

    for (i = 0; i < ROUNDS; i++) {
        for (n = 0; n < SUBJECTS; n++) {
            subject = test_subject(buf, n);

            if (acme_ca_limit_take(shared->zone, 0, &rate, &subject, NOW)
                == 0)
            {
                __atomic_fetch_add(&shared->passed[n], 1, __ATOMIC_SEQ_CST);
            }
        }
    }

    return NULL;
}
