
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The operator's named rules and whoever asks: account, external account,
 * address and client certificate of this very request.  They are asked when an
 * order is made and again when it is finalized.
 */


#include "acme_ca_authorize.h"


static ngx_int_t acme_ca_ruling_decide(acme_ca_exchange_t *x,
    acme_ca_policy_want_t *want, const acme_ca_policy_rule_t **rule);
static ngx_int_t acme_ca_ruling_same(acme_ca_exchange_t *x,
    const acme_ca_profile_t *profile, ngx_uint_t n,
    const acme_ca_order_identifier_t *identifier);
static ngx_int_t acme_ca_ruling_account(acme_ca_exchange_t *x,
    acme_ca_policy_subject_t *subject);


ngx_int_t
acme_ca_ruling(acme_ca_exchange_t *x, const acme_ca_profile_t *profile,
    ngx_uint_t n, acme_ca_order_identifier_t *identifier)
{
    ngx_int_t                     rc;
    acme_ca_policy_want_t         want;
    const acme_ca_policy_rule_t  *rule;

    ngx_str_null(&identifier->rule);
    ngx_str_null(&identifier->trusted_by);

    if (x->authority->named_rules == NULL) {
        return NGX_OK;
    }

    want.identifier = &identifier->identifier;
    want.n = n;

    ngx_str_null(&want.profile);

    if (profile) {
        want.profile = profile->name;
    }

    rc = acme_ca_ruling_decide(x, &want, &rule);

    if (rule) {
        identifier->rule = rule->name;

        if (rule->action == ACME_CA_RULE_TRUST) {
            identifier->trusted_by = rule->name;
        }
    }

    return rc;
}


static ngx_int_t
acme_ca_ruling_decide(acme_ca_exchange_t *x, acme_ca_policy_want_t *want,
    const acme_ca_policy_rule_t **rule)
{
    ngx_int_t                 rc;
    acme_ca_policy_subject_t  subject;

    *rule = NULL;

    ngx_memzero(&subject, sizeof(acme_ca_policy_subject_t));

    rc = acme_ca_ruling_account(x, &subject);
    if (rc != NGX_OK) {
        return rc;
    }

    if (x->eab) {
        subject.eab = x->eab->label;
    }

    subject.address = x->request.client_address;
    subject.certificate = x->request.client_certificate;
    subject.alternatives = x->request.client_names;

    return acme_ca_policy_rule(&x->ctx, x->authority->named_rules, &subject,
                               want, rule);
}


static ngx_int_t
acme_ca_ruling_account(acme_ca_exchange_t *x,
    acme_ca_policy_subject_t *subject)
{
    u_char     *p;
    ngx_int_t   rc;

    if (x->account == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(x->ctx.pool, ACME_CA_ID_LEN
                                 + acme_ca_base64url_len(ACME_CA_SHA256_LEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    subject->account.data = p;
    subject->account.len = ACME_CA_ID_LEN;

    subject->thumbprint.data = p + ACME_CA_ID_LEN;
    subject->thumbprint.len = acme_ca_base64url_len(ACME_CA_SHA256_LEN);

    (void) acme_ca_base64url_write(subject->thumbprint.data,
                                   x->account->thumbprint, ACME_CA_SHA256_LEN);

    rc = acme_ca_store_id_write(x->store, ACME_CA_ID_ACCOUNT, x->account->id,
                                subject->account.data);

    return (rc == NGX_OK) ? acme_ca_binding_load(x) : rc;
}


/* one of several names: a refusal is a subproblem beside those before it */

ngx_int_t
acme_ca_ruling_again(acme_ca_exchange_t *x, const acme_ca_profile_t *profile,
    ngx_uint_t n, const acme_ca_order_identifier_t *identifier)
{
    ngx_int_t           rc;
    ngx_str_t           type, name;
    acme_ca_problem_t  *before, *problem;

    before = x->ctx.problem;

    rc = acme_ca_ruling_same(x, profile, n, identifier);

    problem = x->ctx.problem;
    x->ctx.problem = before;

    if (rc != NGX_ABORT) {
        return rc;
    }

    type = acme_ca_identifier_types[identifier->identifier.type];

    if (acme_ca_identifier_name(x->ctx.pool, &identifier->identifier, &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_refuse_identifier(&x->ctx, problem->type, &type, &name,
                                     "%V", &problem->detail);
}


/* an order that was trusted needs a client that still is */

static ngx_int_t
acme_ca_ruling_same(acme_ca_exchange_t *x, const acme_ca_profile_t *profile,
    ngx_uint_t n, const acme_ca_order_identifier_t *identifier)
{
    ngx_int_t                   rc;
    acme_ca_order_identifier_t  now;

    now = *identifier;

    rc = acme_ca_ruling(x, profile, n, &now);

    if (rc != NGX_OK || identifier->trusted_by.len == 0
        || now.trusted_by.len != 0)
    {
        return rc;
    }

    return acme_ca_refuse(&x->ctx, ACME_CA_UNAUTHORIZED,
                          "the rule \"%V\" does not trust this client any "
                          "more", &identifier->trusted_by);
}


/* what stands in an order's audit row beside its names */

void
acme_ca_ruling_write(acme_ca_json_writer_t *w, ngx_array_t *identifiers)
{
    ngx_uint_t                   i, any;
    acme_ca_order_identifier_t  *id;

    id = identifiers->elts;
    any = 0;

    for (i = 0; i < identifiers->nelts; i++) {
        any |= (id[i].rule.len != 0);
    }

    if (!any) {
        return;
    }

    acme_ca_json_open_array(w, "rules");

    for (i = 0; i < identifiers->nelts; i++) {
        acme_ca_json_write_string(w, NULL, &id[i].rule);
    }

    acme_ca_json_shut(w);
}


/* one row for each authorization that nothing proved */

ngx_int_t
acme_ca_ruling_note(acme_ca_exchange_t *x, acme_ca_authz_t *authz)
{
    ngx_str_t              name;
    acme_ca_audit_t        audit;
    acme_ca_json_writer_t  w;

    audit = x->audit;

    audit.action = "trust";
    audit.authz_id = authz->id;

    if (acme_ca_identifier_name(x->ctx.pool, &authz->identifier, &name)
        != NGX_OK
        || acme_ca_format(x->ctx.pool, &audit.reason,
                          authz->trusted_by.len + 32,
                          "trusted by rule \"%V\"", &authz->trusted_by)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, x->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "identifier", &name);
    acme_ca_json_write_string(&w, "rule", &authz->trusted_by);
    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &audit.details) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_store_audit_add(x->store, &audit, x->ctx.now);
}
