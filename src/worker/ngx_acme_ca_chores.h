
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a worker looks at each second, and nobody else knows of.
 */


#ifndef _NGX_ACME_CA_CHORES_H_INCLUDED_
#define _NGX_ACME_CA_CHORES_H_INCLUDED_


#include "ngx_acme_ca.h"


/*
 * ngx_acme_ca_census.c: counts objects, on a thread, for the metrics; one
 * worker does it for all of them
 */
ngx_int_t ngx_acme_ca_census_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);
void ngx_acme_ca_census_tick(ngx_acme_ca_t *ca);


/*
 * ngx_acme_ca_rotation.c: a worker's.  load() takes up the states of issuers,
 * tick() makes the next one active when its turn has come
 */
void ngx_acme_ca_rotation_load(ngx_acme_ca_t *ca);
void ngx_acme_ca_rotation_tick(ngx_acme_ca_t *ca);


/* ngx_acme_ca_lease.c: frees what workers that are no more had leased */
void ngx_acme_ca_lease_tick(ngx_acme_ca_t *ca);
ngx_uint_t ngx_acme_ca_is_gone(ngx_pid_t pid);


/* ngx_acme_ca_radar.c: late renewals and the like, once they are */
ngx_int_t ngx_acme_ca_radar_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);
void ngx_acme_ca_radar_tick(ngx_acme_ca_t *ca);


#endif /* _NGX_ACME_CA_CHORES_H_INCLUDED_ */
