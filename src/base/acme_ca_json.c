
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The JSON parser: yajl's streaming callbacks build a tree in the pool.
 * RFC 8259; duplicate members are an error as RFC 7515, 4 demands.
 *
 * Invariants:
 *     1. the text is well-formed UTF-8 and has no lone surrogates before yajl
 *        sees it, so every string of the tree is well-formed UTF-8;
 *     2. no string holds U+0000: none is cut short as a C string;
 *     3. yajl never asks malloc(): it does not check what malloc() answers,
 *        therefore all that it may want is set aside before it starts.
 */


#include "acme_ca_json.h"
#include "acme_ca_text.h"

#include <yajl/yajl_parse.h>


/* members of one object: looking for duplicates is quadratic */
#define ACME_CA_JSON_MEMBERS     128

/* yajl's handle, lexer, state stack and buffer heads; measured: below 400 */
#define ACME_CA_JSON_YAJL_HEADS  2048

/* a buffer of yajl begins with this size and doubles */
#define ACME_CA_JSON_YAJL_BUF    2048


typedef struct {
    acme_ca_ctx_t        *ctx;
    acme_ca_json_t       *root;
    acme_ca_json_t       *open[ACME_CA_JSON_DEPTH];
    ngx_uint_t            depth;
    ngx_uint_t            values;
    ngx_str_t             name;        /* of the member to come */
    const char           *reason;      /* why a callback stopped the parser */
    unsigned              failed:1;    /* out of memory */

    u_char               *arena;
    u_char               *last;
    u_char               *end;
    size_t                buffer;      /* the largest buffer yajl may want */
} acme_ca_json_parser_t;


static ngx_int_t acme_ca_json_text(ngx_str_t *text, size_t *offset,
    const char **reason);
static size_t acme_ca_json_ascii(const u_char *p, size_t n);
static ngx_int_t acme_ca_json_escape(const u_char *p, const u_char *last,
    size_t *len, const char **reason);
static ngx_int_t acme_ca_json_hex4(const u_char *p, const u_char *last);
static ngx_int_t acme_ca_json_run(acme_ca_json_parser_t *parser,
    ngx_str_t *text, size_t *offset);
static acme_ca_json_t *acme_ca_json_add(acme_ca_json_parser_t *parser,
    acme_ca_json_type_e type);
static int acme_ca_json_open(acme_ca_json_parser_t *parser,
    acme_ca_json_type_e type);
static int acme_ca_json_on_null(void *data);
static int acme_ca_json_on_boolean(void *data, int boolean);
static int acme_ca_json_on_number(void *data, const char *text, size_t len);
static int acme_ca_json_on_string(void *data, const unsigned char *text,
    size_t len);
static int acme_ca_json_on_start_map(void *data);
static int acme_ca_json_on_key(void *data, const unsigned char *text,
    size_t len);
static int acme_ca_json_on_start_array(void *data);
static int acme_ca_json_on_end(void *data);
static void acme_ca_json_integer(acme_ca_json_t *value);
static void *acme_ca_json_malloc(void *data, size_t size);
static void *acme_ca_json_realloc(void *data, void *ptr, size_t size);
static void acme_ca_json_free(void *data, void *ptr);


static const yajl_callbacks  acme_ca_json_callbacks = {
    acme_ca_json_on_null,
    acme_ca_json_on_boolean,
    NULL,
    NULL,
    acme_ca_json_on_number,
    acme_ca_json_on_string,
    acme_ca_json_on_start_map,
    acme_ca_json_on_key,
    acme_ca_json_on_end,
    acme_ca_json_on_start_array,
    acme_ca_json_on_end
};


ngx_int_t
acme_ca_json_parse(acme_ca_ctx_t *ctx, const char *what, ngx_str_t *text,
    acme_ca_json_t **value)
{
    size_t                  offset, size;
    ngx_int_t               rc;
    acme_ca_json_parser_t   parser;

    ngx_memzero(&parser, sizeof(acme_ca_json_parser_t));

    parser.ctx = ctx;

    if (acme_ca_json_text(text, &offset, &parser.reason) != NGX_OK) {
        goto refused;
    }

    /* one buffer for decoded strings, one for a token that is cut off */

    parser.buffer = ngx_max(text->len * 2 + 2, ACME_CA_JSON_YAJL_BUF);
    size = ACME_CA_JSON_YAJL_HEADS + 2 * parser.buffer;

    parser.arena = ngx_palloc(ctx->pool, size);
    if (parser.arena == NULL) {
        return NGX_ERROR;
    }

    parser.last = parser.arena;
    parser.end = parser.arena + size;

    rc = acme_ca_json_run(&parser, text, &offset);

    (void) ngx_pfree(ctx->pool, parser.arena);

    if (rc == NGX_OK) {
        *value = parser.root;
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

refused:

    return acme_ca_refuse(ctx, ACME_CA_MALFORMED, "%s: %s at byte %uz", what,
                          parser.reason, offset);
}


/* what yajl is lax about: UTF-8, surrogates, U+0000 */

static ngx_int_t
acme_ca_json_text(ngx_str_t *text, size_t *offset, const char **reason)
{
    size_t      len;
    ngx_int_t   rc;
    u_char     *p, *last;

    p = text->data;
    last = p + text->len;
    rc = NGX_OK;

    for ( ;; ) {

        p += acme_ca_json_ascii(p, last - p);

        if (p == last) {
            return NGX_OK;
        }

        if (*p == '\\') {
            rc = acme_ca_json_escape(p, last, &len, reason);

        } else {
            len = acme_ca_utf8_len(p, last - p);

            if (len == 0) {
                *reason = "ill-formed UTF-8";
                rc = NGX_DECLINED;
            }
        }

        if (rc != NGX_OK) {
            *offset = p - text->data;
            return rc;
        }

        p += len;
    }
}


/* how many bytes from here on are ASCII, but for a backslash: mostly all */

static size_t
acme_ca_json_ascii(const u_char *p, size_t n)
{
    size_t    i;
    uint64_t  word;

    for (i = 0; i + sizeof(uint64_t) <= n; i += sizeof(uint64_t)) {
        ngx_memcpy(&word, p + i, sizeof(uint64_t));

        if ((word & ACME_CA_WORD_OF(0x80)) | ACME_CA_WORD_HAS(word, '\\')) {
            break;
        }
    }

    while (i < n && p[i] < 0x80 && p[i] != '\\') {
        i++;
    }

    return i;
}


static ngx_int_t
acme_ca_json_escape(const u_char *p, const u_char *last, size_t *len,
    const char **reason)
{
    ngx_int_t  high, low;

    *len = ngx_min(last - p, 2);

    if (last - p < 2 || p[1] != 'u') {
        return NGX_OK;
    }

    high = acme_ca_json_hex4(p + 2, last);

    if (high == 0) {
        *reason = "U+0000 in a string";
        return NGX_DECLINED;
    }

    if (high < 0xd800 || high > 0xdfff) {
        /* bad hexadecimal digits are left to yajl */
        return NGX_OK;
    }

    *reason = "a lone surrogate";

    if (high > 0xdbff || last - p < 12 || p[6] != '\\' || p[7] != 'u') {
        return NGX_DECLINED;
    }

    low = acme_ca_json_hex4(p + 8, last);

    if (low < 0xdc00 || low > 0xdfff) {
        return NGX_DECLINED;
    }

    *len = 12;

    return NGX_OK;
}


static ngx_int_t
acme_ca_json_hex4(const u_char *p, const u_char *last)
{
    if (last - p < 4) {
        return NGX_ERROR;
    }

    return ngx_hextoi((u_char *) p, 4);
}


static ngx_int_t
acme_ca_json_run(acme_ca_json_parser_t *parser, ngx_str_t *text,
    size_t *offset)
{
    yajl_handle       yajl;
    yajl_status       status;
    yajl_alloc_funcs  alloc;

    alloc.malloc = acme_ca_json_malloc;
    alloc.realloc = acme_ca_json_realloc;
    alloc.free = acme_ca_json_free;
    alloc.ctx = parser;

    yajl = yajl_alloc(&acme_ca_json_callbacks, &alloc, parser);
    if (yajl == NULL) {
        return NGX_ERROR;
    }

    /* acme_ca_json_text() is stricter */
    yajl_config(yajl, yajl_dont_validate_strings, 1);

    status = yajl_parse(yajl, text->data, text->len);
    *offset = yajl_get_bytes_consumed(yajl);

    if (status == yajl_status_ok) {
        status = yajl_complete_parse(yajl);
        *offset = text->len;
    }

    yajl_free(yajl);

    if (parser->failed) {
        return NGX_ERROR;
    }

    if (status != yajl_status_ok || parser->root == NULL) {

        if (parser->reason == NULL) {
            parser->reason = *offset == text->len ? "JSON ends too early"
                                                  : "not JSON";
        }

        return NGX_DECLINED;
    }

    return NGX_OK;
}


static acme_ca_json_t *
acme_ca_json_add(acme_ca_json_parser_t *parser, acme_ca_json_type_e type)
{
    acme_ca_json_t  *value, *parent;

    if (parser->values++ == ACME_CA_JSON_VALUES) {
        parser->reason = "too many values";
        return NULL;
    }

    value = ngx_pcalloc(parser->ctx->pool, sizeof(acme_ca_json_t));
    if (value == NULL) {
        parser->failed = 1;
        return NULL;
    }

    value->type = type;

    if (parser->depth == 0) {
        parser->root = value;
        return value;
    }

    parent = parser->open[parser->depth - 1];

    if (parent->type == ACME_CA_JSON_OBJECT) {
        value->name = parser->name;
    }

    if (parent->last == NULL) {
        parent->first = value;

    } else {
        parent->last->next = value;
    }

    parent->last = value;
    parent->n++;

    return value;
}


static int
acme_ca_json_open(acme_ca_json_parser_t *parser, acme_ca_json_type_e type)
{
    acme_ca_json_t  *value;

    if (parser->depth == ACME_CA_JSON_DEPTH) {
        parser->reason = "nested too deeply";
        return 0;
    }

    value = acme_ca_json_add(parser, type);
    if (value == NULL) {
        return 0;
    }

    parser->open[parser->depth++] = value;

    return 1;
}


static int
acme_ca_json_on_null(void *data)
{
    return acme_ca_json_add(data, ACME_CA_JSON_NULL) != NULL;
}


static int
acme_ca_json_on_boolean(void *data, int boolean)
{
    acme_ca_json_t  *value;

    value = acme_ca_json_add(data, ACME_CA_JSON_BOOLEAN);
    if (value == NULL) {
        return 0;
    }

    value->boolean = boolean ? 1 : 0;

    return 1;
}


static int
acme_ca_json_on_number(void *data, const char *text, size_t len)
{
    acme_ca_json_t         *value;
    acme_ca_json_parser_t  *parser = data;

    value = acme_ca_json_add(parser, ACME_CA_JSON_NUMBER);
    if (value == NULL) {
        return 0;
    }

    if (acme_ca_copy(parser->ctx->pool, &value->text, (u_char *) text, len)
        != NGX_OK)
    {
        parser->failed = 1;
        return 0;
    }

    acme_ca_json_integer(value);

    return 1;
}


static int
acme_ca_json_on_string(void *data, const unsigned char *text, size_t len)
{
    acme_ca_json_t         *value;
    acme_ca_json_parser_t  *parser = data;

    value = acme_ca_json_add(parser, ACME_CA_JSON_STRING);
    if (value == NULL) {
        return 0;
    }

    if (acme_ca_copy(parser->ctx->pool, &value->text, text, len) != NGX_OK) {
        parser->failed = 1;
        return 0;
    }

    return 1;
}


static int
acme_ca_json_on_start_map(void *data)
{
    return acme_ca_json_open(data, ACME_CA_JSON_OBJECT);
}


static int
acme_ca_json_on_key(void *data, const unsigned char *text, size_t len)
{
    acme_ca_json_t         *parent, *member;
    acme_ca_json_parser_t  *parser = data;

    parent = parser->open[parser->depth - 1];

    if (parent->n == ACME_CA_JSON_MEMBERS) {
        parser->reason = "an object with too many members";
        return 0;
    }

    for (member = parent->first; member; member = member->next) {

        if (member->name.len == len
            && ngx_memcmp(member->name.data, text, len) == 0)
        {
            parser->reason = "a member that stands twice";
            return 0;
        }
    }

    if (acme_ca_copy(parser->ctx->pool, &parser->name, text, len) != NGX_OK) {
        parser->failed = 1;
        return 0;
    }

    return 1;
}


static int
acme_ca_json_on_start_array(void *data)
{
    return acme_ca_json_open(data, ACME_CA_JSON_ARRAY);
}


static int
acme_ca_json_on_end(void *data)
{
    acme_ca_json_parser_t  *parser = data;

    parser->depth--;

    return 1;
}


static void
acme_ca_json_integer(acme_ca_json_t *value)
{
    u_char    *p, *last;
    uint64_t   n, max;

    p = value->text.data;
    last = p + value->text.len;
    max = 0x7fffffffffffffff;

    if (*p == '-') {
        p++;
        max++;
    }

    for (n = 0; p < last; p++) {

        if (*p < '0' || *p > '9' || n > (max - (*p - '0')) / 10) {
            return;
        }

        n = n * 10 + (*p - '0');
    }

    value->integer = 1;
    value->number = (int64_t) (value->text.data[0] == '-' ? 0 - n : n);
}


/*
 * yajl's memory.  A block has its size in front of it; a buffer gets room
 * for the largest one at once and so never moves.
 */

static void *
acme_ca_json_malloc(void *data, size_t size)
{
    u_char                 *p;
    acme_ca_json_parser_t  *parser = data;

    if (size >= ACME_CA_JSON_YAJL_BUF && size < parser->buffer) {
        size = parser->buffer;
    }

    size = ngx_align(size, NGX_ALIGNMENT);

    if ((size_t) (parser->end - parser->last) < size + NGX_ALIGNMENT) {
        parser->failed = 1;
        return NULL;
    }

    p = parser->last;
    *(size_t *) (void *) p = size;
    p += NGX_ALIGNMENT;

    parser->last = p + size;

    return p;
}


static void *
acme_ca_json_realloc(void *data, void *ptr, size_t size)
{
    void    *p;
    size_t   old;

    if (ptr == NULL) {
        return acme_ca_json_malloc(data, size);
    }

    old = *(size_t *) (void *) ((u_char *) ptr - NGX_ALIGNMENT);

    if (size <= old) {
        return ptr;
    }

    p = acme_ca_json_malloc(data, size);

    if (p != NULL) {
        ngx_memcpy(p, ptr, old);
    }

    return p;
}


static void
acme_ca_json_free(void *data, void *ptr)
{
    /* the arena goes as a whole */
}
