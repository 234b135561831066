
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the two files of the lint share: acme_ca_lint.c looks at the fields of
 * TBSCertificate, acme_ca_lint_extension.c at its extensions.
 */


#ifndef _ACME_CA_LINT_H_INCLUDED_
#define _ACME_CA_LINT_H_INCLUDED_


#include "acme_ca_leaf.h"
#include "acme_ca_der.h"


#define acme_ca_lint_is(der, literal)                                         \
    acme_ca_der_is(der, literal, sizeof(literal) - 1)


typedef struct {
    acme_ca_ctx_t          *ctx;
    const acme_ca_leaf_t   *leaf;
    acme_ca_der_t           key;            /* bits of the public key */
    ngx_uint_t              no_subject;
} acme_ca_lint_t;


/* a check answers NULL, or what is wrong */
typedef const char *(*acme_ca_lint_pt)(acme_ca_lint_t *lint,
    acme_ca_der_t *der);


/* takes all of the extensions.  Answers NULL, or what is wrong */
const char *acme_ca_lint_extensions(acme_ca_lint_t *lint, acme_ca_der_t *der);

/* the bytes are this name as certificates have it.  NGX_OK, NGX_DECLINED */
ngx_int_t acme_ca_lint_name_is(const acme_ca_identifier_t *identifier,
    const u_char *p, size_t len);


#endif /* _ACME_CA_LINT_H_INCLUDED_ */
