
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The files of "alternate_chain", read where the issuer is.
 */


#include "ngx_acme_ca.h"


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

        rc = acme_ca_issuer_add_chain(ca->pool, ca->authority.issuer, &pem,
                                      ngx_time(), &reason);

        if (rc != NGX_OK) {
            (void) acme_ca_format(temp, error, file[i].len + reason.len + 32,
                                  "alternate_chain \"%V\": %V", &file[i],
                                  &reason);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
