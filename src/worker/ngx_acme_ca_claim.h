
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Rows of the store that are due and that nobody works on.
 */


#ifndef _NGX_ACME_CA_CLAIM_H_INCLUDED_
#define _NGX_ACME_CA_CLAIM_H_INCLUDED_


#include "ngx_acme_ca.h"


typedef struct {
    time_t       pause;                /* between two attempts, at most */
    ngx_int_t  (*find_due)(acme_ca_store_t *store, const acme_ca_due_t *due,
                           ngx_uint_t *n);
    ngx_int_t  (*claim)(acme_ca_store_t *store, ngx_pool_t *pool,
                        const acme_ca_due_t *due, ngx_uint_t limit,
                        ngx_array_t **rows);
    void       (*start)(ngx_acme_ca_t *ca, void *row);
} ngx_acme_ca_claimed_t;


/*
 * Leases at most limit rows for so many seconds and starts each; busy is set
 * while that is under way, and nothing is begun meanwhile.
 */
void ngx_acme_ca_claim(ngx_acme_ca_t *ca, const ngx_acme_ca_claimed_t *kind,
    ngx_uint_t *busy, time_t lease, ngx_uint_t limit);


#endif /* _NGX_ACME_CA_CLAIM_H_INCLUDED_ */
