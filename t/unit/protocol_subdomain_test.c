
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Pre-authorization (RFC 8555, 7.4.1) and authorizations that hold for
 * subdomains (RFC 9444), by way of whole exchanges.
 */


#include "protocol_order.h"


#define AUTHZ(name)                                                           \
    "{\"identifier\":{\"type\":\"dns\",\"value\":\"" name "\"}}"
#define BELOW(name)                                                           \
    "{\"identifier\":{\"type\":\"dns\",\"value\":\"" name "\","              \
    "\"subdomainAuthAllowed\":true}}"
#define UNDER(name, domain)                                                   \
    "{\"type\":\"dns\",\"value\":\"" name "\","                               \
    "\"ancestorDomain\":\"" domain "\"}"
#define NAME(name)  "{\"type\":\"dns\",\"value\":\"" name "\"}"


static char *
pre(client_t *by, const char *payload, ngx_uint_t status)
{
    is_int(POST(.by = by, .path = "new-authz", .payload = payload), status,
           "newAuthz %s", payload);

    return (env.x->reply.location.len) ? path_of(&env.x->reply.location)
                                       : text_of("nowhere");
}


/* answers the challenge of that number, and its validation passes */

static void
prove(client_t *by, const char *authz, ngx_uint_t i)
{
    char             *challenge;
    acme_ca_job_t     job;
    acme_ca_json_t   *value;

    POST(.by = by, .path = authz);
    value = element("challenges", i);
    challenge = path_of(acme_ca_json_string(value, "url"));

    is_int(POST(.by = by, .path = challenge, .payload = "{}"), 200, "answered");

    memset(&job, 0, sizeof(acme_ca_job_t));

    job.id = env.x->job_id;
    job.challenge_id = env.x->job.challenge_id;
    job.authz_id = env.x->job.authz_id;
    job.account_id = env.x->job.account_id;

    verdict(&job, ACME_CA_PROBLEM_N, 0);
    free(challenge);
}


static const char *
order_status(client_t *by, const char *payload)
{
    POST(.by = by, .path = "new-order", .payload = payload);

    return member("status");
}


static void
test_off(client_t *a)
{
    POST(.by = a, .path = "new-authz", .payload = AUTHZ("a.example"));
    refused(404, "malformed", "no newAuthz unless it is switched on");

    env.authority.pre_authorization = 1;

    free(pre(a, BELOW("off.example"), 201));
    ok(acme_ca_json_member(env.body, "subdomainAuthAllowed") == NULL,
       "no subdomains unless they are switched on");

    is_int(POST(.by = a, .path = "new-order",
                .payload = ORDER(UNDER("a.off.example", "x"))), 201,
           "ancestorDomain is not looked at");

    env.authority.subdomain_authorization = 1;

    free(pre(a, BELOW("http.example"), 201));
    ok(acme_ca_json_member(env.body, "subdomainAuthAllowed") == NULL,
       "http-01 proves no subdomains");

    env.authority.challenges |= 1 << ACME_CA_DNS_01;
    env.authority.wildcard = 1;

    get(ACME_CA_GET, "directory");
    is_member("newAuthz", BASE "new-authz", "newAuthz in the directory");
    ok(acme_ca_json_true(acme_ca_json_member(env.body, "meta"),
                         "subdomainAuthAllowed"), "meta");
}


static void
test_pre(client_t *a, client_t *b)
{
    char  *authz, *again;

    authz = pre(a, BELOW("org.example"), 201);

    ok(acme_ca_json_true(env.body, "subdomainAuthAllowed"), "subdomains");
    is_str(acme_ca_json_string(element("challenges", 0), "type"), "dns-01",
           "by dns-01");
    ok(element("challenges", 1) == NULL, "and nothing else");

    ok(strcmp(order_status(a, ORDER(NAME("a.org.example"))), "pending") == 0,
       "a pending one is of no use");

    prove(a, authz, 0);

    again = pre(a, BELOW("org.example"), 200);
    ok(strcmp(again, authz) == 0, "the valid one is shown");
    free(again);

    again = pre(a, AUTHZ("org.example"), 200);
    ok(strcmp(again, authz) == 0, "for the domain alone, too");
    free(again);

    again = pre(a, BELOW("a.org.example"), 201);
    ok(strcmp(again, authz) != 0, "a name below has one of its own");
    free(again);

    ok(strcmp(order_status(a, ORDER(NAME("a.org.example"))), "ready") == 0,
       "a name below it");
    ok(strcmp(order_status(a, ORDER(NAME("x.y.org.example") ","
                                    NAME("org.example"))), "ready") == 0,
       "names below it and itself");
    ok(element("authorizations", 1) == NULL, "by one authorization");
    ok(strcmp(order_status(a, ORDER(NAME("xorg.example"))), "pending") == 0,
       "labels are whole");
    ok(strcmp(order_status(a, ORDER(NAME("example"))), "pending") == 0,
       "nothing above");
    ok(strcmp(order_status(a, ORDER(NAME("*.org.example"))), "pending") == 0,
       "no wildcard");
    ok(strcmp(order_status(a, ORDER("{\"type\":\"ip\","
                                    "\"value\":\"127.0.0.1\"}")),
              "pending") == 0, "no address");
    ok(strcmp(order_status(b, ORDER(NAME("a.org.example"))), "pending") == 0,
       "no other account");

    POST(.by = a, .path = authz, .payload = "{\"status\":\"deactivated\"}");
    ok(strcmp(order_status(a, ORDER(NAME("a.org.example"))), "pending") == 0,
       "nothing after its end");

    free(authz);
}


/* one for the domain alone does not answer for what is below */

static void
test_plain(client_t *a)
{
    char  *authz, *again;

    authz = pre(a, AUTHZ("net.example"), 201);
    ok(element("challenges", 1) != NULL, "by http-01 or dns-01");
    prove(a, authz, 1);

    ok(strcmp(order_status(a, ORDER(NAME("net.example"))), "ready") == 0,
       "itself");
    ok(strcmp(order_status(a, ORDER(NAME("a.net.example"))), "pending") == 0,
       "nothing below it");

    again = pre(a, BELOW("net.example"), 201);
    ok(strcmp(again, authz) != 0, "with subdomains it is another one");

    free(again);
    free(authz);
}


static void
test_ancestor(client_t *a)
{
    order_t  o;

    order_new(a, ORDER(UNDER("a.com.example", "com.example") ","
                       NAME("b.example") ","
                       UNDER("b.c.com.example", "COM.example") ","
                       NAME("com.example")), &o);

    is_int(o.n, 2, "two authorizations for four names");

    POST(.by = a, .path = o.authz[0]);
    ok(acme_ca_json_true(env.body, "subdomainAuthAllowed"), "with subdomains");
    is_str(acme_ca_json_string(acme_ca_json_member(env.body, "identifier"),
                               "value"), "com.example", "of the domain");

    POST(.by = a, .path = o.authz[1]);
    ok(acme_ca_json_member(env.body, "subdomainAuthAllowed") == NULL,
       "without");

    pass(a, &o);
    POST(.by = a, .path = o.path);
    is_member("status", "ready", "ready");
    order_free(&o);

    ok(strcmp(order_status(a, ORDER(NAME("z.com.example"))), "ready") == 0,
       "and for orders to come");

    order_new(a, ORDER(UNDER("*.w.example", "w.example")), &o);
    POST(.by = a, .path = o.authz[0]);
    ok(acme_ca_json_true(env.body, "wildcard"), "a wildcard is proven itself");
    order_free(&o);

    POST(.by = a, .path = "new-order",
         .payload = ORDER(UNDER("a.xorg.example", "org.example")));
    refused(400, "malformed", "not an ancestor: labels");
    POST(.by = a, .path = "new-order",
         .payload = ORDER(UNDER("org.example", "org.example")));
    refused(400, "malformed", "not an ancestor: itself");
    POST(.by = a, .path = "new-order",
         .payload = ORDER(UNDER("org.example", "a.org.example")));
    refused(400, "malformed", "not an ancestor: below");
    POST(.by = a, .path = "new-order",
         .payload = ORDER(UNDER("a.org.example", "*.example")));
    refused(400, "malformed", "not an ancestor: a wildcard");
    POST(.by = a, .path = "new-order",
         .payload = ORDER("{\"type\":\"dns\",\"value\":\"a.example\","
                          "\"ancestorDomain\":1}"));
    refused(400, "malformed", "not a string");
    POST(.by = a, .path = "new-order",
         .payload = ORDER("{\"type\":\"ip\",\"value\":\"127.0.0.1\","
                          "\"ancestorDomain\":\"0.0.1\"}"));
    refused(400, "malformed", "not of an address");
}


static void
test_policy(client_t *a)
{
    order_t      o;
    ngx_str_t   *name;
    ngx_array_t *allow;

    allow = ngx_array_create(env.pool, 1, sizeof(ngx_str_t));
    name = ngx_array_push(allow);
    ngx_str_set(name, ".pol.example");
    env.authority.rules.allow_dns = allow;

    POST(.by = a, .path = "new-authz", .payload = BELOW("pol.example"));
    refused(403, "rejectedIdentifier", "no rule allows the domain");

    order_new(a, ORDER(UNDER("a.pol.example", "pol.example")), &o);
    POST(.by = a, .path = o.authz[0]);
    is_str(acme_ca_json_string(acme_ca_json_member(env.body, "identifier"),
                               "value"), "a.pol.example",
           "then the name is proven itself");
    order_free(&o);

    env.authority.rules.allow_dns = NULL;
}


static void
test_memory(client_t *a)
{
    ngx_int_t   i;
    ngx_uint_t  status;

    for (i = 0; i < 5000; i++) {
        env.fail_at = i;
        status = POST(.by = a, .path = "new-authz",
                      .payload = BELOW("mem.example"));

        if (env.fail_at == SHIM_NEVER) {
            break;
        }

        if (status == 201) {
            break;
        }
    }

    env.fail_at = SHIM_NEVER;
    ok(i > 5 && i < 5000, "newAuthz survives %d failed allocations", (int) i);

    for (i = 0; i < 5000; i++) {
        env.fail_at = i;
        status = POST(.by = a, .path = "new-order",
                      .payload = ORDER(UNDER("a.memo.example",
                                             "memo.example")));

        if (env.fail_at == SHIM_NEVER || status == 201) {
            break;
        }
    }

    env.fail_at = SHIM_NEVER;
    ok(i > 5 && i < 5000, "newOrder survives %d failed allocations", (int) i);
}


int
main(void)
{
    client_t  a, b;

    env_open();

    join(&a, "P-256");
    join(&b, "ED25519");

    test_off(&a);
    test_pre(&a, &b);
    test_plain(&a);
    test_ancestor(&a);
    test_policy(&a);
    test_memory(&a);

    client_free(&a);
    client_free(&b);
    env_close();

    return done_testing();
}
