
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Which certificates an act is about: those that all members of the body
 * select.  To say nothing is not to say all of them.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_policy.h"


static ngx_int_t acme_ca_admin_choice_name(acme_ca_admin_t *a,
    acme_ca_admin_choice_t *choice);
static ngx_int_t acme_ca_admin_choice_issuer(acme_ca_admin_t *a,
    acme_ca_admin_choice_t *choice);
static ngx_int_t acme_ca_admin_choice_serial(acme_ca_admin_t *a,
    acme_ca_admin_choice_t *choice);
static ngx_int_t acme_ca_admin_choice_account(acme_ca_admin_t *a,
    acme_ca_admin_choice_t *choice);
static ngx_int_t acme_ca_admin_choice_eab(acme_ca_admin_t *a,
    acme_ca_admin_choice_t *choice);


ngx_int_t
acme_ca_admin_choice(acme_ca_admin_t *a, acme_ca_admin_choice_t *choice)
{
    ngx_int_t    rc;
    ngx_uint_t   i;

    static ngx_int_t (*const  steps[])(acme_ca_admin_t *a,
        acme_ca_admin_choice_t *choice) =
    {
        acme_ca_admin_choice_name,
        acme_ca_admin_choice_issuer,
        acme_ca_admin_choice_serial,
        acme_ca_admin_choice_account,
        acme_ca_admin_choice_eab
    };

    ngx_memzero(choice, sizeof(acme_ca_admin_choice_t));

    rc = acme_ca_admin_text(a, "profile", &choice->profile);

    for (i = 0; rc == NGX_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
        rc = steps[i](a, choice);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (choice->name.len == 0 && choice->profile.len == 0
        && choice->serial.len == 0 && choice->issuer.len == 0
        && choice->account_id == 0 && choice->eab_id == 0)
    {
        return acme_ca_admin_refuse(a, 400, "which certificates? the name "
                                    "\"*\" is all of them");
    }

    if (acme_ca_str_is(&choice->name, "*")) {
        ngx_str_null(&choice->name);
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_choice_name(acme_ca_admin_t *a, acme_ca_admin_choice_t *choice)
{
    ngx_int_t   rc;
    ngx_str_t  *name;

    name = &choice->name;

    rc = acme_ca_admin_text(a, "name", name);

    if (rc != NGX_OK || name->len == 0) {
        return rc;
    }

    rc = acme_ca_policy_eab_pattern(a->ctx.pool, name);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK
            && ngx_strlchr(name->data, name->data + name->len, '/')))
    {
        return acme_ca_admin_refuse(a, 400, "\"name\" is to be a name, \".\" "
                                    "and a domain, an address or \"*\"");
    }

    return rc;
}


static ngx_int_t
acme_ca_admin_choice_issuer(acme_ca_admin_t *a, acme_ca_admin_choice_t *choice)
{
    ngx_int_t  rc;

    rc = acme_ca_admin_text(a, "issuer", &choice->issuer);

    return (rc == NGX_OK && choice->issuer.len)
           ? acme_ca_admin_choice_of(a, &choice->issuer, &choice->issuer_id)
           : rc;
}


ngx_int_t
acme_ca_admin_choice_of(acme_ca_admin_t *a, const ngx_str_t *issuer,
    int64_t *id)
{
    ngx_int_t     rc;
    ngx_array_t  *ids;

    rc = acme_ca_store_issuer_list_named(a->store, a->ctx.pool, issuer, &ids);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ids->nelts == 0) {
        return acme_ca_admin_refuse(a, 404, "there is no issuer \"%V\"",
                                    issuer);
    }

    if (ids->nelts > 1) {
        return acme_ca_admin_refuse(a, 409, "several issuers have the name "
                                    "\"%V\": give its number", issuer);
    }

    *id = *(int64_t *) ids->elts;

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_choice_serial(acme_ca_admin_t *a, acme_ca_admin_choice_t *choice)
{
    ngx_int_t              rc;
    ngx_str_t              text;
    acme_ca_certificate_t  certificate;

    rc = acme_ca_admin_text(a, "serial", &text);

    if (rc != NGX_OK || text.len == 0) {
        return rc;
    }

    rc = acme_ca_admin_serial_find(a, &text, choice->issuer_id, &certificate);

    if (rc == NGX_DECLINED && certificate.serial.len == 0) {
        return acme_ca_admin_refuse(a, 400, "\"serial\" is no serial number");
    }

    choice->serial = certificate.serial;

    if (rc == NGX_OK && choice->issuer_id == 0) {
        choice->issuer_id = certificate.issuer_id;
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


static ngx_int_t
acme_ca_admin_choice_account(acme_ca_admin_t *a,
    acme_ca_admin_choice_t *choice)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    acme_ca_account_t  account;

    rc = acme_ca_admin_text(a, "account", &text);

    if (rc != NGX_OK || text.len == 0) {
        return rc;
    }

    rc = acme_ca_admin_account_find(a, &text, &account);

    choice->account_id = account.id;

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "there is no account \"%V\"", &text)
           : rc;
}


static ngx_int_t
acme_ca_admin_choice_eab(acme_ca_admin_t *a, acme_ca_admin_choice_t *choice)
{
    ngx_int_t      rc;
    ngx_str_t      kid;
    acme_ca_eab_t  eab;

    rc = acme_ca_admin_text(a, "eab", &kid);

    if (rc != NGX_OK || kid.len == 0) {
        return rc;
    }

    rc = acme_ca_store_eab_find_kid(a->store, a->ctx.pool, &kid, &eab);

    choice->eab_id = eab.id;

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "there is no external account "
                                  "\"%V\"", &kid)
           : rc;
}


ngx_int_t
acme_ca_admin_text(acme_ca_admin_t *a, const char *name, ngx_str_t *text)
{
    ngx_str_t  *value;

    ngx_str_null(text);

    value = acme_ca_json_string(a->body, name);

    if (value) {
        *text = *value;
    }

    return (value == NULL && acme_ca_json_member(a->body, name))
           ? acme_ca_admin_refuse(a, 400, "\"%s\" is to be a string", name)
           : NGX_OK;
}


ngx_int_t
acme_ca_admin_date(acme_ca_admin_t *a, const char *name, time_t *at)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = acme_ca_admin_text(a, name, &text);

    if (rc == NGX_OK && text.len
        && acme_ca_rfc3339_parse(&text, at) != NGX_OK)
    {
        return acme_ca_admin_refuse(a, 400, "\"%s\" is no date of RFC 3339",
                                    name);
    }

    return rc;
}
