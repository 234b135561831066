
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the files of the check share: acme_ca_foreign.c reads the chain and
 * follows it to an anchor, acme_ca_foreign_leaf.c looks at the leaf alone.
 */


#ifndef _ACME_CA_FOREIGN_PRIVATE_H_INCLUDED_
#define _ACME_CA_FOREIGN_PRIVATE_H_INCLUDED_


#include "acme_ca_foreign.h"
#include "acme_ca_issuer_load.h"


typedef struct {
    acme_ca_ctx_t             *ctx;
    const acme_ca_leaf_t      *wanted;
    const acme_ca_anchors_t   *anchors;
    time_t                     ordered_at;
    ngx_str_t                 *pem;
    STACK_OF(X509)            *certs;      /* as they came */
    STACK_OF(X509)            *chain;      /* from the leaf to an anchor */
    X509                      *leaf;
    acme_ca_certificate_t     *cert;
    acme_ca_issuer_t          *issuer;
    ngx_str_t                 *reason;
} acme_ca_foreign_t;

/* NGX_OK, NGX_DECLINED with foreign->reason set, or NGX_ERROR */
typedef ngx_int_t (*acme_ca_foreign_step_pt)(acme_ca_foreign_t *foreign);


/*
 * The leaf: what it is; its serial number and bytes; its key; its dates; its
 * names; what it may be used for.
 */
ngx_int_t acme_ca_foreign_kind(acme_ca_foreign_t *foreign);
ngx_int_t acme_ca_foreign_bytes(acme_ca_foreign_t *foreign);
ngx_int_t acme_ca_foreign_key(acme_ca_foreign_t *foreign);
ngx_int_t acme_ca_foreign_dates(acme_ca_foreign_t *foreign);
ngx_int_t acme_ca_foreign_names(acme_ca_foreign_t *foreign);
ngx_int_t acme_ca_foreign_subject(acme_ca_foreign_t *foreign);
ngx_int_t acme_ca_foreign_usage(acme_ca_foreign_t *foreign);
ngx_int_t acme_ca_foreign_feature(acme_ca_foreign_t *foreign);

/* NGX_DECLINED, or NGX_ERROR where memory was the reason */
ngx_int_t acme_ca_foreign_fault(acme_ca_foreign_t *foreign,
    const char *reason);


#endif /* _ACME_CA_FOREIGN_PRIVATE_H_INCLUDED_ */
