
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_issuer*.c, acme_ca_hierarchy.c.
 */


#include "pki.h"
#include "tap.h"
#include "acme_ca_x509.h"


#define DAY  ((time_t) 86400)


static void test_hierarchy(void);
static void test_alternates(void);
static void test_renewed(void);
static void test_names(void);
static void test_chains(void);
static void test_refused(void);
static void test_memory(void);


static EVP_PKEY  *root_key, *mid_key, *key;


int
main(void)
{
    /* not shim_openssl(): without memory OpenSSL's decoders crash */

    root_key = pki_key("P-256");
    mid_key = pki_key("P-256");
    key = pki_key("P-256");

    test_hierarchy();
    test_alternates();
    test_renewed();
    test_names();
    test_chains();
    test_refused();
    test_memory();

    EVP_PKEY_free(root_key);
    EVP_PKEY_free(mid_key);
    EVP_PKEY_free(key);

    return done_testing();
}


/* the bytes of an extension are exactly these */
static int
ext_is(X509 *cert, int nid, int critical, const char *bytes, size_t len)
{
    int                       i;
    X509_EXTENSION           *ext;
    const ASN1_OCTET_STRING  *value;

    i = X509_get_ext_by_NID(cert, nid, -1);
    if (i < 0) {
        return 0;
    }

    ext = X509_get_ext(cert, i);
    value = X509_EXTENSION_get_data(ext);

    return X509_EXTENSION_get_critical(ext) == critical
           && ASN1_STRING_length(value) == (int) len
           && memcmp(ASN1_STRING_get0_data(value), bytes, len) == 0;
}

#define ext_is(cert, nid, critical, literal)                                  \
    ext_is(cert, nid, critical, literal, sizeof(literal) - 1)


/* of a hundred days, with all that a CA needs */

static X509 *
ca(const char *name, EVP_PKEY *of, X509 *parent, EVP_PKEY *by)
{
    return pki_ca(name, of, parent, by, PKI_NOW - DAY, PKI_NOW + 100 * DAY,
                  pki_ca_exts);
}


static time_t
seconds(const ASN1_TIME *at)
{
    struct tm  tm;

    ASN1_TIME_to_tm(at, &tm);

    return timegm(&tm);
}


static void
test_hierarchy(void)
{
    X509                   *root, *cert;
    EVP_PKEY               *a, *b;
    ngx_int_t               rc;
    ngx_str_t               name = ngx_string("corp"), chain, error;
    X509_STORE             *store;
    acme_ca_ctx_t           ctx;
    X509_STORE_CTX         *verify;
    acme_ca_issuer_t       *issuer;
    acme_ca_hierarchy_t     h, other;

    pki_start(&ctx);

    is_int(acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h), NGX_OK,
           "a hierarchy");
    is_int(acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &other), NGX_OK,
           "another");

    root = pki_x509_pem(&h.root_certificate);
    cert = pki_x509_pem(&h.certificate);
    a = pki_key_pem(&h.root_key);
    b = pki_key_pem(&h.key);

    ok(root && cert && a && b, "all of it is read by OpenSSL");

    is_int(X509_check_private_key(root, a), 1, "the root's key");
    is_int(X509_check_private_key(cert, b), 1, "the intermediate's key");
    is_int(EVP_PKEY_eq(a, b), 0, "is another");

    ok(ext_is(root, NID_basic_constraints, 1, "\x30\x03\x01\x01\xff"),
       "the root's constraints");
    ok(ext_is(cert, NID_basic_constraints, 1,
              "\x30\x06\x01\x01\xff\x02\x01\0"),
       "the intermediate's constraints: no CA below it");
    ok(ext_is(root, NID_key_usage, 1, "\x03\x02\x01\x06"), "key usage");
    ok(ext_is(cert, NID_key_usage, 1, "\x03\x02\x01\x06"), "key usage");
    is_int(X509_get_ext_count(root), 3, "three extensions");
    is_int(X509_get_ext_count(cert), 4, "four extensions");
    ok(X509_get0_subject_key_id(root) != NULL
       && ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(root),
                                X509_get0_authority_key_id(cert)) == 0,
       "key ids fit");

    is_int(X509_get_version(root), 2, "version 3");
    is_int(seconds(X509_get0_notBefore(cert)), PKI_NOW - DAY, "from yesterday");
    is_int(seconds(X509_get0_notAfter(root)), PKI_NOW + 3650 * DAY,
           "ten years");
    is_int(seconds(X509_get0_notAfter(cert)), PKI_NOW + 1825 * DAY,
           "five years");

    store = X509_STORE_new();
    X509_STORE_add_cert(store, root);
    verify = X509_STORE_CTX_new();
    X509_STORE_CTX_init(verify, store, cert, NULL);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(verify),
                                X509_V_FLAG_X509_STRICT
                                |X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(verify), PKI_NOW);
    is_int(X509_verify_cert(verify), 1, "verified strictly");
    X509_STORE_CTX_free(verify);
    X509_STORE_free(store);

    chain = pki_cat(ctx.pool, h.certificate, h.root_certificate);
    rc = acme_ca_issuer_load(ctx.pool, &chain, b, PKI_NOW, &issuer, &error);
    is_int(rc, NGX_OK, "loaded");

    ok(strncmp((char *) issuer->name.data, "corp Intermediate CA ", 21) == 0
       && issuer->name.len == 29, "named \"%s\"", (char *) issuer->name.data);
    ok(acme_ca_str_eq(&issuer->chain, &h.certificate),
       "the chain is without the root");
    ok(acme_ca_str_eq(&issuer->root, &h.root_certificate), "the root");
    is_int(issuer->not_before, PKI_NOW - DAY, "notBefore");
    is_int(issuer->not_after, seconds(X509_get0_notAfter(cert)), "notAfter");
    is_int(issuer->key_id.len, 20, "key id");
    ok(issuer->digest == EVP_sha256(), "digest");

    ok(!acme_ca_str_eq(&h.root_certificate, &other.root_certificate)
       && X509_NAME_cmp(X509_get_subject_name(root),
                        X509_get_issuer_name(cert)) == 0, "names fit");

    X509_free(cert);
    cert = pki_x509_pem(&other.certificate);
    ok(X509_NAME_cmp(X509_get_subject_name(root),
                     X509_get_issuer_name(cert)) != 0,
       "no two CAs share a name");

    chain = pki_cat(ctx.pool, h.certificate, other.root_certificate);
    is_int(acme_ca_issuer_load(ctx.pool, &chain, b, PKI_NOW, &issuer, &error),
           NGX_DECLINED, "another's root");

    X509_free(root);
    X509_free(cert);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    pki_stop(&ctx);
}


/* another certificate of the same name and key */
/* the certificate is freed */

static void
no_chain(acme_ca_ctx_t *ctx, acme_ca_issuer_t *issuer, X509 *cert,
    const char *what)
{
    ngx_str_t  pem, error;

    pem = pki_lit("");
    pki_pem(ctx->pool, cert, &pem);
    X509_free(cert);

    is_int(acme_ca_issuer_add_chain(ctx->pool, issuer, &pem, PKI_NOW, &error),
           NGX_DECLINED, "%s", what);
}


static void
test_alternates(void)
{
    X509              *root, *cert, *other_root, *cross;
    ngx_int_t          n, rc;
    ngx_str_t          pem, error, expected, *chain;
    acme_ca_ctx_t      ctx, one;
    acme_ca_issuer_t  *issuer, copy;

    pki_start(&ctx);

    root = ca("Root", root_key, NULL, NULL);
    other_root = ca("Other Root", mid_key, NULL, NULL);
    cert = ca("Issuer", key, root, root_key);
    cross = pki_ca("Issuer", key, other_root, mid_key, PKI_NOW - DAY,
                   PKI_NOW + 50 * DAY, pki_ca_exts);

    pem = pki_lit("");
    pki_pem(ctx.pool, cert, &pem);

    is_int(acme_ca_issuer_load(ctx.pool, &pem, key, PKI_NOW, &issuer, &error),
           NGX_OK, "an issuer");
    is_int(issuer->alternates.nelts, 0, "without another chain");

    expected = pki_lit("");
    pki_pem(ctx.pool, cross, &expected);
    pem = pki_cat(ctx.pool, expected, pki_lit(""));
    pki_pem(ctx.pool, other_root, &pem);

    is_int(acme_ca_issuer_add_chain(ctx.pool, issuer, &pem, PKI_NOW, &error),
           NGX_OK, "another chain");
    is_int(issuer->alternates.nelts, 1, "is added");
    chain = issuer->alternates.elts;
    ok(acme_ca_str_eq(chain, &expected), "without its root");

    is_int(acme_ca_issuer_add_chain(ctx.pool, issuer, &pem,
                                    PKI_NOW + 60 * DAY, &error),
           NGX_DONE, "expired");

    no_chain(&ctx, issuer, ca("Issuer", root_key, other_root, mid_key),
             "another key");
    no_chain(&ctx, issuer, ca("Issuer 2", key, other_root, mid_key),
             "another name");

    pem = pki_cat(ctx.pool, expected, pki_lit(""));
    pki_pem(ctx.pool, root, &pem);
    is_int(acme_ca_issuer_add_chain(ctx.pool, issuer, &pem, PKI_NOW, &error),
           NGX_ABORT, "not in order");
    pem = pki_lit("none");
    is_int(acme_ca_issuer_add_chain(ctx.pool, issuer, &pem, PKI_NOW, &error),
           NGX_ABORT, "none");
    is_int(issuer->alternates.nelts, 1, "none of these is added");

    for (n = 0; /* void */ ; n++) {
        pki_start(&one);

        copy = *issuer;
        ngx_array_init(&copy.alternates, one.pool, 1, sizeof(ngx_str_t));

        shim_fail_at(n);
        rc = acme_ca_issuer_add_chain(one.pool, &copy, &expected, PKI_NOW,
                                      &error);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "added with memory");
            pki_stop(&one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc == NGX_DECLINED || rc == NGX_ABORT
            || (rc != NGX_OK && error.len == 0))
        {
            ok(0, "allocation %d: %d %.*s", (int) n, (int) rc,
               (int) error.len, error.data);
        }

        ERR_clear_error();
        pki_stop(&one);
    }

    ok(n > 2, "%d allocations can fail", (int) n);

    X509_free(root);
    X509_free(other_root);
    X509_free(cert);
    X509_free(cross);
    pki_stop(&ctx);
}


/* the certificate is freed */

static ngx_int_t
same(acme_ca_ctx_t *ctx, const acme_ca_issuer_t *issuer, X509 *cert)
{
    ngx_int_t  rc;
    ngx_str_t  der;

    is_int(acme_ca_x509_der(ctx->pool, cert, &der), NGX_OK, "a certificate");
    X509_free(cert);

    rc = acme_ca_issuer_is_same(issuer, &der);

    is_int(ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");

    return rc;
}


/* whether a certificate is of the same CA */

static void
test_renewed(void)
{
    X509              *cert;
    ngx_str_t          pem, der, error;
    acme_ca_ctx_t      ctx;
    acme_ca_issuer_t  *issuer;

    pki_start(&ctx);

    cert = ca("Issuer", key, NULL, root_key);
    pem = pki_lit("");
    pki_pem(ctx.pool, cert, &pem);
    X509_free(cert);

    is_int(acme_ca_issuer_load(ctx.pool, &pem, key, PKI_NOW, &issuer, &error),
           NGX_OK, "an issuer");

    is_int(acme_ca_issuer_is_same(issuer, &issuer->der), NGX_OK, "itself");
    is_int(same(&ctx, issuer, pki_ca("Issuer", key, NULL, mid_key, PKI_NOW,
                                     PKI_NOW + 200 * DAY, pki_ca_exts)),
           NGX_OK, "renewed, by another root");
    is_int(same(&ctx, issuer, ca("Issuer", mid_key, NULL, root_key)),
           NGX_DECLINED, "another key");
    is_int(same(&ctx, issuer, ca("Issuer 2", key, NULL, root_key)),
           NGX_DECLINED, "another name");

    is_int(acme_ca_issuer_renew_at(issuer, PKI_NOW, PKI_NOW + 300, PKI_NOW),
           PKI_NOW + 200, "what it signs is renewed in time");
    is_int(acme_ca_issuer_renew_at(issuer, PKI_NOW + DAY, PKI_NOW + 2 * DAY,
                                   PKI_NOW), 0, "at once if it is of later");
    is_int(acme_ca_issuer_renew_at(issuer, issuer->not_before,
                                   issuer->not_before + 300, 0),
           issuer->not_before + 200, "a new one would be of later, too");
    is_int(acme_ca_issuer_renew_at(NULL, PKI_NOW + DAY, PKI_NOW + 4 * DAY,
                                   PKI_NOW), PKI_NOW + 3 * DAY,
           "nobody would sign it");

    der = pki_lit("unknown issuer: CN=Issuer");
    is_int(acme_ca_issuer_is_same(issuer, &der), NGX_DECLINED,
           "no certificate");

    pki_stop(&ctx);
}


static void
test_names(void)
{
    size_t                i;
    X509                 *cert;
    char                  text[80];
    ngx_str_t             name;
    acme_ca_ctx_t         ctx;
    acme_ca_hierarchy_t   h;

    static const char  *names[] = {
        "x",
        "0123456789012345678901234567890123456789012345678901234567890123456"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        pki_start(&ctx);
        name = pki_c(names[i]);
        is_int(acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h), NGX_OK,
               "%s", names[i]);
        cert = pki_x509_pem(&h.certificate);
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert),
                                  NID_commonName, text, sizeof(text));
        ok(strlen(text) <= 64 && strstr(text, " Intermediate CA ") != NULL,
           "%s", text);
        X509_free(cert);
        pki_stop(&ctx);
    }
}


static void
test_chains(void)
{
    X509              *root, *mid, *cert;
    ngx_str_t          pem, error, expected;
    acme_ca_ctx_t      ctx;
    acme_ca_issuer_t  *issuer;

    pki_start(&ctx);

    root = ca("Root", root_key, NULL, NULL);
    mid = ca("Middle", mid_key, root, root_key);
    cert = ca("Issuer", key, mid, mid_key);

    pem = pki_lit("");
    pki_pem(ctx.pool, cert, &pem);
    pki_pem(ctx.pool, mid, &pem);
    pki_pem(ctx.pool, root, &pem);

    is_int(acme_ca_issuer_load(ctx.pool, &pem, key, PKI_NOW, &issuer, &error),
           NGX_OK, "a chain of three");

    expected = pki_lit("");
    pki_pem(ctx.pool, cert, &expected);
    expected = pki_cat(ctx.pool, expected, pki_lit("\n"));
    pki_pem(ctx.pool, mid, &expected);
    ok(acme_ca_str_eq(&issuer->chain, &expected),
       "two of it, a blank line between");

    expected = pki_lit("");
    pki_pem(ctx.pool, root, &expected);
    ok(acme_ca_str_eq(&issuer->root, &expected), "the root");

    /* without the root */

    pem = pki_lit("Subject: CN = Issuer\n");
    pki_pem(ctx.pool, cert, &pem);
    pem = pki_cat(ctx.pool, pem, pki_lit("\r\n\r\nSubject: CN = Middle\n"));
    pki_pem(ctx.pool, mid, &pem);

    is_int(acme_ca_issuer_load(ctx.pool, &pem, key, PKI_NOW, &issuer, &error),
           NGX_OK, "a chain without its root, and texts between");
    expected = pki_lit("");
    pki_pem(ctx.pool, mid, &expected);
    ok(acme_ca_str_eq(&issuer->root, &expected), "the topmost known");
    ok(strstr((char *) issuer->chain.data, (char *) pki_cat(ctx.pool,
              expected, pki_str("", 1)).data) != NULL,
       "the middle stays in the chain");

    /* alone */

    pem = pki_lit("");
    pki_pem(ctx.pool, cert, &pem);
    is_int(acme_ca_issuer_load(ctx.pool, &pem, key, PKI_NOW, &issuer, &error),
           NGX_OK, "an issuer alone");
    ok(acme_ca_str_eq(&issuer->chain, &pem), "is the chain");

    /* a root that issues */

    pem = pki_lit("");
    pki_pem(ctx.pool, root, &pem);
    is_int(acme_ca_issuer_load(ctx.pool, &pem, root_key, PKI_NOW, &issuer,
                               &error),
           NGX_OK, "a root alone");
    ok(acme_ca_str_eq(&issuer->chain, &pem), "is the chain");
    is_str(&issuer->name, "Root", "its name");

    X509_free(root);
    X509_free(mid);
    X509_free(cert);
    pki_stop(&ctx);
}


static void
refuses(acme_ca_ctx_t *ctx, ngx_str_t *pem, EVP_PKEY *k, const char *word,
    const char *what)
{
    ngx_int_t          rc;
    ngx_str_t          error;
    acme_ca_issuer_t  *issuer;

    rc = acme_ca_issuer_load(ctx->pool, pem, k, PKI_NOW, &issuer, &error);

    is_int(rc, strcmp(word, "expired") == 0 ? NGX_DONE : NGX_DECLINED,
           "refused: %s", what);
    error = pki_cat(ctx->pool, error, pki_str("", 1));
    ok(strstr((char *) error.data, word) != NULL, "\"%s\"",
       (char *) error.data);
    is_int(ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");
}


static void
test_refused(void)
{
    X509           *root, *mid, *cert;
    EVP_PKEY       *k;
    ngx_str_t       pem;
    acme_ca_ctx_t   ctx;

    static const pki_ext_t  leaf[] = {
        { NID_basic_constraints, "critical,CA:FALSE" },
        { 0, NULL }
    };

    static const pki_ext_t  no_sign[] = {
        { NID_basic_constraints, "critical,CA:TRUE" },
        { NID_key_usage, "critical,digitalSignature,cRLSign" },
        { 0, NULL }
    };

    static const pki_ext_t  pathlen[] = {
        { NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
        { NID_key_usage, "critical,keyCertSign" },
        { NID_subject_key_identifier, "hash" },
        { 0, NULL }
    };

    static const pki_ext_t  critical[] = {
        { NID_basic_constraints, "critical,CA:TRUE" },
        { NID_key_usage, "critical,keyCertSign,cRLSign" },
        { NID_netscape_comment, "critical,nobody knows it" },
        { 0, NULL }
    };

    static const pki_ext_t  none[] = {
        { 0, NULL }
    };

    static const struct {
        const pki_ext_t  *exts;
        time_t            from;
        time_t            to;
        const char       *cn;
        const char       *word;
    } certs[] = {
        { leaf, -DAY, DAY, "CA", "not one of a CA" },
        { none, -DAY, DAY, "CA", "not one of a CA" },
        { no_sign, -DAY, DAY, "CA", "not one of a CA" },
        { pki_ca_exts, -2 * DAY, -DAY, "CA", "expired" },
        { pki_ca_exts, -2 * DAY, 0, "CA", "expired" },
        { pki_ca_exts, 1, DAY, "CA", "not valid yet" },
        { pki_ca_exts, -DAY, DAY, NULL, "empty subject" },
        { critical, -DAY, DAY, "CA", "critical extension" }
    };

    static const char  *kinds[] = {
        "secp256k1", "P-224", "1024", "ED448"
    };

    size_t  i;

    pki_start(&ctx);

    pem = pki_lit("");
    refuses(&ctx, &pem, key, "no certificate", "nothing");
    pem = pki_lit("no certificate\n");
    refuses(&ctx, &pem, key, "no certificate", "a text");
    pem = pki_lit("-----BEGIN CERTIFICATE-----\nAAAA\n"
                  "-----END CERTIFICATE-----\n");
    refuses(&ctx, &pem, key, "malformed", "not a certificate");
    pem = pki_lit("-----BEGIN CERTIFICATE-----\n????");
    refuses(&ctx, &pem, key, "malformed", "not PEM");

    for (i = 0; i < sizeof(certs) / sizeof(certs[0]); i++) {
        cert = pki_ca(certs[i].cn, key, NULL, NULL, PKI_NOW + certs[i].from,
                      PKI_NOW + certs[i].to, certs[i].exts);
        pem = pki_lit("");
        pki_pem(ctx.pool, cert, &pem);
        refuses(&ctx, &pem, key, certs[i].word, certs[i].word);
        X509_free(cert);
    }

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        k = pki_key(kinds[i]);
        cert = pki_ca("CA", k, NULL, key, PKI_NOW - DAY, PKI_NOW + DAY,
                      pki_ca_exts);
        pem = pki_lit("");
        pki_pem(ctx.pool, cert, &pem);
        refuses(&ctx, &pem, k, "not supported", kinds[i]);
        X509_free(cert);
        EVP_PKEY_free(k);
    }

    root = ca("Root", root_key, NULL, NULL);
    mid = pki_ca("Middle", mid_key, root, root_key, PKI_NOW - DAY,
                 PKI_NOW + 100 * DAY, pathlen);
    cert = ca("Issuer", key, mid, mid_key);

    pem = pki_lit("");
    pki_pem(ctx.pool, cert, &pem);
    refuses(&ctx, &pem, root_key, "not that of", "another key");

    k = pki_key("2048");
    refuses(&ctx, &pem, k, "not that of", "a key of another kind");
    EVP_PKEY_free(k);

    pki_pem(ctx.pool, root, &pem);
    refuses(&ctx, &pem, key, "did not sign", "a gap in the chain");

    pem = pki_lit("");
    pki_pem(ctx.pool, root, &pem);
    pki_pem(ctx.pool, mid, &pem);
    refuses(&ctx, &pem, root_key, "did not sign", "the wrong order");

    pem = pki_lit("");
    pki_pem(ctx.pool, cert, &pem);
    pki_pem(ctx.pool, mid, &pem);
    pki_pem(ctx.pool, root, &pem);
    refuses(&ctx, &pem, key, "allows only 0", "a path too long");

    pem = pki_lit("");
    for (i = 0; i < 16; i++) {
        pki_pem(ctx.pool, root, &pem);
    }
    refuses(&ctx, &pem, root_key, "too long", "sixteen certificates");

    /* the same name, another key: the signature tells */

    X509_free(root);
    root = pki_ca("Root", key, NULL, NULL, PKI_NOW - DAY, PKI_NOW + DAY,
                  pathlen);
    X509_free(mid);
    mid = pki_ca("Middle", mid_key, root, root_key, PKI_NOW - DAY,
                 PKI_NOW + DAY, pki_ca_exts);
    X509_free(root);
    root = pki_ca("Root", key, NULL, NULL, PKI_NOW - DAY, PKI_NOW + DAY,
                  pki_ca_exts);
    pem = pki_lit("");
    pki_pem(ctx.pool, mid, &pem);
    pki_pem(ctx.pool, root, &pem);
    refuses(&ctx, &pem, mid_key, "did not sign", "a wrong signature");

    X509_free(root);
    X509_free(mid);
    X509_free(cert);
    pki_stop(&ctx);
}


static void
test_memory(void)
{
    EVP_PKEY             *k;
    ngx_int_t             n, rc;
    ngx_str_t             name = ngx_string("memory"), pem, error;
    acme_ca_ctx_t         ctx, one;
    acme_ca_issuer_t     *issuer;
    acme_ca_hierarchy_t   h;

    pki_start(&ctx);

    is_int(acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h), NGX_OK,
           "a hierarchy");
    pem = pki_cat(ctx.pool, h.certificate, h.root_certificate);
    k = pki_key_pem(&h.key);

    for (n = 0; /* void */ ; n++) {
        pki_start(&one);
        error.len = 0;

        shim_fail_at(n);
        rc = acme_ca_issuer_load(one.pool, &pem, k, PKI_NOW, &issuer, &error);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "loaded with memory");
            pki_stop(&one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc == NGX_DECLINED || (rc != NGX_OK && error.len == 0)) {
            ok(0, "allocation %d: %d %.*s", (int) n, (int) rc,
               (int) error.len, error.data);
        }

        ERR_clear_error();
        pki_stop(&one);
    }

    ok(n > 5, "%d allocations can fail", (int) n);

    for (n = 0; /* void */ ; n++) {
        pki_start(&one);

        shim_fail_at(n);
        rc = acme_ca_hierarchy_new(&one, &name, &pki_plan, &h);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "made with memory");
            pki_stop(&one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc != NGX_OK && rc != NGX_ERROR) {
            ok(0, "allocation %d: %d", (int) n, (int) rc);
        }

        ERR_clear_error();
        pki_stop(&one);
    }

    ok(n > 5, "%d allocations can fail", (int) n);

    EVP_PKEY_free(k);
    pki_stop(&ctx);
}
