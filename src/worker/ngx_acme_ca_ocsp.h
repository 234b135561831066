
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The OCSP responder of one worker.  What it signed it keeps, and serves again
 * as long as the database says the same: a revocation is seen by the next
 * question in whatever worker.
 *
 * Invariants:
 *   1. a response leaves only if the status it tells was read from the
 *      database after the last commit of anybody
 *   2. signing runs on a thread, which touches the query and nothing else
 */


#ifndef _NGX_ACME_CA_OCSP_H_INCLUDED_
#define _NGX_ACME_CA_OCSP_H_INCLUDED_


#include "ngx_acme_ca.h"

#include "acme_ca_ocsp.h"


/* bytes of signed responses that a worker keeps */
#define NGX_ACME_CA_OCSP_CACHE  (16 * 1024 * 1024)


typedef struct ngx_acme_ca_ocsp_query_s  ngx_acme_ca_ocsp_query_t;


/* the signer of one issuer */
typedef struct {
    int64_t                   id;            /* of the issuer */
    acme_ca_ocsp_issuer_t     hashes;
    int64_t                   signer_id;     /* 0: none yet */
    ngx_pool_t               *pool;          /* of the signer */
    acme_ca_ocsp_signer_t     signer;
    time_t                    not_after;
    time_t                    renew_at;
    ngx_acme_ca_t            *ca;
    const acme_ca_issuer_t   *issuer;
    ngx_queue_t               ages;          /* of kept ones, newest first */
    ngx_uint_t                kept;
    unsigned                  renewing:1;
} ngx_acme_ca_ocsp_issuer_t;


typedef struct {
    ngx_rbtree_t              tree;
    ngx_rbtree_node_t         sentinel;
    ngx_queue_t               queue;         /* the last used first */
    size_t                    used;          /* bytes */
    size_t                    max;
} ngx_acme_ca_ocsp_cache_t;


struct ngx_acme_ca_ocsp_s {
    ngx_array_t               issuers;       /* ngx_acme_ca_ocsp_issuer_t */
    ngx_acme_ca_ocsp_cache_t  cache;
    int64_t                   told;          /* the metrics, in this period */
    ngx_uint_t                in_flight;
    ngx_event_t               hold;          /* keeps a draining worker */
};


/* a response that was signed, in the cache */
typedef struct {
    ngx_rbtree_node_t         node;
    ngx_queue_t               queue;
    ngx_queue_t               age;
    ngx_acme_ca_ocsp_issuer_t
                             *issuer;
    size_t                    size;
    int64_t                   version;       /* of the data, when checked */
    int64_t                   signer_id;
    acme_ca_ocsp_single_t     single;
    time_t                    this_update;
    time_t                    fresh_until;
    ngx_str_t                 id;            /* CertID, DER */
    ngx_str_t                 response;
} ngx_acme_ca_ocsp_entry_t;


/* one question.  Its owner keeps it until done() */
struct ngx_acme_ca_ocsp_query_s {
    /* in */
    ngx_acme_ca_t            *ca;
    ngx_pool_t               *pool;          /* of its own: a thread's too */
    ngx_str_t                 question;      /* DER */
    void                    (*done)(ngx_acme_ca_ocsp_query_t *query);
    void                     *data;

    /* out */
    ngx_str_t                 response;
    time_t                    this_update;   /* 0: nobody may keep it */
    time_t                    fresh_until;

    /* between */
    acme_ca_ocsp_request_t    request;
    acme_ca_ocsp_single_t     singles[ACME_CA_OCSP_IDS];
    ngx_acme_ca_ocsp_issuer_t
                             *issuer;
    int64_t                   signer_id;
    int64_t                   version;
    acme_ca_ocsp_signer_t     signer;
    acme_ca_ocsp_answer_t     answer;
    ngx_int_t                 rc;
    ngx_thread_task_t        *task;
};


/*
 * OCSP.  signer_issue() is for the master at start; the rest
 * is a worker's.  not_after(): of the signer that ends first, 0: there is none.
 */
ngx_int_t ngx_acme_ca_ocsp_signer_issue(acme_ca_store_t *store,
    const acme_ca_issuer_t *issuer, ngx_pool_t *pool, ngx_log_t *log,
    time_t now);
ngx_int_t ngx_acme_ca_ocsp_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);
void ngx_acme_ca_ocsp_load(ngx_acme_ca_t *ca);
void ngx_acme_ca_ocsp_tick(ngx_acme_ca_t *ca);
void ngx_acme_ca_ocsp_exit(ngx_acme_ca_t *ca);
time_t ngx_acme_ca_ocsp_not_after(const ngx_acme_ca_t *ca);


/* NGX_OK: the response is there.  NGX_AGAIN: done() will be called */
ngx_int_t ngx_acme_ca_ocsp_ask(ngx_acme_ca_ocsp_query_t *query);


/* ngx_acme_ca_ocsp_cache.c */
void ngx_acme_ca_ocsp_cache_init(ngx_acme_ca_ocsp_cache_t *cache, size_t max);
void ngx_acme_ca_ocsp_cache_clear(ngx_acme_ca_ocsp_cache_t *cache);
/* NULL: none.  Good until the next call of another of these functions */
ngx_acme_ca_ocsp_entry_t *ngx_acme_ca_ocsp_cache_find(
    ngx_acme_ca_ocsp_cache_t *cache, const acme_ca_der_t *id);
void ngx_acme_ca_ocsp_cache_add(ngx_acme_ca_ocsp_cache_t *cache,
    const ngx_acme_ca_ocsp_query_t *query);
/* removes up to n of the issuer's that cannot be sent any more */
void ngx_acme_ca_ocsp_cache_expire(ngx_acme_ca_ocsp_cache_t *cache,
    ngx_acme_ca_ocsp_issuer_t *issuer, ngx_uint_t n);

/* ngx_acme_ca_ocsp_stock.c */
void ngx_acme_ca_ocsp_stock_tick(ngx_acme_ca_t *ca);


/*
 * ngx_acme_ca_ocsp_signer.c.  load() takes up the newest; tick() renews one
 * that is due.
 */
void ngx_acme_ca_ocsp_signer_load(ngx_acme_ca_ocsp_issuer_t *issuer);
void ngx_acme_ca_ocsp_signer_tick(ngx_acme_ca_ocsp_issuer_t *issuer);


#endif /* _NGX_ACME_CA_OCSP_H_INCLUDED_ */
