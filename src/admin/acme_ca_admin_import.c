
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificates that were signed elsewhere, taken up into the registry.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_import.h"
#include "acme_ca_store_registry.h"


static ngx_int_t acme_ca_admin_import_read(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate, acme_ca_issuer_t *issuer);
static ngx_int_t acme_ca_admin_import_known(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_admin_import_issuer(acme_ca_admin_t *a,
    ngx_array_t *ids, ngx_array_t *ders, acme_ca_issuer_t *issuer,
    int64_t *id);
static ngx_int_t acme_ca_admin_import_told(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate, acme_ca_issuer_t *issuer);
static ngx_int_t acme_ca_admin_import_place(acme_ca_admin_t *a);


ngx_int_t
acme_ca_admin_import(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    ngx_str_t              category, remarks;
    acme_ca_issuer_t       issuer;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_holder(a, &category, &remarks);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_import_read(a, &certificate, &issuer);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_import_known(a, &certificate);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_registry_import(a->store, &certificate, &category,
                                           &remarks);
        if (rc == NGX_DECLINED) {
            return acme_ca_admin_refuse(a, 409, "another certificate of its "
                                        "issuer with this serial number is "
                                        "known already");
        }
    }

    return (rc == NGX_OK) ? acme_ca_admin_import_told(a, &certificate, &issuer)
                          : rc;
}


static ngx_int_t
acme_ca_admin_import_read(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate, acme_ca_issuer_t *issuer)
{
    ngx_int_t     rc;
    ngx_str_t    *pem, reason;
    ngx_array_t  *ids, *ders;

    pem = acme_ca_json_string(a->body, "pem");

    if (pem == NULL || pem->len == 0) {
        return acme_ca_admin_refuse(a, 400, "\"pem\" is to be a certificate");
    }

    rc = acme_ca_store_registry_list_issuers(a->store, a->ctx.pool, &ids,
                                             &ders);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_import_read(&a->ctx, pem, ders, certificate, issuer, &reason);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 400, "%V", &reason);
    }

    return (rc == NGX_OK)
           ? acme_ca_admin_import_issuer(a, ids, ders, issuer,
                                         &certificate->issuer_id)
           : rc;
}


/* whoever its issuer was thought to be */

static ngx_int_t
acme_ca_admin_import_known(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t              rc;
    acme_ca_certificate_t  known;

    rc = acme_ca_store_certificate_find_exact(a->store, a->ctx.pool,
                                              &certificate->serial,
                                              certificate->fingerprint,
                                              &known);

    if (rc == NGX_OK) {
        return acme_ca_admin_refuse(a, 409, "this certificate is known "
                                    "already");
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/* one that is known stays as it is */

static ngx_int_t
acme_ca_admin_import_issuer(acme_ca_admin_t *a, ngx_array_t *ids,
    ngx_array_t *ders, acme_ca_issuer_t *issuer, int64_t *id)
{
    ngx_str_t   *der;
    ngx_uint_t   i;

    der = ders->elts;

    for (i = 0; i < ders->nelts; i++) {
        if (acme_ca_str_eq(&der[i], &issuer->der)) {
            *id = ((int64_t *) ids->elts)[i];
            return NGX_OK;
        }
    }

    return acme_ca_store_issuer_add(a->store, &issuer->name, &issuer->der,
                                    &issuer->chain, issuer->not_before,
                                    issuer->not_after, a->ctx.now, id);
}


static ngx_int_t
acme_ca_admin_import_told(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate, acme_ca_issuer_t *issuer)
{
    ngx_int_t              rc;
    ngx_str_t              serial;
    acme_ca_json_writer_t  w;

    if (acme_ca_hex(a->ctx.pool, certificate->serial.data,
                    certificate->serial.len, &serial)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->audit.certificate_id = certificate->id;

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "serial", &serial);
    acme_ca_json_write_string(&w, "issuer", &issuer->name);
    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    rc = acme_ca_json_finish(&w, &a->audit.details);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_row(a, certificate->id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_import_place(a);
    }

    if (rc == NGX_OK) {
        a->reply.status = 201;
    }

    return rc;
}


/* by the uuid that the answer has: others may have its serial number */

static ngx_int_t
acme_ca_admin_import_place(acme_ca_admin_t *a)
{
    ngx_str_t       *uuid;
    acme_ca_json_t  *row;

    if (acme_ca_json_parse(&a->ctx, "row", &a->reply.body, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    uuid = acme_ca_json_string(row, "uuid");

    return uuid ? acme_ca_format(a->ctx.pool, &a->reply.location,
                                 uuid->len + 16, "certificates/%V", uuid)
                : acme_ca_never(a->ctx.log);
}
