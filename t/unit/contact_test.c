
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * policy/acme_ca_policy_contact.c: RFC 8555, 7.3; RFC 6068.
 */


#include "context.h"
#include "tap.h"

#include "acme_ca_policy.h"


typedef struct {
    const char  *json;           /* NULL: absent */
    ngx_int_t    problem;        /* -1: accepted */
} contact_test_t;


static void test_contacts(void);
static void test_settings(void);
static void test_lengths(void);
static void test_memory(void);
static ngx_int_t test_contact(acme_ca_ctx_t *ctx,
    acme_ca_authority_t *authority, const char *json, ngx_str_t *contact);


static const contact_test_t  contacts[] = {
    { NULL, -1 },
    { "[]", -1 },
    { "[\"mailto:a@b.example\"]", -1 },
    { "[\"mailto:a@b.example\",\"mailto:c@d.example\"]", -1 },
    { "[\"MailTo:a@b.example\"]", -1 },
    { "[\"mailto:a@B.Example\"]", -1 },
    { "[\"mailto:root@localhost\"]", -1 },
    { "[\"mailto:a.b+c!#$%25&'*/=^_`{|}~-d@b.example\"]", -1 },
    { "[\"mailto:%61@b.example\"]", -1 },
    { "[\"mailto:a%3Fb@b.example\"]", -1 },

    { "{}", ACME_CA_MALFORMED },
    { "\"mailto:a@b.example\"", ACME_CA_MALFORMED },
    { "null", ACME_CA_MALFORMED },
    { "[1]", ACME_CA_MALFORMED },
    { "[null]", ACME_CA_MALFORMED },
    { "[[\"mailto:a@b.example\"]]", ACME_CA_MALFORMED },

    { "[\"tel:+123\"]", ACME_CA_UNSUPPORTED_CONTACT },
    { "[\"https://b.example/\"]", ACME_CA_UNSUPPORTED_CONTACT },
    { "[\"mailtox:a@b.example\"]", ACME_CA_UNSUPPORTED_CONTACT },
    { "[\"mailto:a@b.example\",\"tel:1\"]", ACME_CA_UNSUPPORTED_CONTACT },

    { "[\"\"]", ACME_CA_INVALID_CONTACT },
    { "[\"a@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\":a@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"1mailto:a@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\" mailto:a@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b@c.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b.example,c@d.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b.example%2Cc@d.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b.example?subject=x\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b.example?\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:?to=a@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b.example%3Fsubject=x\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a%0D%0ABcc:x@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a%00@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a\\u0000@b.example\"]", ACME_CA_MALFORMED },
    { "[\"mailto:a%\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a%4@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a%zz@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a b@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a%20b@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:.a@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a.@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a..b@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:\\\"a\\\"@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@[10.0.0.1]\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@10.0.0.1\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b_c.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@b.example.\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:a@*.b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:\\u00e4@b.example\"]", ACME_CA_INVALID_CONTACT },
    { "[\"mailto:<a@b.example>\"]", ACME_CA_INVALID_CONTACT }
};


int
main(void)
{
    test_contacts();
    test_settings();
    test_lengths();
    test_memory();

    return done_testing();
}


static ngx_int_t
test_contact(acme_ca_ctx_t *ctx, acme_ca_authority_t *authority,
    const char *json, ngx_str_t *contact)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    acme_ca_json_t  *value;

    value = NULL;

    if (json) {
        text.data = (u_char *) json;
        text.len = strlen(json);

        rc = acme_ca_json_parse(ctx, "test", &text, &value);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return acme_ca_policy_contact(ctx, authority, value, contact);
}


static void
test_contacts(void)
{
    ngx_int_t              rc;
    ngx_str_t              contact;
    ngx_uint_t             i;
    acme_ca_ctx_t          ctx;
    acme_ca_authority_t    authority;
    const contact_test_t  *t;

    memset(&authority, 0, sizeof(authority));

    for (i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++) {
        t = &contacts[i];

        test_context(&ctx);

        rc = test_contact(&ctx, &authority, t->json, &contact);

        if (t->problem == -1) {
            if (is_int(rc, NGX_OK, "%s", t->json ? t->json : "absent")) {
                ok(contact.len >= 2 && contact.data[0] == '[',
                   "an array to store");
            }

        } else if (is_int(rc, NGX_ABORT, "refused: %s", t->json)) {
            is_int(ctx.problem->type, t->problem, "its type");
        }

        ngx_destroy_pool(ctx.pool);
    }

    test_context(&ctx);

    (void) test_contact(&ctx, &authority, NULL, &contact);
    is_str(&contact, "[]", "nothing to store");

    (void) test_contact(&ctx, &authority,
                        "[ \"mailto:a@b.example\" ,\"mailto:c@d.example\"]",
                        &contact);
    is_str(&contact, "[\"mailto:a@b.example\",\"mailto:c@d.example\"]",
           "two to store");

    ngx_destroy_pool(ctx.pool);
}


static void
test_settings(void)
{
    ngx_str_t             contact, *domain;
    acme_ca_ctx_t         ctx;
    acme_ca_authority_t   authority;

    test_context(&ctx);
    memset(&authority, 0, sizeof(authority));

    authority.contact_required = 1;
    is_int(test_contact(&ctx, &authority, NULL, &contact), NGX_ABORT,
           "required, absent");
    is_int(ctx.problem->type, ACME_CA_INVALID_CONTACT, "its type");
    is_int(test_contact(&ctx, &authority, "[]", &contact), NGX_ABORT,
           "required, empty");
    is_int(test_contact(&ctx, &authority, "[\"mailto:a@b.example\"]",
                        &contact), NGX_OK, "required, there");

    authority.contact_max = 1;
    is_int(test_contact(&ctx, &authority, "[\"mailto:a@b.example\"]",
                        &contact), NGX_OK, "one of one");
    is_int(test_contact(&ctx, &authority,
                        "[\"mailto:a@b.example\",\"mailto:a@b.example\"]",
                        &contact), NGX_ABORT, "two of one");

    authority.contact_domains = ngx_array_create(ctx.pool, 2,
                                                 sizeof(ngx_str_t));
    domain = ngx_array_push(authority.contact_domains);
    ngx_str_set(domain, "b.example");
    domain = ngx_array_push(authority.contact_domains);
    ngx_str_set(domain, ".c.example");

    is_int(test_contact(&ctx, &authority, "[\"mailto:a@B.example\"]",
                        &contact), NGX_OK, "a domain of the list");
    is_int(test_contact(&ctx, &authority, "[\"mailto:a@x.c.example\"]",
                        &contact), NGX_OK, "below one of the list");
    is_int(test_contact(&ctx, &authority, "[\"mailto:a@c.example\"]",
                        &contact), NGX_ABORT, "not the domain itself");
    is_int(test_contact(&ctx, &authority, "[\"mailto:a@x.b.example\"]",
                        &contact), NGX_ABORT, "not below an exact one");
    is_int(test_contact(&ctx, &authority, "[\"mailto:a@xb.example\"]",
                        &contact), NGX_ABORT, "not a longer name");
    is_int(ctx.problem->type, ACME_CA_INVALID_CONTACT, "its type");

    domain = ngx_array_push(authority.contact_domains);
    ngx_str_set(domain, "*");
    is_int(test_contact(&ctx, &authority, "[\"mailto:a@d.example\"]",
                        &contact), NGX_OK, "any");

    ngx_destroy_pool(ctx.pool);
}


static void
test_lengths(void)
{
    char                  json[2048];
    char                  a[1100];
    ngx_str_t             contact;
    acme_ca_ctx_t         ctx;
    acme_ca_authority_t   authority;

    test_context(&ctx);
    memset(&authority, 0, sizeof(authority));
    memset(a, 'a', sizeof(a));

    snprintf(json, sizeof(json), "[\"mailto:%.64s@b.example\"]", a);
    is_int(test_contact(&ctx, &authority, json, &contact), NGX_OK,
           "a local part of 64");

    snprintf(json, sizeof(json), "[\"mailto:%.65s@b.example\"]", a);
    is_int(test_contact(&ctx, &authority, json, &contact), NGX_ABORT,
           "a local part of 65");

    snprintf(json, sizeof(json), "[\"mailto:a@%.60s.%.60s.%.60s.%.60s.com\"]",
             a, a, a, a);
    is_int(test_contact(&ctx, &authority, json, &contact), NGX_OK,
           "an address of 249");

    snprintf(json, sizeof(json),
             "[\"mailto:%.60s@%.60s.%.60s.%.60s.%.60s.com\"]",
             a, a, a, a, a);
    is_int(test_contact(&ctx, &authority, json, &contact), NGX_ABORT,
           "an address of 308");

    snprintf(json, sizeof(json), "[\"mailto:%.1100s@b.example\"]", a);
    is_int(test_contact(&ctx, &authority, json, &contact), NGX_ABORT,
           "a URL of 1100");

    ngx_destroy_pool(ctx.pool);
}


static void
test_memory(void)
{
    ngx_int_t             rc, n, want;
    ngx_str_t             contact;
    ngx_uint_t            i;
    acme_ca_ctx_t         ctx;
    acme_ca_authority_t   authority;

    memset(&authority, 0, sizeof(authority));

    for (i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++) {

        want = (contacts[i].problem == -1) ? NGX_OK : NGX_ABORT;
        rc = NGX_ERROR;

        for (n = 0; rc == NGX_ERROR; n++) {
            test_context(&ctx);
            shim_fail_at(n);
            rc = test_contact(&ctx, &authority, contacts[i].json, &contact);
            shim_fail_at(SHIM_NEVER);
            ngx_destroy_pool(ctx.pool);
        }

        is_int(rc, want, "%d allocations failed", (int) n - 1);
    }
}
