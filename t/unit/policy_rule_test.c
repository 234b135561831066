
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Named rules: which one decides, and what it says.
 */


#include "acme_ca_policy_rule.h"
#include "acme_ca_text.h"
#include "shim.h"
#include "tap.h"


#define MAX  4


typedef struct {
    const char  *name;
    ngx_uint_t   action;
    const char  *accounts, *eabs, *addresses, *certificates;
    const char  *names, *ips, *profiles;
    int          no_wildcards;
    ngx_uint_t   max;
} row_t;


static ngx_pool_t  *pool;


static ngx_array_t *
words(const char *text, int cidr)
{
    char         buf[256], *word, *save;
    ngx_str_t    s, *str;
    ngx_cidr_t  *c;
    ngx_array_t *list;

    if (text == NULL) {
        return NULL;
    }

    list = ngx_array_create(pool, 4, cidr ? sizeof(ngx_cidr_t)
                                          : sizeof(ngx_str_t));
    strcpy(buf, text);

    for (word = strtok_r(buf, ";", &save); word;
         word = strtok_r(NULL, ";", &save))
    {
        acme_ca_copy(pool, &s, (u_char *) word, strlen(word));

        if (cidr) {
            c = ngx_array_push(list);
            memset(c, 0, sizeof(ngx_cidr_t));
            ok(ngx_ptocidr(&s, c) == NGX_OK, "range %s", word);
            continue;
        }

        str = ngx_array_push(list);
        *str = s;
    }

    return list;
}


static ngx_array_t *
rules(row_t *row, int n)
{
    int                     i;
    ngx_array_t            *list;
    acme_ca_policy_rule_t  *rule;

    list = ngx_array_create(pool, 4, sizeof(acme_ca_policy_rule_t));

    for (i = 0; i < n; i++) {
        rule = ngx_array_push(list);
        memset(rule, 0, sizeof(acme_ca_policy_rule_t));

        rule->name.data = (u_char *) row[i].name;
        rule->name.len = strlen(row[i].name);
        rule->action = row[i].action;
        rule->accounts = words(row[i].accounts, 0);
        rule->eabs = words(row[i].eabs, 0);
        rule->addresses = words(row[i].addresses, 1);
        rule->certificates = words(row[i].certificates, 0);
        rule->names = words(row[i].names, 0);
        rule->ips = words(row[i].ips, 1);
        rule->profiles = words(row[i].profiles, 0);
        rule->wildcards = !row[i].no_wildcards;
        rule->max_identifiers = row[i].max;
    }

    return list;
}


typedef struct {
    const char  *name, *account, *thumbprint, *eab, *address, *certificate;
    const char  *alternatives, *profile;
    ngx_uint_t   n;
} ask_t;


static void
str(ngx_str_t *s, const char *text)
{
    s->data = (u_char *) (text ? text : "");
    s->len = strlen((char *) s->data);
}


/* the deciding rule, "-" for none, or the detail of the refusal */

static const char *
ask(const ngx_array_t *list, ask_t *a)
{
    ngx_int_t                     rc;
    ngx_str_t                     type, value;
    acme_ca_ctx_t                 ctx;
    static char                   text[512];
    acme_ca_identifier_t          identifier;
    acme_ca_policy_want_t         want;
    acme_ca_policy_subject_t      subject;
    const acme_ca_policy_rule_t  *rule;

    memset(&ctx, 0, sizeof(ctx));
    ctx.pool = pool;
    ctx.log = &shim_log;

    str(&value, a->name);
    str(&type, strspn(a->name, "0123456789.") == value.len
               || strchr(a->name, ':') ? "ip" : "dns");

    if (acme_ca_identifier_parse(&ctx, &type, &value, &identifier) != NGX_OK) {
        return "unparsed";
    }

    memset(&subject, 0, sizeof(subject));
    str(&subject.account, a->account);
    str(&subject.thumbprint, a->thumbprint);
    str(&subject.eab, a->eab);
    str(&subject.address, a->address);
    str(&subject.certificate, a->certificate);
    subject.alternatives = words(a->alternatives, 0);

    want.identifier = &identifier;
    want.n = a->n ? a->n : 1;
    str(&want.profile, a->profile);

    rc = acme_ca_policy_rule(&ctx, list, &subject, &want, &rule);

    if (rc == NGX_OK) {
        return rule ? (char *) rule->name.data : "-";
    }

    snprintf(text, sizeof(text), "%s: %.*s", rc == NGX_ABORT
             ? acme_ca_problem_name(ctx.problem->type) : "error",
             ctx.problem ? (int) ctx.problem->detail.len : 0,
             ctx.problem ? (char *) ctx.problem->detail.data : "");

    return text;
}


#define is_ruled(list, want, ...)                                             \
    ({                                                                        \
        const char  *got_ = ask(list, &(ask_t) { .name = __VA_ARGS__ });      \
        if (!ok(strcmp(got_, want) == 0, "%s", #__VA_ARGS__)) {               \
            printf("# got \"%s\", not \"%s\"\n", got_, want);                \
        }                                                                     \
    })

#define NONE  "rejectedIdentifier: no rule allows it to this client"


static void
test_none(void)
{
    ngx_array_t  *list;
    row_t         deny[] = {
        { .name = "d", .action = ACME_CA_RULE_DENY, .names = ".no.example" }
    };

    is_ruled(NULL, "-", "a.example");

    list = rules(deny, 1);
    is_ruled(list, "-", "a.example");
    is_ruled(list, "-", "no.example");
    is_ruled(list, "-", "10.0.0.1");
    is_ruled(list, "rejectedIdentifier: the rule \"d\" denies it",
             "a.no.example");
    is_ruled(list, "rejectedIdentifier: the rule \"d\" denies it",
             "*.no.example");
}


static void
test_subject(void)
{
    ngx_array_t  *list;
    row_t         rows[] = {
        { .name = "account", .action = ACME_CA_RULE_ALLOW,
          .accounts = "id1;thumb2" },
        { .name = "eab", .action = ACME_CA_RULE_ALLOW, .eabs = "team" },
        { .name = "address", .action = ACME_CA_RULE_ALLOW,
          .addresses = "10.0.0.0/8;fd00::/8" },
        { .name = "cert", .action = ACME_CA_RULE_ALLOW,
          .certificates = "CN=web,O=Corp;OU=ops;dns:m.example" }
    };

    list = rules(rows, MAX);

    is_ruled(list, NONE, "a.example");
    is_ruled(list, "account", "a.example", .account = "id1");
    is_ruled(list, "account", "a.example", .thumbprint = "thumb2");
    is_ruled(list, NONE, "a.example", .account = "id", .thumbprint = "t");
    is_ruled(list, "eab", "a.example", .account = "id", .eab = "team");
    is_ruled(list, NONE, "a.example", .eab = "tea");
    is_ruled(list, "address", "a.example", .address = "10.1.2.3");
    is_ruled(list, "address", "a.example", .address = "::ffff:10.1.2.3");
    is_ruled(list, "address", "a.example", .address = "fd00::1");
    is_ruled(list, NONE, "a.example", .address = "11.1.2.3");
    is_ruled(list, NONE, "a.example", .address = "unix:");
    is_ruled(list, NONE, "a.example", .address = "10.1.2.3.4.5.6.7.8.9.0.1.2."
             "3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9");
    is_ruled(list, "cert", "a.example", .certificate = "CN=web,O=Corp");
    is_ruled(list, "cert", "a.example", .certificate = "CN=x,OU=ops,O=Corp");
    is_ruled(list, "cert", "a.example", .certificate = "OU=ops");
    is_ruled(list, NONE, "a.example", .certificate = "CN=web");
    is_ruled(list, NONE, "a.example", .certificate = "CN=x\\,OU=ops");
    is_ruled(list, NONE, "a.example", .certificate = "CN=x\\");
    is_ruled(list, "cert", "a.example", .certificate = "CN=x",
             .alternatives = "dns:n.example;dns:m.example");
    is_ruled(list, NONE, "a.example", .alternatives = "dns:n.example");
}


/* all conditions of a rule, the first rule of several */

static void
test_order(void)
{
    ngx_array_t  *list;
    row_t         rows[] = {
        { .name = "both", .action = ACME_CA_RULE_ALLOW, .eabs = "team",
          .addresses = "10.0.0.0/8" },
        { .name = "no", .action = ACME_CA_RULE_DENY,
          .names = "secret.web.example" },
        { .name = "any", .action = ACME_CA_RULE_TRUST, .certificates = "*",
          .names = ".web.example", .ips = "10.1.0.0/16" },
        { .name = "ip", .action = ACME_CA_RULE_ALLOW, .ips = "::1/128" }
    };

    list = rules(rows, MAX);

    is_ruled(list, "both", "a.example", .eab = "team", .address = "10.0.0.1");
    is_ruled(list, NONE, "a.example", .eab = "team");
    is_ruled(list, NONE, "a.example", .address = "10.0.0.1");
    is_ruled(list, "any", "a.web.example", .certificate = "CN=x");
    is_ruled(list, "any", "*.b.web.example", .certificate = "CN=x");
    is_ruled(list, "rejectedIdentifier: the rule \"no\" denies it",
             "*.web.example", .certificate = "CN=x");
    is_ruled(list, NONE, "web.example", .certificate = "CN=x");
    is_ruled(list, NONE, "xweb.example", .certificate = "CN=x");
    is_ruled(list, "any", "10.1.2.3", .certificate = "CN=x");
    is_ruled(list, NONE, "10.2.2.3", .certificate = "CN=x");
    is_ruled(list, "ip", "::1");
    is_ruled(list, "rejectedIdentifier: the rule \"no\" denies it",
             "secret.web.example", .certificate = "CN=x");
}


static void
test_limits(void)
{
    ngx_array_t  *list;
    row_t         rows[] = {
        { .name = "l", .action = ACME_CA_RULE_ALLOW, .no_wildcards = 1,
          .max = 2, .profiles = "a;b" }
    };

    list = rules(rows, 1);

    is_ruled(list, "l", "a.example", .n = 2, .profile = "b");
    is_ruled(list, "l", "a.example", .n = 2);
    is_ruled(list, "rejectedIdentifier: the rule \"l\" allows no wildcards",
             "*.a.example");
    is_ruled(list, "rejectedIdentifier: the rule \"l\" allows orders of at "
             "most 2 identifiers, not 3", "a.example", .n = 3);
    is_ruled(list, "invalidProfile: the rule \"l\" does not allow the profile "
             "\"c\"", "a.example", .profile = "c");
}


static void
test_memory(void)
{
    ngx_int_t     i;
    const char   *got;
    ngx_array_t  *list;
    row_t         rows[] = {
        { .name = "l", .action = ACME_CA_RULE_DENY }
    };

    list = rules(rows, 1);

    for (i = 0; i < 100; i++) {
        shim_fail_at(i);
        got = ask(list, &(ask_t) { .name = "a.example" });

        if (!shim_failed()) {
            break;
        }

        ok(strncmp(got, "error", 5) == 0 || strcmp(got, "unparsed") == 0,
           "allocation %d fails", (int) i);
    }

    shim_fail_at(SHIM_NEVER);
    ok(i > 1 && i < 100, "%d allocations", (int) i);
}


int
main(void)
{
    pool = ngx_create_pool(65536, &shim_log);

    test_none();
    test_subject();
    test_order();
    test_limits();
    test_memory();

    ngx_destroy_pool(pool);

    return done_testing();
}
