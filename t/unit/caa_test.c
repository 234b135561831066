
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_caa*.c: the examples of RFC 8659 and RFC 8657, the grammar,
 * answers of all shapes.
 */


#include <stdlib.h>

#include "shim.h"
#include "tap.h"

#include "acme_ca_caa.h"
#include "acme_ca_caa_value.h"


typedef struct {
    const char  *records;      /* "flags tag value", a line each */
    const char  *account;      /* at https://example.net/account/ */
    const char  *method;
    ngx_int_t    plain;        /* for certs.example.com */
    ngx_int_t    wildcard;     /* for *.certs.example.com */
} set_test_t;


typedef struct {
    const char         *value;
    acme_ca_caa_fit_e   fit;
} value_test_t;


static void test_sets(void);
static void test_values(void);
static void test_details(void);
static void test_messages(void);
static void test_bounds(void);
static void test_damage(void);
static void test_climb(void);
static void test_modes(void);
static void test_memory(void);
static void test_request(acme_ca_ctx_t *ctx, acme_ca_caa_request_t *request,
    acme_ca_identifier_t *identifier, const char *account, const char *method);
static void test_zone(ngx_array_t *zones, const char *zone,
    acme_ca_caa_mode_e mode);
static void test_free(acme_ca_ctx_t *ctx);
static size_t test_message(u_char *buf, const char *records);
static ngx_int_t test_judge(acme_ca_ctx_t *ctx, const char *records,
    const char *account, const char *method, ngx_uint_t wildcard);


#define ACCOUNT  "https://example.net/account/"


static const set_test_t  sets[] = {

    /* nothing found: climb */
    { "", "1", "http-01", NGX_DECLINED, NGX_DECLINED },

    /* RFC 8659, 4.2 */
    { "0 issue ca1.example.net", "1", "http-01", NGX_ABORT, NGX_ABORT },
    { "0 issue example.net", "1", "http-01", NGX_OK, NGX_OK },
    { "0 issue ;", "1", "http-01", NGX_ABORT, NGX_ABORT },
    { "0 issue ", "1", "http-01", NGX_ABORT, NGX_ABORT },
    { "0 issue %%%%%", "1", "http-01", NGX_ABORT, NGX_ABORT },
    { "0 issue ca1.example.net\n0 issue ca2.example.org", "1", "http-01",
      NGX_ABORT, NGX_ABORT },
    { "0 issue example.net\n0 issue ca2.example.org", "1", "http-01",
      NGX_OK, NGX_OK },
    { "0 issue ;\n0 issue example.net", "1", "http-01", NGX_OK, NGX_OK },
    { "0 issue example.net; account=230123", "1", "http-01", NGX_OK, NGX_OK },
    { "0 issue ca1.example.net; account=230123", "1", "http-01", NGX_ABORT,
      NGX_ABORT },

    /* 4.3: wildcards */
    { "0 issue example.net\n0 issuewild ca2.example.org", "1", "dns-01",
      NGX_OK, NGX_ABORT },
    { "0 issue ca2.example.org\n0 issuewild example.net", "1", "dns-01",
      NGX_ABORT, NGX_OK },
    { "0 issuewild example.net", "1", "dns-01", NGX_OK, NGX_OK },
    { "0 issuewild ca1.example.net\n0 issue ;", "1", "dns-01", NGX_ABORT,
      NGX_ABORT },
    { "0 issue example.net\n0 issuewild ;", "1", "dns-01", NGX_OK,
      NGX_ABORT },
    { "0 issuewild ca2.example.org", "1", "dns-01", NGX_OK, NGX_ABORT },

    /* 4.4: iodef */
    { "0 issue example.net\n0 iodef mailto:security@example.com\n"
      "0 iodef https://iodef.example.com/", "1", "http-01", NGX_OK, NGX_OK },
    { "0 iodef mailto:security@example.com", "1", "http-01", NGX_OK, NGX_OK },
    { "128 iodef mailto:security@example.com", "1", "http-01", NGX_OK,
      NGX_OK },

    /* 4.5: critical */
    { "0 issue example.net\n128 tbs Unknown", "1", "http-01", NGX_ABORT,
      NGX_ABORT },
    { "0 issue example.net\n0 tbs Unknown", "1", "http-01", NGX_OK, NGX_OK },
    { "0 tbs Unknown", "1", "http-01", NGX_OK, NGX_OK },
    { "128 tbs Unknown", "1", "http-01", NGX_ABORT, NGX_ABORT },
    { "255 tbs Unknown", "1", "http-01", NGX_ABORT, NGX_ABORT },
    { "127 tbs Unknown", "1", "http-01", NGX_OK, NGX_OK },
    { "128 issue example.net", "1", "http-01", NGX_OK, NGX_OK },
    { "128 ISSUE Example.NET", "1", "http-01", NGX_OK, NGX_OK },
    { "128 issuemail ;", "1", "http-01", NGX_OK, NGX_OK },
    { "128 issu example.net", "1", "http-01", NGX_ABORT, NGX_ABORT },

    /* RFC 8657, appendix */
    { "0 issue example.net; accounturi=" ACCOUNT "1234\n"
      "0 issue example.net; accounturi=" ACCOUNT "2345", "1234", "http-01",
      NGX_OK, NGX_OK },
    { "0 issue example.net; accounturi=" ACCOUNT "1234\n"
      "0 issue example.net; accounturi=" ACCOUNT "2345", "2345", "http-01",
      NGX_OK, NGX_OK },
    { "0 issue example.net; accounturi=" ACCOUNT "1234\n"
      "0 issue example.net; accounturi=" ACCOUNT "2345", "345", "http-01",
      NGX_ABORT, NGX_ABORT },
    { "0 issue example.net; validationmethods=dns-01,xyz-01", "1", "dns-01",
      NGX_OK, NGX_OK },
    { "0 issue example.net; validationmethods=dns-01,xyz-01", "1", "xyz-01",
      NGX_OK, NGX_OK },
    { "0 issue example.net; validationmethods=dns-01,xyz-01", "1", "http-01",
      NGX_ABORT, NGX_ABORT },
    { "0 issue example.net; validationmethods=dns-01\n"
      "0 issue example.net; validationmethods=xyz-01", "1", "xyz-01",
      NGX_OK, NGX_OK },
    { "0 issue example.net; validationmethods=dns-01\n"
      "0 issue example.net; validationmethods=xyz-01", "1", "http-01",
      NGX_ABORT, NGX_ABORT },
    { "0 issue example.net; accounturi=" ACCOUNT "1234; "
      "validationmethods=dns-01\n"
      "0 issue example.net; accounturi=" ACCOUNT "2345; "
      "validationmethods=http-01", "1234", "dns-01", NGX_OK, NGX_OK },
    { "0 issue example.net; accounturi=" ACCOUNT "1234; "
      "validationmethods=dns-01\n"
      "0 issue example.net; accounturi=" ACCOUNT "2345; "
      "validationmethods=http-01", "1234", "http-01", NGX_ABORT, NGX_ABORT },
    { "0 issue example.net; accounturi=" ACCOUNT "1234; "
      "validationmethods=dns-01\n"
      "0 issue example.net; accounturi=" ACCOUNT "2345; "
      "validationmethods=http-01", "2345", "http-01", NGX_OK, NGX_OK },
    { "0 issue example.net; validationmethods=dns-01,ca-foo", "1", "dns-01",
      NGX_OK, NGX_OK },

    /* RFC 8657, 3: another CA's account at another CA, two accounts */
    { "0 issue ca1.example.net; accounturi=" ACCOUNT "1", "1", "http-01",
      NGX_ABORT, NGX_ABORT },
    { "0 issue example.net; accounturi=" ACCOUNT "1; accounturi=" ACCOUNT "1",
      "1", "http-01", NGX_ABORT, NGX_ABORT },
    { "0 issue example.net; accounturi=", "1", "http-01", NGX_ABORT,
      NGX_ABORT },
    { "0 issue example.net; accounturi=" ACCOUNT "1", "", "http-01",
      NGX_ABORT, NGX_ABORT },
    { "0 issuewild example.net; validationmethods=http-01", "1", "dns-01",
      NGX_OK, NGX_ABORT },

    { NULL, NULL, NULL, 0, 0 }
};


static const value_test_t  values[] = {
    { "", ACME_CA_CAA_NOBODY },
    { " \t ", ACME_CA_CAA_NOBODY },
    { ";", ACME_CA_CAA_NOBODY },
    { " ; \t", ACME_CA_CAA_NOBODY },
    { "; policy=ev", ACME_CA_CAA_NOBODY },
    { "example.net", ACME_CA_CAA_FITS },
    { " \texample.net\t ", ACME_CA_CAA_FITS },
    { "EXAMPLE.net;", ACME_CA_CAA_FITS },
    { "ca-2.example.org", ACME_CA_CAA_FITS },
    { "example.net; a=b", ACME_CA_CAA_FITS },
    { "example.net;a=b;c-d=e", ACME_CA_CAA_FITS },
    { "example.net ; a \t= b ;\tc = ", ACME_CA_CAA_FITS },
    { "example.net; a==", ACME_CA_CAA_FITS },
    { "example.ne", ACME_CA_CAA_OTHER_CA },
    { "example.netx", ACME_CA_CAA_OTHER_CA },
    { "net", ACME_CA_CAA_OTHER_CA },
    { "www.example.net", ACME_CA_CAA_OTHER_CA },
    { "example.net.", ACME_CA_CAA_MALFORMED },
    { ".example.net", ACME_CA_CAA_MALFORMED },
    { "example..net", ACME_CA_CAA_MALFORMED },
    { "-example.net", ACME_CA_CAA_MALFORMED },
    { "example-.net", ACME_CA_CAA_MALFORMED },
    { "exa_mple.net", ACME_CA_CAA_MALFORMED },
    { "example.net example.net", ACME_CA_CAA_MALFORMED },
    { "example.net a=b", ACME_CA_CAA_MALFORMED },
    { "example.net; a", ACME_CA_CAA_MALFORMED },
    { "example.net; =b", ACME_CA_CAA_MALFORMED },
    { "example.net; -a=b", ACME_CA_CAA_MALFORMED },
    { "example.net; a-=b", ACME_CA_CAA_MALFORMED },
    { "example.net; a=b c", ACME_CA_CAA_MALFORMED },
    { "example.net; a=b\x7f", ACME_CA_CAA_MALFORMED },
    { "example.net; a=\xc3\xa4", ACME_CA_CAA_MALFORMED },
    { "example.net; a=b;", ACME_CA_CAA_MALFORMED },
    { "example.net;; a=b", ACME_CA_CAA_MALFORMED },
    { "\"example.net\"", ACME_CA_CAA_MALFORMED },
    { "example.net; AccountURI=" ACCOUNT "1", ACME_CA_CAA_FITS },
    { "example.net; accounturi=" ACCOUNT "2", ACME_CA_CAA_OTHER_ACCOUNT },
    { "example.net; accounturi=" ACCOUNT "1/", ACME_CA_CAA_OTHER_ACCOUNT },
    { "example.net; ACCOUNTURI=x", ACME_CA_CAA_OTHER_ACCOUNT },
    { "example.net; validationmethods=http-01", ACME_CA_CAA_FITS },
    { "example.net; validationmethods=a,http-01,b", ACME_CA_CAA_FITS },
    { "example.net; ValidationMethods=dns-01", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=,", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=http-01,", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=,http-01", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=http-01,,a", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=http_01", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=http-01,a_b", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=HTTP-01", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=http-011", ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=http-01; validationmethods=http-01",
      ACME_CA_CAA_OTHER_METHOD },
    { "example.net; validationmethods=http-01; accounturi=x",
      ACME_CA_CAA_OTHER_ACCOUNT },
    { NULL, 0 }
};


int
main(void)
{
    test_sets();
    test_values();
    test_details();
    test_messages();
    test_bounds();
    test_damage();
    test_climb();
    test_modes();
    test_memory();

    return done_testing();
}


static void
test_sets(void)
{
    ngx_int_t          rc;
    acme_ca_ctx_t      ctx;
    const set_test_t  *t;

    for (t = sets; t->records; t++) {

        ctx.pool = NULL;
        rc = test_judge(&ctx, t->records, t->account, t->method, 0);
        is_int(rc, t->plain, "set %d: certs", (int) (t - sets));
        ok((rc == NGX_ABORT) == (ctx.problem != NULL), "its problem");
        test_free(&ctx);

        rc = test_judge(&ctx, t->records, t->account, t->method, 1);
        is_int(rc, t->wildcard, "set %d: *.certs", (int) (t - sets));
        test_free(&ctx);
    }
}


static void
test_values(void)
{
    size_t                  len;
    ngx_str_t               value;
    acme_ca_ctx_t           ctx;
    const value_test_t     *t;
    acme_ca_identifier_t    identifier;
    acme_ca_caa_request_t   request;

    test_request(&ctx, &request, &identifier, "1", "http-01");

    for (t = values; t->value; t++) {

        /* no byte after the value may be read */

        len = strlen(t->value);
        value.data = malloc(len ? len : 1);
        value.len = len;
        memcpy(value.data, t->value, len);

        is_int(acme_ca_caa_value_fit(&value, &request), t->fit, "value %s",
               t->value);

        free(value.data);
    }

    request.identities = NULL;
    ngx_str_set(&value, "example.net");

    is_int(acme_ca_caa_value_fit(&value, &request), ACME_CA_CAA_OTHER_CA,
           "nobody has no names");

    test_free(&ctx);
}


static void
test_details(void)
{
    acme_ca_ctx_t  ctx;

    (void) test_judge(&ctx, "0 issue ;\n0 issue other.example", "1", "http-01",
                      0);
    is_int(ctx.problem->type, ACME_CA_CAA, "type");
    is_str(&ctx.problem->detail,
           "CAA of example.com forbids certs.example.com: issue "
           "'other.example' names another CA", "the nearest record");
    test_free(&ctx);

    (void) test_judge(&ctx, "0 issue a.example\n0 issuewild b.example", "1",
                      "dns-01", 1);
    is_str(&ctx.problem->detail,
           "CAA of example.com forbids *.certs.example.com: issuewild "
           "'b.example' names another CA", "a wildcard");
    test_free(&ctx);

    (void) test_judge(&ctx, "0 issue other.example\n0 issue example.net; "
                      "accounturi=x\n0 issue ;", "1", "http-01", 0);
    is_str(&ctx.problem->detail,
           "CAA of example.com forbids certs.example.com: issue "
           "'example.net; accounturi=x' names this CA, but not this account",
           "another account");
    test_free(&ctx);

    (void) test_judge(&ctx, "128 t\x01s \xff%V<\n", "1", "http-01", 0);
    is_str(&ctx.problem->detail,
           "CAA of example.com forbids certs.example.com: t?s '?%V<' is "
           "critical and not known here", "an unknown one");
    test_free(&ctx);
}


static void
test_messages(void)
{
    /* an alias in front, a compressed owner, a type that is not CAA */

    static const u_char  alias[] =
        "\0\1\x84\0\0\1\0\3\0\0\0\0" "\1a\3com\0\1\1\0\1"
        "\xc0\x0c\0\5\0\1\0\0\0\1\0\7\1b\3com\0"
        "\xc0\x1d\1\1\0\1\0\0\0\1\0\x12\0\5issueexample.net"
        "\1b\3com\0\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1";
    static const u_char  empty[] = "\0\1\x84\0\0\0\0\0\0\0\0\0";

    ngx_array_t            records;
    ngx_pool_t            *pool;
    acme_ca_caa_record_t  *record;

    pool = ngx_create_pool(4096, &shim_log);
    (void) ngx_array_init(&records, pool, 2, sizeof(acme_ca_caa_record_t));

    is_int(acme_ca_caa_parse(pool, empty, 12, &records), NGX_OK, "empty");
    is_int(records.nelts, 0, "nothing in it");

    is_int(acme_ca_caa_parse(pool, alias, sizeof(alias) - 1, &records), NGX_OK,
           "an alias");
    is_int(records.nelts, 1, "its record");

    record = records.elts;
    is_str(&record->tag, "issue", "tag");
    is_str(&record->value, "example.net", "value");
    is_int(record->critical, 0, "flags");

    ngx_destroy_pool(pool);
}


/* RFC 1035, 4.1: one question; records of the class IN, and not without end */

static void
test_bounds(void)
{
    u_char        message[16384], *p;
    ngx_int_t     rc;
    ngx_uint_t    i, k;
    ngx_pool_t   *pool;
    ngx_array_t   records;

    static const struct {
        const char  *what;
        ngx_uint_t   questions;
        ngx_uint_t   answers;
        ngx_uint_t   class;
        ngx_int_t    rc;
        ngx_uint_t   found;
    } rows[] = {
        { "no question", 0, 1, 1, NGX_OK, 1 },
        { "one question", 1, 2, 1, NGX_OK, 2 },
        { "two questions", 2, 1, 1, NGX_DECLINED, 0 },
        { "class CH", 1, 1, 3, NGX_OK, 0 },
        { "512 answers", 1, 512, 1, NGX_OK, 512 },
        { "513 answers", 1, 513, 1, NGX_DECLINED, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pool = ngx_create_pool(4096, &shim_log);
        (void) ngx_array_init(&records, pool, 2, sizeof(acme_ca_caa_record_t));

        p = message;
        memcpy(p, "\0\1\x84\0\0\0\0\0\0\0\0\0", 12);
        p[5] = rows[i].questions;
        p[6] = rows[i].answers >> 8;
        p[7] = rows[i].answers & 0xff;
        p += 12;

        for (k = 0; k < rows[i].questions; k++) {
            memcpy(p, "\1a\0\1\1\0\1", 7);
            p += 7;
        }

        for (k = 0; k < rows[i].answers; k++) {
            memcpy(p, "\1a\0\1\1\0\1\0\0\0\1\0\4\0\1xy", 17);
            p[6] = rows[i].class;
            p += 17;
        }

        rc = acme_ca_caa_parse(pool, message, p - message, &records);

        is_int(rc, rows[i].rc, "%s", rows[i].what);
        is_int(rc == NGX_OK ? records.nelts : 0, rows[i].found,
               "%s: records", rows[i].what);

        ngx_destroy_pool(pool);
    }
}


/* cut anywhere, and with any byte changed */

static void
test_damage(void)
{
    u_char        message[512], *copy;
    size_t        len, n;
    ngx_int_t     rc;
    ngx_uint_t    bad;
    ngx_pool_t   *pool;
    ngx_array_t   records;

    len = test_message(message, "0 issue example.net\n128 x y\n0 iodef ");
    bad = 0;

    for (n = 0; n < 4 * len; n++) {
        pool = ngx_create_pool(4096, &shim_log);
        (void) ngx_array_init(&records, pool, 2, sizeof(acme_ca_caa_record_t));

        copy = malloc(len);
        memcpy(copy, message, len);

        if (n < len) {
            copy = realloc(copy, n ? n : 1);
            rc = acme_ca_caa_parse(pool, copy, n, &records);
            bad += rc != NGX_DECLINED;

        } else {
            copy[n % len] = "\xff\x3f\0"[n / len - 1];
            rc = acme_ca_caa_parse(pool, copy, len, &records);
            bad += rc != NGX_DECLINED && rc != NGX_OK;
        }

        free(copy);
        ngx_destroy_pool(pool);
    }

    is_int(bad, 0, "damaged messages");
}


static void
test_climb(void)
{
    ngx_str_t  name = ngx_string("a.b.example");

    is_int(acme_ca_caa_climb(&name), NGX_OK, "climb");
    is_str(&name, "b.example", "one up");
    is_int(acme_ca_caa_climb(&name), NGX_OK, "climb");
    is_str(&name, "example", "two up");
    is_int(acme_ca_caa_climb(&name), NGX_DECLINED, "not the root");
    is_str(&name, "example", "still there");
}


static void
test_modes(void)
{
    static const struct {
        ngx_str_t            name;
        acme_ca_caa_mode_e   mode;
    } t[] = {
        { ngx_string("a.example"), ACME_CA_CAA_STRICT },
        { ngx_string("internal"), ACME_CA_CAA_OFF },
        { ngx_string("host.internal"), ACME_CA_CAA_OFF },
        { ngx_string("hostinternal"), ACME_CA_CAA_STRICT },
        { ngx_string("corp.internal"), ACME_CA_CAA_PERMISSIVE },
        { ngx_string("a.corp.internal"), ACME_CA_CAA_PERMISSIVE },
        { ngx_string("xcorp.internal"), ACME_CA_CAA_OFF },
        { ngx_string("l"), ACME_CA_CAA_STRICT }
    };

    ngx_uint_t             i;
    ngx_pool_t            *pool;
    ngx_array_t            zones;
    acme_ca_authority_t    authority;
    acme_ca_identifier_t   identifier;

    pool = ngx_create_pool(4096, &shim_log);
    (void) ngx_array_init(&zones, pool, 2, sizeof(acme_ca_caa_zone_t));

    ngx_memzero(&authority, sizeof(acme_ca_authority_t));
    ngx_memzero(&identifier, sizeof(acme_ca_identifier_t));

    authority.caa = ACME_CA_CAA_STRICT;
    identifier.value = t[1].name;

    is_int(acme_ca_caa_mode(&authority, &t[1].name), ACME_CA_CAA_STRICT,
           "no zones");
    ok(acme_ca_caa_wanted(&authority, &identifier), "it matters");

    authority.caa_zones = &zones;

    test_zone(&zones, "corp.internal", ACME_CA_CAA_PERMISSIVE);
    test_zone(&zones, "internal", ACME_CA_CAA_OFF);

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        is_int(acme_ca_caa_mode(&authority, &t[i].name), t[i].mode, "mode %s",
               t[i].name.data);
    }

    ok(!acme_ca_caa_wanted(&authority, &identifier), "off");

    identifier.type = ACME_CA_IDENTIFIER_IP;
    identifier.value = t[0].name;
    ok(!acme_ca_caa_wanted(&authority, &identifier), "an address has none");

    ngx_destroy_pool(pool);
}


static void
test_memory(void)
{
    ngx_int_t      n, rc;
    acme_ca_ctx_t  ctx;

    rc = NGX_ERROR;

    for (n = 0; n < 100 && rc == NGX_ERROR; n++) {
        shim_fail_at(n);
        rc = test_judge(&ctx, "0 issue ;\n0 issue other.example", "1",
                        "http-01", 0);
        shim_fail_at(SHIM_NEVER);
        test_free(&ctx);
    }

    is_int(rc, NGX_ABORT, "%d allocations failed", (int) n - 1);
    ok(n > 4, "some were needed");
}


static void
test_zone(ngx_array_t *zones, const char *zone, acme_ca_caa_mode_e mode)
{
    acme_ca_caa_zone_t  *z;

    z = ngx_array_push(zones);
    z->zone.data = (u_char *) zone;
    z->zone.len = strlen(zone);
    z->mode = mode;
}


/* an issuer example.net and ca-2.example.org */

static void
test_request(acme_ca_ctx_t *ctx, acme_ca_caa_request_t *request,
    acme_ca_identifier_t *identifier, const char *account, const char *method)
{
    static u_char  url[128];

    ngx_str_t  *name;

    ngx_memzero(ctx, sizeof(acme_ca_ctx_t));
    ngx_memzero(request, sizeof(acme_ca_caa_request_t));
    ngx_memzero(identifier, sizeof(acme_ca_identifier_t));

    ctx->log = &shim_log;
    ctx->pool = ngx_create_pool(4096, &shim_log);

    if (ctx->pool == NULL) {
        return;
    }

    request->identities = ngx_array_create(ctx->pool, 2, sizeof(ngx_str_t));

    if (request->identities == NULL) {
        return;
    }

    name = ngx_array_push(request->identities);
    ngx_str_set(name, "ca-2.example.org");
    name = ngx_array_push(request->identities);
    ngx_str_set(name, "example.net");

    request->identifier = identifier;
    request->method.data = (u_char *) method;
    request->method.len = strlen(method);

    if (account[0]) {
        request->account_url.data = url;
        request->account_url.len = snprintf((char *) url, sizeof(url), "%s%s",
                                            ACCOUNT, account);
    }

    ngx_str_set(&identifier->value, "certs.example.com");
}


static void
test_free(acme_ca_ctx_t *ctx)
{
    if (ctx->pool) {
        ngx_destroy_pool(ctx->pool);
    }
}


/* the answer for certs.example.com of a name server that has the records */

static size_t
test_message(u_char *buf, const char *records)
{
    u_char      *p, *count;
    size_t       tag, value;
    const char  *line, *end, *space;

    static const u_char  head[] =
        "\x12\x34\x84\x80\0\1\0\0\0\0\0\0\5certs\7example\3com\0\1\1\0\1";

    memcpy(buf, head, sizeof(head) - 1);
    p = buf + sizeof(head) - 1;
    count = buf + 7;

    for (line = records; *line; line = *end ? end + 1 : end) {
        end = strchrnul(line, '\n');

        p = ngx_cpymem(p, "\xc0\x0c\1\1\0\1\0\0\0\x3c", 10);

        space = strchr(line, ' ') + 1;
        tag = strcspn(space, " ");
        value = end - (space + tag + 1);

        *p++ = (u_char) ((tag + value + 2) >> 8);
        *p++ = (u_char) (tag + value + 2);
        *p++ = (u_char) strtol(line, NULL, 10);
        *p++ = (u_char) tag;
        p = ngx_cpymem(p, space, tag);
        p = ngx_cpymem(p, space + tag + 1, value);

        (*count)++;
    }

    return p - buf;
}


static ngx_int_t
test_judge(acme_ca_ctx_t *ctx, const char *records, const char *account,
    const char *method, ngx_uint_t wildcard)
{
    u_char                  buf[1024];
    size_t                  len;
    ngx_int_t               rc;
    ngx_str_t               name = ngx_string("example.com");
    ngx_array_t             found;
    acme_ca_identifier_t    identifier;
    acme_ca_caa_request_t   request;

    test_request(ctx, &request, &identifier, account, method);

    identifier.wildcard = wildcard ? 1 : 0;

    if (ctx->pool == NULL || request.identities == NULL
        || ngx_array_init(&found, ctx->pool, 1, sizeof(acme_ca_caa_record_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = test_message(buf, records);

    rc = acme_ca_caa_parse(ctx->pool, buf, len, &found);

    return (rc == NGX_OK) ? acme_ca_caa_judge(ctx, &request, &name, &found)
                          : rc;
}
