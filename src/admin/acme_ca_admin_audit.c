
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * How far the audit log is chained and signed.  Whether it is sound is what
 * "acme-ca audit verify" finds out, which reads all of it.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_store_audit.h"


ngx_int_t
acme_ca_admin_audit_state(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    acme_ca_audit_state_t  state;
    acme_ca_json_writer_t  w;

    rc = acme_ca_store_audit_get_state(a->store, &state);
    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_number(&w, "first", state.sealed + 1);
    acme_ca_json_write_number(&w, "last", state.last);
    acme_ca_json_write_number(&w, "chained", state.chained);
    acme_ca_json_write_number(&w, "sealed", state.sealed);
    acme_ca_json_write_number(&w, "signed", state.checkpoint);
    acme_ca_admin_write_time(&w, "signed_at", state.checkpoint_at);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}
