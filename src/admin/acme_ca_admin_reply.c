
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Answers: JSON with a tag of its contents, problem documents (RFC 9457).
 */


#include "acme_ca_admin_private.h"


#define ACME_CA_ADMIN_DETAIL  512
#define ACME_CA_ADMIN_TAG     16

/* seconds, of a database that is busy */
#define ACME_CA_ADMIN_RETRY   2


static ngx_str_t *acme_ca_admin_title(ngx_uint_t status);
static ngx_int_t acme_ca_admin_write_problem(acme_ca_admin_t *a);
static ngx_int_t acme_ca_admin_tag(acme_ca_admin_t *a, ngx_str_t *tag);
static ngx_uint_t acme_ca_admin_tag_known(const ngx_str_t *list,
    const ngx_str_t *tag, ngx_uint_t strong);
static ngx_int_t acme_ca_admin_match_show(acme_ca_admin_t *a);


static const char  acme_ca_admin_json[] = "application/json";
static const char  acme_ca_admin_problem[] = "application/problem+json";


ngx_int_t
acme_ca_admin_refuse(acme_ca_admin_t *a, ngx_uint_t status, const char *fmt,
    ...)
{
    u_char   buf[ACME_CA_ADMIN_DETAIL], *last;
    va_list  args;

    a->status = status;
    ngx_str_null(&a->detail);

    if (fmt == NULL) {
        return NGX_ABORT;
    }

    va_start(args, fmt);
    last = ngx_vslprintf(buf, buf + ACME_CA_ADMIN_DETAIL, fmt, args);
    va_end(args);

    return (acme_ca_copy(a->ctx.pool, &a->detail, buf, last - buf) == NGX_OK)
           ? NGX_ABORT : NGX_ERROR;
}


static ngx_str_t *
acme_ca_admin_title(ngx_uint_t status)
{
    ngx_uint_t  i;

    static struct {
        ngx_uint_t  status;
        ngx_str_t   title;
    } titles[] = {
        { 400, ngx_string("Bad Request") },
        { 401, ngx_string("Unauthorized") },
        { 403, ngx_string("Forbidden") },
        { 404, ngx_string("Not Found") },
        { 405, ngx_string("Method Not Allowed") },
        { 408, ngx_string("Request Timeout") },
        { 409, ngx_string("Conflict") },
        { 411, ngx_string("Length Required") },
        { 412, ngx_string("Precondition Failed") },
        { 413, ngx_string("Content Too Large") },
        { 414, ngx_string("URI Too Long") },
        { 415, ngx_string("Unsupported Media Type") },
        { 429, ngx_string("Too Many Requests") },
        { 503, ngx_string("Service Unavailable") },
        { 500, ngx_string("Internal Server Error") }
    };

    for (i = 0; i < sizeof(titles) / sizeof(titles[0]) - 1; i++) {
        if (titles[i].status == status) {
            break;
        }
    }

    return &titles[i].title;
}


ngx_int_t
acme_ca_admin_reply(acme_ca_admin_t *a, ngx_uint_t status,
    acme_ca_json_writer_t *w)
{
    if (acme_ca_json_finish(w, &a->reply.body) != NGX_OK) {
        return NGX_ERROR;
    }

    a->reply.status = status;
    a->reply.content_type = acme_ca_admin_json;

    return NGX_OK;
}


void
acme_ca_admin_reply_problem(acme_ca_admin_t *a, ngx_int_t rc)
{
    ngx_str_t  allow;

    allow = a->reply.allow;

    ngx_memzero(&a->reply, sizeof(acme_ca_reply_t));

    a->reply.allow = allow;

    if (rc == NGX_ABORT && a->status == 0 && a->ctx.problem) {

        /* a room below refused what the client said */

        a->status = acme_ca_problem_status(a->ctx.problem->type);
        a->detail = a->ctx.problem->detail;
    }

    if (rc != NGX_ABORT || a->status == 0) {
        a->status = (rc == NGX_BUSY) ? 503 : 500;
        ngx_str_null(&a->detail);
    }

    if (a->status == 503) {
        a->reply.retry_after = ACME_CA_ADMIN_RETRY;
    }

    a->reply.status = a->status;
    a->reply.content_type = acme_ca_admin_problem;

    if (acme_ca_admin_write_problem(a) != NGX_OK) {
        ngx_str_set(&a->reply.body, "{\"type\":\"about:blank\"}");
    }
}


static ngx_int_t
acme_ca_admin_write_problem(acme_ca_admin_t *a)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_text(&w, "type", "about:blank");
    acme_ca_json_write_string(&w, "title", acme_ca_admin_title(a->status));
    acme_ca_json_write_number(&w, "status", a->status);

    if (a->detail.len) {
        acme_ca_json_write_string(&w, "detail", &a->detail);
    }

    if (a->request.request_id.len) {
        acme_ca_json_write_string(&w, "requestId", &a->request.request_id);
    }

    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &a->reply.body);
}


void
acme_ca_admin_reply_tag(acme_ca_admin_t *a)
{
    if (acme_ca_admin_tag(a, &a->reply.etag) != NGX_OK) {
        ngx_str_null(&a->reply.etag);
        return;
    }

    if (acme_ca_admin_tag_known(&a->if_none_match, &a->reply.etag, 0)) {
        a->reply.status = 304;
        a->reply.content_type = NULL;
        ngx_str_null(&a->reply.body);
    }
}


static ngx_int_t
acme_ca_admin_tag(acme_ca_admin_t *a, ngx_str_t *tag)
{
    u_char     digest[ACME_CA_SHA256_LEN];
    ngx_str_t  hex;

    if (acme_ca_sha256(a->reply.body.data, a->reply.body.len, digest) != NGX_OK
        || acme_ca_hex(a->ctx.pool, digest, ACME_CA_ADMIN_TAG, &hex) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_format(a->ctx.pool, tag, hex.len + 2, "\"%V\"", &hex);
}


/* RFC 9110, 13.1: our tags have no comma in them */

static ngx_uint_t
acme_ca_admin_tag_known(const ngx_str_t *list, const ngx_str_t *tag,
    ngx_uint_t strong)
{
    u_char  *p, *last;

    if (acme_ca_str_is(list, "*")) {
        return 1;
    }

    if (list->len < tag->len) {
        return 0;
    }

    last = list->data + list->len - tag->len;

    for (p = list->data; p <= last; p++) {
        if (ngx_memcmp(p, tag->data, tag->len) == 0
            && !(strong && p > list->data && p[-1] == '/'))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * In the transaction that writes, so that nobody is in between.  What is shown
 * is what GET answers for the path, or for the one that it is a part of.
 */

ngx_int_t
acme_ca_admin_match(acme_ca_admin_t *a)
{
    ngx_int_t                     rc;
    ngx_str_t                     tag, operand;
    const acme_ca_admin_route_t  *route;

    route = a->route;
    operand = a->operand;

    rc = acme_ca_admin_match_show(a);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_tag(a, &tag);
    }

    a->route = route;
    a->operand = operand;
    ngx_memzero(&a->reply, sizeof(acme_ca_reply_t));

    return (rc == NGX_OK && !acme_ca_admin_tag_known(&a->if_match, &tag, 1))
           ? acme_ca_admin_refuse(a, 412, "it is not what If-Match says any "
                                  "more")
           : rc;
}


static ngx_int_t
acme_ca_admin_match_show(acme_ca_admin_t *a)
{
    ngx_str_t                     path;
    const acme_ca_admin_route_t  *route;

    path = a->request.path;
    route = a->route;

    while (path.len && !(route && route->get)) {

        while (path.len && path.data[--path.len] != '/') { /* void */ }

        route = acme_ca_admin_find(a, &path);
    }

    if (path.len == 0) {
        return acme_ca_admin_refuse(a, 412, "there is nothing that If-Match "
                                    "could be about");
    }

    a->route = route;

    return route->get(a);
}


void
acme_ca_admin_write_words(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *list)
{
    u_char     *p, *last;
    ngx_str_t   word;

    acme_ca_json_open_array(w, name);

    p = list->data;
    last = p + list->len;

    while (p < last) {
        word.data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        word.len = p++ - word.data;

        if (word.len) {
            acme_ca_json_write_string(w, NULL, &word);
        }
    }

    acme_ca_json_shut(w);
}


void
acme_ca_admin_write_time(acme_ca_json_writer_t *w, const char *name, time_t at)
{
    if (at) {
        acme_ca_json_write_time(w, name, at);
    }
}


void
acme_ca_admin_write_user(acme_ca_json_writer_t *w, acme_ca_admin_t *a)
{
    if (a->user.len) {
        acme_ca_json_write_string(w, "user", &a->user);
    }
}


ngx_int_t
acme_ca_admin_details(acme_ca_admin_t *a, acme_ca_audit_t *audit,
    const char *name, ngx_str_t *value)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, a->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);

    if (name) {
        acme_ca_json_write_string(&w, name, value);
    }

    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &audit->details);
}
