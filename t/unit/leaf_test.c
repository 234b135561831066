
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_leaf*.c, acme_ca_lint*.c, acme_ca_certificate.c: what is signed
 * is read by OpenSSL and verified strictly; what is tampered with is not
 * signed.  With a folder as its argument it leaves the certificates there.
 */


#include "pki.h"
#include "tap.h"


#define DAY  ((time_t) 86400)


typedef struct {
    acme_ca_ctx_t           ctx;
    acme_ca_leaf_t          leaf;
    acme_ca_profile_t       profile;
    acme_ca_issuer_t       *issuer;
    acme_ca_csr_t          *csr;
    acme_ca_certificate_t   cert;
    X509                   *root;
    X509                   *upper;
} fixture_t;


/* the pieces of a TBSCertificate, to be put together otherwise */
typedef struct {
    ngx_str_t   part[8];
    ngx_str_t   ext[6];
} tbs_t;

enum { VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS };
enum { USAGE, PURPOSES, CONSTRAINTS, KEY_ID, AUTHORITY, NAMES };


static void fixture_start(fixture_t *f);
static void fixture_stop(fixture_t *f);
static void fixture_names(fixture_t *f, const char *names);
static void fixture_key(fixture_t *f, EVP_PKEY *key);
static int fixture_verify(fixture_t *f, X509 *cert);
static void fixture_save(fixture_t *f, const char *name);
static X509 *sign(fixture_t *f, const char *what);

static void test_plain(fixture_t *f);
static void test_keys(fixture_t *f);
static void test_issuers(void);
static void test_dates(fixture_t *f);
static void test_common_name(fixture_t *f);
static void test_revocation(fixture_t *f);
static void test_many_names(fixture_t *f);
static void test_pem(fixture_t *f);
static void test_serial(fixture_t *f);
static void test_lint(fixture_t *f);
static void test_memory(fixture_t *f);


static const char  *folder;


int
main(int argc, char **argv)
{
    fixture_t  f;

    shim_openssl();

    folder = (argc > 1) ? argv[1] : NULL;

    fixture_start(&f);

    test_plain(&f);
    test_keys(&f);
    test_issuers();
    test_dates(&f);
    test_common_name(&f);
    test_revocation(&f);
    test_many_names(&f);
    test_pem(&f);
    test_serial(&f);
    test_lint(&f);
    test_memory(&f);

    fixture_stop(&f);

    return done_testing();
}


static void
fixture_start(fixture_t *f)
{
    EVP_PKEY             *key;
    ngx_str_t             name = ngx_string("unit"), error;
    acme_ca_hierarchy_t   h;

    memset(f, 0, sizeof(fixture_t));
    pki_start(&f->ctx);

    ok(acme_ca_hierarchy_new(&f->ctx, &name, &pki_plan, &h) == NGX_OK,
       "a hierarchy");

    key = pki_key_pem(&h.key);

    h.certificate = pki_cat(f->ctx.pool, h.certificate, h.root_certificate);

    ok(acme_ca_issuer_load(f->ctx.pool, &h.certificate, key, PKI_NOW,
                           &f->issuer, &error) == NGX_OK,
       "is loaded as an issuer");

    f->root = pki_x509_pem(&h.root_certificate);
    f->upper = pki_x509_pem(&f->issuer->chain);

    EVP_PKEY_free(key);

    f->profile.name = pki_lit("default");
    f->profile.lifetime = 90 * DAY;
    f->profile.backdate = 3600;
    f->profile.key_types = ACME_CA_KEY_ANY;
    f->profile.eku = ACME_CA_EKU_SERVER|ACME_CA_EKU_CLIENT;
    f->profile.common_name = ACME_CA_CN_NONE;

    f->leaf.issuer = f->issuer;
    f->leaf.profile = &f->profile;

    key = pki_key("P-256");
    fixture_key(f, key);
    EVP_PKEY_free(key);

    fixture_names(f, "a.example");
}


static void
fixture_stop(fixture_t *f)
{
    X509_free(f->root);
    X509_free(f->upper);
    pki_stop(&f->ctx);
}


/* "a.example,*.b.example,10.0.0.1" */
static void
fixture_names(fixture_t *f, const char *names)
{
    size_t                 n;
    ngx_str_t              text, type;
    acme_ca_identifier_t  *list;

    list = ngx_palloc(f->ctx.pool, 1200 * sizeof(acme_ca_identifier_t));

    f->leaf.identifiers = list;
    f->leaf.n = 0;

    while (*names) {
        n = strcspn(names, ",");
        text = pki_str(names, n);

        if (acme_ca_identifier_from_dns(f->ctx.pool, text.data, text.len,
                                        &list[f->leaf.n]) != NGX_OK)
        {
            type = pki_lit("ip");
            if (acme_ca_identifier_parse(&f->ctx, &type, &text,
                                         &list[f->leaf.n]) != NGX_OK)
            {
                abort();
            }
        }

        f->leaf.n++;
        names += n + (names[n] == ',');
    }
}


static void
fixture_key(fixture_t *f, EVP_PKEY *key)
{
    is_int(acme_ca_csr_from_key(&f->ctx, key, &f->csr), NGX_OK,
           "a request from a key");

    f->leaf.csr = f->csr;
}


static int
fixture_verify(fixture_t *f, X509 *cert)
{
    int                 rc;
    X509_STORE         *store;
    STACK_OF(X509)     *chain;
    X509_STORE_CTX     *ctx;
    X509_VERIFY_PARAM  *param;

    store = X509_STORE_new();
    X509_STORE_add_cert(store, f->root);

    chain = sk_X509_new_null();
    sk_X509_push(chain, f->upper);

    ctx = X509_STORE_CTX_new();
    X509_STORE_CTX_init(ctx, store, cert, chain);

    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT
                                       |X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_time(param, f->ctx.now);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);

    if (X509_verify_cert(ctx) == 1) {
        rc = X509_V_OK;

    } else {
        rc = X509_STORE_CTX_get_error(ctx);
        printf("# %s\n", X509_verify_cert_error_string(rc));
    }

    X509_STORE_CTX_free(ctx);
    sk_X509_free(chain);
    X509_STORE_free(store);

    return rc;
}


static void
fixture_save(fixture_t *f, const char *name)
{
    int        i;
    FILE      *file;
    char       path[1024];
    X509      *cert[3];

    static const char  *parts[] = { "leaf", "issuer", "root" };

    if (folder == NULL) {
        return;
    }

    cert[0] = pki_x509(&f->cert.der);
    cert[1] = f->upper;
    cert[2] = f->root;

    for (i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s.%s.pem", folder, name, parts[i]);
        file = fopen(path, "w");
        PEM_write_X509(file, cert[i]);
        fclose(file);
    }

    X509_free(cert[0]);
}


static X509 *
sign(fixture_t *f, const char *what)
{
    X509  *cert;

    memset(&f->cert, 0, sizeof(f->cert));
    f->ctx.problem = NULL;

    if (!is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_OK,
                "%s: signed", what))
    {
        printf("# %s\n", shim_logged);
        return NULL;
    }

    cert = pki_x509(&f->cert.der);

    ok(cert != NULL, "%s: OpenSSL reads it", what);
    is_int(fixture_verify(f, cert), X509_V_OK, "%s: and verifies it", what);

    return cert;
}


static void
test_plain(fixture_t *f)
{
    X509                   *cert;
    int                     critical;
    BIGNUM                 *bn;
    u_char                  digest[32], number[32];
    u_char                 *again;
    GENERAL_NAMES          *names;
    BASIC_CONSTRAINTS      *constraints;
    const ASN1_OCTET_STRING *id;

    fixture_names(f, "a.example,*.b.example,10.0.0.1,2001:db8::1");

    cert = sign(f, "plain");
    if (cert == NULL) {
        return;
    }

    fixture_save(f, "plain");

    is_int(X509_get_version(cert), 2, "version 3");
    is_int(X509_check_host(cert, "a.example", 0, 0, NULL), 1, "first name");
    is_int(X509_check_host(cert, "x.b.example", 0, 0, NULL), 1, "wildcard");
    is_int(X509_check_host(cert, "c.example", 0, 0, NULL), 0, "no other");
    is_int(X509_check_ip_asc(cert, "10.0.0.1", 0), 1, "IPv4 address");
    is_int(X509_check_ip_asc(cert, "2001:db8::1", 0), 1, "IPv6 address");

    names = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
    is_int(sk_GENERAL_NAME_num(names), 4, "four names");
    is_int(critical, 1, "critical, for the subject is empty");
    GENERAL_NAMES_free(names);

    is_int(X509_NAME_entry_count(X509_get_subject_name(cert)), 0,
           "the subject is empty");

    constraints = X509_get_ext_d2i(cert, NID_basic_constraints, &critical,
                                   NULL);
    ok(constraints && !constraints->ca && critical, "not a CA, critical");
    BASIC_CONSTRAINTS_free(constraints);

    is_int(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE, "key usage");
    is_int(X509_get_extended_key_usage(cert), XKU_SSL_SERVER|XKU_SSL_CLIENT,
           "extended key usage");
    is_int(X509_get_ext_count(cert), 6, "six extensions");

    id = X509_get0_authority_key_id(cert);
    ok(id && ASN1_OCTET_STRING_cmp(id, X509_get0_subject_key_id(f->upper)) == 0,
       "the authority key id is the issuer's");

    id = X509_get0_subject_key_id(cert);
    X509_pubkey_digest(cert, EVP_sha256(), digest, NULL);
    ok(id && ASN1_STRING_length(id) == 20
       && memcmp(ASN1_STRING_get0_data(id), digest, 20) == 0,
       "the subject key id is made after RFC 7093, 2");

    bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    ok(BN_num_bytes(bn) == 16 && !BN_is_negative(bn), "serial of 16 bytes");
    BN_bn2bin(bn, number);
    ok(f->cert.serial.len == 16
       && memcmp(number, f->cert.serial.data, 16) == 0, "is recorded");
    BN_free(bn);

    X509_digest(cert, EVP_sha256(), digest, NULL);
    ok(memcmp(digest, f->cert.fingerprint, 32) == 0, "and its fingerprint");

    is_str(&f->cert.sans,
           "dns:a.example dns:*.b.example ip:10.0.0.1 ip:2001:db8::1",
           "and its names");
    is_str(&f->cert.key_type, "EC P-256", "and its key type");
    is_str(&f->cert.profile, "default", "and its profile");
    is_int(f->cert.common_name.len, 0, "no common name");
    is_int(f->cert.not_before, PKI_NOW - 3600, "back-dated");
    is_int(f->cert.not_after, PKI_NOW + 90 * DAY, "to the profile's end");
    is_int(f->cert.status, ACME_CA_VALID, "valid");
    is_int(f->cert.revocation_reason, -1, "not revoked");

    again = NULL;
    is_int(i2d_X509(cert, &again), (int) f->cert.der.len, "OpenSSL's DER ...");
    ok(memcmp(again, f->cert.der.data, f->cert.der.len) == 0, "... is ours");
    OPENSSL_free(again);

    X509_free(cert);
}


static void
test_keys(fixture_t *f)
{
    X509       *cert;
    size_t      i;
    EVP_PKEY   *key;
    ngx_uint_t  rsa;

    static const char  *kinds[][2] = {
        { "P-256", "EC P-256" },
        { "P-384", "EC P-384" },
        { "P-521", "EC P-521" },
        { "ED25519", "Ed25519" },
        { "2048", "RSA 2048" },
        { "3072", "RSA 3072" }
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        key = pki_key(kinds[i][0]);
        fixture_key(f, key);

        f->profile.eku = (i & 1) ? ACME_CA_EKU_CLIENT|ACME_CA_EKU_SERVER
                                 : ACME_CA_EKU_SERVER;
        f->profile.common_name = (i & 1) ? ACME_CA_CN_NONE : ACME_CA_CN_FIRST;

        cert = sign(f, kinds[i][1]);
        fixture_save(f, kinds[i][0]);

        is_str(&f->cert.key_type, kinds[i][1], "%s recorded", kinds[i][1]);
        is_int(EVP_PKEY_eq(key, X509_get0_pubkey(cert)), 1, "is in it");

        rsa = kinds[i][0][0] == '2' || kinds[i][0][0] == '3';
        is_int(X509_get_key_usage(cert),
               KU_DIGITAL_SIGNATURE | (rsa ? KU_KEY_ENCIPHERMENT : 0),
               "key usage for %s", kinds[i][1]);

        X509_free(cert);
        EVP_PKEY_free(key);
    }

    key = pki_key("P-256");
    fixture_key(f, key);
    EVP_PKEY_free(key);

    f->profile.eku = ACME_CA_EKU_CLIENT|ACME_CA_EKU_SERVER;
    f->profile.common_name = ACME_CA_CN_NONE;
}


/* every type of issuer's key */
static void
test_issuers(void)
{
    X509       *cert;
    size_t      i;
    EVP_PKEY   *key;
    fixture_t   f;
    ngx_str_t   pem, error;

    static const char  *kinds[] = {
        "P-256", "P-384", "P-521", "2048", "ED25519"
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        fixture_start(&f);

        key = pki_key(kinds[i]);

        X509_free(f.root);
        X509_free(f.upper);

        f.root = pki_ca("Unit Root", key, NULL, NULL, PKI_NOW - DAY,
                        PKI_NOW + 1000 * DAY, pki_ca_exts);
        f.upper = X509_dup(f.root);

        pem = pki_lit("");
        pki_pem(f.ctx.pool, f.root, &pem);

        if (!ok(acme_ca_issuer_load(f.ctx.pool, &pem, key, PKI_NOW,
                                    &f.issuer, &error) == NGX_OK,
                "issuer with %s", kinds[i]))
        {
            printf("# %.*s\n", (int) error.len, error.data);
        }

        EVP_PKEY_free(key);

        f.leaf.issuer = f.issuer;

        cert = sign(&f, kinds[i]);
        X509_free(cert);

        fixture_stop(&f);
    }
}


static void
test_dates(fixture_t *f)
{
    X509              *cert;
    acme_ca_issuer_t   issuer;

    issuer = *f->issuer;
    f->leaf.issuer = &issuer;

    /* clamped to the issuer's */

    f->profile.lifetime = 36500 * DAY;
    f->profile.backdate = 36500 * DAY;

    cert = sign(f, "clamped");
    is_int(f->cert.not_before, issuer.not_before, "notBefore of the issuer");
    is_int(f->cert.not_after, issuer.not_after, "notAfter of the issuer");
    X509_free(cert);

    f->profile.lifetime = 90 * DAY;
    f->profile.backdate = 3600;

    /* as ordered */

    f->leaf.not_before = PKI_NOW + DAY;
    f->leaf.not_after = PKI_NOW + 2 * DAY;
    f->ctx.now = PKI_NOW + DAY;
    cert = sign(f, "ordered");
    is_int(f->cert.not_before, PKI_NOW + DAY, "ordered notBefore");
    is_int(f->cert.not_after, PKI_NOW + 2 * DAY, "ordered notAfter");
    X509_free(cert);

    /* ordered in the future, without an end */

    f->ctx.now = PKI_NOW;
    f->leaf.not_after = 0;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_OK, "later");
    is_int(f->cert.not_before, PKI_NOW + DAY, "begins later");
    is_int(f->cert.not_after, PKI_NOW + 91 * DAY, "lasts as long");

    /* ordered days ago: exactly what was ordered */

    issuer.not_before = PKI_NOW - 20 * DAY;
    f->leaf.not_before = PKI_NOW - 10 * DAY;
    f->leaf.not_after = PKI_NOW + 90 * DAY;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_OK, "old");
    is_int(f->cert.not_before, PKI_NOW - 10 * DAY, "not clamped at its front");
    is_int(f->cert.not_after, PKI_NOW + 90 * DAY, "nor at its end");

    f->leaf.not_after = 0;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_OK, "no end");
    is_int(f->cert.not_before, PKI_NOW - 10 * DAY, "ordered notBefore");
    is_int(f->cert.not_after, PKI_NOW + 90 * DAY, "the profile's notAfter");

    f->leaf.not_after = PKI_NOW + 90 * DAY + 1;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ABORT,
           "longer than the profile");
    is_int(pki_problem(&f->ctx), ACME_CA_MALFORMED, "is malformed");

    f->ctx.problem = NULL;
    f->leaf.not_before = issuer.not_before - 1;
    f->leaf.not_after = 0;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ABORT,
           "before its issuer");
    is_int(pki_problem(&f->ctx), ACME_CA_MALFORMED, "is malformed");

    f->ctx.problem = NULL;
    issuer.not_after = PKI_NOW + 30 * DAY;
    f->leaf.not_before = 0;
    f->leaf.not_after = PKI_NOW + 31 * DAY;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ABORT,
           "after its issuer");
    is_int(pki_problem(&f->ctx), ACME_CA_MALFORMED, "is malformed");

    f->ctx.problem = NULL;
    issuer = *f->issuer;

    /* impossible */

    f->leaf.not_before = 0;
    f->leaf.not_after = PKI_NOW;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ABORT, "over");
    is_int(pki_problem(&f->ctx), ACME_CA_MALFORMED, "is malformed");

    f->ctx.problem = NULL;
    f->leaf.not_before = PKI_NOW + 3 * DAY;
    f->leaf.not_after = PKI_NOW + 2 * DAY;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ABORT,
           "ends before it begins");
    is_int(pki_problem(&f->ctx), ACME_CA_MALFORMED, "is malformed");

    f->ctx.problem = NULL;
    f->leaf.not_before = issuer.not_after + DAY;
    f->leaf.not_after = 0;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ABORT,
           "begins after its issuer ends");
    is_int(pki_problem(&f->ctx), ACME_CA_MALFORMED, "is malformed");

    f->leaf.not_before = 0;
    f->leaf.not_after = 0;

    /* the issuer has expired */

    f->ctx.problem = NULL;
    issuer.not_after = PKI_NOW;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ABORT,
           "no issuer");
    is_int(pki_problem(&f->ctx), ACME_CA_UNAVAILABLE, "comes later");

    /* both forms of a time; OpenSSL would not verify it with this issuer */

    issuer.not_before = (time_t) 2524608000 - DAY;
    issuer.not_after = (time_t) 2524608000 + 400 * DAY;
    f->ctx.now = (time_t) 2524608000 - 1;
    f->profile.lifetime = 1;
    f->profile.backdate = 0;

    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_OK, "2050");
    cert = pki_x509(&f->cert.der);
    is_int(ASN1_STRING_type(X509_get0_notBefore(cert)), V_ASN1_UTCTIME,
           "UTCTime through 2049");
    is_int(ASN1_STRING_type(X509_get0_notAfter(cert)),
           V_ASN1_GENERALIZEDTIME, "GeneralizedTime from 2050 on");
    X509_free(cert);

    f->ctx.problem = NULL;
    f->ctx.now = PKI_NOW;
    f->profile.lifetime = 90 * DAY;
    f->profile.backdate = 3600;
    f->leaf.issuer = f->issuer;
}


static void
test_common_name(fixture_t *f)
{
    X509           *cert;
    acme_ca_csr_t   csr;

    static const char  *longest =
        "a123456789.b123456789.c123456789.d123456789.e123456789.f12345678."
        "example";

    csr = *f->csr;
    f->leaf.csr = &csr;

    f->profile.common_name = ACME_CA_CN_FIRST;

    fixture_names(f, "10.0.0.1,*.b.example,a.example");
    cert = sign(f, "first");
    is_str(&f->cert.common_name, "*.b.example", "the first dns name");
    is_int(X509_get_extension_flags(cert) & EXFLAG_CRITICAL, 0, "understood");
    is_int(X509_EXTENSION_get_critical(X509_get_ext(cert,
               X509_get_ext_by_NID(cert, NID_subject_alt_name, -1))), 0,
           "the names are not critical then");
    X509_free(cert);

    fixture_names(f, longest);
    X509_free(sign(f, "none fits"));
    is_int(f->cert.common_name.len, 0, "none that fits");

    fixture_names(f, "10.0.0.1");
    X509_free(sign(f, "no dns name"));
    is_int(f->cert.common_name.len, 0, "no dns name");

    f->profile.common_name = ACME_CA_CN_CSR;

    fixture_names(f, "a.example,b.example,10.0.0.1");
    X509_free(sign(f, "the request has none"));
    is_int(f->cert.common_name.len, 0, "none in the request");

    csr.common_name = pki_lit("b.example");
    X509_free(sign(f, "the request's"));
    is_str(&f->cert.common_name, "b.example", "the request's");

    csr.common_name = pki_lit("10.0.0.1");
    X509_free(sign(f, "the request's address"));
    is_str(&f->cert.common_name, "10.0.0.1", "the request's address");

    csr.common_name = pki_lit("c.example");
    X509_free(sign(f, "not ordered"));
    is_int(f->cert.common_name.len, 0, "not the request's: not ordered");

    csr.common_name = pki_c(longest);
    fixture_names(f, longest);
    X509_free(sign(f, "too long"));
    is_int(f->cert.common_name.len, 0, "not the request's: too long");

    f->profile.common_name = ACME_CA_CN_NONE;
    csr.common_name = pki_lit("a.example");
    fixture_names(f, "a.example");
    X509_free(sign(f, "not wanted"));
    is_int(f->cert.common_name.len, 0, "not wanted");

    f->leaf.csr = f->csr;
}


static int
ext_count(X509 *cert, int nid)
{
    int  critical;

    if (X509_get_ext_by_NID(cert, nid, -1) < 0) {
        return 0;
    }

    critical = X509_EXTENSION_get_critical(X509_get_ext(cert,
                                       X509_get_ext_by_NID(cert, nid, -1)));
    return critical ? -1 : 1;
}


static char *
uri_of(GENERAL_NAME *name)
{
    return (name->type == GEN_URI)
           ? (char *) ASN1_STRING_get0_data(name->d.ia5) : "";
}


/* what a flipped profile is refused for, when the lint sees it */
static void
lint_differs(fixture_t *f, const char *what)
{
    ngx_str_t      tbs;
    acme_ca_der_t  span, cert, whole;

    span.p = f->cert.der.data;
    span.last = span.p + f->cert.der.len;
    acme_ca_der_take(&span, 0x30, &cert, NULL);
    acme_ca_der_take(&cert, 0x30, NULL, &whole);

    tbs = pki_str((char *) whole.p, whole.last - whole.p);

    is_int(acme_ca_lint(&f->ctx, &f->leaf, &tbs), NGX_ERROR,
           "lint refuses: %s", what);
}


/* CRL and OCSP URLs, caIssuers, must-staple, noRevAvail */
static void
test_revocation(fixture_t *f)
{
    X509                   *cert;
    TLS_FEATURE            *features;
    acme_ca_csr_t           csr;
    CRL_DIST_POINTS        *points;
    acme_ca_profile_t       kept;
    AUTHORITY_INFO_ACCESS  *access;

    static const char  url[] = "http://ca.example/a/long/path/crl";

    kept = f->profile;
    fixture_names(f, "a.example");

    f->profile.crl_url = pki_lit("http://ca.example/a/long/path/crl");
    f->profile.ocsp_url = pki_lit("http://ca.example/ocsp");
    f->profile.issuer_url = pki_lit("http://ca.example/issuer.der");
    f->profile.must_staple = ACME_CA_STAPLE_ON;

    cert = sign(f, "all URLs");
    fixture_save(f, "urls");

    is_int(X509_get_ext_count(cert), 9, "three extensions more");
    is_int(ext_count(cert, NID_crl_distribution_points), 1, "not critical");
    is_int(ext_count(cert, NID_info_access), 1, "not critical");
    is_int(ext_count(cert, NID_tlsfeature), 1, "not critical");

    points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    ok(points && sk_DIST_POINT_num(points) == 1
       && strcmp(uri_of(sk_GENERAL_NAME_value(
                     sk_DIST_POINT_value(points, 0)->distpoint->name.fullname,
                     0)), url) == 0, "the CRL's URL");
    CRL_DIST_POINTS_free(points);

    access = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    ok(access && sk_ACCESS_DESCRIPTION_num(access) == 2
       && OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access, 0)->method)
          == NID_ad_OCSP
       && OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access, 1)->method)
          == NID_ad_ca_issuers
       && strcmp(uri_of(sk_ACCESS_DESCRIPTION_value(access, 1)->location),
                 "http://ca.example/issuer.der") == 0, "OCSP, then caIssuers");
    AUTHORITY_INFO_ACCESS_free(access);

    features = X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
    ok(features && sk_ASN1_INTEGER_num(features) == 1
       && ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, 0)) == 5,
       "status_request");
    TLS_FEATURE_free(features);

    X509_free(cert);

    f->profile.must_staple = ACME_CA_STAPLE_OFF;
    lint_differs(f, "must-staple that is not wanted");
    f->profile.must_staple = ACME_CA_STAPLE_ON;
    f->profile.crl_url = pki_lit("http://ca.example/a/long/path/crx");
    lint_differs(f, "another CRL");
    f->profile.crl_url = pki_lit("");
    lint_differs(f, "a CRL that is not wanted");
    f->profile.crl_url = pki_c(url);
    f->profile.ocsp_url = pki_lit("http://ca.example/ocso");
    lint_differs(f, "another OCSP responder");
    f->profile.ocsp_url = pki_lit("");
    lint_differs(f, "an OCSP responder that is not wanted");
    f->profile.ocsp_url = pki_lit("http://ca.example/ocsp");
    f->profile.issuer_url = pki_lit("");
    lint_differs(f, "a caIssuers that is not wanted");
    f->profile.no_rev_avail = 1;
    lint_differs(f, "a missing extension");
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ERROR,
           "noRevAvail and a CRL are not signed");

    /* one of each */

    f->profile = kept;
    f->profile.issuer_url = pki_lit("http://ca.example/issuer.der");
    cert = sign(f, "caIssuers alone");
    is_int(ext_count(cert, NID_info_access), 1, "caIssuers alone");
    is_int(ext_count(cert, NID_crl_distribution_points), 0, "no CRL");
    X509_free(cert);

    f->profile = kept;
    f->profile.no_rev_avail = 1;
    cert = sign(f, "noRevAvail");
    fixture_save(f, "norevavail");
    is_int(X509_get_ext_count(cert), 7, "one extension more");
    X509_free(cert);

    /* must-staple as the request has it */

    f->profile = kept;
    f->profile.ocsp_url = pki_lit("http://ca.example/ocsp");
    f->profile.must_staple = ACME_CA_STAPLE_CSR;
    csr = *f->csr;
    f->leaf.csr = &csr;
    cert = sign(f, "not asked for");
    is_int(ext_count(cert, NID_tlsfeature), 0, "not asked for");
    X509_free(cert);
    csr.must_staple = 1;
    cert = sign(f, "asked for");
    is_int(ext_count(cert, NID_tlsfeature), 1, "asked for");
    X509_free(cert);
    f->profile.must_staple = ACME_CA_STAPLE_OFF;
    cert = sign(f, "asked for in vain");
    is_int(ext_count(cert, NID_tlsfeature), 0, "asked for in vain");
    X509_free(cert);

    f->leaf.csr = f->csr;
    f->profile = kept;
}


static void
test_many_names(fixture_t *f)
{
    int     i;
    X509   *cert;
    char   *names, *p;

    names = malloc(40000);
    p = names;

    for (i = 0; i < 1000; i++) {
        p += sprintf(p, "%shost-number-%d.example.org", i ? "," : "", i);
    }

    fixture_names(f, names);
    free(names);

    cert = sign(f, "a thousand names");
    is_int(X509_check_host(cert, "host-number-999.example.org", 0, 0, NULL),
           1, "the last");
    X509_free(cert);

    fixture_names(f, "a.example");
}


static void
test_pem(fixture_t *f)
{
    int         i;
    X509       *cert;
    u_char      bytes[200];
    ngx_str_t   der, pem;
    char       *name, *header;
    u_char     *data;
    long        len;
    BIO        *bio;

    X509_free(sign(f, "for PEM"));

    is_int(acme_ca_pem_write(f->ctx.pool, &f->cert.der, &pem), NGX_OK, "PEM");
    cert = pki_x509_pem(&pem);
    ok(cert != NULL, "is read by OpenSSL");
    X509_free(cert);

    memset(bytes, 'x', sizeof(bytes));

    for (i = 0; i < 200; i++) {
        der = pki_str((char *) bytes, i);
        acme_ca_pem_write(f->ctx.pool, &der, &pem);

        bio = BIO_new_mem_buf(pem.data, pem.len);

        if (PEM_read_bio(bio, &name, &header, &data, &len) != 1
            || len != i || memcmp(data, bytes, len) != 0
            || pem.data[pem.len - 1] != '\n'
            || pem.len != strlen((char *) pem.data))
        {
            if (i > 0) {
                ok(0, "PEM of %d bytes", i);
            }

        } else {
            OPENSSL_free(name);
            OPENSSL_free(header);
            OPENSSL_free(data);
        }

        BIO_free(bio);
    }

    ERR_clear_error();

    ok(1, "PEM of every length");
}


static void
test_serial(fixture_t *f)
{
    int                    i;
    size_t                 len;
    ngx_str_t              serial, der;
    acme_ca_certificate_t  other;

    X509_free(sign(f, "for its serial"));

    is_int(acme_ca_certificate_serial(&f->cert.der, &serial), NGX_OK, "read");
    ok(acme_ca_str_eq(&serial, &f->cert.serial), "the same");

    for (len = 0; len < f->cert.der.len; len++) {
        der = pki_str((char *) f->cert.der.data, len);
        if (acme_ca_certificate_serial(&der, &serial) != NGX_DECLINED) {
            ok(0, "cut off at %d", (int) len);
        }
    }

    for (i = 0; i < 300; i++) {
        memset(&other, 0, sizeof(other));
        if (acme_ca_leaf_sign(&f->ctx, &f->leaf, &other) != NGX_OK
            || other.serial.len != 16 || other.serial.data[0] == 0
            || other.serial.data[0] > 0x7f
            || acme_ca_str_eq(&other.serial, &f->cert.serial))
        {
            ok(0, "serial %d", i);
        }
    }

    ok(1, "300 serials");
}


static ngx_str_t
piece(acme_ca_der_t *der)
{
    u_char         tag;
    acme_ca_der_t  whole;

    tag = acme_ca_der_peek(der);

    if (acme_ca_der_take(der, tag, NULL, &whole) != NGX_OK) {
        abort();
    }

    return pki_str((char *) whole.p, whole.last - whole.p);
}


/* the TBS in a certificate's DER, in pieces */
static void
tbs_split(ngx_str_t *der, tbs_t *tbs)
{
    int            i;
    acme_ca_der_t  span, cert, parts, content, list;

    span.p = der->data;
    span.last = der->data + der->len;

    acme_ca_der_take(&span, 0x30, &cert, NULL);
    acme_ca_der_take(&cert, 0x30, &parts, NULL);

    for (i = 0; i < EXTENSIONS; i++) {
        tbs->part[i] = piece(&parts);
    }

    acme_ca_der_take(&parts, 0xa3, &content, NULL);
    acme_ca_der_take(&content, 0x30, &list, NULL);

    for (i = 0; i < 6; i++) {
        tbs->ext[i] = piece(&list);
    }
}


static ngx_int_t
tbs_lint(fixture_t *f, tbs_t *tbs)
{
    int         i;
    ngx_str_t   all, exts;

    exts = pki_lit("");
    all = pki_lit("");

    for (i = 0; i < 6; i++) {
        exts = pki_cat(f->ctx.pool, exts, tbs->ext[i]);
    }

    for (i = 0; i < EXTENSIONS; i++) {
        all = pki_cat(f->ctx.pool, all, tbs->part[i]);
    }

    all = pki_der(f->ctx.pool, 0x30, all,
                  pki_der(f->ctx.pool, 0xa3,
                          pki_der(f->ctx.pool, 0x30, exts, PKI_END), PKI_END),
                  tbs->part[EXTENSIONS], PKI_END);

    shim_logged[0] = '\0';

    return acme_ca_lint(&f->ctx, &f->leaf, &all);
}


/* one piece replaced */
static void
refuses(fixture_t *f, tbs_t *tbs, ngx_str_t *piece, ngx_str_t value,
    const char *what)
{
    ngx_str_t  kept;

    kept = *piece;
    *piece = value;

    is_int(tbs_lint(f, tbs), NGX_ERROR, "lint refuses: %s", what);
    ok(strstr(shim_logged, "not signed") != NULL, "and says so");

    *piece = kept;
}


static void
test_lint(fixture_t *f)
{
    tbs_t             tbs;
    size_t            i, n;
    u_char            kept;
    ngx_pool_t       *p;
    ngx_str_t         whole, dns, key_id;
    acme_ca_der_t     span, cert, t;
    acme_ca_csr_t     csr;
    acme_ca_issuer_t  issuer;

    p = f->ctx.pool;
    fixture_names(f, "a.example,10.0.0.1");
    X509_free(sign(f, "to be tampered with"));

    tbs_split(&f->cert.der, &tbs);
    tbs.part[EXTENSIONS] = pki_lit("");

    is_int(tbs_lint(f, &tbs), NGX_OK, "lint takes it put together again");

    /* each bit of each byte */

    span.p = f->cert.der.data;
    span.last = span.p + f->cert.der.len;
    acme_ca_der_take(&span, 0x30, &cert, NULL);
    acme_ca_der_take(&cert, 0x30, NULL, &t);
    whole = pki_str((char *) t.p, t.last - t.p);

    n = 0;

    for (i = 0; i < whole.len * 8; i++) {
        kept = whole.data[i / 8];
        whole.data[i / 8] ^= 1 << (i % 8);

        if (acme_ca_lint(&f->ctx, &f->leaf, &whole) == NGX_OK) {

            /* the serial number's value is the one thing that is free */

            if (i / 8 >= (size_t) (tbs.part[SERIAL].data + 2 - whole.data)
                && i / 8 < (size_t) (tbs.part[SERIAL].data + 18 - whole.data))
            {
                n++;

            } else {
                ok(0, "lint takes a flipped bit %d of byte %d", (int) i % 8,
                   (int) i / 8);
            }
        }

        whole.data[i / 8] = kept;
    }

    ok(n > 100 && n < 128, "lint refuses every flipped bit");

    for (i = 0; i < whole.len; i++) {
        dns = pki_str((char *) whole.data, i);
        if (acme_ca_lint(&f->ctx, &f->leaf, &dns) == NGX_OK) {
            ok(0, "lint takes %d bytes", (int) i);
        }
    }

    /* by the piece */

    refuses(f, &tbs, &tbs.part[VERSION], pki_lit(""), "version 1");
    refuses(f, &tbs, &tbs.part[VERSION], pki_lit("\xa0\x03\x02\x01\x01"),
            "version 2");
    refuses(f, &tbs, &tbs.part[SERIAL],
            pki_lit("\x02\x10\0\1\2\3\4\5\6\7\1\2\3\4\5\6\7\7"),
            "a serial that is not in its shortest form");
    refuses(f, &tbs, &tbs.part[SERIAL],
            pki_lit("\x02\x10\x80\1\2\3\4\5\6\7\1\2\3\4\5\6\7\7"),
            "a negative serial");
    refuses(f, &tbs, &tbs.part[SERIAL], pki_lit("\x02\x01\x01"),
            "a short serial");
    refuses(f, &tbs, &tbs.part[SERIAL],
            pki_lit("\x02\x11\1\1\2\3\4\5\6\7\1\2\3\4\5\6\7\7\7"),
            "a long serial");
    refuses(f, &tbs, &tbs.part[ALGORITHM], PKI_RSA_SHA256,
            "another algorithm");
    refuses(f, &tbs, &tbs.part[ISSUER],
            pki_der(p, 0x30, pki_cn(p, "Other CA"), PKI_END),
            "another issuer");
    refuses(f, &tbs, &tbs.part[ISSUER], pki_lit("\x30\0"), "no issuer");
    refuses(f, &tbs, &tbs.part[VALIDITY],
            pki_der(p, 0x30, pki_lit("\x17\x0d" "270115070000Z"),
                    pki_lit("\x17\x0d" "270415080001Z"), PKI_END),
            "a second too long");
    refuses(f, &tbs, &tbs.part[VALIDITY],
            pki_der(p, 0x30, pki_lit("\x17\x0d" "270115065959Z"),
                    pki_lit("\x17\x0d" "270415080000Z"), PKI_END),
            "a second too early");
    refuses(f, &tbs, &tbs.part[VALIDITY],
            pki_der(p, 0x30, pki_lit("\x18\x0f" "20270115070000Z"),
                    pki_lit("\x17\x0d" "270415080000Z"), PKI_END),
            "GeneralizedTime before 2050");
    refuses(f, &tbs, &tbs.part[VALIDITY],
            pki_der(p, 0x30, pki_lit("\x17\x0d" "270115070000Z"),
                    pki_lit("\x17\x11" "270415080000+0000"), PKI_END),
            "another time zone");
    refuses(f, &tbs, &tbs.part[VALIDITY],
            pki_der(p, 0x30, pki_lit("\x17\x0d" "270415080000Z"),
                    pki_lit("\x17\x0d" "270115070000Z"), PKI_END),
            "dates turned round");
    refuses(f, &tbs, &tbs.part[VALIDITY],
            pki_der(p, 0x30, pki_lit("\x17\x0d" "270115070000Z"), PKI_END),
            "one date");
    refuses(f, &tbs, &tbs.part[SUBJECT],
            pki_der(p, 0x30, pki_cn(p, "a.example"), PKI_END),
            "a common name that the profile does not want");
    refuses(f, &tbs, &tbs.part[KEY], PKI_ECDSA_SHA256, "no key");
    refuses(f, &tbs, &tbs.part[EXTENSIONS], pki_lit("\x04\0"),
            "something behind the extensions");
    refuses(f, &tbs, &tbs.part[KEY],
            pki_cat(p, tbs.part[KEY], pki_lit("\x81\x02\0\x01")),
            "a unique identifier");

    /* extensions */

    for (i = 0; i < 6; i++) {
        refuses(f, &tbs, &tbs.ext[i], pki_lit(""), "a missing extension");
        refuses(f, &tbs, &tbs.ext[i], pki_cat(p, tbs.ext[i], tbs.ext[i]),
                "an extension twice");
        refuses(f, &tbs, &tbs.ext[i],
                pki_cat(p, tbs.ext[i],
                        pki_extension(p, pki_lit("\x55\x1d\x20"), pki_lit(""),
                                      pki_lit("\x30\0"))),
                "an extension of another kind");
    }

    refuses(f, &tbs, &tbs.ext[CONSTRAINTS],
            pki_extension(p, pki_lit("\x55\x1d\x13"),
                          pki_lit("\x01\x01\xff"),
                          pki_lit("\x30\x03\x01\x01\xff")), "CA:TRUE");
    refuses(f, &tbs, &tbs.ext[CONSTRAINTS],
            pki_extension(p, pki_lit("\x55\x1d\x13"), pki_lit(""),
                          pki_lit("\x30\0")), "constraints not critical");
    refuses(f, &tbs, &tbs.ext[CONSTRAINTS],
            pki_extension(p, pki_lit("\x55\x1d\x13"),
                          pki_lit("\x01\x01\x01"), pki_lit("\x30\0")),
            "a boolean that is not DER");
    refuses(f, &tbs, &tbs.ext[USAGE],
            pki_extension(p, pki_lit("\x55\x1d\x0f"),
                          pki_lit("\x01\x01\xff"),
                          pki_lit("\x03\x02\x02\x84")), "keyCertSign");
    refuses(f, &tbs, &tbs.ext[USAGE],
            pki_extension(p, pki_lit("\x55\x1d\x0f"),
                          pki_lit("\x01\x01\xff"),
                          pki_lit("\x03\x02\x05\xa0")),
            "keyEncipherment with EC");
    refuses(f, &tbs, &tbs.ext[PURPOSES],
            pki_extension(p, pki_lit("\x55\x1d\x25"), pki_lit(""),
                          pki_lit("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07"
                                  "\x03\x01")), "a missing purpose");
    refuses(f, &tbs, &tbs.ext[PURPOSES],
            pki_extension(p, pki_lit("\x55\x1d\x25"), pki_lit(""),
                          pki_lit("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07"
                                  "\x03\x09")), "OCSPSigning");
    refuses(f, &tbs, &tbs.ext[KEY_ID],
            pki_extension(p, pki_lit("\x55\x1d\x0e"), pki_lit(""),
                          pki_lit("\x04\x14" "01234567890123456789")),
            "another key id");

    key_id = f->issuer->key_id;
    refuses(f, &tbs, &tbs.ext[AUTHORITY],
            pki_extension(p, pki_lit("\x55\x1d\x23"), pki_lit(""),
                          pki_der(p, 0x30,
                                  pki_der(p, 0x80, key_id, PKI_END),
                                  pki_lit("\x82\x01\x01"), PKI_END)),
            "more than the authority's key id");

    dns = pki_lit("\x82\x09" "a.example");

#define NAMES_OF(critical, ...)                                               \
    pki_extension(p, pki_lit("\x55\x1d\x11"), pki_lit(critical),              \
                  pki_der(p, 0x30, __VA_ARGS__, PKI_END))
#define IP  pki_lit("\x87\x04\x0a\0\0\x01")
#define YES "\x01\x01\xff"

    refuses(f, &tbs, &tbs.ext[NAMES], NAMES_OF("", dns, IP),
            "names not critical without a subject");
    refuses(f, &tbs, &tbs.ext[NAMES], NAMES_OF(YES, dns), "a missing name");
    refuses(f, &tbs, &tbs.ext[NAMES], NAMES_OF(YES, dns, IP, dns),
            "a name too many");
    refuses(f, &tbs, &tbs.ext[NAMES],
            NAMES_OF(YES, pki_lit("\x82\x09" "b.example"), IP),
            "another name");
    refuses(f, &tbs, &tbs.ext[NAMES],
            NAMES_OF(YES, pki_lit("\x82\x0b" "*.a.example"), IP),
            "a wildcard that was not ordered");
    refuses(f, &tbs, &tbs.ext[NAMES],
            NAMES_OF(YES, pki_lit("\x86\x09" "a.example"), IP),
            "a name of another type");
    refuses(f, &tbs, &tbs.ext[NAMES],
            NAMES_OF(YES, dns, pki_lit("\x87\x04\x0a\0\0\x02")),
            "another address");
    refuses(f, &tbs, &tbs.ext[NAMES],
            NAMES_OF(YES, pki_lit("\x82\x0a" "a.example\0"), IP),
            "a NUL in a name");

    /* the same, but for another leaf */

    csr = *f->csr;
    csr.spki = pki_cat(p, csr.spki, pki_lit(""));
    csr.spki.data[csr.spki.len - 1] ^= 1;
    f->leaf.csr = &csr;
    is_int(tbs_lint(f, &tbs), NGX_ERROR, "lint refuses another key");

    csr = *f->csr;
    csr.key = ACME_CA_KEY_RSA_2048;
    is_int(tbs_lint(f, &tbs), NGX_ERROR, "lint refuses another key usage");
    f->leaf.csr = f->csr;

    f->profile.key_types = ACME_CA_KEY_RSA_2048;
    is_int(tbs_lint(f, &tbs), NGX_ERROR, "lint refuses another key type");
    f->profile.key_types = ACME_CA_KEY_ANY;

    f->profile.common_name = ACME_CA_CN_FIRST;
    is_int(tbs_lint(f, &tbs), NGX_ERROR, "lint misses the common name");
    f->profile.common_name = ACME_CA_CN_NONE;

    issuer = *f->issuer;
    f->leaf.issuer = &issuer;
    issuer.not_after = PKI_NOW + DAY;
    is_int(tbs_lint(f, &tbs), NGX_ERROR, "lint: longer than its issuer");
    issuer.not_after = f->issuer->not_after;
    issuer.not_before = PKI_NOW;
    is_int(tbs_lint(f, &tbs), NGX_ERROR, "lint: earlier than its issuer");
    f->leaf.issuer = f->issuer;

    /* a profile that lets certificates be used for everything */

    f->profile.eku = 0;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ERROR,
           "no certificate without a purpose");
    f->profile.eku = ACME_CA_EKU_SERVER|ACME_CA_EKU_CLIENT;

    f->leaf.n = 0;
    is_int(acme_ca_leaf_sign(&f->ctx, &f->leaf, &f->cert), NGX_ERROR,
           "nor without a name");

    fixture_names(f, "a.example");
}


static void
test_memory(fixture_t *f)
{
    ngx_int_t              n, rc;
    acme_ca_ctx_t          ctx;
    acme_ca_certificate_t  cert;

    f->profile.common_name = ACME_CA_CN_FIRST;
    fixture_names(f, "*.a.example,b.example");

    for (n = 0; /* void */ ; n++) {
        ctx = f->ctx;
        ctx.pool = ngx_create_pool(1024, &shim_log);
        memset(&cert, 0, sizeof(cert));

        shim_fail_at(n);
        rc = acme_ca_leaf_sign(&ctx, &f->leaf, &cert);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "signed with memory");
            ngx_destroy_pool(ctx.pool);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        /* a key that cannot sign is one that is away */

        if (rc != NGX_ERROR && rc != NGX_OK
            && (rc != NGX_ABORT || ctx.problem == NULL
                || ctx.problem->type != ACME_CA_UNAVAILABLE))
        {
            ok(0, "without allocation %d: %d", (int) n, (int) rc);
        }

        ctx.problem = NULL;

        if (ERR_peek_error()) {
            ERR_clear_error();
        }

        ngx_destroy_pool(ctx.pool);
    }

    ok(n > 5, "%d allocations can fail", (int) n);

    f->profile.common_name = ACME_CA_CN_NONE;
}
