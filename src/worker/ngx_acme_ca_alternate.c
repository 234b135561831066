
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The files of "alternate_chain", read where the issuers are: each belongs to
 * the one whose subject and key it has.  One that has expired is left out: time
 * alone does not keep nginx from starting.
 */


#include "ngx_acme_ca_home.h"


static ngx_int_t ngx_acme_ca_alternate_add(ngx_acme_ca_t *ca, ngx_str_t *pem,
    ngx_str_t *reason);


ngx_int_t
ngx_acme_ca_alternate_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error)
{
    ngx_int_t   rc;
    ngx_str_t  *file, pem, reason;
    ngx_uint_t  i;

    if (ca->alternate_chains == NULL) {
        return NGX_OK;
    }

    file = ca->alternate_chains->elts;

    for (i = 0; i < ca->alternate_chains->nelts; i++) {

        if (ngx_acme_ca_home_read(temp, &file[i], 0, &pem, error) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_str_null(&reason);

        rc = ngx_acme_ca_alternate_add(ca, &pem, &reason);

        if (rc == NGX_DONE) {
            ngx_log_error(NGX_LOG_WARN, temp->log, 0,
                          "acme_ca authority \"%V\": alternate_chain \"%V\" is "
                          "left out: %V, in %s:%ui", &ca->authority.name,
                          &file[i], &reason, ca->file_name, ca->line);
            continue;
        }

        if (rc != NGX_OK) {
            (void) acme_ca_format(temp, error, file[i].len + reason.len + 32,
                                  "alternate_chain \"%V\": %V", &file[i],
                                  &reason);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acme_ca_alternate_add(ngx_acme_ca_t *ca, ngx_str_t *pem, ngx_str_t *reason)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;

    rc = NGX_DECLINED;
    issuer = ca->authority.issuers.elts;

    for (i = 0; rc == NGX_DECLINED && i < ca->authority.issuers.nelts; i++) {
        rc = acme_ca_issuer_add_chain(ca->pool, issuer[i], pem, ngx_time(),
                                      reason);
    }

    return rc;
}
