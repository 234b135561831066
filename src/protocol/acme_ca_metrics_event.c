
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Metrics of event hooks: how far they are behind.
 */


#include "acme_ca_metrics_writer.h"
#include "acme_ca_store_event.h"


typedef int64_t (*acme_ca_metrics_event_pt)(const acme_ca_event_lag_t *lag,
    time_t now);

typedef struct {
    const char                 *name;
    const char                 *help;
    ngx_uint_t                  counter;
    acme_ca_metrics_event_pt    value;
} acme_ca_metrics_event_t;


static int64_t acme_ca_metrics_event_rows(const acme_ca_event_lag_t *lag,
    time_t now);
static int64_t acme_ca_metrics_event_age(const acme_ca_event_lag_t *lag,
    time_t now);
static int64_t acme_ca_metrics_event_failures(const acme_ca_event_lag_t *lag,
    time_t now);
static int64_t acme_ca_metrics_event_told(const acme_ca_event_lag_t *lag,
    time_t now);


static const acme_ca_metrics_event_t  acme_ca_metrics_event_families[] = {

    { "acme_ca_event_backlog",
      "Rows of the audit log that an event hook did not look at yet.", 0,
      acme_ca_metrics_event_rows },

    { "acme_ca_event_backlog_age_seconds",
      "Since the first of them was written.", 0,
      acme_ca_metrics_event_age },

    { "acme_ca_event_failures",
      "Tries of an event hook that failed since the last one that did not.", 0,
      acme_ca_metrics_event_failures },

    { "acme_ca_events_delivered",
      "Events that an event hook took.", 1,
      acme_ca_metrics_event_told },

    { NULL, NULL, 0, NULL }
};


void
acme_ca_metrics_events(acme_ca_metrics_writer_t *w)
{
    u_char                          label[ACME_CA_METRICS_LABEL];
    ngx_uint_t                      i;
    acme_ca_event_lag_t            *lag;
    const acme_ca_metrics_event_t  *family;

    if (w->view->hooks == NULL || w->view->hooks->nelts == 0) {
        return;
    }

    lag = w->view->hooks->elts;

    for (family = acme_ca_metrics_event_families; family->name; family++) {

        acme_ca_metrics_begin(w, family->name,
                              family->counter ? ACME_CA_METRICS_COUNTER
                                              : ACME_CA_METRICS_GAUGE,
                              family->help);

        for (i = 0; i < w->view->hooks->nelts; i++) {
            acme_ca_metrics_sample(w, family->counter ? "_total" : "",
                                   family->value(&lag[i], w->view->now), 1,
                                   ",hook=\"%*s\"",
                                   acme_ca_metrics_escape(label, &lag[i].uri),
                                   label);
        }
    }
}


static int64_t
acme_ca_metrics_event_rows(const acme_ca_event_lag_t *lag, time_t now)
{
    return lag->rows;
}


static int64_t
acme_ca_metrics_event_age(const acme_ca_event_lag_t *lag, time_t now)
{
    return lag->since ? ngx_max(now - lag->since, 0) : 0;
}


static int64_t
acme_ca_metrics_event_failures(const acme_ca_event_lag_t *lag, time_t now)
{
    return (int64_t) lag->attempts;
}


static int64_t
acme_ca_metrics_event_told(const acme_ca_event_lag_t *lag, time_t now)
{
    return lag->delivered;
}
