
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * JSON (RFC 8259): a bounded parser over yajl into a tree in a pool, and an
 * escaping writer.  The parser refuses duplicate members, bad UTF-8, comments,
 * more than one value, and more depth than ACME needs.
 */


#ifndef _ACME_CA_JSON_H_INCLUDED_
#define _ACME_CA_JSON_H_INCLUDED_


#include "acme_ca_problem.h"


#define ACME_CA_JSON_DEPTH    8
#define ACME_CA_JSON_VALUES   4096


typedef enum {
    ACME_CA_JSON_NULL = 0,
    ACME_CA_JSON_BOOLEAN,
    ACME_CA_JSON_NUMBER,
    ACME_CA_JSON_STRING,
    ACME_CA_JSON_ARRAY,
    ACME_CA_JSON_OBJECT
} acme_ca_json_type_e;


typedef struct acme_ca_json_s  acme_ca_json_t;

struct acme_ca_json_s {
    acme_ca_json_type_e   type;
    ngx_str_t             name;     /* of a member; empty elsewhere */
    ngx_str_t             text;     /* of a string, NUL terminated after len;
                                       of a number as written */
    int64_t               number;   /* of an integer that fits; else 0 */
    acme_ca_json_t       *first;    /* of an array or object */
    acme_ca_json_t       *last;
    acme_ca_json_t       *next;     /* sibling */
    ngx_uint_t            n;        /* children */
    unsigned              boolean:1;
    unsigned              integer:1;   /* number is exact */
};


/*
 * Parses exactly one value.  NGX_ABORT: malformed, with the byte offset in the
 * detail; "what" names the text in it ("protected header", "payload", ...).
 */
ngx_int_t acme_ca_json_parse(acme_ca_ctx_t *ctx, const char *what,
    ngx_str_t *text, acme_ca_json_t **value);

/* the member of an object, or NULL (also when value is NULL or no object) */
acme_ca_json_t *acme_ca_json_member(acme_ca_json_t *value, const char *name);

/* the text of a string member, or NULL when absent or of another type */
ngx_str_t *acme_ca_json_string(acme_ca_json_t *value, const char *name);

/* 1 when the member is there and true */
ngx_uint_t acme_ca_json_true(acme_ca_json_t *value, const char *name);


/*
 * The writer.  Every call may fail silently; finish answers NGX_ERROR then.
 * "name" is NULL inside arrays.  Members with empty strings are written: leave
 * out what has no value (ACME clients break on null and "").
 */
typedef struct {
    ngx_pool_t  *pool;
    u_char      *start;
    u_char      *last;
    u_char      *end;
    uint32_t     filled;     /* a bit a level: something stands there already */
    uint32_t     arrays;     /* a bit a level: it is an array */
    ngx_uint_t   depth;
    unsigned     failed:1;
} acme_ca_json_writer_t;


/* size is a guess of the length; the buffer grows */
void acme_ca_json_start(acme_ca_json_writer_t *w, ngx_pool_t *pool,
    size_t size);
void acme_ca_json_open_object(acme_ca_json_writer_t *w, const char *name);
void acme_ca_json_open_array(acme_ca_json_writer_t *w, const char *name);
void acme_ca_json_shut(acme_ca_json_writer_t *w);
void acme_ca_json_write_string(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *text);
/* several parts make one string: URLs */
void acme_ca_json_write_parts(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *a, const char *b, ngx_str_t *c);
void acme_ca_json_write_text(acme_ca_json_writer_t *w, const char *name,
    const char *text);
void acme_ca_json_write_number(acme_ca_json_writer_t *w, const char *name,
    int64_t number);
void acme_ca_json_write_boolean(acme_ca_json_writer_t *w, const char *name,
    ngx_uint_t boolean);
/* RFC 3339, UTC */
void acme_ca_json_write_time(acme_ca_json_writer_t *w, const char *name,
    time_t at);
/* JSON that we wrote ourselves earlier and stored */
void acme_ca_json_write_raw(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *json);
ngx_int_t acme_ca_json_finish(acme_ca_json_writer_t *w, ngx_str_t *text);


#endif /* _ACME_CA_JSON_H_INCLUDED_ */
