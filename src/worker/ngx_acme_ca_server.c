
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


typedef struct {
    ngx_acme_ca_write_t    write;
    ngx_acme_ca_t         *ca;
    ngx_pool_t            *pool;
    time_t                 now;
} ngx_acme_ca_server_renewal_t;


static ngx_int_t ngx_acme_ca_server_list(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    ngx_acme_ca_server_names_t *names);
static void ngx_acme_ca_server_add(ngx_pool_t *pool, ngx_str_t *name,
    ngx_acme_ca_server_names_t *names);
static void ngx_acme_ca_server_host(ngx_str_t *url, ngx_str_t *host);
static ngx_int_t ngx_acme_ca_server_record(ngx_acme_ca_t *ca,
    acme_ca_store_t *store, acme_ca_ctx_t *ctx,
    ngx_acme_ca_server_names_t *names);
static time_t ngx_acme_ca_server_due(time_t not_before, time_t not_after);
static ngx_int_t ngx_acme_ca_server_renew(ngx_acme_ca_write_t *write,
    acme_ca_store_t *store);
static void ngx_acme_ca_server_renewed(ngx_acme_ca_write_t *write,
    ngx_int_t rc);


/* in a transaction of the caller; does nothing while the newest one will do */

ngx_int_t
ngx_acme_ca_server_issue(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_log_t *log, time_t now)
{
    time_t                      not_before, not_after;
    int64_t                     id;
    ngx_int_t                   rc;
    ngx_str_t                   text, chain, key;
    acme_ca_ctx_t               ctx;
    ngx_acme_ca_server_names_t  names;

    if (ngx_acme_ca_server_list(ca, pool, &names) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = acme_ca_store_server_find(store, pool, &id, &text, &chain, &key,
                                   &not_before, &not_after);

    if (rc == NGX_OK
        && acme_ca_str_eq(&text, &names.text)
        && now < ngx_acme_ca_server_due(not_before, not_after))
    {
        return NGX_OK;
    }

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));

    ctx.pool = pool;
    ctx.log = log;
    ctx.now = now;

    return ngx_acme_ca_server_record(ca, store, &ctx, &names);
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

    /* once: on the store thread, and the event loop may change it */

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


static ngx_int_t
ngx_acme_ca_server_record(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    acme_ca_ctx_t *ctx, ngx_acme_ca_server_names_t *names)
{
    EVP_PKEY               *key;
    ngx_int_t               rc;
    ngx_str_t               pem, chain, key_pem;
    acme_ca_csr_t          *csr;
    acme_ca_leaf_t          leaf;
    acme_ca_audit_t         audit;
    acme_ca_issuer_t       *issuer;
    acme_ca_profile_t       profile;
    acme_ca_certificate_t   cert;

    ngx_memzero(&leaf, sizeof(acme_ca_leaf_t));
    ngx_memzero(&cert, sizeof(acme_ca_certificate_t));
    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    rc = acme_ca_rotation_find(&ca->authority, store, &issuer);
    if (rc != NGX_OK) {
        return rc;
    }

    profile = *ca->authority.default_profile;
    profile.eku = ACME_CA_EKU_SERVER;
    profile.key_types = ACME_CA_KEY_ANY;
    profile.must_staple = ACME_CA_STAPLE_OFF;

    leaf.issuer = issuer;
    leaf.profile = &profile;
    leaf.identifiers = names->identifiers;
    leaf.n = names->n;

    key = acme_ca_key_new(ctx->log);
    if (key == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (acme_ca_csr_from_key(ctx, key, &csr) != NGX_OK) {
        goto done;
    }

    leaf.csr = csr;

    if (acme_ca_leaf_sign(ctx, &leaf, &cert) != NGX_OK
        || acme_ca_pem_write(ctx->pool, &cert.der, &pem) != NGX_OK
        || acme_ca_key_write(ctx->pool, key, &key_pem) != NGX_OK
        || acme_ca_format(ctx->pool, &chain, pem.len + issuer->chain.len + 1,
                          "%V%V", &pem, &issuer->chain)
           != NGX_OK)
    {
        goto done;
    }

    cert.issuer_id = issuer->id;
    cert.created_at = ctx->now;

    rc = acme_ca_store_certificate_add(store, &cert);

    if (rc == NGX_OK) {
        rc = acme_ca_store_server_add(store, cert.id, &names->text, &chain,
                                      &key_pem, cert.not_before,
                                      cert.not_after);
    }

    if (rc == NGX_OK) {
        audit.action = "issue-server";
        audit.actor = "server";
        audit.certificate_id = cert.id;

        rc = acme_ca_store_audit_add(store, &audit, ctx->now);
    }

done:

    EVP_PKEY_free(key);

    return rc;
}


static time_t
ngx_acme_ca_server_due(time_t not_before, time_t not_after)
{
    return not_after - (not_after - not_before) / 3;
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
    ca->server_renew_at = ngx_acme_ca_server_due(not_before, not_after);
}


void
ngx_acme_ca_server_tick(ngx_acme_ca_t *ca)
{
    ngx_pool_t                    *pool;
    ngx_acme_ca_server_renewal_t  *renewal;

    ngx_acme_ca_server_load(ca);

    if (ca->renewing || ngx_time() < ca->server_renew_at
        || ca->authority.issuer == NULL)
    {
        return;
    }

    renewal = ngx_acme_ca_pool_thing(sizeof(ngx_acme_ca_server_renewal_t),
                                     &pool);
    if (renewal == NULL) {
        return;
    }

    renewal->ca = ca;
    renewal->pool = pool;
    renewal->now = ngx_time();
    renewal->write.apply = ngx_acme_ca_server_renew;
    renewal->write.done = ngx_acme_ca_server_renewed;
    renewal->write.data = renewal;

    ca->renewing = 1;

    ngx_acme_ca_write_add(ca, &renewal->write);
}


static ngx_int_t
ngx_acme_ca_server_renew(ngx_acme_ca_write_t *write, acme_ca_store_t *store)
{
    ngx_acme_ca_server_renewal_t  *renewal = write->data;

    return ngx_acme_ca_server_issue(renewal->ca, store, renewal->pool,
                                    renewal->pool->log, renewal->now);
}


static void
ngx_acme_ca_server_renewed(ngx_acme_ca_write_t *write, ngx_int_t rc)
{
    ngx_acme_ca_server_renewal_t  *renewal = write->data;

    ngx_acme_ca_t  *ca;

    ca = renewal->ca;
    ca->renewing = 0;

    ngx_destroy_pool(renewal->pool);

    if (rc == NGX_OK) {
        ngx_acme_ca_server_load(ca);
    }
}
