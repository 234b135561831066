
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_audit_logs: append only.
 */


#include "acme_ca_store_private.h"


/* by acme_ca_audit_t.refused */

static const char  *acme_ca_store_outcomes[] = { "done", "refused", "failed" };


ngx_int_t
acme_ca_store_audit_add(acme_ca_store_t *store, const acme_ca_audit_t *audit,
    time_t now)
{
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_AUDIT_ADD);
    acme_ca_query_integer(&q, now);
    acme_ca_query_word(&q, audit->actor);
    acme_ca_query_word(&q, audit->action);
    acme_ca_query_word(&q, acme_ca_store_outcomes[audit->refused]);
    acme_ca_query_text(&q, &audit->reason);
    acme_ca_query_text(&q, &audit->details);
    acme_ca_query_optional(&q, audit->account_id);
    acme_ca_query_optional(&q, audit->order_id);
    acme_ca_query_optional(&q, audit->authz_id);
    acme_ca_query_optional(&q, audit->challenge_id);
    acme_ca_query_optional(&q, audit->certificate_id);
    acme_ca_query_text(&q, &audit->client_address);
    acme_ca_query_text(&q, &audit->user_agent);
    acme_ca_query_text(&q, &audit->request_id);

    return acme_ca_query_run(&q);
}
