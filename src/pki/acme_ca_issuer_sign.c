
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The one place where the key of an issuer is used.
 */


#include "acme_ca_issuer.h"
#include "acme_ca_crypto.h"


static ngx_int_t acme_ca_issuer_digest(acme_ca_ctx_t *ctx, EVP_MD_CTX *md,
    const acme_ca_issuer_t *issuer, const ngx_str_t *tbs,
    ngx_str_t *signature);


ngx_int_t
acme_ca_issuer_sign(acme_ca_ctx_t *ctx, const acme_ca_issuer_t *issuer,
    const ngx_str_t *tbs, ngx_str_t *signature)
{
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        acme_ca_crypto_error(ctx->log, "EVP_MD_CTX_new()");
        return NGX_ERROR;
    }

    rc = acme_ca_issuer_digest(ctx, md, issuer, tbs, signature);

    EVP_MD_CTX_free(md);

    return rc;
}


static ngx_int_t
acme_ca_issuer_digest(acme_ca_ctx_t *ctx, EVP_MD_CTX *md,
    const acme_ca_issuer_t *issuer, const ngx_str_t *tbs,
    ngx_str_t *signature)
{
    int  max;

    max = EVP_PKEY_get_size(issuer->key);

    if (max <= 0
        || acme_ca_key_sign_init(md, issuer->digest, issuer->key) != NGX_OK)
    {
        acme_ca_crypto_error(ctx->log, "EVP_DigestSignInit()");
        return NGX_ERROR;
    }

    /* used once: no copy has to be made of it */

    EVP_MD_CTX_set_flags(md, EVP_MD_CTX_FLAG_FINALISE);

    signature->len = max;
    signature->data = ngx_pnalloc(ctx->pool, max);

    if (signature->data == NULL) {
        return NGX_ERROR;
    }

    /* without memory OpenSSL's ECDSA can answer 1 and a length of -1 */

    if (EVP_DigestSign(md, signature->data, &signature->len, tbs->data,
                       tbs->len)
        != 1
        || signature->len == 0
        || signature->len > (size_t) max)
    {
        acme_ca_crypto_error(ctx->log, "signing with the issuer's key");
        return NGX_ERROR;
    }

    return NGX_OK;
}
