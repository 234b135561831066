
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The last look at a certificate before it is signed.  Each byte is accounted
 * for: what is not exactly as it has to be is a fault.  This file knows
 * nothing of how the certificate was written, and shares only the DER reader
 * with the code that did (RFC 5280, 4.1 and 4.2).
 */


#include "acme_ca_lint.h"


#define ACME_CA_LINT_SERIAL_LEN   16
#define ACME_CA_LINT_CN_MAX       64
#define ACME_CA_LINT_UTC_LEN      (sizeof("YYMMDDHHMMSSZ") - 1)
#define ACME_CA_LINT_TIME_LEN     (sizeof("YYYYMMDDHHMMSSZ") - 1)

#define ACME_CA_LINT_TAG_VERSION  0xa0


static const char *acme_ca_lint_version(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_serial(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_algorithm(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_issuer(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static const char *acme_ca_lint_validity(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static ngx_int_t acme_ca_lint_time(acme_ca_der_t *der, time_t *t);
static ngx_int_t acme_ca_lint_digits(const u_char *p, ngx_uint_t *value);
static const char *acme_ca_lint_subject(acme_ca_lint_t *lint,
    acme_ca_der_t *der);
static ngx_int_t acme_ca_lint_common_name(const acme_ca_leaf_t *leaf,
    acme_ca_der_t *value);
static const char *acme_ca_lint_public_key(acme_ca_lint_t *lint,
    acme_ca_der_t *der);


/* the parts of TBSCertificate, in their order */

static const acme_ca_lint_pt  acme_ca_lint_parts[] = {
    acme_ca_lint_version,
    acme_ca_lint_serial,
    acme_ca_lint_algorithm,
    acme_ca_lint_issuer,
    acme_ca_lint_validity,
    acme_ca_lint_subject,
    acme_ca_lint_public_key,
    acme_ca_lint_extensions,
    NULL
};


ngx_int_t
acme_ca_lint(acme_ca_ctx_t *ctx, const acme_ca_leaf_t *leaf, ngx_str_t *tbs)
{
    const char             *fault;
    acme_ca_der_t           span, parts;
    acme_ca_lint_t          lint;
    const acme_ca_lint_pt  *part;

    ngx_memzero(&lint, sizeof(acme_ca_lint_t));

    lint.ctx = ctx;
    lint.leaf = leaf;

    span.p = tbs->data;
    span.last = tbs->data + tbs->len;

    fault = NULL;

    if (acme_ca_der_take(&span, ACME_CA_DER_SEQUENCE, &parts, NULL) != NGX_OK
        || span.p != span.last)
    {
        fault = "it is not one sequence";
    }

    for (part = acme_ca_lint_parts; fault == NULL && *part; part++) {
        fault = (*part)(&lint, &parts);
    }

    if (fault == NULL && parts.p != parts.last) {
        fault = "there is something behind the extensions";
    }

    if (fault == NULL) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ALERT, ctx->log, 0,
                  "a certificate is not signed: %s", fault);

    return NGX_ERROR;
}


static const char *
acme_ca_lint_version(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t  version;

    if (acme_ca_der_take(der, ACME_CA_LINT_TAG_VERSION, &version, NULL)
        != NGX_OK
        || !acme_ca_lint_is(&version, "\x02\x01\x02"))
    {
        return "it is not of version 3";
    }

    return NULL;
}


static const char *
acme_ca_lint_serial(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t  serial;

    if (acme_ca_der_take(der, ACME_CA_DER_INTEGER, &serial, NULL) != NGX_OK
        || serial.last - serial.p != ACME_CA_LINT_SERIAL_LEN
        || *serial.p == 0
        || *serial.p > 0x7f)
    {
        return "the serial number is not positive or not of 16 bytes";
    }

    return NULL;
}


static const char *
acme_ca_lint_algorithm(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t      algorithm;
    const ngx_str_t   *expected;

    expected = &lint->leaf->issuer->algorithm;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, NULL, &algorithm) != NGX_OK
        || !acme_ca_der_is(&algorithm, expected->data, expected->len))
    {
        return "the signature algorithm is not the issuer's";
    }

    return NULL;
}


static const char *
acme_ca_lint_issuer(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t      name;
    const ngx_str_t   *expected;

    expected = &lint->leaf->issuer->subject;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, NULL, &name) != NGX_OK
        || !acme_ca_der_is(&name, expected->data, expected->len))
    {
        return "the issuer is another";
    }

    return NULL;
}


/* as ordered, within what the profile and the issuer allow */

static const char *
acme_ca_lint_validity(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    time_t                    from, to, now, first, last, start;
    acme_ca_der_t             dates;
    const acme_ca_leaf_t     *leaf;
    const acme_ca_issuer_t   *issuer;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &dates, NULL) != NGX_OK
        || acme_ca_lint_time(&dates, &from) != NGX_OK
        || acme_ca_lint_time(&dates, &to) != NGX_OK
        || dates.p != dates.last)
    {
        return "the validity is malformed";
    }

    now = lint->ctx->now;
    leaf = lint->leaf;
    issuer = leaf->issuer;

    if (from >= to || to <= now) {
        return "it is never valid";
    }

    if (from < issuer->not_before || to > issuer->not_after) {
        return "it is valid when its issuer is not";
    }

    first = now - leaf->profile->backdate;

    if (first < issuer->not_before) {
        first = issuer->not_before;
    }

    if (from != (leaf->not_before ? leaf->not_before : first)) {
        return "notBefore is not what the order and the profile make it";
    }

    start = (from > now) ? from : now;
    last = start + leaf->profile->lifetime;

    if (last > issuer->not_after) {
        last = issuer->not_after;
    }

    if (to > last || to != (leaf->not_after ? leaf->not_after : last)) {
        return "notAfter is not what the order and the profile make it";
    }

    return NULL;
}


/* UTCTime through the year 2049, GeneralizedTime from 2050 on */

static ngx_int_t
acme_ca_lint_time(acme_ca_der_t *der, time_t *t)
{
    ngx_int_t       days;
    ngx_uint_t      n[7], i, year, month;
    acme_ca_der_t   text;

    if (acme_ca_der_take(der, ACME_CA_DER_UTC_TIME, &text, NULL) == NGX_OK) {

        if (text.last - text.p != ACME_CA_LINT_UTC_LEN
            || acme_ca_lint_digits(text.p, &n[1]) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        n[0] = (n[1] < 50) ? 20 : 19;

    } else if (acme_ca_der_take(der, ACME_CA_DER_TIME, &text, NULL) != NGX_OK
               || text.last - text.p != ACME_CA_LINT_TIME_LEN
               || acme_ca_lint_digits(text.p, &n[0]) != NGX_OK
               || acme_ca_lint_digits(text.p + 2, &n[1]) != NGX_OK
               || n[0] * 100 + n[1] < 2050)
    {
        return NGX_DECLINED;
    }

    for (i = 6; i > 1; i--) {
        if (acme_ca_lint_digits(text.last - 1 - 2 * (7 - i), &n[i]) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    if (text.last[-1] != 'Z'
        || n[2] < 1 || n[2] > 12 || n[3] < 1 || n[3] > 31
        || n[4] > 23 || n[5] > 59 || n[6] > 59)
    {
        return NGX_DECLINED;
    }

    /* years begin in March, so that the odd day is their last */

    year = n[0] * 100 + n[1] - (n[2] < 3);
    month = (n[2] + 9) % 12;

    days = year * 365 + year / 4 - year / 100 + year / 400
           + (month * 153 + 2) / 5 + n[3] - 1 - 719468;

    *t = (time_t) days * 86400 + n[4] * 3600 + n[5] * 60 + n[6];

    return NGX_OK;
}


static ngx_int_t
acme_ca_lint_digits(const u_char *p, ngx_uint_t *value)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') {
        return NGX_DECLINED;
    }

    *value = (p[0] - '0') * 10 + p[1] - '0';

    return NGX_OK;
}


/* empty, or one common name as the profile wants it */

static const char *
acme_ca_lint_subject(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t  subject, set, attribute, oid, value;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &subject, NULL) != NGX_OK)
    {
        return "the subject is malformed";
    }

    ngx_memzero(&value, sizeof(acme_ca_der_t));

    if (subject.p == subject.last) {
        lint->no_subject = 1;

    } else if (acme_ca_der_take(&subject, ACME_CA_DER_SET, &set, NULL)
               != NGX_OK
               || subject.p != subject.last
               || acme_ca_der_take(&set, ACME_CA_DER_SEQUENCE, &attribute,
                                   NULL)
                  != NGX_OK
               || set.p != set.last
               || acme_ca_der_take(&attribute, ACME_CA_DER_OID, &oid, NULL)
                  != NGX_OK
               || !acme_ca_lint_is(&oid, "\x55\x04\x03")
               || acme_ca_der_take(&attribute, ACME_CA_DER_UTF8, &value, NULL)
                  != NGX_OK
               || attribute.p != attribute.last
               || value.p == value.last)
    {
        return "the subject is not one common name";
    }

    if (acme_ca_lint_common_name(lint->leaf, &value) != NGX_OK) {
        return "the common name is not what the profile makes it";
    }

    return NULL;
}


static ngx_int_t
acme_ca_lint_common_name(const acme_ca_leaf_t *leaf, acme_ca_der_t *value)
{
    size_t                       len;
    ngx_uint_t                   i;
    const ngx_str_t             *asked;
    const acme_ca_identifier_t  *identifier;

    asked = &leaf->csr->common_name;

    for (i = 0; i < leaf->n; i++) {

        if (leaf->profile->common_name == ACME_CA_CN_NONE) {
            break;
        }

        identifier = &leaf->identifiers[i];
        len = identifier->value.len + (identifier->wildcard ? 2 : 0);

        if (len > ACME_CA_LINT_CN_MAX) {
            continue;
        }

        if (leaf->profile->common_name == ACME_CA_CN_CSR) {
            if (acme_ca_lint_name_is(identifier, asked->data, asked->len)
                != NGX_OK)
            {
                continue;
            }

        } else if (identifier->type != ACME_CA_IDENTIFIER_DNS) {
            continue;
        }

        return acme_ca_lint_name_is(identifier, value->p,
                                    value->last - value->p);
    }

    return (value->p == value->last) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
acme_ca_lint_name_is(const acme_ca_identifier_t *identifier, const u_char *p,
    size_t len)
{
    if (identifier->wildcard) {
        if (len < 2 || p[0] != '*' || p[1] != '.') {
            return NGX_DECLINED;
        }

        p += 2;
        len -= 2;
    }

    return (len == identifier->value.len
            && ngx_memcmp(p, identifier->value.data, len) == 0)
           ? NGX_OK : NGX_DECLINED;
}


static const char *
acme_ca_lint_public_key(acme_ca_lint_t *lint, acme_ca_der_t *der)
{
    acme_ca_der_t         spki, content;
    const acme_ca_csr_t  *csr;

    csr = lint->leaf->csr;

    if (acme_ca_der_take(der, ACME_CA_DER_SEQUENCE, &content, &spki) != NGX_OK
        || !acme_ca_der_is(&spki, csr->spki.data, csr->spki.len))
    {
        return "the public key is not the request's";
    }

    if (!(csr->key & lint->leaf->profile->key_types)) {
        return "the public key is of a type that the profile does not take";
    }

    if (acme_ca_der_take(&content, ACME_CA_DER_SEQUENCE, NULL, NULL) != NGX_OK
        || acme_ca_der_take(&content, ACME_CA_DER_BIT_STRING, &lint->key, NULL)
           != NGX_OK
        || content.p != content.last
        || lint->key.p == lint->key.last
        || *lint->key.p++ != 0)
    {
        return "the public key is malformed";
    }

    return NULL;
}
