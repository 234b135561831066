
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * How much there is of all, as the census counted it a little while ago.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_metrics.h"
#include "acme_ca_store_census.h"


typedef struct {
    const char  *name;
    size_t       numbers;          /* in the census: one of each status */
} acme_ca_admin_statistics_t;


static void acme_ca_admin_statistics_jobs(acme_ca_json_writer_t *w,
    const acme_ca_census_t *census);
static void acme_ca_admin_statistics_issuers(acme_ca_json_writer_t *w,
    ngx_array_t *issuers);


static const acme_ca_admin_statistics_t  acme_ca_admin_numbers[] = {
    { "accounts", offsetof(acme_ca_census_t, accounts) },
    { "orders", offsetof(acme_ca_census_t, orders) },
    { "authorizations", offsetof(acme_ca_census_t, authz) },
    { "challenges", offsetof(acme_ca_census_t, challenges) },
    { "certificates", offsetof(acme_ca_census_t, certificates) }
};


ngx_int_t
acme_ca_admin_statistics(acme_ca_admin_t *a)
{
    ngx_int_t                 rc;
    ngx_uint_t                i, status;
    const int64_t            *numbers;
    ngx_array_t              *issuers;
    acme_ca_census_t          census;
    acme_ca_json_writer_t     w;
    const acme_ca_metrics_t  *metrics;

    metrics = a->authority->metrics;

    if (metrics == NULL || metrics->census_at == 0) {
        return acme_ca_admin_refuse(a, 503, "nothing was counted yet");
    }

    census = metrics->census;
    issuers = NULL;

    rc = acme_ca_store_census_issuers(a->store, a->ctx.pool, a->ctx.now,
                                      &issuers);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 1024);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_time(&w, "counted_at", metrics->census_at);

    for (i = 0; i < sizeof(acme_ca_admin_numbers)
                    / sizeof(acme_ca_admin_numbers[0]); i++)
    {
        numbers = (const int64_t *) ((const u_char *) &census
                                     + acme_ca_admin_numbers[i].numbers);

        acme_ca_json_open_object(&w, acme_ca_admin_numbers[i].name);

        for (status = 0; status < ACME_CA_STATUS_N; status++) {
            if (numbers[status]) {
                acme_ca_json_write_number(&w,
                                 (const char *) acme_ca_statuses[status].data,
                                 numbers[status]);
            }
        }

        acme_ca_json_shut(&w);
    }

    acme_ca_admin_statistics_jobs(&w, &census);
    acme_ca_admin_statistics_issuers(&w, issuers);

    acme_ca_json_open_object(&w, "database");
    acme_ca_json_write_number(&w, "bytes", census.database_size);
    acme_ca_json_write_number(&w, "free_bytes", census.database_free);
    acme_ca_json_shut(&w);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}


static void
acme_ca_admin_statistics_jobs(acme_ca_json_writer_t *w,
    const acme_ca_census_t *census)
{
    ngx_uint_t  type;

    acme_ca_json_open_object(w, "jobs");

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {
        if (census->jobs[type]) {
            acme_ca_json_write_number(w,
                      (const char *) acme_ca_challenge_kinds[type].name.data,
                      census->jobs[type]);
        }
    }

    acme_ca_json_shut(w);

    acme_ca_admin_write_time(w, "oldest_job_at", census->job_oldest);
}


static void
acme_ca_admin_statistics_issuers(acme_ca_json_writer_t *w,
    ngx_array_t *issuers)
{
    ngx_uint_t             i;
    acme_ca_issuer_end_t  *issuer;

    acme_ca_json_open_array(w, "issuers");

    issuer = issuers->elts;

    for (i = 0; i < issuers->nelts; i++) {
        acme_ca_json_open_object(w, NULL);
        acme_ca_json_write_number(w, "id", issuer[i].id);
        acme_ca_json_write_string(w, "name", &issuer[i].name);

        if (issuer[i].state.len != 0) {
            acme_ca_json_write_string(w, "state", &issuer[i].state);
        }

        acme_ca_json_write_time(w, "not_after", issuer[i].not_after);
        acme_ca_json_shut(w);
    }

    acme_ca_json_shut(w);
}
