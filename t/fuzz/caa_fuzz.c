
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_caa.c on the answer of a hostile name server.
 *
 * The first byte tells whether a wildcard is wanted, the rest is the message.
 */


#include "fuzz.h"

#include "acme_ca_caa.h"


static ngx_uint_t fuzz_critical(ngx_array_t *records);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t               rc;
    ngx_str_t              *identity, name = ngx_string("a.example");
    ngx_array_t             records, identities;
    acme_ca_ctx_t           ctx;
    acme_ca_identifier_t    identifier;
    acme_ca_caa_request_t   request;

    if (size < 1) {
        return 0;
    }

    fuzz_context(&ctx);

    ngx_memzero(&request, sizeof(acme_ca_caa_request_t));
    ngx_memzero(&identifier, sizeof(acme_ca_identifier_t));

    (void) ngx_array_init(&records, ctx.pool, 4, sizeof(acme_ca_caa_record_t));
    (void) ngx_array_init(&identities, ctx.pool, 1, sizeof(ngx_str_t));

    identity = ngx_array_push(&identities);
    ngx_str_set(identity, "ca.example");

    identifier.wildcard = data[0] & 1;
    identifier.value = name;

    request.identifier = &identifier;
    request.identities = &identities;
    ngx_str_set(&request.account_url, "https://ca.example/1");
    ngx_str_set(&request.method, "dns-01");

    if (acme_ca_caa_parse(ctx.pool, data + 1, size - 1, &records) == NGX_OK) {

        rc = acme_ca_caa_judge(&ctx, &request, &name, &records);

        fuzz_assert(rc == NGX_OK || rc == NGX_DECLINED || rc == NGX_ABORT);
        fuzz_assert((rc == NGX_DECLINED) == (records.nelts == 0));
        fuzz_assert((rc == NGX_ABORT) == (ctx.problem != NULL));
        fuzz_assert(rc != NGX_OK || !fuzz_critical(&records));
    }

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static ngx_uint_t
fuzz_critical(ngx_array_t *records)
{
    ngx_uint_t             i;
    acme_ca_caa_record_t  *record;

    record = records->elts;

    for (i = 0; i < records->nelts; i++) {
        if (record[i].critical && record[i].tag.data[0] == 'x') {
            return 1;
        }
    }

    return 0;
}
