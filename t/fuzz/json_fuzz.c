
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The JSON parser: what it takes it takes again after it was written anew.
 */


#include "fuzz.h"

#include "acme_ca_json.h"
#include "acme_ca_text.h"


static void fuzz_write(acme_ca_json_writer_t *w, acme_ca_json_t *value,
    const char *name);
static void fuzz_same(acme_ca_json_t *a, acme_ca_json_t *b);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t               rc;
    ngx_str_t               text;
    acme_ca_ctx_t           ctx;
    acme_ca_json_t         *value, *again;
    acme_ca_json_writer_t   w;

    fuzz_context(&ctx);

    text.data = (u_char *) data;
    text.len = size;

    rc = acme_ca_json_parse(&ctx, "fuzz", &text, &value);

    fuzz_assert(rc == NGX_OK || (rc == NGX_ABORT && ctx.problem != NULL));

    if (rc == NGX_ABORT) {
        fuzz_assert(acme_ca_problem_write(ctx.pool, ctx.problem, &text)
                    == NGX_OK);
        goto done;
    }

    acme_ca_json_start(&w, ctx.pool, size);
    fuzz_write(&w, value, NULL);
    fuzz_assert(acme_ca_json_finish(&w, &text) == NGX_OK);
    fuzz_assert(acme_ca_json_parse(&ctx, "again", &text, &again) == NGX_OK);
    fuzz_same(value, again);

done:

    ngx_destroy_pool(ctx.pool);

    return 0;
}


static void
fuzz_write(acme_ca_json_writer_t *w, acme_ca_json_t *value, const char *name)
{
    ngx_str_t        null = ngx_string("null");
    acme_ca_json_t  *child;

    switch (value->type) {

    case ACME_CA_JSON_NULL:
        acme_ca_json_write_raw(w, name, &null);
        break;

    case ACME_CA_JSON_BOOLEAN:
        acme_ca_json_write_boolean(w, name, value->boolean);
        break;

    case ACME_CA_JSON_NUMBER:
        if (value->integer) {
            acme_ca_json_write_number(w, name, value->number);
        } else {
            acme_ca_json_write_raw(w, name, &value->text);
        }
        break;

    case ACME_CA_JSON_STRING:
        acme_ca_json_write_string(w, name, &value->text);
        break;

    case ACME_CA_JSON_ARRAY:
        acme_ca_json_open_array(w, name);

        for (child = value->first; child; child = child->next) {
            fuzz_write(w, child, NULL);
        }

        acme_ca_json_shut(w);
        break;

    case ACME_CA_JSON_OBJECT:

        /* names of members are ours, never a client's: write the values */

        acme_ca_json_open_array(w, name);

        for (child = value->first; child; child = child->next) {
            fuzz_assert(acme_ca_json_member(value, (char *) child->name.data)
                        == child);
            acme_ca_json_write_string(w, NULL, &child->name);
            fuzz_write(w, child, NULL);
        }

        acme_ca_json_shut(w);
        break;
    }
}


static void
fuzz_same(acme_ca_json_t *a, acme_ca_json_t *b)
{
    acme_ca_json_t  *x, *y;

    if (a->type == ACME_CA_JSON_OBJECT) {
        fuzz_assert(b->type == ACME_CA_JSON_ARRAY && b->n == 2 * a->n);
        y = b->first;

        for (x = a->first; x; x = x->next) {
            fuzz_assert(acme_ca_str_eq(&x->name, &y->text));
            y = y->next;
            fuzz_same(x, y);
            y = y->next;
        }

        return;
    }

    fuzz_assert(a->type == b->type && a->n == b->n
                && a->boolean == b->boolean && a->integer == b->integer
                && a->number == b->number);

    if (a->type == ACME_CA_JSON_STRING) {
        fuzz_assert(acme_ca_str_eq(&a->text, &b->text)
                    && ngx_strlen(a->text.data) == a->text.len);
    }

    y = b->first;

    for (x = a->first; x; x = x->next) {
        fuzz_same(x, y);
        y = y->next;
    }
}
