
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One authority as nginx.conf describes it: settings, read only after the
 * configuration was read.  Filled by the module, read by every room.
 */


#ifndef _ACME_CA_AUTHORITY_H_INCLUDED_
#define _ACME_CA_AUTHORITY_H_INCLUDED_


#include "acme_ca_objects.h"


/* key types of subjects; bits of acme_ca_profile_t.key_types */
#define ACME_CA_KEY_RSA_2048   0x0001      /* RSA of 2048 bits and more ... */
#define ACME_CA_KEY_RSA_3072   0x0002
#define ACME_CA_KEY_RSA_4096   0x0004
#define ACME_CA_KEY_EC_P256    0x0008
#define ACME_CA_KEY_EC_P384    0x0010
#define ACME_CA_KEY_EC_P521    0x0020
#define ACME_CA_KEY_ED25519    0x0040
#define ACME_CA_KEY_ANY        0x007f

/* and of CAs only (FIPS 204) */
#define ACME_CA_KEY_ML_DSA_44  0x0080
#define ACME_CA_KEY_ML_DSA_65  0x0100
#define ACME_CA_KEY_ML_DSA_87  0x0200

#define ACME_CA_EKU_SERVER     0x0001
#define ACME_CA_EKU_CLIENT     0x0002

/* names of ours that a challenge of dns-persist-01 has at most */
#define ACME_CA_DNS_PERSIST_ISSUERS  10

/* what the subject's common name is made of */
#define ACME_CA_CN_NONE        0
#define ACME_CA_CN_FIRST       1       /* first dns name of up to 64 bytes */
#define ACME_CA_CN_CSR         2       /* the CSR's, if in the order */

/* the TLS feature "must-staple" (RFC 7633) */
#define ACME_CA_STAPLE_OFF     0       /* a CSR that asks for it is refused */
#define ACME_CA_STAPLE_ON      1
#define ACME_CA_STAPLE_CSR     2       /* where the CSR asks for it */


typedef struct {
    ngx_str_t    name;
    ngx_str_t    description;
    time_t       lifetime;       /* seconds, without the back-date */
    time_t       backdate;       /* seconds */
    ngx_uint_t   key_types;
    ngx_uint_t   eku;
    ngx_uint_t   common_name;
    ngx_uint_t   must_staple;    /* ACME_CA_STAPLE_* */
    ngx_str_t    crl_url;        /* of extensions; empty: left out */
    ngx_str_t    ocsp_url;
    ngx_str_t    issuer_url;
    ngx_flag_t   no_rev_avail;   /* RFC 9608 */
    ngx_uint_t   max_identifiers;    /* 0: the authority's */
} acme_ca_profile_t;


/* external_account_binding */
#define ACME_CA_EAB_OFF        0       /* what a client sends is passed over */
#define ACME_CA_EAB_OPTIONAL   1
#define ACME_CA_EAB_REQUIRED   2


/* "deny" of a kind wins; if there is an "allow" of a kind the rest is denied */
typedef struct {
    ngx_array_t *allow_dns;      /* ngx_str_t: "a.b" exactly, ".b" below b,
                                    "*" everything */
    ngx_array_t *deny_dns;
    ngx_array_t *allow_ip;       /* ngx_cidr_t, of ip identifiers */
    ngx_array_t *deny_ip;
    ngx_array_t *allow_address;  /* ngx_cidr_t, that validation may reach */
    ngx_array_t *deny_address;
} acme_ca_rules_t;


/* what CAA records, and look-ups of them that fail, do to a validation */
typedef enum {
    ACME_CA_CAA_OFF = 0,
    ACME_CA_CAA_PERMISSIVE,       /* a record binds, a failure does not */
    ACME_CA_CAA_STRICT,
    ACME_CA_CAA_UNSET             /* while the configuration is read */
} acme_ca_caa_mode_e;


typedef struct {
    ngx_str_t            zone;
    acme_ca_caa_mode_e   mode;
} acme_ca_caa_zone_t;


/* what is counted, and of whom */
typedef enum {
    ACME_CA_LIMIT_NEW_ACCOUNTS = 0,      /* an address, or a /64 of IPv6 */
    ACME_CA_LIMIT_NEW_ORDERS,            /* an account */
    ACME_CA_LIMIT_FAILED_VALIDATIONS,    /* an account and a name */
    ACME_CA_LIMIT_CERTIFICATES,          /* a set of names */
    ACME_CA_LIMIT_N
} acme_ca_limit_e;

typedef struct {
    ngx_uint_t   n;              /* 0: no limit */
    time_t       period;         /* seconds that n may be done in */
    ngx_uint_t   burst;          /* at once */
    ngx_str_t    text;           /* "300/3h" */
} acme_ca_rate_t;

extern const ngx_str_t  acme_ca_limit_names[ACME_CA_LIMIT_N];


/* who signs in our place: an internal location of nginx */
typedef struct {
    ngx_str_t            uri;
    ngx_str_t            revoke_uri;     /* empty: hears of no revocations */
    ngx_uint_t           pem;            /* the body is the CSR, not JSON */
    ngx_msec_t           timeout;        /* of one request */
    time_t               deadline;       /* seconds, of all for an order */
    ngx_uint_t           calls;          /* at a time in a worker */
    acme_ca_anchors_t   *anchors;        /* whom its certificates lead to */
} acme_ca_signer_t;


struct acme_ca_authority_s {
    ngx_str_t          name;
    ngx_str_t          path;             /* state folder, NUL terminated */
    ngx_str_t          database;         /* path/ca.db, NUL terminated */
    ngx_str_t          base_url;         /* with a slash at the end, or empty:
                                            made from the request */
    /* directory meta */
    ngx_str_t          terms_of_service; /* https URL or empty */
    time_t             terms_changed_at; /* 0: never */
    time_t             terms_grace;      /* seconds until it matters */
    ngx_str_t          website;
    ngx_array_t       *caa_identities;   /* ngx_str_t, or NULL */

    /* policy */
    acme_ca_rules_t    rules;
    ngx_array_t       *named_rules;      /* acme_ca_policy_rule_t, or NULL */
    ngx_uint_t         challenges;       /* bits 1 << ACME_CA_HTTP_01 ... */
    ngx_array_t       *http_01_ports;    /* in_port_t, tried in turn */
    ngx_array_t       *tls_alpn_01_ports;
    ngx_uint_t         wildcard;         /* some challenge proves one */
    ngx_array_t        profiles;         /* acme_ca_profile_t, first: default */
    acme_ca_profile_t *default_profile;
    ngx_uint_t         profiles_shown;   /* the operator wrote some */
    ngx_uint_t         max_identifiers;  /* of an order */
    ngx_uint_t         eab;              /* ACME_CA_EAB_... */
    ngx_uint_t         contact_required;
    ngx_uint_t         contact_max;
    ngx_array_t       *contact_domains;  /* ngx_str_t, or NULL: any */
    ngx_flag_t         pre_authorization;        /* RFC 8555, 7.4.1 */
    ngx_flag_t         subdomain_authorization;  /* RFC 9444 */
    ngx_flag_t         authz_reuse;

    /* RFC 9773 */
    ngx_flag_t         renewal_info;
    time_t             renewal_retry_after;  /* seconds */
    ngx_str_t          renewal_explanation;  /* URL or empty */

    acme_ca_caa_mode_e caa;              /* outside of all caa_zones */
    ngx_array_t       *caa_zones;        /* acme_ca_caa_zone_t, or NULL */
    time_t             loaded_at;        /* when this was configured */

    acme_ca_rate_t     rates[ACME_CA_LIMIT_N];
    acme_ca_limit_zone_t
                      *limits;           /* shared; NULL: nothing is counted */
    acme_ca_metrics_t *metrics;          /* the same */
    ngx_str_t          audit_keys;       /* public, PEM: of the audit log */

    /* lifetimes, seconds */
    time_t             order_lifetime;
    time_t             authz_lifetime;   /* of a valid one */
    time_t             retention;        /* of finished orders and authzs */

    /* validation */
    ngx_msec_t         validation_timeout;       /* one attempt */
    time_t             validation_deadline;      /* all attempts, seconds */
    ngx_uint_t         validation_attempts;
    ngx_uint_t         validation_concurrency;   /* per worker */

    /*
     * Owned by pki/.  issuer: signs leaves now, as far as this process knows;
     * NULL: nobody may, or the master has not read them yet.  issuers: all
     * whose keys are here, and none comes after the fork.
     */
    acme_ca_issuer_t  *issuer;
    ngx_array_t        issuers;          /* acme_ca_issuer_t * */
    ngx_uint_t         issuer_rotate;    /* percent of its life that are left
                                            when the next is made; 0: never */
    time_t             issuer_overlap;   /* seconds that the next is shown */

    acme_ca_signer_t  *signer;           /* NULL: the issuer signs */
};


extern const ngx_str_t  acme_ca_issuer_states[ACME_CA_ISSUER_STATE_N];

/* the profile of that name, or NULL; an empty name is the default one */
acme_ca_profile_t *acme_ca_authority_profile(
    const acme_ca_authority_t *authority, const ngx_str_t *name);


#endif /* _ACME_CA_AUTHORITY_H_INCLUDED_ */
