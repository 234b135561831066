
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A DNS message (RFC 1035, 4) as far as a validation needs it: the TXT records
 * of a name, through the aliases that the server followed.
 */


#ifndef _ACME_CA_DNS_MESSAGE_H_INCLUDED_
#define _ACME_CA_DNS_MESSAGE_H_INCLUDED_


#include "acme_ca_base.h"


#define ACME_CA_DNS_NAME     253       /* bytes of a name as text */
#define ACME_CA_DNS_TXT      16        /* of the resource record */
#define ACME_CA_DNS_ALIASES  8         /* in a row, more are not followed */


typedef struct {
    ngx_str_t      name;       /* of the records: the last alias' target */
    ngx_uint_t     aliases;    /* that led there */
    ngx_array_t   *texts;      /* ngx_str_t: each record's strings, joined */
    time_t         ttl;        /* seconds, the smallest of them */
} acme_ca_dns_txt_t;


/*
 * Without texts and with aliases, txt->name is what is to be asked next.
 * NGX_OK, NGX_DECLINED (malformed, a loop of aliases, an alias that leads to
 * what is no name) or NGX_ERROR.
 */
ngx_int_t acme_ca_dns_txt_parse(ngx_pool_t *pool, const u_char *message,
    size_t len, const ngx_str_t *name, acme_ca_dns_txt_t *txt);


#endif /* _ACME_CA_DNS_MESSAGE_H_INCLUDED_ */
