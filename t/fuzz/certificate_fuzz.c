
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A certificate of somebody else's: imported into the registry, and as one of a
 * CA.  It is refused with a reason, or what is kept of it is text that the
 * registry can show.
 */


#include "fuzz.h"

#include "acme_ca_import.h"
#include "acme_ca_issuer_load.h"
#include "acme_ca_leaf.h"
#include "acme_ca_text.h"

#include <openssl/err.h>


typedef ngx_int_t (*fuzz_step_pt)(acme_ca_issuer_load_t *load);


static void fuzz_import(acme_ca_ctx_t *ctx, ngx_str_t *pem);
static void fuzz_issuer(acme_ca_ctx_t *ctx, ngx_str_t *pem);
static ngx_uint_t fuzz_is_text(const ngx_str_t *text, ngx_uint_t plain);


static const fuzz_step_pt  fuzz_steps[] = {
    acme_ca_issuer_check_ca,
    acme_ca_issuer_fill_der,
    acme_ca_issuer_fill_name,
    acme_ca_issuer_fill_key_id,
    acme_ca_issuer_fill_chain,
    acme_ca_issuer_fill_constraints,
    NULL
};


/* DER; it comes as PEM, which a mutation seldom leaves whole */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t      der, pem;
    acme_ca_ctx_t  ctx;

    fuzz_context(&ctx);

    der.data = (u_char *) data;
    der.len = size;

    fuzz_assert(acme_ca_pem_write(ctx.pool, &der, &pem) == NGX_OK);

    fuzz_import(&ctx, &pem);
    fuzz_issuer(&ctx, &pem);

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static void
fuzz_import(acme_ca_ctx_t *ctx, ngx_str_t *pem)
{
    ngx_int_t               rc;
    ngx_str_t               reason;
    ngx_array_t            *known;
    acme_ca_issuer_t        issuer;
    acme_ca_certificate_t   cert;

    known = ngx_array_create(ctx->pool, 1, sizeof(ngx_str_t));

    fuzz_assert(known != NULL);
    ngx_str_null(&reason);

    rc = acme_ca_import_read(ctx, pem, known, &cert, &issuer, &reason);

    fuzz_assert(ERR_peek_error() == 0);

    if (rc != NGX_OK) {
        fuzz_assert(rc == NGX_DECLINED && reason.len != 0);
        return;
    }

    fuzz_assert(cert.serial.len >= 1 && cert.serial.len <= 20);
    fuzz_assert(cert.key_type.len != 0 && cert.der.len != 0);
    fuzz_assert(issuer.name.len != 0 && issuer.der.len != 0);
    fuzz_assert(fuzz_is_text(&issuer.name, 0));
    fuzz_assert(fuzz_is_text(&cert.common_name, 0));
    fuzz_assert(fuzz_is_text(&cert.sans, 1));
}


static void
fuzz_issuer(acme_ca_ctx_t *ctx, ngx_str_t *pem)
{
    ngx_int_t               rc;
    ngx_str_t               error;
    acme_ca_issuer_t        issuer;
    const fuzz_step_pt     *step;
    acme_ca_issuer_load_t   load;

    ngx_memzero(&load, sizeof(acme_ca_issuer_load_t));
    ngx_memzero(&issuer, sizeof(acme_ca_issuer_t));
    ngx_str_null(&error);

    load.pool = ctx->pool;
    load.now = ctx->now;
    load.issuer = &issuer;
    load.error = &error;
    load.certs = sk_X509_new_null();

    fuzz_assert(load.certs != NULL);

    rc = acme_ca_issuer_read(&load, pem);

    /* one without a key of a known kind comes no further */

    if (rc == NGX_OK
        && X509_get0_pubkey(sk_X509_value(load.certs, 0)) == NULL)
    {
        ngx_str_set(&error, "unsupported");
        rc = NGX_DECLINED;
    }

    for (step = fuzz_steps; rc == NGX_OK && *step; step++) {
        rc = (*step)(&load);
    }

    sk_X509_pop_free(load.certs, X509_free);

    fuzz_assert(rc == NGX_OK || (rc == NGX_DECLINED && error.len != 0));

    if (rc == NGX_OK) {
        fuzz_assert(issuer.name.len != 0 && issuer.key_id.len != 0);
        fuzz_assert(issuer.crl_name.len <= 64);
    }

    ERR_clear_error();
}


/* UTF-8; plain: of names that blanks separate and JSON may quote */

static ngx_uint_t
fuzz_is_text(const ngx_str_t *text, ngx_uint_t plain)
{
    u_char  ch;
    size_t  i, n;

    for (i = 0; i < text->len; i += n) {
        n = acme_ca_utf8_len(text->data + i, text->len - i);
        ch = text->data[i];

        if (n == 0
            || (plain && (ch < ' ' || ch > '~' || ch == '"' || ch == '\\')))
        {
            return 0;
        }
    }

    return 1;
}
