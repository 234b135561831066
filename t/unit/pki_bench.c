
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What an issuance costs in this room: thread CPU time, the best of some runs.
 *
 *     pki_bench [N]
 */


#include "pki.h"

#include <time.h>


#define RUNS  7


typedef void (*step_pt)(acme_ca_ctx_t *ctx);


static double now_us(void);
static void measure(const char *what, step_pt step, int n);

static void csr_ec(acme_ca_ctx_t *ctx);
static void csr_rsa(acme_ca_ctx_t *ctx);
static void csr_ed(acme_ca_ctx_t *ctx);
static void leaf_pem(acme_ca_ctx_t *ctx);
static void lint(acme_ca_ctx_t *ctx);
static void match(acme_ca_ctx_t *ctx);


static ngx_str_t               requests[3], tbs;
static acme_ca_leaf_t          leaf;
static acme_ca_profile_t       profile;
static acme_ca_issuer_t       *issuer;
static acme_ca_identifier_t    identifier;
static acme_ca_csr_t          *csr;


int
main(int argc, char **argv)
{
    int                     n;
    EVP_PKEY               *ec, *rsa, *ed, *ca;
    ngx_str_t               name = ngx_string("bench"), error;
    acme_ca_ctx_t           ctx;
    acme_ca_der_t           span, cert, whole;
    acme_ca_hierarchy_t     h;
    acme_ca_certificate_t   made;

    n = (argc > 1) ? atoi(argv[1]) : 1000;

    pki_start(&ctx);

    ec = pki_key("P-256");
    rsa = pki_key("2048");
    ed = pki_key("ED25519");

    requests[0] = pki_csr(ctx.pool, ec, pki_lit(""),
                          pki_san(ctx.pool, "a.example"));
    requests[1] = pki_csr(ctx.pool, rsa, pki_lit(""),
                          pki_san(ctx.pool, "a.example"));
    requests[2] = pki_csr(ctx.pool, ed, pki_lit(""),
                          pki_san(ctx.pool, "a.example"));

    profile.name = pki_lit("default");
    profile.lifetime = 90 * 86400;
    profile.key_types = ACME_CA_KEY_ANY;
    profile.eku = ACME_CA_EKU_SERVER|ACME_CA_EKU_CLIENT;

    acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h);
    ca = pki_key_pem(&h.key);

    if (acme_ca_issuer_load(ctx.pool, &h.certificate, ca, PKI_NOW, &issuer,
                            &error) != NGX_OK
        || acme_ca_csr_parse(&ctx, &requests[0], ACME_CA_KEY_ANY, &csr)
           != NGX_OK
        || acme_ca_identifier_from_dns(ctx.pool, (u_char *) "a.example", 9,
                                       &identifier) != NGX_OK)
    {
        return 1;
    }

    leaf.issuer = issuer;
    leaf.profile = &profile;
    leaf.identifiers = &identifier;
    leaf.n = 1;
    leaf.csr = csr;

    if (acme_ca_leaf_sign(&ctx, &leaf, &made) != NGX_OK) {
        return 1;
    }

    span.p = made.der.data;
    span.last = span.p + made.der.len;
    acme_ca_der_take(&span, ACME_CA_DER_SEQUENCE, &cert, NULL);
    acme_ca_der_take(&cert, ACME_CA_DER_SEQUENCE, NULL, &whole);
    tbs = pki_str((char *) whole.p, whole.last - whole.p);

    measure("read and verify a P-256 request", csr_ec, n);
    measure("read and verify an RSA-2048 request", csr_rsa, n);
    measure("read and verify an Ed25519 request", csr_ed, n);
    measure("compare its names with the order's", match, n);
    measure("make, lint and sign a P-256 leaf, PEM", leaf_pem, n);
    measure("lint alone", lint, n);

    printf("certificate: %d bytes\n", (int) made.der.len);

    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(ca);
    pki_stop(&ctx);

    return 0;
}


static double
now_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}


static void
measure(const char *what, step_pt step, int n)
{
    int            i, run;
    double         at, best, used;
    acme_ca_ctx_t  ctx;

    best = 0;

    for (run = 0; run < RUNS; run++) {
        at = now_us();

        for (i = 0; i < n; i++) {
            pki_start(&ctx);
            step(&ctx);
            pki_stop(&ctx);
        }

        used = (now_us() - at) / n;

        if (run == 0 || used < best) {
            best = used;
        }
    }

    printf("%-40s %8.1f us\n", what, best);
}


static void
csr_ec(acme_ca_ctx_t *ctx)
{
    acme_ca_csr_t  *request;

    if (acme_ca_csr_parse(ctx, &requests[0], ACME_CA_KEY_ANY, &request)
        != NGX_OK)
    {
        abort();
    }
}


static void
csr_rsa(acme_ca_ctx_t *ctx)
{
    acme_ca_csr_t  *request;

    if (acme_ca_csr_parse(ctx, &requests[1], ACME_CA_KEY_ANY, &request)
        != NGX_OK)
    {
        abort();
    }
}


static void
csr_ed(acme_ca_ctx_t *ctx)
{
    acme_ca_csr_t  *request;

    if (acme_ca_csr_parse(ctx, &requests[2], ACME_CA_KEY_ANY, &request)
        != NGX_OK)
    {
        abort();
    }
}


static void
match(acme_ca_ctx_t *ctx)
{
    if (acme_ca_csr_match(ctx, csr, &identifier, 1) != NGX_OK) {
        abort();
    }
}


static void
leaf_pem(acme_ca_ctx_t *ctx)
{
    ngx_str_t              pem;
    acme_ca_certificate_t  cert;

    if (acme_ca_leaf_sign(ctx, &leaf, &cert) != NGX_OK
        || acme_ca_pem_write(ctx->pool, &cert.der, &pem) != NGX_OK)
    {
        abort();
    }
}


static void
lint(acme_ca_ctx_t *ctx)
{
    if (acme_ca_lint(ctx, &leaf, &tbs) != NGX_OK) {
        abort();
    }
}
