
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Makes the next intermediate below our own root, when it is time or the
 * operator asked for it.  That needs the root's key, which may be elsewhere:
 * then it is said, and nothing fails.
 */


#include "ngx_acme_ca_home.h"

#include "acme_ca_rotation.h"


static ngx_int_t ngx_acme_ca_home_wanted(ngx_acme_ca_home_t *home,
    acme_ca_store_t *store, time_t now);
static ngx_int_t ngx_acme_ca_home_next(ngx_acme_ca_home_t *home, time_t now);
static ngx_int_t ngx_acme_ca_home_below(ngx_acme_ca_home_t *home, time_t now,
    acme_ca_hierarchy_t *hierarchy);
static ngx_int_t ngx_acme_ca_home_next_write(ngx_acme_ca_home_t *home,
    acme_ca_hierarchy_t *hierarchy, ngx_str_t *name);
static ngx_int_t ngx_acme_ca_home_next_folder(ngx_acme_ca_home_t *home);


ngx_int_t
ngx_acme_ca_home_rotation(ngx_acme_ca_home_t *home, acme_ca_store_t *store,
    time_t now)
{
    ngx_int_t       rc;
    ngx_acme_ca_t  *ca;

    ca = home->ca;

    if (ca->issuer_files != NULL) {
        return NGX_OK;
    }

    rc = ngx_acme_ca_home_wanted(home, store, now);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    if (!ngx_acme_ca_home_has(ca, home->pool, NGX_ACME_CA_ROOT_KEY)) {
        ngx_log_error(NGX_LOG_WARN, home->log, 0,
                      "acme_ca authority \"%V\": it is time for the next "
                      "issuer: put \"" NGX_ACME_CA_ROOT_KEY "\" back into "
                      "\"%V\" and reload nginx", &ca->authority.name,
                      &ca->authority.path);
        return NGX_OK;
    }

    rc = ngx_acme_ca_home_next(home, now);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, home->log, 0,
                      "acme_ca authority \"%V\": no next issuer is made: the "
                      "root has expired", &ca->authority.name);
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_remove_wanted(store);
    }

    return rc;
}


/* NGX_DECLINED: not yet */

static ngx_int_t
ngx_acme_ca_home_wanted(ngx_acme_ca_home_t *home, acme_ca_store_t *store,
    time_t now)
{
    ngx_int_t     rc;
    ngx_array_t  *rows;

    rc = acme_ca_store_issuer_find_wanted(store);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = acme_ca_store_issuer_list(store, home->pool, &rows);

    return (rc == NGX_OK)
           ? acme_ca_rotation_due(&home->ca->authority, rows, now) : rc;
}


/*
 * The certificate goes last, as it is what the next start looks for: what a
 * crash left half is a key that nobody uses.  NGX_DECLINED: the root has
 * expired.
 */

static ngx_int_t
ngx_acme_ca_home_next(ngx_acme_ca_home_t *home, time_t now)
{
    ngx_int_t            rc;
    ngx_str_t            name, error;
    acme_ca_hierarchy_t  hierarchy;

    ngx_str_null(&error);

    rc = ngx_acme_ca_home_below(home, now, &hierarchy);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_acme_ca_home_next_folder(home) != NGX_OK
        || ngx_acme_ca_home_next_write(home, &hierarchy, &name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_acme_ca_home_issuer_add(home->ca, home->pool, &name, &error)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, home->log, 0,
                      "acme_ca authority \"%V\": %V",
                      &home->ca->authority.name, &error);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, home->log, 0,
                  "acme_ca authority \"%V\": made the next issuer, \"%V\"",
                  &home->ca->authority.name, &name);

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_home_below(ngx_acme_ca_home_t *home, time_t now,
    acme_ca_hierarchy_t *hierarchy)
{
    EVP_PKEY       *key;
    ngx_int_t       rc;
    ngx_str_t       path, pem, text, error;
    acme_ca_ctx_t   ctx;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));
    ngx_str_null(&error);
    ngx_str_null(&pem);

    ctx.pool = home->pool;
    ctx.log = home->log;
    ctx.now = now;

    key = NULL;

    if (ngx_acme_ca_home_file(home->ca, home->pool, NGX_ACME_CA_ROOT_PEM,
                              &path)
        == NGX_OK
        && ngx_acme_ca_home_read(home->pool, &path, 0, &pem, &error) == NGX_OK
        && ngx_acme_ca_home_file(home->ca, home->pool, NGX_ACME_CA_ROOT_KEY,
                                 &path)
           == NGX_OK
        && ngx_acme_ca_home_read(home->pool, &path, 1, &text, &error)
           == NGX_OK)
    {
        key = acme_ca_key_load(home->pool, &path, home->ca->issuer_passwords,
                               &error);
    }

    if (key == NULL) {
        ngx_log_error(NGX_LOG_EMERG, home->log, 0,
                      "acme_ca authority \"%V\": root: %V",
                      &home->ca->authority.name, &error);
        return NGX_ERROR;
    }

    hierarchy->root_certificate = pem;
    home->ca->issuer_plan.crl_url = home->ca->crl_url;

    rc = acme_ca_hierarchy_below(&ctx, &home->ca->authority.name,
                                 &home->ca->issuer_plan, &pem, key,
                                 hierarchy);

    EVP_PKEY_free(key);

    return rc;
}


static ngx_int_t
ngx_acme_ca_home_next_folder(ngx_acme_ca_home_t *home)
{
    ngx_str_t  path;

    if (ngx_acme_ca_home_file(home->ca, home->pool, NGX_ACME_CA_ISSUER_FOLDER,
                              &path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_create_dir(path.data, 0755) == NGX_FILE_ERROR
        && ngx_errno != NGX_EEXIST)
    {
        ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                      ngx_create_dir_n " \"%s\" failed", path.data);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* both have the name of the key */

static ngx_int_t
ngx_acme_ca_home_next_write(ngx_acme_ca_home_t *home,
    acme_ca_hierarchy_t *hierarchy, ngx_str_t *name)
{
    ngx_str_t  chain, key, certificate;

    *name = hierarchy->key_id;

    if (acme_ca_format(home->pool, &key, name->len + 32,
                       NGX_ACME_CA_ISSUER_FOLDER "/%V.key", name)
        != NGX_OK
        || acme_ca_format(home->pool, &certificate, name->len + 32,
                          NGX_ACME_CA_ISSUER_FOLDER "/%V.pem", name)
           != NGX_OK
        || acme_ca_format(home->pool, &chain,
                          hierarchy->certificate.len
                          + hierarchy->root_certificate.len + 1, "%V%V",
                          &hierarchy->certificate,
                          &hierarchy->root_certificate)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_acme_ca_home_write_key(home, (char *) key.data, &hierarchy->key)
        != NGX_OK
        || ngx_acme_ca_home_write(home, (char *) certificate.data, &chain,
                                  0644)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (ngx_acme_ca_home_sync(home, NGX_ACME_CA_ISSUER_FOLDER) == NGX_OK)
           ? ngx_acme_ca_home_sync(home, "") : NGX_ERROR;
}
