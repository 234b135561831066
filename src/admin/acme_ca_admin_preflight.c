
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a validation would find for a name, without an order.  begin() says
 * what has to be tried; who can ask the network does so, and answered() tells.
 */


#include "acme_ca_admin_private.h"


static ngx_int_t acme_ca_admin_preflight_name(acme_ca_admin_t *a,
    acme_ca_identifier_t *identifier);
static ngx_int_t acme_ca_admin_preflight_kinds(acme_ca_admin_t *a,
    ngx_uint_t *kinds);
static ngx_int_t acme_ca_admin_preflight_kind(const ngx_str_t *name,
    ngx_uint_t *kinds);
static ngx_int_t acme_ca_admin_preflight_account(acme_ca_admin_t *a,
    acme_ca_account_t *account, ngx_str_t *url);
static ngx_int_t acme_ca_admin_preflight_write(acme_ca_admin_t *a);


ngx_int_t
acme_ca_admin_preflight(acme_ca_admin_t *a)
{
    ngx_int_t             rc;
    ngx_str_t             url;
    ngx_uint_t            kinds;
    acme_ca_account_t     account;
    acme_ca_identifier_t  identifier;

    kinds = 0;
    ngx_str_null(&url);
    ngx_memzero(&account, sizeof(acme_ca_account_t));

    rc = acme_ca_admin_preflight_name(a, &identifier);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_preflight_kinds(a, &kinds);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_preflight_account(a, &account, &url);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_protocol_preflight(&a->ctx, a->authority, &identifier,
                                        kinds, account.id ? &account : NULL,
                                        &url, &a->checks);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return a->checks->nelts
           ? NGX_OK
           : acme_ca_admin_refuse(a, 400, "none of these challenges can prove "
                                  "\"%V\" here",
                                  acme_ca_json_string(a->body, "identifier"));
}


static ngx_int_t
acme_ca_admin_preflight_name(acme_ca_admin_t *a,
    acme_ca_identifier_t *identifier)
{
    ngx_int_t   rc;
    ngx_str_t  *text, type;

    text = acme_ca_json_string(a->body, "identifier");

    if (text == NULL || text->len == 0) {
        return acme_ca_admin_refuse(a, 400, "\"identifier\" is to be a name or "
                                    "an address");
    }

    ngx_memzero(identifier, sizeof(acme_ca_identifier_t));

    rc = acme_ca_identifier_from_text(a->ctx.pool, text, identifier);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    type = acme_ca_identifier_types[ACME_CA_IDENTIFIER_DNS];

    return acme_ca_identifier_parse(&a->ctx, &type, text, identifier);
}


static ngx_int_t
acme_ca_admin_preflight_kinds(acme_ca_admin_t *a, ngx_uint_t *kinds)
{
    acme_ca_json_t  *list, *name;

    list = acme_ca_json_member(a->body, "challenges");

    if (list == NULL) {
        return NGX_OK;
    }

    if (list->type != ACME_CA_JSON_ARRAY || list->first == NULL) {
        return acme_ca_admin_refuse(a, 400, "\"challenges\" is to be an array "
                                    "of their names");
    }

    for (name = list->first; name; name = name->next) {
        if (name->type != ACME_CA_JSON_STRING
            || acme_ca_admin_preflight_kind(&name->text, kinds) != NGX_OK)
        {
            return acme_ca_admin_refuse(a, 400, "there is no challenge \"%V\"",
                                        &name->text);
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_preflight_kind(const ngx_str_t *name, ngx_uint_t *kinds)
{
    ngx_uint_t  type;

    for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {
        if (acme_ca_str_eq(name, &acme_ca_challenge_kinds[type].name)) {
            *kinds |= (ngx_uint_t) 1 << type;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* an URL is taken as it is: records name it so */

static ngx_int_t
acme_ca_admin_preflight_account(acme_ca_admin_t *a, acme_ca_account_t *account,
    ngx_str_t *url)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = acme_ca_admin_text(a, "account", &text);

    if (rc != NGX_OK || text.len == 0) {
        return rc;
    }

    rc = acme_ca_admin_account_find(a, &text, account);

    if (rc == NGX_DECLINED) {
        return acme_ca_admin_refuse(a, 404, "there is no account \"%V\"",
                                    &text);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_strlchr(text.data, text.data + text.len, '/')) {
        *url = text;
        return NGX_OK;
    }

    return acme_ca_protocol_account_url(&a->ctx, a->authority, a->store,
                                        account->id, url);
}


void
acme_ca_admin_answered(acme_ca_admin_t *a, ngx_int_t rc)
{
    a->rc = (rc == NGX_OK) ? acme_ca_admin_preflight_write(a) : rc;

    acme_ca_admin_finish(a, NGX_OK);
}


static ngx_int_t
acme_ca_admin_preflight_write(acme_ca_admin_t *a)
{
    ngx_uint_t              i, works;
    acme_ca_check_t        *check;
    acme_ca_json_writer_t   w;

    works = 0;
    check = a->checks->elts;

    acme_ca_json_start(&w, a->ctx.pool, 2048);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "identifier",
                              acme_ca_json_string(a->body, "identifier"));
    acme_ca_json_open_array(&w, "checks");

    for (i = 0; i < a->checks->nelts; i++) {

        if (check[i].found.len) {
            acme_ca_json_write_raw(&w, NULL, &check[i].found);
            works |= check[i].works;
            continue;
        }

        acme_ca_json_open_object(&w, NULL);
        acme_ca_json_write_string(&w, "challenge",
              (ngx_str_t *) &acme_ca_challenge_kinds[check[i].job.type].name);
        acme_ca_json_write_boolean(&w, "ok", 0);
        acme_ca_json_shut(&w);
    }

    acme_ca_json_shut(&w);
    acme_ca_json_write_boolean(&w, "ok", works);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}
