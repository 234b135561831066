
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a validation target answers, taken apart: the head of HTTP/1.x
 * (RFC 9112, 2-6) and chunked bodies (7.1).  The target may be hostile, and
 * whatever could be read in two ways is refused: framing is never guessed.
 */


#include "acme_ca_http01.h"


#define ACME_CA_HTTP_VERSION  "HTTP/1."


typedef ngx_int_t (*acme_ca_http_field_pt)(acme_ca_http_head_t *head,
    const u_char *p, size_t n);

typedef struct {
    ngx_str_t               name;      /* lower case */
    acme_ca_http_field_pt   parse;
} acme_ca_http_field_t;


enum {
    ACME_CA_CHUNK_START = 0,
    ACME_CA_CHUNK_SIZE,
    ACME_CA_CHUNK_EXTENSION,
    ACME_CA_CHUNK_SIZE_LF,
    ACME_CA_CHUNK_DATA,
    ACME_CA_CHUNK_DATA_CR,
    ACME_CA_CHUNK_DATA_LF,
    ACME_CA_CHUNK_TRAILER,
    ACME_CA_CHUNK_TRAILER_LINE,
    ACME_CA_CHUNK_LAST_LF,
    ACME_CA_CHUNK_DONE
};


static ngx_int_t acme_ca_http_status(acme_ca_http_head_t *head,
    const u_char *p, size_t n);
static ngx_int_t acme_ca_http_line(const u_char *p, size_t n, size_t *len,
    size_t *next);
static ngx_int_t acme_ca_http_field(acme_ca_http_head_t *head,
    const u_char *p, size_t n);
static ngx_uint_t acme_ca_http_token(const u_char *p, size_t n);
static ngx_int_t acme_ca_http_content_length(acme_ca_http_head_t *head,
    const u_char *p, size_t n);
static ngx_int_t acme_ca_http_transfer_encoding(acme_ca_http_head_t *head,
    const u_char *p, size_t n);
static ngx_int_t acme_ca_http_location(acme_ca_http_head_t *head,
    const u_char *p, size_t n);
static ngx_int_t acme_ca_chunked_byte(acme_ca_chunked_t *chunked, u_char ch);
static ngx_int_t acme_ca_chunked_size(acme_ca_chunked_t *chunked, u_char ch);


static const acme_ca_http_field_t  acme_ca_http_fields[] = {
    { ngx_string("content-length"), acme_ca_http_content_length },
    { ngx_string("transfer-encoding"), acme_ca_http_transfer_encoding },
    { ngx_string("location"), acme_ca_http_location },
    { ngx_null_string, NULL }
};


ngx_int_t
acme_ca_http_head_parse(const u_char *p, size_t n, acme_ca_http_head_t *head)
{
    size_t     len, next, pos;
    ngx_int_t  rc;

    ngx_memzero(head, sizeof(acme_ca_http_head_t));
    head->content_length = -1;

    /* what cannot become HTTP is refused before its line is complete */

    len = ngx_min(n, sizeof(ACME_CA_HTTP_VERSION) - 1);

    if (ngx_memcmp(p, ACME_CA_HTTP_VERSION, len) != 0) {
        return NGX_DECLINED;
    }

    for (pos = 0; /* void */; pos += next) {

        rc = acme_ca_http_line(p + pos, n - pos, &len, &next);

        if (rc != NGX_OK) {
            return rc;
        }

        if (pos == 0) {
            rc = acme_ca_http_status(head, p, len);

        } else if (len == 0) {
            break;

        } else {
            rc = acme_ca_http_field(head, p + pos, len);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* RFC 9112, 6.3: a sign of smuggling, or of an intermediary that errs */

    if (head->chunked && head->content_length != -1) {
        return NGX_DECLINED;
    }

    head->length = pos + next;

    return NGX_OK;
}


/*
 * One line without its end, which is CR LF or LF alone (RFC 9112, 2.2).  Of
 * control bytes only HTAB passes.
 */

static ngx_int_t
acme_ca_http_line(const u_char *p, size_t n, size_t *len, size_t *next)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (p[i] == LF) {
            *len = i;
            *next = i + 1;
            return NGX_OK;
        }

        if (p[i] == CR) {

            if (i + 1 == n) {
                return NGX_AGAIN;
            }

            if (p[i + 1] != LF) {
                return NGX_DECLINED;
            }

            *len = i;
            *next = i + 2;
            return NGX_OK;
        }

        if ((p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f) {
            return NGX_DECLINED;
        }
    }

    return NGX_AGAIN;
}


/* "HTTP/1.1 200 any reason" */

static ngx_int_t
acme_ca_http_status(acme_ca_http_head_t *head, const u_char *p, size_t n)
{
    size_t     version;
    ngx_int_t  status;

    version = sizeof(ACME_CA_HTTP_VERSION) - 1;

    if (n < version + 5 || p[version] < '0' || p[version] > '9'
        || p[version + 1] != ' ')
    {
        return NGX_DECLINED;
    }

    status = ngx_atoi((u_char *) p + version + 2, 3);

    if (status < 100 || (n > version + 5 && p[version + 5] != ' ')) {
        return NGX_DECLINED;
    }

    head->status = status;
    head->version_11 = (p[version] != '0');

    return NGX_OK;
}


static ngx_int_t
acme_ca_http_field(acme_ca_http_head_t *head, const u_char *p, size_t n)
{
    size_t                       len, end;
    const acme_ca_http_field_t  *field;

    for (len = 0; len < n && p[len] != ':'; len++) { /* void */ }

    /* a folded line begins with white space, which is no token either */

    if (len == n || !acme_ca_http_token(p, len)) {
        return NGX_DECLINED;
    }

    for (field = acme_ca_http_fields; field->parse; field++) {
        if (field->name.len == len
            && ngx_strncasecmp(field->name.data, (u_char *) p, len) == 0)
        {
            break;
        }
    }

    if (field->parse == NULL) {
        return NGX_OK;
    }

    for (len++; len < n && (p[len] == ' ' || p[len] == '\t'); len++) {
        /* void */
    }

    for (end = n; end > len; end--) {
        if (p[end - 1] != ' ' && p[end - 1] != '\t') {
            break;
        }
    }

    return field->parse(head, p + len, end - len);
}


static ngx_uint_t
acme_ca_http_token(const u_char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (p[i] <= 0x20 || p[i] >= 0x7f
            || ngx_strchr("\"(),/:;<=>?@[\\]{}", p[i]) != NULL)
        {
            return 0;
        }
    }

    return n != 0;
}


static ngx_int_t
acme_ca_http_content_length(acme_ca_http_head_t *head, const u_char *p,
    size_t n)
{
    off_t  length;

    length = ngx_atoof((u_char *) p, n);

    if (length == NGX_ERROR) {
        return NGX_DECLINED;
    }

    if (head->content_length != -1 && head->content_length != length) {
        return NGX_DECLINED;
    }

    head->content_length = length;

    return NGX_OK;
}


/* only "chunked", and only once: nothing else was asked for */

static ngx_int_t
acme_ca_http_transfer_encoding(acme_ca_http_head_t *head, const u_char *p,
    size_t n)
{
    if (head->chunked || n != sizeof("chunked") - 1
        || ngx_strncasecmp((u_char *) p, (u_char *) "chunked", n) != 0)
    {
        return NGX_DECLINED;
    }

    head->chunked = 1;

    return NGX_OK;
}


static ngx_int_t
acme_ca_http_location(acme_ca_http_head_t *head, const u_char *p, size_t n)
{
    if (head->location.len) {
        return NGX_DECLINED;
    }

    head->location.data = (u_char *) p;
    head->location.len = n;

    return NGX_OK;
}


size_t
acme_ca_chunked_parse(acme_ca_chunked_t *chunked, u_char *p, size_t n,
    ngx_int_t *rc)
{
    size_t  i, len, content;

    *rc = NGX_AGAIN;
    content = 0;

    for (i = 0; i < n; /* void */) {

        if (chunked->state == ACME_CA_CHUNK_DATA) {

            len = (size_t) ngx_min(chunked->left, (uint64_t) (n - i));

            ngx_memmove(p + content, p + i, len);

            content += len;
            i += len;
            chunked->left -= len;

            if (chunked->left == 0) {
                chunked->state = ACME_CA_CHUNK_DATA_CR;
            }

            continue;
        }

        if (acme_ca_chunked_byte(chunked, p[i]) != NGX_OK) {
            *rc = NGX_DECLINED;
            return content;
        }

        i++;

        if (chunked->state == ACME_CA_CHUNK_DONE) {
            break;
        }
    }

    if (chunked->state == ACME_CA_CHUNK_DONE) {
        *rc = NGX_DONE;
    }

    return content;
}


/* a byte of the framing */

static ngx_int_t
acme_ca_chunked_byte(acme_ca_chunked_t *chunked, u_char ch)
{
    switch (chunked->state) {

    case ACME_CA_CHUNK_START:
    case ACME_CA_CHUNK_SIZE:
        return acme_ca_chunked_size(chunked, ch);

    case ACME_CA_CHUNK_EXTENSION:
        if (ch == CR) {
            chunked->state = ACME_CA_CHUNK_SIZE_LF;
            return NGX_OK;
        }

        return (ch >= 0x20 || ch == '\t') ? NGX_OK : NGX_DECLINED;

    case ACME_CA_CHUNK_SIZE_LF:
        chunked->state = chunked->left ? ACME_CA_CHUNK_DATA
                                       : ACME_CA_CHUNK_TRAILER;
        return (ch == LF) ? NGX_OK : NGX_DECLINED;

    case ACME_CA_CHUNK_DATA_CR:
        chunked->state = ACME_CA_CHUNK_DATA_LF;
        return (ch == CR) ? NGX_OK : NGX_DECLINED;

    case ACME_CA_CHUNK_DATA_LF:
        chunked->state = ACME_CA_CHUNK_START;
        return (ch == LF) ? NGX_OK : NGX_DECLINED;

    case ACME_CA_CHUNK_TRAILER:
        chunked->state = (ch == CR) ? ACME_CA_CHUNK_LAST_LF
                                    : ACME_CA_CHUNK_TRAILER_LINE;
        return (ch == LF) ? NGX_DECLINED : NGX_OK;

    case ACME_CA_CHUNK_TRAILER_LINE:
        if (ch == LF) {
            chunked->state = ACME_CA_CHUNK_TRAILER;
        }

        return NGX_OK;

    case ACME_CA_CHUNK_LAST_LF:
        chunked->state = ACME_CA_CHUNK_DONE;
        return (ch == LF) ? NGX_OK : NGX_DECLINED;

    default:
        return NGX_DECLINED;
    }
}


static ngx_int_t
acme_ca_chunked_size(acme_ca_chunked_t *chunked, u_char ch)
{
    u_char      c;
    ngx_uint_t  digit;

    c = (u_char) (ch | 0x20);

    if (ch >= '0' && ch <= '9') {
        digit = ch - '0';

    } else if (c >= 'a' && c <= 'f') {
        digit = c - 'a' + 10;

    } else if (chunked->state == ACME_CA_CHUNK_START) {
        return NGX_DECLINED;

    } else if (ch == CR) {
        chunked->state = ACME_CA_CHUNK_SIZE_LF;
        return NGX_OK;

    } else if (ch == ';' || ch == ' ' || ch == '\t') {
        chunked->state = ACME_CA_CHUNK_EXTENSION;
        return NGX_OK;

    } else {
        return NGX_DECLINED;
    }

    if (chunked->left >> 59) {
        return NGX_DECLINED;
    }

    chunked->left = chunked->left * 16 + digit;
    chunked->state = ACME_CA_CHUNK_SIZE;

    return NGX_OK;
}
