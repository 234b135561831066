
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_bundle.c: PEM taken apart, and CMS that OpenSSL reads.
 */


#include "pki.h"
#include "tap.h"

#include "acme_ca_bundle.h"

#include <openssl/pkcs7.h>


static ngx_array_t *list_of(ngx_pool_t *pool);
static void test_read(acme_ca_ctx_t *ctx, ngx_str_t *one, ngx_str_t *two);
static void test_write(acme_ca_ctx_t *ctx, ngx_str_t *one, ngx_str_t *two);
static void test_memory(ngx_str_t *pem);


int
main(void)
{
    ngx_str_t             name = ngx_string("unit");
    acme_ca_ctx_t         ctx;
    acme_ca_hierarchy_t   h;

    shim_openssl();
    pki_start(&ctx);

    ok(acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h) == NGX_OK,
       "a hierarchy");

    test_read(&ctx, &h.certificate, &h.root_certificate);
    test_write(&ctx, &h.certificate, &h.root_certificate);
    test_memory(&h.certificate);

    pki_stop(&ctx);

    return done_testing();
}


static ngx_array_t *
list_of(ngx_pool_t *pool)
{
    return ngx_array_create(pool, 1, sizeof(ngx_str_t));
}


static void
test_read(acme_ca_ctx_t *ctx, ngx_str_t *one, ngx_str_t *two)
{
    size_t        i, wrong;
    ngx_str_t     text, again, *der;
    ngx_array_t  *list;

    text = pki_cat(ctx->pool, *one, pki_lit("\n"));
    text = pki_cat(ctx->pool, text, *two);

    list = list_of(ctx->pool);
    is_int(acme_ca_bundle_read(ctx->pool, &text, list), NGX_OK, "read");
    is_int(list->nelts, 2, "two");

    der = list->elts;

    acme_ca_pem_write(ctx->pool, &der[0], &again);
    ok(acme_ca_str_eq(&again, one), "the first");
    acme_ca_pem_write(ctx->pool, &der[1], &again);
    ok(acme_ca_str_eq(&again, two), "the second");

    /* cut off anywhere, and with a foreign character anywhere */

    wrong = 0;

    for (i = 0; i < one->len - 1; i++) {
        text = pki_str((char *) one->data, i);
        wrong += acme_ca_bundle_read(ctx->pool, &text, list_of(ctx->pool))
                 != NGX_DECLINED;
    }

    is_int(wrong, 0, "cut off");

    text = pki_cat(ctx->pool, *one, pki_lit(""));
    text.data[40] = '*';
    is_int(acme_ca_bundle_read(ctx->pool, &text, list_of(ctx->pool)),
           NGX_DECLINED, "not base64");

    text = pki_lit("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    is_int(acme_ca_bundle_read(ctx->pool, &text, list_of(ctx->pool)),
           NGX_DECLINED, "nothing inside");

    text = pki_lit("");
    is_int(acme_ca_bundle_read(ctx->pool, &text, list_of(ctx->pool)),
           NGX_DECLINED, "nothing at all");
}


static void
test_write(acme_ca_ctx_t *ctx, ngx_str_t *one, ngx_str_t *two)
{
    X509           *cert;
    PKCS7          *message;
    ngx_str_t       text, cms, der;
    ngx_uint_t      i;
    ngx_array_t    *list;
    const u_char   *p;

    list = list_of(ctx->pool);

    for (i = 0; i < 9; i++) {
        text = (i & 1) ? *two : *one;
        acme_ca_bundle_read(ctx->pool, &text, list);

        is_int(acme_ca_bundle_write(ctx->pool, list, &cms), NGX_OK,
               "a message of %d", (int) i + 1);

        p = cms.data;
        message = d2i_PKCS7(NULL, &p, (long) cms.len);

        if (!ok(message && p == cms.data + cms.len
                && PKCS7_type_is_signed(message)
                && sk_X509_num(message->d.sign->cert) == (int) i + 1
                && sk_PKCS7_SIGNER_INFO_num(message->d.sign->signer_info)
                   == 0, "OpenSSL reads it"))
        {
            PKCS7_free(message);
            continue;
        }

        der = ((ngx_str_t *) list->elts)[i];
        cert = pki_x509(&der);

        ok(X509_cmp(cert, sk_X509_value(message->d.sign->cert, (int) i)) == 0,
           "the last one is there");

        X509_free(cert);
        PKCS7_free(message);
    }
}


static void
test_memory(ngx_str_t *pem)
{
    ngx_int_t       n, rc;
    ngx_str_t       cms;
    ngx_array_t    *list;
    acme_ca_ctx_t   one;

    for (n = 0; /* void */ ; n++) {
        pki_start(&one);

        shim_fail_at(n);

        rc = NGX_ERROR;
        list = list_of(one.pool);

        if (list != NULL) {
            rc = acme_ca_bundle_read(one.pool, pem, list);
        }

        if (rc == NGX_OK) {
            rc = acme_ca_bundle_write(one.pool, list, &cms);
        }

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "with memory");
            pki_stop(&one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc != NGX_ERROR) {
            ok(0, "allocation %d: %d", (int) n, (int) rc);
        }

        pki_stop(&one);
    }

    ok(n > 0, "%d allocations can fail", (int) n);
}
