
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Other chains of an issuer (RFC 8555, 7.4.2): another certificate for the same
 * name and key, as one that another root has signed too, and those above it.
 */


#include "acme_ca_issuer_load.h"
#include "acme_ca_crypto.h"
#include "acme_ca_text.h"
#include "acme_ca_x509.h"


static ngx_int_t acme_ca_issuer_check_end(acme_ca_issuer_load_t *load);
static ngx_uint_t acme_ca_issuer_has_ended(X509 *cert, time_t now);
static ngx_int_t acme_ca_issuer_check_same(acme_ca_issuer_load_t *load,
    const acme_ca_issuer_t *issuer);
static ngx_int_t acme_ca_issuer_compare(const acme_ca_issuer_t *issuer,
    X509 *cert);


ngx_int_t
acme_ca_issuer_add_chain(ngx_pool_t *pool, acme_ca_issuer_t *issuer,
    ngx_str_t *chain_pem, time_t now, ngx_str_t *error)
{
    ngx_int_t               rc;
    ngx_str_t              *chain;
    ngx_uint_t              other;
    acme_ca_issuer_load_t   load;

    ngx_str_set(error, "no memory for a chain");

    ngx_memzero(&load, sizeof(acme_ca_issuer_load_t));

    load.pool = pool;
    load.now = now;
    load.error = error;

    load.issuer = ngx_pcalloc(pool, sizeof(acme_ca_issuer_t));
    if (load.issuer == NULL) {
        return NGX_ERROR;
    }

    load.certs = sk_X509_new_null();
    if (load.certs == NULL) {
        acme_ca_crypto_error(pool->log, "sk_X509_new_null()");
        return NGX_ERROR;
    }

    other = 0;
    rc = acme_ca_issuer_read(&load, chain_pem);

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_check_end(&load);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_check_same(&load, issuer);
        other = (rc == NGX_DECLINED);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_check(&load);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_issuer_fill_chain(&load);
    }

    sk_X509_pop_free(load.certs, X509_free);

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(pool->log, "loading a chain");
        return NGX_ERROR;
    }

    ERR_clear_error();

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED && !other) ? NGX_ABORT : rc;
    }

    chain = ngx_array_push(&issuer->alternates);
    if (chain == NULL) {
        return NGX_ERROR;
    }

    *chain = load.issuer->chain;

    return NGX_OK;
}


/* whosever it is: its issuer may have ended, too, and be none any more */

static ngx_int_t
acme_ca_issuer_check_end(acme_ca_issuer_load_t *load)
{
    int  i;

    for (i = 0; i < sk_X509_num(load->certs); i++) {

        if (acme_ca_issuer_has_ended(sk_X509_value(load->certs, i), load->now))
        {
            (void) acme_ca_format(load->pool, load->error,
                                  ACME_CA_ISSUER_ERROR_MAX,
                                  "certificate %d has expired", i + 1);
            return NGX_DONE;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
acme_ca_issuer_has_ended(X509 *cert, time_t now)
{
    time_t  not_after;

    return acme_ca_issuer_time(X509_get0_notAfter(cert), &not_after) == NGX_OK
           && not_after <= now;
}


static ngx_int_t
acme_ca_issuer_check_same(acme_ca_issuer_load_t *load,
    const acme_ca_issuer_t *issuer)
{
    ngx_int_t  rc;

    rc = acme_ca_issuer_compare(issuer, sk_X509_value(load->certs, 0));

    if (rc == NGX_DECLINED) {
        ngx_str_set(load->error, "its first certificate does not have the "
                    "subject and the key of the issuer");
    }

    return rc;
}


static ngx_int_t
acme_ca_issuer_compare(const acme_ca_issuer_t *issuer, X509 *cert)
{
    X509       *own;
    ngx_int_t   rc;

    own = acme_ca_x509_read(&issuer->der);
    if (own == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (!acme_ca_x509_same(cert, own)) {
        rc = acme_ca_crypto_starved() ? NGX_ERROR : NGX_DECLINED;
    }

    X509_free(own);

    return rc;
}


ngx_int_t
acme_ca_issuer_is_same(const acme_ca_issuer_t *issuer, const ngx_str_t *der)
{
    X509       *cert;
    ngx_int_t   rc;

    if (acme_ca_str_eq(&issuer->der, der)) {
        return NGX_OK;
    }

    ERR_clear_error();

    rc = NGX_ERROR;
    cert = acme_ca_x509_read(der);

    if (cert != NULL) {
        rc = acme_ca_issuer_compare(issuer, cert);

    } else if (!acme_ca_crypto_starved()) {
        rc = NGX_DECLINED;
    }

    X509_free(cert);

    ERR_clear_error();

    return rc;
}
