
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Event hooks of an authority: POSTs of what happened to locations of this
 * nginx.  One worker, the leader, looks each second what there is behind a
 * hook's place in the audit log, has a thread make a document of it, and moves
 * the place when the location answered with 2xx.  At any moment a hook is told
 * one thing; several hooks do not wait for each other.
 */


#ifndef _NGX_ACME_CA_EVENT_H_INCLUDED_
#define _NGX_ACME_CA_EVENT_H_INCLUDED_


#include "ngx_acme_ca_call.h"
#include "ngx_acme_ca_home.h"

#include "acme_ca_event.h"


typedef struct {

    /* configuration */
    ngx_str_t               uri;
    ngx_str_t               types;         /* " issued revoked " */
    ngx_msec_t              timeout;       /* of one POST */
    ngx_uint_t              limit;         /* events of one POST */
    time_t                  pause;         /* after a failure, at most */

    /* a worker's */
    ngx_acme_ca_t          *ca;
    ngx_log_t               log;
    acme_ca_event_place_t   known;         /* where the database has it, ... */
    acme_ca_event_place_t   passed;        /* ... and what is nothing for it */
    time_t                  passed_at;     /* when that was written */

    /* of what is told at the moment */
    ngx_pool_t             *pool;
    acme_ca_event_hook_t    row;
    acme_ca_event_page_t    page;
    ngx_str_t               body;
    ngx_str_t               error;
    time_t                  now;           /* of the write */
    time_t                  again_at;
    ngx_acme_ca_call_t      call;
    ngx_acme_ca_write_t     write;
    ngx_int_t               rc;            /* the thread's */
    unsigned                busy:1;
    unsigned                wanted:1;      /* waits for the thread */
    unsigned                leased:1;
} ngx_acme_ca_hook_t;


struct ngx_acme_ca_events_s {

    /* configuration */
    ngx_array_t             hooks;         /* ngx_acme_ca_hook_t */
    ngx_str_t               key_file;      /* empty: one of the folder */
    ngx_array_t            *keys;          /* ngx_str_t, NULL: not read yet */

    /* a worker's */
    acme_ca_store_t        *store;         /* the thread's */
    ngx_thread_task_t      *task;
    ngx_acme_ca_hook_t     *reading;       /* for whom the thread reads */
};


/*
 * ngx_acme_ca_event_start.c.  load(): the keys; NGX_DECLINED: there is no such
 * file yet.  prepare() and started() are the master's: the file, and where
 * hooks begin.
 */
ngx_int_t ngx_acme_ca_event_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);
ngx_int_t ngx_acme_ca_event_prepare(ngx_acme_ca_home_t *home);
ngx_int_t ngx_acme_ca_event_started(ngx_acme_ca_home_t *home,
    acme_ca_store_t *store, time_t now);

/* ngx_acme_ca_leader.c: 1 in one worker; asked each second */
ngx_uint_t ngx_acme_ca_leads(ngx_acme_ca_t *ca);

/* ngx_acme_ca_event.c */
ngx_int_t ngx_acme_ca_event_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);
void ngx_acme_ca_event_tick(ngx_acme_ca_t *ca);
void ngx_acme_ca_event_exit(ngx_acme_ca_t *ca);
/* the hook's own write, one at a time; lazy: it may wait for others */
void ngx_acme_ca_event_write(ngx_acme_ca_hook_t *hook, ngx_uint_t lazy,
    ngx_int_t (*apply)(ngx_acme_ca_write_t *write, acme_ca_store_t *store),
    void (*done)(ngx_acme_ca_write_t *write, ngx_int_t rc));

/*
 * ngx_acme_ca_event_call.c: tell() POSTs a page that the hook has the lease of
 * and writes how it ended; then it calls told(), which is in the file above:
 * NGX_OK: the place has moved, and hook->leased says whether to go on.
 */
void ngx_acme_ca_event_tell(ngx_acme_ca_hook_t *hook);
void ngx_acme_ca_event_told(ngx_acme_ca_hook_t *hook, ngx_int_t rc);

/* seconds that a lease lasts: a POST and a little more */
time_t ngx_acme_ca_event_lease(const ngx_acme_ca_hook_t *hook);


#endif /* _NGX_ACME_CA_EVENT_H_INCLUDED_ */
