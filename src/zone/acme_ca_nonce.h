
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Anti-replay nonces (RFC 8555, 6.5) in memory that all workers share: issued
 * and used without a lock, each used at most once in whatever worker, kept
 * over a reload.
 *
 *     nonce = base64url(AES-128(key, epoch:4 | counter:8 | issued-seconds:4))
 *
 * The map of used nonces is a ring of words generation:32 | used-bits:32,
 * changed by compare-and-swap only, so nothing has ever to be wiped.
 */


#ifndef _ACME_CA_NONCE_H_INCLUDED_
#define _ACME_CA_NONCE_H_INCLUDED_


#include "acme_ca_text.h"


#define ACME_CA_NONCE_LEN  22


typedef struct acme_ca_nonce_zone_s  acme_ca_nonce_zone_t;   /* shared */
typedef struct acme_ca_nonces_s      acme_ca_nonces_t;       /* a process's */

typedef enum {
    ACME_CA_NONCE_GOOD = 0,
    ACME_CA_NONCE_MALFORMED,
    ACME_CA_NONCE_FOREIGN,        /* another key: before a restart */
    ACME_CA_NONCE_OLD,            /* over the time limit or out of the ring */
    ACME_CA_NONCE_USED
} acme_ca_nonce_verdict_e;


/* bytes that a zone for n live nonces takes; n is rounded up to 2^k >= 1024 */
size_t acme_ca_nonce_zone_size(ngx_uint_t n);

/* the most nonces that size bytes hold */
ngx_uint_t acme_ca_nonce_zone_capacity(size_t size);

/* lays out a fresh zone in memory given, aligned to 16.  NGX_OK, NGX_ERROR */
ngx_int_t acme_ca_nonce_zone_init(acme_ca_nonce_zone_t *zone, ngx_uint_t n,
    time_t lifetime);

/* the lifetime of a zone that was kept over a reload */
void acme_ca_nonce_zone_lifetime(acme_ca_nonce_zone_t *zone, time_t lifetime);

/* a process's view: kept cipher contexts; freed with the pool */
acme_ca_nonces_t *acme_ca_nonces_open(ngx_pool_t *pool,
    acme_ca_nonce_zone_t *zone);

/* writes ACME_CA_NONCE_LEN bytes.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_nonce_issue(acme_ca_nonces_t *nonces, time_t now,
    u_char *nonce);

/* spends it: a second call answers USED, whatever worker calls */
acme_ca_nonce_verdict_e acme_ca_nonce_use(acme_ca_nonces_t *nonces, time_t now,
    ngx_str_t *nonce);


#endif /* _ACME_CA_NONCE_H_INCLUDED_ */
