
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Terms of service that changed (RFC 8555, 7.3.3).  When the operator says so,
 * an account that agreed before the change gets no new orders until it agrees
 * again; all that it began goes on, and it may revoke.  An address that was
 * only written otherwise stops nobody: the date does.
 */


#include "acme_ca_terms.h"


ngx_int_t
acme_ca_terms_gate(acme_ca_exchange_t *x)
{
    ngx_int_t                   rc;
    const acme_ca_authority_t  *authority;

    authority = x->authority;

    if (authority->terms_changed_at == 0
        || x->account->terms_agreed_at >= authority->terms_changed_at
        || x->ctx.now < authority->terms_changed_at + authority->terms_grace)
    {
        return NGX_OK;
    }

    rc = acme_ca_refuse(&x->ctx, ACME_CA_USER_ACTION_REQUIRED,
                        "the terms of service have changed: read \"%V\", then "
                        "update the account with \"termsOfServiceAgreed\"",
                        &authority->terms_of_service);

    if (rc == NGX_ABORT) {
        x->ctx.problem->instance = authority->terms_of_service;
    }

    return rc;
}


/* of an update, 7.3.2; it is ignored as long as nobody has to agree */

ngx_uint_t
acme_ca_terms_agree(acme_ca_exchange_t *x)
{
    if (x->account->terms_agreed_at >= x->authority->terms_changed_at
        || !acme_ca_json_true(x->payload, "termsOfServiceAgreed"))
    {
        return 0;
    }

    x->account->terms_agreed_at = x->ctx.now;

    return 1;
}
