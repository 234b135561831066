
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What workers that were killed had leased: the master starts another one in
 * the place of each, which frees it with its first chores, once.  A process
 * that cannot be asked, or that has the number of one that is gone, is taken
 * for alive: then the lease ends by itself.
 */


#include "ngx_acme_ca_chores.h"
#include "ngx_acme_ca_pool.h"


typedef struct {
    ngx_acme_ca_write_t   write;
    ngx_acme_ca_t        *ca;
    ngx_pool_t           *pool;
    ngx_array_t          *owners;
    time_t                now;
} ngx_acme_ca_lease_t;


static ngx_int_t ngx_acme_ca_lease_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_lease_done(ngx_acme_ca_write_t *write, ngx_int_t rc);


ngx_uint_t
ngx_acme_ca_is_gone(ngx_pid_t pid)
{
    return kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


void
ngx_acme_ca_lease_tick(ngx_acme_ca_t *ca)
{
    int64_t              *owner;
    ngx_uint_t            i, n;
    ngx_pool_t           *pool;
    ngx_acme_ca_lease_t  *lease;

    if (ca->inherited) {
        return;
    }

    lease = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_lease_t), &pool);
    if (lease == NULL) {
        return;
    }

    if (acme_ca_store_lease_list_owners(ca->reader, pool, &lease->owners)
        != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return;
    }

    ca->inherited = 1;

    owner = lease->owners->elts;

    for (i = 0, n = 0; i < lease->owners->nelts; i++) {
        if (ngx_acme_ca_is_gone((ngx_pid_t) owner[i])) {
            owner[n++] = owner[i];
        }
    }

    if (n == 0) {
        ngx_destroy_pool(pool);
        return;
    }

    lease->owners->nelts = n;
    lease->ca = ca;
    lease->pool = pool;
    lease->now = ngx_time();

    lease->write.apply = ngx_acme_ca_lease_apply;
    lease->write.done = ngx_acme_ca_lease_done;
    lease->write.data = lease;

    ngx_acme_ca_write_add(ca, &lease->write);
}


static ngx_int_t
ngx_acme_ca_lease_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_lease_t  *lease = write->data;

    int64_t     *owner;
    ngx_int_t    rc;
    ngx_uint_t   i;

    owner = lease->owners->elts;

    for (i = 0; i < lease->owners->nelts; i++) {
        rc = acme_ca_store_lease_free(store, owner[i], lease->now);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static void
ngx_acme_ca_lease_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_lease_t  *lease = write->data;

    if (rc != NGX_OK) {
        lease->ca->inherited = 0;
    }

    ngx_destroy_pool(lease->pool);
}
