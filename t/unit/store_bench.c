
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the store costs per issuance: a new order with one name and one
 * challenge, the client's answer, the verdict, finalize with a DER of 600
 * bytes, the note of the download, and an audit row with each.  A step of a
 * batch of flows is one transaction, each flow in a savepoint of its own.
 *
 *     store_bench DIRECTORY [FLOWS [ACCOUNTS]]
 */


#include "shim.h"

#include "acme_ca_store.h"
#include "acme_ca_text.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>


#define NOW  1800000000


typedef struct {
    acme_ca_account_t      account;
    acme_ca_order_t        order;
    acme_ca_authz_t        authz;
    acme_ca_certificate_t  certificate;
    acme_ca_job_t          job;
    ngx_uint_t             n;
    u_char                 name[64];
    u_char                 serial[16];
    u_char                 der[600];
} flow_t;


typedef void (*step_pt)(acme_ca_store_t *store, flow_t *flow);


static void step_order(acme_ca_store_t *store, flow_t *flow);
static void step_answer(acme_ca_store_t *store, flow_t *flow);
static void step_verdict(acme_ca_store_t *store, flow_t *flow);
static void step_finalize(acme_ca_store_t *store, flow_t *flow);
static void step_download(acme_ca_store_t *store, flow_t *flow);
static void audit(acme_ca_store_t *store, flow_t *flow, const char *action,
    const char *details);
static void run(const char *directory, ngx_uint_t flows, ngx_uint_t accounts,
    ngx_uint_t batch);
static void add_accounts(acme_ca_store_t *store, int64_t *ids, ngx_uint_t n);
static double seconds(clockid_t clock);
static void must(ngx_int_t rc, const char *what);


static const step_pt  steps[] = {
    step_order, step_answer, step_verdict, step_finalize, step_download
};

static int64_t      issuer_id;
static ngx_pool_t  *pool;


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
    size_t            i;
    flow_t           *flow, *f;
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
    add_accounts(store, ids, accounts);
    acme_ca_store_close(store);
    must(stat(path, &before), "stat");

    store = acme_ca_store_open(&s, ACME_CA_STORE_WRITE, &shim_log);
    must(store ? NGX_OK : NGX_ERROR, "open");

    flow = calloc(batch, sizeof(flow_t));
    wall = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

    for (n = 0; n < flows; n += batch) {
        for (k = 0; k < batch; k++) {
            flow[k].n = n + k;
            flow[k].account.id = ids[(n + k) % accounts];
        }

        pool = ngx_create_pool(4096, &shim_log);

        for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            must(acme_ca_store_begin(store), "begin");

            for (f = flow; f < flow + batch; f++) {
                must(acme_ca_store_savepoint(store), "savepoint");
                steps[i](store, f);
                must(acme_ca_store_release(store), "release");
            }

            must(acme_ca_store_commit(store), "commit");
            acme_ca_store_checkpoint(store);
        }

        ngx_destroy_pool(pool);
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


static void
add_accounts(acme_ca_store_t *store, int64_t *ids, ngx_uint_t n)
{
    ngx_uint_t         i;
    acme_ca_account_t  account;

    static ngx_str_t  jwk = ngx_string(
        "{\"crv\":\"P-256\",\"kty\":\"EC\","
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
    static ngx_str_t  contact = ngx_string("[\"mailto:a@example.com\"]");
    static ngx_str_t  name = ngx_string("issuer");

    ngx_memzero(&account, sizeof(acme_ca_account_t));

    account.status = ACME_CA_VALID;
    account.jwk = jwk;
    account.contact = contact;
    account.created_at = NOW;

    must(acme_ca_store_begin(store), "begin");

    for (i = 0; i < n; i++) {
        must(acme_ca_random(account.thumbprint, ACME_CA_SHA256_LEN), "random");
        must(acme_ca_store_account_add(store, &account), "account");
        ids[i] = account.id;
    }

    must(acme_ca_store_issuer_add(store, &name, &jwk, &jwk, NOW, NOW, NOW,
                                  &issuer_id), "issuer");
    must(acme_ca_store_commit(store), "commit");
}


static void
step_order(acme_ca_store_t *store, flow_t *flow)
{
    int64_t               id;
    acme_ca_challenge_t   challenge;

    static ngx_str_t  token = ngx_string("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-"
                                         "PCt92wr-oA");

    flow->authz.account_id = flow->account.id;
    flow->authz.status = ACME_CA_PENDING;
    flow->authz.created_at = NOW;
    flow->authz.expires_at = NOW + 86400;
    flow->authz.identifier.value.data = flow->name;
    flow->authz.identifier.value.len = ngx_sprintf(flow->name,
                                           "host-%ui.corp.example.com", flow->n)
                                       - flow->name;

    flow->order.account_id = flow->account.id;
    flow->order.status = ACME_CA_PENDING;
    flow->order.created_at = NOW;
    flow->order.expires_at = NOW + 86400;

    (void) acme_ca_store_authz_find_valid(store, flow->account.id,
                                          &flow->authz.identifier, 0, NOW,
                                          &id);

    must(acme_ca_store_order_add(store, &flow->order), "order");
    must(acme_ca_store_authz_add(store, &flow->authz), "authz");
    must(acme_ca_store_order_add_identifier(store, flow->order.id, 0,
                                            &flow->authz.identifier,
                                            flow->authz.id), "identifier");

    ngx_memzero(&challenge, sizeof(acme_ca_challenge_t));

    challenge.id = flow->authz.id * ACME_CA_CHALLENGE_SLOTS;
    challenge.status = ACME_CA_PENDING;
    challenge.token = token;

    must(acme_ca_store_challenge_add(store, &challenge), "challenge");

    audit(store, flow, "new-order", NULL);
}


static void
step_answer(acme_ca_store_t *store, flow_t *flow)
{
    acme_ca_job_t        *job;
    acme_ca_authz_t       authz;
    acme_ca_challenge_t   challenge;

    static ngx_str_t  address = ngx_string("10.11.12.13");
    static ngx_str_t  request = ngx_string("0123456789abcdef0123456789abcdef");

    job = &flow->job;

    ngx_memzero(job, sizeof(acme_ca_job_t));

    job->challenge_id = flow->authz.id * ACME_CA_CHALLENGE_SLOTS;
    job->deadline_at = NOW + 60;
    job->client_address = address;
    job->request_id = request;

    must(acme_ca_store_challenge_find(store, pool, job->challenge_id,
                                      &challenge), "challenge");
    must(acme_ca_store_authz_find(store, pool, flow->authz.id, &authz),
         "authz");
    must(acme_ca_store_challenge_set_status(store, job->challenge_id,
                                            ACME_CA_PENDING, ACME_CA_PROCESSING,
                                            NULL, NOW), "processing");
    must(acme_ca_store_job_add(store, job, NOW + 30), "job");

    audit(store, flow, "answer", NULL);
}


static void
step_verdict(acme_ca_store_t *store, flow_t *flow)
{
    int64_t      *id;
    ngx_uint_t    n;
    ngx_array_t  *orders;

    must(acme_ca_store_job_remove(store, flow->job.id), "job");
    must(acme_ca_store_challenge_set_status(store, flow->job.id,
                                            ACME_CA_PROCESSING, ACME_CA_VALID,
                                            NULL, NOW), "valid");
    must(acme_ca_store_authz_set_status(store, flow->authz.id, ACME_CA_PENDING,
                                        ACME_CA_VALID, NOW + 2592000, NOW),
         "authz");
    must(acme_ca_store_order_list_by_authz(store, pool, flow->authz.id,
                                           ACME_CA_PENDING, &orders),
         "orders");

    id = orders->elts;

    must(acme_ca_store_order_get_open(store, id[0], &n), "open");
    must(acme_ca_store_order_set_status(store, id[0], ACME_CA_PENDING,
                                        ACME_CA_READY, NULL, 0, NOW), "ready");

    audit(store, flow, "validate", "{\"tried\":[{\"address\":\"10.11.12.13\","
                                   "\"port\":80,\"status\":200}]}");
}


static void
step_finalize(acme_ca_store_t *store, flow_t *flow)
{
    ngx_array_t            *identifiers;
    acme_ca_order_t         order;
    acme_ca_certificate_t  *certificate;

    static ngx_str_t  key = ngx_string("EC P-256");

    certificate = &flow->certificate;

    must(acme_ca_store_order_find(store, pool, flow->order.id, &order),
         "order");
    must(acme_ca_store_order_list_identifiers(store, pool, flow->order.id,
                                              &identifiers), "identifiers");

    must(acme_ca_random(flow->serial, sizeof(flow->serial)), "random");

    certificate->order_id = flow->order.id;
    certificate->account_id = flow->account.id;
    certificate->issuer_id = issuer_id;
    certificate->status = ACME_CA_VALID;
    certificate->serial.data = flow->serial;
    certificate->serial.len = sizeof(flow->serial);
    certificate->common_name = flow->authz.identifier.value;
    certificate->sans = flow->authz.identifier.value;
    certificate->key_type = key;
    certificate->not_before = NOW;
    certificate->not_after = NOW + 7776000;
    certificate->der.data = flow->der;
    certificate->der.len = sizeof(flow->der);
    certificate->created_at = NOW;

    must(acme_ca_store_certificate_add(store, certificate), "certificate");
    must(acme_ca_store_order_set_status(store, flow->order.id, ACME_CA_READY,
                                        ACME_CA_VALID, NULL, certificate->id,
                                        NOW), "valid");

    audit(store, flow, "issue", "{\"serial\":"
                                "\"0123456789abcdef0123456789abcdef\"}");
}


static void
step_download(acme_ca_store_t *store, flow_t *flow)
{
    must(acme_ca_store_certificate_set_download(store, flow->certificate.id,
                                                NOW), "download");
    audit(store, flow, "certificate", NULL);
}


static void
audit(acme_ca_store_t *store, flow_t *flow, const char *action,
    const char *details)
{
    acme_ca_audit_t  row;

    static ngx_str_t  address = ngx_string("10.11.12.13");
    static ngx_str_t  request = ngx_string("0123456789abcdef0123456789abcdef");
    static ngx_str_t  agent = ngx_string("lego-cli/4.9.1 xenolf-acme/4.9.1 "
                                         "(release; linux; amd64)");

    ngx_memzero(&row, sizeof(acme_ca_audit_t));

    row.action = action;
    row.actor = "account";
    row.account_id = flow->account.id;
    row.order_id = flow->order.id;
    row.authz_id = flow->authz.id;
    row.challenge_id = flow->authz.id * ACME_CA_CHALLENGE_SLOTS;
    row.certificate_id = flow->certificate.id;
    row.client_address = address;
    row.user_agent = agent;
    row.request_id = request;

    if (details) {
        row.details.data = (u_char *) details;
        row.details.len = strlen(details);
    }

    must(acme_ca_store_audit_add(store, &row, NOW), "audit");
}


static double
seconds(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


static void
must(ngx_int_t rc, const char *what)
{
    if (rc != NGX_OK) {
        fprintf(stderr, "%s: %d %s\n", what, (int) rc, shim_logged);
        exit(1);
    }
}
