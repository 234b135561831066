
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_trust.c: each file of a hierarchy and of a root that issues
 * itself, and all of them when memory is short.
 */


#include "pki.h"
#include "tap.h"

#include "acme_ca_bundle.h"
#include "acme_ca_trust.h"


static acme_ca_authority_t  authority;
static acme_ca_ctx_t        ctx;


static void load(ngx_str_t *pem, ngx_str_t *key_pem);
static ngx_uint_t certificates(const char *name);
static void test_files(acme_ca_hierarchy_t *h);
static void test_root(acme_ca_hierarchy_t *h);
static void test_memory(void);


int
main(void)
{
    ngx_str_t            pem;
    acme_ca_hierarchy_t  h;

    shim_openssl();
    pki_start(&ctx);

    ngx_str_set(&authority.name, "corp");

    if (acme_ca_hierarchy_new(&ctx, &authority.name, &pki_plan, &h) != NGX_OK
        || acme_ca_format(ctx.pool, &pem, 8192, "%V%V", &h.certificate,
                          &h.root_certificate)
           != NGX_OK)
    {
        abort();
    }

    load(&pem, &h.key);

    test_files(&h);
    test_memory();
    test_root(&h);

    pki_stop(&ctx);

    return done_testing();
}


static void
load(ngx_str_t *pem, ngx_str_t *key_pem)
{
    EVP_PKEY   *key;
    ngx_str_t   error;

    key = pki_key_pem(key_pem);

    if (acme_ca_issuer_load(ctx.pool, pem, key, ctx.now, &authority.issuer,
                            &error)
        != NGX_OK)
    {
        abort();
    }

    EVP_PKEY_free(key);
}


/* how many a PEM file has */

static ngx_uint_t
certificates(const char *name)
{
    ngx_str_t        text;
    ngx_array_t     *list;
    acme_ca_trust_t  file;

    text = pki_str(name, strlen(name));
    list = ngx_array_create(ctx.pool, 1, sizeof(ngx_str_t));

    if (acme_ca_trust_get(ctx.pool, &authority, &text, &file) != NGX_OK
        || acme_ca_bundle_read(ctx.pool, &file.body, list) != NGX_OK)
    {
        return 0;
    }

    return list->nelts;
}


static void
test_files(acme_ca_hierarchy_t *h)
{
    ngx_str_t        name, pem;
    acme_ca_trust_t  file;

    is_int(certificates("root.pem"), 1, "root.pem");
    is_int(certificates("issuer.pem"), 1, "issuer.pem");
    is_int(certificates("chain.pem"), 2, "chain.pem");

    name = pki_lit("issuer.der");
    is_int(acme_ca_trust_get(ctx.pool, &authority, &name, &file), NGX_OK,
           "issuer.der");
    ok(acme_ca_str_eq(&file.body, &authority.issuer->der), "the issuer");

    name = pki_lit("root.crt");
    is_int(acme_ca_trust_get(ctx.pool, &authority, &name, &file), NGX_OK,
           "root.crt");
    (void) acme_ca_pem_write(ctx.pool, &file.body, &pem);
    ok(acme_ca_str_eq(&pem, &h->root_certificate), "the root");

    name = pki_lit("root.key");
    is_int(acme_ca_trust_get(ctx.pool, &authority, &name, &file),
           NGX_DECLINED, "nothing else");

    name = pki_lit("");
    is_int(acme_ca_trust_get(ctx.pool, &authority, &name, &file), NGX_OK,
           "the page");
    ok(memmem(file.body.data, file.body.len, "</html>\n", 8)
       == file.body.data + file.body.len - 8, "is complete");
    ok(memmem(file.body.data, file.body.len, "-alias corp ", 12) != NULL,
       "has the name");
}


static void
test_root(acme_ca_hierarchy_t *h)
{
    acme_ca_trust_t  file;
    ngx_str_t        name = ngx_string("root.pem");

    load(&h->root_certificate, &h->root_key);

    is_int(certificates("root.pem"), 1, "of a root that issues itself");
    is_int(certificates("chain.pem"), 1, "it stands there once");

    authority.issuer = NULL;
    is_int(acme_ca_trust_get(ctx.pool, &authority, &name, &file), NGX_ERROR,
           "without an issuer");
}


static void
test_memory(void)
{
    ngx_int_t         n, rc;
    ngx_str_t         name;
    ngx_uint_t        i;
    ngx_pool_t       *pool;
    acme_ca_trust_t   file;

    static const char  *names[] = {
        "", "root.pem", "root.der", "issuer.pem", "issuer.der", "chain.pem",
        "chain.p7c"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        name = pki_str(names[i], strlen(names[i]));
        rc = NGX_ERROR;

        for (n = 0; n < 500; n++) {
            pool = ngx_create_pool(1024, &shim_log);

            shim_fail_at(n);
            rc = acme_ca_trust_get(pool, &authority, &name, &file);
            shim_fail_at(SHIM_NEVER);

            ngx_destroy_pool(pool);

            if (rc == NGX_OK) {
                break;
            }
        }

        ok(rc == NGX_OK && n > 1, "\"%s\" after %d allocations", names[i],
           (int) n);
    }
}
