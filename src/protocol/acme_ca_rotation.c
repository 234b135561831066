
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Who follows whom.  A change of state is a row and an audit row; processes
 * read the rows each second, and whoever signs reads them again.
 */


#include "acme_ca_rotation.h"
#include "acme_ca_issuer.h"
#include "acme_ca_json.h"


static ngx_int_t acme_ca_rotation_meet(acme_ca_ctx_t *ctx,
    acme_ca_authority_t *authority, acme_ca_store_t *store);
static ngx_int_t acme_ca_rotation_part(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    const ngx_array_t *rows);
static ngx_int_t acme_ca_rotation_publish(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    const acme_ca_issuer_row_t *row);
static ngx_int_t acme_ca_rotation_retire(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_issuer_row_t *row);
static ngx_int_t acme_ca_rotation_audit(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, const char *action, int64_t id,
    ngx_str_t *name);


acme_ca_issuer_row_t *
acme_ca_rotation_row(const ngx_array_t *rows, int64_t id)
{
    ngx_uint_t             i;
    acme_ca_issuer_row_t  *row;

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {
        if (row[i].id == id) {
            return &row[i];
        }
    }

    return NULL;
}


acme_ca_issuer_row_t *
acme_ca_rotation_active(const ngx_array_t *rows)
{
    ngx_uint_t             i;
    acme_ca_issuer_row_t  *row;

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {
        if (row[i].state == ACME_CA_ISSUER_ACTIVE) {
            return &row[i];
        }
    }

    return NULL;
}


/* the oldest one that waits; without an active one nobody has to wait */

acme_ca_issuer_t *
acme_ca_rotation_turn(const acme_ca_authority_t *authority,
    const ngx_array_t *rows, time_t now)
{
    time_t                 overlap;
    ngx_uint_t             i;
    acme_ca_issuer_t      *issuer;
    acme_ca_issuer_row_t  *row, *active;

    active = acme_ca_rotation_active(rows);

    overlap = (active == NULL || active->not_after <= now)
              ? 0 : authority->issuer_overlap;

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {

        if (row[i].state != ACME_CA_ISSUER_NEXT
            || row[i].published_at == 0
            || now - row[i].published_at < overlap
            || row[i].not_before > now
            || row[i].not_after <= now)
        {
            continue;
        }

        issuer = acme_ca_issuer_find(authority, row[i].id);

        if (issuer != NULL && issuer->candidate) {
            return issuer;
        }
    }

    return NULL;
}


ngx_int_t
acme_ca_rotation_due(const acme_ca_authority_t *authority,
    const ngx_array_t *rows, time_t now)
{
    time_t                 life;
    ngx_uint_t             i;
    acme_ca_issuer_t     **issuer, *active;
    acme_ca_issuer_row_t  *row;

    active = NULL;
    issuer = authority->issuers.elts;

    for (i = 0; i < authority->issuers.nelts; i++) {

        if (!issuer[i]->candidate) {
            continue;
        }

        row = acme_ca_rotation_row(rows, issuer[i]->id);

        if (row != NULL && row->state >= ACME_CA_ISSUER_RETIRED) {
            continue;
        }

        /* one waits, or will when it has its row */

        if (active != NULL
            || (row != NULL && row->state == ACME_CA_ISSUER_NEXT))
        {
            return NGX_DECLINED;
        }

        active = issuer[i];
    }

    if (active == NULL) {
        return NGX_OK;
    }

    life = active->not_after - active->not_before;

    return (authority->issuer_rotate != 0
            && active->not_after - now
               <= life / 100 * (time_t) authority->issuer_rotate)
           ? NGX_OK : NGX_DECLINED;
}


void
acme_ca_rotation_follow(acme_ca_authority_t *authority,
    const ngx_array_t *rows)
{
    ngx_uint_t              i;
    acme_ca_issuer_t      **issuer, *active;
    acme_ca_issuer_row_t   *row;

    active = NULL;
    issuer = authority->issuers.elts;

    for (i = 0; i < authority->issuers.nelts; i++) {
        row = acme_ca_rotation_row(rows, issuer[i]->id);

        if (row == NULL) {
            continue;
        }

        issuer[i]->state = row->state;
        issuer[i]->signs_until = row->signs_until;

        if (row->state == ACME_CA_ISSUER_ACTIVE) {
            active = issuer[i];
        }
    }

    authority->issuer = active;
}


ngx_int_t
acme_ca_rotation_start(acme_ca_ctx_t *ctx, acme_ca_authority_t *authority,
    acme_ca_store_t *store)
{
    ngx_int_t     rc;
    ngx_array_t  *rows;

    rows = NULL;

    rc = acme_ca_rotation_meet(ctx, authority, store);

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_list(store, ctx->pool, &rows);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_rotation_part(ctx, authority, store, rows);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_rotation_change(ctx, authority, store);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_list(store, ctx->pool, &rows);
    }

    if (rc == NGX_OK) {
        acme_ca_rotation_follow(authority, rows);
    }

    return rc;
}


/* those that have no state: seen for the first time, or by an older release */

static ngx_int_t
acme_ca_rotation_meet(acme_ca_ctx_t *ctx, acme_ca_authority_t *authority,
    acme_ca_store_t *store)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;

    issuer = authority->issuers.elts;

    for (i = 0; i < authority->issuers.nelts; i++) {

        rc = acme_ca_store_issuer_set_next(store, issuer[i]->id);

        if (rc == NGX_OK) {
            rc = acme_ca_rotation_audit(ctx, store, "issuer-next",
                                        issuer[i]->id, &issuer[i]->name);
        }

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * Active ones that the configuration does not name any more are retired, as
 * are those of the folder when it names others; what waits is shown only while
 * its key is here.
 */

static ngx_int_t
acme_ca_rotation_part(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    const ngx_array_t *rows)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    acme_ca_issuer_t      *issuer;
    acme_ca_issuer_row_t  *row;

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {
        rc = NGX_OK;

        issuer = acme_ca_issuer_find(authority, row[i].id);

        if (row[i].state == ACME_CA_ISSUER_NEXT) {
            rc = acme_ca_rotation_publish(ctx, authority, store, &row[i]);

        } else if (row[i].state == ACME_CA_ISSUER_ACTIVE
                   && (issuer == NULL || !issuer->candidate))
        {
            ngx_log_error(NGX_LOG_WARN, ctx->log, 0,
                          "acme_ca authority \"%V\": issuer \"%V\" is not "
                          "configured any more, has expired, or its key is "
                          "gone: it signs no more certificates",
                          &authority->name,
                          &row[i].name);

            rc = acme_ca_rotation_retire(ctx, store, &row[i]);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_rotation_publish(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    const acme_ca_issuer_row_t *row)
{
    time_t             at;
    ngx_int_t          rc;
    acme_ca_issuer_t  *issuer;

    at = 0;

    issuer = acme_ca_issuer_find(authority, row->id);

    if (issuer != NULL && issuer->candidate) {
        at = row->published_at ? row->published_at : ctx->now;
    }

    rc = acme_ca_store_issuer_set_published(store, row->id, at);

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


ngx_int_t
acme_ca_rotation_change(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store)
{
    ngx_int_t              rc;
    ngx_array_t           *rows;
    acme_ca_issuer_t      *issuer;
    acme_ca_issuer_row_t  *active;

    rc = acme_ca_store_issuer_list(store, ctx->pool, &rows);
    if (rc != NGX_OK) {
        return rc;
    }

    issuer = acme_ca_rotation_turn(authority, rows, ctx->now);
    if (issuer == NULL) {
        return NGX_OK;
    }

    active = acme_ca_rotation_active(rows);

    if (active != NULL) {
        rc = acme_ca_rotation_retire(ctx, store, active);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_set_active(store, issuer->id, ctx->now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_rotation_audit(ctx, store, "issuer-active", issuer->id,
                                    &issuer->name);
    }

    return rc;
}


static ngx_int_t
acme_ca_rotation_retire(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_issuer_row_t *row)
{
    ngx_int_t  rc;

    rc = acme_ca_store_issuer_set_retired(store, row->id, ctx->now);

    return (rc == NGX_OK)
           ? acme_ca_rotation_audit(ctx, store, "issuer-retired", row->id,
                                    &row->name)
           : rc;
}


static ngx_int_t
acme_ca_rotation_audit(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    const char *action, int64_t id, ngx_str_t *name)
{
    acme_ca_audit_t        audit;
    acme_ca_json_writer_t  w;

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.actor = "server";
    audit.action = action;

    acme_ca_json_start(&w, ctx->pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_number(&w, "issuer", id);
    acme_ca_json_write_string(&w, "name", name);
    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &audit.details) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_store_audit_add(store, &audit, ctx->now);
}


ngx_int_t
acme_ca_rotation_find(const acme_ca_authority_t *authority,
    acme_ca_store_t *store, acme_ca_issuer_t **issuer)
{
    int64_t    id;
    ngx_int_t  rc;

    rc = acme_ca_store_issuer_find_active(store, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    /* a worker of the configuration before does not have its key */

    *issuer = acme_ca_issuer_find(authority, id);

    return (*issuer != NULL) ? NGX_OK : NGX_DECLINED;
}
