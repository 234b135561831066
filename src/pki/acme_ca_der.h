
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A small DER reader and writer (X.690): definite lengths in their shortest
 * form, one-byte tags, nothing copied.  OpenSSL's decoders cost more than all
 * the signatures of an issuance, hence this.
 */


#ifndef _ACME_CA_DER_H_INCLUDED_
#define _ACME_CA_DER_H_INCLUDED_


#include "acme_ca_base.h"


#define ACME_CA_DER_BOOLEAN       0x01
#define ACME_CA_DER_INTEGER       0x02
#define ACME_CA_DER_BIT_STRING    0x03
#define ACME_CA_DER_OCTET_STRING  0x04
#define ACME_CA_DER_NULL          0x05
#define ACME_CA_DER_OID           0x06
#define ACME_CA_DER_UTF8          0x0c
#define ACME_CA_DER_PRINTABLE     0x13
#define ACME_CA_DER_IA5           0x16
#define ACME_CA_DER_UTC_TIME      0x17
#define ACME_CA_DER_TIME          0x18
#define ACME_CA_DER_SEQUENCE      0x30
#define ACME_CA_DER_SET           0x31


/* a span of bytes being read; p moves towards last */
typedef struct {
    const u_char  *p;
    const u_char  *last;
} acme_ca_der_t;


/*
 * Takes one element off the front.  whole (may be NULL): with its header;
 * content: without.  NGX_OK, or NGX_DECLINED: not DER, or another tag.
 */
ngx_int_t acme_ca_der_take(acme_ca_der_t *der, u_char tag,
    acme_ca_der_t *content, acme_ca_der_t *whole);

/* the tag of the next element, or 0 at the end */
u_char acme_ca_der_peek(const acme_ca_der_t *der);

/*
 * Takes an INTEGER that is not negative and in its shortest form; value is
 * without the zero byte that only keeps it positive, but never empty.
 */
ngx_int_t acme_ca_der_unsigned(acme_ca_der_t *der, acme_ca_der_t *value);

/* 1 when the span is exactly these bytes */
#define acme_ca_der_is(der, bytes, n)                                         \
    ((size_t) ((der)->last - (der)->p) == (n)                                 \
     && ngx_memcmp((der)->p, bytes, n) == 0)


/*
 * The writer goes backwards from the end of a buffer, so that lengths are
 * known when headers are written.  failed when the buffer is too small.
 */
typedef struct {
    u_char     *start;
    u_char     *p;               /* the first byte written so far */
    unsigned    failed:1;
} acme_ca_der_writer_t;

void acme_ca_der_put(acme_ca_der_writer_t *w, const void *bytes, size_t n);
/* wraps all that was written since the writer stood at "end" */
void acme_ca_der_wrap(acme_ca_der_writer_t *w, u_char tag, const u_char *end);
/* a Time: UTCTime through the year 2049 (RFC 5280, 4.1.2.5); a
   GeneralizedTime always */
void acme_ca_der_put_time(acme_ca_der_writer_t *w, time_t at);
void acme_ca_der_put_generalized(acme_ca_der_writer_t *w, time_t at);


#endif /* _ACME_CA_DER_H_INCLUDED_ */
