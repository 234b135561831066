
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_http01.c: RFC 8555, 8.1 and 8.3; references of RFC 3986,
 * 5.4 as far as they are of use here.
 */


#include "context.h"
#include "tap.h"

#include "acme_ca_http01.h"


typedef struct {
    const char  *location;
    const char  *host;           /* NULL: refused */
    in_port_t    port;
    ngx_uint_t   tls;
    const char  *header;
    const char  *path;
} redirect_test_t;


typedef struct {
    ngx_uint_t   status;
    const char  *body;
    ngx_int_t    problem;        /* -1: right */
    const char  *word;           /* in the detail */
} judge_test_t;


static void test_start(void);
static void test_key_authorization(void);
static void test_redirect(void);
static void test_redirect_from_tls(void);
static void test_redirect_long(void);
static void test_judge(void);
static void test_judge_bytes(void);
static void test_memory(void);
static void test_from(acme_ca_http01_target_t *from);
static ngx_array_t *test_ports(ngx_pool_t *pool);
static ngx_str_t test_str(const char *text);


static const redirect_test_t  redirects[] = {
    { "http://b.example/x", "b.example", 80, 0, "b.example", "/x" },
    { "http://b.example", "b.example", 80, 0, "b.example", "/" },
    { "http://b.example?q=/../x", "b.example", 80, 0, "b.example",
      "/?q=/../x" },
    { "HTTPS://B.Example/X", "b.example", 443, 1, "b.example", "/X" },
    { "http://b.example:80/x", "b.example", 80, 0, "b.example", "/x" },
    { "http://b.example:/x", "b.example", 80, 0, "b.example", "/x" },
    { "http://b.example:443/x", "b.example", 443, 0, "b.example:443", "/x" },
    { "https://b.example:80/", "b.example", 80, 1, "b.example:80", "/" },
    { "http://b.example:5002/", "b.example", 5002, 0, "b.example:5002", "/" },
    { "http://10.0.0.5/x", "10.0.0.5", 80, 0, "10.0.0.5", "/x" },
    { "http://[fd00::0:5]:5002/", "fd00::5", 5002, 0, "[fd00::5]:5002", "/" },
    { "https://[::1]/", "::1", 443, 1, "[::1]", "/" },
    { "//b.example/x", "b.example", 80, 0, "b.example", "/x" },
    { "/y", "a.example", 5002, 0, "a.example:5002", "/y" },
    { "/y#fragment?no", "a.example", 5002, 0, "a.example:5002", "/y" },
    { "y", "a.example", 5002, 0, "a.example:5002", "/b/c/y" },
    { "./y", "a.example", 5002, 0, "a.example:5002", "/b/c/y" },
    { "../y", "a.example", 5002, 0, "a.example:5002", "/b/y" },
    { "../../../../y", "a.example", 5002, 0, "a.example:5002", "/y" },
    { "..", "a.example", 5002, 0, "a.example:5002", "/b/" },
    { ".", "a.example", 5002, 0, "a.example:5002", "/b/c/" },
    { "y/./z/..", "a.example", 5002, 0, "a.example:5002", "/b/c/y/" },
    { "/./y/../z", "a.example", 5002, 0, "a.example:5002", "/z" },
    { "/..y/.z/...", "a.example", 5002, 0, "a.example:5002", "/..y/.z/..." },
    { "?z", "a.example", 5002, 0, "a.example:5002", "/b/c/d?z" },
    { "#only", "a.example", 5002, 0, "a.example:5002", "/b/c/d?q=x/y" },
    { "y?z", "a.example", 5002, 0, "a.example:5002", "/b/c/y?z" },
    { "y/?z", "a.example", 5002, 0, "a.example:5002", "/b/c/y/?z" },
    { "1:y", "a.example", 5002, 0, "a.example:5002", "/b/c/1:y" },
    { "http://b.example/a//b/", "b.example", 80, 0, "b.example", "/a//b/" },

    { "", NULL, 0, 0, NULL, NULL },
    { "ftp://b.example/", NULL, 0, 0, NULL, NULL },
    { "file:///etc/passwd", NULL, 0, 0, NULL, NULL },
    { "gopher://b.example/", NULL, 0, 0, NULL, NULL },
    { "httpx://b.example/", NULL, 0, 0, NULL, NULL },
    { "y:z", NULL, 0, 0, NULL, NULL },
    { "http:/y", NULL, 0, 0, NULL, NULL },
    { "http:y", NULL, 0, 0, NULL, NULL },
    { "http://", NULL, 0, 0, NULL, NULL },
    { "http:///y", NULL, 0, 0, NULL, NULL },
    { "//", NULL, 0, 0, NULL, NULL },
    { "http://user@b.example/", NULL, 0, 0, NULL, NULL },
    { "http://user:pw@b.example/", NULL, 0, 0, NULL, NULL },
    { "http://b.example@10.0.0.1/", NULL, 0, 0, NULL, NULL },
    { "http://b.example:22/", NULL, 0, 0, NULL, NULL },
    { "http://b.example:0/", NULL, 0, 0, NULL, NULL },
    { "http://b.example:65616/", NULL, 0, 0, NULL, NULL },
    { "http://b.example:8x/", NULL, 0, 0, NULL, NULL },
    { "http://b.example:-80/", NULL, 0, 0, NULL, NULL },
    { "http://b.example:80:80/", NULL, 0, 0, NULL, NULL },
    { "http://[::1/", NULL, 0, 0, NULL, NULL },
    { "http://[::1]x/", NULL, 0, 0, NULL, NULL },
    { "http://[]/", NULL, 0, 0, NULL, NULL },
    { "http://[b.example]/", NULL, 0, 0, NULL, NULL },
    { "http://[fe80::1%25eth0]/", NULL, 0, 0, NULL, NULL },
    { "http://[::ffff:10.0.0.1]/", NULL, 0, 0, NULL, NULL },
    { "http://::1/", NULL, 0, 0, NULL, NULL },
    { "http://2130706433/", NULL, 0, 0, NULL, NULL },
    { "http://0x7f.1/", NULL, 0, 0, NULL, NULL },
    { "http://127.1/", NULL, 0, 0, NULL, NULL },
    { "http://*.b.example/", NULL, 0, 0, NULL, NULL },
    { "http://b_c.example/", NULL, 0, 0, NULL, NULL },
    { "http://b..example/", NULL, 0, 0, NULL, NULL },
    { "http://b%2eexample/", NULL, 0, 0, NULL, NULL },
    { "http://b.example\\@c.example/", NULL, 0, 0, NULL, NULL },
    { "/a b", NULL, 0, 0, NULL, NULL },
    { "/a\r\nX: y", NULL, 0, 0, NULL, NULL },
    { "/a\tb", NULL, 0, 0, NULL, NULL },
    { "/a\x7f", NULL, 0, 0, NULL, NULL },
    { "/\xc3\xa4", NULL, 0, 0, NULL, NULL },
    { " /a", NULL, 0, 0, NULL, NULL }
};


#define THUMB  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER  "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const judge_test_t  judges[] = {
    { 200, "tok." THUMB, -1, NULL },
    { 200, "tok." THUMB "\n", -1, NULL },
    { 200, "tok." THUMB " \t\r\n\r\n", -1, NULL },
    { 404, "tok." THUMB, ACME_CA_UNAUTHORIZED, "404" },
    { 301, "tok." THUMB, ACME_CA_UNAUTHORIZED, "301" },
    { 201, "tok." THUMB, ACME_CA_UNAUTHORIZED, "201" },
    { 200, "", ACME_CA_INCORRECT_RESPONSE, "empty" },
    { 200, "\n\n", ACME_CA_INCORRECT_RESPONSE, "empty" },
    { 200, " tok." THUMB, ACME_CA_INCORRECT_RESPONSE, "48 bytes" },
    { 200, "SECRET", ACME_CA_INCORRECT_RESPONSE, "6 bytes" },
    { 200, "tok." THUMB "x", ACME_CA_INCORRECT_RESPONSE, "48 bytes" },
    { 200, "tok." OTHER, ACME_CA_INCORRECT_RESPONSE, "another account" },
    { 200, "tik." THUMB, ACME_CA_INCORRECT_RESPONSE, "does not begin" }
};


int
main(void)
{
    test_start();
    test_key_authorization();
    test_redirect();
    test_redirect_from_tls();
    test_redirect_long();
    test_judge();
    test_judge_bytes();
    test_memory();

    return done_testing();
}


static ngx_str_t
test_str(const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = strlen(text);

    return s;
}


static void
test_from(acme_ca_http01_target_t *from)
{
    memset(from, 0, sizeof(acme_ca_http01_target_t));
    from->host = test_str("a.example");
    from->host_header = test_str("a.example:5002");
    from->path = test_str("/b/c/d?q=x/y");
    from->port = 5002;
}


static ngx_array_t *
test_ports(ngx_pool_t *pool)
{
    in_port_t    *port;
    ngx_array_t  *ports;

    ports = ngx_array_create(pool, 2, sizeof(in_port_t));

    port = ngx_array_push_n(ports, 2);
    port[0] = 80;
    port[1] = 5002;

    return ports;
}


static void
test_start(void)
{
    ngx_str_t                 token, name;
    acme_ca_ctx_t             ctx;
    acme_ca_identifier_t      id;
    acme_ca_http01_target_t   target;
    u_char                    v6[16] = { 0xfd, [15] = 5 };
    u_char                    v4[4] = { 10, 0, 0, 5 };

    test_context(&ctx);

    token = test_str("tok-_en");
    name = test_str("a.example");

    (void) acme_ca_identifier_from_dns(ctx.pool, name.data, name.len, &id);
    is_int(acme_ca_http01_start(ctx.pool, &id, 80, &token, &target), NGX_OK,
           "start");
    is_str(&target.host, "a.example", "host");
    is_str(&target.host_header, "a.example", "header without the port 80");
    is_str(&target.path, "/.well-known/acme-challenge/tok-_en", "path");
    is_int(target.port, 80, "port");
    is_int(target.tls, 0, "no TLS");

    (void) acme_ca_http01_start(ctx.pool, &id, 443, &token, &target);
    is_str(&target.host_header, "a.example:443", "443 is not http's own");

    (void) acme_ca_identifier_from_address(ctx.pool, v4, 4, &id);
    (void) acme_ca_http01_start(ctx.pool, &id, 5002, &token, &target);
    is_str(&target.host_header, "10.0.0.5:5002", "IPv4");

    (void) acme_ca_identifier_from_address(ctx.pool, v6, 16, &id);
    (void) acme_ca_http01_start(ctx.pool, &id, 80, &token, &target);
    is_str(&target.host, "fd00::5", "IPv6");
    is_str(&target.host_header, "[fd00::5]", "IPv6 in brackets");
    (void) acme_ca_http01_start(ctx.pool, &id, 81, &token, &target);
    is_str(&target.host_header, "[fd00::5]:81", "IPv6 and a port");

    ngx_destroy_pool(ctx.pool);
}


/* the example of RFC 8555, 8.3, has the thumbprint elided: one of our own */

static void
test_key_authorization(void)
{
    u_char         thumbprint[ACME_CA_SHA256_LEN];
    ngx_str_t      token, text;
    acme_ca_ctx_t  ctx;

    test_context(&ctx);
    memset(thumbprint, 0, sizeof(thumbprint));
    token = test_str("tok");

    is_int(acme_ca_key_authorization(ctx.pool, &token, thumbprint, &text),
           NGX_OK, "key authorization");
    is_str(&text, "tok." THUMB, "token, dot, thumbprint");

    ngx_destroy_pool(ctx.pool);
}


static void
test_redirect(void)
{
    ngx_int_t                 rc;
    ngx_str_t                 location;
    ngx_uint_t                i;
    ngx_array_t              *ports;
    acme_ca_ctx_t             ctx;
    const redirect_test_t    *t;
    acme_ca_http01_target_t   from, target;

    for (i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++) {
        t = &redirects[i];

        test_context(&ctx);
        test_from(&from);
        ports = test_ports(ctx.pool);

        /* a block of its size, without a NUL after it */

        location.len = strlen(t->location);
        location.data = ngx_pnalloc(ctx.pool, location.len);
        memcpy(location.data, t->location, location.len);

        rc = acme_ca_http01_redirect(&ctx, &from, &location, ports, &target);

        if (t->host == NULL) {
            is_int(rc, NGX_ABORT, "refused: %u", (unsigned) i);
            ok(ctx.problem && ctx.problem->type == ACME_CA_CONNECTION,
               "the problem's type");
            ok(ctx.problem && (location.len < 4
               || ngx_strlcasestrn(ctx.problem->detail.data,
                                   ctx.problem->detail.data
                                   + ctx.problem->detail.len,
                                   location.data, location.len - 1)
                  == NULL),
               "no echo");

        } else if (is_int(rc, NGX_OK, "followed: %s", t->location)) {
            is_str(&target.host, t->host, "its host");
            is_int(target.port, t->port, "its port");
            is_int(target.tls, t->tls, "its scheme");
            is_str(&target.host_header, t->header, "its Host");
            is_str(&target.path, t->path, "its path");
        }

        ngx_destroy_pool(ctx.pool);
    }
}


static void
test_redirect_from_tls(void)
{
    ngx_str_t                 location;
    acme_ca_ctx_t             ctx;
    acme_ca_http01_target_t   from, target;

    test_context(&ctx);
    test_from(&from);
    from.tls = 1;
    from.port = 443;

    location = test_str("//b.example/");
    is_int(acme_ca_http01_redirect(&ctx, &from, &location, NULL, &target),
           NGX_OK, "the scheme is kept");
    is_int(target.port, 443, "with its port");
    is_int(target.tls, 1, "with TLS");

    location = test_str("/y");
    (void) acme_ca_http01_redirect(&ctx, &from, &location, NULL, &target);
    is_str(&target.host_header, "a.example", "no port in Host");

    location = test_str("http://a.example/y");
    (void) acme_ca_http01_redirect(&ctx, &from, &location, NULL, &target);
    is_int(target.tls, 0, "and back to http");
    is_int(target.port, 80, "on its port");

    location = test_str("http://a.example:5002/y");
    is_int(acme_ca_http01_redirect(&ctx, &from, &location, NULL, &target),
           NGX_ABORT, "no list of ports");

    ngx_destroy_pool(ctx.pool);
}


static void
test_redirect_long(void)
{
    char                      text[2002];
    ngx_str_t                 location;
    acme_ca_ctx_t             ctx;
    acme_ca_http01_target_t   from, target;

    test_context(&ctx);
    test_from(&from);

    memset(text, 'a', sizeof(text));
    text[0] = '/';
    location.data = (u_char *) text;

    location.len = 2000;
    is_int(acme_ca_http01_redirect(&ctx, &from, &location, NULL, &target),
           NGX_OK, "2000 bytes");
    is_int(target.path.len, 2000, "all of them");

    location.len = 2001;
    is_int(acme_ca_http01_redirect(&ctx, &from, &location, NULL, &target),
           NGX_ABORT, "2001 bytes");

    ngx_destroy_pool(ctx.pool);
}


static void
test_judge(void)
{
    ngx_int_t            rc;
    ngx_str_t            where, body, key, *detail;
    ngx_uint_t           i;
    acme_ca_ctx_t        ctx;
    const judge_test_t  *t;

    where = test_str("10.0.0.5:80");
    key = test_str("tok." THUMB);

    for (i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
        t = &judges[i];

        test_context(&ctx);

        body.len = strlen(t->body);
        body.data = ngx_pnalloc(ctx.pool, body.len);
        memcpy(body.data, t->body, body.len);

        rc = acme_ca_http01_judge(&ctx, &where, t->status, &body, &key);

        if (t->problem == -1) {
            is_int(rc, NGX_OK, "right: %u", (unsigned) i);

        } else if (is_int(rc, NGX_ABORT, "wrong: %u", (unsigned) i)) {
            detail = &ctx.problem->detail;

            is_int(ctx.problem->type, t->problem, "its type");
            ok(ngx_strstr(detail->data, t->word), "says \"%s\"", t->word);
            ok(ngx_strstr(detail->data, "10.0.0.5:80"), "says where");
            ok(ngx_strstr(detail->data, "SECRET") == NULL, "no echo");
        }

        ngx_destroy_pool(ctx.pool);
    }
}


/* a body is bytes: NULs and all */

static void
test_judge_bytes(void)
{
    u_char         bytes[48];
    ngx_str_t      where, body, key;
    acme_ca_ctx_t  ctx;

    test_context(&ctx);

    where = test_str("10.0.0.5:80");
    key = test_str("tok." THUMB);

    memcpy(bytes, key.data, 47);
    bytes[47] = '\0';

    body.data = bytes;
    body.len = 48;

    is_int(acme_ca_http01_judge(&ctx, &where, 200, &body, &key), NGX_ABORT,
           "NUL is no white space");

    memset(bytes, 0, sizeof(bytes));
    body.len = 47;

    is_int(acme_ca_http01_judge(&ctx, &where, 200, &body, &key), NGX_ABORT,
           "all NUL");

    ngx_str_null(&body);

    is_int(acme_ca_http01_judge(&ctx, &where, 200, &body, &key), NGX_ABORT,
           "no body at all");

    ngx_destroy_pool(ctx.pool);
}


static void
test_memory(void)
{
    u_char                    thumbprint[ACME_CA_SHA256_LEN] = { 0 };
    ngx_int_t                 rc, n;
    ngx_str_t                 where, body, text, location, token;
    ngx_uint_t                i;
    ngx_array_t              *ports;
    acme_ca_ctx_t             ctx;
    acme_ca_identifier_t      id;
    acme_ca_http01_target_t   from, target;

    where = test_str("10.0.0.5:80");
    token = test_str("tok");
    memset(&id, 0, sizeof(id));
    id.value = test_str("a.example");
    test_from(&from);

    rc = NGX_ERROR;

    for (n = 0; rc == NGX_ERROR; n++) {
        test_context(&ctx);
        shim_fail_at(n);

        rc = acme_ca_key_authorization(ctx.pool, &token, thumbprint, &text);

        if (rc == NGX_OK) {
            rc = acme_ca_http01_start(ctx.pool, &id, 80, &token, &target);
        }

        shim_fail_at(SHIM_NEVER);
        ngx_destroy_pool(ctx.pool);
    }

    is_int(rc, NGX_OK, "start: %d allocations failed", (int) n - 1);

    for (i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++) {

        location = test_str(redirects[i].location);
        rc = NGX_ERROR;

        for (n = 0; rc == NGX_ERROR; n++) {
            test_context(&ctx);
            ports = test_ports(ctx.pool);
            shim_fail_at(n);

            rc = acme_ca_http01_redirect(&ctx, &from, &location, ports,
                                         &target);
            shim_fail_at(SHIM_NEVER);
            ngx_destroy_pool(ctx.pool);
        }

        is_int(rc, redirects[i].host ? NGX_OK : NGX_ABORT,
               "redirect: %d allocations failed", (int) n - 1);
    }

    for (i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {

        text = test_str("tok." THUMB);
        body = test_str(judges[i].body);
        rc = NGX_ERROR;

        for (n = 0; rc == NGX_ERROR; n++) {
            test_context(&ctx);
            shim_fail_at(n);

            rc = acme_ca_http01_judge(&ctx, &where, judges[i].status, &body,
                                      &text);
            shim_fail_at(SHIM_NEVER);
            ngx_destroy_pool(ctx.pool);
        }

        is_int(rc, judges[i].problem == -1 ? NGX_OK : NGX_ABORT,
               "judge: %d allocations failed", (int) n - 1);
    }
}
