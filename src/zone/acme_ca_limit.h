
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Rate limits in memory that all workers share, by the generic cell rate
 * algorithm: of a subject one number is kept, the time at which all that it
 * did will have been paid for.  No lock; the table has a fixed size.
 *
 *     cell = 24 bits of the subject's keyed hash | 40 bits of that time, ms
 *
 * Where a bucket is full the subject that is nearest to being free is
 * forgotten: a flood of subjects makes limits weaker, never wrong.
 */


#ifndef _ACME_CA_LIMIT_H_INCLUDED_
#define _ACME_CA_LIMIT_H_INCLUDED_


#include "acme_ca_authority.h"


/* bytes that a zone for n subjects takes; n is rounded up to 2^k >= 64 */
size_t acme_ca_limit_zone_size(ngx_uint_t n);

/* lays out a fresh zone in memory given, aligned to 8.  NGX_OK, NGX_ERROR */
ngx_int_t acme_ca_limit_zone_init(acme_ca_limit_zone_t *zone, ngx_uint_t n,
    time_t now);

/*
 * All answer the seconds after which the subject may try again, 0 when it may
 * now.  Without a zone or a rate everything may.  peek() counts nothing;
 * take() counts what it lets pass; add() counts what happened already, but
 * never so much that more than a burst had to be waited for.
 */
time_t acme_ca_limit_peek(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    const acme_ca_rate_t *rate, ngx_str_t *subject, time_t now);
time_t acme_ca_limit_take(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    const acme_ca_rate_t *rate, ngx_str_t *subject, time_t now);
time_t acme_ca_limit_add(acme_ca_limit_zone_t *zone, acme_ca_limit_e limit,
    const acme_ca_rate_t *rate, ngx_str_t *subject, time_t now);


#endif /* _ACME_CA_LIMIT_H_INCLUDED_ */
