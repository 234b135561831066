
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * From order to certificate and its end: RFC 8555, 7.4 to 7.6, with verdicts
 * given by hand where the worker would have validated.
 */


#include "protocol_order.h"


static void
test_new_order(client_t *a)
{
    order_t          o;
    ngx_uint_t       i;
    acme_ca_json_t  *subs;

    static const struct {
        const char  *payload;
        const char  *type;
    } rows[] = {
        { "{}", "malformed" },
        { "{\"identifiers\":[]}", "malformed" },
        { "{\"identifiers\":\"a.example\"}", "malformed" },
        { "{\"identifiers\":[\"a.example\"]}", "malformed" },
        { "{\"identifiers\":[{\"type\":\"dns\"}]}", "malformed" },
        { ORDER("{\"type\":\"email\",\"value\":\"a@b.example\"}"),
          "unsupportedIdentifier" },
        { ORDER("{\"type\":\"dns\",\"value\":\"a_b.example\"}"), "malformed" },
        { ORDER("{\"type\":\"dns\",\"value\":\"10.0.0.5\"}"), "malformed" },
        { ORDER("{\"type\":\"dns\",\"value\":\"*.a.example\"}"),
          "rejectedIdentifier" },
        { "{\"identifiers\":[" NAME_A "],\"notAfter\":\"tomorrow\"}",
          "malformed" },
        { "{\"identifiers\":[" NAME_A "],\"notAfter\":7}", "malformed" },
        { "{\"identifiers\":[" NAME_A "],"
          "\"notAfter\":\"2001-01-01T00:00:00Z\"}", "malformed" },
        { "{\"identifiers\":[" NAME_A "],\"profile\":\"none\"}",
          "invalidProfile" },
        { "{\"identifiers\":[" NAME_A "],\"profile\":7}", "malformed" },
        { ORDER(NAME_A "," NAME_A "," NAME_A "," NAME_A "," NAME_A ","
                NAME_A "," NAME_A "," NAME_A "," NAME_A "," NAME_A ","
                NAME_A), "malformed" }
    };

    char  *urn;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        POST(.by = a, .path = "new-order", .payload = rows[i].payload);
        urn = text_of("urn:ietf:params:acme:error:%s", rows[i].type);
        ok(env.x->reply.status == 400 && strcmp(member("type"), urn) == 0,
           "%s: %s", rows[i].type, member("detail"));
        free(urn);
    }

    POST(.by = a, .path = "new-order",
         .payload = ORDER(NAME_A ",{\"type\":\"dns\",\"value\":\"a_b.c\"},"
                          "{\"type\":\"x\",\"value\":\"y\"}"));
    refused(400, "compound", "several that are wrong");
    subs = acme_ca_json_member(env.body, "subproblems");
    ok(subs && subs->n == 2, "are all named");
    is_str(acme_ca_json_string(acme_ca_json_member(subs->first, "identifier"),
                               "value"), "a_b.c", "with the identifier");
    is_int(env.x->audit.details.len > 0, 1, "in the audit log as well");

    env.authority.wildcard = 1;
    POST(.by = a, .path = "new-order",
         .payload = ORDER("{\"type\":\"dns\",\"value\":\"*.a.example\"}"));
    refused(400, "rejectedIdentifier", "http-01 does not prove a wildcard");
    env.authority.wildcard = 0;

    env.authority.challenges = 0;
    POST(.by = a, .path = "new-order", .payload = ORDER(NAME_A));
    refused(400, "rejectedIdentifier", "nor nothing anything");
    env.authority.challenges = 1 << ACME_CA_HTTP_01;

    order_new(a, "{\"identifiers\":[" NAME_A "," NAME_B ","
                 "{\"type\":\"dns\",\"value\":\"A.Example\"}],"
                 "\"status\":\"\",\"expires\":\"0001-01-01T00:00:00Z\","
                 "\"authorizations\":null,\"finalize\":\"\",\"profile\":\"\","
                 "\"certificate\":\"\",\"notBefore\":\"\","
                 "\"notAfter\":\"0001-01-01T00:00:00Z\","
                 "\"replaces\":\"x\"}",
              &o);
    is_int(o.n, 2, "one authorization a name, each name once");

    POST(.by = a, .path = o.path);
    is_int(env.x->reply.status, 200, "the order is there");
    is_member("status", "pending", "pending");
    is_str(acme_ca_json_string(element("identifiers", 0), "value"),
           "a.example", "in the order that it was asked for");
    is_str(acme_ca_json_string(element("identifiers", 1), "value"),
           "b.example", "to the last");
    ok(acme_ca_json_member(env.body, "error") == NULL
       && acme_ca_json_member(env.body, "certificate") == NULL
       && acme_ca_json_member(env.body, "notBefore") == NULL
       && acme_ca_json_member(env.body, "notAfter") == NULL,
       "what has no value is left out");
    is_member("profile", "default", "the profile that was selected");
    is_int(env.x->reply.retry_after, 0, "no Retry-After");

    order_free(&o);

    order_new(a, "{\"identifiers\":[" NAME_A "],\"profile\":\"short\","
                 "\"notBefore\":\"2027-01-15T09:00:00+01:00\","
                 "\"notAfter\":\"2027-01-16T08:00:00Z\"}", &o);
    POST(.by = a, .path = o.path);
    is_member("profile", "short", "the profile that was asked for");
    is_member("notBefore", "2027-01-15T08:00:00Z", "dates, in UTC");
    is_member("notAfter", "2027-01-16T08:00:00Z", "both");

    /* a profile that the configuration has no more */

    pass(a, &o);
    env.authority.profiles.nelts = 1;
    finalize(a, &o, a->key, "DNS:a.example");
    refused(400, "invalidProfile", "a profile that went");
    env.authority.profiles.nelts = 2;

    POST(.by = a, .path = o.authz[0],
         .payload = "{\"status\":\"deactivated\"}");
    order_free(&o);
}


static void
test_authz(client_t *a, client_t *b)
{
    char            *url;
    order_t          o;
    acme_ca_job_t    job;
    acme_ca_json_t  *challenge;

    order_new(a, ORDER(NAME_A), &o);

    POST(.by = a, .path = o.authz[0]);
    is_member("status", "pending", "an authorization");
    ok(acme_ca_json_member(env.body, "wildcard") == NULL, "no wildcard");
    is_str(acme_ca_json_string(acme_ca_json_member(env.body, "identifier"),
                               "value"), "a.example", "its identifier");
    challenge = element("challenges", 0);
    is_str(acme_ca_json_string(challenge, "type"), "http-01", "its challenge");
    is_str(acme_ca_json_string(challenge, "status"), "pending", "status");
    is_int(acme_ca_json_string(challenge, "token")->len, 43,
           "256 bits of token");
    is_int(challenge->n, 4, "nothing else");

    /* others */

    POST(.by = b, .path = o.path);
    refused(404, "malformed", "another's order");
    POST(.by = b, .path = o.authz[0]);
    refused(404, "malformed", "another's authorization");
    POST(.by = b, .path = o.authz[0],
         .payload = "{\"status\":\"deactivated\"}");
    refused(404, "malformed", "nor to deactivate it");
    POST(.by = b, .path = o.challenge[0]);
    refused(404, "malformed", "another's challenge");
    POST(.by = b, .path = o.challenge[0], .payload = "{}");
    refused(404, "malformed", "nor to respond to it");
    POST(.by = b, .path = o.finalize, .payload = "{\"csr\":\"AAAA\"}");
    refused(404, "malformed", "nor to finalize it");

    /* an id of one kind is none of another */

    url = text_of("authz/%s", o.path + 6);
    POST(.by = a, .path = url);
    refused(404, "malformed", "an order's id is not an authorization's");
    free(url);

    /* the challenge */

    is_int(POST(.by = a, .path = o.challenge[0]), 200, "read by itself");
    url = text_of(BASE "%s", o.authz[0]);
    ok(strcmp(link_of("up"), url) == 0, "with its \"up\"");
    is_member("status", "pending", "pending");
    is_int(env.x->job_id, 0, "nothing is started");

    POST(.by = a, .path = o.finalize, .payload = "{\"csr\":\"AAAA\"}");
    refused(403, "orderNotReady", "not to be finalized yet");

    is_int(POST(.by = a, .path = o.challenge[0],
                .payload = "{\"keyAuthorization\":\"x\"}"), 200, "responded");
    is_member("status", "processing", "processing");
    ok(strcmp(link_of("up"), url) == 0, "with its \"up\"");
    is_int(env.x->reply.retry_after, 1, "Retry-After");
    is_int(env.x->job.deadline_at, NOW + 60, "the job's deadline");
    is_str(&env.x->job.identifier.value, "a.example", "its identifier");
    ok(strcmp(env.x->audit.action, "respond") == 0, "audited");
    job = env.x->job;
    job.client_address.len = job.request_id.len = 0;

    is_int(POST(.by = a, .path = o.challenge[0], .payload = "{}"), 200,
           "responded again");
    is_member("status", "processing", "the same");
    is_int(env.x->job_id, 0, "no second job");

    POST(.by = a, .path = o.authz[0]);
    is_member("status", "pending", "the authorization still is");
    is_int(env.x->reply.retry_after, 1, "Retry-After");

    /* the verdict */

    verdict(&job, ACME_CA_CONNECTION, 1);
    is_int(job.attempts, 1, "an attempt is counted");
    POST(.by = a, .path = o.challenge[0]);
    is_member("status", "processing", "a failed attempt changes nothing");

    verdict(&job, ACME_CA_CONNECTION, 0);

    POST(.by = a, .path = o.challenge[0]);
    is_member("status", "invalid", "the last one does");
    is_str(acme_ca_json_string(acme_ca_json_member(env.body, "error"), "type"),
           "urn:ietf:params:acme:error:connection", "says why");
    POST(.by = a, .path = o.authz[0]);
    is_member("status", "invalid", "the authorization");
    POST(.by = a, .path = o.path);
    is_member("status", "invalid", "the order");
    is_str(acme_ca_json_string(acme_ca_json_member(env.body, "error"), "type"),
           "urn:ietf:params:acme:error:connection", "says why");
    ok(strstr(body_text(), "a.example\"") != NULL,
       "and for which identifier");

    is_int(POST(.by = a, .path = o.challenge[0], .payload = "{}"), 200,
           "a settled challenge is shown");
    is_member("status", "invalid", "as it is");
    POST(.by = a, .path = o.finalize, .payload = "{\"csr\":\"AAAA\"}");
    refused(403, "orderNotReady", "an invalid order is not finalized");

    verdict(&job, ACME_CA_PROBLEM_N, 0);
    POST(.by = a, .path = o.authz[0]);
    is_member("status", "invalid", "a second verdict changes nothing");
    verdict(&job, ACME_CA_CONNECTION, 1);

    free(url);
    order_free(&o);
}


/* the verdict comes before the reply has left */

static void
test_settle(client_t *a)
{
    char                *jws, *url;
    u_char               nonce[ACME_CA_NONCE_LEN + 1];
    order_t              o;
    ngx_uint_t           i;
    acme_ca_job_t        job;
    acme_ca_exchange_t  *x;

    for (i = 0; i < 2; i++) {
        order_new(a, ORDER("{\"type\":\"dns\",\"value\":\"s.example\"}"),
                  &o);
        env_drop();

        acme_ca_nonce_issue(env.nonces, env.now, nonce);
        nonce[ACME_CA_NONCE_LEN] = '\0';

        x = env_exchange(ACME_CA_POST, o.challenge[0], NULL);
        url = text_of(BASE "%s", o.challenge[0]);
        jws = jws_new(a, NULL, a->kid, (char *) nonce, url, "{}");
        ngx_str_set(&x->request.content_type, "application/jose+json");
        acme_ca_copy(x->ctx.pool, &x->request.body, (u_char *) jws,
                     strlen(jws));
        free(jws);
        free(url);

        acme_ca_protocol_start(x);
        is_int(env_write(x), NGX_OK, "responded");

        job = x->job;
        verdict(&job, i ? ACME_CA_PROBLEM_N : ACME_CA_DNS, 0);

        acme_ca_protocol_settle(x, env.reader, env.now);
        env_parse();
        is_int(x->reply.status, 200, "settled");
        is_member("status", i ? "valid" : "invalid", "the verdict is shown");
        ok(acme_ca_json_member(env.body, "error") == NULL || i == 0,
           "with its error, if any");
        is_int(x->reply.retry_after, 0, "nothing to wait for");
        ok(x->reply.has_nonce && strcmp(link_of("up"), "(none)") != 0
           && strcmp(link_of("index"), BASE "directory") == 0,
           "nonce, up, index");

        POST(.by = a, .path = o.authz[0],
             .payload = "{\"status\":\"deactivated\"}");
        order_free(&o);
    }
}


static void
test_deactivate(client_t *a)
{
    char           *payload;
    order_t         o, ready;
    acme_ca_job_t   job;

    order_new(a, ORDER(NAME_A), &o);

    POST(.by = a, .path = o.authz[0], .payload = "{}");
    refused(400, "malformed", "nothing to update");
    POST(.by = a, .path = o.authz[0], .payload = "{\"status\":\"valid\"}");
    refused(400, "malformed", "least of all to valid");

    job = respond(a, &o, 0);

    payload = "{\"identifier\":{\"type\":\"\",\"value\":\"\"},"
              "\"expires\":\"0001-01-01T00:00:00Z\","
              "\"status\":\"deactivated\"}";
    is_int(POST(.by = a, .path = o.authz[0], .payload = payload), 200,
           "deactivated while it is validated");
    is_member("status", "deactivated", "is");
    is_int(POST(.by = a, .path = o.authz[0], .payload = payload), 200,
           "and again");

    verdict(&job, ACME_CA_PROBLEM_N, 0);
    POST(.by = a, .path = o.authz[0]);
    is_member("status", "deactivated", "the verdict comes too late");
    POST(.by = a, .path = o.path);
    is_member("status", "invalid", "the order is invalid");
    order_free(&o);

    /* a ready order loses what it leans on */

    order_new(a, ORDER(NAME_A), &ready);
    pass(a, &ready);
    POST(.by = a, .path = ready.path);
    is_member("status", "ready", "ready");
    POST(.by = a, .path = ready.authz[0], .payload = payload);
    POST(.by = a, .path = ready.path);
    is_member("status", "invalid", "not any more");
    is_int(finalize(a, &ready, a->key, "DNS:a.example"), 403,
           "and not finalized");
    order_free(&ready);
}


static void
test_expiry(client_t *a)
{
    order_t  o;

    order_new(a, ORDER(NAME_A), &o);

    env.now = NOW + 86400;

    POST(.by = a, .path = o.path);
    is_member("status", "invalid", "an order that expired is invalid");
    POST(.by = a, .path = o.authz[0]);
    is_member("status", "expired", "its authorization expired");
    POST(.by = a, .path = o.challenge[0], .payload = "{}");
    refused(400, "malformed", "its challenge is not taken up");
    POST(.by = a, .path = o.finalize, .payload = "{\"csr\":\"AAAA\"}");
    refused(403, "orderNotReady", "it is not finalized");
    POST(.by = a, .path = o.authz[0],
         .payload = "{\"status\":\"deactivated\"}");
    refused(400, "malformed", "nor deactivated");

    env.now = NOW;
    order_free(&o);

    /* a ready one, whose authorization ends before it */

    order_new(a, ORDER("{\"type\":\"dns\",\"value\":\"e.example\"}"), &o);
    env.authority.authz_lifetime = 600;
    pass(a, &o);
    env.authority.authz_lifetime = 30 * 86400;
    POST(.by = a, .path = o.path);
    is_member("status", "ready", "ready");
    env.now = NOW + 600;
    POST(.by = a, .path = o.path);
    is_member("status", "invalid", "invalid when its authorization expires");
    is_int(finalize(a, &o, a->key, "DNS:e.example"), 403, "not finalized");
    env.now = NOW;
    order_free(&o);
}


static void
test_issue(client_t *a, client_t *b)
{
    int            n;
    char          *path, *first;
    X509          *cert;
    order_t        o;
    EVP_PKEY      *key, *weak;
    const char    *p;
    acme_ca_job_t  job[2];

    key = key_new("P-256");

    order_new(a, ORDER(NAME_A "," NAME_B), &o);

    job[0] = respond(a, &o, 0);
    job[1] = respond(a, &o, 1);

    verdict(&job[0], ACME_CA_PROBLEM_N, 0);
    POST(.by = a, .path = o.path);
    is_member("status", "pending", "one of two is not enough");
    POST(.by = a, .path = o.authz[0]);
    is_member("status", "valid", "though it is valid");
    ok(strstr(body_text(), "\"validated\":\"") != NULL,
       "and says since when");

    verdict(&job[1], ACME_CA_PROBLEM_N, 0);
    POST(.by = a, .path = o.path);
    is_member("status", "ready", "both are");

    /* what is not accepted leaves it ready */

    POST(.by = a, .path = o.finalize, .payload = "{}");
    refused(400, "malformed", "no CSR");
    POST(.by = a, .path = o.finalize, .payload = "{\"csr\":\"AA==\"}");
    refused(400, "malformed", "not base64url");
    POST(.by = a, .path = o.finalize, .payload = "{\"csr\":\"AAAA\"}");
    refused(400, "badCSR", "not DER");
    finalize(a, &o, key, "DNS:a.example");
    refused(400, "badCSR", "one name is missing");
    finalize(a, &o, key, "DNS:a.example,DNS:b.example,DNS:c.example");
    refused(400, "badCSR", "one name more");
    finalize(a, &o, a->key, "DNS:a.example,DNS:b.example");
    refused(400, "badCSR", "the account's own key");
    finalize(a, &o, b->key, "DNS:a.example,DNS:b.example");
    refused(400, "badCSR", "another account's key");

    weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1024);
    finalize(a, &o, weak, "DNS:a.example,DNS:b.example");
    refused(400, "badCSR", "a weak key");
    EVP_PKEY_free(weak);

    POST(.by = a, .path = o.path);
    is_member("status", "ready", "still ready");

    {
        env.authority.issuers.nelts = 0;
        finalize(a, &o, key, "DNS:a.example,DNS:b.example");
        refused(503, "serverInternal", "no issuer");
        env.authority.issuers.nelts = 1;
    }

    /* rules that changed meanwhile */

    {
        ngx_str_t    rule = ngx_string(".example");
        ngx_array_t  deny = { &rule, 1, sizeof(ngx_str_t), 1, env.pool };

        env.authority.rules.deny_dns = &deny;
        finalize(a, &o, key, "DNS:a.example,DNS:b.example");
        refused(400, "compound", "denied meanwhile");
        env.authority.rules.deny_dns = NULL;
    }

    is_int(finalize(a, &o, key, "DNS:b.example,DNS:a.example"), 200,
           "finalized");
    is_member("status", "valid", "valid at once");
    path = path_of(&env.x->reply.location);
    ok(strcmp(path, o.path) == 0, "Location is the order's");
    free(path);
    is_int(acme_ca_json_member(env.body, "identifiers")->n, 2, "identifiers");
    ok(strcmp(env.x->audit.action, "issue") == 0
       && env.x->audit.certificate_id != 0, "audited");
    first = path_of(acme_ca_json_string(env.body, "certificate"));

    is_int(finalize(a, &o, key, "DNS:b.example,DNS:a.example"), 200,
           "finalized again");
    path = path_of(acme_ca_json_string(env.body, "certificate"));
    ok(strcmp(path, first) == 0, "the same certificate");
    free(path);
    is_int(POST(.by = a, .path = o.finalize, .payload = "{}"), 200,
           "whatever is posted");
    POST(.by = a, .path = o.path);
    is_member("status", "valid", "the order is valid");

    /* download */

    is_int(POST(.by = a, .path = first), 200, "downloaded");
    is_int(env.start_rc, NGX_OK, "and noted afterwards");
    ok(strcmp(env.x->audit.action, "download") == 0, "in the audit log");
    ok(strcmp(env.x->reply.content_type, "application/pem-certificate-chain")
       == 0, "as a PEM chain");

    for (n = 0, p = body_text();
         (p = strstr(p, "-----BEGIN CERTIFICATE-----")) != NULL; p++)
    {
        ok(n == 0 || memcmp(p - 2, "\n\n", 2) == 0, "an empty line before");
        n++;
    }

    ok(n >= 2, "two certificates or more");
    ok(env.x->reply.body.data[env.x->reply.body.len - 1] == '\n',
       "a newline at the end");

    cert = pki_x509_pem(&env.x->reply.body);
    ok(cert && EVP_PKEY_eq(X509_get0_pubkey(cert), key) == 1,
       "the first is of the requested key");
    ok(cert && X509_check_host(cert, "b.example", 0, 0, NULL) == 1,
       "and of the ordered names");
    X509_free(cert);

    POST(.by = b, .path = first);
    refused(404, "malformed", "not for other accounts");
    POST(.by = a, .path = first, .payload = "{}");
    refused(400, "malformed", "it is only to be read");

    free(first);
    order_free(&o);
    EVP_PKEY_free(key);
}


static void
test_reuse(client_t *a)
{
    order_t  o;

    /* a.example and b.example are valid by now */

    order_new(a, ORDER(NAME_A), &o);
    POST(.by = a, .path = o.path);
    is_member("status", "ready", "ready at once");
    POST(.by = a, .path = o.authz[0]);
    is_member("status", "valid", "by what was proven before");
    order_free(&o);

    order_new(a, ORDER(NAME_A ",{\"type\":\"dns\",\"value\":\"n.example\"}"),
              &o);
    POST(.by = a, .path = o.path);
    is_member("status", "pending", "a name that is new is to be proven");
    order_free(&o);

    env.now = NOW + 30 * 86400 - 60;
    order_new(a, ORDER(NAME_A), &o);
    POST(.by = a, .path = o.path);
    is_member("status", "pending", "what is about to end is not leant on");
    env.now = NOW;
    order_free(&o);
}


/* two finalizations past prepare() before either is applied */

static void
test_double_finalize(client_t *a)
{
    char                *csr, *payload, *jws, *url;
    order_t              o;
    EVP_PKEY            *key;
    u_char               nonce[ACME_CA_NONCE_LEN + 1];
    ngx_uint_t           i;
    acme_ca_exchange_t  *x[2];

    key = key_new("P-256");
    csr = csr_new(key, "DNS:a.example");
    payload = text_of("{\"csr\":\"%s\"}", csr);

    order_new(a, ORDER(NAME_A), &o);
    url = text_of(BASE "%s", o.finalize);

    for (i = 0; i < 2; i++) {
        acme_ca_nonce_issue(env.nonces, env.now, nonce);
        nonce[ACME_CA_NONCE_LEN] = '\0';

        env_drop();
        x[i] = env_exchange(ACME_CA_POST, o.finalize, NULL);
        env.x = NULL;

        ngx_str_set(&x[i]->request.content_type, "application/jose+json");
        jws = jws_new(a, NULL, a->kid, (char *) nonce, url, payload);
        acme_ca_copy(x[i]->ctx.pool, &x[i]->request.body, (u_char *) jws,
                     strlen(jws));
        free(jws);

        is_int(acme_ca_protocol_start(x[i]), NGX_AGAIN, "finalize");
    }

    acme_ca_protocol_prepare(x[0], env.writer);
    acme_ca_protocol_prepare(x[1], env.writer);
    ok(x[0]->prepared && x[1]->prepared, "both are signed");

    acme_ca_store_begin(env.writer);
    is_int(acme_ca_protocol_apply(x[0], env.writer), NGX_OK, "one is written");
    is_int(acme_ca_protocol_apply(x[1], env.writer), NGX_OK, "one is dropped");
    acme_ca_store_commit(env.writer);

    for (i = 0; i < 2; i++) {
        acme_ca_protocol_finish(x[i], NGX_OK);
        is_int(x[i]->reply.status, 200, "both are answered");
    }

    ok(acme_ca_str_eq(&x[0]->reply.body, &x[1]->reply.body), "the same");
    ok(x[0]->audit.action && x[1]->audit.action == NULL,
       "one issuance in the audit log");

    for (i = 0; i < 2; i++) {
        env.x = x[i];
        env_drop();
    }

    free(csr);
    free(payload);
    free(url);
    order_free(&o);
    EVP_PKEY_free(key);
}


static void
test_orders(client_t *a, client_t *b)
{
    char     *path, *next, *query;
    int       i;
    order_t   o;

    path = text_of("%s/orders", a->kid + strlen(BASE));

    POST(.by = b, .path = path);
    refused(404, "malformed", "another's orders");

    POST(.by = a, .path = path);
    is_int(env.x->reply.status, 200, "the list of orders");
    ok(element("orders", 0) != NULL && element("orders", 0)->text.len > 0,
       "has some");

    for (i = 0; i < ACME_CA_ORDERS_PAGE; i++) {
        order_new(a, ORDER(NAME_A), &o);
        order_free(&o);
    }

    POST(.by = a, .path = path);
    is_int(acme_ca_json_member(env.body, "orders")->n, ACME_CA_ORDERS_PAGE,
           "a page");
    next = text_of("%s", link_of("next"));
    query = strchr(next, '?');

    if (ok(query != NULL, "and where the next one is")) {
        POST(.by = a, .path = path, .query = query + 1);
        is_int(env.x->reply.status, 200, "the next page");
        ok(acme_ca_json_member(env.body, "orders")->n > 0
           && acme_ca_json_member(env.body, "orders")->n
              < ACME_CA_ORDERS_PAGE, "has the rest");
        ok(strcmp(link_of("next"), "(none)") == 0, "and is the last");
    }

    POST(.by = a, .path = path, .query = "cursor=x");
    refused(404, "malformed", "a cursor that was never given out");
    POST(.by = a, .path = path, .query = "before=x");
    refused(404, "malformed", "nor another query");

    free(path);
    free(next);
}


static void
revoke_cert(client_t *by, int jwk, const char *cert, const char *rest)
{
    char  *payload;

    payload = text_of("{\"certificate\":\"%s\"%s}", cert, rest);
    POST(.by = by, .jwk = jwk, .path = "revoke-cert", .payload = payload);
    free(payload);
}


static void
test_revoke(client_t *a, client_t *b)
{
    char        *cert, *foreign;
    order_t      o, other;
    client_t     key, stranger;

    static const char  *bad[] = {
        ",\"reason\":2", ",\"reason\":6", ",\"reason\":7", ",\"reason\":8",
        ",\"reason\":9", ",\"reason\":10", ",\"reason\":11", ",\"reason\":-1"
    };

    ngx_uint_t  i;

    client_new(&key, "P-256");
    client_new(&stranger, "P-256");

    cert = issue(a, ORDER(NAME_A "," NAME_B), "DNS:a.example,DNS:b.example",
                 key.key, &o);
    order_free(&o);

    POST(.by = a, .path = "revoke-cert", .payload = "{}");
    refused(400, "malformed", "no certificate");
    revoke_cert(a, 0, "AA==", "");
    refused(400, "malformed", "not base64url");
    revoke_cert(a, 0, "AAAA", "");
    refused(400, "malformed", "not a certificate");
    revoke_cert(a, 0, cert, ",\"reason\":\"1\"");
    refused(400, "malformed", "a reason that is no number");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        revoke_cert(a, 0, cert, bad[i]);
        refused(400, "badRevocationReason", "reason%s", bad[i] + 10);
    }

    foreign = text_of("%s", cert);
    foreign[strlen(foreign) - 6] = (foreign[strlen(foreign) - 6] == 'A')
                                   ? 'B' : 'A';
    revoke_cert(a, 0, foreign, "");
    refused(404, "malformed", "a serial of ours, but not our certificate");
    free(foreign);

    revoke_cert(b, 0, cert, "");
    refused(403, "unauthorized", "an account without authorizations");
    revoke_cert(&stranger, 1, cert, "");
    refused(403, "unauthorized", "a key that is not the certificate's");
    revoke_cert(a, 1, cert, "");
    refused(403, "unauthorized", "nor the account's key as jwk");

    /* by the account */

    revoke_cert(a, 0, cert, ",\"reason\":4");
    is_int(env.x->reply.status, 200, "by the account that ordered it");
    ok(env.x->reply.body.len == 0 && env.x->reply.content_type == NULL
       && env.x->reply.has_nonce, "no body, no type, a nonce");
    ok(audited("\"reason\":4"), "audited with its reason");
    revoke_cert(a, 0, cert, "");
    refused(400, "alreadyRevoked", "once");
    revoke_cert(b, 0, cert, "");
    refused(403, "unauthorized", "which is not told to everybody");
    free(cert);

    /* by its key */

    cert = issue(a, ORDER(NAME_A), "DNS:a.example", key.key, &o);
    order_free(&o);
    revoke_cert(&key, 1, cert, ",\"reason\":1");
    is_int(env.x->reply.status, 200, "by the key of the certificate");
    free(cert);

    /* by who holds authorizations for all of its names */

    cert = issue(a, ORDER(NAME_A "," NAME_B), "DNS:a.example,DNS:b.example",
                 key.key, &o);
    order_free(&o);

    order_new(b, ORDER(NAME_A), &other);
    pass(b, &other);
    order_free(&other);
    revoke_cert(b, 0, cert, "");
    refused(403, "unauthorized", "one name of two");

    order_new(b, ORDER(NAME_B), &other);
    pass(b, &other);
    order_free(&other);
    revoke_cert(b, 0, cert, "");
    is_int(env.x->reply.status, 200, "all names");
    free(cert);

    client_free(&key);
    client_free(&stranger);
}


/* an account that ends while its challenge is validated */

static void
test_account_gone(void)
{
    order_t          o;
    client_t         c;
    acme_ca_job_t    job;
    acme_ca_authz_t  authz;

    join(&c, "P-256");
    order_new(&c, ORDER(NAME_A), &o);
    job = respond(&c, &o, 0);

    POST(.by = &c, .path = c.kid + strlen(BASE),
         .payload = "{\"status\":\"deactivated\"}");
    is_int(env.x->reply.status, 200, "the account ends");

    verdict(&job, ACME_CA_PROBLEM_N, 0);

    acme_ca_store_authz_find(env.reader, env.x->ctx.pool, job.authz_id,
                             &authz);
    is_int(authz.status, ACME_CA_DEACTIVATED, "its authorization ends");

    POST(.by = &c, .path = o.finalize, .payload = "{}");
    refused(401, "unauthorized", "its order is out of reach");

    order_free(&o);
    client_free(&c);
}


int
main(void)
{
    client_t  a, b;

    env_open();

    join(&a, "P-256");
    join(&b, "ED25519");

    test_new_order(&a);
    test_authz(&a, &b);
    test_settle(&a);
    test_deactivate(&a);
    test_expiry(&a);
    test_issue(&a, &b);
    test_reuse(&a);
    test_double_finalize(&a);
    test_revoke(&a, &b);
    test_orders(&a, &b);
    test_account_gone();

    client_free(&a);
    client_free(&b);
    env_close();

    return done_testing();
}
