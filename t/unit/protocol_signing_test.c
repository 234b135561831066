
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_signing*.c: what an external signer is asked, what its
 * answers come to, with every allocation failing once.
 */


#include "protocol_order.h"

#include "acme_ca_foreign.h"
#include "acme_ca_signing.h"


typedef struct {
    const char                 *what;
    ngx_uint_t                  status;
    time_t                      retry_after;
    ngx_uint_t                  attempts;
    const char                 *body;
    acme_ca_signing_outcome_e   outcome;
    time_t                      wait;          /* until it is asked again */
    int                         type;          /* of a refusal */
    const char                 *detail;        /* NULL: not looked at */
} answer_t;


static void test_process(void);
static void test_ask(void);
static void test_answers(void);
static void test_late(void);
static void test_issue(void);


static client_t             a;
static order_t              o;
static acme_ca_signer_t     signer;
static acme_ca_signing_t    job;
static ngx_pool_t          *kept;


static const answer_t  answers[] = {
    { "later", 202, 0, 3, "", ACME_CA_SIGNING_LATER, 5, 0,
      "it needs more time" },
    { "later, which it says", 202, 60, 0, "{}", ACME_CA_SIGNING_LATER, 60, 0,
      NULL },
    { "much later", 202, 86400, 0, "", ACME_CA_SIGNING_LATER, 3600, 0, NULL },

    { "nothing", 0, 0, 0, "", ACME_CA_SIGNING_FAILED, 1, 0, "timed out" },
    { "nothing again", 0, 0, 3, "", ACME_CA_SIGNING_FAILED, 8, 0, NULL },
    { "nothing for long", 0, 0, 30, "", ACME_CA_SIGNING_FAILED, 300, 0, NULL },
    { "busy", 503, 7, 0, "", ACME_CA_SIGNING_FAILED, 7, 0, "status 503" },
    { "busy, a page", 502, 0, 0, "<html>", ACME_CA_SIGNING_FAILED, 1, 0,
      "status 502" },
    { "busy, a text", 500, 0, 0, "no\r\ndisk\n", ACME_CA_SIGNING_FAILED, 1, 0,
      "no  disk" },
    { "too many", 429, 9, 0, "", ACME_CA_SIGNING_FAILED, 9, 0, NULL },
    { "too early", 425, 0, 0, "", ACME_CA_SIGNING_FAILED, 1, 0, NULL },
    { "a timeout", 408, 0, 0, "", ACME_CA_SIGNING_FAILED, 1, 0, NULL },
    { "elsewhere", 302, 0, 0, "", ACME_CA_SIGNING_FAILED, 1, 0, NULL },
    { "no content", 204, 0, 0, "", ACME_CA_SIGNING_FAILED, 1, 0, NULL },

    { "no", 403, 0, 0, "", ACME_CA_SIGNING_REFUSED, 0, ACME_CA_UNAUTHORIZED,
      "status 403" },
    { "no, a document", 400, 0, 0, " {\"detail\":\"not you\"}",
      ACME_CA_SIGNING_REFUSED, 0, ACME_CA_UNAUTHORIZED, "not you" },
    { "no, its error", 400, 0, 0, "{\"error\":\"e\"}",
      ACME_CA_SIGNING_REFUSED, 0, ACME_CA_UNAUTHORIZED, "e" },
    { "no, its message", 400, 0, 0, "{\"message\":\"m\"}",
      ACME_CA_SIGNING_REFUSED, 0, ACME_CA_UNAUTHORIZED, "m" },
    { "no, its type", 400, 0, 0,
      "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"d\"}",
      ACME_CA_SIGNING_REFUSED, 0, ACME_CA_BAD_CSR, "d" },
    { "no, a type that is not for it", 400, 0, 0,
      "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"d\"}",
      ACME_CA_SIGNING_REFUSED, 0, ACME_CA_UNAUTHORIZED, "d" },
    { "no, a document that is none", 400, 0, 0, "{\"detail\":",
      ACME_CA_SIGNING_REFUSED, 0, ACME_CA_UNAUTHORIZED, "{\"detail\":" },

    { "an empty certificate", 200, 0, 0, "", ACME_CA_SIGNING_WRONG, 0, 0,
      "there is no certificate in PEM form" },
    { "a document without one", 200, 0, 0, "{\"certificate\":7}",
      ACME_CA_SIGNING_WRONG, 0, 0, NULL },
    { "a chain that is none", 201, 0, 0,
      "{\"certificate\":\"x\",\"chain\":[1]}", ACME_CA_SIGNING_WRONG, 0, 0,
      NULL },
    { "texts", 201, 0, 0, "{\"certificate\":\"x\",\"chain\":[\"y\",\"z\"]}",
      ACME_CA_SIGNING_WRONG, 0, 0, "there is no certificate in PEM form" }
};


int
main(void)
{
    ngx_str_t  pem, error;

    env_open();

    kept = ngx_create_pool(4096, env.log);

    signer.uri.data = (u_char *) "/sign";
    signer.uri.len = 5;
    signer.timeout = 10000;
    signer.deadline = 7200;

    pem = env.authority.issuer->root;

    if (acme_ca_anchors_load(kept, &pem, &signer.anchors, &error) != NGX_OK) {
        abort();
    }

    env.authority.signer = &signer;

    join(&a, "P-256");

    test_process();
    test_ask();
    test_answers();
    test_late();
    test_issue();

    order_free(&o);
    client_free(&a);
    ngx_destroy_pool(kept);
    env_close();

    return done_testing();
}


static void
context(acme_ca_ctx_t *ctx)
{
    ngx_memzero(ctx, sizeof(acme_ca_ctx_t));

    ctx->pool = ngx_create_pool(4096, env.log);
    ctx->log = env.log;
    ctx->now = env.now;
}


static void
test_process(void)
{
    char      *csr, *payload;
    EVP_PKEY  *key;

    key = key_new("P-256");
    csr = csr_new(key, "DNS:a.example,DNS:b.example");
    payload = text_of("{\"csr\":\"%s\"}", csr);

    order_new(&a, ORDER(NAME_A "," NAME_B), &o);
    pass(&a, &o);

    is_int(POST(.by = &a, .path = o.finalize, .payload = payload), 200,
           "finalized");
    is_member("status", "processing", "processing");
    ok(env.x->reply.retry_after > 0, "Retry-After");

    if (ok(env.x->signing != NULL, "a job is left")) {
        job = *env.x->signing;
        acme_ca_copy(kept, &job.csr, job.csr.data, job.csr.len);
        ngx_str_set(&job.client_address, "192.0.2.1");
        ngx_str_set(&job.request_id, "r1");
    }

    is_int(job.deadline_at, env.now + 7200, "its deadline");
    is_int(sql("SELECT lease_until > created_at + 10 FROM acme_signer_jobs"),
           1, "and lease");

    is_int(POST(.by = &a, .path = o.finalize, .payload = payload), 200,
           "finalized again");
    ok(env.x->signing == NULL, "no other job");
    is_int(sql("SELECT count(*) FROM acme_signer_jobs"), 1, "one is there");

    free(payload);
    free(csr);
    EVP_PKEY_free(key);
}


static void
test_ask(void)
{
    ngx_int_t                   n, rc;
    acme_ca_ctx_t               ctx;
    acme_ca_json_t             *document;
    acme_ca_signing_request_t   request;

    for (n = 0; /* void */ ; n++) {
        context(&ctx);

        shim_fail_at(n);
        rc = acme_ca_signing_ask(&ctx, &env.authority, env.reader, &job,
                                 &request);

        if (!shim_failed()) {
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc != NGX_ERROR) {
            ok(0, "allocation %d: %d", (int) n, (int) rc);
        }

        ngx_destroy_pool(ctx.pool);
    }

    shim_fail_at(SHIM_NEVER);

    is_int(rc, NGX_OK, "asked: %d allocations", (int) n);
    is_str(&request.uri, "/sign", "where");
    is_str(&request.content_type, "application/json", "a document");
    is_int(acme_ca_json_parse(&ctx, "request", &request.body, &document),
           NGX_OK, "which is one");
    is_str(acme_ca_json_string(document, "action"), "sign", "the action");
    is_str(acme_ca_json_string(document, "requestId"), "r1", "the request");

    signer.pem = 1;
    is_int(acme_ca_signing_ask(&ctx, &env.authority, env.reader, &job,
                               &request),
           NGX_OK, "asked by the CSR alone");
    is_str(&request.content_type, "application/x-pem-file", "its type");
    ok(ngx_strncmp(request.body.data, "-----BEGIN CERTIFICATE REQUEST-----\n",
                   36) == 0, "PEM");
    signer.pem = 0;

    ngx_destroy_pool(ctx.pool);
}


static void
test_answers(void)
{
    size_t                     i;
    const answer_t            *t;
    acme_ca_ctx_t              ctx;
    acme_ca_signing_t          signing;
    acme_ca_signing_answer_t   answer;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        t = &answers[i];

        context(&ctx);
        ngx_memzero(&answer, sizeof(acme_ca_signing_answer_t));

        answer.status = t->status;
        answer.retry_after = t->retry_after;
        answer.body.data = (u_char *) t->body;
        answer.body.len = strlen(t->body);
        answer.fault = "timed out";

        signing = job;
        signing.attempts = t->attempts;

        acme_ca_signing_prepare(&ctx, &env.authority, env.reader, &signing,
                                &answer);

        is_int(answer.outcome, t->outcome, "%s", t->what);

        if (t->wait) {
            is_int(answer.run_at, env.now + t->wait, "when again");
        }

        if (t->outcome == ACME_CA_SIGNING_REFUSED) {
            is_int(answer.type, t->type, "its type");
        }

        if (t->detail) {
            is_str(&answer.detail, t->detail, "what it said");
        }

        ngx_destroy_pool(ctx.pool);
    }
}


/* the last question is at the deadline */

static void
test_late(void)
{
    acme_ca_ctx_t              ctx;
    acme_ca_signing_t          signing;
    acme_ca_signing_answer_t   answer;

    context(&ctx);
    ngx_memzero(&answer, sizeof(acme_ca_signing_answer_t));

    signing = job;
    answer.status = 202;
    answer.retry_after = 3000;
    ctx.now = job.deadline_at - 1;

    acme_ca_signing_prepare(&ctx, &env.authority, env.reader, &signing,
                            &answer);
    is_int(answer.outcome, ACME_CA_SIGNING_LATER, "just before");
    is_int(answer.run_at, job.deadline_at, "once more");

    ctx.now = job.deadline_at;

    acme_ca_signing_prepare(&ctx, &env.authority, env.reader, &signing,
                            &answer);
    is_int(answer.outcome, ACME_CA_SIGNING_LATE, "no more");

    ngx_destroy_pool(ctx.pool);
}


/* what our own issuer would have made of it, as if it were another's */

static ngx_str_t
signed_chain(acme_ca_ctx_t *ctx)
{
    ngx_str_t               pem, chain;
    acme_ca_csr_t          *csr;
    acme_ca_leaf_t          wanted;
    acme_ca_order_t         order;
    acme_ca_certificate_t   cert;

    ngx_memzero(&cert, sizeof(acme_ca_certificate_t));

    if (acme_ca_signing_wanted(ctx, &env.authority, env.reader, &job, &order,
                               &wanted)
        != NGX_OK
        || acme_ca_csr_parse(ctx, &job.csr, ACME_CA_KEY_ANY, &csr) != NGX_OK)
    {
        abort();
    }

    wanted.csr = csr;
    wanted.issuer = env.authority.issuer;

    if (acme_ca_leaf_sign(ctx, &wanted, &cert) != NGX_OK
        || acme_ca_pem_write(ctx->pool, &cert.der, &pem) != NGX_OK
        || acme_ca_format(ctx->pool, &chain, 16384, "%V%V", &pem,
                          &env.authority.issuer->chain)
           != NGX_OK)
    {
        abort();
    }

    return chain;
}


static void
test_issue(void)
{
    ngx_int_t                  n, rc;
    ngx_str_t                  pem;
    acme_ca_ctx_t              ctx, one;
    acme_ca_signing_t          signing;
    acme_ca_signing_answer_t   answer;

    context(&ctx);
    pem = signed_chain(&ctx);

    for (n = 0; n < 2000; n++) {
        context(&one);
        ngx_memzero(&answer, sizeof(acme_ca_signing_answer_t));

        signing = job;
        answer.status = 200;
        answer.body = pem;

        acme_ca_store_begin(env.writer);
        acme_ca_store_savepoint(env.writer);

        shim_fail_at(n);

        acme_ca_signing_prepare(&one, &env.authority, env.writer, &signing,
                                &answer);
        rc = acme_ca_signing_apply(&one, env.writer, &signing, &answer);

        if (rc != NGX_OK) {
            acme_ca_store_rollback_to(env.writer);
        }

        acme_ca_store_release(env.writer);
        acme_ca_store_commit(env.writer);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (answer.outcome != ACME_CA_SIGNING_FAILED && rc == NGX_OK) {
            ok(0, "allocation %d: outcome %d", (int) n, answer.outcome);
        }

        ngx_destroy_pool(one.pool);
    }

    is_int(rc, NGX_OK, "issued: %d allocations", (int) n);
    is_int(answer.outcome, ACME_CA_SIGNING_DONE, "it is right");
    ngx_destroy_pool(one.pool);

    POST(.by = &a, .path = o.path);
    is_member("status", "valid", "the order is valid");
    is_int(sql("SELECT count(*) FROM acme_signer_jobs"), 0, "no job is left");

    context(&one);
    is_int(acme_ca_signing_apply(&one, env.writer, &signing, &answer), NGX_OK,
           "an answer that comes twice");
    ngx_destroy_pool(one.pool);

    is_int(sql("SELECT count(*) FROM acme_certificates"), 1,
           "one certificate");
    is_int(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'issue'"
               " AND outcome = 'done' AND certificate_id = 1"), 1, "one row");

    ngx_destroy_pool(ctx.pool);
}
