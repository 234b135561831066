
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * External account binding (RFC 8555, 7.3.4): a new account's credential is
 * found, held against its MAC and used up inside the transaction that writes
 * the account.  Later it limits what the account may order.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_eab.h"


static ngx_int_t acme_ca_binding_find(acme_ca_exchange_t *x, ngx_str_t *kid,
    acme_ca_eab_t *eab);
static ngx_int_t acme_ca_binding_use(acme_ca_exchange_t *x,
    acme_ca_eab_t *eab);
static ngx_int_t acme_ca_binding_details(acme_ca_exchange_t *x,
    acme_ca_eab_t *eab);


ngx_int_t
acme_ca_binding_new(acme_ca_exchange_t *x, acme_ca_account_t *account)
{
    ngx_int_t           rc;
    acme_ca_eab_t       eab;
    acme_ca_json_t     *value;
    acme_ca_binding_t  *binding;

    if (x->authority->eab == ACME_CA_EAB_OFF) {
        return NGX_OK;
    }

    value = acme_ca_json_member(x->payload, "externalAccountBinding");

    if (value == NULL) {
        return (x->authority->eab == ACME_CA_EAB_OPTIONAL)
               ? NGX_OK
               : acme_ca_refuse(&x->ctx, ACME_CA_EXTERNAL_ACCOUNT_REQUIRED,
                                NULL);
    }

    rc = acme_ca_eab_parse(&x->ctx, value, &x->jws->url, &binding);

    if (rc == NGX_OK) {
        rc = acme_ca_binding_find(x, &binding->kid, &eab);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_eab_verify(&x->ctx, binding, &eab.key);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_eab_match(&x->ctx, binding, x->jwk);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_binding_use(x, &eab);
    }

    if (rc == NGX_OK) {
        account->eab_id = eab.id;
        account->eab_binding = binding->text;
    }

    return rc;
}


/* the audit row says whose credential it was, whatever comes of it */

static ngx_int_t
acme_ca_binding_find(acme_ca_exchange_t *x, ngx_str_t *kid, acme_ca_eab_t *eab)
{
    ngx_int_t  rc;

    rc = acme_ca_store_eab_find_kid(x->store, x->ctx.pool, kid, eab);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_UNAUTHORIZED,
                              "the binding's \"kid\" is not known here");
    }

    return (rc == NGX_OK) ? acme_ca_binding_details(x, eab) : rc;
}


/* told only to those who hold the key */

static ngx_int_t
acme_ca_binding_use(acme_ca_exchange_t *x, acme_ca_eab_t *eab)
{
    ngx_int_t  rc;

    rc = acme_ca_binding_check(x, eab);

    if (rc == NGX_OK) {
        rc = acme_ca_store_eab_use(x->store, eab->id, x->ctx.now);
    }

    return (rc == NGX_DECLINED) ? acme_ca_never(x->ctx.log) : rc;
}


ngx_int_t
acme_ca_binding_check(acme_ca_exchange_t *x, const acme_ca_eab_t *eab)
{
    const char  *why;

    if (eab->revoked_at) {
        why = "is revoked";

    } else if (eab->expires_at && eab->expires_at <= x->ctx.now) {
        why = "has expired";

    } else if (eab->max_accounts && eab->accounts >= eab->max_accounts) {
        why = "has bound as many accounts as it may";

    } else {
        return NGX_OK;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_UNAUTHORIZED,
                          "the external account \"%V\" %s", &eab->label, why);
}


static ngx_int_t
acme_ca_binding_details(acme_ca_exchange_t *x, acme_ca_eab_t *eab)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, x->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "eab", &eab->label);
    acme_ca_json_write_string(&w, "kid", &eab->kid);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &x->audit.details);
}


ngx_int_t
acme_ca_binding_load(acme_ca_exchange_t *x)
{
    acme_ca_eab_t  *eab;

    if (x->eab != NULL || x->account == NULL || x->account->eab_id == 0) {
        return NGX_OK;
    }

    eab = ngx_palloc(x->ctx.pool, sizeof(acme_ca_eab_t));
    if (eab == NULL) {
        return NGX_ERROR;
    }

    x->eab = eab;

    return acme_ca_store_eab_find(x->store, x->ctx.pool, x->account->eab_id,
                                  eab);
}
