
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * How this room speaks of OpenSSL's failures.
 */


#ifndef _ACME_CA_CRYPTO_H_INCLUDED_
#define _ACME_CA_CRYPTO_H_INCLUDED_


#include "acme_ca_text.h"

#include <openssl/err.h>


/* room for a reason */
#define ACME_CA_CRYPTO_REASON_LEN  256


/*
 * Logs what failed with OpenSSL's last reason, and empties its queue: errors
 * left behind there would be taken for those of the next TLS connection of
 * the thread.
 */
void acme_ca_crypto_error(ngx_log_t *log, const char *what);

/*
 * Writes the last reason in OpenSSL's queue, which it empties.  Answers the
 * text, somewhere in buf.
 */
char *acme_ca_crypto_reason(char buf[ACME_CA_CRYPTO_REASON_LEN]);

/*
 * 1 when a call that failed because of its input or of a lack of memory did
 * so because of the latter
 */
ngx_uint_t acme_ca_crypto_starved(void);


#endif /* _ACME_CA_CRYPTO_H_INCLUDED_ */
