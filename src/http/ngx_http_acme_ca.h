
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

/* what keeps strangers out of a location */
#define NGX_HTTP_ACME_CA_GUARD_ACCESS   0x01     /* deny */
#define NGX_HTTP_ACME_CA_GUARD_BASIC    0x02     /* auth_basic */
#define NGX_HTTP_ACME_CA_GUARD_REQUEST  0x04     /* auth_request */
#define NGX_HTTP_ACME_CA_GUARD_TLS      0x08     /* ssl_verify_client on */


typedef struct {
    ngx_array_t     authorities;         /* ngx_acme_ca_t * */
    ngx_array_t     admins;              /* ngx_http_acme_ca_admin_place_t */
    ngx_int_t       request_id;          /* index of $request_id */
    ngx_uint_t      runs;                /* nginx took this configuration */
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
    ngx_flag_t      client_check;

    /* of acme_ca_admin */
    ngx_uint_t      full;                /* the role */
    ngx_uint_t      open;                /* no guard is asked for */
    ngx_uint_t      guards;              /* NGX_HTTP_ACME_CA_GUARD_... */
} ngx_http_acme_ca_loc_conf_t;


/* for the look at all of them together */
typedef struct {
    ngx_http_acme_ca_loc_conf_t   *alcf;
    void                         **srv_conf;    /* of all modules */
    void                         **loc_conf;
} ngx_http_acme_ca_admin_place_t;


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
    ngx_acme_ca_ask_t     ask;           /* what has to be known before */
    ngx_acme_ca_wait_t    wait;          /* for a verdict that comes soon */
    ngx_event_t           timer;
} ngx_http_acme_ca_ctx_t;


extern ngx_module_t   ngx_http_acme_ca_module;

/* ngx_http_acme_ca_conf.c */
extern ngx_command_t  ngx_http_acme_ca_commands[];

/* ngx_http_acme_ca_variable.c */
ngx_int_t ngx_http_acme_ca_variables_add(ngx_conf_t *cf);

/* ngx_http_acme_ca_client.c: its variables; its phase */
ngx_int_t ngx_http_acme_ca_client_add(ngx_conf_t *cf);
ngx_int_t ngx_http_acme_ca_client_init(ngx_conf_t *cf);

/* ngx_http_acme_ca_life.c: rows of the audit logs about the master's life */
ngx_uint_t ngx_http_acme_ca_is_reload(ngx_cycle_t *cycle);
ngx_int_t ngx_http_acme_ca_reload_watch(ngx_conf_t *cf,
    ngx_http_acme_ca_main_conf_t *amcf);
void ngx_http_acme_ca_exit_master(ngx_cycle_t *cycle);

/* ngx_http_acme_ca_location.c */
void *ngx_http_acme_ca_create_main_conf(ngx_conf_t *cf);
void *ngx_http_acme_ca_create_srv_conf(ngx_conf_t *cf);
void *ngx_http_acme_ca_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_acme_ca_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
/* bodies of our size, problem documents for what nginx refuses */
ngx_int_t ngx_http_acme_ca_limits(ngx_conf_t *cf);

/* ngx_http_acme_ca_fault.c: pages about what nginx refuses before us; what it
   refused this with, or 0 */
ngx_int_t ngx_http_acme_ca_fault_pages(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);
ngx_int_t ngx_http_acme_ca_fault_phase_add(ngx_conf_t *cf);
ngx_uint_t ngx_http_acme_ca_fault_status(ngx_http_request_t *r);

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
 * Fills the request of an exchange from r, whose body has been read, into the
 * exchange's own pool: it outlives r.  NGX_OK or an HTTP status.
 */
ngx_int_t ngx_http_acme_ca_request_read(ngx_http_request_t *r,
    ngx_acme_ca_t *ca, acme_ca_request_t *request, ngx_pool_t *pool);

/* ngx_http_acme_ca_peer.c: who the client is by its own certificate */
ngx_int_t ngx_http_acme_ca_peer_read(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool);

/* in the module: r, kept while a store task wrote, is answered */
void ngx_http_acme_ca_keep(ngx_http_request_t *r);
void ngx_http_acme_ca_answer(ngx_http_request_t *r, acme_ca_reply_t *reply);

/* ngx_http_acme_ca_admin.c: acme_ca_admin's content handler */
ngx_int_t ngx_http_acme_ca_admin_handler(ngx_http_request_t *r);

/* ngx_http_acme_ca_guard.c: once all of http {} was read, every location of
   acme_ca_admin has to have a guard of nginx */
ngx_int_t ngx_http_acme_ca_guard_check(ngx_conf_t *cf);

/* sends the exchange's reply; answers what r is to be finalized with */
ngx_int_t ngx_http_acme_ca_reply_send(ngx_http_request_t *r,
    acme_ca_reply_t *reply);
/* a header field of the response; an empty value is none */
ngx_int_t ngx_http_acme_ca_reply_field(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);
ngx_int_t ngx_http_acme_ca_reply_tag(ngx_http_request_t *r, ngx_str_t *tag);

/* ngx_http_acme_ca_document.c: begins what only GET and HEAD have; NGX_OK or an
   HTTP status.  Sends it; preconditions on ETag and Last-Modified are nginx's
   business */
ngx_int_t ngx_http_acme_ca_document_begin(ngx_http_request_t *r);
ngx_int_t ngx_http_acme_ca_document_send(ngx_http_request_t *r,
    ngx_http_acme_ca_document_t *document);
/* a pool that goes with the request, for the store thread */
ngx_pool_t *ngx_http_acme_ca_request_pool(ngx_http_request_t *r);
/* its body, in pool.  NGX_OK or an HTTP status */
ngx_int_t ngx_http_acme_ca_request_body(ngx_http_request_t *r,
    acme_ca_request_t *request, ngx_pool_t *pool);
/* all Accept fields as one, in pool */
ngx_int_t ngx_http_acme_ca_request_accept(ngx_http_request_t *r,
    ngx_str_t *accept, ngx_pool_t *pool);


#endif /* _NGX_HTTP_ACME_CA_H_INCLUDED_ */
