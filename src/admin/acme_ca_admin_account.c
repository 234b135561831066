
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Accounts: found by what an operator has at hand, and ended.
 */


#include "acme_ca_admin_private.h"


#define ACME_CA_ADMIN_ACCOUNTS  100


static ngx_int_t acme_ca_admin_account_by_key(acme_ca_admin_t *a,
    ngx_str_t *text, acme_ca_account_t *account);
static ngx_int_t acme_ca_admin_account_audit(acme_ca_admin_t *a, int64_t id,
    ngx_str_t *reason);


/* the URL or the end of it, the row's number, the key's thumbprint */

ngx_int_t
acme_ca_admin_account_find(acme_ca_admin_t *a, ngx_str_t *text,
    acme_ca_account_t *account)
{
    u_char     *p;
    off_t       id;
    ngx_int_t   rc;
    ngx_str_t   last;

    last = *text;

    for (p = text->data + text->len; p > text->data && p[-1] != '/'; p--) {
        /* void */
    }

    last.len -= p - last.data;
    last.data = p;

    id = ngx_atoof(last.data, last.len);

    if (last.len == ACME_CA_ID_LEN) {
        rc = acme_ca_store_id_parse(a->store, ACME_CA_ID_ACCOUNT, &last,
                                    &account->id);

    } else if (id > 0 && last.len < ACME_CA_ID_LEN) {
        account->id = (int64_t) id;
        rc = NGX_OK;

    } else {
        return acme_ca_admin_account_by_key(a, &last, account);
    }

    return (rc == NGX_OK)
           ? acme_ca_store_account_find(a->store, a->ctx.pool, account->id,
                                        account)
           : rc;
}


/* account->thumbprint is set also where no account has that key */

static ngx_int_t
acme_ca_admin_account_by_key(acme_ca_admin_t *a, ngx_str_t *text,
    acme_ca_account_t *account)
{
    ngx_int_t   n, rc;
    ngx_str_t   bytes;
    ngx_uint_t  i;

    if (text->len == 2 * ACME_CA_SHA256_LEN) {

        for (i = 0; i < ACME_CA_SHA256_LEN; i++) {
            n = ngx_hextoi(text->data + 2 * i, 2);

            if (n == NGX_ERROR) {
                break;
            }

            account->thumbprint[i] = (u_char) n;
        }

        if (i < ACME_CA_SHA256_LEN) {
            return acme_ca_admin_refuse(a, 400, "\"%V\" is no thumbprint",
                                        text);
        }

    } else {
        rc = acme_ca_base64url_parse(a->ctx.pool, text, &bytes);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc != NGX_OK || bytes.len != ACME_CA_SHA256_LEN) {
            return acme_ca_admin_refuse(a, 400, "\"%V\" is neither the URL, "
                                        "the id or the number of an account "
                                        "nor the thumbprint of its key", text);
        }

        ngx_memcpy(account->thumbprint, bytes.data, ACME_CA_SHA256_LEN);
    }

    return acme_ca_store_account_find_key(a->store, a->ctx.pool,
                                          account->thumbprint, account);
}


ngx_int_t
acme_ca_admin_account_end(acme_ca_admin_t *a, int64_t id, ngx_str_t *reason)
{
    ngx_int_t      rc;
    ngx_str_t      error;
    acme_ca_ctx_t  ctx;

    ctx = a->ctx;
    ctx.problem = NULL;

    if (acme_ca_refuse(&ctx, ACME_CA_UNAUTHORIZED, "%V", reason) != NGX_ABORT
        || acme_ca_problem_write(ctx.pool, ctx.problem, &error) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = acme_ca_store_account_set_status(a->store, id, ACME_CA_VALID,
                                          ACME_CA_REVOKED, a->ctx.now);

    return (rc == NGX_OK)
           ? acme_ca_store_account_end(a->store, id, &error, a->ctx.now) : rc;
}


static ngx_int_t
acme_ca_admin_account_audit(acme_ca_admin_t *a, int64_t id, ngx_str_t *reason)
{
    acme_ca_audit_t  audit;

    audit = a->audit;

    audit.action = "revoke-account";
    audit.account_id = id;

    if (acme_ca_admin_details(a, &audit, "reason", reason) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_store_audit_add(a->store, &audit, a->ctx.now);
}


ngx_int_t
acme_ca_admin_account_end_all(acme_ca_admin_t *a, int64_t eab, ngx_uint_t *n)
{
    int64_t      *id, after;
    ngx_int_t     rc;
    ngx_str_t     reason = ngx_string("the external account was revoked");
    ngx_uint_t    i;
    ngx_array_t  *ids;

    after = 0;

    do {
        rc = acme_ca_store_eab_list_accounts(a->store, a->ctx.pool, eab, after,
                                             ACME_CA_ADMIN_ACCOUNTS, &ids);
        if (rc != NGX_OK) {
            return rc;
        }

        id = ids->elts;

        for (i = 0; i < ids->nelts; i++) {
            rc = acme_ca_admin_account_end(a, id[i], &reason);

            if (rc == NGX_OK) {
                rc = acme_ca_admin_account_audit(a, id[i], &reason);
            }

            if (rc != NGX_OK) {
                return rc;
            }

            after = id[i];
        }

        *n += ids->nelts;

    } while (ids->nelts == ACME_CA_ADMIN_ACCOUNTS);

    return NGX_OK;
}
