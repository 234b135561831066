
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the files of this room share with each other and with nobody else.
 */


#ifndef _ACME_CA_JOSE_PRIVATE_H_INCLUDED_
#define _ACME_CA_JOSE_PRIVATE_H_INCLUDED_


#include "acme_ca_jws.h"


#define ACME_CA_RSA_MIN       2048
#define ACME_CA_RSA_MAX       8192     /* bits */
#define ACME_CA_ED25519_LEN   32
#define ACME_CA_EC_MAX        66       /* bytes of a coordinate of P-521 */


struct acme_ca_jws_alg_s {
    ngx_str_t        name;
    int              type;             /* EVP_PKEY_... */
    const char      *group;            /* OpenSSL's name of an EC curve */
    const char      *digest;           /* NULL: within the algorithm */
    size_t           signature_len;    /* 0: the modulus' */
    ngx_uint_t       pss;
};


/*
 * The key, or NULL.  *rc is then NGX_DECLINED (such a key cannot be: off the
 * curve) or NGX_ERROR (out of memory).
 */
EVP_PKEY *acme_ca_jwk_make_ec(const char *group, ngx_str_t *x, ngx_str_t *y,
    ngx_int_t *rc);
EVP_PKEY *acme_ca_jwk_make_rsa(ngx_str_t *n, ngx_str_t *e, ngx_int_t *rc);
EVP_PKEY *acme_ca_jwk_make_ed25519(ngx_str_t *x, ngx_int_t *rc);

/*
 * Empties OpenSSL's queue of errors: nginx would blame the next TLS connection
 * for what it finds there.  NGX_OK when it was empty, NGX_DECLINED when numbers
 * were at fault (of EC or RSA), NGX_ERROR when OpenSSL was.
 */
ngx_int_t acme_ca_jose_errors(void);

/* what every JWS has: three strings as they came, and a header */
typedef struct {
    ngx_str_t       *protected;
    ngx_str_t       *payload;
    ngx_str_t       *signature;
    acme_ca_json_t  *header;           /* an object */
} acme_ca_jws_parts_t;


/*
 * acme_ca_jws.c.  open(): exactly the three strings, and a header without what
 * is refused everywhere; "what" is its name in details.  decode(): the bytes of
 * the rest, and what is signed.  string(): of the header; absent, it is left as
 * it is.
 */
ngx_int_t acme_ca_jws_open(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const char *what, acme_ca_jws_parts_t *parts);
ngx_int_t acme_ca_jws_decode(acme_ca_ctx_t *ctx, acme_ca_jws_parts_t *parts,
    ngx_str_t *payload, ngx_str_t *signature, ngx_str_t *input);
ngx_int_t acme_ca_jws_string(acme_ca_ctx_t *ctx, acme_ca_json_t *header,
    const char *name, ngx_str_t *text);


#endif /* _ACME_CA_JOSE_PRIVATE_H_INCLUDED_ */
