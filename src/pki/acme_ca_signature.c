
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Verification of signatures: SHA-2 with RSA (PKCS#1 1.5 and PSS, RFC 4055)
 * or ECDSA (RFC 5758), and Ed25519 (RFC 8410).  SHA-1 is not among them.
 */


#include "acme_ca_signature.h"
#include "acme_ca_crypto.h"

#include <openssl/rsa.h>


#define ACME_CA_SIGNATURE_RSA                                                 \
    (ACME_CA_KEY_RSA_2048|ACME_CA_KEY_RSA_3072|ACME_CA_KEY_RSA_4096)
#define ACME_CA_SIGNATURE_EC                                                  \
    (ACME_CA_KEY_EC_P256|ACME_CA_KEY_EC_P384|ACME_CA_KEY_EC_P521)

/* context tags of RSASSA-PSS-params */
#define ACME_CA_SIGNATURE_PSS_HASH  0xa0
#define ACME_CA_SIGNATURE_PSS_MGF   0xa1
#define ACME_CA_SIGNATURE_PSS_SALT  0xa2


typedef const EVP_MD *(*acme_ca_signature_digest_pt)(void);

typedef struct {
    ngx_str_t                     oid;
    ngx_uint_t                    keys;
    acme_ca_signature_digest_pt   digest;
    unsigned                      null:1;     /* NULL parameters are allowed */
    unsigned                      pss:1;
} acme_ca_signature_kind_t;

typedef struct {
    ngx_str_t                     oid;
    acme_ca_signature_digest_pt   digest;
} acme_ca_signature_hash_t;

typedef struct {
    const EVP_MD                 *digest;     /* NULL: the algorithm's own */
    int                           salt_len;   /* -1: no PSS */
} acme_ca_signature_params_t;


static ngx_int_t acme_ca_signature_algorithm(acme_ca_der_t der,
    ngx_uint_t key, acme_ca_signature_params_t *params);
static ngx_int_t acme_ca_signature_pss(acme_ca_der_t *der,
    acme_ca_signature_params_t *params);
static ngx_int_t acme_ca_signature_hash(acme_ca_der_t *der,
    const EVP_MD **digest);
static ngx_int_t acme_ca_signature_mgf(acme_ca_der_t *der,
    const EVP_MD **digest);
static ngx_int_t acme_ca_signature_check(acme_ca_ctx_t *ctx, EVP_MD_CTX *md,
    const acme_ca_signature_params_t *params, const acme_ca_der_t *signature,
    const acme_ca_der_t *signed_part, EVP_PKEY *pkey);


static const acme_ca_signature_kind_t  acme_ca_signature_kinds[] = {

    { ngx_string("\x2a\x86\x48\xce\x3d\x04\x03\x02"),
      ACME_CA_SIGNATURE_EC, EVP_sha256, 0, 0 },
    { ngx_string("\x2a\x86\x48\xce\x3d\x04\x03\x03"),
      ACME_CA_SIGNATURE_EC, EVP_sha384, 0, 0 },
    { ngx_string("\x2a\x86\x48\xce\x3d\x04\x03\x04"),
      ACME_CA_SIGNATURE_EC, EVP_sha512, 0, 0 },

    { ngx_string("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"),
      ACME_CA_SIGNATURE_RSA, EVP_sha256, 1, 0 },
    { ngx_string("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"),
      ACME_CA_SIGNATURE_RSA, EVP_sha384, 1, 0 },
    { ngx_string("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"),
      ACME_CA_SIGNATURE_RSA, EVP_sha512, 1, 0 },
    { ngx_string("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"),
      ACME_CA_SIGNATURE_RSA, NULL, 0, 1 },

    { ngx_string("\x2b\x65\x70"),
      ACME_CA_KEY_ED25519, NULL, 0, 0 },

    { ngx_null_string, 0, NULL, 0, 0 }
};


static const acme_ca_signature_hash_t  acme_ca_signature_hashes[] = {
    { ngx_string("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), EVP_sha256 },
    { ngx_string("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), EVP_sha384 },
    { ngx_string("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), EVP_sha512 },
    { ngx_null_string, NULL }
};


static const u_char  acme_ca_signature_mgf1[] =
    { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08 };


ngx_int_t
acme_ca_signature_verify(acme_ca_ctx_t *ctx, const acme_ca_der_t *algorithm,
    const acme_ca_der_t *signature, const acme_ca_der_t *signed_part,
    ngx_uint_t key, EVP_PKEY *pkey)
{
    ngx_int_t                    rc;
    EVP_MD_CTX                  *md;
    acme_ca_signature_params_t   params;

    if (acme_ca_signature_algorithm(*algorithm, key, &params) != NGX_OK) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR's signature algorithm is not supported "
                              "with this key");
    }

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        acme_ca_crypto_error(ctx->log, "EVP_MD_CTX_new()");
        return NGX_ERROR;
    }

    rc = acme_ca_signature_check(ctx, md, &params, signature, signed_part,
                                 pkey);

    EVP_MD_CTX_free(md);

    return rc;
}


static ngx_int_t
acme_ca_signature_algorithm(acme_ca_der_t der, ngx_uint_t key,
    acme_ca_signature_params_t *params)
{
    acme_ca_der_t                    algorithm, oid, value;
    const acme_ca_signature_kind_t  *kind;

    if (acme_ca_der_take(&der, ACME_CA_DER_SEQUENCE, &algorithm, NULL)
        != NGX_OK
        || acme_ca_der_take(&algorithm, ACME_CA_DER_OID, &oid, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    for (kind = acme_ca_signature_kinds; kind->keys; kind++) {
        if (acme_ca_der_is(&oid, kind->oid.data, kind->oid.len)) {
            break;
        }
    }

    if (!(kind->keys & key)) {
        return NGX_DECLINED;
    }

    params->digest = (kind->digest != NULL) ? kind->digest() : NULL;
    params->salt_len = -1;

    if (kind->pss) {
        return acme_ca_signature_pss(&algorithm, params);
    }

    /* RFC 4055, 5: absent parameters have to be taken as well as NULL */

    if (kind->null && acme_ca_der_peek(&algorithm) == ACME_CA_DER_NULL
        && (acme_ca_der_take(&algorithm, ACME_CA_DER_NULL, &value, NULL)
            != NGX_OK
            || value.p != value.last))
    {
        return NGX_DECLINED;
    }

    return (algorithm.p == algorithm.last) ? NGX_OK : NGX_DECLINED;
}


/*
 * RFC 4055, 3.1.  All the defaults mean SHA-1, so hash and mask have to be
 * there; they must be of one digest, and the trailer is the only one defined.
 */

static ngx_int_t
acme_ca_signature_pss(acme_ca_der_t *der, acme_ca_signature_params_t *params)
{
    acme_ca_der_t  sequence, value, salt;
    const EVP_MD  *mask;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &sequence, NULL) != NGX_OK
        || der->p != der->last
        || acme_ca_der_take(&sequence, ACME_CA_SIGNATURE_PSS_HASH, &value,
                            NULL)
           != NGX_OK
        || acme_ca_signature_hash(&value, &params->digest) != NGX_OK
        || acme_ca_der_take(&sequence, ACME_CA_SIGNATURE_PSS_MGF, &value,
                            NULL)
           != NGX_OK
        || acme_ca_signature_mgf(&value, &mask) != NGX_OK
        || mask != params->digest
        || acme_ca_der_take(&sequence, ACME_CA_SIGNATURE_PSS_SALT, &value,
                            NULL)
           != NGX_OK
        || sequence.p != sequence.last
        || acme_ca_der_unsigned(&value, &salt) != NGX_OK
        || value.p != value.last
        || salt.last - salt.p != 1)
    {
        return NGX_DECLINED;
    }

    params->salt_len = *salt.p;

    return NGX_OK;
}


/* one AlgorithmIdentifier of a digest and nothing behind it */

static ngx_int_t
acme_ca_signature_hash(acme_ca_der_t *der, const EVP_MD **digest)
{
    acme_ca_der_t                    algorithm, oid, value;
    const acme_ca_signature_hash_t  *hash;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &algorithm, NULL)
        != NGX_OK
        || der->p != der->last
        || acme_ca_der_take(&algorithm, ACME_CA_DER_OID, &oid, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (algorithm.p != algorithm.last
        && (acme_ca_der_take(&algorithm, ACME_CA_DER_NULL, &value, NULL)
            != NGX_OK
            || value.p != value.last
            || algorithm.p != algorithm.last))
    {
        return NGX_DECLINED;
    }

    for (hash = acme_ca_signature_hashes; hash->digest; hash++) {
        if (acme_ca_der_is(&oid, hash->oid.data, hash->oid.len)) {
            *digest = hash->digest();
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
acme_ca_signature_mgf(acme_ca_der_t *der, const EVP_MD **digest)
{
    acme_ca_der_t  algorithm, oid;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &algorithm, NULL)
        != NGX_OK
        || der->p != der->last
        || acme_ca_der_take(&algorithm, ACME_CA_DER_OID, &oid, NULL) != NGX_OK
        || !acme_ca_der_is(&oid, acme_ca_signature_mgf1,
                           sizeof(acme_ca_signature_mgf1)))
    {
        return NGX_DECLINED;
    }

    return acme_ca_signature_hash(&algorithm, digest);
}


static ngx_int_t
acme_ca_signature_check(acme_ca_ctx_t *ctx, EVP_MD_CTX *md,
    const acme_ca_signature_params_t *params, const acme_ca_der_t *signature,
    const acme_ca_der_t *signed_part, EVP_PKEY *pkey)
{
    EVP_PKEY_CTX  *pctx;

    /* pctx belongs to md */

    if (EVP_DigestVerifyInit(md, &pctx, params->digest, NULL, pkey) != 1
        || (params->salt_len >= 0
            && (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) <= 0
                || EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, params->salt_len)
                   <= 0)))
    {
        acme_ca_crypto_error(ctx->log, "EVP_DigestVerifyInit()");
        return NGX_ERROR;
    }

    /* used once: no copy is made of it, which is also one failure less */

    EVP_MD_CTX_set_flags(md, EVP_MD_CTX_FLAG_FINALISE);

    if (EVP_DigestVerify(md, signature->p, signature->last - signature->p,
                         signed_part->p, signed_part->last - signed_part->p)
        == 1)
    {
        return NGX_OK;
    }

    if (acme_ca_crypto_starved()) {
        acme_ca_crypto_error(ctx->log, "EVP_DigestVerify()");
        return NGX_ERROR;
    }

    ERR_clear_error();

    return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                          "the CSR's signature is wrong");
}
