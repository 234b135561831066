
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificate requests (RFC 2986), as RFC 8555, 7.4 wants them.  Everything
 * in a request is either understood or refused; what is understood is only
 * compared, never copied into a certificate, but for the public key.
 */


#include "acme_ca_csr.h"
#include "acme_ca_crypto.h"
#include "acme_ca_csr_extension.h"
#include "acme_ca_signature.h"
#include "acme_ca_spki.h"


#define ACME_CA_CSR_ATTRIBUTES  0xa0
#define ACME_CA_CSR_VERSION_MAX 2


/* the parts of a request */
typedef struct {
    acme_ca_der_t   info;          /* whole: what is signed */
    acme_ca_der_t   subject;
    acme_ca_der_t   spki;          /* whole */
    acme_ca_der_t   attributes;
    acme_ca_der_t   algorithm;     /* whole */
    acme_ca_der_t   signature;
} acme_ca_csr_parts_t;


static ngx_int_t acme_ca_csr_split(ngx_str_t *der,
    acme_ca_csr_parts_t *parts);
static ngx_int_t acme_ca_csr_split_info(acme_ca_der_t *info,
    acme_ca_csr_parts_t *parts);
static ngx_int_t acme_ca_csr_names(acme_ca_ctx_t *ctx,
    acme_ca_csr_parts_t *parts, acme_ca_csr_t *csr);
static ngx_int_t acme_ca_csr_attributes(acme_ca_ctx_t *ctx,
    acme_ca_der_t *attributes, acme_ca_csr_wish_t *wish);
static ngx_int_t acme_ca_csr_subject(acme_ca_ctx_t *ctx,
    acme_ca_der_t *subject, ngx_str_t *common_name);
static ngx_int_t acme_ca_csr_attribute_value(acme_ca_ctx_t *ctx,
    acme_ca_der_t *attribute, ngx_str_t *common_name);
static ngx_int_t acme_ca_csr_common_name(acme_ca_ctx_t *ctx,
    ngx_str_t *common_name, ngx_array_t *names);
static void acme_ca_csr_sort(acme_ca_identifier_t *identifiers,
    ngx_uint_t *n);
static ngx_int_t acme_ca_csr_verify(acme_ca_ctx_t *ctx,
    acme_ca_csr_parts_t *parts, ngx_uint_t key_types, acme_ca_csr_t *csr);


static const u_char  acme_ca_csr_cn_oid[] = { 0x55, 0x04, 0x03 };

static const u_char  acme_ca_csr_request_oid[] =
    { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e };


ngx_int_t
acme_ca_csr_parse(acme_ca_ctx_t *ctx, ngx_str_t *der, ngx_uint_t key_types,
    acme_ca_csr_t **csr)
{
    ngx_int_t            rc;
    acme_ca_csr_t       *request;
    acme_ca_csr_parts_t  parts;

    if (acme_ca_csr_split(der, &parts) != NGX_OK) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR is no PKCS#10 request in DER");
    }

    request = ngx_pcalloc(ctx->pool, sizeof(acme_ca_csr_t));
    if (request == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_csr_names(ctx, &parts, request);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_csr_verify(ctx, &parts, key_types, request);
    if (rc != NGX_OK) {
        return rc;
    }

    *csr = request;

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_split(ngx_str_t *der, acme_ca_csr_parts_t *parts)
{
    acme_ca_der_t  span, request, info;

    span.p = der->data;
    span.last = der->data + der->len;

    if (acme_ca_der_take(&span, ACME_CA_DER_SEQUENCE, &request, NULL) != NGX_OK
        || span.p != span.last
        || acme_ca_der_take(&request, ACME_CA_DER_SEQUENCE, &info,
                            &parts->info)
           != NGX_OK
        || acme_ca_der_take(&request, ACME_CA_DER_SEQUENCE, NULL,
                            &parts->algorithm)
           != NGX_OK
        || acme_ca_der_take(&request, ACME_CA_DER_BIT_STRING,
                            &parts->signature, NULL)
           != NGX_OK
        || request.p != request.last
        || parts->signature.p == parts->signature.last
        || *parts->signature.p++ != 0)
    {
        return NGX_DECLINED;
    }

    return acme_ca_csr_split_info(&info, parts);
}


static ngx_int_t
acme_ca_csr_split_info(acme_ca_der_t *info, acme_ca_csr_parts_t *parts)
{
    acme_ca_der_t  version;

    /* ruby's OpenSSL::X509::Request is commonly given version 2 */

    if (acme_ca_der_unsigned(info, &version) != NGX_OK
        || version.last - version.p != 1
        || *version.p > ACME_CA_CSR_VERSION_MAX
        || acme_ca_der_take(info, ACME_CA_DER_SEQUENCE, &parts->subject, NULL)
           != NGX_OK
        || acme_ca_der_take(info, ACME_CA_DER_SEQUENCE, NULL, &parts->spki)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    parts->attributes.p = info->p;
    parts->attributes.last = info->p;

    /* RFC 2986 has them always there; old encoders left an empty set out */

    if (info->p != info->last
        && (acme_ca_der_take(info, ACME_CA_CSR_ATTRIBUTES, &parts->attributes,
                             NULL)
            != NGX_OK
            || info->p != info->last))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_names(acme_ca_ctx_t *ctx, acme_ca_csr_parts_t *parts,
    acme_ca_csr_t *csr)
{
    ngx_int_t            rc;
    ngx_array_t         *names;
    acme_ca_csr_wish_t   wish;

    names = ngx_array_create(ctx->pool, 4, sizeof(acme_ca_identifier_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    wish.names = names;
    wish.must_staple = 0;

    rc = acme_ca_csr_attributes(ctx, &parts->attributes, &wish);
    if (rc != NGX_OK) {
        return rc;
    }

    csr->must_staple = wish.must_staple;

    rc = acme_ca_csr_subject(ctx, &parts->subject, &csr->common_name);
    if (rc != NGX_OK) {
        return rc;
    }

    if (csr->common_name.data != NULL) {
        rc = acme_ca_csr_common_name(ctx, &csr->common_name, names);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (names->nelts == 0) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR, "the CSR has no names");
    }

    csr->identifiers = names->elts;
    csr->n = names->nelts;

    acme_ca_csr_sort(csr->identifiers, &csr->n);

    return NGX_OK;
}


/* of the attributes only extensionRequest counts: RFC 2985, 5.4.2 */

static ngx_int_t
acme_ca_csr_attributes(acme_ca_ctx_t *ctx, acme_ca_der_t *attributes,
    acme_ca_csr_wish_t *wish)
{
    ngx_int_t      rc;
    ngx_uint_t     seen;
    acme_ca_der_t  attribute, oid, values;

    seen = 0;

    while (attributes->p != attributes->last) {

        if (acme_ca_der_take(attributes, ACME_CA_DER_SEQUENCE, &attribute,
                             NULL)
            != NGX_OK
            || acme_ca_der_take(&attribute, ACME_CA_DER_OID, &oid, NULL)
               != NGX_OK
            || acme_ca_der_take(&attribute, ACME_CA_DER_SET, &values, NULL)
               != NGX_OK
            || attribute.p != attribute.last)
        {
            return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                                  "malformed attribute in the CSR");
        }

        if (!acme_ca_der_is(&oid, acme_ca_csr_request_oid,
                            sizeof(acme_ca_csr_request_oid)))
        {
            continue;
        }

        if (seen++) {
            return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                                  "the CSR has two extension requests");
        }

        rc = acme_ca_csr_extensions(ctx, &values, wish);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_subject(acme_ca_ctx_t *ctx, acme_ca_der_t *subject,
    ngx_str_t *common_name)
{
    ngx_int_t      rc;
    acme_ca_der_t  set, attribute;

    while (subject->p != subject->last) {

        if (acme_ca_der_take(subject, ACME_CA_DER_SET, &set, NULL) != NGX_OK
            || set.p == set.last)
        {
            return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                                  "malformed subject in the CSR");
        }

        while (set.p != set.last) {

            if (acme_ca_der_take(&set, ACME_CA_DER_SEQUENCE, &attribute, NULL)
                != NGX_OK)
            {
                return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                                      "malformed subject in the CSR");
            }

            rc = acme_ca_csr_attribute_value(ctx, &attribute, common_name);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_csr_attribute_value(acme_ca_ctx_t *ctx, acme_ca_der_t *attribute,
    ngx_str_t *common_name)
{
    u_char         tag;
    acme_ca_der_t  oid, value;

    if (acme_ca_der_take(attribute, ACME_CA_DER_OID, &oid, NULL) != NGX_OK) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed subject in the CSR");
    }

    tag = acme_ca_der_peek(attribute);

    if (acme_ca_der_take(attribute, tag, &value, NULL) != NGX_OK
        || attribute->p != attribute->last)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "malformed subject in the CSR");
    }

    if (!acme_ca_der_is(&oid, acme_ca_csr_cn_oid, sizeof(acme_ca_csr_cn_oid)))
    {
        return NGX_OK;
    }

    if (common_name->data != NULL) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR has several common names");
    }

    /* in other string types the same bytes can be read as other names */

    if (tag != ACME_CA_DER_UTF8
        && tag != ACME_CA_DER_PRINTABLE
        && tag != ACME_CA_DER_IA5)
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR's common name is of an unsupported "
                              "string type");
    }

    return acme_ca_copy(ctx->pool, common_name, value.p, value.last - value.p);
}


/* makes the common name canonical, and one of the names */

static ngx_int_t
acme_ca_csr_common_name(acme_ca_ctx_t *ctx, ngx_str_t *common_name,
    ngx_array_t *names)
{
    ngx_int_t              rc;
    acme_ca_identifier_t  *identifier;

    identifier = ngx_array_push(names);
    if (identifier == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_identifier_from_dns(ctx->pool, common_name->data,
                                     common_name->len, identifier);

    if (rc == NGX_DECLINED) {
        rc = acme_ca_identifier_from_text(ctx->pool, common_name, identifier);
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR,
                              "the CSR's common name is no valid identifier");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_identifier_name(ctx->pool, identifier, common_name);
}


/* not ngx_sort(): an insertion sort, of as many names as a client sends */

static void
acme_ca_csr_sort(acme_ca_identifier_t *identifiers, ngx_uint_t *n)
{
    ngx_uint_t  i, last;

    if (*n == 0) {
        return;
    }

    ngx_qsort(identifiers, *n, sizeof(acme_ca_identifier_t),
              acme_ca_identifier_cmp);

    last = 0;

    for (i = 1; i < *n; i++) {
        if (acme_ca_identifier_cmp(&identifiers[last], &identifiers[i]) != 0) {
            identifiers[++last] = identifiers[i];
        }
    }

    *n = last + 1;
}


static ngx_int_t
acme_ca_csr_verify(acme_ca_ctx_t *ctx, acme_ca_csr_parts_t *parts,
    ngx_uint_t key_types, acme_ca_csr_t *csr)
{
    EVP_PKEY   *pkey;
    ngx_int_t   rc;

    pkey = NULL;

    rc = acme_ca_spki_parse(ctx, &parts->spki, key_types, csr, &pkey);

    if (rc == NGX_OK) {
        rc = acme_ca_signature_verify(ctx, &parts->algorithm,
                                      &parts->signature, &parts->info,
                                      csr->key, pkey);
    }

    EVP_PKEY_free(pkey);

    return rc;
}


ngx_int_t
acme_ca_csr_match(acme_ca_ctx_t *ctx, const acme_ca_csr_t *csr,
    const acme_ca_identifier_t *identifiers, ngx_uint_t n)
{
    int                    order;
    ngx_str_t              name;
    ngx_uint_t             i, k;
    acme_ca_identifier_t  *sorted;

    sorted = ngx_palloc(ctx->pool, (n + 1) * sizeof(acme_ca_identifier_t));
    if (sorted == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(sorted, identifiers, n * sizeof(acme_ca_identifier_t));

    acme_ca_csr_sort(sorted, &n);

    for (i = 0, k = 0; i < csr->n || k < n; i++, k++) {

        if (i == csr->n) {
            order = 1;

        } else if (k == n) {
            order = -1;

        } else {
            order = acme_ca_identifier_cmp(&csr->identifiers[i], &sorted[k]);
        }

        if (order == 0) {
            continue;
        }

        if (acme_ca_identifier_name(ctx->pool, (order < 0)
                                               ? &csr->identifiers[i]
                                               : &sorted[k],
                                    &name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return acme_ca_refuse(ctx, ACME_CA_BAD_CSR, (order < 0)
                              ? "the CSR names \"%V\", which the order does not"
                              : "the CSR lacks \"%V\", which the order names",
                              &name);
    }

    return NGX_OK;
}
