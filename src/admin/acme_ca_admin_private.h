
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the files of this room share: the rows of resources, arguments, pages
 * and answers.  A resource is a function that answers NGX_OK with a->reply
 * filled, or what acme_ca_admin_refuse() or the store answered.
 */


#ifndef _ACME_CA_ADMIN_PRIVATE_H_INCLUDED_
#define _ACME_CA_ADMIN_PRIVATE_H_INCLUDED_


#include "acme_ca_admin.h"
#include "acme_ca_text.h"
#include "acme_ca_store_eab.h"
#include "acme_ca_store_page.h"


#define ACME_CA_ADMIN_PAGE      100
#define ACME_CA_ADMIN_PAGE_MAX  1000


typedef ngx_int_t (*acme_ca_admin_pt)(acme_ca_admin_t *a);


struct acme_ca_admin_route_s {
    ngx_str_t          path;       /* one part may be "{...}": any word */
    const char        *action;     /* of what it writes, in the audit log */
    const char        *args;       /* that its URL may have; "*" after one that
                                      may stand there several times */
    const char        *members;    /* that its body may have */
    acme_ca_admin_pt   get;        /* in the event loop */
    acme_ca_admin_pt   ask;        /* a POST that only reads: the same; beside
                                      post, one with "dry_run" */
    acme_ca_admin_pt   post;       /* in the transaction */
    const char        *title;
};

/* the last one has no title */
extern const acme_ca_admin_route_t  acme_ca_admin_routes[];

/* of a path, with its operand; NULL: there is none */
const acme_ca_admin_route_t *acme_ca_admin_find(acme_ca_admin_t *a,
    const ngx_str_t *path);
/* ACME_CA_GET ... */
ngx_uint_t acme_ca_admin_methods(const acme_ca_admin_route_t *route);


/* resources */

ngx_int_t acme_ca_admin_index(acme_ca_admin_t *a);

ngx_int_t acme_ca_admin_openapi(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_statistics(acme_ca_admin_t *a);

/* acme_ca_admin_list.c: of the table that the path begins with */
ngx_int_t acme_ca_admin_list(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_row_get(acme_ca_admin_t *a);
/* the answer is that row, or it is written; NGX_ABORT: there is none */
ngx_int_t acme_ca_admin_row(acme_ca_admin_t *a, int64_t id);
ngx_int_t acme_ca_admin_row_write(acme_ca_admin_t *a, int64_t id,
    acme_ca_json_writer_t *w);
/* an argument that is a date: 400 if it is none; left if it is absent */
ngx_int_t acme_ca_admin_list_date(acme_ca_admin_t *a, const char *name,
    time_t *at);
/* the account that "account" names: 404 if there is none; left as well */
ngx_int_t acme_ca_admin_list_account(acme_ca_admin_t *a, int64_t *id);

ngx_int_t acme_ca_admin_account_get(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_account_revoke(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_get(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_pem(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_revoke(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_hook_retry(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_window_create(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_window_drop(acme_ca_admin_t *a);

/* the one that the path names, and "issuer" if several have its serial number;
   NGX_ABORT: there is none */
ngx_int_t acme_ca_admin_certificate_find(acme_ca_admin_t *a,
    acme_ca_certificate_t *certificate);
ngx_int_t acme_ca_admin_certificate_text(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_verify(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_expiring(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_expire(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_set(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_certificate_delete(acme_ca_admin_t *a);
/* as "reason" and "invalidity_at" of the body say; both are left else */
ngx_int_t acme_ca_admin_reason(acme_ca_admin_t *a, ngx_int_t *reason,
    time_t *invalidity_at);

/* "category" and "remarks", empty if they are absent */
ngx_int_t acme_ca_admin_holder(acme_ca_admin_t *a, ngx_str_t *category,
    ngx_str_t *remarks);

ngx_int_t acme_ca_admin_import(acme_ca_admin_t *a);

/* acme_ca_admin_bulk.c; with "dry_run" they only read */
ngx_int_t acme_ca_admin_revoke(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_unrevoke(acme_ca_admin_t *a);

ngx_int_t acme_ca_admin_queues(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_job_retry(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_job_cancel(acme_ca_admin_t *a);

ngx_int_t acme_ca_admin_audit_state(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_audit_lines(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_audit_seal(acme_ca_admin_t *a);

ngx_int_t acme_ca_admin_issuer_rotate(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_issuer_retire(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_issuer_compromised(acme_ca_admin_t *a);

/*
 * acme_ca_admin_serial.c; serial: bytes.  serial(): of hexadecimal;
 * NGX_DECLINED: it is none.  write(): decimal.  uuid(): NGX_DECLINED: it is
 * none; id: of the certificate, -1 if there is no such.  list(): ids of those
 * that have it, if any; NGX_DECLINED: it is none.  find(): by serial number, of
 * that issuer or the only one, or by uuid; NGX_DECLINED: there is no such
 * certificate, its serial is set if the text is one; NGX_ABORT: there are
 * several.
 */
ngx_int_t acme_ca_admin_uuid(acme_ca_admin_t *a, const ngx_str_t *text,
    int64_t *id);
ngx_int_t acme_ca_admin_serial(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_str_t *serial);
ngx_int_t acme_ca_admin_serial_write(ngx_pool_t *pool,
    const ngx_str_t *serial, ngx_str_t *text);
ngx_int_t acme_ca_admin_serial_list(acme_ca_admin_t *a, const ngx_str_t *text,
    ngx_str_t *serial, ngx_array_t **ids);
ngx_int_t acme_ca_admin_serial_find(acme_ca_admin_t *a, const ngx_str_t *text,
    int64_t issuer_id, acme_ca_certificate_t *certificate);

ngx_int_t acme_ca_admin_eab_list(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_eab_get(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_eab_create(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_eab_revoke(acme_ca_admin_t *a);

/* the answer to create(): with the key */
ngx_int_t acme_ca_admin_eab_reply(acme_ca_admin_t *a, acme_ca_eab_t *eab,
    ngx_str_t *key);

/*
 * acme_ca_admin_account.c.  find(): by the URL or its end, the row's number,
 * the key's thumbprint; NGX_DECLINED: none, and the thumbprint is set if it was
 * one; NGX_ABORT: nothing of these.  end(): revoked, with its pending work;
 * NGX_DECLINED: it was not valid.  end_all(): of an external account.
 */
ngx_int_t acme_ca_admin_account_find(acme_ca_admin_t *a, ngx_str_t *text,
    acme_ca_account_t *account);
ngx_int_t acme_ca_admin_account_end(acme_ca_admin_t *a, int64_t id,
    ngx_str_t *reason);
ngx_int_t acme_ca_admin_account_end_all(acme_ca_admin_t *a, int64_t eab,
    ngx_uint_t *n);

/* only what has to be tried: see acme_ca_admin_answered() */
ngx_int_t acme_ca_admin_preflight(acme_ca_admin_t *a);

ngx_int_t acme_ca_admin_explain_get(acme_ca_admin_t *a);
ngx_int_t acme_ca_admin_explain_post(acme_ca_admin_t *a);


/* acme_ca_admin_choice.c: what is empty or 0 selects any */

typedef struct {
    ngx_str_t   name;              /* "a.b", ".b" below b, an address */
    ngx_str_t   profile;
    ngx_str_t   issuer;            /* its name or number */
    int64_t     issuer_id;         /* the same, or that of the serial */
    ngx_str_t   serial;            /* bytes */
    int64_t     account_id;
    int64_t     eab_id;
} acme_ca_admin_choice_t;

/* of the body: those of these members that the route has; one at least */
ngx_int_t acme_ca_admin_choice(acme_ca_admin_t *a,
    acme_ca_admin_choice_t *choice);
/* the one of that name or number; NGX_ABORT: none, or several */
ngx_int_t acme_ca_admin_choice_of(acme_ca_admin_t *a, const ngx_str_t *issuer,
    int64_t *id);
/* a string member, empty if it is absent; and one that is a date */
ngx_int_t acme_ca_admin_text(acme_ca_admin_t *a, const char *name,
    ngx_str_t *text);
ngx_int_t acme_ca_admin_date(acme_ca_admin_t *a, const char *name,
    time_t *at);


/* acme_ca_admin_query.c: arguments of the URL */

typedef struct {
    ngx_str_t   name;
    ngx_str_t   value;             /* decoded, UTF-8, no controls */
} acme_ca_admin_arg_t;

/* NGX_OK and *args; NGX_DECLINED: not such a query; NGX_ERROR */
ngx_int_t acme_ca_admin_query_parse(ngx_pool_t *pool, const ngx_str_t *query,
    ngx_array_t **args);
/* a->args, each among those that the route takes.  NGX_ABORT: it is not */
ngx_int_t acme_ca_admin_query(acme_ca_admin_t *a);
/* the first of that name, or NULL */
ngx_str_t *acme_ca_admin_arg(acme_ca_admin_t *a, const char *name);
/* acme_ca_admin_filter.c: an argument that is a word of a list.  NGX_ABORT: it
   is none */
ngx_int_t acme_ca_admin_filter(acme_ca_admin_t *a,
    const acme_ca_admin_arg_t *arg);
/* whether a list of words, separated by blanks, has it */
ngx_uint_t acme_ca_admin_has(const char *list, const ngx_str_t *word,
    ngx_uint_t *many);


/* acme_ca_admin_page.c: newest first, below the cursor, which is a row id */

typedef struct {
    ngx_uint_t   limit;
    int64_t      before;           /* INT64_MAX: from the newest on */
    int64_t      next;             /* of the page after it, 0: none */
} acme_ca_admin_page_t;

/* from "limit" and "cursor"; NGX_ABORT: they are none */
ngx_int_t acme_ca_admin_page(acme_ca_admin_t *a, acme_ca_admin_page_t *page);
/* shuts the array of items, adds the next page, and answers */
ngx_int_t acme_ca_admin_reply_page(acme_ca_admin_t *a,
    acme_ca_admin_page_t *page, acme_ca_json_writer_t *w);


/* acme_ca_admin_reply.c */

/* keeps status and detail, answers NGX_ABORT or NGX_ERROR; fmt NULL: the words
   of that status */
ngx_int_t acme_ca_admin_refuse(acme_ca_admin_t *a, ngx_uint_t status,
    const char *fmt, ...);
ngx_int_t acme_ca_admin_reply(acme_ca_admin_t *a, ngx_uint_t status,
    acme_ca_json_writer_t *w);
/* rc: NGX_ABORT, NGX_BUSY, NGX_ERROR.  Never fails */
void acme_ca_admin_reply_problem(acme_ca_admin_t *a, ngx_int_t rc);
/* whether If-Match names what the resource shows now; NGX_ABORT: it does not */
ngx_int_t acme_ca_admin_match(acme_ca_admin_t *a);
/* an ETag, and 304 where the client has it already */
void acme_ca_admin_reply_tag(acme_ca_admin_t *a);
/* a word list that is separated by blanks, as an array */
void acme_ca_admin_write_words(acme_ca_json_writer_t *w, const char *name,
    ngx_str_t *list);
/* nothing of what never happened */
void acme_ca_admin_write_time(acme_ca_json_writer_t *w, const char *name,
    time_t at);
/* an audit row's details: one member, unless name is NULL, and a's user */
ngx_int_t acme_ca_admin_details(acme_ca_admin_t *a, acme_ca_audit_t *audit,
    const char *name, ngx_str_t *value);
/* of a's user, into an open object */
void acme_ca_admin_write_user(acme_ca_json_writer_t *w, acme_ca_admin_t *a);


#endif /* _ACME_CA_ADMIN_PRIVATE_H_INCLUDED_ */
