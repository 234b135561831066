
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The issuers of an authority whose keys are here.
 */


#include "acme_ca_issuer.h"


/* seconds that clocks differ by */
#define ACME_CA_ISSUER_SKEW  60


acme_ca_issuer_t *
acme_ca_issuer_find(const acme_ca_authority_t *authority, int64_t id)
{
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;

    issuer = authority->issuers.elts;

    for (i = 0; i < authority->issuers.nelts; i++) {
        if (issuer[i]->id == id) {
            return issuer[i];
        }
    }

    return NULL;
}


/* RFC 5280, 3.3: an entry stays for one CRL after its certificate's end */

ngx_uint_t
acme_ca_issuer_is_done(const acme_ca_issuer_t *issuer, time_t now,
    time_t crl_lifetime)
{
    if (issuer->not_after <= now) {
        return 1;
    }

    return (issuer->state == ACME_CA_ISSUER_RETIRED
            || issuer->state == ACME_CA_ISSUER_COMPROMISED)
           && now - crl_lifetime > issuer->signs_until;
}


/* a new one would be no older than its issuer */

time_t
acme_ca_issuer_renew_at(const acme_ca_issuer_t *issuer, time_t not_before,
    time_t not_after, time_t now)
{
    if (issuer != NULL
        && not_before > ngx_max(now, issuer->not_before) + ACME_CA_ISSUER_SKEW)
    {
        return 0;
    }

    return not_after - (not_after - not_before) / 3;
}
