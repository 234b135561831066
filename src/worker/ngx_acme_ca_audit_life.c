
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The life of nginx in the audit log, all of it the master's: starts, reloads,
 * those that failed, stops.  The master ends last, so its row is the last one:
 * it is chained and signed right here.  Whoever is killed leaves none, and the
 * next start says so.
 */


#include "ngx_acme_ca_home.h"
#include "acme_ca_json.h"


/* a stop, and a reload that failed, do not wait longer for the database */
#define NGX_ACME_CA_AUDIT_PATIENCE  1000     /* ms */

#define NGX_ACME_CA_AUDIT_NO_STOP   "no stop"
#define NGX_ACME_CA_AUDIT_STOP      "stop"
#define NGX_ACME_CA_AUDIT_UPGRADE   "upgrade"


typedef struct {
    ngx_acme_ca_write_t         write;
    ngx_acme_ca_t              *ca;
    ngx_pool_t                 *pool;
    ngx_log_t                  *log;
    acme_ca_audit_t             audit;
    acme_ca_audit_checkpoint_t  checkpoint;
    ngx_uint_t                  last;      /* no other master goes on */
} ngx_acme_ca_audit_life_t;


static ngx_int_t ngx_acme_ca_audit_follows(ngx_acme_ca_home_t *home,
    acme_ca_store_t *store, acme_ca_json_writer_t *w);
static ngx_int_t ngx_acme_ca_audit_failed(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_uint_t ngx_acme_ca_audit_is_last(void);
static ngx_int_t ngx_acme_ca_audit_stop(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_audit_life(ngx_acme_ca_audit_life_t *life,
    acme_ca_store_mode_e mode);


ngx_int_t
ngx_acme_ca_audit_started(ngx_acme_ca_home_t *home, acme_ca_store_t *store,
    time_t now)
{
    ngx_str_t               key, file;
    ngx_uint_t              start;
    acme_ca_audit_t         audit;
    acme_ca_issuer_t       *issuer;
    acme_ca_json_writer_t   w;

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    start = ngx_is_init_cycle(home->cycle->old_cycle);

    audit.actor = "server";
    audit.action = start ? "start" : "reload";

    file = home->cycle->conf_file;

    if (acme_ca_hex(home->pool, home->ca->audit.key_id, ACME_CA_SHA256_LEN,
                    &key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_json_start(&w, home->pool, 512);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_text(&w, "nginx", NGINX_VERSION);
    acme_ca_json_write_number(&w, "schema", acme_ca_store_version());
    acme_ca_json_write_string(&w, "configuration", &file);

    if (start && ngx_acme_ca_audit_follows(home, store, &w) != NGX_OK) {
        return NGX_ERROR;
    }

    issuer = home->ca->authority.issuer;

    if (issuer != NULL) {
        acme_ca_json_write_string(&w, "issuer", &issuer->name);
        acme_ca_json_write_time(&w, "issuer_not_after", issuer->not_after);
    }

    acme_ca_json_write_string(&w, "audit_key", &key);
    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &audit.details) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_store_audit_add(store, &audit, now);
}


/* a new binary, or socket activation; the latter finds nobody running */

static ngx_int_t
ngx_acme_ca_audit_follows(ngx_acme_ca_home_t *home, acme_ca_store_t *store,
    acme_ca_json_writer_t *w)
{
    ngx_str_t  after;

    static ngx_str_t  upgrade = ngx_string(NGX_ACME_CA_AUDIT_UPGRADE);
    static ngx_str_t  no_stop = ngx_string(NGX_ACME_CA_AUDIT_NO_STOP);

    if (acme_ca_store_audit_find_start(store, home->pool, &after) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_inherited && acme_ca_str_eq(&after, &no_stop)) {
        after = upgrade;
    }

    acme_ca_json_write_string(w, "after", &after);

    return acme_ca_store_audit_set_start(store, NGX_ACME_CA_AUDIT_NO_STOP);
}


/*
 * The configuration before this one goes on, and so do its workers, who chain
 * the row.  What was wrong is in nginx's error log only: it is nginx that
 * refuses, and it tells nobody why.
 */

void
ngx_acme_ca_audit_reload_failed(ngx_acme_ca_t *ca, ngx_log_t *log)
{
    ngx_file_info_t            fi;
    ngx_acme_ca_audit_life_t   life;

    /* who writes as the master makes the database, too, where there is none */

    if (ngx_file_info(ca->authority.database.data, &fi) == NGX_FILE_ERROR) {
        return;
    }

    ngx_memzero(&life, sizeof(ngx_acme_ca_audit_life_t));

    life.ca = ca;
    life.log = log;
    life.audit.actor = "server";
    life.audit.action = "reload";
    life.audit.refused = ACME_CA_AUDIT_FAILED;
    ngx_str_set(&life.audit.reason,
                "nginx refused the configuration, its error log says why; the "
                "one before it runs on");

    life.write.apply = ngx_acme_ca_audit_failed;

    (void) ngx_acme_ca_audit_life(&life, ACME_CA_STORE_MIGRATE);
}


static ngx_int_t
ngx_acme_ca_audit_failed(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_audit_life_t  *life = write->data;

    return acme_ca_store_audit_add(store, &life->audit, ngx_time());
}


/* the workers are gone */

void
ngx_acme_ca_audit_stopped(ngx_acme_ca_t *ca, ngx_log_t *log)
{
    ngx_int_t                 rc;
    ngx_acme_ca_audit_life_t  life;

    ngx_memzero(&life, sizeof(ngx_acme_ca_audit_life_t));

    life.pool = ngx_create_pool(1024, log);
    if (life.pool == NULL) {
        return;
    }

    life.ca = ca;
    life.log = log;
    life.last = ngx_acme_ca_audit_is_last();
    life.audit.actor = "server";
    life.audit.action = "stop";

    if (life.last) {
        ngx_str_set(&life.audit.details, "{\"last\":true}");

    } else {
        ngx_str_set(&life.audit.details, "{\"last\":false}");
    }

    life.write.apply = ngx_acme_ca_audit_stop;

    rc = ngx_acme_ca_audit_life(&life, ACME_CA_STORE_WRITE);

    if (rc != NGX_OK) {
        ca->audit.lines.len = 0;
    }

    ngx_acme_ca_audit_flush(ca);

    if (rc == NGX_OK) {
        ngx_acme_ca_audit_signed(ca, life.pool, &life.checkpoint);
    }

    ngx_destroy_pool(life.pool);
}


/* while the binary is upgraded there are two, the one is the other's parent */

static ngx_uint_t
ngx_acme_ca_audit_is_last(void)
{
    return ngx_new_binary <= 0
           && !(ngx_inherited && ngx_parent > 1
                && ngx_getppid() == ngx_parent);
}


static ngx_int_t
ngx_acme_ca_audit_stop(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_audit_life_t  *life = write->data;

    ngx_int_t  rc;

    ngx_acme_ca_audit_begin(life->ca, store, life->log);

    rc = acme_ca_store_audit_add(store, &life->audit, ngx_time());

    if (rc == NGX_OK && life->last) {
        rc = acme_ca_store_audit_set_start(store, NGX_ACME_CA_AUDIT_STOP);
    }

    if (rc == NGX_OK) {
        rc = ngx_acme_ca_audit_end(life->ca, store, life->log);
    }

    return (rc == NGX_OK) ? ngx_acme_ca_audit_sign(life->ca, store, life->pool,
                                                   ngx_time(),
                                                   &life->checkpoint)
                          : rc;
}


static ngx_int_t
ngx_acme_ca_audit_life(ngx_acme_ca_audit_life_t *life,
    acme_ca_store_mode_e mode)
{
    ngx_int_t         rc;
    acme_ca_store_t  *store;

    rc = NGX_ERROR;
    life->write.data = life;

    store = acme_ca_store_open(&life->ca->authority.database, mode, life->log);

    if (store != NULL) {
        acme_ca_store_set_patience(store, NGX_ACME_CA_AUDIT_PATIENCE);
        rc = ngx_acme_ca_write_now(&life->write, store);
        acme_ca_store_close(store);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, life->log, 0,
                      "acme_ca authority \"%V\": no row of the audit log tells "
                      "of this %s", &life->ca->authority.name,
                      life->audit.action);
    }

    return rc;
}
