
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Identifiers (RFC 8555, 9.7.7; RFC 8738): one canonical form for each, made
 * once at the door, compared byte by byte ever after.
 *
 * dns: lower-case LDH labels of at most 63 bytes, at most 253 in all, no dot
 * at an end, a last label with a letter that is no 0x number (so that nothing
 * that inet_aton() reads as an address passes: "10.0.0.5", "2130706433",
 * "0x7f.1", "127.0.0.0x1").
 * "xn--" labels are taken as they are.  "*." stands only at the front.
 * Underscores are refused (CA/B ballot SC12; no host name has one).
 * ip: as inet_ntop() writes it (RFC 5952); no zone, no v4-mapped v6.  Clients
 * have to write it that way (RFC 8738, 3).
 */


#ifndef _ACME_CA_IDENTIFIER_H_INCLUDED_
#define _ACME_CA_IDENTIFIER_H_INCLUDED_


#include "acme_ca_problem.h"


typedef enum {
    ACME_CA_IDENTIFIER_DNS = 0,
    ACME_CA_IDENTIFIER_IP,
    ACME_CA_IDENTIFIER_TYPE_N
} acme_ca_identifier_type_e;


typedef struct {
    acme_ca_identifier_type_e   type;
    unsigned                    wildcard:1;   /* value lacks the "*." */
    ngx_str_t                   value;        /* canonical */
    u_char                      address[16];  /* of an ip: network order */
    size_t                      address_len;  /* 4 or 16 */
} acme_ca_identifier_t;


/* "dns", "ip" */
extern const ngx_str_t  acme_ca_identifier_types[ACME_CA_IDENTIFIER_TYPE_N];

/*
 * Type and value as a client sent them.  NGX_ABORT: unsupportedIdentifier, or
 * malformed with the reason in the detail.
 */
ngx_int_t acme_ca_identifier_parse(acme_ca_ctx_t *ctx, ngx_str_t *type,
    ngx_str_t *value, acme_ca_identifier_t *identifier);

/*
 * From a certificate request's bytes: a dNSName, an iPAddress of 4 or 16
 * bytes, or an address in any spelling.  NGX_OK, NGX_DECLINED (no such
 * identifier can exist) or NGX_ERROR.
 */
ngx_int_t acme_ca_identifier_from_dns(ngx_pool_t *pool, const u_char *name,
    size_t len, acme_ca_identifier_t *identifier);
ngx_int_t acme_ca_identifier_from_address(ngx_pool_t *pool,
    const u_char *address, size_t len, acme_ca_identifier_t *identifier);
ngx_int_t acme_ca_identifier_from_text(ngx_pool_t *pool, ngx_str_t *text,
    acme_ca_identifier_t *identifier);

/* whether a dns name is the zone's own or one below it, at a whole label */
ngx_uint_t acme_ca_name_within(const ngx_str_t *name, const ngx_str_t *zone);

/* of several zones: whether it holds the name and is longer than best, which
   may be empty: none yet */
ngx_uint_t acme_ca_name_nearer(const ngx_str_t *name, const ngx_str_t *zone,
    const ngx_str_t *best);

/* order of a set: type, value, wildcard.  For ngx_qsort() */
int ngx_libc_cdecl acme_ca_identifier_cmp(const void *a, const void *b);

/* the value with "*." in front of a wildcard's.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_identifier_name(ngx_pool_t *pool,
    const acme_ca_identifier_t *identifier, ngx_str_t *name);


#endif /* _ACME_CA_IDENTIFIER_H_INCLUDED_ */
