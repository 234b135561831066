
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Things that live in a pool of their own, until they are done.
 */


#ifndef _NGX_ACME_CA_POOL_H_INCLUDED_
#define _NGX_ACME_CA_POOL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Size zeroed bytes in a new pool, which is to be destroyed with what is in it;
 * NULL: there is no pool.
 */
void *ngx_acme_ca_pool_thing(size_t size, ngx_pool_t **pool);


#endif /* _NGX_ACME_CA_POOL_H_INCLUDED_ */
