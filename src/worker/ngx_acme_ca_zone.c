
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The shared zone of an authority: the writers' mutex, nonces, limits, metrics.
 * Kept over a reload as long as name and size stay the same.
 */


#include "ngx_acme_ca.h"


/* the fewest subjects that are worth a table */
#define NGX_ACME_CA_ZONE_LIMITS  256


static ngx_int_t ngx_acme_ca_zone_init(ngx_shm_zone_t *zone, void *data);
static void ngx_acme_ca_zone_share(ngx_acme_ca_t *ca,
    ngx_acme_ca_shared_t *shared);
static ngx_int_t ngx_acme_ca_zone_limits(ngx_shm_zone_t *zone,
    ngx_acme_ca_shared_t *shared);


ngx_int_t
ngx_acme_ca_zone_add(ngx_conf_t *cf, ngx_acme_ca_t *ca, void *tag)
{
    ngx_str_t  name;

    if (acme_ca_format(cf->pool, &name, ca->authority.name.len + 16,
                       "acme_ca:%V", &ca->authority.name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ca->zone = ngx_shared_memory_add(cf, &name, ca->zone_size, tag);
    if (ca->zone == NULL) {
        return NGX_ERROR;
    }

    ca->zone->init = ngx_acme_ca_zone_init;
    ca->zone->data = ca;

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_acme_ca_t  *old = data;

    size_t                 size;
    ngx_uint_t             n;
    ngx_acme_ca_t         *ca;
    ngx_slab_pool_t       *pool;
    ngx_acme_ca_shared_t  *shared;

    ca = zone->data;
    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (old != NULL || zone->shm.exists) {
        ngx_acme_ca_zone_share(ca, old ? old->shared : pool->data);
        return NGX_OK;
    }

    shared = ngx_slab_calloc(pool, sizeof(ngx_acme_ca_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    if (acme_ca_mutex_init(&shared->mutex, zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    shared->metrics = ngx_slab_calloc(pool, sizeof(acme_ca_metrics_t));
    if (shared->metrics == NULL) {
        return NGX_ERROR;
    }

    /* the slab pool logs what it cannot give; here that is no error */

    pool->log_nomem = 0;

    if (ngx_acme_ca_zone_limits(zone, shared) != NGX_OK) {
        return NGX_ERROR;
    }

    size = (size_t) (pool->end - pool->start);

    for (n = acme_ca_nonce_zone_capacity(size); n != 0; n /= 2) {
        shared->nonces = ngx_slab_alloc(pool, acme_ca_nonce_zone_size(n));

        if (shared->nonces != NULL) {
            break;
        }
    }

    if (shared->nonces == NULL
        || acme_ca_nonce_zone_init(shared->nonces, n, ca->nonce_lifetime)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small for nonces",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    pool->data = shared;
    ngx_acme_ca_zone_share(ca, shared);

    return NGX_OK;
}


static void
ngx_acme_ca_zone_share(ngx_acme_ca_t *ca, ngx_acme_ca_shared_t *shared)
{
    ca->shared = shared;
    ca->authority.limits = shared->limits;
    ca->authority.metrics = shared->metrics;
}


/*
 * An eighth of the zone, also where nothing is limited yet: the zone outlives a
 * reload.  The nonces take the rest.
 */

static ngx_int_t
ngx_acme_ca_zone_limits(ngx_shm_zone_t *zone, ngx_acme_ca_shared_t *shared)
{
    ngx_uint_t        n;
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    for (n = NGX_ACME_CA_ZONE_LIMITS;
         acme_ca_limit_zone_size(n * 2) <= zone->shm.size / 8;
         n *= 2)
    {
        /* void */
    }

    for ( /* void */ ; n >= NGX_ACME_CA_ZONE_LIMITS; n /= 2) {
        shared->limits = ngx_slab_alloc(pool, acme_ca_limit_zone_size(n));

        if (shared->limits != NULL) {
            break;
        }
    }

    if (shared->limits == NULL
        || acme_ca_limit_zone_init(shared->limits, n, ngx_time()) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small for limits", &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}
