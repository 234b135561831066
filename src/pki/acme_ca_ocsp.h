
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OCSP (RFC 6960, RFC 5019, RFC 9654): requests read, responses written, the
 * certificate of the one who signs them.  Whether a certificate is good is for
 * others to say.
 */


#ifndef _ACME_CA_OCSP_H_INCLUDED_
#define _ACME_CA_OCSP_H_INCLUDED_


#include "acme_ca_der.h"
#include "acme_ca_issuer.h"


/* that one request may ask for: more is malformed */
#define ACME_CA_OCSP_IDS       32

/* RFC 9654, 2.1: bytes */
#define ACME_CA_OCSP_NONCE     128

/* of the largest hash */
#define ACME_CA_OCSP_HASH_LEN  64

#define ACME_CA_OCSP_KEY_LEN   20


/* hashes of CertIDs */
typedef enum {
    ACME_CA_OCSP_SHA1 = 0,
    ACME_CA_OCSP_SHA256,
    ACME_CA_OCSP_SHA384,
    ACME_CA_OCSP_SHA512,
    ACME_CA_OCSP_HASH_N            /* another one: nobody's certificate */
} acme_ca_ocsp_hash_e;


/* OCSPResponseStatus: RFC 6960, 4.2.1 */
typedef enum {
    ACME_CA_OCSP_SUCCESSFUL = 0,
    ACME_CA_OCSP_MALFORMED = 1,
    ACME_CA_OCSP_INTERNAL = 2,
    ACME_CA_OCSP_TRY_LATER = 3,
    ACME_CA_OCSP_UNAUTHORIZED = 6
} acme_ca_ocsp_status_e;


/* a certificate that is asked for; spans of the request's bytes */
typedef struct {
    acme_ca_der_t          whole;          /* the CertID: it is echoed */
    acme_ca_ocsp_hash_e    hash;
    acme_ca_der_t          name_hash;
    acme_ca_der_t          key_hash;
    acme_ca_der_t          serial;         /* without the zero byte */
} acme_ca_ocsp_id_t;


typedef struct {
    ngx_uint_t             n;
    acme_ca_ocsp_id_t      ids[ACME_CA_OCSP_IDS];
    acme_ca_der_t          nonce;          /* empty: none */
} acme_ca_ocsp_request_t;


/* how clients name an issuer */
typedef struct {
    u_char                 name[ACME_CA_OCSP_HASH_N][ACME_CA_OCSP_HASH_LEN];
    u_char                 key[ACME_CA_OCSP_HASH_N][ACME_CA_OCSP_HASH_LEN];
} acme_ca_ocsp_issuer_t;


/* who signs */
typedef struct {
    EVP_PKEY              *key;            /* EC P-256 */
    ngx_str_t              certificate;    /* DER */
    u_char                 key_id[ACME_CA_OCSP_KEY_LEN];    /* SHA-1 */
} acme_ca_ocsp_signer_t;


typedef enum {
    ACME_CA_OCSP_GOOD = 0,
    ACME_CA_OCSP_REVOKED,
    ACME_CA_OCSP_UNKNOWN
} acme_ca_ocsp_state_e;


typedef struct {
    acme_ca_ocsp_state_e   state;
    time_t                 revoked_at;
    ngx_int_t              reason;         /* -1: none */
} acme_ca_ocsp_single_t;


typedef struct {
    const acme_ca_ocsp_request_t  *request;
    const acme_ca_ocsp_single_t   *singles;    /* one for each id */
    const acme_ca_ocsp_signer_t   *signer;
    time_t                         now;
    time_t                         next_update;
} acme_ca_ocsp_answer_t;


/* of untrusted bytes.  NGX_OK, or NGX_DECLINED: malformed */
ngx_int_t acme_ca_ocsp_parse(const u_char *der, size_t n,
    acme_ca_ocsp_request_t *request);

/* NGX_OK or NGX_ERROR (logged) */
ngx_int_t acme_ca_ocsp_issuer_init(acme_ca_ocsp_issuer_t *issuer,
    const ngx_str_t *der, ngx_log_t *log);

/* 1 when the id is of a certificate of that issuer */
ngx_uint_t acme_ca_ocsp_is_issuer(const acme_ca_ocsp_issuer_t *issuer,
    const acme_ca_ocsp_id_t *id);

/* a response without content.  It is constant */
void acme_ca_ocsp_refusal(acme_ca_ocsp_status_e status, ngx_str_t *der);

/* a signed one, on any thread.  NGX_OK or NGX_ERROR (logged) */
ngx_int_t acme_ca_ocsp_write(acme_ca_ctx_t *ctx,
    const acme_ca_ocsp_answer_t *answer, ngx_str_t *der);


/*
 * acme_ca_ocsp_signer.c: a delegated signer (RFC 6960, 4.2.2.2): its key as
 * PEM, and its certificate for cert->not_after - cert->not_before seconds at
 * most, never beyond the issuer's.  Fills all of cert but ids and sans.
 */
ngx_int_t acme_ca_ocsp_signer_new(acme_ca_ctx_t *ctx,
    const acme_ca_issuer_t *issuer, time_t lifetime,
    acme_ca_certificate_t *cert, ngx_str_t *key_pem);

/* from what new() made; free() lets go of the key.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_ocsp_signer_load(acme_ca_ocsp_signer_t *signer,
    ngx_str_t *certificate, ngx_str_t *key_pem, ngx_log_t *log);
void acme_ca_ocsp_signer_free(acme_ca_ocsp_signer_t *signer);


#endif /* _ACME_CA_OCSP_H_INCLUDED_ */
