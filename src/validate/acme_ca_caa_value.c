
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * issue-value (RFC 8659, 4.2): an issuer's domain name and its parameters, of
 * which accounturi and validationmethods (RFC 8657) bind us.  A value that is
 * not of the grammar names nobody.
 */


#include "acme_ca_caa_value.h"
#include "acme_ca_text.h"


typedef struct {
    u_char     *p;
    u_char     *last;
} acme_ca_caa_text_t;


/* what the parameters seen so far say */
typedef struct {
    ngx_uint_t   accounts;
    ngx_uint_t   methods;
    unsigned     account_fits:1;
    unsigned     method_fits:1;
} acme_ca_caa_bounds_t;


static ngx_int_t acme_ca_caa_issuer(acme_ca_caa_text_t *text,
    ngx_str_t *domain);
static ngx_int_t acme_ca_caa_parameters(acme_ca_caa_text_t *text,
    const acme_ca_caa_request_t *request, acme_ca_caa_bounds_t *bounds);
static void acme_ca_caa_bind(const acme_ca_caa_request_t *request,
    ngx_str_t *tag, ngx_str_t *value, acme_ca_caa_bounds_t *bounds);
static ngx_uint_t acme_ca_caa_methods(ngx_str_t *value,
    const ngx_str_t *method);
static ngx_uint_t acme_ca_caa_ours(ngx_str_t *domain,
    ngx_array_t *identities);
static void acme_ca_caa_space(acme_ca_caa_text_t *text);
static void acme_ca_caa_label(acme_ca_caa_text_t *text, ngx_str_t *label);
static ngx_uint_t acme_ca_caa_alnum(u_char ch);


acme_ca_caa_fit_e
acme_ca_caa_value_fit(const ngx_str_t *value,
    const acme_ca_caa_request_t *request)
{
    ngx_str_t             domain;
    acme_ca_caa_text_t    text;
    acme_ca_caa_bounds_t  bounds;

    ngx_memzero(&bounds, sizeof(acme_ca_caa_bounds_t));

    text.p = value->data;
    text.last = value->data + value->len;

    if (acme_ca_caa_issuer(&text, &domain) != NGX_OK
        || acme_ca_caa_parameters(&text, request, &bounds) != NGX_OK)
    {
        return ACME_CA_CAA_MALFORMED;
    }

    if (domain.len == 0) {
        return ACME_CA_CAA_NOBODY;
    }

    if (!acme_ca_caa_ours(&domain, request->identities)) {
        return ACME_CA_CAA_OTHER_CA;
    }

    /* RFC 8657, 3: several of them can never be satisfied */

    if (bounds.accounts > 1 || (bounds.accounts && !bounds.account_fits)) {
        return ACME_CA_CAA_OTHER_ACCOUNT;
    }

    if (bounds.methods > 1 || (bounds.methods && !bounds.method_fits)) {
        return ACME_CA_CAA_OTHER_METHOD;
    }

    return ACME_CA_CAA_FITS;
}


const char *
acme_ca_caa_fit_text(acme_ca_caa_fit_e fit)
{
    static const char *const  texts[] = {
        "is malformed, which names no CA",
        "names no CA",
        "names another CA",
        "names this CA, but not this account",
        "names this CA, but not this way of validation",
        "permits it"
    };

    return texts[fit];
}


/* *WSP [issuer-domain-name *WSP], up to ";" or the end */

static ngx_int_t
acme_ca_caa_issuer(acme_ca_caa_text_t *text, ngx_str_t *domain)
{
    u_char     *start;
    ngx_str_t   label;

    acme_ca_caa_space(text);

    start = text->p;

    domain->data = start;
    domain->len = 0;

    if (text->p == text->last || *text->p == ';') {
        return NGX_OK;
    }

    for ( ;; ) {
        acme_ca_caa_label(text, &label);

        if (label.len == 0) {
            return NGX_DECLINED;
        }

        if (text->p == text->last || *text->p != '.') {
            break;
        }

        text->p++;
    }

    domain->len = text->p - start;

    acme_ca_caa_space(text);

    return (text->p == text->last || *text->p == ';') ? NGX_OK : NGX_DECLINED;
}


/* [";" *WSP [parameters *WSP]] */

static ngx_int_t
acme_ca_caa_parameters(acme_ca_caa_text_t *text,
    const acme_ca_caa_request_t *request, acme_ca_caa_bounds_t *bounds)
{
    ngx_str_t   tag, value;
    ngx_uint_t  n;

    for (n = 0; text->p < text->last; n++) {

        /* on a ";" */

        text->p++;
        acme_ca_caa_space(text);

        if (text->p == text->last) {
            return (n == 0) ? NGX_OK : NGX_DECLINED;
        }

        acme_ca_caa_label(text, &tag);
        acme_ca_caa_space(text);

        if (tag.len == 0 || text->p == text->last || *text->p != '=') {
            return NGX_DECLINED;
        }

        text->p++;
        acme_ca_caa_space(text);

        value.data = text->p;

        while (text->p < text->last && *text->p > 0x20 && *text->p < 0x7f
               && *text->p != ';')
        {
            text->p++;
        }

        value.len = text->p - value.data;

        acme_ca_caa_space(text);

        if (text->p < text->last && *text->p != ';') {
            return NGX_DECLINED;
        }

        acme_ca_caa_bind(request, &tag, &value, bounds);
    }

    return NGX_OK;
}


/* RFC 8659, 4.2: what others mean is the issuer's affair, and means nothing */

static void
acme_ca_caa_bind(const acme_ca_caa_request_t *request, ngx_str_t *tag,
    ngx_str_t *value, acme_ca_caa_bounds_t *bounds)
{
    static ngx_str_t  accounturi = ngx_string("accounturi");
    static ngx_str_t  methods = ngx_string("validationmethods");

    if (tag->len == accounturi.len
        && ngx_strncasecmp(tag->data, accounturi.data, tag->len) == 0)
    {
        bounds->accounts++;
        bounds->account_fits = request->account_url.len != 0
                               && acme_ca_str_eq(value, &request->account_url);

    } else if (tag->len == methods.len
               && ngx_strncasecmp(tag->data, methods.data, tag->len) == 0)
    {
        bounds->methods++;
        bounds->method_fits = acme_ca_caa_methods(value, &request->method);
    }
}


/* RFC 8657, 4: [*(label ",") label]; one that is not of it names none */

static ngx_uint_t
acme_ca_caa_methods(ngx_str_t *value, const ngx_str_t *method)
{
    u_char      *p, *start, *last;
    ngx_uint_t   found;

    found = 0;
    start = value->data;
    last = value->data + value->len;

    for (p = start; p <= last; p++) {

        if (p < last && *p != ',') {

            if (!acme_ca_caa_alnum(*p) && *p != '-') {
                return 0;
            }

            continue;
        }

        if (p == start) {
            return 0;
        }

        if ((size_t) (p - start) == method->len
            && ngx_memcmp(start, method->data, method->len) == 0)
        {
            found = 1;
        }

        start = p + 1;
    }

    return found;
}


static ngx_uint_t
acme_ca_caa_ours(ngx_str_t *domain, ngx_array_t *identities)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (identities == NULL) {
        return 0;
    }

    name = identities->elts;

    for (i = 0; i < identities->nelts; i++) {
        if (name[i].len == domain->len
            && ngx_strncasecmp(name[i].data, domain->data, domain->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
acme_ca_caa_space(acme_ca_caa_text_t *text)
{
    while (text->p < text->last && (*text->p == ' ' || *text->p == '\t')) {
        text->p++;
    }
}


/* (ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT)); empty: none stands there */

static void
acme_ca_caa_label(acme_ca_caa_text_t *text, ngx_str_t *label)
{
    label->data = text->p;
    label->len = 0;

    while (text->p < text->last
           && (acme_ca_caa_alnum(*text->p) || *text->p == '-'))
    {
        text->p++;
    }

    if (text->p > label->data && *label->data != '-'
        && *(text->p - 1) != '-')
    {
        label->len = text->p - label->data;
    }
}


static ngx_uint_t
acme_ca_caa_alnum(u_char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9');
}
