
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A fresh nonce (RFC 8555, 7.2): HEAD is answered 200 and GET 204, nothing
 * else (uacme); neither has a body or its type.  The nonce itself is put on
 * at the exit, as on every other reply.
 */


#include "acme_ca_protocol_private.h"


ngx_int_t
acme_ca_new_nonce_get(acme_ca_exchange_t *x)
{
    x->reply.status = (x->request.method == ACME_CA_HEAD) ? 200 : 204;

    return NGX_OK;
}
