
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Event hooks: who is told what happened, and how far.  The audit log is the
 * queue, so that an event costs nothing more, and none is lost: a hook's place
 * in it moves when its receiver has taken what lies before.
 */


#ifndef _ACME_CA_STORE_EVENT_H_INCLUDED_
#define _ACME_CA_STORE_EVENT_H_INCLUDED_


#include "acme_ca_store.h"


/* the last row of the log and the last checkpoint that a hook has had */
typedef struct {
    int64_t         log_id;
    int64_t         checkpoint_id;
} acme_ca_event_place_t;


typedef struct {
    int64_t                 id;
    ngx_str_t               uri;
    acme_ca_event_place_t   place;
    ngx_uint_t              attempts;       /* that failed since the last
                                               one that did not */
    time_t                  run_at;
    time_t                  lease_until;
} acme_ca_event_hook_t;


typedef struct {
    int64_t         id;               /* of the row, or the row's that the
                                         checkpoint is of */
    ngx_uint_t      checkpoint;
    time_t          at;
    ngx_str_t       type;             /* "issued" ... */
    ngx_str_t       data;             /* JSON object */
} acme_ca_event_t;


typedef struct {
    /* in */
    acme_ca_event_place_t   after;
    ngx_str_t               types;    /* " issued revoked " */
    ngx_uint_t              rows;     /* to be looked at, at most */
    ngx_uint_t              limit;    /* of events */
    size_t                  size;     /* of their documents, but for the last */

    /* out */
    acme_ca_event_place_t   place;    /* behind all that was looked at */
    ngx_uint_t              more;     /* there is something behind it */
    ngx_array_t            *events;   /* acme_ca_event_t, oldest first */
} acme_ca_event_page_t;


/* how far a hook is behind */
typedef struct {
    ngx_str_t       uri;
    int64_t         rows;             /* of the log that it did not look at */
    time_t          since;            /* the first of them; 0: there is none */
    ngx_uint_t      attempts;
    int64_t         delivered;        /* events so far */
} acme_ca_event_lag_t;


ngx_int_t acme_ca_store_event_list(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_event_page_t *page);

/* an ngx_array_t of acme_ca_event_hook_t */
ngx_int_t acme_ca_store_event_hook_list(acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_array_t **hooks);
/* types: words, as above.  Whoever is new begins at the end of the log */
ngx_int_t acme_ca_store_event_hook_set(acme_ca_store_t *store, ngx_str_t *uri,
    ngx_str_t *types, time_t now);
ngx_int_t acme_ca_store_event_hook_remove(acme_ca_store_t *store, int64_t id);

/* NGX_DECLINED: there is none */
ngx_int_t acme_ca_store_event_hook_set_due(acme_ca_store_t *store, int64_t id);

/* for the metrics: an array of acme_ca_event_lag_t */
ngx_int_t acme_ca_store_event_hook_list_lags(acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_array_t **lags);

/*
 * Of a hook that is where it was when it was read.  NGX_DECLINED: it is not,
 * or somebody else has the lease.  claim(): of one whose lease was over then.
 */
ngx_int_t acme_ca_store_event_hook_claim(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, time_t lease_until);
ngx_int_t acme_ca_store_event_hook_set_delivered(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, acme_ca_event_place_t *place, ngx_uint_t n,
    time_t now, time_t lease_until);
ngx_int_t acme_ca_store_event_hook_set_passed(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, acme_ca_event_place_t *place);
ngx_int_t acme_ca_store_event_hook_set_failed(acme_ca_store_t *store,
    acme_ca_event_hook_t *hook, time_t run_at, time_t now, ngx_str_t *error);


#endif /* _ACME_CA_STORE_EVENT_H_INCLUDED_ */
