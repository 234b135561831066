
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The operator's API on one screen: which resource there is, what it takes,
 * which function answers; and the way of a call through its steps.
 *
 * Invariants:
 *   1. outcomes become replies in acme_ca_admin_finish() only
 *   2. who has the role "read" comes to no function that writes
 *   3. an act and its audit row are in one savepoint; a refusal's row is
 *      written after that was rolled back
 */


#include "acme_ca_admin_private.h"


/* members that are true or false, wherever they stand */
#define ACME_CA_ADMIN_FLAGS  "accounts dry_run force"


static ngx_int_t acme_ca_admin_admit(acme_ca_admin_t *a);
static ngx_int_t acme_ca_admin_method(acme_ca_admin_t *a);
static ngx_int_t acme_ca_admin_body(acme_ca_admin_t *a);
static ngx_int_t acme_ca_admin_member(acme_ca_admin_t *a,
    const acme_ca_json_t *member);
static ngx_uint_t acme_ca_admin_is_json(const ngx_str_t *type);
static ngx_uint_t acme_ca_admin_matches(const ngx_str_t *pattern,
    const ngx_str_t *path, ngx_str_t *operand);


const acme_ca_admin_route_t  acme_ca_admin_routes[] = {

    { ngx_string(""), NULL, NULL, NULL,
      acme_ca_admin_index, NULL, NULL,
      "this list" },

    { ngx_string("openapi.json"), NULL, NULL, NULL,
      acme_ca_admin_openapi, NULL, NULL,
      "all of this for programs" },

    { ngx_string("eab"), "eab-create", "limit cursor label",
      "label names profiles max_accounts expires_at expires_in",
      acme_ca_admin_eab_list, NULL, acme_ca_admin_eab_create,
      "external accounts; a new one's key is told once" },

    { ngx_string("eab/{kid}"), NULL, NULL, NULL,
      acme_ca_admin_eab_get, NULL, NULL,
      "one external account" },

    { ngx_string("eab/{kid}/revoke"), "eab-revoke", NULL, "accounts",
      NULL, NULL, acme_ca_admin_eab_revoke,
      "no new accounts; with \"accounts\" an end to those that it has" },

    { ngx_string("explain"), NULL,
      "name* account eab address profile certificate certificate_name*",
      "names account eab address profile certificate certificate_names",
      acme_ca_admin_explain_get, acme_ca_admin_explain_post, NULL,
      "what an order would be answered, and which rule says so" },

    { ngx_string("preflight"), NULL, NULL, "identifier challenges account",
      NULL, acme_ca_admin_preflight, NULL,
      "what a validation would find for a name" },

    { ngx_string("accounts"), NULL, "limit cursor status eab", NULL,
      acme_ca_admin_list, NULL, NULL,
      "accounts" },

    { ngx_string("accounts/{account}"), NULL, NULL, NULL,
      acme_ca_admin_account_get, NULL, NULL,
      "one account: by number, id, URL's end or thumbprint" },

    { ngx_string("accounts/{account}/revoke"), "revoke-account", NULL, NULL,
      NULL, NULL, acme_ca_admin_account_revoke,
      "an end to it and its pending work; its certificates stay" },

    { ngx_string("orders"), NULL, "limit cursor status account name", NULL,
      acme_ca_admin_list, NULL, NULL,
      "orders" },

    { ngx_string("orders/{order}"), NULL, NULL, NULL,
      acme_ca_admin_row_get, NULL, NULL,
      "one order" },

    { ngx_string("authorizations"), NULL, "limit cursor status account name",
      NULL,
      acme_ca_admin_list, NULL, NULL,
      "authorizations, with the challenges that were answered" },

    { ngx_string("authorizations/{authorization}"), NULL, NULL, NULL,
      acme_ca_admin_row_get, NULL, NULL,
      "one authorization" },

    { ngx_string("certificates"), "certificate-import",
      "limit cursor status account eab name profile category issuer serial "
      "uuid expires_before expires_after revoked_before revoked_after radar",
      "pem category remarks",
      acme_ca_admin_list, NULL, acme_ca_admin_import,
      "certificates; one that was signed elsewhere" },

    { ngx_string("certificates/expiring"), NULL,
      "limit cursor expires_before account profile", NULL,
      acme_ca_admin_certificate_expiring, NULL, NULL,
      "those that end soon, soonest first" },

    { ngx_string("certificates/expire"), "certificate-expire", NULL, NULL,
      NULL, NULL, acme_ca_admin_certificate_expire,
      "those that have expired are noted and counted, as workers do" },

    { ngx_string("certificates/{serial}"), "certificate-set", "issuer",
      "category remarks issuer",
      acme_ca_admin_certificate_get, NULL, acme_ca_admin_certificate_set,
      "one certificate; what is known of its holder" },

    { ngx_string("certificates/{serial}/pem"), NULL, "issuer", NULL,
      acme_ca_admin_certificate_pem, NULL, NULL,
      "itself and its chain" },

    { ngx_string("certificates/{serial}/text"), NULL, "issuer", NULL,
      acme_ca_admin_certificate_text, NULL, NULL,
      "all that is in it, for people" },

    { ngx_string("certificates/{serial}/verify"), NULL, "issuer", NULL,
      acme_ca_admin_certificate_verify, NULL, NULL,
      "whether it is good now" },

    { ngx_string("certificates/{serial}/revoke"), "certificate-revoke",
      NULL, "reason invalidity_at issuer",
      NULL, NULL, acme_ca_admin_certificate_revoke,
      "from now on it counts no more" },

    { ngx_string("certificates/{serial}/delete"), "certificate-delete",
      NULL, "force issuer",
      NULL, NULL, acme_ca_admin_certificate_delete,
      "for good, if it has expired; others with \"force\"" },

    { ngx_string("revoke"), "revoke", NULL,
      "name serial account eab profile issuer reason invalidity_at dry_run "
      "limit cursor",
      NULL, acme_ca_admin_revoke, acme_ca_admin_revoke,
      "an end to all that the members select" },

    { ngx_string("unrevoke"), "unrevoke", NULL,
      "name serial account eab profile issuer dry_run limit cursor",
      NULL, acme_ca_admin_unrevoke, acme_ca_admin_unrevoke,
      "what was held comes back" },

    { ngx_string("issuers"), NULL, "limit cursor name", NULL,
      acme_ca_admin_list, NULL, NULL,
      "certificates that sign, with their revocation lists" },

    { ngx_string("issuers/rotate"), "issuer-rotate", NULL, NULL,
      NULL, NULL, acme_ca_admin_issuer_rotate,
      "the next one signs from now on, or is made at the next reload" },

    { ngx_string("issuers/{issuer}"), NULL, NULL, NULL,
      acme_ca_admin_row_get, NULL, NULL,
      "one issuer" },

    { ngx_string("issuers/{issuer}/retire"), "issuer-retire", NULL, "force",
      NULL, NULL, acme_ca_admin_issuer_retire,
      "it signs no certificates any more" },

    { ngx_string("issuers/{issuer}/compromised"), "issuer-compromise", NULL,
      NULL,
      NULL, NULL, acme_ca_admin_issuer_compromised,
      "its key is in other hands" },

    { ngx_string("statistics"), NULL, NULL, NULL,
      acme_ca_admin_statistics, NULL, NULL,
      "how much there is of all" },

    { ngx_string("audit"), NULL,
      "limit cursor action outcome actor account authorization name since",
      NULL,
      acme_ca_admin_list, NULL, NULL,
      "who did what, and how it ended" },

    { ngx_string("audit/state"), NULL, NULL, NULL,
      acme_ca_admin_audit_state, NULL, NULL,
      "how far the audit log is chained and signed, and the public keys" },

    { ngx_string("audit/lines"), NULL, "limit cursor", NULL,
      acme_ca_admin_audit_lines, NULL, NULL,
      "its rows as they are hashed, oldest first" },

    { ngx_string("audit/checkpoints"), NULL, "limit cursor", NULL,
      acme_ca_admin_list, NULL, NULL,
      "what was signed" },

    { ngx_string("audit/seal"), "audit-seal", NULL, "up_to sha256 file",
      NULL, NULL, acme_ca_admin_audit_seal,
      "rows up to a checkpoint leave the database" },

    { ngx_string("queues"), NULL, NULL, NULL,
      acme_ca_admin_queues, NULL, NULL,
      "how many jobs of each kind wait, since when, how often in vain" },

    { ngx_string("jobs"), NULL, "limit cursor kind name", NULL,
      acme_ca_admin_list, NULL, NULL,
      "what has to be done: validations, calls of an external signer" },

    { ngx_string("jobs/{job}"), NULL, NULL, NULL,
      acme_ca_admin_row_get, NULL, NULL,
      "one of them" },

    { ngx_string("jobs/{job}/retry"), "job-retry", NULL, NULL,
      NULL, NULL, acme_ca_admin_job_retry,
      "the next attempt is made now" },

    { ngx_string("jobs/{job}/cancel"), "job-cancel", NULL, NULL,
      NULL, NULL, acme_ca_admin_job_cancel,
      "its challenge or order fails" },

    { ngx_string("hooks"), NULL, "limit cursor name", NULL,
      acme_ca_admin_list, NULL, NULL,
      "who is told of events, and how far" },

    { ngx_string("hooks/{hook}"), NULL, NULL, NULL,
      acme_ca_admin_row_get, NULL, NULL,
      "one of them" },

    { ngx_string("hooks/{hook}/retry"), "event-retry", NULL, NULL,
      NULL, NULL, acme_ca_admin_hook_retry,
      "it is told now" },

    { ngx_string("windows"), "renewal-move", "limit cursor name",
      "name profile account issuer serial start end explanation_url",
      acme_ca_admin_list, NULL, acme_ca_admin_window_create,
      "windows that renewals were moved to (RFC 9773)" },

    { ngx_string("windows/{window}"), NULL, NULL, NULL,
      acme_ca_admin_row_get, NULL, NULL,
      "one window" },

    { ngx_string("windows/{window}/drop"), "renewal-drop", NULL, NULL,
      NULL, NULL, acme_ca_admin_window_drop,
      "the usual windows again" },

    { ngx_null_string, NULL, NULL, NULL, NULL, NULL, NULL, NULL }
};


ngx_int_t
acme_ca_admin_start(acme_ca_admin_t *a)
{
    acme_ca_admin_pt  step;

    a->rc = acme_ca_admin_admit(a);

    if (a->rc == NGX_OK && a->request.method == ACME_CA_POST
        && a->route->post
        && !(a->route->ask && acme_ca_json_true(a->body, "dry_run")))
    {
        return NGX_AGAIN;
    }

    /* an act that is refused leaves a row, too */

    if (a->rc == NGX_ABORT && a->audit.action) {
        return NGX_AGAIN;
    }

    if (a->rc == NGX_OK) {
        step = (a->request.method == ACME_CA_POST) ? a->route->ask
                                                   : a->route->get;

        acme_ca_store_begin_read(a->store);

        a->rc = step(a);

        acme_ca_store_end_read(a->store);
    }

    if (a->rc == NGX_OK && a->checks) {
        return NGX_DECLINED;
    }

    acme_ca_admin_finish(a, NGX_OK);

    return NGX_DONE;
}


static ngx_int_t
acme_ca_admin_admit(acme_ca_admin_t *a)
{
    ngx_int_t  rc;

    a->route = acme_ca_admin_find(a, &a->request.path);

    if (a->route == NULL) {
        return acme_ca_admin_refuse(a, 404, "there is no such resource");
    }

    if (a->request.method == ACME_CA_POST) {
        a->audit.action = a->route->action;
        a->audit.actor = "operator";
        a->audit.client_address = a->request.client_address;
        a->audit.user_agent = a->request.user_agent;
        a->audit.request_id = a->request.request_id;
    }

    rc = acme_ca_admin_method(a);

    if (rc == NGX_OK) {
        rc = acme_ca_admin_query(a);
    }

    return (rc != NGX_OK || a->request.method != ACME_CA_POST)
           ? rc : acme_ca_admin_body(a);
}


ngx_uint_t
acme_ca_admin_methods(const acme_ca_admin_route_t *route)
{
    return (route->get ? ACME_CA_GET | ACME_CA_HEAD : 0)
           | (route->post || route->ask ? ACME_CA_POST : 0);
}


static ngx_int_t
acme_ca_admin_method(acme_ca_admin_t *a)
{
    ngx_uint_t  methods;

    methods = acme_ca_admin_methods(a->route);

    if (!(a->request.method & (ACME_CA_GET | ACME_CA_HEAD)) && !a->full) {
        return acme_ca_admin_refuse(a, 403,
                                    "the role of this location is to read");
    }

    if (methods & a->request.method) {
        return NGX_OK;
    }

    if (methods == ACME_CA_POST) {
        ngx_str_set(&a->reply.allow, "POST");

    } else if (methods & ACME_CA_POST) {
        ngx_str_set(&a->reply.allow, "GET, HEAD, POST");

    } else {
        ngx_str_set(&a->reply.allow, "GET, HEAD");
    }

    return acme_ca_admin_refuse(a, 405, NULL);
}


/* no form of a browser can send this type without asking us first */

static ngx_int_t
acme_ca_admin_body(acme_ca_admin_t *a)
{
    ngx_int_t        rc;
    acme_ca_json_t  *member;

    if (!acme_ca_admin_is_json(&a->request.content_type)) {
        return acme_ca_admin_refuse(a, 415,
                            "the content type is to be application/json");
    }

    rc = acme_ca_json_parse(&a->ctx, "body", &a->request.body, &a->body);
    if (rc != NGX_OK) {
        return rc;
    }

    if (a->body->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_admin_refuse(a, 400, "the body is to be an object");
    }

    for (member = a->body->first; member && rc == NGX_OK;
         member = member->next)
    {
        rc = acme_ca_admin_member(a, member);
    }

    return rc;
}


/* "dry_run" that is not understood must not be taken for "false" */

static ngx_int_t
acme_ca_admin_member(acme_ca_admin_t *a, const acme_ca_json_t *member)
{
    ngx_uint_t  many;

    if (!acme_ca_admin_has(a->route->members, &member->name, &many)) {
        return acme_ca_admin_refuse(a, 400, "there is no member \"%V\" here",
                                    &member->name);
    }

    return (member->type == ACME_CA_JSON_BOOLEAN
            || !acme_ca_admin_has(ACME_CA_ADMIN_FLAGS, &member->name, &many))
           ? NGX_OK
           : acme_ca_admin_refuse(a, 400, "\"%V\" is to be true or false",
                                  &member->name);
}


/* parameters of the type are passed over */

static ngx_uint_t
acme_ca_admin_is_json(const ngx_str_t *type)
{
    size_t  len;

    len = sizeof("application/json") - 1;

    return type->len >= len
           && ngx_strncasecmp(type->data, (u_char *) "application/json", len)
              == 0
           && (type->len == len || type->data[len] == ';'
               || type->data[len] == ' ');
}


const acme_ca_admin_route_t *
acme_ca_admin_find(acme_ca_admin_t *a, const ngx_str_t *path)
{
    const acme_ca_admin_route_t  *route;

    for (route = acme_ca_admin_routes; route->title; route++) {
        if (acme_ca_admin_matches(&route->path, path, &a->operand)) {
            return route;
        }
    }

    return NULL;
}


static ngx_uint_t
acme_ca_admin_matches(const ngx_str_t *pattern, const ngx_str_t *path,
    ngx_str_t *operand)
{
    size_t   head, tail;
    u_char  *p;

    p = ngx_strlchr(pattern->data, pattern->data + pattern->len, '{');

    if (p == NULL) {
        return acme_ca_str_eq(pattern, path);
    }

    head = p - pattern->data;
    p = ngx_strlchr(p, pattern->data + pattern->len, '}') + 1;
    tail = pattern->data + pattern->len - p;

    if (path->len <= head + tail
        || ngx_memcmp(path->data, pattern->data, head) != 0
        || ngx_memcmp(path->data + path->len - tail, p, tail) != 0)
    {
        return 0;
    }

    operand->data = path->data + head;
    operand->len = path->len - head - tail;

    return ngx_strlchr(operand->data, operand->data + operand->len, '/')
           == NULL;
}


ngx_int_t
acme_ca_admin_apply(acme_ca_admin_t *a, acme_ca_store_t *store)
{
    a->store = store;

    if (a->rc != NGX_OK) {
        return a->rc;
    }

    if (a->if_match.len) {
        a->rc = acme_ca_admin_match(a);
    }

    if (a->rc == NGX_OK) {
        a->rc = a->route->post(a);
    }

    if (a->rc == NGX_OK) {
        a->rc = acme_ca_store_audit_add(store, &a->audit, a->ctx.now);
    }

    if (a->rc == NGX_DECLINED) {
        a->rc = acme_ca_never(a->ctx.log);
    }

    return a->rc;
}


ngx_int_t
acme_ca_admin_record(acme_ca_admin_t *a, acme_ca_store_t *store)
{
    a->audit.refused = ACME_CA_AUDIT_REFUSED;
    a->audit.reason = a->status ? a->detail : a->ctx.problem->detail;

    if (a->user.len
        && acme_ca_admin_details(a, &a->audit, NULL, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return acme_ca_store_audit_add(store, &a->audit, a->ctx.now);
}


void
acme_ca_admin_finish(acme_ca_admin_t *a, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        rc = a->rc;
    }

    if (rc != NGX_OK) {
        acme_ca_admin_reply_problem(a, rc);

    } else if (a->request.method != ACME_CA_POST) {
        acme_ca_admin_reply_tag(a);
    }

    a->reply.no_store = (a->reply.etag.len == 0);
}


void
acme_ca_admin_fault(acme_ca_admin_t *a, ngx_uint_t status)
{
    a->rc = acme_ca_admin_refuse(a, status, NULL);

    acme_ca_admin_finish(a, NGX_OK);
}
