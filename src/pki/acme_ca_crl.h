
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificate revocation lists (RFC 5280, 5).  A list is written into memory
 * that its caller brings, front to back, and signed where it lies: a million
 * entries are forty megabytes that are touched once.
 */


#ifndef _ACME_CA_CRL_H_INCLUDED_
#define _ACME_CA_CRL_H_INCLUDED_


#include "acme_ca_issuer.h"


/* the largest: of 20 bytes of serial, with all that there can be */
#define ACME_CA_CRL_ENTRY_MAX  96


typedef struct {
    const acme_ca_issuer_t   *issuer;
    acme_ca_crl_t             crl;
    u_char                   *start;
    u_char                   *entries;
    u_char                   *last;      /* behind the last entry */
    u_char                   *end;
} acme_ca_crl_list_t;


/* bytes of memory for a list of n entries */
size_t acme_ca_crl_size(const acme_ca_crl_list_t *list, ngx_uint_t n);

/* begins; issuer and crl are set */
void acme_ca_crl_start(acme_ca_crl_list_t *list, u_char *room, size_t size);

/* NGX_OK, or NGX_DECLINED: there is no room */
ngx_int_t acme_ca_crl_add(acme_ca_crl_list_t *list,
    const acme_ca_revoked_t *entry);

/* der is in the room.  NGX_OK, or NGX_ERROR (logged) */
ngx_int_t acme_ca_crl_sign(acme_ca_ctx_t *ctx, acme_ca_crl_list_t *list,
    ngx_str_t *der);


/*
 * A name is what a list's files are called without ".crl" or ".pem": the
 * issuer's "KEYID", of a part "KEYID-SHARDS-SHARD".  shard is the part that
 * has this serial number.
 */
ngx_int_t acme_ca_crl_name(ngx_pool_t *pool, const acme_ca_issuer_t *issuer,
    ngx_uint_t shards, ngx_uint_t shard, ngx_str_t *name);
ngx_uint_t acme_ca_crl_shard(const ngx_str_t *serial, ngx_uint_t shards);

/* of a part, as it stands in the leaves that belong to it */
ngx_int_t acme_ca_crl_part_url(ngx_pool_t *pool,
    const acme_ca_issuer_t *issuer, const acme_ca_crl_t *crl, ngx_str_t *url);
/* of the list where a new leaf's revocation would stand; empty: nowhere */
ngx_int_t acme_ca_crl_url(ngx_pool_t *pool, const acme_ca_issuer_t *issuer,
    const ngx_str_t *serial, ngx_str_t *url);


#endif /* _ACME_CA_CRL_H_INCLUDED_ */
