
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Numbers to OpenSSL's keys.  OpenSSL checks that a point of a P curve lies on
 * it; for Ed25519 it looks only when it verifies, so that is done here.
 */


#include "acme_ca_jose_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>


static EVP_PKEY *acme_ca_jwk_from_params(const char *type, OSSL_PARAM *params,
    ngx_int_t *rc);
static ngx_int_t acme_ca_jwk_native(u_char *dst, ngx_str_t *src);
static ngx_int_t acme_ca_ed25519_check(ngx_str_t *x);
static ngx_int_t acme_ca_ed25519_on_curve(const u_char *y);


/*
 * y of the points of order 1, 2, 4 and 8, little-endian, without the sign of
 * x: under such a key anybody can sign anything
 */

static const u_char  acme_ca_ed25519_small[][ACME_CA_ED25519_LEN] = {
    { 0x01 },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0x00 },
    { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76,
      0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
      0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
    { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89,
      0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39,
      0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 }
};


EVP_PKEY *
acme_ca_jwk_make_ec(const char *group, ngx_str_t *x, ngx_str_t *y,
    ngx_int_t *rc)
{
    u_char       point[1 + 2 * ACME_CA_EC_MAX], *p;
    OSSL_PARAM   params[3];

    p = point;
    *p++ = 0x04;                       /* uncompressed: SEC 1, 2.3.3 */
    p = ngx_cpymem(p, x->data, x->len);
    p = ngx_cpymem(p, y->data, y->len);

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 (char *) group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  point, p - point);
    params[2] = OSSL_PARAM_construct_end();

    return acme_ca_jwk_from_params("EC", params, rc);
}


EVP_PKEY *
acme_ca_jwk_make_rsa(ngx_str_t *n, ngx_str_t *e, ngx_int_t *rc)
{
    u_char       modulus[ACME_CA_RSA_MAX / 8], exponent[8];
    OSSL_PARAM   params[3];

    if (acme_ca_jwk_native(modulus, n) != NGX_OK
        || acme_ca_jwk_native(exponent, e) != NGX_OK)
    {
        (void) acme_ca_jose_errors();
        *rc = NGX_ERROR;
        return NULL;
    }

    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus, n->len);
    params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, exponent,
                                        e->len);
    params[2] = OSSL_PARAM_construct_end();

    return acme_ca_jwk_from_params("RSA", params, rc);
}


EVP_PKEY *
acme_ca_jwk_make_ed25519(ngx_str_t *x, ngx_int_t *rc)
{
    EVP_PKEY  *key;

    *rc = acme_ca_ed25519_check(x);

    if (*rc != NGX_OK) {
        return NULL;
    }

    key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x->data, x->len);

    if (key == NULL) {
        (void) acme_ca_jose_errors();
        *rc = NGX_ERROR;
    }

    return key;
}


static EVP_PKEY *
acme_ca_jwk_from_params(const char *type, OSSL_PARAM *params, ngx_int_t *rc)
{
    EVP_PKEY      *key;
    EVP_PKEY_CTX  *ctx;

    key = NULL;
    *rc = NGX_OK;

    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (ctx == NULL
        || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        *rc = acme_ca_jose_errors() == NGX_DECLINED ? NGX_DECLINED : NGX_ERROR;
        EVP_PKEY_free(key);
        key = NULL;
    }

    EVP_PKEY_CTX_free(ctx);

    return key;
}


/* big-endian to what OSSL_PARAM calls an unsigned integer */

static ngx_int_t
acme_ca_jwk_native(u_char *dst, ngx_str_t *src)
{
    int      len;
    BIGNUM  *bn;

    bn = BN_bin2bn(src->data, (int) src->len, NULL);
    if (bn == NULL) {
        return NGX_ERROR;
    }

    len = BN_bn2nativepad(bn, dst, (int) src->len);

    BN_free(bn);

    return len < 0 ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
acme_ca_ed25519_check(ngx_str_t *x)
{
    u_char  y[ACME_CA_ED25519_LEN];
    size_t  i;

    ngx_memcpy(y, x->data, ACME_CA_ED25519_LEN);

    /* the top bit is the sign of x: RFC 8032, 5.1.2 */

    y[ACME_CA_ED25519_LEN - 1] &= 0x7f;

    for (i = 0;
         i < sizeof(acme_ca_ed25519_small) / sizeof(acme_ca_ed25519_small[0]);
         i++)
    {
        if (ngx_memcmp(y, acme_ca_ed25519_small[i], ACME_CA_ED25519_LEN)
            == 0)
        {
            return NGX_DECLINED;
        }
    }

    return acme_ca_ed25519_on_curve(y);
}


/*
 * RFC 8032, 5.1.3: y < p, and x^2 = (y^2 - 1) / (d y^2 + 1) has a root.  A
 * quotient is a square when the product is one.
 */

static ngx_int_t
acme_ca_ed25519_on_curve(const u_char *y)
{
    BN_CTX     *ctx;
    BIGNUM     *p, *d, *n, *u, *v;
    ngx_int_t   rc;

    p = NULL;
    d = NULL;
    rc = NGX_ERROR;

    ctx = BN_CTX_new();
    n = BN_lebin2bn(y, ACME_CA_ED25519_LEN, NULL);
    u = BN_new();
    v = BN_new();

    if (ctx == NULL || n == NULL || u == NULL || v == NULL
        || BN_hex2bn(&p, "7fffffffffffffffffffffffffffffff"
                         "ffffffffffffffffffffffffffffffed") == 0
        || BN_hex2bn(&d, "52036cee2b6ffe738cc740797779e898"
                         "00700a4d4141d8ab75eb4dca135978a3") == 0)
    {
        goto done;
    }

    if (BN_cmp(n, p) >= 0) {
        rc = NGX_DECLINED;
        goto done;
    }

    if (BN_mod_sqr(u, n, p, ctx) == 1
        && BN_mod_mul(v, d, u, p, ctx) == 1
        && BN_add_word(v, 1) == 1
        && BN_sub_word(u, 1) == 1
        && BN_mod_mul(u, u, v, p, ctx) == 1)
    {
        switch (BN_kronecker(u, p, ctx)) {

        case 1:
            rc = NGX_OK;
            break;

        case -1:
            rc = NGX_DECLINED;
            break;

        default:
            /* zero only for y = 1 and y = -1, which were refused before */
            rc = NGX_ERROR;
        }
    }

done:

    if (rc == NGX_ERROR) {
        (void) acme_ca_jose_errors();
    }

    BN_free(p);
    BN_free(d);
    BN_free(n);
    BN_free(u);
    BN_free(v);
    BN_CTX_free(ctx);

    return rc;
}


ngx_int_t
acme_ca_jose_errors(void)
{
    ngx_int_t      rc;
    ngx_uint_t     memory;
    unsigned long  error;

    memory = 0;
    rc = NGX_OK;

    for ( ;; ) {
        error = ERR_get_error();

        if (error == 0) {
            return memory ? NGX_ERROR : rc;
        }

        if (ERR_GET_LIB(error) == ERR_LIB_EC
            || ERR_GET_LIB(error) == ERR_LIB_RSA)
        {
            rc = NGX_DECLINED;

        } else if (rc == NGX_OK) {
            rc = NGX_ERROR;
        }

        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
            memory = 1;
        }
    }
}
