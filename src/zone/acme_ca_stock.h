
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What all workers together keep of each issuer's OCSP responses.  Each worker
 * adds its share once in a period, and who wants to know reads the one before,
 * which is complete: whoever has died or left adds nothing any more, so that
 * nobody has to count down.
 */


#ifndef _ACME_CA_STOCK_H_INCLUDED_
#define _ACME_CA_STOCK_H_INCLUDED_


#include "acme_ca_base.h"


#define ACME_CA_STOCK_PERIOD   3      /* seconds */
#define ACME_CA_STOCK_PERIODS  4      /* one is read, one is written */
#define ACME_CA_STOCK_ISSUERS  16     /* more are not told */


typedef struct {
    int64_t           issuer_id;      /* 0: nobody's yet */
    int64_t           n;              /* responses */
    int64_t           oldest;         /* when it was signed; 0: there is none */
    int64_t           newest;
} acme_ca_share_t;


typedef struct {
    int64_t           period;         /* negative: is being emptied for it */
    acme_ca_share_t   shares[ACME_CA_STOCK_ISSUERS];
} acme_ca_stock_t;


/* of the clock that all workers have and nobody sets */
#define acme_ca_stock_period(msec)                                            \
    ((int64_t) ((msec) / 1000 / ACME_CA_STOCK_PERIOD) + 1)

/*
 * stock: one for each of ACME_CA_STOCK_PERIODS, zeros at first.  NGX_AGAIN:
 * somebody else begins this period just now.  NGX_DECLINED: there is no room.
 */
ngx_int_t acme_ca_stock_add(acme_ca_stock_t *stock, int64_t period,
    const acme_ca_share_t *share);
/* NGX_DECLINED: nobody has told of this issuer in that period */
ngx_int_t acme_ca_stock_find(const acme_ca_stock_t *stock, int64_t period,
    int64_t issuer_id, acme_ca_share_t *share);


#endif /* _ACME_CA_STOCK_H_INCLUDED_ */
