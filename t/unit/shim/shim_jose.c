
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The client's side of JOSE, for tests.
 */


#include "shim_jose.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>


static void shim_must(int condition);
static ngx_str_t shim_raw_ecdsa(ngx_pool_t *pool, EVP_PKEY *key,
    const u_char *der, size_t len);
static ngx_str_t shim_number(ngx_pool_t *pool, EVP_PKEY *key,
    const char *name, int pad);


static void
shim_must(int condition)
{
    if (!condition) {
        abort();
    }
}


ngx_str_t
shim_text(ngx_pool_t *pool, const char *fmt, ...)
{
    u_char     buf[16384];
    va_list    args;
    ngx_str_t  text;

    va_start(args, fmt);
    text.len = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args) - buf;
    va_end(args);

    text.data = ngx_pnalloc(pool, text.len + 1);
    shim_must(text.data != NULL && text.len < sizeof(buf));

    ngx_memcpy(text.data, buf, text.len);
    text.data[text.len] = '\0';

    return text;
}


ngx_str_t
shim_base64url_text(ngx_pool_t *pool, const void *data, size_t n)
{
    ngx_str_t  src, dst;

    src.data = (u_char *) data;
    src.len = n;

    dst.data = ngx_pnalloc(pool, ngx_base64_encoded_length(n) + 1);
    shim_must(dst.data != NULL);

    ngx_encode_base64url(&dst, &src);

    return dst;
}


EVP_PKEY *
shim_key(const char *alg)
{
    EVP_PKEY  *key;

    key = strcmp(alg, "ES256") == 0 ? EVP_EC_gen("P-256")
        : strcmp(alg, "ES384") == 0 ? EVP_EC_gen("P-384")
        : strcmp(alg, "ES512") == 0 ? EVP_EC_gen("P-521")
        : strcmp(alg, "EdDSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
        : EVP_RSA_gen(2048);

    shim_must(key != NULL);

    return key;
}


static ngx_str_t
shim_number(ngx_pool_t *pool, EVP_PKEY *key, const char *name, int pad)
{
    int      len;
    u_char   buf[1024];
    BIGNUM  *bn;

    bn = NULL;
    shim_must(EVP_PKEY_get_bn_param(key, name, &bn) == 1);

    len = pad ? pad : BN_num_bytes(bn);
    shim_must(BN_bn2binpad(bn, buf, len) == len);
    BN_free(bn);

    return shim_base64url_text(pool, buf, len);
}


ngx_str_t
shim_jwk(ngx_pool_t *pool, EVP_PKEY *key)
{
    int        len;
    size_t     n;
    u_char     raw[32];
    ngx_str_t  x, y;

    switch (EVP_PKEY_get_base_id(key)) {

    case EVP_PKEY_RSA:
        x = shim_number(pool, key, OSSL_PKEY_PARAM_RSA_N, 0);
        y = shim_number(pool, key, OSSL_PKEY_PARAM_RSA_E, 0);

        return shim_text(pool, "{\"e\":\"%V\",\"kty\":\"RSA\",\"n\":\"%V\"}",
                         &y, &x);

    case EVP_PKEY_EC:
        len = (EVP_PKEY_get_bits(key) + 7) / 8;
        x = shim_number(pool, key, OSSL_PKEY_PARAM_EC_PUB_X, len);
        y = shim_number(pool, key, OSSL_PKEY_PARAM_EC_PUB_Y, len);

        return shim_text(pool, "{\"crv\":\"P-%d\",\"kty\":\"EC\",\"x\":\"%V\","
                         "\"y\":\"%V\"}", EVP_PKEY_get_bits(key), &x, &y);

    default:
        n = sizeof(raw);
        shim_must(EVP_PKEY_get_raw_public_key(key, raw, &n) == 1);
        x = shim_base64url_text(pool, raw, n);

        return shim_text(pool, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
                         "\"x\":\"%V\"}", &x);
    }
}


ngx_str_t
shim_sign(ngx_pool_t *pool, EVP_PKEY *key, const char *alg, ngx_str_t *input)
{
    u_char         signature[1024];
    size_t         len;
    const char    *digest;
    EVP_MD_CTX    *md;
    EVP_PKEY_CTX  *ctx;

    digest = strcmp(alg, "EdDSA") == 0 ? NULL
           : strcmp(alg + 2, "384") == 0 ? "SHA384"
           : strcmp(alg + 2, "512") == 0 ? "SHA512" : "SHA256";

    md = EVP_MD_CTX_new();
    shim_must(md != NULL);
    shim_must(EVP_DigestSignInit_ex(md, &ctx, digest, NULL, NULL, key, NULL)
              == 1);

    if (alg[0] == 'P') {
        shim_must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING)
                  == 1);
        shim_must(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST)
                  == 1);
    }

    len = sizeof(signature);
    shim_must(EVP_DigestSign(md, signature, &len, input->data, input->len)
              == 1);
    EVP_MD_CTX_free(md);

    if (alg[0] == 'E' && alg[1] == 'S') {
        return shim_raw_ecdsa(pool, key, signature, len);
    }

    return shim_base64url_text(pool, signature, len);
}


static ngx_str_t
shim_raw_ecdsa(ngx_pool_t *pool, EVP_PKEY *key, const u_char *der, size_t len)
{
    int         n;
    u_char      raw[132];
    ECDSA_SIG  *sig;

    n = (EVP_PKEY_get_bits(key) + 7) / 8;

    sig = d2i_ECDSA_SIG(NULL, &der, len);
    shim_must(sig != NULL);
    shim_must(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, n) == n);
    shim_must(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + n, n) == n);
    ECDSA_SIG_free(sig);

    return shim_base64url_text(pool, raw, 2 * n);
}


ngx_str_t
shim_jws(ngx_pool_t *pool, EVP_PKEY *key, const char *alg, const char *header,
    const char *payload)
{
    ngx_str_t  protected, body, input, signature;

    protected = shim_base64url_text(pool, header, strlen(header));
    body = shim_base64url_text(pool, payload, strlen(payload));
    input = shim_text(pool, "%V.%V", &protected, &body);
    signature = shim_sign(pool, key, alg, &input);

    return shim_text(pool, "{\"protected\":\"%V\",\"payload\":\"%V\","
                     "\"signature\":\"%V\"}", &protected, &body, &signature);
}
