
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Public keys of subjects, read by hand: OpenSSL's decoders need longer for
 * a P-256 key than the verification of a signature takes.
 */


#include "acme_ca_spki.h"
#include "acme_ca_crypto.h"
#include "acme_ca_modulus.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/params.h>


#define ACME_CA_SPKI_MODULUS_MAX  1024       /* bytes */
#define ACME_CA_SPKI_EXPONENT_MAX 5
#define ACME_CA_SPKI_EXPONENT_MIN 65537

/* the longest canonical JWK: an RSA key, with the text around its numbers */
#define ACME_CA_SPKI_JWK_MAX                                                  \
    (acme_ca_base64url_len(ACME_CA_SPKI_MODULUS_MAX)                          \
     + acme_ca_base64url_len(ACME_CA_SPKI_EXPONENT_MAX) + 64)


typedef struct acme_ca_spki_kind_s  acme_ca_spki_kind_t;

typedef ngx_int_t (*acme_ca_spki_read_pt)(acme_ca_ctx_t *ctx,
    const acme_ca_spki_kind_t *kind, acme_ca_der_t *bits,
    ngx_uint_t key_types, acme_ca_csr_t *csr, EVP_PKEY **pkey);

struct acme_ca_spki_kind_s {
    ngx_str_t              algorithm;     /* AlgorithmIdentifier, DER */
    acme_ca_spki_read_pt   read;
    ngx_uint_t             key;
    ngx_str_t              key_type;
    char                  *curve;
    size_t                 len;           /* bytes of a coordinate */
    EVP_PKEY             **group;
};

typedef struct {
    ngx_uint_t             bits;          /* and more */
    ngx_uint_t             key;
} acme_ca_spki_size_t;


static ngx_int_t acme_ca_spki_rsa(acme_ca_ctx_t *ctx,
    const acme_ca_spki_kind_t *kind, acme_ca_der_t *bits,
    ngx_uint_t key_types, acme_ca_csr_t *csr, EVP_PKEY **pkey);
static ngx_int_t acme_ca_spki_rsa_check(acme_ca_ctx_t *ctx,
    acme_ca_der_t *modulus, acme_ca_der_t *exponent, ngx_uint_t key_types,
    acme_ca_csr_t *csr);
static ngx_int_t acme_ca_spki_rsa_import(acme_ca_ctx_t *ctx,
    acme_ca_der_t *modulus, acme_ca_der_t *exponent, EVP_PKEY **pkey);
static EVP_PKEY *acme_ca_spki_rsa_key(const BIGNUM *n, uint64_t e);
static ngx_int_t acme_ca_spki_ec(acme_ca_ctx_t *ctx,
    const acme_ca_spki_kind_t *kind, acme_ca_der_t *bits,
    ngx_uint_t key_types, acme_ca_csr_t *csr, EVP_PKEY **pkey);
static void acme_ca_spki_groups(void);
static EVP_PKEY *acme_ca_spki_group(const char *name);
static ngx_int_t acme_ca_spki_ed25519(acme_ca_ctx_t *ctx,
    const acme_ca_spki_kind_t *kind, acme_ca_der_t *bits,
    ngx_uint_t key_types, acme_ca_csr_t *csr, EVP_PKEY **pkey);
static ngx_int_t acme_ca_spki_allowed(acme_ca_ctx_t *ctx,
    acme_ca_csr_t *csr, ngx_uint_t key_types);
static u_char *acme_ca_spki_member(u_char *p, const char *name,
    const u_char *value, size_t len);
static ngx_int_t acme_ca_spki_thumbprint(acme_ca_ctx_t *ctx, u_char *text,
    u_char *last, acme_ca_csr_t *csr);


/* keys without a point: to copy one and set its point is four times faster */

static CRYPTO_ONCE  acme_ca_spki_once = CRYPTO_ONCE_STATIC_INIT;
static EVP_PKEY    *acme_ca_spki_p256;
static EVP_PKEY    *acme_ca_spki_p384;
static EVP_PKEY    *acme_ca_spki_p521;


static const acme_ca_spki_kind_t  acme_ca_spki_kinds[] = {

    { ngx_string("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
      acme_ca_spki_ec, ACME_CA_KEY_EC_P256, ngx_string("EC P-256"),
      "P-256", 32, &acme_ca_spki_p256 },

    { ngx_string("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
                 "\x05\x00"),
      acme_ca_spki_rsa, 0, ngx_null_string,
      NULL, 0, NULL },

    { ngx_string("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                 "\x06\x05\x2b\x81\x04\x00\x22"),
      acme_ca_spki_ec, ACME_CA_KEY_EC_P384, ngx_string("EC P-384"),
      "P-384", 48, &acme_ca_spki_p384 },

    { ngx_string("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                 "\x06\x05\x2b\x81\x04\x00\x23"),
      acme_ca_spki_ec, ACME_CA_KEY_EC_P521, ngx_string("EC P-521"),
      "P-521", 66, &acme_ca_spki_p521 },

    { ngx_string("\x30\x05\x06\x03\x2b\x65\x70"),
      acme_ca_spki_ed25519, ACME_CA_KEY_ED25519, ngx_string("Ed25519"),
      NULL, 32, NULL },

    { ngx_null_string, NULL, 0, ngx_null_string, NULL, 0, NULL }
};


/* the largest first */

static const acme_ca_spki_size_t  acme_ca_spki_sizes[] = {
    { 4096, ACME_CA_KEY_RSA_4096 },
    { 3072, ACME_CA_KEY_RSA_3072 },
    { 2048, ACME_CA_KEY_RSA_2048 },
    { 0, 0 }
};


ngx_int_t
acme_ca_spki_parse(acme_ca_ctx_t *ctx, const acme_ca_der_t *spki,
    ngx_uint_t key_types, acme_ca_csr_t *csr, EVP_PKEY **pkey)
{
    acme_ca_der_t               der, content, algorithm, bits;
    const acme_ca_spki_kind_t  *kind;

    der = *spki;

    if (acme_ca_der_take(&der, ACME_CA_DER_SEQUENCE, &content, NULL) != NGX_OK
        || der.p != der.last
        || acme_ca_der_take(&content, ACME_CA_DER_SEQUENCE, NULL, &algorithm)
           != NGX_OK
        || acme_ca_der_take(&content, ACME_CA_DER_BIT_STRING, &bits, NULL)
           != NGX_OK
        || content.p != content.last
        || bits.p == bits.last
        || *bits.p++ != 0)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR, "malformed public key");
    }

    for (kind = acme_ca_spki_kinds; kind->read; kind++) {

        if (acme_ca_der_is(&algorithm, kind->algorithm.data,
                           kind->algorithm.len))
        {
            if (acme_ca_copy(ctx->pool, &csr->spki, spki->p,
                             spki->last - spki->p)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            return kind->read(ctx, kind, &bits, key_types, csr, pkey);
        }
    }

    return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                          "key of an unsupported kind or curve");
}


static ngx_int_t
acme_ca_spki_rsa(acme_ca_ctx_t *ctx, const acme_ca_spki_kind_t *kind,
    acme_ca_der_t *bits, ngx_uint_t key_types, acme_ca_csr_t *csr,
    EVP_PKEY **pkey)
{
    u_char        *p, text[ACME_CA_SPKI_JWK_MAX];
    ngx_int_t      rc;
    acme_ca_der_t  key, modulus, exponent;

    if (acme_ca_der_take(bits, ACME_CA_DER_SEQUENCE, &key, NULL) != NGX_OK
        || bits->p != bits->last
        || acme_ca_der_unsigned(&key, &modulus) != NGX_OK
        || acme_ca_der_unsigned(&key, &exponent) != NGX_OK
        || key.p != key.last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR, "malformed RSA key");
    }

    rc = acme_ca_spki_rsa_check(ctx, &modulus, &exponent, key_types, csr);
    if (rc != NGX_OK) {
        return rc;
    }

    p = acme_ca_spki_member(text, "{\"e", exponent.p,
                            exponent.last - exponent.p);
    p = ngx_cpymem(p, ",\"kty\":\"RSA\"", sizeof(",\"kty\":\"RSA\"") - 1);
    p = acme_ca_spki_member(p, ",\"n", modulus.p, modulus.last - modulus.p);

    if (acme_ca_spki_thumbprint(ctx, text, p, csr) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_spki_rsa_import(ctx, &modulus, &exponent, pkey);
}


static ngx_int_t
acme_ca_spki_rsa_check(acme_ca_ctx_t *ctx, acme_ca_der_t *modulus,
    acme_ca_der_t *exponent, ngx_uint_t key_types, acme_ca_csr_t *csr)
{
    u_char                      first;
    ngx_uint_t                  bits;
    const acme_ca_spki_size_t  *size;

    bits = (modulus->last - modulus->p) * 8;

    for (first = *modulus->p; bits && !(first & 0x80); first <<= 1) {
        bits--;

        if (first == 0) {
            break;
        }
    }

    for (size = acme_ca_spki_sizes; bits < size->bits; size++) { /* void */ }

    if (size->key == 0 || bits > ACME_CA_SPKI_MODULUS_MAX * 8) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "RSA key of %ui bits", bits);
    }

    csr->key = size->key;

    if (acme_ca_format(ctx->pool, &csr->key_type,
                       sizeof("RSA ") + NGX_INT_T_LEN, "RSA %ui", bits)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* at most 33 bits, odd, and not one of the small ones */

    if (exponent->last - exponent->p > ACME_CA_SPKI_EXPONENT_MAX
        || exponent->last - exponent->p < 3
        || (exponent->last - exponent->p == ACME_CA_SPKI_EXPONENT_MAX
            && *exponent->p > 1)
        || !(exponent->last[-1] & 1)
        || !(modulus->last[-1] & 1))
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "RSA key with a bad exponent or an even modulus");
    }

    return acme_ca_spki_allowed(ctx, csr, key_types);
}


static ngx_int_t
acme_ca_spki_rsa_import(acme_ca_ctx_t *ctx, acme_ca_der_t *modulus,
    acme_ca_der_t *exponent, EVP_PKEY **pkey)
{
    BIGNUM        *n;
    uint64_t       e;
    ngx_int_t      rc;
    const char    *fault;
    const u_char  *p;

    e = 0;

    for (p = exponent->p; p < exponent->last; p++) {
        e = (e << 8) | *p;
    }

    if (e < ACME_CA_SPKI_EXPONENT_MIN) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "RSA key with an exponent below 65537");
    }

    n = BN_bin2bn(modulus->p, modulus->last - modulus->p, NULL);
    if (n == NULL) {
        acme_ca_crypto_error(ctx->log, "BN_bin2bn()");
        return NGX_ERROR;
    }

    rc = acme_ca_modulus_check(ctx->log, n, &fault);

    if (rc == NGX_DECLINED) {
        rc = acme_ca_refuse(ctx, ACME_CA_BAD_CSR, "%s", fault);

    } else if (rc == NGX_OK && pkey != NULL) {
        *pkey = acme_ca_spki_rsa_key(n, e);

        if (*pkey == NULL) {
            acme_ca_crypto_error(ctx->log, "importing an RSA key");
            rc = NGX_ERROR;
        }
    }

    BN_free(n);

    return rc;
}


static EVP_PKEY *
acme_ca_spki_rsa_key(const BIGNUM *n, uint64_t e)
{
    int            len;
    u_char         native[ACME_CA_SPKI_MODULUS_MAX];
    EVP_PKEY      *key;
    OSSL_PARAM     params[3];
    EVP_PKEY_CTX  *pctx;

    /* numbers go in the machine's order of bytes */

    len = BN_bn2nativepad(n, native, BN_num_bytes(n));
    if (len <= 0) {
        return NULL;
    }

    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, len);
    params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, (u_char *) &e,
                                        sizeof(e));
    params[2] = OSSL_PARAM_construct_end();

    key = NULL;

    pctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);

    if (pctx != NULL && EVP_PKEY_fromdata_init(pctx) > 0
        && EVP_PKEY_fromdata(pctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
    {
        key = NULL;
    }

    EVP_PKEY_CTX_free(pctx);

    return key;
}


static ngx_int_t
acme_ca_spki_ec(acme_ca_ctx_t *ctx, const acme_ca_spki_kind_t *kind,
    acme_ca_der_t *bits, ngx_uint_t key_types, acme_ca_csr_t *csr,
    EVP_PKEY **pkey)
{
    size_t      len;
    u_char     *p, text[ACME_CA_SPKI_JWK_MAX];
    EVP_PKEY   *key;
    ngx_int_t   rc;

    csr->key = kind->key;
    csr->key_type = kind->key_type;
    len = bits->last - bits->p;

    rc = acme_ca_spki_allowed(ctx, csr, key_types);
    if (rc != NGX_OK) {
        return rc;
    }

    if (len != 1 + 2 * kind->len || *bits->p != POINT_CONVERSION_UNCOMPRESSED)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed EC key, or not an uncompressed point");
    }

    if (!CRYPTO_THREAD_run_once(&acme_ca_spki_once, acme_ca_spki_groups)) {
        acme_ca_crypto_error(ctx->log, "CRYPTO_THREAD_run_once()");
        return NGX_ERROR;
    }

    key = (*kind->group != NULL) ? EVP_PKEY_dup(*kind->group)
                                 : acme_ca_spki_group(kind->curve);
    if (key == NULL) {
        acme_ca_crypto_error(ctx->log, "making an EC key");
        return NGX_ERROR;
    }

    /* this also tells whether the point lies on its curve */

    if (EVP_PKEY_set1_encoded_public_key(key, bits->p, len) != 1) {
        EVP_PKEY_free(key);

        if (acme_ca_crypto_starved()) {
            acme_ca_crypto_error(ctx->log, "importing an EC key");
            return NGX_ERROR;
        }

        ERR_clear_error();

        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "EC key that is not a point of its curve");
    }

    if (pkey != NULL) {
        *pkey = key;

    } else {
        EVP_PKEY_free(key);
    }

    p = ngx_sprintf(text, "{\"crv\":\"%s\",\"kty\":\"EC\"", kind->curve);
    p = acme_ca_spki_member(p, ",\"x", bits->p + 1, kind->len);
    p = acme_ca_spki_member(p, ",\"y", bits->p + 1 + kind->len, kind->len);

    return acme_ca_spki_thumbprint(ctx, text, p, csr);
}


static void
acme_ca_spki_groups(void)
{
    const acme_ca_spki_kind_t  *kind;

    for (kind = acme_ca_spki_kinds; kind->read; kind++) {
        if (kind->group != NULL) {
            *kind->group = acme_ca_spki_group(kind->curve);
        }
    }
}


static EVP_PKEY *
acme_ca_spki_group(const char *name)
{
    EVP_PKEY      *key;
    OSSL_PARAM     params[2];
    EVP_PKEY_CTX  *pctx;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 (char *) name, 0);
    params[1] = OSSL_PARAM_construct_end();

    key = NULL;

    pctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

    if (pctx != NULL && EVP_PKEY_fromdata_init(pctx) > 0
        && EVP_PKEY_fromdata(pctx, &key, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
    {
        key = NULL;
    }

    EVP_PKEY_CTX_free(pctx);

    return key;
}


static ngx_int_t
acme_ca_spki_ed25519(acme_ca_ctx_t *ctx, const acme_ca_spki_kind_t *kind,
    acme_ca_der_t *bits, ngx_uint_t key_types, acme_ca_csr_t *csr,
    EVP_PKEY **pkey)
{
    u_char     *p, text[ACME_CA_SPKI_JWK_MAX];
    ngx_int_t   rc;

    csr->key = kind->key;
    csr->key_type = kind->key_type;

    rc = acme_ca_spki_allowed(ctx, csr, key_types);
    if (rc != NGX_OK) {
        return rc;
    }

    if ((size_t) (bits->last - bits->p) != kind->len) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR, "malformed Ed25519 key");
    }

    if (pkey != NULL) {
        *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bits->p,
                                            kind->len);
        if (*pkey == NULL) {
            acme_ca_crypto_error(ctx->log, "EVP_PKEY_new_raw_public_key()");
            return NGX_ERROR;
        }
    }

    p = ngx_sprintf(text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\"");
    p = acme_ca_spki_member(p, ",\"x", bits->p, kind->len);

    return acme_ca_spki_thumbprint(ctx, text, p, csr);
}


static ngx_int_t
acme_ca_spki_allowed(acme_ca_ctx_t *ctx, acme_ca_csr_t *csr,
    ngx_uint_t key_types)
{
    if (csr->key & key_types) {
        return NGX_OK;
    }

    return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                          "the profile takes no keys of type %V",
                          &csr->key_type);
}


/* writes the name, with what goes before it, and the value in base64url */

static u_char *
acme_ca_spki_member(u_char *p, const char *name, const u_char *value,
    size_t len)
{
    p = ngx_sprintf(p, "%s\":\"", name);
    p = acme_ca_base64url_write(p, value, len);
    *p++ = '"';

    return p;
}


/* RFC 7638, 3: the hash of the required members, sorted, without spaces */

static ngx_int_t
acme_ca_spki_thumbprint(acme_ca_ctx_t *ctx, u_char *text, u_char *last,
    acme_ca_csr_t *csr)
{
    *last++ = '}';

    if (acme_ca_sha256(text, last - text, csr->thumbprint) != NGX_OK) {
        acme_ca_crypto_error(ctx->log, "SHA-256");
        return NGX_ERROR;
    }

    return NGX_OK;
}
