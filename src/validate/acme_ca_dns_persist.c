
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * dns-persist-01 (draft-ietf-acme-dns-persist): a record that stays, names us
 * and an account, and is written like the value of a CAA record (RFC 8659,
 * 4.2):
 *
 *     ca.example; accounturi=https://ca.example/acme/account/1;
 *     policy=wildcard; persistUntil=1767225600
 *
 * Only the name that has the record is proven by it, and its wildcard where
 * the policy says so; a CA need not take it for other names below.
 */


#include "acme_ca_dns01.h"
#include "acme_ca_text.h"


/* from the worst to the best; of several records the best is told */

typedef enum {
    ACME_CA_DNS_PERSIST_OTHER = 0,       /* not ours */
    ACME_CA_DNS_PERSIST_MALFORMED,
    ACME_CA_DNS_PERSIST_ACCOUNT,         /* of another account */
    ACME_CA_DNS_PERSIST_OVER,
    ACME_CA_DNS_PERSIST_POLICY,          /* not for a wildcard */
    ACME_CA_DNS_PERSIST_GOOD
} acme_ca_dns_persist_e;


typedef struct {
    ngx_str_t    accounturi;
    ngx_str_t    policy;
    ngx_str_t    until;
} acme_ca_dns_persist_t;


typedef struct {
    ngx_str_t    tag;
    size_t       offset;                 /* in acme_ca_dns_persist_t */
} acme_ca_dns_persist_tag_t;


static acme_ca_dns_persist_e acme_ca_dns_persist_record(ngx_str_t *text,
    const acme_ca_job_t *job, ngx_array_t *issuers, time_t now);
static ngx_uint_t acme_ca_dns_persist_issuer(ngx_str_t *name,
    ngx_array_t *issuers);
static ngx_int_t acme_ca_dns_persist_parse(u_char *p, u_char *last,
    acme_ca_dns_persist_t *record);
static ngx_int_t acme_ca_dns_persist_parameter(u_char *p, u_char *last,
    acme_ca_dns_persist_t *record);
static ngx_uint_t acme_ca_dns_persist_is_tag(ngx_str_t *tag);
static ngx_uint_t acme_ca_dns_persist_is_value(ngx_str_t *value);
static ngx_int_t acme_ca_dns_persist_until(ngx_str_t *value, time_t *until);
static void acme_ca_dns_persist_trim(ngx_str_t *text);


static const acme_ca_dns_persist_tag_t  acme_ca_dns_persist_tags[] = {
    { ngx_string("accounturi"), offsetof(acme_ca_dns_persist_t, accounturi) },
    { ngx_string("policy"), offsetof(acme_ca_dns_persist_t, policy) },
    { ngx_string("persistuntil"), offsetof(acme_ca_dns_persist_t, until) },
    { ngx_null_string, 0 }
};


static const struct {
    acme_ca_problem_type_e   type;
    const char              *detail;
} acme_ca_dns_persist_problems[] = {
    { ACME_CA_UNAUTHORIZED, "names this authority" },
    { ACME_CA_MALFORMED, "that names this authority is well-formed" },
    { ACME_CA_UNAUTHORIZED, "that names this authority is for this account" },
    { ACME_CA_UNAUTHORIZED, "for this account is still valid: persistUntil is "
                            "over" },
    { ACME_CA_UNAUTHORIZED, "for this account has policy=wildcard" }
};


ngx_int_t
acme_ca_dns_persist_judge(acme_ca_ctx_t *ctx, const acme_ca_dns_txt_t *txt,
    const acme_ca_job_t *job, ngx_array_t *issuers)
{
    ngx_str_t              *text;
    ngx_uint_t              i;
    acme_ca_dns_persist_e   is, best;

    if (txt->texts->nelts == 0) {
        return acme_ca_refuse(ctx, ACME_CA_DNS, "no TXT record at %V",
                              &txt->name);
    }

    text = txt->texts->elts;
    best = ACME_CA_DNS_PERSIST_OTHER;

    for (i = 0; i < txt->texts->nelts; i++) {
        is = acme_ca_dns_persist_record(&text[i], job, issuers, ctx->now);
        best = ngx_max(best, is);
    }

    if (best == ACME_CA_DNS_PERSIST_GOOD) {
        return NGX_OK;
    }

    return acme_ca_refuse(ctx, acme_ca_dns_persist_problems[best].type,
                          "none of %ui TXT record%s at %V %s",
                          txt->texts->nelts,
                          txt->texts->nelts == 1 ? "" : "s", &txt->name,
                          acme_ca_dns_persist_problems[best].detail);
}


static acme_ca_dns_persist_e
acme_ca_dns_persist_record(ngx_str_t *text, const acme_ca_job_t *job,
    ngx_array_t *issuers, time_t now)
{
    u_char                 *last, *end;
    time_t                  until;
    ngx_str_t               name;
    acme_ca_dns_persist_t   record;

    last = text->data + text->len;
    end = ngx_strlchr(text->data, last, ';');

    name.data = text->data;
    name.len = (end ? end : last) - text->data;

    if (!acme_ca_dns_persist_issuer(&name, issuers)) {
        return ACME_CA_DNS_PERSIST_OTHER;
    }

    ngx_memzero(&record, sizeof(acme_ca_dns_persist_t));

    if (end == NULL
        || acme_ca_dns_persist_parse(end + 1, last, &record) != NGX_OK
        || record.accounturi.data == NULL
        || acme_ca_dns_persist_until(&record.until, &until) != NGX_OK)
    {
        return ACME_CA_DNS_PERSIST_MALFORMED;
    }

    if (!acme_ca_str_eq(&record.accounturi, &job->account_url)) {
        return ACME_CA_DNS_PERSIST_ACCOUNT;
    }

    if (record.until.data != NULL && now > until) {
        return ACME_CA_DNS_PERSIST_OVER;
    }

    if (job->identifier.wildcard
        && (record.policy.len != sizeof("wildcard") - 1
            || ngx_strncasecmp(record.policy.data, (u_char *) "wildcard",
                               sizeof("wildcard") - 1)
               != 0))
    {
        return ACME_CA_DNS_PERSIST_POLICY;
    }

    return ACME_CA_DNS_PERSIST_GOOD;
}


static ngx_uint_t
acme_ca_dns_persist_issuer(ngx_str_t *name, ngx_array_t *issuers)
{
    ngx_str_t   *issuer;
    ngx_uint_t   i;

    acme_ca_dns_persist_trim(name);

    if (name->len != 0 && name->data[name->len - 1] == '.') {
        name->len--;
    }

    /* none: the configuration was changed meanwhile */

    if (issuers == NULL) {
        return 0;
    }

    issuer = issuers->elts;

    for (i = 0; i < issuers->nelts; i++) {

        if (issuer[i].len == name->len
            && ngx_strncasecmp(issuer[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
acme_ca_dns_persist_parse(u_char *p, u_char *last,
    acme_ca_dns_persist_t *record)
{
    u_char     *end;
    ngx_str_t   rest;

    rest.data = p;
    rest.len = last - p;

    acme_ca_dns_persist_trim(&rest);

    if (rest.len == 0) {
        return NGX_OK;
    }

    for ( ;; ) {
        end = ngx_strlchr(p, last, ';');

        if (acme_ca_dns_persist_parameter(p, end ? end : last, record)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (end == NULL) {
            return NGX_OK;
        }

        p = end + 1;
    }
}


/* an unknown tag is none of our business, but has to be one */

static ngx_int_t
acme_ca_dns_persist_parameter(u_char *p, u_char *last,
    acme_ca_dns_persist_t *record)
{
    u_char                           *sign;
    ngx_str_t                         tag, value, *known;
    const acme_ca_dns_persist_tag_t  *t;

    sign = ngx_strlchr(p, last, '=');

    if (sign == NULL) {
        return NGX_DECLINED;
    }

    tag.data = p;
    tag.len = sign - p;
    value.data = sign + 1;
    value.len = last - value.data;

    acme_ca_dns_persist_trim(&tag);
    acme_ca_dns_persist_trim(&value);

    if (!acme_ca_dns_persist_is_tag(&tag)
        || !acme_ca_dns_persist_is_value(&value))
    {
        return NGX_DECLINED;
    }

    for (t = acme_ca_dns_persist_tags; t->tag.len != 0; t++) {

        if (t->tag.len != tag.len
            || ngx_strncasecmp(t->tag.data, tag.data, tag.len) != 0)
        {
            continue;
        }

        known = (ngx_str_t *) (void *) ((u_char *) record + t->offset);

        if (known->data != NULL) {
            return NGX_DECLINED;
        }

        *known = value;
    }

    return NGX_OK;
}


static ngx_uint_t
acme_ca_dns_persist_is_tag(ngx_str_t *tag)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < tag->len; i++) {
        ch = ngx_tolower(tag->data[i]);

        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
            || (ch == '-' && i != 0 && i != tag->len - 1))
        {
            continue;
        }

        return 0;
    }

    return tag->len != 0;
}


static ngx_uint_t
acme_ca_dns_persist_is_value(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x21 || value->data[i] > 0x7e) {
            return 0;
        }
    }

    return 1;
}


/* seconds since 1970; one that was not written is not used */

static ngx_int_t
acme_ca_dns_persist_until(ngx_str_t *value, time_t *until)
{
    if (value->data == NULL) {
        *until = 0;
        return NGX_OK;
    }

    *until = ngx_atotm(value->data, value->len);

    return (*until == (time_t) NGX_ERROR) ? NGX_DECLINED : NGX_OK;
}


/* WSP of RFC 5234 */

static void
acme_ca_dns_persist_trim(ngx_str_t *text)
{
    while (text->len != 0
           && (text->data[0] == ' ' || text->data[0] == '\t'))
    {
        text->data++;
        text->len--;
    }

    while (text->len != 0
           && (text->data[text->len - 1] == ' '
               || text->data[text->len - 1] == '\t'))
    {
        text->len--;
    }
}
