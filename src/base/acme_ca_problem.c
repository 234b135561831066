
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The table of problems, how a pure function refuses, and the one writer of
 * problem documents.  RFC 8555, 6.7; RFC 9457.
 */


#include "acme_ca_problem.h"
#include "acme_ca_json.h"
#include "acme_ca_text.h"


#define ACME_CA_DETAIL_MAX  1024


typedef struct {
    ngx_str_t     urn;
    const char   *name;
    ngx_uint_t    status;
    ngx_str_t     detail;
} acme_ca_problem_row_t;


static acme_ca_problem_t *acme_ca_problem_create(acme_ca_ctx_t *ctx,
    acme_ca_problem_type_e type, const char *fmt, va_list args);
static ngx_int_t acme_ca_problem_append(acme_ca_ctx_t *ctx,
    acme_ca_problem_t *problem);
static void acme_ca_problem_members(acme_ca_json_writer_t *w,
    acme_ca_problem_t *problem);
static void acme_ca_problem_subproblems(acme_ca_json_writer_t *w,
    acme_ca_problem_t *problem);


#define ACME_CA_PROBLEM_ROW(name, type, status, detail)                       \
    { ngx_string("urn:ietf:params:acme:error:" type), type, status,           \
      ngx_string(detail) },

static const acme_ca_problem_row_t  acme_ca_problem_rows[] = {
    ACME_CA_PROBLEMS(ACME_CA_PROBLEM_ROW)
};


ngx_int_t
acme_ca_refuse(acme_ca_ctx_t *ctx, acme_ca_problem_type_e type,
    const char *fmt, ...)
{
    va_list             args;
    acme_ca_problem_t  *problem;

    va_start(args, fmt);
    problem = acme_ca_problem_create(ctx, type, fmt, args);
    va_end(args);

    if (problem == NULL) {
        return NGX_ERROR;
    }

    ctx->problem = problem;

    return NGX_ABORT;
}


ngx_int_t
acme_ca_refuse_identifier(acme_ca_ctx_t *ctx, acme_ca_problem_type_e type,
    ngx_str_t *identifier_type, ngx_str_t *identifier_value, const char *fmt,
    ...)
{
    va_list             args;
    acme_ca_problem_t  *problem;

    va_start(args, fmt);
    problem = acme_ca_problem_create(ctx, type, fmt, args);
    va_end(args);

    if (problem == NULL) {
        return NGX_ERROR;
    }

    problem->identifier_type = *identifier_type;
    problem->identifier_value = *identifier_value;

    return acme_ca_problem_append(ctx, problem);
}


static acme_ca_problem_t *
acme_ca_problem_create(acme_ca_ctx_t *ctx, acme_ca_problem_type_e type,
    const char *fmt, va_list args)
{
    u_char              buf[ACME_CA_DETAIL_MAX], *last;
    acme_ca_problem_t  *problem;

    problem = ngx_pcalloc(ctx->pool, sizeof(acme_ca_problem_t));
    if (problem == NULL) {
        return NULL;
    }

    problem->type = type;

    if (fmt == NULL) {
        problem->detail = acme_ca_problem_rows[type].detail;
        return problem;
    }

    last = ngx_vslprintf(buf, buf + ACME_CA_DETAIL_MAX, fmt, args);

    if (acme_ca_copy(ctx->pool, &problem->detail, buf, last - buf) != NGX_OK) {
        return NULL;
    }

    return problem;
}


static ngx_int_t
acme_ca_problem_append(acme_ca_ctx_t *ctx, acme_ca_problem_t *problem)
{
    acme_ca_problem_t  **next;

    if (ctx->problem == NULL || ctx->problem->type != ACME_CA_COMPOUND) {

        if (acme_ca_refuse(ctx, ACME_CA_COMPOUND, NULL) != NGX_ABORT) {
            return NGX_ERROR;
        }
    }

    next = &ctx->problem->subproblems;

    while (*next) {
        next = &(*next)->next;
    }

    *next = problem;

    return NGX_ABORT;
}


const char *
acme_ca_problem_name(acme_ca_problem_type_e type)
{
    return acme_ca_problem_rows[type].name;
}


ngx_uint_t
acme_ca_problem_status(acme_ca_problem_type_e type)
{
    return acme_ca_problem_rows[type].status;
}


ngx_int_t
acme_ca_problem_write(ngx_pool_t *pool, acme_ca_problem_t *problem,
    ngx_str_t *document)
{
    ngx_str_t              algorithms;
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, pool, 256 + problem->detail.len);
    acme_ca_json_open_object(&w, NULL);

    acme_ca_problem_members(&w, problem);

    acme_ca_json_write_number(&w, "status",
                              acme_ca_problem_rows[problem->type].status);

    if (problem->type == ACME_CA_BAD_SIGNATURE_ALGORITHM) {
        ngx_str_set(&algorithms, ACME_CA_ALGORITHMS);
        acme_ca_json_write_raw(&w, "algorithms", &algorithms);
    }

    acme_ca_problem_subproblems(&w, problem->subproblems);

    if (problem->instance.len) {
        acme_ca_json_write_string(&w, "instance", &problem->instance);
    }

    if (problem->request_id.len) {
        acme_ca_json_write_string(&w, "requestId", &problem->request_id);
    }

    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, document);
}


static void
acme_ca_problem_members(acme_ca_json_writer_t *w, acme_ca_problem_t *problem)
{
    acme_ca_json_write_string(w, "type",
                        (ngx_str_t *) &acme_ca_problem_rows[problem->type].urn);
    acme_ca_json_write_string(w, "detail", &problem->detail);

    if (problem->identifier_type.len) {
        acme_ca_json_open_object(w, "identifier");
        acme_ca_json_write_string(w, "type", &problem->identifier_type);
        acme_ca_json_write_string(w, "value", &problem->identifier_value);
        acme_ca_json_shut(w);
    }
}


static void
acme_ca_problem_subproblems(acme_ca_json_writer_t *w,
    acme_ca_problem_t *problem)
{
    if (problem == NULL) {
        return;
    }

    acme_ca_json_open_array(w, "subproblems");

    for ( /* void */ ; problem; problem = problem->next) {
        acme_ca_json_open_object(w, NULL);
        acme_ca_problem_members(w, problem);
        acme_ca_json_shut(w);
    }

    acme_ca_json_shut(w);
}
