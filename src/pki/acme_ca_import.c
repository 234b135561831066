
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A foreign certificate, read for the registry (RFC 5280, 4.1).  Its names are
 * told as ours are: lower-case, addresses as RFC 5952 writes them.
 */


#include "acme_ca_import.h"
#include "acme_ca_crypto.h"
#include "acme_ca_issuer_load.h"
#include "acme_ca_leaf.h"
#include "acme_ca_text.h"
#include "acme_ca_x509.h"

#include <openssl/x509v3.h>


#define ACME_CA_IMPORT_SERIAL_MAX  20
#define ACME_CA_IMPORT_UNKNOWN     "unknown issuer: "


typedef struct {
    acme_ca_ctx_t           *ctx;
    STACK_OF(X509)          *certs;
    X509                    *leaf;
    acme_ca_certificate_t   *cert;
    acme_ca_issuer_t        *issuer;
    ngx_str_t               *reason;
} acme_ca_import_t;


static ngx_int_t acme_ca_import_cert(acme_ca_import_t *import);
static ngx_int_t acme_ca_import_names(acme_ca_import_t *import);
static ngx_int_t acme_ca_import_name(acme_ca_import_t *import,
    const GENERAL_NAME *name, ngx_str_t *text);
static ngx_int_t acme_ca_import_word(acme_ca_import_t *import,
    const char *kind, const u_char *p, size_t len, ngx_str_t *text);
static ngx_int_t acme_ca_import_common_name(acme_ca_import_t *import);
static ngx_int_t acme_ca_import_key(acme_ca_import_t *import);
static ngx_int_t acme_ca_import_issuer(acme_ca_import_t *import,
    ngx_array_t *known);
static ngx_int_t acme_ca_import_issuer_name(acme_ca_import_t *import);
static ngx_int_t acme_ca_import_sent(acme_ca_import_t *import);
static ngx_int_t acme_ca_import_known(acme_ca_import_t *import,
    ngx_str_t *der);
static ngx_int_t acme_ca_import_unknown(acme_ca_import_t *import);
static ngx_uint_t acme_ca_import_signed(X509 *leaf, X509 *issuer);
static ngx_int_t acme_ca_import_fault(acme_ca_import_t *import,
    const char *reason);


ngx_int_t
acme_ca_import_read(acme_ca_ctx_t *ctx, ngx_str_t *pem, ngx_array_t *known,
    acme_ca_certificate_t *cert, acme_ca_issuer_t *issuer, ngx_str_t *reason)
{
    ngx_int_t              rc;
    acme_ca_import_t       import;
    acme_ca_issuer_load_t  load;

    ngx_memzero(cert, sizeof(acme_ca_certificate_t));
    ngx_memzero(issuer, sizeof(acme_ca_issuer_t));
    ngx_memzero(&load, sizeof(acme_ca_issuer_load_t));

    import.ctx = ctx;
    import.cert = cert;
    import.issuer = issuer;
    import.reason = reason;

    ERR_clear_error();

    import.certs = sk_X509_new_null();
    if (import.certs == NULL) {
        return NGX_ERROR;
    }

    load.pool = ctx->pool;
    load.certs = import.certs;
    load.error = reason;

    rc = acme_ca_issuer_read(&load, pem);

    if (rc == NGX_OK) {
        import.leaf = sk_X509_value(import.certs, 0);
        rc = acme_ca_import_cert(&import);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_import_issuer(&import, known);
    }

    sk_X509_pop_free(import.certs, X509_free);

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(ctx->log, "reading a certificate");
        return NGX_ERROR;
    }

    ERR_clear_error();

    return rc;
}


static ngx_int_t
acme_ca_import_fault(acme_ca_import_t *import, const char *reason)
{
    if (acme_ca_crypto_starved()) {
        return NGX_ERROR;
    }

    import->reason->data = (u_char *) reason;
    import->reason->len = ngx_strlen(reason);

    return NGX_DECLINED;
}


static ngx_int_t
acme_ca_import_cert(acme_ca_import_t *import)
{
    ngx_int_t               rc;
    acme_ca_certificate_t  *cert;

    cert = import->cert;

    cert->status = ACME_CA_VALID;
    cert->revocation_reason = -1;
    cert->created_at = import->ctx->now;

    if (acme_ca_x509_der(import->ctx->pool, import->leaf, &cert->der) != NGX_OK
        || acme_ca_sha256(cert->der.data, cert->der.len, cert->fingerprint)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (acme_ca_certificate_serial(&cert->der, &cert->serial) != NGX_OK
        || cert->serial.len > ACME_CA_IMPORT_SERIAL_MAX)
    {
        return acme_ca_import_fault(import, "its serial number is not a "
                                    "positive one of up to 20 bytes");
    }

    if (acme_ca_issuer_time(X509_get0_notBefore(import->leaf),
                            &cert->not_before)
        != NGX_OK
        || acme_ca_issuer_time(X509_get0_notAfter(import->leaf),
                               &cert->not_after)
           != NGX_OK)
    {
        return acme_ca_import_fault(import, "its dates are malformed");
    }

    rc = acme_ca_import_names(import);

    if (rc == NGX_OK) {
        rc = acme_ca_import_common_name(import);
    }

    return (rc == NGX_OK) ? acme_ca_import_key(import) : rc;
}


/* those that the registry has words for */

static ngx_int_t
acme_ca_import_names(acme_ca_import_t *import)
{
    int             i, critical;
    ngx_int_t       rc;
    ngx_str_t       text, before, *sans;
    GENERAL_NAMES  *list;

    sans = &import->cert->sans;

    list = X509_get_ext_d2i(import->leaf, NID_subject_alt_name, &critical,
                            NULL);
    if (list == NULL) {
        return (critical == -1) ? NGX_OK
                                : acme_ca_import_fault(import,
                                                 "its names are malformed");
    }

    rc = NGX_OK;

    for (i = 0; i < sk_GENERAL_NAME_num(list) && rc == NGX_OK; i++) {
        ngx_str_null(&text);

        rc = acme_ca_import_name(import, sk_GENERAL_NAME_value(list, i),
                                 &text);

        if (rc == NGX_OK && text.len) {
            before = *sans;
            rc = acme_ca_format(import->ctx->pool, sans,
                                before.len + text.len + 1, "%V%s%V", &before,
                                before.len ? " " : "", &text);
        }
    }

    GENERAL_NAMES_free(list);

    return rc;
}


static ngx_int_t
acme_ca_import_name(acme_ca_import_t *import, const GENERAL_NAME *name,
    ngx_str_t *text)
{
    int                    type;
    const char            *kind;
    ngx_int_t              rc;
    ASN1_STRING           *value;
    acme_ca_identifier_t   identifier;

    value = GENERAL_NAME_get0_value(name, &type);

    switch (type) {

    case GEN_DNS:
        kind = "dns";
        break;

    case GEN_EMAIL:
        kind = "email";
        break;

    case GEN_IPADD:
        rc = acme_ca_identifier_from_address(import->ctx->pool,
                                             ASN1_STRING_get0_data(value),
                                             ASN1_STRING_length(value),
                                             &identifier);

        return (rc == NGX_OK)
               ? acme_ca_format(import->ctx->pool, text, 64, "ip:%V",
                                &identifier.value)
               : (rc == NGX_DECLINED) ? NGX_OK : rc;

    default:
        return NGX_OK;
    }

    return acme_ca_import_word(import, kind, ASN1_STRING_get0_data(value),
                               ASN1_STRING_length(value), text);
}


/* the registry separates names by blanks, and shows them as JSON */

static ngx_int_t
acme_ca_import_word(acme_ca_import_t *import, const char *kind,
    const u_char *p, size_t len, ngx_str_t *text)
{
    size_t     i;
    u_char    *dst;
    ngx_str_t  word;

    dst = ngx_pnalloc(import->ctx->pool, len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < len; i++) {
        dst[i] = (p[i] <= ' ' || p[i] >= 0x7f || p[i] == '"' || p[i] == '\\')
                 ? '_' : ngx_tolower(p[i]);
    }

    word.data = dst;
    word.len = len;

    return len ? acme_ca_format(import->ctx->pool, text, len + 8, "%s:%V",
                                kind, &word)
               : NGX_OK;
}


static ngx_int_t
acme_ca_import_common_name(acme_ca_import_t *import)
{
    int         i, len;
    u_char     *text;
    ngx_int_t   rc;
    X509_NAME  *name;

    name = X509_get_subject_name(import->leaf);
    i = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

    if (i < 0) {
        return NGX_OK;
    }

    len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
                                         X509_NAME_get_entry(name, i)));
    if (len < 0) {
        return acme_ca_import_fault(import, "its common name is malformed");
    }

    rc = acme_ca_copy(import->ctx->pool, &import->cert->common_name, text,
                      len);

    OPENSSL_free(text);

    if (rc == NGX_OK) {
        acme_ca_utf8_repair(&import->cert->common_name);
    }

    return rc;
}


/* as ours are told: "EC P-256", "RSA 2048", "Ed25519" */

static ngx_int_t
acme_ca_import_key(acme_ca_import_t *import)
{
    char         group[64];
    size_t       len;
    EVP_PKEY    *key;
    ngx_str_t   *type;
    const char  *name;
    ngx_pool_t  *pool;

    pool = import->ctx->pool;
    type = &import->cert->key_type;

    key = X509_get0_pubkey(import->leaf);

    if (key == NULL) {
        if (acme_ca_crypto_starved()) {
            return NGX_ERROR;
        }

        ngx_str_set(type, "unknown");
        return NGX_OK;
    }

    switch (EVP_PKEY_get_base_id(key)) {

    case EVP_PKEY_RSA:
        return acme_ca_format(pool, type, 16, "RSA %d",
                              EVP_PKEY_get_bits(key));

    case EVP_PKEY_EC:
        if (!EVP_PKEY_get_group_name(key, group, sizeof(group), &len)) {
            return NGX_ERROR;
        }

        name = EC_curve_nid2nist(OBJ_sn2nid(group));

        return acme_ca_format(pool, type, sizeof(group) + 3, "EC %s",
                              name ? name : group);

    case EVP_PKEY_ED25519:
        ngx_str_set(type, "Ed25519");
        return NGX_OK;

    case EVP_PKEY_ED448:
        ngx_str_set(type, "Ed448");
        return NGX_OK;
    }

    name = EVP_PKEY_get0_type_name(key);

    return acme_ca_format(pool, type, sizeof(group), "%s",
                          name ? name : "unknown");
}


static ngx_int_t
acme_ca_import_issuer(acme_ca_import_t *import, ngx_array_t *known)
{
    int          n;
    ngx_int_t    rc;
    ngx_str_t   *der;
    ngx_uint_t   i;

    rc = acme_ca_import_issuer_name(import);
    if (rc != NGX_OK) {
        return rc;
    }

    n = sk_X509_num(import->certs);

    if (n > 1) {
        return acme_ca_import_sent(import);
    }

    der = known->elts;

    for (i = 0; i < known->nelts; i++) {
        rc = acme_ca_import_known(import, &der[i]);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return acme_ca_import_unknown(import);
}


/* RFC 2253, with its characters as they are */

static ngx_int_t
acme_ca_import_issuer_name(acme_ca_import_t *import)
{
    BIO        *bio;
    long        len;
    char       *text;
    ngx_int_t   rc;

    bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (X509_NAME_print_ex(bio, X509_get_issuer_name(import->leaf), 0,
                           XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB)
        >= 0)
    {
        len = BIO_get_mem_data(bio, &text);
        rc = acme_ca_copy(import->ctx->pool, &import->issuer->name,
                          (u_char *) text, len);
    }

    BIO_free(bio);

    if (rc == NGX_OK && import->issuer->name.len == 0) {
        return acme_ca_import_fault(import, "its issuer has no name");
    }

    if (rc == NGX_OK) {
        acme_ca_utf8_repair(&import->issuer->name);
    }

    return rc;
}


static ngx_int_t
acme_ca_import_sent(acme_ca_import_t *import)
{
    int        i;
    X509      *x509;
    ngx_str_t  der, pem, before, *chain;

    chain = &import->issuer->chain;
    x509 = sk_X509_value(import->certs, 1);

    if (!acme_ca_import_signed(import->leaf, x509)) {
        return acme_ca_import_fault(import, "the second certificate did not "
                                    "sign the first");
    }

    for (i = 1; i < sk_X509_num(import->certs); i++) {
        before = *chain;

        if (acme_ca_x509_der(import->ctx->pool,
                             sk_X509_value(import->certs, i), &der)
            != NGX_OK
            || acme_ca_pem_write(import->ctx->pool, &der, &pem) != NGX_OK
            || acme_ca_format(import->ctx->pool, chain, before.len + pem.len,
                              "%V%V", &before, &pem)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (i == 1) {
            import->issuer->der = der;
        }
    }

    if (acme_ca_issuer_time(X509_get0_notBefore(x509),
                            &import->issuer->not_before)
        != NGX_OK
        || acme_ca_issuer_time(X509_get0_notAfter(x509),
                               &import->issuer->not_after)
           != NGX_OK)
    {
        return acme_ca_import_fault(import, "its issuer's dates are "
                                    "malformed");
    }

    return NGX_OK;
}


/* what is known already keeps its name, chain and dates */

static ngx_int_t
acme_ca_import_known(acme_ca_import_t *import, ngx_str_t *der)
{
    X509        *x509;
    ngx_uint_t   same;

    x509 = acme_ca_x509_read(der);
    if (x509 == NULL) {
        return acme_ca_crypto_starved() ? NGX_ERROR : NGX_DECLINED;
    }

    same = acme_ca_import_signed(import->leaf, x509);

    X509_free(x509);

    if (!same) {
        return NGX_DECLINED;
    }

    import->issuer->der = *der;

    return NGX_OK;
}


static ngx_int_t
acme_ca_import_unknown(acme_ca_import_t *import)
{
    import->issuer->not_before = import->cert->not_before;
    import->issuer->not_after = import->cert->not_after;

    return acme_ca_format(import->ctx->pool, &import->issuer->der,
                          import->issuer->name.len
                          + sizeof(ACME_CA_IMPORT_UNKNOWN),
                          ACME_CA_IMPORT_UNKNOWN "%V", &import->issuer->name);
}


static ngx_uint_t
acme_ca_import_signed(X509 *leaf, X509 *issuer)
{
    EVP_PKEY  *key;

    key = X509_get0_pubkey(issuer);

    return key != NULL && X509_check_issued(issuer, leaf) == X509_V_OK
           && X509_verify(leaf, key) == 1;
}
