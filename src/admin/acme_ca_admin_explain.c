
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What an order would be answered: the question becomes the exchange of a
 * newOrder, and the protocol's own functions answer it.
 */


#include "acme_ca_admin_private.h"
#include "acme_ca_explain.h"


/* the question, whichever way it came */
typedef struct {
    ngx_array_t   names;             /* ngx_str_t */
    ngx_array_t   alternatives;      /* ngx_str_t, of the certificate */
    ngx_str_t    *account;           /* or NULL, as the others */
    ngx_str_t    *eab;
    ngx_str_t    *address;
    ngx_str_t    *profile;
    ngx_str_t    *certificate;
} acme_ca_admin_question_t;


static ngx_int_t acme_ca_admin_explain_init(acme_ca_admin_t *a,
    acme_ca_admin_question_t *q);
static ngx_int_t acme_ca_admin_explain_member(acme_ca_admin_t *a,
    const char *name, ngx_str_t **value);
static ngx_int_t acme_ca_admin_explain_list(acme_ca_admin_t *a,
    const char *name, ngx_array_t *list);
static ngx_int_t acme_ca_admin_explain_answer(acme_ca_admin_t *a,
    acme_ca_admin_question_t *q);
static ngx_int_t acme_ca_admin_explain_client(acme_ca_admin_t *a,
    acme_ca_admin_question_t *q, acme_ca_exchange_t *x);
static ngx_int_t acme_ca_admin_explain_account(acme_ca_admin_t *a,
    acme_ca_admin_question_t *q, acme_ca_exchange_t *x);
static ngx_int_t acme_ca_admin_explain_eab(acme_ca_admin_t *a, ngx_str_t *kid,
    acme_ca_exchange_t *x);
static ngx_int_t acme_ca_admin_explain_payload(acme_ca_admin_t *a,
    acme_ca_admin_question_t *q, acme_ca_json_t **payload);
static ngx_uint_t acme_ca_admin_explain_is_address(ngx_str_t *text);
static ngx_int_t acme_ca_admin_explain_write(acme_ca_admin_t *a,
    acme_ca_exchange_t *x, acme_ca_explanation_t *e);
static ngx_int_t acme_ca_admin_explain_write_name(acme_ca_admin_t *a,
    acme_ca_json_writer_t *w, acme_ca_explain_name_t *name);
static const char *acme_ca_admin_explain_decision(acme_ca_explanation_t *e);


ngx_int_t
acme_ca_admin_explain_get(acme_ca_admin_t *a)
{
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_array_t               *list;
    acme_ca_admin_arg_t       *arg;
    acme_ca_admin_question_t   q;

    if (acme_ca_admin_explain_init(a, &q) != NGX_OK) {
        return NGX_ERROR;
    }

    q.account = acme_ca_admin_arg(a, "account");
    q.eab = acme_ca_admin_arg(a, "eab");
    q.address = acme_ca_admin_arg(a, "address");
    q.profile = acme_ca_admin_arg(a, "profile");
    q.certificate = acme_ca_admin_arg(a, "certificate");

    arg = a->args->elts;

    for (i = 0; i < a->args->nelts; i++) {

        list = acme_ca_str_is(&arg[i].name, "name") ? &q.names
               : acme_ca_str_is(&arg[i].name, "certificate_name")
               ? &q.alternatives : NULL;

        if (list == NULL) {
            continue;
        }

        value = ngx_array_push(list);
        if (value == NULL) {
            return NGX_ERROR;
        }

        *value = arg[i].value;
    }

    return acme_ca_admin_explain_answer(a, &q);
}


ngx_int_t
acme_ca_admin_explain_post(acme_ca_admin_t *a)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    acme_ca_admin_question_t  q;

    struct {
        const char   *name;
        ngx_str_t   **value;
    } members[] = {
        { "account", &q.account },
        { "eab", &q.eab },
        { "address", &q.address },
        { "profile", &q.profile },
        { "certificate", &q.certificate }
    };

    rc = acme_ca_admin_explain_init(a, &q);

    for (i = 0; rc == NGX_OK && i < sizeof(members) / sizeof(members[0]); i++) {
        rc = acme_ca_admin_explain_member(a, members[i].name,
                                          members[i].value);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_explain_list(a, "names", &q.names);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_admin_explain_list(a, "certificate_names",
                                        &q.alternatives);
    }

    return (rc == NGX_OK) ? acme_ca_admin_explain_answer(a, &q) : rc;
}


static ngx_int_t
acme_ca_admin_explain_init(acme_ca_admin_t *a, acme_ca_admin_question_t *q)
{
    ngx_memzero(q, sizeof(acme_ca_admin_question_t));

    if (ngx_array_init(&q->names, a->ctx.pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_array_init(&q->alternatives, a->ctx.pool, 4, sizeof(ngx_str_t));
}


static ngx_int_t
acme_ca_admin_explain_member(acme_ca_admin_t *a, const char *name,
    ngx_str_t **value)
{
    *value = acme_ca_json_string(a->body, name);

    return (*value == NULL && acme_ca_json_member(a->body, name))
           ? acme_ca_admin_refuse(a, 400, "\"%s\" is to be a string", name)
           : NGX_OK;
}


static ngx_int_t
acme_ca_admin_explain_list(acme_ca_admin_t *a, const char *name,
    ngx_array_t *list)
{
    ngx_str_t       *text;
    acme_ca_json_t  *value, *word;

    value = acme_ca_json_member(a->body, name);

    if (value == NULL) {
        return NGX_OK;
    }

    word = value;

    if (value->type == ACME_CA_JSON_ARRAY) {
        for (word = value->first; word; word = word->next) {

            if (word->type != ACME_CA_JSON_STRING) {
                break;
            }

            text = ngx_array_push(list);
            if (text == NULL) {
                return NGX_ERROR;
            }

            *text = word->text;
        }
    }

    return word ? acme_ca_admin_refuse(a, 400, "\"%s\" is to be an array of "
                                       "strings", name)
                : NGX_OK;
}


static ngx_int_t
acme_ca_admin_explain_answer(acme_ca_admin_t *a, acme_ca_admin_question_t *q)
{
    ngx_int_t              rc;
    acme_ca_exchange_t     x;
    acme_ca_explanation_t  e;

    if (q->names.nelts == 0) {
        return acme_ca_admin_refuse(a, 400, "which names?");
    }

    ngx_memzero(&x, sizeof(acme_ca_exchange_t));
    ngx_memzero(&e, sizeof(acme_ca_explanation_t));

    x.ctx = a->ctx;
    x.authority = a->authority;
    x.store = a->store;

    rc = acme_ca_admin_explain_client(a, q, &x);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_explain_payload(a, q, &x.payload);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_protocol_explain(&x, &e);
    }

    return (rc == NGX_OK) ? acme_ca_admin_explain_write(a, &x, &e) : rc;
}


/* a rule compares addresses of a connection: what is no address fits none */

static ngx_int_t
acme_ca_admin_explain_client(acme_ca_admin_t *a, acme_ca_admin_question_t *q,
    acme_ca_exchange_t *x)
{
    if (q->address) {
        if (!acme_ca_admin_explain_is_address(q->address)) {
            return acme_ca_admin_refuse(a, 400, "\"%V\" is no address",
                                        q->address);
        }

        x->request.client_address = *q->address;
    }

    if (q->certificate) {
        x->request.client_certificate = *q->certificate;
    }

    if (q->alternatives.nelts) {
        x->request.client_names = &q->alternatives;
    }

    return acme_ca_admin_explain_account(a, q, x);
}


static ngx_int_t
acme_ca_admin_explain_account(acme_ca_admin_t *a, acme_ca_admin_question_t *q,
    acme_ca_exchange_t *x)
{
    ngx_int_t           rc;
    acme_ca_account_t  *account;

    static const u_char  none[ACME_CA_SHA256_LEN];

    if (q->account == NULL && q->eab == NULL) {
        return NGX_OK;
    }

    account = ngx_pcalloc(a->ctx.pool, sizeof(acme_ca_account_t));
    if (account == NULL) {
        return NGX_ERROR;
    }

    x->account = account;

    rc = q->account ? acme_ca_admin_account_find(a, q->account, account)
                    : NGX_DECLINED;

    if (rc == NGX_OK) {
        return q->eab ? acme_ca_admin_refuse(a, 400, "an account has its "
                                             "external account: ask for one "
                                             "of them")
                      : NGX_OK;
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* a key that has no account yet */

    if (q->account
        && ngx_memcmp(account->thumbprint, none, ACME_CA_SHA256_LEN) == 0)
    {
        return acme_ca_admin_refuse(a, 404, "there is no account \"%V\"",
                                    q->account);
    }

    account->id = 0;
    account->status = ACME_CA_VALID;

    return q->eab ? acme_ca_admin_explain_eab(a, q->eab, x) : NGX_OK;
}


static ngx_int_t
acme_ca_admin_explain_eab(acme_ca_admin_t *a, ngx_str_t *kid,
    acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    x->eab = ngx_pcalloc(a->ctx.pool, sizeof(acme_ca_eab_t));
    if (x->eab == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_store_eab_find_kid(a->store, a->ctx.pool, kid, x->eab);

    return (rc == NGX_DECLINED)
           ? acme_ca_admin_refuse(a, 404, "there is no external account "
                                  "\"%V\"", kid)
           : rc;
}


static ngx_int_t
acme_ca_admin_explain_payload(acme_ca_admin_t *a, acme_ca_admin_question_t *q,
    acme_ca_json_t **payload)
{
    ngx_str_t             *name, text;
    ngx_uint_t             i;
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, a->ctx.pool, 64 * (q->names.nelts + 1));
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_open_array(&w, "identifiers");

    name = q->names.elts;

    for (i = 0; i < q->names.nelts; i++) {
        acme_ca_json_open_object(&w, NULL);
        acme_ca_json_write_text(&w, "type",
                             acme_ca_admin_explain_is_address(&name[i])
                             ? "ip" : "dns");
        acme_ca_json_write_string(&w, "value", &name[i]);
        acme_ca_json_shut(&w);
    }

    acme_ca_json_shut(&w);

    if (q->profile) {
        acme_ca_json_write_string(&w, "profile", q->profile);
    }

    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_json_parse(&a->ctx, "order", &text, payload);
}


static ngx_uint_t
acme_ca_admin_explain_is_address(ngx_str_t *text)
{
    u_char  name[INET6_ADDRSTRLEN], address[16];

    if (text->len >= INET6_ADDRSTRLEN) {
        return 0;
    }

    ngx_memcpy(name, text->data, text->len);
    name[text->len] = '\0';

    return inet_pton(AF_INET, (char *) name, address) == 1
           || inet_pton(AF_INET6, (char *) name, address) == 1;
}


static ngx_int_t
acme_ca_admin_explain_write(acme_ca_admin_t *a, acme_ca_exchange_t *x,
    acme_ca_explanation_t *e)
{
    ngx_int_t                rc;
    ngx_str_t                problem;
    ngx_uint_t               i;
    acme_ca_json_writer_t    w;
    acme_ca_explain_name_t  *name;

    acme_ca_json_start(&w, a->ctx.pool, 256 * (e->names->nelts + 1));
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_text(&w, "decision",
                            acme_ca_admin_explain_decision(e));

    if (e->profile) {
        acme_ca_json_write_string(&w, "profile",
                                  (ngx_str_t *) &e->profile->name);
    }

    if (x->eab) {
        acme_ca_json_write_string(&w, "eab", &x->eab->label);
    }

    if (e->problem) {
        if (acme_ca_problem_write(a->ctx.pool, e->problem, &problem) != NGX_OK)
        {
            return NGX_ERROR;
        }

        acme_ca_json_write_raw(&w, "problem", &problem);
    }

    acme_ca_json_open_array(&w, "names");

    name = e->names->elts;

    for (i = 0; i < e->names->nelts; i++) {
        rc = acme_ca_admin_explain_write_name(a, &w, &name[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    acme_ca_json_shut(&w);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}


static ngx_int_t
acme_ca_admin_explain_write_name(acme_ca_admin_t *a, acme_ca_json_writer_t *w,
    acme_ca_explain_name_t *name)
{
    ngx_str_t   problem;
    ngx_uint_t  type;

    acme_ca_json_open_object(w, NULL);
    acme_ca_json_write_string(w, "type", &name->type);
    acme_ca_json_write_string(w, "value", &name->value);
    acme_ca_json_write_text(w, "decision",
                            name->problem ? "deny"
                            : name->identifier.trusted_by.len ? "trust"
                            : "allow");

    if (name->identifier.rule.len) {
        acme_ca_json_write_string(w, "rule", &name->identifier.rule);
    }

    if (name->problem) {
        if (acme_ca_problem_write(a->ctx.pool, name->problem, &problem)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        acme_ca_json_write_raw(w, "problem", &problem);

    } else {
        acme_ca_json_open_array(w, "challenges");

        for (type = 0; type < ACME_CA_CHALLENGE_TYPE_N; type++) {
            if (name->challenges & (1 << type)) {
                acme_ca_json_write_string(w, NULL,
                         (ngx_str_t *) &acme_ca_challenge_kinds[type].name);
            }
        }

        acme_ca_json_shut(w);
    }

    acme_ca_json_shut(w);

    return NGX_OK;
}


/* trusted only where nothing is left to be proven */

static const char *
acme_ca_admin_explain_decision(acme_ca_explanation_t *e)
{
    ngx_uint_t               i;
    acme_ca_explain_name_t  *name;

    if (e->problem) {
        return "deny";
    }

    name = e->names->elts;

    for (i = 0; i < e->names->nelts; i++) {
        if (name[i].identifier.trusted_by.len == 0) {
            return "allow";
        }
    }

    return "trust";
}
