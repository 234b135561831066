
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * CAA: the bytes of an answer (RFC 1035, 4.1; RFC 8659, 4.1), and what they
 * permit (RFC 8659, 3 to 4.4; RFC 8657, 3 and 4).  Whatever is not understood
 * permits nothing.
 */


#include "acme_ca_caa.h"
#include "acme_ca_caa_value.h"
#include "acme_ca_text.h"


#define ACME_CA_CAA_CRITICAL  0x80
#define ACME_CA_CAA_SHOWN     160      /* bytes of a record that are told */


typedef struct {
    const u_char  *p;
    const u_char  *last;
} acme_ca_caa_input_t;


static ngx_int_t acme_ca_caa_skip_name(acme_ca_caa_input_t *in);
static ngx_int_t acme_ca_caa_read(acme_ca_caa_input_t *in, size_t n,
    const u_char **p);
static ngx_int_t acme_ca_caa_read_record(ngx_pool_t *pool,
    acme_ca_caa_input_t *in, ngx_array_t *records);
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


#define acme_ca_caa_uint16(p)  ((ngx_uint_t) ((p)[0] << 8 | (p)[1]))


acme_ca_caa_mode_e
acme_ca_caa_mode(const acme_ca_authority_t *authority, const ngx_str_t *name)
{
    size_t               longest;
    ngx_str_t           *zone;
    ngx_uint_t           i;
    acme_ca_caa_mode_e   mode;
    acme_ca_caa_zone_t  *zones;

    mode = authority->caa;
    longest = 0;

    if (authority->caa_zones == NULL) {
        return mode;
    }

    zones = authority->caa_zones->elts;

    for (i = 0; i < authority->caa_zones->nelts; i++) {
        zone = &zones[i].zone;

        if (zone->len > longest && acme_ca_name_within(name, zone)) {
            longest = zone->len;
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


time_t
acme_ca_caa_lifetime(const acme_ca_authority_t *authority,
    const acme_ca_identifier_t *identifier)
{
    return acme_ca_caa_wanted(authority, identifier)
           ? ngx_min(authority->authz_lifetime, ACME_CA_CAA_LIFETIME)
           : authority->authz_lifetime;
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
    ngx_int_t             rc;
    ngx_uint_t            questions, answers;
    const u_char         *p;
    acme_ca_caa_input_t   in;

    in.p = message;
    in.last = message + len;

    rc = acme_ca_caa_read(&in, 12, &p);
    if (rc != NGX_OK) {
        return rc;
    }

    questions = acme_ca_caa_uint16(p + 4);
    answers = acme_ca_caa_uint16(p + 6);

    while (questions--) {
        rc = acme_ca_caa_skip_name(&in);

        if (rc == NGX_OK) {
            rc = acme_ca_caa_read(&in, 4, &p);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* of whatever owner: that is where the aliases of the name led to */

    while (answers--) {
        rc = acme_ca_caa_read_record(pool, &in, records);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* no pointer is followed: owners do not matter */

static ngx_int_t
acme_ca_caa_skip_name(acme_ca_caa_input_t *in)
{
    ngx_int_t      rc;
    const u_char  *p;

    for ( ;; ) {
        rc = acme_ca_caa_read(in, 1, &p);

        if (rc != NGX_OK || *p == 0) {
            return rc;
        }

        if ((*p & 0xc0) == 0xc0) {
            return acme_ca_caa_read(in, 1, &p);
        }

        if (*p & 0xc0) {
            return NGX_DECLINED;
        }

        rc = acme_ca_caa_read(in, *p, &p);
        if (rc != NGX_OK) {
            return rc;
        }
    }
}


static ngx_int_t
acme_ca_caa_read(acme_ca_caa_input_t *in, size_t n, const u_char **p)
{
    if ((size_t) (in->last - in->p) < n) {
        return NGX_DECLINED;
    }

    *p = in->p;
    in->p += n;

    return NGX_OK;
}


static ngx_int_t
acme_ca_caa_read_record(ngx_pool_t *pool, acme_ca_caa_input_t *in,
    ngx_array_t *records)
{
    size_t         len;
    ngx_int_t      rc;
    const u_char  *head, *data;

    head = NULL;

    rc = acme_ca_caa_skip_name(in);

    if (rc == NGX_OK) {
        rc = acme_ca_caa_read(in, 10, &head);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    len = acme_ca_caa_uint16(head + 8);

    rc = acme_ca_caa_read(in, len, &data);

    if (rc != NGX_OK || acme_ca_caa_uint16(head) != ACME_CA_CAA_TYPE) {
        return rc;
    }

    return acme_ca_caa_add(pool, data, len, records);
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
