
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_dns_message.c and acme_ca_dns_persist.c: any answer of a
 * name server.  What an alias leads to goes into a query of ours and into the
 * detail of a problem, so it holds nothing but what a name has; no record's
 * bytes get into a detail.
 */


#include "fuzz.h"

#include "acme_ca_dns01.h"
#include "acme_ca_text.h"


static void fuzz_name(ngx_str_t *name);
static void fuzz_judge(acme_ca_ctx_t *ctx, acme_ca_dns_txt_t *txt);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char             *message;
    ngx_int_t           rc;
    ngx_str_t           name;
    acme_ca_ctx_t       ctx;
    acme_ca_dns_txt_t   txt;

    fuzz_context(&ctx);

    ngx_str_set(&name, "a.b");
    message = ngx_pnalloc(ctx.pool, size);
    memcpy(message, data, size);

    rc = acme_ca_dns_txt_parse(ctx.pool, message, size, &name, &txt);

    fuzz_assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        fuzz_assert(txt.aliases <= ACME_CA_DNS_ALIASES);
        fuzz_assert(txt.aliases != 0 || acme_ca_str_eq(&txt.name, &name));
        fuzz_assert(txt.ttl >= 0 && txt.ttl <= 0x7fffffff);

        fuzz_name(&txt.name);
        fuzz_judge(&ctx, &txt);
    }

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static void
fuzz_judge(acme_ca_ctx_t *ctx, acme_ca_dns_txt_t *txt)
{
    size_t         i;
    ngx_int_t      rc;
    ngx_str_t      issuer, *text, digest;
    ngx_array_t   *issuers;
    acme_ca_job_t  job;

    memset(&job, 0, sizeof(job));
    ngx_str_set(&job.identifier.value, "b");
    ngx_str_set(&job.account_url, "https://c/1");
    ngx_str_set(&issuer, "c.d");
    ngx_str_set(&digest, "digest");

    issuers = ngx_array_create(ctx->pool, 1, sizeof(ngx_str_t));
    text = ngx_array_push(issuers);
    *text = issuer;

    rc = acme_ca_dns_persist_judge(ctx, txt, &job, issuers);

    if (rc == NGX_OK) {
        rc = acme_ca_dns01_judge(ctx, txt, &digest);
    }

    fuzz_assert(rc == NGX_OK || rc == NGX_ABORT);

    if (rc == NGX_ABORT) {
        for (i = 0; i < ctx->problem->detail.len; i++) {
            fuzz_assert(ctx->problem->detail.data[i] >= 0x20
                        && ctx->problem->detail.data[i] < 0x7f);
        }
    }
}


static void
fuzz_name(ngx_str_t *name)
{
    size_t  i;

    fuzz_assert(name->len != 0 && name->len <= ACME_CA_DNS_NAME);

    for (i = 0; i < name->len; i++) {
        fuzz_assert(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.",
                           name->data[i])
                    != NULL && name->data[i] != '\0');
    }
}
