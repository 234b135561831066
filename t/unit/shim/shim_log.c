
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The log and the other globals that nginx's headers name.
 */


#include "shim.h"


ngx_log_t  shim_log = { .log_level = NGX_LOG_INFO };

char  shim_logged[1024];

volatile ngx_cycle_t  *ngx_cycle;
ngx_pid_t              ngx_pid;

static ngx_time_t  shim_time;

volatile ngx_time_t  *ngx_cached_time = &shim_time;


#if (NGX_HAVE_VARIADIC_MACROS)

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)

#else

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, va_list args)

#endif
{
#if (NGX_HAVE_VARIADIC_MACROS)
    va_list  args;
#endif
    u_char   line[sizeof(shim_logged)], *p;

#if (NGX_HAVE_VARIADIC_MACROS)
    va_start(args, fmt);
    p = ngx_vslprintf(line, line + sizeof(line) - 1, fmt, args);
    va_end(args);
#else
    p = ngx_vslprintf(line, line + sizeof(line) - 1, fmt, args);
#endif

    *p = '\0';

    if (level <= NGX_LOG_ERR) {
        ngx_memcpy(shim_logged, line, p - line + 1);
    }

    if (getenv("ACME_CA_UNIT_LOG")) {
        fprintf(stderr, "# log %d: %s\n", (int) level, line);
    }
}


void
ngx_debug_point(void)
{
    abort();
}
