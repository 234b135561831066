
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Orders, verdicts given by hand, finalization: what several tests of
 * protocol/ share.
 */


#ifndef _PROTOCOL_ORDER_H_INCLUDED_
#define _PROTOCOL_ORDER_H_INCLUDED_


#include "protocol_client.h"

#include <sqlite3.h>


#define NAME_A  "{\"type\":\"dns\",\"value\":\"a.example\"}"
#define NAME_B  "{\"type\":\"dns\",\"value\":\"b.example\"}"
#define ORDER(names)  "{\"identifiers\":[" names "]}"


/* what a client knows of its order */
typedef struct {
    char    *path;
    char    *finalize;
    char    *authz[4];
    char    *challenge[4];
    int      n;
} order_t;


helper void
order_free(order_t *o)
{
    int  i;

    free(o->path);
    free(o->finalize);

    for (i = 0; i < o->n; i++) {
        free(o->authz[i]);
        free(o->challenge[i]);
    }
}


helper void
order_new(client_t *by, const char *payload, order_t *o)
{
    int              i;
    acme_ca_json_t  *value;

    memset(o, 0, sizeof(order_t));

    POST(.by = by, .path = "new-order", .payload = payload);

    if (env.x->reply.status != 201) {
        ok(0, "ordered: %.*s", (int) env.x->reply.body.len,
           env.x->reply.body.data);
        return;
    }

    o->path = path_of(&env.x->reply.location);
    o->finalize = path_of(acme_ca_json_string(env.body, "finalize"));

    while (o->n < 4 && (value = element("authorizations", o->n)) != NULL) {
        o->authz[o->n++] = path_of(&value->text);
    }

    for (i = 0; i < o->n; i++) {
        POST(.by = by, .path = o->authz[i]);
        value = element("challenges", 0);
        o->challenge[i] = path_of(acme_ca_json_string(value, "url"));
    }
}


helper acme_ca_job_t
respond(client_t *by, order_t *o, int i)
{
    acme_ca_job_t  job;

    memset(&job, 0, sizeof(acme_ca_job_t));

    if (POST(.by = by, .path = o->challenge[i], .payload = "{}") == 200) {
        job.id = env.x->job_id;
        job.challenge_id = env.x->job.challenge_id;
        job.authz_id = env.x->job.authz_id;
        job.account_id = env.x->job.account_id;
        job.deadline_at = env.x->job.deadline_at;
    }

    ok(job.id != 0, "a job is left");

    return job;
}


helper void
verdict(acme_ca_job_t *job, acme_ca_problem_type_e type, ngx_int_t retry)
{
    ngx_int_t            rc;
    ngx_str_t            details = ngx_string("{\"tried\":[]}");
    acme_ca_ctx_t        ctx;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));
    ctx.pool = ngx_create_pool(1024, env.log);
    ctx.log = env.log;
    ctx.now = env.now;

    if (type != ACME_CA_PROBLEM_N) {
        acme_ca_refuse(&ctx, type, "it did not work");
    }

    acme_ca_store_begin(env.writer);

    rc = retry ? acme_ca_protocol_retry(&ctx, env.writer, job, ctx.problem,
                                        &details, env.now + 5)
               : acme_ca_protocol_verdict(&ctx, &env.authority, env.writer,
                                          job, ctx.problem, &details);

    acme_ca_store_commit(env.writer);

    is_int(rc, NGX_OK, "a verdict is written");

    ngx_destroy_pool(ctx.pool);
}


helper void
pass(client_t *by, order_t *o)
{
    int            i;
    acme_ca_job_t  job;

    for (i = 0; i < o->n; i++) {
        job = respond(by, o, i);
        verdict(&job, ACME_CA_PROBLEM_N, 0);
    }
}


helper ngx_uint_t
finalize(client_t *by, order_t *o, EVP_PKEY *key, const char *names)
{
    char        *csr, *payload;
    ngx_uint_t   status;

    csr = csr_new(key, names);
    payload = text_of("{\"csr\":\"%s\"}", csr);

    status = POST(.by = by, .path = o->finalize, .payload = payload);

    free(csr);
    free(payload);

    return status;
}


/* the certificate as revokeCert takes it; to be freed */

helper char *
issue(client_t *by, const char *payload, const char *names, EVP_PKEY *key,
    order_t *o)
{
    int      n;
    char    *path, *text;
    X509    *cert;
    u_char  *der;

    order_new(by, payload, o);

    POST(.by = by, .path = o->path);

    if (strcmp(member("status"), "pending") == 0) {
        pass(by, o);
    }

    is_int(finalize(by, o, key, names), 200, "finalized");

    path = path_of(acme_ca_json_string(env.body, "certificate"));
    POST(.by = by, .path = path);
    free(path);

    cert = pki_x509_pem(&env.x->reply.body);

    if (cert == NULL) {
        ok(0, "a certificate");
        return text_of("");
    }

    der = NULL;
    n = i2d_X509(cert, &der);
    text = base64url(der, n);
    OPENSSL_free(der);
    X509_free(cert);

    return text;
}


/* what one POST answers when memory is short, from the first byte to enough */

helper void
starve(const char *what, post_t *p, ngx_uint_t good)
{
    ngx_int_t   n;
    ngx_uint_t  status, odd;

    odd = 0;

    for (n = 0; n < 5000; n++) {
        env.fail_at = n;
        status = post(&env, p);

        /*
         * newAccount: made by an exchange that lacked memory afterwards; 503:
         * the CA's key could not be used
         */

        odd += (status != good && status != 500 && status != 503
                && (status != 201 || good != 200));

        if (env.fail_at == SHIM_NEVER) {
            break;
        }
    }

    env.fail_at = SHIM_NEVER;

    ok(odd == 0 && n < 5000, "%s: %d allocations", what, (int) n);
    is_int(env.x->reply.status, good, "%s: done in the end", what);
}


/* the first column of the first row, as a number */

helper long long
sql(const char *text)
{
    long long      n;
    sqlite3       *db;
    sqlite3_stmt  *stmt;

    n = -1;

    if (sqlite3_open_v2(env.file, &db, SQLITE_OPEN_READWRITE, NULL)
        == SQLITE_OK
        && sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK)
    {
        n = (sqlite3_step(stmt) == SQLITE_ROW) ? sqlite3_column_int64(stmt, 0)
                                               : 0;
        sqlite3_finalize(stmt);
    }

    sqlite3_close(db);

    return n;
}


#endif /* _PROTOCOL_ORDER_H_INCLUDED_ */
