
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * zone/acme_ca_metrics.c, protocol/acme_ca_metrics_*.c and the census of the
 * store: what is counted where, by many at once, and what becomes of it as
 * text, also when memory is short.
 */


#include "store_fixture.h"

#include "acme_ca_metrics_text.h"
#include "acme_ca_store_census.h"

#include <pthread.h>
#include <sys/mman.h>


#define THREADS    2
#define PROCESSES  2
#define ROUNDS     20000


static acme_ca_metrics_t      *metrics;
static acme_ca_authority_t     authority;
static acme_ca_metrics_view_t  view;


static void test_none(void);
static void test_requests(void);
static void test_histograms(void);
static void test_contention(void);
static void *test_thread(void *data);
static void test_claim(void);
static void test_stock(void);
static void test_stock_contention(void);
static void *test_stock_thread(void *data);
static void test_text(void);
static void test_escape(void);
static void test_memory(void);
static void test_census(void);
static ngx_uint_t has(ngx_str_t *text, const char *line);
static void write_text(ngx_str_t *text);


int
main(void)
{
    shim_openssl();
    fixture_begin();

    metrics = mmap(NULL, sizeof(acme_ca_metrics_t), PROT_READ|PROT_WRITE,
                   MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    fixture_str(&authority.name, "corp");
    authority.metrics = metrics;
    authority.challenges = 1 << ACME_CA_HTTP_01;

    view.authority = &authority;
    view.now = NOW;

    test_none();
    test_requests();
    test_histograms();
    test_contention();
    test_claim();
    test_stock();
    test_stock_contention();
    test_text();
    test_escape();
    test_memory();
    test_census();

    fixture_end();

    return done_testing();
}


static void
test_none(void)
{
    acme_ca_metrics_request(NULL, 0, 200, NULL);
    acme_ca_metrics_nonce_issued(NULL);
    acme_ca_metrics_nonce_used(NULL, 0);
    acme_ca_metrics_limit(NULL, 0);
    acme_ca_metrics_validation(NULL, 0, 0, 1);
    acme_ca_metrics_batch(NULL, 1, 1, 0);

    ok(!acme_ca_metrics_census_claim(NULL, NOW, 60), "nobody counts");
}


static void
test_requests(void)
{
    acme_ca_problem_t  problem = { .type = ACME_CA_BAD_CSR };

    acme_ca_metrics_request(metrics, 3, 201, NULL);
    acme_ca_metrics_request(metrics, 3, 204, NULL);
    acme_ca_metrics_request(metrics, 3, 302, NULL);
    acme_ca_metrics_request(metrics, 3, 400, &problem);
    acme_ca_metrics_request(metrics, 3, 500, NULL);
    acme_ca_metrics_request(metrics, 1000, 200, &problem);
    acme_ca_metrics_nonce_used(metrics, 1000);

    is_int(metrics->requests[3][1], 1, "201");
    is_int(metrics->requests[3][2], 1, "204");
    is_int(metrics->requests[3][3], 1, "another");
    is_int(metrics->requests[3][ACME_CA_METRICS_STATUSES + ACME_CA_BAD_CSR], 1,
           "a problem");
    is_int(metrics->requests[3][ACME_CA_METRICS_STATUSES
                                + ACME_CA_SERVER_INTERNAL], 1,
           "a problem that nobody could describe");
    is_int(metrics->requests[ACME_CA_METRICS_RESOURCES - 1][0], 1,
           "a resource that is none");
}


static void
test_histograms(void)
{
    acme_ca_histogram_t  *h;

    acme_ca_metrics_batch(metrics, 1, 999, 0);
    acme_ca_metrics_batch(metrics, 3, 1000, 0);
    acme_ca_metrics_batch(metrics, 128, 1001, 0);
    acme_ca_metrics_batch(metrics, 129, 30000001, 1);

    h = &metrics->batches;
    is_int(h->buckets[0], 1, "one");
    is_int(h->buckets[2], 1, "three are at most four");
    is_int(h->buckets[7], 1, "the last bound");
    is_int(h->buckets[8], 1, "and above");
    is_int(h->sum, 261, "sum");

    h = &metrics->commits;
    is_int(h->buckets[0], 2, "a bound belongs to its bucket");
    is_int(h->buckets[1], 1, "what is above to the next one");
    is_int(h->buckets[ACME_CA_METRICS_BOUNDS], 1, "longest");
    is_int(metrics->batches_failed, 1, "failed");

    acme_ca_metrics_validation(metrics, ACME_CA_HTTP_01,
                               ACME_CA_METRICS_FAILED, 40000);

    h = &metrics->validations[ACME_CA_HTTP_01][ACME_CA_METRICS_FAILED];
    is_int(h->buckets[5], 1, "a validation");
}


static void
test_contention(void)
{
    int         status;
    pid_t       pid;
    ngx_uint_t  i;
    pthread_t   thread[THREADS];

    for (i = 0; i < PROCESSES; i++) {

        pid = fork();

        if (pid == 0) {
            ngx_uint_t  n;

            for (n = 0; n < THREADS; n++) {
                (void) pthread_create(&thread[n], NULL, test_thread, NULL);
            }

            for (n = 0; n < THREADS; n++) {
                (void) pthread_join(thread[n], NULL);
            }

            _exit(0);
        }
    }

    while (wait(&status) > 0) { /* void */ }

    is_int(metrics->nonces_issued, PROCESSES * THREADS * ROUNDS,
           "none is lost between threads and processes");
    is_int(metrics->limits[ACME_CA_LIMIT_CERTIFICATES],
           PROCESSES * THREADS * ROUNDS, "nor of another");
}


static void *
test_thread(void *data)
{
    ngx_uint_t  i;

    for (i = 0; i < ROUNDS; i++) {
        acme_ca_metrics_nonce_issued(metrics);
        acme_ca_metrics_limit(metrics, ACME_CA_LIMIT_CERTIFICATES);
    }

    return NULL;
}


static void
test_claim(void)
{
    acme_ca_census_t  census;

    ngx_memzero(&census, sizeof(acme_ca_census_t));
    census.orders[ACME_CA_READY] = 7;

    ok(acme_ca_metrics_census_claim(metrics, NOW, 60), "due");
    ok(!acme_ca_metrics_census_claim(metrics, NOW, 60), "one takes it");
    ok(!acme_ca_metrics_census_claim(metrics, NOW + 59, 60), "for a while");
    ok(acme_ca_metrics_census_claim(metrics, NOW + 60, 60), "should it die");

    acme_ca_metrics_census_set(metrics, &census, NOW, NOW + 10);

    ok(!acme_ca_metrics_census_claim(metrics, NOW + 9, 60), "not yet");
    ok(acme_ca_metrics_census_claim(metrics, NOW - 400 * 86400, 60),
       "a clock that was set back");

    is_int(metrics->census.orders[ACME_CA_READY], 7, "published");
}


static void
test_stock(void)
{
    ngx_uint_t        i;
    acme_ca_share_t   share, sum;
    acme_ca_stock_t  *stock;

    stock = metrics->ocsp_stock;

    is_int(acme_ca_stock_period(2999), 1, "the first period");
    is_int(acme_ca_stock_period(3000), 2, "the second");

    is_int(acme_ca_stock_find(stock, 7, 1, &sum), NGX_DECLINED, "nobody yet");

    share.issuer_id = 1;
    share.n = 0;
    share.oldest = 0;
    share.newest = 0;
    is_int(acme_ca_stock_add(stock, 7, &share), NGX_OK, "one without any");

    share.n = 2;
    share.oldest = NOW - 20;
    share.newest = NOW - 10;
    is_int(acme_ca_stock_add(stock, 7, &share), NGX_OK, "one with two");

    share.n = 3;
    share.oldest = NOW - 30;
    share.newest = NOW - 15;
    is_int(acme_ca_stock_add(stock, 7, &share), NGX_OK, "one with three");

    is_int(acme_ca_stock_find(stock, 7, 1, &sum), NGX_OK, "all of them");
    is_int(sum.n, 5, "together");
    is_int(sum.oldest, NOW - 30, "the oldest");
    is_int(sum.newest, NOW - 10, "the newest");
    is_int(acme_ca_stock_find(stock, 7, 2, &sum), NGX_DECLINED,
           "of another issuer");
    is_int(acme_ca_stock_find(stock, 8, 1, &sum), NGX_DECLINED,
           "in another period");

    is_int(acme_ca_stock_add(stock, 7 + ACME_CA_STOCK_PERIODS, &share), NGX_OK,
           "a later one");
    is_int(acme_ca_stock_find(stock, 7, 1, &sum), NGX_DECLINED,
           "has the place of the first");
    (void) acme_ca_stock_find(stock, 7 + ACME_CA_STOCK_PERIODS, 1, &sum);
    is_int(sum.n, 3, "and nothing of it");

    /* who began a period died of it */

    stock[1].period = -9;
    is_int(acme_ca_stock_add(stock, 9, &share), NGX_AGAIN, "not before");
    is_int(acme_ca_stock_add(stock, 9 + ACME_CA_STOCK_PERIODS, &share), NGX_OK,
           "but later");

    for (i = 2; i <= ACME_CA_STOCK_ISSUERS; i++) {
        share.issuer_id = i;
        (void) acme_ca_stock_add(stock, 13, &share);
    }

    share.issuer_id = i;
    is_int(acme_ca_stock_add(stock, 13, &share), NGX_DECLINED,
           "no room for one more");
}


static void
test_stock_contention(void)
{
    int              status;
    pid_t            pid;
    ngx_uint_t       i, n;
    pthread_t        thread[THREADS];
    acme_ca_share_t  sum;

    for (i = 0; i < PROCESSES; i++) {

        pid = fork();

        if (pid == 0) {
            for (n = 0; n < THREADS; n++) {
                (void) pthread_create(&thread[n], NULL, test_stock_thread,
                                      NULL);
            }

            for (n = 0; n < THREADS; n++) {
                (void) pthread_join(thread[n], NULL);
            }

            _exit(0);
        }
    }

    while (wait(&status) > 0) { /* void */ }

    for (i = 0; i < 2; i++) {
        (void) acme_ca_stock_find(metrics->ocsp_stock, 100, 5 + i, &sum);
        is_int(sum.n, THREADS * PROCESSES * ROUNDS / 2, "none is lost");
        is_int(sum.oldest, 1, "the oldest");
        is_int(sum.newest, ROUNDS, "the newest");
    }
}


static void *
test_stock_thread(void *data)
{
    ngx_uint_t       i;
    acme_ca_share_t  share;

    for (i = 0; i < ROUNDS; i++) {
        share.issuer_id = 5 + i % 2;
        share.n = 1;
        share.oldest = (i < 2) ? 1 : 2 + i % (ROUNDS - 2);
        share.newest = (i >= ROUNDS - 2) ? ROUNDS : i + 1;

        while (acme_ca_stock_add(metrics->ocsp_stock, 100, &share)
               == NGX_AGAIN)
        {
            /* void */
        }
    }

    return NULL;
}


static void
test_text(void)
{
    ngx_str_t              text;
    acme_ca_issuer_end_t  *issuer;

    pool = ngx_create_pool(1024, &shim_log);

    view.issuers = ngx_array_create(pool, 1, sizeof(acme_ca_issuer_end_t));
    issuer = ngx_array_push(view.issuers);
    fixture_str(&issuer->name, "Corp \"A\"\\ B");
    fixture_str(&issuer->state, "active");
    issuer->id = 1;
    issuer->not_after = NOW + 100;

    view.server_not_after = NOW - 5;
    view.ocsp_not_after = NOW + 5;
    view.stock_period = 13;
    metrics->census.job_oldest = NOW - 30;

    write_text(&text);

    ok(has(&text, "# TYPE acme_ca_requests_total counter\n"), "a counter");
    ok(has(&text, "acme_ca_requests_total{authority=\"corp\","
                  "resource=\"new-account\",status=\"400\","
                  "problem=\"badCSR\"} 1\n"), "a problem");
    ok(has(&text, "_bucket{authority=\"corp\",type=\"http-01\","
                  "outcome=\"failed\",le=\"0.025\"} 0\n"), "below");
    ok(has(&text, "outcome=\"failed\",le=\"0.05\"} 1\n"), "its bucket");
    ok(has(&text, "outcome=\"failed\",le=\"+Inf\"} 1\n"), "and all above");
    ok(has(&text, "_sum{authority=\"corp\",type=\"http-01\","
                  "outcome=\"failed\"} 0.040000\n"), "seconds");
    ok(!has(&text, "outcome=\"failed\",type=\"dns-01\""), "not offered");
    ok(has(&text, "acme_ca_orders{authority=\"corp\",status=\"ready\"} 7\n"),
       "an object");
    ok(has(&text, "acme_ca_job_overdue_seconds{authority=\"corp\"} 30\n"),
       "late");
    ok(has(&text, "issuer=\"Corp \\\"A\\\"\\\\ B\",id=\"1\",state=\"active\"} "
           "100\n"),
       "an issuer");
    ok(has(&text, "remaining_seconds{authority=\"corp\"} -5\n"), "too late");
    ok(has(&text, "acme_ca_ocsp_kept_responses{authority=\"corp\","
                  "issuer=\"Corp \\\"A\\\"\\\\ B\",id=\"1\"} 3\n"),
       "OCSP responses");
    ok(has(&text, "acme_ca_ocsp_oldest_age_seconds{authority=\"corp\","
                  "issuer=\"Corp \\\"A\\\"\\\\ B\",id=\"1\"} 30\n"),
       "their oldest");
    ok(has(&text, "id=\"1\"} 15\n"), "their newest");
    ok(!has(&text, "# EOF"), "no end");

    view.openmetrics = 1;
    write_text(&text);
    ok(has(&text, "# TYPE acme_ca_requests counter\n"), "OpenMetrics");
    ok(text.len > 6 && ngx_memcmp(text.data + text.len - 6, "# EOF\n", 6) == 0,
       "has an end");

    view.openmetrics = 0;
    metrics->census_at = 0;
    write_text(&text);
    ok(!has(&text, "acme_ca_orders"), "what was not counted is not told");

    ngx_destroy_pool(pool);
}


static void
write_text(ngx_str_t *text)
{
    if (acme_ca_metrics_write(pool, &view, text) != NGX_OK) {
        abort();
    }
}


/* names as long as can be: nothing is written outside */

static void
test_escape(void)
{
    u_char                 name[1000];
    ngx_str_t              text;
    ngx_uint_t             i;
    acme_ca_issuer_end_t  *issuer;

    pool = ngx_create_pool(1024, &shim_log);

    ngx_memset(name, '"', sizeof(name));
    name[1] = '\n';

    view.issuers = ngx_array_create(pool, 1, sizeof(acme_ca_issuer_end_t));

    for (i = 0; i < 300; i++) {
        issuer = ngx_array_push(view.issuers);
        issuer->name.data = name;
        issuer->name.len = i * 3;
        issuer->id = i;
        issuer->not_after = NOW;
        ngx_str_null(&issuer->state);
    }

    write_text(&text);

    ok(has(&text, "issuer=\"\\\" \\\"\",id=\"1\",state=\"\"} 0\n"), "escaped");
    ok(has(&text, "\\\"\",id=\"299\",state=\"\"} 0\n"), "cut at a character");

    ngx_destroy_pool(pool);
}


static void
test_memory(void)
{
    ngx_int_t   n, rc;
    ngx_str_t   text;
    ngx_uint_t  i;

    metrics->census_at = NOW;

    for (i = 0; i < ACME_CA_METRICS_RESOURCES * ACME_CA_METRICS_OUTCOMES; i++) {
        ((uint64_t *) metrics->requests)[i] = UINT64_MAX / 4;
    }

    rc = NGX_ERROR;

    for (n = 0; n < 100; n++) {
        pool = ngx_create_pool(1024, &shim_log);

        view.issuers = ngx_array_create(pool, 1, sizeof(acme_ca_issuer_end_t));

        shim_fail_at(n);
        rc = acme_ca_metrics_write(pool, &view, &text);
        shim_fail_at(SHIM_NEVER);

        if (rc == NGX_OK) {
            break;
        }

        ngx_destroy_pool(pool);
    }

    ok(rc == NGX_OK && n > 1, "written after %d allocations", (int) n);
    ok(text.len > 50000, "all of a busy server");

    ngx_destroy_pool(pool);
}


static void
test_census(void)
{
    int64_t            numbers[ACME_CA_STATUS_N], jobs[8], oldest, size, spare;
    ngx_int_t          n, rc;
    int64_t            late, unfetched, rows[ACME_CA_METRICS_TABLES];
    ngx_array_t       *issuers;
    acme_ca_order_t    order;
    acme_ca_account_t  account;

    store = fixture_new();
    pool = ngx_create_pool(1024, &shim_log);

    fixture_account(&account, 1);
    (void) acme_ca_store_begin(store);
    (void) acme_ca_store_account_add(store, &account);

    fixture_order(&order, account.id);
    (void) acme_ca_store_order_add(store, &order);
    order.expires_at = NOW - 1;
    order.created_at = NOW - 2;
    (void) acme_ca_store_order_add(store, &order);
    (void) acme_ca_store_commit(store);

    is_int(acme_ca_store_census_accounts(store, NOW, numbers), NGX_OK,
           "accounts");
    is_int(numbers[ACME_CA_VALID], 1, "one");
    is_int(acme_ca_store_census_orders(store, NOW, numbers), NGX_OK, "orders");
    is_int(numbers[ACME_CA_PENDING], 1, "one");
    is_int(numbers[ACME_CA_INVALID], 1, "and one that expired");
    is_int(acme_ca_store_census_authz(store, NOW, numbers), NGX_OK, "authz");
    is_int(acme_ca_store_census_challenges(store, NOW, numbers), NGX_OK,
           "challenges");
    is_int(acme_ca_store_census_certificates(store, NOW, numbers), NGX_OK,
           "certificates");
    is_int(numbers[ACME_CA_VALID] + numbers[ACME_CA_REVOKED], 0, "none");
    is_int(acme_ca_store_census_eab(store, NOW, numbers), NGX_OK,
           "external accounts");
    is_int(numbers[ACME_CA_VALID] + numbers[ACME_CA_EXPIRED], 0, "none");
    is_int(acme_ca_store_census_radar(store, NOW, &late, &unfetched), NGX_OK,
           "radar");
    is_int(late + unfetched, 0, "none");

    ngx_memzero(rows, sizeof(rows));
    is_int(acme_ca_store_census_rows(store, rows, ACME_CA_METRICS_TABLES),
           NGX_OK, "rows");
    is_int(rows[0], 1, "one account");
    is_int(rows[2], 2, "two orders");

    for (n = 0; acme_ca_store_tables[n] != NULL; n++) { /* void */ }
    ok(n <= ACME_CA_METRICS_TABLES, "room for all");

    is_int(acme_ca_store_census_jobs(store, jobs, &oldest), NGX_OK, "jobs");
    is_int(oldest, 0, "none is late");
    is_int(acme_ca_store_census_size(store, &size, &spare), NGX_OK, "size");
    ok(size >= 4096 && spare < size, "of some pages");

    (void) fixture_sql("INSERT INTO issuers (name, der, chain_pem, not_before,"
                       " not_after, created_at) VALUES"
                       " ('CA', x'00', 'x', 1, 2, 1),"
                       " ('of an import', x'01', '', 1, 2, 1)");

    rc = NGX_ERROR;

    for (n = 0; n < 50; n++) {
        shim_fail_at(n);
        rc = acme_ca_store_census_issuers(store, pool, NOW, &issuers);
        shim_fail_at(SHIM_NEVER);

        if (rc == NGX_OK) {
            break;
        }
    }

    ok(rc == NGX_OK && n > 1, "issuers after %d allocations", (int) n);
    is_int(issuers->nelts, 1, "one that has a certificate");

    (void) fixture_sql("ALTER TABLE jobs RENAME TO gone");
    ok(acme_ca_store_census_jobs(store, jobs, &oldest) != NGX_OK,
       "a table that is not there");

    ngx_destroy_pool(pool);
    acme_ca_store_close(store);
}


static ngx_uint_t
has(ngx_str_t *text, const char *line)
{
    return memmem(text->data, text->len, line, strlen(line)) != NULL;
}
