
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_http_head.c: heads and chunked bodies, whole, byte by byte
 * and malformed.
 */


#include <stdlib.h>

#include "shim.h"
#include "tap.h"

#include "acme_ca_http01.h"


typedef struct {
    const char  *text;
    ngx_int_t    rc;
    ngx_uint_t   status;
    int          length;       /* Content-Length */
    ngx_uint_t   chunked;
    const char  *location;
} head_test_t;


typedef struct {
    const char  *text;
    ngx_int_t    rc;
    const char  *content;
} chunked_test_t;


static void test_heads(void);
static void test_prefixes(void);
static void test_bytes(void);
static void test_chunked(void);
static ngx_int_t test_chunked_by(const char *text, size_t step,
    ngx_str_t *content, u_char *buf);
static ngx_int_t test_parse(const char *text, size_t len,
    acme_ca_http_head_t *head, u_char **copy);


static const head_test_t  heads[] = {
    { "HTTP/1.1 200 OK\r\n\r\n", NGX_OK, 200, -1, 0, "" },
    { "HTTP/1.0 200\r\n\r\n", NGX_OK, 200, -1, 0, "" },
    { "HTTP/1.1 404 \r\n\r\n", NGX_OK, 404, -1, 0, "" },
    { "HTTP/1.1 200 OK\n\n", NGX_OK, 200, -1, 0, "" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nbody", NGX_OK, 200, 87, 0,
      "" },
    { "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", NGX_OK, 200, 0, 0, "" },
    { "HTTP/1.1 200 OK\r\nContent-Length: \t5 \t\r\n\r\n", NGX_OK, 200, 5, 0,
      "" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
      NGX_OK, 200, 5, 0, "" },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", NGX_OK, 200,
      -1, 1, "" },
    { "HTTP/1.1 301 Moved\r\nLOCATION: http://a.example/x?y  \r\nX: \xff\r\n"
      "\r\n", NGX_OK, 301, -1, 0, "http://a.example/x?y" },
    { "HTTP/1.1 301 Moved\r\nLocation:\r\n\r\n", NGX_OK, 301, -1, 0, "" },
    { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", NGX_OK, 100, -1,
      0, "" },
    { "HTTP/1.1 200 OK\r\nX-Empty:\r\nX: a\tb\r\n\r\n", NGX_OK, 200, -1, 0,
      "" },

    { "", NGX_AGAIN, 0, 0, 0, NULL },
    { "HTTP/1.", NGX_AGAIN, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r", NGX_AGAIN, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nA: b\r\n", NGX_AGAIN, 0, 0, 0, NULL },

    { "<html>", NGX_DECLINED, 0, 0, 0, NULL },
    { "SSH-2.0", NGX_DECLINED, 0, 0, 0, NULL },
    { "\r\nHTTP/1.1 200 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/2 200\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.x 200 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.10 200 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1  200 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 2000 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 20 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 099 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 2x0 OK\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\rX: y\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 O\001K\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", NGX_DECLINED, 0, 0, 0,
      NULL },
    { "HTTP/1.1 200 OK\r\n\tA: b\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nA b\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\n: b\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nA\xe4: b\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
      NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", NGX_DECLINED, 0, 0,
      0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", NGX_DECLINED, 0, 0, 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", NGX_DECLINED, 0, 0, 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", NGX_DECLINED, 0, 0, 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
      NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
      "\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
      "Transfer-Encoding: chunked\r\n\r\n", NGX_DECLINED, 0, 0, 0, NULL },
    { "HTTP/1.1 302 F\r\nLocation: /a\r\nLocation: /b\r\n\r\n", NGX_DECLINED,
      0, 0, 0, NULL },
    { NULL, 0, 0, 0, 0, NULL }
};


static const chunked_test_t  chunkeds[] = {
    { "0\r\n\r\n", NGX_DONE, "" },
    { "5\r\nhello\r\n0\r\n\r\n", NGX_DONE, "hello" },
    { "5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", NGX_DONE, "hello world" },
    { "00005;name=\"v\";x\r\nhello\r\n0;y\r\nT: x\r\nU:\r\n\r\nmore", NGX_DONE,
      "hello" },
    { "A \t\r\n0123456789\r\n0\r\n\r\n", NGX_DONE, "0123456789" },
    { "a\r\n0\r\n\r\n56789\r\n0\r\n\r\n", NGX_DONE, "0\r\n\r\n56789" },
    { "", NGX_AGAIN, "" },
    { "5\r\nhel", NGX_AGAIN, "hel" },
    { "5\r\nhello\r\n0\r\n", NGX_AGAIN, "hello" },
    { "5\r\nhello\r\n0\r\n\r", NGX_AGAIN, "hello" },
    { "x", NGX_DECLINED, "" },
    { "\r\n", NGX_DECLINED, "" },
    { " 5\r\nhello\r\n", NGX_DECLINED, "" },
    { "-5\r\n", NGX_DECLINED, "" },
    { "0x5\r\n", NGX_DECLINED, "" },
    { "5\nhello\n", NGX_DECLINED, "" },
    { "5\rhello", NGX_DECLINED, "" },
    { "5;\001\r\nhello", NGX_DECLINED, "" },
    { "5\r\nhelloX\r\n", NGX_DECLINED, "hello" },
    { "5\r\nhello\rX", NGX_DECLINED, "hello" },
    { "5\r\nhello\r\n\r\n", NGX_DECLINED, "hello" },
    { "0\r\n\n", NGX_DECLINED, "" },
    { "0\r\n\rX", NGX_DECLINED, "" },
    { "ffffffffffffffff0\r\n", NGX_DECLINED, "" },
    { NULL, 0, NULL }
};


static const char  head_text[] = "HTTP/1.1 200 OK\r\nAb: cd\r\n\r\n";


int
main(void)
{
    test_heads();
    test_prefixes();
    test_bytes();
    test_chunked();

    return done_testing();
}


/* in a block of exactly its size, so that no byte too many is read */

static ngx_int_t
test_parse(const char *text, size_t len, acme_ca_http_head_t *head,
    u_char **copy)
{
    *copy = malloc(len ? len : 1);
    memcpy(*copy, text, len);

    return acme_ca_http_head_parse(*copy, len, head);
}


static void
test_heads(void)
{
    u_char               *copy;
    ngx_int_t             rc;
    const head_test_t    *t;
    acme_ca_http_head_t   head;

    for (t = heads; t->text; t++) {
        rc = test_parse(t->text, strlen(t->text), &head, &copy);

        is_int(rc, t->rc, "head %d", (int) (t - heads));

        if (rc == NGX_OK && t->rc == NGX_OK) {
            is_int(head.status, t->status, "its status");
            is_int(head.content_length, t->length, "its length");
            is_int(head.chunked, t->chunked, "its coding");

            if (ok(head.location.len == strlen(t->location), "a location")
                && head.location.len)
            {
                is_str(&head.location, t->location, "its location");
            }
        }

        free(copy);
    }

    (void) test_parse("HTTP/1.0 200 OK\r\n\r\n", 19, &head, &copy);
    is_int(head.version_11, 0, "HTTP/1.0");
    is_int(head.length, 19, "length of the head");
    free(copy);

    (void) test_parse("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 29, &head, &copy);
    is_int(head.version_11, 1, "HTTP/1.1");
    is_int(head.length, 25, "length of the head, without the body");
    free(copy);
}


/* every beginning of a good head asks for more, of a bad one never says OK */

static void
test_prefixes(void)
{
    int                   wrong;
    u_char               *copy;
    size_t                n;
    ngx_int_t             rc;
    const head_test_t    *t;
    acme_ca_http_head_t   head, whole;

    for (t = heads; t->text; t++) {

        wrong = 0;
        whole.length = strlen(t->text) + 1;

        if (t->rc == NGX_OK) {
            (void) test_parse(t->text, strlen(t->text), &whole, &copy);
            free(copy);
        }

        for (n = 0; n < strlen(t->text) && n < whole.length; n++) {
            rc = test_parse(t->text, n, &head, &copy);
            wrong += (rc == NGX_OK);
            wrong += (t->rc == NGX_OK && rc != NGX_AGAIN);
            free(copy);
        }

        is_int(wrong, 0, "beginnings of head %d", (int) (t - heads));
    }
}


/* no control byte gets through, wherever it stands */

static void
test_bytes(void)
{
    int                   passed;
    char                  text[sizeof(head_text)];
    size_t                i;
    u_char               *copy;
    unsigned              c;
    ngx_int_t             rc;
    acme_ca_http_head_t   head;

    memcpy(text, head_text, sizeof(head_text));

    for (c = 0; c < 0x20; c++) {

        if (c == '\t' || c == '\r' || c == '\n') {
            continue;
        }

        passed = 0;

        for (i = 0; i < sizeof(text) - 1; i++) {
            text[i] = (char) c;
            rc = test_parse(text, sizeof(text) - 1, &head, &copy);
            passed += (rc == NGX_OK);
            free(copy);
            text[i] = head_text[i];
        }

        is_int(passed, 0, "byte %u", c);
    }
}


static void
test_chunked(void)
{
    u_char                 buf[128];
    size_t                 step;
    ngx_int_t              rc;
    ngx_str_t              content;
    const chunked_test_t  *t;

    for (t = chunkeds; t->text; t++) {
        for (step = 1; step < 40; step += 6) {
            rc = test_chunked_by(t->text, step, &content, buf);

            is_int(rc, t->rc, "chunked %d by %d", (int) (t - chunkeds),
                   (int) step);
            is_str(&content, t->content, "its content");
        }
    }
}


static ngx_int_t
test_chunked_by(const char *text, size_t step, ngx_str_t *content,
    u_char *buf)
{
    size_t               i, n, len;
    u_char              *piece;
    ngx_int_t            rc;
    acme_ca_chunked_t    chunked;

    memset(&chunked, 0, sizeof(chunked));
    content->data = buf;
    content->len = 0;
    rc = NGX_AGAIN;

    for (i = 0; i < strlen(text) && rc == NGX_AGAIN; i += len) {

        len = ngx_min(step, strlen(text) - i);

        piece = malloc(len);
        memcpy(piece, text + i, len);

        n = acme_ca_chunked_parse(&chunked, piece, len, &rc);

        memcpy(buf + content->len, piece, n);
        content->len += n;

        free(piece);
    }

    return rc;
}
