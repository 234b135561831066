
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Pages of tables for the operator: rows as JSON documents, newest first,
 * filtered.  A page ends also when it has looked at as many rows as an event
 * loop may: then it is short, but says where to go on.
 */


#ifndef _ACME_CA_STORE_PAGE_H_INCLUDED_
#define _ACME_CA_STORE_PAGE_H_INCLUDED_


#include "acme_ca_store.h"


typedef struct {
    int64_t        id;
    ngx_str_t      json;           /* an object */
} acme_ca_store_row_t;


typedef struct {
    int64_t        before;         /* in: ids below it; INT64_MAX: all */
    ngx_uint_t     limit;          /* in: rows of the page, 1 at least */
    int64_t        next;           /* "before" of the next page, 0: the end */
    ngx_array_t   *rows;           /* acme_ca_store_row_t */
} acme_ca_store_page_t;


/* filters: NULL, empty or 0 is any */
typedef struct {
    ngx_str_t     *status;         /* of certificates: words, one of which it
                                      is; "held": for certificateHold */
    int64_t        account_id;
    int64_t        authz_id;
    ngx_str_t     *name;
    ngx_str_t     *profile;
    ngx_str_t     *eab;            /* kid */
    ngx_str_t     *action;
    ngx_str_t     *kind;           /* of jobs */
    ngx_str_t     *outcome;
    ngx_str_t     *actor;
    ngx_str_t     *category;
    ngx_str_t     *issuer;         /* its name, or its number */
    int64_t        issuer_id;      /* no other one of that name */
    int64_t        eab_id;
    ngx_str_t     *below;          /* ".a.b": all names below it */
    ngx_str_t      serial;         /* bytes */
    int64_t        certificate_id;
    ngx_str_t     *radar;          /* what was noted: "late", "expiring",
                                      "not-fetched" */
    time_t         since;
    time_t         expires_before;
    time_t         expires_after;
    time_t         revoked_before;
    time_t         revoked_after;
    time_t         now;
} acme_ca_store_filter_t;


/* a window that renewals are moved to; what is empty or 0 selects any */
typedef struct {
    int64_t        issuer_id;
    int64_t        account_id;
    ngx_str_t      profile;
    ngx_str_t      serial;         /* bytes */
    ngx_str_t      name;           /* ".a.b": all below it */
    time_t         start;
    time_t         end;
    ngx_str_t      explanation;    /* URL */
} acme_ca_store_window_t;


typedef ngx_int_t (*acme_ca_store_page_pt)(acme_ca_store_t *store,
    ngx_pool_t *pool, const acme_ca_store_filter_t *filter,
    acme_ca_store_page_t *page);

/* NGX_OK, NGX_BUSY or NGX_ERROR */
ngx_int_t acme_ca_store_account_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_order_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_authz_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_certificate_page(acme_ca_store_t *store,
    ngx_pool_t *pool, const acme_ca_store_filter_t *filter,
    acme_ca_store_page_t *page);
/* those that live and end in time, soonest first, after one of that end and
   id: filter->account_id, profile, expires_before.  The documents are empty */
ngx_int_t acme_ca_store_certificate_list_ending(acme_ca_store_t *store,
    ngx_pool_t *pool, const acme_ca_store_filter_t *filter, time_t after,
    acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_audit_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
/* the first rows after page->before as lines, oldest first */
ngx_int_t acme_ca_store_audit_list_lines(acme_ca_store_t *store,
    ngx_pool_t *pool, acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_audit_checkpoint_page(acme_ca_store_t *store,
    ngx_pool_t *pool, const acme_ca_store_filter_t *filter,
    acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_job_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
/* a row for each kind of job; pending: authorizations that wait for their
   client, -1: nobody knows */
ngx_int_t acme_ca_store_job_list_queues(acme_ca_store_t *store,
    ngx_pool_t *pool, time_t now, int64_t pending,
    acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_issuer_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
ngx_int_t acme_ca_store_window_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);

ngx_int_t acme_ca_store_event_hook_page(acme_ca_store_t *store,
    ngx_pool_t *pool, const acme_ca_store_filter_t *filter,
    acme_ca_store_page_t *page);

/* remove: NGX_DECLINED: there is none */
ngx_int_t acme_ca_store_window_add(acme_ca_store_t *store,
    const acme_ca_store_window_t *window, time_t now, int64_t *id);
ngx_int_t acme_ca_store_window_remove(acme_ca_store_t *store, int64_t id);


#endif /* _ACME_CA_STORE_PAGE_H_INCLUDED_ */
