
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * CAA: the records of an answer (RFC 8659, 4.1), and what they permit
 * (RFC 8659, 3 to 4.4; RFC 8657, 3 and 4).  Whatever is not understood permits
 * nothing.
 */


#include "acme_ca_caa.h"
#include "acme_ca_caa_value.h"
#include "acme_ca_dns_record.h"
#include "acme_ca_text.h"


#define ACME_CA_CAA_CRITICAL  0x80
#define ACME_CA_CAA_SHOWN     160      /* bytes of a record that are told */


static ngx_int_t acme_ca_caa_add(ngx_pool_t *pool, const u_char *data,
    size_t len, ngx_array_t *records);
static ngx_uint_t acme_ca_caa_is(const acme_ca_caa_record_t *record,
    const char *tag);
static ngx_uint_t acme_ca_caa_known(const acme_ca_caa_record_t *record);
static ngx_uint_t acme_ca_caa_has(ngx_array_t *records, const char *tag);
static ngx_int_t acme_ca_caa_forbid(acme_ca_ctx_t *ctx,
    const acme_ca_caa_request_t *request, ngx_str_t *name,
    const acme_ca_caa_record_t *record, const char *why);
static ngx_str_t acme_ca_caa_shown(u_char *buf, const ngx_str_t *text);


acme_ca_caa_mode_e
acme_ca_caa_mode(const acme_ca_authority_t *authority, const ngx_str_t *name)
{
    ngx_str_t            best;
    ngx_uint_t           i;
    acme_ca_caa_mode_e   mode;
    acme_ca_caa_zone_t  *zones;

    mode = authority->caa;
    ngx_str_null(&best);

    if (authority->caa_zones == NULL) {
        return mode;
    }

    zones = authority->caa_zones->elts;

    for (i = 0; i < authority->caa_zones->nelts; i++) {
        if (acme_ca_name_nearer(name, &zones[i].zone, &best)) {
            best = zones[i].zone;
            mode = zones[i].mode;
        }
    }

    return mode;
}


ngx_uint_t
acme_ca_caa_wanted(const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier)
{
    return identifier->type == ACME_CA_IDENTIFIER_DNS
           && acme_ca_caa_mode(authority, &identifier->value)
              != ACME_CA_CAA_OFF;
}


ngx_int_t
acme_ca_caa_climb(ngx_str_t *name)
{
    u_char  *dot;

    dot = ngx_strlchr(name->data, name->data + name->len, '.');

    if (dot == NULL) {
        return NGX_DECLINED;
    }

    name->len -= dot + 1 - name->data;
    name->data = dot + 1;

    return NGX_OK;
}


ngx_int_t
acme_ca_caa_parse(ngx_pool_t *pool, const u_char *message, size_t len,
    ngx_array_t *records)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    acme_ca_dns_answer_t   answer;
    acme_ca_dns_record_t  *record;

    rc = acme_ca_dns_answer_read(pool, message, len, &answer);
    if (rc != NGX_OK) {
        return rc;
    }

    record = answer.records->elts;

    /* of whatever owner: that is where the aliases of the name led to */

    for (i = 0; i < answer.records->nelts; i++) {

        if (record[i].type != ACME_CA_CAA_TYPE) {
            continue;
        }

        rc = acme_ca_caa_add(pool, record[i].data, record[i].len, records);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_caa_add(ngx_pool_t *pool, const u_char *data, size_t len,
    ngx_array_t *records)
{
    size_t                 n;
    acme_ca_caa_record_t  *record;

    if (len < 2 || data[1] == 0 || data[1] > len - 2) {
        return NGX_DECLINED;
    }

    n = data[1];

    record = ngx_array_push(records);
    if (record == NULL) {
        return NGX_ERROR;
    }

    record->critical = (data[0] & ACME_CA_CAA_CRITICAL) ? 1 : 0;

    if (acme_ca_copy(pool, &record->tag, data + 2, n) != NGX_OK
        || acme_ca_copy(pool, &record->value, data + 2 + n, len - 2 - n)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_caa_judge(acme_ca_ctx_t *ctx, const acme_ca_caa_request_t *request,
    ngx_str_t *name, ngx_array_t *records)
{
    const char            *tag;
    ngx_uint_t             i;
    acme_ca_caa_fit_e      fit, best;
    acme_ca_caa_record_t  *record, *nearest;

    if (records->nelts == 0) {
        return NGX_DECLINED;
    }

    record = records->elts;

    for (i = 0; i < records->nelts; i++) {
        if (record[i].critical && !acme_ca_caa_known(&record[i])) {
            return acme_ca_caa_forbid(ctx, request, name, &record[i],
                                      "is critical and not known here");
        }
    }

    /* RFC 8659, 4.3: for a wildcard it takes the place of "issue" */

    tag = request->identifier->wildcard
          && acme_ca_caa_has(records, "issuewild") ? "issuewild" : "issue";

    nearest = NULL;
    best = ACME_CA_CAA_MALFORMED;

    for (i = 0; i < records->nelts; i++) {

        if (!acme_ca_caa_is(&record[i], tag)) {
            continue;
        }

        fit = acme_ca_caa_value_fit(&record[i].value, request);

        if (fit == ACME_CA_CAA_FITS) {
            return NGX_OK;
        }

        if (nearest == NULL || fit > best) {
            nearest = &record[i];
            best = fit;
        }
    }

    /* RFC 8659, 4.2: what has no such property restricts nothing */

    return (nearest == NULL)
           ? NGX_OK : acme_ca_caa_forbid(ctx, request, name, nearest,
                                         acme_ca_caa_fit_text(best));
}


static ngx_uint_t
acme_ca_caa_is(const acme_ca_caa_record_t *record, const char *tag)
{
    return record->tag.len == ngx_strlen(tag)
           && ngx_strncasecmp(record->tag.data, (u_char *) tag,
                              record->tag.len)
              == 0;
}


/* IANA's registry: the rest of these does not bear on TLS certificates */

static ngx_uint_t
acme_ca_caa_known(const acme_ca_caa_record_t *record)
{
    static const char *const  tags[] = {
        "issue", "issuewild", "iodef", "contactemail", "contactphone",
        "issuemail", "issuevmc"
    };

    ngx_uint_t  i;

    for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (acme_ca_caa_is(record, tags[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
acme_ca_caa_has(ngx_array_t *records, const char *tag)
{
    ngx_uint_t             i;
    acme_ca_caa_record_t  *record;

    record = records->elts;

    for (i = 0; i < records->nelts; i++) {
        if (acme_ca_caa_is(&record[i], tag)) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
acme_ca_caa_forbid(acme_ca_ctx_t *ctx, const acme_ca_caa_request_t *request,
    ngx_str_t *name, const acme_ca_caa_record_t *record, const char *why)
{
    u_char     tag_buf[ACME_CA_CAA_SHOWN], value_buf[ACME_CA_CAA_SHOWN];
    ngx_str_t  tag, value;

    tag = acme_ca_caa_shown(tag_buf, &record->tag);
    value = acme_ca_caa_shown(value_buf, &record->value);

    return acme_ca_refuse(ctx, ACME_CA_CAA,
                          "CAA of %V forbids %s%V: %V '%V' %s", name,
                          request->identifier->wildcard ? "*." : "",
                          &request->identifier->value, &tag, &value, why);
}


/* printable ASCII of a bounded length: it goes into logs and to clients */

static ngx_str_t
acme_ca_caa_shown(u_char *buf, const ngx_str_t *text)
{
    size_t     i;
    ngx_str_t  shown;

    shown.data = buf;
    shown.len = ngx_min(text->len, ACME_CA_CAA_SHOWN);

    for (i = 0; i < shown.len; i++) {
        buf[i] = (text->data[i] >= 0x20 && text->data[i] < 0x7f)
                 ? text->data[i] : '?';
    }

    return shown;
}
