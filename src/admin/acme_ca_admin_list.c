
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Resources that are tables: a list with filters, and one row of it.  What a
 * row shows is its statement in sql/; ids of ACME's URLs are added here.
 */


#include "acme_ca_admin_private.h"


typedef struct {
    const char               *path;       /* the first part of it */
    acme_ca_store_page_pt     page;
    ngx_uint_t                kind;       /* of the id in URLs, 0: none */
} acme_ca_admin_table_t;


static ngx_int_t acme_ca_admin_list_filter(acme_ca_admin_t *a,
    acme_ca_store_filter_t *filter);
static ngx_int_t acme_ca_admin_list_certificates(acme_ca_admin_t *a,
    acme_ca_store_filter_t *filter);
static ngx_int_t acme_ca_admin_list_dates(acme_ca_admin_t *a,
    acme_ca_store_filter_t *filter);
static ngx_int_t acme_ca_admin_list_uuid(acme_ca_admin_t *a, int64_t *id);
static ngx_int_t acme_ca_admin_list_serial(acme_ca_admin_t *a,
    ngx_str_t *serial);
static const acme_ca_admin_table_t *acme_ca_admin_list_table(
    acme_ca_admin_t *a);
static ngx_int_t acme_ca_admin_list_id(acme_ca_admin_t *a,
    const acme_ca_admin_table_t *table, int64_t *id);
static ngx_int_t acme_ca_admin_list_write(acme_ca_admin_t *a,
    acme_ca_json_writer_t *w, const acme_ca_admin_table_t *table,
    acme_ca_store_row_t *row);
static ngx_int_t acme_ca_admin_list_decimal(acme_ca_admin_t *a,
    acme_ca_store_row_t *row, ngx_str_t *member);


static const acme_ca_admin_table_t  acme_ca_admin_tables[] = {
    { "accounts", acme_ca_store_account_page, ACME_CA_ID_ACCOUNT },
    { "orders", acme_ca_store_order_page, ACME_CA_ID_ORDER },
    { "authorizations", acme_ca_store_authz_page, ACME_CA_ID_AUTHZ },
    { "certificates", acme_ca_store_certificate_page, ACME_CA_ID_CERTIFICATE },
    { "audit/checkpoints", acme_ca_store_audit_checkpoint_page, 0 },
    { "audit", acme_ca_store_audit_page, 0 },
    { "jobs", acme_ca_store_job_page, 0 },
    { "issuers", acme_ca_store_issuer_page, 0 },
    { "windows", acme_ca_store_window_page, 0 },
    { "hooks", acme_ca_store_event_hook_page, 0 }
};


ngx_int_t
acme_ca_admin_list(acme_ca_admin_t *a)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    acme_ca_store_row_t          *row;
    acme_ca_admin_page_t          page;
    acme_ca_store_page_t          rows;
    acme_ca_json_writer_t         w;
    acme_ca_store_filter_t        filter;
    const acme_ca_admin_table_t  *table;

    table = acme_ca_admin_list_table(a);

    rc = acme_ca_admin_page(a, &page);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_list_filter(a, &filter);
    }

    if (rc == NGX_OK) {
        rows.before = page.before;
        rows.limit = page.limit;

        rc = table->page(a->store, a->ctx.pool, &filter, &rows);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    page.next = rows.next;

    acme_ca_json_start(&w, a->ctx.pool, 512 * (rows.rows->nelts + 1));
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "items");

    row = rows.rows->elts;

    for (i = 0; i < rows.rows->nelts; i++) {
        rc = acme_ca_admin_list_write(a, &w, table, &row[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return acme_ca_admin_reply_page(a, &page, &w);
}


ngx_int_t
acme_ca_admin_row(acme_ca_admin_t *a, int64_t id)
{
    ngx_int_t              rc;
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, a->ctx.pool, 1024);

    rc = acme_ca_admin_row_write(a, id, &w);

    return (rc == NGX_OK) ? acme_ca_admin_reply(a, 200, &w) : rc;
}


/* the one row whose id is next below the one after it */

ngx_int_t
acme_ca_admin_row_write(acme_ca_admin_t *a, int64_t id,
    acme_ca_json_writer_t *w)
{
    ngx_int_t                     rc;
    acme_ca_store_row_t          *row;
    acme_ca_store_page_t          page;
    acme_ca_store_filter_t        filter;
    const acme_ca_admin_table_t  *table;

    table = acme_ca_admin_list_table(a);

    ngx_memzero(&filter, sizeof(acme_ca_store_filter_t));

    filter.now = a->ctx.now;

    page.before = id + 1;
    page.limit = 1;

    rc = table->page(a->store, a->ctx.pool, &filter, &page);
    if (rc != NGX_OK) {
        return rc;
    }

    row = page.rows->elts;

    if (page.rows->nelts == 0 || row->id != id) {
        return acme_ca_admin_refuse(a, 404, "\"%s\" has no \"%V\"",
                                    table->path, &a->operand);
    }

    return acme_ca_admin_list_write(a, w, table, row);
}


ngx_int_t
acme_ca_admin_row_get(acme_ca_admin_t *a)
{
    int64_t    id;
    ngx_int_t  rc;

    rc = acme_ca_admin_list_id(a, acme_ca_admin_list_table(a), &id);

    return (rc == NGX_OK) ? acme_ca_admin_row(a, id) : rc;
}


static const acme_ca_admin_table_t *
acme_ca_admin_list_table(acme_ca_admin_t *a)
{
    size_t       len;
    ngx_str_t   *path;
    ngx_uint_t   i;

    path = (ngx_str_t *) &a->route->path;

    for (i = 0; /* void */ ; i++) {
        len = ngx_strlen(acme_ca_admin_tables[i].path);

        if (path->len >= len
            && ngx_memcmp(path->data, acme_ca_admin_tables[i].path, len) == 0)
        {
            return &acme_ca_admin_tables[i];
        }
    }
}


/* a row's number, or the last part of its URL */

static ngx_int_t
acme_ca_admin_list_id(acme_ca_admin_t *a, const acme_ca_admin_table_t *table,
    int64_t *id)
{
    off_t      n;
    ngx_int_t  rc;

    n = ngx_atoof(a->operand.data, a->operand.len);

    if (n > 0 && n < INT64_MAX) {
        *id = (int64_t) n;
        return NGX_OK;
    }

    rc = table->kind ? acme_ca_store_id_parse(a->store, table->kind,
                                              &a->operand, id)
                     : NGX_DECLINED;

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "\"%s\" has no \"%V\"", table->path,
                                  &a->operand)
           : rc;
}


static ngx_int_t
acme_ca_admin_list_filter(acme_ca_admin_t *a, acme_ca_store_filter_t *filter)
{
    ngx_int_t   rc;
    ngx_str_t  *text;

    ngx_memzero(filter, sizeof(acme_ca_store_filter_t));

    filter->status = acme_ca_admin_arg(a, "status");
    filter->name = acme_ca_admin_arg(a, "name");
    filter->profile = acme_ca_admin_arg(a, "profile");
    filter->eab = acme_ca_admin_arg(a, "eab");
    filter->action = acme_ca_admin_arg(a, "action");
    filter->outcome = acme_ca_admin_arg(a, "outcome");
    filter->actor = acme_ca_admin_arg(a, "actor");
    filter->kind = acme_ca_admin_arg(a, "kind");
    filter->category = acme_ca_admin_arg(a, "category");
    filter->issuer = acme_ca_admin_arg(a, "issuer");
    filter->radar = acme_ca_admin_arg(a, "radar");
    filter->now = a->ctx.now;

    text = acme_ca_admin_arg(a, "authorization");

    if (text) {
        filter->authz_id = ngx_atoof(text->data, text->len);

        if (filter->authz_id < 1) {
            return acme_ca_admin_refuse(a, 400, "\"authorization\" is to be "
                                        "its number");
        }
    }

    rc = acme_ca_admin_list_certificates(a, filter);

    return (rc == NGX_OK) ? acme_ca_admin_list_account(a, &filter->account_id)
                          : rc;
}


ngx_int_t
acme_ca_admin_list_account(acme_ca_admin_t *a, int64_t *id)
{
    ngx_int_t           rc;
    ngx_str_t          *text;
    acme_ca_account_t   account;

    text = acme_ca_admin_arg(a, "account");

    if (text == NULL) {
        return NGX_OK;
    }

    rc = acme_ca_admin_account_find(a, text, &account);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 404, "there is no account \"%V\"",
                                    text);
    }

    if (rc == NGX_OK) {
        *id = account.id;
    }

    return rc;
}


/* of a name that begins with a dot: those below it */

static ngx_int_t
acme_ca_admin_list_certificates(acme_ca_admin_t *a,
    acme_ca_store_filter_t *filter)
{
    ngx_int_t      rc;
    acme_ca_eab_t  eab;

    if (filter->name && filter->name->len && filter->name->data[0] == '.') {
        filter->below = filter->name;
        filter->name = NULL;
    }

    rc = acme_ca_admin_list_dates(a, filter);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_list_uuid(a, &filter->certificate_id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_list_serial(a, &filter->serial);
    }

    if (rc != NGX_OK || filter->eab == NULL) {
        return rc;
    }

    rc = acme_ca_store_eab_find_kid(a->store, a->ctx.pool, filter->eab, &eab);

    if (rc == NGX_DECLINED) {

        /* nobody is bound to what is not there */

        filter->eab_id = -1;
        return NGX_OK;
    }

    filter->eab_id = eab.id;

    return rc;
}


static ngx_int_t
acme_ca_admin_list_dates(acme_ca_admin_t *a, acme_ca_store_filter_t *filter)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    const struct {
        const char  *name;
        time_t      *at;
    } dates[] = {
        { "expires_before", &filter->expires_before },
        { "expires_after", &filter->expires_after },
        { "revoked_before", &filter->revoked_before },
        { "revoked_after", &filter->revoked_after },
        { "since", &filter->since }
    };

    rc = NGX_OK;

    for (i = 0; rc == NGX_OK && i < sizeof(dates) / sizeof(dates[0]); i++) {
        rc = acme_ca_admin_list_date(a, dates[i].name, dates[i].at);
    }

    return rc;
}


ngx_int_t
acme_ca_admin_list_date(acme_ca_admin_t *a, const char *name, time_t *at)
{
    ngx_str_t  *text;

    text = acme_ca_admin_arg(a, name);

    return (text && acme_ca_rfc3339_parse(text, at) != NGX_OK)
           ? acme_ca_admin_refuse(a, 400, "\"%s\" is to be a date of RFC 3339",
                                  name)
           : NGX_OK;
}


static ngx_int_t
acme_ca_admin_list_uuid(acme_ca_admin_t *a, int64_t *id)
{
    ngx_int_t   rc;
    ngx_str_t  *text;

    text = acme_ca_admin_arg(a, "uuid");

    if (text == NULL) {
        return NGX_OK;
    }

    rc = acme_ca_admin_uuid(a, text, id);

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 400, "\"%V\" is no uuid", text) : rc;
}


static ngx_int_t
acme_ca_admin_list_serial(acme_ca_admin_t *a, ngx_str_t *serial)
{
    ngx_int_t     rc;
    ngx_str_t    *text;
    ngx_array_t  *ids;

    text = acme_ca_admin_arg(a, "serial");

    if (text == NULL) {
        return NGX_OK;
    }

    rc = acme_ca_admin_serial_list(a, text, serial, &ids);

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 400, "\"%V\" is no serial number", text)
           : rc;
}


static ngx_int_t
acme_ca_admin_list_write(acme_ca_admin_t *a, acme_ca_json_writer_t *w,
    const acme_ca_admin_table_t *table, acme_ca_store_row_t *row)
{
    u_char     id[ACME_CA_ID_LEN];
    ngx_int_t  rc;
    ngx_str_t  text, decimal;

    if (table->kind == 0) {
        acme_ca_json_write_raw(w, NULL, &row->json);
        return NGX_OK;
    }

    rc = acme_ca_store_id_write(a->store, table->kind, row->id, id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_admin_list_decimal(a, row, &decimal);
    if (rc != NGX_OK) {
        return rc;
    }

    /* the rest of the object, behind its brace */

    if (acme_ca_format(a->ctx.pool, &text, row->json.len + decimal.len + 64,
                       "{\"acme_id\":\"%*s\",%V%*s", (size_t) ACME_CA_ID_LEN,
                       id, &decimal, row->json.len - 1, row->json.data + 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_json_write_raw(w, NULL, &text);

    return NGX_OK;
}


/* a member of certificates: SQLite has no numbers of such a length */

static ngx_int_t
acme_ca_admin_list_decimal(acme_ca_admin_t *a, acme_ca_store_row_t *row,
    ngx_str_t *member)
{
    u_char     *p, *last;
    ngx_int_t   rc;
    ngx_str_t   hex, serial, text;

    ngx_str_null(member);

    last = row->json.data + row->json.len;
    p = ngx_strlcasestrn(row->json.data, last, (u_char *) "\"serial\":\"",
                         sizeof("\"serial\":\"") - 2);
    if (p == NULL) {
        return NGX_OK;
    }

    hex.data = p + sizeof("\"serial\":\"") - 1;
    hex.len = ngx_strlchr(hex.data, last, '"') - hex.data;

    rc = acme_ca_admin_serial(a->ctx.pool, &hex, &serial);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_serial_write(a->ctx.pool, &serial, &text);
    }

    return (rc == NGX_OK)
           ? acme_ca_format(a->ctx.pool, member, text.len + 24,
                            "\"serial_decimal\":\"%V\",", &text)
           : NGX_ERROR;
}
