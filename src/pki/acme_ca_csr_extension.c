
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Extensions of certificate requests.  None is ever copied into a
 * certificate; they are read so that a client that asks for something it
 * would not get is told so.
 */


#include "acme_ca_csr_extension.h"
#include "acme_ca_crypto.h"

#include <openssl/objects.h>


#define ACME_CA_CSR_DNS_NAME    0x82
#define ACME_CA_CSR_IP_ADDRESS  0x87

/* keyCertSign and cRLSign, in the first byte of keyUsage's bits */
#define ACME_CA_CSR_CA_USAGE    0x06

#define ACME_CA_CSR_OID_MAX     80


typedef ngx_int_t (*acme_ca_csr_extension_pt)(acme_ca_ctx_t *ctx,
    acme_ca_der_t *value, acme_ca_csr_wish_t *wish);

typedef struct {
    ngx_str_t                  oid;
    acme_ca_csr_extension_pt   read;
} acme_ca_csr_extension_t;


static ngx_int_t acme_ca_csr_extension(acme_ca_ctx_t *ctx,
    acme_ca_der_t *der, acme_ca_csr_wish_t *wish, ngx_uint_t *seen);
static ngx_int_t acme_ca_csr_unknown(acme_ca_ctx_t *ctx,
    const acme_ca_der_t *oid);
static ngx_int_t acme_ca_csr_alt_name(acme_ca_ctx_t *ctx,
    acme_ca_der_t *value, acme_ca_csr_wish_t *wish);
static ngx_int_t acme_ca_csr_general_name(acme_ca_ctx_t *ctx,
    acme_ca_der_t *der, acme_ca_identifier_t *identifier);
static ngx_int_t acme_ca_csr_key_usage(acme_ca_ctx_t *ctx,
    acme_ca_der_t *value, acme_ca_csr_wish_t *wish);
static ngx_int_t acme_ca_csr_ext_key_usage(acme_ca_ctx_t *ctx,
    acme_ca_der_t *value, acme_ca_csr_wish_t *wish);
static ngx_int_t acme_ca_csr_constraints(acme_ca_ctx_t *ctx,
    acme_ca_der_t *value, acme_ca_csr_wish_t *wish);
static ngx_int_t acme_ca_csr_key_id(acme_ca_ctx_t *ctx,
    acme_ca_der_t *value, acme_ca_csr_wish_t *wish);
static ngx_int_t acme_ca_csr_tls_feature(acme_ca_ctx_t *ctx,
    acme_ca_der_t *value, acme_ca_csr_wish_t *wish);


static const acme_ca_csr_extension_t  acme_ca_csr_extension_kinds[] = {
    { ngx_string("\x55\x1d\x11"), acme_ca_csr_alt_name },
    { ngx_string("\x55\x1d\x0f"), acme_ca_csr_key_usage },
    { ngx_string("\x55\x1d\x25"), acme_ca_csr_ext_key_usage },
    { ngx_string("\x55\x1d\x13"), acme_ca_csr_constraints },
    { ngx_string("\x55\x1d\x0e"), acme_ca_csr_key_id },
    { ngx_string("\x2b\x06\x01\x05\x05\x07\x01\x18"),
      acme_ca_csr_tls_feature },
    { ngx_null_string, NULL }
};


/* id-kp-serverAuth and id-kp-clientAuth but for their last byte, 1 or 2 */

static const u_char  acme_ca_csr_purpose[] =
    { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03 };


/* RFC 6066, 8, as a TLS feature: "must-staple" */

static const u_char  acme_ca_csr_status_request[] = { 0x05 };


ngx_int_t
acme_ca_csr_extensions(acme_ca_ctx_t *ctx, acme_ca_der_t *der,
    acme_ca_csr_wish_t *wish)
{
    ngx_int_t      rc;
    ngx_uint_t     seen;
    acme_ca_der_t  list;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || der->p != der->last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed extensions in the CSR");
    }

    seen = 0;

    while (list.p != list.last) {
        rc = acme_ca_csr_extension(ctx, &list, wish, &seen);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_extension(acme_ca_ctx_t *ctx, acme_ca_der_t *der,
    acme_ca_csr_wish_t *wish, ngx_uint_t *seen)
{
    ngx_uint_t                      bit;
    acme_ca_der_t                   extension, oid, critical, value;
    const acme_ca_csr_extension_t  *kind;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &extension, NULL) != NGX_OK
        || acme_ca_der_take(&extension, ACME_CA_DER_OID, &oid, NULL) != NGX_OK
        || (acme_ca_der_peek(&extension) == ACME_CA_DER_BOOLEAN
            && (acme_ca_der_take(&extension, ACME_CA_DER_BOOLEAN, &critical,
                                 NULL)
                != NGX_OK
                || critical.last - critical.p != 1))
        || acme_ca_der_take(&extension, ACME_CA_DER_OCTET_STRING, &value, NULL)
           != NGX_OK
        || extension.p != extension.last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed extension in the CSR");
    }

    bit = 1;

    for (kind = acme_ca_csr_extension_kinds; kind->read; kind++) {
        if (acme_ca_der_is(&oid, kind->oid.data, kind->oid.len)) {
            break;
        }

        bit <<= 1;
    }

    if (kind->read == NULL) {
        return acme_ca_csr_unknown(ctx, &oid);
    }

    if (*seen & bit) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR has an extension twice");
    }

    *seen |= bit;

    return kind->read(ctx, &value, wish);
}


static ngx_int_t
acme_ca_csr_unknown(acme_ca_ctx_t *ctx, const acme_ca_der_t *oid)
{
    int             len;
    char            text[ACME_CA_CSR_OID_MAX];
    u_char          der[2 + ACME_CA_CSR_OID_MAX];
    const u_char   *p;
    ASN1_OBJECT    *object;

    len = oid->last - oid->p;

    if (len > ACME_CA_CSR_OID_MAX) {
        len = 0;
    }

    der[0] = ACME_CA_DER_OID;
    der[1] = (u_char) len;
    ngx_memcpy(&der[2], oid->p, len);

    p = der;

    object = d2i_ASN1_OBJECT(NULL, &p, 2 + len);

    if (object == NULL || OBJ_obj2txt(text, sizeof(text), object, 0) <= 0) {
        ngx_memcpy(text, "unknown", sizeof("unknown"));
    }

    ASN1_OBJECT_free(object);
    ERR_clear_error();

    return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                          "extension \"%s\" is not supported in a CSR", text);
}


static ngx_int_t
acme_ca_csr_alt_name(acme_ca_ctx_t *ctx, acme_ca_der_t *value,
    acme_ca_csr_wish_t *wish)
{
    ngx_int_t              rc;
    acme_ca_der_t          list;
    acme_ca_identifier_t  *identifier;

    if (acme_ca_der_take(value, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || value->p != value->last
        || list.p == list.last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed subjectAltName in the CSR");
    }

    while (list.p != list.last) {

        identifier = ngx_array_push(wish->names);
        if (identifier == NULL) {
            return NGX_ERROR;
        }

        rc = acme_ca_csr_general_name(ctx, &list, identifier);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_general_name(acme_ca_ctx_t *ctx, acme_ca_der_t *der,
    acme_ca_identifier_t *identifier)
{
    u_char         tag;
    ngx_int_t      rc;
    acme_ca_der_t  name;

    tag = acme_ca_der_peek(der);

    if (acme_ca_der_take(der, tag, &name, NULL) != NGX_OK) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed subjectAltName in the CSR");
    }

    switch (tag) {

    case ACME_CA_CSR_DNS_NAME:
        rc = acme_ca_identifier_from_dns(ctx->pool, name.p, name.last - name.p,
                                         identifier);
        break;

    case ACME_CA_CSR_IP_ADDRESS:
        rc = acme_ca_identifier_from_address(ctx->pool, name.p,
                                             name.last - name.p, identifier);
        break;

    default:
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR's subjectAltName has a name that is "
                              "neither a DNS name nor an IP address");
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR's subjectAltName has an invalid name");
    }

    return rc;
}


static ngx_int_t
acme_ca_csr_key_usage(acme_ca_ctx_t *ctx, acme_ca_der_t *value,
    acme_ca_csr_wish_t *wish)
{
    acme_ca_der_t  bits;

    if (acme_ca_der_take(value, ACME_CA_DER_BIT_STRING, &bits, NULL) != NGX_OK
        || value->p != value->last
        || bits.p == bits.last
        || *bits.p > 7)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed keyUsage in the CSR");
    }

    if (bits.last - bits.p > 1 && (bits.p[1] & ACME_CA_CSR_CA_USAGE)) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR asks for the key usage of a CA");
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_ext_key_usage(acme_ca_ctx_t *ctx, acme_ca_der_t *value,
    acme_ca_csr_wish_t *wish)
{
    size_t         len;
    acme_ca_der_t  list, oid;

    len = sizeof(acme_ca_csr_purpose);

    if (acme_ca_der_take(value, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || value->p != value->last
        || list.p == list.last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed extendedKeyUsage in the CSR");
    }

    while (list.p != list.last) {

        if (acme_ca_der_take(&list, ACME_CA_DER_OID, &oid, NULL) != NGX_OK
            || (size_t) (oid.last - oid.p) != len + 1
            || ngx_memcmp(oid.p, acme_ca_csr_purpose, len) != 0
            || oid.p[len] < 1
            || oid.p[len] > 2)
        {
            return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                                  "the CSR asks for another extended key usage "
                                  "than serverAuth and clientAuth");
        }
    }

    return NGX_OK;
}


/* cA spelled out as false is not DER, but there are clients that write it */

static ngx_int_t
acme_ca_csr_constraints(acme_ca_ctx_t *ctx, acme_ca_der_t *value,
    acme_ca_csr_wish_t *wish)
{
    acme_ca_der_t  constraints, ca;

    if (acme_ca_der_take(value, ACME_CA_DER_SEQUENCE, &constraints, NULL)
        != NGX_OK
        || value->p != value->last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed basicConstraints in the CSR");
    }

    if (constraints.p == constraints.last) {
        return NGX_OK;
    }

    if (acme_ca_der_take(&constraints, ACME_CA_DER_BOOLEAN, &ca, NULL)
        != NGX_OK
        || constraints.p != constraints.last
        || ca.last - ca.p != 1
        || *ca.p != 0)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR asks for a CA certificate");
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_key_id(acme_ca_ctx_t *ctx, acme_ca_der_t *value,
    acme_ca_csr_wish_t *wish)
{
    acme_ca_der_t  key_id;

    if (acme_ca_der_take(value, ACME_CA_DER_OCTET_STRING, &key_id, NULL)
        != NGX_OK
        || value->p != value->last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed subjectKeyIdentifier in the CSR");
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_tls_feature(acme_ca_ctx_t *ctx, acme_ca_der_t *value,
    acme_ca_csr_wish_t *wish)
{
    acme_ca_der_t  list, feature;

    if (acme_ca_der_take(value, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || value->p != value->last
        || list.p == list.last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed TLS feature in the CSR");
    }

    while (list.p != list.last) {

        if (acme_ca_der_unsigned(&list, &feature) != NGX_OK) {
            return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                                  "malformed TLS feature in the CSR");
        }

        if (!acme_ca_der_is(&feature, acme_ca_csr_status_request,
                            sizeof(acme_ca_csr_status_request)))
        {
            return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                                  "the CSR asks for another TLS feature than "
                                  "status_request");
        }
    }

    wish->must_staple = 1;

    return NGX_OK;
}
