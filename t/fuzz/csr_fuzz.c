
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificate requests: what is taken OpenSSL takes as well, with the same
 * key, and a certificate can be made of it.  No input at all is a certificate
 * that the lint lets pass.
 */


#include "fuzz.h"
#include "pki.h"


static void fuzz_setup(void);
static void fuzz_taken(acme_ca_ctx_t *ctx, ngx_str_t *der,
    acme_ca_csr_t *csr);


static acme_ca_profile_t      profile;
static acme_ca_issuer_t      *issuer;
static acme_ca_identifier_t   identifier;
static acme_ca_csr_t         *own;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t        rc;
    ngx_str_t        der, serial;
    acme_ca_ctx_t    ctx;
    acme_ca_csr_t   *csr;
    acme_ca_leaf_t   leaf;

    fuzz_setup();
    fuzz_context(&ctx);

    der.data = (u_char *) data;
    der.len = size;

    rc = acme_ca_csr_parse(&ctx, &der, ACME_CA_KEY_ANY, &csr);

    fuzz_assert(rc == NGX_OK || (rc == NGX_ABORT && ctx.problem != NULL));

    if (rc == NGX_OK) {
        fuzz_taken(&ctx, &der, csr);
    }

    (void) acme_ca_certificate_serial(&der, &serial);

    ngx_memzero(&leaf, sizeof(acme_ca_leaf_t));

    leaf.issuer = issuer;
    leaf.profile = &profile;
    leaf.identifiers = &identifier;
    leaf.n = 1;
    leaf.csr = own;

    fuzz_assert(acme_ca_lint(&ctx, &leaf, &der) == NGX_ERROR);
    fuzz_assert(ERR_peek_error() == 0);

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static void
fuzz_setup(void)
{
    EVP_PKEY             *key;
    ngx_str_t             name = ngx_string("fuzz"), error;
    acme_ca_hierarchy_t   hierarchy;

    /* its pool stays as long as the issuer */

    static acme_ca_ctx_t  ctx;

    if (issuer != NULL) {
        return;
    }

    fuzz_context(&ctx);

    fuzz_assert(acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &hierarchy)
                == NGX_OK);

    key = pki_key_pem(&hierarchy.root_key);

    fuzz_assert(acme_ca_issuer_load(ctx.pool, &hierarchy.root_certificate,
                                    key, ctx.now, &issuer, &error)
                == NGX_OK);
    fuzz_assert(acme_ca_csr_from_key(&ctx, key, &own) == NGX_OK);
    fuzz_assert(acme_ca_identifier_from_dns(ctx.pool, (u_char *) "a.example",
                                            9, &identifier)
                == NGX_OK);

    EVP_PKEY_free(key);

    ngx_str_set(&profile.name, "default");
    profile.lifetime = 90 * 86400;
    profile.key_types = ACME_CA_KEY_ANY;
    profile.eku = ACME_CA_EKU_SERVER;
    profile.common_name = ACME_CA_CN_CSR;
}


static void
fuzz_taken(acme_ca_ctx_t *ctx, ngx_str_t *der, acme_ca_csr_t *csr)
{
    int                     len;
    X509                   *cert;
    u_char                 *spki;
    X509_REQ               *request;
    const u_char           *p;
    acme_ca_leaf_t          leaf;
    acme_ca_certificate_t   certificate;

    p = der->data;
    request = d2i_X509_REQ(NULL, &p, (long) der->len);

    fuzz_assert(request != NULL && p == der->data + der->len);
    fuzz_assert(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) == 1);

    spki = NULL;
    len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &spki);

    fuzz_assert(len == (int) csr->spki.len
                && ngx_memcmp(spki, csr->spki.data, len) == 0);

    OPENSSL_free(spki);
    X509_REQ_free(request);

    fuzz_assert(acme_ca_csr_match(ctx, csr, csr->identifiers, csr->n)
                == NGX_OK);

    ngx_memzero(&leaf, sizeof(acme_ca_leaf_t));
    ngx_memzero(&certificate, sizeof(acme_ca_certificate_t));

    leaf.issuer = issuer;
    leaf.profile = &profile;
    leaf.identifiers = csr->identifiers;
    leaf.n = csr->n;
    leaf.csr = csr;

    fuzz_assert(acme_ca_leaf_sign(ctx, &leaf, &certificate) == NGX_OK);

    p = certificate.der.data;
    cert = d2i_X509(NULL, &p, (long) certificate.der.len);

    fuzz_assert(cert != NULL);

    X509_free(cert);
}
