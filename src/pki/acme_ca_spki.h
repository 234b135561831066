
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Public keys of subjects: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7; RFC 3279,
 * RFC 5480, RFC 8410), read by hand.
 */


#ifndef _ACME_CA_SPKI_H_INCLUDED_
#define _ACME_CA_SPKI_H_INCLUDED_


#include "acme_ca_csr.h"
#include "acme_ca_der.h"

#include <openssl/evp.h>


/*
 * Reads a whole SubjectPublicKeyInfo and fills csr->spki (a copy), key,
 * key_type and thumbprint.  pkey, unless NULL, becomes a key to verify with,
 * that the caller frees whatever the outcome.  NGX_ABORT: badCSR, the key is of
 * a kind not in key_types, weak, or malformed.
 */
ngx_int_t acme_ca_spki_parse(acme_ca_ctx_t *ctx, const acme_ca_der_t *spki,
    ngx_uint_t key_types, acme_ca_csr_t *csr, EVP_PKEY **pkey);


#endif /* _ACME_CA_SPKI_H_INCLUDED_ */
