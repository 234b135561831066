
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Things that live in a pool of their own, until they are done.
 */


#include "ngx_acme_ca_pool.h"


#define NGX_ACME_CA_POOL_SIZE  4096


void *
ngx_acme_ca_pool_thing(size_t size, ngx_pool_t **pool)
{
    void  *thing;

    *pool = ngx_create_pool(NGX_ACME_CA_POOL_SIZE, ngx_cycle->log);
    if (*pool == NULL) {
        return NULL;
    }

    thing = ngx_pcalloc(*pool, size);

    if (thing == NULL) {
        ngx_destroy_pool(*pool);
    }

    return thing;
}
