
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * ES256 keys, JWS, P-256 certificate requests and the few JSON members that
 * a client looks at: as cheap as can be, so that the generator does not
 * measure itself.
 */


#include <stdio.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "acme_load.h"


#define ACME_LOAD_SIG  80


static int acme_load_sign(EVP_PKEY *key, const unsigned char *data,
    size_t len, unsigned char *der, size_t *der_len);
static size_t acme_load_der(unsigned char *dst, unsigned char tag,
    const unsigned char *content, size_t len);
static const char *acme_load_skip(const char *p, const char *end);
static const char *acme_load_value(const char *p, const char *end);


size_t
acme_load_b64url(char *dst, const unsigned char *src, size_t len)
{
    char                *d;
    size_t               i;
    unsigned             v;
    static const char    abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_";

    d = dst;

    for (i = 0; i < len; i += 3) {
        v = src[i] << 16;
        v |= i + 1 < len ? src[i + 1] << 8 : 0;
        v |= i + 2 < len ? src[i + 2] : 0;

        *d++ = abc[v >> 18];
        *d++ = abc[(v >> 12) & 63];

        if (i + 1 < len) {
            *d++ = abc[(v >> 6) & 63];
        }

        if (i + 2 < len) {
            *d++ = abc[v & 63];
        }
    }

    *d = '\0';

    return d - dst;
}


int
acme_load_account_key(acme_load_account_t *account)
{
    char           x[48], y[48];
    size_t         len;
    unsigned char  point[65], md[SHA256_DIGEST_LENGTH];

    account->key = EVP_EC_gen("P-256");
    if (account->key == NULL
        || EVP_PKEY_get_octet_string_param(account->key, "pub", point,
                                           sizeof(point), &len) != 1
        || len != sizeof(point))
    {
        return -1;
    }

    (void) acme_load_b64url(x, point + 1, 32);
    (void) acme_load_b64url(y, point + 33, 32);

    /* members in the order of RFC 7638: the text of the thumbprint too */

    len = snprintf(account->jwk, sizeof(account->jwk), "{\"crv\":\"P-256\","
                   "\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);

    SHA256((unsigned char *) account->jwk, len, md);
    (void) acme_load_b64url(account->thumbprint, md, sizeof(md));

    return 0;
}


int
acme_load_subject_key(acme_load_subject_t *subject)
{
    int             n;
    unsigned char  *p;

    subject->key = EVP_EC_gen("P-256");
    if (subject->key == NULL) {
        return -1;
    }

    n = i2d_PUBKEY(subject->key, NULL);
    if (n <= 0 || n > (int) sizeof(subject->spki)) {
        return -1;
    }

    p = subject->spki;
    subject->spki_len = i2d_PUBKEY(subject->key, &p);

    return 0;
}


static int
acme_load_sign(EVP_PKEY *key, const unsigned char *data, size_t len,
    unsigned char *der, size_t *der_len)
{
    int             rc;
    EVP_PKEY_CTX   *ctx;
    unsigned char   md[SHA256_DIGEST_LENGTH];

    SHA256(data, len, md);

    ctx = EVP_PKEY_CTX_new(key, NULL);

    rc = ctx && EVP_PKEY_sign_init(ctx) == 1
         && EVP_PKEY_sign(ctx, der, der_len, md, sizeof(md)) == 1;

    EVP_PKEY_CTX_free(ctx);

    return rc ? 0 : -1;
}


/* the whole request body; its length or -1 */

int
acme_load_jws(char *dst, size_t size, acme_load_account_t *account,
    const char *url, const char *nonce, const char *payload)
{
    int                   n;
    char                  header[1600], *p, *signature;
    size_t                len, der_len;
    ECDSA_SIG            *sig;
    unsigned char         der[ACME_LOAD_SIG], raw[64];
    const unsigned char  *q;

    if (account->url[0]) {
        n = snprintf(header, sizeof(header), "{\"alg\":\"ES256\","
                     "\"kid\":\"%s\",\"nonce\":\"%s\",\"url\":\"%s\"}",
                     account->url, nonce, url);
    } else {
        n = snprintf(header, sizeof(header), "{\"alg\":\"ES256\","
                     "\"jwk\":%s,\"nonce\":\"%s\",\"url\":\"%s\"}",
                     account->jwk, nonce, url);
    }

    len = strlen(payload);

    if ((size_t) n >= sizeof(header) || size < (n + len) * 4 / 3 + 256) {
        return -1;
    }

    /* the signed text is written at its place, then the rest around it */

    p = dst + sizeof("{\"protected\":\"") - 1;
    p += acme_load_b64url(p, (unsigned char *) header, n);
    *p++ = '.';
    signature = p;
    p += acme_load_b64url(p, (const unsigned char *) payload, len);

    q = (unsigned char *) dst + sizeof("{\"protected\":\"") - 1;
    der_len = sizeof(der);

    if (acme_load_sign(account->key, q, (unsigned char *) p - q, der,
                       &der_len) != 0)
    {
        return -1;
    }

    q = der;
    sig = d2i_ECDSA_SIG(NULL, &q, der_len);
    if (sig == NULL) {
        return -1;
    }

    (void) BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    (void) BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);

    memcpy(dst, "{\"protected\":\"", sizeof("{\"protected\":\"") - 1);
    len = p - signature;
    p = signature + sizeof("\",\"payload\":\"") - 2;
    memmove(p, signature, len);
    memcpy(signature - 1, "\",\"payload\":\"",
           sizeof("\",\"payload\":\"") - 1);
    p += len;

    p += snprintf(p, 32, "\",\"signature\":\"");
    p += acme_load_b64url(p, raw, sizeof(raw));
    p += snprintf(p, 4, "\"}");

    return p - dst;
}


static size_t
acme_load_der(unsigned char *dst, unsigned char tag,
    const unsigned char *content, size_t len)
{
    size_t  n;

    n = len < 128 ? 2 : len < 256 ? 3 : 4;
    memmove(dst + n, content, len);

    dst[0] = tag;

    switch (n) {

    case 2:
        dst[1] = (unsigned char) len;
        break;

    case 3:
        dst[1] = 0x81;
        dst[2] = (unsigned char) len;
        break;

    default:
        dst[1] = 0x82;
        dst[2] = (unsigned char) (len >> 8);
        dst[3] = (unsigned char) len;
        break;
    }

    return n + len;
}


/* base64url of a request for one dns name; its length or -1 */

int
acme_load_csr(char *dst, size_t size, acme_load_subject_t *subject,
    const char *name)
{
    size_t         len, n, der_len;
    unsigned char  a[1024], b[1024], der[ACME_LOAD_SIG];

    static const unsigned char  requested[] = {
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e
    };
    static const unsigned char  san[] = { 0x06, 0x03, 0x55, 0x1d, 0x11 };
    static const unsigned char  head[] = { 0x02, 0x01, 0x00, 0x30, 0x00 };
    static const unsigned char  ecdsa_sha256[] = {
        0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03,
        0x02
    };

    len = strlen(name);
    if (len > ACME_LOAD_NAME) {
        return -1;
    }

    /* from the inside: name, SAN, extension, set, attribute, info */

    len = acme_load_der(a, 0x82, (const unsigned char *) name, len);
    len = acme_load_der(a, 0x30, a, len);
    len = acme_load_der(b + sizeof(san), 0x04, a, len) + sizeof(san);
    memcpy(b, san, sizeof(san));
    len = acme_load_der(a, 0x30, b, len);
    len = acme_load_der(a, 0x30, a, len);
    len = acme_load_der(b + sizeof(requested), 0x31, a, len)
          + sizeof(requested);
    memcpy(b, requested, sizeof(requested));
    len = acme_load_der(a, 0x30, b, len);

    n = sizeof(head);
    memcpy(b, head, n);
    memcpy(b + n, subject->spki, subject->spki_len);
    n += subject->spki_len;
    n += acme_load_der(b + n, 0xa0, a, len);
    len = acme_load_der(a, 0x30, b, n);

    der_len = sizeof(der);

    if (acme_load_sign(subject->key, a, len, der, &der_len) != 0) {
        return -1;
    }

    memcpy(a + len, ecdsa_sha256, sizeof(ecdsa_sha256));
    len += sizeof(ecdsa_sha256);

    b[0] = 0;
    memcpy(b + 1, der, der_len);
    len += acme_load_der(a + len, 0x03, b, der_len + 1);
    len = acme_load_der(b, 0x30, a, len);

    if (size < len * 4 / 3 + 4) {
        return -1;
    }

    return (int) acme_load_b64url(dst, b, len);
}


/* JSON: servers are trusted to send it well-formed, not to be brief */

static const char *
acme_load_skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'
                       || *p == ',' || *p == ':'))
    {
        p++;
    }

    return p;
}


/* the end of the value that begins at p */

static const char *
acme_load_value(const char *p, const char *end)
{
    int  depth, quoted;

    depth = 0;
    quoted = 0;

    for ( /* void */ ; p < end; p++) {
        if (quoted) {
            if (*p == '\\') {
                p++;

            } else if (*p == '"') {
                quoted = 0;

                if (depth == 0) {
                    return p + 1;
                }
            }

            continue;
        }

        if (*p == '"') {
            quoted = 1;

        } else if (*p == '{' || *p == '[') {
            depth++;

        } else if (*p == '}' || *p == ']') {
            if (depth == 0) {
                return p;
            }

            if (--depth == 0) {
                return p + 1;
            }

        } else if (depth == 0 && (*p == ',' || *p == ' ' || *p == '\n')) {
            return p;
        }
    }

    return end;
}


/* a member of an object; strings come without quotes, undecoded */

int
acme_load_member(acme_load_span_t json, const char *name,
    acme_load_span_t *value)
{
    size_t       len;
    const char  *p, *end, *key, *next;

    len = strlen(name);
    end = json.p + json.len;

    p = acme_load_skip(json.p, end);
    if (p >= end || *p != '{') {
        return -1;
    }

    for (p = acme_load_skip(p + 1, end);
         p < end && *p == '"';
         p = acme_load_skip(next, end))
    {
        key = p + 1;
        p = acme_load_value(p, end);
        next = p;

        p = acme_load_skip(p, end);

        value->p = p;
        next = acme_load_value(p, end);
        value->len = next - p;

        if (strncmp(key, name, len) != 0 || key[len] != '"') {
            continue;
        }

        if (value->len >= 2 && *value->p == '"') {
            value->p++;
            value->len -= 2;
        }

        return 0;
    }

    return -1;
}


/* takes the next element off the front of an array */

int
acme_load_element(acme_load_span_t *array, acme_load_span_t *value)
{
    const char  *p, *end, *next;

    end = array->p + array->len;
    p = acme_load_skip(array->p, end);

    if (p < end && *p == '[') {
        p = acme_load_skip(p + 1, end);
    }

    if (p >= end || *p == ']') {
        return -1;
    }

    next = acme_load_value(p, end);

    value->p = p;
    value->len = next - p;

    if (value->len >= 2 && *value->p == '"') {
        value->p++;
        value->len -= 2;
    }

    array->p = next;
    array->len = end - next;

    return 0;
}
