
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What an external signer is asked: a POST whose header lines say for whom and
 * for what, and whose body is a JSON document, or the CSR alone.  It is the
 * same each time, with the same Idempotency-Key, until the signer has answered
 * for good.
 */


#include "acme_ca_signing.h"


/* servers have limits for header lines */
#define ACME_CA_SIGNING_FIELD  2048


static ngx_int_t acme_ca_signing_ask_order(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_request_t *request);
static ngx_int_t acme_ca_signing_ask_revocation(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_request_t *request);
static ngx_int_t acme_ca_signing_ids(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_signing_request_t *request,
    acme_ca_signing_t *signing, const char *key);
static ngx_int_t acme_ca_signing_id(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, acme_ca_id_kind_e kind, int64_t id,
    ngx_str_t *text);
static ngx_int_t acme_ca_signing_put(acme_ca_ctx_t *ctx,
    acme_ca_signing_request_t *request, const char *member, const char *name,
    ngx_str_t *value);
static ngx_int_t acme_ca_signing_times(acme_ca_ctx_t *ctx,
    acme_ca_signing_request_t *request, const acme_ca_leaf_t *wanted);
static ngx_int_t acme_ca_signing_document(acme_ca_ctx_t *ctx,
    acme_ca_signing_request_t *request, const acme_ca_leaf_t *wanted,
    ngx_str_t *csr);
static void acme_ca_signing_write_fields(acme_ca_json_writer_t *w,
    acme_ca_signing_request_t *request);
static void acme_ca_signing_write_names(acme_ca_ctx_t *ctx,
    acme_ca_json_writer_t *w, const acme_ca_leaf_t *wanted);
static void acme_ca_signing_write_usage(acme_ca_json_writer_t *w,
    const acme_ca_profile_t *profile);


ngx_int_t
acme_ca_signing_ask(acme_ca_ctx_t *ctx, const acme_ca_authority_t *authority,
    acme_ca_store_t *store, acme_ca_signing_t *signing,
    acme_ca_signing_request_t *request)
{
    ngx_memzero(request, sizeof(acme_ca_signing_request_t));

    if (ngx_array_init(&request->fields, ctx->pool, 12,
                       sizeof(acme_ca_signing_field_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (acme_ca_signing_put(ctx, request, "authority", "Acme-Ca-Authority",
                              (ngx_str_t *) &authority->name)
        != NGX_OK
        || acme_ca_signing_put(ctx, request, "requestId",
                               "Acme-Ca-Request-Id", &signing->request_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return signing->order_id
           ? acme_ca_signing_ask_order(ctx, authority, store, signing, request)
           : acme_ca_signing_ask_revocation(ctx, authority, store, signing,
                                            request);
}


static ngx_int_t
acme_ca_signing_ask_order(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_request_t *request)
{
    ngx_int_t        rc;
    ngx_str_t        csr, sans, action = ngx_string("sign");
    acme_ca_leaf_t   wanted;
    acme_ca_order_t  order;

    rc = acme_ca_signing_wanted(ctx, authority, store, signing, &order,
                                &wanted);
    if (rc != NGX_OK) {
        return rc;
    }

    if (order.status != ACME_CA_PROCESSING) {
        return NGX_DECLINED;
    }

    if (acme_ca_signing_ids(ctx, store, request, signing, "order") != NGX_OK
        || acme_ca_leaf_sans(ctx, &wanted, &sans) != NGX_OK
        || acme_ca_pem_write_request(ctx->pool, &signing->csr, &csr) != NGX_OK
        || acme_ca_signing_put(ctx, request, "action", "Acme-Ca-Action",
                               &action)
           != NGX_OK
        || acme_ca_signing_put(ctx, request, "profile", "Acme-Ca-Profile",
                               (ngx_str_t *) &wanted.profile->name)
           != NGX_OK
        || acme_ca_signing_times(ctx, request, &wanted) != NGX_OK)
    {
        return NGX_ERROR;
    }

    request->uri = authority->signer->uri;

    if (authority->signer->pem) {
        ngx_str_set(&request->content_type, "application/x-pem-file");
        request->body = csr;

    } else if (acme_ca_signing_document(ctx, request, &wanted, &csr)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* in the document they are a list */

    if (sans.len > ACME_CA_SIGNING_FIELD) {
        return NGX_OK;
    }

    return acme_ca_signing_put(ctx, request, "names", "Acme-Ca-Identifiers",
                               &sans);
}


static ngx_int_t
acme_ca_signing_ask_revocation(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_request_t *request)
{
    ngx_int_t              rc;
    ngx_str_t              pem, serial, action = ngx_string("revoke");
    acme_ca_certificate_t  cert;
    acme_ca_json_writer_t  w;

    if (authority->signer->revoke_uri.len == 0) {
        return NGX_DECLINED;
    }

    ngx_memzero(&cert, sizeof(acme_ca_certificate_t));

    rc = acme_ca_store_certificate_find(store, ctx->pool,
                                        signing->certificate_id, &cert);
    if (rc != NGX_OK) {
        return rc;
    }

    if (acme_ca_signing_ids(ctx, store, request, signing, "certificate")
        != NGX_OK
        || acme_ca_pem_write(ctx->pool, &cert.der, &pem) != NGX_OK
        || acme_ca_hex(ctx->pool, cert.serial.data, cert.serial.len, &serial)
           != NGX_OK
        || acme_ca_signing_put(ctx, request, "action", "Acme-Ca-Action",
                               &action)
           != NGX_OK
        || acme_ca_signing_put(ctx, request, "serial", "Acme-Ca-Serial",
                               &serial)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    request->uri = authority->signer->revoke_uri;

    if (authority->signer->pem) {
        ngx_str_set(&request->content_type, "application/x-pem-file");
        request->body = pem;
        return NGX_OK;
    }

    acme_ca_json_start(&w, ctx->pool, 512 + pem.len);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_signing_write_fields(&w, request);

    if (cert.revocation_reason >= 0) {
        acme_ca_json_write_number(&w, "reason", cert.revocation_reason);
    }

    acme_ca_json_write_time(&w, "revokedAt", cert.revoked_at);
    acme_ca_json_write_string(&w, "certificate", &pem);
    acme_ca_json_shut(&w);

    ngx_str_set(&request->content_type, "application/json");

    return acme_ca_json_finish(&w, &request->body);
}


ngx_int_t
acme_ca_signing_wanted(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_order_t *order,
    acme_ca_leaf_t *wanted)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_array_t                 *list;
    acme_ca_identifier_t        *names;
    acme_ca_order_identifier_t  *identifier;

    ngx_memzero(order, sizeof(acme_ca_order_t));
    ngx_memzero(wanted, sizeof(acme_ca_leaf_t));

    list = NULL;

    rc = acme_ca_store_order_find(store, ctx->pool, signing->order_id, order);

    if (rc == NGX_OK) {
        rc = acme_ca_store_order_list_identifiers(store, ctx->pool,
                                                  signing->order_id, &list);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    identifier = list->elts;

    names = ngx_palloc(ctx->pool, (list->nelts + 1)
                                  * sizeof(acme_ca_identifier_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < list->nelts; i++) {
        names[i] = identifier[i].identifier;
    }

    wanted->identifiers = names;
    wanted->n = list->nelts;
    wanted->not_before = order->not_before;
    wanted->not_after = order->not_after;
    wanted->profile = acme_ca_authority_profile(authority, &order->profile);

    return (wanted->profile != NULL) ? NGX_OK : NGX_DECLINED;
}


/* whose it is; the object's own id is the key of all requests for it */

static ngx_int_t
acme_ca_signing_ids(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_signing_request_t *request, acme_ca_signing_t *signing,
    const char *what)
{
    ngx_str_t  id, key;

    if (acme_ca_signing_id(ctx, store,
                           signing->order_id ? ACME_CA_ID_ORDER
                                             : ACME_CA_ID_CERTIFICATE,
                           signing->order_id ? signing->order_id
                                             : signing->certificate_id,
                           &id)
        != NGX_OK
        || acme_ca_format(ctx->pool, &key, ACME_CA_ID_LEN + 16, "%s-%V", what,
                          &id)
           != NGX_OK
        || acme_ca_signing_put(ctx, request, "key", "Idempotency-Key", &key)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (signing->order_id
        && acme_ca_signing_put(ctx, request, "order", "Acme-Ca-Order", &id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (signing->account_id == 0) {
        return NGX_OK;
    }

    if (acme_ca_signing_id(ctx, store, ACME_CA_ID_ACCOUNT, signing->account_id,
                           &id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_signing_put(ctx, request, "account", "Acme-Ca-Account",
                               &id);
}


/* as in the object's URL */

static ngx_int_t
acme_ca_signing_id(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    acme_ca_id_kind_e kind, int64_t id, ngx_str_t *text)
{
    u_char  buf[ACME_CA_ID_LEN];

    if (acme_ca_store_id_write(store, kind, id, buf) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_copy(ctx->pool, text, buf, ACME_CA_ID_LEN);
}


static ngx_int_t
acme_ca_signing_put(acme_ca_ctx_t *ctx, acme_ca_signing_request_t *request,
    const char *member, const char *name, ngx_str_t *value)
{
    acme_ca_signing_field_t  *field;

    if (value->len == 0) {
        return NGX_OK;
    }

    field = ngx_array_push(&request->fields);
    if (field == NULL) {
        return NGX_ERROR;
    }

    field->member = member;
    field->name.data = (u_char *) name;
    field->name.len = ngx_strlen(name);
    field->value = *value;

    return NGX_OK;
}


static ngx_int_t
acme_ca_signing_times(acme_ca_ctx_t *ctx, acme_ca_signing_request_t *request,
    const acme_ca_leaf_t *wanted)
{
    ngx_str_t   text;
    ngx_uint_t  i;
    u_char      buf[ACME_CA_RFC3339_LEN];

    static const char  *members[] = {
        "notBefore", "notAfter"
    };

    static const char  *names[] = {
        "Acme-Ca-Not-Before", "Acme-Ca-Not-After"
    };

    time_t  at[2];

    at[0] = wanted->not_before;
    at[1] = wanted->not_after;

    for (i = 0; i < 2; i++) {
        if (at[i] == 0) {
            continue;
        }

        (void) acme_ca_rfc3339_write(buf, at[i]);

        if (acme_ca_copy(ctx->pool, &text, buf, ACME_CA_RFC3339_LEN) != NGX_OK
            || acme_ca_signing_put(ctx, request, members[i], names[i], &text)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_signing_document(acme_ca_ctx_t *ctx,
    acme_ca_signing_request_t *request, const acme_ca_leaf_t *wanted,
    ngx_str_t *csr)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, ctx->pool, 512 + csr->len + 64 * wanted->n);
    acme_ca_json_open_object(&w, NULL);

    acme_ca_signing_write_fields(&w, request);
    acme_ca_signing_write_names(ctx, &w, wanted);
    acme_ca_json_write_number(&w, "lifetime", wanted->profile->lifetime);
    acme_ca_signing_write_usage(&w, wanted->profile);
    acme_ca_json_write_string(&w, "csr", csr);

    acme_ca_json_shut(&w);

    ngx_str_set(&request->content_type, "application/json");

    return acme_ca_json_finish(&w, &request->body);
}


static void
acme_ca_signing_write_fields(acme_ca_json_writer_t *w,
    acme_ca_signing_request_t *request)
{
    ngx_uint_t                i;
    acme_ca_signing_field_t  *field;

    field = request->fields.elts;

    for (i = 0; i < request->fields.nelts; i++) {
        acme_ca_json_write_string(w, field[i].member, &field[i].value);
    }
}


static void
acme_ca_signing_write_names(acme_ca_ctx_t *ctx, acme_ca_json_writer_t *w,
    const acme_ca_leaf_t *wanted)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    acme_ca_json_open_array(w, "identifiers");

    for (i = 0; i < wanted->n; i++) {
        if (acme_ca_identifier_name(ctx->pool, &wanted->identifiers[i], &name)
            != NGX_OK)
        {
            w->failed = 1;
            return;
        }

        acme_ca_json_open_object(w, NULL);
        acme_ca_json_write_string(w, "type",
            (ngx_str_t *)
            &acme_ca_identifier_types[wanted->identifiers[i].type]);
        acme_ca_json_write_string(w, "value", &name);
        acme_ca_json_shut(w);
    }

    acme_ca_json_shut(w);
}


static void
acme_ca_signing_write_usage(acme_ca_json_writer_t *w,
    const acme_ca_profile_t *profile)
{
    acme_ca_json_open_array(w, "extendedKeyUsage");

    if (profile->eku & ACME_CA_EKU_SERVER) {
        acme_ca_json_write_text(w, NULL, "serverAuth");
    }

    if (profile->eku & ACME_CA_EKU_CLIENT) {
        acme_ca_json_write_text(w, NULL, "clientAuth");
    }

    acme_ca_json_shut(w);
}
