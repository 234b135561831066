
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_foreign.c and acme_ca_foreign_leaf.c: certificates that somebody
 * else signed, right in every way but one, in all orders of their chain, with
 * damaged bytes, and with each allocation failing once.
 */


#include "shim.h"
#include "tap.h"
#include "pki.h"

#include "acme_ca_foreign.h"


#define DAY      86400
#define MIDDLE   1
#define ROOT     2
#define STRANGE  4          /* a certificate that has nothing to do with it */


typedef struct {
    const char       *what;
    const char       *fault;        /* in the reason; NULL: taken */
    const pki_ext_t  *exts;
    const char       *cn;
    time_t            from;         /* seconds from now */
    time_t            to;
} leaf_test_t;


static void test_leaves(void);
static void test_ordered(void);
static void test_chains(void);
static void test_texts(void);
static void test_anchors(void);
static void test_memory(void);
static X509 *leaf_of(const leaf_test_t *test);
static ngx_int_t check(acme_ca_ctx_t *ctx, X509 *leaf, ngx_uint_t with,
    ngx_str_t *reason);
static ngx_int_t check_text(acme_ca_ctx_t *ctx, ngx_str_t *pem,
    ngx_str_t *reason);
static int says(ngx_str_t *reason, const char *text);


static EVP_PKEY              *root_key, *middle_key, *key, *other_key;
static X509                  *root, *middle, *stranger;
static acme_ca_ctx_t          keep;
static acme_ca_profile_t      profile;
static acme_ca_identifier_t   names[2];
static acme_ca_csr_t          csr;
static acme_ca_leaf_t         wanted;
static acme_ca_anchors_t     *anchors;
static acme_ca_certificate_t  cert;
static acme_ca_issuer_t       issuer;


#define SAN        { NID_subject_alt_name, "DNS:a.example,IP:10.0.0.5" }
#define USAGE      { NID_key_usage, "critical,digitalSignature" }
#define PURPOSE    { NID_ext_key_usage, "serverAuth" }
#define NO_MORE    { 0, NULL }

#define EXTS(name, ...)                                                       \
    static const pki_ext_t  name[] = { __VA_ARGS__, NO_MORE }

EXTS(good, SAN, USAGE, PURPOSE);
EXTS(no_ca, SAN, USAGE, PURPOSE, { NID_basic_constraints,
     "critical,CA:FALSE" });
EXTS(more, SAN, USAGE, PURPOSE, { NID_crl_distribution_points,
     "URI:http://ca.example/crl" });
EXTS(turned, { NID_subject_alt_name, "IP:10.0.0.5,DNS:A.Example" }, USAGE,
     PURPOSE);
EXTS(critical, { NID_subject_alt_name,
     "critical,DNS:a.example,IP:10.0.0.5" }, USAGE, PURPOSE);
EXTS(no_usage, SAN, PURPOSE);
EXTS(encipher, SAN, { NID_key_usage, "keyEncipherment" }, PURPOSE);

EXTS(is_ca, SAN, USAGE, PURPOSE, { NID_basic_constraints,
     "critical,CA:TRUE" });
EXTS(unknown, SAN, USAGE, PURPOSE, { NID_netscape_comment,
     "critical,what" });
EXTS(no_names, USAGE, PURPOSE);
EXTS(fewer, { NID_subject_alt_name, "DNS:a.example" }, USAGE, PURPOSE);
EXTS(too_many, { NID_subject_alt_name,
     "DNS:a.example,IP:10.0.0.5,DNS:b.example" }, USAGE, PURPOSE);
EXTS(twice, { NID_subject_alt_name, "DNS:a.example,DNS:a.example" }, USAGE,
     PURPOSE);
EXTS(others, { NID_subject_alt_name, "DNS:b.example,IP:10.0.0.5" }, USAGE,
     PURPOSE);
EXTS(wildcard, { NID_subject_alt_name, "DNS:*.a.example,IP:10.0.0.5" }, USAGE,
     PURPOSE);
EXTS(address, { NID_subject_alt_name, "DNS:a.example,IP:10.0.0.6" }, USAGE,
     PURPOSE);
EXTS(mail, { NID_subject_alt_name, "DNS:a.example,email:a@a.example" }, USAGE,
     PURPOSE);
EXTS(signs, SAN, { NID_key_usage, "digitalSignature,keyCertSign" }, PURPOSE);
EXTS(lists, SAN, { NID_key_usage, "digitalSignature,cRLSign" }, PURPOSE);
EXTS(agrees, SAN, { NID_key_usage, "keyAgreement" }, PURPOSE);
EXTS(no_purpose, SAN, USAGE);
EXTS(client, SAN, USAGE, { NID_ext_key_usage, "clientAuth" });
EXTS(both, SAN, USAGE, { NID_ext_key_usage, "serverAuth,clientAuth" });
EXTS(code, SAN, USAGE, { NID_ext_key_usage, "serverAuth,codeSigning" });
EXTS(anything, SAN, USAGE, { NID_ext_key_usage,
     "serverAuth,anyExtendedKeyUsage" });
EXTS(staple, SAN, USAGE, PURPOSE, { NID_tlsfeature, "status_request" });


static const leaf_test_t  leaves[] = {
    { "right", NULL, good, "a.example", -60, 30 * DAY },
    { "with more extensions", NULL, more, "a.example", -60, 30 * DAY },
    { "constraints", NULL, no_ca, "a.example", -60, 30 * DAY },
    { "names in another order and case", NULL, turned, "A.EXAMPLE", -60,
      30 * DAY },
    { "no subject", NULL, critical, NULL, -60, 30 * DAY },
    { "an address as its common name", NULL, critical, "10.0.0.5", -60,
      30 * DAY },
    { "no key usage", NULL, no_usage, "a.example", -60, 30 * DAY },
    { "key encipherment", NULL, encipher, "a.example", -60, 30 * DAY },
    { "as long as the profile has it", NULL, good, "a.example", 0, 30 * DAY },
    { "made by a clock that is ahead", NULL, good, "a.example", 290, DAY },
    { "dated back by an hour", NULL, good, "a.example", -3600, DAY },

    { "a CA", "of a CA", is_ca, "a.example", -60, 30 * DAY },
    { "no subject, names that are not critical", "not critical", good, NULL,
      -60, 30 * DAY },
    { "critical and unknown", "critical extension", unknown, "a.example", -60,
      30 * DAY },
    { "no names", "no subject alternative names", no_names, "a.example", -60,
      30 * DAY },
    { "one name of two", "more or fewer", fewer, "a.example", -60, 30 * DAY },
    { "three names of two", "more or fewer", too_many, "a.example", -60,
      30 * DAY },
    { "a name twice", "not those", twice, "a.example", -60, 30 * DAY },
    { "another name", "not those", others, "a.example", -60, 30 * DAY },
    { "a wildcard", "not those", wildcard, "a.example", -60, 30 * DAY },
    { "another address", "not those", address, "a.example", -60, 30 * DAY },
    { "a mail address", "cannot be ordered", mail, "a.example", -60,
      30 * DAY },
    { "another common name", "common name", good, "b.example", -60,
      30 * DAY },
    { "a common name that is none", "common name", good, "A web server", -60,
      30 * DAY },
    { "too old", "notBefore", good, "a.example", -2 * DAY, DAY },
    { "of tomorrow", "notBefore", good, "a.example", DAY, 2 * DAY },
    { "expired", "expired", good, "a.example", -60, 0 },
    { "too long", "lifetime", good, "a.example", -60, 30 * DAY + 301 },
    { "for signing certificates", "of a CA", signs, "a.example", -60, DAY },
    { "for signing lists", "usage is that of a CA", lists, "a.example", -60,
      DAY },
    { "for key agreement alone", "not for TLS", agrees, "a.example", -60,
      DAY },
    { "no purpose", "no extended key usage", no_purpose, "a.example", -60,
      DAY },
    { "for clients", "not the profile's", client, "a.example", -60, DAY },
    { "for clients as well", "not the profile's", both, "a.example", -60,
      DAY },
    { "for code", "another kind", code, "a.example", -60, DAY },
    { "for anything", "another kind", anything, "a.example", -60, DAY },
    { "must-staple", "TLS feature", staple, "a.example", -60, DAY }
};


int
main(void)
{
    ngx_str_t  pem, error;

    shim_openssl();

    pki_start(&keep);

    root_key = pki_key("P-256");
    middle_key = pki_key("P-256");
    key = pki_key("P-256");
    other_key = pki_key("P-256");

    root = pki_ca("Root", root_key, NULL, NULL, PKI_NOW - 100 * DAY,
                  PKI_NOW + 1000 * DAY, pki_ca_exts);
    middle = pki_ca("Middle", middle_key, root, root_key, PKI_NOW - 100 * DAY,
                    PKI_NOW + 500 * DAY, pki_ca_exts);
    stranger = pki_ca("Stranger", other_key, NULL, NULL, PKI_NOW - DAY,
                      PKI_NOW + 1000 * DAY, pki_ca_exts);

    pem = pki_lit("");
    pki_pem(keep.pool, root, &pem);

    is_int(acme_ca_anchors_load(keep.pool, &pem, &anchors, &error), NGX_OK,
           "an anchor");

    profile.lifetime = 30 * DAY;
    profile.eku = ACME_CA_EKU_SERVER;
    ngx_str_set(&profile.name, "default");

    (void) acme_ca_identifier_from_dns(keep.pool, (u_char *) "a.example", 9,
                                       &names[0]);
    (void) acme_ca_identifier_from_address(keep.pool, (u_char *) "\x0a\0\0\5",
                                           4, &names[1]);

    csr.spki = pki_spki(keep.pool, key);
    ngx_str_set(&csr.key_type, "EC P-256");

    wanted.profile = &profile;
    wanted.identifiers = names;
    wanted.n = 2;
    wanted.csr = &csr;

    test_leaves();
    test_ordered();
    test_chains();
    test_texts();
    test_anchors();
    test_memory();

    X509_free(root);
    X509_free(middle);
    X509_free(stranger);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(middle_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    pki_stop(&keep);

    return done_testing();
}


static X509 *
leaf_of(const leaf_test_t *test)
{
    return pki_ca(test->cn, key, middle, middle_key, PKI_NOW + test->from,
                  PKI_NOW + test->to, test->exts);
}


static ngx_int_t
check(acme_ca_ctx_t *ctx, X509 *leaf, ngx_uint_t with, ngx_str_t *reason)
{
    ngx_str_t  pem;

    pem = pki_lit("");
    pki_pem(ctx->pool, leaf, &pem);

    if (with & STRANGE) {
        pki_pem(ctx->pool, stranger, &pem);
    }

    if (with & ROOT) {
        pki_pem(ctx->pool, root, &pem);
    }

    if (with & MIDDLE) {
        pki_pem(ctx->pool, middle, &pem);
    }

    return check_text(ctx, &pem, reason);
}


static ngx_int_t
check_text(acme_ca_ctx_t *ctx, ngx_str_t *pem, ngx_str_t *reason)
{
    ngx_memzero(&cert, sizeof(acme_ca_certificate_t));
    ngx_str_null(reason);

    return acme_ca_foreign_check(ctx, &wanted, anchors, PKI_NOW, pem, &cert,
                                 &issuer, reason);
}


static int
says(ngx_str_t *reason, const char *text)
{
    int  found;

    found = reason->len != 0
            && memmem(reason->data, reason->len, text, strlen(text)) != NULL;

    if (!found) {
        printf("# got \"%.*s\"\n", (int) reason->len, (char *) reason->data);
    }

    return found;
}


static void
test_leaves(void)
{
    X509           *leaf;
    ngx_int_t       rc;
    ngx_str_t       reason;
    ngx_uint_t      i;
    acme_ca_ctx_t   ctx;

    for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        pki_start(&ctx);
        leaf = leaf_of(&leaves[i]);

        rc = check(&ctx, leaf, MIDDLE, &reason);

        is_int(rc, leaves[i].fault ? NGX_DECLINED : NGX_OK, "%s",
               leaves[i].what);

        if (leaves[i].fault) {
            ok(says(&reason, leaves[i].fault), "%s: why", leaves[i].what);

        } else if (rc == NGX_OK) {
            ok(cert.not_before == PKI_NOW + leaves[i].from
               && cert.not_after == PKI_NOW + leaves[i].to, "%s: dates",
               leaves[i].what);
            is_str(&cert.sans, "dns:a.example ip:10.0.0.5", "%s: names",
                   leaves[i].what);
        } else {
            (void) says(&reason, "nothing");
        }

        is_int(ERR_peek_error(), 0, "%s: no error is left behind",
               leaves[i].what);

        X509_free(leaf);
        pki_stop(&ctx);
    }
}


/* what order, request and profile say besides */

static void
test_ordered(void)
{
    X509           *leaf;
    ngx_str_t       reason;
    acme_ca_ctx_t   ctx;

    pki_start(&ctx);

    leaf = leaf_of(&leaves[0]);
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_OK, "a certificate");
    is_int(cert.status, ACME_CA_VALID, "valid");
    is_str(&cert.profile, "default", "profile");
    is_str(&cert.key_type, "EC P-256", "kind of key");
    is_int(cert.created_at, PKI_NOW, "made now");
    is_int(cert.serial.len, 2, "serial number");
    ok(issuer.der.len != 0 && issuer.chain.len != 0, "its issuer");

    wanted.not_before = PKI_NOW - 60;
    wanted.not_after = PKI_NOW + 30 * DAY;
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_OK, "dates as ordered");
    wanted.not_before++;
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_DECLINED, "a second early");
    ok(says(&reason, "notBefore"), "says so");
    wanted.not_before = 0;
    wanted.not_after++;
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_DECLINED, "a second short");
    ok(says(&reason, "notAfter"), "says so");
    wanted.not_after = 0;

    csr.spki = pki_spki(ctx.pool, other_key);
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_DECLINED, "another key");
    ok(says(&reason, "key is not that of the CSR"), "says so");
    csr.spki = pki_spki(keep.pool, key);

    profile.must_staple = ACME_CA_STAPLE_ON;
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_DECLINED, "no must-staple");
    ok(says(&reason, "lacks"), "says so");
    profile.must_staple = ACME_CA_STAPLE_CSR;
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_OK, "nobody asked for it");
    csr.must_staple = 1;
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_DECLINED, "the CSR did");
    csr.must_staple = 0;
    profile.must_staple = ACME_CA_STAPLE_OFF;
    X509_free(leaf);

    profile.eku = ACME_CA_EKU_SERVER|ACME_CA_EKU_CLIENT;
    leaf = pki_ca("a.example", key, middle, middle_key, PKI_NOW,
                  PKI_NOW + DAY, both);
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_OK, "both purposes");
    X509_free(leaf);

    profile.eku = ACME_CA_EKU_CLIENT;
    leaf = pki_ca("a.example", key, middle, middle_key, PKI_NOW,
                  PKI_NOW + DAY, client);
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_OK, "for clients alone");
    X509_free(leaf);
    profile.eku = ACME_CA_EKU_SERVER;

    pki_stop(&ctx);
}


static void
test_chains(void)
{
    X509           *leaf, *fake, *old, *late;
    ngx_str_t       reason, served, pem;
    acme_ca_ctx_t   ctx;

    pki_start(&ctx);

    leaf = leaf_of(&leaves[0]);

    served = pki_lit("");
    pki_pem(ctx.pool, middle, &served);

    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_OK, "with its issuer");
    ok(acme_ca_str_eq(&issuer.chain, &served), "which is the chain");

    is_int(check(&ctx, leaf, MIDDLE|ROOT, &reason), NGX_OK,
           "with the root, in the wrong order");
    ok(acme_ca_str_eq(&issuer.chain, &served), "the root is not served");

    is_int(check(&ctx, leaf, MIDDLE|STRANGE, &reason), NGX_OK,
           "with a stranger");
    ok(acme_ca_str_eq(&issuer.chain, &served), "who is not served");

    is_int(check(&ctx, leaf, 0, &reason), NGX_DECLINED, "without its issuer");
    ok(says(&reason, "does not lead to a trusted"), "says so");
    X509_free(leaf);

    /* by others */

    leaf = pki_ca("a.example", key, middle, other_key, PKI_NOW, PKI_NOW + DAY,
                  good);
    is_int(check(&ctx, leaf, MIDDLE, &reason), NGX_DECLINED,
           "a signature by another key");
    X509_free(leaf);

    leaf = pki_ca("a.example", key, stranger, other_key, PKI_NOW,
                  PKI_NOW + DAY, good);
    is_int(check(&ctx, leaf, MIDDLE|STRANGE, &reason), NGX_DECLINED,
           "by a stranger, who is with it");
    X509_free(leaf);

    leaf = pki_ca("a.example", key, NULL, NULL, PKI_NOW, PKI_NOW + DAY, good);
    is_int(check(&ctx, leaf, 0, &reason), NGX_DECLINED, "self-signed");
    X509_free(leaf);

    /* by what may not sign, or not any more, or not so long */

    fake = pki_ca("Leaf", other_key, root, root_key, PKI_NOW - DAY,
                  PKI_NOW + 100 * DAY, good);
    leaf = pki_ca("a.example", key, fake, other_key, PKI_NOW, PKI_NOW + DAY,
                  good);
    pem = pki_lit("");
    pki_pem(ctx.pool, leaf, &pem);
    pki_pem(ctx.pool, fake, &pem);
    is_int(check_text(&ctx, &pem, &reason), NGX_DECLINED, "by no CA");
    X509_free(leaf);
    X509_free(fake);

    old = pki_ca("Old", other_key, root, root_key, PKI_NOW - 10 * DAY,
                 PKI_NOW - DAY, pki_ca_exts);
    leaf = pki_ca("a.example", key, old, other_key, PKI_NOW, PKI_NOW + DAY,
                  good);
    pem = pki_lit("");
    pki_pem(ctx.pool, leaf, &pem);
    pki_pem(ctx.pool, old, &pem);
    is_int(check_text(&ctx, &pem, &reason), NGX_DECLINED, "by an expired CA");
    X509_free(leaf);
    X509_free(old);

    late = pki_ca("Late", other_key, root, root_key, PKI_NOW - 10 * DAY,
                  PKI_NOW + DAY, pki_ca_exts);
    leaf = pki_ca("a.example", key, late, other_key, PKI_NOW,
                  PKI_NOW + DAY + 1, good);
    pem = pki_lit("");
    pki_pem(ctx.pool, leaf, &pem);
    pki_pem(ctx.pool, late, &pem);
    is_int(check_text(&ctx, &pem, &reason), NGX_DECLINED,
           "longer than its issuer");
    ok(says(&reason, "outlives"), "says so");
    X509_free(leaf);
    X509_free(late);

    /* by the anchor itself */

    leaf = pki_ca("a.example", key, root, root_key, PKI_NOW, PKI_NOW + DAY,
                  good);
    is_int(check(&ctx, leaf, 0, &reason), NGX_OK, "by the anchor");
    X509_free(leaf);

    pki_stop(&ctx);
}


/* whatever comes is judged, and nothing is taken that was changed */

static void
test_texts(void)
{
    u_char         *der;
    X509           *leaf, *changed;
    int             len, i;
    ngx_str_t       pem, reason;
    ngx_uint_t      bad;
    acme_ca_ctx_t   ctx;
    const u_char   *p;

    static const char  *texts[] = {
        "", "x", "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n"
    };

    pki_start(&ctx);

    for (i = 0; i < (int) (sizeof(texts) / sizeof(texts[0])); i++) {
        pem = pki_c(texts[i]);
        is_int(check_text(&ctx, &pem, &reason), NGX_DECLINED, "text %d", i);
        ok(reason.len != 0, "says why");
    }

    leaf = leaf_of(&leaves[0]);
    der = NULL;
    len = i2d_X509(leaf, &der);
    bad = 0;

    for (i = 0; i < len; i++) {
        pki_stop(&ctx);
        pki_start(&ctx);

        der[i] ^= 1;
        p = der;
        changed = d2i_X509(NULL, &p, len);
        der[i] ^= 1;

        if (changed == NULL) {
            ERR_clear_error();
            continue;
        }

        bad += check(&ctx, changed, MIDDLE, &reason) != NGX_DECLINED;

        X509_free(changed);
    }

    is_int(bad, 0, "no flipped bit is taken");

    OPENSSL_free(der);
    X509_free(leaf);
    pki_stop(&ctx);
}


static void
test_anchors(void)
{
    X509               *leaf;
    ngx_str_t           pem, error;
    acme_ca_ctx_t       ctx;
    acme_ca_anchors_t  *none;

    pki_start(&ctx);

    pem = pki_lit("");
    is_int(acme_ca_anchors_load(ctx.pool, &pem, &none, &error), NGX_DECLINED,
           "no anchors");

    leaf = leaf_of(&leaves[0]);
    pki_pem(ctx.pool, leaf, &pem);
    is_int(acme_ca_anchors_load(ctx.pool, &pem, &none, &error), NGX_DECLINED,
           "a leaf is none");
    X509_free(leaf);

    pem = pki_lit("");
    pki_pem(ctx.pool, stranger, &pem);
    pki_pem(ctx.pool, middle, &pem);
    is_int(acme_ca_anchors_load(ctx.pool, &pem, &none, &error), NGX_OK,
           "several, a middle one too");

    pki_stop(&ctx);
}


static void
test_memory(void)
{
    X509           *leaf;
    ngx_int_t       n, rc;
    ngx_str_t       pem, reason;
    ngx_uint_t      odd;
    acme_ca_ctx_t   ctx;

    leaf = leaf_of(&leaves[0]);

    pem = pki_lit("");
    pki_pem(keep.pool, leaf, &pem);
    pki_pem(keep.pool, middle, &pem);
    odd = 0;

    for (n = 0; n < 20000; n++) {
        pki_start(&ctx);
        shim_fail_at(n);

        rc = check_text(&ctx, &pem, &reason);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            pki_stop(&ctx);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc != NGX_OK && rc != NGX_ERROR && odd++ == 0) {
            printf("# %d: %.*s\n", (int) n, (int) reason.len, reason.data);
        }

        ERR_clear_error();
        pki_stop(&ctx);
    }

    is_int(rc, NGX_OK, "every allocation failed once, %d of them", (int) n);
    is_int(odd, 0, "none was told as a fault of the certificate");

    X509_free(leaf);
}
