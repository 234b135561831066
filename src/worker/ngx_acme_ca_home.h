
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The state folder of an authority: its files, for those who make them.  Only
 * the master is here, before it drops privileges or while it reloads.
 */


#ifndef _NGX_ACME_CA_HOME_H_INCLUDED_
#define _NGX_ACME_CA_HOME_H_INCLUDED_


#include "ngx_acme_ca.h"


#define NGX_ACME_CA_ISSUER_PEM     "issuer.pem"
#define NGX_ACME_CA_ISSUER_KEY     "issuer.key"
#define NGX_ACME_CA_ISSUER_FOLDER  "issuers"


typedef struct {
    ngx_cycle_t          *cycle;
    ngx_acme_ca_t        *ca;
    ngx_pool_t           *pool;      /* of this preparation only */
    ngx_log_t            *log;
    time_t                now;
    ngx_acme_ca_write_t   write;
    ngx_uid_t             uid;       /* that workers run as */
    ngx_gid_t             gid;
    unsigned              chown:1;   /* the workers are somebody else */
} ngx_acme_ca_home_t;


/* the path of a file in the folder, with a zero behind it; is there one? */
ngx_int_t ngx_acme_ca_home_file(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    const char *name, ngx_str_t *path);
ngx_uint_t ngx_acme_ca_home_has(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    const char *name);

/* finds out who the workers will be; makes the folder, for them */
ngx_int_t ngx_acme_ca_home_owner(ngx_acme_ca_home_t *home);
ngx_int_t ngx_acme_ca_home_folder(ngx_acme_ca_home_t *home);

/*
 * Written beside its place, synced and renamed, so that a crash leaves no half
 * a key; sync() of a folder, "" being the state folder, when all names are
 * there.
 */
ngx_int_t ngx_acme_ca_home_write(ngx_acme_ca_home_t *home, const char *name,
    ngx_str_t *text, mode_t mode);
ngx_int_t ngx_acme_ca_home_put(ngx_acme_ca_home_t *home, ngx_str_t *path,
    ngx_str_t *text, mode_t mode);
ngx_int_t ngx_acme_ca_home_sync(ngx_acme_ca_home_t *home, const char *name);

/*
 * ngx_acme_ca_home_issuer.c: the issuers whose certificates and keys are here.
 * issuers() reads all: NGX_DECLINED: there are none, NGX_DONE: all of them have
 * expired, *error tells of one.  issuer_add() takes up one
 * more, by its name in the folder of those that followed the first.
 */
ngx_int_t ngx_acme_ca_home_issuers(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);
ngx_int_t ngx_acme_ca_home_issuer_add(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *name, ngx_str_t *error);

/* ngx_acme_ca_alternate.c: other chains of the issuers that were loaded */
ngx_int_t ngx_acme_ca_alternate_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);

/* ngx_acme_ca_home_rotation.c: makes the next issuer if it is time */
ngx_int_t ngx_acme_ca_home_rotation(ngx_acme_ca_home_t *home,
    acme_ca_store_t *store, time_t now);

/*
 * ngx_acme_ca_password.c: a key of a CA, 0600, encrypted if passphrases were
 * loaded.  wipe() when all keys were read and written.
 */
ngx_int_t ngx_acme_ca_home_write_key(ngx_acme_ca_home_t *home,
    const char *name, ngx_str_t *pem);
ngx_int_t ngx_acme_ca_password_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);
void ngx_acme_ca_password_wipe(ngx_acme_ca_t *ca);

/* ngx_acme_ca_audit_start.c: the key of the log */
ngx_int_t ngx_acme_ca_audit_prepare(ngx_acme_ca_home_t *home);

/* ngx_acme_ca_audit_life.c: a row for this start or reload */
ngx_int_t ngx_acme_ca_audit_started(ngx_acme_ca_home_t *home,
    acme_ca_store_t *store, time_t now);

/* gives "PATH" + suffix to the workers, if it exists */
ngx_int_t ngx_acme_ca_home_chown(ngx_acme_ca_home_t *home,
    const char *suffix);


#endif /* _NGX_ACME_CA_HOME_H_INCLUDED_ */
