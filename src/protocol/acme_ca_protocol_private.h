
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the files of this room share: the route rows, the steps that they
 * name, the objects as of now, the renderers.
 *
 * An endpoint is a function of the exchange.  It answers NGX_OK with x->reply
 * filled, or what acme_ca_refuse() or the store answered; it never sends.
 */


#ifndef _ACME_CA_PROTOCOL_PRIVATE_H_INCLUDED_
#define _ACME_CA_PROTOCOL_PRIVATE_H_INCLUDED_


#include "acme_ca_protocol.h"
#include "acme_ca_metrics.h"
#include "acme_ca_policy.h"
#include "acme_ca_store_eab.h"


/* seconds: soon enough for all, and no client polls faster for it */
#define ACME_CA_RETRY_AFTER       1
#define ACME_CA_RETRY_AFTER_BUSY  2

#define ACME_CA_ORDERS_PAGE       50


typedef ngx_int_t (*acme_ca_step_pt)(acme_ca_exchange_t *x);


/* in the order of acme_ca_routes[] */
typedef enum {
    ACME_CA_ROUTE_ROOT = 0,
    ACME_CA_ROUTE_DIRECTORY,
    ACME_CA_ROUTE_NEW_NONCE,
    ACME_CA_ROUTE_NEW_ACCOUNT,
    ACME_CA_ROUTE_NEW_AUTHZ,
    ACME_CA_ROUTE_NEW_ORDER,
    ACME_CA_ROUTE_REVOKE_CERT,
    ACME_CA_ROUTE_KEY_CHANGE,
    ACME_CA_ROUTE_ACCOUNT,
    ACME_CA_ROUTE_ORDERS,
    ACME_CA_ROUTE_ORDER,
    ACME_CA_ROUTE_FINALIZE,
    ACME_CA_ROUTE_AUTHZ,
    ACME_CA_ROUTE_CHALLENGE,
    ACME_CA_ROUTE_CERTIFICATE,
    ACME_CA_ROUTE_ALTERNATE,
    ACME_CA_ROUTE_ISSUER,
    ACME_CA_ROUTE_ALTERNATE_ISSUER,
    ACME_CA_ROUTE_RENEWAL_INFO,
    ACME_CA_ROUTE_N
} acme_ca_route_e;


/* who may sign; bits */
#define ACME_CA_SIGNED_JWK     0x01
#define ACME_CA_SIGNED_KID     0x02
#define ACME_CA_SIGNED_EITHER  (ACME_CA_SIGNED_JWK | ACME_CA_SIGNED_KID)


/*
 * In place of a kind of ids: after the head and a slash comes what the endpoint
 * reads for itself.
 */
#define ACME_CA_PATH_OPEN      0xff


/*
 * What the payload may be follows from the steps: where there is a "read"
 * POST-as-GET is served, where there is a "write" a JSON object is taken.
 */
struct acme_ca_route_s {
    ngx_str_t          head;        /* the path: head, id, tail */
    ngx_uint_t         kind;        /* of the id; 0: the path has none */
    ngx_str_t          tail;        /* "#" in it is a digit from 1 */
    const char        *member;      /* of the directory, or NULL */
    const char        *action;      /* in the audit log */
    ngx_uint_t         methods;
    ngx_uint_t         signers;
    acme_ca_step_pt    read;        /* in the event loop */
    acme_ca_step_pt    note;        /* what "read" leaves to be written */
    acme_ca_step_pt    prepare;     /* on a thread, may be NULL */
    acme_ca_step_pt    write;       /* and in the transaction */
};

extern const acme_ca_route_t  acme_ca_routes[ACME_CA_ROUTE_N];

/* acme_ca_dispatch.c: whether this authority has it */
ngx_uint_t acme_ca_route_offered(const acme_ca_route_t *route,
    const acme_ca_authority_t *authority);


/* acme_ca_gate.c: all that is asked of a POST before its endpoint runs */
ngx_int_t acme_ca_gate(acme_ca_exchange_t *x);
/* the account is one that may act; NGX_ABORT: unauthorized */
ngx_int_t acme_ca_gate_account(acme_ca_exchange_t *x);
/* what the path names, as x->object_id; NGX_ABORT: no such id */
ngx_int_t acme_ca_gate_object(acme_ca_exchange_t *x);


/*
 * acme_ca_keys.c.  The signature against the key of an account that the store
 * answered, from the cache or parsed.  keys may be NULL: no cache.
 */
ngx_int_t acme_ca_keys_verify(acme_ca_ctx_t *ctx, acme_ca_keys_t *keys,
    acme_ca_account_t *account, acme_ca_jws_t *jws);


/* the endpoints, each beside its row in acme_ca_dispatch.c */

ngx_int_t acme_ca_directory_get(acme_ca_exchange_t *x);
ngx_int_t acme_ca_new_nonce_get(acme_ca_exchange_t *x);

ngx_int_t acme_ca_account_new(acme_ca_exchange_t *x);
ngx_int_t acme_ca_account_get(acme_ca_exchange_t *x);
ngx_int_t acme_ca_account_update(acme_ca_exchange_t *x);
ngx_int_t acme_ca_account_orders(acme_ca_exchange_t *x);

/*
 * acme_ca_binding.c.  new(): what the payload binds a new account to; fills
 * its eab_id.  load(): x->eab of a bound account; finds the row or fails.
 * check(): it binds one more account; NGX_ABORT: unauthorized, and why not.
 */
ngx_int_t acme_ca_binding_new(acme_ca_exchange_t *x,
    acme_ca_account_t *account);
ngx_int_t acme_ca_binding_load(acme_ca_exchange_t *x);
ngx_int_t acme_ca_binding_check(acme_ca_exchange_t *x,
    const acme_ca_eab_t *eab);

ngx_int_t acme_ca_key_change_check(acme_ca_exchange_t *x);
ngx_int_t acme_ca_key_change(acme_ca_exchange_t *x);

ngx_int_t acme_ca_new_authz_check(acme_ca_exchange_t *x);
ngx_int_t acme_ca_new_authz(acme_ca_exchange_t *x);

ngx_int_t acme_ca_order_check(acme_ca_exchange_t *x);
ngx_int_t acme_ca_order_new(acme_ca_exchange_t *x);
ngx_int_t acme_ca_order_get(acme_ca_exchange_t *x);

/* acme_ca_caa_again.c: fills x->asks of a finalization */
ngx_int_t acme_ca_caa_again(acme_ca_exchange_t *x);

ngx_int_t acme_ca_order_sign(acme_ca_exchange_t *x);
ngx_int_t acme_ca_order_finalize(acme_ca_exchange_t *x);
/* of an audit row: what was issued */
ngx_int_t acme_ca_finalize_details(acme_ca_ctx_t *ctx,
    acme_ca_certificate_t *certificate, ngx_str_t *details);

ngx_int_t acme_ca_authz_get(acme_ca_exchange_t *x);
ngx_int_t acme_ca_authz_update(acme_ca_exchange_t *x);

ngx_int_t acme_ca_challenge_get(acme_ca_exchange_t *x);
ngx_int_t acme_ca_challenge_respond(acme_ca_exchange_t *x);

ngx_int_t acme_ca_download_get(acme_ca_exchange_t *x);
ngx_int_t acme_ca_download_note(acme_ca_exchange_t *x);
ngx_int_t acme_ca_download_issuer(acme_ca_exchange_t *x);

ngx_int_t acme_ca_revoke_check(acme_ca_exchange_t *x);
ngx_int_t acme_ca_revoke(acme_ca_exchange_t *x);


ngx_int_t acme_ca_renewal_info_get(acme_ca_exchange_t *x);



/* what a new order asks for: acme_ca_order_check() leaves it to _new() */
typedef struct {
    const acme_ca_profile_t  *profile;
    ngx_uint_t                profile_asked;
    time_t                    not_before;
    time_t                    not_after;
    int64_t                   replaces_id;  /* 0: none */
    ngx_str_t                 replaces;
    ngx_uint_t                n;            /* identifiers asked for */
    ngx_array_t              *identifiers;  /* acme_ca_order_identifier_t,
                                               authorizations still blank */
} acme_ca_order_wish_t;

/* order_check() without the limits that it counts up */
ngx_int_t acme_ca_order_read(acme_ca_exchange_t *x);

/* may it be certified, and can anything that is offered prove it? */
ngx_int_t acme_ca_order_admit(acme_ca_exchange_t *x,
    const acme_ca_order_wish_t *wish, acme_ca_order_identifier_t *identifier);

/* says a lone identifier's problem at the top; answers NGX_ABORT */
ngx_int_t acme_ca_order_refused(acme_ca_exchange_t *x);


/*
 * acme_ca_challenge.c.  Those of an authorization by type, an array of
 * acme_ca_challenge_t: with the ones that nobody answered, for which there is
 * no row.
 */
ngx_int_t acme_ca_challenge_list(acme_ca_exchange_t *x,
    acme_ca_authz_t *authz, ngx_array_t **challenges);

/* whether this authority offers that type for that identifier */
ngx_uint_t acme_ca_challenge_fits(const acme_ca_authority_t *authority,
    ngx_uint_t type, const acme_ca_identifier_t *identifier);


/* an object as of now, with what its status depends on */

typedef struct {
    acme_ca_order_t     row;
    acme_ca_status_e    status;         /* row.status, unless time has passed */
    ngx_array_t        *identifiers;    /* acme_ca_order_identifier_t */
} acme_ca_order_view_t;

typedef struct {
    acme_ca_authz_t     row;
    acme_ca_status_e    status;
    ngx_array_t        *challenges;     /* acme_ca_challenge_t */
} acme_ca_authz_view_t;

/* acme_ca_view.c: NGX_ABORT when absent or another account's: no difference */
ngx_int_t acme_ca_view_order(acme_ca_exchange_t *x, int64_t id,
    acme_ca_order_view_t *view);
ngx_int_t acme_ca_view_authz(acme_ca_exchange_t *x, int64_t id,
    acme_ca_authz_view_t *view);
/* the path names a challenge: its authorization, and it */
ngx_int_t acme_ca_view_challenge(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view, acme_ca_challenge_t **challenge);
/* x->identifiers of a new order */
ngx_int_t acme_ca_view_wishes(acme_ca_exchange_t *x);
/* status is only a fact until expires_at */
acme_ca_status_e acme_ca_view_status(acme_ca_machine_e machine,
    acme_ca_status_e status, time_t expires_at, time_t now);


/*
 * acme_ca_verdict.c: the orders that wait for this authorization.  pass():
 * those that wait for nothing else are ready.  fail(): they are invalid, the
 * problem is their error.
 */
ngx_int_t acme_ca_verdict_pass_orders(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, int64_t authz_id);
ngx_int_t acme_ca_verdict_fail_orders(acme_ca_ctx_t *ctx,
    acme_ca_store_t *store, int64_t authz_id,
    const acme_ca_identifier_t *identifier, acme_ca_problem_t *problem);

/* "badNonce: detail", for the audit log */
ngx_int_t acme_ca_verdict_reason(ngx_pool_t *pool, acme_ca_problem_t *problem,
    ngx_str_t *reason);


/* acme_ca_reply.c: fills x->reply.  NGX_OK or NGX_ERROR */

ngx_int_t acme_ca_reply_url(acme_ca_exchange_t *x, acme_ca_route_e route,
    int64_t id, ngx_str_t *url);
ngx_int_t acme_ca_reply_link(acme_ca_exchange_t *x, const char *rel,
    ngx_str_t *url);
ngx_int_t acme_ca_reply_json(acme_ca_exchange_t *x, ngx_uint_t status,
    acme_ca_json_writer_t *w);

ngx_int_t acme_ca_reply_account(acme_ca_exchange_t *x, ngx_uint_t status,
    acme_ca_account_t *account);
ngx_int_t acme_ca_reply_order(acme_ca_exchange_t *x, ngx_uint_t status,
    acme_ca_order_view_t *view);
ngx_int_t acme_ca_reply_authz(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view);
ngx_int_t acme_ca_reply_challenge(acme_ca_exchange_t *x,
    acme_ca_authz_view_t *view, acme_ca_challenge_t *challenge);

/* rc: NGX_ABORT (x->ctx.problem), NGX_BUSY or NGX_ERROR.  Never fails */
void acme_ca_reply_problem(acme_ca_exchange_t *x, ngx_int_t rc);
/* the header fields that every reply has */
void acme_ca_reply_dress(acme_ca_exchange_t *x);


#endif /* _ACME_CA_PROTOCOL_PRIVATE_H_INCLUDED_ */
