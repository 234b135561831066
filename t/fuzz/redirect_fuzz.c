
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_http01.c: any Location from a target.  What is followed
 * goes into a request of ours and into the next connection, so it holds
 * nothing but what belongs there.
 */


#include "fuzz.h"

#include "acme_ca_http01.h"


static void fuzz_visible(ngx_str_t *text);
static void fuzz_target(acme_ca_http01_target_t *target, in_port_t own);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in_port_t                *port;
    ngx_int_t                 rc;
    ngx_str_t                 location;
    ngx_uint_t                hop;
    ngx_array_t              *ports;
    acme_ca_ctx_t             ctx;
    acme_ca_http01_target_t   from, target;

    fuzz_context(&ctx);

    ports = ngx_array_create(ctx.pool, 1, sizeof(in_port_t));
    port = ngx_array_push(ports);
    *port = 5002;

    memset(&from, 0, sizeof(from));
    ngx_str_set(&from.host, "a.example");
    ngx_str_set(&from.host_header, "a.example:8080");
    ngx_str_set(&from.path, "/.well-known/acme-challenge/token?a/b");
    from.port = 8080;

    /* the same again from where it led */

    for (hop = 0; hop < 2; hop++) {

        location.len = size;
        location.data = ngx_pnalloc(ctx.pool, size);
        memcpy(location.data, data, size);

        rc = acme_ca_http01_redirect(&ctx, &from, &location, ports, &target);

        if (rc == NGX_ABORT) {
            fuzz_assert(ctx.problem != NULL);
            break;
        }

        fuzz_assert(rc == NGX_OK);

        fuzz_target(&target, from.port);

        from = target;
    }

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static void
fuzz_target(acme_ca_http01_target_t *target, in_port_t own)
{
    fuzz_visible(&target->host);
    fuzz_visible(&target->host_header);
    fuzz_visible(&target->path);

    fuzz_assert(target->path.data[0] == '/');
    fuzz_assert(!memchr(target->path.data, '#', target->path.len));
    fuzz_assert(!memchr(target->host.data, '@', target->host.len));
    fuzz_assert(!memchr(target->host.data, '/', target->host.len));

    fuzz_assert(target->port == 80 || target->port == 443
                || target->port == 5002 || target->port == own);
}


static void
fuzz_visible(ngx_str_t *text)
{
    size_t  i;

    fuzz_assert(text->len != 0);

    for (i = 0; i < text->len; i++) {
        fuzz_assert(text->data[i] > 0x20 && text->data[i] < 0x7f);
    }
}
