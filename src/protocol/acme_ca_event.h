
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What is told of events: which kinds there are, the document, its signature,
 * and what follows from the receiver's answer.  docs/events.md.
 */


#ifndef _ACME_CA_EVENT_H_INCLUDED_
#define _ACME_CA_EVENT_H_INCLUDED_


#include "acme_ca_authority.h"
#include "acme_ca_store_event.h"


#define ACME_CA_EVENT_KEY_MIN  16        /* bytes */
#define ACME_CA_EVENT_KEYS     4

/* seconds from one try to the next, at most */
#define ACME_CA_EVENT_PAUSE    3600


/* names of kinds; the last one is empty */
extern const ngx_str_t  acme_ca_event_types[];

ngx_uint_t acme_ca_event_is_type(const ngx_str_t *name);

/* all of them, as a page's types */
ngx_int_t acme_ca_event_all(ngx_pool_t *pool, ngx_str_t *types);


/* {"authority": ..., "hook": ..., "events": [ ... ]} */
ngx_int_t acme_ca_event_write(ngx_pool_t *pool, const ngx_str_t *authority,
    const ngx_str_t *hook, ngx_array_t *events, ngx_str_t *body);

/*
 * "t=SECONDS,v1=HEX": HMAC-SHA256 of "SECONDS.BODY"; one v1 for each key, so
 * that a receiver may know the old one or the new one.
 */
ngx_int_t acme_ca_event_sign(ngx_pool_t *pool, const ngx_array_t *keys,
    time_t now, const ngx_str_t *body, ngx_str_t *signature);

/* the lines of a file: ngx_str_t, within text.  NGX_DECLINED and *error: not
   such a file */
ngx_int_t acme_ca_event_keys(ngx_pool_t *pool, ngx_str_t *text,
    ngx_array_t **keys, const char **error);

/* when it is told again: 1, 2, 4 ... most seconds, or what the receiver said */
time_t acme_ca_event_again(ngx_uint_t attempts, time_t most,
    time_t retry_after, time_t now);


#endif /* _ACME_CA_EVENT_H_INCLUDED_ */
