
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The CA's own server certificate, so that the ACME endpoint has TLS before
 * there is a client: made by the master at the first start for the names of
 * base_url, renewed by whichever worker comes first after two thirds of its
 * life, picked up by the others from the database.
 */


#include "ngx_acme_ca.h"
#include "ngx_acme_ca_pool.h"

#include "acme_ca_leaf.h"
#include "acme_ca_policy.h"
#include "acme_ca_rotation.h"


#define NGX_ACME_CA_SERVER_NAMES  16


typedef struct {
    acme_ca_identifier_t   identifiers[NGX_ACME_CA_SERVER_NAMES];
    ngx_uint_t             n;
    ngx_str_t              text;      /* "dns:a ip:b", to tell a change by */
    const ngx_array_t     *constraints;
} ngx_acme_ca_server_names_t;


/* one that is being made */
typedef struct {
    ngx_acme_ca_write_t          write;
    ngx_acme_ca_t               *ca;
    acme_ca_ctx_t                ctx;
    ngx_acme_ca_server_names_t   names;
    acme_ca_issuer_t            *issuer;    /* who signed it */
    ngx_int_t                    rc;        /* of making it */
    acme_ca_certificate_t        cert;      /* der NULL: it is not needed */
    ngx_str_t                    chain;
    ngx_str_t                    key;
} ngx_acme_ca_server_t;


static void ngx_acme_ca_server_write(ngx_acme_ca_server_t *server);
static ngx_int_t ngx_acme_ca_server_list(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    ngx_acme_ca_server_names_t *names);
static void ngx_acme_ca_server_add(ngx_pool_t *pool, ngx_str_t *name,
    ngx_acme_ca_server_names_t *names);
static void ngx_acme_ca_server_host(ngx_str_t *url, ngx_str_t *host);
static ngx_int_t ngx_acme_ca_server_lasts(ngx_acme_ca_server_t *server,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_server_make(ngx_acme_ca_server_t *server,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_server_sign(ngx_acme_ca_server_t *server,
    EVP_PKEY *key);
static ngx_int_t ngx_acme_ca_server_record(ngx_acme_ca_server_t *server,
    acme_ca_store_t *store);
static void ngx_acme_ca_server_prepare(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static ngx_int_t ngx_acme_ca_server_apply(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_server_renewed(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


/* what workers do by ticks, at once; does nothing while the newest will do */

ngx_int_t
ngx_acme_ca_server_issue(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_log_t *log, time_t now)
{
    ngx_acme_ca_server_t  *server;

    server = ngx_pcalloc(pool, sizeof(ngx_acme_ca_server_t));

    if (server == NULL
        || ngx_acme_ca_server_list(ca, pool, &server->names) != NGX_OK)
    {
        return NGX_ERROR;
    }

    server->ca = ca;
    server->ctx.pool = pool;
    server->ctx.log = log;
    server->ctx.now = now;

    ngx_acme_ca_server_write(server);

    return ngx_acme_ca_write_now(&server->write, store);
}


static void
ngx_acme_ca_server_write(ngx_acme_ca_server_t *server)
{
    server->write.apart = 1;
    server->write.prepare = ngx_acme_ca_server_prepare;
    server->write.apply = ngx_acme_ca_server_apply;
    server->write.done = ngx_acme_ca_server_renewed;
    server->write.data = server;
}


/*
 * The host of base_url.  Without one nobody knows what clients will call us:
 * the names of the servers around, the machine's, and the loopback's.
 */

static ngx_int_t
ngx_acme_ca_server_list(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    ngx_acme_ca_server_names_t *names)
{
    u_char                *p, *last;
    ngx_str_t              host, *name;
    ngx_uint_t             i;
    acme_ca_issuer_t      *issuer;
    acme_ca_identifier_t  *id;

    static ngx_str_t  loopback[] = {
        ngx_string("localhost"),
        ngx_string("127.0.0.1"),
        ngx_string("::1")
    };

    ngx_memzero(names, sizeof(ngx_acme_ca_server_names_t));

    issuer = ca->authority.issuer;

    if (issuer != NULL) {
        names->constraints = issuer->constraints;
    }

    if (ca->authority.base_url.len != 0) {
        ngx_acme_ca_server_host(&ca->authority.base_url, &host);
        ngx_acme_ca_server_add(pool, &host, names);

    } else {

        if (ca->server_names != NULL) {
            name = ca->server_names->elts;

            for (i = 0; i < ca->server_names->nelts; i++) {
                ngx_acme_ca_server_add(pool, &name[i], names);
            }
        }

        ngx_acme_ca_server_add(pool, &ca->hostname, names);

        for (i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
            ngx_acme_ca_server_add(pool, &loopback[i], names);
        }
    }

    if (names->n == 0) {

        /* a base_url whose host no certificate can name; or none at all */

        names->constraints = NULL;
        ngx_acme_ca_server_add(pool, &loopback[0], names);
    }

    names->text.data = ngx_pnalloc(pool, NGX_ACME_CA_SERVER_NAMES * 260);
    if (names->text.data == NULL) {
        return NGX_ERROR;
    }

    p = names->text.data;
    last = p + NGX_ACME_CA_SERVER_NAMES * 260;

    for (i = 0; i < names->n; i++) {
        id = &names->identifiers[i];

        p = ngx_slprintf(p, last, "%s%V:%V", (i != 0) ? " " : "",
                         &acme_ca_identifier_types[id->type], &id->value);
    }

    names->text.len = p - names->text.data;

    return NGX_OK;
}


/*
 * What is no name for a certificate of this CA, or is there already, is passed
 * over.
 */

static void
ngx_acme_ca_server_add(ngx_pool_t *pool, ngx_str_t *name,
    ngx_acme_ca_server_names_t *names)
{
    ngx_uint_t             i;
    acme_ca_identifier_t  *id;

    if (names->n == NGX_ACME_CA_SERVER_NAMES || name->len == 0) {
        return;
    }

    id = &names->identifiers[names->n];

    if (acme_ca_identifier_from_text(pool, name, id) != NGX_OK
        && (acme_ca_identifier_from_dns(pool, name->data, name->len, id)
            != NGX_OK
            || id->wildcard))
    {
        return;
    }

    if (acme_ca_policy_is_constrained(names->constraints, id)) {
        return;
    }

    for (i = 0; i < names->n; i++) {
        if (acme_ca_identifier_cmp(&names->identifiers[i], id) == 0) {
            return;
        }
    }

    names->n++;
}


static void
ngx_acme_ca_server_host(ngx_str_t *url, ngx_str_t *host)
{
    u_char  *p, *last;

    last = url->data + url->len;
    p = ngx_strlchr(url->data, last, ':');

    ngx_str_null(host);

    if (p == NULL || last - p < 3) {
        return;
    }

    p += sizeof("://") - 1;

    if (p < last && *p == '[') {
        host->data = p + 1;
        p = ngx_strlchr(p, last, ']');
        host->len = (p == NULL) ? 0 : (size_t) (p - host->data);
        return;
    }

    host->data = p;

    while (p < last && *p != ':' && *p != '/') {
        p++;
    }

    host->len = p - host->data;
}


/* NGX_OK: the newest one will do; NGX_DECLINED: it will not */

static ngx_int_t
ngx_acme_ca_server_lasts(ngx_acme_ca_server_t *server, acme_ca_store_t *store)
{
    time_t     not_before, not_after;
    int64_t    id;
    ngx_int_t  rc;
    ngx_str_t  names, chain, key;

    rc = acme_ca_store_server_find(store, server->ctx.pool, &id, &names,
                                   &chain, &key, &not_before, &not_after);
    if (rc != NGX_OK) {
        return rc;
    }

    return (acme_ca_str_eq(&names, &server->names.text)
            && server->ctx.now
               < acme_ca_issuer_renew_at(server->ca->authority.issuer,
                                         not_before, not_after,
                                         server->ctx.now))
           ? NGX_OK : NGX_DECLINED;
}


/* outside of a transaction: the key of the issuer may take its time */

static ngx_int_t
ngx_acme_ca_server_make(ngx_acme_ca_server_t *server, acme_ca_store_t *store)
{
    EVP_PKEY   *key;
    ngx_int_t   rc;

    rc = ngx_acme_ca_server_lasts(server, store);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* without an issuer there is nothing to be made */

    rc = acme_ca_rotation_find(&server->ca->authority, store,
                               &server->issuer);
    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    key = acme_ca_key_new(server->ctx.log);
    if (key == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_acme_ca_server_sign(server, key);

    EVP_PKEY_free(key);

    return rc;
}


static ngx_int_t
ngx_acme_ca_server_sign(ngx_acme_ca_server_t *server, EVP_PKEY *key)
{
    ngx_str_t           pem;
    acme_ca_csr_t      *csr;
    acme_ca_ctx_t      *ctx;
    acme_ca_leaf_t      leaf;
    acme_ca_profile_t   profile;

    ctx = &server->ctx;

    ngx_memzero(&leaf, sizeof(acme_ca_leaf_t));

    profile = *server->ca->authority.default_profile;
    profile.eku = ACME_CA_EKU_SERVER;
    profile.key_types = ACME_CA_KEY_ANY;
    profile.must_staple = ACME_CA_STAPLE_OFF;

    leaf.issuer = server->issuer;
    leaf.profile = &profile;
    leaf.identifiers = server->names.identifiers;
    leaf.n = server->names.n;

    if (acme_ca_csr_from_key(ctx, key, &csr) != NGX_OK) {
        return NGX_ERROR;
    }

    leaf.csr = csr;

    if (acme_ca_leaf_sign(ctx, &leaf, &server->cert) != NGX_OK
        || acme_ca_pem_write(ctx->pool, &server->cert.der, &pem) != NGX_OK
        || acme_ca_key_write(ctx->pool, key, &server->key) != NGX_OK
        || acme_ca_format(ctx->pool, &server->chain,
                          pem.len + server->issuer->chain.len + 1, "%V%V",
                          &pem, &server->issuer->chain)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    server->cert.issuer_id = server->issuer->id;
    server->cert.created_at = ctx->now;

    return NGX_OK;
}


/*
 * In a transaction.  If another was faster, or another issuer has become
 * active, this one is nobody's: the next tick sees what is to be done.
 */

static ngx_int_t
ngx_acme_ca_server_record(ngx_acme_ca_server_t *server, acme_ca_store_t *store)
{
    ngx_int_t               rc;
    acme_ca_audit_t         audit;
    acme_ca_issuer_t       *issuer;
    acme_ca_certificate_t  *cert;

    cert = &server->cert;

    rc = ngx_acme_ca_server_lasts(server, store);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = acme_ca_rotation_find(&server->ca->authority, store, &issuer);

    if (rc == NGX_DECLINED || (rc == NGX_OK && issuer != server->issuer)) {
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_certificate_add(store, cert);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_server_add(store, cert->id, &server->names.text,
                                      &server->chain, &server->key,
                                      cert->not_before, cert->not_after);
    }

    if (rc == NGX_OK) {
        ngx_memzero(&audit, sizeof(acme_ca_audit_t));

        audit.action = "issue-server";
        audit.actor = "server";
        audit.certificate_id = cert->id;

        rc = acme_ca_store_audit_add(store, &audit, server->ctx.now);
    }

    return rc;
}


/* a worker's view of the newest certificate, by the reader */

void
ngx_acme_ca_server_load(ngx_acme_ca_t *ca)
{
    time_t       not_before, not_after;
    int64_t      id;
    ngx_int_t    rc;
    ngx_str_t    names, chain, key, certificate_text, key_text;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    rc = acme_ca_store_server_find(ca->reader, pool, &id, &names, &chain, &key,
                                   &not_before, &not_after);

    /* the one that is presented was revoked */

    if (rc == NGX_DECLINED) {
        ca->server_renew_at = 0;

    } else if (rc == NGX_OK) {
        ca->server_renew_at = acme_ca_issuer_renew_at(ca->authority.issuer,
                                                      not_before, not_after,
                                                      ngx_time());
    }

    if (rc != NGX_OK
        || id == ca->server_id
        || acme_ca_format(pool, &certificate_text, chain.len + 8, "data:%V",
                          &chain)
           != NGX_OK
        || acme_ca_format(pool, &key_text, key.len + 8, "data:%V", &key)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return;
    }

    if (ca->server_pool != NULL) {
        ngx_destroy_pool(ca->server_pool);
    }

    ca->server_pool = pool;
    ca->server_id = id;
    ca->server_certificate = certificate_text;
    ca->server_key = key_text;
    ca->server_not_after = not_after;
}


void
ngx_acme_ca_server_tick(ngx_acme_ca_t *ca)
{
    ngx_pool_t            *pool;
    ngx_acme_ca_server_t  *server;

    ngx_acme_ca_server_load(ca);

    if (ca->renewing || ngx_exiting || ngx_time() < ca->server_renew_at
        || ca->authority.issuer == NULL
        || ca->authority.issuer->not_after <= ngx_time())
    {
        return;
    }

    server = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_server_t), &pool);
    if (server == NULL) {
        return;
    }

    if (ngx_acme_ca_server_list(ca, pool, &server->names) != NGX_OK) {
        ngx_destroy_pool(pool);
        return;
    }

    server->ca = ca;
    server->ctx.pool = pool;
    server->ctx.log = pool->log;
    server->ctx.now = ngx_time();

    ngx_acme_ca_server_write(server);

    ca->renewing = 1;

    ngx_acme_ca_write_add(ca, &server->write);
}


static void
ngx_acme_ca_server_prepare(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_server_t  *server = write->data;

    server->rc = ngx_acme_ca_server_make(server, store);
}


static ngx_int_t
ngx_acme_ca_server_apply(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_server_t  *server = write->data;

    if (server->rc != NGX_OK) {
        return NGX_ERROR;
    }

    return (server->cert.der.data != NULL)
           ? ngx_acme_ca_server_record(server, store) : NGX_OK;
}


static void
ngx_acme_ca_server_renewed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_server_t  *server = write->data;

    ngx_acme_ca_t  *ca;

    ca = server->ca;
    ca->renewing = 0;

    ngx_destroy_pool(server->ctx.pool);

    if (rc == NGX_OK) {
        ngx_acme_ca_server_load(ca);
    }
}
