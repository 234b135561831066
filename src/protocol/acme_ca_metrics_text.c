
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The metrics as text.  A family is one function of the table below, in the
 * order in which they are written; each sample says which authority it is of.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_metrics_writer.h"
#include "acme_ca_store_census.h"


typedef void (*acme_ca_metrics_family_pt)(acme_ca_metrics_writer_t *w);

typedef struct {
    const char  *name;
    const char  *help;
    size_t       numbers;          /* in the census */
    ngx_uint_t   statuses;         /* bits: those that there can be */
} acme_ca_metrics_object_t;


static void acme_ca_metrics_requests(acme_ca_metrics_writer_t *w);
static uint64_t acme_ca_metrics_requests_of(acme_ca_metrics_writer_t *w,
    ngx_uint_t route, ngx_uint_t outcome);
static void acme_ca_metrics_nonces(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_limits(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_validations(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_batches(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_objects(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_jobs(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_database(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_radar(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_ends(acme_ca_metrics_writer_t *w);
static void acme_ca_metrics_lists(acme_ca_metrics_writer_t *w,
    const char *name, const char *help, ngx_int_t sign, size_t time);


static const acme_ca_metrics_family_pt  acme_ca_metrics_families[] = {
    acme_ca_metrics_requests,
    acme_ca_metrics_nonces,
    acme_ca_metrics_limits,
    acme_ca_metrics_validations,
    acme_ca_metrics_batches,
    acme_ca_metrics_ocsp_told,
    acme_ca_metrics_objects,
    acme_ca_metrics_jobs,
    acme_ca_metrics_radar,
    acme_ca_metrics_database,
    acme_ca_metrics_ends,
    acme_ca_metrics_events,
    NULL
};


#define acme_ca_metrics_bit(status)  ((ngx_uint_t) 1 << (status))

static const acme_ca_metrics_object_t  acme_ca_metrics_censuses[] = {

    { "acme_ca_accounts", "Accounts by status.",
      offsetof(acme_ca_census_t, accounts),
      acme_ca_metrics_bit(ACME_CA_VALID)
      | acme_ca_metrics_bit(ACME_CA_DEACTIVATED)
      | acme_ca_metrics_bit(ACME_CA_REVOKED) },

    { "acme_ca_orders", "Orders that were not swept yet, by status.",
      offsetof(acme_ca_census_t, orders),
      acme_ca_metrics_bit(ACME_CA_PENDING) | acme_ca_metrics_bit(ACME_CA_READY)
      | acme_ca_metrics_bit(ACME_CA_PROCESSING)
      | acme_ca_metrics_bit(ACME_CA_VALID)
      | acme_ca_metrics_bit(ACME_CA_INVALID) },

    { "acme_ca_authorizations",
      "Authorizations that were not swept yet, by status.",
      offsetof(acme_ca_census_t, authz),
      acme_ca_metrics_bit(ACME_CA_PENDING) | acme_ca_metrics_bit(ACME_CA_VALID)
      | acme_ca_metrics_bit(ACME_CA_INVALID)
      | acme_ca_metrics_bit(ACME_CA_DEACTIVATED)
      | acme_ca_metrics_bit(ACME_CA_EXPIRED)
      | acme_ca_metrics_bit(ACME_CA_REVOKED) },

    { "acme_ca_challenges", "Challenges of those authorizations, by status.",
      offsetof(acme_ca_census_t, challenges),
      acme_ca_metrics_bit(ACME_CA_PENDING)
      | acme_ca_metrics_bit(ACME_CA_PROCESSING)
      | acme_ca_metrics_bit(ACME_CA_VALID)
      | acme_ca_metrics_bit(ACME_CA_INVALID) },

    { "acme_ca_certificates", "Certificates ever signed, by status.",
      offsetof(acme_ca_census_t, certificates),
      acme_ca_metrics_bit(ACME_CA_VALID) | acme_ca_metrics_bit(ACME_CA_EXPIRED)
      | acme_ca_metrics_bit(ACME_CA_REVOKED) },

    { "acme_ca_external_accounts", "External accounts by status.",
      offsetof(acme_ca_census_t, eab),
      acme_ca_metrics_bit(ACME_CA_VALID) | acme_ca_metrics_bit(ACME_CA_EXPIRED)
      | acme_ca_metrics_bit(ACME_CA_REVOKED) },

    { NULL, NULL, 0, 0 }
};


ngx_int_t
acme_ca_metrics_write(ngx_pool_t *pool, const acme_ca_metrics_view_t *view,
    ngx_str_t *text)
{
    acme_ca_metrics_writer_t          w;
    const acme_ca_metrics_family_pt  *family;

    acme_ca_metrics_start(&w, pool, view);

    for (family = acme_ca_metrics_families; *family != NULL; family++) {
        (*family)(&w);
    }

    return acme_ca_metrics_finish(&w, text);
}


static void
acme_ca_metrics_requests(acme_ca_metrics_writer_t *w)
{
    uint64_t     n;
    ngx_uint_t   i, outcome, type, status;
    const char  *resource, *problem;

    static const ngx_uint_t  statuses[] = { 200, 201, 204, 300 };

    acme_ca_metrics_begin(w, "acme_ca_requests", ACME_CA_METRICS_COUNTER,
                          "Requests by resource and how they ended.");

    for (i = 0; i <= ACME_CA_ROUTE_N; i++) {

        resource = (i < ACME_CA_ROUTE_N) ? acme_ca_routes[i].action : "none";

        for (outcome = 0; outcome < ACME_CA_METRICS_OUTCOMES; outcome++) {

            n = acme_ca_metrics_requests_of(w, i, outcome);
            if (n == 0) {
                continue;
            }

            if (outcome < ACME_CA_METRICS_STATUSES) {
                status = statuses[outcome];
                problem = "";

            } else {
                type = outcome - ACME_CA_METRICS_STATUSES;
                status = acme_ca_problem_status(type);
                problem = acme_ca_problem_name(type);
            }

            acme_ca_metrics_sample(w, "_total", n, 1,
                                   ",resource=\"%s\",status=\"%ui\","
                                   "problem=\"%s\"", resource, status,
                                   problem);
        }
    }
}


/* routes of one action are one resource, told at the first of them */

static uint64_t
acme_ca_metrics_requests_of(acme_ca_metrics_writer_t *w, ngx_uint_t route,
    ngx_uint_t outcome)
{
    uint64_t     n;
    ngx_uint_t   i;
    const char  *action;

    if (route >= ACME_CA_ROUTE_N) {
        return acme_ca_metrics_get(&w->metrics->requests[route][outcome]);
    }

    action = acme_ca_routes[route].action;
    n = 0;

    for (i = 0; i < ACME_CA_ROUTE_N; i++) {

        if (ngx_strcmp(acme_ca_routes[i].action, action) != 0) {
            continue;
        }

        if (i < route) {
            return 0;
        }

        n += acme_ca_metrics_get(&w->metrics->requests[i][outcome]);
    }

    return n;
}


static void
acme_ca_metrics_nonces(acme_ca_metrics_writer_t *w)
{
    ngx_uint_t  i;

    static const char  *events[] = {
        "used", "malformed", "foreign", "expired", "replayed"
    };

    acme_ca_metrics_begin(w, "acme_ca_nonces", ACME_CA_METRICS_COUNTER,
                          "Nonces issued, used, and refused by reason.");

    acme_ca_metrics_sample(w, "_total",
                           acme_ca_metrics_get(&w->metrics->nonces_issued), 1,
                           ",event=\"issued\"");

    for (i = 0; i < ACME_CA_METRICS_VERDICTS; i++) {
        acme_ca_metrics_sample(w, "_total",
                               acme_ca_metrics_get(&w->metrics->nonces[i]), 1,
                               ",event=\"%s\"", events[i]);
    }
}


static void
acme_ca_metrics_limits(acme_ca_metrics_writer_t *w)
{
    ngx_uint_t  i;

    acme_ca_metrics_begin(w, "acme_ca_rate_limit_hits",
                          ACME_CA_METRICS_COUNTER,
                          "Requests refused by a rate limit.");

    for (i = 0; i < ACME_CA_LIMIT_N; i++) {
        acme_ca_metrics_sample(w, "_total",
                               acme_ca_metrics_get(&w->metrics->limits[i]), 1,
                               ",limit=\"%V\"", &acme_ca_limit_names[i]);
    }
}


static void
acme_ca_metrics_validations(acme_ca_metrics_writer_t *w)
{
    u_char       labels[128];
    ngx_uint_t   type, end;

    static const char  *ends[] = { "passed", "failed", "retried" };

    acme_ca_metrics_begin(w, "acme_ca_validation_duration_seconds",
                          ACME_CA_METRICS_HISTOGRAM,
                          "Attempts to validate, by challenge and outcome.");

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {

        if (!(w->view->authority->challenges & ((ngx_uint_t) 1 << type))) {
            continue;
        }

        for (end = 0; end < ACME_CA_METRICS_ENDS; end++) {

            (void) ngx_snprintf(labels, sizeof(labels),
                                ",type=\"%V\",outcome=\"%s\"%Z",
                                &acme_ca_challenge_kinds[type].name, ends[end]);

            acme_ca_metrics_histogram(w, &w->metrics->validations[type][end],
                                      acme_ca_metrics_seconds,
                                      ACME_CA_METRICS_MICRO,
                                      (const char *) labels);
        }
    }
}


static void
acme_ca_metrics_batches(acme_ca_metrics_writer_t *w)
{
    acme_ca_metrics_begin(w, "acme_ca_store_batch_size",
                          ACME_CA_METRICS_HISTOGRAM,
                          "Writes that one transaction took.");

    acme_ca_metrics_histogram(w, &w->metrics->batches, acme_ca_metrics_sizes,
                              1, "");

    acme_ca_metrics_begin(w, "acme_ca_store_commit_duration_seconds",
                          ACME_CA_METRICS_HISTOGRAM,
                          "Transactions, from the beginning to the disk.");

    acme_ca_metrics_histogram(w, &w->metrics->commits, acme_ca_metrics_seconds,
                              ACME_CA_METRICS_MICRO, "");

    acme_ca_metrics_begin(w, "acme_ca_store_failures",
                          ACME_CA_METRICS_COUNTER,
                          "Transactions that were rolled back as a whole.");

    acme_ca_metrics_sample(w, "_total",
                           acme_ca_metrics_get(&w->metrics->batches_failed), 1,
                           NULL);
}


static void
acme_ca_metrics_objects(acme_ca_metrics_writer_t *w)
{
    ngx_uint_t                       status;
    const int64_t                   *numbers;
    const acme_ca_metrics_object_t  *object;

    /* unknown is not zero */

    if (w->metrics->census_at == 0) {
        return;
    }

    for (object = acme_ca_metrics_censuses; object->name != NULL; object++) {

        numbers = (const int64_t *) ((const u_char *) &w->metrics->census
                                     + object->numbers);

        acme_ca_metrics_begin(w, object->name, ACME_CA_METRICS_GAUGE,
                              object->help);

        for (status = 0; status < ACME_CA_STATUS_N; status++) {

            if (!(object->statuses & acme_ca_metrics_bit(status))) {
                continue;
            }

            acme_ca_metrics_sample(w, "", numbers[status], 1,
                                   ",status=\"%V\"",
                                   &acme_ca_statuses[status]);
        }
    }
}


static void
acme_ca_metrics_jobs(acme_ca_metrics_writer_t *w)
{
    ngx_uint_t               type;
    const acme_ca_census_t  *census;

    census = &w->metrics->census;

    if (w->metrics->census_at == 0) {
        return;
    }

    acme_ca_metrics_begin(w, "acme_ca_jobs", ACME_CA_METRICS_GAUGE,
                          "Validations that wait or run, by challenge.");

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {
        acme_ca_metrics_sample(w, "", census->jobs[type], 1, ",kind=\"%V\"",
                               &acme_ca_challenge_kinds[type].name);
    }

    acme_ca_metrics_begin(w, "acme_ca_job_overdue_seconds",
                          ACME_CA_METRICS_GAUGE,
                          "How late the oldest of them is.");

    acme_ca_metrics_sample(w, "",
                           (census->job_oldest == 0) ? 0
                           : ngx_max(w->view->now - census->job_oldest, 0),
                           1, NULL);
}


static void
acme_ca_metrics_radar(acme_ca_metrics_writer_t *w)
{
    if (w->metrics->census_at == 0) {
        return;
    }

    acme_ca_metrics_begin(w, "acme_ca_radar_certificates",
                          ACME_CA_METRICS_GAUGE,
                          "Certificates whose renewal is late, and those that"
                          " nobody has fetched for an hour.");

    acme_ca_metrics_sample(w, "", w->metrics->census.late, 1,
                           ",what=\"late\"");
    acme_ca_metrics_sample(w, "", w->metrics->census.unfetched, 1,
                           ",what=\"unfetched\"");
}


static void
acme_ca_metrics_database(acme_ca_metrics_writer_t *w)
{
    ngx_uint_t               i;
    const acme_ca_census_t  *census;

    census = &w->metrics->census;

    if (w->metrics->census_at == 0) {
        return;
    }

    acme_ca_metrics_begin(w, "acme_ca_database_size_bytes",
                          ACME_CA_METRICS_GAUGE, "The database.");
    acme_ca_metrics_sample(w, "", census->database_size, 1, NULL);

    acme_ca_metrics_begin(w, "acme_ca_database_free_bytes",
                          ACME_CA_METRICS_GAUGE,
                          "Pages of the database that hold nothing.");
    acme_ca_metrics_sample(w, "", census->database_free, 1, NULL);

    acme_ca_metrics_begin(w, "acme_ca_database_rows", ACME_CA_METRICS_GAUGE,
                          "Rows of its tables.");

    for (i = 0; acme_ca_store_tables[i] != NULL; i++) {
        acme_ca_metrics_sample(w, "", census->rows[i], 1, ",table=\"%s\"",
                               acme_ca_store_tables[i]);
    }

    acme_ca_metrics_begin(w, "acme_ca_census_age_seconds",
                          ACME_CA_METRICS_GAUGE,
                          "Since the objects and the database were counted.");
    acme_ca_metrics_sample(w, "",
                           ngx_max(w->view->now - w->metrics->census_at, 0),
                           1, NULL);
}


static void
acme_ca_metrics_ends(acme_ca_metrics_writer_t *w)
{
    u_char                 label[ACME_CA_METRICS_LABEL];
    ngx_uint_t             i;
    acme_ca_issuer_end_t  *issuer;

    acme_ca_metrics_begin(w, "acme_ca_issuer_remaining_seconds",
                          ACME_CA_METRICS_GAUGE,
                          "Until an issuer's certificate expires.");

    issuer = w->view->issuers->elts;

    for (i = 0; i < w->view->issuers->nelts; i++) {
        acme_ca_metrics_sample(w, "", issuer[i].not_after - w->view->now, 1,
                               ",issuer=\"%*s\",id=\"%L\",state=\"%V\"",
                               acme_ca_metrics_escape(label, &issuer[i].name),
                               label, issuer[i].id, &issuer[i].state);
    }

    acme_ca_metrics_lists(w, "acme_ca_crl_age_seconds",
                          "Since the oldest CRL of an issuer was made.", -1,
                          offsetof(acme_ca_issuer_end_t, crl_this_update));

    acme_ca_metrics_lists(w, "acme_ca_crl_remaining_seconds",
                          "Until a CRL of an issuer holds no more.", 1,
                          offsetof(acme_ca_issuer_end_t, crl_next_update));

    if (w->view->server_not_after == 0) {
        return;
    }

    acme_ca_metrics_begin(w, "acme_ca_server_certificate_remaining_seconds",
                          ACME_CA_METRICS_GAUGE,
                          "Until the CA's own server certificate expires.");

    acme_ca_metrics_sample(w, "", w->view->server_not_after - w->view->now, 1,
                           NULL);
}


static void
acme_ca_metrics_lists(acme_ca_metrics_writer_t *w, const char *name,
    const char *help, ngx_int_t sign, size_t time)
{
    time_t                 at;
    u_char                 label[ACME_CA_METRICS_LABEL];
    ngx_uint_t             i;
    acme_ca_issuer_end_t  *issuer;

    acme_ca_metrics_begin(w, name, ACME_CA_METRICS_GAUGE, help);

    issuer = w->view->issuers->elts;

    for (i = 0; i < w->view->issuers->nelts; i++) {

        at = *(time_t *) ((u_char *) &issuer[i] + time);

        if (at == 0) {
            continue;
        }

        acme_ca_metrics_sample(w, "", sign * (at - w->view->now), 1,
                               ",issuer=\"%*s\",id=\"%L\"",
                               acme_ca_metrics_escape(label, &issuer[i].name),
                               label, issuer[i].id);
    }
}
