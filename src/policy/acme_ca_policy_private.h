
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the files of this room share with each other and with nobody else.
 */


#ifndef _ACME_CA_POLICY_PRIVATE_H_INCLUDED_
#define _ACME_CA_POLICY_PRIVATE_H_INCLUDED_


#include "acme_ca_policy.h"
#include "acme_ca_text.h"


/* a class of addresses: network order, 4 or 16 bytes */
typedef struct {
    size_t       len;
    u_char       addr[16];
    ngx_uint_t   prefix;
} acme_ca_policy_class_t;


/* appends a rejectedIdentifier with this reason, and the rule, or NULL */
ngx_int_t acme_ca_policy_reject(acme_ca_ctx_t *ctx,
    const acme_ca_identifier_t *identifier, const char *reason,
    ngx_str_t *rule);

/* every name that a dns identifier stands for is under the pattern */
ngx_uint_t acme_ca_policy_allows(ngx_str_t *rule,
    const acme_ca_identifier_t *identifier);

/* one name that it stands for is under the pattern */
ngx_uint_t acme_ca_policy_denies(ngx_str_t *rule,
    const acme_ca_identifier_t *identifier);

/* within: only a range that lies inside of this class counts, or NULL */
ngx_uint_t acme_ca_policy_in_cidr(ngx_cidr_t *cidr, const u_char *addr,
    size_t len, const acme_ca_policy_class_t *within);


#endif /* _ACME_CA_POLICY_PRIVATE_H_INCLUDED_ */
