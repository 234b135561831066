
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The document that describes all of this (OpenAPI 3.1): openapi.json, as it
 * stands beside this file.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_openapi.h"


ngx_int_t
acme_ca_admin_openapi(acme_ca_admin_t *a)
{
    a->reply.status = 200;
    a->reply.content_type = "application/json";
    a->reply.body.data = (u_char *) acme_ca_openapi;
    a->reply.body.len = sizeof(acme_ca_openapi) - 1;

    return NGX_OK;
}
