
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * admin/acme_ca_admin_query.c: any arguments of an URL.
 */


#include "fuzz.h"

#include "acme_ca_admin_private.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                i, n;
    ngx_str_t             query;
    ngx_uint_t            k;
    ngx_array_t          *args;
    acme_ca_ctx_t         ctx;
    acme_ca_admin_arg_t  *arg;

    fuzz_context(&ctx);

    query.data = (u_char *) data;
    query.len = size;

    if (acme_ca_admin_query_parse(ctx.pool, &query, &args) == NGX_OK) {
        arg = args->elts;

        for (k = 0; k < args->nelts; k++) {
            for (i = 0; i < arg[k].value.len; i += n) {
                n = acme_ca_utf8_len(arg[k].value.data + i,
                                     arg[k].value.len - i);

                fuzz_assert(n != 0 && arg[k].value.data[i] >= ' ');
            }
        }
    }

    ngx_destroy_pool(ctx.pool);

    return 0;
}
