
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificate requests (RFC 2986), read by hand.  All that is ever taken from
 * one is its public key; its names are only compared with the order's.
 */


#ifndef _ACME_CA_CSR_H_INCLUDED_
#define _ACME_CA_CSR_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_text.h"


typedef struct {
    ngx_str_t               spki;           /* SubjectPublicKeyInfo, DER */
    ngx_uint_t              key;            /* one of ACME_CA_KEY_* */
    ngx_str_t               key_type;       /* "EC P-256", "RSA 2048", ... */
    /* RFC 7638 thumbprint of the key, to know account keys by */
    u_char                  thumbprint[ACME_CA_SHA256_LEN];
    ngx_str_t               common_name;    /* of the subject; may be empty */
    acme_ca_identifier_t   *identifiers;    /* SANs and the common name if it
                                               is an identifier; sorted, each
                                               once */
    ngx_uint_t              n;
    ngx_uint_t              must_staple;    /* it asks for the TLS feature */
} acme_ca_csr_t;


/*
 * Reads and verifies.  Taken: version 0 to 2, any subject (only commonName is
 * looked at, at most one), named curves only with uncompressed points on the
 * curve, RSA with a sound modulus (2048 to 8192 bits, odd, no small factor, no
 * close primes) and exponent (odd, >= 65537, < 2^33), Ed25519; extensions: SAN,
 * keyUsage, extendedKeyUsage (server and client only), basicConstraints that
 * is not a CA, SKI, the TLS feature status_request.  All else is badCSR (RFC
 * 8555, 6.7): a key that is not in key_types or weak ("key of 1024 bits") as
 * well, and another signature algorithm than SHA-2's with RSA (PKCS#1, PSS),
 * ECDSA, or Ed25519.
 */
ngx_int_t acme_ca_csr_parse(acme_ca_ctx_t *ctx, ngx_str_t *der,
    ngx_uint_t key_types, acme_ca_csr_t **csr);

/*
 * The names asked for in the CSR and those of the order are the same set
 * (RFC 8555, 7.4).  identifiers need not be sorted.  NGX_ABORT: badCSR with
 * the first name that differs.
 */
ngx_int_t acme_ca_csr_match(acme_ca_ctx_t *ctx, const acme_ca_csr_t *csr,
    const acme_ca_identifier_t *identifiers, ngx_uint_t n);


#endif /* _ACME_CA_CSR_H_INCLUDED_ */
