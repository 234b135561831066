
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Contacts of accounts (RFC 8555, 7.3): mailto: URLs (RFC 6068) with one
 * address each.  Checks the form only; sends nothing.
 */


#include "acme_ca_policy.h"
#include "acme_ca_text.h"


#define ACME_CA_CONTACT_URL    1024
#define ACME_CA_CONTACT_LEN    254     /* RFC 5321, 4.5.3.1.3, without <> */
#define ACME_CA_CONTACT_LOCAL  64


static ngx_int_t acme_ca_contact_url(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_json_t *value);
static ngx_uint_t acme_ca_contact_scheme(ngx_str_t *url, size_t *len);
static ngx_int_t acme_ca_contact_decode(ngx_pool_t *pool, u_char *p,
    size_t n, ngx_str_t *address);
static ngx_int_t acme_ca_contact_address(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, ngx_str_t *address);
static ngx_uint_t acme_ca_contact_local(u_char *p, size_t n);
static ngx_uint_t acme_ca_contact_domain(ngx_array_t *domains,
    ngx_str_t *domain);


ngx_int_t
acme_ca_policy_contact(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, acme_ca_json_t *value,
    ngx_str_t *contact)
{
    ngx_int_t               rc;
    ngx_uint_t              n;
    acme_ca_json_t         *url;
    acme_ca_json_writer_t   w;

    if (value && value->type != ACME_CA_JSON_ARRAY) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "\"contact\" is not an array");
    }

    n = value ? value->n : 0;

    if (n == 0 && authority->contact_required) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "a contact is required");
    }

    if (authority->contact_max && n > authority->contact_max) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "more than %ui contacts",
                              authority->contact_max);
    }

    acme_ca_json_start(&w, ctx->pool, 64 + n * 64);
    acme_ca_json_open_array(&w, NULL);

    for (url = value ? value->first : NULL; url; url = url->next) {

        rc = acme_ca_contact_url(ctx, authority, url);

        if (rc != NGX_OK) {
            return rc;
        }

        acme_ca_json_write_string(&w, NULL, &url->text);
    }

    acme_ca_json_shut(&w);

    return acme_ca_json_finish(&w, contact);
}


static ngx_int_t
acme_ca_contact_url(acme_ca_ctx_t *ctx, const acme_ca_authority_t *authority,
    acme_ca_json_t *value)
{
    u_char     *p;
    size_t      len;
    ngx_int_t   rc;
    ngx_str_t   address;

    if (value->type != ACME_CA_JSON_STRING) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "a contact is not a string");
    }

    if (!acme_ca_contact_scheme(&value->text, &len)) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "a contact is not a URL");
    }

    if (len != sizeof("mailto") - 1
        || ngx_strncasecmp(value->text.data, (u_char *) "mailto", len) != 0)
    {
        return acme_ca_refuse(ctx, ACME_CA_UNSUPPORTED_CONTACT,
                              "only mailto: contacts are supported");
    }

    if (value->text.len > ACME_CA_CONTACT_URL) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "a contact is too long");
    }

    /* RFC 8555, 7.3: no "hfields", and not more than one "addr-spec" */

    p = value->text.data + len + 1;
    len = value->text.len - len - 1;

    if (ngx_strlchr(p, p + len, '?') || ngx_strlchr(p, p + len, ',')) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "a mailto: contact holds one address and no "
                              "header fields");
    }

    rc = acme_ca_contact_decode(ctx->pool, p, len, &address);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "a contact has a malformed percent-encoding");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_contact_address(ctx, authority, &address);
}


/* RFC 3986, 3.1 */

static ngx_uint_t
acme_ca_contact_scheme(ngx_str_t *url, size_t *len)
{
    u_char  ch, c;
    size_t  i;

    for (i = 0; i < url->len; i++) {

        ch = url->data[i];
        c = (u_char) (ch | 0x20);

        if (c >= 'a' && c <= 'z') {
            continue;
        }

        if (i == 0) {
            return 0;
        }

        if (ch == ':') {
            *len = i;
            return 1;
        }

        if ((ch < '0' || ch > '9') && ch != '+' && ch != '-' && ch != '.') {
            return 0;
        }
    }

    return 0;
}


static ngx_int_t
acme_ca_contact_decode(ngx_pool_t *pool, u_char *p, size_t n,
    ngx_str_t *address)
{
    u_char     *dst;
    size_t      i;
    ngx_int_t   byte;

    dst = ngx_pnalloc(pool, n + 1);

    if (dst == NULL) {
        return NGX_ERROR;
    }

    address->data = dst;

    for (i = 0; i < n; i++) {

        if (p[i] != '%') {
            *dst++ = p[i];
            continue;
        }

        if (n - i < 3) {
            return NGX_DECLINED;
        }

        byte = ngx_hextoi(p + i + 1, 2);

        if (byte == NGX_ERROR) {
            return NGX_DECLINED;
        }

        *dst++ = (u_char) byte;
        i += 2;
    }

    address->len = dst - address->data;

    return NGX_OK;
}


static ngx_int_t
acme_ca_contact_address(acme_ca_ctx_t *ctx,
    const acme_ca_authority_t *authority, ngx_str_t *address)
{
    u_char                *at;
    size_t                 local, domain;
    ngx_int_t              rc;
    acme_ca_identifier_t   host;

    at = ngx_strlchr(address->data, address->data + address->len, '@');

    local = at ? (size_t) (at - address->data) : 0;

    if (address->len > ACME_CA_CONTACT_LEN
        || !acme_ca_contact_local(address->data, local))
    {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "a contact is not an e-mail address");
    }

    domain = address->len - local - 1;

    rc = acme_ca_identifier_from_dns(ctx->pool, at + 1, domain, &host);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || host.wildcard) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "the domain of a contact is not a host name");
    }

    if (!acme_ca_contact_domain(authority->contact_domains, &host.value)) {
        return acme_ca_refuse(ctx, ACME_CA_INVALID_CONTACT,
                              "the domain of a contact is not allowed here");
    }

    return NGX_OK;
}


/* dot-atom of RFC 5322, 3.2.3; a quoted-string is not worth its risks */

static ngx_uint_t
acme_ca_contact_local(u_char *p, size_t n)
{
    u_char  ch, c, prev;
    size_t  i;

    if (n == 0 || n > ACME_CA_CONTACT_LOCAL) {
        return 0;
    }

    prev = '.';

    for (i = 0; i < n; i++) {

        ch = p[i];
        c = (u_char) (ch | 0x20);

        if (ch == '.' && prev == '.') {
            return 0;
        }

        if ((c < 'a' || c > 'z') && (ch < '0' || ch > '9') && ch != '.'
            && (ch == '\0' || ngx_strchr("!#$%&'*+-/=?^_`{|}~", ch) == NULL))
        {
            return 0;
        }

        prev = ch;
    }

    return prev != '.';
}


/* as the rules: "a.b" exactly, ".b" below b, "*" everything */

static ngx_uint_t
acme_ca_contact_domain(ngx_array_t *domains, ngx_str_t *domain)
{
    u_char      *tail;
    ngx_str_t   *rule;
    ngx_uint_t   i;

    if (domains == NULL) {
        return 1;
    }

    rule = domains->elts;

    for (i = 0; i < domains->nelts; i++) {

        if (acme_ca_str_is(&rule[i], "*") || acme_ca_str_eq(&rule[i], domain)) {
            return 1;
        }

        if (rule[i].len == 0 || rule[i].data[0] != '.'
            || domain->len <= rule[i].len)
        {
            continue;
        }

        tail = domain->data + domain->len - rule[i].len;

        if (ngx_memcmp(tail, rule[i].data, rule[i].len) == 0) {
            return 1;
        }
    }

    return 0;
}
