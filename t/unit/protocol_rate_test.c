
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_rate.c (RFC 8555, 6.6): who is counted for what, what a
 * refusal says and spends, and refusals with each allocation failing once.
 */


#include "protocol_order.h"
#include "acme_ca_limit.h"


#define SUBJECTS  1024

#define NAME_N(n)  "{\"type\":\"dns\",\"value\":\"" n ".example\"}"


static void
rate(acme_ca_limit_e limit, ngx_uint_t n)
{
    acme_ca_rate_t  *r;

    memset(env.authority.rates, 0, sizeof(env.authority.rates));

    r = &env.authority.rates[limit];
    r->n = n;
    r->period = 3600;
    r->burst = n;
    ngx_str_set(&r->text, "so many");

    memset((void *) env.authority.limits, 0,
           acme_ca_limit_zone_size(SUBJECTS));

    if (acme_ca_limit_zone_init(env.authority.limits, SUBJECTS, env.now)
        != NGX_OK)
    {
        abort();
    }
}


/* what every refusal says: which limit, of whom, and when again */

static void
limited(const char *limit, const char *whose, const char *what)
{
    refused(429, "rateLimited", "%s", what);
    ok(strstr(member("detail"), limit) && strstr(member("detail"), whose),
       "%s: which", what);
    ok(env.x->reply.retry_after > 0 && env.x->reply.retry_after <= 3600,
       "%s: when again", what);
    ok(audited(limit), "%s: audited", what);
}


static ngx_uint_t
account_from(const char *address)
{
    client_t    c;
    ngx_uint_t  status;

    client_new(&c, "P-256");

    env.address = address;
    status = POST(.by = &c, .jwk = 1, .path = "new-account", .payload = "{}");
    env.address = "192.0.2.1";

    client_free(&c);

    return status;
}


static void
test_accounts(client_t *a)
{
    char         nonce[ACME_CA_NONCE_LEN + 1];
    client_t     c;
    ngx_uint_t   i;

    static const struct {
        const char  *address;
        ngx_uint_t   status;
        const char  *what;
    } rows[] = {
        { "192.0.2.1", 201, "an address" },
        { "192.0.2.1", 429, "the same" },
        { "::ffff:192.0.2.1", 429, "mapped into IPv6" },
        { "192.0.2.2", 201, "the next one" },
        { "2001:db8:0:1::1", 201, "IPv6" },
        { "2001:db8:0:1:ffff::2", 429, "the same /64" },
        { "2001:db8:0:2::1", 201, "the next /64" },
        { "unix:", 201, "a socket without an address" },
        { "unix:", 429, "the same" },
        { "", 201, "no address is one, too" },
        { "", 429, "for all that have none" }
    };

    rate(ACME_CA_LIMIT_NEW_ACCOUNTS, 1);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(account_from(rows[i].address), rows[i].status, "%s",
               rows[i].what);
    }

    client_new(&c, "P-256");
    POST(.by = &c, .jwk = 1, .path = "new-account", .payload = "{}");
    limited("new_accounts", "of the address 192.0.2.1", "new account");

    /* an account that exists is found, and one that does not is not */

    is_int(POST(.by = a, .jwk = 1, .path = "new-account", .payload = "{}"),
           200, "a known key");
    is_int(POST(.by = a, .path = "directory"), 200, "nothing else is limited");

    /* before the signature, and before the nonce is spent */

    acme_ca_nonce_issue(env.nonces, env.now, (u_char *) nonce);
    nonce[ACME_CA_NONCE_LEN] = '\0';

    POST(.by = &c, .jwk = 1, .path = "new-account", .payload = "{}",
         .nonce = nonce, .forged = 1);
    refused(429, "rateLimited", "no signature is checked");
    is_int(POST(.by = a, .path = "directory", .nonce = nonce), 200,
           "no nonce is spent");

    starve("new account", &(post_t) { .by = &c, .jwk = 1,
           .path = "new-account", .payload = "{}" }, 429);

    env.now += 3601;
    is_int(POST(.by = &c, .jwk = 1, .path = "new-account", .payload = "{}"),
           201, "after the time that it was told");
    env.now = NOW;

    client_free(&c);
}


static void
test_orders(client_t *a, client_t *b)
{
    rate(ACME_CA_LIMIT_NEW_ORDERS, 3);

    is_int(POST(.by = a, .path = "new-order", .payload = ORDER(NAME_A)), 201,
           "an order");
    is_int(POST(.by = a, .path = "new-order", .payload = "{}"), 400,
           "one that is refused counts");

    env.authority.pre_authorization = 1;
    is_int(POST(.by = a, .path = "new-authz", .payload = "{\"identifier\":"
                NAME_N("pre") "}"), 201, "an authorization counts");

    POST(.by = a, .path = "new-order", .payload = ORDER(NAME_A));
    limited("new_orders", "of the account", "a fourth one");

    POST(.by = a, .path = "new-authz", .payload = "{\"identifier\":"
         NAME_N("pre") "}");
    limited("new_orders", "of the account", "or an authorization");
    env.authority.pre_authorization = 0;

    is_int(POST(.by = b, .path = "new-order", .payload = ORDER(NAME_A)), 201,
           "another account");
    is_int(POST(.by = a, .path = "directory"), 200, "nothing else is limited");

    starve("new order", &(post_t) { .by = a, .path = "new-order",
           .payload = ORDER(NAME_A) }, 429);
}


/* gate() and accept() count one subject: the account's number */

static void
test_subject(void)
{
    ngx_str_t        subject;
    u_char           buf[NGX_INT64_LEN];
    client_t         c;
    acme_ca_rate_t  *r;

    join(&c, "P-256");

    rate(ACME_CA_LIMIT_NEW_ORDERS, 2);
    r = &env.authority.rates[ACME_CA_LIMIT_NEW_ORDERS];

    subject.data = buf;
    subject.len = ngx_sprintf(buf, "%L", (int64_t)
                              sql("SELECT max(id) FROM acme_accounts")) - buf;

    is_int(acme_ca_limit_take(env.authority.limits, ACME_CA_LIMIT_NEW_ORDERS,
                              r, &subject, env.now), 0, "one elsewhere");
    is_int(POST(.by = &c, .path = "new-order", .payload = ORDER(NAME_A)), 201,
           "one here");
    is_int(POST(.by = &c, .path = "new-order", .payload = ORDER(NAME_A)), 429,
           "none is left");
    is_int(acme_ca_limit_peek(env.authority.limits, ACME_CA_LIMIT_NEW_ORDERS,
                              r, &subject, env.now) > 0, 1, "nor elsewhere");

    client_free(&c);
}


static void
test_failures(client_t *a, client_t *b)
{
    order_t        o;
    acme_ca_job_t  job;

    rate(ACME_CA_LIMIT_FAILED_VALIDATIONS, 1);

    order_new(a, ORDER(NAME_N("f")), &o);
    job = respond(a, &o, 0);
    verdict(&job, ACME_CA_CONNECTION, 0);
    order_free(&o);

    POST(.by = a, .path = "new-order", .payload = ORDER(NAME_N("f")));
    limited("failed_validations", "of the account for \"f.example\"",
            "the name that failed");
    POST(.by = a, .path = "new-order",
         .payload = ORDER(NAME_N("g") "," NAME_N("f")));
    limited("failed_validations", "\"f.example\"", "among others");

    is_int(POST(.by = a, .path = "new-order", .payload = ORDER(NAME_N("g"))),
           201, "another name");
    is_int(POST(.by = b, .path = "new-order", .payload = ORDER(NAME_N("f"))),
           201, "another account");

    env.authority.pre_authorization = 1;
    POST(.by = a, .path = "new-authz",
         .payload = "{\"identifier\":" NAME_N("f") "}");
    limited("failed_validations", "\"f.example\"", "nor by newAuthz");
    env.authority.pre_authorization = 0;

    starve("a name that failed", &(post_t) { .by = a, .path = "new-order",
           .payload = ORDER(NAME_N("f")) }, 429);
}


static void
test_certificates(client_t *a, client_t *b)
{
    char      *der;
    order_t    o, ready;
    client_t   key;

    client_new(&key, "P-256");

    rate(ACME_CA_LIMIT_CERTIFICATES, 1);

    order_new(a, ORDER(NAME_A "," NAME_B), &ready);
    pass(a, &ready);

    der = issue(a, ORDER(NAME_A "," NAME_B), "DNS:a.example,DNS:b.example",
                key.key, &o);
    order_free(&o);
    free(der);

    /* the same set in any order, whoever asks for it */

    POST(.by = a, .path = "new-order", .payload = ORDER(NAME_B "," NAME_A));
    limited("certificates", "for this set of names", "the same set");
    is_int(POST(.by = b, .path = "new-order",
                .payload = ORDER(NAME_A "," NAME_B)), 429, "whoever asks");
    is_int(POST(.by = a, .path = "new-order", .payload = ORDER(NAME_A)), 201,
           "a part of it");
    is_int(POST(.by = a, .path = "new-order",
                .payload = ORDER(NAME_A "," NAME_B "," NAME_N("c"))), 201,
           "more than it");

    /* an order of before */

    is_int(finalize(a, &ready, key.key, "DNS:a.example,DNS:b.example"), 429,
           "at finalize");
    limited("certificates", "for this set of names", "at finalize");
    POST(.by = a, .path = ready.path);
    is_member("status", "ready", "the order waits");
    env.now += 3601;
    is_int(finalize(a, &ready, key.key, "DNS:a.example,DNS:b.example"), 200,
           "and is finalized later");
    env.now = NOW;

    starve("a set of names", &(post_t) { .by = b, .path = "new-order",
           .payload = ORDER(NAME_A "," NAME_B) }, 429);

    order_free(&ready);
    client_free(&key);
}


static void
test_none(client_t *a)
{
    ngx_uint_t             i, bad;
    acme_ca_limit_zone_t  *zone;

    rate(ACME_CA_LIMIT_NEW_ORDERS, 1);

    zone = env.authority.limits;
    env.authority.limits = NULL;
    bad = 0;

    for (i = 0; i < 5; i++) {
        bad += POST(.by = a, .path = "new-order", .payload = ORDER(NAME_A))
               != 201;
    }

    is_int(bad, 0, "without a zone nothing is counted");
    env.authority.limits = zone;
}


int
main(void)
{
    client_t  a, b;

    env_open();

    join(&a, "P-256");
    join(&b, "P-256");

    env.authority.limits = aligned_alloc(64,
                               (acme_ca_limit_zone_size(SUBJECTS) + 63) & ~63);

    test_accounts(&a);
    test_orders(&a, &b);
    test_subject();
    test_failures(&a, &b);
    test_certificates(&a, &b);
    test_none(&a);

    free((void *) env.authority.limits);

    client_free(&a);
    client_free(&b);
    env_close();

    return done_testing();
}
