
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * "replaces" of a new order (RFC 9773, 5): the certificate is one of the same
 * account, shares a name with the order, and no other order that is not
 * invalid replaces it.  That it was replaced is noted by the database, in the
 * transaction that makes the order valid.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_renewal.h"


static ngx_int_t acme_ca_replaces_shares(acme_ca_exchange_t *x,
    acme_ca_order_wish_t *wish, ngx_str_t *sans);
static ngx_uint_t acme_ca_replaces_has(ngx_str_t *sans, const ngx_str_t *type,
    ngx_str_t *name);


ngx_int_t
acme_ca_replaces_read(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish)
{
    ngx_int_t               rc;
    ngx_str_t              *text;
    acme_ca_json_t         *value;
    acme_ca_certificate_t   certificate;

    value = acme_ca_json_member(x->payload, "replaces");

    if (value == NULL || !x->authority->renewal_info) {
        return NGX_OK;
    }

    text = acme_ca_json_string(x->payload, "replaces");

    if (text == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"replaces\" is to be a string");
    }

    rc = acme_ca_renewal_find(x, text, &certificate);
    if (rc != NGX_OK) {
        return rc;
    }

    if (certificate.account_id != x->account->id) {
        return acme_ca_refuse(&x->ctx, ACME_CA_UNAUTHORIZED,
                              "the certificate to be replaced is another "
                              "account's");
    }

    wish->replaces_id = certificate.id;
    wish->replaces = *text;

    return acme_ca_replaces_shares(x, wish, &certificate.sans);
}


static ngx_int_t
acme_ca_replaces_shares(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish,
    ngx_str_t *sans)
{
    ngx_str_t                    name;
    ngx_uint_t                   i;
    acme_ca_order_identifier_t  *oi;

    oi = wish->identifiers->elts;

    for (i = 0; i < wish->identifiers->nelts; i++) {
        if (acme_ca_identifier_name(x->ctx.pool, &oi[i].identifier, &name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (acme_ca_replaces_has(sans,
                            &acme_ca_identifier_types[oi[i].identifier.type],
                            &name))
        {
            return NGX_OK;
        }
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                          "the order shares no identifier with the "
                          "certificate to be replaced");
}


/* sans: "dns:a.example ip:10.0.0.1" */

static ngx_uint_t
acme_ca_replaces_has(ngx_str_t *sans, const ngx_str_t *type, ngx_str_t *name)
{
    u_char     *p, *end, *last;
    ngx_str_t   san;

    last = sans->data + sans->len;

    for (p = sans->data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ' ');
        if (end == NULL) {
            end = last;
        }

        san.data = p;
        san.len = end - p;

        if (san.len == type->len + 1 + name->len
            && ngx_memcmp(san.data, type->data, type->len) == 0
            && san.data[type->len] == ':'
            && ngx_memcmp(san.data + type->len + 1, name->data, name->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* inside the transaction: of two orders one comes first */

ngx_int_t
acme_ca_replaces_admit(acme_ca_exchange_t *x, acme_ca_order_wish_t *wish)
{
    int64_t                 order_id;
    ngx_int_t               rc;
    acme_ca_certificate_t   certificate;

    if (wish->replaces_id == 0) {
        return NGX_OK;
    }

    rc = acme_ca_store_certificate_find(x->store, x->ctx.pool,
                                        wish->replaces_id, &certificate);

    if (rc == NGX_OK && certificate.replaced_by == 0) {
        rc = acme_ca_store_order_find_replacing(x->store, wish->replaces_id,
                                                x->ctx.now, &order_id);
        if (rc == NGX_DECLINED) {
            return NGX_OK;
        }
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_ALREADY_REPLACED, NULL);
}
