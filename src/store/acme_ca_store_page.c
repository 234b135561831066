
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Pages of tables.  The documents are made by SQLite: what a resource shows is
 * its statement in sql/.  And the one table that only the operator writes.
 */


#include "acme_ca_store_private.h"
#include "acme_ca_store_page.h"


/* rows that a page looks at: some ten milliseconds of an event loop at most */
#define ACME_CA_STORE_PAGE_ROWS  10000
/* kinds of jobs */
#define ACME_CA_STORE_QUEUES     4


/* what finds the certificates of a page: a number in certificate_page */
typedef enum {
    ACME_CA_STORE_BY_ID = 0,
    ACME_CA_STORE_BY_SERIAL,
    ACME_CA_STORE_BY_NAME,
    ACME_CA_STORE_BY_ACCOUNT,
    ACME_CA_STORE_BY_EAB,
    ACME_CA_STORE_BY_CATEGORY,
    ACME_CA_STORE_BY_NOBODY,          /* those of no account */
    ACME_CA_STORE_BY_REVOKED,
    ACME_CA_STORE_BY_EXPIRED,
    ACME_CA_STORE_BY_PROFILE,
    ACME_CA_STORE_BY_ISSUER,
    ACME_CA_STORE_BY_ROW,
    ACME_CA_STORE_BY_RADAR
} acme_ca_store_index_e;


static acme_ca_store_index_e acme_ca_store_page_index(
    const acme_ca_store_filter_t *filter);
static acme_ca_store_index_e acme_ca_store_page_index_word(
    const ngx_str_t *word);

static ngx_int_t acme_ca_store_page_owned(acme_ca_store_t *store,
    acme_ca_statement_e statement, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
static ngx_int_t acme_ca_store_page_named(acme_ca_store_t *store,
    acme_ca_statement_e statement, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page);
static void acme_ca_store_page_bytes(acme_ca_query_t *q,
    const ngx_str_t *value);
static ngx_int_t acme_ca_store_page_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_store_page_t *page);


ngx_int_t
acme_ca_store_account_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_ACCOUNT_PAGE);
    acme_ca_query_integer(&q, page->before);
    acme_ca_query_text(&q, filter->status);
    acme_ca_query_text(&q, filter->eab);

    return acme_ca_store_page_read(&q, pool, page);
}


ngx_int_t
acme_ca_store_order_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    return acme_ca_store_page_owned(store, ACME_CA_SQL_ORDER_PAGE,
                                    pool, filter, page);
}


ngx_int_t
acme_ca_store_authz_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    return acme_ca_store_page_owned(store, ACME_CA_SQL_AUTHZ_PAGE,
                                    pool, filter, page);
}


ngx_int_t
acme_ca_store_certificate_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_PAGE);
    acme_ca_query_integer(&q, page->before);
    acme_ca_query_text(&q, filter->status);
    acme_ca_query_optional(&q, filter->account_id);
    acme_ca_query_text(&q, filter->name);
    acme_ca_query_text(&q, filter->profile);
    acme_ca_query_optional(&q, filter->expires_before);
    acme_ca_query_integer(&q, filter->now);
    acme_ca_query_text(&q, filter->category);
    acme_ca_query_text(&q, filter->issuer);
    acme_ca_query_optional(&q, filter->eab_id);
    acme_ca_query_text(&q, filter->below);
    acme_ca_store_page_bytes(&q, &filter->serial);
    acme_ca_query_optional(&q, filter->certificate_id);
    acme_ca_query_optional(&q, filter->expires_after);
    acme_ca_query_integer(&q, acme_ca_store_page_index(filter));
    acme_ca_query_integer(&q, ACME_CA_STORE_PAGE_ROWS + 1);
    acme_ca_query_text(&q, filter->radar);
    acme_ca_query_optional(&q, filter->revoked_after);
    acme_ca_query_optional(&q, filter->revoked_before);
    acme_ca_query_optional(&q, filter->issuer_id);

    return acme_ca_store_page_read(&q, pool, page);
}


ngx_int_t
acme_ca_store_certificate_list_ending(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, time_t after,
    acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_CERTIFICATE_LIST_ENDING);
    acme_ca_query_integer(&q, after);
    acme_ca_query_integer(&q, page->before);
    acme_ca_query_integer(&q, filter->expires_before);
    acme_ca_query_optional(&q, filter->account_id);
    acme_ca_query_text(&q, filter->profile);

    return acme_ca_store_page_read(&q, pool, page);
}


/* that of the filter which, as a rule, leaves the fewest rows to look at */

static acme_ca_store_index_e
acme_ca_store_page_index(const acme_ca_store_filter_t *filter)
{
    ngx_uint_t             i;
    acme_ca_store_index_e  index;

    const struct {
        ngx_uint_t             given;
        acme_ca_store_index_e  index;
    } choices[] = {
        { filter->serial.len, ACME_CA_STORE_BY_SERIAL },
        { filter->certificate_id != 0, ACME_CA_STORE_BY_ROW },
        { filter->name && filter->name->len, ACME_CA_STORE_BY_NAME },
        { filter->account_id != 0, ACME_CA_STORE_BY_ACCOUNT },
        { filter->eab_id != 0, ACME_CA_STORE_BY_EAB },
        { filter->radar && filter->radar->len, ACME_CA_STORE_BY_RADAR },
        { 1, acme_ca_store_page_index_word(filter->category) },
        { 1, acme_ca_store_page_index_word(filter->status) },
        { filter->revoked_after || filter->revoked_before,
          ACME_CA_STORE_BY_REVOKED },
        { filter->profile && filter->profile->len, ACME_CA_STORE_BY_PROFILE },
        { filter->issuer && filter->issuer->len, ACME_CA_STORE_BY_ISSUER },
        { 0, ACME_CA_STORE_BY_ID }
    };

    index = ACME_CA_STORE_BY_ID;

    for (i = 0; i < sizeof(choices) / sizeof(choices[0])
                && index == ACME_CA_STORE_BY_ID; i++)
    {
        if (choices[i].given) {
            index = choices[i].index;
        }
    }

    return index;
}


/* of a category or a status; most are "service" and "valid" */

static acme_ca_store_index_e
acme_ca_store_page_index_word(const ngx_str_t *word)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t              word;
        acme_ca_store_index_e  index;
    } words[] = {
        { ngx_string("ca"), ACME_CA_STORE_BY_CATEGORY },
        { ngx_string("user"), ACME_CA_STORE_BY_CATEGORY },
        { ngx_string("device"), ACME_CA_STORE_BY_CATEGORY },
        { ngx_string("internal"), ACME_CA_STORE_BY_NOBODY },
        { ngx_string("unknown"), ACME_CA_STORE_BY_NOBODY },
        { ngx_string("revoked"), ACME_CA_STORE_BY_REVOKED },
        { ngx_string("held"), ACME_CA_STORE_BY_REVOKED },
        { ngx_string("expired"), ACME_CA_STORE_BY_EXPIRED }
    };

    for (i = 0; word && i < sizeof(words) / sizeof(words[0]); i++) {
        if (acme_ca_str_eq(word, &words[i].word)) {
            return words[i].index;
        }
    }

    return ACME_CA_STORE_BY_ID;
}


static void
acme_ca_store_page_bytes(acme_ca_query_t *q, const ngx_str_t *value)
{
    if (value->len) {
        acme_ca_query_blob(q, value->data, value->len);

    } else {
        acme_ca_query_optional(q, 0);
    }
}


ngx_int_t
acme_ca_store_audit_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_PAGE);
    acme_ca_query_integer(&q, page->before);
    acme_ca_query_text(&q, filter->action);
    acme_ca_query_text(&q, filter->outcome);
    acme_ca_query_text(&q, filter->actor);
    acme_ca_query_optional(&q, filter->account_id);
    acme_ca_query_optional(&q, filter->authz_id);
    acme_ca_query_text(&q, filter->name);
    acme_ca_query_optional(&q, filter->since);

    return acme_ca_store_page_read(&q, pool, page);
}


ngx_int_t
acme_ca_store_audit_list_lines(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_LIST_LINES);
    acme_ca_query_integer(&q, page->before);

    return acme_ca_store_page_read(&q, pool, page);
}


ngx_int_t
acme_ca_store_audit_checkpoint_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_CHECKPOINT_PAGE);
    acme_ca_query_integer(&q, page->before);

    return acme_ca_store_page_read(&q, pool, page);
}


ngx_int_t
acme_ca_store_job_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_PAGE);
    acme_ca_query_integer(&q, page->before);
    acme_ca_query_text(&q, filter->name);
    acme_ca_query_integer(&q, filter->now);
    acme_ca_query_text(&q, filter->kind);
    acme_ca_query_integer(&q, ACME_CA_STORE_PAGE_ROWS + 1);

    return acme_ca_store_page_read(&q, pool, page);
}


ngx_int_t
acme_ca_store_job_list_queues(acme_ca_store_t *store, ngx_pool_t *pool,
    time_t now, int64_t pending, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    page->limit = ACME_CA_STORE_QUEUES;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_JOB_LIST_QUEUES);
    acme_ca_query_integer(&q, now);

    if (pending >= 0) {
        acme_ca_query_integer(&q, pending);

    } else {
        acme_ca_query_optional(&q, 0);
    }

    return acme_ca_store_page_read(&q, pool, page);
}


ngx_int_t
acme_ca_store_issuer_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    return acme_ca_store_page_named(store, ACME_CA_SQL_ISSUER_PAGE,
                                    pool, filter, page);
}


ngx_int_t
acme_ca_store_window_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    return acme_ca_store_page_named(store, ACME_CA_SQL_WINDOW_PAGE,
                                    pool, filter, page);
}


ngx_int_t
acme_ca_store_event_hook_page(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    return acme_ca_store_page_named(store, ACME_CA_SQL_EVENT_HOOK_PAGE,
                                    pool, filter, page);
}


/* what belongs to accounts */

static ngx_int_t
acme_ca_store_page_owned(acme_ca_store_t *store,
    acme_ca_statement_e statement, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, statement);
    acme_ca_query_integer(&q, page->before);
    acme_ca_query_text(&q, filter->status);
    acme_ca_query_optional(&q, filter->account_id);
    acme_ca_query_text(&q, filter->name);

    return acme_ca_store_page_read(&q, pool, page);
}


static ngx_int_t
acme_ca_store_page_named(acme_ca_store_t *store,
    acme_ca_statement_e statement, ngx_pool_t *pool,
    const acme_ca_store_filter_t *filter, acme_ca_store_page_t *page)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, statement);
    acme_ca_query_integer(&q, page->before);
    acme_ca_query_text(&q, filter->name);

    return acme_ca_store_page_read(&q, pool, page);
}


static ngx_int_t
acme_ca_store_page_read(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_store_page_t *page)
{
    int64_t               id;
    ngx_int_t             rc;
    ngx_str_t             json;
    ngx_uint_t            n;
    acme_ca_store_row_t  *row;

    id = 0;
    page->next = 0;

    page->rows = ngx_array_create(pool, page->limit,
                                  sizeof(acme_ca_store_row_t));
    if (page->rows == NULL) {
        (void) acme_ca_query_end(q);
        return NGX_ERROR;
    }

    for (n = 0; /* void */ ; n++) {
        rc = acme_ca_query_step(q);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        if (n == ACME_CA_STORE_PAGE_ROWS || page->rows->nelts == page->limit) {
            page->next = id;
            return acme_ca_query_end(q);
        }

        id = acme_ca_column_integer(q);
        acme_ca_column_text(q, pool, &json);

        if (json.len == 0) {
            continue;
        }

        row = acme_ca_query_push(q, page->rows);

        if (row) {
            row->id = id;
            row->json = json;
        }
    }
}


ngx_int_t
acme_ca_store_window_add(acme_ca_store_t *store,
    const acme_ca_store_window_t *window, time_t now, int64_t *id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_WINDOW_ADD);
    acme_ca_query_optional(&q, window->issuer_id);
    acme_ca_query_optional(&q, window->account_id);
    acme_ca_query_text(&q, &window->profile);

    acme_ca_store_page_bytes(&q, &window->serial);
    acme_ca_query_text(&q, &window->name);
    acme_ca_query_integer(&q, window->start);
    acme_ca_query_integer(&q, window->end);
    acme_ca_query_text(&q, &window->explanation);
    acme_ca_query_integer(&q, now);

    return acme_ca_query_add(&q, id);
}


ngx_int_t
acme_ca_store_window_remove(acme_ca_store_t *store, int64_t id)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_WINDOW_REMOVE);
    acme_ca_query_integer(&q, id);

    return acme_ca_query_set(&q);
}
