
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OpenSSL's error queue as text.
 */


#include "acme_ca_crypto.h"


void
acme_ca_crypto_error(ngx_log_t *log, const char *what)
{
    char  buf[ACME_CA_CRYPTO_REASON_LEN], *reason;

    reason = acme_ca_crypto_reason(buf);

    ngx_log_error(NGX_LOG_ERR, log, 0, "%s failed (%s)", what, reason);
}


char *
acme_ca_crypto_reason(char buf[ACME_CA_CRYPTO_REASON_LEN])
{
    char           *reason;
    unsigned long   error;

    error = ERR_peek_last_error();
    ERR_clear_error();

    if (error == 0) {
        ngx_memcpy(buf, "no reason given", sizeof("no reason given"));
        return buf;
    }

    /* "error:code:library:function:reason" */

    ERR_error_string_n(error, buf, ACME_CA_CRYPTO_REASON_LEN);

    for (reason = buf + ngx_strlen(buf); reason > buf; reason--) {
        if (reason[-1] == ':') {
            break;
        }
    }

    return reason;
}


ngx_uint_t
acme_ca_crypto_starved(void)
{
    return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE
           || ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}
