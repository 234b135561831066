
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/acme_ca_http_head.c on the answer of a hostile target: as the
 * fetch reads it, at once and in pieces, which must come to the same.
 *
 * The first byte is the size of a piece, the rest the answer.
 */


#include "fuzz.h"

#include "acme_ca_http01.h"


static size_t fuzz_chunked(const uint8_t *data, size_t size, size_t step,
    u_char *content, ngx_int_t *rc);
static void fuzz_head(const uint8_t *data, size_t size, size_t step);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t      step, a, b;
    u_char     *whole, *pieces;
    ngx_int_t   rc_a, rc_b;

    if (size < 1) {
        return 0;
    }

    step = data[0] ? data[0] : 1;
    data++;
    size--;

    fuzz_head(data, size, step);

    whole = malloc(size + 1);
    pieces = malloc(size + 1);

    a = fuzz_chunked(data, size, size + 1, whole, &rc_a);
    b = fuzz_chunked(data, size, step, pieces, &rc_b);

    fuzz_assert(rc_a == rc_b && a == b);
    fuzz_assert(ngx_memcmp(whole, pieces, a) == 0);

    free(whole);
    free(pieces);

    return 0;
}


static void
fuzz_head(const uint8_t *data, size_t size, size_t step)
{
    size_t                n;
    u_char               *copy;
    ngx_int_t             rc, whole;
    acme_ca_http_head_t   head;

    copy = malloc(size + 1);
    memcpy(copy, data, size);

    whole = acme_ca_http_head_parse(copy, size, &head);

    if (whole == NGX_OK) {
        fuzz_assert(head.length <= size);
        fuzz_assert(head.status >= 100 && head.status <= 999);
        fuzz_assert(head.content_length >= -1);
        fuzz_assert(!head.chunked || head.content_length == -1);
        fuzz_assert(head.location.len == 0
                    || (head.location.data > copy
                        && head.location.data + head.location.len
                           < copy + head.length));
    }

    free(copy);

    /* a beginning is never refused when the whole is right */

    for (n = 0; n < size; n += step) {

        copy = malloc(n + 1);
        memcpy(copy, data, n);
        rc = acme_ca_http_head_parse(copy, n, &head);
        free(copy);

        fuzz_assert(whole != NGX_OK || rc != NGX_DECLINED);
        fuzz_assert(whole != NGX_AGAIN || rc == NGX_AGAIN);
    }
}


static size_t
fuzz_chunked(const uint8_t *data, size_t size, size_t step, u_char *content,
    ngx_int_t *rc)
{
    size_t              i, n, len, total;
    u_char             *piece;
    acme_ca_chunked_t   chunked;

    memset(&chunked, 0, sizeof(chunked));
    total = 0;
    *rc = NGX_AGAIN;

    for (i = 0; i < size && *rc == NGX_AGAIN; i += len) {

        len = ngx_min(step, size - i);

        piece = malloc(len);
        memcpy(piece, data + i, len);

        n = acme_ca_chunked_parse(&chunked, piece, len, rc);

        fuzz_assert(n <= len);

        memcpy(content + total, piece, n);
        total += n;

        free(piece);
    }

    return total;
}
