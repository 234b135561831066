
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The extensions of leaf certificates (RFC 5280, 4.2), for the most part made
 * of constants: to have OpenSSL make them costs ten times the signature.
 */


#include "acme_ca_leaf_extension.h"
#include "acme_ca_crypto.h"


#define ACME_CA_LEAF_KEY_ID_LEN   20

#define ACME_CA_LEAF_EXTENSIONS   0xa3
#define ACME_CA_LEAF_KEY_ID       0x80
#define ACME_CA_LEAF_DNS_NAME     0x82
#define ACME_CA_LEAF_IP_ADDRESS   0x87
#define ACME_CA_LEAF_URI          0x86
#define ACME_CA_LEAF_FULL_NAME    0xa0      /* and the one around it */

#define ACME_CA_LEAF_RSA                                                      \
    (ACME_CA_KEY_RSA_2048|ACME_CA_KEY_RSA_3072|ACME_CA_KEY_RSA_4096)


static void acme_ca_leaf_write_san(acme_ca_der_writer_t *w,
    const acme_ca_leaf_t *leaf, ngx_uint_t critical);
static void acme_ca_leaf_write_purposes(acme_ca_der_writer_t *w,
    ngx_uint_t eku);
static void acme_ca_leaf_write_revocation(acme_ca_der_writer_t *w,
    const acme_ca_leaf_t *leaf);
static void acme_ca_leaf_write_points(acme_ca_der_writer_t *w,
    const ngx_str_t *url);
static void acme_ca_leaf_write_access(acme_ca_der_writer_t *w,
    const acme_ca_leaf_t *leaf);
static void acme_ca_leaf_write_uri(acme_ca_der_writer_t *w,
    const ngx_str_t *url);
static ngx_int_t acme_ca_leaf_key_id(acme_ca_ctx_t *ctx, const ngx_str_t *spki,
    u_char digest[ACME_CA_SHA256_LEN]);


ngx_int_t
acme_ca_leaf_extensions(acme_ca_ctx_t *ctx, acme_ca_der_writer_t *w,
    const acme_ca_leaf_t *leaf, ngx_uint_t san_critical)
{
    u_char            *end, *extension, digest[ACME_CA_SHA256_LEN];
    const ngx_str_t   *key_id;

    end = w->p;

    acme_ca_leaf_write_revocation(w, leaf);

    acme_ca_leaf_write_san(w, leaf, san_critical);

    /* authorityKeyIdentifier */

    key_id = &leaf->issuer->key_id;
    extension = w->p;

    acme_ca_der_put(w, key_id->data, key_id->len);
    acme_ca_der_wrap(w, ACME_CA_LEAF_KEY_ID, extension);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, extension);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, extension);
    acme_ca_leaf_put(w, "\x06\x03\x55\x1d\x23");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, extension);

    /* subjectKeyIdentifier: RFC 7093, 2, method 1 */

    if (acme_ca_leaf_key_id(ctx, &leaf->csr->spki, digest) != NGX_OK) {
        return NGX_ERROR;
    }

    acme_ca_der_put(w, digest, ACME_CA_LEAF_KEY_ID_LEN);
    acme_ca_leaf_put(w, "\x30\x1d\x06\x03\x55\x1d\x0e\x04\x16\x04\x14");

    /* basicConstraints, critical, empty: not a CA */

    acme_ca_leaf_put(w, "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02"
                     "\x30\x00");

    acme_ca_leaf_write_purposes(w, leaf->profile->eku);

    /* keyUsage, critical: digitalSignature, with RSA also keyEncipherment */

    if (leaf->csr->key & ACME_CA_LEAF_RSA) {
        acme_ca_leaf_put(w, "\x03\x02\x05\xa0");

    } else {
        acme_ca_leaf_put(w, "\x03\x02\x07\x80");
    }

    acme_ca_leaf_put(w, "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04");

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_LEAF_EXTENSIONS, end);

    return NGX_OK;
}


static void
acme_ca_leaf_write_san(acme_ca_der_writer_t *w, const acme_ca_leaf_t *leaf,
    ngx_uint_t critical)
{
    u_char                      *end, *name;
    ngx_uint_t                   i;
    const acme_ca_identifier_t  *identifier;

    end = w->p;

    for (i = leaf->n; i > 0; i--) {
        identifier = &leaf->identifiers[i - 1];
        name = w->p;

        if (identifier->type == ACME_CA_IDENTIFIER_IP) {
            acme_ca_der_put(w, identifier->address, identifier->address_len);
            acme_ca_der_wrap(w, ACME_CA_LEAF_IP_ADDRESS, name);
            continue;
        }

        acme_ca_der_put(w, identifier->value.data, identifier->value.len);

        if (identifier->wildcard) {
            acme_ca_leaf_put(w, "*.");
        }

        acme_ca_der_wrap(w, ACME_CA_LEAF_DNS_NAME, name);
    }

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);

    /* RFC 5280, 4.2.1.6: critical where the subject is empty */

    if (critical) {
        acme_ca_leaf_put(w, "\x01\x01\xff");
    }

    acme_ca_leaf_put(w, "\x06\x03\x55\x1d\x11");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


static void
acme_ca_leaf_write_purposes(acme_ca_der_writer_t *w, ngx_uint_t eku)
{
    u_char  *end;

    end = w->p;

    if (eku & ACME_CA_EKU_CLIENT) {
        acme_ca_leaf_put(w, "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02");
    }

    if (eku & ACME_CA_EKU_SERVER) {
        acme_ca_leaf_put(w, "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01");
    }

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_leaf_put(w, "\x06\x03\x55\x1d\x25");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


/* where more about the certificate is found; none of it is critical */

static void
acme_ca_leaf_write_revocation(acme_ca_der_writer_t *w,
    const acme_ca_leaf_t *leaf)
{
    const acme_ca_profile_t  *profile;

    profile = leaf->profile;

    /* RFC 9608: NULL */

    if (profile->no_rev_avail) {
        acme_ca_leaf_put(w, "\x30\x09\x06\x03\x55\x1d\x38\x04\x02\x05\x00");
    }

    /* RFC 7633: status_request */

    if (profile->must_staple == ACME_CA_STAPLE_ON
        || (profile->must_staple == ACME_CA_STAPLE_CSR
            && leaf->csr->must_staple))
    {
        acme_ca_leaf_put(w, "\x30\x11\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x18"
                         "\x04\x05\x30\x03\x02\x01\x05");
    }

    if (profile->ocsp_url.len || profile->issuer_url.len) {
        acme_ca_leaf_write_access(w, leaf);
    }

    if (acme_ca_leaf_crl_url(leaf)->len) {
        acme_ca_leaf_write_points(w, acme_ca_leaf_crl_url(leaf));
    }
}


/* cRLDistributionPoints: one point, by its full name */

static void
acme_ca_leaf_write_points(acme_ca_der_writer_t *w, const ngx_str_t *url)
{
    u_char  *end;

    end = w->p;

    acme_ca_leaf_write_uri(w, url);
    acme_ca_der_wrap(w, ACME_CA_LEAF_FULL_NAME, end);
    acme_ca_der_wrap(w, ACME_CA_LEAF_FULL_NAME, end);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_leaf_put(w, "\x06\x03\x55\x1d\x1f");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


/* authorityInfoAccess: OCSP, then caIssuers */

static void
acme_ca_leaf_write_access(acme_ca_der_writer_t *w,
    const acme_ca_leaf_t *leaf)
{
    u_char                   *end, *item;
    const acme_ca_profile_t  *profile;

    end = w->p;
    profile = leaf->profile;

    if (profile->issuer_url.len) {
        acme_ca_leaf_write_uri(w, acme_ca_leaf_issuer_url(leaf));
        acme_ca_leaf_put(w, "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02");
        acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    }

    item = w->p;

    if (profile->ocsp_url.len) {
        acme_ca_leaf_write_uri(w, &profile->ocsp_url);
        acme_ca_leaf_put(w, "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01");
        acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, item);
    }

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_leaf_put(w, "\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x01");
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
}


static void
acme_ca_leaf_write_uri(acme_ca_der_writer_t *w, const ngx_str_t *url)
{
    u_char  *end;

    end = w->p;

    acme_ca_der_put(w, url->data, url->len);
    acme_ca_der_wrap(w, ACME_CA_LEAF_URI, end);
}


/* the hash of the BIT STRING subjectPublicKey, without its unused bits */

static ngx_int_t
acme_ca_leaf_key_id(acme_ca_ctx_t *ctx, const ngx_str_t *spki,
    u_char digest[ACME_CA_SHA256_LEN])
{
    acme_ca_der_t  der, content, bits;

    der.p = spki->data;
    der.last = spki->data + spki->len;

    if (acme_ca_der_take(&der, ACME_CA_DER_SEQUENCE, &content, NULL) != NGX_OK
        || acme_ca_der_take(&content, ACME_CA_DER_SEQUENCE, NULL, NULL)
           != NGX_OK
        || acme_ca_der_take(&content, ACME_CA_DER_BIT_STRING, &bits, NULL)
           != NGX_OK
        || bits.p == bits.last)
    {
        return acme_ca_never(ctx->log);
    }

    if (acme_ca_sha256(bits.p + 1, bits.last - bits.p - 1, digest) != NGX_OK) {
        acme_ca_crypto_error(ctx->log, "SHA-256");
        return NGX_ERROR;
    }

    return NGX_OK;
}
