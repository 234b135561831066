
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the operator ends: an account with its pending work, a certificate
 * (RFC 5280, 5.3.1).
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_leaf.h"
#include "acme_ca_signing.h"
#include "acme_ca_store_registry.h"


/* as the database has them */
#define ACME_CA_ADMIN_REMARKS  1024


static ngx_uint_t acme_ca_admin_is_category(const ngx_str_t *text);


ngx_int_t
acme_ca_admin_account_get(acme_ca_admin_t *a)
{
    ngx_int_t          rc;
    acme_ca_account_t  account;

    rc = acme_ca_admin_account_find(a, &a->operand, &account);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 404, "there is no account \"%V\"",
                                    &a->operand);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, account.id) : rc;
}


ngx_int_t
acme_ca_admin_account_revoke(acme_ca_admin_t *a)
{
    ngx_int_t          rc;
    ngx_str_t          reason = ngx_string("the account was revoked");
    acme_ca_account_t  account;

    rc = acme_ca_admin_account_find(a, &a->operand, &account);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 404, "there is no account \"%V\"",
                                    &a->operand);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (account.status != ACME_CA_VALID) {
        return acme_ca_admin_refuse(a, 409, "the account is %V",
                                    &acme_ca_statuses[account.status]);
    }

    rc = acme_ca_admin_account_end(a, account.id, &reason);

    if (rc == NGX_OK) {
        a->audit.account_id = account.id;
        rc = acme_ca_admin_details(a, &a->audit, "reason", &reason);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, account.id) : rc;
}


ngx_int_t
acme_ca_admin_certificate_get(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_certificate_find(a, &certificate);

    return (rc == NGX_OK) ? acme_ca_admin_row(a, certificate.id) : rc;
}


/* with the chain that its clients got */

ngx_int_t
acme_ca_admin_certificate_pem(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    ngx_str_t              leaf, chain;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_certificate_find(a, &certificate);

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_find_chain(a->store, a->ctx.pool,
                                             certificate.issuer_id, &chain);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_pem_write(a->ctx.pool, &certificate.der, &leaf);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    a->reply.status = 200;
    a->reply.content_type = "application/pem-certificate-chain";

    return acme_ca_format(a->ctx.pool, &a->reply.body, leaf.len + chain.len + 1,
                          "%V\n%V", &leaf, &chain);
}


ngx_int_t
acme_ca_admin_certificate_revoke(acme_ca_admin_t *a)
{
    time_t                 invalidity_at;
    ngx_int_t              rc, reason;
    ngx_str_t              text;
    acme_ca_certificate_t  certificate;

    reason = -1;
    invalidity_at = 0;

    rc = acme_ca_admin_reason(a, &reason, &invalidity_at);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_certificate_find(a, &certificate);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    a->audit.certificate_id = certificate.id;
    a->audit.order_id = certificate.order_id;

    rc = acme_ca_store_registry_revoke(a->store, certificate.id, reason,
                                       invalidity_at, a->ctx.now);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 409,
                                    "the certificate has been revoked already");
    }

    if (rc == NGX_OK && certificate.status != ACME_CA_REVOKED) {
        rc = acme_ca_signing_tell(&a->ctx, a->authority, a->store, &a->request,
                                  NULL, &certificate);
    }

    if (rc == NGX_OK
        && acme_ca_format(a->ctx.pool, &text, NGX_INT_T_LEN, "%i", reason)
           != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_details(a, &a->audit, "reason", &text);
    }

    return (rc == NGX_OK) ? acme_ca_admin_row(a, certificate.id) : rc;
}


/* 7 is not used; 8 is of delta CRLs, 9 and 10 of attribute certificates */

ngx_int_t
acme_ca_admin_reason(acme_ca_admin_t *a, ngx_int_t *reason,
    time_t *invalidity_at)
{
    ngx_int_t        rc;
    acme_ca_json_t  *value;

    value = acme_ca_json_member(a->body, "reason");

    if (value != NULL) {

        if (!value->integer || value->number < 0 || value->number > 10
            || value->number == 7 || value->number == 8)
        {
            return acme_ca_admin_refuse(a, 400, "\"reason\" is to be a number "
                                        "of RFC 5280, 5.3.1: 0 to 6, 9, 10");
        }

        *reason = (ngx_int_t) value->number;
    }

    rc = acme_ca_admin_date(a, "invalidity_at", invalidity_at);

    return (rc == NGX_OK && *invalidity_at > a->ctx.now)
           ? acme_ca_admin_refuse(a, 400, "\"invalidity_at\" is in the future")
           : rc;
}


ngx_int_t
acme_ca_admin_certificate_set(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    ngx_str_t              category, remarks;
    acme_ca_json_writer_t  w;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_holder(a, &category, &remarks);

    if (rc == NGX_OK && category.len == 0 && remarks.len == 0) {
        return acme_ca_admin_refuse(a, 400, "\"category\" or \"remarks\" is "
                                    "needed");
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_certificate_find(a, &certificate);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_registry_set(a->store, certificate.id, &category,
                                        &remarks);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    a->audit.certificate_id = certificate.id;

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);

    if (category.len) {
        acme_ca_json_write_string(&w, "category", &category);
    }

    if (remarks.len) {
        acme_ca_json_write_string(&w, "remarks", &remarks);
    }

    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    rc = acme_ca_json_finish(&w, &a->audit.details);

    return (rc == NGX_OK) ? acme_ca_admin_row(a, certificate.id) : rc;
}


ngx_int_t
acme_ca_admin_holder(acme_ca_admin_t *a, ngx_str_t *category,
    ngx_str_t *remarks)
{
    ngx_int_t  rc;

    rc = acme_ca_admin_text(a, "category", category);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_text(a, "remarks", remarks);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (category->len && !acme_ca_admin_is_category(category)) {
        return acme_ca_admin_refuse(a, 400, "\"category\" is to be ca, user, "
                                    "service, device or internal");
    }

    return (remarks->len > ACME_CA_ADMIN_REMARKS)
           ? acme_ca_admin_refuse(a, 400, "\"remarks\" are longer than %d "
                                  "bytes", ACME_CA_ADMIN_REMARKS)
           : NGX_OK;
}


static ngx_uint_t
acme_ca_admin_is_category(const ngx_str_t *text)
{
    ngx_uint_t  many;

    return acme_ca_admin_has("ca user service device internal", text, &many);
}


/* RFC 5280, 3.3: a CRL lists what was revoked until its end */

ngx_int_t
acme_ca_admin_certificate_delete(acme_ca_admin_t *a)
{
    ngx_int_t              rc;
    ngx_str_t              serial;
    acme_ca_json_writer_t  w;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_certificate_find(a, &certificate);
    if (rc != NGX_OK) {
        return rc;
    }

    if (certificate.not_after > a->ctx.now
        && !acme_ca_json_true(a->body, "force"))
    {
        return acme_ca_admin_refuse(a, 409, "the certificate has not expired: "
                                    "\"force\" deletes it nevertheless");
    }

    rc = acme_ca_store_registry_remove(a->store, certificate.id);

    if (rc == NGX_OK) {
        rc = acme_ca_hex(a->ctx.pool, certificate.serial.data,
                         certificate.serial.len, &serial);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "serial", &serial);
    acme_ca_json_write_string(&w, "names", &certificate.sans);
    acme_ca_json_write_string(&w, "status",
                       (ngx_str_t *) &acme_ca_statuses[certificate.status]);
    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    a->audit.account_id = certificate.account_id;
    a->audit.certificate_id = certificate.id;
    a->reply.status = 204;

    return acme_ca_json_finish(&w, &a->audit.details);
}


ngx_int_t
acme_ca_admin_certificate_find(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate)
{
    int64_t     issuer_id;
    ngx_int_t   rc;
    ngx_str_t   text, *issuer;

    rc = NGX_OK;
    issuer_id = 0;
    issuer = acme_ca_admin_arg(a, "issuer");

    if (a->body) {
        rc = acme_ca_admin_text(a, "issuer", &text);
        issuer = &text;
    }

    if (rc == NGX_OK && issuer && issuer->len) {
        rc = acme_ca_admin_choice_of(a, issuer, &issuer_id);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_serial_find(a, &a->operand, issuer_id, certificate);
    }

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "there is no certificate with the "
                                  "serial number or uuid \"%V\"", &a->operand)
           : rc;
}
