
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_binding.c: accounts that are bound to an external one, what
 * they may order, and both with each allocation failing once.
 */


#include "protocol_order.h"

#include <openssl/evp.h>


#define KEY  "0123456789abcdef0123456789abcdef"


static void
credential(const char *kid, const char *names, const char *more)
{
    char  *text;

    text = text_of("INSERT INTO acme_eab_credentials (kid, hmac_key, label, "
                   "names, profiles, accounts, created_at, expires_at, "
                   "revoked_at, max_accounts) VALUES ('%s', CAST('" KEY "' AS "
                   "BLOB), 'Label %s', '%s', '', 0, 1, %s)", kid, kid, names,
                   more);
    is_int(sql(text), 0, "credential %s", kid);
    free(text);
}


/* the payload of a new account */

static char *
payload_of(client_t *c, const char *kid)
{
    char    *header, *protected, *body, *input, *signature, *payload;
    size_t   len;
    u_char   mac[32];

    header = text_of("{\"alg\":\"HS256\",\"kid\":\"%s\",\"url\":\"" BASE
                     "new-account\"}", kid);
    protected = base64url(header, strlen(header));
    body = base64url(c->jwk, strlen(c->jwk));
    input = text_of("%s.%s", protected, body);

    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, KEY, sizeof(KEY) - 1,
                  (u_char *) input, strlen(input), mac, sizeof(mac), &len)
        == NULL)
    {
        abort();
    }

    signature = base64url(mac, len);
    payload = text_of("{\"externalAccountBinding\":{\"protected\":\"%s\","
                      "\"payload\":\"%s\",\"signature\":\"%s\"}}", protected,
                      body, signature);

    free(header);
    free(protected);
    free(body);
    free(input);
    free(signature);

    return payload;
}


static ngx_uint_t
bound(client_t *c, const char *kid)
{
    char        *payload;
    ngx_uint_t   status;

    client_new(c, "P-256");
    payload = payload_of(c, kid);

    status = POST(.by = c, .jwk = 1, .path = "new-account",
                  .payload = payload);
    free(payload);

    if (status == 201) {
        snprintf(c->kid, sizeof(c->kid), "%.*s",
                 (int) env.x->reply.location.len, env.x->reply.location.data);
    }

    return status;
}


static void
test_binding(void)
{
    size_t    i;
    client_t  c;

    static const char  *bad[] = { "nobody", "old", "gone" };

    credential("any", "", "NULL, NULL, NULL");
    credential("old", "", "2, NULL, NULL");
    credential("gone", "", "NULL, 2, NULL");
    credential("once", "", "NULL, NULL, 1");

    env.authority.eab = ACME_CA_EAB_REQUIRED;

    client_new(&c, "P-256");
    POST(.by = &c, .jwk = 1, .path = "new-account", .payload = "{}");
    refused(403, "externalAccountRequired", "none");
    client_free(&c);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bound(&c, bad[i]);
        refused(403, "unauthorized", bad[i]);
        client_free(&c);
    }

    is_int(bound(&c, "once"), 201, "once");
    is_int(sql("SELECT eab_id FROM acme_accounts"), 4, "eab_id");
    ok(acme_ca_json_member(env.body, "externalAccountBinding") != NULL,
       "the account shows it");
    client_free(&c);

    bound(&c, "once");
    refused(403, "unauthorized", "not twice");
    client_free(&c);

    env.authority.eab = ACME_CA_EAB_OFF;
    is_int(bound(&c, "nobody"), 201, "off: passed over");
    ok(acme_ca_json_member(env.body, "externalAccountBinding") == NULL,
       "and not shown");
    client_free(&c);

    env.authority.eab = ACME_CA_EAB_OPTIONAL;
}


static void
test_order_names(void)
{
    client_t  c;

    credential("narrow", "a.example 192.0.2.0/24", "NULL, NULL, NULL");
    is_int(bound(&c, "narrow"), 201, "narrow");

    POST(.by = &c, .path = "new-order", .payload = ORDER(NAME_A));
    is_int(env.x->reply.status, 201, "its name");

    POST(.by = &c, .path = "new-order", .payload = ORDER(NAME_A "," NAME_B));
    refused(400, "rejectedIdentifier", "another name");

    env.authority.pre_authorization = 1;
    POST(.by = &c, .path = "new-authz", .payload = "{\"identifier\":" NAME_B
         "}");
    ok(env.x->reply.status == 403, "nor authorized before");
    env.authority.pre_authorization = 0;

    is_int(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'new-order'"
               " AND json_extract(details, '$.eab') = 'Label narrow'"), 1,
           "the credential is audited");

    client_free(&c);
}


static void
test_memory(void)
{
    char        *payload;
    client_t     c;
    ngx_int_t    n;
    ngx_uint_t   status, odd;

    credential("memory", "a.example", "NULL, NULL, NULL");

    client_new(&c, "P-256");
    payload = payload_of(&c, "memory");
    odd = 0;

    for (n = 0; n < 5000; n++) {
        env.fail_at = n;
        status = POST(.by = &c, .jwk = 1, .path = "new-account",
                      .payload = payload);
        odd += (status != 201 && status != 500 && status != 200);

        if (env.fail_at == SHIM_NEVER) {
            break;
        }
    }

    env.fail_at = SHIM_NEVER;
    free(payload);

    ok(odd == 0 && n < 5000, "new account: %d allocations", (int) n);
    is_int(sql("SELECT accounts FROM acme_eab_credentials "
               "WHERE kid = 'memory'"), 1, "bound once");

    snprintf(c.kid, sizeof(c.kid), "%.*s", (int) env.x->reply.location.len,
             env.x->reply.location.data);
    odd = 0;

    for (n = 0; n < 5000; n++) {
        env.fail_at = n;
        status = POST(.by = &c, .path = "new-order",
                      .payload = ORDER(NAME_A "," NAME_B));
        odd += (status != 400 && status != 500);

        if (env.fail_at == SHIM_NEVER) {
            break;
        }
    }

    env.fail_at = SHIM_NEVER;

    ok(odd == 0 && n < 5000, "refused order: %d allocations", (int) n);

    client_free(&c);
}


int
main(void)
{
    env_open();

    test_binding();
    test_order_names();
    test_memory();

    env_close();

    return done_testing();
}
