
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The metrics as text, for Prometheus (exposition format 0.0.4) or as
 * OpenMetrics 1.0.
 */


#ifndef _ACME_CA_METRICS_TEXT_H_INCLUDED_
#define _ACME_CA_METRICS_TEXT_H_INCLUDED_


#include "acme_ca_metrics.h"


typedef struct {
    const acme_ca_authority_t  *authority;
    ngx_array_t                *issuers;     /* acme_ca_issuer_end_t */
    ngx_array_t                *hooks;       /* acme_ca_event_lag_t */
    time_t                      server_not_after;    /* 0: there is none */
    time_t                      ocsp_not_after;      /* the same, of signers */
    int64_t                     stock_period;        /* that is complete */
    time_t                      now;
    ngx_uint_t                  openmetrics;
} acme_ca_metrics_view_t;


/* NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_metrics_write(ngx_pool_t *pool,
    const acme_ca_metrics_view_t *view, ngx_str_t *text);


#endif /* _ACME_CA_METRICS_TEXT_H_INCLUDED_ */
