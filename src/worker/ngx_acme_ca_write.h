
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Writes: how they come to the store task, and what happens before.
 */


#ifndef _NGX_ACME_CA_WRITE_H_INCLUDED_
#define _NGX_ACME_CA_WRITE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include "acme_ca_store.h"


typedef struct ngx_acme_ca_s        ngx_acme_ca_t;
typedef struct ngx_acme_ca_write_s  ngx_acme_ca_write_t;
typedef struct ngx_acme_ca_apart_s  ngx_acme_ca_apart_t;


/* one request to the store task; its owner keeps it until done() */
struct ngx_acme_ca_write_s {
    ngx_queue_t            queue;
    ngx_int_t              rc;
    uint64_t               added;      /* microseconds, of the writer's clock */
    ngx_uint_t             lazy;       /* nobody waits for it: it is not worth
                                          a transaction of its own */

    ngx_uint_t             apart;      /* prepare() may take long: on a thread
                                          of its own, before it is queued */

    /* on the store thread; prepare and record may be NULL */
    void                 (*prepare)(ngx_acme_ca_write_t *write,
                                    acme_ca_store_t *store);
    ngx_int_t            (*apply)(ngx_acme_ca_write_t *write,
                                  acme_ca_store_t *store);
    ngx_int_t            (*record)(ngx_acme_ca_write_t *write,
                                   acme_ca_store_t *store);

    /* in the event loop.  rc: NGX_OK (committed), NGX_BUSY or NGX_ERROR */
    void                 (*done)(ngx_acme_ca_write_t *write, ngx_int_t rc);
    void                  *data;

    ngx_acme_ca_t         *ca;         /* while it is prepared */
    ngx_thread_task_t      task;
};


/*
 * ngx_acme_ca_writer.c: the store task.  write_add() queues, or begins what is
 * prepared apart; write->done() is called exactly once, never before it
 * returns.  writer_add() queues, keep() has a draining worker stay as long as
 * there is something to do.
 * write_now() is the master's: prepares, and applies in a transaction.
 */
void ngx_acme_ca_write_add(ngx_acme_ca_t *ca, ngx_acme_ca_write_t *write);
ngx_int_t ngx_acme_ca_write_now(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
void ngx_acme_ca_writer_add(ngx_acme_ca_t *ca, ngx_acme_ca_write_t *write);
void ngx_acme_ca_writer_keep(ngx_acme_ca_t *ca);
ngx_int_t ngx_acme_ca_writer_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);


/* ngx_acme_ca_apart.c: runs write->prepare(), then writer_add() */
void ngx_acme_ca_apart_add(ngx_acme_ca_t *ca, ngx_acme_ca_write_t *write);
ngx_int_t ngx_acme_ca_apart_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);
void ngx_acme_ca_apart_exit(ngx_acme_ca_t *ca);


#endif /* _NGX_ACME_CA_WRITE_H_INCLUDED_ */
