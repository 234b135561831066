
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Records of a DNS message, for those who know what their data mean.
 */


#ifndef _ACME_CA_DNS_RECORD_H_INCLUDED_
#define _ACME_CA_DNS_RECORD_H_INCLUDED_


#include "acme_ca_dns_message.h"


/* what a byte of a name becomes that no host name, and none of ours, has */
#define ACME_CA_DNS_ODD  '?'


typedef struct {
    u_char          text[ACME_CA_DNS_NAME + 1];
    size_t          len;
} acme_ca_dns_name_t;


typedef struct {
    const u_char   *owner;     /* a name: acme_ca_dns_name_read() */
    ngx_uint_t      type;      /* 0: of another class than IN */
    uint32_t        ttl;
    const u_char   *data;
    size_t          len;
} acme_ca_dns_record_t;


typedef struct {
    const u_char   *start;
    const u_char   *last;
    ngx_array_t    *records;   /* acme_ca_dns_record_t */
} acme_ca_dns_answer_t;


/* points into the message.  NGX_OK, NGX_DECLINED: malformed, or NGX_ERROR */
ngx_int_t acme_ca_dns_answer_read(ngx_pool_t *pool, const u_char *message,
    size_t len, acme_ca_dns_answer_t *answer);

/*
 * The name at pos in lower case, without a dot at its end; the root is an empty
 * one.  NGX_OK or NGX_DECLINED.
 */
ngx_int_t acme_ca_dns_name_read(const acme_ca_dns_answer_t *answer,
    const u_char *pos, acme_ca_dns_name_t *name);


#endif /* _ACME_CA_DNS_RECORD_H_INCLUDED_ */
