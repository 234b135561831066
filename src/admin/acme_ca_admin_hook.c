
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Event hooks: told again at once.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_store_event.h"


ngx_int_t
acme_ca_admin_hook_retry(acme_ca_admin_t *a)
{
    off_t      id;
    ngx_int_t  rc;

    id = ngx_atoof(a->operand.data, a->operand.len);

    rc = (id > 0) ? acme_ca_store_event_hook_set_due(a->store, (int64_t) id)
                  : NGX_DECLINED;

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 404, "there is no hook \"%V\"",
                                    &a->operand);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_details(a, &a->audit, "hook", &a->operand);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, (int64_t) id) : rc;
}
