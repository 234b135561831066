
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What is kept of an issuer: its name and key as DER, its chain as PEM.
 */


#include "acme_ca_issuer_load.h"
#include "acme_ca_crypto.h"
#include "acme_ca_leaf.h"
#include "acme_ca_x509.h"

#include <openssl/x509v3.h>


#define ACME_CA_ISSUER_KEY_ID_LEN 20


static ngx_int_t acme_ca_issuer_common_name(acme_ca_issuer_load_t *load,
    X509_NAME *name);
static ngx_int_t acme_ca_issuer_file(acme_ca_issuer_load_t *load);
static ngx_int_t acme_ca_issuer_pem(ngx_pool_t *pool, X509 *cert,
    ngx_str_t *pem);
static void acme_ca_issuer_cleanup(void *data);


ngx_int_t
acme_ca_issuer_fill_der(acme_ca_issuer_load_t *load)
{
    return acme_ca_x509_der(load->pool, sk_X509_value(load->certs, 0),
                            &load->issuer->der);
}


/* Name as DER, and its common name or else all of it as text */

ngx_int_t
acme_ca_issuer_fill_name(acme_ca_issuer_load_t *load)
{
    char           line[ACME_CA_ISSUER_ERROR_MAX];
    size_t         n;
    ngx_int_t      rc;
    X509_NAME     *name;
    const u_char  *der;

    name = X509_get_subject_name(sk_X509_value(load->certs, 0));

    if (X509_NAME_entry_count(name) == 0) {
        ngx_str_set(load->error, "the certificate has an empty subject");
        return NGX_DECLINED;
    }

    if (!X509_NAME_get0_der(name, &der, &n)
        || acme_ca_copy(load->pool, &load->issuer->subject, der, n) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = acme_ca_issuer_common_name(load, name);

    if (rc != NGX_OK || load->issuer->name.len != 0) {
        return rc;
    }

    if (X509_NAME_oneline(name, line, sizeof(line)) == NULL) {
        return NGX_ERROR;
    }

    return acme_ca_copy(load->pool, &load->issuer->name, (u_char *) line,
                        ngx_strlen(line));
}


/* empty if there is none */

static ngx_int_t
acme_ca_issuer_common_name(acme_ca_issuer_load_t *load, X509_NAME *name)
{
    int               i, len;
    u_char           *text;
    ngx_int_t         rc;
    X509_NAME_ENTRY  *entry;

    ngx_str_null(&load->issuer->name);

    i = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

    if (i < 0) {
        return NGX_OK;
    }

    entry = X509_NAME_get_entry(name, i);

    len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));

    if (len < 0) {
        ngx_str_set(load->error, "its common name is malformed");
        return acme_ca_crypto_starved() ? NGX_ERROR : NGX_DECLINED;
    }

    rc = acme_ca_copy(load->pool, &load->issuer->name, text, len);

    OPENSSL_free(text);

    return rc;
}


/*
 * RFC 5280, 4.2.1.1: the identifier in leaves is that of the issuer.  Where
 * it has none any will do that is always the same.
 */

ngx_int_t
acme_ca_issuer_fill_key_id(acme_ca_issuer_load_t *load)
{
    X509                     *cert;
    u_char                    digest[ACME_CA_SHA256_LEN];
    ngx_int_t                 rc;
    acme_ca_issuer_t         *issuer;
    const ASN1_BIT_STRING    *bits;
    const ASN1_OCTET_STRING  *id;

    issuer = load->issuer;
    cert = sk_X509_value(load->certs, 0);

    id = X509_get0_subject_key_id(cert);

    if (id != NULL && ASN1_STRING_length(id) > 0) {
        rc = acme_ca_copy(load->pool, &issuer->key_id,
                          ASN1_STRING_get0_data(id), ASN1_STRING_length(id));

    } else {
        bits = X509_get0_pubkey_bitstr(cert);

        rc = acme_ca_sha256(ASN1_STRING_get0_data(bits),
                            ASN1_STRING_length(bits), digest);

        if (rc == NGX_OK) {
            rc = acme_ca_copy(load->pool, &issuer->key_id, digest,
                              ACME_CA_ISSUER_KEY_ID_LEN);
        }
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    issuer->crl_sign = (X509_get_key_usage(cert) & KU_CRL_SIGN) != 0;

    return acme_ca_issuer_file(load);
}


/* no file system and no location has names of any length */

static ngx_int_t
acme_ca_issuer_file(acme_ca_issuer_load_t *load)
{
    u_char      digest[ACME_CA_SHA256_LEN];
    ngx_str_t  *id, *name;

    id = &load->issuer->key_id;
    name = &load->issuer->crl_name;

    if (id->len <= ACME_CA_SHA256_LEN) {
        return acme_ca_hex(load->pool, id->data, id->len, name);
    }

    return (acme_ca_sha256(id->data, id->len, digest) == NGX_OK)
           ? acme_ca_hex(load->pool, digest, ACME_CA_SHA256_LEN, name)
           : NGX_ERROR;
}


/*
 * A root at the end is left out (RFC 8555, 7.4.2, clients have it), unless it
 * is all there is: some clients want two certificates at least.  The blank
 * lines between are for clients that split there.
 */

ngx_int_t
acme_ca_issuer_fill_chain(acme_ca_issuer_load_t *load)
{
    int         i, n, self;
    ngx_str_t   pem, below, *chain;

    n = sk_X509_num(load->certs);
    chain = &load->issuer->chain;

    if (acme_ca_issuer_pem(load->pool, sk_X509_value(load->certs, n - 1),
                           &load->issuer->root)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    self = X509_self_signed(sk_X509_value(load->certs, n - 1), 1);

    if (self < 0) {

        /* nobody looks at a root's signature, which may be of long ago */

        if (acme_ca_crypto_starved()) {
            return NGX_ERROR;
        }

        ERR_clear_error();
        self = X509_self_signed(sk_X509_value(load->certs, n - 1), 0);
    }

    if (self && n > 1) {
        n--;
    }

    if (acme_ca_issuer_pem(load->pool, sk_X509_value(load->certs, 0), chain)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 1; i < n; i++) {
        below = *chain;

        if (acme_ca_issuer_pem(load->pool, sk_X509_value(load->certs, i), &pem)
            != NGX_OK
            || acme_ca_format(load->pool, chain, below.len + 1 + pem.len,
                              "%V\n%V", &below, &pem)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_issuer_pem(ngx_pool_t *pool, X509 *cert, ngx_str_t *pem)
{
    int         len;
    u_char     *p;
    ngx_str_t   der;
    ngx_int_t   rc;

    p = NULL;

    len = i2d_X509(cert, &p);
    if (len <= 0) {
        return NGX_ERROR;
    }

    der.data = p;
    der.len = len;

    rc = acme_ca_pem_write(pool, &der, pem);

    OPENSSL_free(p);

    return rc;
}


ngx_int_t
acme_ca_issuer_fill_key(acme_ca_issuer_load_t *load)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(load->pool, 0);
    if (cln == NULL || !EVP_PKEY_up_ref(load->key)) {
        return NGX_ERROR;
    }

    cln->handler = acme_ca_issuer_cleanup;
    cln->data = load->key;

    load->issuer->key = load->key;
    load->issuer->quick = acme_ca_key_is_quick(load->key);

    return NGX_OK;
}


static void
acme_ca_issuer_cleanup(void *data)
{
    EVP_PKEY_free(data);
}
