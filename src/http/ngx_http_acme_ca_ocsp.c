
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * acme_ca_ocsp: OCSP over HTTP (RFC 6960, A.1; RFC 5019, 6).  The question of a
 * GET is read from the request line as it came: nginx merges slashes of a path,
 * and base64 may have some.
 */


#include "ngx_http_acme_ca_slots.h"

#include "ngx_acme_ca_ocsp.h"


/* a body: all that can be asked for with the longest hashes, and a signature */
#define NGX_HTTP_ACME_CA_OCSP_BODY  16384

/* keeps a revocation from being hidden by caches on the way */
#define NGX_HTTP_ACME_CA_OCSP_AGE   3600


typedef struct {
    ngx_http_request_t        *request;
    ngx_acme_ca_ocsp_query_t   query;
} ngx_http_acme_ca_ocsp_t;


static ngx_int_t ngx_http_acme_ca_ocsp_setup(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);
static char *ngx_http_acme_ca_ocsp_lifetime(ngx_conf_t *cf, void *post,
    void *data);
static ngx_int_t ngx_http_acme_ca_ocsp_url(ngx_conf_t *cf, ngx_acme_ca_t *ca);
static ngx_int_t ngx_http_acme_ca_ocsp_handler(ngx_http_request_t *r);
static void ngx_http_acme_ca_ocsp_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_ocsp_run(ngx_http_request_t *r);
static ngx_http_acme_ca_ocsp_t *ngx_http_acme_ca_ocsp_create(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_ocsp_get(ngx_http_request_t *r,
    ngx_pool_t *pool, ngx_str_t *question);
static ngx_int_t ngx_http_acme_ca_ocsp_post(ngx_http_request_t *r,
    ngx_pool_t *pool, ngx_str_t *question);
static void ngx_http_acme_ca_ocsp_done(ngx_acme_ca_ocsp_query_t *query);
static ngx_int_t ngx_http_acme_ca_ocsp_send(ngx_http_request_t *r,
    ngx_acme_ca_ocsp_query_t *query);
static ngx_int_t ngx_http_acme_ca_ocsp_keep(ngx_http_request_t *r,
    ngx_acme_ca_ocsp_query_t *query, ngx_http_acme_ca_document_t *document);


ngx_http_acme_ca_service_t  ngx_http_acme_ca_ocsp = {
    ngx_http_acme_ca_ocsp_handler,
    ngx_http_acme_ca_ocsp_setup
};


ngx_conf_post_t  ngx_http_acme_ca_ocsp_lifetime_post = {
    ngx_http_acme_ca_ocsp_lifetime
};


/* a signer has ten days left when it is renewed */

static char *
ngx_http_acme_ca_ocsp_lifetime(ngx_conf_t *cf, void *post, void *data)
{
    time_t *value = data;

    return (*value >= 60 && *value <= 7 * 86400)
           ? NGX_CONF_OK : "must be between 60s and 7d";
}


static ngx_int_t
ngx_http_acme_ca_ocsp_setup(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {
        return NGX_OK;
    }

    if (!ngx_http_acme_ca_is_prefix(clcf)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "acme_ca_ocsp: \"%V\" is not a prefix location, such as "
                      "\"location /ocsp/\"", &clcf->name);
        return NGX_ERROR;
    }

    clcf->client_max_body_size = NGX_HTTP_ACME_CA_OCSP_BODY;
    clcf->client_body_buffer_size = ngx_max(clcf->client_body_buffer_size,
                                            NGX_HTTP_ACME_CA_OCSP_BODY);

    if (ca->ocsp_served) {
        return NGX_OK;
    }

    ca->ocsp_served = 1;

    return ngx_http_acme_ca_ocsp_url(cf, ca);
}


/*
 * What certificates of profiles that say nothing else tell: the first location,
 * if it can be had without TLS; few clients of OCSP speak it.
 */

static ngx_int_t
ngx_http_acme_ca_ocsp_url(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_str_t           url;
    ngx_uint_t          i;
    acme_ca_profile_t  *profile;

    if (ngx_http_acme_ca_public_url(cf, &url) != NGX_OK) {
        return NGX_ERROR;
    }

    if (url.len == 0 || ngx_strncmp(url.data, "http://", 7) != 0) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "acme_ca_ocsp: certificates of authority \"%V\" will not "
                      "tell where OCSP is: it takes a server with a "
                      "server_name and a listener without TLS, or ocsp_url in "
                      "each profile", &ca->authority.name);
        return NGX_OK;
    }

    profile = ca->authority.profiles.elts;

    for (i = 0; i < ca->authority.profiles.nelts; i++) {
        if (profile[i].ocsp_url.len == 0 && !profile[i].no_rev_avail) {
            profile[i].ocsp_url = url;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_ocsp_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    if (r->method == NGX_HTTP_POST) {
        rc = ngx_http_read_client_request_body(r, ngx_http_acme_ca_ocsp_body);

        return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
    }

    rc = ngx_http_acme_ca_document_begin(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_acme_ca_ocsp_run(r);

    /* the thread finalizes r */

    if (rc == NGX_DONE) {
        r->main->count++;
    }

    return rc;
}


static void
ngx_http_acme_ca_ocsp_body(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_acme_ca_ocsp_run(r);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* NGX_DONE: done() finalizes r */

static ngx_int_t
ngx_http_acme_ca_ocsp_run(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_acme_ca_ocsp_t  *ctx;

    ctx = ngx_http_acme_ca_ocsp_create(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = (r->method == NGX_HTTP_POST)
         ? ngx_http_acme_ca_ocsp_post(r, ctx->query.pool, &ctx->query.question)
         : ngx_http_acme_ca_ocsp_get(r, ctx->query.pool, &ctx->query.question);

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_acme_ca_ocsp_ask(&ctx->query) == NGX_OK) {
        return ngx_http_acme_ca_ocsp_send(r, &ctx->query);
    }

    /* keeps r, whatever its client does meanwhile */

    r->main->blocked++;
    r->aio = 1;

    return NGX_DONE;
}


/* has a pool of its own: the thread works in it */

static ngx_http_acme_ca_ocsp_t *
ngx_http_acme_ca_ocsp_create(ngx_http_request_t *r)
{
    ngx_pool_t                   *pool;
    ngx_http_acme_ca_ocsp_t      *ctx;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    pool = ngx_http_acme_ca_request_pool(r);
    if (pool == NULL) {
        return NULL;
    }

    ctx = ngx_palloc(pool, sizeof(ngx_http_acme_ca_ocsp_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->query.ca = alcf->ca;
    ctx->query.pool = pool;
    ctx->query.done = ngx_http_acme_ca_ocsp_done;
    ctx->query.data = ctx;

    return ctx;
}


/* what is no base64 is an empty question, and malformed as such */

static ngx_int_t
ngx_http_acme_ca_ocsp_get(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *question)
{
    u_char                    *p, *last, *src, *dst;
    ngx_str_t                  text;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_str_null(question);

    p = r->unparsed_uri.data;
    last = p + r->unparsed_uri.len;

    if (r->args.len != 0 || r->args_start != NULL) {
        src = ngx_strlchr(p, last, '?');
        last = (src != NULL) ? src : last;
    }

    if ((size_t) (last - p) < clcf->name.len
        || ngx_strncmp(p, clcf->name.data, clcf->name.len) != 0)
    {
        return NGX_OK;
    }

    p += clcf->name.len;

    if (p < last && *p == '/') {
        p++;
    }

    text.data = ngx_pnalloc(pool, last - p + 1);
    question->data = ngx_pnalloc(pool, ngx_base64_decoded_length(last - p) + 1);

    if (text.data == NULL || question->data == NULL) {
        return NGX_ERROR;
    }

    src = p;
    dst = text.data;

    ngx_unescape_uri(&dst, &src, last - p, 0);

    text.len = dst - text.data;

    if (ngx_decode_base64(question, &text) != NGX_OK) {
        question->len = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_ocsp_post(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *question)
{
    acme_ca_request_t  request;

    ngx_memzero(&request, sizeof(acme_ca_request_t));

    if (ngx_http_acme_ca_request_body(r, &request, pool) != NGX_OK) {
        return NGX_ERROR;
    }

    *question = request.body;

    return NGX_OK;
}


static void
ngx_http_acme_ca_ocsp_done(ngx_acme_ca_ocsp_query_t *query)
{
    ngx_http_acme_ca_ocsp_t *ctx = query->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    r->main->blocked--;
    r->aio = 0;

    ngx_http_finalize_request(r, c->error
                                 ? NGX_ERROR
                                 : ngx_http_acme_ca_ocsp_send(r, query));

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_acme_ca_ocsp_send(ngx_http_request_t *r,
    ngx_acme_ca_ocsp_query_t *query)
{
    ngx_http_acme_ca_document_t  document;

    ngx_memzero(&document, sizeof(ngx_http_acme_ca_document_t));

    document.status = NGX_HTTP_OK;
    document.body = query->response;
    ngx_str_set(&document.type, "application/ocsp-response");

    if (query->this_update == 0 || r->method == NGX_HTTP_POST) {
        ngx_str_set(&document.cache_control, "no-store");

    } else if (ngx_http_acme_ca_ocsp_keep(r, query, &document) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_acme_ca_document_send(r, &document);
}


/* RFC 5019, 6.2 */

static ngx_int_t
ngx_http_acme_ca_ocsp_keep(ngx_http_request_t *r,
    ngx_acme_ca_ocsp_query_t *query, ngx_http_acme_ca_document_t *document)
{
    time_t  age;

    age = query->fresh_until - ngx_time();
    age = ngx_max(ngx_min(age, NGX_HTTP_ACME_CA_OCSP_AGE), 0);

    document->last_modified = query->this_update;
    document->expires = ngx_time() + age;

    if (acme_ca_format(r->pool, &document->cache_control,
                       NGX_TIME_T_LEN + 64,
                       "max-age=%T, public, no-transform, must-revalidate",
                       age)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* no two signatures are alike: this need not be a digest */

    return acme_ca_format(r->pool, &document->etag, NGX_TIME_T_LEN + 16,
                          "\"%xT-%08xD\"", query->this_update,
                          ngx_murmur_hash2(query->response.data,
                                           query->response.len));
}
