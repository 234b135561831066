
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_event.c: documents, signatures, keys, pauses.
 */


#include "shim.h"
#include "tap.h"

#include "acme_ca_event.h"


static void test_types(void);
static void test_write(void);
static void test_sign(void);
static void test_keys(void);
static void test_again(void);
static void test_memory(void);

static ngx_array_t *events(void);
static ngx_int_t flow(void);


static ngx_pool_t  *pool;

static ngx_str_t  authority = ngx_string("corp");
static ngx_str_t  hook = ngx_string("/e\"");


int
main(void)
{
    shim_openssl();

    pool = ngx_create_pool(4096, &shim_log);

    test_types();
    test_write();
    test_sign();
    test_keys();
    test_again();
    test_memory();

    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_types(void)
{
    ngx_str_t   all, name;
    ngx_uint_t  n;

    for (n = 0; acme_ca_event_types[n].len; n++) {
        is_int(acme_ca_event_is_type(&acme_ca_event_types[n]), 1, "%s",
               acme_ca_event_types[n].data);
    }

    ngx_str_set(&name, "issue");
    is_int(acme_ca_event_is_type(&name), 0, "not a part of one");
    ngx_str_null(&name);
    is_int(acme_ca_event_is_type(&name), 0, "not nothing");

    is_int(acme_ca_event_all(pool, &all), NGX_OK, "all");
    ok(all.data[0] == ' ' && all.data[all.len - 1] == ' ', "in blanks");
    ok(ngx_strnstr(all.data, " unrevoked ", all.len) != NULL, "each word");
}


static ngx_array_t *
events(void)
{
    ngx_array_t      *list;
    acme_ca_event_t  *event;

    list = ngx_array_create(pool, 2, sizeof(acme_ca_event_t));
    event = list ? ngx_array_push_n(list, 2) : NULL;

    if (event == NULL) {
        return NULL;
    }

    ngx_memzero(event, 2 * sizeof(acme_ca_event_t));

    event[0].id = 7;
    event[0].at = 1700000000;
    ngx_str_set(&event[0].type, "issued");
    ngx_str_set(&event[0].data, "{\"order\":1}");

    event[1].id = 7;
    event[1].checkpoint = 1;
    event[1].at = 1700000001;
    ngx_str_set(&event[1].type, "checkpoint");
    ngx_str_set(&event[1].data, "{}");

    return list;
}


static void
test_write(void)
{
    ngx_str_t  body;

    is_int(acme_ca_event_write(pool, &authority, &hook, events(), &body),
           NGX_OK, "a document");
    is_str(&body, "{\"authority\":\"corp\",\"hook\":\"/e\\\"\",\"events\":["
           "{\"id\":\"corp-7-1700000000\",\"type\":\"issued\","
           "\"at\":\"2023-11-14T22:13:20Z\",\"data\":{\"order\":1}},"
           "{\"id\":\"corp-c7-1700000001\",\"type\":\"checkpoint\","
           "\"at\":\"2023-11-14T22:13:21Z\",\"data\":{}}]}", "as it is to be");
}


/* printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef */

static void
test_sign(void)
{
    ngx_str_t      body, text, signature;
    ngx_array_t   *keys;
    const char    *error;

    ngx_str_set(&body, "{}");
    ngx_str_set(&text, "0123456789abcdef\nanother key, of 23 bytes\n");

    is_int(acme_ca_event_keys(pool, &text, &keys, &error), NGX_OK, "keys");
    is_int(keys->nelts, 2, "two");
    is_int(acme_ca_event_sign(pool, keys, 1700000000, &body, &signature),
           NGX_OK, "signed");
    is_str(&signature, "t=1700000000,v1="
           "e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e"
           ",v1="
           "1fa1a9db6b174372cc1b477b868e77ae731517c7dd81c19e9687adfe8b8e3b6e",
           "by both");

    keys->nelts = 1;
    is_int(acme_ca_event_sign(pool, keys, 1700000000, &body, &signature),
           NGX_OK, "signed");
    is_str(&signature, "t=1700000000,v1="
           "e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e",
           "by one");
}


static void
test_keys(void)
{
    ngx_uint_t    i;
    ngx_str_t     text;
    ngx_array_t  *keys;
    const char   *error;

    static const struct {
        const char  *text;
        ngx_int_t    rc;
        ngx_uint_t   n;
    } files[] = {
        { "", NGX_DECLINED, 0 },
        { "\n", NGX_DECLINED, 0 },
        { "0123456789abcde", NGX_DECLINED, 0 },
        { "0123456789abcdef", NGX_OK, 1 },
        { "0123456789abcdef\n", NGX_OK, 1 },
        { "0123456789abcdef\r\n", NGX_DECLINED, 0 },
        { "0123456789abcdef\n\n", NGX_DECLINED, 0 },
        { "0123456789abcdef\n0123456789abcdef", NGX_OK, 2 },
        { "0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n"
          "0123456789abcdef\n", NGX_OK, 4 },
        { "0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n"
          "0123456789abcdef\n0123456789abcdef\n", NGX_DECLINED, 0 }
    };

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        text.data = (u_char *) files[i].text;
        text.len = strlen(files[i].text);
        error = NULL;

        is_int(acme_ca_event_keys(pool, &text, &keys, &error), files[i].rc,
               "file %d", (int) i);

        if (files[i].rc == NGX_OK) {
            is_int(keys->nelts, files[i].n, "its keys");

        } else {
            ok(error != NULL, "it says why");
        }
    }
}


static void
test_again(void)
{
    is_int(acme_ca_event_again(0, 300, 0, 1000), 1001, "after a second");
    is_int(acme_ca_event_again(1, 300, 0, 1000), 1002, "after two");
    is_int(acme_ca_event_again(8, 300, 0, 1000), 1256, "after 256");
    is_int(acme_ca_event_again(9, 300, 0, 1000), 1300, "and no longer");
    is_int(acme_ca_event_again(1000000, 300, 0, 1000), 1300, "ever");
    is_int(acme_ca_event_again(0, 300, 60, 1000), 1060, "what it asked for");
    is_int(acme_ca_event_again(8, 300, 60, 1000), 1256, "if that is later");
    is_int(acme_ca_event_again(0, 300, 999999, 1000), 4600, "but an hour");
}


static ngx_int_t
flow(void)
{
    ngx_int_t     rc;
    ngx_str_t     all, body, text, signature;
    ngx_array_t  *list, *keys;
    const char   *error;

    ngx_str_set(&text, "0123456789abcdef\n");

    list = events();

    rc = (list != NULL) ? acme_ca_event_all(pool, &all) : NGX_ERROR;

    if (rc == NGX_OK) {
        rc = acme_ca_event_write(pool, &authority, &hook, list, &body);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_event_keys(pool, &text, &keys, &error);
    }

    return (rc == NGX_OK)
           ? acme_ca_event_sign(pool, keys, 1, &body, &signature) : rc;
}


static void
test_memory(void)
{
    ngx_int_t  n, rc;

    for (n = 0; /* void */ ; n++) {
        shim_fail_at(n);
        rc = flow();

        if (!shim_failed() || rc != NGX_ERROR) {
            break;
        }
    }

    ok(rc == NGX_OK, "fails cleanly at each of %d allocations", (int) n);
    shim_fail_at(SHIM_NEVER);
}
