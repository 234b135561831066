
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * RSA moduli that are easily factored (CA/B Baseline Requirements, 6.1.1.3).
 */


#ifndef _ACME_CA_MODULUS_H_INCLUDED_
#define _ACME_CA_MODULUS_H_INCLUDED_


#include "acme_ca_base.h"

#include <openssl/bn.h>


/*
 * An odd modulus that has a prime factor below 752, or two factors so close
 * to each other that a hundred rounds of Fermat's method part them, is weak:
 * *fault says which, in words for the client.  NGX_OK, NGX_DECLINED (weak),
 * or NGX_ERROR.
 */
ngx_int_t acme_ca_modulus_check(ngx_log_t *log, const BIGNUM *modulus,
    const char **fault);


#endif /* _ACME_CA_MODULUS_H_INCLUDED_ */
