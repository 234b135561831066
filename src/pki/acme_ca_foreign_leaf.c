
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A leaf that somebody else signed, held against the order, the request and
 * the profile (RFC 5280, 4; RFC 8555, 7.4).  What the profile says of places
 * to ask for revocations is the foreign CA's own affair.
 */


#include "acme_ca_foreign_private.h"
#include "acme_ca_crypto.h"
#include "acme_ca_x509.h"

#include <openssl/x509v3.h>


#define ACME_CA_FOREIGN_SERIAL_MAX   20

/* seconds that CAs date back commonly */
#define ACME_CA_FOREIGN_BACKDATE     3600


static ngx_int_t acme_ca_foreign_general(acme_ca_foreign_t *foreign,
    GENERAL_NAMES *list, acme_ca_identifier_t *names);
static ngx_int_t acme_ca_foreign_compare(acme_ca_foreign_t *foreign,
    acme_ca_identifier_t *names);
static ngx_int_t acme_ca_foreign_common_name(acme_ca_foreign_t *foreign,
    ASN1_STRING *value);
static ngx_int_t acme_ca_foreign_is_ordered(acme_ca_foreign_t *foreign,
    ngx_str_t *text);
static ngx_int_t acme_ca_foreign_purposes(acme_ca_foreign_t *foreign,
    EXTENDED_KEY_USAGE *list);


ngx_int_t
acme_ca_foreign_kind(acme_ca_foreign_t *foreign)
{
    uint32_t  flags;

    flags = X509_get_extension_flags(foreign->leaf);

    if (flags & EXFLAG_INVALID) {
        return acme_ca_foreign_fault(foreign, "it has invalid extensions");
    }

    if (X509_get_version(foreign->leaf) != X509_VERSION_3) {
        return acme_ca_foreign_fault(foreign, "it is not of version 3");
    }

    /* to OpenSSL none is a CA whose key usage does not let it sign */

    if ((flags & EXFLAG_CA) || X509_check_ca(foreign->leaf) != 0) {
        return acme_ca_foreign_fault(foreign, "it is the certificate of a CA");
    }

    if (flags & EXFLAG_CRITICAL) {
        return acme_ca_foreign_fault(foreign, "it has a critical extension "
                                     "of an unknown kind");
    }

    return NGX_OK;
}


/* what identifies it: its bytes, and the serial number */

ngx_int_t
acme_ca_foreign_bytes(acme_ca_foreign_t *foreign)
{
    ngx_str_t               serial;
    acme_ca_certificate_t  *cert;

    cert = foreign->cert;

    if (acme_ca_x509_der(foreign->ctx->pool, foreign->leaf, &cert->der)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (acme_ca_certificate_serial(&cert->der, &serial) != NGX_OK
        || serial.len > ACME_CA_FOREIGN_SERIAL_MAX)
    {
        return acme_ca_foreign_fault(foreign, "its serial number is not a "
                                     "positive one of up to 20 bytes");
    }

    cert->serial = serial;

    return NGX_OK;
}


ngx_int_t
acme_ca_foreign_key(acme_ca_foreign_t *foreign)
{
    int                   same;
    EVP_PKEY             *own, *asked;
    const u_char         *p;
    const acme_ca_csr_t  *csr;

    csr = foreign->wanted->csr;
    p = csr->spki.data;

    asked = d2i_PUBKEY(NULL, &p, (long) csr->spki.len);
    if (asked == NULL) {
        return NGX_ERROR;
    }

    own = X509_get0_pubkey(foreign->leaf);

    same = (own != NULL && EVP_PKEY_eq(own, asked) == 1);

    EVP_PKEY_free(asked);

    if (!same) {
        return acme_ca_foreign_fault(foreign, "its key is not that of the "
                                     "CSR");
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_foreign_names(acme_ca_foreign_t *foreign)
{
    int                    critical;
    ngx_int_t              rc;
    GENERAL_NAMES         *list;
    acme_ca_identifier_t  *names;

    list = X509_get_ext_d2i(foreign->leaf, NID_subject_alt_name, &critical,
                            NULL);
    if (list == NULL) {
        return acme_ca_foreign_fault(foreign, "it has no subject alternative "
                                     "names");
    }

    /* RFC 5280, 4.2.1.6 */

    if (!critical
        && X509_NAME_entry_count(X509_get_subject_name(foreign->leaf)) == 0)
    {
        rc = acme_ca_foreign_fault(foreign, "its subject is empty and its "
                                   "names are not critical");

    } else if ((ngx_uint_t) sk_GENERAL_NAME_num(list) != foreign->wanted->n) {
        rc = acme_ca_foreign_fault(foreign, "it has more or fewer names than "
                                   "were ordered");

    } else {
        names = ngx_pcalloc(foreign->ctx->pool,
                            foreign->wanted->n * sizeof(acme_ca_identifier_t));

        rc = (names == NULL) ? NGX_ERROR
                             : acme_ca_foreign_general(foreign, list, names);

        if (rc == NGX_OK) {
            rc = acme_ca_foreign_compare(foreign, names);
        }
    }

    GENERAL_NAMES_free(list);

    return rc;
}


static ngx_int_t
acme_ca_foreign_general(acme_ca_foreign_t *foreign, GENERAL_NAMES *list,
    acme_ca_identifier_t *names)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    GENERAL_NAME       *name;
    const ASN1_STRING  *value;

    for (i = 0; i < foreign->wanted->n; i++) {
        name = sk_GENERAL_NAME_value(list, (int) i);
        rc = NGX_DECLINED;

        if (name->type == GEN_DNS) {
            value = name->d.dNSName;
            rc = acme_ca_identifier_from_dns(foreign->ctx->pool,
                                             ASN1_STRING_get0_data(value),
                                             ASN1_STRING_length(value),
                                             &names[i]);

        } else if (name->type == GEN_IPADD) {
            value = name->d.iPAddress;
            rc = acme_ca_identifier_from_address(foreign->ctx->pool,
                                               ASN1_STRING_get0_data(value),
                                               ASN1_STRING_length(value),
                                               &names[i]);
        }

        if (rc == NGX_DECLINED) {
            return acme_ca_foreign_fault(foreign, "it has a name that cannot "
                                         "be ordered");
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* two sets of the same size */

static ngx_int_t
acme_ca_foreign_compare(acme_ca_foreign_t *foreign,
    acme_ca_identifier_t *names)
{
    size_t                 size;
    ngx_uint_t             i, n;
    acme_ca_identifier_t  *ordered;

    n = foreign->wanted->n;
    size = n * sizeof(acme_ca_identifier_t);

    ordered = ngx_palloc(foreign->ctx->pool, size);
    if (ordered == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ordered, foreign->wanted->identifiers, size);

    ngx_qsort(ordered, n, sizeof(acme_ca_identifier_t),
              acme_ca_identifier_cmp);
    ngx_qsort(names, n, sizeof(acme_ca_identifier_t), acme_ca_identifier_cmp);

    for (i = 0; i < n; i++) {
        if (acme_ca_identifier_cmp(&ordered[i], &names[i]) != 0) {
            return acme_ca_foreign_fault(foreign, "its names are not those "
                                         "that were ordered");
        }
    }

    return NGX_OK;
}


/* programs that still look there must not find what was not proven */

ngx_int_t
acme_ca_foreign_subject(acme_ca_foreign_t *foreign)
{
    int               i;
    ngx_int_t         rc;
    X509_NAME        *subject;
    X509_NAME_ENTRY  *entry;

    subject = X509_get_subject_name(foreign->leaf);

    for (i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
         i >= 0;
         i = X509_NAME_get_index_by_NID(subject, NID_commonName, i))
    {
        entry = X509_NAME_get_entry(subject, i);

        rc = acme_ca_foreign_common_name(foreign,
                                         X509_NAME_ENTRY_get_data(entry));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_foreign_common_name(acme_ca_foreign_t *foreign, ASN1_STRING *value)
{
    int         len;
    u_char     *text;
    ngx_int_t   rc;
    ngx_str_t  *name;

    name = &foreign->cert->common_name;

    len = ASN1_STRING_to_UTF8(&text, value);
    if (len < 0) {
        return acme_ca_foreign_fault(foreign, "its common name is malformed");
    }

    rc = acme_ca_copy(foreign->ctx->pool, name, text, len);

    OPENSSL_free(text);

    if (rc == NGX_OK) {
        rc = acme_ca_foreign_is_ordered(foreign, name);
    }

    return (rc == NGX_DECLINED)
           ? acme_ca_foreign_fault(foreign, "its common name is none of those "
                                   "that were ordered")
           : rc;
}


static ngx_int_t
acme_ca_foreign_is_ordered(acme_ca_foreign_t *foreign, ngx_str_t *text)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    acme_ca_identifier_t   name;

    ngx_memzero(&name, sizeof(acme_ca_identifier_t));

    rc = acme_ca_identifier_from_text(foreign->ctx->pool, text, &name);

    if (rc == NGX_DECLINED) {
        rc = acme_ca_identifier_from_dns(foreign->ctx->pool, text->data,
                                         text->len, &name);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < foreign->wanted->n; i++) {
        if (acme_ca_identifier_cmp(&foreign->wanted->identifiers[i], &name)
            == 0)
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/*
 * RFC 8555, 7.4: the dates that were ordered.  Else it was made for this order
 * and lives no longer than the profile has it.
 */

ngx_int_t
acme_ca_foreign_dates(acme_ca_foreign_t *foreign)
{
    time_t                    now, earliest;
    const acme_ca_leaf_t     *wanted;
    acme_ca_certificate_t    *cert;
    const acme_ca_profile_t  *profile;

    now = foreign->ctx->now;
    cert = foreign->cert;
    wanted = foreign->wanted;
    profile = wanted->profile;

    if (acme_ca_issuer_time(X509_get0_notBefore(foreign->leaf),
                            &cert->not_before)
        != NGX_OK
        || acme_ca_issuer_time(X509_get0_notAfter(foreign->leaf),
                               &cert->not_after)
           != NGX_OK)
    {
        return acme_ca_foreign_fault(foreign, "its dates are malformed");
    }

    earliest = foreign->ordered_at - ACME_CA_FOREIGN_SKEW
               - ngx_max(profile->backdate, ACME_CA_FOREIGN_BACKDATE);

    if (wanted->not_before ? cert->not_before != wanted->not_before
                           : cert->not_before < earliest
                             || cert->not_before > now + ACME_CA_FOREIGN_SKEW)
    {
        return acme_ca_foreign_fault(foreign, "its notBefore is not what the "
                                     "order makes it");
    }

    if (wanted->not_after && cert->not_after != wanted->not_after) {
        return acme_ca_foreign_fault(foreign, "its notAfter is not what the "
                                     "order makes it");
    }

    if (cert->not_after <= now) {
        return acme_ca_foreign_fault(foreign, "it has expired");
    }

    if (cert->not_after > ngx_max(now, cert->not_before) + profile->lifetime
                          + ACME_CA_FOREIGN_SKEW)
    {
        return acme_ca_foreign_fault(foreign, "it lives longer than the "
                                     "profile's lifetime");
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_foreign_usage(acme_ca_foreign_t *foreign)
{
    int                  critical;
    uint32_t             usage;
    ngx_int_t            rc;
    EXTENDED_KEY_USAGE  *list;

    /* all bits are set where there is no such extension */

    usage = X509_get_key_usage(foreign->leaf);

    if (usage != UINT32_MAX && (usage & (KU_KEY_CERT_SIGN|KU_CRL_SIGN))) {
        return acme_ca_foreign_fault(foreign, "its key usage is that of a CA");
    }

    if (!(usage & (KU_DIGITAL_SIGNATURE|KU_KEY_ENCIPHERMENT))) {
        return acme_ca_foreign_fault(foreign, "its key usage is not for TLS");
    }

    list = X509_get_ext_d2i(foreign->leaf, NID_ext_key_usage, &critical, NULL);
    if (list == NULL) {
        return acme_ca_foreign_fault(foreign, "it has no extended key usage");
    }

    rc = acme_ca_foreign_purposes(foreign, list);

    sk_ASN1_OBJECT_pop_free(list, ASN1_OBJECT_free);

    return rc;
}


static ngx_int_t
acme_ca_foreign_purposes(acme_ca_foreign_t *foreign, EXTENDED_KEY_USAGE *list)
{
    int         i, nid;
    ngx_uint_t  found;

    found = 0;

    for (i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
        nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(list, i));

        if (nid == NID_server_auth) {
            found |= ACME_CA_EKU_SERVER;

        } else if (nid == NID_client_auth) {
            found |= ACME_CA_EKU_CLIENT;

        } else {
            return acme_ca_foreign_fault(foreign, "it has an extended key "
                                         "usage of another kind");
        }
    }

    if (found != foreign->wanted->profile->eku) {
        return acme_ca_foreign_fault(foreign, "its extended key usage is not "
                                     "the profile's");
    }

    return NGX_OK;
}


/* a server that does not staple cannot use one that says it has to */

ngx_int_t
acme_ca_foreign_feature(acme_ca_foreign_t *foreign)
{
    ngx_uint_t             staple;
    const acme_ca_leaf_t  *wanted;

    wanted = foreign->wanted;

    staple = (wanted->profile->must_staple == ACME_CA_STAPLE_CSR)
             ? wanted->csr->must_staple
             : wanted->profile->must_staple == ACME_CA_STAPLE_ON;

    if (staple != (X509_get_ext_by_NID(foreign->leaf, NID_tlsfeature, -1)
                   >= 0))
    {
        return acme_ca_foreign_fault(foreign, staple
                                     ? "it lacks the TLS feature must-staple"
                                     : "it has a TLS feature that was not "
                                       "asked for");
    }

    return NGX_OK;
}
