
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificates that somebody else signed for an order of ours: nothing of them
 * is believed before it was checked.
 */


#ifndef _ACME_CA_FOREIGN_H_INCLUDED_
#define _ACME_CA_FOREIGN_H_INCLUDED_


#include "acme_ca_leaf.h"


/* seconds that another's clock may be off */
#define ACME_CA_FOREIGN_SKEW  300


/*
 * The CA certificates of a PEM text, roots or not, to which chains may lead.
 * They live until the pool goes.  NGX_OK, NGX_DECLINED with *error, or
 * NGX_ERROR.
 */
ngx_int_t acme_ca_anchors_load(ngx_pool_t *pool, ngx_str_t *pem,
    acme_ca_anchors_t **anchors, ngx_str_t *error);

/*
 * The chain that answers an order of that time, leaf first: its key is the
 * request's, its names are the order's and no more, its dates, usages and TLS
 * feature are what order and profile allow, it is no CA, and it leads to an
 * anchor.  wanted->issuer is not looked at.  Fills all of cert but the ids, and
 * of issuer the certificate, name, dates and chain; issuer is without a key.
 * NGX_OK, NGX_DECLINED with *reason, or NGX_ERROR.
 */
ngx_int_t acme_ca_foreign_check(acme_ca_ctx_t *ctx,
    const acme_ca_leaf_t *wanted, const acme_ca_anchors_t *anchors,
    time_t ordered_at, ngx_str_t *pem, acme_ca_certificate_t *cert,
    acme_ca_issuer_t *issuer, ngx_str_t *reason);


#endif /* _ACME_CA_FOREIGN_H_INCLUDED_ */
