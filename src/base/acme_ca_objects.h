
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The objects of RFC 8555 as the registry keeps them: what several rooms
 * share, and no functions.  Ids are row ids; clients see them enciphered.
 * Times are seconds UTC, 0 means never.
 */


#ifndef _ACME_CA_OBJECTS_H_INCLUDED_
#define _ACME_CA_OBJECTS_H_INCLUDED_


#include "acme_ca_identifier.h"
#include "acme_ca_state.h"


typedef struct {
    int64_t            id;
    acme_ca_status_e   status;
    u_char             thumbprint[ACME_CA_SHA256_LEN];   /* RFC 7638 */
    ngx_str_t          jwk;             /* canonical, public members only */
    ngx_str_t          contact;         /* JSON array of URLs, "[]" if none */
    time_t             terms_agreed_at;
    time_t             created_at;
    int64_t            eab_id;          /* 0: not bound */
    ngx_str_t          eab_binding;     /* JSON; of account_add() only */
} acme_ca_account_t;


/* an external account (RFC 8555, 7.3.4).  Lists are separated by blanks */
typedef struct {
    int64_t            id;
    ngx_str_t          kid;
    ngx_str_t          key;             /* of the MAC, raw */
    ngx_str_t          label;           /* the operator's name for it */
    ngx_str_t          names;           /* "a.b", ".b", "*", "10.0.0.0/8";
                                           empty: any */
    ngx_str_t          profiles;        /* empty: any */
    ngx_uint_t         max_accounts;    /* 0: any */
    ngx_uint_t         accounts;        /* bound so far */
    time_t             created_at;
    time_t             expires_at;
    time_t             revoked_at;
} acme_ca_eab_t;


typedef struct {
    int64_t            id;
    int64_t            account_id;
    acme_ca_status_e   status;
    ngx_str_t          profile;         /* empty: the default one */
    ngx_uint_t         profile_asked;   /* the client named it */
    time_t             not_before;      /* as asked */
    time_t             not_after;
    ngx_str_t          error;           /* problem document, or empty */
    int64_t            certificate_id;
    int64_t            replaces_id;     /* RFC 9773, 5: 0 none */
    ngx_str_t          replaces;        /* as the client named it, or empty */
    time_t             created_at;
    time_t             expires_at;
} acme_ca_order_t;


#define ACME_CA_TOKEN_SEED_LEN  32

typedef struct {
    int64_t                id;
    int64_t                account_id;
    acme_ca_identifier_t   identifier;
    ngx_uint_t             subdomains;      /* RFC 9444: and all below it */
    ngx_str_t              trusted_by;      /* a rule: nothing was proven */
    ngx_str_t              token_seed;      /* of challenges without a row;
                                               empty: there are none */
    acme_ca_status_e       status;
    time_t                 created_at;
    time_t                 expires_at;
} acme_ca_authz_t;


/* one identifier of an order, with the authorization that covers it */
typedef struct {
    acme_ca_identifier_t   identifier;
    ngx_str_t              ancestor;        /* of a new order (RFC 9444): the
                                               domain to be proven instead */
    ngx_str_t              rule;            /* that allowed it, or empty */
    ngx_str_t              trusted_by;      /* the same, if it trusted */
    int64_t                authz_id;
    acme_ca_status_e       authz_status;
    time_t                 authz_expires_at;
} acme_ca_order_identifier_t;


/* the numbers are in the database: new ones at the end */
typedef enum {
    ACME_CA_HTTP_01 = 0,          /* RFC 8555, 8.3 */
    ACME_CA_TLS_ALPN_01,          /* RFC 8737 */
    ACME_CA_DNS_01,               /* RFC 8555, 8.4 */
    ACME_CA_DNS_ACCOUNT_01,       /* draft-ietf-acme-dns-account-label */
    ACME_CA_DNS_PERSIST_01,       /* draft-ietf-acme-dns-persist */
    ACME_CA_CHALLENGE_TYPE_N
} acme_ca_challenge_type_e;

/*
 * A challenge's id is its authorization's times this plus its type: they lie
 * beside each other and need no second index.
 */
#define ACME_CA_CHALLENGE_SLOTS  16


typedef struct {
    int64_t                    id;
    acme_ca_challenge_type_e   type;
    acme_ca_status_e           status;
    ngx_str_t                  token;
    time_t                     validated_at;
    ngx_str_t                  error;         /* problem document, or empty */
    unsigned                   stored:1;      /* it has a row */
} acme_ca_challenge_t;


typedef struct {
    int64_t            id;
    int64_t            order_id;        /* 0: the CA's own */
    int64_t            account_id;      /* 0: the CA's own */
    int64_t            issuer_id;
    acme_ca_status_e   status;          /* valid | revoked */
    ngx_str_t          serial;          /* big-endian, no leading zero */
    u_char             fingerprint[ACME_CA_SHA256_LEN];   /* of the DER */
    ngx_str_t          common_name;     /* of the subject, may be empty */
    ngx_str_t          sans;            /* "dns:a.example ip:10.0.0.1" */
    ngx_str_t          key_type;        /* "EC P-256", "RSA 2048", "Ed25519" */
    ngx_str_t          profile;
    time_t             not_before;
    time_t             not_after;
    ngx_str_t          der;
    time_t             created_at;
    time_t             revoked_at;
    ngx_int_t          revocation_reason;   /* RFC 5280, 5.3.1; -1: none */
    time_t             first_download_at;
    time_t             last_download_at;
    int64_t            replaced_by;     /* RFC 9773, 5: 0 not yet */
} acme_ca_certificate_t;


/* what an issuer may do; the words are in acme_ca_issuer_states */
typedef enum {
    ACME_CA_ISSUER_NONE = 0,      /* not known yet, or never a leaf's */
    ACME_CA_ISSUER_NEXT,          /* shown, waits for its turn */
    ACME_CA_ISSUER_ACTIVE,        /* signs leaves: one */
    ACME_CA_ISSUER_RETIRED,       /* CRL and OCSP, for those it has */
    ACME_CA_ISSUER_COMPROMISED,   /* the same: and nobody trusts it */
    ACME_CA_ISSUER_STATE_N
} acme_ca_issuer_state_e;

typedef struct {
    int64_t                  id;
    ngx_str_t                name;
    acme_ca_issuer_state_e   state;
    time_t                   not_before;
    time_t                   not_after;
    time_t                   published_at;   /* 0: nginx has no key of it */
    time_t                   signs_until;    /* of one that ended: when its
                                                last leaf ends */
} acme_ca_issuer_row_t;


/* an entry of a CRL */
typedef struct {
    ngx_str_t          serial;          /* big-endian, no leading zero */
    time_t             revoked_at;
    ngx_int_t          reason;          /* RFC 5280, 5.3.1; -1: none */
    time_t             invalidity_at;   /* RFC 5280, 5.3.2; 0: not known */
} acme_ca_revoked_t;


/*
 * The state of one CRL of an issuer: the full one (shards is 1), or one of
 * "shards" parts, each with the serial numbers of a range.
 */
typedef struct {
    int64_t            issuer_id;
    ngx_uint_t         shards;          /* 1, 2, 4 ... ACME_CA_CRL_SHARDS */
    ngx_uint_t         shard;           /* 0 ... shards - 1 */
    int64_t            number;          /* RFC 5280, 5.2.3 */
    time_t             this_update;     /* of the last one; 0: none yet */
    time_t             next_update;
    ngx_uint_t         entries;
    ngx_str_t          points;          /* of a part: its URLs, separated by
                                           blanks; read by a claim */
    ngx_uint_t         asked;           /* not made for its age alone; the
                                           same */
} acme_ca_crl_t;

/* serial numbers have no more than 7 random bits in their first byte */
#define ACME_CA_CRL_SHARDS  128


/* when a certificate is to be renewed */
typedef struct {
    time_t             start;
    time_t             end;
    ngx_str_t          explanation;     /* URL, or empty */
} acme_ca_window_t;


/* a validation to be done: durable from the client's answer to the verdict */
typedef struct {
    int64_t                    id;
    int64_t                    challenge_id;
    int64_t                    authz_id;
    int64_t                    account_id;
    acme_ca_identifier_t       identifier;
    acme_ca_challenge_type_e   type;
    ngx_str_t                  token;
    u_char                     thumbprint[ACME_CA_SHA256_LEN];
    ngx_str_t                  account_url;    /* as the client knows it */
    time_t                     reuse;          /* seconds that its proof is good
                                                  for at most; 0: no limit */
    ngx_uint_t                 attempts;       /* made so far */
    time_t                     deadline_at;    /* no attempt starts later */
    ngx_str_t                  client_address; /* of the one who answered */
    ngx_str_t                  request_id;
} acme_ca_job_t;


/* what an external signer is to do, durable until it has: sign for an order, or
   hear of a certificate's revocation */
typedef struct {
    int64_t            id;
    int64_t            order_id;        /* 0: a revocation */
    int64_t            certificate_id;  /* that was revoked */
    int64_t            account_id;
    ngx_str_t          csr;             /* DER */
    ngx_uint_t         attempts;        /* that failed since it last answered */
    time_t             created_at;      /* when the order was finalized */
    time_t             deadline_at;     /* the signer is not asked later */
    ngx_str_t          client_address;
    ngx_str_t          request_id;
} acme_ca_signing_t;


/* who did what, and how it ended.  Zero ids and empty texts are not stored */
typedef struct {
    const char        *action;         /* "new-order", "validate" ... */
    const char        *actor;          /* "account", "client", "server" */
    ngx_uint_t         refused;        /* 0 done, 1 refused, 2 failed */
    ngx_str_t          reason;         /* problem type and detail */
    ngx_str_t          details;        /* JSON object, or empty */
    int64_t            account_id;
    int64_t            order_id;
    int64_t            authz_id;
    int64_t            challenge_id;
    int64_t            certificate_id;
    ngx_str_t          client_address;
    ngx_str_t          user_agent;
    ngx_str_t          request_id;
} acme_ca_audit_t;

#define ACME_CA_AUDIT_DONE     0
#define ACME_CA_AUDIT_REFUSED  1
#define ACME_CA_AUDIT_FAILED   2


#endif /* _ACME_CA_OBJECTS_H_INCLUDED_ */
