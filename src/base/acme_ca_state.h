
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Statuses and their transitions (RFC 8555, 7.1.6) as data.  The names are
 * those of the JSON and of the CHECK constraints in sql/.
 */


#ifndef _ACME_CA_STATE_H_INCLUDED_
#define _ACME_CA_STATE_H_INCLUDED_


#include "acme_ca_base.h"


#define ACME_CA_STATUSES(X)                                                   \
    X(PENDING, "pending")                                                     \
    X(PROCESSING, "processing")                                               \
    X(READY, "ready")                                                         \
    X(VALID, "valid")                                                         \
    X(INVALID, "invalid")                                                     \
    X(DEACTIVATED, "deactivated")                                             \
    X(EXPIRED, "expired")                                                     \
    X(REVOKED, "revoked")

#define ACME_CA_STATUS_ENUM(name, text)  ACME_CA_##name,

typedef enum {
    ACME_CA_STATUSES(ACME_CA_STATUS_ENUM)
    ACME_CA_STATUS_N
} acme_ca_status_e;


typedef enum {
    ACME_CA_EVENT_RESPOND = 0,     /* the client answers a challenge */
    ACME_CA_EVENT_PASS,            /* the validation, or all of them, passed */
    ACME_CA_EVENT_FAIL,
    ACME_CA_EVENT_FINALIZE,        /* a CSR was accepted, signing goes on */
    ACME_CA_EVENT_ISSUE,           /* the certificate is recorded */
    ACME_CA_EVENT_DEACTIVATE,
    ACME_CA_EVENT_EXPIRE,
    ACME_CA_EVENT_REVOKE,
    ACME_CA_EVENT_N
} acme_ca_event_e;


typedef enum {
    ACME_CA_MACHINE_ACCOUNT = 0,
    ACME_CA_MACHINE_ORDER,
    ACME_CA_MACHINE_AUTHZ,
    ACME_CA_MACHINE_CHALLENGE,
    ACME_CA_MACHINE_CERTIFICATE,
    ACME_CA_MACHINE_N
} acme_ca_machine_e;


extern const ngx_str_t  acme_ca_statuses[ACME_CA_STATUS_N];

/* NGX_OK, or NGX_DECLINED when the text names no status */
ngx_int_t acme_ca_status_parse(ngx_str_t *text, acme_ca_status_e *status);

/* NGX_OK and the status that follows, or NGX_DECLINED: not from here */
ngx_int_t acme_ca_state_next(acme_ca_machine_e machine, acme_ca_status_e from,
    acme_ca_event_e event, acme_ca_status_e *to);


#endif /* _ACME_CA_STATE_H_INCLUDED_ */
