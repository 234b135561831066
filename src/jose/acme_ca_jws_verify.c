
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The signature of a JWS against a key.  The algorithm never chooses the key
 * and the key never the algorithm: both have to fit one row (RFC 8725, 3.1).
 */


#include "acme_ca_jose_private.h"

#include <openssl/err.h>
#include <openssl/rsa.h>


/* SEQUENCE of two INTEGERs, each of at most 66 bytes and a zero */
#define ACME_CA_ECDSA_MAX  (3 + 2 * (2 + 1 + ACME_CA_EC_MAX))


static ngx_int_t acme_ca_jws_key_fits(const acme_ca_jws_alg_t *alg,
    EVP_PKEY *key);
static u_char *acme_ca_jws_ecdsa(u_char *dst, const u_char *raw, size_t len);
static u_char *acme_ca_jws_integer(u_char *dst, const u_char *n, size_t len);
static ngx_int_t acme_ca_jws_check_ec(const acme_ca_jws_alg_t *alg,
    EVP_PKEY *key, ngx_str_t *signature, ngx_str_t *input,
    acme_ca_jws_kept_t *kept);
static ngx_int_t acme_ca_jws_digest(const acme_ca_jws_alg_t *alg,
    ngx_str_t *input, u_char *digest, size_t *len);
static EVP_PKEY_CTX *acme_ca_jws_context(EVP_PKEY *key);
static ngx_int_t acme_ca_jws_check(const acme_ca_jws_alg_t *alg, EVP_PKEY *key,
    ngx_str_t *signature, ngx_str_t *input);
static ngx_int_t acme_ca_jws_outcome(int verified);


ngx_int_t
acme_ca_jws_verify(acme_ca_ctx_t *ctx, acme_ca_jws_t *jws, EVP_PKEY *key)
{
    ngx_int_t           rc;
    acme_ca_jws_kept_t  kept;

    ngx_memzero(&kept, sizeof(acme_ca_jws_kept_t));

    rc = acme_ca_jws_verify_again(ctx, jws, key, &kept);

    EVP_PKEY_CTX_free(kept.verify);

    return rc;
}


ngx_int_t
acme_ca_jws_verify_again(acme_ca_ctx_t *ctx, acme_ca_jws_t *jws, EVP_PKEY *key,
    acme_ca_jws_kept_t *kept)
{
    size_t                    len;
    ngx_int_t                 rc;
    const acme_ca_jws_alg_t  *alg;

    alg = jws->alg;

    rc = (alg == kept->alg) ? NGX_OK : acme_ca_jws_key_fits(alg, key);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ctx->log, 0,
                      "OpenSSL could not tell the curve of a key");
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_SIGNATURE_ALGORITHM,
                              "the signature algorithm \"%V\" is not one of "
                              "this kind of key", &alg->name);
    }

    kept->alg = alg;

    len = alg->signature_len;

    if (len == 0) {
        len = (size_t) EVP_PKEY_get_size(key);
    }

    if (jws->signature.len != len) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "a signature of %V has %uz bytes with this key, "
                              "not %uz", &alg->name, len, jws->signature.len);
    }

    rc = alg->group ? acme_ca_jws_check_ec(alg, key, &jws->signature,
                                           &jws->input, kept)
                    : acme_ca_jws_check(alg, key, &jws->signature,
                                        &jws->input);

    if (rc != NGX_OK) {
        ERR_clear_error();
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_UNAUTHORIZED,
                              "the JWS signature is wrong");
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ctx->log, 0,
                      "OpenSSL could not verify a %V signature", &alg->name);
    }

    return rc;
}


static ngx_int_t
acme_ca_jws_key_fits(const acme_ca_jws_alg_t *alg, EVP_PKEY *key)
{
    char    group[64];
    size_t  len;

    if (EVP_PKEY_get_base_id(key) != alg->type) {
        return NGX_DECLINED;
    }

    if (alg->group == NULL) {
        return NGX_OK;
    }

    if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1) {
        return acme_ca_jose_errors() == NGX_DECLINED ? NGX_DECLINED : NGX_ERROR;
    }

    return ngx_strcmp(group, alg->group) == 0 ? NGX_OK : NGX_DECLINED;
}


/* r || s (RFC 7518, 3.4) to DER */

static u_char *
acme_ca_jws_ecdsa(u_char *dst, const u_char *raw, size_t len)
{
    u_char   body[ACME_CA_ECDSA_MAX], *p;
    size_t   n;

    p = acme_ca_jws_integer(body, raw, len / 2);
    p = acme_ca_jws_integer(p, raw + len / 2, len / 2);
    n = p - body;

    *dst++ = 0x30;

    if (n > 0x7f) {
        *dst++ = 0x81;
    }

    *dst++ = (u_char) n;

    return ngx_cpymem(dst, body, n);
}


static u_char *
acme_ca_jws_integer(u_char *dst, const u_char *n, size_t len)
{
    while (len > 1 && *n == 0) {
        n++;
        len--;
    }

    *dst++ = 0x02;

    if (*n & 0x80) {
        *dst++ = (u_char) (len + 1);
        *dst++ = 0;

    } else {
        *dst++ = (u_char) len;
    }

    return ngx_cpymem(dst, n, len);
}


/*
 * NGX_OK, NGX_DECLINED or NGX_ERROR.  The digest is made apart, since a context
 * without one verifies as often as it is asked.
 */

static ngx_int_t
acme_ca_jws_check_ec(const acme_ca_jws_alg_t *alg, EVP_PKEY *key,
    ngx_str_t *signature, ngx_str_t *input, acme_ca_jws_kept_t *kept)
{
    size_t  len, n;
    u_char  der[ACME_CA_ECDSA_MAX], digest[EVP_MAX_MD_SIZE];

    if (kept->verify == NULL) {
        kept->verify = acme_ca_jws_context(key);
    }

    if (kept->verify == NULL
        || acme_ca_jws_digest(alg, input, digest, &n) != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = acme_ca_jws_ecdsa(der, signature->data, signature->len) - der;

    return acme_ca_jws_outcome(EVP_PKEY_verify(kept->verify, der, len, digest,
                                               n));
}


/* nearly all are SHA-256, which OpenSSL need not look for */

static ngx_int_t
acme_ca_jws_digest(const acme_ca_jws_alg_t *alg, ngx_str_t *input,
    u_char *digest, size_t *len)
{
    if (ngx_strcmp(alg->digest, "SHA256") == 0) {
        *len = ACME_CA_SHA256_LEN;
        return acme_ca_sha256(input->data, input->len, digest);
    }

    return EVP_Q_digest(NULL, alg->digest, NULL, input->data, input->len,
                        digest, len)
           ? NGX_OK : NGX_ERROR;
}


static EVP_PKEY_CTX *
acme_ca_jws_context(EVP_PKEY *key)
{
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

    if (ctx != NULL && EVP_PKEY_verify_init(ctx) != 1) {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


static ngx_int_t
acme_ca_jws_check(const acme_ca_jws_alg_t *alg, EVP_PKEY *key,
    ngx_str_t *signature, ngx_str_t *input)
{
    ngx_int_t      rc;
    EVP_MD_CTX    *md;
    EVP_PKEY_CTX  *ctx;

    rc = NGX_ERROR;

    md = EVP_MD_CTX_new();

    if (md == NULL
        || EVP_DigestVerifyInit_ex(md, &ctx, alg->digest, NULL, NULL, key,
                                   NULL)
           != 1)
    {
        goto done;
    }

    /* RFC 7518, 3.5: the salt is as long as the digest, MGF1 uses the same */

    if (alg->pss
        && (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1
            || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST)
               != 1))
    {
        goto done;
    }

    rc = acme_ca_jws_outcome(EVP_DigestVerify(md, signature->data,
                                              signature->len, input->data,
                                              input->len));

done:

    EVP_MD_CTX_free(md);

    return rc;
}


/* nothing is said of most wrong signatures, RSA's leave errors */

static ngx_int_t
acme_ca_jws_outcome(int verified)
{
    if (verified == 1) {
        return NGX_OK;
    }

    return acme_ca_jose_errors() == NGX_ERROR ? NGX_ERROR : NGX_DECLINED;
}
