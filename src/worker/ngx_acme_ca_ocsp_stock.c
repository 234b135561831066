
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A worker's share of the OCSP responses that are kept: what will never be sent
 * again goes, and the metrics are told of the rest.
 */


#include "ngx_acme_ca_ocsp.h"


/* that go in one tick: well below a millisecond */
#define NGX_ACME_CA_OCSP_EXPIRE  1000


static void ngx_acme_ca_ocsp_stock_share(
    const ngx_acme_ca_ocsp_issuer_t *issuer, acme_ca_share_t *share);


void
ngx_acme_ca_ocsp_stock_tick(ngx_acme_ca_t *ca)
{
    int64_t                     period;
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    acme_ca_share_t             share;
    ngx_acme_ca_ocsp_issuer_t  *issuer;

    issuer = ca->ocsp->issuers.elts;

    for (i = 0; i < ca->ocsp->issuers.nelts; i++) {
        ngx_acme_ca_ocsp_cache_expire(&ca->ocsp->cache, &issuer[i],
                                      NGX_ACME_CA_OCSP_EXPIRE);
    }

    period = acme_ca_stock_period(ngx_current_msec);

    if (ngx_exiting || ca->ocsp->told == period) {
        return;
    }

    for (i = 0; i < ca->ocsp->issuers.nelts; i++) {

        if (acme_ca_issuer_is_done(issuer[i].issuer, ngx_time(),
                                   ca->crl_lifetime))
        {
            continue;
        }

        ngx_acme_ca_ocsp_stock_share(&issuer[i], &share);

        rc = acme_ca_stock_add(ca->shared->metrics->ocsp_stock, period,
                               &share);

        /* it is the first one, or none, that has to wait for the next tick */

        if (rc == NGX_AGAIN) {
            return;
        }
    }

    ca->ocsp->told = period;
}


static void
ngx_acme_ca_ocsp_stock_share(const ngx_acme_ca_ocsp_issuer_t *issuer,
    acme_ca_share_t *share)
{
    ngx_acme_ca_ocsp_entry_t  *oldest, *newest;

    ngx_memzero(share, sizeof(acme_ca_share_t));

    share->issuer_id = issuer->id;
    share->n = issuer->kept;

    if (share->n == 0) {
        return;
    }

    oldest = ngx_queue_data(ngx_queue_last(&issuer->ages),
                            ngx_acme_ca_ocsp_entry_t, age);
    newest = ngx_queue_data(ngx_queue_head(&issuer->ages),
                            ngx_acme_ca_ocsp_entry_t, age);

    share->oldest = oldest->this_update;
    share->newest = newest->this_update;
}
