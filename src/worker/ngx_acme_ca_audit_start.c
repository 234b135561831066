
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The audit log and the master: the key that signs checkpoints, which it makes
 * once and workers get in memory.
 */


#include "ngx_acme_ca_home.h"
#include "acme_ca_key.h"
#include "acme_ca_seal.h"


#define NGX_ACME_CA_AUDIT_KEY  "audit.key"
#define NGX_ACME_CA_AUDIT_PEM  "audit.pem"


static ngx_int_t ngx_acme_ca_audit_key_new(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_audit_publish(ngx_acme_ca_home_t *home,
    ngx_str_t *error);
static void ngx_acme_ca_audit_key_free(void *data);


/* NGX_DECLINED: there is none yet */

ngx_int_t
ngx_acme_ca_audit_load(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *error)
{
    ngx_str_t            path, pem;
    ngx_pool_cleanup_t  *cln;

    if (ca->audit.key != NULL) {
        return NGX_OK;
    }

    if (!ngx_acme_ca_home_has(ca, temp, NGX_ACME_CA_AUDIT_KEY)) {
        return NGX_DECLINED;
    }

    cln = ngx_pool_cleanup_add(ca->pool, 0);

    if (cln == NULL
        || ngx_acme_ca_home_file(ca, temp, NGX_ACME_CA_AUDIT_KEY, &path)
           != NGX_OK
        || ngx_acme_ca_home_read(temp, &path, 1, &pem, error) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ca->audit.key = acme_ca_key_load(temp, &path, NULL, error);
    if (ca->audit.key == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_acme_ca_audit_key_free;
    cln->data = ca->audit.key;

    return acme_ca_seal_public(temp, ca->audit.key, &pem, ca->audit.key_id);
}


static void
ngx_acme_ca_audit_key_free(void *data)
{
    EVP_PKEY_free(data);
}


ngx_int_t
ngx_acme_ca_audit_prepare(ngx_acme_ca_home_t *home)
{
    ngx_int_t  rc;
    ngx_str_t  error;

    ngx_str_null(&error);

    rc = ngx_acme_ca_audit_load(home->ca, home->pool, &error);

    if (rc == NGX_DECLINED) {
        rc = ngx_acme_ca_audit_key_new(home);

        if (rc == NGX_OK) {
            rc = ngx_acme_ca_audit_load(home->ca, home->pool, &error);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_audit_publish(home, &error);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, home->log, 0,
                      "acme_ca authority \"%V\": no key for the audit log: %V",
                      &home->ca->authority.name, &error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_audit_key_new(ngx_acme_ca_home_t *home)
{
    EVP_PKEY   *key;
    ngx_int_t   rc;
    ngx_str_t   pem;

    key = acme_ca_key_new(home->log);
    if (key == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_key_write(home->pool, key, &pem);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_write(home, NGX_ACME_CA_AUDIT_KEY, &pem, 0600);
    }

    EVP_PKEY_free(key);

    return rc;
}


/*
 * What an earlier key signed is verified for ever: its public half stays in the
 * file, which workers cannot write, as they can the database.
 */

static ngx_int_t
ngx_acme_ca_audit_publish(ngx_acme_ca_home_t *home, ngx_str_t *error)
{
    u_char     id[ACME_CA_SHA256_LEN];
    ngx_str_t  path, public, known, all;

    ngx_str_null(&known);

    if (acme_ca_seal_public(home->pool, home->ca->audit.key, &public, id)
        != NGX_OK
        || ngx_acme_ca_home_file(home->ca, home->pool, NGX_ACME_CA_AUDIT_PEM,
                                 &path)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_acme_ca_home_has(home->ca, home->pool, NGX_ACME_CA_AUDIT_PEM)
        && ngx_acme_ca_home_read(home->pool, &path, 0, &known, error)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (acme_ca_format(home->pool, &all, known.len + 1 + public.len + 1,
                       "%V%s%V", &known,
                       known.len && known.data[known.len - 1] != '\n' ? "\n"
                                                                     : "",
                       &public)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (known.len
        && ngx_strstr(known.data, all.data + all.len - public.len) != NULL)
    {
        all = known;

    } else if (ngx_acme_ca_home_write(home, NGX_ACME_CA_AUDIT_PEM, &all, 0644)
               != NGX_OK
               || ngx_acme_ca_home_sync(home, "") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_copy(home->ca->pool, &home->ca->authority.audit_keys,
                        all.data, all.len);
}
