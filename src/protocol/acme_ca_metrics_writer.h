
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Writes families and samples of metrics; private to the metrics.  Every call
 * may fail silently, finish() answers NGX_ERROR then.
 */


#ifndef _ACME_CA_METRICS_WRITER_H_INCLUDED_
#define _ACME_CA_METRICS_WRITER_H_INCLUDED_


#include "acme_ca_metrics_text.h"


#define ACME_CA_METRICS_LABEL  256        /* bytes of an escaped value */
#define ACME_CA_METRICS_MICRO  1000000    /* a unit: us, told as seconds */


typedef struct {
    const acme_ca_metrics_view_t  *view;
    const acme_ca_metrics_t       *metrics;
    const char                    *name;         /* of the family */
    ngx_pool_t                    *pool;
    u_char                        *start;
    u_char                        *last;
    u_char                        *end;
    size_t                         authority_len;
    u_char                         authority[ACME_CA_METRICS_LABEL];
    ngx_uint_t                     failed;
} acme_ca_metrics_writer_t;


typedef enum {
    ACME_CA_METRICS_COUNTER = 0,
    ACME_CA_METRICS_GAUGE,
    ACME_CA_METRICS_HISTOGRAM
} acme_ca_metrics_type_e;


void acme_ca_metrics_start(acme_ca_metrics_writer_t *w, ngx_pool_t *pool,
    const acme_ca_metrics_view_t *view);
void acme_ca_metrics_begin(acme_ca_metrics_writer_t *w, const char *name,
    acme_ca_metrics_type_e type, const char *help);
/* unit: 1 or ACME_CA_METRICS_MICRO.  fmt: NULL, or more labels: ",a=\"%s\"" */
void acme_ca_metrics_sample(acme_ca_metrics_writer_t *w, const char *suffix,
    int64_t value, ngx_uint_t unit, const char *fmt, ...);
void acme_ca_metrics_histogram(acme_ca_metrics_writer_t *w,
    const acme_ca_histogram_t *histogram, const acme_ca_bound_t *bound,
    ngx_uint_t unit, const char *labels);
/* into ACME_CA_METRICS_LABEL bytes: how many it took; a long value is cut */
size_t acme_ca_metrics_escape(u_char *dst, const ngx_str_t *src);
ngx_int_t acme_ca_metrics_finish(acme_ca_metrics_writer_t *w,
    ngx_str_t *text);

/* acme_ca_metrics_event.c */
void acme_ca_metrics_events(acme_ca_metrics_writer_t *w);

/* acme_ca_metrics_ocsp.c */
void acme_ca_metrics_ocsp_told(acme_ca_metrics_writer_t *w);


#endif /* _ACME_CA_METRICS_WRITER_H_INCLUDED_ */
