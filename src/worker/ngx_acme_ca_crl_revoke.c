
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Intermediates that the operator has called compromised, in the registry as
 * revoked certificates of their root, so that its CRL has them.  Only the
 * master, and only where the root's key is, as nobody else could sign that.
 */


#include "ngx_acme_ca_crl.h"
#include "acme_ca_store_issuer.h"


/* RFC 5280, 5.3.1 */
#define NGX_ACME_CA_CRL_CA_COMPROMISE  2


static ngx_int_t ngx_acme_ca_crl_revoke_each(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, const acme_ca_issuer_t *root);
static ngx_int_t ngx_acme_ca_crl_revoke_one(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, const acme_ca_issuer_t *root,
    acme_ca_issuer_row_t *row);
static ngx_int_t ngx_acme_ca_crl_revoke_record(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_certificate_t *cert);


ngx_int_t
ngx_acme_ca_crl_revoke(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    const acme_ca_issuer_t *root)
{
    ngx_int_t  rc;

    rc = acme_ca_store_begin(store);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_revoke_each(ctx, store, root);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_commit(store);
    }

    if (rc != NGX_OK) {
        acme_ca_store_rollback(store);
    }

    return rc;
}


static ngx_int_t
ngx_acme_ca_crl_revoke_each(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    const acme_ca_issuer_t *root)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_array_t           *rows;
    acme_ca_issuer_row_t  *row;

    rc = acme_ca_store_issuer_list(store, ctx->pool, &rows);
    if (rc != NGX_OK) {
        return rc;
    }

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {

        if (row[i].state != ACME_CA_ISSUER_COMPROMISED) {
            continue;
        }

        rc = ngx_acme_ca_crl_revoke_one(ctx, store, root, &row[i]);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            return rc;
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED: another root has signed it */

static ngx_int_t
ngx_acme_ca_crl_revoke_one(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    const acme_ca_issuer_t *root, acme_ca_issuer_row_t *row)
{
    ngx_int_t              rc;
    ngx_str_t              chain;
    acme_ca_certificate_t  cert, known;

    rc = acme_ca_store_issuer_find_chain(store, ctx->pool, row->id, &chain);

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_record(ctx, root, &chain, &cert);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_store_certificate_find_serial(store, ctx->pool, &cert.serial,
                                               cert.issuer_id, &known);

    if (rc == NGX_DECLINED) {
        cert.common_name = row->name;
        rc = acme_ca_store_certificate_add(store, &cert);

    } else if (rc == NGX_OK) {

        if (known.status == ACME_CA_REVOKED) {
            return NGX_OK;
        }

        /* the operator has imported it */
        cert.id = known.id;
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_revoke_record(ctx, store, &cert);
    }

    if (rc == NGX_OK) {
        ngx_log_error(NGX_LOG_NOTICE, ctx->log, 0,
                      "acme_ca: the issuer \"%V\" is compromised: the CRL of "
                      "\"%V\" has it from now on", &row->name, &root->name);
    }

    return rc;
}


static ngx_int_t
ngx_acme_ca_crl_revoke_record(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_certificate_t *cert)
{
    ngx_int_t        rc;
    acme_ca_audit_t  audit;

    rc = acme_ca_store_certificate_set_revoked(store, cert->id,
                                               NGX_ACME_CA_CRL_CA_COMPROMISE,
                                               ctx->now);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.action = "revoke-issuer";
    audit.actor = "server";
    audit.certificate_id = cert->id;

    return acme_ca_store_audit_add(store, &audit, ctx->now);
}
