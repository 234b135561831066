
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * An authority on a temporary file and ACME clients without a network: what
 * the tests of protocol/ share.  perform() does what the worker does with an
 * exchange; post() signs and performs; the last exchange stays readable in
 * env.x until the next one.
 */


#ifndef _PROTOCOL_CLIENT_H_INCLUDED_
#define _PROTOCOL_CLIENT_H_INCLUDED_


#include "acme_ca_protocol_private.h"
#include "acme_ca_store_issuer.h"
#include "pki.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>


/* not every test calls each of them */
#define helper    __attribute__((unused)) static

#define BASE      "https://ca.example/acme/"
#define NOW       1800000000
#define NONCES    1024
#define LIFETIME  3600


typedef struct {
    acme_ca_authority_t    authority;
    acme_ca_profile_t      profiles[2];
    ngx_pool_t            *pool;
    ngx_log_t             *log;
    void                  *zone;
    acme_ca_nonces_t      *nonces;
    acme_ca_keys_t        *keys;
    acme_ca_store_t       *reader;
    acme_ca_store_t       *writer;
    EVP_PKEY              *issuer_key;
    time_t                 now;
    const char            *address;        /* of the client */
    ngx_int_t              fail_at;        /* an allocation of the next one */
    ngx_int_t              start_rc;
    acme_ca_exchange_t    *x;
    acme_ca_json_t        *body;           /* of the last reply, or NULL */
    char                   dir[64];
    char                   file[80];
} env_t;


typedef struct {
    EVP_PKEY    *key;
    const char  *alg;
    char         jwk[2048];
    char         kid[128];
} client_t;


typedef struct {
    client_t    *by;
    int          jwk;          /* signed by jwk instead of kid */
    const char  *path;         /* below BASE */
    const char  *query;
    const char  *payload;      /* "": POST-as-GET */
    /* what is not to be right */
    const char  *url;
    const char  *nonce;        /* "": none */
    const char  *alg;
    const char  *kid;
    const char  *type;         /* of the content */
    const char  *body;         /* instead of a JWS */
    int          forged;       /* the signature is not one */
} post_t;

#define POST(...)  post(&env, &(post_t) { __VA_ARGS__ })


static env_t  env;


helper char *
text_of(const char *fmt, ...)
{
    char     *text;
    va_list   args;

    va_start(args, fmt);

    if (vasprintf(&text, fmt, args) < 0) {
        abort();
    }

    va_end(args);

    return text;
}


helper char *
base64url(const void *src, size_t n)
{
    char    *text;
    u_char  *last;

    text = malloc(acme_ca_base64url_len(n) + 1);
    last = acme_ca_base64url_write((u_char *) text, src, n);
    *last = '\0';

    return text;
}


/* keys and signatures */

helper EVP_PKEY *
key_new(const char *type)
{
    EVP_PKEY  *key;

    key = strcmp(type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
                                                       (size_t) 2048)
          : strcmp(type, "ED25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, type)
          : EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);

    if (key == NULL) {
        abort();
    }

    return key;
}


helper char *
key_number(EVP_PKEY *key, const char *name, int len)
{
    u_char   buf[1024];
    BIGNUM  *bn;

    bn = NULL;

    if (EVP_PKEY_get_bn_param(key, name, &bn) != 1) {
        abort();
    }

    len = len ? len : BN_num_bytes(bn);

    BN_bn2binpad(bn, buf, len);
    BN_free(bn);

    return base64url(buf, len);
}


helper void
client_new(client_t *c, const char *type)
{
    char    *a, *b;
    u_char   raw[32];
    size_t   n;

    memset(c, 0, sizeof(client_t));

    c->key = key_new(type);

    if (strcmp(type, "RSA") == 0) {
        c->alg = "RS256";
        a = key_number(c->key, OSSL_PKEY_PARAM_RSA_N, 0);
        b = key_number(c->key, OSSL_PKEY_PARAM_RSA_E, 0);
        snprintf(c->jwk, sizeof(c->jwk),
                 "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", b, a);

    } else if (strcmp(type, "ED25519") == 0) {
        c->alg = "EdDSA";
        n = sizeof(raw);
        EVP_PKEY_get_raw_public_key(c->key, raw, &n);
        a = base64url(raw, n);
        b = NULL;
        snprintf(c->jwk, sizeof(c->jwk),
                 "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", a);

    } else {
        c->alg = "ES256";
        a = key_number(c->key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
        b = key_number(c->key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
        snprintf(c->jwk, sizeof(c->jwk), "{\"crv\":\"P-256\",\"kty\":\"EC\","
                 "\"x\":\"%s\",\"y\":\"%s\"}", a, b);
    }

    free(a);
    free(b);
}


helper void
client_free(client_t *c)
{
    EVP_PKEY_free(c->key);
}


helper char *
signature(client_t *c, const char *input)
{
    size_t         n;
    u_char         der[1024], raw[64];
    ECDSA_SIG     *sig;
    EVP_MD_CTX    *md;
    const u_char  *p;

    n = sizeof(der);
    md = EVP_MD_CTX_new();

    if (EVP_DigestSignInit(md, NULL, strcmp(c->alg, "EdDSA") ? EVP_sha256()
                                                             : NULL,
                           NULL, c->key)
        != 1
        || EVP_DigestSign(md, der, &n, (u_char *) input, strlen(input)) != 1)
    {
        abort();
    }

    EVP_MD_CTX_free(md);

    if (strcmp(c->alg, "ES256") != 0) {
        return base64url(der, n);
    }

    p = der;
    sig = d2i_ECDSA_SIG(NULL, &p, n);

    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);

    return base64url(raw, sizeof(raw));
}


/* a flattened JWS; nonce NULL: without */

helper char *
jws_new(client_t *c, const char *alg, const char *kid, const char *nonce,
    const char *url, const char *payload)
{
    char  *head, *protected, *body, *input, *sig, *jws, *by, *once;

    by = kid ? text_of("\"kid\":\"%s\"", kid) : text_of("\"jwk\":%s", c->jwk);
    once = nonce ? text_of("\"nonce\":\"%s\",", nonce) : text_of("");

    head = text_of("{\"alg\":\"%s\",%s%s,\"url\":\"%s\"}", alg ? alg : c->alg,
                   once, by, url);

    protected = base64url(head, strlen(head));
    body = base64url(payload, strlen(payload));
    input = text_of("%s.%s", protected, body);
    sig = signature(c, input);

    jws = text_of("{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":"
                  "\"%s\"}", protected, body, sig);

    free(by);
    free(once);
    free(head);
    free(protected);
    free(body);
    free(input);
    free(sig);

    return jws;
}


/* a request for a list like "DNS:a.example,DNS:b.example", as base64url */

helper char *
csr_new(EVP_PKEY *key, const char *names)
{
    int                        n;
    char                      *text;
    u_char                    *der;
    X509_REQ                  *req;
    X509_EXTENSION            *san;
    STACK_OF(X509_EXTENSION)  *exts;

    req = X509_REQ_new();
    X509_REQ_set_pubkey(req, key);

    san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    exts = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(exts, san);
    X509_REQ_add_extensions(req, exts);
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);

    X509_REQ_sign(req, key, EVP_PKEY_id(key) == EVP_PKEY_ED25519
                            ? NULL : EVP_sha256());

    der = NULL;
    n = i2d_X509_REQ(req, &der);
    text = base64url(der, n);

    OPENSSL_free(der);
    X509_REQ_free(req);

    return text;
}


/* the authority */

helper void
env_issuer(void)
{
    ngx_str_t             error, chain, name = ngx_string("Test");
    acme_ca_ctx_t         ctx;
    acme_ca_hierarchy_t   h;

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));
    ctx.pool = env.pool;
    ctx.log = env.log;
    ctx.now = NOW - 3600;

    if (acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h) != NGX_OK) {
        abort();
    }

    env.issuer_key = pki_key_pem(&h.key);

    chain.data = ngx_pnalloc(env.pool, h.certificate.len
                                       + h.root_certificate.len);
    chain.len = h.certificate.len + h.root_certificate.len;
    ngx_memcpy(chain.data, h.certificate.data, h.certificate.len);
    ngx_memcpy(chain.data + h.certificate.len, h.root_certificate.data,
               h.root_certificate.len);

    if (acme_ca_issuer_load(env.pool, &chain, env.issuer_key, NOW,
                            &env.authority.issuer, &error)
        != NGX_OK
        || ngx_array_init(&env.authority.issuers, env.pool, 1,
                          sizeof(acme_ca_issuer_t *))
           != NGX_OK)
    {
        abort();
    }

    env.authority.issuer->candidate = 1;
    *(acme_ca_issuer_t **) ngx_array_push(&env.authority.issuers)
        = env.authority.issuer;
}


helper void
env_authority(void)
{
    acme_ca_authority_t  *a;

    a = &env.authority;

    ngx_str_set(&a->name, "test");
    ngx_str_set(&a->website, "https://ca.example/");

    env.profiles[0].lifetime = 90 * 86400;
    env.profiles[0].backdate = 60;
    env.profiles[0].key_types = ACME_CA_KEY_ANY;
    env.profiles[0].eku = ACME_CA_EKU_SERVER;
    ngx_str_set(&env.profiles[0].name, "default");
    ngx_str_set(&env.profiles[0].description, "for all");

    env.profiles[1] = env.profiles[0];
    env.profiles[1].lifetime = 6 * 86400;
    ngx_str_set(&env.profiles[1].name, "short");
    ngx_str_set(&env.profiles[1].description, "six days");

    a->profiles.elts = env.profiles;
    a->profiles.nelts = 2;
    a->profiles.size = sizeof(acme_ca_profile_t);
    a->default_profile = &env.profiles[0];
    a->profiles_shown = 1;

    a->challenges = 1 << ACME_CA_HTTP_01;
    a->max_identifiers = 10;
    a->contact_max = 3;
    a->authz_reuse = 1;

    a->order_lifetime = 86400;
    a->authz_lifetime = 30 * 86400;
    a->retention = 86400;
    a->validation_deadline = 60;
    a->validation_attempts = 3;
}


helper void
env_open(void)
{
    ngx_str_t  file;

    memset(&env, 0, sizeof(env_t));

    env.log = &shim_log;
    env.now = NOW;
    env.address = "192.0.2.1";
    env.fail_at = SHIM_NEVER;
    env.pool = ngx_create_pool(16384, env.log);

    env_authority();
    env_issuer();

    env.zone = aligned_alloc(64, (acme_ca_nonce_zone_size(NONCES) + 63) & ~63);

    if (acme_ca_nonce_zone_init(env.zone, NONCES, LIFETIME) != NGX_OK) {
        abort();
    }

    env.nonces = acme_ca_nonces_open(env.pool, env.zone);
    env.keys = acme_ca_keys_create(env.pool, 2);

    strcpy(env.dir, "/tmp/acme-ca-unit-XXXXXX");

    if (mkdtemp(env.dir) == NULL) {
        abort();
    }

    snprintf(env.file, sizeof(env.file), "%s/ca.db", env.dir);
    file.data = (u_char *) env.file;
    file.len = strlen(env.file);

    acme_ca_store_close(acme_ca_store_open(&file, ACME_CA_STORE_MIGRATE,
                                           env.log));
    env.writer = acme_ca_store_open(&file, ACME_CA_STORE_WRITE, env.log);
    env.reader = acme_ca_store_open(&file, ACME_CA_STORE_READ, env.log);

    if (env.writer == NULL || env.reader == NULL) {
        abort();
    }

    acme_ca_store_begin(env.writer);

    if (acme_ca_store_issuer_add(env.writer, &env.authority.issuer->name,
                                 &env.authority.issuer->der,
                                 &env.authority.issuer->chain,
                                 env.authority.issuer->not_before,
                                 env.authority.issuer->not_after, NOW,
                                 &env.authority.issuer->id)
        != NGX_OK
        || acme_ca_store_issuer_set_next(env.writer,
                                         env.authority.issuer->id)
           != NGX_OK
        || acme_ca_store_issuer_set_active(env.writer,
                                           env.authority.issuer->id, NOW)
           != NGX_OK)
    {
        abort();
    }

    acme_ca_store_commit(env.writer);
}


helper void
env_drop(void)
{
    if (env.x) {
        ngx_destroy_pool(env.x->ctx.pool);
        free(env.x);
        env.x = NULL;
        env.body = NULL;
    }
}


helper void
env_close(void)
{
    char  file[100];

    env_drop();

    acme_ca_store_close(env.reader);
    acme_ca_store_close(env.writer);

    unlink(env.file);
    snprintf(file, sizeof(file), "%s-wal", env.file);
    unlink(file);
    snprintf(file, sizeof(file), "%s-shm", env.file);
    unlink(file);
    rmdir(env.dir);

    ngx_destroy_pool(env.pool);
    EVP_PKEY_free(env.issuer_key);
    free(env.zone);
}


/* one write, as the store task makes it; answers what done() would be told */

helper ngx_int_t
env_write(acme_ca_exchange_t *x)
{
    ngx_int_t  rc;

    acme_ca_protocol_prepare(x, env.writer);

    if (acme_ca_store_begin(env.writer) != NGX_OK) {
        return NGX_BUSY;
    }

    acme_ca_store_savepoint(env.writer);

    rc = acme_ca_protocol_apply(x, env.writer);

    if (rc != NGX_OK) {
        acme_ca_store_rollback_to(env.writer);

        if (rc == NGX_ABORT) {
            rc = acme_ca_protocol_record(x, env.writer);
        }
    }

    acme_ca_store_release(env.writer);
    acme_ca_store_commit(env.writer);

    return rc;
}


helper void
env_parse(void)
{
    acme_ca_ctx_t  ctx;

    env.body = NULL;

    if (env.x->reply.body.len == 0 || env.x->reply.body.data[0] != '{') {
        return;
    }

    ctx = env.x->ctx;

    if (acme_ca_json_parse(&ctx, "reply", &env.x->reply.body, &env.body)
        != NGX_OK)
    {
        env.body = NULL;
        ok(0, "a reply is JSON: %.*s", (int) env.x->reply.body.len,
           env.x->reply.body.data);
    }
}


helper acme_ca_exchange_t *
env_exchange(ngx_uint_t method, const char *path, const char *query)
{
    acme_ca_exchange_t  *x;

    env_drop();

    env.x = calloc(1, sizeof(acme_ca_exchange_t));
    x = env.x;

    x->ctx.pool = ngx_create_pool(4096, env.log);
    x->ctx.log = env.log;
    x->ctx.now = env.now;
    x->authority = &env.authority;
    x->nonces = env.nonces;
    x->keys = env.keys;
    x->store = env.reader;
    x->lease_ms = 30000;

    x->request.method = method;
    ngx_str_set(&x->request.base, BASE);
    x->request.client_address.data = (u_char *) env.address;
    x->request.client_address.len = strlen(env.address);
    ngx_str_set(&x->request.user_agent, "unit");
    ngx_str_set(&x->request.request_id, "r1");

    x->request.path.data = (u_char *) path;
    x->request.path.len = strlen(path);
    x->request.query.data = (u_char *) query;
    x->request.query.len = query ? strlen(query) : 0;

    return x;
}


/* the whole way; answers the HTTP status */

helper ngx_uint_t
perform(acme_ca_exchange_t *x)
{
    shim_fail_at(env.fail_at);

    env.start_rc = acme_ca_protocol_start(x);

    if (env.start_rc == NGX_AGAIN) {
        acme_ca_protocol_finish(x, env_write(x));

    } else if (env.start_rc == NGX_OK) {
        env_write(x);
    }

    if (env.fail_at != SHIM_NEVER) {
        env.fail_at = shim_failed() ? env.fail_at : SHIM_NEVER;
    }

    shim_fail_at(SHIM_NEVER);

    env_parse();

    return x->reply.status;
}


helper ngx_uint_t
get(ngx_uint_t method, const char *path)
{
    return perform(env_exchange(method, path, NULL));
}


helper ngx_uint_t
post(env_t *e, post_t *p)
{
    char                *url, *jws;
    u_char               fresh[ACME_CA_NONCE_LEN + 1];
    ngx_uint_t           status;
    const char          *nonce, *kid, *type;
    acme_ca_exchange_t  *x;

    acme_ca_nonce_issue(e->nonces, e->now, fresh);
    fresh[ACME_CA_NONCE_LEN] = '\0';

    nonce = (p->nonce == NULL) ? (char *) fresh
            : (*p->nonce == '\0') ? NULL : p->nonce;

    url = p->url ? text_of("%s", p->url)
                 : text_of(BASE "%s%s%s", p->path, p->query ? "?" : "",
                           p->query ? p->query : "");

    kid = p->kid ? p->kid : p->jwk ? NULL : p->by->kid;

    jws = p->body ? text_of("%s", p->body)
                  : jws_new(p->by, p->alg, kid, nonce, url,
                            p->payload ? p->payload : "");

    if (p->forged) {
        jws[strlen(jws) - 12] = (jws[strlen(jws) - 12] == 'A') ? 'B' : 'A';
    }

    x = env_exchange(ACME_CA_POST, p->path, p->query);

    type = p->type ? p->type : "application/jose+json";
    x->request.content_type.data = (u_char *) type;
    x->request.content_type.len = strlen(type);

    acme_ca_copy(x->ctx.pool, &x->request.body, (u_char *) jws, strlen(jws));

    status = perform(x);

    free(url);
    free(jws);

    return status;
}


/* what the last reply says */

helper const char *
body_text(void)
{
    static char  text[65536];

    snprintf(text, sizeof(text), "%.*s", (int) env.x->reply.body.len,
             (char *) env.x->reply.body.data);

    return text;
}



helper const char *
member(const char *name)
{
    ngx_str_t  *text;

    text = acme_ca_json_string(env.body, name);

    return text ? (char *) text->data : "(none)";
}


helper acme_ca_json_t *
element(const char *name, ngx_uint_t i)
{
    acme_ca_json_t  *value;

    value = acme_ca_json_member(env.body, name);
    value = value ? value->first : NULL;

    while (value && i--) {
        value = value->next;
    }

    return value;
}


/* is it in the details of the audit row? */

helper int
audited(const char *text)
{
    ngx_str_t  *details;

    details = &env.x->audit.details;

    return details->len != 0
           && memmem(details->data, details->len, text, strlen(text)) != NULL;
}


/* an URL of a reply, without BASE; to be freed */

helper char *
path_of(ngx_str_t *url)
{
    size_t  n;

    n = sizeof(BASE) - 1;

    if (url == NULL || url->len < n || memcmp(url->data, BASE, n) != 0) {
        ok(0, "an URL begins with the base");
        return text_of("nowhere");
    }

    return text_of("%.*s", (int) (url->len - n), url->data + n);
}


helper const char *
link_of(const char *rel)
{
    acme_ca_link_t  *link;
    static char      url[512];

    for (link = env.x->reply.links; link; link = link->next) {
        if (strcmp(link->rel, rel) == 0) {
            snprintf(url, sizeof(url), "%.*s", (int) link->url.len,
                     link->url.data);
            return url;
        }
    }

    return "(none)";
}


/* a refusal, and all that every refusal of a POST has */

#define refused(code, type, ...)                                              \
    ({                                                                        \
        acme_ca_json_t  *status_ = acme_ca_json_member(env.body, "status");   \
        int  same_ = env.x->reply.status == code                              \
                 && strcmp(member("type"),                                    \
                           "urn:ietf:params:acme:error:" type) == 0           \
                 && status_ && status_->number == code                        \
                 && member("detail")[0] != '\0'                               \
                 && strcmp(member("requestId"), "r1") == 0                    \
                 && env.x->reply.content_type                                 \
                 && strcmp(env.x->reply.content_type,                         \
                           "application/problem+json") == 0                   \
                 && (env.x->request.method != ACME_CA_POST                    \
                     || (env.x->reply.has_nonce && env.x->reply.no_store));   \
        if (!ok(same_, __VA_ARGS__)) {                                        \
            printf("# got %d %.*s\n", (int) env.x->reply.status,              \
                   (int) env.x->reply.body.len, env.x->reply.body.data);      \
        }                                                                     \
        same_;                                                                \
    })

#define is_member(name, want, ...)                                            \
    ({                                                                        \
        int  same_ = ok(strcmp(member(name), want) == 0, __VA_ARGS__);        \
        if (!same_) {                                                         \
            printf("# got \"%s\"\n", member(name));                           \
        }                                                                     \
        same_;                                                                \
    })


helper void
join(client_t *c, const char *type)
{
    client_new(c, type);

    POST(.by = c, .jwk = 1, .path = "new-account", .payload = "{}");

    if (env.x->reply.status != 201) {
        ok(0, "joined");
        return;
    }

    snprintf(c->kid, sizeof(c->kid), "%.*s", (int) env.x->reply.location.len,
             env.x->reply.location.data);
}


#endif /* _PROTOCOL_CLIENT_H_INCLUDED_ */
