
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The verdict on a tls-alpn-01 certificate (RFC 8737, 3; RFC 8738, 6).  It is
 * strange bytes: walked as DER, nothing copied, nothing believed.
 */


#include "acme_ca_tls_alpn01.h"
#include "acme_ca_der.h"


#define ACME_CA_TLS_ALPN01_VERSION     0xa0
#define ACME_CA_TLS_ALPN01_EXTENSIONS  0xa3
#define ACME_CA_TLS_ALPN01_DNS         0x82
#define ACME_CA_TLS_ALPN01_IP          0x87


/* what of a certificate is looked at */
typedef struct {
    acme_ca_der_t    names;          /* value of subjectAltName */
    acme_ca_der_t    digest;         /* value of acmeIdentifier */
    ngx_uint_t       names_n;        /* how often the extension is there */
    ngx_uint_t       digest_n;
    ngx_uint_t       critical;       /* of acmeIdentifier */
} acme_ca_tls_alpn01_found_t;


static const char *acme_ca_tls_alpn01_check(
    const acme_ca_identifier_t *identifier, ngx_str_t *der,
    const u_char digest[ACME_CA_SHA256_LEN]);
static ngx_int_t acme_ca_tls_alpn01_walk(ngx_str_t *der,
    acme_ca_der_t *extensions);
static ngx_int_t acme_ca_tls_alpn01_extension(acme_ca_der_t *extensions,
    acme_ca_tls_alpn01_found_t *found);
static const char *acme_ca_tls_alpn01_name(acme_ca_der_t *value,
    const acme_ca_identifier_t *identifier);
static const char *acme_ca_tls_alpn01_digest(acme_ca_der_t *value,
    const u_char digest[ACME_CA_SHA256_LEN]);


/* 2.5.29.17 and id-pe-acmeIdentifier, 1.3.6.1.5.5.7.1.31 */

static const u_char  acme_ca_tls_alpn01_oid_names[] = { 0x55, 0x1d, 0x11 };

static const u_char  acme_ca_tls_alpn01_oid_digest[] = {
    0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f
};


ngx_int_t
acme_ca_tls_alpn01_server_name(ngx_pool_t *pool,
    const acme_ca_identifier_t *identifier, ngx_str_t *name)
{
    u_char         text[16 * 4 + sizeof("ip6.arpa")], *p;
    size_t         i;
    const u_char  *address;

    if (identifier->type == ACME_CA_IDENTIFIER_DNS) {
        return acme_ca_copy(pool, name, identifier->value.data,
                            identifier->value.len);
    }

    address = identifier->address;

    if (identifier->address_len == 4) {
        p = ngx_snprintf(text, sizeof(text), "%ud.%ud.%ud.%ud.in-addr.arpa",
                         address[3], address[2], address[1], address[0]);

        return acme_ca_copy(pool, name, text, p - text);
    }

    p = text;

    for (i = 16; i; i--) {
        p = ngx_sprintf(p, "%xd.%xd.", address[i - 1] & 0x0f,
                        address[i - 1] >> 4);
    }

    p = ngx_cpymem(p, "ip6.arpa", sizeof("ip6.arpa") - 1);

    return acme_ca_copy(pool, name, text, p - text);
}


ngx_int_t
acme_ca_tls_alpn01_judge(acme_ca_ctx_t *ctx, ngx_str_t *where,
    const acme_ca_identifier_t *identifier, ngx_str_t *der,
    ngx_str_t *key_authorization)
{
    u_char       digest[ACME_CA_SHA256_LEN];
    const char  *fault;

    if (acme_ca_sha256(key_authorization->data, key_authorization->len,
                       digest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (der->len == 0) {
        return acme_ca_refuse(ctx, ACME_CA_INCORRECT_RESPONSE,
                              "%V presented no certificate", where);
    }

    fault = acme_ca_tls_alpn01_check(identifier, der, digest);

    if (fault != NULL) {
        return acme_ca_refuse(ctx, ACME_CA_INCORRECT_RESPONSE,
                              "the certificate of %V %s", where, fault);
    }

    return NGX_OK;
}


/* NULL, or what is wrong */

static const char *
acme_ca_tls_alpn01_check(const acme_ca_identifier_t *identifier,
    ngx_str_t *der, const u_char digest[ACME_CA_SHA256_LEN])
{
    const char                  *fault;
    acme_ca_der_t                extensions;
    acme_ca_tls_alpn01_found_t   found;

    if (acme_ca_tls_alpn01_walk(der, &extensions) != NGX_OK) {
        return "is malformed";
    }

    ngx_memzero(&found, sizeof(acme_ca_tls_alpn01_found_t));

    while (extensions.p != extensions.last) {
        if (acme_ca_tls_alpn01_extension(&extensions, &found) != NGX_OK) {
            return "has a malformed extension";
        }
    }

    if (found.names_n == 0) {
        return "has no subjectAltName";
    }

    if (found.names_n > 1) {
        return "has more than one subjectAltName extension";
    }

    fault = acme_ca_tls_alpn01_name(&found.names, identifier);
    if (fault != NULL) {
        return fault;
    }

    if (found.digest_n == 0) {
        return "has no acmeIdentifier extension";
    }

    if (found.digest_n > 1) {
        return "has more than one acmeIdentifier extension";
    }

    if (!found.critical) {
        return "has an acmeIdentifier extension that is not critical";
    }

    return acme_ca_tls_alpn01_digest(&found.digest, digest);
}


/* RFC 5280, 4.1; a certificate without extensions has an empty span */

static ngx_int_t
acme_ca_tls_alpn01_walk(ngx_str_t *der, acme_ca_der_t *extensions)
{
    ngx_uint_t     i;
    acme_ca_der_t  all, cert, tbs, list;

    /* serial, signature, issuer, validity, subject, key */

    static const u_char  fields[] = {
        ACME_CA_DER_INTEGER, ACME_CA_DER_SEQUENCE, ACME_CA_DER_SEQUENCE,
        ACME_CA_DER_SEQUENCE, ACME_CA_DER_SEQUENCE, ACME_CA_DER_SEQUENCE
    };

    all.p = der->data;
    all.last = der->data + der->len;

    if (acme_ca_der_take(&all, ACME_CA_DER_SEQUENCE, &cert, NULL) != NGX_OK
        || all.p != all.last
        || acme_ca_der_take(&cert, ACME_CA_DER_SEQUENCE, &tbs, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    (void) acme_ca_der_take(&tbs, ACME_CA_TLS_ALPN01_VERSION, NULL, NULL);

    for (i = 0; i < sizeof(fields); i++) {
        if (acme_ca_der_take(&tbs, fields[i], NULL, NULL) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    /* unique identifiers, if there are some, stand before the extensions */

    while (tbs.p != tbs.last
           && acme_ca_der_peek(&tbs) != ACME_CA_TLS_ALPN01_EXTENSIONS)
    {
        if (acme_ca_der_take(&tbs, acme_ca_der_peek(&tbs), NULL, NULL)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    *extensions = tbs;

    if (tbs.p == tbs.last) {
        return NGX_OK;
    }

    if (acme_ca_der_take(&tbs, ACME_CA_TLS_ALPN01_EXTENSIONS, &list, NULL)
        != NGX_OK
        || tbs.p != tbs.last
        || acme_ca_der_take(&list, ACME_CA_DER_SEQUENCE, extensions, NULL)
           != NGX_OK
        || list.p != list.last)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_tls_alpn01_extension(acme_ca_der_t *extensions,
    acme_ca_tls_alpn01_found_t *found)
{
    ngx_uint_t     critical;
    acme_ca_der_t  extension, oid, flag, value;

    critical = 0;

    if (acme_ca_der_take(extensions, ACME_CA_DER_SEQUENCE, &extension, NULL)
        != NGX_OK
        || acme_ca_der_take(&extension, ACME_CA_DER_OID, &oid, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (acme_ca_der_take(&extension, ACME_CA_DER_BOOLEAN, &flag, NULL)
        == NGX_OK)
    {
        critical = acme_ca_der_is(&flag, "\xff", 1);
    }

    if (acme_ca_der_take(&extension, ACME_CA_DER_OCTET_STRING, &value, NULL)
        != NGX_OK
        || extension.p != extension.last)
    {
        return NGX_DECLINED;
    }

    if (acme_ca_der_is(&oid, acme_ca_tls_alpn01_oid_names,
                       sizeof(acme_ca_tls_alpn01_oid_names)))
    {
        found->names = value;
        found->names_n++;

    } else if (acme_ca_der_is(&oid, acme_ca_tls_alpn01_oid_digest,
                              sizeof(acme_ca_tls_alpn01_oid_digest)))
    {
        found->digest = value;
        found->digest_n++;
        found->critical = critical;
    }

    return NGX_OK;
}


static const char *
acme_ca_tls_alpn01_name(acme_ca_der_t *value,
    const acme_ca_identifier_t *identifier)
{
    u_char         tag;
    acme_ca_der_t  names, name;

    if (acme_ca_der_take(value, ACME_CA_DER_SEQUENCE, &names, NULL) != NGX_OK
        || value->p != value->last)
    {
        return "has a malformed subjectAltName";
    }

    tag = acme_ca_der_peek(&names);

    if (acme_ca_der_take(&names, tag, &name, NULL) != NGX_OK) {
        return "has a subjectAltName without an entry that can be read";
    }

    if (names.p != names.last) {
        return "has more than one entry in its subjectAltName";
    }

    if (identifier->type == ACME_CA_IDENTIFIER_IP) {

        if (tag != ACME_CA_TLS_ALPN01_IP) {
            return "has a subjectAltName entry that is no iPAddress";
        }

        if (!acme_ca_der_is(&name, identifier->address,
                            identifier->address_len))
        {
            return "has another address in its subjectAltName";
        }

        return NULL;
    }

    if (tag != ACME_CA_TLS_ALPN01_DNS) {
        return "has a subjectAltName entry that is no dNSName";
    }

    /* RFC 4343: letters of either case are the same */

    if ((size_t) (name.last - name.p) != identifier->value.len
        || ngx_strncasecmp((u_char *) name.p, identifier->value.data,
                           identifier->value.len)
           != 0)
    {
        return "has another name in its subjectAltName";
    }

    return NULL;
}


static const char *
acme_ca_tls_alpn01_digest(acme_ca_der_t *value,
    const u_char digest[ACME_CA_SHA256_LEN])
{
    acme_ca_der_t  content;

    if (acme_ca_der_take(value, ACME_CA_DER_OCTET_STRING, &content, NULL)
        != NGX_OK
        || value->p != value->last
        || content.last - content.p != ACME_CA_SHA256_LEN)
    {
        return "has an acmeIdentifier extension that is no SHA-256 digest";
    }

    if (!acme_ca_equal(content.p, digest, ACME_CA_SHA256_LEN)) {
        return "has the digest of another key authorization in its "
               "acmeIdentifier extension";
    }

    return NULL;
}
