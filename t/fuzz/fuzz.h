
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What each fuzz target begins with.  A target defines
 * LLVMFuzzerTestOneInput(); it runs under libFuzzer, or under replay.c.
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include "shim.h"

#include "acme_ca_problem.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* a context of its own for each input */
static ngx_inline void
fuzz_context(acme_ca_ctx_t *ctx)
{
    ngx_memzero(ctx, sizeof(acme_ca_ctx_t));

    ctx->pool = ngx_create_pool(4096, &shim_log);
    ctx->log = &shim_log;
    ctx->now = 1700000000;
}


/* stops the fuzzer: an invariant of the room does not hold */
#define fuzz_assert(cond)                                                     \
    if (!(cond)) {                                                            \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);            \
        abort();                                                              \
    }


#endif /* _FUZZ_H_INCLUDED_ */
