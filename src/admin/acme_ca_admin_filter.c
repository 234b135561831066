
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Filters that are words of a list.  One that is of no list would find nothing,
 * which is not what whoever misspelt it wants to know.
 */


#include "acme_ca_admin_private.h"


typedef struct {
    ngx_str_t    path;
    ngx_str_t    name;
    const char  *words;
    ngx_uint_t   several;      /* any of them, separated by blanks */
} acme_ca_admin_filter_t;


static ngx_uint_t acme_ca_admin_filter_takes(
    const acme_ca_admin_filter_t *filter, const ngx_str_t *value);


static const acme_ca_admin_filter_t  acme_ca_admin_filters[] = {
    { ngx_string("accounts"), ngx_string("status"),
      "valid deactivated revoked", 0 },
    { ngx_string("orders"), ngx_string("status"),
      "pending ready processing valid invalid", 0 },
    { ngx_string("authorizations"), ngx_string("status"),
      "pending valid invalid deactivated expired revoked", 0 },
    { ngx_string("certificates"), ngx_string("status"),
      "valid revoked expired unknown held", 1 },
    { ngx_string("certificates"), ngx_string("category"),
      "ca user service device internal", 0 },
    { ngx_string("certificates"), ngx_string("radar"),
      "late expiring not-fetched", 0 },
    { ngx_string("audit"), ngx_string("outcome"),
      "done refused failed", 0 },
    { ngx_string("audit"), ngx_string("actor"),
      "account client server operator", 0 },
    { ngx_string("jobs"), ngx_string("kind"),
      "test-challenge issue done", 0 },
    { ngx_null_string, ngx_null_string, NULL, 0 }
};


ngx_int_t
acme_ca_admin_filter(acme_ca_admin_t *a, const acme_ca_admin_arg_t *arg)
{
    const acme_ca_admin_filter_t  *filter;

    for (filter = acme_ca_admin_filters; filter->path.len; filter++) {

        if (acme_ca_str_eq(&a->route->path, &filter->path)
            && acme_ca_str_eq(&arg->name, &filter->name)
            && !acme_ca_admin_filter_takes(filter, &arg->value))
        {
            return acme_ca_admin_refuse(a, 400, "\"%V\" is to be %s: %s",
                                        &filter->name,
                                        filter->several ? "some of these words"
                                                        : "one of these words",
                                        filter->words);
        }
    }

    return NGX_OK;
}


static ngx_uint_t
acme_ca_admin_filter_takes(const acme_ca_admin_filter_t *filter,
    const ngx_str_t *value)
{
    u_char      *p, *last, *end;
    ngx_str_t    word;
    ngx_uint_t   many;

    last = value->data + value->len;

    for (p = value->data; /* void */ ; p = end + 1) {
        end = filter->several ? ngx_strlchr(p, last, ' ') : NULL;

        word.data = p;
        word.len = (end ? end : last) - p;

        if (!acme_ca_admin_has(filter->words, &word, &many)) {
            return 0;
        }

        if (end == NULL) {
            return 1;
        }
    }
}
