
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Texts and bytes: base64url (RFC 4648, 5, strict), hexadecimal, RFC 3339,
 * random bytes, comparison in constant time, strings in pools.
 */


#ifndef _ACME_CA_TEXT_H_INCLUDED_
#define _ACME_CA_TEXT_H_INCLUDED_


#include "acme_ca_base.h"


#define acme_ca_base64url_len(n)  (((n) * 4 + 2) / 3)
#define ACME_CA_RFC3339_LEN       (sizeof("1970-01-01T00:00:00Z") - 1)


/*
 * Strict: no padding, no white space, no characters of the other alphabet, and
 * the unused bits of the last character are zero, so that two texts never mean
 * the same bytes.  dst is allocated in pool, NUL terminated after len.
 * NGX_OK, NGX_DECLINED (not canonical base64url) or NGX_ERROR.
 */
ngx_int_t acme_ca_base64url_parse(ngx_pool_t *pool, ngx_str_t *src,
    ngx_str_t *dst);

/*
 * The same into a buffer of n / 4 * 3 + 2 bytes.  Answers the byte after the
 * last one, or NULL when it is not canonical.
 */
u_char *acme_ca_base64url_read(u_char *dst, const u_char *src, size_t n);

/* writes acme_ca_base64url_len(n) bytes, answers the byte after them */
u_char *acme_ca_base64url_write(u_char *dst, const u_char *src, size_t n);

/* like ngx_hex_dump(), into pool */
ngx_int_t acme_ca_hex(ngx_pool_t *pool, const u_char *src, size_t n,
    ngx_str_t *dst);

/* writes ACME_CA_RFC3339_LEN bytes, answers the byte after them */
u_char *acme_ca_rfc3339_write(u_char *dst, time_t at);

/* RFC 3339 with "Z" or an offset; fractions are cut.  NGX_OK, NGX_DECLINED */
ngx_int_t acme_ca_rfc3339_parse(ngx_str_t *src, time_t *at);

/*
 * Eight bytes at a time: a word of equal ones; whether one of a word's is that
 * byte, or below it (of bytes that are below 0x80).
 */
#define ACME_CA_WORD_OF(byte)  ((uint64_t) (byte) * 0x0101010101010101ULL)
#define ACME_CA_WORD_BELOW(word, byte)                                        \
    (((word) - ACME_CA_WORD_OF(byte)) & ~(word) & ACME_CA_WORD_OF(0x80))
#define ACME_CA_WORD_HAS(word, byte)                                          \
    ACME_CA_WORD_BELOW((word) ^ ACME_CA_WORD_OF(byte), 1)

/* from OpenSSL's generator.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_random(u_char *dst, size_t n);

/* 1 when equal; the time taken does not depend on the contents */
ngx_uint_t acme_ca_equal(const u_char *a, const u_char *b, size_t n);

ngx_int_t acme_ca_sha256(const u_char *src, size_t n,
    u_char digest[ACME_CA_SHA256_LEN]);

/* a copy in pool, NUL terminated after len.  NGX_OK or NGX_ERROR */
ngx_int_t acme_ca_copy(ngx_pool_t *pool, ngx_str_t *dst, const u_char *src,
    size_t n);

/*
 * Bytes of the well-formed UTF-8 character at p (RFC 3629, 4), of n >= 1 bytes
 * that are there; 0 when it is ill-formed or cut off.
 */
size_t acme_ca_utf8_len(const u_char *p, size_t n);

/* puts "?" in the place of each byte that is no part of such a character */
void acme_ca_utf8_repair(ngx_str_t *text);

/* ngx_sprintf() of at most max bytes into pool, and a NUL behind them */
ngx_int_t acme_ca_format(ngx_pool_t *pool, ngx_str_t *dst, size_t max,
    const char *fmt, ...);

#define acme_ca_str_is(s, literal)                                            \
    ((s)->len == sizeof(literal) - 1                                          \
     && ngx_memcmp((s)->data, literal, sizeof(literal) - 1) == 0)

#define acme_ca_str_eq(a, b)                                                  \
    ((a)->len == (b)->len && ngx_memcmp((a)->data, (b)->data, (a)->len) == 0)


#endif /* _ACME_CA_TEXT_H_INCLUDED_ */
