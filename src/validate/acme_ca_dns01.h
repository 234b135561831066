
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Challenges by a TXT record: dns-01 (RFC 8555, 8.4), dns-account-01
 * (draft-ietf-acme-dns-account-label), dns-persist-01
 * (draft-ietf-acme-dns-persist).  Which name to ask, whether the records are
 * right.  Details never hold a byte of a record.
 */


#ifndef _ACME_CA_DNS01_H_INCLUDED_
#define _ACME_CA_DNS01_H_INCLUDED_


#include "acme_ca_dns_message.h"
#include "acme_ca_objects.h"
#include "acme_ca_problem.h"


/* a proof by a record that is to stay is good for the record's TTL.  With less
   than this the order at hand can be finalized, and no other leans on it */
#define ACME_CA_DNS_PERSIST_REUSE  300           /* seconds */


/*
 * The name to ask for the job's challenge; a wildcard's is that of its base.
 * NGX_ABORT: there can be no such name (dns).
 */
ngx_int_t acme_ca_dns01_name(acme_ca_ctx_t *ctx, const acme_ca_job_t *job,
    ngx_str_t *name);

/* base64url(SHA-256(key authorization)) */
ngx_int_t acme_ca_dns01_digest(ngx_pool_t *pool,
    const ngx_str_t *key_authorization, ngx_str_t *digest);

/*
 * One record has to be the digest, byte by byte.  NGX_ABORT: dns (there are
 * none) or incorrectResponse (how many there are).
 */
ngx_int_t acme_ca_dns01_judge(acme_ca_ctx_t *ctx, const acme_ca_dns_txt_t *txt,
    const ngx_str_t *digest);

/*
 * One record has to name one of the issuers (ngx_str_t, or NULL) and the job's
 * account, not be over at ctx->now, and for a wildcard have the policy
 * for one.  NGX_ABORT: dns (there are none), malformed, unauthorized.
 */
ngx_int_t acme_ca_dns_persist_judge(acme_ca_ctx_t *ctx,
    const acme_ca_dns_txt_t *txt, const acme_ca_job_t *job,
    ngx_array_t *issuers);


#endif /* _ACME_CA_DNS01_H_INCLUDED_ */
