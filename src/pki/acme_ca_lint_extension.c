
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The lint of a certificate's extensions: each that has to be there is, once,
 * to the byte as it has to be, and no other (RFC 5280, 4.2).
 */


#include "acme_ca_lint.h"


#define ACME_CA_LINT_KEY_ID_LEN   20

#define ACME_CA_LINT_TAG_EXTS     0xa3
#define ACME_CA_LINT_TAG_DNS      0x82
#define ACME_CA_LINT_TAG_IP       0x87
#define ACME_CA_LINT_TAG_KEY_ID   0x80
#define ACME_CA_LINT_TAG_URI      0x86
#define ACME_CA_LINT_TAG_NAME     0xa0


typedef enum {
    ACME_CA_LINT_PLAIN = 0,
    ACME_CA_LINT_CRITICAL,
    ACME_CA_LINT_CRITICAL_WITHOUT_SUBJECT
} acme_ca_lint_critical_e;

/* whether the leaf is to have the extension */
typedef ngx_uint_t (*acme_ca_lint_wanted_pt)(const acme_ca_leaf_t *leaf);

typedef struct {
    ngx_str_t                 oid;
    acme_ca_lint_critical_e   critical;
    acme_ca_lint_wanted_pt    wanted;      /* NULL: always */
    acme_ca_lint_pt           check;
} acme_ca_lint_extension_t;


static const char *acme_ca_lint_extension(acme_ca_lint_t *lint,
    acme_ca_der_t *der, ngx_uint_t *seen);
static ngx_uint_t acme_ca_lint_wants_points(const acme_ca_leaf_t *leaf);
static ngx_uint_t acme_ca_lint_wants_access(const acme_ca_leaf_t *leaf);
static ngx_uint_t acme_ca_lint_wants_staple(const acme_ca_leaf_t *leaf);
static ngx_uint_t acme_ca_lint_wants_no_rev(const acme_ca_leaf_t *leaf);
static const char *acme_ca_lint_key_usage(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_purposes(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_constraints(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_subject_key_id(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_authority_key_id(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_alt_name(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_points(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_access(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static ngx_uint_t acme_ca_lint_is_access(acme_ca_der_t *der,
    const ngx_str_t *method, const ngx_str_t *url);
static const char *acme_ca_lint_feature(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_no_rev(acme_ca_lint_t *lint,
    acme_ca_der_t *der);


/* each that is wanted has to be there once, and no other */

static const acme_ca_lint_extension_t  acme_ca_lint_exts[] = {
    { ngx_string("\x55\x1d\x0f"), ACME_CA_LINT_CRITICAL, NULL,
      acme_ca_lint_key_usage },
    { ngx_string("\x55\x1d\x25"), ACME_CA_LINT_PLAIN, NULL,
      acme_ca_lint_purposes },
    { ngx_string("\x55\x1d\x13"), ACME_CA_LINT_CRITICAL, NULL,
      acme_ca_lint_constraints },
    { ngx_string("\x55\x1d\x0e"), ACME_CA_LINT_PLAIN, NULL,
      acme_ca_lint_subject_key_id },
    { ngx_string("\x55\x1d\x23"), ACME_CA_LINT_PLAIN, NULL,
      acme_ca_lint_authority_key_id },
    { ngx_string("\x55\x1d\x11"), ACME_CA_LINT_CRITICAL_WITHOUT_SUBJECT, NULL,
      acme_ca_lint_alt_name },
    { ngx_string("\x55\x1d\x1f"), ACME_CA_LINT_PLAIN,
      acme_ca_lint_wants_points, acme_ca_lint_points },
    { ngx_string("\x2b\x06\x01\x05\x05\x07\x01\x01"), ACME_CA_LINT_PLAIN,
      acme_ca_lint_wants_access, acme_ca_lint_access },
    { ngx_string("\x2b\x06\x01\x05\x05\x07\x01\x18"), ACME_CA_LINT_PLAIN,
      acme_ca_lint_wants_staple, acme_ca_lint_feature },
    { ngx_string("\x55\x1d\x38"), ACME_CA_LINT_PLAIN,
      acme_ca_lint_wants_no_rev, acme_ca_lint_no_rev },
    { ngx_null_string, ACME_CA_LINT_PLAIN, NULL, NULL }
};


const char *
acme_ca_lint_extensions(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    const char     *fault;
    ngx_uint_t      i, seen;
    acme_ca_der_t   content, list;

    if (acme_ca_der_take(der, ACME_CA_LINT_TAG_EXTS, &content, NULL) != NGX_OK
        || acme_ca_der_take(&content, ACME_CA_DER_SEQUENCE, &list, NULL)
           != NGX_OK
        || content.p != content.last)
    {
        return "there are no extensions";
    }

    seen = 0;

    while (list.p != list.last) {
        fault = acme_ca_lint_extension(lint, &list, &seen);
        if (fault != NULL) {
            return fault;
        }
    }

    for (i = 0; acme_ca_lint_exts[i].check; i++) {

        if ((acme_ca_lint_exts[i].wanted == NULL
             || acme_ca_lint_exts[i].wanted(lint->leaf))
            && !(seen & ((ngx_uint_t) 1 << i)))
        {
            return "an extension is missing";
        }
    }

    return NULL;
}


static const char *
acme_ca_lint_extension(acme_ca_lint_t *lint, acme_ca_der_t *der,
    ngx_uint_t *seen)
{
    const char                      *fault;
    ngx_uint_t                       i, critical;
    acme_ca_der_t                    extension, oid, flag, value;
    const acme_ca_lint_extension_t  *ext;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &extension, NULL) != NGX_OK
        || acme_ca_der_take(&extension, ACME_CA_DER_OID, &oid, NULL) != NGX_OK)
    {
        return "an extension is malformed";
    }

    critical = 0;

    if (acme_ca_der_take(&extension, ACME_CA_DER_BOOLEAN, &flag, NULL)
        == NGX_OK)
    {
        if (!acme_ca_lint_is(&flag, "\xff")) {
            return "an extension has a malformed critical flag";
        }

        critical = 1;
    }

    if (acme_ca_der_take(&extension, ACME_CA_DER_OCTET_STRING, &value, NULL)
        != NGX_OK
        || extension.p != extension.last)
    {
        return "an extension is malformed";
    }

    for (i = 0; acme_ca_lint_exts[i].check; i++) {
        ext = &acme_ca_lint_exts[i];

        if (!acme_ca_der_is(&oid, ext->oid.data, ext->oid.len)) {
            continue;
        }

        if (*seen & ((ngx_uint_t) 1 << i)) {
            return "an extension is there twice";
        }

        if (ext->wanted && !ext->wanted(lint->leaf)) {
            return "there is an extension that the profile does not want";
        }

        *seen |= (ngx_uint_t) 1 << i;

        if (critical != (ext->critical == ACME_CA_LINT_CRITICAL
                         || (ext->critical != ACME_CA_LINT_PLAIN
                             && lint->no_subject)))
        {
            return "an extension is critical that should not be, or not";
        }

        fault = ext->check(lint, &value);

        return fault;
    }

    return "there is an extension of another kind";
}


static ngx_uint_t
acme_ca_lint_wants_points(const acme_ca_leaf_t *leaf)
{
    return acme_ca_leaf_crl_url(leaf)->len != 0;
}


static ngx_uint_t
acme_ca_lint_wants_access(const acme_ca_leaf_t *leaf)
{
    return leaf->profile->ocsp_url.len + leaf->profile->issuer_url.len != 0;
}


static ngx_uint_t
acme_ca_lint_wants_staple(const acme_ca_leaf_t *leaf)
{
    if (leaf->profile->must_staple == ACME_CA_STAPLE_CSR) {
        return leaf->csr->must_staple;
    }

    return leaf->profile->must_staple == ACME_CA_STAPLE_ON;
}


static ngx_uint_t
acme_ca_lint_wants_no_rev(const acme_ca_leaf_t *leaf)
{
    return leaf->profile->no_rev_avail;
}


static const char *
acme_ca_lint_key_usage(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    ngx_uint_t  rsa;

    rsa = lint->leaf->csr->key & (ACME_CA_KEY_RSA_2048|ACME_CA_KEY_RSA_3072
                                  |ACME_CA_KEY_RSA_4096);

    if (rsa ? acme_ca_lint_is(der, "\x03\x02\x05\xa0")
            : acme_ca_lint_is(der, "\x03\x02\x07\x80"))
    {
        return NULL;
    }

    return "the key usage is wrong";
}


static const char *
acme_ca_lint_purposes(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    ngx_uint_t     found;
    acme_ca_der_t  list, oid;

    found = 0;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || der->p != der->last
        || list.p == list.last)
    {
        return "the extended key usage is malformed";
    }

    while (list.p != list.last) {

        if (acme_ca_der_take(&list, ACME_CA_DER_OID, &oid, NULL) != NGX_OK) {
            return "the extended key usage is malformed";
        }

        if (acme_ca_lint_is(&oid, "\x2b\x06\x01\x05\x05\x07\x03\x01")
            && !(found & ACME_CA_EKU_SERVER))
        {
            found |= ACME_CA_EKU_SERVER;

        } else if (acme_ca_lint_is(&oid, "\x2b\x06\x01\x05\x05\x07\x03\x02")
                   && !(found & ACME_CA_EKU_CLIENT))
        {
            found |= ACME_CA_EKU_CLIENT;

        } else {
            return "there is an extended key usage of another kind, or twice";
        }
    }

    if (found != lint->leaf->profile->eku) {
        return "the extended key usage is not the profile's";
    }

    return NULL;
}


static const char *
acme_ca_lint_constraints(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    if (!acme_ca_lint_is(der, "\x30\x00")) {
        return "the basic constraints are not those of an end entity";
    }

    return NULL;
}


static const char *
acme_ca_lint_subject_key_id(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    u_char         digest[ACME_CA_SHA256_LEN];
    acme_ca_der_t  id;

    if (acme_ca_sha256(lint->key.p, lint->key.last - lint->key.p, digest)
        != NGX_OK)
    {
        return "the public key could not be hashed";
    }

    if (acme_ca_der_take(der, ACME_CA_DER_OCTET_STRING, &id, NULL) != NGX_OK
        || der->p != der->last
        || !acme_ca_der_is(&id, digest, ACME_CA_LINT_KEY_ID_LEN))
    {
        return "the subject key identifier is not the public key's";
    }

    return NULL;
}


static const char *
acme_ca_lint_authority_key_id(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t      content, id;
    const ngx_str_t   *expected;

    expected = &lint->leaf->issuer->key_id;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &content, NULL) != NGX_OK
        || der->p != der->last
        || acme_ca_der_take(&content, ACME_CA_LINT_TAG_KEY_ID, &id, NULL)
           != NGX_OK
        || content.p != content.last
        || !acme_ca_der_is(&id, expected->data, expected->len))
    {
        return "the authority key identifier is not the issuer's";
    }

    return NULL;
}


/* the names of the order, all of them, in their order, and no other */

static const char *
acme_ca_lint_alt_name(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    u_char                       tag;
    ngx_uint_t                   i;
    acme_ca_der_t                names, name;
    const acme_ca_identifier_t  *identifier;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &names, NULL) != NGX_OK
        || der->p != der->last
        || lint->leaf->n == 0)
    {
        return "the subject alternative name is malformed";
    }

    for (i = 0; i < lint->leaf->n; i++) {
        identifier = &lint->leaf->identifiers[i];

        tag = (identifier->type == ACME_CA_IDENTIFIER_IP)
              ? ACME_CA_LINT_TAG_IP : ACME_CA_LINT_TAG_DNS;

        if (acme_ca_der_take(&names, tag, &name, NULL) != NGX_OK) {
            return "a subject alternative name is missing or of another type";
        }

        if (tag == ACME_CA_LINT_TAG_IP
            ? !acme_ca_der_is(&name, identifier->address,
                              identifier->address_len)
            : acme_ca_lint_name_is(identifier, name.p, name.last - name.p)
              != NGX_OK)
        {
            return "a subject alternative name is not the order's";
        }
    }

    if (names.p != names.last) {
        return "there is a subject alternative name that was not ordered";
    }

    return NULL;
}


static const char *
acme_ca_lint_points(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t     list, point, name, full, url;
    const ngx_str_t  *expected;

    expected = acme_ca_leaf_crl_url(lint->leaf);

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || der->p != der->last
        || acme_ca_der_take(&list, ACME_CA_DER_SEQUENCE, &point, NULL)
           != NGX_OK
        || list.p != list.last
        || acme_ca_der_take(&point, ACME_CA_LINT_TAG_NAME, &name, NULL)
           != NGX_OK
        || point.p != point.last
        || acme_ca_der_take(&name, ACME_CA_LINT_TAG_NAME, &full, NULL)
           != NGX_OK
        || name.p != name.last
        || acme_ca_der_take(&full, ACME_CA_LINT_TAG_URI, &url, NULL) != NGX_OK
        || full.p != full.last
        || !acme_ca_der_is(&url, expected->data, expected->len))
    {
        return "the CRL distribution point is another one";
    }

    return NULL;
}


static const char *
acme_ca_lint_access(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t            list;
    const acme_ca_profile_t *profile;

    static const ngx_str_t  ocsp =
        ngx_string("\x2b\x06\x01\x05\x05\x07\x30\x01");
    static const ngx_str_t  issuers =
        ngx_string("\x2b\x06\x01\x05\x05\x07\x30\x02");

    profile = lint->leaf->profile;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &list, NULL) != NGX_OK
        || der->p != der->last
        || (profile->ocsp_url.len
            && !acme_ca_lint_is_access(&list, &ocsp, &profile->ocsp_url))
        || (profile->issuer_url.len
            && !acme_ca_lint_is_access(&list, &issuers,
                                       acme_ca_leaf_issuer_url(lint->leaf)))
        || list.p != list.last)
    {
        return "the authority information access is not the profile's";
    }

    return NULL;
}


static ngx_uint_t
acme_ca_lint_is_access(acme_ca_der_t *der, const ngx_str_t *method,
    const ngx_str_t *url)
{
    acme_ca_der_t  item, oid, uri;

    return acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &item, NULL) == NGX_OK
           && acme_ca_der_take(&item, ACME_CA_DER_OID, &oid, NULL) == NGX_OK
           && acme_ca_der_is(&oid, method->data, method->len)
           && acme_ca_der_take(&item, ACME_CA_LINT_TAG_URI, &uri, NULL)
              == NGX_OK
           && item.p == item.last
           && acme_ca_der_is(&uri, url->data, url->len);
}


static const char *
acme_ca_lint_feature(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    if (!acme_ca_lint_is(der, "\x30\x03\x02\x01\x05")) {
        return "the TLS feature is not status_request";
    }

    return NULL;
}


/* RFC 9608, 3: not together with a place where revocations are told */

static const char *
acme_ca_lint_no_rev(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    const acme_ca_profile_t  *profile;

    profile = lint->leaf->profile;

    if (!acme_ca_lint_is(der, "\x05\x00")
        || acme_ca_leaf_crl_url(lint->leaf)->len
        || profile->ocsp_url.len)
    {
        return "there is no revocation information, and some";
    }

    return NULL;
}
