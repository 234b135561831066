
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * base/acme_ca_accept.c: RFC 9110, 12.5.1.
 */


#include "shim.h"
#include "tap.h"

#include "acme_ca_accept.h"


typedef struct {
    const char  *field;
    int          best;
} accept_t;


static const ngx_str_t  types[] = {
    ngx_string("a/one"), ngx_string("a/two"), ngx_string("b/three")
};

#define NONE  3


/* which of a/one, a/two, b/three */
static const accept_t  fields[] = {
    { "", 0 },
    { " ", 0 },
    { ",", 0 },
    { "garbage", 0 },
    { "*/*", 0 },
    { "a/two", 1 },
    { "A/TWO", 1 },
    { "b/*", 2 },
    { "c/*", NONE },
    { "*", 0 },
    { "a/*;q=0.2, b/three;q=0.3", 2 },
    { "a/*, a/one;q=0.5", 1 },
    { "a/one;q=0.5, a/*", 1 },
    { "*/*, a/*;q=0", 2 },
    { "*/*;q=0", NONE },
    { "*/*;q=0.000", NONE },
    { "a/one;q=0", NONE },
    { "a/one;q=0, b/three;q=0.001", 2 },
    { "a/two;q=1.000", 1 },
    { "a/two;Q=0.5", 1 },
    { "a/two ; q=0.5 , a/one ; q=0.6", 0 },
    { "\ta/two\t;\tq=0.5\t", 1 },
    { "a/two;q=1.001, b/three;q=0.1", 2 },
    { "a/two;q=2, b/three;q=0.1", 2 },
    { "a/two;q=, b/three;q=0.1", 2 },
    { "a/two;q=0.1234, b/three;q=0.1", 2 },
    { "a/two;q=-1, b/three;q=0.1", 2 },
    { "a/two;q=0x1, b/three;q=0.1", 2 },
    { "a/two;q=05, b/three;q=0.1", 2 },
    { "a/two;q=0., b/three;q=0", NONE },
    { "a/two;level=1;q=0.4;x=y, b/three;q=0.5", 2 },
    { "a/two;x=\",;\\\"q=0\";q=0.7, b/three;q=0.6", 1 },
    { "a/two;x=\"open, b/three", 1 },
    { "a/two;x=\"open\\", 1 },
    { "a/two;qs=0", 1 },
    { ";q=1, a/two;q=0.1", 1 },
    { "a/, a/two;q=0.1", 1 },
    { "/*, a/two;q=0.1", 1 },
    { "a/one*", NONE },
    { "a/two,a/two;q=0", 1 }
};


int
main(void)
{
    size_t     i, n;
    char      *copy;
    ngx_str_t  field;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {

        /* to the byte, for the sanitizer */

        n = strlen(fields[i].field);
        copy = malloc(n ? n : 1);
        memcpy(copy, fields[i].field, n);

        field.data = (u_char *) copy;
        field.len = n;

        is_int(acme_ca_accept(&field, types, NONE), fields[i].best,
               "\"%s\"", fields[i].field);

        free(copy);
    }

    field.data = NULL;
    field.len = 0;

    is_int(acme_ca_accept(&field, types, NONE), 0, "no field");

    return done_testing();
}
