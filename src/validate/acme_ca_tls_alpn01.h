
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * tls-alpn-01 (RFC 8737; RFC 8738, 6): which name to ask for, and whether the
 * certificate that came is the right one.  Bytes in, verdict out.  Who signed
 * the certificate, when it is valid and what its key is do not matter (RFC
 * 8737, 3).  Details never hold a byte of what the target answered.
 */


#ifndef _ACME_CA_TLS_ALPN01_H_INCLUDED_
#define _ACME_CA_TLS_ALPN01_H_INCLUDED_


#include "acme_ca_problem.h"
#include "acme_ca_identifier.h"
#include "acme_ca_text.h"


#define ACME_CA_TLS_ALPN01_PROTOCOL  "acme-tls/1"


/*
 * What SNI says: the dns name; of an address its reverse name, without a dot
 * at the end (RFC 6066, 3).  NUL terminated after len.  NGX_OK or NGX_ERROR.
 */
ngx_int_t acme_ca_tls_alpn01_server_name(ngx_pool_t *pool,
    const acme_ca_identifier_t *identifier, ngx_str_t *name);

/*
 * der: the certificate, empty if there was none.  where: "10.0.0.5:443", for
 * the detail.  NGX_OK; NGX_ABORT: incorrectResponse, saying which check; or
 * NGX_ERROR.
 */
ngx_int_t acme_ca_tls_alpn01_judge(acme_ca_ctx_t *ctx, ngx_str_t *where,
    const acme_ca_identifier_t *identifier, ngx_str_t *der,
    ngx_str_t *key_authorization);


#endif /* _ACME_CA_TLS_ALPN01_H_INCLUDED_ */
