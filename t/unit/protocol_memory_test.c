
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Each kind of exchange with its first, second, third ... allocation failing
 * until none does.  Whatever fails, there is a reply, it is the right one or
 * serverInternal, and the registry says what the reply said.
 */


#include "protocol_order.h"


static void
test_flow(void)
{
    char            *path, *csr, *payload, *certificate, *inner, *der;
    int              n;
    X509            *cert;
    u_char          *bytes;
    order_t          o, other;
    client_t         a, fresh;
    EVP_PKEY        *key;
    acme_ca_job_t    job;

    client_new(&a, "P-256");
    client_new(&fresh, "P-256");
    key = key_new("P-256");

    starve("new-account", &(post_t) { .by = &a, .jwk = 1,
           .path = "new-account",
           .payload = "{\"contact\":[\"mailto:a@b.example\"]}" },
           200);

    snprintf(a.kid, sizeof(a.kid), "%.*s", (int) env.x->reply.location.len,
             env.x->reply.location.data);
    path = path_of(&env.x->reply.location);

    starve("directory", &(post_t) { .by = &a, .path = "directory" }, 200);
    starve("new-nonce", &(post_t) { .by = &a, .path = "new-nonce" }, 204);
    starve("account", &(post_t) { .by = &a, .path = path }, 200);
    starve("update", &(post_t) { .by = &a, .path = path,
           .payload = "{\"contact\":[\"mailto:b@b.example\"]}" }, 200);
    starve("badNonce", &(post_t) { .by = &a, .path = path, .nonce = "" }, 400);
    starve("new-order", &(post_t) { .by = &a, .path = "new-order",
           .payload = ORDER(NAME_A "," NAME_B) }, 201);
    starve("refused order", &(post_t) { .by = &a, .path = "new-order",
           .payload = ORDER("{\"type\":\"x\",\"value\":\"y\"},"
                            "{\"type\":\"dns\",\"value\":\"*.a.example\"}") },
           400);

    order_new(&a, ORDER(NAME_A), &o);

    starve("order", &(post_t) { .by = &a, .path = o.path }, 200);
    starve("authz", &(post_t) { .by = &a, .path = o.authz[0] }, 200);
    starve("challenge", &(post_t) { .by = &a, .path = o.challenge[0] }, 200);

    order_new(&a, ORDER(NAME_B), &other);
    starve("respond", &(post_t) { .by = &a, .path = other.challenge[0],
           .payload = "{}" }, 200);
    starve("deactivate authz", &(post_t) { .by = &a, .path = other.authz[0],
           .payload = "{\"status\":\"deactivated\"}" }, 200);
    order_free(&other);

    job = respond(&a, &o, 0);
    verdict(&job, ACME_CA_PROBLEM_N, 0);

    csr = csr_new(key, "DNS:a.example");
    payload = text_of("{\"csr\":\"%s\"}", csr);
    starve("finalize", &(post_t) { .by = &a, .path = o.finalize,
           .payload = payload }, 200);
    free(payload);
    free(csr);

    certificate = path_of(acme_ca_json_string(env.body, "certificate"));
    starve("download", &(post_t) { .by = &a, .path = certificate }, 200);
    free(certificate);

    cert = pki_x509_pem(&env.x->reply.body);
    bytes = NULL;
    n = i2d_X509(cert, &bytes);
    der = base64url(bytes, n);
    OPENSSL_free(bytes);
    X509_free(cert);

    payload = text_of("{\"certificate\":\"%s\"}", der);
    client_free(&fresh);
    client_new(&fresh, "P-256");
    starve("revoke, refused", &(post_t) { .by = &fresh, .jwk = 1,
           .path = "revoke-cert", .payload = payload }, 403);
    free(payload);
    free(der);

    payload = text_of("{\"account\":\"%s\",\"oldKey\":%s}", a.kid, a.jwk);
    inner = jws_new(&a, NULL, NULL, NULL, BASE "key-change", payload);
    starve("key-change, taken", &(post_t) { .by = &a, .path = "key-change",
           .payload = inner }, 409);
    free(payload);
    free(inner);

    client_free(&a);
    client_free(&fresh);
    EVP_PKEY_free(key);
    order_free(&o);
    free(path);
}


/* what happened is what was answered: nothing is half done */

static void
test_registry(void)
{
    is_int(sql("SELECT count(*) FROM acme_accounts"), 1, "one account");
    is_int(sql("SELECT count(*) FROM acme_certificates"), 1,
           "one certificate");
    is_int(sql("SELECT count(*) FROM acme_orders AS o WHERE NOT EXISTS "
               "(SELECT 1 FROM acme_order_identifiers AS i "
               "WHERE i.order_id = o.id)"), 0, "no order without names");
    is_int(sql("SELECT count(*) FROM acme_authorizations "
               "WHERE token_seed IS NULL"), 0,
           "no authorization without a challenge");
    is_int(sql("SELECT count(*) FROM acme_authorizations AS a "
               "WHERE (a.status = 'pending') = EXISTS "
               "(SELECT 1 FROM acme_challenges AS c "
               "WHERE c.authz_id = a.id)"), 0,
           "a row for each that was answered");
    is_int(sql("SELECT count(*) FROM acme_audit_logs WHERE action = "
               "'new-account' AND outcome = 'done'"), 1,
           "one account in the audit log");
    is_int(sql("SELECT count(*) FROM acme_audit_logs WHERE action = "
               "'new-order' AND outcome = 'done'"),
           sql("SELECT count(*) FROM acme_orders"),
           "each order in the audit log");
    is_int(sql("SELECT count(*) FROM acme_audit_logs WHERE action = "
               "'issue' AND outcome = 'done' AND certificate_id = 1 "
               "AND details LIKE '%a.example%'"), 1,
           "the certificate in the audit log");
    ok(sql("SELECT count(*) FROM acme_audit_logs WHERE outcome = 'refused' "
           "AND reason LIKE 'badNonce: %' AND actor = 'account' "
           "AND account_id = 1 AND client_address = '192.0.2.1' "
           "AND user_agent = 'unit' AND request_id = 'r1'") > 0,
       "refusals in the audit log");
    ok(sql("SELECT count(*) FROM acme_audit_logs WHERE outcome = 'refused' "
           "AND reason LIKE 'compound: %' "
           "AND details LIKE '%subproblems%'") > 0,
       "with what was wrong");
    ok(sql("SELECT count(*) FROM acme_certificates "
           "WHERE last_download_at >= first_download_at") == 1,
       "the download is noted");
}


static void
test_verdict(void)
{
    ngx_int_t      n, rc;
    order_t        o;
    client_t       a;
    ngx_str_t      none = ngx_null_string;
    acme_ca_ctx_t  ctx;
    acme_ca_job_t  job;

    join(&a, "P-256");
    order_new(&a, ORDER(NAME_A), &o);
    job = respond(&a, &o, 0);

    for (n = 0; n < 1000; n++) {
        ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));
        ctx.pool = ngx_create_pool(1024, env.log);
        ctx.log = env.log;
        ctx.now = env.now;
        acme_ca_refuse(&ctx, ACME_CA_CONNECTION, "refused");

        acme_ca_store_begin(env.writer);
        acme_ca_store_savepoint(env.writer);

        shim_fail_at(n);
        rc = acme_ca_protocol_verdict(&ctx, &env.authority, env.writer, &job,
                                      ctx.problem, &none);
        if (rc != NGX_OK) {
            acme_ca_store_rollback_to(env.writer);
        }

        acme_ca_store_release(env.writer);
        acme_ca_store_commit(env.writer);

        ngx_destroy_pool(ctx.pool);

        if (!shim_failed()) {
            break;
        }

        if (rc == NGX_OK) {
            ok(0, "a verdict is whole or not at all");
        }
    }

    shim_fail_at(SHIM_NEVER);
    is_int(rc, NGX_OK, "verdict: %d allocations", (int) n);
    POST(.by = &a, .path = o.path);
    is_member("status", "invalid", "and then it is written");

    order_free(&o);
    client_free(&a);
}


int
main(void)
{
    env_open();

    test_flow();
    test_registry();
    test_verdict();

    env_close();

    return done_testing();
}
