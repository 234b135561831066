
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A certificate of the registry, whoever signed it: what is in it, and whether
 * it is good now.
 */


#ifndef _ACME_CA_INSPECT_H_INCLUDED_
#define _ACME_CA_INSPECT_H_INCLUDED_


#include "acme_ca_base.h"


/* all that is in it, for people.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_inspect_text(acme_ca_ctx_t *ctx, const ngx_str_t *der,
    ngx_str_t *text);

/*
 * For who trusts the certificates of chain, PEM, of which none is needed but
 * the issuer, and knows nothing of revocations.  NGX_OK, NGX_DECLINED with
 * *fault, or NGX_ERROR.
 */
ngx_int_t acme_ca_inspect_verify(acme_ca_ctx_t *ctx, const ngx_str_t *der,
    ngx_str_t *chain, ngx_str_t *fault);


#endif /* _ACME_CA_INSPECT_H_INCLUDED_ */
