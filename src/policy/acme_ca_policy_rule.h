
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Named rules: which account, external account, client address or client
 * certificate may have which names, wildcards and profiles.  The first rule
 * whose conditions on the subject all hold and whose names cover the
 * identifier decides.  Where none does, the identifier is refused if any rule
 * allows or trusts, and allowed if all of them deny.
 */


#ifndef _ACME_CA_POLICY_RULE_H_INCLUDED_
#define _ACME_CA_POLICY_RULE_H_INCLUDED_


#include "acme_ca_policy.h"


#define ACME_CA_RULE_NONE   0
#define ACME_CA_RULE_ALLOW  1
#define ACME_CA_RULE_DENY   2
#define ACME_CA_RULE_TRUST  3        /* allow, without a challenge */


/* a list that is NULL asks nothing; of a list one is enough */
typedef struct {
    ngx_str_t      name;

    /* the subject */
    ngx_array_t   *accounts;         /* ngx_str_t: id or thumbprint */
    ngx_array_t   *eabs;             /* ngx_str_t: label */
    ngx_array_t   *addresses;        /* ngx_cidr_t */
    ngx_array_t   *certificates;     /* ngx_str_t: subject, one RDN of it,
                                        "dns:a.b", "*" */

    /* the identifier; without both lists it is any */
    ngx_array_t   *names;            /* ngx_str_t: patterns of "allow dns" */
    ngx_array_t   *ips;              /* ngx_cidr_t */

    /* what it may have when the rule allows it */
    ngx_flag_t     wildcards;
    ngx_array_t   *profiles;         /* ngx_str_t */
    ngx_uint_t     max_identifiers;  /* of the order; 0: as the authority's */

    ngx_uint_t     action;
} acme_ca_policy_rule_t;


/* who asks, as far as known: what is empty matches no condition */
typedef struct {
    ngx_str_t      account;          /* as in its URL */
    ngx_str_t      thumbprint;       /* base64url */
    ngx_str_t      eab;
    ngx_str_t      address;          /* text */
    ngx_str_t      certificate;      /* subject of the one that nginx verified,
                                        RFC 2253 */
    ngx_array_t   *alternatives;     /* ngx_str_t "dns:a.b", or NULL */
} acme_ca_policy_subject_t;


/* what for; profile may be empty: none yet */
typedef struct {
    const acme_ca_identifier_t  *identifier;
    ngx_str_t                    profile;
    ngx_uint_t                   n;           /* identifiers of the order */
} acme_ca_policy_want_t;


/*
 * NGX_OK and the rule that decided (NULL: none), or NGX_ABORT:
 * rejectedIdentifier or invalidProfile with the rule's name.
 */
ngx_int_t acme_ca_policy_rule(acme_ca_ctx_t *ctx, const ngx_array_t *rules,
    const acme_ca_policy_subject_t *subject, const acme_ca_policy_want_t *want,
    const acme_ca_policy_rule_t **rule);


#endif /* _ACME_CA_POLICY_RULE_H_INCLUDED_ */
