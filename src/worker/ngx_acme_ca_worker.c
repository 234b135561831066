
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What one worker has of an authority: handles of the database, nonces, the
 * resolver, and the chores: claim jobs, renew the server certificate, make
 * CRLs, follow the issuers, sweep.
 */


#include "ngx_acme_ca_chores.h"
#include "ngx_acme_ca_crl.h"
#include "ngx_acme_ca_event.h"
#include "ngx_acme_ca_ocsp.h"
#include "ngx_acme_ca_sweep.h"


#define NGX_ACME_CA_CHORES_MS   1000
#define NGX_ACME_CA_KEYS        1024

/* c-ares doubles the time of each try, 1 + 2 + 4: seven eighths of an attempt,
   so that an A record still helps where AAAA is never answered */
#define NGX_ACME_CA_DNS_PART    8        /* of validation_timeout */
#define NGX_ACME_CA_DNS_TRIES   2


static ngx_int_t ngx_acme_ca_worker_dns(ngx_acme_ca_t *ca,
    ngx_cycle_t *cycle);
static ngx_uint_t ngx_acme_ca_worker_is_stale(ngx_acme_ca_t *ca);
static ngx_int_t ngx_acme_ca_worker_open(ngx_acme_ca_t *ca);
static void ngx_acme_ca_worker_close(ngx_acme_ca_t *ca);
static void ngx_acme_ca_chores(ngx_event_t *ev);


ngx_int_t
ngx_acme_ca_worker_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_queue_init(&ca->validations);
    ngx_queue_init(&ca->claimed);

    if (ngx_acme_ca_writer_init(ca, cycle) != NGX_OK
        || ngx_acme_ca_crl_init(ca, cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ca->nonces = acme_ca_nonces_open(cycle->pool, ca->shared->nonces);
    ca->keys = acme_ca_keys_create(cycle->pool, NGX_ACME_CA_KEYS);
    ca->tls = ngx_acme_ca_probe_tls_create(cycle->pool, cycle->log);

    if (ca->nonces == NULL || ca->keys == NULL || ca->tls == NULL
        || ngx_acme_ca_worker_dns(ca, cycle) != NGX_OK
        || ngx_acme_ca_ocsp_init(ca, cycle) != NGX_OK
        || ngx_acme_ca_census_init(ca, cycle) != NGX_OK
        || ngx_acme_ca_event_init(ca, cycle) != NGX_OK
        || ngx_acme_ca_radar_init(ca, cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the zone may be older than this configuration */

    acme_ca_nonce_zone_lifetime(ca->shared->nonces, ca->nonce_lifetime);

    (void) ngx_acme_ca_worker_open(ca);

    ngx_acme_ca_sweep_init(ca);

    ca->chores.handler = ngx_acme_ca_chores;
    ca->chores.data = ca;
    ca->chores.log = cycle->log;
    ca->chores.cancelable = 1;

    /* the workers' chores do not fall on the same moment */

    ngx_add_timer(&ca->chores, 1 + ngx_random() % NGX_ACME_CA_CHORES_MS);

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_worker_dns(ngx_acme_ca_t *ca, ngx_cycle_t *cycle)
{
    ngx_uint_t               i;
    ngx_acme_ca_dns_zone_t  *zone;

    ca->dns = ngx_acme_ca_dns_create(cycle->pool, ca->resolvers,
                                     ca->authority.validation_timeout
                                     / NGX_ACME_CA_DNS_PART,
                                     NGX_ACME_CA_DNS_TRIES, cycle->log);
    if (ca->dns == NULL) {
        return NGX_ERROR;
    }

    if (ca->resolver_zones != NULL) {
        zone = ca->resolver_zones->elts;

        for (i = 0; i < ca->resolver_zones->nelts; i++) {
            if (ngx_acme_ca_dns_zone_add(ca->dns, cycle->pool, &zone[i])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (ca->dns_require_ad) {
        ngx_acme_ca_dns_require_ad(ca->dns);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_acme_ca_is_open(const ngx_acme_ca_t *ca)
{
    return ca->writer != NULL;
}


/* handles that a task is using are looked at by the next chores */

static ngx_uint_t
ngx_acme_ca_worker_is_stale(ngx_acme_ca_t *ca)
{
    if (ca->writer == NULL) {
        return 1;
    }

    return !ca->in_flight
           && (acme_ca_store_is_stale(ca->writer)
               || acme_ca_store_is_stale(ca->reader));
}


/* the old handles, if there are some, stay until there are better ones */

static ngx_int_t
ngx_acme_ca_worker_open(ngx_acme_ca_t *ca)
{
    acme_ca_store_t  *reader, *writer;

    if (!ca->ready) {

        if (!ca->complained) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "acme_ca authority \"%V\" was not prepared, requests "
                          "are answered 503: see the master's message at the "
                          "last start or reload", &ca->authority.name);
            ca->complained = 1;
        }

        return NGX_ERROR;
    }

    reader = acme_ca_store_open(&ca->authority.database, ACME_CA_STORE_READ,
                                ngx_cycle->log);
    if (reader == NULL) {
        return NGX_ERROR;
    }

    writer = acme_ca_store_open(&ca->authority.database, ACME_CA_STORE_WRITE,
                                ngx_cycle->log);
    if (writer == NULL) {
        acme_ca_store_close(reader);
        return NGX_ERROR;
    }

    ngx_acme_ca_worker_close(ca);

    acme_ca_store_set_owner(writer, ngx_pid);

    ca->reader = reader;
    ca->writer = writer;

    ngx_acme_ca_rotation_load(ca);
    ngx_acme_ca_server_load(ca);
    ngx_acme_ca_ocsp_load(ca);

    return NGX_OK;
}


void
ngx_acme_ca_worker_exit(ngx_acme_ca_t *ca)
{
    if (ca->dns != NULL) {
        ngx_acme_ca_dns_destroy(ca->dns);
    }

    /* the pool of threads is gone by now: nobody uses the handles */

    ngx_acme_ca_worker_close(ca);

    ngx_acme_ca_apart_exit(ca);
    ngx_acme_ca_event_exit(ca);
    ngx_acme_ca_ocsp_exit(ca);

    if (ca->server_pool != NULL) {
        ngx_destroy_pool(ca->server_pool);
    }
}


static void
ngx_acme_ca_worker_close(ngx_acme_ca_t *ca)
{
    acme_ca_store_close(ca->reader);
    acme_ca_store_close(ca->writer);

    ca->reader = NULL;
    ca->writer = NULL;
}


static void
ngx_acme_ca_chores(ngx_event_t *ev)
{
    ngx_acme_ca_t  *ca = ev->data;

    if (ngx_acme_ca_worker_is_stale(ca)) {
        (void) ngx_acme_ca_worker_open(ca);
    }

    if (ca->writer != NULL) {

        ngx_acme_ca_lease_tick(ca);
        ngx_acme_ca_rotation_tick(ca);
        ngx_acme_ca_census_tick(ca);
        ngx_acme_ca_ocsp_tick(ca);
        ngx_acme_ca_validator_tick(ca);
        ngx_acme_ca_signer_tick(ca);
        ngx_acme_ca_server_tick(ca);
        ngx_acme_ca_audit_tick(ca);
        ngx_acme_ca_crl_tick(ca);
        ngx_acme_ca_radar_tick(ca);
        ngx_acme_ca_event_tick(ca);
        ngx_acme_ca_sweep_tick(ca);
    }

    ngx_add_timer(ev, NGX_ACME_CA_CHORES_MS);
}
