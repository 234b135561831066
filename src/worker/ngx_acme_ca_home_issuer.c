
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Certificates and keys of the issuers: those that nginx.conf names, and those
 * of the state folder.  Where nginx.conf names some, the others sign no leaves,
 * but go on with their CRLs.
 *
 * An issuer that has expired, and one of the folder whose key was removed, is
 * passed over as long as there is another.  If all have expired they are taken
 * as what they were: they sign nothing, but are known to those who ask.
 */


#include "ngx_acme_ca_home.h"


typedef struct {
    ngx_acme_ca_t  *ca;
    ngx_pool_t     *temp;
    ngx_str_t      *error;
    ngx_str_t       certificate;       /* paths, NUL terminated */
    ngx_str_t       key;
    ngx_uint_t      own;               /* of the state folder */
    ngx_uint_t      rootless;          /* its file lacks the root */
} ngx_acme_ca_home_issuer_t;


static ngx_int_t ngx_acme_ca_home_issuers_read(ngx_acme_ca_t *ca,
    ngx_pool_t *temp, ngx_str_t *error);
static ngx_uint_t ngx_acme_ca_home_signs(ngx_acme_ca_t *ca);
static ngx_int_t ngx_acme_ca_home_configured(ngx_acme_ca_t *ca,
    ngx_pool_t *temp, ngx_str_t *error);
static ngx_int_t ngx_acme_ca_home_first(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);
static ngx_int_t ngx_acme_ca_home_others(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);
static ngx_int_t ngx_acme_ca_home_none(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);
static ngx_int_t ngx_acme_ca_home_issuer(ngx_acme_ca_home_issuer_t *one);
static ngx_int_t ngx_acme_ca_home_issuer_key(ngx_acme_ca_home_issuer_t *one);
static void ngx_acme_ca_home_issuer_uri(ngx_acme_ca_home_issuer_t *one,
    ngx_str_t *text);
static ngx_int_t ngx_acme_ca_home_issuer_chain(ngx_acme_ca_home_issuer_t *one,
    ngx_str_t *pem);
static ngx_int_t ngx_acme_ca_home_issuer_take(ngx_acme_ca_home_issuer_t *one,
    acme_ca_issuer_t *issuer);


ngx_int_t
ngx_acme_ca_home_issuers(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error)
{
    ngx_int_t  rc;
    ngx_str_t  again;

    ngx_str_null(error);

    if (ngx_array_init(&ca->authority.issuers, ca->pool, 2,
                       sizeof(acme_ca_issuer_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_home_issuers_read(ca, temp, error);

    if (rc == NGX_OK && ca->expired && !ngx_acme_ca_home_signs(ca)) {
        ca->ended = 1;
        again = *error;

        rc = ngx_acme_ca_home_issuers_read(ca, temp, &again);

        if (rc != NGX_OK) {
            *error = again;
        }
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ca->authority.issuers.nelts == 0) {
        return (error->len != 0) ? NGX_ERROR
                                 : ngx_acme_ca_home_none(ca, temp, error);
    }

    if (ngx_acme_ca_alternate_load(ca, temp, error) != NGX_OK
        || ngx_acme_ca_signer_load(ca, temp, error) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ca->ended ? NGX_DONE : NGX_OK;
}


static ngx_int_t
ngx_acme_ca_home_issuers_read(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error)
{
    ngx_int_t  rc;

    rc = ngx_acme_ca_home_configured(ca, temp, error);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_first(ca, temp, error);
    }

    return (rc == NGX_OK) ? ngx_acme_ca_home_others(ca, temp, error) : rc;
}


/* whether any may sign certificates, by what its files say */

static ngx_uint_t
ngx_acme_ca_home_signs(ngx_acme_ca_t *ca)
{
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;

    issuer = ca->authority.issuers.elts;

    for (i = 0; i < ca->authority.issuers.nelts; i++) {
        if (issuer[i]->candidate) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_acme_ca_home_configured(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_acme_ca_home_issuer_t    one;
    ngx_acme_ca_issuer_files_t  *files;

    if (ca->issuer_files == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&one, sizeof(ngx_acme_ca_home_issuer_t));

    one.ca = ca;
    one.temp = temp;
    one.error = error;

    files = ca->issuer_files->elts;

    for (i = 0; i < ca->issuer_files->nelts; i++) {
        one.certificate = files[i].certificate;
        one.key = files[i].key;

        rc = ngx_acme_ca_home_issuer(&one);

        if (rc != NGX_OK && rc != NGX_DONE) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the chain of our own hierarchy: its root is told, not served */

static ngx_int_t
ngx_acme_ca_home_first(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *error)
{
    ngx_int_t                  rc;
    ngx_acme_ca_home_issuer_t  one;

    if (!ngx_acme_ca_home_has(ca, temp, NGX_ACME_CA_ISSUER_PEM)) {
        return NGX_OK;
    }

    ngx_memzero(&one, sizeof(ngx_acme_ca_home_issuer_t));

    one.ca = ca;
    one.temp = temp;
    one.error = error;
    one.own = 1;
    one.rootless = 1;

    if (ngx_acme_ca_home_file(ca, temp, NGX_ACME_CA_ISSUER_PEM,
                              &one.certificate)
        != NGX_OK
        || ngx_acme_ca_home_file(ca, temp, NGX_ACME_CA_ISSUER_KEY, &one.key)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_home_issuer(&one);

    return (rc == NGX_ERROR && ca->issuer_files == NULL) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_acme_ca_home_others(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *error)
{
    ngx_int_t  rc;
    ngx_str_t  path, name;
    ngx_dir_t  dir;

    if (ngx_acme_ca_home_file(ca, temp, NGX_ACME_CA_ISSUER_FOLDER, &path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_open_dir(&path, &dir) == NGX_ERROR) {
        return NGX_OK;
    }

    rc = NGX_OK;

    while (rc == NGX_OK && ngx_read_dir(&dir) == NGX_OK) {
        name.data = ngx_de_name(&dir);
        name.len = ngx_de_namelen(&dir);

        if (name.len <= sizeof(".pem") - 1
            || name.data[0] == '.'
            || ngx_strcmp(name.data + name.len - 4, ".pem") != 0)
        {
            continue;
        }

        name.len -= sizeof(".pem") - 1;

        rc = ngx_acme_ca_home_issuer_add(ca, temp, &name, error);

        if (rc == NGX_DONE || (rc == NGX_ERROR && ca->issuer_files != NULL)) {
            rc = NGX_OK;
        }
    }

    (void) ngx_close_dir(&dir);

    return rc;
}


/*
 * NGX_DECLINED: they are to be made.  That is done once: where there is a
 * database, they were there, and keys that are left must not be written over.
 */

static ngx_int_t
ngx_acme_ca_home_none(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *error)
{
    ngx_uint_t       i;
    ngx_file_info_t  fi;

    static const char  *const files[] = {
        NGX_ACME_CA_ROOT_KEY,
        NGX_ACME_CA_ROOT_PEM,
        NGX_ACME_CA_ISSUER_KEY,
        NULL
    };

    if (ngx_file_info(ca->authority.database.data, &fi) == NGX_FILE_ERROR) {
        return NGX_DECLINED;
    }

    for (i = 0; files[i] != NULL; i++) {

        if (ngx_acme_ca_home_has(ca, temp, files[i])) {
            (void) acme_ca_format(temp, error,
                                  ca->authority.path.len + 128,
                                  "\"" NGX_ACME_CA_ISSUER_PEM "\" is gone from "
                                  "\"%V\", \"%s\" is not: put it back",
                                  &ca->authority.path, files[i]);
            return NGX_ERROR;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_acme_ca_home_issuer_add(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *name, ngx_str_t *error)
{
    size_t                     size;
    ngx_acme_ca_home_issuer_t  one;

    ngx_memzero(&one, sizeof(ngx_acme_ca_home_issuer_t));

    one.ca = ca;
    one.temp = temp;
    one.error = error;
    one.own = 1;

    size = ca->authority.path.len + name->len + 32;

    if (acme_ca_format(temp, &one.certificate, size,
                       "%V/" NGX_ACME_CA_ISSUER_FOLDER "/%V.pem",
                       &ca->authority.path, name)
        != NGX_OK
        || acme_ca_format(temp, &one.key, size,
                          "%V/" NGX_ACME_CA_ISSUER_FOLDER "/%V.key",
                          &ca->authority.path, name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_acme_ca_home_issuer(&one);
}


/* NGX_DONE: it has expired, or its key is gone.  It lives in ca->pool */

static ngx_int_t
ngx_acme_ca_home_issuer(ngx_acme_ca_home_issuer_t *one)
{
    EVP_PKEY          *key;
    ngx_int_t          rc;
    ngx_str_t          pem, reason;
    acme_ca_issuer_t  *issuer;

    rc = ngx_acme_ca_home_issuer_key(one);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_issuer_chain(one, &pem);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    key = acme_ca_key_load(one->temp, &one->key, one->ca->issuer_passwords,
                           one->error);
    if (key == NULL) {
        return NGX_ERROR;
    }

    issuer = NULL;
    ngx_str_null(&reason);

    rc = acme_ca_issuer_load(one->ca->pool, &pem, key, ngx_time(), &issuer,
                             &reason);

    if (rc == NGX_DONE) {
        one->ca->expired = 1;

        if (one->ca->ended) {
            rc = acme_ca_issuer_load(one->ca->pool, &pem, key,
                                     issuer->not_before, &issuer, &reason);
        }
    }

    EVP_PKEY_free(key);

    if (rc == NGX_OK) {
        return ngx_acme_ca_home_issuer_take(one, issuer);
    }

    (void) acme_ca_format(one->temp, one->error,
                          one->certificate.len + reason.len + 16,
                          "issuer \"%s\": %V", one->certificate.data, &reason);

    return (rc == NGX_DONE) ? NGX_DONE : NGX_ERROR;
}


/* whoever owns the folder could put a key of his own there */

static ngx_int_t
ngx_acme_ca_home_issuer_key(ngx_acme_ca_home_issuer_t *one)
{
    ngx_str_t        text;
    ngx_file_info_t  fi;

    if (!one->own) {
        return NGX_OK;
    }

    if (ngx_acme_ca_home_read(one->temp, &one->key, 1, &text, one->error)
        == NGX_OK)
    {
        ngx_acme_ca_home_issuer_uri(one, &text);
        return NGX_OK;
    }

    return (ngx_file_info(one->key.data, &fi) == NGX_FILE_ERROR
            && ngx_errno == NGX_ENOENT)
           ? NGX_DONE : NGX_ERROR;
}


/* a line in place of a key says where that is */

static void
ngx_acme_ca_home_issuer_uri(ngx_acme_ca_home_issuer_t *one, ngx_str_t *text)
{
    ngx_uint_t  i;

    static const ngx_str_t  schemes[] = {
        ngx_string("pkcs11:"),
        ngx_string("engine:"),
        ngx_string("store:"),
        ngx_null_string
    };

    for (i = 0; schemes[i].len != 0; i++) {
        if (text->len > schemes[i].len
            && ngx_strncmp(text->data, schemes[i].data, schemes[i].len) == 0)
        {
            break;
        }
    }

    if (schemes[i].len == 0) {
        return;
    }

    while (text->data[text->len - 1] == LF || text->data[text->len - 1] == CR)
    {
        text->len--;
    }

    one->key = *text;
}


static ngx_int_t
ngx_acme_ca_home_issuer_chain(ngx_acme_ca_home_issuer_t *one, ngx_str_t *pem)
{
    ngx_str_t  path, own, root;

    if (ngx_acme_ca_home_read(one->temp, &one->certificate, 0, pem, one->error)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!one->rootless) {
        return NGX_OK;
    }

    own = *pem;

    if (ngx_acme_ca_home_file(one->ca, one->temp, NGX_ACME_CA_ROOT_PEM, &path)
        != NGX_OK
        || ngx_acme_ca_home_read(one->temp, &path, 0, &root, one->error)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_format(one->temp, pem, own.len + root.len + 1, "%V%V",
                          &own, &root);
}


/*
 * One that is named twice is there once; of one whose certificate was renewed
 * the configured one counts, or else that which ends last.
 */

static ngx_int_t
ngx_acme_ca_home_issuer_take(ngx_acme_ca_home_issuer_t *one,
    acme_ca_issuer_t *issuer)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    acme_ca_issuer_t     **other;
    acme_ca_authority_t   *authority;

    authority = &one->ca->authority;
    other = authority->issuers.elts;

    issuer->candidate = (!one->own || one->ca->issuer_files == NULL)
                        && issuer->not_after > ngx_time();
    issuer->crl_url = one->ca->crl_url;
    issuer->crl_shards = one->ca->crl_shards;

    for (i = 0; i < authority->issuers.nelts; i++) {
        rc = acme_ca_issuer_is_same(other[i], &issuer->der);

        if (rc == NGX_OK && issuer->candidate >= other[i]->candidate
            && issuer->not_after > other[i]->not_after)
        {
            other[i] = issuer;
        }

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    other = ngx_array_push(&authority->issuers);
    if (other == NULL) {
        return NGX_ERROR;
    }

    *other = issuer;

    return NGX_OK;
}
