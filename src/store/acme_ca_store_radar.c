
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_radar: what the views find that has no mark, and marks that they do not
 * find any more.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_radar.h"


typedef struct {
    acme_ca_statement_e   statement;
    ngx_uint_t            all;       /* there are few: no limit */
    void                (*row)(acme_ca_query_t *q, ngx_pool_t *pool,
                               acme_ca_radar_t *radar);
} acme_ca_radar_list_t;


static ngx_int_t acme_ca_store_radar_read(acme_ca_store_t *store,
    ngx_pool_t *pool, acme_ca_radar_t *radar,
    const acme_ca_radar_list_t *list);
static void acme_ca_store_radar_late(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_radar_t *radar);
static void acme_ca_store_radar_unfetched(acme_ca_query_t *q,
    ngx_pool_t *pool, acme_ca_radar_t *radar);
static void acme_ca_store_radar_issuer(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_radar_t *radar);
static void acme_ca_store_radar_over(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_radar_t *radar);
static acme_ca_radar_mark_t *acme_ca_store_radar_push(acme_ca_query_t *q,
    acme_ca_radar_t *radar, acme_ca_radar_kind_e kind, int64_t id);
static ngx_uint_t acme_ca_store_radar_kind(const ngx_str_t *kind);
static ngx_int_t acme_ca_store_radar_note_one(acme_ca_store_t *store,
    const acme_ca_radar_t *radar, const acme_ca_radar_mark_t *mark);
static ngx_int_t acme_ca_store_radar_add(acme_ca_store_t *store,
    const acme_ca_radar_mark_t *mark, time_t now);
static ngx_int_t acme_ca_store_radar_remove(acme_ca_store_t *store,
    const acme_ca_radar_mark_t *mark);


static const char *const  acme_ca_radar_kinds[ACME_CA_RADAR_N] = {
    "late", "expiring", "not-fetched", "issuer"
};

static const char *const  acme_ca_radar_actions[ACME_CA_RADAR_N] = {
    "renewal-late", "expiring", "not-fetched", "issuer-expiring"
};

/* each for itself: a long read would stop checkpoints */

static const acme_ca_radar_list_t  acme_ca_radar_lists[] = {
    { ACME_CA_SQL_RADAR_LIST_LATE, 0, acme_ca_store_radar_late },
    { ACME_CA_SQL_RADAR_LIST_UNFETCHED, 0, acme_ca_store_radar_unfetched },
    { ACME_CA_SQL_RADAR_LIST_ISSUERS, 1, acme_ca_store_radar_issuer },
    { ACME_CA_SQL_RADAR_LIST_OVER, 0, acme_ca_store_radar_over }
};


ngx_int_t
acme_ca_store_radar_look(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_radar_t *radar)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    radar->more = 0;

    radar->marks = ngx_array_create(pool, 8, sizeof(acme_ca_radar_mark_t));
    if (radar->marks == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (i = 0; i < sizeof(acme_ca_radar_lists)
                    / sizeof(acme_ca_radar_lists[0])
                && rc == NGX_OK; i++)
    {
        rc = acme_ca_store_radar_read(store, pool, radar,
                                      &acme_ca_radar_lists[i]);
    }

    return rc;
}


static ngx_int_t
acme_ca_store_radar_read(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_radar_t *radar, const acme_ca_radar_list_t *list)
{
    ngx_int_t        rc;
    ngx_uint_t       n;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, list->statement);
    acme_ca_query_integer(&q, radar->now);

    if (!list->all) {
        acme_ca_query_integer(&q, radar->limit);
    }

    for (n = 0; /* void */ ; n++) {
        rc = acme_ca_query_step(&q);

        if (rc != NGX_OK) {
            radar->more |= (!list->all && n == radar->limit);
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        list->row(&q, pool, radar);
    }
}


static void
acme_ca_store_radar_late(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_radar_t *radar)
{
    int64_t    id;
    ngx_int_t  late, expiring;

    id = acme_ca_column_integer(q);
    late = acme_ca_column_integer(q);
    expiring = acme_ca_column_integer(q);

    if (late) {
        (void) acme_ca_store_radar_push(q, radar, ACME_CA_RADAR_LATE, id);
    }

    if (expiring) {
        (void) acme_ca_store_radar_push(q, radar, ACME_CA_RADAR_EXPIRING, id);
    }
}


static void
acme_ca_store_radar_unfetched(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_radar_t *radar)
{
    (void) acme_ca_store_radar_push(q, radar, ACME_CA_RADAR_NOT_FETCHED,
                                    acme_ca_column_integer(q));
}


static void
acme_ca_store_radar_issuer(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_radar_t *radar)
{
    int64_t                id;
    acme_ca_radar_mark_t  *mark;

    id = acme_ca_column_integer(q);
    mark = acme_ca_store_radar_push(q, radar, ACME_CA_RADAR_ISSUER, id);

    if (mark) {
        acme_ca_column_text(q, pool, &mark->details);
    }
}


static void
acme_ca_store_radar_over(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_radar_t *radar)
{
    int64_t                id;
    ngx_str_t              kind;
    acme_ca_radar_mark_t  *mark;

    acme_ca_column_text(q, pool, &kind);
    id = acme_ca_column_integer(q);

    mark = acme_ca_store_radar_push(q, radar, acme_ca_store_radar_kind(&kind),
                                    id);
    if (mark) {
        mark->over = 1;
        mark->expired = (acme_ca_column_integer(q) != 0);
    }
}


static acme_ca_radar_mark_t *
acme_ca_store_radar_push(acme_ca_query_t *q, acme_ca_radar_t *radar,
    acme_ca_radar_kind_e kind, int64_t id)
{
    acme_ca_radar_mark_t  *mark;

    mark = acme_ca_query_push(q, radar->marks);

    if (mark) {
        ngx_memzero(mark, sizeof(acme_ca_radar_mark_t));

        mark->kind = kind;
        mark->object_id = id;
    }

    return mark;
}


/* the table has no others */

static ngx_uint_t
acme_ca_store_radar_kind(const ngx_str_t *kind)
{
    ngx_uint_t  i;

    for (i = 0; i < ACME_CA_RADAR_N - 1; i++) {
        if (kind->len == ngx_strlen(acme_ca_radar_kinds[i])
            && ngx_memcmp(kind->data, acme_ca_radar_kinds[i], kind->len) == 0)
        {
            break;
        }
    }

    return i;
}


ngx_int_t
acme_ca_store_radar_note(acme_ca_store_t *store, const acme_ca_radar_t *radar)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    acme_ca_radar_mark_t  *mark;

    rc = NGX_OK;
    mark = radar->marks->elts;

    for (i = 0; i < radar->marks->nelts && rc == NGX_OK; i++) {
        rc = acme_ca_store_radar_note_one(store, radar, &mark[i]);
    }

    return rc;
}


/* NGX_DECLINED is another worker's work */

static ngx_int_t
acme_ca_store_radar_note_one(acme_ca_store_t *store,
    const acme_ca_radar_t *radar, const acme_ca_radar_mark_t *mark)
{
    ngx_int_t        rc;
    acme_ca_audit_t  audit;

    rc = mark->over ? acme_ca_store_radar_remove(store, mark)
                    : acme_ca_store_radar_add(store, mark, radar->now);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && (!radar->told || (mark->over && !mark->expired))))
    {
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.actor = "server";
    audit.action = mark->over ? "expired" : acme_ca_radar_actions[mark->kind];
    audit.details = mark->details;

    if (mark->kind != ACME_CA_RADAR_ISSUER) {
        audit.certificate_id = mark->object_id;
    }

    return acme_ca_store_audit_add(store, &audit, radar->now);
}


static ngx_int_t
acme_ca_store_radar_add(acme_ca_store_t *store,
    const acme_ca_radar_mark_t *mark, time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_RADAR_ADD);
    acme_ca_query_word(&q, acme_ca_radar_kinds[mark->kind]);
    acme_ca_query_integer(&q, mark->object_id);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_set(&q);
}


static ngx_int_t
acme_ca_store_radar_remove(acme_ca_store_t *store,
    const acme_ca_radar_mark_t *mark)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_RADAR_REMOVE);
    acme_ca_query_word(&q, acme_ca_radar_kinds[mark->kind]);
    acme_ca_query_integer(&q, mark->object_id);

    return acme_ca_query_set(&q);
}
