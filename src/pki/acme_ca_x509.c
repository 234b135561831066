
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
