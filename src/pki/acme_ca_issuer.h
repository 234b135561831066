
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Issuers: CA certificates with their keys and the chain they are served with
 * (RFC 5280, 4.2).
 */


#ifndef _ACME_CA_ISSUER_H_INCLUDED_
#define _ACME_CA_ISSUER_H_INCLUDED_


#include "acme_ca_key.h"
#include "acme_ca_authority.h"

#include <openssl/x509.h>


struct acme_ca_issuer_s {
    int64_t       id;              /* row of issuers, set by who stores it */
    acme_ca_issuer_state_e
                  state;           /* as that row was last read */
    time_t        signs_until;     /* the same, of one that ended */
    ngx_uint_t    candidate;       /* the configuration lets it sign leaves */
    EVP_PKEY     *key;
    ngx_uint_t    quick;           /* acme_ca_key_is_quick() */
    ngx_str_t     der;             /* the certificate that signs */
    ngx_str_t     name;            /* its common name */
    ngx_str_t     subject;         /* Name, DER */
    ngx_str_t     key_id;          /* its subjectKeyIdentifier */
    ngx_str_t     algorithm;       /* AlgorithmIdentifier of its signatures */
    const EVP_MD *digest;          /* NULL for Ed25519 */
    time_t        not_before;
    time_t        not_after;
    ngx_str_t     chain;           /* PEM: it and those above it, root left out
                                      unless it is the root itself */
    ngx_str_t     root;            /* PEM of the topmost certificate known */
    ngx_array_t   alternates;      /* ngx_str_t, PEM: other chains */
    ngx_array_t  *constraints;     /* acme_ca_rules_t: name constraints of its
                                      chain */
    ngx_uint_t    crl_sign;        /* its keyUsage lets it sign CRLs */
    ngx_str_t     crl_name;        /* of the files: key_id in hexadecimal,
                                      or its SHA-256 if that is longer */
    ngx_str_t     crl_url;         /* of the folder they are in, or empty: set
                                      by who knows it */
    ngx_uint_t    crl_shards;      /* of new leaves; 0 and 1: the full one */
};


/* what the CAs that are made are like */
typedef struct {
    ngx_uint_t        kind;         /* ACME_CA_KEY_* */
    ngx_uint_t        path_length;  /* CAs that an intermediate may be above */
    acme_ca_rules_t   constraints;  /* names that it may certify */
    ngx_str_t         crl_url;      /* of the folder of the root's CRL, or
                                       empty */
    time_t            root_life;    /* seconds */
    time_t            life;         /* of an intermediate */
} acme_ca_hierarchy_plan_t;


/* PEM texts of a fresh hierarchy */
typedef struct {
    ngx_str_t   root_certificate;
    ngx_str_t   root_key;
    ngx_str_t   certificate;       /* the intermediate's */
    ngx_str_t   key;
    ngx_str_t   key_id;            /* the intermediate's, in hexadecimal */
} acme_ca_hierarchy_t;


/*
 * Makes a root and an intermediate, with keys, lives and path length of the
 * plan, and with the extensions of RFC 5280 for CAs:
 * basicConstraints and keyUsage (keyCertSign, cRLSign) critical, SKI, AKI in
 * the intermediate.  The common names are "NAME Root CA <tag>" and "NAME
 * Intermediate CA <tag>", tag being four random bytes in hexadecimal, so that
 * two CAs never share a name.
 */
ngx_int_t acme_ca_hierarchy_new(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, acme_ca_hierarchy_t *hierarchy);

/*
 * An intermediate below a root that is there, not valid for longer than it:
 * certificate, key and key_id are set.  NGX_DECLINED: the root has expired.
 */
ngx_int_t acme_ca_hierarchy_below(acme_ca_ctx_t *ctx, ngx_str_t *name,
    const acme_ca_hierarchy_plan_t *plan, ngx_str_t *root_certificate,
    EVP_PKEY *root_key, acme_ca_hierarchy_t *hierarchy);

/*
 * From a PEM chain (issuer first, then upwards) and its key.  The issuer lives
 * until the pool goes.  NGX_OK, or NGX_DECLINED with *error for nginx -t: no
 * certificate, key of another certificate, not a CA (cA, keyCertSign), expired,
 * a chain in the wrong order, unsupported key.  NGX_DONE with *error: it has
 * expired; of the issuer nothing but its dates is known then.
 */
ngx_int_t acme_ca_issuer_load(ngx_pool_t *pool, ngx_str_t *chain_pem,
    EVP_PKEY *key, time_t now, acme_ca_issuer_t **issuer, ngx_str_t *error);

/*
 * Another chain for the same subject and key, in the same form, added to
 * issuer->alternates.  NGX_OK, or with *error NGX_DECLINED: it is another
 * issuer's, NGX_ABORT: it is no good, NGX_DONE: it has expired and is of no use
 * to anybody; or NGX_ERROR.
 */
ngx_int_t acme_ca_issuer_add_chain(ngx_pool_t *pool, acme_ca_issuer_t *issuer,
    ngx_str_t *chain_pem, time_t now, ngx_str_t *error);

/*
 * What the registry has of a CA certificate, the first one of a PEM text, below
 * this one.  NGX_OK, NGX_DECLINED: it was not signed by it, or NGX_ERROR.
 */
ngx_int_t acme_ca_issuer_record(acme_ca_ctx_t *ctx,
    const acme_ca_issuer_t *upper, const ngx_str_t *pem,
    acme_ca_certificate_t *certificate);

/*
 * Whether a certificate, DER, is of the same CA: one that was renewed with its
 * key has another.  NGX_OK, NGX_DECLINED or NGX_ERROR.
 */
ngx_int_t acme_ca_issuer_is_same(const acme_ca_issuer_t *issuer,
    const ngx_str_t *der);

/* the one with this row, if its key is here, or NULL */
acme_ca_issuer_t *acme_ca_issuer_find(const acme_ca_authority_t *authority,
    int64_t id);
/* it has nothing to sign any more, not even a CRL */
ngx_uint_t acme_ca_issuer_is_done(const acme_ca_issuer_t *issuer, time_t now,
    time_t crl_lifetime);

/*
 * When what the CA signs for itself is to be renewed: in the last third of its
 * life, or at once if the clock was ahead when it was made.  issuer: who would
 * sign it, or NULL.
 */
time_t acme_ca_issuer_renew_at(const acme_ca_issuer_t *issuer,
    time_t not_before, time_t not_after, time_t now);

/* the signature of these bytes, in ctx->pool.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_issuer_sign(acme_ca_ctx_t *ctx,
    const acme_ca_issuer_t *issuer, const ngx_str_t *tbs,
    ngx_str_t *signature);


#endif /* _ACME_CA_ISSUER_H_INCLUDED_ */
