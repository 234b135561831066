
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * http-01 (RFC 8555, 8.3): what to ask, where a redirect leads, whether the
 * answer is right.  Bytes in, verdict out; connects to nothing, stores
 * nothing.  Details never hold a byte of what the target answered.
 */


#ifndef _ACME_CA_HTTP01_H_INCLUDED_
#define _ACME_CA_HTTP01_H_INCLUDED_


#include "acme_ca_problem.h"
#include "acme_ca_identifier.h"
#include "acme_ca_text.h"


#define ACME_CA_HTTP01_REDIRECTS  10
#define ACME_CA_HTTP01_BODY       4096    /* more is no key authorization */


/* where one request goes: a URL taken apart */
typedef struct {
    ngx_str_t    host;          /* dns name, or address without brackets */
    ngx_str_t    host_header;   /* without a default port: "Host: name" */
    ngx_str_t    path;          /* with the query, begins with "/" */
    in_port_t    port;
    unsigned     tls:1;
} acme_ca_http01_target_t;


/* http://identifier:port/.well-known/acme-challenge/token */
ngx_int_t acme_ca_http01_start(ngx_pool_t *pool,
    const acme_ca_identifier_t *identifier, in_port_t port, ngx_str_t *token,
    acme_ca_http01_target_t *target);

/* token "." base64url(thumbprint) (RFC 8555, 8.1) */
ngx_int_t acme_ca_key_authorization(ngx_pool_t *pool, ngx_str_t *token,
    const u_char thumbprint[ACME_CA_SHA256_LEN], ngx_str_t *text);

/*
 * Follows Location: absolute or relative (RFC 3986, 5), http and https, no
 * user information, a port that is 80, 443 or on the list, a dns name or an
 * address literal.  NGX_ABORT: the problem says why not, without echoing the
 * URL.
 */
ngx_int_t acme_ca_http01_redirect(acme_ca_ctx_t *ctx,
    const acme_ca_http01_target_t *from, ngx_str_t *location,
    ngx_array_t *ports, acme_ca_http01_target_t *target);

/*
 * status 200 and a body equal to the key authorization, white space at its
 * end left aside.  where: "10.0.0.5:80", for the detail.  NGX_ABORT:
 * incorrectResponse (body, in kind: length, prefix) or unauthorized (status).
 */
ngx_int_t acme_ca_http01_judge(acme_ca_ctx_t *ctx, ngx_str_t *where,
    ngx_uint_t status, ngx_str_t *body, ngx_str_t *key_authorization);


/*
 * The head of an HTTP/1.x answer, parsed as it comes: status line and header
 * fields up to the empty line, at most what the caller's buffer holds.
 */
typedef struct {
    ngx_uint_t   status;
    ngx_str_t    location;         /* into the buffer; empty: none */
    off_t        content_length;   /* -1: none */
    unsigned     chunked:1;
    unsigned     version_11:1;
    size_t       length;           /* of the head with its empty line */
} acme_ca_http_head_t;

/*
 * NGX_OK: complete.  NGX_AGAIN: more bytes are needed.  NGX_DECLINED: not
 * HTTP/1.x, two different Content-Lengths, two Locations, Content-Length beside
 * chunked, another transfer coding, control bytes, obsolete folding.
 */
ngx_int_t acme_ca_http_head_parse(const u_char *p, size_t n,
    acme_ca_http_head_t *head);

/*
 * Chunked bodies: takes n bytes in place, answers how many bytes of content
 * they became.  *rc: NGX_AGAIN, NGX_DONE when the last chunk ended (bytes after
 * it are left aside), or NGX_DECLINED if malformed.  A zeroed state is a fresh
 * one.
 */
typedef struct {
    ngx_uint_t   state;
    uint64_t     left;
} acme_ca_chunked_t;

size_t acme_ca_chunked_parse(acme_ca_chunked_t *chunked, u_char *p, size_t n,
    ngx_int_t *rc);


#endif /* _ACME_CA_HTTP01_H_INCLUDED_ */
