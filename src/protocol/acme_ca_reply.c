
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The renderers: objects of RFC 8555, 7.1 as JSON, URLs, links, problems, and
 * the header fields that every reply carries.  A member without a value is
 * left out: clients break on null and "".
 */


#include "acme_ca_protocol_private.h"


static void acme_ca_reply_write_url(acme_ca_exchange_t *x,
    acme_ca_json_writer_t *w, const char *name, acme_ca_route_e route,
    int64_t id);
static void acme_ca_reply_write_status(acme_ca_json_writer_t *w,
    acme_ca_status_e status);
static void acme_ca_reply_write_identifier(acme_ca_json_writer_t *w,
    const char *name, acme_ca_identifier_t *identifier, ngx_str_t *value);
static void acme_ca_reply_write_order(acme_ca_exchange_t *x,
    acme_ca_json_writer_t *w, acme_ca_order_view_t *view);
static void acme_ca_reply_write_identifiers(acme_ca_exchange_t *x,
    acme_ca_json_writer_t *w, acme_ca_order_view_t *view);
static void acme_ca_reply_write_challenge(acme_ca_exchange_t *x,
    acme_ca_json_writer_t *w, acme_ca_challenge_t *challenge);
static void acme_ca_reply_write_issuers(acme_ca_exchange_t *x,
    acme_ca_json_writer_t *w);
static void acme_ca_reply_wait(acme_ca_exchange_t *x,
    acme_ca_status_e status);
static ngx_int_t acme_ca_reply_write_problem(acme_ca_exchange_t *x);
static void acme_ca_reply_allow(acme_ca_exchange_t *x);


static const char  acme_ca_reply_type_json[] = "application/json";
static const char  acme_ca_reply_type_problem[] = "application/problem+json";


ngx_int_t
acme_ca_reply_url(acme_ca_exchange_t *x, acme_ca_route_e route, int64_t id,
    ngx_str_t *url)
{
    ngx_int_t               rc;
    ngx_str_t               text;
    u_char                  buf[ACME_CA_ID_LEN];
    const acme_ca_route_t  *row;

    row = &acme_ca_routes[route];

    text.data = buf;
    text.len = 0;

    if (row->kind) {
        rc = acme_ca_store_id_write(x->store, (acme_ca_id_kind_e) row->kind,
                                    id, buf);
        if (rc != NGX_OK) {
            return rc;
        }

        text.len = ACME_CA_ID_LEN;
    }

    return acme_ca_format(x->ctx.pool, url,
                          x->request.base.len + row->head.len + text.len
                          + row->tail.len,
                          "%V%V%V%V", &x->request.base, &row->head, &text,
                          &row->tail);
}


ngx_int_t
acme_ca_reply_link(acme_ca_exchange_t *x, const char *rel, ngx_str_t *url)
{
    acme_ca_link_t  *link;

    link = ngx_palloc(x->ctx.pool, sizeof(acme_ca_link_t));
    if (link == NULL) {
        return NGX_ERROR;
    }

    link->url = *url;
    link->rel = rel;
    link->next = x->reply.links;

    x->reply.links = link;

    return NGX_OK;
}


ngx_int_t
acme_ca_reply_json(acme_ca_exchange_t *x, ngx_uint_t status,
    acme_ca_json_writer_t *w)
{
    if (acme_ca_json_finish(w, &x->reply.body) != NGX_OK) {
        return NGX_ERROR;
    }

    x->reply.status = status;
    x->reply.content_type = acme_ca_reply_type_json;

    return NGX_OK;
}


static void
acme_ca_reply_write_url(acme_ca_exchange_t *x, acme_ca_json_writer_t *w,
    const char *name, acme_ca_route_e route, int64_t id)
{
    ngx_str_t  url;

    if (acme_ca_reply_url(x, route, id, &url) != NGX_OK) {
        w->failed = 1;
        return;
    }

    acme_ca_json_write_string(w, name, &url);
}


static void
acme_ca_reply_write_status(acme_ca_json_writer_t *w, acme_ca_status_e status)
{
    acme_ca_json_write_string(w, "status",
                              (ngx_str_t *) &acme_ca_statuses[status]);
}


static void
acme_ca_reply_write_identifier(acme_ca_json_writer_t *w, const char *name,
    acme_ca_identifier_t *identifier, ngx_str_t *value)
{
    acme_ca_json_open_object(w, name);
    acme_ca_json_write_string(w, "type",
                   (ngx_str_t *) &acme_ca_identifier_types[identifier->type]);
    acme_ca_json_write_string(w, "value", value);
    acme_ca_json_shut(w);
}


ngx_int_t
acme_ca_reply_account(acme_ca_exchange_t *x, ngx_uint_t status,
    acme_ca_account_t *account)
{
    ngx_str_t              binding;
    acme_ca_json_writer_t  w;

    ngx_str_null(&binding);

    if (account->eab_id
        && acme_ca_store_account_get_binding(x->store, x->ctx.pool,
                                             account->id, &binding)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, x->ctx.pool,
                       256 + account->contact.len + binding.len);
    acme_ca_json_open_object(&w, NULL);

    acme_ca_reply_write_status(&w, account->status);
    acme_ca_json_write_raw(&w, "contact", &account->contact);

    if (account->terms_agreed_at) {
        acme_ca_json_write_boolean(&w, "termsOfServiceAgreed", 1);
    }

    if (binding.len) {
        acme_ca_json_write_raw(&w, "externalAccountBinding", &binding);
    }

    acme_ca_reply_write_url(x, &w, "orders", ACME_CA_ROUTE_ORDERS,
                            account->id);
    acme_ca_json_shut(&w);

    return acme_ca_reply_json(x, status, &w);
}


/* Location on each: some clients take the order's URL from the last answer */

ngx_int_t
acme_ca_reply_order(acme_ca_exchange_t *x, ngx_uint_t status,
    acme_ca_order_view_t *view)
{
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, x->ctx.pool, 512 + 256 * view->identifiers->nelts);
    acme_ca_json_open_object(&w, NULL);

    acme_ca_reply_write_order(x, &w, view);
    acme_ca_reply_write_identifiers(x, &w, view);

    acme_ca_json_shut(&w);

    acme_ca_reply_wait(x, view->status);

    if (acme_ca_reply_url(x, ACME_CA_ROUTE_ORDER, view->row.id,
                          &x->reply.location)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_reply_json(x, status, &w);
}


static void
acme_ca_reply_write_order(acme_ca_exchange_t *x, acme_ca_json_writer_t *w,
    acme_ca_order_view_t *view)
{
    acme_ca_order_t  *order;

    order = &view->row;

    acme_ca_reply_write_status(w, view->status);
    acme_ca_json_write_time(w, "expires", order->expires_at);

    if (order->profile.len) {
        acme_ca_json_write_string(w, "profile", &order->profile);
    }

    if (order->not_before) {
        acme_ca_json_write_time(w, "notBefore", order->not_before);
    }

    if (order->not_after) {
        acme_ca_json_write_time(w, "notAfter", order->not_after);
    }

    if (order->replaces.len) {
        acme_ca_json_write_string(w, "replaces", &order->replaces);
    }

    if (order->error.len) {
        acme_ca_json_write_raw(w, "error", &order->error);
    }

    acme_ca_reply_write_url(x, w, "finalize", ACME_CA_ROUTE_FINALIZE,
                            order->id);

    if (view->status == ACME_CA_VALID && order->certificate_id) {
        acme_ca_reply_write_url(x, w, "certificate", ACME_CA_ROUTE_CERTIFICATE,
                                order->certificate_id);
    }
}


static void
acme_ca_reply_write_identifiers(acme_ca_exchange_t *x,
    acme_ca_json_writer_t *w, acme_ca_order_view_t *view)
{
    ngx_str_t                    name;
    ngx_uint_t                   i, k, n;
    acme_ca_order_identifier_t  *identifier;

    identifier = view->identifiers->elts;
    n = view->identifiers->nelts;

    acme_ca_json_open_array(w, "identifiers");

    for (i = 0; i < n; i++) {
        if (acme_ca_identifier_name(x->ctx.pool, &identifier[i].identifier,
                                    &name)
            != NGX_OK)
        {
            w->failed = 1;
            return;
        }

        acme_ca_reply_write_identifier(w, NULL, &identifier[i].identifier,
                                       &name);
    }

    acme_ca_json_shut(w);

    acme_ca_json_open_array(w, "authorizations");

    /* one may answer for several names (RFC 9444) */

    for (i = 0; i < n; i++) {
        for (k = 0; identifier[k].authz_id != identifier[i].authz_id; k++) {
            /* void */
        }

        if (k == i) {
            acme_ca_reply_write_url(x, w, NULL, ACME_CA_ROUTE_AUTHZ,
                                    identifier[i].authz_id);
        }
    }

    acme_ca_json_shut(w);
}


ngx_int_t
acme_ca_reply_authz(acme_ca_exchange_t *x, acme_ca_authz_view_t *view)
{
    ngx_uint_t              i;
    acme_ca_challenge_t    *challenge;
    acme_ca_json_writer_t   w;

    acme_ca_json_start(&w, x->ctx.pool, 768);
    acme_ca_json_open_object(&w, NULL);

    acme_ca_reply_write_status(&w, view->status);
    acme_ca_json_write_time(&w, "expires", view->row.expires_at);
    acme_ca_reply_write_identifier(&w, "identifier", &view->row.identifier,
                                   &view->row.identifier.value);

    if (view->row.identifier.wildcard) {
        acme_ca_json_write_boolean(&w, "wildcard", 1);
    }

    if (view->row.subdomains) {
        acme_ca_json_write_boolean(&w, "subdomainAuthAllowed", 1);
    }

    acme_ca_json_open_array(&w, "challenges");

    challenge = view->challenges->elts;

    for (i = 0; i < view->challenges->nelts; i++) {

        /* RFC 8555, 7.1.4: once it is decided, what decided it */

        if ((view->status == ACME_CA_VALID || view->status == ACME_CA_INVALID)
            && challenge[i].status != view->status)
        {
            continue;
        }

        acme_ca_json_open_object(&w, NULL);
        acme_ca_reply_write_challenge(x, &w, &challenge[i]);
        acme_ca_json_shut(&w);

        acme_ca_reply_wait(x, challenge[i].status);
    }

    acme_ca_json_shut(&w);
    acme_ca_json_shut(&w);

    return acme_ca_reply_json(x, 200, &w);
}


ngx_int_t
acme_ca_reply_challenge(acme_ca_exchange_t *x, acme_ca_authz_view_t *view,
    acme_ca_challenge_t *challenge)
{
    ngx_str_t              url;
    acme_ca_json_writer_t  w;

    acme_ca_json_start(&w, x->ctx.pool, 512);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_reply_write_challenge(x, &w, challenge);
    acme_ca_json_shut(&w);

    acme_ca_reply_wait(x, challenge->status);

    if (acme_ca_reply_url(x, ACME_CA_ROUTE_AUTHZ, view->row.id, &url) != NGX_OK
        || acme_ca_reply_link(x, "up", &url) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_reply_json(x, 200, &w);
}


static void
acme_ca_reply_write_challenge(acme_ca_exchange_t *x, acme_ca_json_writer_t *w,
    acme_ca_challenge_t *challenge)
{
    const acme_ca_challenge_kind_t  *kind;

    kind = &acme_ca_challenge_kinds[challenge->type];

    acme_ca_json_write_string(w, "type", (ngx_str_t *) &kind->name);
    acme_ca_reply_write_url(x, w, "url", ACME_CA_ROUTE_CHALLENGE,
                            challenge->id);
    acme_ca_reply_write_status(w, challenge->status);

    if (kind->issuers) {
        acme_ca_reply_write_issuers(x, w);

    } else {
        acme_ca_json_write_string(w, "token", &challenge->token);
    }

    if (challenge->status == ACME_CA_VALID && challenge->validated_at) {
        acme_ca_json_write_time(w, "validated", challenge->validated_at);
    }

    if (challenge->error.len) {
        acme_ca_json_write_raw(w, "error", &challenge->error);
    }
}


/*
 * draft-ietf-acme-dns-persist, 3.1.  The account is what a record has to name;
 * there are clients (lego 5) that know it from the challenge only.
 */

static void
acme_ca_reply_write_issuers(acme_ca_exchange_t *x, acme_ca_json_writer_t *w)
{
    ngx_uint_t    i;
    ngx_str_t    *issuer;
    ngx_array_t  *issuers;

    issuers = x->authority->caa_identities;

    acme_ca_reply_write_url(x, w, "accounturi", ACME_CA_ROUTE_ACCOUNT,
                            x->account->id);

    acme_ca_json_open_array(w, "issuer-domain-names");

    /* none: the challenge is older than the configuration */

    if (issuers != NULL) {
        issuer = issuers->elts;

        for (i = 0; i < issuers->nelts; i++) {
            acme_ca_json_write_string(w, NULL, &issuer[i]);
        }
    }

    acme_ca_json_shut(w);
}


static void
acme_ca_reply_wait(acme_ca_exchange_t *x, acme_ca_status_e status)
{
    if (status == ACME_CA_PROCESSING) {
        x->reply.retry_after = ACME_CA_RETRY_AFTER;
    }
}


/* what an endpoint had already filled in is dropped: it did not happen */

void
acme_ca_reply_problem(acme_ca_exchange_t *x, ngx_int_t rc)
{
    ngx_memzero(&x->reply, sizeof(acme_ca_reply_t));

    if (rc != NGX_ABORT) {
        x->ctx.problem = NULL;
        (void) acme_ca_refuse(&x->ctx, (rc == NGX_BUSY)
                                       ? ACME_CA_UNAVAILABLE
                                       : ACME_CA_SERVER_INTERNAL,
                              NULL);
    }

    if (x->ctx.problem && x->ctx.problem->retry_after == 0
        && (x->ctx.problem->type == ACME_CA_UNAVAILABLE
            || x->ctx.problem->type == ACME_CA_RATE_LIMITED))
    {
        x->ctx.problem->retry_after = ACME_CA_RETRY_AFTER_BUSY;
    }

    x->reply.content_type = acme_ca_reply_type_problem;

    if (acme_ca_reply_write_problem(x) != NGX_OK) {

        /* no memory is left to say more */

        x->reply.status = 500;
        ngx_str_set(&x->reply.body, "{\"type\":\"urn:ietf:params:acme:error:"
                    "serverInternal\",\"detail\":\"the server met an error\","
                    "\"status\":500}");
    }
}


static ngx_int_t
acme_ca_reply_write_problem(acme_ca_exchange_t *x)
{
    acme_ca_problem_t  *problem;

    problem = x->ctx.problem;

    if (problem == NULL) {
        return NGX_ERROR;
    }

    problem->request_id = x->request.request_id;

    if (acme_ca_problem_write(x->ctx.pool, problem, &x->reply.body)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    x->reply.status = acme_ca_problem_status(problem->type);
    x->reply.location = problem->location;
    x->reply.retry_after = problem->retry_after;

    if (problem->type == ACME_CA_METHOD_NOT_ALLOWED) {
        acme_ca_reply_allow(x);
    }

    if (problem->type == ACME_CA_USER_ACTION_REQUIRED) {
        return acme_ca_reply_link(x, "terms-of-service",
                                  &x->authority->terms_of_service);
    }

    return NGX_OK;
}


static void
acme_ca_reply_allow(acme_ca_exchange_t *x)
{
    if (x->route == NULL) {
        return;
    }

    if (!(x->route->methods & ACME_CA_POST)) {
        ngx_str_set(&x->reply.allow, "GET, HEAD");

    } else if (x->route->methods & ACME_CA_GET) {
        ngx_str_set(&x->reply.allow, "GET, HEAD, POST");

    } else {
        ngx_str_set(&x->reply.allow, "POST");
    }
}


/*
 * RFC 8555, 6.5: every answer to a POST has a nonce; so has every refusal, as
 * nginx hides the method of a request that it refused itself.  7.1: "index" is
 * on all but the directory.  A reply without them is still better than none.
 */

void
acme_ca_reply_dress(acme_ca_exchange_t *x)
{
    ngx_str_t               url;
    ngx_uint_t              fresh;
    const acme_ca_route_t  *directory, *new_nonce;

    directory = &acme_ca_routes[ACME_CA_ROUTE_DIRECTORY];
    new_nonce = &acme_ca_routes[ACME_CA_ROUTE_NEW_NONCE];

    fresh = (x->request.method == ACME_CA_POST || x->route == new_nonce
             || x->reply.status >= 400);

    x->reply.no_store = fresh;

    if (fresh && x->nonces
        && acme_ca_nonce_issue(x->nonces, x->ctx.now, x->reply.nonce)
           == NGX_OK)
    {
        x->reply.has_nonce = 1;
        acme_ca_metrics_nonce_issued(x->authority->metrics);
    }

    if (x->route && x->route->read == directory->read) {
        return;
    }

    if (acme_ca_format(x->ctx.pool, &url,
                       x->request.base.len + directory->head.len, "%V%V",
                       &x->request.base, &directory->head)
        == NGX_OK)
    {
        (void) acme_ca_reply_link(x, "index", &url);
    }
}
