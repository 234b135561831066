
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Revocation (RFC 8555, 7.6): by the account that ordered the certificate, by
 * an account that holds authorizations for all of its names, or by its key.
 */


#include "acme_ca_authorize.h"
#include "acme_ca_leaf.h"
#include "acme_ca_signing.h"
#include "acme_ca_x509.h"


typedef struct {
    ngx_str_t    der;
    ngx_str_t    serial;
    u_char       fingerprint[ACME_CA_SHA256_LEN];
    ngx_int_t    reason;          /* -1: none given */
} acme_ca_revoke_wish_t;


typedef ngx_int_t (*acme_ca_revoke_right_pt)(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate);


static ngx_int_t acme_ca_revoke_read_der(acme_ca_exchange_t *x,
    acme_ca_revoke_wish_t *wish);
static ngx_int_t acme_ca_revoke_read_reason(acme_ca_exchange_t *x,
    acme_ca_revoke_wish_t *wish);
static ngx_int_t acme_ca_revoke_find(acme_ca_exchange_t *x,
    acme_ca_revoke_wish_t *wish, acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_revoke_admit(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate, const char **right);
static ngx_int_t acme_ca_revoke_by_owner(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_revoke_by_key(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_revoke_by_names(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate);
static ngx_int_t acme_ca_revoke_name(acme_ca_exchange_t *x, ngx_str_t *san);
static ngx_int_t acme_ca_revoke_details(acme_ca_exchange_t *x,
    acme_ca_revoke_wish_t *wish, const char *right);


/* RFC 5280, 5.3.1: those that a subscriber can know to be true */

static const ngx_int_t  acme_ca_revoke_reasons[] = { 0, 1, 3, 4, 5 };


/* NGX_OK: has the right.  NGX_DECLINED: not this one */

static const struct {
    const char                *name;
    acme_ca_revoke_right_pt    has;
} acme_ca_revoke_rights[] = {
    { "account", acme_ca_revoke_by_owner },
    { "certificate key", acme_ca_revoke_by_key },
    { "authorizations", acme_ca_revoke_by_names }
};


ngx_int_t
acme_ca_revoke_check(acme_ca_exchange_t *x)
{
    ngx_int_t               rc;
    acme_ca_revoke_wish_t  *wish;

    wish = ngx_pcalloc(x->ctx.pool, sizeof(acme_ca_revoke_wish_t));
    if (wish == NULL) {
        return NGX_ERROR;
    }

    x->prepared = wish;

    rc = acme_ca_revoke_read_der(x, wish);

    return (rc == NGX_OK) ? acme_ca_revoke_read_reason(x, wish) : rc;
}


static ngx_int_t
acme_ca_revoke_read_der(acme_ca_exchange_t *x, acme_ca_revoke_wish_t *wish)
{
    ngx_int_t   rc;
    ngx_str_t  *text;

    text = acme_ca_json_string(x->payload, "certificate");

    if (text == NULL) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"certificate\" is to be a string");
    }

    rc = acme_ca_base64url_parse(x->ctx.pool, text, &wish->der);

    if (rc == NGX_OK) {
        rc = acme_ca_certificate_serial(&wish->der, &wish->serial);
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                    "\"certificate\" is not base64url of a certificate's DER");
    }

    return (rc == NGX_OK)
           ? acme_ca_sha256(wish->der.data, wish->der.len, wish->fingerprint)
           : rc;
}


static ngx_int_t
acme_ca_revoke_read_reason(acme_ca_exchange_t *x, acme_ca_revoke_wish_t *wish)
{
    ngx_uint_t       i;
    acme_ca_json_t  *value;

    value = acme_ca_json_member(x->payload, "reason");

    if (value == NULL) {
        wish->reason = -1;
        return NGX_OK;
    }

    if (value->type != ACME_CA_JSON_NUMBER || !value->integer) {
        return acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED,
                              "\"reason\" is to be an integer");
    }

    for (i = 0; i < sizeof(acme_ca_revoke_reasons) / sizeof(ngx_int_t); i++) {
        if (value->number == acme_ca_revoke_reasons[i]) {
            wish->reason = (ngx_int_t) value->number;
            return NGX_OK;
        }
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_BAD_REVOCATION_REASON,
                          "reason %L is not taken: it is to be one of "
                          "0, 1, 3, 4, 5", value->number);
}


ngx_int_t
acme_ca_revoke(acme_ca_exchange_t *x)
{
    ngx_int_t               rc;
    const char             *right;
    acme_ca_status_e        to;
    acme_ca_certificate_t   certificate;
    acme_ca_revoke_wish_t  *wish;

    wish = x->prepared;
    right = NULL;

    rc = acme_ca_revoke_find(x, wish, &certificate);

    if (rc == NGX_OK) {
        rc = acme_ca_revoke_admit(x, &certificate, &right);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (acme_ca_state_next(ACME_CA_MACHINE_CERTIFICATE, certificate.status,
                           ACME_CA_EVENT_REVOKE, &to)
        != NGX_OK)
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_ALREADY_REVOKED, NULL);
    }

    rc = acme_ca_store_certificate_set_revoked(x->store, certificate.id,
                                               wish->reason, x->ctx.now);

    if (rc == NGX_OK) {
        rc = acme_ca_signing_tell(&x->ctx, x->authority, x->store,
                                  &x->request, x->account, &certificate);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    x->reply.status = 200;

    return acme_ca_revoke_details(x, wish, right);
}


/* byte by byte: a serial of ours in a foreign certificate is not ours */

static ngx_int_t
acme_ca_revoke_find(acme_ca_exchange_t *x, acme_ca_revoke_wish_t *wish,
    acme_ca_certificate_t *certificate)
{
    ngx_int_t  rc;

    ngx_memzero(certificate, sizeof(acme_ca_certificate_t));

    rc = acme_ca_store_certificate_find_exact(x->store, x->ctx.pool,
                                              &wish->serial,
                                              wish->fingerprint, certificate);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND,
                           "the certificate was not issued by this authority");
    }

    if (rc == NGX_OK) {
        x->audit.certificate_id = certificate->id;
        x->audit.order_id = certificate->order_id;
    }

    return rc;
}


static ngx_int_t
acme_ca_revoke_admit(acme_ca_exchange_t *x, acme_ca_certificate_t *certificate,
    const char **right)
{
    ngx_int_t   rc;
    ngx_uint_t  i, n;

    n = sizeof(acme_ca_revoke_rights) / sizeof(acme_ca_revoke_rights[0]);

    for (i = 0; i < n; i++) {
        rc = acme_ca_revoke_rights[i].has(x, certificate);

        if (rc == NGX_OK) {
            *right = acme_ca_revoke_rights[i].name;
            return NGX_OK;
        }

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_UNAUTHORIZED,
                          "the signer may not revoke this certificate");
}


static ngx_int_t
acme_ca_revoke_by_owner(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate)
{
    return (x->account && x->account->id == certificate->account_id)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
acme_ca_revoke_by_key(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate)
{
    X509       *cert;
    ngx_int_t   rc;
    EVP_PKEY   *key;

    if (x->jwk == NULL) {
        return NGX_DECLINED;
    }

    cert = acme_ca_x509_read(&certificate->der);
    if (cert == NULL) {
        return NGX_ERROR;
    }

    key = X509_get0_pubkey(cert);

    rc = (key && EVP_PKEY_eq(key, x->jwk->key) == 1) ? NGX_OK : NGX_DECLINED;

    X509_free(cert);

    return rc;
}


/* certificate->sans: "dns:a.example ip:10.0.0.1" */

static ngx_int_t
acme_ca_revoke_by_names(acme_ca_exchange_t *x,
    acme_ca_certificate_t *certificate)
{
    u_char     *p, *last;
    ngx_int_t   rc;
    ngx_str_t   san;

    if (x->account == NULL || certificate->sans.len == 0) {
        return NGX_DECLINED;
    }

    p = certificate->sans.data;
    last = p + certificate->sans.len;

    while (p < last) {
        san.data = p;
        p = ngx_strlchr(p, last, ' ');

        if (p == NULL) {
            p = last;
        }

        san.len = p++ - san.data;

        rc = acme_ca_revoke_name(x, &san);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_revoke_name(acme_ca_exchange_t *x, ngx_str_t *san)
{
    u_char                *colon;
    int64_t                authz_id;
    ngx_int_t              rc;
    ngx_str_t              type, value;
    acme_ca_identifier_t   identifier;

    colon = ngx_strlchr(san->data, san->data + san->len, ':');
    if (colon == NULL) {
        return acme_ca_never(x->ctx.log);
    }

    type.data = san->data;
    type.len = colon - san->data;
    value.data = colon + 1;
    value.len = san->len - type.len - 1;

    rc = acme_ca_identifier_parse(&x->ctx, &type, &value, &identifier);
    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_authorize_find_id(x, &identifier, x->ctx.now, &authz_id);
}


static ngx_int_t
acme_ca_revoke_details(acme_ca_exchange_t *x, acme_ca_revoke_wish_t *wish,
    const char *right)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, x->ctx.pool, 64);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_text(&w, "by", right);

    if (wish->reason >= 0) {
        acme_ca_json_write_number(&w, "reason", wish->reason);
    }

    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, &x->audit.details);
}
