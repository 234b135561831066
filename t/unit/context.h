
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A context with a pool of its own, at a time of nobody's.
 */


#ifndef _CONTEXT_H_INCLUDED_
#define _CONTEXT_H_INCLUDED_


#include "shim.h"

#include "acme_ca_base.h"


#define TEST_NOW  1700000000


static inline void
test_context(acme_ca_ctx_t *ctx)
{
    ngx_memzero(ctx, sizeof(acme_ca_ctx_t));

    ctx->pool = ngx_create_pool(4096, &shim_log);
    ctx->log = &shim_log;
    ctx->now = TEST_NOW;
}


#endif /* _CONTEXT_H_INCLUDED_ */
