
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A CRL in the audit log: the first one of an issuer, and each that was made
 * because of a revocation, or because its file was gone.  Those that only take
 * the place of an older one have no row, so that the log grows by no more than
 * two for each revocation.
 */


#include "ngx_acme_ca_crl.h"

#include "acme_ca_json.h"


ngx_int_t
ngx_acme_ca_crl_note(ngx_acme_ca_crl_make_t *make, acme_ca_store_t *store,
    time_t now)
{
    ngx_str_t               name;
    acme_ca_crl_t          *crl;
    acme_ca_audit_t         audit;
    acme_ca_json_writer_t   w;

    crl = &make->crl;

    /* the first parts of an issuer, many maybe, are as empty as the whole */

    if (!crl->asked || (make->since == 0 && crl->shards > 1)) {
        return NGX_OK;
    }

    name = make->issuer->name;

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.action = "crl";
    audit.actor = "server";

    acme_ca_json_start(&w, make->pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "issuer", &name);
    acme_ca_json_write_number(&w, "number", crl->number);
    acme_ca_json_write_number(&w, "entries", crl->entries);

    if (crl->shards > 1) {
        acme_ca_json_write_number(&w, "part", crl->shard + 1);
        acme_ca_json_write_number(&w, "parts", crl->shards);
    }

    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &audit.details) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_store_audit_add(store, &audit, now);
}
