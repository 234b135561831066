
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Names of certificates (RFC 9773, 4.1): what was taken has one form only, and
 * writing it anew makes the same text.
 */


#include "fuzz.h"

#include "acme_ca_leaf.h"
#include "acme_ca_text.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          text[256], number[32], *p;
    ngx_int_t       rc;
    ngx_str_t       input, key_id, serial;
    acme_ca_ctx_t   ctx;

    fuzz_context(&ctx);

    if (acme_ca_copy(ctx.pool, &input, data, size) != NGX_OK) {
        abort();
    }

    rc = acme_ca_cert_id_parse(ctx.pool, &input, &key_id, &serial);

    fuzz_assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        fuzz_assert(serial.len >= 1 && serial.len <= 21 && serial.data[0]);

        number[0] = 0;
        ngx_memcpy(number + 1, serial.data, serial.len);

        p = acme_ca_base64url_write(text, key_id.data, key_id.len);
        *p++ = '.';
        p = (serial.data[0] & 0x80)
            ? acme_ca_base64url_write(p, number, serial.len + 1)
            : acme_ca_base64url_write(p, number + 1, serial.len);

        fuzz_assert((size_t) (p - text) == size);
        fuzz_assert(ngx_memcmp(text, data, size) == 0);
    }

    ngx_destroy_pool(ctx.pool);

    return 0;
}
