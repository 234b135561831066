
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * base/acme_ca_text.c: RFC 4648, 10; RFC 3339, 5.8.
 */


#include "shim.h"
#include "tap.h"

#include "acme_ca_text.h"


static void test_base64url(ngx_pool_t *pool);
static void test_base64url_all(ngx_pool_t *pool);
static void test_base64url_refused(ngx_pool_t *pool);
static void test_rfc3339(void);
static void test_rfc3339_round_trip(void);
static void test_utf8(void);
static void test_others(ngx_pool_t *pool);
static void test_memory(ngx_pool_t *pool);


int
main(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, &shim_log);

    test_base64url(pool);
    test_base64url_all(pool);
    test_base64url_refused(pool);
    test_rfc3339();
    test_rfc3339_round_trip();
    test_utf8();
    test_others(pool);
    test_memory(pool);

    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_base64url(ngx_pool_t *pool)
{
    u_char      buf[16], *last;
    size_t      i;
    ngx_str_t   text, bytes;

    static const char  *vectors[][2] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg" },
        { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xbf", "-_-_" }
    };

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        last = acme_ca_base64url_write(buf, (u_char *) vectors[i][0],
                                       strlen(vectors[i][0]));
        text.data = buf;
        text.len = last - buf;

        is_str(&text, vectors[i][1], "base64url of vector %d", (int) i);
        is_int(text.len, acme_ca_base64url_len(strlen(vectors[i][0])),
               "its length is foretold");

        is_int(acme_ca_base64url_parse(pool, &text, &bytes), NGX_OK,
               "and it is read");
        is_str(&bytes, vectors[i][0], "as what it was");
    }
}


static void
test_base64url_all(ngx_pool_t *pool)
{
    u_char      bytes[64], text[86];
    size_t      n, i, bad;
    ngx_str_t   src, dst;

    for (bad = 0, n = 0; n <= 64; n++) {

        for (i = 0; i < n; i++) {
            bytes[i] = (u_char) (i * 37 + n * 11);
        }

        src.data = text;
        src.len = acme_ca_base64url_write(text, bytes, n) - text;

        if (acme_ca_base64url_parse(pool, &src, &dst) != NGX_OK
            || dst.len != n || ngx_memcmp(dst.data, bytes, n) != 0
            || dst.data[n] != '\0')
        {
            bad++;
        }
    }

    is_int(bad, 0, "0 to 64 bytes there and back");
}


static void
test_base64url_refused(ngx_pool_t *pool)
{
    size_t     i;
    ngx_str_t  text, bytes;

    static const char  *refused[] = {
        "A", "Zg==", "Zm8=", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v\n", " Zm9v",
        "Zm 9v", "Zm9vY", "====", "Z\xc3\xbc", "Zm9vYh", "AB", "AAB"
    };

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        text.data = (u_char *) refused[i];
        text.len = strlen(refused[i]);

        is_int(acme_ca_base64url_parse(pool, &text, &bytes), NGX_DECLINED,
               "not canonical: %d", (int) i);
    }

    text.data = (u_char *) "Zm9\0";
    text.len = 4;

    is_int(acme_ca_base64url_parse(pool, &text, &bytes), NGX_DECLINED,
           "a NUL is no character of it");
}


static void
test_rfc3339(void)
{
    u_char     buf[ACME_CA_RFC3339_LEN];
    size_t     i;
    time_t     at;
    ngx_str_t  text;

    static const struct {
        const char  *text;
        time_t       at;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1985-04-12T23:20:50.52Z", 482196050 },
        { "1996-12-19T16:39:57-08:00", 851042397 },
        { "1937-01-01T12:00:27.87+00:20", -1041337173 },
        { "2000-02-29T00:00:00Z", 951782400 },
        { "2038-01-19T03:14:08Z", 2147483648 },
        { "2024-02-29t23:59:59z", 1709251199 },
        { "9999-12-31T23:59:59Z", 253402300799 }
    };

    static const char  *bad[] = {
        "", "1970-01-01", "1970-01-01 00:00:00Z", "1970-01-01T00:00:00",
        "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-01-32T00:00:00Z",
        "1970-01-00T00:00:00Z", "1970-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00Zx", "+970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.5"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        text.data = (u_char *) good[i].text;
        text.len = strlen(good[i].text);
        at = -1;

        is_int(acme_ca_rfc3339_parse(&text, &at), NGX_OK, "%s", good[i].text);
        is_int(at, good[i].at, "is that second");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text.data = (u_char *) bad[i];
        text.len = strlen(bad[i]);

        is_int(acme_ca_rfc3339_parse(&text, &at), NGX_DECLINED, "not \"%s\"",
               bad[i]);
    }

    text.data = buf;
    text.len = acme_ca_rfc3339_write(buf, 1709251199) - buf;
    is_str(&text, "2024-02-29T23:59:59Z", "written");

    text.len = acme_ca_rfc3339_write(buf, NGX_MAX_TIME_T_VALUE) - buf;
    is_str(&text, "9999-12-31T23:59:59Z", "the last year has four digits");
}


static void
test_rfc3339_round_trip(void)
{
    u_char     buf[ACME_CA_RFC3339_LEN];
    time_t     at, back;
    ngx_str_t  text;
    ngx_uint_t bad;

    /* a step that meets every day of year and every hour */

    text.data = buf;
    bad = 0;

    for (at = -62167219200; at < 253402300799; at += 86400 * 11 + 3671) {
        text.len = acme_ca_rfc3339_write(buf, at) - buf;

        if (acme_ca_rfc3339_parse(&text, &back) != NGX_OK || back != at) {
            bad++;
        }
    }

    is_int(bad, 0, "years 0 to 9999 there and back");
}


static void
test_utf8(void)
{
    size_t  i;

    static const struct {
        const char  *text;
        size_t       len;
    } vectors[] = {
        { "a", 1 }, { "\xc3\xa4", 2 }, { "\xe2\x82\xac", 3 },
        { "\xf0\x9f\x98\x80", 4 }, { "\xf4\x8f\xbf\xbf", 4 },
        { "\xed\x9f\xbf", 3 }, { "\xee\x80\x80", 3 },
        { "\x80", 0 }, { "\xc0\x80", 0 }, { "\xc1\xbf", 0 }, { "\xc3", 0 },
        { "\xe0\x80\x80", 0 }, { "\xe2\x82", 0 }, { "\xed\xa0\x80", 0 },
        { "\xf0\x8f\xbf\xbf", 0 }, { "\xf4\x90\x80\x80", 0 },
        { "\xf5\x80\x80\x80", 0 }, { "\xff", 0 }, { "\xe2\x82\x41", 0 }
    };

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        is_int(acme_ca_utf8_len((u_char *) vectors[i].text,
                                strlen(vectors[i].text)),
               vectors[i].len, "UTF-8 vector %d", (int) i);
    }
}


static void
test_others(ngx_pool_t *pool)
{
    u_char     digest[ACME_CA_SHA256_LEN], other[ACME_CA_SHA256_LEN];
    ngx_str_t  text;

    is_int(acme_ca_sha256((u_char *) "abc", 3, digest), NGX_OK, "SHA-256");
    is_int(acme_ca_hex(pool, digest, 32, &text), NGX_OK, "in hexadecimal");
    is_str(&text,
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
           "of FIPS 180");

    ngx_memcpy(other, digest, 32);
    ok(acme_ca_equal(digest, other, 32), "equal");
    other[31] ^= 1;
    ok(!acme_ca_equal(digest, other, 32), "not equal");

    is_int(acme_ca_random(digest, 32), NGX_OK, "random bytes");
    is_int(acme_ca_random(other, 32), NGX_OK, "and others");
    ok(!acme_ca_equal(digest, other, 32), "that differ");

    is_int(acme_ca_format(pool, &text, 8, "%ui-%s", (ngx_uint_t) 12, "abcdef"),
           NGX_OK, "formatted");
    is_str(&text, "12-abcde", "and cut at its maximum");

    is_int(acme_ca_copy(pool, &text, (u_char *) "xyz", 2), NGX_OK, "a copy");
    is_str(&text, "xy", "of what was asked");
    ok(text.data[2] == '\0', "and a NUL");
}


static void
test_memory(ngx_pool_t *pool)
{
    ngx_str_t  src = ngx_string("Zm9vYmFy"), dst;

    shim_fail_at(0);
    is_int(acme_ca_base64url_parse(pool, &src, &dst), NGX_ERROR, "no memory");
    shim_fail_at(0);
    is_int(acme_ca_hex(pool, src.data, src.len, &dst), NGX_ERROR, "no memory");
    shim_fail_at(0);
    is_int(acme_ca_copy(pool, &dst, src.data, src.len), NGX_ERROR,
           "no memory");
    shim_fail_at(0);
    is_int(acme_ca_format(pool, &dst, 8, "%V", &src), NGX_ERROR, "no memory");
    shim_fail_at(SHIM_NEVER);
}
