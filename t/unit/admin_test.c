
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * admin/ without nginx: arguments of URLs, calls from start to finish, and each
 * kind of call with its first, second, third ... allocation failing.
 */


#include "protocol_client.h"

#include "acme_ca_admin_private.h"
#include "acme_ca_metrics.h"


typedef struct {
    ngx_uint_t   method;
    const char  *path;
    const char  *query;
    const char  *body;
    const char  *type;            /* NULL: JSON, if there is a body */
    const char  *if_none_match;
    int          reader;
} call_t;

/* GET("path", .query = "a=b"), POST("path", "{}") */
#define A_GET(...)   &(call_t) { .method = ACME_CA_GET, .path = __VA_ARGS__ }
#define A_POST(p, ...)                                                        \
    &(call_t) { .method = ACME_CA_POST, .path = p, .body = __VA_ARGS__ }

#define GET(...)     call(A_GET(__VA_ARGS__))
#define PUT(...)     call(A_POST(__VA_ARGS__))


#define is_text(got, want, ...)  ok(strcmp(got, want) == 0, __VA_ARGS__)


static acme_ca_admin_t  *admin;
static acme_ca_json_t   *answer;


static void
set(ngx_str_t *text, const char *value)
{
    text->data = (u_char *) (value ? value : "");
    text->len = strlen((char *) text->data);
}


static void
drop(void)
{
    if (admin) {
        ngx_destroy_pool(admin->ctx.pool);
        free(admin);
        admin = NULL;
    }
}


static ngx_int_t
write_call(acme_ca_admin_t *a)
{
    ngx_int_t  rc;

    acme_ca_store_begin(env.writer);
    acme_ca_store_savepoint(env.writer);

    rc = acme_ca_admin_apply(a, env.writer);

    if (rc != NGX_OK) {
        acme_ca_store_rollback_to(env.writer);

        if (rc == NGX_ABORT) {
            rc = acme_ca_admin_record(a, env.writer);
        }
    }

    acme_ca_store_release(env.writer);
    acme_ca_store_commit(env.writer);

    return rc;
}


/* the whole way; answers the HTTP status */

static ngx_uint_t
call(const call_t *c)
{
    acme_ca_ctx_t     ctx;
    acme_ca_admin_t  *a;

    drop();

    a = admin = calloc(1, sizeof(acme_ca_admin_t));

    a->ctx.pool = ngx_create_pool(4096, env.log);
    a->ctx.log = env.log;
    a->ctx.now = env.now;
    a->authority = &env.authority;
    a->store = env.reader;
    a->full = !c->reader;

    a->request.method = c->method;

    set(&a->request.path, c->path);
    set(&a->request.query, c->query);
    set(&a->request.content_type, c->type ? c->type
                                  : c->body ? "application/json" : "");
    set(&a->if_none_match, c->if_none_match);
    set(&a->user, "alice");
    set(&a->request.request_id, "r1");
    set(&a->request.client_address, "192.0.2.1");

    if (c->body) {
        acme_ca_copy(a->ctx.pool, &a->request.body, (u_char *) c->body,
                     strlen(c->body));
    }

    shim_fail_at(env.fail_at);

    switch (acme_ca_admin_start(a)) {

    case NGX_AGAIN:
        acme_ca_admin_finish(a, write_call(a));
        break;

    case NGX_DECLINED:
        /* nobody is there to ask the network */
        acme_ca_admin_answered(a, NGX_OK);
    }

    if (env.fail_at != SHIM_NEVER) {
        env.fail_at = shim_failed() ? env.fail_at : SHIM_NEVER;
    }

    shim_fail_at(SHIM_NEVER);

    ctx = a->ctx;
    answer = NULL;

    /* openapi.json is deeper than what our parser takes */

    if (a->reply.body.len && strcmp(c->path, "openapi.json") != 0
        && acme_ca_json_parse(&ctx, "reply", &a->reply.body, &answer)
           != NGX_OK)
    {
        ok(0, "a reply is JSON: %.*s", (int) a->reply.body.len,
           a->reply.body.data);
    }

    return a->reply.status;
}


static const char *
said(const char *name)
{
    ngx_str_t  *text;

    text = acme_ca_json_string(answer, name);

    return text ? (char *) text->data : "(none)";
}


/* the same of the first item of a list */

static const char *
said_of(const char *name)
{
    ngx_str_t       *text;
    acme_ca_json_t  *items;

    items = acme_ca_json_member(answer, "items");
    text = acme_ca_json_string(items ? items->first : NULL, name);

    return text ? (char *) text->data : "(none)";
}


static void
starve(const char *what, call_t *c, ngx_uint_t good)
{
    ngx_int_t   n;
    ngx_uint_t  status, odd;

    odd = 0;

    for (n = 0; n < 5000; n++) {
        env.fail_at = n;
        status = call(c);

        odd += (status != good && status != 500);

        if (env.fail_at == SHIM_NEVER) {
            break;
        }
    }

    env.fail_at = SHIM_NEVER;

    ok(odd == 0 && n < 5000, "%s: %d allocations", what, (int) n);
    is_int(admin->reply.status, good, "%s: done in the end", what);
}


/* "name=value ..." or the outcome */

static const char *
parsed(const char *query)
{
    size_t                n;
    ngx_int_t             rc;
    ngx_str_t             text;
    ngx_uint_t            i;
    ngx_pool_t           *pool;
    ngx_array_t          *args;
    acme_ca_admin_arg_t  *arg;

    static char  result[512];

    set(&text, query);
    pool = ngx_create_pool(1024, env.log);

    rc = acme_ca_admin_query_parse(pool, &text, &args);

    n = 0;
    result[0] = '\0';
    arg = args->elts;

    for (i = 0; rc == NGX_OK && i < args->nelts; i++) {
        n += snprintf(result + n, sizeof(result) - n, "%s%.*s:%.*s",
                      i ? " " : "", (int) arg[i].name.len, arg[i].name.data,
                      (int) arg[i].value.len, arg[i].value.data);
    }

    ngx_destroy_pool(pool);

    return (rc == NGX_OK) ? result : "refused";
}


static void
test_query(void)
{
    is_text(parsed(""), "", "no arguments");
    is_text(parsed("a=b"), "a:b", "one");
    is_text(parsed("a=b&c=&d=e=f"), "a:b c: d:e=f", "several");
    is_text(parsed("&a=b&&"), "a:b", "empty ones");
    is_text(parsed("%61=%2a%2Ab"), "a:**b", "percent");
    is_text(parsed("a=b+c%20d%2B"), "a:b c d+", "blanks");
    is_text(parsed("a=%c3%a4"), "a:\xc3\xa4", "UTF-8");
    is_text(parsed("a"), "refused", "no sign");
    is_text(parsed("a=%"), "refused", "cut off");
    is_text(parsed("a=%4"), "refused", "half");
    is_text(parsed("a=%4g"), "refused", "no digit");
    is_text(parsed("a=%00"), "refused", "NUL");
    is_text(parsed("a=%0a"), "refused", "line feed");
    is_text(parsed("a=%ff"), "refused", "no UTF-8");
    is_text(parsed("a=%c3"), "refused", "half a character");
}


static void
test_calls(void)
{
    char  *path, *tag;

    is_int(GET(""), 200, "index");
    is_text(said("role"), "full", "role");
    is_int(GET("", .reader = 1), 200, "index of a reader");
    is_text(said("role"), "read", "his role");

    tag = strndup((char *) admin->reply.etag.data, admin->reply.etag.len);
    is_int(GET("", .reader = 1, .if_none_match = tag), 304,
           "the same");
    is_int(admin->reply.body.len, 0, "no body");
    is_int(GET("", .if_none_match = tag), 200, "not the same");
    is_int(GET("", .if_none_match = "*"), 304, "any");
    free(tag);

    is_int(GET("eab/"), 404, "no operand");
    is_int(GET("eab/a/b"), 404, "two operands");
    is_int(GET("eab//revoke"), 404, "empty operand");
    is_int(call(&(call_t) { .method = ACME_CA_OTHER, .path = "eab" }),
           405, "method");
    is_int(call(&(call_t) { .method = ACME_CA_OTHER, .path = "eab",
                .reader = 1 }), 403, "method of a reader");
    is_int(PUT("eab", "{}", .type = "text/plain"), 415,
           "type");
    is_int(PUT("eab", "{}",
                .type = "application/json; charset=utf-8"), 400, "charset");
    is_int(PUT("eab", "{\"label\":\"a\"}",
                .reader = 1), 403, "reader");

    is_int(PUT("eab", "{\"label\":\"a\"}"), 201,
           "external account");
    is_text(said("status"), "valid", "valid");
    is_int(strlen(said("hmac_key")), 43, "key");

    path = text_of("eab/%s/revoke", said("kid"));
    is_int(PUT(path, "{}"), 200, "revoke");
    is_text(said("status"), "revoked", "revoked");
    is_int(PUT(path, "{}"), 200, "revoke again");
    free(path);

    is_int(PUT("eab/x/revoke", "{}"), 404, "no such");
    is_text(said("title"), "Not Found", "title");
    is_text(said("type"), "about:blank", "type");

    is_int(GET("explain", .query = "name=a.example"), 200, "explain");
    is_text(said("decision"), "allow", "allowed");
    is_int(GET("explain", .query = "name=a.example&name=*.b.example"),
           200, "explain two");
    is_text(said("decision"), "deny", "no wildcards");

    acme_ca_admin_fault(admin, 413);
    is_int(admin->reply.status, 413, "fault");
}


/* what a client would have left behind */

static void
fill(void)
{
    client_t  client;

    client_new(&client, "P-256");

    post(&env, &(post_t) { .by = &client, .jwk = 1, .path = "new-account",
         .payload = "{}" });

    snprintf(client.kid, sizeof(client.kid), "%.*s",
             (int) env.x->reply.location.len, env.x->reply.location.data);

    post(&env, &(post_t) { .by = &client, .path = "new-order", .payload =
         "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}]}" });

    is_int(env.x->reply.status, 201, "an order");

    EVP_PKEY_free(client.key);
}


static void
test_registry(void)
{
    char  *path;

    is_int(GET("accounts"), 200, "accounts");
    path = text_of("accounts/%s", said_of("acme_id"));
    is_int(GET(path), 200, "an account");
    free(path);

    is_int(GET("orders", .query = "name=a.example&limit=1"), 200, "orders");
    path = text_of("orders/%s", said_of("acme_id"));
    is_int(GET(path), 200, "an order");
    free(path);

    is_int(GET("orders/2"), 404, "no such order");
    is_int(GET("certificates/0"), 404, "no serial number");
    is_int(GET("certificates/::"), 404, "colons");
    is_int(PUT("windows", "{\"serial\":\"abc\"}"), 201, "window");
    is_text(said("serial"), "0abc", "its serial number");
    is_int(PUT("windows/1/drop", "{}"), 204, "dropped");

    is_int(PUT("accounts/1/revoke", "{}"), 200, "an account ends");
    is_text(said("status"), "revoked", "it is revoked");
    is_int(PUT("accounts/1/revoke", "{}"), 409, "it was before");
}


static void
test_statistics(void)
{
    acme_ca_metrics_t  metrics;

    is_int(GET("statistics"), 503, "nobody counts");

    ngx_memzero(&metrics, sizeof(acme_ca_metrics_t));
    env.authority.metrics = &metrics;

    is_int(GET("statistics"), 503, "nothing was counted");

    metrics.census_at = NOW;
    metrics.census.accounts[ACME_CA_VALID] = 7;
    metrics.census.jobs[ACME_CA_DNS_01] = 3;

    is_int(GET("statistics"), 200, "statistics");
    ok(strstr((char *) admin->reply.body.data,
              "\"accounts\":{\"valid\":7},\"orders\":{}") != NULL,
       "accounts");
    ok(strstr((char *) admin->reply.body.data, "\"jobs\":{\"dns-01\":3}")
       != NULL, "jobs");

    starve("statistics", A_GET("statistics"), 200);

    env.authority.metrics = NULL;
}


static void
test_starve(void)
{
    char  *path;

    starve("accounts", A_GET("accounts", .query = "status=revoked"), 200);
    starve("account", A_GET("accounts/1"), 200);
    starve("orders", A_GET("orders", .query = "account=1&limit=1"), 200);
    starve("authorizations", A_GET("authorizations"), 200);
    starve("issuers", A_GET("issuers"), 200);
    starve("audit", A_GET("audit", .query = "outcome=done"), 200);
    starve("window", A_POST("windows", "{\"name\":\".a\",\"account\":\"1\","
           "\"serial\":\"ab\",\"explanation_url\":\"https://a/b\"}"), 201);
    starve("revoke, dry run", A_POST("revoke", "{\"name\":\".a\","
           "\"account\":\"1\",\"reason\":1,\"dry_run\":true}"), 200);
    starve("revoke", A_POST("revoke", "{\"name\":\"*\",\"limit\":1,"
           "\"invalidity_at\":\"2001-01-01T00:00:00Z\"}"), 200);
    starve("preflight", A_POST("preflight", "{\"identifier\":\"a.example\","
           "\"account\":\"1\"}"), 200);
    starve("expiring", A_GET("certificates/expiring", .query = "account=1"),
           200);
    starve("expire", A_POST("certificates/expire", "{}"), 200);
    starve("uuid", A_GET("certificates/0-0"), 404);
    starve("audit/state", A_GET("audit/state"), 200);
    starve("audit/lines", A_GET("audit/lines", .query = "limit=3"), 200);
    starve("audit/checkpoints", A_GET("audit/checkpoints"), 200);
    starve("audit/seal", A_POST("audit/seal", "{\"up_to\":1,\"sha256\":"
           "\"0123456789012345678901234567890123456789012345678901234567890123"
           "\"}"), 409);
    starve("queues", A_GET("queues"), 200);
    starve("jobs", A_GET("jobs", .query = "kind=issue"), 200);
    starve("no job", A_POST("jobs/6/cancel", "{}"), 404);
    starve("no issuer", A_POST("issuers/99/retire", "{}"), 404);
    starve("openapi", A_GET("openapi.json"), 200);

    starve("index", A_GET(""), 200);
    starve("create", A_POST("eab",
           "{\"label\":\"a\",\"names\":[\"a.b\",\".c\"],\"profiles\":[],"
           "\"max_accounts\":3,\"expires_at\":\"2040-01-01T00:00:00Z\"}"),
           201);

    path = text_of("eab/%s", said("kid"));
    starve("show", A_GET(path), 200);
    free(path);

    starve("list", A_GET("eab", .query = "limit=1&label=a"), 200);
    starve("absent", A_GET("eab/x"), 404);
    starve("bad", A_POST("eab", "{\"label\":1}"), 400);
    starve("explain", A_POST("explain",
           "{\"names\":[\"a.example\",\"*.b\",\"10.0.0.1\",\"\"],"
           "\"address\":\"10.0.0.1\",\"certificate\":\"CN=a\","
           "\"certificate_names\":[\"dns:a\"]}"), 200);
    starve("explain by arguments", A_GET("explain", .query = "name=a.example"
           "&account=111111111111111111111111111111111111111111A"
           "&certificate_name=dns:a"), 200);
}


int
main(void)
{
    shim_openssl();

    env_open();

    test_query();
    test_calls();
    fill();
    test_registry();
    test_statistics();
    test_starve();

    drop();
    env_close();

    return done_testing();
}
