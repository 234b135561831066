
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Issuers that follow each other.  The database says who signs; what a process
 * remembers follows it.
 *
 * Invariants:
 *   1. a leaf's issuer is the active one of the transaction that records it
 *   2. whoever becomes active was shown for issuer_overlap before, unless there
 *      is nobody else
 *   3. a change of state has an audit row in the same transaction
 *   4. none comes back: the schema sees to it
 */


#ifndef _ACME_CA_ROTATION_H_INCLUDED_
#define _ACME_CA_ROTATION_H_INCLUDED_


#include "acme_ca_protocol.h"
#include "acme_ca_store_issuer.h"


/* rows are those of acme_ca_store_issuer_list(); the first four are pure */

/* the row with this id, or NULL */
acme_ca_issuer_row_t *acme_ca_rotation_row(const ngx_array_t *rows,
    int64_t id);
/* that of who signs, or NULL */
acme_ca_issuer_row_t *acme_ca_rotation_active(const ngx_array_t *rows);
/* whose turn it is to become active, or NULL */
acme_ca_issuer_t *acme_ca_rotation_turn(const acme_ca_authority_t *authority,
    const ngx_array_t *rows, time_t now);
/* whether the next one has to be made: none waits, and the life of the active
   one is nearly over; NGX_OK or NGX_DECLINED */
ngx_int_t acme_ca_rotation_due(const acme_ca_authority_t *authority,
    const ngx_array_t *rows, time_t now);

/* what a process remembers: states, and who is active */
void acme_ca_rotation_follow(acme_ca_authority_t *authority,
    const ngx_array_t *rows);

/*
 * In a transaction.  start() is the master's: all issuers have their rows,
 * those that are not known yet get a state, and one is active if there is any
 * that may be.  turn() makes the change that is due, if there is one.
 */
ngx_int_t acme_ca_rotation_start(acme_ca_ctx_t *ctx,
    acme_ca_authority_t *authority, acme_ca_store_t *store);
ngx_int_t acme_ca_rotation_change(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store);

/* on any thread: who signs now.  NGX_DECLINED: nobody */
ngx_int_t acme_ca_rotation_find(const acme_ca_authority_t *authority,
    acme_ca_store_t *store, acme_ca_issuer_t **issuer);


#endif /* _ACME_CA_ROTATION_H_INCLUDED_ */
