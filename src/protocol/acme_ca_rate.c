
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Rate limits (RFC 8555, 6.6): who is counted for what, and how a refusal says
 * it.  Where it can be known before, nobody's signature is checked in vain.
 */


#include "acme_ca_protocol_private.h"
#include "acme_ca_rate.h"
#include "acme_ca_limit.h"


#define ACME_CA_RATE_SUBJECT  (NGX_INT64_LEN + 256 + 2)


/* asks a limit, and counts or does not: take() or peek() */
typedef time_t (*acme_ca_rate_pt)(acme_ca_exchange_t *x, acme_ca_limit_e limit,
    ngx_str_t *subject);


static time_t acme_ca_rate_peek(acme_ca_exchange_t *x, acme_ca_limit_e limit,
    ngx_str_t *subject);
static time_t acme_ca_rate_take(acme_ca_exchange_t *x, acme_ca_limit_e limit,
    ngx_str_t *subject);
static ngx_int_t acme_ca_rate_answer(acme_ca_exchange_t *x,
    acme_ca_limit_e limit, time_t wait, const char *fmt, ngx_str_t *whose);
static ngx_int_t acme_ca_rate_ask_orders(acme_ca_exchange_t *x,
    acme_ca_rate_pt ask);
static ngx_int_t acme_ca_rate_ask_set(acme_ca_exchange_t *x,
    ngx_array_t *identifiers, acme_ca_rate_pt ask);
static ngx_uint_t acme_ca_rate_is_order(acme_ca_exchange_t *x);
static ngx_int_t acme_ca_rate_known(acme_ca_exchange_t *x);
static void acme_ca_rate_address(acme_ca_exchange_t *x, u_char *buf,
    ngx_str_t *subject);
static void acme_ca_rate_name(int64_t account_id,
    const acme_ca_identifier_t *identifier, u_char *buf, ngx_str_t *subject);
static ngx_int_t acme_ca_rate_set(ngx_pool_t *pool, ngx_array_t *identifiers,
    ngx_str_t *subject);


static const char  acme_ca_rate_of_address[] = "of the address %V";
static const char  acme_ca_rate_of_account[] = "of the account";
static const char  acme_ca_rate_of_name[] = "of the account for \"%V\"";
static const char  acme_ca_rate_of_set[] = "for this set of names";


static time_t
acme_ca_rate_peek(acme_ca_exchange_t *x, acme_ca_limit_e limit,
    ngx_str_t *subject)
{
    return acme_ca_limit_peek(x->authority->limits, limit,
                              &x->authority->rates[limit], subject,
                              x->ctx.now);
}


static time_t
acme_ca_rate_take(acme_ca_exchange_t *x, acme_ca_limit_e limit,
    ngx_str_t *subject)
{
    return acme_ca_limit_take(x->authority->limits, limit,
                              &x->authority->rates[limit], subject,
                              x->ctx.now);
}


/* wait: seconds until there is room, 0: there is */

static ngx_int_t
acme_ca_rate_answer(acme_ca_exchange_t *x, acme_ca_limit_e limit, time_t wait,
    const char *fmt, ngx_str_t *whose)
{
    ngx_str_t              text;
    const ngx_str_t       *name;
    acme_ca_json_writer_t  w;

    if (wait == 0) {
        return NGX_OK;
    }

    acme_ca_metrics_limit(x->authority->metrics, limit);

    name = &acme_ca_limit_names[limit];

    if (acme_ca_format(x->ctx.pool, &text, 512, fmt, whose) != NGX_OK) {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, x->ctx.pool, 64);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "limit", (ngx_str_t *) name);
    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &x->audit.details) != NGX_OK
        || acme_ca_refuse(&x->ctx, ACME_CA_RATE_LIMITED,
                          "the limit \"%V\" of %V %V is reached, try again in "
                          "%T seconds", name, &x->authority->rates[limit].text,
                          &text, wait)
           != NGX_ABORT)
    {
        return NGX_ERROR;
    }

    x->ctx.problem->retry_after = wait;

    return NGX_ABORT;
}


/*
 * An account that exists is found whatever the limit says: its client only
 * asks where it is.
 */

ngx_int_t
acme_ca_rate_gate(acme_ca_exchange_t *x)
{
    time_t     wait;
    ngx_int_t  rc;
    ngx_str_t  subject;
    u_char     buf[ACME_CA_RATE_SUBJECT];

    if (acme_ca_rate_is_order(x)) {
        return acme_ca_rate_ask_orders(x, acme_ca_rate_peek);
    }

    if (x->route != &acme_ca_routes[ACME_CA_ROUTE_NEW_ACCOUNT]) {
        return NGX_OK;
    }

    acme_ca_rate_address(x, buf, &subject);

    wait = acme_ca_rate_peek(x, ACME_CA_LIMIT_NEW_ACCOUNTS, &subject);
    if (wait == 0) {
        return NGX_OK;
    }

    rc = acme_ca_rate_known(x);

    return (rc == NGX_DECLINED)
           ? acme_ca_rate_answer(x, ACME_CA_LIMIT_NEW_ACCOUNTS, wait,
                                 acme_ca_rate_of_address,
                                 &x->request.client_address)
           : rc;
}


/* a pre-authorization is the better part of an order */

static ngx_uint_t
acme_ca_rate_is_order(acme_ca_exchange_t *x)
{
    return x->route == &acme_ca_routes[ACME_CA_ROUTE_NEW_ORDER]
           || x->route == &acme_ca_routes[ACME_CA_ROUTE_NEW_AUTHZ];
}


static ngx_int_t
acme_ca_rate_known(acme_ca_exchange_t *x)
{
    acme_ca_account_t  account;

    return acme_ca_store_account_find_key(x->store, x->ctx.pool,
                                          x->jwk->thumbprint, &account);
}


/* every order that an account asked for counts, also one that is refused */

ngx_int_t
acme_ca_rate_accept(acme_ca_exchange_t *x)
{
    return acme_ca_rate_is_order(x)
           ? acme_ca_rate_ask_orders(x, acme_ca_rate_take) : NGX_OK;
}


static ngx_int_t
acme_ca_rate_ask_orders(acme_ca_exchange_t *x, acme_ca_rate_pt ask)
{
    time_t     wait;
    ngx_str_t  subject;
    u_char     buf[ACME_CA_RATE_SUBJECT];

    subject.data = buf;
    subject.len = ngx_sprintf(buf, "%L", x->account->id) - buf;

    wait = ask(x, ACME_CA_LIMIT_NEW_ORDERS, &subject);

    return acme_ca_rate_answer(x, ACME_CA_LIMIT_NEW_ORDERS, wait,
                               acme_ca_rate_of_account, NULL);
}


ngx_int_t
acme_ca_rate_account(acme_ca_exchange_t *x)
{
    time_t     wait;
    ngx_str_t  subject;
    u_char     buf[ACME_CA_RATE_SUBJECT];

    acme_ca_rate_address(x, buf, &subject);

    wait = acme_ca_rate_take(x, ACME_CA_LIMIT_NEW_ACCOUNTS, &subject);

    return acme_ca_rate_answer(x, ACME_CA_LIMIT_NEW_ACCOUNTS, wait,
                               acme_ca_rate_of_address,
                               &x->request.client_address);
}


ngx_int_t
acme_ca_rate_identifier(acme_ca_exchange_t *x,
    acme_ca_identifier_t *identifier)
{
    time_t     wait;
    ngx_str_t  subject;
    u_char     buf[ACME_CA_RATE_SUBJECT];

    acme_ca_rate_name(x->account->id, identifier, buf, &subject);

    wait = acme_ca_rate_peek(x, ACME_CA_LIMIT_FAILED_VALIDATIONS, &subject);

    return acme_ca_rate_answer(x, ACME_CA_LIMIT_FAILED_VALIDATIONS,
                               wait, acme_ca_rate_of_name,
                               &identifier->value);
}


ngx_int_t
acme_ca_rate_order(acme_ca_exchange_t *x, ngx_array_t *identifiers)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    acme_ca_order_identifier_t  *oi;

    oi = identifiers->elts;

    for (i = 0; i < identifiers->nelts; i++) {
        rc = acme_ca_rate_identifier(x, &oi[i].identifier);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return acme_ca_rate_ask_set(x, identifiers, acme_ca_rate_peek);
}


ngx_int_t
acme_ca_rate_certificate(acme_ca_exchange_t *x, ngx_array_t *identifiers)
{
    return acme_ca_rate_ask_set(x, identifiers, acme_ca_rate_take);
}


static ngx_int_t
acme_ca_rate_ask_set(acme_ca_exchange_t *x, ngx_array_t *identifiers,
    acme_ca_rate_pt ask)
{
    time_t     wait;
    ngx_str_t  subject;

    if (acme_ca_rate_set(x->ctx.pool, identifiers, &subject) != NGX_OK) {
        return NGX_ERROR;
    }

    wait = ask(x, ACME_CA_LIMIT_CERTIFICATES, &subject);

    return acme_ca_rate_answer(x, ACME_CA_LIMIT_CERTIFICATES, wait,
                               acme_ca_rate_of_set, NULL);
}


void
acme_ca_rate_failed(acme_ca_ctx_t *ctx, const acme_ca_authority_t *authority,
    int64_t account_id, const acme_ca_identifier_t *identifier)
{
    ngx_str_t              subject;
    u_char                 buf[ACME_CA_RATE_SUBJECT];
    const acme_ca_rate_t  *rate;

    rate = &authority->rates[ACME_CA_LIMIT_FAILED_VALIDATIONS];

    acme_ca_rate_name(account_id, identifier, buf, &subject);

    (void) acme_ca_limit_add(authority->limits,
                             ACME_CA_LIMIT_FAILED_VALIDATIONS, rate, &subject,
                             ctx->now);
}


/*
 * An IPv4 address, or the /64 of an IPv6 one: whoever has one address of that
 * has all of them.  A Unix domain socket has no address: its text.
 */

static void
acme_ca_rate_address(acme_ca_exchange_t *x, u_char *buf, ngx_str_t *subject)
{
    static const u_char  mapped[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    char        text[INET6_ADDRSTRLEN];
    ngx_str_t  *address;

    address = &x->request.client_address;

    *subject = *address;

    if (address->len == 0 || address->len >= sizeof(text)) {
        return;
    }

    ngx_memcpy(text, address->data, address->len);
    text[address->len] = '\0';

    if (inet_pton(AF_INET, text, buf) == 1) {
        subject->len = 4;

    } else if (inet_pton(AF_INET6, text, buf) != 1) {
        return;

    } else if (ngx_memcmp(buf, mapped, sizeof(mapped)) == 0) {
        ngx_memmove(buf, buf + sizeof(mapped), 4);
        subject->len = 4;

    } else {
        subject->len = 8;
    }

    subject->data = buf;
}


static void
acme_ca_rate_name(int64_t account_id, const acme_ca_identifier_t *identifier,
    u_char *buf, ngx_str_t *subject)
{
    subject->data = buf;
    subject->len = ngx_snprintf(buf, ACME_CA_RATE_SUBJECT, "%L %V", account_id,
                                &identifier->value)
                   - buf;
}


/* the same set in any order, whoever asks for it */

static ngx_int_t
acme_ca_rate_set(ngx_pool_t *pool, ngx_array_t *identifiers,
    ngx_str_t *subject)
{
    u_char                      *p;
    size_t                       len;
    ngx_uint_t                   i, n;
    acme_ca_identifier_t        *sorted;
    acme_ca_order_identifier_t  *oi;

    n = identifiers->nelts;
    oi = identifiers->elts;

    sorted = ngx_palloc(pool, n * sizeof(acme_ca_identifier_t));
    if (sorted == NULL) {
        return NGX_ERROR;
    }

    len = 0;

    for (i = 0; i < n; i++) {
        sorted[i] = oi[i].identifier;
        len += sorted[i].value.len + 3;
    }

    ngx_qsort(sorted, n, sizeof(acme_ca_identifier_t), acme_ca_identifier_cmp);

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    subject->data = p;
    subject->len = len;

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "%c%c%V ", 'a' + (int) sorted[i].type,
                        sorted[i].wildcard ? '*' : '.', &sorted[i].value);
    }

    return NGX_OK;
}
