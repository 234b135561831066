
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_ruling.c: named rules by whole exchanges, from the order to
 * the certificate: what they refuse, allow and trust, what the audit log says
 * of it, and all of it with each allocation failing once.
 */


#include "protocol_order.h"
#include "acme_ca_policy_rule.h"


#define NAME_T  "{\"type\":\"dns\",\"value\":\"host.trust.example\"}"
#define NAME_D  "{\"type\":\"dns\",\"value\":\"deny.example\"}"
#define NAME_P  "{\"type\":\"dns\",\"value\":\"p.profile.example\"}"


static ngx_str_t    trusted = ngx_string(".trust.example");
static ngx_str_t    denied = ngx_string("deny.example");
static ngx_str_t    profiled = ngx_string(".profile.example");
static ngx_str_t    any = ngx_string("*");
static ngx_str_t    profile = ngx_string("short");
static ngx_str_t    account;

static ngx_array_t  trusted_names = { &trusted, 1, sizeof(ngx_str_t), 1, NULL };
static ngx_array_t  denied_names = { &denied, 1, sizeof(ngx_str_t), 1, NULL };
static ngx_array_t  profiled_names
    = { &profiled, 1, sizeof(ngx_str_t), 1, NULL };
static ngx_array_t  any_name = { &any, 1, sizeof(ngx_str_t), 1, NULL };
static ngx_array_t  profiles = { &profile, 1, sizeof(ngx_str_t), 1, NULL };
static ngx_array_t  accounts = { &account, 1, sizeof(ngx_str_t), 1, NULL };

static acme_ca_policy_rule_t  table[] = {
    { .name = ngx_string("never"), .names = &denied_names, .wildcards = 1,
      .action = ACME_CA_RULE_DENY },
    { .name = ngx_string("ours"), .accounts = &accounts,
      .names = &trusted_names, .wildcards = 1,
      .action = ACME_CA_RULE_TRUST },
    { .name = ngx_string("brief"), .names = &profiled_names,
      .profiles = &profiles, .action = ACME_CA_RULE_ALLOW },
    { .name = ngx_string("rest"), .names = &any_name, .max_identifiers = 2,
      .action = ACME_CA_RULE_ALLOW }
};

static ngx_array_t  rules
    = { table, sizeof(table) / sizeof(table[0]), sizeof(table[0]),
        sizeof(table) / sizeof(table[0]), NULL };


static ngx_uint_t
order(client_t *by, const char *payload)
{
    return POST(.by = by, .path = "new-order", .payload = payload);
}


static void
test_decisions(client_t *a, client_t *b)
{
    is_int(order(a, ORDER(NAME_D)), 400, "denied");
    refused(400, "rejectedIdentifier", "denied: its type");
    ok(strstr(member("detail"), "\"never\"") != NULL, "by which rule");

    is_int(order(a, ORDER(NAME_A "," NAME_D)), 400, "one of two");
    is_str(acme_ca_json_string(acme_ca_json_member(element("subproblems", 0),
                                                   "identifier"), "value"),
           "deny.example", "which one");
    ok(element("subproblems", 1) == NULL, "and no other");

    is_int(order(a, ORDER(NAME_A "," NAME_B)), 201, "as many as the rule has");
    ok(audited("\"rules\":[\"rest\""), "rules in the audit log");
    is_int(order(a, ORDER(NAME_A "," NAME_B ",{\"type\":\"dns\",\"value\":"
                          "\"c.example\"}")), 400, "more than it has");

    is_int(order(a, ORDER(NAME_P)), 400, "not by the default profile");
    refused(400, "invalidProfile", "its type");
    is_int(order(a, "{\"identifiers\":[" NAME_P "],\"profile\":\"short\"}"),
           201, "by the profile of the rule");

    is_int(order(b, ORDER(NAME_T)), 201, "of no trusted account");
    is_member("status", "pending", "it is to be proven");

    env.authority.named_rules = NULL;
    is_int(order(a, ORDER(NAME_D)), 201, "without rules");
    ok(!audited("rules"), "the audit log has none");
    env.authority.named_rules = &rules;
}


static void
test_trust(client_t *a)
{
    char      *csr, *payload;
    order_t    o, again;
    client_t   key;

    client_new(&key, "P-256");

    is_int(order(a, ORDER(NAME_T)), 201, "trusted");
    is_member("status", "ready", "nothing is to be proven");
    is_int(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'trust'"
               " AND reason = 'trusted by rule \"ours\"' AND details ="
               " '{\"identifier\":\"host.trust.example\",\"rule\":\"ours\"}'"),
           1, "a row of its own in the audit log");

    memset(&o, 0, sizeof(order_t));
    o.path = path_of(&env.x->reply.location);
    o.finalize = path_of(acme_ca_json_string(env.body, "finalize"));

    csr = csr_new(key.key, "DNS:host.trust.example");
    payload = text_of("{\"csr\":\"%s\"}", csr);
    free(csr);

    /* asked once more: who is not trusted any more gets nothing */

    account.len--;
    POST(.by = a, .path = o.finalize, .payload = payload);
    refused(403, "unauthorized", "trusted no more");
    ok(strstr(member("detail"), "\"ours\"") != NULL, "by which rule");
    starve("trusted no more", &(post_t) { .by = a, .path = o.finalize,
           .payload = payload }, 403);
    account.len++;

    table[0].names = &trusted_names;
    POST(.by = a, .path = o.finalize, .payload = payload);
    refused(400, "rejectedIdentifier", "denied meanwhile");
    starve("denied meanwhile", &(post_t) { .by = a, .path = o.finalize,
           .payload = payload }, 400);
    table[0].names = &denied_names;

    POST(.by = a, .path = o.path);
    is_member("status", "ready", "the order waits");
    starve("finalize", &(post_t) { .by = a, .path = o.finalize,
           .payload = payload }, 200);
    is_member("status", "valid", "trusted again");
    is_int(sql("SELECT count(*) FROM acme_certificates WHERE sans ="
               " 'dns:host.trust.example'"), 1, "one certificate");

    /* what was trusted is no proof */

    account.len--;
    order_new(a, ORDER(NAME_T), &again);
    POST(.by = a, .path = again.path);
    is_member("status", "pending", "trust is no proof");
    order_free(&again);
    account.len++;

    free(payload);
    order_free(&o);
    client_free(&key);
}


static void
test_memory(client_t *a)
{
    starve("denied", &(post_t) { .by = a, .path = "new-order",
           .payload = ORDER(NAME_A "," NAME_D) }, 400);
    starve("allowed", &(post_t) { .by = a, .path = "new-order",
           .payload = ORDER(NAME_A "," NAME_B) }, 201);
    starve("trusted", &(post_t) { .by = a, .path = "new-order",
           .payload = ORDER(NAME_T) }, 201);
    is_member("status", "ready", "nothing is to be proven");

    is_int(sql("SELECT count(*) FROM acme_authorizations AS a WHERE"
               " trusted_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM"
               " acme_audit_logs WHERE action = 'trust' AND authz_id = a.id)"),
           0, "no trust without its row in the audit log");
}


int
main(void)
{
    client_t  a, b;

    env_open();

    join(&a, "P-256");
    join(&b, "P-256");

    account.data = (u_char *) strrchr(a.kid, '/') + 1;
    account.len = strlen((char *) account.data);

    env.authority.named_rules = &rules;

    test_decisions(&a, &b);
    test_trust(&a);
    test_memory(&a);

    client_free(&a);
    client_free(&b);
    env_close();

    return done_testing();
}
