
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What others need to trust an authority: its root, the issuer and the chain in
 * several forms, and a page that says what to do with them.
 */


#ifndef _ACME_CA_TRUST_H_INCLUDED_
#define _ACME_CA_TRUST_H_INCLUDED_


#include "acme_ca_authority.h"


typedef struct {
    const char  *type;
    ngx_str_t    body;
} acme_ca_trust_t;


/*
 * The file of that name, "" being the page.  NGX_OK, NGX_DECLINED (there is no
 * such file) or NGX_ERROR.
 */
ngx_int_t acme_ca_trust_get(ngx_pool_t *pool,
    const acme_ca_authority_t *authority, const ngx_str_t *name,
    acme_ca_trust_t *file);


#endif /* _ACME_CA_TRUST_H_INCLUDED_ */
