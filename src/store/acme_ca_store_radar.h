
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The radar: certificates whose renewal is late, that are about to end or that
 * nobody fetched, issuers that end.  Each is marked once, with a row of the
 * audit log, and its mark goes when it is no trouble any more.
 */


#ifndef _ACME_CA_STORE_RADAR_H_INCLUDED_
#define _ACME_CA_STORE_RADAR_H_INCLUDED_


#include "acme_ca_store.h"


typedef enum {
    ACME_CA_RADAR_LATE = 0,
    ACME_CA_RADAR_EXPIRING,
    ACME_CA_RADAR_NOT_FETCHED,
    ACME_CA_RADAR_ISSUER,
    ACME_CA_RADAR_N
} acme_ca_radar_kind_e;

typedef struct {
    acme_ca_radar_kind_e   kind;
    int64_t                object_id;
    ngx_str_t              details;        /* JSON, or empty */
    unsigned               over:1;         /* the mark goes */
    unsigned               expired:1;      /* it ended without a successor */
} acme_ca_radar_mark_t;


typedef struct {
    time_t                 now;
    ngx_uint_t             limit;          /* of marks of a kind in one go */
    ngx_array_t           *marks;          /* acme_ca_radar_mark_t */
    unsigned               told:1;         /* in the audit log, where the event
                                              hooks read */
    unsigned               more:1;         /* and to look for */
} acme_ca_radar_t;


/* on a thread, with a handle that reads: fills radar, but for now, limit and
   told */
ngx_int_t acme_ca_store_radar_look(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_radar_t *radar);
/* in a transaction: what was found */
ngx_int_t acme_ca_store_radar_note(acme_ca_store_t *store,
    const acme_ca_radar_t *radar);


#endif /* _ACME_CA_STORE_RADAR_H_INCLUDED_ */
