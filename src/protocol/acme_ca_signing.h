
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * An external signer: what it is asked, what its answer means, and what
 * follows.  The finalization of an order, or a revocation, left a job; whoever
 * leased it asks the signer and hands the answer back here:
 *
 *     acme_ca_signing_ask()       event loop: the request
 *     acme_ca_signing_prepare()   store thread, before the transaction: reads
 *                                 the answer and checks the certificate
 *     acme_ca_signing_apply()     store thread, in a savepoint
 *
 * What an answer may be is said in docs/external-signer.md.
 */


#ifndef _ACME_CA_SIGNING_H_INCLUDED_
#define _ACME_CA_SIGNING_H_INCLUDED_


#include "acme_ca_leaf.h"
#include "acme_ca_protocol.h"


/* bytes of an answer that are taken */
#define ACME_CA_SIGNING_BODY     65536
/* and of what it says to people */
#define ACME_CA_SIGNING_DETAIL   256

/* seconds from one try to the next, at most */
#define ACME_CA_SIGNING_PAUSE    3600


/* a header line, and a member of the JSON document */
typedef struct {
    const char  *member;
    ngx_str_t    name;
    ngx_str_t    value;
} acme_ca_signing_field_t;


typedef struct {
    ngx_str_t    uri;
    ngx_str_t    content_type;
    ngx_str_t    body;
    ngx_array_t  fields;            /* acme_ca_signing_field_t: header lines */
} acme_ca_signing_request_t;


typedef enum {
    ACME_CA_SIGNING_DONE = 0,       /* it did what it was asked for */
    ACME_CA_SIGNING_LATER,          /* it will */
    ACME_CA_SIGNING_FAILED,         /* it may, another time */
    ACME_CA_SIGNING_REFUSED,        /* it never will */
    ACME_CA_SIGNING_WRONG,          /* what it made is not to be used */
    ACME_CA_SIGNING_LATE,           /* the time is up */
    ACME_CA_SIGNING_CANCELLED       /* by the operator */
} acme_ca_signing_outcome_e;


typedef struct {
    /* in: what came */
    ngx_uint_t                  status;        /* 0: nothing */
    const char                 *fault;         /* why nothing came */
    ngx_str_t                   body;
    time_t                      retry_after;   /* seconds, 0: none */

    /* out, of prepare() */
    acme_ca_signing_outcome_e   outcome;
    acme_ca_problem_type_e      type;          /* of a refusal */
    ngx_str_t                   detail;        /* printable, short */
    time_t                      run_at;        /* LATER, FAILED */
    acme_ca_certificate_t       certificate;   /* DONE, of an order */
    acme_ca_issuer_t            issuer;        /* its, without a key */
} acme_ca_signing_answer_t;


/* seconds that one attempt and a little more lasts */
time_t acme_ca_signing_lease(const acme_ca_signer_t *signer);

/* NGX_OK; NGX_DECLINED: there is nothing to ask any more; NGX_ERROR */
ngx_int_t acme_ca_signing_ask(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_request_t *request);

/* never fails: what went wrong is an outcome */
void acme_ca_signing_prepare(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer);

/* NGX_OK, also when another was faster; NGX_BUSY, NGX_ERROR */
ngx_int_t acme_ca_signing_apply(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer);

/* the operator gives it up: an order fails.  NGX_OK, NGX_BUSY, NGX_ERROR */
ngx_int_t acme_ca_signing_cancel(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_t *signing);

/*
 * A certificate was revoked: who signed it, if not we, hears of it.  account:
 * NULL, if it was no account of ours who revoked.  NGX_OK, NGX_BUSY, NGX_ERROR
 */
ngx_int_t acme_ca_signing_tell(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    const acme_ca_request_t *request, const acme_ca_account_t *account,
    const acme_ca_certificate_t *certificate);


/*
 * acme_ca_signing_ask.c: what the certificate has to be; without csr, which
 * prepare() reads.  NGX_DECLINED: the order or its profile is gone.
 */
ngx_int_t acme_ca_signing_wanted(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_order_t *order,
    acme_ca_leaf_t *wanted);


#endif /* _ACME_CA_SIGNING_H_INCLUDED_ */
