
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One certificate, looked at: what is in it, whether it is good.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_inspect.h"


/* "revoked at", and a date of RFC 3339 */
#define ACME_CA_ADMIN_FAULT  64


ngx_int_t
acme_ca_admin_certificate_text(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_certificate_find(a, &certificate);

    if (rc == NGX_OK) {
        rc = acme_ca_inspect_text(&a->ctx, &certificate.der, &a->reply.body);
    }

    a->reply.status = 200;
    a->reply.content_type = "text/plain";

    return rc;
}


/* as a client sees it that trusts its issuers and knows all revocations */

ngx_int_t
acme_ca_admin_certificate_verify(acme_ca_admin_t *a)
{
    u_char                 text[ACME_CA_ADMIN_FAULT], *last;
    ngx_int_t              rc;
    ngx_str_t              chain, fault;
    acme_ca_json_writer_t  w;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_certificate_find(a, &certificate);

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_find_chain(a->store, a->ctx.pool,
                                             certificate.issuer_id, &chain);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (certificate.status == ACME_CA_REVOKED) {
        last = ngx_cpymem(text, "revoked at ", sizeof("revoked at ") - 1);
        last = acme_ca_rfc3339_write(last, certificate.revoked_at);

        fault.data = text;
        fault.len = last - text;

        rc = NGX_DECLINED;

    } else {
        rc = acme_ca_inspect_verify(&a->ctx, &certificate.der, &chain, &fault);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_boolean(&w, "ok", rc == NGX_OK);

    if (rc != NGX_OK) {
        acme_ca_json_write_string(&w, "fault", &fault);
    }

    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}
