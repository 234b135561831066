
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the files of the CRLs share: one that is being made.  It is written
 * beside its place under a name with its number, and takes its place when the
 * database has taken note of it.
 */


#ifndef _NGX_ACME_CA_CRL_H_INCLUDED_
#define _NGX_ACME_CA_CRL_H_INCLUDED_


#include "ngx_acme_ca.h"

#include "acme_ca_crl.h"
#include "acme_ca_store_crl.h"


#define NGX_ACME_CA_CRL_FOLDER  "crl"
#define NGX_ACME_CA_CRL_NEW     ".new"
#define NGX_ACME_CA_CRL_ALL     "all.pem"
#define NGX_ACME_CA_CRL_BEGIN   "-----BEGIN X509 CRL-----\n"

/* seconds that one who makes a CRL has for it */
#define NGX_ACME_CA_CRL_LEASE   60

/* DER and PEM */
#define NGX_ACME_CA_CRL_FORMS   2


typedef struct {
    const acme_ca_issuer_t  *issuer;
    acme_ca_crl_t            crl;
    ngx_str_t                folder;
    ngx_pool_t              *pool;
    ngx_log_t               *log;
    time_t                   since;       /* when the last one was made */
    ngx_str_t                written[NGX_ACME_CA_CRL_FORMS];
    ngx_str_t                places[NGX_ACME_CA_CRL_FORMS];
} ngx_acme_ca_crl_make_t;


/*
 * CRLs.  ngx_acme_ca_crl_start.c: the master's first ones, and those of its own
 * root; who becomes their owner, or -1.  ngx_acme_ca_crl.c: a worker's; tick()
 * begins one that is due.
 */
ngx_int_t ngx_acme_ca_crl_start(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    ngx_log_t *log, ngx_uid_t uid, ngx_gid_t gid);
ngx_int_t ngx_acme_ca_crl_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);
void ngx_acme_ca_crl_tick(ngx_acme_ca_t *ca);


/*
 * Once claimed: the dates.  lifetime: until the next one has to be there;
 * slow clocks of clients are allowed for.
 */
void ngx_acme_ca_crl_date(ngx_acme_ca_crl_make_t *make, time_t now,
    time_t lifetime);
time_t ngx_acme_ca_crl_backdate(time_t lifetime);

/* on any thread: reads the entries, signs and writes.  NGX_OK or NGX_ERROR */
ngx_int_t ngx_acme_ca_crl_write(ngx_acme_ca_crl_make_t *make,
    acme_ca_store_t *store);
/* moves what was written to its place, or removes it */
ngx_int_t ngx_acme_ca_crl_publish(ngx_acme_ca_crl_make_t *make);
void ngx_acme_ca_crl_discard(ngx_acme_ca_crl_make_t *make);

/*
 * ngx_acme_ca_crl_note.c: in the transaction that takes note of it: a row of
 * the audit log, if it was asked for
 */
ngx_int_t ngx_acme_ca_crl_note(ngx_acme_ca_crl_make_t *make,
    acme_ca_store_t *store, time_t now);

/* ngx_acme_ca_crl_all.c: the file of all of them, when one took its place */
ngx_int_t ngx_acme_ca_crl_all(ngx_acme_ca_crl_make_t *make);
ngx_int_t ngx_acme_ca_crl_put(ngx_fd_t fd, const u_char *p, size_t n);

/* ngx_acme_ca_crl_revoke.c: compromised issuers are entries of their root */
ngx_int_t ngx_acme_ca_crl_revoke(acme_ca_ctx_t *ctx, acme_ca_store_t *store,
    const acme_ca_issuer_t *root);

/* NUL terminated: PATH/crl/NAME followed by these */
ngx_int_t ngx_acme_ca_crl_path(ngx_pool_t *pool, const ngx_str_t *folder,
    const ngx_str_t *name, const char *suffix, ngx_str_t *path);


#endif /* _NGX_ACME_CA_CRL_H_INCLUDED_ */
