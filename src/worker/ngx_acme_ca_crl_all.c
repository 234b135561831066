
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * All full CRLs in one file, PEM, as ssl_crl of nginx and the like want it.
 * Written whenever one of them has taken its place, while the database is
 * locked for that: the last one to write it has seen all of them.
 */


#include "ngx_acme_ca_crl.h"


#define NGX_ACME_CA_CRL_CHUNK  65536


static ngx_int_t ngx_acme_ca_crl_all_write(ngx_acme_ca_crl_make_t *make,
    ngx_str_t *folder, ngx_fd_t to);
static ngx_uint_t ngx_acme_ca_crl_all_has(const u_char *name, size_t len);
static ngx_int_t ngx_acme_ca_crl_all_copy(ngx_acme_ca_crl_make_t *make,
    ngx_str_t *path, ngx_fd_t to);
static ngx_int_t ngx_acme_ca_crl_all_stream(ngx_fd_t fd, ngx_fd_t to,
    u_char *buf);


ngx_int_t
ngx_acme_ca_crl_all(ngx_acme_ca_crl_make_t *make)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;
    ngx_str_t  folder, path, temp;

    if (make->crl.shards > 1) {
        return NGX_OK;
    }

    if (acme_ca_format(make->pool, &folder, make->folder.len + 16,
                       "%V/" NGX_ACME_CA_CRL_FOLDER, &make->folder)
        != NGX_OK
        || acme_ca_format(make->pool, &path, folder.len + 16,
                          "%s/" NGX_ACME_CA_CRL_ALL, folder.data)
           != NGX_OK
        || acme_ca_format(make->pool, &temp, path.len + 8,
                          "%s" NGX_ACME_CA_CRL_NEW, path.data)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) ngx_delete_file(temp.data);

    fd = open((const char *) temp.data, O_WRONLY|O_CREAT|O_EXCL, 0644);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, make->log, ngx_errno,
                      "cannot create \"%s\"", temp.data);
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_crl_all_write(make, &folder, fd);

    if (rc == NGX_OK && fsync(fd) == -1) {
        rc = NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    if (rc != NGX_OK
        || ngx_rename_file(temp.data, path.data) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_CRIT, make->log, ngx_errno,
                      "cannot write \"%s\"", path.data);
        (void) ngx_delete_file(temp.data);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_crl_all_write(ngx_acme_ca_crl_make_t *make, ngx_str_t *folder,
    ngx_fd_t to)
{
    ngx_int_t  rc;
    ngx_dir_t  dir;
    ngx_str_t  path;

    if (ngx_open_dir(folder, &dir) == NGX_ERROR) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    while (rc == NGX_OK && ngx_read_dir(&dir) == NGX_OK) {

        if (!ngx_acme_ca_crl_all_has(ngx_de_name(&dir), ngx_de_namelen(&dir)))
        {
            continue;
        }

        rc = acme_ca_format(make->pool, &path,
                            folder->len + ngx_de_namelen(&dir) + 2, "%V/%s",
                            folder, ngx_de_name(&dir));

        if (rc == NGX_OK) {
            rc = ngx_acme_ca_crl_all_copy(make, &path, to);
        }
    }

    (void) ngx_close_dir(&dir);

    return rc;
}


/* KEYID.pem; a part has "-" in its name */

static ngx_uint_t
ngx_acme_ca_crl_all_has(const u_char *name, size_t len)
{
    size_t  i;

    if (len < sizeof("0.pem") - 1
        || ngx_memcmp(name + len - 4, ".pem", 4) != 0)
    {
        return 0;
    }

    for (i = 0; i < len - 4; i++) {
        if ((name[i] < '0' || name[i] > '9')
            && (name[i] < 'a' || name[i] > 'f'))
        {
            return 0;
        }
    }

    return 1;
}


/*
 * The folder is the workers', and this may be the master: what is no CRL, and
 * what a link leads to, is none of ours.
 */

static ngx_int_t
ngx_acme_ca_crl_all_copy(ngx_acme_ca_crl_make_t *make, ngx_str_t *path,
    ngx_fd_t to)
{
    u_char    *buf;
    ngx_fd_t   fd;
    ngx_int_t  rc;

    fd = open((const char *) path->data, O_RDONLY|O_NOFOLLOW|O_NONBLOCK);

    if (fd == NGX_INVALID_FILE) {
        return (ngx_errno == NGX_ELOOP || ngx_errno == NGX_ENOENT)
               ? NGX_OK : NGX_ERROR;
    }

    buf = ngx_alloc(NGX_ACME_CA_CRL_CHUNK, make->log);

    rc = (buf != NULL) ? ngx_acme_ca_crl_all_stream(fd, to, buf) : NGX_ERROR;

    if (buf != NULL) {
        ngx_free(buf);
    }

    (void) ngx_close_file(fd);

    return rc;
}


static ngx_int_t
ngx_acme_ca_crl_all_stream(ngx_fd_t fd, ngx_fd_t to, u_char *buf)
{
    ssize_t  n;

    n = ngx_read_fd(fd, buf, NGX_ACME_CA_CRL_CHUNK);

    if (n < (ssize_t) sizeof(NGX_ACME_CA_CRL_BEGIN) - 1
        || ngx_memcmp(buf, NGX_ACME_CA_CRL_BEGIN,
                      sizeof(NGX_ACME_CA_CRL_BEGIN) - 1)
           != 0)
    {
        return NGX_OK;
    }

    while (n > 0) {
        if (ngx_acme_ca_crl_put(to, buf, n) != NGX_OK) {
            return NGX_ERROR;
        }

        n = ngx_read_fd(fd, buf, NGX_ACME_CA_CRL_CHUNK);
    }

    return (n == 0) ? NGX_OK : NGX_ERROR;
}
