
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OCSP requests (RFC 6960, 4.1).  Bytes of anybody: read strictly as DER, with
 * a bound on all there can be many of.  Signatures of requests are not asked
 * for and not looked at.
 */


#include "acme_ca_ocsp.h"
#include "acme_ca_crypto.h"
#include "acme_ca_x509.h"


/* context-specific, constructed */
#define ACME_CA_OCSP_TAG(n)  (0xa0 | (n))


typedef struct {
    const u_char  *oid;
    size_t         len;
    size_t         size;           /* of the hash, bytes */
} acme_ca_ocsp_hash_t;


static ngx_int_t acme_ca_ocsp_parse_tbs(acme_ca_der_t *tbs,
    acme_ca_ocsp_request_t *request);
static ngx_int_t acme_ca_ocsp_parse_list(acme_ca_der_t *list,
    acme_ca_ocsp_request_t *request);
static ngx_int_t acme_ca_ocsp_parse_id(acme_ca_der_t *der,
    acme_ca_ocsp_id_t *id);
static ngx_int_t acme_ca_ocsp_parse_hash(acme_ca_der_t *der,
    acme_ca_ocsp_hash_e *hash);
static ngx_int_t acme_ca_ocsp_parse_extensions(acme_ca_der_t *der,
    acme_ca_der_t *nonce);
static ngx_int_t acme_ca_ocsp_parse_nonce(acme_ca_der_t *value,
    acme_ca_der_t *nonce);


static const u_char  acme_ca_ocsp_oid_sha1[] = {
    0x2b, 0x0e, 0x03, 0x02, 0x1a
};

static const u_char  acme_ca_ocsp_oid_sha256[] = {
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01
};

static const u_char  acme_ca_ocsp_oid_sha384[] = {
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02
};

static const u_char  acme_ca_ocsp_oid_sha512[] = {
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03
};

/* 1.3.6.1.5.5.7.48.1.2 */
static const u_char  acme_ca_ocsp_oid_nonce[] = {
    0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02
};


static const acme_ca_ocsp_hash_t  acme_ca_ocsp_hashes[ACME_CA_OCSP_HASH_N] = {
    { acme_ca_ocsp_oid_sha1, sizeof(acme_ca_ocsp_oid_sha1), 20 },
    { acme_ca_ocsp_oid_sha256, sizeof(acme_ca_ocsp_oid_sha256), 32 },
    { acme_ca_ocsp_oid_sha384, sizeof(acme_ca_ocsp_oid_sha384), 48 },
    { acme_ca_ocsp_oid_sha512, sizeof(acme_ca_ocsp_oid_sha512), 64 }
};


ngx_int_t
acme_ca_ocsp_parse(const u_char *der, size_t n,
    acme_ca_ocsp_request_t *request)
{
    acme_ca_der_t  all, whole, tbs, signature;

    request->n = 0;
    request->nonce.p = NULL;
    request->nonce.last = NULL;

    all.p = der;
    all.last = der + n;

    if (acme_ca_der_take(&all, ACME_CA_DER_SEQUENCE, &whole, NULL) != NGX_OK
        || all.p != all.last
        || acme_ca_der_take(&whole, ACME_CA_DER_SEQUENCE, &tbs, NULL)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (acme_ca_der_peek(&whole) == ACME_CA_OCSP_TAG(0)
        && acme_ca_der_take(&whole, ACME_CA_OCSP_TAG(0), &signature, NULL)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return (whole.p == whole.last) ? acme_ca_ocsp_parse_tbs(&tbs, request)
                                   : NGX_DECLINED;
}


static ngx_int_t
acme_ca_ocsp_parse_tbs(acme_ca_der_t *tbs, acme_ca_ocsp_request_t *request)
{
    acme_ca_der_t  part, version, list;

    /* v1, which DER leaves out; some write it all the same */

    if (acme_ca_der_peek(tbs) == ACME_CA_OCSP_TAG(0)
        && (acme_ca_der_take(tbs, ACME_CA_OCSP_TAG(0), &part, NULL) != NGX_OK
            || acme_ca_der_unsigned(&part, &version) != NGX_OK
            || part.p != part.last
            || !acme_ca_der_is(&version, "\0", 1)))
    {
        return NGX_DECLINED;
    }

    if (acme_ca_der_peek(tbs) == ACME_CA_OCSP_TAG(1)
        && acme_ca_der_take(tbs, ACME_CA_OCSP_TAG(1), &part, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (acme_ca_der_take(tbs, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || acme_ca_ocsp_parse_list(&list, request) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (acme_ca_der_peek(tbs) == ACME_CA_OCSP_TAG(2)
        && (acme_ca_der_take(tbs, ACME_CA_OCSP_TAG(2), &part, NULL) != NGX_OK
            || acme_ca_ocsp_parse_extensions(&part, &request->nonce)
               != NGX_OK))
    {
        return NGX_DECLINED;
    }

    return (tbs->p == tbs->last) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
acme_ca_ocsp_parse_list(acme_ca_der_t *list, acme_ca_ocsp_request_t *request)
{
    acme_ca_der_t  one, part;

    while (list->p < list->last) {

        if (request->n == ACME_CA_OCSP_IDS
            || acme_ca_der_take(list, ACME_CA_DER_SEQUENCE, &one, NULL)
               != NGX_OK
            || acme_ca_ocsp_parse_id(&one, &request->ids[request->n])
               != NGX_OK)
        {
            return NGX_DECLINED;
        }

        /* singleRequestExtensions: none is known that matters here */

        if (acme_ca_der_peek(&one) == ACME_CA_OCSP_TAG(0)
            && (acme_ca_der_take(&one, ACME_CA_OCSP_TAG(0), &part, NULL)
                != NGX_OK
                || acme_ca_ocsp_parse_extensions(&part, NULL) != NGX_OK))
        {
            return NGX_DECLINED;
        }

        if (one.p != one.last) {
            return NGX_DECLINED;
        }

        request->n++;
    }

    return (request->n != 0) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
acme_ca_ocsp_parse_id(acme_ca_der_t *der, acme_ca_ocsp_id_t *id)
{
    acme_ca_der_t  part;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &part, &id->whole)
        != NGX_OK
        || acme_ca_ocsp_parse_hash(&part, &id->hash) != NGX_OK
        || acme_ca_der_take(&part, ACME_CA_DER_OCTET_STRING, &id->name_hash,
                            NULL)
           != NGX_OK
        || acme_ca_der_take(&part, ACME_CA_DER_OCTET_STRING, &id->key_hash,
                            NULL)
           != NGX_OK
        || acme_ca_der_unsigned(&part, &id->serial) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return (part.p == part.last) ? NGX_OK : NGX_DECLINED;
}


/* parameters: NULL, or none */

static ngx_int_t
acme_ca_ocsp_parse_hash(acme_ca_der_t *der, acme_ca_ocsp_hash_e *hash)
{
    ngx_uint_t     i;
    acme_ca_der_t  part, oid, none;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &part, NULL) != NGX_OK
        || acme_ca_der_take(&part, ACME_CA_DER_OID, &oid, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < ACME_CA_OCSP_HASH_N; i++) {
        if (acme_ca_der_is(&oid, acme_ca_ocsp_hashes[i].oid,
                           acme_ca_ocsp_hashes[i].len))
        {
            break;
        }
    }

    *hash = (acme_ca_ocsp_hash_e) i;

    if (i == ACME_CA_OCSP_HASH_N || part.p == part.last) {
        return NGX_OK;
    }

    return (acme_ca_der_take(&part, ACME_CA_DER_NULL, &none, NULL) == NGX_OK
            && none.p == none.last && part.p == part.last)
           ? NGX_OK : NGX_DECLINED;
}


/* RFC 6960, 4.4: what is critical and not known is not passed over */

static ngx_int_t
acme_ca_ocsp_parse_extensions(acme_ca_der_t *der, acme_ca_der_t *nonce)
{
    ngx_uint_t     critical;
    acme_ca_der_t  list, one, oid, flag, value;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || der->p != der->last)
    {
        return NGX_DECLINED;
    }

    while (list.p < list.last) {

        critical = 0;

        if (acme_ca_der_take(&list, ACME_CA_DER_SEQUENCE, &one, NULL) != NGX_OK
            || acme_ca_der_take(&one, ACME_CA_DER_OID, &oid, NULL) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (acme_ca_der_peek(&one) == ACME_CA_DER_BOOLEAN) {

            if (acme_ca_der_take(&one, ACME_CA_DER_BOOLEAN, &flag, NULL)
                != NGX_OK
                || flag.last - flag.p != 1)
            {
                return NGX_DECLINED;
            }

            critical = (*flag.p != 0);
        }

        if (acme_ca_der_take(&one, ACME_CA_DER_OCTET_STRING, &value, NULL)
            != NGX_OK
            || one.p != one.last)
        {
            return NGX_DECLINED;
        }

        if (nonce != NULL
            && acme_ca_der_is(&oid, acme_ca_ocsp_oid_nonce,
                              sizeof(acme_ca_ocsp_oid_nonce)))
        {
            if (nonce->p != NULL
                || acme_ca_ocsp_parse_nonce(&value, nonce) != NGX_OK)
            {
                return NGX_DECLINED;
            }

        } else if (critical) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* RFC 9654, 2.1 */

static ngx_int_t
acme_ca_ocsp_parse_nonce(acme_ca_der_t *value, acme_ca_der_t *nonce)
{
    size_t  n;

    if (acme_ca_der_take(value, ACME_CA_DER_OCTET_STRING, nonce, NULL)
        != NGX_OK
        || value->p != value->last)
    {
        return NGX_DECLINED;
    }

    n = nonce->last - nonce->p;

    return (n != 0 && n <= ACME_CA_OCSP_NONCE) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
acme_ca_ocsp_issuer_init(acme_ca_ocsp_issuer_t *issuer, const ngx_str_t *der,
    ngx_log_t *log)
{
    X509             *cert;
    ngx_int_t         rc;
    ngx_uint_t        i;
    const EVP_MD     *md;
    ASN1_BIT_STRING  *bits;

    const EVP_MD     *digests[ACME_CA_OCSP_HASH_N];

    digests[ACME_CA_OCSP_SHA1] = EVP_sha1();
    digests[ACME_CA_OCSP_SHA256] = EVP_sha256();
    digests[ACME_CA_OCSP_SHA384] = EVP_sha384();
    digests[ACME_CA_OCSP_SHA512] = EVP_sha512();

    cert = acme_ca_x509_read(der);
    if (cert == NULL) {
        acme_ca_crypto_error(log, "d2i_X509()");
        return NGX_ERROR;
    }

    rc = NGX_OK;
    bits = X509_get0_pubkey_bitstr(cert);

    for (i = 0; i < ACME_CA_OCSP_HASH_N; i++) {
        md = digests[i];

        if (X509_NAME_digest(X509_get_subject_name(cert), md, issuer->name[i],
                             NULL)
            != 1
            || EVP_Digest(ASN1_STRING_get0_data(bits),
                          ASN1_STRING_length(bits), issuer->key[i], NULL, md,
                          NULL)
               != 1)
        {
            acme_ca_crypto_error(log, "hashing an issuer's name and key");
            rc = NGX_ERROR;
            break;
        }
    }

    X509_free(cert);

    return rc;
}


ngx_uint_t
acme_ca_ocsp_is_issuer(const acme_ca_ocsp_issuer_t *issuer,
    const acme_ca_ocsp_id_t *id)
{
    size_t  n;

    if (id->hash == ACME_CA_OCSP_HASH_N) {
        return 0;
    }

    n = acme_ca_ocsp_hashes[id->hash].size;

    return acme_ca_der_is(&id->name_hash, issuer->name[id->hash], n)
           && acme_ca_der_is(&id->key_hash, issuer->key[id->hash], n);
}
