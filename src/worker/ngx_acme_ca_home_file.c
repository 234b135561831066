
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Files of the state folder: read, written, given to the workers.  What lies
 * there may be what a worker put there: secrets are taken from root or who
 * starts nginx only, and links are not followed.
 */


#include "ngx_acme_ca_home.h"


#define NGX_ACME_CA_MAX_PEM     (256 * 1024)


ngx_int_t
ngx_acme_ca_home_file(ngx_acme_ca_t *ca, ngx_pool_t *pool, const char *name,
    ngx_str_t *path)
{
    return acme_ca_format(pool, path, ca->authority.path.len + 64, "%V/%s",
                          &ca->authority.path, name);
}


ngx_uint_t
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

ngx_int_t
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


ngx_int_t
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


ngx_int_t
ngx_acme_ca_home_write(ngx_acme_ca_home_t *home, const char *name,
    ngx_str_t *text, mode_t mode)
{
    ngx_str_t  path;

    if (ngx_acme_ca_home_file(home->ca, home->pool, name, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_acme_ca_home_put(home, &path, text, mode);
}


ngx_int_t
ngx_acme_ca_home_put(ngx_acme_ca_home_t *home, ngx_str_t *path,
    ngx_str_t *text, mode_t mode)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;
    ngx_str_t  temp;

    if (acme_ca_format(home->pool, &temp, path->len + 8, "%s.new",
                       path->data)
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
        && ngx_rename_file(temp.data, path->data) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, home->log, ngx_errno,
                      ngx_rename_file_n " \"%s\" failed", temp.data);
        rc = NGX_ERROR;
    }

    return rc;
}


ngx_int_t
ngx_acme_ca_home_sync(ngx_acme_ca_home_t *home, const char *name)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;
    ngx_str_t  path;

    if (ngx_acme_ca_home_file(home->ca, home->pool, name, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    rc = (fsync(fd) == -1) ? NGX_ERROR : NGX_OK;

    (void) ngx_close_file(fd);

    return rc;
}


ngx_int_t
ngx_acme_ca_home_chown(ngx_acme_ca_home_t *home, const char *suffix)
{
    ngx_str_t  path;

    if (!home->chown) {
        return NGX_OK;
    }

    if (acme_ca_format(home->pool, &path, home->ca->authority.path.len + 32,
                       "%V%s", &home->ca->authority.path, suffix)
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
