
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the store does by itself as time goes by.  Each call does a part of it,
 * so that no writer waits for long; n: how much it was.
 */


#ifndef _ACME_CA_STORE_SWEEP_H_INCLUDED_
#define _ACME_CA_STORE_SWEEP_H_INCLUDED_


#include "acme_ca_store.h"


/* how many were removed */
typedef struct {
    ngx_uint_t  orders;
    ngx_uint_t  authorizations;
    ngx_uint_t  external_accounts;
    ngx_uint_t  server_keys;
} acme_ca_swept_t;


/*
 * Removes up to limit orders that ended or expired before "before", with the
 * authorizations, challenges and jobs that nothing needs any more; external
 * accounts that ended before and bound nobody; old keys of the CA's server.
 */
ngx_int_t acme_ca_store_sweep(acme_ca_store_t *store, time_t before,
    ngx_uint_t limit, acme_ca_swept_t *swept);

/*
 * What was removed since set_told(), once a day has passed after it.
 * NGX_DECLINED: it has not, or nothing was removed.
 */
ngx_int_t acme_ca_store_sweep_find_untold(acme_ca_store_t *store, time_t now,
    time_t *since, acme_ca_swept_t *swept);
ngx_int_t acme_ca_store_sweep_set_told(acme_ca_store_t *store, time_t now);

/* notes that certificates have expired, or that they have not after all */
ngx_int_t acme_ca_store_sweep_expire(acme_ca_store_t *store, time_t now,
    ngx_uint_t limit, ngx_uint_t *n);

/*
 * Pages of the file that nothing will use soon, 0 where they cannot be given
 * back one by one; and gives up to limit pages back to the file system.
 */
ngx_int_t acme_ca_store_vacuum_get_surplus(acme_ca_store_t *store,
    ngx_uint_t *n);
ngx_int_t acme_ca_store_vacuum(acme_ca_store_t *store, ngx_uint_t limit);


#endif /* _ACME_CA_STORE_SWEEP_H_INCLUDED_ */
