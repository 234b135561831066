
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * JSON Web Keys: a key that was taken has a canonical text, and that text
 * makes the same key.
 */


#include "fuzz.h"

#include "acme_ca_jwk.h"

#include <openssl/err.h>


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t       rc;
    ngx_str_t       text;
    acme_ca_ctx_t   ctx;
    acme_ca_jwk_t  *jwk, *again;

    fuzz_context(&ctx);

    text.data = (u_char *) data;
    text.len = size;

    rc = acme_ca_jwk_parse_text(&ctx, &text, &jwk);

    fuzz_assert(rc == NGX_OK || (rc == NGX_ABORT && ctx.problem != NULL));
    fuzz_assert(ERR_peek_error() == 0);

    if (rc == NGX_OK) {
        fuzz_assert(EVP_PKEY_get_bits(jwk->key) >= 253);
        fuzz_assert(acme_ca_jwk_parse_text(&ctx, &jwk->text, &again)
                    == NGX_OK);
        fuzz_assert(acme_ca_str_eq(&jwk->text, &again->text));
        fuzz_assert(EVP_PKEY_eq(jwk->key, again->key) == 1);
        fuzz_assert(acme_ca_equal(jwk->thumbprint, again->thumbprint,
                                  ACME_CA_SHA256_LEN));
    }

    ngx_destroy_pool(ctx.pool);

    return 0;
}
