
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the metrics tell of OCSP.
 */


#include "acme_ca_metrics_writer.h"

#include "acme_ca_store_census.h"


typedef enum {
    ACME_CA_METRICS_STOCK_N = 0,
    ACME_CA_METRICS_STOCK_OLDEST,
    ACME_CA_METRICS_STOCK_NEWEST
} acme_ca_metrics_stock_e;


static void acme_ca_metrics_ocsp_stock(acme_ca_metrics_writer_t *w,
    acme_ca_metrics_stock_e what);


void
acme_ca_metrics_ocsp_told(acme_ca_metrics_writer_t *w)
{
    ngx_uint_t  i;

    static const char  *results[] = {
        "kept", "signed", "malformedRequest", "internalError", "tryLater",
        "unauthorized"
    };

    if (w->view->ocsp_not_after == 0) {
        return;
    }

    acme_ca_metrics_begin(w, "acme_ca_ocsp_responses", ACME_CA_METRICS_COUNTER,
                          "Responses to OCSP: kept, signed anew, or refused.");

    for (i = 0; i < ACME_CA_METRICS_OCSP_N; i++) {
        acme_ca_metrics_sample(w, "_total",
                               acme_ca_metrics_get(&w->metrics->ocsp[i]), 1,
                               ",result=\"%s\"", results[i]);
    }

    acme_ca_metrics_begin(w, "acme_ca_ocsp_response_age_seconds",
                          ACME_CA_METRICS_HISTOGRAM,
                          "How old kept responses were when they were sent.");

    acme_ca_metrics_histogram(w, &w->metrics->ocsp_ages, acme_ca_metrics_ages,
                              1, "");

    acme_ca_metrics_begin(w, "acme_ca_ocsp_signer_remaining_seconds",
                          ACME_CA_METRICS_GAUGE,
                          "Until the signer of OCSP responses expires.");

    acme_ca_metrics_sample(w, "", w->view->ocsp_not_after - w->view->now, 1,
                           NULL);

    acme_ca_metrics_begin(w, "acme_ca_ocsp_kept_responses",
                          ACME_CA_METRICS_GAUGE,
                          "Signed responses of an issuer that all workers keep"
                          " to send them again, each its own.");
    acme_ca_metrics_ocsp_stock(w, ACME_CA_METRICS_STOCK_N);

    acme_ca_metrics_begin(w, "acme_ca_ocsp_oldest_age_seconds",
                          ACME_CA_METRICS_GAUGE,
                          "Since the oldest of them was signed.");
    acme_ca_metrics_ocsp_stock(w, ACME_CA_METRICS_STOCK_OLDEST);

    acme_ca_metrics_begin(w, "acme_ca_ocsp_newest_age_seconds",
                          ACME_CA_METRICS_GAUGE,
                          "Since the newest of them was signed.");
    acme_ca_metrics_ocsp_stock(w, ACME_CA_METRICS_STOCK_NEWEST);
}


/* what nobody keeps has no age */

static void
acme_ca_metrics_ocsp_stock(acme_ca_metrics_writer_t *w,
    acme_ca_metrics_stock_e what)
{
    int64_t                value;
    u_char                 label[ACME_CA_METRICS_LABEL];
    ngx_uint_t             i;
    acme_ca_share_t        share;
    acme_ca_issuer_end_t  *issuer;

    issuer = w->view->issuers->elts;

    for (i = 0; i < w->view->issuers->nelts; i++) {

        if (acme_ca_stock_find(w->metrics->ocsp_stock, w->view->stock_period,
                               issuer[i].id, &share)
            != NGX_OK
            || (share.n == 0 && what != ACME_CA_METRICS_STOCK_N))
        {
            continue;
        }

        value = (what == ACME_CA_METRICS_STOCK_N) ? share.n
                : w->view->now - ((what == ACME_CA_METRICS_STOCK_OLDEST)
                                  ? share.oldest : share.newest);

        acme_ca_metrics_sample(w, "", ngx_max(value, 0), 1,
                               ",issuer=\"%*s\",id=\"%L\"",
                               acme_ca_metrics_escape(label, &issuer[i].name),
                               label, issuer[i].id);
    }
}
