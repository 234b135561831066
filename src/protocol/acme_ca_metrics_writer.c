
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The two text formats of metrics.
 */


#include "acme_ca_metrics_writer.h"
#include "acme_ca_text.h"


/* a help text, or a line with all its labels escaped */
#define ACME_CA_METRICS_LINE  1024


static void acme_ca_metrics_room(acme_ca_metrics_writer_t *w);


void
acme_ca_metrics_start(acme_ca_metrics_writer_t *w, ngx_pool_t *pool,
    const acme_ca_metrics_view_t *view)
{
    ngx_memzero(w, sizeof(acme_ca_metrics_writer_t));

    w->view = view;
    w->metrics = view->authority->metrics;
    w->pool = pool;

    w->authority_len = acme_ca_metrics_escape(w->authority,
                                              &view->authority->name);
}


ngx_int_t
acme_ca_metrics_finish(acme_ca_metrics_writer_t *w, ngx_str_t *text)
{
    acme_ca_metrics_room(w);

    if (w->failed) {
        return NGX_ERROR;
    }

    if (w->view->openmetrics) {
        w->last = ngx_cpymem(w->last, "# EOF\n", sizeof("# EOF\n") - 1);
    }

    text->data = w->start;
    text->len = w->last - w->start;

    return NGX_OK;
}


/* for a line more */

static void
acme_ca_metrics_room(acme_ca_metrics_writer_t *w)
{
    u_char  *p;
    size_t   used, size;

    used = w->last - w->start;

    if (w->failed
        || (size_t) (w->end - w->last) >= 2 * ACME_CA_METRICS_LINE)
    {
        return;
    }

    size = 2 * used + 16 * ACME_CA_METRICS_LINE;

    p = ngx_pnalloc(w->pool, size);
    if (p == NULL) {
        w->failed = 1;
        return;
    }

    if (used != 0) {
        ngx_memcpy(p, w->start, used);
    }

    w->start = p;
    w->last = p + used;
    w->end = p + size;
}


/* OpenMetrics: a counter's family lacks the "_total" of its samples */

void
acme_ca_metrics_begin(acme_ca_metrics_writer_t *w, const char *name,
    acme_ca_metrics_type_e type, const char *help)
{
    const char  *total;

    static const char  *types[] = { "counter", "gauge", "histogram" };

    acme_ca_metrics_room(w);

    if (w->failed) {
        return;
    }

    w->name = name;

    total = (type == ACME_CA_METRICS_COUNTER && !w->view->openmetrics)
            ? "_total" : "";

    w->last = ngx_slprintf(w->last, w->end, "# HELP %s%s %s\n# TYPE %s%s %s\n",
                           name, total, help, name, total, types[type]);
}


void
acme_ca_metrics_sample(acme_ca_metrics_writer_t *w, const char *suffix,
    int64_t value, ngx_uint_t unit, const char *fmt, ...)
{
    va_list  args;

    acme_ca_metrics_room(w);

    if (w->failed) {
        return;
    }

    w->last = ngx_slprintf(w->last, w->end, "%s%s{authority=\"%*s\"", w->name,
                           suffix, w->authority_len, w->authority);

    if (fmt != NULL) {
        va_start(args, fmt);
        w->last = ngx_vslprintf(w->last, w->last + ACME_CA_METRICS_LINE, fmt,
                                args);
        va_end(args);
    }

    if (unit == 1) {
        w->last = ngx_slprintf(w->last, w->end, "} %L\n", value);

    } else {
        w->last = ngx_slprintf(w->last, w->end, "} %L.%06L\n",
                               value / ACME_CA_METRICS_MICRO,
                               value % ACME_CA_METRICS_MICRO);
    }
}


size_t
acme_ca_metrics_escape(u_char *dst, const ngx_str_t *src)
{
    size_t  i, n;

    for (i = 0, n = 0; i < src->len && n < ACME_CA_METRICS_LABEL - 2; i++) {

        if (src->data[i] == '"' || src->data[i] == '\\') {
            dst[n++] = '\\';
        }

        dst[n++] = (src->data[i] < ' ') ? ' ' : src->data[i];
    }

    return n;
}


/* the count is made of the buckets: they can be read at one moment only */

void
acme_ca_metrics_histogram(acme_ca_metrics_writer_t *w,
    const acme_ca_histogram_t *histogram, const acme_ca_bound_t *bound,
    ngx_uint_t unit, const char *labels)
{
    int64_t     n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; bound[i].text != NULL; i++) {
        n += acme_ca_metrics_get(&histogram->buckets[i]);

        acme_ca_metrics_sample(w, "_bucket", n, 1, "%s,le=\"%s\"", labels,
                               bound[i].text);
    }

    n += acme_ca_metrics_get(&histogram->buckets[i]);

    acme_ca_metrics_sample(w, "_bucket", n, 1, "%s,le=\"+Inf\"", labels);
    acme_ca_metrics_sample(w, "_sum", acme_ca_metrics_get(&histogram->sum),
                           unit, "%s", labels);
    acme_ca_metrics_sample(w, "_count", n, 1, "%s", labels);
}
