
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * base/: identifiers, problems, states, profiles.
 */


#include "context.h"
#include "tap.h"

#include "acme_ca_authority.h"
#include "acme_ca_json.h"
#include "acme_ca_text.h"


static void test_dns(acme_ca_ctx_t *ctx);
static void test_dns_refused(acme_ca_ctx_t *ctx);
static void test_dns_alabels(acme_ca_ctx_t *ctx);
static void test_dns_lengths(acme_ca_ctx_t *ctx);
static void test_ip(acme_ca_ctx_t *ctx);
static void test_from_csr(acme_ca_ctx_t *ctx);
static void test_set(acme_ca_ctx_t *ctx);
static void test_states(void);
static void test_statuses(void);
static void test_problem_names(void);
static void test_problem(acme_ca_ctx_t *ctx);
static void test_problem_text(acme_ca_ctx_t *ctx);
static void test_subproblems(acme_ca_ctx_t *ctx);
static void test_profiles(void);
static void test_memory(void);


int
main(void)
{
    acme_ca_ctx_t  ctx;

    test_context(&ctx);

    test_dns(&ctx);
    test_dns_refused(&ctx);
    test_dns_alabels(&ctx);
    test_dns_lengths(&ctx);
    test_ip(&ctx);
    test_from_csr(&ctx);
    test_set(&ctx);
    test_states();
    test_statuses();
    test_problem_names();
    test_problem(&ctx);
    test_problem_text(&ctx);
    test_subproblems(&ctx);
    test_profiles();

    ngx_destroy_pool(ctx.pool);

    test_memory();

    return done_testing();
}


static ngx_int_t
test_parse(acme_ca_ctx_t *ctx, const char *type, const char *value,
    acme_ca_identifier_t *id)
{
    ngx_str_t  t, v;

    t.data = (u_char *) type;
    t.len = strlen(type);
    v.data = (u_char *) value;
    v.len = strlen(value);

    ctx->problem = NULL;

    return acme_ca_identifier_parse(ctx, &t, &v, id);
}


static void
test_dns(acme_ca_ctx_t *ctx)
{
    size_t                i;
    ngx_str_t             name;
    acme_ca_identifier_t  id;

    static const struct {
        const char  *text;
        const char  *value;
        ngx_uint_t   wildcard;
    } good[] = {
        { "example.com", "example.com", 0 },
        { "WwW.ExAmPlE.CoM", "www.example.com", 0 },
        { "*.Example.com", "example.com", 1 },
        { "localhost", "localhost", 0 },
        { "a", "a", 0 },
        { "XN--Bcher-KVA.example", "xn--bcher-kva.example", 0 },
        { "xn--fiqs8s", "xn--fiqs8s", 0 },
        { "a.xn--e1afmkfd.xn--p1ai", "a.xn--e1afmkfd.xn--p1ai", 0 },
        { "*.xn--strae-oqa.example", "xn--strae-oqa.example", 1 },
        { "xn--a-ecp.ru", "xn--a-ecp.ru", 0 },
        { "xn--mgbh0fb.example", "xn--mgbh0fb.example", 0 },
        { "xn--i-7iq.example", "xn--i-7iq.example", 0 },
        { "xn--6a.example", "xn--6a.example", 0 },
        { "xn--0y0c.example", "xn--0y0c.example", 0 },
        { "xn--dn32g.example", "xn--dn32g.example", 0 },
        { "xn.example", "xn.example", 0 },
        { "xn-a.example", "xn-a.example", 0 },
        { "1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa", 0 },
        { "3com.com", "3com.com", 0 },
        { "a-b.c--d.1a", "a-b.c--d.1a", 0 },
        { "0x7f.com", "0x7f.com", 0 },
        { "host.0xg", "host.0xg", 0 },
        { "host.0x-f", "host.0x-f", 0 },
        { "host.x0f", "host.x0f", 0 }
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_int(test_parse(ctx, "dns", good[i].text, &id), NGX_OK,
               "dns \"%s\"", good[i].text);
        is_str(&id.value, good[i].value, "is \"%s\"", good[i].value);
        is_int(id.wildcard, good[i].wildcard, "a wildcard or not");
        is_int(id.type, ACME_CA_IDENTIFIER_DNS, "of type dns");
    }

    is_int(test_parse(ctx, "dns", "*.Example.com", &id), NGX_OK, "a wildcard");
    is_int(acme_ca_identifier_name(ctx->pool, &id, &name), NGX_OK, "named");
    is_str(&name, "*.example.com", "with its star");

    is_int(test_parse(ctx, "dns", "Example.com", &id), NGX_OK, "a host");
    is_int(acme_ca_identifier_name(ctx->pool, &id, &name), NGX_OK, "named");
    is_str(&name, "example.com", "without one");
}


static void
test_dns_refused(acme_ca_ctx_t *ctx)
{
    size_t                i;
    acme_ca_identifier_t  id;

    static const char  *bad[] = {
        "", ".", "..", "example.com.", ".example.com", "a..b", "-a.com",
        "a-.com", "a.-b", "a.b-", "a_b.com", "_acme-challenge.example.com",
        "a b.com", "a.com\n", "a,b.com", "a/b.com", "a:b", "a@b.com",
        ("b\xc3\xbc" "cher.example"), "*", "*.", "**.a.com", "*a.com",
        "a.*.com", "*.*.com", "a.*", "10.0.0.5", "2130706433", "1.2.3",
        "127.1", "0x7f.1", "0x7f000001", "127.0.0.0x1", "0177.0.0.1", "a.0x",
        "example.123", "a.1-2", "*.1.2.3.4", "a.0XFF", "[::1]", "::1",
        "example.com/", "http://example.com", "example.com:443", "a.com\\b"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(test_parse(ctx, "dns", bad[i], &id), NGX_ABORT, "not dns %d",
               (int) i);
        is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed: %s",
               ctx->problem->detail.data);
    }

    is_int(test_parse(ctx, "DNS", "a.com", &id), NGX_ABORT, "type DNS");
    is_int(ctx->problem->type, ACME_CA_UNSUPPORTED_IDENTIFIER, "unsupported");
    is_int(test_parse(ctx, "email", "a@a.com", &id), NGX_ABORT, "type email");
    is_int(ctx->problem->type, ACME_CA_UNSUPPORTED_IDENTIFIER, "unsupported");

    is_int(acme_ca_identifier_from_dns(ctx->pool, (u_char *) "a.com\0.b.com",
                                       12, &id),
           NGX_DECLINED, "a NUL in a certificate request");
}


/* RFC 8555, 7.1.4; RFC 3492, 5 and 6.2: what follows "xn--" is Punycode */

static void
test_dns_alabels(acme_ca_ctx_t *ctx)
{
    size_t                i;
    acme_ca_identifier_t  id;

    static const char  *bad[] = {
        "xn--.example",              /* nothing */
        "a.xn--",
        "xn--abc-.example",          /* nothing but ASCII */
        "xn---abc.example",          /* a delimiter behind nothing */
        "xn--a.example",             /* U+0080 */
        "xn--a-9.example",           /* a number that does not end */
        "xn--99999999.example",
        "xn--en32g.example",         /* U+110000 */
        "xn--99999999999999999999999a.example",
        "xn--g7h-.example",
        "xn--5a.example",            /* U+009F */
        "xn--ib9b.example",          /* U+D800, a half of a pair */
        "xn--zy0c.example"           /* U+DFFF */
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(test_parse(ctx, "dns", bad[i], &id), NGX_ABORT,
               "no A-label: %s", bad[i]);
        is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed");
    }
}


static void
test_dns_lengths(acme_ca_ctx_t *ctx)
{
    char                  name[300];
    acme_ca_identifier_t  id;

    ngx_memset(name, 'a', sizeof(name));

    name[63] = '\0';
    is_int(test_parse(ctx, "dns", name, &id), NGX_OK, "a label of 63");
    name[63] = 'a';
    name[64] = '\0';
    is_int(test_parse(ctx, "dns", name, &id), NGX_ABORT, "a label of 64");

    name[64] = 'a';
    name[60] = name[120] = name[180] = name[240] = '.';

    name[253] = '\0';
    is_int(test_parse(ctx, "dns", name, &id), NGX_OK, "a name of 253");
    name[253] = 'a';
    name[254] = '\0';
    is_int(test_parse(ctx, "dns", name, &id), NGX_ABORT, "a name of 254");

    name[0] = '*';
    name[1] = '.';
    name[253] = '\0';
    is_int(test_parse(ctx, "dns", name, &id), NGX_OK, "a wildcard of 253");
    is_int(id.value.len, 251, "is shorter by its star");
}


static void
test_ip(acme_ca_ctx_t *ctx)
{
    size_t                i;
    acme_ca_identifier_t  id;

    static const char  *good[][2] = {
        { "10.0.0.5", "10.0.0.5" },
        { "255.255.255.255", "255.255.255.255" },
        { "::1", "::1" },
        { "2001:db8::1", "2001:db8::1" },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "fe80::1", "fe80::1" },
        { "1:0:0:2::3", "1:0:0:2::3" },
        { "::", "::" }
    };

    static const char  *bad[] = {
        "", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1.", "10.0.0.1/8",
        " 10.0.0.1", "10.0.0.1 ", "0x7f.0.0.1", "2130706433", ":", ":::",
        "1::2::3", "fe80::1%eth0", "[::1]", "::ffff:10.0.0.1", "::ffff:a00:1",
        "g::1", "12345::", "1:2:3:4:5:6:7:8:9", "localhost",
        "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:db8::0001",
        "2001:db8::1:1:1:1:1", "1::2:0:0:0:3",
        "00000000000000000000000000000000000000000000001"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_int(test_parse(ctx, "ip", good[i][0], &id), NGX_OK, "ip %s",
               good[i][0]);
        is_str(&id.value, good[i][1], "is %s", good[i][1]);
        is_int(id.address_len, strchr(good[i][0], ':') ? 16 : 4, "its length");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(test_parse(ctx, "ip", bad[i], &id), NGX_ABORT, "not ip \"%s\"",
               bad[i]);
        is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed: %s",
               ctx->problem->detail.data);
    }
}


static void
test_from_csr(acme_ca_ctx_t *ctx)
{
    u_char                address[16];
    ngx_str_t             spelled = ngx_string("2001:DB8:0::1");
    acme_ca_identifier_t  id;

    is_int(acme_ca_identifier_from_dns(ctx->pool, (u_char *) "A.example", 9,
                                       &id),
           NGX_OK, "a dNSName");
    is_str(&id.value, "a.example", "made canonical");
    is_int(acme_ca_identifier_from_dns(ctx->pool, (u_char *) "a.example.", 10,
                                       &id),
           NGX_DECLINED, "but no dot at the end");

    ngx_memzero(address, 16);
    address[15] = 1;

    is_int(acme_ca_identifier_from_address(ctx->pool, address, 16, &id),
           NGX_OK, "an iPAddress of 16 bytes");
    is_str(&id.value, "::1", "written");
    is_int(acme_ca_identifier_from_text(ctx->pool, &spelled, &id), NGX_OK,
           "an address in capitals");
    is_str(&id.value, "2001:db8::1", "made canonical");
    is_int(acme_ca_identifier_from_address(ctx->pool, address + 12, 4, &id),
           NGX_OK, "one of 4");
    is_str(&id.value, "0.0.0.1", "written");
    is_int(acme_ca_identifier_from_address(ctx->pool, address, 8, &id),
           NGX_DECLINED, "none of 8: an address with a mask");

    address[10] = address[11] = 0xff;
    is_int(acme_ca_identifier_from_address(ctx->pool, address, 16, &id),
           NGX_DECLINED, "no v4-mapped one");
}


static void
test_set(acme_ca_ctx_t *ctx)
{
    size_t                i;
    ngx_str_t             name;
    acme_ca_identifier_t  ids[6];

    static const char  *in[][2] = {
        { "ip", "10.0.0.1" }, { "dns", "b.example" }, { "dns", "*.a.example" },
        { "dns", "a.example" }, { "dns", "a.exampl" }, { "dns", "a" }
    };

    static const char  *out[] = {
        "a", "a.exampl", "a.example", "*.a.example", "b.example", "10.0.0.1"
    };

    for (i = 0; i < 6; i++) {
        is_int(test_parse(ctx, in[i][0], in[i][1], &ids[i]), NGX_OK, "%s",
               in[i][1]);
    }

    ngx_qsort(ids, 6, sizeof(ids[0]), acme_ca_identifier_cmp);

    for (i = 0; i < 6; i++) {
        (void) acme_ca_identifier_name(ctx->pool, &ids[i], &name);
        is_str(&name, out[i], "sorted %d", (int) i);
    }

    is_int(acme_ca_identifier_cmp(&ids[2], &ids[2]), 0, "equal to itself");
}


/* the whole machine again, as a text: RFC 8555, 7.1.6 */

static void
test_states(void)
{
    size_t            i, n;
    ngx_int_t         rc;
    acme_ca_event_e   event;
    acme_ca_status_e  from, to;
    acme_ca_machine_e machine;

    static const struct {
        acme_ca_machine_e  machine;
        acme_ca_status_e   from;
        acme_ca_event_e    event;
        acme_ca_status_e   to;
    } legal[] = {
        { ACME_CA_MACHINE_CHALLENGE, ACME_CA_PENDING, ACME_CA_EVENT_RESPOND,
          ACME_CA_PROCESSING },
        { ACME_CA_MACHINE_CHALLENGE, ACME_CA_PROCESSING, ACME_CA_EVENT_PASS,
          ACME_CA_VALID },
        { ACME_CA_MACHINE_CHALLENGE, ACME_CA_PROCESSING, ACME_CA_EVENT_FAIL,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_PENDING, ACME_CA_EVENT_PASS,
          ACME_CA_VALID },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_PENDING, ACME_CA_EVENT_FAIL,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_PENDING, ACME_CA_EVENT_DEACTIVATE,
          ACME_CA_DEACTIVATED },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_PENDING, ACME_CA_EVENT_EXPIRE,
          ACME_CA_EXPIRED },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_PENDING, ACME_CA_EVENT_REVOKE,
          ACME_CA_REVOKED },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_VALID, ACME_CA_EVENT_DEACTIVATE,
          ACME_CA_DEACTIVATED },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_VALID, ACME_CA_EVENT_EXPIRE,
          ACME_CA_EXPIRED },
        { ACME_CA_MACHINE_AUTHZ, ACME_CA_VALID, ACME_CA_EVENT_REVOKE,
          ACME_CA_REVOKED },
        { ACME_CA_MACHINE_ORDER, ACME_CA_PENDING, ACME_CA_EVENT_PASS,
          ACME_CA_READY },
        { ACME_CA_MACHINE_ORDER, ACME_CA_PENDING, ACME_CA_EVENT_FAIL,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_ORDER, ACME_CA_PENDING, ACME_CA_EVENT_EXPIRE,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_ORDER, ACME_CA_READY, ACME_CA_EVENT_FINALIZE,
          ACME_CA_PROCESSING },
        { ACME_CA_MACHINE_ORDER, ACME_CA_READY, ACME_CA_EVENT_ISSUE,
          ACME_CA_VALID },
        { ACME_CA_MACHINE_ORDER, ACME_CA_READY, ACME_CA_EVENT_FAIL,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_ORDER, ACME_CA_READY, ACME_CA_EVENT_EXPIRE,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_ORDER, ACME_CA_PROCESSING, ACME_CA_EVENT_ISSUE,
          ACME_CA_VALID },
        { ACME_CA_MACHINE_ORDER, ACME_CA_PROCESSING, ACME_CA_EVENT_FAIL,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_ORDER, ACME_CA_PROCESSING, ACME_CA_EVENT_EXPIRE,
          ACME_CA_INVALID },
        { ACME_CA_MACHINE_ACCOUNT, ACME_CA_VALID, ACME_CA_EVENT_DEACTIVATE,
          ACME_CA_DEACTIVATED },
        { ACME_CA_MACHINE_ACCOUNT, ACME_CA_VALID, ACME_CA_EVENT_REVOKE,
          ACME_CA_REVOKED },
        { ACME_CA_MACHINE_CERTIFICATE, ACME_CA_VALID, ACME_CA_EVENT_REVOKE,
          ACME_CA_REVOKED }
    };

    for (i = 0; i < sizeof(legal) / sizeof(legal[0]); i++) {
        rc = acme_ca_state_next(legal[i].machine, legal[i].from,
                                legal[i].event, &to);
        ok(rc == NGX_OK && to == legal[i].to, "transition %d", (int) i);
    }

    n = 0;

    for (machine = 0; machine < ACME_CA_MACHINE_N; machine++) {
        for (from = 0; from < ACME_CA_STATUS_N; from++) {
            for (event = 0; event < ACME_CA_EVENT_N; event++) {
                rc = acme_ca_state_next(machine, from, event, &to);
                n += rc == NGX_OK;
            }
        }
    }

    is_int(n, sizeof(legal) / sizeof(legal[0]), "and no others");
}


static void
test_statuses(void)
{
    ngx_int_t         rc;
    ngx_str_t         text;
    acme_ca_status_e  i, status;

    for (i = 0; i < ACME_CA_STATUS_N; i++) {
        text = acme_ca_statuses[i];
        rc = acme_ca_status_parse(&text, &status);
        ok(rc == NGX_OK && status == i, "status %s", text.data);
    }

    ngx_str_set(&text, "Valid");
    is_int(acme_ca_status_parse(&text, &status), NGX_DECLINED, "no status");
    ngx_str_set(&text, "");
    is_int(acme_ca_status_parse(&text, &status), NGX_DECLINED, "nor that");
}


/* RFC 8555, 6.7, table 1; RFC 9773 and profiles come with their features */

static void
test_problem_names(void)
{
    size_t                  i;
    acme_ca_problem_type_e  type;

    static const char  *names[] = {
        "accountDoesNotExist", "alreadyReplaced", "alreadyRevoked", "badCSR",
        "badNonce", "badPublicKey", "badRevocationReason",
        "badSignatureAlgorithm", "caa", "compound",
        "connection", "dns", "externalAccountRequired",
        "incorrectResponse", "invalidContact", "malformed", "orderNotReady",
        "rateLimited", "rejectedIdentifier", "serverInternal", "tls",
        "unauthorized", "unsupportedContact", "unsupportedIdentifier",
        "userActionRequired", "invalidProfile"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (type = 0; type < ACME_CA_PROBLEM_N; type++) {
            if (strcmp(acme_ca_problem_name(type), names[i]) == 0) {
                break;
            }
        }

        ok(type < ACME_CA_PROBLEM_N, "%s is there", names[i]);
    }

    for (type = 0; type < ACME_CA_PROBLEM_N; type++) {
        for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strcmp(acme_ca_problem_name(type), names[i]) == 0) {
                break;
            }
        }

        ok(i < sizeof(names) / sizeof(names[0])
           && acme_ca_problem_status(type) >= 400
           && acme_ca_problem_status(type) <= 503,
           "%s is one of them, with a status", acme_ca_problem_name(type));
    }
}


static void
test_problem(acme_ca_ctx_t *ctx)
{
    ngx_str_t  text;

    ctx->problem = NULL;
    is_int(acme_ca_refuse(ctx, ACME_CA_BAD_CSR, "key of %ui bits",
                          (ngx_uint_t) 512),
           NGX_ABORT, "refused");
    is_int(acme_ca_problem_write(ctx->pool, ctx->problem, &text), NGX_OK,
           "written");
    is_str(&text, "{\"type\":\"urn:ietf:params:acme:error:badCSR\","
           "\"detail\":\"key of 512 bits\",\"status\":400}", "the document");

    is_int(acme_ca_refuse(ctx, ACME_CA_BAD_SIGNATURE_ALGORITHM, NULL),
           NGX_ABORT, "refused anew");
    ngx_str_set(&ctx->problem->request_id, "abc");
    is_int(acme_ca_problem_write(ctx->pool, ctx->problem, &text), NGX_OK,
           "written");
    is_str(&text, "{\"type\":\"urn:ietf:params:acme:error:"
           "badSignatureAlgorithm\","
           "\"detail\":\"the signature algorithm is not supported\","
           "\"status\":400,\"algorithms\":" ACME_CA_ALGORITHMS ","
           "\"requestId\":\"abc\"}", "with the algorithms and the id");
}


/* what a client sent stands in details: it never breaks the document */

static void
test_problem_text(acme_ca_ctx_t *ctx)
{
    char             value[5000];
    ngx_str_t        text, evil;
    acme_ca_json_t  *v;

    evil.data = (u_char *) value;
    evil.len = sizeof(value);
    ngx_memset(value, '"', sizeof(value));
    ngx_memcpy(value, "\xe2\x82\x00\x1f\\", 5);

    is_int(acme_ca_refuse(ctx, ACME_CA_MALFORMED, "\"%V\"", &evil), NGX_ABORT,
           "a detail that is too long and no UTF-8");
    is_int(acme_ca_problem_write(ctx->pool, ctx->problem, &text), NGX_OK,
           "written");
    ok(text.len < 10000, "cut");

    ctx->problem = NULL;

    /* our own parser does not like the NUL, all others do */

    is_int(acme_ca_json_parse(ctx, "document", &text, &v), NGX_ABORT,
           "U+0000");
    ok(ngx_strstr(ctx->problem->detail.data, "U+0000") != NULL,
       "is all that is wrong with it");
}


static void
test_subproblems(acme_ca_ctx_t *ctx)
{
    ngx_str_t  text, dns = ngx_string("dns"), a = ngx_string("a.example"),
               b = ngx_string("b.example");

    ctx->problem = NULL;
    is_int(acme_ca_refuse_identifier(ctx, ACME_CA_REJECTED_IDENTIFIER, &dns,
                                     &a, "no %V", &a),
           NGX_ABORT, "a subproblem");
    is_int(acme_ca_refuse_identifier(ctx, ACME_CA_CAA, &dns, &b, NULL),
           NGX_ABORT, "another");
    is_int(acme_ca_problem_write(ctx->pool, ctx->problem, &text), NGX_OK,
           "written");
    is_str(&text, "{\"type\":\"urn:ietf:params:acme:error:compound\","
           "\"detail\":\"several errors, see subproblems\",\"status\":400,"
           "\"subproblems\":["
           "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\","
           "\"detail\":\"no a.example\","
           "\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}},"
           "{\"type\":\"urn:ietf:params:acme:error:caa\","
           "\"detail\":\"CAA records forbid issuance\","
           "\"identifier\":{\"type\":\"dns\",\"value\":\"b.example\"}}]}",
           "in order");
}


static void
test_profiles(void)
{
    ngx_str_t            name;
    acme_ca_profile_t    profiles[2];
    acme_ca_authority_t  authority;

    ngx_memzero(&authority, sizeof(authority));
    ngx_memzero(profiles, sizeof(profiles));
    ngx_str_set(&profiles[0].name, "default");
    ngx_str_set(&profiles[1].name, "short");

    authority.profiles.elts = profiles;
    authority.profiles.nelts = 2;
    authority.default_profile = &profiles[0];

    ngx_str_set(&name, "short");
    ok(acme_ca_authority_profile(&authority, &name) == &profiles[1], "named");
    ngx_str_set(&name, "");
    ok(acme_ca_authority_profile(&authority, &name) == &profiles[0],
       "not named");
    ngx_str_set(&name, "shor");
    ok(acme_ca_authority_profile(&authority, &name) == NULL, "absent");
}


static void
test_memory(void)
{
    ngx_int_t             n, rc;
    ngx_str_t             text, dns = ngx_string("dns"), name,
                          star = ngx_string("*.example");
    acme_ca_ctx_t         ctx;
    acme_ca_identifier_t  id;

    rc = NGX_ERROR;

    for (n = 0; rc != NGX_OK && n < 100; n++) {
        test_context(&ctx);
        shim_fail_at(n);

        rc = acme_ca_identifier_parse(&ctx, &dns, &star, &id);

        if (rc == NGX_OK) {
            rc = acme_ca_identifier_name(ctx.pool, &id, &name);
        }

        if (rc == NGX_OK) {
            rc = acme_ca_refuse_identifier(&ctx, ACME_CA_CAA, &dns, &name,
                                           "%V", &name);
        }

        if (rc == NGX_ABORT) {
            rc = acme_ca_problem_write(ctx.pool, ctx.problem, &text);
        }

        shim_fail_at(SHIM_NEVER);
        ngx_destroy_pool(ctx.pool);
    }

    is_int(rc, NGX_OK, "every allocation failed once, %d of them", (int) n);
}
