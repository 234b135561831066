
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * RFC 8555 as a function: request in, reply out.  Knows no nginx request, no
 * event, no socket.  One exchange is one HTTP request and passes through:
 *
 *     acme_ca_protocol_start()    event loop: route, gate (JWS, key, nonce),
 *                                 and the endpoint if it only reads
 *     acme_ca_protocol_prepare()  on a thread, before the transaction: what
 *                                 costs CPU (CSR, signature)
 *     acme_ca_protocol_apply()    store thread, in a savepoint: the endpoint
 *     acme_ca_protocol_finish()   event loop, after the commit: the one exit
 *
 * A nonce that was spent stays spent whatever happens later.
 */


#ifndef _ACME_CA_PROTOCOL_H_INCLUDED_
#define _ACME_CA_PROTOCOL_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_jws.h"
#include "acme_ca_nonce.h"
#include "acme_ca_store.h"


/* methods: as nginx's bits, so that http/ need not translate */
typedef struct {
    ngx_uint_t   method;          /* ACME_CA_GET ... */
    ngx_str_t    method_name;
    ngx_str_t    path;            /* below the location, no leading slash */
    ngx_str_t    query;           /* without "?" */
    ngx_str_t    base;            /* URL of the location, ends with a slash */
    ngx_str_t    content_type;    /* empty: none */
    ngx_str_t    accept;          /* all fields of that name; empty: none */
    ngx_str_t    body;
    ngx_str_t    client_address;
    ngx_str_t    client_certificate;    /* subject of the one that nginx
                                           verified, or empty */
    ngx_array_t *client_names;          /* ngx_str_t "dns:a.b" of it, or NULL */
    ngx_str_t    user_agent;
    ngx_str_t    request_id;
} acme_ca_request_t;

#define ACME_CA_GET    0x01
#define ACME_CA_HEAD   0x02
#define ACME_CA_POST   0x04
#define ACME_CA_OTHER  0x80


typedef struct acme_ca_link_s  acme_ca_link_t;

struct acme_ca_link_s {
    ngx_str_t        url;
    const char      *rel;         /* "up", "index", "next", ... unquoted */
    acme_ca_link_t  *next;
};


typedef struct {
    ngx_uint_t       status;
    const char      *content_type;   /* NULL: no body */
    ngx_str_t        body;
    ngx_str_t        location;       /* empty: none */
    ngx_str_t        allow;          /* of a 405 */
    ngx_str_t        etag;           /* with its quotes; empty: none */
    time_t           retry_after;    /* seconds, 0: none */
    acme_ca_link_t  *links;          /* a header line each */
    u_char           nonce[ACME_CA_NONCE_LEN];
    unsigned         has_nonce:1;
    unsigned         no_store:1;
} acme_ca_reply_t;


/* acme_ca_challenge.c: kinds of challenges */
typedef struct {
    ngx_str_t    name;
    unsigned     wildcard:1;        /* proves wildcard names */
    unsigned     ip:1;              /* proves addresses (RFC 8738) */
    unsigned     issuers:1;         /* names us, in place of a token */
    unsigned     subdomains:1;      /* proves all below a name (RFC 9444) */
} acme_ca_challenge_kind_t;

extern const acme_ca_challenge_kind_t
    acme_ca_challenge_kinds[ACME_CA_CHALLENGE_TYPE_N];


/* parsed account keys of one worker's event loop */
typedef struct acme_ca_keys_s  acme_ca_keys_t;

acme_ca_keys_t *acme_ca_keys_create(ngx_pool_t *pool, ngx_uint_t n);


typedef struct acme_ca_exchange_s  acme_ca_exchange_t;
typedef struct acme_ca_route_s     acme_ca_route_t;

struct acme_ca_exchange_s {
    /* in: set by the caller, live as long as the exchange */
    acme_ca_ctx_t               ctx;
    acme_ca_authority_t        *authority;
    acme_ca_nonces_t           *nonces;      /* event loop only */
    acme_ca_keys_t             *keys;        /* event loop only */
    acme_ca_store_t            *store;       /* the handle of who runs it */
    acme_ca_request_t           request;

    /* out */
    acme_ca_reply_t             reply;
    int64_t                     job_id;      /* a validation to start at once,
                                                0: none */
    acme_ca_job_t               job;         /* it, when job_id is set */
    ngx_msec_t                  lease_ms;    /* in: of that job */
    acme_ca_signing_t          *signing;     /* a job of the external signer to
                                                start at once, or NULL */
    ngx_array_t                *asks;        /* acme_ca_job_t: whose CAA is to
                                                be known before, or NULL */

    /* between the steps */
    const acme_ca_route_t      *route;
    ngx_int_t                   rc;          /* outcome so far */
    int64_t                     object_id;   /* that the path names */
    acme_ca_jws_t              *jws;
    acme_ca_json_t             *payload;     /* NULL: POST-as-GET */
    acme_ca_jwk_t              *jwk;         /* of a jwk-signed request */
    acme_ca_account_t          *account;     /* of a kid-signed request */
    acme_ca_eab_t              *eab;         /* that the account is bound to,
                                                once it was asked for */
    void                       *prepared;    /* what prepare() left apply() */
    acme_ca_audit_t             audit;
    ngx_str_t                   identifiers; /* it is about: "a.example,b", or
                                                empty; for logs */
    unsigned                    proved:1;    /* the signature was good */
    unsigned                    silent:1;    /* apply only, nobody waits: the
                                                note of a download */
    unsigned                    finished:1;  /* the reply is complete */
};


/*
 * NGX_DONE: the reply is ready, nothing is to be written; finish() is welcome
 * and changes nothing.
 * NGX_AGAIN: the exchange has to go through a store task (also when it was
 * refused: the refusal's audit row), then finish().
 * NGX_OK: the reply is ready and may leave, but the exchange still has
 * something to write in its own time (x->silent: the download's note).
 */
ngx_int_t acme_ca_protocol_start(acme_ca_exchange_t *x);

/*
 * Between start() and prepare(), in the event loop, if there are x->asks:
 * asked() tells of each that is not permitted (problem NULL: nobody could be
 * asked), answered() that no more is to come.
 */
void acme_ca_protocol_asked(acme_ca_exchange_t *x, acme_ca_job_t *job,
    acme_ca_problem_t *problem);
void acme_ca_protocol_answered(acme_ca_exchange_t *x);

/*
 * It never fails: what went wrong is in the exchange.  signs(): it uses the
 * issuer's key, which may take long.
 */
ngx_uint_t acme_ca_protocol_signs(const acme_ca_exchange_t *x);
void acme_ca_protocol_prepare(acme_ca_exchange_t *x, acme_ca_store_t *store);

/*
 * NGX_OK: release the savepoint.  NGX_ABORT: roll back to it and call
 * acme_ca_protocol_record().  NGX_BUSY, NGX_ERROR: the database failed; the
 * whole batch is rolled back.
 */
ngx_int_t acme_ca_protocol_apply(acme_ca_exchange_t *x,
    acme_ca_store_t *store);

/* the audit row of a refusal.  NGX_OK, NGX_BUSY or NGX_ERROR */
ngx_int_t acme_ca_protocol_record(acme_ca_exchange_t *x,
    acme_ca_store_t *store);

/*
 * Makes x->reply complete, problem documents included.  rc: NGX_OK when the
 * batch was committed (or nothing was written), NGX_BUSY (503, Retry-After) or
 * NGX_ERROR (serverInternal) when not.
 */
void acme_ca_protocol_finish(acme_ca_exchange_t *x, ngx_int_t rc);

/*
 * In place of finish() for an exchange whose job_id or signing has ended by
 * now: the reply shows it.
 */
void acme_ca_protocol_settle(acme_ca_exchange_t *x, acme_ca_store_t *store,
    time_t now);

/*
 * In place of start() for what nginx refused before us: 400, 405, 413, 414,
 * 5xx, with the problem that belongs to the HTTP status.  NGX_DONE: the reply
 * is ready.  NGX_AGAIN: a refusal of the client, to be recorded by the store
 * task; without one, finish() may follow at once.
 */
ngx_int_t acme_ca_protocol_fault(acme_ca_exchange_t *x, ngx_uint_t status);


/*
 * The verdict of a validation, written back with all that follows from it in
 * one savepoint: challenge, authorization, orders, job, audit (RFC 8555,
 * 7.1.6).  problem NULL: passed.  addresses: JSON of what was tried, for the
 * audit row.  NGX_OK, also when the job was finished by another or the
 * authorization was deactivated meanwhile (then only the audit row says so);
 * NGX_BUSY, NGX_ERROR.
 */
ngx_int_t acme_ca_protocol_verdict(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_problem_t *problem, ngx_str_t *details);

/*
 * An attempt that failed but is not the last: the audit row, the retry at
 * run_at and job->attempts, which it counts up.  NGX_OK also when the job is
 * gone; NGX_BUSY, NGX_ERROR.
 */
ngx_int_t acme_ca_protocol_retry(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_problem_t *problem, ngx_str_t *details,
    time_t run_at);

/* by the operator: what waits for it fails with that problem */
ngx_int_t acme_ca_protocol_cancel(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_job_t *job, acme_ca_problem_t *problem);


#endif /* _ACME_CA_PROTOCOL_H_INCLUDED_ */
