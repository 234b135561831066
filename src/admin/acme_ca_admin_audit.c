
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The audit log: how far it is chained and signed, its rows as they are hashed,
 * what was signed, and which rows may go.  Whether it is sound is for others to
 * find out, who have all of it and the public key: "acme-ca audit verify".
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_store_audit.h"


/* rows that a call removes: other writers wait for it */
#define ACME_CA_ADMIN_SEAL  10000


static ngx_int_t acme_ca_admin_audit_seal_read(acme_ca_admin_t *a,
    int64_t *id, ngx_str_t *sha256, ngx_str_t *file);
static ngx_int_t acme_ca_admin_audit_seal_check(acme_ca_admin_t *a,
    int64_t id);


ngx_int_t
acme_ca_admin_audit_state(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    acme_ca_audit_state_t  state;
    acme_ca_json_writer_t  w;

    rc = acme_ca_store_audit_get_state(a->store, &state);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 512);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_number(&w, "first", state.sealed + 1);
    acme_ca_json_write_number(&w, "last", state.last);
    acme_ca_json_write_number(&w, "chained", state.chained);
    acme_ca_json_write_number(&w, "sealed", state.sealed);
    acme_ca_json_write_number(&w, "signed", state.checkpoint);
    acme_ca_admin_write_time(&w, "signed_at", state.checkpoint_at);

    if (a->authority->audit_keys.len) {
        acme_ca_json_write_string(&w, "keys", &a->authority->audit_keys);
    }

    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}


/* oldest first: each row goes on where the one before it ended */

ngx_int_t
acme_ca_admin_audit_lines(acme_ca_admin_t *a)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    acme_ca_store_row_t    *row;
    acme_ca_store_page_t    rows;
    acme_ca_admin_page_t    page;
    acme_ca_audit_state_t   state;
    acme_ca_json_writer_t   w;

    rc = acme_ca_admin_page(a, &page);

    if (rc == NGX_OK) {
        rc = acme_ca_store_audit_get_state(a->store, &state);
    }

    if (rc == NGX_OK) {

        /* those that were sealed are gone */

        rows.limit = page.limit;
        rows.before = (page.before == INT64_MAX)
                      ? state.sealed : ngx_max(state.sealed, page.before);

        rc = acme_ca_store_audit_list_lines(a->store, a->ctx.pool, &rows);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 512 * (rows.rows->nelts + 1));
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "items");

    row = rows.rows->elts;

    for (i = 0; i < rows.rows->nelts; i++) {
        acme_ca_json_write_raw(&w, NULL, &row[i].json);
    }

    page.next = rows.next;

    return acme_ca_admin_reply_page(a, &page, &w);
}


/*
 * Rows up to a checkpoint leave the database.  Who asks for it has them: the
 * sum of his file is kept in the log.
 */

ngx_int_t
acme_ca_admin_audit_seal(acme_ca_admin_t *a)
{
    int64_t                id;
    ngx_int_t              rc;
    ngx_str_t              sha256, file;
    ngx_uint_t             n;
    acme_ca_json_writer_t  w;

    n = 0;
    id = 0;

    rc = acme_ca_admin_audit_seal_read(a, &id, &sha256, &file);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_audit_seal_check(a, id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_audit_seal(a->store, id, ACME_CA_ADMIN_SEAL, &n);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_number(&w, "up_to", id);
    acme_ca_json_write_string(&w, "file", &file);
    acme_ca_json_write_string(&w, "sha256", &sha256);
    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    rc = acme_ca_json_finish(&w, &a->audit.details);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_number(&w, "sealed", id);
    acme_ca_json_write_number(&w, "rows", n);
    acme_ca_json_write_boolean(&w, "more", n >= ACME_CA_ADMIN_SEAL);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}


static ngx_int_t
acme_ca_admin_audit_seal_read(acme_ca_admin_t *a, int64_t *id,
    ngx_str_t *sha256, ngx_str_t *file)
{
    ngx_int_t        rc;
    acme_ca_json_t  *up_to;

    up_to = acme_ca_json_member(a->body, "up_to");

    if (up_to == NULL || !up_to->integer || up_to->number < 1) {
        return acme_ca_admin_refuse(a, 400, "\"up_to\" is to be the id of a "
                                    "checkpoint");
    }

    *id = up_to->number;

    rc = acme_ca_admin_text(a, "sha256", sha256);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_text(a, "file", file);
    }

    return (rc == NGX_OK && sha256->len != 2 * ACME_CA_SHA256_LEN)
           ? acme_ca_admin_refuse(a, 400, "\"sha256\" is to be that of the "
                                  "file that has the rows")
           : rc;
}


/* what triggers would refuse, in words */

static ngx_int_t
acme_ca_admin_audit_seal_check(acme_ca_admin_t *a, int64_t id)
{
    ngx_int_t              rc;
    ngx_uint_t             known, told;
    acme_ca_audit_state_t  state;

    known = 0;
    told = 0;

    rc = acme_ca_store_audit_get_state(a->store, &state);

    if (rc == NGX_OK) {
        rc = acme_ca_store_audit_get_sealing(a->store, id, &known, &told);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!known || id >= state.last || id < state.sealed) {
        return acme_ca_admin_refuse(a, 409, "there is no checkpoint at row %L "
                                    "that could be sealed", id);
    }

    return told ? NGX_OK
                : acme_ca_admin_refuse(a, 409, "an event hook did not have "
                                       "these rows yet");
}
