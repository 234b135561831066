
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * dns-01 and dns-account-01: the name, the value, the verdict.
 */


#include "acme_ca_dns01.h"
#include "acme_ca_text.h"


#define ACME_CA_DNS01_LABEL    "_acme-challenge."
#define ACME_CA_DNS01_PERSIST  "_validation-persist."

/* of the digest of the account's URL, and what they are in base32 */
#define ACME_CA_DNS01_ACCOUNT_BYTES  10
#define ACME_CA_DNS01_ACCOUNT_CHARS  16


static ngx_int_t acme_ca_dns01_account(const ngx_str_t *url,
    u_char text[ACME_CA_DNS01_ACCOUNT_CHARS]);


ngx_int_t
acme_ca_dns01_name(acme_ca_ctx_t *ctx, const acme_ca_job_t *job,
    ngx_str_t *name)
{
    size_t      max;
    u_char      account[ACME_CA_DNS01_ACCOUNT_CHARS];
    ngx_int_t   rc;
    ngx_str_t  *value;

    value = (ngx_str_t *) &job->identifier.value;
    max = value->len + 64;

    if (job->type == ACME_CA_DNS_PERSIST_01) {
        rc = acme_ca_format(ctx->pool, name, max, ACME_CA_DNS01_PERSIST "%V",
                            value);

    } else if (job->type == ACME_CA_DNS_ACCOUNT_01) {
        rc = acme_ca_dns01_account(&job->account_url, account);

        if (rc == NGX_OK) {
            rc = acme_ca_format(ctx->pool, name, max,
                                "_%*s." ACME_CA_DNS01_LABEL "%V",
                                (size_t) ACME_CA_DNS01_ACCOUNT_CHARS, account,
                                value);
        }

    } else {
        rc = acme_ca_format(ctx->pool, name, max, ACME_CA_DNS01_LABEL "%V",
                            value);
    }

    if (rc == NGX_OK && name->len > ACME_CA_DNS_NAME) {
        return acme_ca_refuse(ctx, ACME_CA_DNS, "%V would be too long a name",
                              name);
    }

    return rc;
}


/* RFC 4648, 6, in lower case: 80 bits are 16 characters without padding */

static ngx_int_t
acme_ca_dns01_account(const ngx_str_t *url,
    u_char text[ACME_CA_DNS01_ACCOUNT_CHARS])
{
    static const char  alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

    u_char      digest[ACME_CA_SHA256_LEN];
    ngx_uint_t  i, n, bits, value;

    if (acme_ca_sha256(url->data, url->len, digest) != NGX_OK) {
        return NGX_ERROR;
    }

    n = 0;
    bits = 0;
    value = 0;

    for (i = 0; i < ACME_CA_DNS01_ACCOUNT_BYTES; i++) {
        value = value << 8 | digest[i];
        bits += 8;

        while (bits >= 5) {
            bits -= 5;
            text[n++] = alphabet[value >> bits & 0x1f];
        }

        value &= 0x1f;
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_dns01_digest(ngx_pool_t *pool, const ngx_str_t *key_authorization,
    ngx_str_t *digest)
{
    u_char  bytes[ACME_CA_SHA256_LEN];

    digest->len = acme_ca_base64url_len(ACME_CA_SHA256_LEN);
    digest->data = ngx_pnalloc(pool, digest->len);

    if (digest->data == NULL
        || acme_ca_sha256(key_authorization->data, key_authorization->len,
                          bytes)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) acme_ca_base64url_write(digest->data, bytes, ACME_CA_SHA256_LEN);

    return NGX_OK;
}


ngx_int_t
acme_ca_dns01_judge(acme_ca_ctx_t *ctx, const acme_ca_dns_txt_t *txt,
    const ngx_str_t *digest)
{
    ngx_str_t   *text;
    ngx_uint_t   i;

    text = txt->texts->elts;

    for (i = 0; i < txt->texts->nelts; i++) {
        if (acme_ca_str_eq(&text[i], digest)) {
            return NGX_OK;
        }
    }

    if (txt->texts->nelts == 0) {
        return acme_ca_refuse(ctx, ACME_CA_DNS, "no TXT record at %V",
                              &txt->name);
    }

    return acme_ca_refuse(ctx, ACME_CA_INCORRECT_RESPONSE,
                          "none of %ui TXT record%s at %V has the value of "
                          "this challenge", txt->texts->nelts,
                          txt->texts->nelts == 1 ? "" : "s", &txt->name);
}
