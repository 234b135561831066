
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OpenSSL's certificates as the project's bytes.
 */


#include "acme_ca_x509.h"
#include "acme_ca_text.h"


ngx_int_t
acme_ca_x509_der(ngx_pool_t *pool, X509 *x509, ngx_str_t *der)
{
    int         len;
    u_char     *p;
    ngx_int_t   rc;

    p = NULL;

    len = i2d_X509(x509, &p);
    if (len <= 0) {
        return NGX_ERROR;
    }

    rc = acme_ca_copy(pool, der, p, len);

    OPENSSL_free(p);

    return rc;
}


ngx_uint_t
acme_ca_x509_same(X509 *one, X509 *two)
{
    EVP_PKEY  *key, *other;

    key = X509_get0_pubkey(one);
    other = X509_get0_pubkey(two);

    return key != NULL && other != NULL
           && X509_NAME_cmp(X509_get_subject_name(one),
                            X509_get_subject_name(two))
              == 0
           && EVP_PKEY_eq(key, other) == 1;
}
