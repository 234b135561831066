
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A fresh CA: a root, an intermediate below it, and those that follow that one
 * (RFC 5280, 4.2.1).
 */


#include "acme_ca_issuer_load.h"
#include "acme_ca_crypto.h"
#include "acme_ca_x509.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>


/*
 * For relying parties whose clocks are slow; leaves are back-dated as well.
 * Not by more than a tenth of the life that is to come: others count its parts.
 */
#define ACME_CA_HIERARCHY_BACKDATE(life)                                      \
    ngx_min((time_t) 86400, (life) / 10)

#define ACME_CA_HIERARCHY_KEY_ID_LEN 20
#define ACME_CA_HIERARCHY_TAG_LEN    4

/* X.520's limit of a common name, and what of it is left for the CA's name */
#define ACME_CA_HIERARCHY_NAME_MAX   64
#define ACME_CA_HIERARCHY_NAME_LEN                                            \
    (ACME_CA_HIERARCHY_NAME_MAX - (sizeof(" Intermediate CA ") - 1)           \
     - 2 * ACME_CA_HIERARCHY_TAG_LEN)


typedef struct {
    ngx_str_t        organization;
    ngx_str_t        common_name;
    time_t           not_before;
    time_t           not_after;
    EVP_PKEY        *key;
    ASN1_INTEGER    *pathlen;          /* or NULL */
    X509            *upper;            /* NULL: it signs itself */
    EVP_PKEY        *upper_key;

    const acme_ca_hierarchy_plan_t
                    *plan;             /* NULL: a root */
    ngx_pool_t      *pool;
} acme_ca_hierarchy_ca_t;


static ngx_int_t acme_ca_hierarchy_root(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, EVP_PKEY *key,
    acme_ca_hierarchy_t *hierarchy, X509 **root);
static ngx_int_t acme_ca_hierarchy_lower(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, X509 *root, EVP_PKEY *root_key,
    acme_ca_hierarchy_t *hierarchy);
static ngx_int_t acme_ca_hierarchy_name(acme_ca_ctx_t *ctx,
    const char *what, ngx_str_t *name, acme_ca_hierarchy_ca_t *ca);
static ngx_int_t acme_ca_hierarchy_write(acme_ca_ctx_t *ctx,
    acme_ca_hierarchy_ca_t *ca, ngx_str_t *pem, X509 **made);
static X509 *acme_ca_hierarchy_certificate(acme_ca_hierarchy_ca_t *ca);
static const EVP_MD *acme_ca_hierarchy_digest(acme_ca_hierarchy_ca_t *ca);
static ngx_int_t acme_ca_hierarchy_fill(acme_ca_hierarchy_ca_t *ca,
    X509 *cert);
static ngx_int_t acme_ca_hierarchy_serial(X509 *cert);
static ngx_int_t acme_ca_hierarchy_subject(acme_ca_hierarchy_ca_t *ca,
    X509 *cert);
static ngx_int_t acme_ca_hierarchy_extend(acme_ca_hierarchy_ca_t *ca,
    X509 *cert);
static ngx_int_t acme_ca_hierarchy_point(acme_ca_hierarchy_ca_t *ca,
    X509 *cert);
static CRL_DIST_POINTS *acme_ca_hierarchy_points(const ngx_str_t *url);
static ngx_int_t acme_ca_hierarchy_constraints(X509 *cert,
    ASN1_INTEGER *pathlen);
static ngx_int_t acme_ca_hierarchy_key_ids(X509 *cert, X509 *upper);
static ngx_int_t acme_ca_hierarchy_pem(ngx_pool_t *pool, X509 *cert,
    ngx_str_t *pem);


ngx_int_t
acme_ca_hierarchy_new(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, acme_ca_hierarchy_t *hierarchy)
{
    X509       *root;
    EVP_PKEY   *key;
    ngx_int_t   rc;

    root = NULL;
    key = acme_ca_key_make(ctx->log, plan->kind);

    rc = NGX_ERROR;

    if (key != NULL
        && acme_ca_key_write(ctx->pool, key, &hierarchy->root_key) == NGX_OK)
    {
        rc = acme_ca_hierarchy_root(ctx, name, plan, key, hierarchy, &root);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_hierarchy_lower(ctx, name, plan, root, key, hierarchy);
    }

    X509_free(root);
    EVP_PKEY_free(key);

    return rc;
}


ngx_int_t
acme_ca_hierarchy_below(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, ngx_str_t *root_certificate,
    EVP_PKEY *root_key, acme_ca_hierarchy_t *hierarchy)
{
    X509       *root;
    ngx_int_t   rc;

    root = acme_ca_x509_read_pem(root_certificate);

    if (root == NULL || X509_check_private_key(root, root_key) != 1) {
        acme_ca_crypto_error(ctx->log, "reading the root and its key");
        rc = NGX_ERROR;

    } else {
        rc = acme_ca_hierarchy_lower(ctx, name, plan, root, root_key,
                                     hierarchy);
    }

    X509_free(root);

    return rc;
}


static ngx_int_t
acme_ca_hierarchy_root(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, EVP_PKEY *key,
    acme_ca_hierarchy_t *hierarchy, X509 **root)
{
    acme_ca_hierarchy_ca_t  ca;

    ngx_memzero(&ca, sizeof(acme_ca_hierarchy_ca_t));

    ca.not_before = ctx->now - ACME_CA_HIERARCHY_BACKDATE(plan->root_life);
    ca.not_after = ctx->now + plan->root_life;
    ca.key = key;
    ca.upper_key = key;

    if (acme_ca_hierarchy_name(ctx, "Root", name, &ca) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_hierarchy_write(ctx, &ca, &hierarchy->root_certificate,
                                   root);
}


static ngx_int_t
acme_ca_hierarchy_lower(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, X509 *root, EVP_PKEY *root_key,
    acme_ca_hierarchy_t *hierarchy)
{
    X509                     *cert;
    time_t                    end;
    ngx_int_t                 rc;
    acme_ca_hierarchy_ca_t    ca;
    const ASN1_OCTET_STRING  *id;

    ngx_memzero(&ca, sizeof(acme_ca_hierarchy_ca_t));

    if (acme_ca_issuer_time(X509_get0_notAfter(root), &end) != NGX_OK
        || acme_ca_hierarchy_name(ctx, "Intermediate", name, &ca) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (end <= ctx->now) {
        return NGX_DECLINED;
    }

    ca.not_before = ctx->now - ACME_CA_HIERARCHY_BACKDATE(plan->life);
    ca.not_after = ngx_min(ctx->now + plan->life, end);
    ca.upper = root;
    ca.upper_key = root_key;

    cert = NULL;
    ca.plan = plan;
    ca.pool = ctx->pool;
    ca.key = acme_ca_key_make(ctx->log, plan->kind);
    ca.pathlen = ASN1_INTEGER_new();

    rc = NGX_ERROR;

    if (ca.key != NULL && ca.pathlen != NULL
        && ASN1_INTEGER_set(ca.pathlen, (long) plan->path_length)
        && acme_ca_key_write(ctx->pool, ca.key, &hierarchy->key) == NGX_OK)
    {
        rc = acme_ca_hierarchy_write(ctx, &ca, &hierarchy->certificate, &cert);
    }

    if (rc == NGX_OK) {
        id = X509_get0_subject_key_id(cert);

        rc = (id != NULL)
             ? acme_ca_hex(ctx->pool, ASN1_STRING_get0_data(id),
                           ASN1_STRING_length(id), &hierarchy->key_id)
             : NGX_ERROR;
    }

    X509_free(cert);
    ASN1_INTEGER_free(ca.pathlen);
    EVP_PKEY_free(ca.key);

    return rc;
}


/* two CAs never share a name */

static ngx_int_t
acme_ca_hierarchy_name(acme_ca_ctx_t *ctx, const char *what, ngx_str_t *name,
    acme_ca_hierarchy_ca_t *ca)
{
    u_char     random[ACME_CA_HIERARCHY_TAG_LEN];
    ngx_str_t  tag, label;

    if (acme_ca_random(random, sizeof(random)) != NGX_OK
        || acme_ca_hex(ctx->pool, random, sizeof(random), &tag) != NGX_OK)
    {
        return NGX_ERROR;
    }

    label.data = name->data;
    label.len = ngx_min(name->len, ACME_CA_HIERARCHY_NAME_LEN);

    ca->organization.data = name->data;
    ca->organization.len = ngx_min(name->len, ACME_CA_HIERARCHY_NAME_MAX);

    return acme_ca_format(ctx->pool, &ca->common_name,
                          ACME_CA_HIERARCHY_NAME_MAX, "%V %s CA %V", &label,
                          what, &tag);
}


static ngx_int_t
acme_ca_hierarchy_write(acme_ca_ctx_t *ctx, acme_ca_hierarchy_ca_t *ca,
    ngx_str_t *pem, X509 **made)
{
    *made = acme_ca_hierarchy_certificate(ca);

    if (*made == NULL
        || acme_ca_hierarchy_pem(ctx->pool, *made, pem) != NGX_OK)
    {
        acme_ca_crypto_error(ctx->log, "making a CA certificate");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static X509 *
acme_ca_hierarchy_certificate(acme_ca_hierarchy_ca_t *ca)
{
    X509  *cert;

    cert = X509_new();
    if (cert == NULL) {
        return NULL;
    }

    if (acme_ca_hierarchy_fill(ca, cert) != NGX_OK
        || acme_ca_hierarchy_extend(ca, cert) != NGX_OK
        || X509_sign(cert, ca->upper_key, acme_ca_hierarchy_digest(ca)) <= 0)
    {
        X509_free(cert);
        return NULL;
    }

    return cert;
}


/* as strong as the key; those that are neither RSA nor EC have their own */

static const EVP_MD *
acme_ca_hierarchy_digest(acme_ca_hierarchy_ca_t *ca)
{
    if (EVP_PKEY_is_a(ca->upper_key, "RSA")) {
        return EVP_sha256();
    }

    return !EVP_PKEY_is_a(ca->upper_key, "EC") ? NULL
           : (EVP_PKEY_get_bits(ca->upper_key) > 256) ? EVP_sha384()
                                                      : EVP_sha256();
}


static ngx_int_t
acme_ca_hierarchy_fill(acme_ca_hierarchy_ca_t *ca, X509 *cert)
{
    if (!X509_set_version(cert, X509_VERSION_3)
        || acme_ca_hierarchy_serial(cert) != NGX_OK
        || acme_ca_hierarchy_subject(ca, cert) != NGX_OK
        || !X509_set_issuer_name(cert,
                                 X509_get_subject_name(ca->upper != NULL
                                                       ? ca->upper : cert))
        || ASN1_TIME_set(X509_getm_notBefore(cert), ca->not_before) == NULL
        || ASN1_TIME_set(X509_getm_notAfter(cert), ca->not_after) == NULL
        || !X509_set_pubkey(cert, ca->key))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_hierarchy_serial(X509 *cert)
{
    u_char  serial[ACME_CA_X509_SERIAL_LEN];

    return (acme_ca_x509_serial_new(serial) == NGX_OK)
           ? acme_ca_x509_serial_set(cert, serial) : NGX_ERROR;
}


static ngx_int_t
acme_ca_hierarchy_subject(acme_ca_hierarchy_ca_t *ca, X509 *cert)
{
    X509_NAME  *name;

    name = X509_get_subject_name(cert);

    if (!X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                    ca->organization.data,
                                    (int) ca->organization.len, -1, 0)
        || !X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                       ca->common_name.data,
                                       (int) ca->common_name.len, -1, 0))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_hierarchy_extend(acme_ca_hierarchy_ca_t *ca, X509 *cert)
{
    if (acme_ca_hierarchy_constraints(cert, ca->pathlen) != NGX_OK
        || acme_ca_x509_usage(cert, ACME_CA_X509_CERT_SIGN
                                    | ACME_CA_X509_CRL_SIGN)
           != NGX_OK
        || acme_ca_hierarchy_key_ids(cert, ca->upper) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ca->plan == NULL) {
        return NGX_OK;
    }

    return (acme_ca_hierarchy_point(ca, cert) == NGX_OK)
           ? acme_ca_constraints_extend(cert, &ca->plan->constraints)
           : NGX_ERROR;
}


/* where the root's CRL is: its name is that of the root's key */

static ngx_int_t
acme_ca_hierarchy_point(acme_ca_hierarchy_ca_t *ca, X509 *cert)
{
    ngx_int_t                 rc;
    ngx_str_t                 url, name;
    CRL_DIST_POINTS          *points;
    const ASN1_OCTET_STRING  *id;

    id = X509_get0_subject_key_id(ca->upper);

    if (ca->plan->crl_url.len == 0 || id == NULL) {
        return NGX_OK;
    }

    if (acme_ca_hex(ca->pool, ASN1_STRING_get0_data(id),
                    ASN1_STRING_length(id), &name)
        != NGX_OK
        || acme_ca_format(ca->pool, &url,
                          ca->plan->crl_url.len + name.len + 8, "%V%V.crl",
                          &ca->plan->crl_url, &name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    points = acme_ca_hierarchy_points(&url);

    rc = (points != NULL
          && X509_add1_ext_i2d(cert, NID_crl_distribution_points, points, 0,
                               X509V3_ADD_DEFAULT)
             == 1)
         ? NGX_OK : NGX_ERROR;

    CRL_DIST_POINTS_free(points);

    return rc;
}


static CRL_DIST_POINTS *
acme_ca_hierarchy_points(const ngx_str_t *url)
{
    DIST_POINT       *point;
    GENERAL_NAME     *name;
    ASN1_IA5STRING   *uri;
    CRL_DIST_POINTS  *points;

    points = CRL_DIST_POINTS_new();
    point = DIST_POINT_new();

    if (points == NULL || point == NULL
        || !sk_DIST_POINT_push(points, point))
    {
        DIST_POINT_free(point);
        CRL_DIST_POINTS_free(points);
        return NULL;
    }

    name = GENERAL_NAME_new();
    uri = ASN1_IA5STRING_new();
    point->distpoint = DIST_POINT_NAME_new();

    if (point->distpoint != NULL) {
        point->distpoint->type = 0;                   /* fullName */
        point->distpoint->name.fullname = GENERAL_NAMES_new();
    }

    if (name == NULL || uri == NULL || point->distpoint == NULL
        || point->distpoint->name.fullname == NULL
        || !ASN1_STRING_set(uri, url->data, (int) url->len)
        || !sk_GENERAL_NAME_push(point->distpoint->name.fullname, name))
    {
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(uri);
        CRL_DIST_POINTS_free(points);
        return NULL;
    }

    GENERAL_NAME_set0_value(name, GEN_URI, uri);

    return points;
}


static ngx_int_t
acme_ca_hierarchy_constraints(X509 *cert, ASN1_INTEGER *pathlen)
{
    BASIC_CONSTRAINTS  constraints;

    ngx_memzero(&constraints, sizeof(BASIC_CONSTRAINTS));

    /* written as it is, and DER knows only this one for "true" */

    constraints.ca = 0xff;
    constraints.pathlen = pathlen;

    return (X509_add1_ext_i2d(cert, NID_basic_constraints, &constraints, 1,
                              X509V3_ADD_DEFAULT)
            == 1)
           ? NGX_OK : NGX_ERROR;
}


/* RFC 7093, 2: the leftmost 160 bits of the SHA-256 of the key's bits */

static ngx_int_t
acme_ca_hierarchy_key_ids(X509 *cert, X509 *upper)
{
    u_char              digest[ACME_CA_SHA256_LEN];
    ngx_int_t           rc;
    ASN1_BIT_STRING    *bits;
    ASN1_OCTET_STRING  *id;

    bits = X509_get0_pubkey_bitstr(cert);

    if (acme_ca_sha256(ASN1_STRING_get0_data(bits), ASN1_STRING_length(bits),
                       digest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    id = ASN1_OCTET_STRING_new();

    rc = (id != NULL
          && ASN1_OCTET_STRING_set(id, digest, ACME_CA_HIERARCHY_KEY_ID_LEN)
          && X509_add1_ext_i2d(cert, NID_subject_key_identifier, id, 0,
                               X509V3_ADD_DEFAULT)
             == 1)
         ? NGX_OK : NGX_ERROR;

    ASN1_OCTET_STRING_free(id);

    return (rc == NGX_OK && upper != NULL)
           ? acme_ca_x509_authority(cert, X509_get0_subject_key_id(upper)) : rc;
}


static ngx_int_t
acme_ca_hierarchy_pem(ngx_pool_t *pool, X509 *cert, ngx_str_t *pem)
{
    BIO        *bio;
    char       *text;
    long        len;
    ngx_int_t   rc;

    rc = NGX_ERROR;

    bio = BIO_new(BIO_s_mem());

    if (bio != NULL && PEM_write_bio_X509(bio, cert)) {
        len = BIO_get_mem_data(bio, &text);
        rc = acme_ca_copy(pool, pem, (u_char *) text, len);
    }

    BIO_free(bio);

    return rc;
}
