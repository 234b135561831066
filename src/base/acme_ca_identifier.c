
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Identifiers.  One parser makes the canonical form, for what clients send
 * and for what stands in certificate requests; nothing else in the tree reads
 * a name.  RFC 8555, 9.7.7; RFC 8738; RFC 1123, 2.1; RFC 5952.
 */


#include "acme_ca_identifier.h"
#include "acme_ca_punycode.h"
#include "acme_ca_text.h"


#define ACME_CA_DNS_MAX    253
#define ACME_CA_LABEL_MAX  63


static const char *acme_ca_dns_parse(u_char *dst, const u_char *src,
    size_t len);
static const char *acme_ca_dns_label(const u_char *label, size_t len);
static const char *acme_ca_dns_last_label(const u_char *label, size_t len);
static ngx_int_t acme_ca_identifier_dns(ngx_pool_t *pool, const u_char *name,
    size_t len, acme_ca_identifier_t *identifier, const char **reason);
static ngx_int_t acme_ca_identifier_ip(ngx_pool_t *pool, ngx_str_t *text,
    acme_ca_identifier_t *identifier, const char **reason);


const ngx_str_t  acme_ca_identifier_types[ACME_CA_IDENTIFIER_TYPE_N] = {
    ngx_string("dns"),
    ngx_string("ip")
};


ngx_int_t
acme_ca_identifier_parse(acme_ca_ctx_t *ctx, ngx_str_t *type, ngx_str_t *value,
    acme_ca_identifier_t *identifier)
{
    ngx_int_t    rc;
    const char  *reason;

    reason = NULL;

    if (acme_ca_str_is(type, "dns")) {
        rc = acme_ca_identifier_dns(ctx->pool, value->data, value->len,
                                    identifier, &reason);

    } else if (acme_ca_str_is(type, "ip")) {
        rc = acme_ca_identifier_ip(ctx->pool, value, identifier, &reason);

        if (rc == NGX_OK && !acme_ca_str_eq(value, &identifier->value)) {
            reason = "an address is written as RFC 5952 says";
            rc = NGX_DECLINED;
        }

    } else {
        return acme_ca_refuse(ctx, ACME_CA_UNSUPPORTED_IDENTIFIER,
                              "identifier type \"%V\" is not supported", type);
    }

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "%V identifier \"%V\": %s", type, value, reason);
    }

    return rc;
}


ngx_int_t
acme_ca_identifier_from_dns(ngx_pool_t *pool, const u_char *name, size_t len,
    acme_ca_identifier_t *identifier)
{
    const char  *reason;

    return acme_ca_identifier_dns(pool, name, len, identifier, &reason);
}


ngx_int_t
acme_ca_identifier_from_address(ngx_pool_t *pool, const u_char *address,
    size_t len, acme_ca_identifier_t *identifier)
{
    int   family;
    char  text[INET6_ADDRSTRLEN];

    static const u_char  mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255 };

    if (len != 4 && len != 16) {
        return NGX_DECLINED;
    }

    /* a v4-mapped address would be a second name of the v4 one */

    if (len == 16 && ngx_memcmp(address, mapped, sizeof(mapped)) == 0) {
        return NGX_DECLINED;
    }

    family = len == 4 ? AF_INET : AF_INET6;

    if (inet_ntop(family, address, text, sizeof(text)) == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(identifier, sizeof(acme_ca_identifier_t));

    identifier->type = ACME_CA_IDENTIFIER_IP;
    identifier->address_len = len;
    ngx_memcpy(identifier->address, address, len);

    return acme_ca_copy(pool, &identifier->value, (u_char *) text,
                        ngx_strlen(text));
}


ngx_int_t
acme_ca_identifier_from_text(ngx_pool_t *pool, ngx_str_t *text,
    acme_ca_identifier_t *identifier)
{
    const char  *reason;

    return acme_ca_identifier_ip(pool, text, identifier, &reason);
}


ngx_uint_t
acme_ca_name_within(const ngx_str_t *name, const ngx_str_t *zone)
{
    u_char  *p;

    if (name->len < zone->len) {
        return 0;
    }

    p = name->data + name->len - zone->len;

    return ngx_strncasecmp(p, zone->data, zone->len) == 0
           && (p == name->data || p[-1] == '.');
}


ngx_uint_t
acme_ca_name_nearer(const ngx_str_t *name, const ngx_str_t *zone,
    const ngx_str_t *best)
{
    return zone->len > best->len && acme_ca_name_within(name, zone);
}


int ngx_libc_cdecl
acme_ca_identifier_cmp(const void *a, const void *b)
{
    int                          rc;
    const acme_ca_identifier_t  *one = a, *two = b;

    if (one->type != two->type) {
        return one->type < two->type ? -1 : 1;
    }

    rc = ngx_memcmp(one->value.data, two->value.data,
                    ngx_min(one->value.len, two->value.len));
    if (rc != 0) {
        return rc;
    }

    if (one->value.len != two->value.len) {
        return one->value.len < two->value.len ? -1 : 1;
    }

    return (int) one->wildcard - (int) two->wildcard;
}


ngx_int_t
acme_ca_identifier_name(ngx_pool_t *pool,
    const acme_ca_identifier_t *identifier, ngx_str_t *name)
{
    if (!identifier->wildcard) {
        *name = identifier->value;
        return NGX_OK;
    }

    return acme_ca_format(pool, name, identifier->value.len + 2, "*.%V",
                          &identifier->value);
}


static ngx_int_t
acme_ca_identifier_dns(ngx_pool_t *pool, const u_char *name, size_t len,
    acme_ca_identifier_t *identifier, const char **reason)
{
    u_char      value[ACME_CA_DNS_MAX];
    ngx_uint_t  wildcard;

    if (len > ACME_CA_DNS_MAX) {
        *reason = "longer than 253 bytes";
        return NGX_DECLINED;
    }

    wildcard = len > 2 && name[0] == '*' && name[1] == '.';

    if (wildcard) {
        name += 2;
        len -= 2;
    }

    *reason = acme_ca_dns_parse(value, name, len);

    if (*reason != NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(identifier, sizeof(acme_ca_identifier_t));

    identifier->type = ACME_CA_IDENTIFIER_DNS;
    identifier->wildcard = wildcard;

    return acme_ca_copy(pool, &identifier->value, value, len);
}


/* lower-cases the name into dst; answers what is wrong with it, or NULL */

static const char *
acme_ca_dns_parse(u_char *dst, const u_char *src, size_t len)
{
    u_char       c;
    size_t       i, label;
    const char  *fault;

    if (len == 0) {
        return "empty";
    }

    label = 0;

    for (i = 0; i < len; i++) {
        c = src[i];

        if (c == '.') {

            fault = acme_ca_dns_label(dst + label, i - label);
            if (fault != NULL) {
                return fault;
            }

            dst[i] = c;
            label = i + 1;
            continue;
        }

        if (i - label == ACME_CA_LABEL_MAX) {
            return "a label is longer than 63 bytes";
        }

        if (c == '-' && i == label) {
            return "a label begins with a hyphen";
        }

        c = ngx_tolower(c);

        if (c != '-' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
            return c == '*' ? "\"*\" stands only as the whole first label"
                            : "a character other than letters, digits, "
                              "hyphens and dots";
        }

        dst[i] = c;
    }

    if (label == len) {
        return "a dot at the end";
    }

    fault = acme_ca_dns_label(dst + label, len - label);

    return fault ? fault : acme_ca_dns_last_label(dst + label, len - label);
}


/* RFC 8555, 7.1.4: an "xn--" has to be properly encoded */

static const char *
acme_ca_dns_label(const u_char *label, size_t len)
{
    if (len == 0) {
        return "an empty label";
    }

    if (label[len - 1] == '-') {
        return "a label ends with a hyphen";
    }

    if (len >= 4 && ngx_memcmp(label, "xn--", 4) == 0
        && !acme_ca_punycode_valid(label + 4, len - 4))
    {
        return "what begins with \"xn--\" is no A-label";
    }

    return NULL;
}


/*
 * inet_aton() and URL parsers read a name as an IPv4 address when its last
 * label is a number: "10.0.0.5", "2130706433", "127.0.0.0x1".
 */

static const char *
acme_ca_dns_last_label(const u_char *label, size_t len)
{
    size_t      i;
    ngx_uint_t  letter, hex;

    letter = 0;
    hex = len >= 2 && label[0] == '0' && label[1] == 'x';

    for (i = 0; i < len; i++) {

        if (label[i] >= 'a' && label[i] <= 'z') {
            letter = 1;

            if (label[i] > 'f' && i != 1) {
                hex = 0;
            }

        } else if (label[i] == '-') {
            hex = 0;
        }
    }

    if (!letter || hex) {
        return "the last label is a number, as of an address";
    }

    return NULL;
}


static ngx_int_t
acme_ca_identifier_ip(ngx_pool_t *pool, ngx_str_t *text,
    acme_ca_identifier_t *identifier, const char **reason)
{
    int        family;
    char       buf[INET6_ADDRSTRLEN];
    u_char     address[16];
    ngx_int_t  rc;

    *reason = "not an IPv4 or IPv6 address";

    if (text->len == 0 || text->len >= sizeof(buf)
        || ngx_strlchr(text->data, text->data + text->len, '\0') != NULL)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(buf, text->data, text->len);
    buf[text->len] = '\0';

    family = ngx_strlchr(text->data, text->data + text->len, ':') != NULL
             ? AF_INET6 : AF_INET;

    if (inet_pton(family, buf, address) != 1) {
        return NGX_DECLINED;
    }

    rc = acme_ca_identifier_from_address(pool, address,
                                         family == AF_INET ? 4 : 16,
                                         identifier);

    if (rc == NGX_DECLINED) {
        *reason = "an IPv4-mapped IPv6 address: write it as IPv4";
    }

    return rc;
}
