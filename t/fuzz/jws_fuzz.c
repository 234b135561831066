
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * JSON Web Signatures.  An input that is no JSON object is taken as
 * "header \n payload \n signature" and wrapped, because no fuzzer guesses
 * base64url of JSON.
 */


#include "fuzz.h"

#include "acme_ca_jws.h"

#include <openssl/err.h>


static ngx_str_t fuzz_wrap(acme_ca_ctx_t *ctx, const uint8_t *data,
    size_t size);
static u_char *fuzz_part(u_char *dst, const char *name, const uint8_t **data,
    size_t *size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t       rc;
    ngx_str_t       text;
    acme_ca_ctx_t   ctx;
    acme_ca_jws_t  *jws;
    acme_ca_jwk_t  *jwk;

    fuzz_context(&ctx);

    if (size > 2 && data[0] == '{' && data[1] == '"' && data[2] != 'a') {
        text.data = (u_char *) data;
        text.len = size;

    } else {
        text = fuzz_wrap(&ctx, data, size);
    }

    rc = acme_ca_jws_parse(&ctx, &text, size & 1, &jws);

    fuzz_assert(rc == NGX_OK || (rc == NGX_ABORT && ctx.problem != NULL));

    if (rc == NGX_OK) {
        fuzz_assert((jws->jwk != NULL) != (jws->kid.len != 0));
        fuzz_assert(jws->alg != NULL);

        if (jws->jwk != NULL
            && acme_ca_jwk_parse(&ctx, jws->jwk, &jwk) == NGX_OK)
        {
            rc = acme_ca_jws_verify(&ctx, jws, jwk->key);
            fuzz_assert(rc == NGX_OK || rc == NGX_ABORT);
        }
    }

    fuzz_assert(ERR_peek_error() == 0);

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static ngx_str_t
fuzz_wrap(acme_ca_ctx_t *ctx, const uint8_t *data, size_t size)
{
    u_char     *p;
    ngx_str_t   text;

    p = ngx_pnalloc(ctx->pool, size * 2 + 128);
    text.data = p;

    *p++ = '{';
    p = fuzz_part(p, "protected", &data, &size);
    *p++ = ',';
    p = fuzz_part(p, "payload", &data, &size);
    *p++ = ',';
    p = fuzz_part(p, "signature", &data, &size);
    *p++ = '}';

    text.len = p - text.data;

    return text;
}


static u_char *
fuzz_part(u_char *dst, const char *name, const uint8_t **data, size_t *size)
{
    size_t  n;

    for (n = 0; n < *size && (*data)[n] != '\n'; n++) { /* void */ }

    dst = ngx_sprintf(dst, "\"%s\":\"", name);
    dst = acme_ca_base64url_write(dst, *data, n);
    *dst++ = '"';

    n = ngx_min(n + 1, *size);
    *data += n;
    *size -= n;

    return dst;
}
