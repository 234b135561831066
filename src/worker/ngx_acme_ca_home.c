
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The state folder, the master's part of the life of an authority:
 *
 *     PATH/                 0700, the worker user's: SQLite needs the folder
 *     PATH/ca.db            0600, the worker user's
 *     PATH/root.pem         certificate, for the clients to trust
 *     PATH/root.key         0600, of who starts nginx: workers never see it
 *     PATH/issuer.pem       the intermediate certificate
 *     PATH/issuer.key       0600, of who starts nginx: read before the fork
 *
 * check() is what nginx -t runs: it reads and changes nothing.  prepare() makes
 * what is missing.  A file is written beside its place, synced and renamed, so
 * that a crash leaves no half a key.
 */


#include "ngx_acme_ca.h"


#define NGX_ACME_CA_ROOT_PEM    "root.pem"
#define NGX_ACME_CA_ROOT_KEY    "root.key"
#define NGX_ACME_CA_ISSUER_PEM  "issuer.pem"
#define NGX_ACME_CA_ISSUER_KEY  "issuer.key"

#define NGX_ACME_CA_MAX_PEM     (256 * 1024)


typedef struct {
    ngx_cycle_t    *cycle;
    ngx_acme_ca_t  *ca;
    ngx_pool_t     *pool;      /* of this preparation only */
    ngx_log_t      *log;
    ngx_uid_t       uid;       /* that workers run as */
    ngx_gid_t       gid;
    unsigned        chown:1;   /* the workers are somebody else */
} ngx_acme_ca_home_t;


static ngx_int_t ngx_acme_ca_home_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);
static ngx_int_t ngx_acme_ca_home_file(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    const char *name, ngx_str_t *path);
static ngx_uint_t ngx_acme_ca_home_has(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    const char *name);
static ngx_int_t ngx_acme_ca_home_owner(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_folder(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_hierarchy(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_write(ngx_acme_ca_home_t *home,
    const char *name, ngx_str_t *text, mode_t mode);
static ngx_int_t ngx_acme_ca_home_sync(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_database(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_chown(ngx_acme_ca_home_t *home,
    const char *suffix);


char *
ngx_acme_ca_home_check(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_int_t  rc;
    ngx_str_t  error;

    ngx_str_null(&error);

    rc = ngx_acme_ca_home_load(ca, cf->temp_pool, &error);

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = acme_ca_store_check(cf->temp_pool, &ca->authority.database,
                                 &error);
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "acme_ca authority \"%V\": %V in %s:%ui",
                      &ca->authority.name, &error, ca->file_name, ca->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_acme_ca_home_prepare(ngx_cycle_t *cycle, ngx_acme_ca_t *ca)
{
    ngx_int_t           rc;
    ngx_str_t           error;
    ngx_acme_ca_home_t  home;

    ngx_memzero(&home, sizeof(ngx_acme_ca_home_t));
    ngx_str_null(&error);

    home.cycle = cycle;
    home.ca = ca;
    home.log = cycle->log;

    home.pool = ngx_create_pool(4096, cycle->log);
    if (home.pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_home_owner(&home);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_folder(&home);
    }

    if (rc == NGX_OK && ca->authority.issuer == NULL) {
        rc = ngx_acme_ca_home_hierarchy(&home);

        if (rc == NGX_OK
            && ngx_acme_ca_home_load(ca, home.pool, &error) != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "acme_ca authority \"%V\": %V",
                          &ca->authority.name, &error);
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_database(&home);
    }

    ngx_destroy_pool(home.pool);

    ca->ready = (rc == NGX_OK);

    return rc;
}


/*
 * Reads the issuer's certificates and key.  NGX_DECLINED: there are none yet.
 * The issuer lives in the configuration's pool.
 */

static ngx_int_t
ngx_acme_ca_home_load(ngx_acme_ca_t *ca, ngx_pool_t *temp, ngx_str_t *error)
{
    EVP_PKEY   *key;
    ngx_int_t   rc;
    ngx_str_t   certificate, private_key, own, root, pem, file, reason;

    certificate = ca->issuer_certificate;
    private_key = ca->issuer_key;

    if (certificate.len == 0) {

        if (!ngx_acme_ca_home_has(ca, temp, NGX_ACME_CA_ISSUER_PEM)) {
            return NGX_DECLINED;
        }

        if (ngx_acme_ca_home_file(ca, temp, NGX_ACME_CA_ISSUER_PEM,
                                  &certificate)
            != NGX_OK
            || ngx_acme_ca_home_file(ca, temp, NGX_ACME_CA_ISSUER_KEY,
                                     &private_key)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* whoever owns the folder could put a key of his own there */

        if (ngx_acme_ca_home_read(temp, &private_key, 1, &pem, error)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_acme_ca_home_read(temp, &certificate, 0, &own, error) != NGX_OK) {
        return NGX_ERROR;
    }

    pem = own;
    file = certificate;

    if (ca->issuer_certificate.len == 0) {

        /* the chain of our own hierarchy: its root is told, not served */

        if (ngx_acme_ca_home_file(ca, temp, NGX_ACME_CA_ROOT_PEM, &certificate)
            != NGX_OK
            || ngx_acme_ca_home_read(temp, &certificate, 0, &root, error)
               != NGX_OK
            || acme_ca_format(temp, &pem, own.len + root.len + 1, "%V%V",
                              &own, &root)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    key = acme_ca_key_load(temp, &private_key, error);
    if (key == NULL) {
        return NGX_ERROR;
    }

    ngx_str_null(&reason);

    rc = acme_ca_issuer_load(ca->pool, &pem, key, ngx_time(),
                             &ca->authority.issuer, &reason);

    EVP_PKEY_free(key);

    if (rc != NGX_OK
        && acme_ca_format(temp, error, file.len + reason.len + 16,
                          "issuer \"%s\": %V", file.data, &reason)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (rc == NGX_OK) ? ngx_acme_ca_alternate_load(ca, temp, error)
                          : NGX_ERROR;
}


static ngx_int_t
ngx_acme_ca_home_file(ngx_acme_ca_t *ca, ngx_pool_t *pool, const char *name,
    ngx_str_t *path)
{
    return acme_ca_format(pool, path, ca->authority.path.len + 64, "%V/%s%Z",
                          &ca->authority.path, name);
}


static ngx_uint_t
ngx_acme_ca_home_has(ngx_acme_ca_t *ca, ngx_pool_t *pool, const char *name)
{
    ngx_str_t        path;
    ngx_file_info_t  fi;

    return ngx_acme_ca_home_file(ca, pool, name, &path) == NGX_OK
           && ngx_file_info(path.data, &fi) != NGX_FILE_ERROR;
}


/*
 * A secret is a file that nobody but root and who runs this may change or
 * read: what a worker put in its place is not taken.
 */

ngx_int_t
ngx_acme_ca_home_read(ngx_pool_t *pool, ngx_str_t *path, ngx_uint_t secret,
    ngx_str_t *text, ngx_str_t *error)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_int_t        rc;
    const char      *fault;
    ngx_file_info_t  fi;

    rc = NGX_ERROR;
    fault = NULL;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        (void) acme_ca_format(pool, error, path->len + 128,
                              "cannot open \"%s\": %s", path->data,
                              strerror(ngx_errno));
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        fault = "cannot be examined";

    } else if (!S_ISREG(fi.st_mode) || fi.st_size == 0
               || fi.st_size > NGX_ACME_CA_MAX_PEM)
    {
        fault = "is no file of certificates or keys";

    } else if (secret
               && ((fi.st_uid != geteuid() && fi.st_uid != 0)
                   || (fi.st_mode & 077) != 0))
    {
        fault = "must belong to the user that starts nginx, with mode 0600";

    } else {
        text->data = ngx_pnalloc(pool, fi.st_size + 1);

        if (text->data != NULL) {
            n = ngx_read_fd(fd, text->data, fi.st_size);

            if (n == (ssize_t) fi.st_size) {
                text->len = n;
                text->data[n] = '\0';
                rc = NGX_OK;

            } else {
                fault = "cannot be read";
            }
        }
    }

    if (fault != NULL) {
        (void) acme_ca_format(pool, error, path->len + 128, "\"%s\" %s",
                              path->data, fault);
    }

    (void) ngx_close_file(fd);

    return rc;
}


/* the user of the workers; at a reload "user" may not be resolved yet */

static ngx_int_t
ngx_acme_ca_home_owner(ngx_acme_ca_home_t *home)
{
    struct passwd    *pwd;
    ngx_core_conf_t  *ccf;

    if (geteuid() != 0) {
        return NGX_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(home->cycle->conf_ctx,
                                           ngx_core_module);

    home->uid = (ngx_uid_t) ccf->user;
    home->gid = (ngx_gid_t) ccf->group;

    if (ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT) {

        pwd = getpwnam(NGX_USER);
        if (pwd == NULL) {
            ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                          "getpwnam(\"" NGX_USER "\") failed");
            return NGX_ERROR;
        }

        home->uid = pwd->pw_uid;
        home->gid = pwd->pw_gid;
    }

    home->chown = (home->uid != 0);

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_home_folder(ngx_acme_ca_home_t *home)
{
    ngx_err_t   err;
    ngx_str_t  *path;

    path = &home->ca->authority.path;

    err = ngx_create_full_path(path->data, 0755);
    if (err != 0) {
        ngx_log_error(NGX_LOG_EMERG, home->log, err,
                      "acme_ca authority \"%V\": cannot create a folder above "
                      "\"%s\"", &home->ca->authority.name, path->data);
        return NGX_ERROR;
    }

    if (ngx_create_dir(path->data, 0700) == NGX_FILE_ERROR
        && ngx_errno != NGX_EEXIST)
    {
        ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                      "acme_ca authority \"%V\": " ngx_create_dir_n
                      " \"%s\" failed", &home->ca->authority.name,
                      path->data);
        return NGX_ERROR;
    }

    return ngx_acme_ca_home_chown(home, "");
}


/*
 * The key of the intermediate is the last to be written, the certificate that
 * home_has() asks for the very last: what a crash left half is made anew.
 */

static ngx_int_t
ngx_acme_ca_home_hierarchy(ngx_acme_ca_home_t *home)
{
    acme_ca_ctx_t        ctx;
    acme_ca_hierarchy_t  hierarchy;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = home->pool;
    ctx.log = home->log;
    ctx.now = ngx_time();

    if (acme_ca_hierarchy_new(&ctx, &home->ca->authority.name, &hierarchy)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_acme_ca_home_write(home, NGX_ACME_CA_ROOT_KEY,
                               &hierarchy.root_key, 0600)
        != NGX_OK
        || ngx_acme_ca_home_write(home, NGX_ACME_CA_ROOT_PEM,
                                  &hierarchy.root_certificate, 0644)
           != NGX_OK
        || ngx_acme_ca_home_write(home, NGX_ACME_CA_ISSUER_KEY,
                                  &hierarchy.key, 0600)
           != NGX_OK
        || ngx_acme_ca_home_write(home, NGX_ACME_CA_ISSUER_PEM,
                                  &hierarchy.certificate, 0644)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, home->log, 0,
                  "acme_ca authority \"%V\": made a new CA in \"%V\"",
                  &home->ca->authority.name, &home->ca->authority.path);

    return ngx_acme_ca_home_sync(home);
}


static ngx_int_t
ngx_acme_ca_home_write(ngx_acme_ca_home_t *home, const char *name,
    ngx_str_t *text, mode_t mode)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;
    ngx_str_t  path, temp;

    if (ngx_acme_ca_home_file(home->ca, home->pool, name, &path) != NGX_OK
        || acme_ca_format(home->pool, &temp, path.len + 8, "%s.new%Z",
                          path.data)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a link that somebody laid there is not followed */

    (void) ngx_delete_file(temp.data);

    fd = open((const char *) temp.data, O_WRONLY|O_CREAT|O_EXCL, mode);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                      "cannot create \"%s\"", temp.data);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (ngx_write_fd(fd, text->data, text->len) != (ssize_t) text->len
        || fchmod(fd, mode) == -1
        || fsync(fd) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                      "cannot write \"%s\"", temp.data);
        rc = NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    if (rc == NGX_OK
        && ngx_rename_file(temp.data, path.data) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                      ngx_rename_file_n " \"%s\" failed", temp.data);
        rc = NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_acme_ca_home_sync(ngx_acme_ca_home_t *home)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    fd = ngx_open_file(home->ca->authority.path.data, NGX_FILE_RDONLY,
                       NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    rc = (fsync(fd) == -1) ? NGX_ERROR : NGX_OK;

    (void) ngx_close_file(fd);

    return rc;
}


static ngx_int_t
ngx_acme_ca_home_database(ngx_acme_ca_home_t *home)
{
    time_t             now;
    ngx_int_t          rc;
    acme_ca_store_t   *store;
    acme_ca_issuer_t  *issuer;

    now = ngx_time();
    issuer = home->ca->authority.issuer;

    store = acme_ca_store_open(&home->ca->authority.database,
                               ACME_CA_STORE_MIGRATE, home->log);
    if (store == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_store_begin(store);

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_add(store, &issuer->name, &issuer->der,
                                      &issuer->chain, issuer->not_before,
                                      issuer->not_after, now, &issuer->id);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_server_issue(home->ca, store, home->pool, home->log,
                                      now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_commit(store);
    }

    if (rc != NGX_OK) {
        acme_ca_store_rollback(store);
    }

    /* -wal and -shm exist now and take the owner of the database */

    if (ngx_acme_ca_home_chown(home, "/ca.db") != NGX_OK
        || ngx_acme_ca_home_chown(home, "/ca.db-wal") != NGX_OK
        || ngx_acme_ca_home_chown(home, "/ca.db-shm") != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    acme_ca_store_close(store);

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_acme_ca_home_chown(ngx_acme_ca_home_t *home, const char *suffix)
{
    ngx_str_t  path;

    if (!home->chown) {
        return NGX_OK;
    }

    if (acme_ca_format(home->pool, &path, home->ca->authority.path.len + 32,
                       "%V%s%Z", &home->ca->authority.path, suffix)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the link itself, should a worker have laid one */

    if (lchown((const char *) path.data, home->uid, home->gid) == -1
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                      "chown(\"%s\") failed", path.data);
        return NGX_ERROR;
    }

    return NGX_OK;
}
