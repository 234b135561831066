
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A new external account: what the operator may say of it, kid and key.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_policy.h"


#define ACME_CA_ADMIN_EAB_KID    16
#define ACME_CA_ADMIN_EAB_KEY    32
#define ACME_CA_ADMIN_EAB_LABEL  64
#define ACME_CA_ADMIN_EAB_NAMES  1000

/* what a 32-bit number and any calendar can hold */
#define ACME_CA_ADMIN_EAB_TIME   (100 * 365 * 86400LL)


static ngx_int_t acme_ca_admin_eab_label(acme_ca_admin_t *a,
    acme_ca_eab_t *eab);
static ngx_int_t acme_ca_admin_eab_words(acme_ca_admin_t *a, const char *name,
    ngx_int_t (*check)(acme_ca_admin_t *a, ngx_str_t *word), ngx_str_t *list);
static ngx_int_t acme_ca_admin_eab_name(acme_ca_admin_t *a, ngx_str_t *word);
static ngx_int_t acme_ca_admin_eab_profile(acme_ca_admin_t *a,
    ngx_str_t *word);
static ngx_int_t acme_ca_admin_eab_limits(acme_ca_admin_t *a,
    acme_ca_eab_t *eab);
static ngx_int_t acme_ca_admin_eab_key(acme_ca_admin_t *a, acme_ca_eab_t *eab,
    ngx_str_t *text);
static ngx_int_t acme_ca_admin_eab_details(acme_ca_admin_t *a,
    acme_ca_eab_t *eab);


ngx_int_t
acme_ca_admin_eab_create(acme_ca_admin_t *a)
{
    ngx_int_t      rc;
    ngx_str_t      key;
    acme_ca_eab_t  eab;

    ngx_memzero(&eab, sizeof(acme_ca_eab_t));

    eab.created_at = a->ctx.now;

    rc = acme_ca_admin_eab_label(a, &eab);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_eab_words(a, "names", acme_ca_admin_eab_name,
                                     &eab.names);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_eab_words(a, "profiles", acme_ca_admin_eab_profile,
                                     &eab.profiles);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_eab_limits(a, &eab);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_eab_key(a, &eab, &key);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_eab_add(a->store, &eab);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_eab_details(a, &eab);
    }

    return (rc == NGX_OK) ? acme_ca_admin_eab_reply(a, &eab, &key) : rc;
}


static ngx_int_t
acme_ca_admin_eab_label(acme_ca_admin_t *a, acme_ca_eab_t *eab)
{
    size_t      i;
    ngx_str_t  *label;

    label = acme_ca_json_string(a->body, "label");

    if (label == NULL || label->len == 0
        || label->len > ACME_CA_ADMIN_EAB_LABEL)
    {
        return acme_ca_admin_refuse(a, 400, "\"label\" is to be a string of 1 "
                                    "to %d characters",
                                    ACME_CA_ADMIN_EAB_LABEL);
    }

    for (i = 0; i < label->len; i++) {
        if (label->data[i] < ' ' || label->data[i] > '~') {
            return acme_ca_admin_refuse(a, 400, "\"label\" is to have "
                                        "printable characters of ASCII only");
        }
    }

    eab->label = *label;

    return NGX_OK;
}


/* the store keeps such lists with blanks in between */

static ngx_int_t
acme_ca_admin_eab_words(acme_ca_admin_t *a, const char *name,
    ngx_int_t (*check)(acme_ca_admin_t *a, ngx_str_t *word), ngx_str_t *list)
{
    u_char          *p;
    size_t           len;
    ngx_int_t        rc;
    acme_ca_json_t  *value, *word;

    value = acme_ca_json_member(a->body, name);

    if (value == NULL) {
        return NGX_OK;
    }

    len = 0;

    if (value->type == ACME_CA_JSON_ARRAY
        && value->n <= ACME_CA_ADMIN_EAB_NAMES)
    {
        for (word = value->first; word; word = word->next) {

            if (word->type != ACME_CA_JSON_STRING) {
                break;
            }

            rc = check(a, &word->text);
            if (rc != NGX_OK) {
                return rc;
            }

            len += word->text.len + 1;
        }

    } else {
        word = value;
    }

    if (word) {
        return acme_ca_admin_refuse(a, 400, "\"%s\" is to be an array of at "
                                    "most %d strings", name,
                                    ACME_CA_ADMIN_EAB_NAMES);
    }

    if (len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(a->ctx.pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    list->data = p;
    list->len = len - 1;

    for (word = value->first; word; word = word->next) {
        p = ngx_cpymem(p, word->text.data, word->text.len);
        *p++ = ' ';
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_eab_name(acme_ca_admin_t *a, ngx_str_t *word)
{
    ngx_int_t  rc;

    rc = acme_ca_policy_eab_pattern(a->ctx.pool, word);

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 400, "\"%V\" is no name, no \".\" and a "
                                  "domain, no range of addresses, and not "
                                  "\"*\"", word)
           : rc;
}


static ngx_int_t
acme_ca_admin_eab_profile(acme_ca_admin_t *a, ngx_str_t *word)
{
    return (word->len && acme_ca_authority_profile(a->authority, word))
           ? NGX_OK
           : acme_ca_admin_refuse(a, 400, "there is no profile \"%V\"", word);
}


static ngx_int_t
acme_ca_admin_eab_limits(acme_ca_admin_t *a, acme_ca_eab_t *eab)
{
    ngx_str_t       *text;
    acme_ca_json_t  *max, *at, *in;

    max = acme_ca_json_member(a->body, "max_accounts");

    if (max) {
        if (!max->integer || max->number < 1
            || max->number > NGX_MAX_INT32_VALUE)
        {
            return acme_ca_admin_refuse(a, 400, "\"max_accounts\" is to be a "
                                        "number from 1 on");
        }

        eab->max_accounts = (ngx_uint_t) max->number;
    }

    at = acme_ca_json_member(a->body, "expires_at");
    in = acme_ca_json_member(a->body, "expires_in");

    if (in) {
        if (at || !in->integer || in->number < 1
            || in->number > ACME_CA_ADMIN_EAB_TIME)
        {
            return acme_ca_admin_refuse(a, 400, "\"expires_in\" is to be a "
                                        "number of seconds, without "
                                        "\"expires_at\"");
        }

        eab->expires_at = a->ctx.now + (time_t) in->number;
    }

    if (at) {
        text = acme_ca_json_string(a->body, "expires_at");

        if (text == NULL
            || acme_ca_rfc3339_parse(text, &eab->expires_at) != NGX_OK
            || eab->expires_at <= a->ctx.now)
        {
            return acme_ca_admin_refuse(a, 400, "\"expires_at\" is to be a "
                                        "date of RFC 3339 in the future");
        }
    }

    return NGX_OK;
}


/* programs take an argument that begins with "-" for an option */

static ngx_int_t
acme_ca_admin_eab_key(acme_ca_admin_t *a, acme_ca_eab_t *eab, ngx_str_t *text)
{
    u_char  *p, kid[ACME_CA_ADMIN_EAB_KID];

    eab->key.len = ACME_CA_ADMIN_EAB_KEY;
    eab->key.data = ngx_pnalloc(a->ctx.pool, ACME_CA_ADMIN_EAB_KEY);

    text->len = acme_ca_base64url_len(ACME_CA_ADMIN_EAB_KEY);
    text->data = ngx_pnalloc(a->ctx.pool, text->len);

    p = eab->key.data;

    if (p == NULL || text->data == NULL
        || acme_ca_random(kid, ACME_CA_ADMIN_EAB_KID) != NGX_OK
        || acme_ca_hex(a->ctx.pool, kid, ACME_CA_ADMIN_EAB_KID, &eab->kid)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    do {
        if (acme_ca_random(p, ACME_CA_ADMIN_EAB_KEY) != NGX_OK) {
            return NGX_ERROR;
        }

        (void) acme_ca_base64url_write(text->data, p, ACME_CA_ADMIN_EAB_KEY);

    } while (text->data[0] == '-');

    return NGX_OK;
}


static ngx_int_t
acme_ca_admin_eab_details(acme_ca_admin_t *a, acme_ca_eab_t *eab)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, a->ctx.pool, 256);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "eab", &eab->label);
    acme_ca_json_write_string(&w, "kid", &eab->kid);
    acme_ca_json_write_string(&w, "names", &eab->names);
    acme_ca_json_write_string(&w, "profiles", &eab->profiles);
    acme_ca_admin_write_user(&w, a);
    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &a->audit.details);
}
