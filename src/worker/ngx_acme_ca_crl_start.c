
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The CRLs as the master leaves them at start: there is one from the first
 * day, and the root's is signed anew wherever its key is at hand.  Workers
 * never see that key, so the root's CRL lasts long.
 *
 * A CRL that cannot be made stops nothing: the workers try again, and who has
 * the last one goes on with it.
 */


#include "ngx_acme_ca_crl.h"


#define NGX_ACME_CA_CRL_WARN  (30 * 86400)


typedef struct {
    ngx_acme_ca_t    *ca;
    acme_ca_store_t  *store;
    ngx_pool_t       *pool;
    ngx_log_t        *log;
    ngx_uid_t         uid;
    ngx_gid_t         gid;
    time_t            now;
} ngx_acme_ca_crl_start_t;


static void ngx_acme_ca_crl_warn(ngx_acme_ca_crl_start_t *s);
static ngx_int_t ngx_acme_ca_crl_folder(ngx_acme_ca_crl_start_t *s);
static void ngx_acme_ca_crl_sweep(ngx_acme_ca_crl_start_t *s, ngx_str_t *path);
static ngx_int_t ngx_acme_ca_crl_owner(ngx_acme_ca_crl_start_t *s,
    ngx_str_t *path);
static ngx_int_t ngx_acme_ca_crl_issuers(ngx_acme_ca_crl_start_t *s);
static ngx_int_t ngx_acme_ca_crl_issuer(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer);
static ngx_int_t ngx_acme_ca_crl_parts(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer);
static ngx_int_t ngx_acme_ca_crl_part(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer, const acme_ca_crl_t *part);
static ngx_int_t ngx_acme_ca_crl_absent(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer, const acme_ca_crl_t *crl);
static ngx_int_t ngx_acme_ca_crl_root(ngx_acme_ca_crl_start_t *s);
static ngx_int_t ngx_acme_ca_crl_root_load(ngx_acme_ca_crl_start_t *s,
    ngx_str_t *pem, ngx_str_t *path, acme_ca_issuer_t **root);
static ngx_int_t ngx_acme_ca_crl_make(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer, acme_ca_crl_t *crl, time_t lifetime,
    time_t overlap);
static ngx_int_t ngx_acme_ca_crl_place(ngx_acme_ca_crl_start_t *s,
    ngx_acme_ca_crl_make_t *make, time_t due_at);


ngx_int_t
ngx_acme_ca_crl_start(ngx_acme_ca_t *ca, ngx_pool_t *pool, ngx_log_t *log,
    ngx_uid_t uid, ngx_gid_t gid)
{
    ngx_int_t                rc;
    ngx_acme_ca_crl_start_t  s;

    ngx_memzero(&s, sizeof(ngx_acme_ca_crl_start_t));

    s.ca = ca;
    s.pool = pool;
    s.log = log;
    s.uid = uid;
    s.gid = gid;
    s.now = ngx_time();

    if (ngx_acme_ca_crl_folder(&s) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what the master writes is chained by the workers, who tell audit_log */

    s.store = acme_ca_store_open(&ca->authority.database,
                                 ACME_CA_STORE_MIGRATE, log);
    if (s.store == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_crl_issuers(&s);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_root(&s);
    }

    ngx_acme_ca_crl_warn(&s);

    acme_ca_store_close(s.store);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acme_ca authority \"%V\": a CRL could not be made",
                      &ca->authority.name);
    }

    return NGX_OK;
}


/* the root's, when its key was brought elsewhere */

static void
ngx_acme_ca_crl_warn(ngx_acme_ca_crl_start_t *s)
{
    time_t     end;
    ngx_str_t  name;

    if (acme_ca_store_crl_find_ending(s->store, s->pool,
                                      s->now + NGX_ACME_CA_CRL_WARN, &name,
                                      &end)
        != NGX_OK)
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, s->log, 0,
                  "acme_ca authority \"%V\": the CRL of \"%V\" %s: put its key "
                  "back into \"%V\" and reload nginx",
                  &s->ca->authority.name, &name,
                  (end <= s->now) ? "has ended"
                                  : "ends within 30 days",
                  &s->ca->authority.path);
}


static ngx_int_t
ngx_acme_ca_crl_folder(ngx_acme_ca_crl_start_t *s)
{
    ngx_str_t  path;

    if (acme_ca_format(s->pool, &path, s->ca->authority.path.len + 16,
                       "%V/" NGX_ACME_CA_CRL_FOLDER,
                       &s->ca->authority.path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_create_dir(path.data, 0700) == NGX_FILE_ERROR
        && ngx_errno != NGX_EEXIST)
    {
        ngx_log_error(NGX_LOG_EMERG, s->log, ngx_errno,
                      ngx_create_dir_n " \"%s\" failed", path.data);
        return NGX_ERROR;
    }

    ngx_acme_ca_crl_sweep(s, &path);

    return ngx_acme_ca_crl_owner(s, &path);
}


/* what a crash left half, but nothing that a worker may be writing now */

static void
ngx_acme_ca_crl_sweep(ngx_acme_ca_crl_start_t *s, ngx_str_t *path)
{
    size_t      len, n;
    ngx_str_t   file;
    ngx_dir_t   dir;

    n = sizeof(NGX_ACME_CA_CRL_NEW) - 1;

    if (ngx_open_dir(path, &dir) == NGX_ERROR) {
        return;
    }

    while (ngx_read_dir(&dir) == NGX_OK) {
        len = ngx_de_namelen(&dir);

        if (len > n
            && ngx_strcmp(ngx_de_name(&dir) + len - n, NGX_ACME_CA_CRL_NEW)
               == 0
            && acme_ca_format(s->pool, &file, path->len + len + 2, "%V/%s",
                              path, ngx_de_name(&dir))
               == NGX_OK
            && ngx_de_info(file.data, &dir) != NGX_FILE_ERROR
            && ngx_de_mtime(&dir) + NGX_ACME_CA_CRL_LEASE < s->now)
        {
            (void) ngx_delete_file(file.data);
        }
    }

    (void) ngx_close_dir(&dir);
}


static ngx_int_t
ngx_acme_ca_crl_owner(ngx_acme_ca_crl_start_t *s, ngx_str_t *path)
{
    if (s->uid == (ngx_uid_t) -1) {
        return NGX_OK;
    }

    /* the link itself, should a worker have laid one */

    if (lchown((const char *) path->data, s->uid, s->gid) == -1) {
        ngx_log_error(NGX_LOG_EMERG, s->log, ngx_errno,
                      "chown(\"%s\") failed", path->data);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_crl_issuers(ngx_acme_ca_crl_start_t *s)
{
    ngx_int_t           rc, one;
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;

    rc = NGX_OK;
    issuer = s->ca->authority.issuers.elts;

    for (i = 0; i < s->ca->authority.issuers.nelts; i++) {

        if (acme_ca_issuer_is_done(issuer[i], s->now, s->ca->crl_lifetime)) {
            continue;
        }

        one = ngx_acme_ca_crl_issuer(s, issuer[i]);

        if (one != NGX_OK) {
            rc = one;
        }
    }

    return rc;
}


/* all rows, and the full one if it is not there; the workers make the parts */

static ngx_int_t
ngx_acme_ca_crl_issuer(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer)
{
    ngx_int_t      rc;
    acme_ca_crl_t  crl;

    if (!issuer->crl_sign) {
        ngx_log_error(NGX_LOG_WARN, s->log, 0,
                      "acme_ca authority \"%V\": the key usage of the issuer "
                      "\"%V\" lacks cRLSign: there will be no CRL",
                      &s->ca->authority.name, &issuer->name);
        return NGX_OK;
    }

    rc = acme_ca_store_crl_add(s->store, issuer->id, 1, 0, NULL);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_parts(s, issuer);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_crl_find(s->store, issuer->id, 1, 0, &crl);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_absent(s, issuer, &crl);
    }

    return (rc == NGX_OK)
           ? ngx_acme_ca_crl_make(s, issuer, &crl, s->ca->crl_lifetime,
                                  s->ca->crl_overlap)
           : (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/* without an URL no certificate can name one */

static ngx_int_t
ngx_acme_ca_crl_parts(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer)
{
    ngx_int_t      rc;
    ngx_str_t      url;
    acme_ca_crl_t  crl;

    if (issuer->crl_shards <= 1 || issuer->crl_url.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&crl, sizeof(acme_ca_crl_t));

    crl.shards = issuer->crl_shards;

    for (crl.shard = 0; crl.shard < crl.shards; crl.shard++) {

        rc = acme_ca_crl_part_url(s->pool, issuer, &crl, &url);

        if (rc == NGX_OK) {
            rc = acme_ca_store_crl_add(s->store, issuer->id, crl.shards,
                                       crl.shard, &url);
        }

        if (rc == NGX_OK) {
            rc = ngx_acme_ca_crl_part(s, issuer, &crl);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* a backup that was restored elsewhere has no files of CRLs */

static ngx_int_t
ngx_acme_ca_crl_part(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer, const acme_ca_crl_t *part)
{
    ngx_int_t      rc;
    acme_ca_crl_t  crl;

    rc = acme_ca_store_crl_find(s->store, issuer->id, part->shards,
                                part->shard, &crl);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_absent(s, issuer, &crl);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_crl_set_due(s->store, &crl, 0);
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/* NGX_DECLINED: its file is there */

static ngx_int_t
ngx_acme_ca_crl_absent(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer, const acme_ca_crl_t *crl)
{
    ngx_str_t        name, path;
    ngx_file_info_t  fi;

    if (acme_ca_crl_name(s->pool, issuer, crl->shards, crl->shard, &name)
        != NGX_OK
        || ngx_acme_ca_crl_path(s->pool, &s->ca->authority.path, &name, ".crl",
                                &path)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (crl->this_update != 0
            && ngx_file_info(path.data, &fi) != NGX_FILE_ERROR)
           ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_acme_ca_crl_root(ngx_acme_ca_crl_start_t *s)
{
    ngx_int_t          rc;
    ngx_str_t          pem, path, error;
    acme_ca_crl_t      crl;
    acme_ca_ctx_t      ctx;
    acme_ca_issuer_t  *root;

    if (s->ca->issuer_files != NULL) {
        return NGX_OK;
    }

    ngx_str_null(&error);

    if (acme_ca_format(s->pool, &path, s->ca->authority.path.len + 16,
                       "%V/" NGX_ACME_CA_ROOT_PEM,
                       &s->ca->authority.path)
        != NGX_OK
        || ngx_acme_ca_home_read(s->pool, &path, 0, &pem, &error) != NGX_OK
        || acme_ca_format(s->pool, &path, s->ca->authority.path.len + 16,
                          "%V/" NGX_ACME_CA_ROOT_KEY,
                          &s->ca->authority.path)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_crl_root_load(s, &pem, &path, &root);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_row(s->store, s->pool, root, s->now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_crl_add(s->store, root->id, 1, 0, NULL);
    }

    if (rc == NGX_OK) {
        ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

        ctx.pool = s->pool;
        ctx.log = s->log;
        ctx.now = s->now;

        rc = ngx_acme_ca_crl_revoke(&ctx, s->store, root);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_crl_find(s->store, root->id, 1, 0, &crl);
    }

    return (rc == NGX_OK)
           ? ngx_acme_ca_crl_make(s, root, &crl, s->ca->crl_root_lifetime, 0)
           : (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/* NGX_DECLINED: its key is elsewhere.  It leaves with the pool */

static ngx_int_t
ngx_acme_ca_crl_root_load(ngx_acme_ca_crl_start_t *s, ngx_str_t *pem,
    ngx_str_t *path, acme_ca_issuer_t **root)
{
    EVP_PKEY         *key;
    ngx_int_t         rc;
    ngx_str_t         text, error;
    ngx_file_info_t   fi;

    if (ngx_file_info(path->data, &fi) == NGX_FILE_ERROR) {
        return NGX_DECLINED;
    }

    ngx_str_null(&error);

    key = NULL;

    if (ngx_acme_ca_home_read(s->pool, path, 1, &text, &error) == NGX_OK) {
        key = acme_ca_key_load(s->pool, path, s->ca->issuer_passwords, &error);
    }

    rc = NGX_ERROR;

    if (key != NULL) {
        rc = acme_ca_issuer_load(s->pool, pem, key, s->now, root, &error);
        EVP_PKEY_free(key);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, s->log, 0,
                      "acme_ca authority \"%V\": root: %V",
                      &s->ca->authority.name, &error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what the workers do in turns; here the files change their owner, too */

static ngx_int_t
ngx_acme_ca_crl_make(ngx_acme_ca_crl_start_t *s,
    const acme_ca_issuer_t *issuer, acme_ca_crl_t *crl, time_t lifetime,
    time_t overlap)
{
    ngx_int_t               rc;
    ngx_uint_t              form;
    ngx_acme_ca_crl_make_t  make;

    rc = acme_ca_store_crl_set_due(s->store, crl, s->now);

    if (rc == NGX_OK) {
        rc = acme_ca_store_crl_claim(s->store, s->pool, crl, s->now, s->now);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&make, sizeof(ngx_acme_ca_crl_make_t));

    make.issuer = issuer;
    make.crl = *crl;
    make.folder = s->ca->authority.path;
    make.pool = s->pool;
    make.log = s->log;

    ngx_acme_ca_crl_date(&make, s->now, lifetime);

    rc = ngx_acme_ca_crl_write(&make, s->store);

    for (form = 0; rc == NGX_OK && form < NGX_ACME_CA_CRL_FORMS; form++) {
        rc = ngx_acme_ca_crl_owner(s, &make.written[form]);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_place(s, &make, make.crl.next_update - overlap);
    }

    if (rc != NGX_OK) {
        ngx_acme_ca_crl_discard(&make);
    }

    return rc;
}


/*
 * While the database is locked for it, as the workers do: those of before a
 * reload may be writing the same file of all CRLs.
 */

static ngx_int_t
ngx_acme_ca_crl_place(ngx_acme_ca_crl_start_t *s, ngx_acme_ca_crl_make_t *make,
    time_t due_at)
{
    ngx_int_t  rc;

    rc = acme_ca_store_begin(s->store);

    if (rc == NGX_OK) {
        rc = acme_ca_store_crl_set_made(s->store, &make->crl, due_at);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_note(make, s->store, s->now);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_publish(make);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_commit(s->store);
    }

    if (rc != NGX_OK) {
        acme_ca_store_rollback(s->store);
    }

    return rc;
}
