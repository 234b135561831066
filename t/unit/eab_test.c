
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * jose/acme_ca_eab.c and policy/acme_ca_policy_eab.c: RFC 8555, 7.3.4; the MAC
 * is made here by another interface of OpenSSL than there.
 */


#include "context.h"
#include "shim_jose.h"
#include "tap.h"

#include "acme_ca_eab.h"
#include "acme_ca_policy.h"

#include <openssl/err.h>


#define URL  "https://ca/new-account"
#define KEY  "0123456789abcdef0123456789abcdef"


static ngx_str_t test_binding(acme_ca_ctx_t *ctx, const char *header,
    ngx_str_t *payload, const char *digest, ngx_int_t cut);
static ngx_int_t test_run(acme_ca_ctx_t *ctx, ngx_str_t *text,
    acme_ca_jwk_t *jwk);
static ngx_str_t test_header(acme_ca_ctx_t *ctx, const char *alg);
static void test_algorithms(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk);
static void test_headers(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk);
static void test_macs(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk);
static void test_payloads(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk);
static void test_identifiers(acme_ca_ctx_t *ctx);
static void test_profiles(acme_ca_ctx_t *ctx);
static void test_memory(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk);


static EVP_PKEY  *key;


int
main(void)
{
    ngx_str_t       text;
    acme_ca_ctx_t   ctx;
    acme_ca_jwk_t  *jwk;

    shim_openssl();

    test_context(&ctx);

    key = shim_key("ES256");
    text = shim_jwk(ctx.pool, key);

    if (acme_ca_jwk_parse_text(&ctx, &text, &jwk) != NGX_OK) {
        return 1;
    }

    test_algorithms(&ctx, jwk);
    test_headers(&ctx, jwk);
    test_macs(&ctx, jwk);
    test_payloads(&ctx, jwk);
    test_identifiers(&ctx);
    test_profiles(&ctx);
    test_memory(&ctx, jwk);

    ngx_destroy_pool(ctx.pool);
    EVP_PKEY_free(key);

    return done_testing();
}


/* cut: bytes of the MAC that are left out; payload NULL: the account's key */

static ngx_str_t
test_binding(acme_ca_ctx_t *ctx, const char *header, ngx_str_t *payload,
    const char *digest, ngx_int_t cut)
{
    u_char      mac[EVP_MAX_MD_SIZE + 1];
    size_t      len;
    ngx_str_t   protected, body, input, signature;

    body = payload ? *payload : shim_jwk(ctx->pool, key);
    body = shim_base64url_text(ctx->pool, body.data, body.len);
    protected = shim_base64url_text(ctx->pool, header, strlen(header));
    input = shim_text(ctx->pool, "%V.%V", &protected, &body);

    mac[0] = 0;

    if (EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, KEY, sizeof(KEY) - 1,
                  input.data, input.len, mac, sizeof(mac), &len)
        == NULL)
    {
        abort();
    }

    signature = shim_base64url_text(ctx->pool, mac, len - cut);

    return shim_text(ctx->pool, "{\"protected\":\"%V\",\"payload\":\"%V\","
                     "\"signature\":\"%V\"}", &protected, &body, &signature);
}


static ngx_int_t
test_run(acme_ca_ctx_t *ctx, ngx_str_t *text, acme_ca_jwk_t *jwk)
{
    ngx_int_t           rc;
    ngx_str_t           url = ngx_string(URL), secret = ngx_string(KEY);
    acme_ca_json_t     *value;
    acme_ca_binding_t  *binding;

    ctx->problem = NULL;

    rc = acme_ca_json_parse(ctx, "binding", text, &value);

    if (rc == NGX_OK) {
        rc = acme_ca_eab_parse(ctx, value, &url, &binding);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_eab_verify(ctx, binding, &secret);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_eab_match(ctx, binding, jwk);
    }

    return rc;
}


static ngx_str_t
test_header(acme_ca_ctx_t *ctx, const char *alg)
{
    return shim_text(ctx->pool,
                     "{\"alg\":\"%s\",\"kid\":\"k\",\"url\":\"" URL "\"}", alg);
}


static void
test_algorithms(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk)
{
    size_t              i;
    ngx_str_t           text, header, url = ngx_string(URL);
    acme_ca_json_t     *value;
    acme_ca_binding_t  *binding;

    static const struct {
        const char  *alg;
        const char  *digest;
    } good[] = {
        { "HS256", "SHA256" }, { "HS384", "SHA384" }, { "HS512", "SHA512" }
    };

    static const char  *bad[] = {
        "none", "None", "hs256", "HS25", "HS2566", "HS224", "ES256", "EdDSA",
        "RS256", "PS256"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        header = test_header(ctx, good[i].alg);
        text = test_binding(ctx, (char *) header.data, NULL, good[i].digest, 0);
        is_int(test_run(ctx, &text, jwk), NGX_OK, "%s", good[i].alg);

        if (acme_ca_json_parse(ctx, "binding", &text, &value) == NGX_OK
            && acme_ca_eab_parse(ctx, value, &url, &binding) == NGX_OK)
        {
            is_str(&binding->kid, "k", "kid");
            ok(acme_ca_str_eq(&binding->text, &text), "the text is the same");
        }

        text = test_binding(ctx, (char *) header.data, NULL,
                            good[(i + 1) % 3].digest, 0);
        is_int(test_run(ctx, &text, jwk), NGX_ABORT, "%s by another digest",
               good[i].alg);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        header = test_header(ctx, bad[i]);
        text = test_binding(ctx, (char *) header.data, NULL, "SHA256", 0);
        is_int(test_run(ctx, &text, jwk), NGX_ABORT, "not %s", bad[i]);
        is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed");
    }
}


static void
test_headers(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk)
{
    size_t     i;
    ngx_str_t  text;

#define HEAD  "{\"alg\":\"HS256\",\"kid\":\"k\",\"url\":\"" URL "\""

    static const char  *bad[] = {
        "", "{", "[]", "null", "{}",
        "{\"alg\":\"HS256\",\"kid\":\"k\"}",
        "{\"alg\":\"HS256\",\"url\":\"" URL "\"}",
        "{\"kid\":\"k\",\"url\":\"" URL "\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\",\"url\":\"" URL "\"}",
        "{\"alg\":\"HS256\",\"kid\":1,\"url\":\"" URL "\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k\",\"url\":\"" URL "/\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k\",\"url\":1}",
        HEAD ",\"nonce\":\"AAAA\"}", HEAD ",\"nonce\":null}",
        HEAD ",\"jwk\":{}}", HEAD ",\"jwk\":null}", HEAD ",\"crit\":[]}",
        HEAD ",\"b64\":false}", HEAD ",\"x5u\":\"\"}", HEAD ",\"kid\":\"k\"}"
    };

    text = test_binding(ctx, HEAD ",\"typ\":\"JWT\"}", NULL, "SHA256", 0);
    is_int(test_run(ctx, &text, jwk), NGX_OK, "an unknown parameter");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text = test_binding(ctx, bad[i], NULL, "SHA256", 0);
        is_int(test_run(ctx, &text, jwk), NGX_ABORT, "header %s", bad[i]);
        is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed");
    }
}


static void
test_macs(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk)
{
    ngx_int_t  cut;
    ngx_str_t  text, header;

    header = test_header(ctx, "HS256");

    for (cut = 1; cut <= 32; cut++) {
        text = test_binding(ctx, (char *) header.data, NULL, "SHA256", cut);
        is_int(test_run(ctx, &text, jwk), NGX_ABORT, "MAC but %d bytes",
               (int) cut);
        is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed");
    }

    /* as long as that of HS256 */

    text = test_binding(ctx, (char *) header.data, NULL, "SHA384", 16);
    is_int(test_run(ctx, &text, jwk), NGX_ABORT, "MAC of another digest");
    is_int(ctx->problem->type, ACME_CA_UNAUTHORIZED, "unauthorized");
}


static void
test_payloads(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk)
{
    size_t     i;
    EVP_PKEY  *other;
    ngx_str_t  text, header, payload;

    static const char  *bad[] = {
        "", "{", "{}", "[]", "\"x\"", "null", "{\"kty\":\"oct\",\"k\":\"AA\"}"
    };

    header = test_header(ctx, "HS256");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        payload.data = (u_char *) bad[i];
        payload.len = strlen(bad[i]);
        text = test_binding(ctx, (char *) header.data, &payload, "SHA256", 0);
        is_int(test_run(ctx, &text, jwk), NGX_ABORT, "payload %s", bad[i]);
        ok(ctx->problem->type != ACME_CA_UNAUTHORIZED, "not unauthorized");
    }

    other = shim_key("ES256");
    payload = shim_jwk(ctx->pool, other);
    text = test_binding(ctx, (char *) header.data, &payload, "SHA256", 0);
    is_int(test_run(ctx, &text, jwk), NGX_ABORT, "another key");
    is_int(ctx->problem->type, ACME_CA_UNAUTHORIZED, "unauthorized");

    EVP_PKEY_free(other);
}


static void
test_identifiers(acme_ca_ctx_t *ctx)
{
    size_t                 i;
    ngx_int_t              rc;
    ngx_str_t              type, value;
    acme_ca_eab_t          eab;
    acme_ca_identifier_t   identifier;

    static const struct {
        const char  *names;
        const char  *type;
        const char  *value;
        ngx_int_t    rc;
    } cases[] = {
        { "", "dns", "a.b", NGX_OK },
        { "", "ip", "10.0.0.1", NGX_OK },
        { "a.b", "dns", "a.b", NGX_OK },
        { "a.b", "dns", "c.a.b", NGX_ABORT },
        { "a.b", "dns", "*.a.b", NGX_ABORT },
        { "  x.y   .a.b ", "dns", "c.a.b", NGX_OK },
        { ".a.b", "dns", "a.b", NGX_ABORT },
        { ".a.b", "dns", "*.a.b", NGX_OK },
        { ".a.b", "dns", "ca.b", NGX_ABORT },
        { "*", "dns", "*.a.b", NGX_OK },
        { "*", "ip", "::1", NGX_OK },
        { "a.b", "ip", "10.0.0.1", NGX_ABORT },
        { "10.0.0.0/8", "ip", "10.0.0.1", NGX_OK },
        { "10.0.0.0/8", "ip", "11.0.0.1", NGX_ABORT },
        { "10.0.0.0/8", "dns", "a.b", NGX_ABORT },
        { "a.b fd00::/8", "ip", "fd00::1", NGX_OK },
        { "a.b fd00::/8", "ip", "fe00::1", NGX_ABORT },
        { " ", "dns", "a.b", NGX_ABORT }
    };

    ngx_memzero(&eab, sizeof(acme_ca_eab_t));
    ngx_str_set(&eab.label, "L");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ctx->problem = NULL;

        type.data = (u_char *) cases[i].type;
        type.len = strlen(cases[i].type);
        value.data = (u_char *) cases[i].value;
        value.len = strlen(cases[i].value);
        eab.names.data = (u_char *) cases[i].names;
        eab.names.len = strlen(cases[i].names);

        rc = acme_ca_identifier_parse(ctx, &type, &value, &identifier);

        if (rc == NGX_OK) {
            rc = acme_ca_policy_eab_identifier(ctx, &eab, &identifier);
        }

        is_int(rc, cases[i].rc, "\"%s\": %s", cases[i].names, cases[i].value);
    }
}


static void
test_profiles(acme_ca_ctx_t *ctx)
{
    ngx_uint_t                i;
    acme_ca_eab_t             eab;
    acme_ca_profile_t        *row;
    acme_ca_authority_t       authority;
    const acme_ca_profile_t  *profile;

    ngx_memzero(&eab, sizeof(acme_ca_eab_t));
    ngx_memzero(&authority, sizeof(acme_ca_authority_t));

    if (ngx_array_init(&authority.profiles, ctx->pool, 2,
                       sizeof(acme_ca_profile_t))
        != NGX_OK)
    {
        return;
    }

    for (i = 0; i < 2; i++) {
        row = ngx_array_push(&authority.profiles);
        ngx_memzero(row, sizeof(acme_ca_profile_t));
        row->name = shim_text(ctx->pool, "p%ui", i);
    }

    row = authority.profiles.elts;
    authority.default_profile = row;

    profile = &row[0];
    is_int(acme_ca_policy_eab_profile(ctx, &authority, &eab, 1, &profile),
           NGX_OK, "any profile");

    ngx_str_set(&eab.profiles, "none p1");
    is_int(acme_ca_policy_eab_profile(ctx, &authority, &eab, 1, &profile),
           NGX_ABORT, "not this one");
    is_int(ctx->problem->type, ACME_CA_UNAUTHORIZED, "unauthorized");

    is_int(acme_ca_policy_eab_profile(ctx, &authority, &eab, 0, &profile),
           NGX_OK, "nobody asked for it");
    ok(profile == &row[1], "the first one that there is");

    ngx_str_set(&eab.profiles, "none");
    is_int(acme_ca_policy_eab_profile(ctx, &authority, &eab, 0, &profile),
           NGX_ABORT, "there is none");
}


static void
test_memory(acme_ca_ctx_t *ctx, acme_ca_jwk_t *jwk)
{
    ngx_int_t       n, rc, bad;
    ngx_str_t       text, header;
    acme_ca_ctx_t   own;

    header = test_header(ctx, "HS256");
    text = test_binding(ctx, (char *) header.data, NULL, "SHA256", 0);

    rc = NGX_ERROR;
    bad = 0;

    for (n = 0; rc != NGX_OK && n < 3000; n++) {
        test_context(&own);
        shim_fail_at(n);

        rc = test_run(&own, &text, jwk);

        if (rc == NGX_OK && shim_failed()) {
            rc = NGX_ERROR;

        } else if (rc == NGX_ABORT) {
            bad++;
        }

        shim_fail_at(SHIM_NEVER);
        ERR_clear_error();
        ngx_destroy_pool(own.pool);
    }

    is_int(rc, NGX_OK, "every allocation failed once, %d of them", (int) n);
    is_int(bad, 0, "and none became a refusal");
}
