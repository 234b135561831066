
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The HTTP row: directives, and the two ends of the pipe between an nginx
 * request and an exchange of protocol/.
 */


#ifndef _NGX_HTTP_ACME_CA_H_INCLUDED_
#define _NGX_HTTP_ACME_CA_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_acme_ca.h"


/* more is answered 413: a CSR of 100 names with RSA-4096 has 6 KB */
#define NGX_HTTP_ACME_CA_BODY    65536

#define NGX_HTTP_ACME_CA_FAULT   "!fault"


typedef struct {
    ngx_array_t     authorities;         /* ngx_acme_ca_t * */
    ngx_int_t       request_id;          /* index of $request_id */
} ngx_http_acme_ca_main_conf_t;


typedef struct {
    ngx_acme_ca_t  *ca;                  /* of the first location with one:
                                            $acme_ca_certificate */
} ngx_http_acme_ca_srv_conf_t;


/*
 * What a location can be beside ACME itself: one row each, as the "post" of its
 * directive.  setup() may be NULL; it is called once the authority is known.
 */
typedef struct {
    ngx_http_handler_pt   handler;
    ngx_int_t           (*setup)(ngx_conf_t *cf, ngx_acme_ca_t *ca);
} ngx_http_acme_ca_service_t;


typedef struct {
    ngx_str_t       name;                /* as the directive says it */
    u_char         *file_name;
    ngx_uint_t      line;
    ngx_acme_ca_t  *ca;                  /* NULL: not here */
    ngx_http_acme_ca_service_t
                   *service;             /* NULL: ACME */
} ngx_http_acme_ca_loc_conf_t;


/* an answer that is no exchange's; all of it lives as long as r */
typedef struct {
    ngx_uint_t      status;
    ngx_str_t       type;
    ngx_str_t       body;
    ngx_str_t       cache_control;       /* empty: no such field */
    ngx_str_t       etag;                /* with its quotes, or empty */
    ngx_str_t       vary;
    time_t          last_modified;       /* 0: not told */
    time_t          expires;
} ngx_http_acme_ca_document_t;


typedef struct {
    ngx_http_request_t   *request;       /* NULL once it is gone */
    ngx_acme_ca_t        *ca;
    acme_ca_exchange_t    exchange;
    ngx_acme_ca_write_t   write;
    ngx_acme_ca_wait_t    wait;          /* for a verdict that comes soon */
    ngx_event_t           timer;
} ngx_http_acme_ca_ctx_t;


extern ngx_module_t   ngx_http_acme_ca_module;

/* ngx_http_acme_ca_conf.c */
extern ngx_command_t  ngx_http_acme_ca_commands[];

/* ngx_http_acme_ca_variable.c */
ngx_int_t ngx_http_acme_ca_variables_add(ngx_conf_t *cf);

/* ngx_http_acme_ca_location.c */
void *ngx_http_acme_ca_create_main_conf(ngx_conf_t *cf);
void *ngx_http_acme_ca_create_srv_conf(ngx_conf_t *cf);
void *ngx_http_acme_ca_create_loc_conf(ngx_conf_t *cf);
ngx_int_t ngx_http_acme_ca_fault_phase_add(ngx_conf_t *cf);
char *ngx_http_acme_ca_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/* ngx_http_acme_ca_authority.c: with every setting unset; of that name or
   NULL; with defaults for what was not set, and checked */
ngx_acme_ca_t *ngx_http_acme_ca_authority_create(ngx_conf_t *cf,
    ngx_str_t *name);
ngx_acme_ca_t *ngx_http_acme_ca_authority_find(
    ngx_http_acme_ca_main_conf_t *amcf, ngx_str_t *name);
char *ngx_http_acme_ca_authority_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca);

/* the content handler, in the module */
ngx_int_t ngx_http_acme_ca_handler(ngx_http_request_t *r);

/*
 * Fills the exchange's request from r, whose body has been read, into the
 * exchange's own pool: it outlives r.  NGX_OK or an HTTP status.
 */
ngx_int_t ngx_http_acme_ca_request_read(ngx_http_request_t *r,
    ngx_http_acme_ca_ctx_t *ctx);

/* ngx_http_acme_ca_peer.c: who the client is by its own certificate */
ngx_int_t ngx_http_acme_ca_peer_read(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool);

/* sends the exchange's reply; answers what r is to be finalized with */
ngx_int_t ngx_http_acme_ca_reply_send(ngx_http_request_t *r,
    acme_ca_reply_t *reply);
/* a header field of the response; an empty value is none */
ngx_int_t ngx_http_acme_ca_reply_field(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/* ngx_http_acme_ca_document.c: the same for a document; preconditions on ETag
   and Last-Modified are nginx's business */
ngx_int_t ngx_http_acme_ca_document_send(ngx_http_request_t *r,
    ngx_http_acme_ca_document_t *document);
/* all Accept fields as one, in pool */
ngx_int_t ngx_http_acme_ca_request_accept(ngx_http_request_t *r,
    ngx_str_t *accept, ngx_pool_t *pool);


#endif /* _NGX_HTTP_ACME_CA_H_INCLUDED_ */
