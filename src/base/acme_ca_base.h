
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The words every room speaks: the context of a call, its outcomes, and how
 * a pure function refuses.  Nothing below the HTTP and EVENT rows reads the
 * clock, a socket or a file: what it needs is in the context.
 *
 * Outcomes of a pure function:
 *     NGX_OK        done
 *     NGX_DECLINED  absent; only from a function whose verb is "find", or
 *                   from a compare-and-set that found another value
 *     NGX_ABORT     refused: the client's fault, ctx->problem says why
 *     NGX_ERROR     failed: our fault, already logged by whoever saw it
 */


#ifndef _ACME_CA_BASE_H_INCLUDED_
#define _ACME_CA_BASE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define ACME_CA_SHA256_LEN  32


typedef struct acme_ca_problem_s     acme_ca_problem_t;
typedef struct acme_ca_authority_s   acme_ca_authority_t;
typedef struct acme_ca_issuer_s      acme_ca_issuer_t;
typedef struct acme_ca_anchors_s     acme_ca_anchors_t;
typedef struct acme_ca_store_s       acme_ca_store_t;
typedef struct acme_ca_limit_zone_s  acme_ca_limit_zone_t;
typedef struct acme_ca_metrics_s     acme_ca_metrics_t;


typedef struct {
    ngx_pool_t         *pool;      /* all that a call returns lives here */
    ngx_log_t          *log;
    time_t              now;       /* seconds UTC: the only clock */
    acme_ca_problem_t  *problem;   /* NULL until somebody refuses */
} acme_ca_ctx_t;


/*
 * A branch that cannot be taken: stops a debug build, answers NGX_ERROR (and
 * so serverInternal) in a release build.
 */
#define acme_ca_never(log)  acme_ca_never_at(log, __FILE__, __LINE__)

ngx_int_t acme_ca_never_at(ngx_log_t *log, const char *file, ngx_uint_t line);


#endif /* _ACME_CA_BASE_H_INCLUDED_ */
