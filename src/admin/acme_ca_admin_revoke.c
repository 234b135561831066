
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the operator ends: an account with its pending work, a certificate
 * (RFC 5280, 5.3.1).
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_leaf.h"
#include "acme_ca_signing.h"


#define ACME_CA_ADMIN_SERIAL  20


static ngx_int_t acme_ca_admin_certificate_find(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_admin_certificate_reason(acme_ca_admin_t *a,
    ngx_int_t *reason);


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
    ngx_int_t              rc, reason;
    ngx_str_t              text;
    acme_ca_certificate_t  certificate;

    reason = -1;

    rc = acme_ca_admin_certificate_reason(a, &reason);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_certificate_find(a, &certificate);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    a->audit.certificate_id = certificate.id;
    a->audit.order_id = certificate.order_id;

    if (certificate.status == ACME_CA_REVOKED) {
        return acme_ca_admin_refuse(a, 409,
                                    "the certificate has been revoked already");
    }

    rc = acme_ca_store_certificate_set_revoked(a->store, certificate.id,
                                               reason, a->ctx.now);

    if (rc == NGX_OK) {
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

static ngx_int_t
acme_ca_admin_certificate_reason(acme_ca_admin_t *a, ngx_int_t *reason)
{
    acme_ca_json_t  *value;

    value = acme_ca_json_member(a->body, "reason");

    if (value == NULL) {
        return NGX_OK;
    }

    if (!value->integer || value->number < 0 || value->number > 10
        || value->number == 7 || value->number == 8)
    {
        return acme_ca_admin_refuse(a, 400, "\"reason\" is to be a number of "
                                    "RFC 5280, 5.3.1: 0 to 6, 9, 10");
    }

    *reason = (ngx_int_t) value->number;

    return NGX_OK;
}


/* hexadecimal, with or without colons and zeros in front */

ngx_int_t
acme_ca_admin_serial(acme_ca_admin_t *a, ngx_str_t *text, ngx_str_t *serial)
{
    u_char      ch, *p, hex[2 * ACME_CA_ADMIN_SERIAL];
    size_t      i, n;
    ngx_int_t   digit;

    n = 0;

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];

        if (ch == ':' || (n == 0 && ch == '0')) {
            continue;
        }

        digit = ngx_hextoi(&ch, 1);

        if (digit == NGX_ERROR || n == sizeof(hex)) {
            return NGX_DECLINED;
        }

        hex[n++] = (u_char) digit;
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    serial->len = (n + 1) / 2;
    serial->data = ngx_pnalloc(a->ctx.pool, serial->len);

    if (serial->data == NULL) {
        return NGX_ERROR;
    }

    p = serial->data;
    i = 0;

    if (n % 2) {
        *p++ = hex[i++];
    }

    for ( /* void */ ; i < n; i += 2) {
        *p++ = (u_char) (hex[i] << 4 | hex[i + 1]);
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_certificate_find(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;
    ngx_str_t  serial;

    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    rc = acme_ca_admin_serial(a, &a->operand, &serial);

    if (rc == NGX_OK) {
        rc = acme_ca_store_certificate_find_serial(a->store, a->ctx.pool,
                                                   &serial, certificate);
    }

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "there is no certificate with the "
                                  "serial number \"%V\"", &a->operand)
           : rc;
}
