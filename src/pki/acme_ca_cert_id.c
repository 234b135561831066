
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The name of a certificate in renewal information (RFC 9773, 4.1).
 */


#include "acme_ca_leaf.h"
#include "acme_ca_text.h"


/* a serial number has 20 bytes at most, and a zero to keep it positive */
#define ACME_CA_CERT_ID_SERIAL  21
#define ACME_CA_CERT_ID_KEY_ID  64


static ngx_int_t acme_ca_cert_id_part(ngx_pool_t *pool, u_char *p, size_t n,
    size_t max, ngx_str_t *bytes);


/* RFC 9773, 4.1; strict, so that one certificate has one name */

ngx_int_t
acme_ca_cert_id_parse(ngx_pool_t *pool, ngx_str_t *cert_id, ngx_str_t *key_id,
    ngx_str_t *serial)
{
    u_char     *dot, *last;
    ngx_int_t   rc;

    last = cert_id->data + cert_id->len;

    dot = ngx_strlchr(cert_id->data, last, '.');
    if (dot == NULL) {
        return NGX_DECLINED;
    }

    rc = acme_ca_cert_id_part(pool, cert_id->data, dot - cert_id->data,
                              ACME_CA_CERT_ID_KEY_ID, key_id);

    if (rc == NGX_OK) {
        rc = acme_ca_cert_id_part(pool, dot + 1, last - dot - 1,
                                  ACME_CA_CERT_ID_SERIAL, serial);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* X.690, 8.3.2: the shortest form of a number that is positive */

    if (serial->data[0] & 0x80) {
        return NGX_DECLINED;
    }

    if (serial->data[0] == 0) {
        serial->data++;
        serial->len--;

        if (serial->len == 0 || !(serial->data[0] & 0x80)) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_cert_id_part(ngx_pool_t *pool, u_char *p, size_t n, size_t max,
    ngx_str_t *bytes)
{
    ngx_str_t  text;

    if (n == 0 || n > acme_ca_base64url_len(max)) {
        return NGX_DECLINED;
    }

    text.data = p;
    text.len = n;

    return acme_ca_base64url_parse(pool, &text, bytes);
}
