
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What happens in a branch that cannot be taken.
 */


#include "acme_ca_base.h"


ngx_int_t
acme_ca_never_at(ngx_log_t *log, const char *file, ngx_uint_t line)
{
    ngx_log_error(NGX_LOG_ALERT, log, 0, "never: %s:%ui", file, line);

#if (NGX_DEBUG)
    ngx_debug_point();
#endif

    return NGX_ERROR;
}
