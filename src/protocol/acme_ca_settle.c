
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The reply to "I am ready", or to a finalization for which a signer elsewhere
 * was asked, once more, when the verdict came before the reply had to leave:
 * clients that hear "valid" at once need not poll, and some wait five or ten
 * seconds before they do.
 */


#include "acme_ca_protocol_private.h"


void
acme_ca_protocol_settle(acme_ca_exchange_t *x, acme_ca_store_t *store,
    time_t now)
{
    acme_ca_reply_t  before;
    acme_ca_step_pt  show;

    before = x->reply;

    ngx_memzero(&x->reply, sizeof(acme_ca_reply_t));

    x->store = store;
    x->ctx.now = now;

    /* what was committed stands, should it be unreadable now */

    show = x->signing ? acme_ca_order_get : x->route->read;

    if (show(x) != NGX_OK) {
        x->reply = before;
    }

    acme_ca_protocol_finish(x, NGX_OK);
}
