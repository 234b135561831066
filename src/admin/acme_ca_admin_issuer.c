
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Issuers that the operator changes: the next one signs, one signs no more, a
 * key is in other hands.  The workers follow within a second.  Keys are the
 * master's affair and no business of an API.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_rotation.h"


/* who there is; NULL: nobody */
typedef struct {
    acme_ca_issuer_row_t  *active;
    acme_ca_issuer_row_t  *next;      /* whose key nginx has read, if any */
    acme_ca_issuer_row_t  *chosen;    /* that the path names */
} acme_ca_admin_issuers_t;


static ngx_int_t acme_ca_admin_issuer_read(acme_ca_admin_t *a,
    acme_ca_admin_issuers_t *issuers);
static ngx_int_t acme_ca_admin_issuer_find(acme_ca_admin_t *a,
    acme_ca_admin_issuers_t *issuers);
static ngx_int_t acme_ca_admin_issuer_want(acme_ca_admin_t *a);
static ngx_int_t acme_ca_admin_issuer_told(acme_ca_admin_t *a,
    acme_ca_audit_t *audit, const char *action, acme_ca_issuer_row_t *row);


ngx_int_t
acme_ca_admin_issuer_rotate(acme_ca_admin_t *a)
{
    ngx_int_t                rc;
    acme_ca_audit_t          audit;
    acme_ca_admin_issuers_t  issuers;

    rc = acme_ca_admin_issuer_read(a, &issuers);

    if (rc == NGX_OK && issuers.next == NULL) {
        return acme_ca_admin_issuer_want(a);
    }

    if (rc == NGX_OK && issuers.next->published_at == 0) {
        return acme_ca_admin_refuse(a, 409, "nginx has not read the key of "
                                    "issuer %L yet: reload it",
                                    issuers.next->id);
    }

    if (rc == NGX_OK && issuers.active) {
        rc = acme_ca_store_issuer_set_retired(a->store, issuers.active->id,
                                              a->ctx.now);

        audit = a->audit;

        if (rc == NGX_OK) {
            rc = acme_ca_admin_issuer_told(a, &audit, "issuer-retired",
                                           issuers.active);
        }

        if (rc == NGX_OK) {
            rc = acme_ca_store_audit_add(a->store, &audit, a->ctx.now);
        }
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_set_active(a->store, issuers.next->id,
                                             a->ctx.now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_issuer_told(a, &a->audit, "issuer-active",
                                       issuers.next);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, issuers.next->id) : rc;
}


ngx_int_t
acme_ca_admin_issuer_retire(acme_ca_admin_t *a)
{
    ngx_int_t                rc;
    acme_ca_admin_issuers_t  issuers;

    rc = acme_ca_admin_issuer_find(a, &issuers);
    if (rc != NGX_OK) {
        return rc;
    }

    if (issuers.chosen->state == ACME_CA_ISSUER_ACTIVE
        && (issuers.next == NULL || issuers.next->published_at == 0)
        && !acme_ca_json_true(a->body, "force"))
    {
        return acme_ca_admin_refuse(a, 409, "nobody follows this issuer, and "
                                    "nobody would sign: \"force\" retires it "
                                    "nevertheless");
    }

    rc = acme_ca_store_issuer_set_retired(a->store, issuers.chosen->id,
                                          a->ctx.now);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 409, "it signs no more already");
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_issuer_told(a, &a->audit, "issuer-retired",
                                       issuers.chosen);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, issuers.chosen->id) : rc;
}


ngx_int_t
acme_ca_admin_issuer_compromised(acme_ca_admin_t *a)
{
    ngx_int_t                rc;
    acme_ca_admin_issuers_t  issuers;

    rc = acme_ca_admin_issuer_find(a, &issuers);

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_set_compromised(a->store, issuers.chosen->id,
                                                  a->ctx.now);
        if (rc == NGX_DECLINED) {
            return acme_ca_admin_refuse(a, 409, "it is known to be "
                                        "compromised");
        }
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_issuer_told(a, &a->audit, "issuer-compromised",
                                       issuers.chosen);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, issuers.chosen->id) : rc;
}


/* the oldest that may follow, before those whose key nobody has read */

static ngx_int_t
acme_ca_admin_issuer_read(acme_ca_admin_t *a, acme_ca_admin_issuers_t *issuers)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_array_t           *rows;
    acme_ca_issuer_row_t  *row;

    ngx_memzero(issuers, sizeof(acme_ca_admin_issuers_t));

    rc = acme_ca_store_issuer_list(a->store, a->ctx.pool, &rows);
    if (rc != NGX_OK) {
        return rc;
    }

    issuers->active = acme_ca_rotation_active(rows);
    issuers->chosen = acme_ca_rotation_row(rows,
                                           ngx_atoof(a->operand.data,
                                                     a->operand.len));

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {
        if (row[i].state == ACME_CA_ISSUER_NEXT
            && row[i].not_after > a->ctx.now
            && (issuers->next == NULL
                || (issuers->next->published_at == 0 && row[i].published_at)))
        {
            issuers->next = &row[i];
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_issuer_find(acme_ca_admin_t *a, acme_ca_admin_issuers_t *issuers)
{
    ngx_int_t  rc;

    rc = acme_ca_admin_issuer_read(a, issuers);

    return (rc == NGX_OK && issuers->chosen == NULL)
           ? acme_ca_admin_refuse(a, 404, "no issuer \"%V\" signs certificates "
                                  "here", &a->operand)
           : rc;
}


/* the master makes it when it is reloaded */

static ngx_int_t
acme_ca_admin_issuer_want(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    acme_ca_json_writer_t  w;

    rc = acme_ca_store_issuer_set_wanted(a->store, a->ctx.now);
    if (rc != NGX_OK) {
        return rc;
    }

    a->audit.action = "issuer-wanted";

    acme_ca_json_start(&w, a->ctx.pool, 64);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    rc = acme_ca_json_finish(&w, &a->audit.details);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 64);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_boolean(&w, "wanted", 1);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 202, &w);
}


static ngx_int_t
acme_ca_admin_issuer_told(acme_ca_admin_t *a, acme_ca_audit_t *audit,
    const char *action, acme_ca_issuer_row_t *row)
{
    acme_ca_json_writer_t  w;

    audit->action = action;

    acme_ca_json_start(&w, a->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_number(&w, "issuer", row->id);
    acme_ca_json_write_string(&w, "name", &row->name);
    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &audit->details);
}
