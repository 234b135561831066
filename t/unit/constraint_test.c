
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_issuer_constraints.c, pki/acme_ca_issuer_record.c and
 * policy/acme_ca_policy_constraint.c: what intermediates are for, and what the
 * registry has of them.
 */


#include "pki.h"
#include "tap.h"

#include "acme_ca_policy.h"


typedef struct {
    const char  *name;
    ngx_uint_t   refused;
} case_t;


static void test_written(void);
static void test_read(void);
static void test_record(void);
static void test_memory(void);
static void make_plan(acme_ca_ctx_t *ctx, acme_ca_hierarchy_plan_t *plan);
static acme_ca_issuer_t *load(acme_ca_ctx_t *ctx, acme_ca_hierarchy_t *h,
    ngx_uint_t root);
static void are(acme_ca_ctx_t *ctx, const ngx_array_t *constraints,
    const case_t *cases);
static ngx_int_t extended(acme_ca_ctx_t *ctx, const char *extension,
    acme_ca_issuer_t **issuer, ngx_str_t *error);


static const case_t  written[] = {
    { "corp.example", 0 }, { "a.corp.example", 0 }, { "*.corp.example", 1 },
    { "acorp.example", 1 }, { "example", 1 }, { "other.example", 1 },
    { "x.corp.example", 1 }, { "y.x.corp.example", 1 },
    { "*.x.corp.example", 1 }, { "10.1.2.3", 0 }, { "10.9.0.1", 1 },
    { "192.0.2.1", 1 }, { "fd00::1", 0 }, { "2001:db8::1", 1 },
    { NULL, 0 }
};


int
main(void)
{
    test_written();
    test_read();
    test_record();
    test_memory();

    return done_testing();
}


static void
test_written(void)
{
    X509                      *cert;
    ngx_str_t                  name = ngx_string("corp");
    acme_ca_ctx_t              ctx;
    acme_ca_issuer_t          *issuer;
    acme_ca_hierarchy_t        h;
    acme_ca_hierarchy_plan_t   plan;

    pki_start(&ctx);
    make_plan(&ctx, &plan);

    is_int(acme_ca_hierarchy_new(&ctx, &name, &plan, &h), NGX_OK, "made");

    cert = pki_x509_pem(&h.certificate);
    is_int(X509_get_pathlen(cert), 3, "path length");
    ok(X509_get_ext_by_NID(cert, NID_crl_distribution_points, -1) >= 0,
       "distribution point");
    is_int(X509_EXTENSION_get_critical(X509_get_ext(cert,
               X509_get_ext_by_NID(cert, NID_name_constraints, -1))), 1,
           "name constraints are critical");
    X509_free(cert);

    issuer = load(&ctx, &h, 0);
    is_int(issuer->constraints->nelts, 1, "one certificate has some");
    are(&ctx, issuer->constraints, written);

    issuer = load(&ctx, &h, 1);
    is_int(issuer->constraints->nelts, 0, "the root has none");

    pki_stop(&ctx);
}


/* of others */

static void
test_read(void)
{
    ngx_str_t          error;
    acme_ca_ctx_t      ctx;
    acme_ca_issuer_t  *issuer;

    static const case_t  below[] = {
        { "a.example", 1 }, { "b.a.example", 0 }, { "10.0.0.1", 0 },
        { NULL, 0 }
    };
    static const case_t  nothing[] = {
        { "a.example", 1 }, { "*.b.example", 1 }, { "10.0.0.1", 0 },
        { NULL, 0 }
    };
    static const case_t  others[] = {
        { "a.example", 0 }, { "::1", 0 }, { NULL, 0 }
    };

    pki_start(&ctx);

    is_int(extended(&ctx, "critical,permitted;DNS:.A.example", &issuer,
                    &error), NGX_OK, "a dot before the name");
    are(&ctx, issuer->constraints, below);

    is_int(extended(&ctx, "DER:3006A10430028200", &issuer, &error), NGX_OK,
           "an empty name");
    are(&ctx, issuer->constraints, nothing);

    is_int(extended(&ctx, "critical,permitted;email:a.example", &issuer,
                    &error), NGX_OK, "of another kind");
    are(&ctx, issuer->constraints, others);

    is_int(extended(&ctx, "DER:300BA009300787050A00000000", &issuer, &error),
           NGX_DECLINED, "an address of five bytes");
    ok(error.len != 0, "says why");

    are(&ctx, NULL, others);

    pki_stop(&ctx);
}


static void
test_record(void)
{
    X509                      *cert;
    ngx_str_t                  name = ngx_string("corp"), serial;
    acme_ca_ctx_t              ctx;
    acme_ca_issuer_t          *root, *other;
    acme_ca_hierarchy_t        h, another;
    acme_ca_certificate_t      record;
    acme_ca_hierarchy_plan_t   plan;

    pki_start(&ctx);
    make_plan(&ctx, &plan);

    acme_ca_hierarchy_new(&ctx, &name, &plan, &h);
    acme_ca_hierarchy_new(&ctx, &name, &plan, &another);
    root = load(&ctx, &h, 1);
    other = load(&ctx, &another, 1);
    root->id = 7;

    is_int(acme_ca_issuer_record(&ctx, root, &h.certificate, &record), NGX_OK,
           "a record");
    is_int(record.issuer_id, 7, "its issuer");
    is_str(&record.key_type, "EC 256", "kind of key");
    ok(record.not_after > record.not_before, "dates");

    cert = pki_x509_pem(&h.certificate);
    serial.len = ASN1_STRING_length(X509_get0_serialNumber(cert));
    serial.data = (u_char *)
                  ASN1_STRING_get0_data(X509_get0_serialNumber(cert));
    ok(acme_ca_str_eq(&serial, &record.serial), "serial");
    X509_free(cert);

    is_int(acme_ca_issuer_record(&ctx, other, &h.certificate, &record),
           NGX_DECLINED, "of another root");
    is_int(acme_ca_issuer_record(&ctx, root, &name, &record), NGX_ERROR,
           "no certificate");
    is_int(ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");

    pki_stop(&ctx);
}


static void
test_memory(void)
{
    ngx_int_t                  n, rc;
    ngx_str_t                  name = ngx_string("corp");
    acme_ca_ctx_t              ctx, one;
    acme_ca_issuer_t          *root, *issuer;
    acme_ca_hierarchy_t        h, again;
    acme_ca_identifier_t       id;
    acme_ca_certificate_t      record;
    acme_ca_hierarchy_plan_t   plan;

    pki_start(&ctx);
    make_plan(&ctx, &plan);
    acme_ca_hierarchy_new(&ctx, &name, &plan, &h);
    root = load(&ctx, &h, 1);
    issuer = load(&ctx, &h, 0);
    acme_ca_identifier_from_dns(ctx.pool, (u_char *) "other.example", 13, &id);

    for (n = 0; /* void */ ; n++) {
        pki_start(&one);

        shim_fail_at(n);

        rc = acme_ca_hierarchy_new(&one, &name, &plan, &again);

        if (rc == NGX_OK) {
            rc = acme_ca_issuer_record(&one, root, &h.certificate, &record);
        }

        if (rc == NGX_OK) {
            rc = (acme_ca_policy_constraints(&one, issuer->constraints, &id)
                  == NGX_ABORT) ? NGX_OK : NGX_ERROR;
        }

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "with memory");
            pki_stop(&one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        /* a signature that cannot be looked at is one of another */

        if (rc != NGX_OK && rc != NGX_ERROR && rc != NGX_DECLINED) {
            ok(0, "allocation %d: %d", (int) n, (int) rc);
        }

        ERR_clear_error();
        pki_stop(&one);
    }

    ok(n > 5, "%d allocations can fail", (int) n);

    pki_stop(&ctx);
}


static void
make_plan(acme_ca_ctx_t *ctx, acme_ca_hierarchy_plan_t *plan)
{
    size_t        i;
    ngx_str_t    *name, text;
    ngx_cidr_t   *cidr;

    static const struct {
        size_t       offset;
        const char  *cidr;
    } cidrs[] = {
        { offsetof(acme_ca_rules_t, allow_ip), "10.0.0.0/8" },
        { offsetof(acme_ca_rules_t, allow_ip), "fd00::/8" },
        { offsetof(acme_ca_rules_t, deny_ip), "10.9.0.0/16" }
    };
    ngx_array_t  **list;

    memset(plan, 0, sizeof(acme_ca_hierarchy_plan_t));

    plan->kind = ACME_CA_KEY_EC_P256;
    plan->path_length = 3;
    plan->crl_url = pki_c("http://ca.example/crl/");
    plan->root_life = 10 * 31536000;
    plan->life = 5 * 31536000;

    plan->constraints.allow_dns = ngx_array_create(ctx->pool, 1,
                                                   sizeof(ngx_str_t));
    plan->constraints.deny_dns = ngx_array_create(ctx->pool, 1,
                                                  sizeof(ngx_str_t));
    plan->constraints.allow_ip = ngx_array_create(ctx->pool, 2,
                                                  sizeof(ngx_cidr_t));
    plan->constraints.deny_ip = ngx_array_create(ctx->pool, 1,
                                                 sizeof(ngx_cidr_t));

    name = ngx_array_push(plan->constraints.allow_dns);
    *name = pki_c("corp.example");
    name = ngx_array_push(plan->constraints.deny_dns);
    *name = pki_c("x.corp.example");

    for (i = 0; i < sizeof(cidrs) / sizeof(cidrs[0]); i++) {
        list = (ngx_array_t **) ((char *) &plan->constraints
                                 + cidrs[i].offset);
        cidr = ngx_array_push(*list);
        text = pki_c(cidrs[i].cidr);
        ngx_ptocidr(&text, cidr);
    }
}


static acme_ca_issuer_t *
load(acme_ca_ctx_t *ctx, acme_ca_hierarchy_t *h, ngx_uint_t root)
{
    EVP_PKEY          *key;
    ngx_str_t          pem, error;
    acme_ca_issuer_t  *issuer;

    key = pki_key_pem(root ? &h->root_key : &h->key);
    pem = root ? h->root_certificate
               : pki_cat(ctx->pool, h->certificate, h->root_certificate);
    issuer = NULL;

    is_int(acme_ca_issuer_load(ctx->pool, &pem, key, PKI_NOW, &issuer, &error),
           NGX_OK, "loaded");

    EVP_PKEY_free(key);

    return issuer;
}


static void
are(acme_ca_ctx_t *ctx, const ngx_array_t *constraints, const case_t *cases)
{
    ngx_str_t              name;
    const case_t          *c;
    acme_ca_identifier_t   id;

    for (c = cases; c->name != NULL; c++) {
        name = pki_c(c->name);
        memset(&id, 0, sizeof(acme_ca_identifier_t));

        if (strspn(c->name, "0123456789abcdef.:") == name.len) {
            u_char  address[16];

            id.type = ACME_CA_IDENTIFIER_IP;
            id.address_len = strchr(c->name, ':') ? 16 : 4;
            inet_pton(id.address_len == 4 ? AF_INET : AF_INET6, c->name,
                      address);
            memcpy(id.address, address, id.address_len);
            id.value = name;

        } else {
            acme_ca_identifier_from_dns(ctx->pool, name.data, name.len, &id);
        }

        ctx->problem = NULL;
        is_int(acme_ca_policy_constraints(ctx, constraints, &id),
               c->refused ? NGX_ABORT : NGX_OK, "%s", c->name);
        is_int(ctx->problem != NULL, c->refused, "%s: problem", c->name);
    }
}


/* a root with such name constraints */

static ngx_int_t
extended(acme_ca_ctx_t *ctx, const char *extension, acme_ca_issuer_t **issuer,
    ngx_str_t *error)
{
    X509            *cert;
    EVP_PKEY        *key;
    ngx_int_t        rc;
    ngx_str_t        der, pem;
    u_char          *p;
    X509_EXTENSION  *ext;

    key = pki_key("P-256");
    cert = pki_ca("CA", key, NULL, NULL, PKI_NOW - 1, PKI_NOW + 1000,
                  pki_ca_exts);

    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_name_constraints, extension);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    X509_sign(cert, key, EVP_sha256());

    p = NULL;
    der.len = i2d_X509(cert, &p);
    der.data = p;
    acme_ca_pem_write(ctx->pool, &der, &pem);
    OPENSSL_free(p);

    ngx_str_null(error);
    rc = acme_ca_issuer_load(ctx->pool, &pem, key, PKI_NOW, issuer, error);

    X509_free(cert);
    EVP_PKEY_free(key);

    return rc;
}
