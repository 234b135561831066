
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The audit log of a worker: its part of the store task, lines for a file or
 * syslog, and checkpoints.  The database is what counts: lines of a worker that
 * is killed between commit and write are missing in the file.
 */


#include "ngx_acme_ca.h"
#include "ngx_acme_ca_pool.h"
#include "acme_ca_seal.h"


/* rows of the operator's tool that a batch chains beside its own */
#define NGX_ACME_CA_AUDIT_CHAIN    1000

#define NGX_ACME_CA_AUDIT_PAUSE    10      /* seconds after a failure */
#define NGX_ACME_CA_AUDIT_COMPLAIN 60


typedef struct {
    ngx_acme_ca_write_t         write;
    ngx_acme_ca_t              *ca;
    ngx_pool_t                 *pool;
    acme_ca_audit_checkpoint_t  checkpoint;
    unsigned                    added:1;
} ngx_acme_ca_checkpoint_t;


static ngx_uint_t ngx_acme_ca_audit_has_log(ngx_acme_ca_t *ca);
static void ngx_acme_ca_audit_file(ngx_acme_ca_t *ca, ngx_str_t *text);
static void ngx_acme_ca_audit_syslog(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    ngx_str_t *text);
static ngx_uint_t ngx_acme_ca_audit_is_due(ngx_acme_ca_t *ca,
    acme_ca_audit_state_t *state);
static void ngx_acme_ca_checkpoint_start(ngx_acme_ca_t *ca);
static ngx_int_t ngx_acme_ca_checkpoint_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_checkpoint_done(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


static ngx_uint_t
ngx_acme_ca_audit_has_log(ngx_acme_ca_t *ca)
{
    return ca->audit.file != NULL || ca->audit.syslog != NULL;
}


/* whose lines cannot be written stands in the log of the database still */

void
ngx_acme_ca_audit_begin(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_log_t *log)
{
    if (!ngx_acme_ca_audit_has_log(ca)) {
        return;
    }

    ca->audit.pool = ngx_create_pool(4096, log);

    if (ca->audit.pool != NULL) {
        acme_ca_store_audit_watch(store, ca->audit.pool,
                                  &ca->authority.name);
    }
}


ngx_int_t
ngx_acme_ca_audit_end(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_log_t *log)
{
    ngx_int_t  rc;

    rc = acme_ca_store_audit_chain(store, NGX_ACME_CA_AUDIT_CHAIN);

    if (rc != NGX_OK || !ngx_acme_ca_audit_has_log(ca)) {
        return rc;
    }

    if (ca->audit.pool == NULL
        || acme_ca_store_audit_join(store, &ca->audit.lines) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "acme_ca authority \"%V\": no memory, some audit rows "
                      "are not in the log", &ca->authority.name);
    }

    return NGX_OK;
}


void
ngx_acme_ca_audit_flush(ngx_acme_ca_t *ca)
{
    if (ca->audit.pool == NULL) {
        return;
    }

    if (ca->audit.lines.len != 0) {
        ngx_acme_ca_audit_file(ca, &ca->audit.lines);
        ngx_acme_ca_audit_syslog(ca, ca->audit.pool, &ca->audit.lines);
    }

    ngx_destroy_pool(ca->audit.pool);

    ca->audit.pool = NULL;
    ca->audit.lines.len = 0;
}


static void
ngx_acme_ca_audit_file(ngx_acme_ca_t *ca, ngx_str_t *text)
{
    ssize_t  n;

    if (ca->audit.file == NULL || ca->audit.file->fd == NGX_INVALID_FILE) {
        return;
    }

    n = ngx_write_fd(ca->audit.file->fd, text->data, text->len);

    if (n == (ssize_t) text->len
        || ngx_time() - ca->audit.complained_at < NGX_ACME_CA_AUDIT_COMPLAIN)
    {
        return;
    }

    ca->audit.complained_at = ngx_time();

    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, (n == -1) ? ngx_errno : 0,
                  "acme_ca authority \"%V\": cannot write to \"%V\"",
                  &ca->authority.name, &ca->audit.file->name);
}


static void
ngx_acme_ca_audit_syslog(ngx_acme_ca_t *ca, ngx_pool_t *pool, ngx_str_t *text)
{
    u_char             *p, *line, *end, *last, *buf;
    ngx_syslog_peer_t  *peer;

    peer = ca->audit.syslog;
    if (peer == NULL) {
        return;
    }

    buf = ngx_pnalloc(pool, sizeof("<255>Jan 01 00:00:00 ") + 4
                            + ngx_cycle->hostname.len + peer->tag.len
                            + text->len);
    if (buf == NULL) {
        return;
    }

    last = text->data + text->len;

    for (line = text->data; line < last; line = end + 1) {
        end = ngx_strlchr(line, last, '\n');

        p = ngx_syslog_add_header(peer, buf);
        p = ngx_cpymem(p, line, end - line);

        if (ngx_syslog_send(peer, buf, p - buf) < 0
            && ngx_time() - ca->audit.complained_at
               >= NGX_ACME_CA_AUDIT_COMPLAIN)
        {
            ca->audit.complained_at = ngx_time();

            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "acme_ca authority \"%V\": no syslog for audit rows",
                          &ca->authority.name);
        }
    }
}


/* chains what others added while nobody wrote here, and signs */

void
ngx_acme_ca_audit_tick(ngx_acme_ca_t *ca)
{
    acme_ca_audit_state_t  state;

    if (ca->audit.busy || ngx_time() < ca->audit.retry_at
        || acme_ca_store_audit_get_state(ca->reader, &state) != NGX_OK)
    {
        return;
    }

    if (state.chained != state.last || ngx_acme_ca_audit_is_due(ca, &state)) {
        ngx_acme_ca_checkpoint_start(ca);
    }
}


static ngx_uint_t
ngx_acme_ca_audit_is_due(ngx_acme_ca_t *ca, acme_ca_audit_state_t *state)
{
    if (ca->audit.key == NULL || state->last == state->checkpoint) {
        return 0;
    }

    return state->last - state->checkpoint >= ca->audit.rows
           || ngx_time() - state->checkpoint_at >= ca->audit.interval;
}


static void
ngx_acme_ca_checkpoint_start(ngx_acme_ca_t *ca)
{
    ngx_pool_t                *pool;
    ngx_acme_ca_checkpoint_t  *job;

    job = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_checkpoint_t), &pool);
    if (job == NULL) {
        return;
    }

    job->ca = ca;
    job->pool = pool;
    job->checkpoint.at = ngx_time();
    job->write.apply = ngx_acme_ca_checkpoint_apply;
    job->write.done = ngx_acme_ca_checkpoint_done;
    job->write.data = job;

    ca->audit.busy = 1;

    ngx_acme_ca_write_add(ca, &job->write);
}


/* another worker may have been here since the event loop looked */

static ngx_int_t
ngx_acme_ca_checkpoint_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store)
{
    ngx_acme_ca_checkpoint_t *job = write->data;

    ngx_int_t               rc;
    acme_ca_audit_state_t   state;

    rc = acme_ca_store_audit_chain(store, NGX_ACME_CA_AUDIT_CHAIN);

    if (rc == NGX_OK) {
        rc = acme_ca_store_audit_get_state(store, &state);
    }

    if (rc != NGX_OK || !ngx_acme_ca_audit_is_due(job->ca, &state)) {
        return rc;
    }

    rc = ngx_acme_ca_audit_sign(job->ca, store, job->pool, job->checkpoint.at,
                                &job->checkpoint);
    job->added = (rc == NGX_OK);

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


ngx_int_t
ngx_acme_ca_audit_sign(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_pool_t *pool, time_t now, acme_ca_audit_checkpoint_t *checkpoint)
{
    ngx_int_t  rc;

    rc = acme_ca_store_audit_find_end(store, pool, now, checkpoint);

    if (rc == NGX_OK) {
        ngx_memcpy(checkpoint->key_id, ca->audit.key_id, ACME_CA_SHA256_LEN);

        rc = acme_ca_seal_sign(pool, ca->audit.key, &checkpoint->text,
                               &checkpoint->signature);
    }

    return (rc == NGX_OK) ? acme_ca_store_audit_add_checkpoint(store,
                                                               checkpoint)
                          : rc;
}


static void
ngx_acme_ca_checkpoint_done(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_checkpoint_t *job = write->data;

    job->ca->audit.busy = 0;

    if (rc != NGX_OK) {
        job->ca->audit.retry_at = ngx_time() + NGX_ACME_CA_AUDIT_PAUSE;

    } else if (job->added) {
        ngx_acme_ca_audit_signed(job->ca, job->pool, &job->checkpoint);
    }

    ngx_destroy_pool(job->pool);
}


/* its line */

void
ngx_acme_ca_audit_signed(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    acme_ca_audit_checkpoint_t *checkpoint)
{
    u_char      *last, at[ACME_CA_RFC3339_LEN];
    ngx_str_t    line, signature, id, hash;

    last = acme_ca_rfc3339_write(at, checkpoint->at);

    if (acme_ca_hex(pool, checkpoint->hash, ACME_CA_SHA256_LEN, &hash)
        != NGX_OK
        || acme_ca_hex(pool, checkpoint->signature.data,
                       checkpoint->signature.len, &signature)
           != NGX_OK
        || acme_ca_hex(pool, checkpoint->key_id, ACME_CA_SHA256_LEN, &id)
           != NGX_OK)
    {
        return;
    }

    if (ngx_acme_ca_audit_has_log(ca)
        && acme_ca_format(pool, &line, 1024,
                          "{\"authority\":\"%V\",\"checkpoint\":%L,"
                          "\"at\":\"%*s\",\"hash\":\"%V\",\"key\":\"%V\","
                          "\"signature\":\"%V\"}\n",
                          &ca->authority.name, checkpoint->id, last - at, at,
                          &hash, &id, &signature)
           == NGX_OK)
    {
        ngx_acme_ca_audit_file(ca, &line);
        ngx_acme_ca_audit_syslog(ca, pool, &line);
    }
}
