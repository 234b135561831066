
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The state machines of RFC 8555, 7.1.6 as one table.  Nobody else decides
 * what follows a status; the store only compares and sets.
 *
 * Invariants:
 *     1. a final status (invalid, deactivated, expired, revoked; valid of a
 *        challenge or an order) has no row that leaves it;
 *     2. every status of an object was reached by a row of this table;
 *     3. a verdict that comes late (the authorization was deactivated, the
 *        order ran out) finds no row and changes nothing.
 *
 *
 *   challenge      pending --RESPOND--> processing --PASS--> valid
 *                                           |
 *                                           +------FAIL--> invalid
 *
 *     RESPOND  acme_ca_challenge_respond()   with the job, in one transaction
 *     PASS     acme_ca_protocol_verdict()
 *     FAIL     acme_ca_protocol_verdict()    the last attempt failed; one
 *                                            that is retried changes nothing
 *
 *
 *   authorization  pending --PASS--> valid
 *                     |                |
 *                     +--FAIL--> invalid
 *                     |                |
 *                     +--DEACTIVATE----+--> deactivated
 *                     +--EXPIRE--------+--> expired
 *                     +--REVOKE--------+--> revoked
 *
 *     PASS, FAIL  acme_ca_protocol_verdict()     as its challenge
 *     DEACTIVATE  acme_ca_authz_update()         RFC 8555, 7.5.2
 *     EXPIRE      acme_ca_view_authz()           read after "expires": nothing
 *                                                has to run at that second
 *     REVOKE      kept for the operator
 *
 *
 *   order          pending --PASS--> ready --FINALIZE--> processing
 *                     |                |  \                  |
 *                     |                |   +--ISSUE----+     |
 *                     |                |               V     |
 *                     |                |             valid <-+ ISSUE
 *                     V                V                     V
 *                  invalid <-- FAIL, EXPIRE ------------- invalid
 *
 *     PASS      acme_ca_protocol_verdict()       the last authorization passed;
 *               acme_ca_order_new()              all of them were valid already
 *     FAIL      acme_ca_protocol_verdict(), acme_ca_authz_update()
 *     FINALIZE  acme_ca_order_finalize()         the signer is elsewhere
 *     ISSUE     acme_ca_order_finalize()         the signer is here: the
 *                                                certificate's row and "valid"
 *                                                are one transaction
 *     EXPIRE    acme_ca_view_order()             as of an authorization
 *
 *
 *   account        valid --DEACTIVATE--> deactivated
 *                    +-----REVOKE------> revoked
 *
 *     DEACTIVATE  acme_ca_account_update()       RFC 8555, 7.3.6
 *     REVOKE      kept for the operator
 *
 *
 *   certificate    valid --REVOKE--> revoked
 *
 *     REVOKE      acme_ca_revoke()               RFC 8555, 7.6
 */


#include "acme_ca_state.h"
#include "acme_ca_text.h"


typedef struct {
    acme_ca_machine_e   machine;
    acme_ca_status_e    from;
    acme_ca_event_e     event;
    acme_ca_status_e    to;
} acme_ca_transition_t;


#define ACME_CA_STATUS_NAME(name, text)  ngx_string(text),

const ngx_str_t  acme_ca_statuses[ACME_CA_STATUS_N] = {
    ACME_CA_STATUSES(ACME_CA_STATUS_NAME)
};


#define ACME_CA_ROW(machine, from, event, to)                                 \
    { ACME_CA_MACHINE_##machine, ACME_CA_##from, ACME_CA_EVENT_##event,       \
      ACME_CA_##to }

static const acme_ca_transition_t  acme_ca_transitions[] = {
    ACME_CA_ROW(CHALLENGE, PENDING, RESPOND, PROCESSING),
    ACME_CA_ROW(CHALLENGE, PROCESSING, PASS, VALID),
    ACME_CA_ROW(CHALLENGE, PROCESSING, FAIL, INVALID),

    ACME_CA_ROW(AUTHZ, PENDING, PASS, VALID),
    ACME_CA_ROW(AUTHZ, PENDING, FAIL, INVALID),
    ACME_CA_ROW(AUTHZ, PENDING, DEACTIVATE, DEACTIVATED),
    ACME_CA_ROW(AUTHZ, PENDING, EXPIRE, EXPIRED),
    ACME_CA_ROW(AUTHZ, PENDING, REVOKE, REVOKED),
    ACME_CA_ROW(AUTHZ, VALID, DEACTIVATE, DEACTIVATED),
    ACME_CA_ROW(AUTHZ, VALID, EXPIRE, EXPIRED),
    ACME_CA_ROW(AUTHZ, VALID, REVOKE, REVOKED),

    ACME_CA_ROW(ORDER, PENDING, PASS, READY),
    ACME_CA_ROW(ORDER, PENDING, FAIL, INVALID),
    ACME_CA_ROW(ORDER, PENDING, EXPIRE, INVALID),
    ACME_CA_ROW(ORDER, READY, FINALIZE, PROCESSING),
    ACME_CA_ROW(ORDER, READY, ISSUE, VALID),
    ACME_CA_ROW(ORDER, READY, FAIL, INVALID),
    ACME_CA_ROW(ORDER, READY, EXPIRE, INVALID),
    ACME_CA_ROW(ORDER, PROCESSING, ISSUE, VALID),
    ACME_CA_ROW(ORDER, PROCESSING, FAIL, INVALID),
    ACME_CA_ROW(ORDER, PROCESSING, EXPIRE, INVALID),

    ACME_CA_ROW(ACCOUNT, VALID, DEACTIVATE, DEACTIVATED),
    ACME_CA_ROW(ACCOUNT, VALID, REVOKE, REVOKED),

    ACME_CA_ROW(CERTIFICATE, VALID, REVOKE, REVOKED)
};


ngx_int_t
acme_ca_status_parse(ngx_str_t *text, acme_ca_status_e *status)
{
    ngx_uint_t  i;

    for (i = 0; i < ACME_CA_STATUS_N; i++) {
        if (acme_ca_str_eq(text, &acme_ca_statuses[i])) {
            *status = (acme_ca_status_e) i;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
acme_ca_state_next(acme_ca_machine_e machine, acme_ca_status_e from,
    acme_ca_event_e event, acme_ca_status_e *to)
{
    size_t                       i;
    const acme_ca_transition_t  *row;

    for (i = 0; i < sizeof(acme_ca_transitions) / sizeof(*row); i++) {
        row = &acme_ca_transitions[i];

        if (row->machine == machine && row->from == from
            && row->event == event)
        {
            *to = row->to;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}
