
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OCSP requests (RFC 6960, 4.1): every span of what was taken lies inside of
 * the bytes, and whatever was taken again means the same.
 */


#include "fuzz.h"

#include "acme_ca_ocsp.h"


static void
inside(const acme_ca_der_t *span, const u_char *data, size_t size)
{
    fuzz_assert(span->p >= data && span->p <= span->last
                && span->last <= data + size);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                  *copy;
    ngx_int_t                rc;
    ngx_uint_t               i;
    acme_ca_ocsp_request_t   request;

    /* of exactly that size, so that the sanitizer guards its end */

    copy = malloc(size + 1);
    if (copy == NULL) {
        abort();
    }

    ngx_memcpy(copy, data, size);

    rc = acme_ca_ocsp_parse(copy, size, &request);

    fuzz_assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        fuzz_assert(request.n >= 1 && request.n <= ACME_CA_OCSP_IDS);

        for (i = 0; i < request.n; i++) {
            inside(&request.ids[i].whole, copy, size);
            inside(&request.ids[i].name_hash, copy, size);
            inside(&request.ids[i].key_hash, copy, size);
            inside(&request.ids[i].serial, copy, size);
            fuzz_assert(request.ids[i].serial.p < request.ids[i].serial.last);
            fuzz_assert(request.ids[i].hash <= ACME_CA_OCSP_HASH_N);
        }

        if (request.nonce.p != NULL) {
            inside(&request.nonce, copy, size);
            fuzz_assert(request.nonce.last - request.nonce.p >= 1);
            fuzz_assert(request.nonce.last - request.nonce.p
                        <= ACME_CA_OCSP_NONCE);
        }
    }

    free(copy);

    return 0;
}
