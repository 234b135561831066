
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_foreign_leaf.c: one leaf for each thing that can be wrong.
 */


#include "pki.h"
#include "tap.h"

#include "acme_ca_foreign.h"


#define DAY  ((time_t) 86400)

#define MAX_EXTS  8


/* a leaf: what differs from a right one */
typedef struct {
    const char  *what;
    const char  *reason;       /* NULL: it is right */
    const char  *cn;
    const char  *names;        /* NULL: as ordered; "": none */
    const char  *basic;
    const char  *usage;
    const char  *purposes;
    const char  *feature;
    time_t       from;         /* from now; 0: now */
    time_t       to;           /* 0: ten days */
    int          other_key;
    int          other_issuer;
} leaf_case_t;


static void test_right(void);
static void test_leaves(void);
static void test_dates(void);
static void test_profiles(void);
static void test_chains(void);
static void test_anchors(void);
static void test_memory(void);


static EVP_PKEY            *root_key, *mid_key, *leaf_key, *other_key;
static X509                *root, *mid, *other;
static acme_ca_profile_t    profile;
static acme_ca_identifier_t names[2];


static const leaf_case_t  cases[] = {
    { .what = "right" },
    { .what = "with a common name", .cn = "a.example" },
    { .what = "upper case", .names = "critical,DNS:A.Example,IP:10.0.0.1" },
    { .what = "another order of names",
      .names = "critical,IP:10.0.0.1,DNS:a.example" },
    { .what = "key encipherment as well",
      .usage = "critical,digitalSignature,keyEncipherment" },
    { .what = "no key usage", .usage = "" },
    { .what = "no basic constraints", .basic = "" },

    { .what = "another common name", .cn = "x.example",
      .reason = "its common name is none of those that were ordered" },
    { .what = "a common name that is none", .cn = "A Server",
      .reason = "its common name is none of those that were ordered" },
    { .what = "no names", .names = "",
      .reason = "it has no subject alternative names" },
    { .what = "fewer names", .names = "critical,DNS:a.example",
      .reason = "it has more or fewer names than were ordered" },
    { .what = "more names",
      .names = "critical,DNS:a.example,IP:10.0.0.1,DNS:b.example",
      .reason = "it has more or fewer names than were ordered" },
    { .what = "a name twice", .names = "critical,DNS:a.example,DNS:a.example",
      .reason = "its names are not those that were ordered" },
    { .what = "a wildcard", .names = "critical,DNS:*.a.example,IP:10.0.0.1",
      .reason = "its names are not those that were ordered" },
    { .what = "another address", .names = "critical,DNS:a.example,IP:10.0.0.2",
      .reason = "its names are not those that were ordered" },
    { .what = "an address as a name",
      .names = "critical,DNS:a.example,DNS:10.0.0.1",
      .reason = "it has a name that cannot be ordered" },
    { .what = "a URI", .names = "critical,DNS:a.example,URI:http://a.example/",
      .reason = "it has a name that cannot be ordered" },
    { .what = "names that are not critical",
      .names = "DNS:a.example,IP:10.0.0.1",
      .reason = "its subject is empty and its names are not critical" },

    { .what = "another key", .other_key = 1,
      .reason = "its key is not that of the CSR" },
    { .what = "of a CA", .basic = "critical,CA:TRUE",
      .reason = "it is the certificate of a CA" },
    { .what = "usage of a CA", .basic = "",
      .usage = "critical,digitalSignature,keyCertSign",
      .reason = "it is the certificate of a CA" },
    { .what = "signs CRLs", .usage = "critical,digitalSignature,cRLSign",
      .reason = "its key usage is that of a CA" },
    { .what = "agrees on keys only", .usage = "critical,keyAgreement",
      .reason = "its key usage is not for TLS" },
    { .what = "no purposes", .purposes = "",
      .reason = "it has no extended key usage" },
    { .what = "another purpose", .purposes = "clientAuth",
      .reason = "its extended key usage is not the profile's" },
    { .what = "one purpose more", .purposes = "serverAuth,clientAuth",
      .reason = "its extended key usage is not the profile's" },
    { .what = "a purpose of another kind",
      .purposes = "serverAuth,codeSigning",
      .reason = "it has an extended key usage of another kind" },
    { .what = "must-staple", .feature = "status_request",
      .reason = "it has a TLS feature that was not asked for" },

    { .what = "a clock ahead", .from = 200 },
    { .what = "from tomorrow", .from = DAY,
      .reason = "its notBefore is not what the order makes it" },
    { .what = "an hour old", .from = -3600 },
    { .what = "of yesterday", .from = -DAY,
      .reason = "its notBefore is not what the order makes it" },
    { .what = "all of the lifetime", .to = 30 * DAY },
    { .what = "longer", .to = 31 * DAY,
      .reason = "it lives longer than the profile's lifetime" },
    { .what = "over already", .from = -3600, .to = -60,
      .reason = "it has expired" },

    { .what = "of another issuer", .other_issuer = 1,
      .reason = "its chain does not lead to a trusted certificate: unable to "
                "get local issuer certificate, at certificate 1" }
};


int
main(void)
{
    /* not shim_openssl(): without memory OpenSSL's decoders crash */

    root_key = pki_key("P-256");
    mid_key = pki_key("P-256");
    leaf_key = pki_key("P-256");
    other_key = pki_key("P-256");

    root = pki_ca("Root", root_key, NULL, NULL, PKI_NOW - DAY,
                  PKI_NOW + 100 * DAY, pki_ca_exts);
    mid = pki_ca("Middle", mid_key, root, root_key, PKI_NOW - DAY,
                 PKI_NOW + 50 * DAY, pki_ca_exts);
    other = pki_ca("Other", other_key, NULL, NULL, PKI_NOW - DAY,
                   PKI_NOW + 100 * DAY, pki_ca_exts);

    profile.name = pki_c("web");
    profile.lifetime = 30 * DAY;
    profile.backdate = 600;
    profile.eku = ACME_CA_EKU_SERVER;
    profile.key_types = ACME_CA_KEY_ANY;

    names[0].type = ACME_CA_IDENTIFIER_DNS;
    names[0].value = pki_c("a.example");
    names[1].type = ACME_CA_IDENTIFIER_IP;
    names[1].value = pki_c("10.0.0.1");
    memcpy(names[1].address, "\x0a\0\0\x01", 4);
    names[1].address_len = 4;

    test_right();
    test_leaves();
    test_dates();
    test_profiles();
    test_chains();
    test_anchors();
    test_memory();

    X509_free(root);
    X509_free(mid);
    X509_free(other);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(mid_key);
    EVP_PKEY_free(leaf_key);
    EVP_PKEY_free(other_key);

    return done_testing();
}


static X509 *
leaf(const leaf_case_t *c)
{
    size_t      n;
    pki_ext_t   exts[MAX_EXTS];

    n = 0;

#define add(id, text)                                                         \
    if (*(text)) {                                                            \
        exts[n].nid = id;                                                     \
        exts[n++].value = text;                                               \
    }

    add(NID_basic_constraints, c->basic ? c->basic : "critical,CA:FALSE");
    add(NID_key_usage, c->usage ? c->usage : "critical,digitalSignature");
    add(NID_ext_key_usage, c->purposes ? c->purposes : "serverAuth");
    add(NID_subject_alt_name, c->names ? c->names
                              : "critical,DNS:a.example,IP:10.0.0.1");
    add(NID_tlsfeature, c->feature ? c->feature : "");

    exts[n].value = NULL;

    return pki_ca(c->cn, c->other_key ? other_key : leaf_key,
                  c->other_issuer ? other : mid,
                  c->other_issuer ? other_key : mid_key,
                  PKI_NOW + c->from, PKI_NOW + (c->to ? c->to : 10 * DAY),
                  exts);
}


/* up to four certificates as one text */

static ngx_str_t
bundle(ngx_pool_t *pool, X509 *a, X509 *b, X509 *c, X509 *d)
{
    int        i;
    X509      *all[4] = { a, b, c, d };
    ngx_str_t  pem;

    pem = pki_lit("");

    for (i = 0; i < 4; i++) {
        if (all[i]) {
            pki_pem(pool, all[i], &pem);
        }
    }

    return pem;
}


static acme_ca_leaf_t
order(acme_ca_ctx_t *ctx)
{
    acme_ca_csr_t   *csr;
    acme_ca_leaf_t   wanted;

    memset(&wanted, 0, sizeof(acme_ca_leaf_t));

    if (acme_ca_csr_from_key(ctx, leaf_key, &csr) != NGX_OK) {
        abort();
    }

    wanted.profile = &profile;
    wanted.identifiers = names;
    wanted.n = 2;
    wanted.csr = csr;

    return wanted;
}


static acme_ca_anchors_t *
trust(acme_ca_ctx_t *ctx, X509 *cert)
{
    ngx_str_t           pem, error;
    acme_ca_anchors_t  *anchors;

    pem = bundle(ctx->pool, cert, NULL, NULL, NULL);

    if (acme_ca_anchors_load(ctx->pool, &pem, &anchors, &error) != NGX_OK) {
        abort();
    }

    return anchors;
}


static ngx_int_t
check(acme_ca_ctx_t *ctx, acme_ca_leaf_t *wanted, X509 *anchor, ngx_str_t pem,
    ngx_str_t *reason)
{
    acme_ca_issuer_t       issuer;
    acme_ca_certificate_t  cert;

    memset(&cert, 0, sizeof(acme_ca_certificate_t));
    *reason = pki_lit("");

    return acme_ca_foreign_check(ctx, wanted, trust(ctx, anchor), PKI_NOW,
                                 &pem, &cert, &issuer, reason);
}


static void
test_right(void)
{
    X509                   *cert;
    ngx_str_t               pem, reason, chain;
    acme_ca_ctx_t           ctx;
    acme_ca_leaf_t          wanted;
    acme_ca_issuer_t        issuer;
    acme_ca_certificate_t   out;

    pki_start(&ctx);

    cert = leaf(&cases[1]);
    pem = bundle(ctx.pool, cert, mid, NULL, NULL);
    chain = bundle(ctx.pool, mid, NULL, NULL, NULL);
    wanted = order(&ctx);
    memset(&out, 0, sizeof(acme_ca_certificate_t));

    is_int(acme_ca_foreign_check(&ctx, &wanted, trust(&ctx, root), PKI_NOW,
                                 &pem, &out, &issuer, &reason),
           NGX_OK, "taken");

    is_int(out.status, ACME_CA_VALID, "status");
    is_int(out.serial.len, 2, "serial");
    is_int(memcmp(out.serial.data, "\x12\x67", 2), 0, "its bytes");
    is_str(&out.common_name, "a.example", "common name");
    is_str(&out.sans, "dns:a.example ip:10.0.0.1", "names");
    is_str(&out.key_type, "EC P-256", "key type");
    is_str(&out.profile, "web", "profile");
    is_int(out.not_before, PKI_NOW, "notBefore");
    is_int(out.not_after, PKI_NOW + 10 * DAY, "notAfter");
    is_int(out.created_at, PKI_NOW, "made");
    is_int(out.revocation_reason, -1, "not revoked");
    is_int(out.der.len, i2d_X509(cert, NULL), "DER");

    is_str(&issuer.name, "Middle", "issuer");
    is_int(issuer.not_after, PKI_NOW + 50 * DAY, "its end");
    is_int(issuer.der.len, i2d_X509(mid, NULL), "its DER");
    ok(acme_ca_str_eq(&issuer.chain, &chain), "chain without the root");

    X509_free(cert);
    pki_stop(&ctx);
}


static void
test_leaves(void)
{
    X509            *cert;
    size_t           i;
    ngx_int_t        rc;
    ngx_str_t        reason;
    acme_ca_ctx_t    ctx;
    acme_ca_leaf_t   wanted;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pki_start(&ctx);

        cert = leaf(&cases[i]);
        wanted = order(&ctx);

        rc = check(&ctx, &wanted, root,
                   bundle(ctx.pool, cert, mid, NULL, NULL), &reason);

        is_int(rc, cases[i].reason ? NGX_DECLINED : NGX_OK, "%s",
               cases[i].what);
        is_str(&reason, cases[i].reason ? cases[i].reason : "", "its reason");

        X509_free(cert);
        pki_stop(&ctx);
    }
}


/* dates that were ordered are to be there to the second */

static void
test_dates(void)
{
    X509            *cert;
    ngx_str_t        reason, pem;
    acme_ca_ctx_t    ctx;
    acme_ca_leaf_t   wanted;
    leaf_case_t      ahead = { .from = 5 * DAY, .to = 20 * DAY };

    pki_start(&ctx);

    cert = leaf(&ahead);
    pem = bundle(ctx.pool, cert, mid, NULL, NULL);
    wanted = order(&ctx);

    wanted.not_before = PKI_NOW + 5 * DAY;
    wanted.not_after = PKI_NOW + 20 * DAY;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_OK, "ordered dates");

    wanted.not_before++;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_DECLINED,
           "another notBefore");
    is_str(&reason, "its notBefore is not what the order makes it", "reason");

    wanted.not_before--;
    wanted.not_after--;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_DECLINED,
           "another notAfter");
    is_str(&reason, "its notAfter is not what the order makes it", "reason");

    X509_free(cert);
    pki_stop(&ctx);
}


static void
test_profiles(void)
{
    X509            *cert;
    ngx_str_t        reason, pem;
    acme_ca_ctx_t    ctx;
    acme_ca_csr_t    csr;
    acme_ca_leaf_t   wanted;
    leaf_case_t      both = { .purposes = "serverAuth,clientAuth" };
    leaf_case_t      client = { .purposes = "clientAuth" };
    leaf_case_t      staple = { .feature = "status_request" };

    pki_start(&ctx);

    wanted = order(&ctx);
    csr = *wanted.csr;
    wanted.csr = &csr;

    cert = leaf(&both);
    pem = bundle(ctx.pool, cert, mid, NULL, NULL);
    profile.eku = ACME_CA_EKU_SERVER | ACME_CA_EKU_CLIENT;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_OK, "both purposes");
    X509_free(cert);

    cert = leaf(&client);
    pem = bundle(ctx.pool, cert, mid, NULL, NULL);
    profile.eku = ACME_CA_EKU_CLIENT;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_OK, "clients only");
    profile.eku = ACME_CA_EKU_SERVER;
    X509_free(cert);

    cert = leaf(&staple);
    pem = bundle(ctx.pool, cert, mid, NULL, NULL);
    profile.must_staple = ACME_CA_STAPLE_ON;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_OK, "must-staple");
    profile.must_staple = ACME_CA_STAPLE_CSR;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_DECLINED,
           "which the CSR does not ask for");
    csr.must_staple = 1;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_OK, "or does");
    X509_free(cert);

    cert = leaf(&cases[0]);
    pem = bundle(ctx.pool, cert, mid, NULL, NULL);
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_DECLINED,
           "and does not get");
    is_str(&reason, "it lacks the TLS feature must-staple", "reason");
    profile.must_staple = ACME_CA_STAPLE_OFF;
    X509_free(cert);

    pki_stop(&ctx);
}


static void
test_chains(void)
{
    X509            *cert, *old;
    ngx_str_t        reason, pem;
    acme_ca_ctx_t    ctx;
    acme_ca_leaf_t   wanted;

    pki_start(&ctx);

    wanted = order(&ctx);
    cert = leaf(&cases[0]);

    is_int(check(&ctx, &wanted, root,
                 bundle(ctx.pool, cert, mid, root, NULL), &reason),
           NGX_OK, "the root is there as well");
    is_int(check(&ctx, &wanted, root,
                 bundle(ctx.pool, cert, other, root, mid), &reason),
           NGX_OK, "in disorder, with a stranger");
    is_int(check(&ctx, &wanted, mid,
                 bundle(ctx.pool, cert, NULL, NULL, NULL), &reason),
           NGX_OK, "an intermediate is trusted");
    is_int(check(&ctx, &wanted, root,
                 bundle(ctx.pool, cert, NULL, NULL, NULL), &reason),
           NGX_DECLINED, "no intermediate");
    is_int(check(&ctx, &wanted, other,
                 bundle(ctx.pool, cert, mid, root, NULL), &reason),
           NGX_DECLINED, "its own root, which nobody trusts");
    is_int(check(&ctx, &wanted, root,
                 bundle(ctx.pool, mid, cert, NULL, NULL), &reason),
           NGX_DECLINED, "the issuer first");
    is_str(&reason, "it is the certificate of a CA", "reason");

    old = pki_ca("Middle", mid_key, root, root_key, PKI_NOW - DAY,
                 PKI_NOW + 5 * DAY, pki_ca_exts);
    is_int(check(&ctx, &wanted, root, bundle(ctx.pool, cert, old, NULL, NULL),
                 &reason),
           NGX_DECLINED, "an issuer that ends before");
    is_str(&reason, "it outlives its issuer", "reason");
    X509_free(old);

    pem = bundle(ctx.pool, cert, mid, NULL, NULL);
    pem.len = 100;
    is_int(check(&ctx, &wanted, root, pem, &reason), NGX_DECLINED, "cut off");
    is_int(check(&ctx, &wanted, root, pki_lit(""), &reason), NGX_DECLINED,
           "nothing");
    is_str(&reason, "there is no certificate in PEM form", "reason");
    is_int(check(&ctx, &wanted, root,
                 pki_lit("-----BEGIN CERTIFICATE-----\n"
                         "Proc-Type: 4,ENCRYPTED\n"
                         "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEE"
                         "FF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n"
                         "-----END CERTIFICATE-----\n"), &reason),
           NGX_DECLINED, "encrypted: nobody is asked");

    X509_free(cert);
    pki_stop(&ctx);
}


static void
test_anchors(void)
{
    X509               *cert;
    ngx_str_t           pem, error;
    acme_ca_ctx_t       ctx;
    acme_ca_anchors_t  *anchors;

    pki_start(&ctx);

    cert = leaf(&cases[0]);

    pem = bundle(ctx.pool, root, mid, other, root);
    is_int(acme_ca_anchors_load(ctx.pool, &pem, &anchors, &error), NGX_OK,
           "several, one of them twice");

    pem = bundle(ctx.pool, root, cert, NULL, NULL);
    is_int(acme_ca_anchors_load(ctx.pool, &pem, &anchors, &error),
           NGX_DECLINED, "a leaf is none");

    pem = pki_lit("# nothing\n");
    is_int(acme_ca_anchors_load(ctx.pool, &pem, &anchors, &error),
           NGX_DECLINED, "nothing");
    is_str(&error, "there is no certificate in PEM form", "error");

    X509_free(cert);
    pki_stop(&ctx);
}


/* our own allocations only */

static void
test_memory(void)
{
    X509                   *cert;
    ngx_int_t               n, rc;
    ngx_str_t               pem, roots, reason;
    acme_ca_ctx_t           ctx, one;
    acme_ca_leaf_t          wanted;
    acme_ca_issuer_t        issuer;
    acme_ca_anchors_t      *anchors;
    acme_ca_certificate_t   out;

    pki_start(&ctx);

    cert = leaf(&cases[1]);
    pem = bundle(ctx.pool, cert, mid, root, NULL);
    roots = bundle(ctx.pool, root, other, NULL, NULL);
    wanted = order(&ctx);

    for (n = 0; /* void */ ; n++) {
        pki_start(&one);
        memset(&out, 0, sizeof(acme_ca_certificate_t));

        shim_fail_at(n);
        rc = acme_ca_anchors_load(one.pool, &roots, &anchors, &reason);

        if (rc == NGX_OK) {
            rc = acme_ca_foreign_check(&one, &wanted, anchors, PKI_NOW, &pem,
                                       &out, &issuer, &reason);
        }

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "checked with memory");
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

    X509_free(cert);
    pki_stop(&ctx);
}
