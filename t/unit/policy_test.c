
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * policy/acme_ca_policy.c: names, ranges, addresses, dates.
 */


#include "shim.h"
#include "tap.h"

#include "acme_ca_policy.h"


typedef struct {
    const char  *allow;          /* rules with blanks between; NULL: none */
    const char  *deny;
    const char  *name;
    ngx_int_t    rc;
} name_test_t;


static void test_names(void);
static void test_wildcard_off(void);
static void test_subproblem(void);
static void test_ips(void);
static void test_addresses(void);
static void test_dates(void);
static void test_memory(void);
static void test_context(acme_ca_ctx_t *ctx);
static void test_identifier(ngx_pool_t *pool, const char *name,
    acme_ca_identifier_t *id);
static ngx_array_t *test_rules(ngx_pool_t *pool, const char *text);
static ngx_array_t *test_cidrs(ngx_pool_t *pool, const char *text);
static ngx_int_t test_address(acme_ca_authority_t *authority,
    const char *text);
static ngx_str_t test_str(const char *text, size_t len);


static const name_test_t  names[] = {
    { NULL, NULL, "a.example", NGX_OK },
    { "*", NULL, "a.example", NGX_OK },
    { "*", NULL, "*.a.example", NGX_OK },
    { "a.example", NULL, "a.example", NGX_OK },
    { "a.example", NULL, "b.a.example", NGX_ABORT },
    { "a.example", NULL, "aa.example", NGX_ABORT },
    { "a.example", NULL, "*.a.example", NGX_ABORT },
    { "a.example", NULL, "example", NGX_ABORT },
    { ".example", NULL, "a.example", NGX_OK },
    { ".example", NULL, "b.a.example", NGX_OK },
    { ".example", NULL, "example", NGX_ABORT },
    { ".example", NULL, "aexample", NGX_ABORT },
    { ".example", NULL, "*.example", NGX_OK },
    { ".example", NULL, "*.a.example", NGX_OK },
    { ".a.example", NULL, "*.example", NGX_ABORT },
    { "x.test .example", NULL, "a.example", NGX_OK },
    { "x.test .example", NULL, "a.test", NGX_ABORT },
    { NULL, "*", "a.example", NGX_ABORT },
    { NULL, ".secret.example", "a.secret.example", NGX_ABORT },
    { NULL, ".secret.example", "secret.example", NGX_OK },
    { NULL, ".secret.example", "*.secret.example", NGX_ABORT },
    { NULL, ".secret.example", "*.example", NGX_OK },
    { NULL, "secret.example", "*.example", NGX_ABORT },
    { NULL, "x.secret.example", "*.example", NGX_OK },
    { NULL, "secret.example", "*.secret.example", NGX_OK },
    { NULL, "example", "*.example", NGX_OK },
    { ".example", ".secret.example", "a.secret.example", NGX_ABORT },
    { "a.secret.example", ".secret.example", "a.secret.example", NGX_ABORT },
    { "a.example", "a.example", "a.example", NGX_ABORT },
    { "", NULL, "a.example", NGX_ABORT }
};


static const struct {
    const char  *allow;
    const char  *deny;
    const char  *address;
    ngx_int_t    rc;
} addresses[] = {
    /* the defaults */
    { NULL, NULL, "127.0.0.1", NGX_OK },
    { NULL, NULL, "10.1.2.3", NGX_OK },
    { NULL, NULL, "192.168.0.1", NGX_OK },
    { NULL, NULL, "100.64.0.1", NGX_OK },
    { NULL, NULL, "8.8.8.8", NGX_OK },
    { NULL, NULL, "::1", NGX_OK },
    { NULL, NULL, "fd00::1", NGX_OK },
    { NULL, NULL, "2001:db8::1", NGX_OK },
    { NULL, NULL, "0.0.0.0", NGX_DECLINED },
    { NULL, NULL, "0.1.2.3", NGX_DECLINED },
    { NULL, NULL, "169.254.169.254", NGX_DECLINED },
    { NULL, NULL, "169.253.255.255", NGX_OK },
    { NULL, NULL, "169.255.0.0", NGX_OK },
    { NULL, NULL, "224.0.0.1", NGX_DECLINED },
    { NULL, NULL, "239.255.255.255", NGX_DECLINED },
    { NULL, NULL, "223.255.255.255", NGX_OK },
    { NULL, NULL, "240.0.0.1", NGX_DECLINED },
    { NULL, NULL, "255.255.255.255", NGX_DECLINED },
    { NULL, NULL, "100.100.100.200", NGX_DECLINED },
    { NULL, NULL, "168.63.129.16", NGX_DECLINED },
    { NULL, NULL, "168.63.129.17", NGX_OK },
    { NULL, NULL, "::", NGX_DECLINED },
    { NULL, NULL, "fe80::1", NGX_DECLINED },
    { NULL, NULL, "febf::1", NGX_DECLINED },
    { NULL, NULL, "fec0::1", NGX_OK },
    { NULL, NULL, "ff02::1", NGX_DECLINED },
    { NULL, NULL, "100::1", NGX_DECLINED },
    { NULL, NULL, "100:0:0:1::1", NGX_OK },
    { NULL, NULL, "fd00:ec2::254", NGX_DECLINED },
    /* IPv4 inside IPv6 */
    { NULL, NULL, "::ffff:10.0.0.1", NGX_OK },
    { NULL, NULL, "::ffff:169.254.169.254", NGX_DECLINED },
    { NULL, NULL, "64:ff9b::a00:1", NGX_OK },
    { NULL, NULL, "64:ff9b::a9fe:a9fe", NGX_DECLINED },
    { NULL, NULL, "2002:a9fe:a9fe::1", NGX_DECLINED },
    { NULL, NULL, "2002:a00:1::1", NGX_OK },
    { NULL, "10.0.0.0/8", "::ffff:10.0.0.1", NGX_DECLINED },
    { NULL, "10.0.0.0/8", "64:ff9b::a00:1", NGX_DECLINED },
    { NULL, "10.0.0.0/8", "2002:a00:1::1", NGX_DECLINED },
    { NULL, "64:ff9b::/96", "64:ff9b::808:808", NGX_DECLINED },
    { "10.0.0.0/8", NULL, "::ffff:10.0.0.1", NGX_OK },
    { "10.0.0.0/8", NULL, "64:ff9b::a00:1", NGX_OK },
    { "64:ff9b::/96", NULL, "64:ff9b::a00:1", NGX_OK },
    { "64:ff9b::/96", NULL, "10.0.0.1", NGX_DECLINED },
    /* the rules */
    { "10.0.0.0/8", NULL, "10.1.2.3", NGX_OK },
    { "10.0.0.0/8", NULL, "192.168.0.1", NGX_DECLINED },
    { "10.0.0.0/8", NULL, "::1", NGX_DECLINED },
    { "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", NGX_DECLINED },
    { "10.1.2.3", "10.0.0.0/8", "10.1.2.3", NGX_DECLINED },
    { NULL, "127.0.0.0/8", "127.0.0.1", NGX_DECLINED },
    { NULL, "127.0.0.0/8 ::1", "::1", NGX_DECLINED },
    { NULL, "::/0", "10.0.0.1", NGX_OK },
    /* a reserved class has to be named: a wider range does not */
    { "0.0.0.0/0", NULL, "10.0.0.1", NGX_OK },
    { "0.0.0.0/0", NULL, "169.254.169.254", NGX_DECLINED },
    { "169.0.0.0/8", NULL, "169.254.169.254", NGX_DECLINED },
    { "169.254.0.0/16", NULL, "169.254.169.254", NGX_OK },
    { "169.254.169.254", NULL, "169.254.169.254", NGX_OK },
    { "169.254.1.0/24", NULL, "169.254.169.254", NGX_DECLINED },
    { "0.0.0.0/0 169.254.0.0/16", NULL, "169.254.1.1", NGX_OK },
    { "fe80::/10", NULL, "fe80::1", NGX_OK },
    { "::/0", NULL, "fe80::1", NGX_DECLINED },
    { "::/0", NULL, "64:ff9b::a9fe:a9fe", NGX_DECLINED },
    { "64:ff9b::a9fe:a9fe", NULL, "64:ff9b::a9fe:a9fe", NGX_OK },
    { "169.254.0.0/16", "169.254.169.254", "169.254.169.254", NGX_DECLINED }
};


int
main(void)
{
    test_names();
    test_wildcard_off();
    test_subproblem();
    test_ips();
    test_addresses();
    test_dates();
    test_memory();

    return done_testing();
}


static ngx_str_t
test_str(const char *text, size_t len)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = len;

    return s;
}


static void
test_context(acme_ca_ctx_t *ctx)
{
    memset(ctx, 0, sizeof(acme_ca_ctx_t));
    ctx->pool = ngx_create_pool(1024, &shim_log);
    ctx->log = &shim_log;
    ctx->now = 1000000000;
}


static void
test_identifier(ngx_pool_t *pool, const char *name, acme_ca_identifier_t *id)
{
    memset(id, 0, sizeof(acme_ca_identifier_t));

    if (*name == '*') {
        id->wildcard = 1;
        name += 2;
    }

    id->value = test_str(name, strlen(name));
}


static ngx_array_t *
test_rules(ngx_pool_t *pool, const char *text)
{
    size_t        len;
    ngx_str_t    *rule;
    ngx_array_t  *rules;

    if (text == NULL) {
        return NULL;
    }

    rules = ngx_array_create(pool, 2, sizeof(ngx_str_t));

    while (*text) {
        len = strcspn(text, " ");
        rule = ngx_array_push(rules);
        *rule = test_str(text, len);
        text += len + (text[len] == ' ');
    }

    return rules;
}


static ngx_array_t *
test_cidrs(ngx_pool_t *pool, const char *text)
{
    ngx_str_t    *rule;
    ngx_uint_t    i;
    ngx_array_t  *rules, *cidrs;

    if (text == NULL) {
        return NULL;
    }

    rules = test_rules(pool, text);
    rule = rules->elts;

    cidrs = ngx_array_create(pool, 2, sizeof(ngx_cidr_t));

    for (i = 0; i < rules->nelts; i++) {
        if (ngx_ptocidr(&rule[i], ngx_array_push(cidrs)) == NGX_ERROR) {
            ok(0, "cidr %s", text);
        }
    }

    return cidrs;
}


static void
test_names(void)
{
    ngx_uint_t             i;
    acme_ca_ctx_t          ctx;
    const name_test_t     *t;
    acme_ca_authority_t    authority;
    acme_ca_identifier_t   id;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        t = &names[i];

        test_context(&ctx);
        memset(&authority, 0, sizeof(authority));
        authority.wildcard = 1;
        authority.rules.allow_dns = test_rules(ctx.pool, t->allow);
        authority.rules.deny_dns = test_rules(ctx.pool, t->deny);

        test_identifier(ctx.pool, t->name, &id);

        is_int(acme_ca_policy_identifier(&ctx, &authority, &id), t->rc,
               "%s, allow %s, deny %s", t->name, t->allow ? t->allow : "-",
               t->deny ? t->deny : "-");

        ngx_destroy_pool(ctx.pool);
    }
}


static void
test_wildcard_off(void)
{
    acme_ca_ctx_t          ctx;
    acme_ca_authority_t    authority;
    acme_ca_identifier_t   id;

    test_context(&ctx);
    memset(&authority, 0, sizeof(authority));
    authority.rules.allow_dns = test_rules(ctx.pool, "*");

    test_identifier(ctx.pool, "*.example", &id);

    is_int(acme_ca_policy_identifier(&ctx, &authority, &id), NGX_ABORT,
           "no challenge proves a wildcard");

    ngx_destroy_pool(ctx.pool);
}


static void
test_subproblem(void)
{
    acme_ca_ctx_t          ctx;
    acme_ca_problem_t     *sub;
    acme_ca_authority_t    authority;
    acme_ca_identifier_t   id;

    test_context(&ctx);
    memset(&authority, 0, sizeof(authority));
    authority.wildcard = 1;
    authority.rules.deny_dns = test_rules(ctx.pool, ".secret.example");

    test_identifier(ctx.pool, "*.secret.example", &id);
    (void) acme_ca_policy_identifier(&ctx, &authority, &id);

    sub = ctx.problem ? ctx.problem->subproblems : NULL;

    if (ok(sub != NULL, "a subproblem")) {
        is_int(sub->type, ACME_CA_REJECTED_IDENTIFIER, "rejectedIdentifier");
        is_str(&sub->identifier_type, "dns", "its type");
        is_str(&sub->identifier_value, "*.secret.example", "its value");
        ok(ngx_strstr(sub->detail.data, "\".secret.example\"") != NULL,
           "its rule");
    }

    ngx_destroy_pool(ctx.pool);
}


static void
test_ips(void)
{
    ngx_uint_t             i;
    acme_ca_ctx_t          ctx;
    acme_ca_authority_t    authority;
    acme_ca_identifier_t   id;

    static const struct {
        const char  *allow, *deny, *address;
        ngx_int_t    rc;
    } ips[] = {
        { NULL, NULL, "10.0.0.5", NGX_OK },
        { NULL, NULL, "fd00::5", NGX_OK },
        { "10.0.0.0/8", NULL, "10.0.0.5", NGX_OK },
        { "10.0.0.0/8", NULL, "11.0.0.5", NGX_ABORT },
        { "10.0.0.0/8", NULL, "fd00::5", NGX_ABORT },
        { "fd00::/8", NULL, "fd00::5", NGX_OK },
        { NULL, "10.0.0.5", "10.0.0.5", NGX_ABORT },
        { "10.0.0.0/8", "10.0.0.0/24", "10.0.0.5", NGX_ABORT },
        { "10.0.0.0/8", "10.0.0.0/24", "10.0.1.5", NGX_OK }
    };

    for (i = 0; i < sizeof(ips) / sizeof(ips[0]); i++) {

        test_context(&ctx);
        memset(&authority, 0, sizeof(authority));
        authority.rules.allow_ip = test_cidrs(ctx.pool, ips[i].allow);
        authority.rules.deny_ip = test_cidrs(ctx.pool, ips[i].deny);
        authority.rules.deny_dns = test_rules(ctx.pool, "*");

        memset(&id, 0, sizeof(id));
        id.type = ACME_CA_IDENTIFIER_IP;
        id.value = test_str(ips[i].address, strlen(ips[i].address));

        if (strchr(ips[i].address, ':')) {
            id.address_len = 16;
            (void) ngx_inet6_addr(id.value.data, id.value.len, id.address);

        } else {
            id.address_len = 4;
            *(in_addr_t *) (void *) id.address =
                                    ngx_inet_addr(id.value.data, id.value.len);
        }

        is_int(acme_ca_policy_identifier(&ctx, &authority, &id), ips[i].rc,
               "%s, allow %s, deny %s", ips[i].address,
               ips[i].allow ? ips[i].allow : "-",
               ips[i].deny ? ips[i].deny : "-");

        ngx_destroy_pool(ctx.pool);
    }
}


static ngx_int_t
test_address(acme_ca_authority_t *authority, const char *text)
{
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    if (strchr(text, ':')) {
        memset(&sin6, 0, sizeof(sin6));
        sin6.sin6_family = AF_INET6;
        (void) inet_pton(AF_INET6, text, &sin6.sin6_addr);

        return acme_ca_policy_address(authority, (struct sockaddr *) &sin6);
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    (void) inet_pton(AF_INET, text, &sin.sin_addr);

    return acme_ca_policy_address(authority, (struct sockaddr *) &sin);
}


static void
test_addresses(void)
{
    ngx_uint_t            i;
    acme_ca_ctx_t         ctx;
    struct sockaddr_un    sun;
    acme_ca_authority_t   authority;

    for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {

        test_context(&ctx);
        memset(&authority, 0, sizeof(authority));
        authority.rules.allow_address = test_cidrs(ctx.pool,
                                                   addresses[i].allow);
        authority.rules.deny_address = test_cidrs(ctx.pool,
                                                  addresses[i].deny);

        is_int(test_address(&authority, addresses[i].address),
               addresses[i].rc, "%s, allow %s, deny %s",
               addresses[i].address,
               addresses[i].allow ? addresses[i].allow : "-",
               addresses[i].deny ? addresses[i].deny : "-");

        ngx_destroy_pool(ctx.pool);
    }

    memset(&authority, 0, sizeof(authority));
    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;

    is_int(acme_ca_policy_address(&authority, (struct sockaddr *) &sun),
           NGX_DECLINED, "no other families");
}


static void
test_dates(void)
{
    ngx_uint_t          i;
    acme_ca_ctx_t       ctx;
    acme_ca_profile_t   profile;

    /* relative to now; 0: not asked */

    static const struct {
        time_t      before, after;
        ngx_int_t   rc;
    } dates[] = {
        { 0, 0, NGX_OK },
        { 0, 1000, NGX_OK },
        { 0, 1001, NGX_ABORT },
        { 0, 1, NGX_OK },
        { 0, -1, NGX_ABORT },
        { -100, 0, NGX_OK },
        { -101, 0, NGX_ABORT },
        { -100, 1000, NGX_OK },
        { -100, -50, NGX_ABORT },
        { 500, 0, NGX_OK },
        { 1000, 0, NGX_OK },
        { 1001, 0, NGX_ABORT },
        { 500, 1500, NGX_OK },
        { 500, 1501, NGX_ABORT },
        { 500, 500, NGX_ABORT },
        { 500, 400, NGX_ABORT }
    };

    memset(&profile, 0, sizeof(profile));
    profile.lifetime = 1000;
    profile.backdate = 100;

    for (i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {

        test_context(&ctx);

        is_int(acme_ca_policy_dates(&ctx, &profile,
                         dates[i].before ? ctx.now + dates[i].before : 0,
                         dates[i].after ? ctx.now + dates[i].after : 0),
               dates[i].rc, "from %d to %d", (int) dates[i].before,
               (int) dates[i].after);

        ok(dates[i].rc == NGX_OK
           || (ctx.problem && ctx.problem->type == ACME_CA_MALFORMED),
           "its type");

        ngx_destroy_pool(ctx.pool);
    }
}


static void
test_memory(void)
{
    ngx_int_t              rc, n;
    ngx_uint_t             i;
    acme_ca_ctx_t          ctx;
    acme_ca_authority_t    authority;
    acme_ca_identifier_t   id;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        rc = NGX_ERROR;

        for (n = 0; rc == NGX_ERROR; n++) {
            test_context(&ctx);
            memset(&authority, 0, sizeof(authority));
            authority.rules.allow_dns = test_rules(ctx.pool, names[i].allow);
            authority.rules.deny_dns = test_rules(ctx.pool, names[i].deny);
            authority.wildcard = 1;
            test_identifier(ctx.pool, names[i].name, &id);

            shim_fail_at(n);
            rc = acme_ca_policy_identifier(&ctx, &authority, &id);
            shim_fail_at(SHIM_NEVER);

            ngx_destroy_pool(ctx.pool);
        }

        is_int(rc, names[i].rc, "%d allocations failed", (int) n - 1);
    }
}
