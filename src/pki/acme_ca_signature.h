
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Signatures of certificate requests: which are taken, and their verification.
 */


#ifndef _ACME_CA_SIGNATURE_H_INCLUDED_
#define _ACME_CA_SIGNATURE_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_der.h"

#include <openssl/evp.h>


/*
 * algorithm is a whole AlgorithmIdentifier, signed_part what was signed and
 * key the ACME_CA_KEY_* bit of pkey.  NGX_OK, NGX_ABORT (badCSR: an algorithm
 * that is not taken or not of this key, a wrong signature) or NGX_ERROR.
 */
ngx_int_t acme_ca_signature_verify(acme_ca_ctx_t *ctx,
    const acme_ca_der_t *algorithm, const acme_ca_der_t *signature,
    const acme_ca_der_t *signed_part, ngx_uint_t key, EVP_PKEY *pkey);


#endif /* _ACME_CA_SIGNATURE_H_INCLUDED_ */
