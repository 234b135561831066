
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * External account bindings.  An input that is no JSON object is taken as
 * "header \n payload \n MAC" and wrapped; the MAC is made right when the input
 * has none, so that the payload is reached.
 */


#include "fuzz.h"

#include "acme_ca_eab.h"

#include <openssl/err.h>
#include <openssl/evp.h>


static ngx_str_t fuzz_wrap(acme_ca_ctx_t *ctx, const uint8_t *data,
    size_t size);
static ngx_str_t fuzz_part(acme_ca_ctx_t *ctx, const uint8_t **data,
    size_t *size);
static void fuzz_binding(acme_ca_ctx_t *ctx, acme_ca_binding_t *binding);


#define KEY  "0123456789abcdef0123456789abcdef"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t           rc;
    ngx_str_t           text, url = ngx_string("u");
    acme_ca_ctx_t       ctx;
    acme_ca_json_t     *value;
    acme_ca_binding_t  *binding;

    fuzz_context(&ctx);

    if (size > 2 && data[0] == '{' && data[1] == '"' && data[2] != 'a') {
        text.data = (u_char *) data;
        text.len = size;

    } else {
        text = fuzz_wrap(&ctx, data, size);
    }

    rc = acme_ca_json_parse(&ctx, "binding", &text, &value);

    if (rc == NGX_OK) {
        rc = acme_ca_eab_parse(&ctx, value, &url, &binding);
    }

    fuzz_assert(rc == NGX_OK || (rc == NGX_ABORT && ctx.problem != NULL));

    if (rc == NGX_OK) {
        fuzz_binding(&ctx, binding);
    }

    fuzz_assert(ERR_peek_error() == 0);

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static void
fuzz_binding(acme_ca_ctx_t *ctx, acme_ca_binding_t *binding)
{
    ngx_int_t       rc;
    ngx_str_t       key = ngx_string(KEY), account;
    acme_ca_jwk_t  *jwk;

    fuzz_assert(binding->kid.len != 0 && binding->alg != NULL);

    rc = acme_ca_eab_verify(ctx, binding, &key);

    fuzz_assert(rc == NGX_OK || rc == NGX_ABORT);

    if (rc != NGX_OK) {
        return;
    }

    ngx_str_set(&account, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"11qYAYK"
                "xCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");

    rc = acme_ca_jwk_parse_text(ctx, &account, &jwk);

    fuzz_assert(rc == NGX_OK);

    rc = acme_ca_eab_match(ctx, binding, jwk);

    fuzz_assert(rc == NGX_OK || rc == NGX_ABORT);
}


static ngx_str_t
fuzz_wrap(acme_ca_ctx_t *ctx, const uint8_t *data, size_t size)
{
    u_char     *p, mac[EVP_MAX_MD_SIZE];
    size_t      len;
    ngx_str_t   text, input, header, payload, signature;

    header = fuzz_part(ctx, &data, &size);
    payload = fuzz_part(ctx, &data, &size);
    signature = fuzz_part(ctx, &data, &size);

    input.data = ngx_pnalloc(ctx->pool, header.len + payload.len + 1);
    p = ngx_sprintf(input.data, "%V.%V", &header, &payload);
    input.len = p - input.data;

    if (signature.len == 0) {
        fuzz_assert(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, KEY,
                              sizeof(KEY) - 1, input.data, input.len, mac,
                              sizeof(mac), &len)
                    != NULL);

        signature.data = ngx_pnalloc(ctx->pool, acme_ca_base64url_len(len));
        signature.len = acme_ca_base64url_len(len);
        acme_ca_base64url_write(signature.data, mac, len);
    }

    text.data = ngx_pnalloc(ctx->pool, input.len + signature.len + 128);
    p = ngx_sprintf(text.data, "{\"protected\":\"%V\",\"payload\":\"%V\","
                    "\"signature\":\"%V\"}", &header, &payload, &signature);
    text.len = p - text.data;

    return text;
}


static ngx_str_t
fuzz_part(acme_ca_ctx_t *ctx, const uint8_t **data, size_t *size)
{
    size_t     n;
    ngx_str_t  text;

    for (n = 0; n < *size && (*data)[n] != '\n'; n++) { /* void */ }

    text.len = acme_ca_base64url_len(n);
    text.data = ngx_pnalloc(ctx->pool, text.len + 1);
    acme_ca_base64url_write(text.data, *data, n);

    n = ngx_min(n + 1, *size);
    *data += n;
    *size -= n;

    return text;
}
