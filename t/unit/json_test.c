
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * base/acme_ca_json.c and acme_ca_json_writer.c.
 */


#include "context.h"
#include "tap.h"

#include "acme_ca_json.h"


static ngx_int_t test_parse(acme_ca_ctx_t *ctx, const char *text, size_t len,
    acme_ca_json_t **value);
static void test_tree(acme_ca_ctx_t *ctx);
static void test_numbers(acme_ca_ctx_t *ctx);
static void test_strings(acme_ca_ctx_t *ctx);
static void test_refused(acme_ca_ctx_t *ctx);
static void test_limits(acme_ca_ctx_t *ctx);
static void test_writer(acme_ca_ctx_t *ctx);
static void test_writer_grows(acme_ca_ctx_t *ctx);
static void test_writer_escapes(acme_ca_ctx_t *ctx);
static void test_memory(void);


int
main(void)
{
    acme_ca_ctx_t  ctx;

    test_context(&ctx);

    test_tree(&ctx);
    test_numbers(&ctx);
    test_strings(&ctx);
    test_refused(&ctx);
    test_limits(&ctx);
    test_writer(&ctx);
    test_writer_grows(&ctx);
    test_writer_escapes(&ctx);

    ngx_destroy_pool(ctx.pool);

    test_memory();

    return done_testing();
}


static ngx_int_t
test_parse(acme_ca_ctx_t *ctx, const char *text, size_t len,
    acme_ca_json_t **value)
{
    u_char     *copy;
    ngx_int_t   rc;
    ngx_str_t   src;

    /* on the heap and not terminated: the sanitizer sees each byte too many */

    copy = malloc(len ? len : 1);
    ngx_memcpy(copy, text, len);

    src.data = copy;
    src.len = len;
    *value = NULL;
    ctx->problem = NULL;

    rc = acme_ca_json_parse(ctx, "test", &src, value);

    free(copy);

    return rc;
}


static void
test_tree(acme_ca_ctx_t *ctx)
{
    acme_ca_json_t  *v, *m;

    static const char  text[] =
        " {\"a\": [1, \"two\", true, false, null, {}], \"b\" : {\"c\":\"d\"},"
        "\n\t\"yes\":true,\"no\":false,\"zero\":0,\"\":\"empty\"}\r\n";

    is_int(test_parse(ctx, text, sizeof(text) - 1, &v), NGX_OK, "an object");
    is_int(v->type, ACME_CA_JSON_OBJECT, "is one");
    is_int(v->n, 6, "of six members");

    m = acme_ca_json_member(v, "a");
    is_int(m->type, ACME_CA_JSON_ARRAY, "an array");
    is_int(m->n, 6, "of six values");
    is_int(m->first->number, 1, "a number first");
    is_str(&m->first->next->text, "two", "a string then");
    is_int(m->last->type, ACME_CA_JSON_OBJECT, "an empty object last");
    ok(m->last->first == NULL, "that is empty");

    is_str(acme_ca_json_string(acme_ca_json_member(v, "b"), "c"), "d",
           "a string in an object in an object");
    ok(acme_ca_json_string(v, "a") == NULL, "an array is no string");
    ok(acme_ca_json_string(v, "x") == NULL, "no such member");
    ok(acme_ca_json_member(NULL, "x") == NULL, "no member of nothing");
    ok(acme_ca_json_member(m, "x") == NULL, "no member of an array");
    is_str(acme_ca_json_string(v, ""), "empty", "the empty name");

    ok(acme_ca_json_true(v, "yes"), "true");
    ok(!acme_ca_json_true(v, "no"), "false");
    ok(!acme_ca_json_true(v, "zero"), "a number is not true");
    ok(!acme_ca_json_true(v, "nothing"), "what is absent is not true");
}


static void
test_numbers(acme_ca_ctx_t *ctx)
{
    size_t           i;
    acme_ca_json_t  *v;

    static const struct {
        const char  *text;
        ngx_uint_t   integer;
        int64_t      number;
    } numbers[] = {
        { "0", 1, 0 }, { "-0", 1, 0 }, { "42", 1, 42 }, { "-42", 1, -42 },
        { "9223372036854775807", 1, 0x7fffffffffffffff },
        { "-9223372036854775808", 1, -0x7fffffffffffffff - 1 },
        { "9223372036854775808", 0, 0 }, { "-9223372036854775809", 0, 0 },
        { "99999999999999999999999999", 0, 0 },
        { "1.0", 0, 0 }, { "1e3", 0, 0 }, { "-1.5E-3", 0, 0 }
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        is_int(test_parse(ctx, numbers[i].text, strlen(numbers[i].text), &v),
               NGX_OK, "number %s", numbers[i].text);
        is_int(v->integer, numbers[i].integer, "an integer or not");
        is_int(v->number, numbers[i].number, "its value");
        is_str(&v->text, numbers[i].text, "its text");
    }
}


static void
test_strings(acme_ca_ctx_t *ctx)
{
    size_t           i;
    acme_ca_json_t  *v;

    static const char  *strings[][2] = {
        { "\"\"", "" },
        { "\"a\\n\\t\\r\\b\\f\\/\\\\\\\"\"", "a\n\t\r\b\f/\\\"" },
        { "\"\\u00e4\\u20AC\"", "\xc3\xa4\xe2\x82\xac" },
        { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
        { "\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80" },
        { "\"\\\\ud83d\"", "\\ud83d" },
        { "\"\\\\u0000\"", "\\u0000" },
        { "\"\\u0001\"", "\x01" }
    };

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        is_int(test_parse(ctx, strings[i][0], strlen(strings[i][0]), &v),
               NGX_OK, "string %s", strings[i][0]);
        is_str(&v->text, strings[i][1], "is read");
        is_int(v->text.data[v->text.len], 0, "and terminated");
    }
}


static void
test_refused(acme_ca_ctx_t *ctx)
{
    size_t           i;
    acme_ca_json_t  *v;

    static const char  *refused[] = {
        "", " ", "{", "}", "[", "[1", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}",
        "{\"a\":1,}", "{a:1}", "{'a':1}", "{1:2}", "nul", "nulll", "tru",
        "truefalse", "1 2", "{}{}", "[] x", "01", "+1", "1.", ".5", "1e",
        "-", "--1", "0x10", "NaN", "Infinity", "\"", "\"a", "\"\\\"",
        "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\t\"",
        "/* c */ 1", "1 // c", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}", "\"\\ud800\"", "\"\\udc00\"",
        "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\ud800\\u",
        "\"\\ud800\\ud800\"", "\"\\u0000\"", "{\"\\u0000\":1}", "\"\x80\"",
        "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc3\"",
        "\xef\xbb\xbf{}", "\\u0041", "\\"
    };

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        is_int(test_parse(ctx, refused[i], strlen(refused[i]), &v), NGX_ABORT,
               "refused %d", (int) i);
        ok(ctx->problem != NULL && ctx->problem->type == ACME_CA_MALFORMED
           && ngx_strncmp(ctx->problem->detail.data, "test: ", 6) == 0,
           "malformed: %s",
           ctx->problem ? (char *) ctx->problem->detail.data : "");
    }

    is_int(test_parse(ctx, "\"a\0b\"", 5, &v), NGX_ABORT, "a NUL in a string");
    is_int(test_parse(ctx, "1\0", 2, &v), NGX_ABORT, "a NUL behind a value");
}


static void
test_limits(acme_ca_ctx_t *ctx)
{
    size_t           i, n;
    char            *text, *p;
    acme_ca_json_t  *v;

    is_int(test_parse(ctx, "[[[[[[[[]]]]]]]]", 16, &v), NGX_OK, "eight deep");
    is_int(test_parse(ctx, "[[[[[[[[[]]]]]]]]]", 18, &v), NGX_ABORT,
           "nine deep");

    text = malloc(200000);
    ngx_memset(text, '[', 200000);
    is_int(test_parse(ctx, text, 200000, &v), NGX_ABORT, "200000 deep");

    for (n = ACME_CA_JSON_VALUES - 1; n <= ACME_CA_JSON_VALUES; n++) {
        p = text;
        *p++ = '[';

        for (i = 0; i < n; i++) {
            *p++ = '1';
            *p++ = i + 1 < n ? ',' : ']';
        }

        is_int(test_parse(ctx, text, p - text, &v),
               n < ACME_CA_JSON_VALUES ? NGX_OK : NGX_ABORT,
               "%d values in an array", (int) n);
    }

    for (n = 128; n <= 129; n++) {
        p = text;
        *p++ = '{';

        for (i = 0; i < n; i++) {
            p += sprintf(p, "\"%d\":0%c", (int) i, i + 1 < n ? ',' : '}');
        }

        is_int(test_parse(ctx, text, p - text, &v),
               n == 128 ? NGX_OK : NGX_ABORT, "%d members", (int) n);
    }

    /* long strings with and without escapes; cut off anywhere */

    text[0] = '"';
    ngx_memset(text + 1, 'x', 99998);
    text[99999] = '"';
    is_int(test_parse(ctx, text, 100000, &v), NGX_OK, "a long string");
    is_int(v->text.len, 99998, "as long");
    is_int(test_parse(ctx, text, 99999, &v), NGX_ABORT, "cut off");

    ngx_memcpy(text + 5000, "\\n", 2);
    ngx_memcpy(text + 99990, "\\n", 2);
    is_int(test_parse(ctx, text, 100000, &v), NGX_OK, "with escapes");
    is_int(v->text.len, 99996, "as long");
    is_int(test_parse(ctx, text, 99999, &v), NGX_ABORT, "cut off");
    is_int(test_parse(ctx, text, 99991, &v), NGX_ABORT, "cut off at one");

    free(text);
}


static void
test_writer(acme_ca_ctx_t *ctx)
{
    ngx_str_t              text, a = ngx_string("https://x/"),
                           c = ngx_string("id"), raw = ngx_string("[1,2]");
    acme_ca_json_t        *v;
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, ctx->pool, 10);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "string", &c);
    acme_ca_json_write_parts(&w, "url", &a, "order/", &c);
    acme_ca_json_write_number(&w, "n", -9223372036854775807LL - 1);
    acme_ca_json_write_boolean(&w, "yes", 1);
    acme_ca_json_write_boolean(&w, "no", 0);
    acme_ca_json_write_time(&w, "at", 0);
    acme_ca_json_write_raw(&w, "raw", &raw);
    acme_ca_json_open_array(&w, "list");
    acme_ca_json_write_text(&w, NULL, "one");
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_shut(&w);
    acme_ca_json_open_array(&w, NULL);
    acme_ca_json_shut(&w);
    acme_ca_json_write_number(&w, NULL, 3);
    acme_ca_json_shut(&w);
    acme_ca_json_write_text(&w, "last", "");
    acme_ca_json_shut(&w);

    is_int(acme_ca_json_finish(&w, &text), NGX_OK, "written");
    is_str(&text,
           "{\"string\":\"id\",\"url\":\"https://x/order/id\","
           "\"n\":-9223372036854775808,\"yes\":true,\"no\":false,"
           "\"at\":\"1970-01-01T00:00:00Z\",\"raw\":[1,2],"
           "\"list\":[\"one\",{},[],3],\"last\":\"\"}", "as wanted");
    is_int(test_parse(ctx, (char *) text.data, text.len, &v), NGX_OK,
           "and read");

    acme_ca_json_start(&w, ctx->pool, 10);
    acme_ca_json_open_object(&w, NULL);
    is_int(acme_ca_json_finish(&w, &text), NGX_ERROR, "not closed");

    acme_ca_json_start(&w, ctx->pool, 10);
    acme_ca_json_shut(&w);
    is_int(acme_ca_json_finish(&w, &text), NGX_ERROR, "closed too often");
}


static void
test_writer_grows(acme_ca_ctx_t *ctx)
{
    int                    i;
    ngx_str_t              text;
    acme_ca_json_t        *v;
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, ctx->pool, 0);

    for (i = 0; i < 40; i++) {
        acme_ca_json_open_array(&w, NULL);
    }

    for (i = 0; i < 40; i++) {
        acme_ca_json_shut(&w);
    }

    is_int(acme_ca_json_finish(&w, &text), NGX_ERROR, "too deep to write");

    acme_ca_json_start(&w, ctx->pool, 0);
    acme_ca_json_open_array(&w, NULL);

    for (i = 0; i < 1000; i++) {
        acme_ca_json_write_number(&w, NULL, i);
    }

    acme_ca_json_shut(&w);
    is_int(acme_ca_json_finish(&w, &text), NGX_OK, "a thousand numbers");
    is_int(test_parse(ctx, (char *) text.data, text.len, &v), NGX_OK, "read");
    is_int(v->n, 1000, "all of them");
    is_int(v->last->number, 999, "in order");
}


static void
test_writer_escapes(acme_ca_ctx_t *ctx)
{
    char                   bytes[256];
    int                    i;
    ngx_str_t              src, text;
    acme_ca_json_t        *v;
    acme_ca_json_writer_t  w;

    for (i = 0; i < 256; i++) {
        bytes[i] = (char) i;
    }

    src.data = (u_char *) bytes + 1;
    src.len = 127;

    acme_ca_json_start(&w, ctx->pool, 0);
    acme_ca_json_write_string(&w, NULL, &src);
    is_int(acme_ca_json_finish(&w, &text), NGX_OK, "all of ASCII");
    is_int(test_parse(ctx, (char *) text.data, text.len, &v), NGX_OK, "read");
    ok(v->text.len == 127 && memcmp(v->text.data, bytes + 1, 127) == 0,
       "as it was");

    src.data = (u_char *) bytes + 128;
    src.len = 128;

    acme_ca_json_start(&w, ctx->pool, 0);
    acme_ca_json_write_string(&w, NULL, &src);
    is_int(acme_ca_json_finish(&w, &text), NGX_OK, "bytes that are no UTF-8");
    is_int(test_parse(ctx, (char *) text.data, text.len, &v), NGX_OK, "read");
    is_int(v->text.len, 3 * 128, "each as U+FFFD");

    src.data = (u_char *) "a\"\\\n\x7f\xe2\x82\xac\xe2\x82";
    src.len = 10;

    acme_ca_json_start(&w, ctx->pool, 0);
    acme_ca_json_write_string(&w, NULL, &src);
    is_int(acme_ca_json_finish(&w, &text), NGX_OK, "a mixture");
    is_str(&text, "\"a\\\"\\\\\\u000a\\u007f\xe2\x82\xac\xef\xbf\xbd"
           "\xef\xbf\xbd\"", "escaped");
}


static void
test_memory(void)
{
    ngx_int_t               n, rc;
    ngx_str_t               src, text;
    acme_ca_ctx_t           ctx;
    acme_ca_json_t         *v;
    acme_ca_json_writer_t   w;

    ngx_str_set(&src, "{\"a\":[1,{\"b\":\"c\\n\"}],\"d\":true,\"e\":null}");

    rc = NGX_ERROR;

    for (n = 0; rc != NGX_OK; n++) {
        test_context(&ctx);
        shim_fail_at(n);

        rc = acme_ca_json_parse(&ctx, "test", &src, &v);

        if (rc == NGX_OK) {
            acme_ca_json_start(&w, ctx.pool, 0);
            acme_ca_json_write_string(&w, NULL, &src);
            acme_ca_json_write_string(&w, NULL, &src);
            rc = acme_ca_json_finish(&w, &text);
        }

        if (rc != NGX_OK && (rc != NGX_ERROR || !shim_failed())) {
            break;
        }

        shim_fail_at(SHIM_NEVER);
        ngx_destroy_pool(ctx.pool);
    }

    is_int(rc, NGX_OK, "every allocation failed once, %d of them", (int) n);

    src.len--;
    rc = NGX_ERROR;

    for (n = 0; rc != NGX_ABORT && n < 100; n++) {
        test_context(&ctx);
        shim_fail_at(n);
        rc = acme_ca_json_parse(&ctx, "test", &src, &v);
        shim_fail_at(SHIM_NEVER);
        ngx_destroy_pool(ctx.pool);
    }

    is_int(rc, NGX_ABORT, "and so of a refusal, %d of them", (int) n);
}
