
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Answers of an external signer: whatever comes, it is refused with a reason,
 * for its key is one that nobody signs with.
 */


#include "fuzz.h"
#include "pki.h"

#include "acme_ca_foreign.h"


static void fuzz_setup(void);


static acme_ca_profile_t      profile;
static acme_ca_anchors_t     *anchors;
static acme_ca_identifier_t   identifier;
static acme_ca_csr_t         *own;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t               rc;
    ngx_str_t               pem, reason;
    acme_ca_ctx_t           ctx;
    acme_ca_leaf_t          wanted;
    acme_ca_issuer_t        issuer;
    acme_ca_certificate_t   cert;

    fuzz_setup();
    fuzz_context(&ctx);

    pem.data = (u_char *) data;
    pem.len = size;

    ngx_str_null(&reason);
    ngx_memzero(&cert, sizeof(acme_ca_certificate_t));
    ngx_memzero(&wanted, sizeof(acme_ca_leaf_t));

    wanted.profile = &profile;
    wanted.identifiers = &identifier;
    wanted.n = 1;
    wanted.csr = own;

    rc = acme_ca_foreign_check(&ctx, &wanted, anchors, ctx.now, &pem, &cert,
                               &issuer, &reason);

    fuzz_assert(rc == NGX_DECLINED && reason.len != 0);
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

    /* its pool stays as long as the anchors */

    static acme_ca_ctx_t  ctx;

    if (anchors != NULL) {
        return;
    }

    fuzz_context(&ctx);

    key = acme_ca_key_new(ctx.log);

    fuzz_assert(key != NULL);
    fuzz_assert(acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &hierarchy)
                == NGX_OK);
    fuzz_assert(acme_ca_anchors_load(ctx.pool, &hierarchy.root_certificate,
                                     &anchors, &error)
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
}
