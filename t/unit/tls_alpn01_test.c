
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_tls_alpn01.c: server names, and certificates that differ
 * from the right one in one thing each.
 */


#include <stdlib.h>

#include "tap.h"
#include "pki.h"

#include "acme_ca_tls_alpn01.h"


#define ANSWER  "token.thumbprint"


typedef enum {
    VALUE_GOOD = 0,
    VALUE_OTHER,
    VALUE_SHORT,
    VALUE_LONG,
    VALUE_TRAILING,
    VALUE_RAW,
    VALUE_BER,
    VALUE_EMPTY
} value_e;


typedef struct {
    const char  *what;
    int          bits;         /* 0: a.example, 32, 128: addresses */
    ngx_str_t    names;        /* content of subjectAltName */
    int          names_n;      /* how often the extensions are there */
    int          digest_n;
    const char  *critical;     /* DER */
    value_e      value;
    const char  *fault;        /* NULL: passes */
} judge_test_t;


static void test_server_name(void);
static void test_judge(void);
static void test_structure(void);
static void test_bytes(void);
static void test_memory(void);
static void test_identifier(ngx_pool_t *pool, int bits,
    acme_ca_identifier_t *identifier);
static ngx_str_t test_value(ngx_pool_t *pool, value_e value);
static ngx_str_t test_extensions(ngx_pool_t *pool, const judge_test_t *test);
static ngx_str_t test_certificate(ngx_pool_t *pool, ngx_str_t before,
    ngx_str_t extensions);
static ngx_int_t test_judged(acme_ca_ctx_t *ctx, int bits, ngx_str_t der);


#define CRITICAL  "\x01\x01\xff"
#define A         "\x82\x09" "a.example"
#define V4        "\x87\x04\x7f\x00\x00\x01"
#define ZEROS     "\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define V6        "\x87\x10" ZEROS "\0\0\x01"


static const judge_test_t  judges[] = {
    { "right", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_GOOD, NULL },
    { "either case", 0, ngx_string("\x82\x09" "A.eXAMPLE"), 1, 1, CRITICAL,
      VALUE_GOOD, NULL },
    { "IPv4", 32, ngx_string(V4), 1, 1, CRITICAL, VALUE_GOOD, NULL },
    { "IPv6", 128, ngx_string(V6), 1, 1, CRITICAL, VALUE_GOOD, NULL },

    { "no names", 0, ngx_string(A), 0, 1, CRITICAL, VALUE_GOOD,
      "no subjectAltName" },
    { "names twice", 0, ngx_string(A), 2, 1, CRITICAL, VALUE_GOOD,
      "more than one subjectAltName" },
    { "empty list", 0, ngx_string(""), 1, 1, CRITICAL, VALUE_GOOD,
      "without an entry" },
    { "cut entry", 0, ngx_string("\x82\x09" "a.exampl"), 1, 1, CRITICAL,
      VALUE_GOOD, "without an entry" },
    { "two entries", 0, ngx_string(A A), 1, 1, CRITICAL, VALUE_GOOD,
      "more than one entry" },
    { "rubbish behind", 0, ngx_string(A "\0"), 1, 1, CRITICAL, VALUE_GOOD,
      "more than one entry" },
    { "an address beside", 0, ngx_string(A V4), 1, 1, CRITICAL, VALUE_GOOD,
      "more than one entry" },
    { "another name", 0, ngx_string("\x82\x09" "b.example"), 1, 1, CRITICAL,
      VALUE_GOOD, "another name" },
    { "a longer name", 0, ngx_string("\x82\x0a" "a.example."), 1, 1, CRITICAL,
      VALUE_GOOD, "another name" },
    { "a name with NUL", 0, ngx_string("\x82\x0b" "a.example\0b"), 1, 1,
      CRITICAL, VALUE_GOOD, "another name" },
    { "an empty name", 0, ngx_string("\x82\0"), 1, 1, CRITICAL, VALUE_GOOD,
      "another name" },
    { "a mail address", 0, ngx_string("\x81\x09" "a.example"), 1, 1, CRITICAL,
      VALUE_GOOD, "no dNSName" },
    { "an address for a name", 0, ngx_string(V4), 1, 1, CRITICAL, VALUE_GOOD,
      "no dNSName" },
    { "a name for an address", 32, ngx_string("\x82\x09" "127.0.0.1"), 1, 1,
      CRITICAL, VALUE_GOOD, "no iPAddress" },
    { "another address", 32, ngx_string("\x87\x04\x7f\0\0\2"), 1, 1, CRITICAL,
      VALUE_GOOD, "another address" },
    { "IPv6 for IPv4", 32, ngx_string(V6), 1, 1, CRITICAL, VALUE_GOOD,
      "another address" },
    { "an address and a mask", 32, ngx_string("\x87\x08\x7f\0\0\1\xff\xff\xff"
      "\xff"), 1, 1, CRITICAL, VALUE_GOOD, "another address" },

    { "no digest", 0, ngx_string(A), 1, 0, CRITICAL, VALUE_GOOD,
      "no acmeIdentifier" },
    { "digest twice", 0, ngx_string(A), 1, 2, CRITICAL, VALUE_GOOD,
      "more than one acmeIdentifier" },
    { "not critical", 0, ngx_string(A), 1, 1, "", VALUE_GOOD,
      "not critical" },
    { "critical: false", 0, ngx_string(A), 1, 1, "\x01\x01", VALUE_GOOD,
      "not critical" },
    { "critical: almost", 0, ngx_string(A), 1, 1, "\x01\x01\x01", VALUE_GOOD,
      "not critical" },
    { "other digest", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_OTHER,
      "another key authorization" },
    { "31 bytes", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_SHORT,
      "no SHA-256 digest" },
    { "33 bytes", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_LONG,
      "no SHA-256 digest" },
    { "bytes behind", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_TRAILING,
      "no SHA-256 digest" },
    { "no OCTET STRING", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_RAW,
      "no SHA-256 digest" },
    { "BER", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_BER,
      "no SHA-256 digest" },
    { "empty digest", 0, ngx_string(A), 1, 1, CRITICAL, VALUE_EMPTY,
      "no SHA-256 digest" }
};


int
main(void)
{
    test_server_name();
    test_judge();
    test_structure();
    test_bytes();
    test_memory();

    return done_testing();
}


static void
test_server_name(void)
{
    ngx_str_t              name;
    acme_ca_ctx_t          ctx;
    acme_ca_identifier_t   id;
    u_char                 v4[4] = { 203, 0, 113, 5 };
    u_char                 v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

    pki_start(&ctx);

    test_identifier(ctx.pool, 0, &id);
    (void) acme_ca_tls_alpn01_server_name(ctx.pool, &id, &name);
    is_str(&name, "a.example", "a name");
    is_int(name.data[name.len], 0, "NUL terminated");

    (void) acme_ca_identifier_from_address(ctx.pool, v4, 4, &id);
    (void) acme_ca_tls_alpn01_server_name(ctx.pool, &id, &name);
    is_str(&name, "5.113.0.203.in-addr.arpa", "IPv4");

    /* RFC 8738, 6 */

    (void) acme_ca_identifier_from_address(ctx.pool, v6, 16, &id);
    (void) acme_ca_tls_alpn01_server_name(ctx.pool, &id, &name);
    is_str(&name, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0."
           "1.0.0.2.ip6.arpa", "IPv6");
    is_int(name.data[name.len], 0, "NUL terminated");

    pki_stop(&ctx);
}


static void
test_judge(void)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    acme_ca_ctx_t        ctx;
    const judge_test_t  *test;

    for (i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
        test = &judges[i];

        pki_start(&ctx);

        rc = test_judged(&ctx, test->bits,
                         test_certificate(ctx.pool, pki_lit(""),
                                          test_extensions(ctx.pool, test)));

        if (test->fault == NULL) {
            is_int(rc, NGX_OK, "%s", test->what);

        } else if (is_int(rc, NGX_ABORT, "%s", test->what)) {
            is_int(ctx.problem->type, ACME_CA_INCORRECT_RESPONSE, "its type");
            ok(memmem(ctx.problem->detail.data, ctx.problem->detail.len,
                      test->fault, strlen(test->fault)),
               "its detail: %.*s", (int) ctx.problem->detail.len,
               ctx.problem->detail.data);
        }

        pki_stop(&ctx);
    }
}


static void
test_structure(void)
{
    ngx_str_t      der, extensions;
    acme_ca_ctx_t  ctx;

    pki_start(&ctx);

    is_int(test_judged(&ctx, 0, pki_lit("")), NGX_ABORT, "no certificate");
    is_str(&ctx.problem->detail, "10.0.0.5:443 presented no certificate",
           "says so");

    extensions = test_extensions(ctx.pool, &judges[0]);

    der = test_certificate(ctx.pool, pki_lit("\x81\1\0" "\x82\1\0"),
                           extensions);
    is_int(test_judged(&ctx, 0, der), NGX_OK, "unique identifiers");

    der = test_certificate(ctx.pool, pki_lit(""), pki_lit(""));
    is_int(test_judged(&ctx, 0, der), NGX_ABORT, "no extensions");

    der = test_certificate(ctx.pool, pki_lit(""),
                           pki_cat(ctx.pool, extensions, pki_lit("\x30\0")));
    is_int(test_judged(&ctx, 0, der), NGX_ABORT, "an empty extension");

    der = test_certificate(ctx.pool, pki_lit(""), extensions);
    der = pki_cat(ctx.pool, der, pki_lit("\0"));
    is_int(test_judged(&ctx, 0, der), NGX_ABORT, "bytes behind");

    pki_stop(&ctx);
}


/* cut anywhere it is malformed; changed anywhere it does no harm */

static void
test_bytes(void)
{
    u_char         *copy;
    ngx_str_t       der, part;
    ngx_int_t       rc;
    ngx_uint_t      i, bad;
    acme_ca_ctx_t   ctx;

    pki_start(&ctx);

    der = test_certificate(ctx.pool, pki_lit(""),
                           test_extensions(ctx.pool, &judges[0]));
    bad = 0;

    for (i = 0; i < der.len; i++) {

        /* a block of its own, so that each byte too many is seen */

        copy = malloc(i ? i : 1);
        memcpy(copy, der.data, i);
        part.data = copy;
        part.len = i;

        bad += test_judged(&ctx, 0, part) != NGX_ABORT;

        free(copy);
    }

    is_int(bad, 0, "cut");

    for (i = 0; i < der.len * 8; i++) {
        der.data[i / 8] ^= 1 << i % 8;
        rc = test_judged(&ctx, 0, der);
        bad += rc != NGX_OK && rc != NGX_ABORT;
        der.data[i / 8] ^= 1 << i % 8;
    }

    is_int(bad, 0, "changed");

    pki_stop(&ctx);
}


static void
test_memory(void)
{
    ngx_int_t             n, rc;
    ngx_str_t             name, der, where, answer;
    ngx_uint_t            i;
    acme_ca_ctx_t         ctx, keep;
    acme_ca_identifier_t  id;

    where = pki_lit("10.0.0.5:443");
    answer = pki_lit(ANSWER);

    pki_start(&keep);

    for (i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {

        der = test_certificate(keep.pool, pki_lit(""),
                               test_extensions(keep.pool, &judges[i]));
        test_identifier(keep.pool, judges[i].bits, &id);
        rc = NGX_ERROR;

        for (n = 0; rc == NGX_ERROR; n++) {
            pki_start(&ctx);
            shim_fail_at(n);

            rc = acme_ca_tls_alpn01_server_name(ctx.pool, &id, &name);

            if (rc == NGX_OK) {
                rc = acme_ca_tls_alpn01_judge(&ctx, &where, &id, &der,
                                              &answer);
            }

            shim_fail_at(SHIM_NEVER);
            pki_stop(&ctx);
        }

        is_int(rc, judges[i].fault == NULL ? NGX_OK : NGX_ABORT,
               "%s: %d allocations failed", judges[i].what, (int) n - 1);
    }

    pki_stop(&keep);
}


static void
test_identifier(ngx_pool_t *pool, int bits, acme_ca_identifier_t *identifier)
{
    u_char  v4[4] = { 127, 0, 0, 1 };
    u_char  v6[16] = { [15] = 1 };

    if (bits == 0) {
        (void) acme_ca_identifier_from_dns(pool, (u_char *) "a.example", 9,
                                           identifier);
        return;
    }

    (void) acme_ca_identifier_from_address(pool, bits == 32 ? v4 : v6,
                                           bits / 8, identifier);
}


static ngx_str_t
test_value(ngx_pool_t *pool, value_e value)
{
    u_char     digest[ACME_CA_SHA256_LEN + 1];
    ngx_str_t  s, octets;

    memset(digest, 0, sizeof(digest));
    (void) acme_ca_sha256((u_char *) (value == VALUE_OTHER ? "x" : ANSWER),
                          value == VALUE_OTHER ? 1 : sizeof(ANSWER) - 1,
                          digest);

    s = pki_str((char *) digest, value == VALUE_SHORT ? 31
                                 : value == VALUE_LONG ? 33 : 32);

    octets = pki_der(pool, 0x04, s, PKI_END);

    if (value == VALUE_RAW) {
        return pki_cat(pool, s, pki_lit(""));
    }

    if (value == VALUE_TRAILING) {
        return pki_cat(pool, octets, pki_lit("\0"));
    }

    if (value == VALUE_BER) {
        return pki_cat(pool, pki_lit("\x04\x81\x20"), s);
    }

    return (value == VALUE_EMPTY) ? pki_lit("\x04\0") : octets;
}


static ngx_str_t
test_extensions(ngx_pool_t *pool, const judge_test_t *test)
{
    int        i;
    ngx_str_t  names, digest, critical, all;

    names = pki_der(pool, 0x30, test->names, PKI_END);
    names = pki_der(pool, 0x30, pki_lit("\x06\x03\x55\x1d\x11"),
                    pki_der(pool, 0x04, names, PKI_END), PKI_END);

    /* strlen() ends before the last byte of a false */

    critical = pki_str(test->critical, test->critical[0] ? 3 : 0);

    digest = pki_der(pool, 0x30,
                     pki_lit("\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x1f"),
                     critical,
                     pki_der(pool, 0x04, test_value(pool, test->value),
                             PKI_END),
                     PKI_END);

    /* one that nobody looks at comes first */

    all = pki_lit("\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00");

    for (i = 0; i < test->names_n; i++) {
        all = pki_cat(pool, all, names);
    }

    for (i = 0; i < test->digest_n; i++) {
        all = pki_cat(pool, all, digest);
    }

    return all;
}


static ngx_str_t
test_certificate(ngx_pool_t *pool, ngx_str_t before, ngx_str_t extensions)
{
    ngx_str_t  tbs;

    if (extensions.len != 0) {
        extensions = pki_der(pool, 0x30, extensions, PKI_END);
        extensions = pki_der(pool, 0xa3, extensions, PKI_END);
    }

    tbs = pki_der(pool, 0x30, pki_lit("\xa0\x03\x02\x01\x02\x02\x01\x01"
                                      "\x30\0\x30\0\x30\0\x30\0\x30\0"),
                  before, extensions, PKI_END);

    return pki_der(pool, 0x30, tbs, pki_lit("\x30\0\x03\x01\0"), PKI_END);
}


static ngx_int_t
test_judged(acme_ca_ctx_t *ctx, int bits, ngx_str_t der)
{
    ngx_str_t             where, answer;
    acme_ca_identifier_t  id;

    where = pki_lit("10.0.0.5:443");
    answer = pki_lit(ANSWER);

    test_identifier(ctx->pool, bits, &id);

    ctx->problem = NULL;

    return acme_ca_tls_alpn01_judge(ctx, &where, &id, &der, &answer);
}
