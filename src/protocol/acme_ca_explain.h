
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What an order would be answered, and which rule says so, without an order:
 * for the operator.
 */


#ifndef _ACME_CA_EXPLAIN_H_INCLUDED_
#define _ACME_CA_EXPLAIN_H_INCLUDED_


#include "acme_ca_protocol.h"


typedef struct {
    ngx_str_t                    type;        /* as asked */
    ngx_str_t                    value;
    acme_ca_order_identifier_t   identifier;  /* with rule and trusted_by, also
                                                 if the rule refused it */
    ngx_uint_t                   challenges;  /* bits: those to choose from */
    acme_ca_problem_t           *problem;     /* NULL: admitted */
} acme_ca_explain_name_t;


typedef struct {
    acme_ca_problem_t           *problem;     /* that newOrder would answer,
                                                 NULL: an order */
    const acme_ca_profile_t     *profile;     /* NULL: no such profile */
    ngx_array_t                 *names;       /* acme_ca_explain_name_t */
} acme_ca_explanation_t;


/*
 * In x: ctx, authority, store, of the request what rules ask for (address,
 * certificate), payload: of newOrder; account: NULL (none in particular), a
 * row, or one with the id 0: a key whose account is still to be made; eab: of
 * such a one.  Runs the very functions of newOrder and writes nothing; what a
 * rate limit would say is left out, as asking counts.  NGX_OK, NGX_BUSY or
 * NGX_ERROR.
 */
ngx_int_t acme_ca_protocol_explain(acme_ca_exchange_t *x,
    acme_ca_explanation_t *explanation);


#endif /* _ACME_CA_EXPLAIN_H_INCLUDED_ */
