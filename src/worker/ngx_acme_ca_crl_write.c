
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Makes the files of one CRL: entries from the database, signature, DER and
 * PEM.  Runs on a thread of the pool, or in the master at start; touches
 * nothing of nginx but the pool that it was given.
 */


#include "ngx_acme_ca_crl.h"


#define NGX_ACME_CA_CRL_BACKDATE  3600
#define NGX_ACME_CA_CRL_CHUNK     65536

#define NGX_ACME_CA_CRL_END       "-----END X509 CRL-----\n"
#define NGX_ACME_CA_CRL_LINE      48       /* bytes that make 64 characters */
#define NGX_ACME_CA_CRL_LINE_LEN  65


typedef ngx_int_t (*ngx_acme_ca_crl_form_pt)(ngx_fd_t fd,
    const ngx_str_t *der);


static ngx_int_t ngx_acme_ca_crl_collect(ngx_acme_ca_crl_make_t *make,
    acme_ca_store_t *store, acme_ca_crl_list_t *list);
static ngx_int_t ngx_acme_ca_crl_entry(void *data,
    const acme_ca_revoked_t *entry);
static ngx_int_t ngx_acme_ca_crl_seal(ngx_acme_ca_crl_make_t *make,
    acme_ca_crl_list_t *list);
static ngx_int_t ngx_acme_ca_crl_file(ngx_acme_ca_crl_make_t *make,
    ngx_uint_t form, const ngx_str_t *der);
static ngx_int_t ngx_acme_ca_crl_der(ngx_fd_t fd, const ngx_str_t *der);
static ngx_int_t ngx_acme_ca_crl_pem(ngx_fd_t fd, const ngx_str_t *der);


static const struct {
    const char               *suffix;
    ngx_acme_ca_crl_form_pt   write;
} ngx_acme_ca_crl_forms[NGX_ACME_CA_CRL_FORMS] = {
    { ".crl", ngx_acme_ca_crl_der },
    { ".pem", ngx_acme_ca_crl_pem }
};


void
ngx_acme_ca_crl_date(ngx_acme_ca_crl_make_t *make, time_t now, time_t lifetime)
{
    make->since = make->crl.this_update;
    make->crl.this_update = now - ngx_acme_ca_crl_backdate(lifetime);
    make->crl.next_update = now + lifetime;
}


/* a CRL is made at once after a revocation, and must not be of the future */

time_t
ngx_acme_ca_crl_backdate(time_t lifetime)
{
    return ngx_min(NGX_ACME_CA_CRL_BACKDATE, lifetime / 10);
}


ngx_int_t
ngx_acme_ca_crl_write(ngx_acme_ca_crl_make_t *make, acme_ca_store_t *store)
{
    ngx_int_t            rc;
    acme_ca_crl_list_t   list;

    ngx_memzero(&list, sizeof(acme_ca_crl_list_t));

    list.issuer = make->issuer;
    list.crl = make->crl;

    rc = ngx_acme_ca_crl_collect(make, store, &list);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_seal(make, &list);
    }

    if (rc == NGX_OK) {
        make->crl.entries = list.crl.entries;

    } else {
        ngx_acme_ca_crl_discard(make);
        rc = NGX_ERROR;
    }

    if (list.start != NULL) {
        ngx_free(list.start);
    }

    return rc;
}


/* room for some more than there are: revocations go on while it is made */

static ngx_int_t
ngx_acme_ca_crl_collect(ngx_acme_ca_crl_make_t *make, acme_ca_store_t *store,
    acme_ca_crl_list_t *list)
{
    size_t      size;
    u_char     *room;
    ngx_int_t   rc;
    ngx_uint_t  n;

    rc = acme_ca_store_crl_count_revoked(store, &make->crl, make->since, &n);
    if (rc != NGX_OK) {
        return rc;
    }

    size = acme_ca_crl_size(list, n + n / 16 + 64);

    room = ngx_alloc(size, make->log);
    if (room == NULL) {
        return NGX_ERROR;
    }

    acme_ca_crl_start(list, room, size);

    return acme_ca_store_crl_list_revoked(store, &make->crl, make->since,
                                          ngx_acme_ca_crl_entry, list);
}


static ngx_int_t
ngx_acme_ca_crl_entry(void *data, const acme_ca_revoked_t *entry)
{
    return acme_ca_crl_add(data, entry);
}


static ngx_int_t
ngx_acme_ca_crl_seal(ngx_acme_ca_crl_make_t *make, acme_ca_crl_list_t *list)
{
    ngx_str_t      der, name;
    ngx_uint_t     form;
    const char    *suffix;
    acme_ca_ctx_t  ctx;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = make->pool;
    ctx.log = make->log;

    if (acme_ca_crl_sign(&ctx, list, &der) != NGX_OK
        || acme_ca_crl_name(make->pool, make->issuer, make->crl.shards,
                            make->crl.shard, &name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (form = 0; form < NGX_ACME_CA_CRL_FORMS; form++) {
        suffix = ngx_acme_ca_crl_forms[form].suffix;

        if (ngx_acme_ca_crl_path(make->pool, &make->folder, &name, suffix,
                                 &make->places[form])
            != NGX_OK
            || acme_ca_format(make->pool, &make->written[form],
                              make->places[form].len + NGX_INT64_LEN + 8,
                              "%s.%L" NGX_ACME_CA_CRL_NEW,
                              make->places[form].data, make->crl.number)
               != NGX_OK
            || ngx_acme_ca_crl_file(make, form, &der) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_crl_file(ngx_acme_ca_crl_make_t *make, ngx_uint_t form,
    const ngx_str_t *der)
{
    u_char     *name;
    ngx_fd_t    fd;
    ngx_int_t   rc;

    name = make->written[form].data;

    (void) ngx_delete_file(name);

    fd = open((const char *) name, O_WRONLY|O_CREAT|O_EXCL, 0644);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, make->log, ngx_errno,
                      "cannot create \"%s\"", name);
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_crl_forms[form].write(fd, der);

    if (rc == NGX_OK && fsync(fd) == -1) {
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, make->log, ngx_errno,
                      "cannot write \"%s\"", name);
    }

    (void) ngx_close_file(fd);

    return rc;
}


static ngx_int_t
ngx_acme_ca_crl_der(ngx_fd_t fd, const ngx_str_t *der)
{
    return ngx_acme_ca_crl_put(fd, der->data, der->len);
}


static ngx_int_t
ngx_acme_ca_crl_pem(ngx_fd_t fd, const ngx_str_t *der)
{
    u_char  *p, buf[NGX_ACME_CA_CRL_CHUNK];
    size_t   n;

    p = ngx_cpymem(buf, NGX_ACME_CA_CRL_BEGIN,
                   sizeof(NGX_ACME_CA_CRL_BEGIN) - 1);

    for (n = 0; n < der->len; n += NGX_ACME_CA_CRL_LINE) {

        if (buf + sizeof(buf) - p < NGX_ACME_CA_CRL_LINE_LEN + 1) {

            if (ngx_acme_ca_crl_put(fd, buf, p - buf) != NGX_OK) {
                return NGX_ERROR;
            }

            p = buf;
        }

        /* the NUL that it puts behind the text is overwritten */

        p += EVP_EncodeBlock(p, der->data + n,
                             (int) ngx_min(der->len - n,
                                           NGX_ACME_CA_CRL_LINE));
        *p++ = '\n';
    }

    if (ngx_acme_ca_crl_put(fd, buf, p - buf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_acme_ca_crl_put(fd, (u_char *) NGX_ACME_CA_CRL_END,
                               sizeof(NGX_ACME_CA_CRL_END) - 1);
}


ngx_int_t
ngx_acme_ca_crl_put(ngx_fd_t fd, const u_char *p, size_t n)
{
    ssize_t  sent;

    while (n > 0) {
        sent = write(fd, p, n);

        if (sent == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (sent <= 0) {
            return NGX_ERROR;
        }

        p += sent;
        n -= sent;
    }

    return NGX_OK;
}


ngx_int_t
ngx_acme_ca_crl_publish(ngx_acme_ca_crl_make_t *make)
{
    ngx_uint_t  form;

    for (form = 0; form < NGX_ACME_CA_CRL_FORMS; form++) {

        if (ngx_rename_file(make->written[form].data, make->places[form].data)
            == NGX_FILE_ERROR)
        {
            ngx_log_error(NGX_LOG_CRIT, make->log, ngx_errno,
                          ngx_rename_file_n " \"%s\" failed",
                          make->written[form].data);
            return NGX_ERROR;
        }
    }

    return ngx_acme_ca_crl_all(make);
}


void
ngx_acme_ca_crl_discard(ngx_acme_ca_crl_make_t *make)
{
    ngx_uint_t  form;

    for (form = 0; form < NGX_ACME_CA_CRL_FORMS; form++) {
        if (make->written[form].len != 0) {
            (void) ngx_delete_file(make->written[form].data);
        }
    }
}


ngx_int_t
ngx_acme_ca_crl_path(ngx_pool_t *pool, const ngx_str_t *folder,
    const ngx_str_t *name, const char *suffix, ngx_str_t *path)
{
    return acme_ca_format(pool, path, folder->len + name->len + 64,
                          "%V/" NGX_ACME_CA_CRL_FOLDER "/%V%s", folder, name,
                          suffix);
}
