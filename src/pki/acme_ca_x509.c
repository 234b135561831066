
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OpenSSL's certificates: read and written, and what those that this CA makes
 * with OpenSSL have in common.
 */


#include "acme_ca_x509.h"
#include "acme_ca_text.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>


/* those of keyUsage */
#define ACME_CA_X509_USAGE_BITS  9


X509 *
acme_ca_x509_read(const ngx_str_t *der)
{
    const u_char  *p;

    p = der->data;

    return d2i_X509(NULL, &p, (long) der->len);
}


X509 *
acme_ca_x509_read_pem(const ngx_str_t *pem)
{
    BIO   *bio;
    X509  *x509;

    bio = BIO_new_mem_buf(pem->data, (int) pem->len);
    if (bio == NULL) {
        return NULL;
    }

    /* without asking on the terminal */

    x509 = PEM_read_bio_X509(bio, NULL, NULL, (void *) "");

    BIO_free(bio);

    return x509;
}


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


/* positive, and always of the same length */

ngx_int_t
acme_ca_x509_serial_new(u_char *serial)
{
    if (acme_ca_random(serial, ACME_CA_X509_SERIAL_LEN) != NGX_OK) {
        return NGX_ERROR;
    }

    serial[0] = (serial[0] & 0x3f) | 0x40;

    return NGX_OK;
}


ngx_int_t
acme_ca_x509_serial_set(X509 *x509, const u_char *serial)
{
    BIGNUM     *number;
    ngx_int_t   rc;

    number = BN_bin2bn(serial, ACME_CA_X509_SERIAL_LEN, NULL);

    rc = (number != NULL
          && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL)
         ? NGX_OK : NGX_ERROR;

    BN_free(number);

    return rc;
}


ngx_int_t
acme_ca_x509_usage(X509 *x509, ngx_uint_t bits)
{
    int               i, good;
    ASN1_BIT_STRING  *usage;

    usage = ASN1_BIT_STRING_new();
    good = (usage != NULL);

    for (i = 0; good && i < ACME_CA_X509_USAGE_BITS; i++) {
        if (bits & (1 << i)) {
            good = ASN1_BIT_STRING_set_bit(usage, i, 1);
        }
    }

    if (good) {
        good = X509_add1_ext_i2d(x509, NID_key_usage, usage, 1,
                                 X509V3_ADD_DEFAULT);
    }

    ASN1_BIT_STRING_free(usage);

    return (good == 1) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
acme_ca_x509_authority(X509 *x509, const ASN1_OCTET_STRING *key_id)
{
    AUTHORITY_KEYID  authority;

    ngx_memzero(&authority, sizeof(AUTHORITY_KEYID));

    authority.keyid = (ASN1_OCTET_STRING *) key_id;

    return (X509_add1_ext_i2d(x509, NID_authority_key_identifier, &authority,
                              0, X509V3_ADD_DEFAULT)
            == 1)
           ? NGX_OK : NGX_ERROR;
}
