
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Clients that show a certificate of ours: acme_ca_client_check, which refuses
 * revoked ones, and what the registry knows of the others, as variables.
 *
 * A certificate is ours when the registry has it, byte by byte.  It is looked
 * up for each request, by the serial number: a revocation is seen at once by
 * every worker, also on a connection that was there before.
 */


#include "ngx_http_acme_ca_slots.h"

#include "acme_ca_store_eab.h"

#if (NGX_HTTP_SSL)
#include <openssl/x509.h>
#endif


/* of RFC 5280, and what a fault of somebody may add */
#define NGX_HTTP_ACME_CA_SERIAL  32


typedef struct {
    ngx_acme_ca_t          *ca;
    acme_ca_certificate_t   certificate;
} ngx_http_acme_ca_client_t;


static ngx_int_t ngx_http_acme_ca_client_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_client_find(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client);
static ngx_int_t ngx_http_acme_ca_client_look(ngx_http_request_t *r,
    ngx_acme_ca_t *ca, ngx_str_t *serial, const u_char *fingerprint,
    ngx_http_acme_ca_client_t *client);
static ngx_int_t ngx_http_acme_ca_client_shown(ngx_http_request_t *r,
    u_char serial[NGX_HTTP_ACME_CA_SERIAL], size_t *len,
    u_char fingerprint[ACME_CA_SHA256_LEN]);
static ngx_int_t ngx_http_acme_ca_client_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_acme_ca_client_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_acme_ca_client_serial(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_client_account(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_client_eab(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_client_names(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_client_profile(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_client_not_after(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value);
static void ngx_http_acme_ca_client_set(ngx_http_variable_value_t *v,
    ngx_str_t *value);


typedef ngx_int_t (*ngx_http_acme_ca_client_pt)(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value);

/* what a variable tells, by its number */
static const ngx_http_acme_ca_client_pt  ngx_http_acme_ca_client_parts[] = {
    ngx_http_acme_ca_client_serial,
    ngx_http_acme_ca_client_account,
    ngx_http_acme_ca_client_eab,
    ngx_http_acme_ca_client_names,
    ngx_http_acme_ca_client_profile,
    ngx_http_acme_ca_client_not_after
};


static ngx_http_variable_t  ngx_http_acme_ca_client_variables[] = {

    { ngx_string("acme_ca_client_serial"), NULL,
      ngx_http_acme_ca_client_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_client_account"), NULL,
      ngx_http_acme_ca_client_variable, 1, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_client_eab"), NULL,
      ngx_http_acme_ca_client_variable, 2, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_client_names"), NULL,
      ngx_http_acme_ca_client_variable, 3, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_client_profile"), NULL,
      ngx_http_acme_ca_client_variable, 4, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_client_not_after"), NULL,
      ngx_http_acme_ca_client_variable, 5, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("acme_ca_client_status"), NULL,
      ngx_http_acme_ca_client_status, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_acme_ca_client_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *v, *var;

    for (v = ngx_http_acme_ca_client_variables; v->name.len != 0; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/*
 * In the first phase that knows the location, so that it guards "return" as
 * well, and whatever satisfies the access phase.
 */

ngx_int_t
ngx_http_acme_ca_client_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_acme_ca_client_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_client_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_acme_ca_client_t     client;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    if (alcf->client_check != 1) {
        return NGX_DECLINED;
    }

    rc = ngx_http_acme_ca_client_find(r, &client);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && client.certificate.status != ACME_CA_REVOKED))
    {
        return NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client SSL certificate was revoked: "
                      "acme_ca_client_check");

        return NGX_HTTPS_CERT_ERROR;
    }

    /* whether it is good is not known now */

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


/*
 * The row of the client's certificate, in the pool of r.  NGX_DECLINED: there
 * is none; NGX_ERROR: no registry could be asked that might have it.
 */

static ngx_int_t
ngx_http_acme_ca_client_find(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client)
{
    u_char                          bytes[NGX_HTTP_ACME_CA_SERIAL];
    u_char                          fingerprint[ACME_CA_SHA256_LEN];
    ngx_int_t                       rc, last;
    ngx_str_t                       serial;
    ngx_uint_t                      i;
    ngx_acme_ca_t                 **ca;
    ngx_http_acme_ca_main_conf_t   *amcf;

    rc = ngx_http_acme_ca_client_shown(r, bytes, &serial.len, fingerprint);
    if (rc != NGX_OK) {
        return rc;
    }

    serial.data = bytes;

    amcf = ngx_http_get_module_main_conf(r, ngx_http_acme_ca_module);
    ca = amcf->authorities.elts;

    last = NGX_DECLINED;

    for (i = 0; i < amcf->authorities.nelts; i++) {

        if (!ca[i]->used) {
            continue;
        }

        rc = ngx_http_acme_ca_client_look(r, ca[i], &serial, fingerprint,
                                          client);
        if (rc == NGX_OK) {
            return NGX_OK;
        }

        if (rc == NGX_ERROR) {
            last = NGX_ERROR;
        }
    }

    return last;
}


static ngx_int_t
ngx_http_acme_ca_client_look(ngx_http_request_t *r, ngx_acme_ca_t *ca,
    ngx_str_t *serial, const u_char *fingerprint,
    ngx_http_acme_ca_client_t *client)
{
    ngx_int_t  rc;

    if (!ngx_acme_ca_is_open(ca)) {
        return NGX_ERROR;
    }

    rc = acme_ca_store_certificate_find_exact(ca->reader, r->pool, serial,
                                              fingerprint,
                                              &client->certificate);

    client->ca = ca;

    return (rc == NGX_OK || rc == NGX_DECLINED) ? rc : NGX_ERROR;
}


/* NGX_DECLINED: no certificate was shown */

static ngx_int_t
ngx_http_acme_ca_client_shown(ngx_http_request_t *r,
    u_char serial[NGX_HTTP_ACME_CA_SERIAL], size_t *len,
    u_char fingerprint[ACME_CA_SHA256_LEN])
{
#if (NGX_HTTP_SSL)

    X509                *cert;
    ngx_int_t            rc;
    const ASN1_INTEGER  *number;

    if (r->connection->ssl == NULL) {
        return NGX_DECLINED;
    }

    cert = SSL_get_peer_certificate(r->connection->ssl->connection);
    if (cert == NULL) {
        return NGX_DECLINED;
    }

    number = X509_get0_serialNumber(cert);

    /* one that is longer is nobody's whom we know, and so is its beginning */

    *len = ngx_min((size_t) ASN1_STRING_length(number),
                   NGX_HTTP_ACME_CA_SERIAL);

    ngx_memcpy(serial, ASN1_STRING_get0_data(number), *len);

    rc = (X509_digest(cert, EVP_sha256(), fingerprint, NULL) == 1)
         ? NGX_OK : NGX_ERROR;

    X509_free(cert);

    return rc;

#else

    return NGX_DECLINED;

#endif
}


static ngx_int_t
ngx_http_acme_ca_client_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_int_t                  rc;
    ngx_str_t                  value;
    ngx_http_acme_ca_client_t  client;

    ngx_str_null(&value);

    rc = ngx_http_acme_ca_client_find(r, &client);

    if (rc == NGX_OK
        && ngx_http_acme_ca_client_parts[data](r, &client, &value) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    ngx_http_acme_ca_client_set(v, &value);

    return NGX_OK;
}


/* of any certificate that was shown: one that we do not know is "unknown" */

static ngx_int_t
ngx_http_acme_ca_client_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     bytes[NGX_HTTP_ACME_CA_SERIAL];
    u_char                     fingerprint[ACME_CA_SHA256_LEN];
    size_t                     len;
    ngx_str_t                  value;
    acme_ca_status_e           status;
    ngx_http_acme_ca_client_t  client;

    ngx_str_null(&value);

    if (ngx_http_acme_ca_client_find(r, &client) == NGX_OK) {
        status = client.certificate.status;

        if (status == ACME_CA_VALID
            && client.certificate.not_after <= ngx_time())
        {
            status = ACME_CA_EXPIRED;
        }

        value = acme_ca_statuses[status];

    } else if (ngx_http_acme_ca_client_shown(r, bytes, &len, fingerprint)
               == NGX_OK)
    {
        ngx_str_set(&value, "unknown");
    }

    ngx_http_acme_ca_client_set(v, &value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_client_serial(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value)
{
    return acme_ca_hex(r->pool, client->certificate.serial.data,
                       client->certificate.serial.len, value);
}


/* as the last part of its URL */

static ngx_int_t
ngx_http_acme_ca_client_account(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value)
{
    if (client->certificate.account_id == 0) {
        return NGX_DECLINED;
    }

    value->len = ACME_CA_ID_LEN;
    value->data = ngx_pnalloc(r->pool, ACME_CA_ID_LEN);

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    return acme_ca_store_id_write(client->ca->reader, ACME_CA_ID_ACCOUNT,
                                  client->certificate.account_id,
                                  value->data);
}


static ngx_int_t
ngx_http_acme_ca_client_eab(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value)
{
    acme_ca_eab_t      eab;
    acme_ca_account_t  account;

    if (client->certificate.account_id == 0
        || acme_ca_store_account_find(client->ca->reader, r->pool,
                                      client->certificate.account_id, &account)
           != NGX_OK
        || account.eab_id == 0
        || acme_ca_store_eab_find(client->ca->reader, r->pool, account.eab_id,
                                  &eab)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    *value = eab.kid;

    return NGX_OK;
}


/* "dns:a.example ip:10.0.0.1" as "a.example,10.0.0.1" */

static ngx_int_t
ngx_http_acme_ca_client_names(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value)
{
    u_char  *p, *last, *dst, *colon;

    p = client->certificate.sans.data;
    last = p + client->certificate.sans.len;

    dst = ngx_pnalloc(r->pool, client->certificate.sans.len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    value->data = dst;

    while (p < last) {

        colon = ngx_strlchr(p, last, ':');
        p = (colon != NULL) ? colon + 1 : last;

        if (p < last && dst != value->data) {
            *dst++ = ',';
        }

        while (p < last && *p != ' ') {
            *dst++ = *p++;
        }

        p += (p < last);
    }

    value->len = dst - value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_client_profile(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value)
{
    *value = client->certificate.profile;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_client_not_after(ngx_http_request_t *r,
    ngx_http_acme_ca_client_t *client, ngx_str_t *value)
{
    value->len = ACME_CA_RFC3339_LEN;
    value->data = ngx_pnalloc(r->pool, ACME_CA_RFC3339_LEN);

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    (void) acme_ca_rfc3339_write(value->data, client->certificate.not_after);

    return NGX_OK;
}


/* of the pool of r, or constant */

static void
ngx_http_acme_ca_client_set(ngx_http_variable_value_t *v, ngx_str_t *value)
{
    v->not_found = (value->len == 0);
    v->valid = !v->not_found;
    v->no_cacheable = 1;
    v->len = value->len;
    v->data = value->data;
}
