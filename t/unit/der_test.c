
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_der.c: X.690, 8.1.3 and 10.1.
 */


#include "pki.h"
#include "tap.h"


static void test_take(void);
static void test_refused(void);
static void test_unsigned(void);
static void test_write(void);
static void test_round_trip(void);


int
main(void)
{
    test_take();
    test_refused();
    test_unsigned();
    test_write();
    test_round_trip();

    return done_testing();
}


static acme_ca_der_t
span(const char *bytes, size_t len)
{
    acme_ca_der_t  der;

    der.p = (u_char *) bytes;
    der.last = der.p + len;

    return der;
}

#define SPAN(literal)  span(literal, sizeof(literal) - 1)


static void
test_take(void)
{
    char           big[300];
    acme_ca_der_t  der, content, whole;

    der = SPAN("\x02\x01\x05\x30\x03\x04\x01" "a");

    is_int(acme_ca_der_peek(&der), 0x02, "the first tag");
    is_int(acme_ca_der_take(&der, 0x30, &content, NULL), NGX_DECLINED,
           "another tag");
    is_int(acme_ca_der_take(&der, 0x02, &content, &whole), NGX_OK, "taken");
    is_int(content.last - content.p, 1, "content");
    is_int(*content.p, 5, "content");
    is_int(whole.last - whole.p, 3, "whole");
    is_int(acme_ca_der_peek(&der), 0x30, "the next tag");
    is_int(acme_ca_der_take(&der, 0x30, &content, NULL), NGX_OK, "taken");
    is_int(acme_ca_der_peek(&der), 0, "the end");
    is_int(acme_ca_der_take(&der, 0x02, NULL, NULL), NGX_DECLINED, "no more");
    is_int(acme_ca_der_take(&content, 0x04, &whole, NULL), NGX_OK, "inside");
    ok(acme_ca_der_is(&whole, "a", 1), "what is inside");
    ok(!acme_ca_der_is(&whole, "b", 1), "not something else");
    ok(!acme_ca_der_is(&whole, "aa", 2), "nor longer");

    memset(big, 'x', sizeof(big));
    memcpy(big, "\x04\x81\x80", 3);
    der = span(big, 3 + 128);
    is_int(acme_ca_der_take(&der, 0x04, &content, NULL), NGX_OK, "128 bytes");
    is_int(content.last - content.p, 128, "128 bytes");

    memcpy(big, "\x04\x82\x01\x00", 4);
    der = span(big, 4 + 256);
    is_int(acme_ca_der_take(&der, 0x04, &content, NULL), NGX_OK, "256 bytes");
    is_int(content.last - content.p, 256, "256 bytes");
    ok(der.p == der.last, "to the end");
}


static void
test_refused(void)
{
    size_t          i;
    u_char         *copy;
    acme_ca_der_t   der, content;

    static const struct {
        ngx_str_t    bytes;
        const char  *what;
    } bad[] = {
        { ngx_string(""), "nothing" },
        { ngx_string("\x04"), "a tag alone" },
        { ngx_string("\x04\x01"), "no content" },
        { ngx_string("\x04\x02" "a"), "too little content" },
        { ngx_string("\x04\x80" "a\0\0"), "indefinite length" },
        { ngx_string("\x04\x81"), "no length" },
        { ngx_string("\x04\x81\x01" "a"), "81 for a short one" },
        { ngx_string("\x04\x81\x7f"), "81 7f" },
        { ngx_string("\x04\x82\0\x80"), "a zero in front" },
        { ngx_string("\x04\x82\x01"), "a length cut off" },
        { ngx_string("\x04\x84\xff\xff\xff\xff" "a"), "4 GB" },
        { ngx_string("\x04\x85\x01\0\0\0\0" "a"), "five bytes of length" },
        { ngx_string("\x04\x88\xff\xff\xff\xff\xff\xff\xff\xff" "a"),
          "the whole world" },
        { ngx_string("\x04\xff" "a"), "the reserved length" }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        copy = malloc(bad[i].bytes.len ? bad[i].bytes.len : 1);
        memcpy(copy, bad[i].bytes.data, bad[i].bytes.len);

        der = span((char *) copy, bad[i].bytes.len);
        is_int(acme_ca_der_take(&der, 0x04, &content, NULL), NGX_DECLINED,
               "%s", bad[i].what);
        ok(der.p == copy, "nothing is taken off");

        free(copy);
    }

    der = SPAN("\x1f\x01" "a");
    is_int(acme_ca_der_take(&der, 0x1f, &content, NULL), NGX_DECLINED,
           "a tag of several bytes");
    der = SPAN("\xbf\x01" "a");
    is_int(acme_ca_der_take(&der, 0xbf, &content, NULL), NGX_DECLINED,
           "another");
}


static void
test_unsigned(void)
{
    acme_ca_der_t  der, value;

    static const struct {
        ngx_str_t    bytes;
        int          len;                    /* -1: refused */
    } cases[] = {
        { ngx_string("\x02\x01\0"), 1 },
        { ngx_string("\x02\x01\x7f"), 1 },
        { ngx_string("\x02\x02\0\x80"), 1 },
        { ngx_string("\x02\x02\x01\0"), 2 },
        { ngx_string("\x02\x03\0\xff\xff"), 2 },
        { ngx_string("\x02\0"), -1 },
        { ngx_string("\x02\x01\x80"), -1 },
        { ngx_string("\x02\x02\0\0"), -1 },
        { ngx_string("\x02\x02\0\x7f"), -1 },
        { ngx_string("\x02\x02\xff\x01"), -1 },
        { ngx_string("\x04\x01\x01"), -1 },
        { ngx_string("\x02\x02\x01"), -1 }
    };

    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        der = span((char *) cases[i].bytes.data, cases[i].bytes.len);

        if (cases[i].len < 0) {
            is_int(acme_ca_der_unsigned(&der, &value), NGX_DECLINED,
                   "integer %d is refused", (int) i);
            ok(der.p == cases[i].bytes.data, "nothing is taken off");
            continue;
        }

        is_int(acme_ca_der_unsigned(&der, &value), NGX_OK, "integer %d",
               (int) i);
        is_int(value.last - value.p, cases[i].len, "its length");
        ok(der.p == der.last, "all of it");
    }
}


static void
test_write(void)
{
    u_char                 buf[16];
    acme_ca_der_writer_t   w;

    w.start = buf;
    w.p = buf + sizeof(buf);
    w.failed = 0;

    acme_ca_der_put(&w, "ab", 2);
    acme_ca_der_wrap(&w, 0x04, buf + sizeof(buf));
    acme_ca_der_wrap(&w, 0x30, buf + sizeof(buf));
    acme_ca_der_put(&w, NULL, 0);

    ok(!w.failed && w.p == buf + 10
       && memcmp(w.p, "\x30\x04\x04\x02" "ab", 6) == 0, "written");

    acme_ca_der_put(&w, "0123456789", 10);
    ok(!w.failed && w.p == buf, "full");

    acme_ca_der_put(&w, "x", 1);
    ok(w.failed && w.p == buf, "and no further");

    acme_ca_der_wrap(&w, 0x30, buf + sizeof(buf));
    ok(w.failed && w.p == buf, "nor a header");
}


static void
test_round_trip(void)
{
    size_t                 len, room;
    u_char                *buf, *copy;
    acme_ca_der_t          der, content;
    acme_ca_der_writer_t   w;

    static const size_t  lens[] = {
        0, 1, 127, 128, 129, 255, 256, 257, 65535, 65536, 70000
    };

    copy = malloc(70000);
    memset(copy, 'x', 70000);

    for (len = 0; len < sizeof(lens) / sizeof(lens[0]); len++) {
        for (room = 0; room < 8; room++) {
            buf = malloc(lens[len] + room + 1);

            w.start = buf;
            w.p = buf + lens[len] + room;
            w.failed = 0;

            acme_ca_der_put(&w, copy, lens[len]);
            acme_ca_der_wrap(&w, 0x04, buf + lens[len] + room);

            if (w.failed) {
                free(buf);
                continue;
            }

            der.p = w.p;
            der.last = buf + lens[len] + room;

            if (acme_ca_der_take(&der, 0x04, &content, NULL) != NGX_OK
                || der.p != der.last
                || content.last - content.p != (ssize_t) lens[len])
            {
                ok(0, "%d bytes", (int) lens[len]);
            }

            free(buf);
        }
    }

    ok(1, "what is written is read");

    free(copy);
}
