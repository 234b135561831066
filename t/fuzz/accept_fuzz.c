
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * base/acme_ca_accept.c: any Accept.
 */


#include "fuzz.h"

#include "acme_ca_accept.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t   field;
    ngx_uint_t  all;

    static const ngx_str_t  types[] = {
        ngx_string("application/pem-certificate-chain"),
        ngx_string("application/pkix-cert"),
        ngx_string("application/pkcs7-mime")
    };

    field.data = (u_char *) data;
    field.len = size;

    all = acme_ca_accept(&field, types, 3);

    fuzz_assert(all <= 3);

    /* the one that is preferred is taken where it is alone */

    fuzz_assert(all == 3 || acme_ca_accept(&field, &types[all], 1) == 0);

    return 0;
}
