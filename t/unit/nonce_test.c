
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * zone/acme_ca_nonce.c: two processes with two threads each over one zone.
 */


#include "shim.h"
#include "tap.h"

#include "acme_ca_nonce.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>


#define NOW        1700000000
#define THREADS    2
#define PROCESSES  2
#define ROUNDS     20000


/* all that the contenders share */
typedef struct {
    acme_ca_nonce_zone_t  *zone;
    u_char                *nonces;         /* ROUNDS of them */
    uint32_t              *accepted;       /* how often each */
    uint64_t               wrong;          /* verdicts other than good, used */
    uint64_t               own;            /* issued and used by one thread */
    uint64_t               own_bad;
    uint32_t               start;
} test_shared_t;


static acme_ca_nonce_zone_t *test_zone(ngx_uint_t n, time_t lifetime);
static ngx_str_t test_issue(acme_ca_nonces_t *nonces, time_t now,
    u_char *buf);
static void test_size(void);
static void test_life(void);
static void test_malformed(void);
static void test_ring(void);
static void test_generations(void);
static void test_contention(void);
static void *test_thread(void *data);
static void test_meet(test_shared_t *shared, uint32_t n);
static void test_memory(void);


int
main(void)
{
    shim_openssl();

    test_size();
    test_life();
    test_malformed();
    test_ring();
    test_generations();
    test_contention();
    test_memory();

    return done_testing();
}


static acme_ca_nonce_zone_t *
test_zone(ngx_uint_t n, time_t lifetime)
{
    void  *zone;

    /* exactly as large as told, so that the sanitizer guards its end */

    if (posix_memalign(&zone, 16, acme_ca_nonce_zone_size(n)) != 0
        || acme_ca_nonce_zone_init(zone, n, lifetime) != NGX_OK)
    {
        abort();
    }

    return zone;
}


static ngx_str_t
test_issue(acme_ca_nonces_t *nonces, time_t now, u_char *buf)
{
    ngx_str_t  nonce;

    if (acme_ca_nonce_issue(nonces, now, buf) != NGX_OK) {
        abort();
    }

    nonce.data = buf;
    nonce.len = ACME_CA_NONCE_LEN;

    return nonce;
}


static void
test_size(void)
{
    size_t      size;
    ngx_uint_t  n;

    is_int(acme_ca_nonce_zone_size(0), acme_ca_nonce_zone_size(1024),
           "1024 at least");
    is_int(acme_ca_nonce_zone_size(1025), acme_ca_nonce_zone_size(2048),
           "rounded up to a power of two");
    ok(acme_ca_nonce_zone_size(1 << 20) < (1 << 18) + 512,
       "two bits a nonce");
    is_int(acme_ca_nonce_zone_capacity(100), 0, "too small for any");

    for (n = 1024; n <= 1 << 20; n *= 4) {
        size = acme_ca_nonce_zone_size(n);
        is_int(acme_ca_nonce_zone_capacity(size), n, "%d fit", (int) n);
        is_int(acme_ca_nonce_zone_capacity(size - 1), n > 1024 ? n / 2 : 0,
               "not in a byte less");
    }
}


static void
test_life(void)
{
    u_char                 buf[ACME_CA_NONCE_LEN];
    ngx_str_t              nonce;
    ngx_pool_t            *pool;
    acme_ca_nonces_t      *one, *two, *other;
    acme_ca_nonce_zone_t  *zone, *stranger;

    pool = ngx_create_pool(1024, &shim_log);

    zone = test_zone(1024, 60);
    stranger = test_zone(1024, 60);
    one = acme_ca_nonces_open(pool, zone);
    two = acme_ca_nonces_open(pool, zone);
    other = acme_ca_nonces_open(pool, stranger);

    nonce = test_issue(one, NOW, buf);
    is_int(acme_ca_nonce_use(other, NOW, &nonce), ACME_CA_NONCE_FOREIGN,
           "foreign to another zone");
    is_int(acme_ca_nonce_use(two, NOW, &nonce), ACME_CA_NONCE_GOOD,
           "good in another worker");
    is_int(acme_ca_nonce_use(one, NOW, &nonce), ACME_CA_NONCE_USED,
           "used in the first");
    is_int(acme_ca_nonce_use(two, NOW, &nonce), ACME_CA_NONCE_USED,
           "and in the other");

    nonce = test_issue(one, NOW, buf);
    is_int(acme_ca_nonce_use(one, NOW + 61, &nonce), ACME_CA_NONCE_OLD,
           "old after its lifetime");
    is_int(acme_ca_nonce_use(one, NOW + 60, &nonce), ACME_CA_NONCE_GOOD,
           "good in its last second");

    nonce = test_issue(one, NOW, buf);
    is_int(acme_ca_nonce_use(one, NOW - 3600, &nonce), ACME_CA_NONCE_GOOD,
           "good when the clock was set back");

    nonce = test_issue(one, 0xfffffff0, buf);
    is_int(acme_ca_nonce_use(one, (time_t) 0xfffffff0 + 30, &nonce),
           ACME_CA_NONCE_GOOD, "good over the end of 32 bits");

    nonce = test_issue(one, NOW, buf);
    acme_ca_nonce_zone_lifetime(zone, 10);
    is_int(acme_ca_nonce_use(one, NOW + 11, &nonce), ACME_CA_NONCE_OLD,
           "old by the new lifetime");

    ngx_destroy_pool(pool);
    free(zone);
    free(stranger);
}


static void
test_malformed(void)
{
    u_char                 buf[ACME_CA_NONCE_LEN];
    size_t                 i;
    ngx_str_t              nonce;
    ngx_pool_t            *pool;
    ngx_uint_t             foreign;
    acme_ca_nonces_t      *nonces;
    acme_ca_nonce_zone_t  *zone;

    static const char  *bad[] = {
        "", "A", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAA+AAAAAAAAAA", "AAAAAAAAAAA AAAAAAAAAA",
        ("AAAAAAAAAAA\xff" "AAAAAAAAAA"), "AAAAAAAAAAAAAAAAAAAAAA=="
    };

    pool = ngx_create_pool(1024, &shim_log);
    zone = test_zone(1024, 60);
    nonces = acme_ca_nonces_open(pool, zone);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        nonce.data = (u_char *) bad[i];
        nonce.len = strlen(bad[i]);
        is_int(acme_ca_nonce_use(nonces, NOW, &nonce),
               ACME_CA_NONCE_MALFORMED, "malformed %d", (int) i);
    }

    /* each bit of a nonce matters */

    foreign = 0;

    for (i = 0; i < ACME_CA_NONCE_LEN; i++) {
        nonce = test_issue(nonces, NOW, buf);
        buf[i] = buf[i] == 'A' ? 'Q' : 'A';

        foreign += acme_ca_nonce_use(nonces, NOW, &nonce)
                   == ACME_CA_NONCE_FOREIGN;
    }

    is_int(foreign, ACME_CA_NONCE_LEN, "no character can be changed");

    ngx_destroy_pool(pool);
    free(zone);
}


static void
test_ring(void)
{
    u_char                 first[ACME_CA_NONCE_LEN], buf[ACME_CA_NONCE_LEN];
    u_char                 second[ACME_CA_NONCE_LEN];
    ngx_str_t              nonce, oldest, next;
    ngx_pool_t            *pool;
    ngx_uint_t             i, good;
    acme_ca_nonces_t      *nonces;
    acme_ca_nonce_zone_t  *zone;

    pool = ngx_create_pool(1024, &shim_log);
    zone = test_zone(1024, 60);
    nonces = acme_ca_nonces_open(pool, zone);

    oldest = test_issue(nonces, NOW, first);
    next = test_issue(nonces, NOW, second);

    for (i = 0; i < 1023; i++) {
        nonce = test_issue(nonces, NOW, buf);
    }

    is_int(acme_ca_nonce_use(nonces, NOW, &oldest), ACME_CA_NONCE_OLD,
           "1024 later it is out of the ring");
    is_int(acme_ca_nonce_use(nonces, NOW, &next), ACME_CA_NONCE_GOOD,
           "the next one is not yet");
    is_int(acme_ca_nonce_use(nonces, NOW, &nonce), ACME_CA_NONCE_GOOD,
           "nor the youngest");

    /* many rounds: each word changes its generation again and again */

    good = 0;

    for (i = 0; i < 200000; i++) {
        nonce = test_issue(nonces, NOW, buf);
        good += acme_ca_nonce_use(nonces, NOW, &nonce) == ACME_CA_NONCE_GOOD
                && acme_ca_nonce_use(nonces, NOW, &nonce)
                   == ACME_CA_NONCE_USED;
    }

    is_int(good, 200000, "good once and used then, round and round");

    ngx_destroy_pool(pool);
    free(zone);
}


/*
 * The generation has 32 bits and wraps: the counter of a zone is set to where
 * that is near.  Its place in the zone is what this test knows of it.
 */

static void
test_generations(void)
{
    u_char                 buf[ACME_CA_NONCE_LEN], first[ACME_CA_NONCE_LEN];
    uint64_t               start;
    ngx_str_t              nonce, oldest;
    ngx_pool_t            *pool;
    ngx_uint_t             i, good;
    acme_ca_nonces_t      *nonces;
    acme_ca_nonce_zone_t  *zone;

    pool = ngx_create_pool(1024, &shim_log);
    zone = test_zone(1024, 60);
    nonces = acme_ca_nonces_open(pool, zone);

    /* 2^30, 2^31 and 2^32 generations of 2^10 nonces */

    start = (uint64_t) 1 << 40;
    ngx_memcpy((u_char *) zone + 96, &start, sizeof(start));

    good = 0;

    for (i = 0; i < 2048; i++) {
        nonce = test_issue(nonces, NOW, buf);
        good += acme_ca_nonce_use(nonces, NOW, &nonce) == ACME_CA_NONCE_GOOD;
    }

    start = ((uint64_t) 1 << 41) - 3000;
    ngx_memcpy((u_char *) zone + 96, &start, sizeof(start));

    for (i = 0; i < 3000; i++) {
        nonce = test_issue(nonces, NOW, buf);
        good += acme_ca_nonce_use(nonces, NOW, &nonce) == ACME_CA_NONCE_GOOD;
    }

    start = ((uint64_t) 1 << 42) - 3000;
    ngx_memcpy((u_char *) zone + 96, &start, sizeof(start));

    for (i = 0; i < 6000; i++) {
        nonce = test_issue(nonces, NOW, i == 0 ? first : buf);
        oldest = i == 0 ? nonce : oldest;
        good += acme_ca_nonce_use(nonces, NOW, &nonce) == ACME_CA_NONCE_GOOD
                && acme_ca_nonce_use(nonces, NOW, &nonce)
                   == ACME_CA_NONCE_USED;
    }

    is_int(good, 2048 + 3000 + 6000, "each good once while generations wrap");
    is_int(acme_ca_nonce_use(nonces, NOW, &oldest), ACME_CA_NONCE_OLD,
           "and an old one stays old");

    ngx_destroy_pool(pool);
    free(zone);
}


static void
test_contention(void)
{
    u_char            *memory;
    size_t             size, zone_size;
    pid_t              pids[PROCESSES];
    int                i, j, status, died;
    pthread_t          threads[THREADS];
    ngx_uint_t         n, never, twice;
    ngx_pool_t        *pool;
    test_shared_t     *shared;
    acme_ca_nonces_t  *nonces;

    /* small, so that the ring turns while all contend */

    zone_size = ngx_align(acme_ca_nonce_zone_size(65536), 64);
    size = zone_size + ROUNDS * (ACME_CA_NONCE_LEN + sizeof(uint32_t))
           + sizeof(test_shared_t) + 1024;

    memory = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);

    shared = (test_shared_t *) (void *) memory;
    memory += ngx_align(sizeof(test_shared_t), 64);
    shared->zone = (acme_ca_nonce_zone_t *) (void *) memory;
    memory += zone_size;
    shared->accepted = (uint32_t *) (void *) memory;
    shared->nonces = memory + ROUNDS * sizeof(uint32_t);

    (void) acme_ca_nonce_zone_init(shared->zone, 65536, 60);

    pool = ngx_create_pool(1024, &shim_log);
    nonces = acme_ca_nonces_open(pool, shared->zone);

    for (n = 0; n < ROUNDS; n++) {
        (void) test_issue(nonces, NOW,
                          shared->nonces + n * ACME_CA_NONCE_LEN);
    }

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            for (j = 0; j < THREADS; j++) {
                (void) pthread_create(&threads[j], NULL, test_thread, shared);
            }

            for (j = 0; j < THREADS; j++) {
                (void) pthread_join(threads[j], NULL);
            }

            _exit(0);
        }
    }

    died = 0;

    for (i = 0; i < PROCESSES; i++) {
        (void) waitpid(pids[i], &status, 0);
        died += status != 0;
    }

    is_int(died, 0, "%d processes of %d threads contended", PROCESSES,
           THREADS);

    never = 0;
    twice = 0;

    for (n = 0; n < ROUNDS; n++) {
        never += shared->accepted[n] == 0;
        twice += shared->accepted[n] > 1;
    }

    is_int(never, 0, "each of %d nonces was accepted", ROUNDS);
    is_int(twice, 0, "by one of them only");
    is_int(shared->wrong, 0, "and told used to the others");
    is_int(shared->own, (uint64_t) PROCESSES * THREADS * ROUNDS,
           "their own as well");
    is_int(shared->own_bad, 0, "all good once");

    ngx_destroy_pool(pool);
    (void) munmap(shared, size);
}


static void *
test_thread(void *data)
{
    test_shared_t  *shared = data;

    u_char                    buf[ACME_CA_NONCE_LEN];
    ngx_str_t                 nonce;
    ngx_uint_t                n;
    ngx_pool_t               *pool;
    acme_ca_nonces_t         *nonces;
    acme_ca_nonce_verdict_e   verdict;

    pool = ngx_create_pool(1024, &shim_log);
    nonces = acme_ca_nonces_open(pool, shared->zone);

    /* all begin together, all want the same ones */

    test_meet(shared, PROCESSES * THREADS);

    for (n = 0; n < ROUNDS; n++) {
        nonce.data = shared->nonces + n * ACME_CA_NONCE_LEN;
        nonce.len = ACME_CA_NONCE_LEN;

        verdict = acme_ca_nonce_use(nonces, NOW, &nonce);

        if (verdict == ACME_CA_NONCE_GOOD) {
            (void) __atomic_fetch_add(&shared->accepted[n], 1,
                                      __ATOMIC_SEQ_CST);

        } else if (verdict != ACME_CA_NONCE_USED) {
            (void) __atomic_fetch_add(&shared->wrong, 1, __ATOMIC_SEQ_CST);
        }
    }

    /* and their own, among those of the others, until the ring turned */

    test_meet(shared, 2 * PROCESSES * THREADS);

    for (n = 0; n < ROUNDS; n++) {
        nonce = test_issue(nonces, NOW, buf);

        if (acme_ca_nonce_use(nonces, NOW, &nonce) != ACME_CA_NONCE_GOOD
            || acme_ca_nonce_use(nonces, NOW, &nonce) != ACME_CA_NONCE_USED)
        {
            (void) __atomic_fetch_add(&shared->own_bad, 1, __ATOMIC_SEQ_CST);
        }

        (void) __atomic_fetch_add(&shared->own, 1, __ATOMIC_SEQ_CST);
    }

    ngx_destroy_pool(pool);

    return NULL;
}


static void
test_meet(test_shared_t *shared, uint32_t n)
{
    (void) __atomic_fetch_add(&shared->start, 1, __ATOMIC_SEQ_CST);

    while (__atomic_load_n(&shared->start, __ATOMIC_SEQ_CST) < n) {
        ngx_sched_yield();
    }
}


static void
test_memory(void)
{
    ngx_int_t              n;
    ngx_pool_t            *pool;
    acme_ca_nonces_t      *nonces;
    acme_ca_nonce_zone_t  *zone;

    zone = test_zone(1024, 60);
    nonces = NULL;

    for (n = 0; nonces == NULL && n < 500; n++) {
        pool = ngx_create_pool(1024, &shim_log);
        shim_fail_at(n);
        nonces = acme_ca_nonces_open(pool, zone);

        if (shim_failed()) {
            nonces = NULL;
        }

        shim_fail_at(SHIM_NEVER);
        ngx_destroy_pool(pool);
    }

    ok(n < 500, "every allocation failed once, %d of them", (int) n);

    free(zone);
}
