
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The chain of the audit log.  The hash of a row is the SHA-256 of the hash of
 * the row before it, in hexadecimal (zeros for the first row), and of its own
 * content as the view acme_audit_contents writes it.  acme_ca_store_audit_add()
 * chains what it adds, unless the row before waits for that itself.
 */


#ifndef _ACME_CA_STORE_AUDIT_H_INCLUDED_
#define _ACME_CA_STORE_AUDIT_H_INCLUDED_


#include "acme_ca_store.h"


/* how far the log is chained and signed; ids, 0: none */
typedef struct {
    int64_t     last;             /* of all rows */
    int64_t     chained;          /* of those that are chained */
    int64_t     checkpoint;       /* the last row that is signed for */
    time_t      checkpoint_at;
    int64_t     sealed;           /* the last row that may have gone */
} acme_ca_audit_state_t;


/* what is signed: "acme-ca audit ID AT HASH" */
typedef struct {
    int64_t     id;
    time_t      at;
    u_char      hash[ACME_CA_SHA256_LEN];
    u_char      key_id[ACME_CA_SHA256_LEN];
    ngx_str_t   text;
    ngx_str_t   signature;
} acme_ca_audit_checkpoint_t;


ngx_int_t acme_ca_store_audit_get_state(acme_ca_store_t *store,
    acme_ca_audit_state_t *state);

/* what the next start follows, as its row of the log will say */
ngx_int_t acme_ca_store_audit_find_start(acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_str_t *after);
ngx_int_t acme_ca_store_audit_set_start(acme_ca_store_t *store,
    const char *after);

/*
 * Inside a transaction: chains at most limit rows that the operator's tool,
 * the master or an older release left, the oldest first.
 */
ngx_int_t acme_ca_store_audit_chain(acme_ca_store_t *store, ngx_uint_t limit);

/*
 * Inside a transaction: from now until its end, what is chained is written down
 * as lines of JSON too, with the name of the authority.  join() answers them
 * all, each with its line feed; NGX_ERROR: some are missing.
 */
void acme_ca_store_audit_watch(acme_ca_store_t *store, ngx_pool_t *pool,
    ngx_str_t *name);
ngx_int_t acme_ca_store_audit_join(acme_ca_store_t *store, ngx_str_t *text);

/*
 * Inside a transaction: what a checkpoint of the last row says, but for key_id
 * and signature.  NGX_DECLINED: there is no row, or it is not chained.
 */
ngx_int_t acme_ca_store_audit_find_end(acme_ca_store_t *store,
    ngx_pool_t *pool, time_t now, acme_ca_audit_checkpoint_t *checkpoint);
/* known: there is such a checkpoint; told: no event hook waits for its rows */
ngx_int_t acme_ca_store_audit_get_sealing(acme_ca_store_t *store, int64_t id,
    ngx_uint_t *known, ngx_uint_t *told);
/* removes up to limit rows up to that checkpoint; n: how many it were */
ngx_int_t acme_ca_store_audit_seal(acme_ca_store_t *store, int64_t id,
    ngx_uint_t limit, ngx_uint_t *n);
ngx_int_t acme_ca_store_audit_add_checkpoint(acme_ca_store_t *store,
    const acme_ca_audit_checkpoint_t *checkpoint);


#endif /* _ACME_CA_STORE_AUDIT_H_INCLUDED_ */
