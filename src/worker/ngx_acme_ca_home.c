
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The state folder, the master's part of the life of an authority:
 *
 *     PATH/                 0700, the worker user's: SQLite needs the folder
 *     PATH/ca.db            0600, the worker user's
 *     PATH/root.pem         certificate, for the clients to trust
 *     PATH/root.key         0600, of who starts nginx: workers never see it
 *     PATH/issuer.pem       the first intermediate certificate
 *     PATH/issuer.key       0600, of who starts nginx: read before the fork
 *     PATH/issuers/         those that followed: KEYID.pem with its chain and
 *                           root, KEYID.key
 *     PATH/audit.pem        public keys of the audit log's checkpoints
 *     PATH/audit.key        0600, of who starts nginx: read before the fork
 *     PATH/event.key        0600, the same: signs what event hooks are told
 *     PATH/crl/             0700, the worker user's: the CRLs
 *
 * check() is what nginx -t runs: it reads and changes nothing.  prepare() makes
 * what is missing, and leaves alone what the workers of the configuration
 * before go by, should this one fail yet.  begin() follows when it cannot fail
 * any more.
 */


#include "ngx_acme_ca_crl.h"
#include "ngx_acme_ca_event.h"
#include "ngx_acme_ca_ocsp.h"

#include "acme_ca_rotation.h"
#include "acme_ca_store_signing.h"


static void ngx_acme_ca_home_warn(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_hierarchy(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_database(ngx_acme_ca_home_t *home);
static ngx_int_t ngx_acme_ca_home_known(ngx_acme_ca_home_t *home,
    acme_ca_store_t *store, time_t now);
static ngx_int_t ngx_acme_ca_home_state(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static time_t ngx_acme_ca_home_tells(const acme_ca_signer_t *signer);
static ngx_int_t ngx_acme_ca_home_signers(ngx_acme_ca_home_t *home,
    acme_ca_store_t *store);


char *
ngx_acme_ca_home_check(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_int_t  rc;
    ngx_str_t  error;

    ngx_str_null(&error);

    rc = ngx_acme_ca_password_load(ca, cf->temp_pool, &error);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_issuers(ca, cf->temp_pool, &error);
    }

    if (rc == NGX_DONE) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "acme_ca authority \"%V\": %V: no certificates are "
                      "signed until there is another, in %s:%ui",
                      &ca->authority.name, &error, ca->file_name, ca->line);
        rc = NGX_OK;
    }

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = ngx_acme_ca_audit_load(ca, cf->temp_pool, &error);
    }

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = ngx_acme_ca_event_load(ca, cf->temp_pool, &error);
    }

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = acme_ca_store_check(cf->temp_pool, &ca->authority.database,
                                 &error);
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "acme_ca authority \"%V\": %V in %s:%ui",
                      &ca->authority.name, &error, ca->file_name, ca->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_acme_ca_home_prepare(ngx_cycle_t *cycle, ngx_acme_ca_t *ca)
{
    ngx_int_t           rc;
    ngx_str_t           error;
    ngx_acme_ca_home_t  home;

    ngx_memzero(&home, sizeof(ngx_acme_ca_home_t));
    ngx_str_null(&error);

    home.cycle = cycle;
    home.ca = ca;
    home.log = cycle->log;

    home.pool = ngx_create_pool(4096, cycle->log);
    if (home.pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_home_owner(&home);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_folder(&home);
    }

    if (rc == NGX_OK && ca->authority.issuers.nelts == 0) {
        rc = ngx_acme_ca_home_hierarchy(&home);

        if (rc == NGX_OK
            && ngx_acme_ca_home_issuers(ca, home.pool, &error) != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "acme_ca authority \"%V\": %V",
                          &ca->authority.name, &error);
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_OK) {
        ngx_acme_ca_home_warn(&home);
        rc = ngx_acme_ca_audit_prepare(&home);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_event_prepare(&home);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_database(&home);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_crl_start(ca, home.pool, home.log,
                                   home.chown ? home.uid : (ngx_uid_t) -1,
                                   home.chown ? home.gid : (ngx_gid_t) -1);
    }

    ngx_acme_ca_password_wipe(ca);
    ngx_destroy_pool(home.pool);

    ca->ready = (rc == NGX_OK);

    return rc;
}


/*
 * From here on this configuration is the one that runs: what the database says
 * of it follows.  Nothing is signed within a transaction.
 */

ngx_int_t
ngx_acme_ca_home_begin(ngx_cycle_t *cycle, ngx_acme_ca_t *ca)
{
    ngx_int_t            rc;
    acme_ca_store_t     *store;
    ngx_acme_ca_home_t   home;

    ngx_memzero(&home, sizeof(ngx_acme_ca_home_t));

    home.cycle = cycle;
    home.ca = ca;
    home.log = cycle->log;
    home.now = ngx_time();

    home.pool = ngx_create_pool(4096, cycle->log);
    if (home.pool == NULL) {
        return NGX_ERROR;
    }

    /* what the master writes is chained by the workers, who tell audit_log */

    store = acme_ca_store_open(&ca->authority.database, ACME_CA_STORE_MIGRATE,
                               home.log);

    home.write.apply = ngx_acme_ca_home_state;
    home.write.data = &home;

    rc = (store != NULL) ? ngx_acme_ca_write_now(&home.write, store)
                         : NGX_ERROR;

    if (rc == NGX_OK && ca->authority.issuer == NULL) {
        ngx_log_error(NGX_LOG_CRIT, home.log, 0,
                      "acme_ca authority \"%V\" has no issuer that may sign "
                      "certificates", &ca->authority.name);

    } else if (rc == NGX_OK) {
        rc = ngx_acme_ca_server_issue(ca, store, home.pool, home.log,
                                      home.now);
    }

    if (rc == NGX_OK && ca->ocsp_served) {
        rc = ngx_acme_ca_home_signers(&home, store);
    }

    acme_ca_store_close(store);
    ngx_destroy_pool(home.pool);

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


/* a folder without a database is not new if it has the audit log's key */

static void
ngx_acme_ca_home_warn(ngx_acme_ca_home_t *home)
{
    ngx_file_info_t       fi;
    acme_ca_authority_t  *authority;

    authority = &home->ca->authority;

    if (home->ca->audit.key != NULL
        && ngx_file_info(authority->database.data, &fi) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_CRIT, home->log, 0,
                      "acme_ca authority \"%V\": the database is gone from "
                      "\"%V\", a new one is made: nobody knows what was issued "
                      "and revoked, restore a backup", &authority->name,
                      &authority->path);
    }
}


/*
 * The key of the intermediate is the last to be written, the certificate that
 * home_has() asks for the very last: what a crash left half is made anew.
 */

static ngx_int_t
ngx_acme_ca_home_hierarchy(ngx_acme_ca_home_t *home)
{
    acme_ca_ctx_t        ctx;
    acme_ca_hierarchy_t  hierarchy;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = home->pool;
    ctx.log = home->log;
    ctx.now = ngx_time();

    home->ca->issuer_plan.crl_url = home->ca->crl_url;

    if (acme_ca_hierarchy_new(&ctx, &home->ca->authority.name,
                              &home->ca->issuer_plan, &hierarchy)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_acme_ca_home_write_key(home, NGX_ACME_CA_ROOT_KEY,
                                   &hierarchy.root_key)
        != NGX_OK
        || ngx_acme_ca_home_write(home, NGX_ACME_CA_ROOT_PEM,
                                  &hierarchy.root_certificate, 0644)
           != NGX_OK
        || ngx_acme_ca_home_write_key(home, NGX_ACME_CA_ISSUER_KEY,
                                      &hierarchy.key)
           != NGX_OK
        || ngx_acme_ca_home_write(home, NGX_ACME_CA_ISSUER_PEM,
                                  &hierarchy.certificate, 0644)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, home->log, 0,
                  "acme_ca authority \"%V\": made a new CA in \"%V\"",
                  &home->ca->authority.name, &home->ca->authority.path);

    return ngx_acme_ca_home_sync(home, "");
}


static ngx_int_t
ngx_acme_ca_home_database(ngx_acme_ca_home_t *home)
{
    time_t            now;
    ngx_int_t         rc;
    ngx_array_t      *rows;
    acme_ca_store_t  *store;

    now = ngx_time();

    store = acme_ca_store_open(&home->ca->authority.database,
                               ACME_CA_STORE_MIGRATE, home->log);
    if (store == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_home_known(home, store, now);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_rotation(home, store, now);
    }

    /* one that was made has its row, too; what is told follows what was said */

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_home_known(home, store, now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_issuer_list(store, home->pool, &rows);
    }

    if (rc == NGX_OK) {
        acme_ca_rotation_follow(&home->ca->authority, rows);
    }

    /* -wal and -shm exist now and take the owner of the database */

    if (ngx_acme_ca_home_chown(home, "/ca.db") != NGX_OK
        || ngx_acme_ca_home_chown(home, "/ca.db-wal") != NGX_OK
        || ngx_acme_ca_home_chown(home, "/ca.db-shm") != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    acme_ca_store_close(store);

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


/* each has its row */

static ngx_int_t
ngx_acme_ca_home_known(ngx_acme_ca_home_t *home, acme_ca_store_t *store,
    time_t now)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;

    rc = NGX_OK;
    issuer = home->ca->authority.issuers.elts;

    for (i = 0; rc == NGX_OK && i < home->ca->authority.issuers.nelts; i++) {
        rc = ngx_acme_ca_home_row(store, home->pool, issuer[i], now);
    }

    return rc;
}


static ngx_int_t
ngx_acme_ca_home_state(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_home_t  *home = write->data;

    ngx_int_t             rc;
    acme_ca_ctx_t         ctx;
    acme_ca_authority_t  *authority;

    authority = &home->ca->authority;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = home->pool;
    ctx.log = home->log;
    ctx.now = home->now;

    rc = acme_ca_rotation_start(&ctx, authority, store);

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_event_started(home, store, home->now);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_signing_set_deadline(store,
                                     ngx_acme_ca_home_tells(authority->signer));
    }

    return (rc == NGX_OK) ? ngx_acme_ca_audit_started(home, store, home->now)
                          : rc;
}


/* seconds that an external signer is told of a revocation for */

static time_t
ngx_acme_ca_home_tells(const acme_ca_signer_t *signer)
{
    return (signer != NULL && signer->revoke_uri.len != 0) ? signer->deadline
                                                           : 0;
}


/* of OCSP responses, from the issuer's first day on */

static ngx_int_t
ngx_acme_ca_home_signers(ngx_acme_ca_home_t *home, acme_ca_store_t *store)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    acme_ca_issuer_t  **issuer;

    rc = NGX_OK;
    issuer = home->ca->authority.issuers.elts;

    for (i = 0; rc == NGX_OK && i < home->ca->authority.issuers.nelts; i++) {
        if (!acme_ca_issuer_is_done(issuer[i], home->now,
                                    home->ca->crl_lifetime))
        {
            rc = ngx_acme_ca_ocsp_signer_issue(store, issuer[i], home->pool,
                                               home->log, home->now);
        }
    }

    return rc;
}
