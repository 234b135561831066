
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What an external signer answered, before anything is written: it did, will,
 * may or will not do what it was asked for, and whether the certificate is the
 * one that was ordered.  What it said reaches clients and logs printable and
 * short.
 */


#include "acme_ca_foreign.h"
#include "acme_ca_signing.h"


/* seconds */
#define ACME_CA_SIGNING_POLL       5       /* of a 202 that names no time */
#define ACME_CA_SIGNING_BACKOFF    300     /* at most */

#define ACME_CA_SIGNING_URN        "urn:ietf:params:acme:error:"


static void acme_ca_signing_class(acme_ca_signing_t *signing,
    acme_ca_signing_answer_t *answer);
static void acme_ca_signing_when(acme_ca_ctx_t *ctx,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_check(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_wrong(acme_ca_signing_answer_t *answer,
    const char *detail);
static ngx_int_t acme_ca_signing_chain(acme_ca_ctx_t *ctx,
    acme_ca_signing_answer_t *answer, ngx_str_t *pem);
static ngx_int_t acme_ca_signing_chain_json(acme_ca_ctx_t *ctx,
    acme_ca_json_t *document, ngx_str_t *pem);
static ngx_int_t acme_ca_signing_fault(acme_ca_ctx_t *ctx,
    acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_said(acme_ca_ctx_t *ctx,
    acme_ca_signing_answer_t *answer, ngx_str_t *said);
static acme_ca_json_t *acme_ca_signing_document(acme_ca_ctx_t *ctx,
    ngx_str_t *body);
static void acme_ca_signing_said_type(ngx_str_t *type,
    acme_ca_signing_answer_t *answer);
static ngx_int_t acme_ca_signing_plain(acme_ca_ctx_t *ctx,
    const ngx_str_t *text, ngx_str_t *plain);


/* what a signer may tell a client of ours to be the reason */

static const acme_ca_problem_type_e  acme_ca_signing_types[] = {
    ACME_CA_BAD_CSR, ACME_CA_BAD_PUBLIC_KEY, ACME_CA_CAA,
    ACME_CA_INVALID_PROFILE, ACME_CA_RATE_LIMITED,
    ACME_CA_REJECTED_IDENTIFIER, ACME_CA_UNAUTHORIZED,
    ACME_CA_UNSUPPORTED_IDENTIFIER
};


void
acme_ca_signing_prepare(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer)
{
    ngx_int_t  rc;

    answer->type = ACME_CA_SERVER_INTERNAL;
    ngx_str_null(&answer->detail);

    acme_ca_signing_class(signing, answer);

    rc = NGX_OK;

    if (answer->outcome == ACME_CA_SIGNING_LATER) {
        ngx_str_set(&answer->detail, "it needs more time");

    } else if (answer->outcome != ACME_CA_SIGNING_DONE) {
        rc = acme_ca_signing_fault(ctx, answer);

    } else if (signing->order_id) {
        rc = acme_ca_signing_check(ctx, authority, store, signing, answer);
    }

    /* ours: the signer, asked again, will answer the same */

    if (rc != NGX_OK) {
        answer->outcome = ACME_CA_SIGNING_FAILED;
        ngx_str_set(&answer->detail, "its answer could not be looked at");
    }

    acme_ca_signing_when(ctx, signing, answer);
}


static void
acme_ca_signing_class(acme_ca_signing_t *signing,
    acme_ca_signing_answer_t *answer)
{
    ngx_uint_t  status;

    status = answer->status;

    if (status == 202) {
        answer->outcome = ACME_CA_SIGNING_LATER;

    } else if (status == 200 || status == 201
               || (status == 204 && signing->order_id == 0))
    {
        answer->outcome = ACME_CA_SIGNING_DONE;

    } else if (status >= 400 && status < 500
               && status != 408 && status != 425 && status != 429)
    {
        answer->outcome = ACME_CA_SIGNING_REFUSED;

    } else {
        answer->outcome = ACME_CA_SIGNING_FAILED;
    }
}


/* the last time is at the deadline, unless it is over */

static void
acme_ca_signing_when(acme_ca_ctx_t *ctx, acme_ca_signing_t *signing,
    acme_ca_signing_answer_t *answer)
{
    time_t  wait;

    if (answer->outcome == ACME_CA_SIGNING_LATER) {
        wait = answer->retry_after ? answer->retry_after
                                   : ACME_CA_SIGNING_POLL;
        signing->attempts = 0;

    } else if (answer->outcome == ACME_CA_SIGNING_FAILED) {
        wait = ngx_min((time_t) 1 << ngx_min(signing->attempts, 16),
                       ACME_CA_SIGNING_BACKOFF);
        wait = ngx_max(wait, answer->retry_after);
        signing->attempts++;

    } else {
        return;
    }

    if (ctx->now >= signing->deadline_at) {
        answer->outcome = ACME_CA_SIGNING_LATE;
        return;
    }

    answer->run_at = ctx->now + ngx_min(wait, ACME_CA_SIGNING_PAUSE);
    answer->run_at = ngx_min(answer->run_at, signing->deadline_at);
}


static ngx_int_t
acme_ca_signing_check(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_store_t *store,
    acme_ca_signing_t *signing, acme_ca_signing_answer_t *answer)
{
    ngx_int_t         rc;
    ngx_str_t         pem;
    acme_ca_csr_t    *csr;
    acme_ca_leaf_t    wanted;
    acme_ca_order_t   order;

    csr = NULL;

    rc = acme_ca_signing_wanted(ctx, authority, store, signing, &order,
                                &wanted);

    if (rc == NGX_DECLINED) {
        return acme_ca_signing_wrong(answer,
                                     "the order or its profile is gone");
    }

    if (rc == NGX_OK) {
        rc = acme_ca_csr_parse(ctx, &signing->csr, ACME_CA_KEY_ANY, &csr);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    wanted.csr = csr;

    rc = acme_ca_signing_chain(ctx, answer, &pem);

    if (rc == NGX_OK) {
        rc = acme_ca_foreign_check(ctx, &wanted, authority->signer->anchors,
                                   signing->created_at, &pem,
                                   &answer->certificate, &answer->issuer,
                                   &answer->detail);
    }

    if (rc == NGX_DECLINED) {
        answer->outcome = ACME_CA_SIGNING_WRONG;
        return NGX_OK;
    }

    answer->certificate.order_id = order.id;
    answer->certificate.account_id = order.account_id;

    return rc;
}


static ngx_int_t
acme_ca_signing_wrong(acme_ca_signing_answer_t *answer, const char *detail)
{
    answer->outcome = ACME_CA_SIGNING_WRONG;
    answer->detail.data = (u_char *) detail;
    answer->detail.len = ngx_strlen(detail);

    return NGX_OK;
}


/* PEM, or a document with PEM in it.  NGX_DECLINED: answer->detail */

static ngx_int_t
acme_ca_signing_chain(acme_ca_ctx_t *ctx, acme_ca_signing_answer_t *answer,
    ngx_str_t *pem)
{
    ngx_int_t        rc;
    acme_ca_json_t  *document;

    document = acme_ca_signing_document(ctx, &answer->body);

    if (document == NULL) {
        *pem = answer->body;
        return NGX_OK;
    }

    rc = acme_ca_signing_chain_json(ctx, document, pem);

    if (rc == NGX_DECLINED) {
        ngx_str_set(&answer->detail, "\"certificate\" of its document is to "
                    "be a string, \"chain\" a string or a list of such");
    }

    return rc;
}


static ngx_int_t
acme_ca_signing_chain_json(acme_ca_ctx_t *ctx, acme_ca_json_t *document,
    ngx_str_t *pem)
{
    ngx_str_t       *leaf, before;
    acme_ca_json_t  *chain, *one;

    leaf = acme_ca_json_string(document, "certificate");
    if (leaf == NULL) {
        return NGX_DECLINED;
    }

    *pem = *leaf;

    chain = acme_ca_json_member(document, "chain");
    if (chain == NULL || chain->type == ACME_CA_JSON_NULL) {
        return NGX_OK;
    }

    one = (chain->type == ACME_CA_JSON_ARRAY) ? chain->first : chain;

    for ( /* void */ ; one; one = one->next) {

        if (one->type != ACME_CA_JSON_STRING) {
            return NGX_DECLINED;
        }

        before = *pem;

        if (acme_ca_format(ctx->pool, pem, before.len + one->text.len + 1,
                           "%V\n%V", &before, &one->text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (one == chain) {
            break;
        }
    }

    return NGX_OK;
}


/* why it did not do it */

static ngx_int_t
acme_ca_signing_fault(acme_ca_ctx_t *ctx, acme_ca_signing_answer_t *answer)
{
    ngx_str_t  said, *detail;

    detail = &answer->detail;

    if (answer->status == 0) {
        return acme_ca_format(ctx->pool, detail, ACME_CA_SIGNING_DETAIL, "%s",
                              answer->fault);
    }

    answer->type = ACME_CA_UNAUTHORIZED;

    if (acme_ca_signing_said(ctx, answer, &said) != NGX_OK) {
        return NGX_ERROR;
    }

    if (said.len) {
        *detail = said;
        return NGX_OK;
    }

    return acme_ca_format(ctx->pool, detail, 32, "status %ui",
                          answer->status);
}


/* a problem document's detail, or the usual members for one, or plain text */

static ngx_int_t
acme_ca_signing_said(acme_ca_ctx_t *ctx, acme_ca_signing_answer_t *answer,
    ngx_str_t *said)
{
    ngx_str_t       *text;
    ngx_uint_t       i;
    acme_ca_json_t  *document;

    static const char  *members[] = { "detail", "error", "message" };

    ngx_str_null(said);

    document = acme_ca_signing_document(ctx, &answer->body);

    if (document == NULL) {

        /* somebody's error page is of no use */

        if (answer->body.len == 0
            || ngx_strlchr(answer->body.data,
                           answer->body.data + answer->body.len, '<')
               != NULL)
        {
            return NGX_OK;
        }

        return acme_ca_signing_plain(ctx, &answer->body, said);
    }

    text = acme_ca_json_string(document, "type");
    if (text != NULL) {
        acme_ca_signing_said_type(text, answer);
    }

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        text = acme_ca_json_string(document, members[i]);

        if (text != NULL) {
            return acme_ca_signing_plain(ctx, text, said);
        }
    }

    return NGX_OK;
}


/* NULL: it is none */

static acme_ca_json_t *
acme_ca_signing_document(acme_ca_ctx_t *ctx, ngx_str_t *body)
{
    size_t           i;
    acme_ca_ctx_t    own;
    acme_ca_json_t  *document;

    for (i = 0; i < body->len; i++) {
        if (body->data[i] > ' ') {
            break;
        }
    }

    if (i == body->len || body->data[i] != '{') {
        return NULL;
    }

    /* who refuses is not our client */

    own = *ctx;

    if (acme_ca_json_parse(&own, "answer", body, &document) != NGX_OK) {
        return NULL;
    }

    return document;
}


static void
acme_ca_signing_said_type(ngx_str_t *type, acme_ca_signing_answer_t *answer)
{
    size_t       len;
    ngx_uint_t   i, n;
    const char  *name;

    len = sizeof(ACME_CA_SIGNING_URN) - 1;

    if (type->len < len
        || ngx_memcmp(type->data, ACME_CA_SIGNING_URN, len) != 0)
    {
        return;
    }

    n = sizeof(acme_ca_signing_types) / sizeof(acme_ca_signing_types[0]);

    for (i = 0; i < n; i++) {
        name = acme_ca_problem_name(acme_ca_signing_types[i]);

        if (type->len - len == ngx_strlen(name)
            && ngx_memcmp(type->data + len, name, type->len - len) == 0)
        {
            answer->type = acme_ca_signing_types[i];
            return;
        }
    }
}


/* printable ASCII, in one line */

static ngx_int_t
acme_ca_signing_plain(acme_ca_ctx_t *ctx, const ngx_str_t *text,
    ngx_str_t *plain)
{
    u_char  ch;
    size_t  i, n;

    n = ngx_min(text->len, ACME_CA_SIGNING_DETAIL);

    if (acme_ca_copy(ctx->pool, plain, text->data, n) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        ch = plain->data[i];

        if (ch < ' ') {
            plain->data[i] = ' ';

        } else if (ch >= 0x7f) {
            plain->data[i] = '?';
        }
    }

    while (plain->len && plain->data[plain->len - 1] == ' ') {
        plain->len--;
    }

    return NGX_OK;
}
