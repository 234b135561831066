
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A certificate of the registry, as OpenSSL reads and verifies it.
 */


#include "acme_ca_crypto.h"
#include "acme_ca_inspect.h"
#include "acme_ca_issuer_load.h"
#include "acme_ca_text.h"
#include "acme_ca_x509.h"

#include <openssl/err.h>


typedef struct {
    X509                    *leaf;
    X509_STORE              *store;
    X509_STORE_CTX          *verify;
    acme_ca_issuer_load_t    chain;
} acme_ca_inspect_t;


static X509 *acme_ca_inspect_read(acme_ca_ctx_t *ctx, const ngx_str_t *der);
static ngx_int_t acme_ca_inspect_trust(acme_ca_inspect_t *inspect,
    ngx_str_t *pem, time_t now);
static ngx_int_t acme_ca_inspect_judge(acme_ca_inspect_t *inspect,
    ngx_str_t *fault);


ngx_int_t
acme_ca_inspect_text(acme_ca_ctx_t *ctx, const ngx_str_t *der, ngx_str_t *text)
{
    BIO        *bio;
    long        len;
    X509       *leaf;
    u_char     *data;
    ngx_int_t   rc;

    rc = NGX_ERROR;
    bio = BIO_new(BIO_s_mem());
    leaf = acme_ca_inspect_read(ctx, der);

    if (bio != NULL && leaf != NULL
        && X509_print_ex(bio, leaf, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB,
                         X509_FLAG_COMPAT))
    {
        len = BIO_get_mem_data(bio, &data);
        rc = acme_ca_copy(ctx->pool, text, data, (size_t) len);

    } else {
        acme_ca_crypto_error(ctx->log, "X509_print_ex()");
    }

    X509_free(leaf);
    BIO_free(bio);

    return rc;
}


static X509 *
acme_ca_inspect_read(acme_ca_ctx_t *ctx, const ngx_str_t *der)
{
    X509  *leaf;

    leaf = acme_ca_x509_read(der);
    if (leaf == NULL) {
        acme_ca_crypto_error(ctx->log, "d2i_X509()");
    }

    return leaf;
}


ngx_int_t
acme_ca_inspect_verify(acme_ca_ctx_t *ctx, const ngx_str_t *der,
    ngx_str_t *chain, ngx_str_t *fault)
{
    ngx_int_t          rc;
    acme_ca_inspect_t  inspect;

    if (chain->len == 0) {
        ngx_str_set(fault, "its issuer is not known");
        return NGX_DECLINED;
    }

    ngx_memzero(&inspect, sizeof(acme_ca_inspect_t));

    inspect.chain.pool = ctx->pool;
    inspect.chain.error = fault;

    inspect.leaf = acme_ca_inspect_read(ctx, der);
    inspect.store = X509_STORE_new();
    inspect.verify = X509_STORE_CTX_new();
    inspect.chain.certs = sk_X509_new_null();

    rc = (inspect.leaf == NULL || inspect.store == NULL
          || inspect.verify == NULL || inspect.chain.certs == NULL)
         ? NGX_ERROR
         : acme_ca_inspect_trust(&inspect, chain, ctx->now);

    if (rc == NGX_OK) {
        rc = acme_ca_inspect_judge(&inspect, fault);
    }

    X509_STORE_CTX_free(inspect.verify);
    X509_STORE_free(inspect.store);
    sk_X509_pop_free(inspect.chain.certs, X509_free);
    X509_free(inspect.leaf);

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(ctx->log, "X509_verify_cert()");
    }

    ERR_clear_error();

    return rc;
}


/* nothing is trusted but these: the issuer will do */

static ngx_int_t
acme_ca_inspect_trust(acme_ca_inspect_t *inspect, ngx_str_t *pem, time_t now)
{
    int                 i;
    ngx_int_t           rc;
    X509_VERIFY_PARAM  *param;

    rc = acme_ca_issuer_read(&inspect->chain, pem);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < sk_X509_num(inspect->chain.certs); i++) {
        if (!X509_STORE_add_cert(inspect->store,
                                 sk_X509_value(inspect->chain.certs, i)))
        {
            return NGX_ERROR;
        }
    }

    if (!X509_STORE_CTX_init(inspect->verify, inspect->store, inspect->leaf,
                             NULL))
    {
        return NGX_ERROR;
    }

    param = X509_STORE_CTX_get0_param(inspect->verify);

    X509_VERIFY_PARAM_set_time(param, now);

    return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
acme_ca_inspect_judge(acme_ca_inspect_t *inspect, ngx_str_t *fault)
{
    int          error;
    const char  *said;

    if (X509_verify_cert(inspect->verify) == 1) {
        return NGX_OK;
    }

    error = X509_STORE_CTX_get_error(inspect->verify);

    if (error == X509_V_ERR_OUT_OF_MEM || error == X509_V_ERR_UNSPECIFIED
        || acme_ca_crypto_starved())
    {
        return NGX_ERROR;
    }

    /* words of OpenSSL's, which stay */

    said = X509_verify_cert_error_string(error);

    fault->data = (u_char *) said;
    fault->len = ngx_strlen(said);

    return NGX_DECLINED;
}
