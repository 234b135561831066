
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Whether an account agreed to the terms of service as they are now.
 */


#ifndef _ACME_CA_TERMS_H_INCLUDED_
#define _ACME_CA_TERMS_H_INCLUDED_


#include "acme_ca_protocol_private.h"


/* before an account gets something new.  NGX_ABORT: it has to agree again */
ngx_int_t acme_ca_terms_gate(acme_ca_exchange_t *x);

/* 1: the payload agrees, and x->account says so, too; it is to be written */
ngx_uint_t acme_ca_terms_agree(acme_ca_exchange_t *x);


#endif /* _ACME_CA_TERMS_H_INCLUDED_ */
