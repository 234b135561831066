
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The protocol on one screen: which resource there is, who may do what there,
 * which function answers (RFC 8555, 7.1), and the way of an exchange through
 * its steps.  The directory, Allow and every URL are made from this table.
 *
 * Invariants:
 *   1. outcomes become replies in acme_ca_protocol_finish() only
 *   2. an action and its audit row are in one savepoint; a refusal's row is
 *      written after that was rolled back
 *   3. what the gate found about the account is asked again inside the
 *      transaction: two requests of one batch do not overtake each other
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_issuer.h"


static void acme_ca_dispatch_begin(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_dispatch_admit(acme_ca_exchange_t *x);
static const acme_ca_route_t *acme_ca_dispatch_route(ngx_str_t *path);
static ngx_uint_t acme_ca_dispatch_matches(const acme_ca_route_t *route,
    ngx_str_t *path);
static ngx_uint_t acme_ca_dispatch_is_id(const u_char *p, size_t n);
static ngx_uint_t acme_ca_dispatch_is_tail(const u_char *p,
    const ngx_str_t *tail);
static ngx_int_t acme_ca_dispatch_account(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_dispatch_write(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_dispatch_note(acme_ca_exchange_t *x);


#define ACME_CA_READABLE  (ACME_CA_GET | ACME_CA_HEAD | ACME_CA_POST)


const acme_ca_route_t  acme_ca_routes[ACME_CA_ROUTE_N] = {

    { ngx_string(""), 0, ngx_string(""),
      NULL, "directory", ACME_CA_READABLE, ACME_CA_SIGNED_KID,
      acme_ca_directory_get, NULL, NULL, NULL },

    { ngx_string("directory"), 0, ngx_string(""),
      NULL, "directory", ACME_CA_READABLE, ACME_CA_SIGNED_KID,
      acme_ca_directory_get, NULL, NULL, NULL },

    { ngx_string("new-nonce"), 0, ngx_string(""),
      "newNonce", "new-nonce", ACME_CA_READABLE, ACME_CA_SIGNED_KID,
      acme_ca_new_nonce_get, NULL, NULL, NULL },

    { ngx_string("new-account"), 0, ngx_string(""),
      "newAccount", "new-account", ACME_CA_POST, ACME_CA_SIGNED_JWK,
      NULL, NULL, NULL, acme_ca_account_new },

    { ngx_string("new-authz"), 0, ngx_string(""),
      "newAuthz", "new-authz", ACME_CA_POST, ACME_CA_SIGNED_KID,
      NULL, NULL, acme_ca_new_authz_check, acme_ca_new_authz },

    { ngx_string("new-order"), 0, ngx_string(""),
      "newOrder", "new-order", ACME_CA_POST, ACME_CA_SIGNED_KID,
      NULL, NULL, acme_ca_order_check, acme_ca_order_new },

    { ngx_string("revoke-cert"), 0, ngx_string(""),
      "revokeCert", "revoke", ACME_CA_POST, ACME_CA_SIGNED_EITHER,
      NULL, NULL, acme_ca_revoke_check, acme_ca_revoke },

    { ngx_string("key-change"), 0, ngx_string(""),
      "keyChange", "key-change", ACME_CA_POST, ACME_CA_SIGNED_KID,
      NULL, NULL, acme_ca_key_change_check, acme_ca_key_change },

    { ngx_string("account/"), ACME_CA_ID_ACCOUNT, ngx_string(""),
      NULL, "account", ACME_CA_POST, ACME_CA_SIGNED_KID,
      acme_ca_account_get, NULL, NULL, acme_ca_account_update },

    { ngx_string("account/"), ACME_CA_ID_ACCOUNT, ngx_string("/orders"),
      NULL, "orders", ACME_CA_POST, ACME_CA_SIGNED_KID,
      acme_ca_account_orders, NULL, NULL, NULL },

    { ngx_string("order/"), ACME_CA_ID_ORDER, ngx_string(""),
      NULL, "order", ACME_CA_POST, ACME_CA_SIGNED_KID,
      acme_ca_order_get, NULL, NULL, NULL },

    { ngx_string("order/"), ACME_CA_ID_ORDER, ngx_string("/finalize"),
      NULL, "issue", ACME_CA_POST, ACME_CA_SIGNED_KID,
      NULL, NULL, acme_ca_order_sign, acme_ca_order_finalize },

    { ngx_string("authz/"), ACME_CA_ID_AUTHZ, ngx_string(""),
      NULL, "authz", ACME_CA_POST, ACME_CA_SIGNED_KID,
      acme_ca_authz_get, NULL, NULL, acme_ca_authz_update },

    { ngx_string("challenge/"), ACME_CA_ID_CHALLENGE, ngx_string(""),
      NULL, "respond", ACME_CA_POST, ACME_CA_SIGNED_KID,
      acme_ca_challenge_get, NULL, NULL, acme_ca_challenge_respond },

    { ngx_string("certificate/"), ACME_CA_ID_CERTIFICATE, ngx_string(""),
      NULL, "download", ACME_CA_POST, ACME_CA_SIGNED_KID,
      acme_ca_download_get, acme_ca_download_note, NULL, NULL },

    { ngx_string("certificate/"), ACME_CA_ID_CERTIFICATE, ngx_string("/#"),
      NULL, "download", ACME_CA_POST, ACME_CA_SIGNED_KID,
      acme_ca_download_get, acme_ca_download_note, NULL, NULL },

    { ngx_string("issuer/"), ACME_CA_ID_ISSUER, ngx_string(""),
      NULL, "issuer", ACME_CA_READABLE, ACME_CA_SIGNED_KID,
      acme_ca_download_issuer, NULL, NULL, NULL },

    { ngx_string("issuer/"), ACME_CA_ID_ISSUER, ngx_string("/#"),
      NULL, "issuer", ACME_CA_READABLE, ACME_CA_SIGNED_KID,
      acme_ca_download_issuer, NULL, NULL, NULL },

    { ngx_string("renewal-info"), ACME_CA_PATH_OPEN, ngx_string(""),
      "renewalInfo", "renewal-info", ACME_CA_GET | ACME_CA_HEAD, 0,
      acme_ca_renewal_info_get, NULL, NULL, NULL }
};


ngx_int_t
acme_ca_protocol_start(acme_ca_exchange_t *x)
{
    acme_ca_dispatch_begin(x);

    acme_ca_store_begin_read(x->store);

    x->rc = acme_ca_dispatch_admit(x);

    if (x->rc == NGX_OK && x->payload == NULL) {
        x->rc = x->route->read(x);
    }

    if (x->rc == NGX_OK && x->payload
        && x->route == &acme_ca_routes[ACME_CA_ROUTE_FINALIZE])
    {
        x->rc = acme_ca_caa_again(x);
    }

    acme_ca_store_end_read(x->store);

    /* a refusal that names no action is not worth an audit row */

    if ((x->rc == NGX_ABORT && x->audit.action)
        || (x->rc == NGX_OK && x->payload))
    {
        return NGX_AGAIN;
    }

    acme_ca_protocol_finish(x, NGX_OK);

    if (x->rc == NGX_OK && x->route->note) {
        x->silent = 1;
        return NGX_OK;
    }

    return NGX_DONE;
}


static void
acme_ca_dispatch_begin(acme_ca_exchange_t *x)
{
    x->audit.action = "request";
    x->audit.actor = "client";
    x->audit.client_address = x->request.client_address;
    x->audit.user_agent = x->request.user_agent;
    x->audit.request_id = x->request.request_id;
}


static ngx_int_t
acme_ca_dispatch_admit(acme_ca_exchange_t *x)
{
    x->route = acme_ca_dispatch_route(&x->request.path);

    if (x->route == NULL || !acme_ca_route_offered(x->route, x->authority)) {
        return acme_ca_refuse(&x->ctx, ACME_CA_NOT_FOUND, NULL);
    }

    x->audit.action = x->route->action;

    if (!(x->route->methods & x->request.method)) {
        return acme_ca_refuse(&x->ctx, ACME_CA_METHOD_NOT_ALLOWED, NULL);
    }

    return (x->request.method == ACME_CA_POST) ? acme_ca_gate(x) : NGX_OK;
}


ngx_uint_t
acme_ca_route_offered(const acme_ca_route_t *route,
    const acme_ca_authority_t *authority)
{
    if (route == &acme_ca_routes[ACME_CA_ROUTE_NEW_AUTHZ]) {
        return authority->pre_authorization;
    }

    if (route == &acme_ca_routes[ACME_CA_ROUTE_RENEWAL_INFO]) {
        return authority->renewal_info;
    }

    return 1;
}


static const acme_ca_route_t *
acme_ca_dispatch_route(ngx_str_t *path)
{
    ngx_uint_t  i;

    for (i = 0; i < ACME_CA_ROUTE_N; i++) {
        if (acme_ca_dispatch_matches(&acme_ca_routes[i], path)) {
            return &acme_ca_routes[i];
        }
    }

    return NULL;
}


/* by shape only: whether the id is one of ours is for those who signed */

static ngx_uint_t
acme_ca_dispatch_matches(const acme_ca_route_t *route, ngx_str_t *path)
{
    size_t   len;
    u_char  *p;

    if (route->kind == ACME_CA_PATH_OPEN) {
        return path->len > route->head.len
               && ngx_memcmp(path->data, route->head.data, route->head.len)
                  == 0
               && path->data[route->head.len] == '/';
    }

    len = route->kind ? ACME_CA_ID_LEN : 0;

    if (path->len != route->head.len + len + route->tail.len) {
        return 0;
    }

    p = path->data + route->head.len;

    return ngx_memcmp(path->data, route->head.data, route->head.len) == 0
           && acme_ca_dispatch_is_id(p, len)
           && acme_ca_dispatch_is_tail(p + len, &route->tail);
}


static ngx_uint_t
acme_ca_dispatch_is_id(const u_char *p, size_t n)
{
    for ( /* void */ ; n; p++, n--) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_'))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
acme_ca_dispatch_is_tail(const u_char *p, const ngx_str_t *tail)
{
    size_t  i;

    for (i = 0; i < tail->len; i++) {
        if (tail->data[i] == '#' ? (p[i] < '1' || p[i] > '9')
                                 : p[i] != tail->data[i])
        {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
acme_ca_protocol_signs(const acme_ca_exchange_t *x)
{
    acme_ca_issuer_t  *issuer;

    issuer = x->authority->issuer;

    return x->rc == NGX_OK
           && x->route == &acme_ca_routes[ACME_CA_ROUTE_FINALIZE]
           && issuer != NULL && !issuer->quick;
}


void
acme_ca_protocol_prepare(acme_ca_exchange_t *x, acme_ca_store_t *store)
{
    x->store = store;

    if (x->rc == NGX_OK && !x->silent && x->route->prepare) {
        x->rc = x->route->prepare(x);
    }
}


ngx_int_t
acme_ca_protocol_apply(acme_ca_exchange_t *x, acme_ca_store_t *store)
{
    ngx_int_t  rc;

    x->store = store;

    if (x->rc != NGX_OK) {
        return x->rc;
    }

    rc = x->silent ? x->route->note(x) : acme_ca_dispatch_write(x);

    if (rc == NGX_OK && x->audit.action) {
        rc = acme_ca_dispatch_note(x);
    }

    if (rc == NGX_DECLINED) {
        rc = acme_ca_never(x->ctx.log);
    }

    if (rc == NGX_ABORT) {
        x->rc = NGX_ABORT;
    }

    return rc;
}


static ngx_int_t
acme_ca_dispatch_write(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    if (x->account) {
        rc = acme_ca_dispatch_account(x);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return x->route->write(x);
}


static ngx_int_t
acme_ca_dispatch_account(acme_ca_exchange_t *x)
{
    ngx_int_t          rc;
    acme_ca_account_t  account;

    rc = acme_ca_store_account_find(x->store, x->ctx.pool, x->account->id,
                                    &account);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_memcmp(account.thumbprint, x->account->thumbprint,
                   ACME_CA_SHA256_LEN)
        != 0)
    {
        return acme_ca_refuse(&x->ctx, ACME_CA_UNAUTHORIZED,
                              "the account has another key by now");
    }

    *x->account = account;

    return acme_ca_gate_account(x);
}


ngx_int_t
acme_ca_protocol_record(acme_ca_exchange_t *x, acme_ca_store_t *store)
{
    ngx_int_t           rc;
    acme_ca_problem_t  *problem;

    problem = x->ctx.problem;

    rc = acme_ca_verdict_reason(x->ctx.pool, problem, &x->audit.reason);

    if (rc == NGX_OK && problem->subproblems) {
        rc = acme_ca_problem_write(x->ctx.pool, problem, &x->audit.details);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    x->audit.refused = ACME_CA_AUDIT_REFUSED;
    x->store = store;

    return acme_ca_dispatch_note(x);
}


/* whom a client certificate names is a member of the row's details */

static ngx_int_t
acme_ca_dispatch_note(acme_ca_exchange_t *x)
{
    ngx_str_t               who, *details;
    acme_ca_json_writer_t   w;

    if (x->request.client_certificate.len == 0) {
        return acme_ca_store_audit_add(x->store, &x->audit, x->ctx.now);
    }

    acme_ca_json_start(&w, x->ctx.pool, 128);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "client_certificate",
                              &x->request.client_certificate);
    acme_ca_json_shut(&w);

    details = &x->audit.details;

    if (acme_ca_json_finish(&w, &who) != NGX_OK
        || (details->len > sizeof("{}") - 1
            && acme_ca_format(x->ctx.pool, &who, details->len + who.len,
                              "%*s,%*s", details->len - 1, details->data,
                              who.len - 1, who.data + 1)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    *details = who;

    return acme_ca_store_audit_add(x->store, &x->audit, x->ctx.now);
}


void
acme_ca_protocol_finish(acme_ca_exchange_t *x, ngx_int_t rc)
{
    if (x->finished) {
        return;
    }

    x->finished = 1;

    if (rc == NGX_OK) {
        rc = x->rc;
    }

    if (rc != NGX_OK) {
        x->job_id = 0;
        x->signing = NULL;
        acme_ca_reply_problem(x, rc);
    }

    acme_ca_reply_dress(x);

    acme_ca_metrics_request(x->authority->metrics,
                            x->route ? (ngx_uint_t) (x->route - acme_ca_routes)
                                     : ACME_CA_ROUTE_N,
                            x->reply.status, x->ctx.problem);
}


ngx_int_t
acme_ca_protocol_fault(acme_ca_exchange_t *x, ngx_uint_t status)
{
    static const struct {
        ngx_uint_t               status;
        acme_ca_problem_type_e   type;
        const char              *detail;
    } faults[] = {
        { 400, ACME_CA_MALFORMED, "the HTTP request is malformed" },
        { 401, ACME_CA_NO_CREDENTIALS, NULL },
        { 403, ACME_CA_UNAUTHORIZED, "the server's rules refuse this" },
        { 404, ACME_CA_NOT_FOUND, NULL },
        { 405, ACME_CA_METHOD_NOT_ALLOWED, NULL },
        { 408, ACME_CA_MALFORMED, "the request did not arrive in time" },
        { 411, ACME_CA_MALFORMED, "the request has no Content-Length" },
        { 413, ACME_CA_TOO_LARGE, NULL },
        { 414, ACME_CA_MALFORMED, "the URL is too long" },
        { 415, ACME_CA_UNSUPPORTED_MEDIA, NULL },
        { 429, ACME_CA_RATE_LIMITED, NULL },
        { 503, ACME_CA_UNAVAILABLE, NULL },
        { 504, ACME_CA_UNAVAILABLE, NULL }
    };

    ngx_uint_t  i;

    x->rc = (status < 500) ? acme_ca_refuse(&x->ctx, ACME_CA_MALFORMED, NULL)
                           : NGX_ERROR;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (faults[i].status == status) {
            x->rc = acme_ca_refuse(&x->ctx, faults[i].type, faults[i].detail);
        }
    }

    if (x->route == NULL) {
        x->route = acme_ca_dispatch_route(&x->request.path);
    }

    /* whom nginx kept out does not make us write */

    if (status < 500 && x->rc == NGX_ABORT
        && status != 401 && status != 403 && status != 429)
    {
        acme_ca_dispatch_begin(x);
        return NGX_AGAIN;
    }

    acme_ca_protocol_finish(x, NGX_OK);

    return NGX_DONE;
}
