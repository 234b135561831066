
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * CAA (RFC 8659, RFC 8657): which name to ask, what the records of one answer
 * say, whether they permit what is wanted.  Bytes in, verdict out; asks nobody
 * itself.
 */


#ifndef _ACME_CA_CAA_H_INCLUDED_
#define _ACME_CA_CAA_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_problem.h"


#define ACME_CA_CAA_TYPE      257       /* of the resource record */

/* RFC 8657, 5.6: how long a policy that was seen stands */
#define ACME_CA_CAA_LIFETIME  28800     /* seconds */


typedef struct {
    ngx_str_t    tag;          /* as it came */
    ngx_str_t    value;
    unsigned     critical:1;
} acme_ca_caa_record_t;


/* what is wanted, and by whom */
typedef struct {
    const acme_ca_identifier_t  *identifier;
    ngx_array_t                 *identities;   /* ngx_str_t: our names */
    ngx_str_t                    account_url;
    ngx_str_t                    method;       /* "dns-01" */
} acme_ca_caa_request_t;


/* the mode for a name: that of the longest zone that holds it */
acme_ca_caa_mode_e acme_ca_caa_mode(const acme_ca_authority_t *authority,
    const ngx_str_t *name);

/* 1: CAA matters to this identifier */
ngx_uint_t acme_ca_caa_wanted(const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier);

/* name becomes its parent.  NGX_DECLINED: that would be the root */
ngx_int_t acme_ca_caa_climb(ngx_str_t *name);

/*
 * The CAA records of a DNS message, acme_ca_caa_record_t into the array; tags
 * and values are copies.  NGX_OK, NGX_DECLINED (not a DNS answer, or a record
 * that is none) or NGX_ERROR.
 */
ngx_int_t acme_ca_caa_parse(ngx_pool_t *pool, const u_char *message,
    size_t len, ngx_array_t *records);

/*
 * What the records found at a name say.  NGX_OK: permitted.  NGX_DECLINED:
 * there are none, the parent is to be asked.  NGX_ABORT: forbidden, the
 * problem says by which record.
 */
ngx_int_t acme_ca_caa_judge(acme_ca_ctx_t *ctx,
    const acme_ca_caa_request_t *request, ngx_str_t *name,
    ngx_array_t *records);


#endif /* _ACME_CA_CAA_H_INCLUDED_ */
