
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_tls_alpn01.c: any certificate from a target.  One that
 * passes holds the digest and the address.
 */


#include "fuzz.h"

#include "acme_ca_tls_alpn01.h"


#define ANSWER  "token.thumbprint"


static void fuzz_judge(acme_ca_identifier_t *identifier, const uint8_t *data,
    size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    acme_ca_ctx_t         ctx;
    acme_ca_identifier_t  name, address;

    static const u_char  v4[] = { 127, 0, 0, 1 };

    fuzz_context(&ctx);

    (void) acme_ca_identifier_from_dns(ctx.pool, (u_char *) "a.example", 9,
                                       &name);
    (void) acme_ca_identifier_from_address(ctx.pool, v4, 4, &address);

    fuzz_judge(&name, data, size);
    fuzz_judge(&address, data, size);

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static void
fuzz_judge(acme_ca_identifier_t *identifier, const uint8_t *data, size_t size)
{
    u_char          digest[ACME_CA_SHA256_LEN];
    ngx_int_t       rc;
    ngx_str_t       der, where, answer;
    acme_ca_ctx_t   ctx;

    fuzz_context(&ctx);

    ngx_str_set(&where, "10.0.0.5:443");
    ngx_str_set(&answer, ANSWER);

    /* a block of its own, so that each byte too many is seen */

    der.len = size;
    der.data = ngx_pnalloc(ctx.pool, size ? size : 1);
    memcpy(der.data, data, size);

    rc = acme_ca_tls_alpn01_judge(&ctx, &where, identifier, &der, &answer);

    if (rc == NGX_OK) {
        (void) acme_ca_sha256(answer.data, answer.len, digest);

        fuzz_assert(memmem(data, size, digest, sizeof(digest)));

        fuzz_assert(identifier->type == ACME_CA_IDENTIFIER_DNS
                    || memmem(data, size, "\x87\x04\x7f\0\0\1", 6));

    } else {
        fuzz_assert(rc == NGX_ABORT && ctx.problem != NULL);
    }

    ngx_destroy_pool(ctx.pool);
}
