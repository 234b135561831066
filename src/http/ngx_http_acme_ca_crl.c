
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The location of the CRLs: files of the state folder, sent by nginx itself,
 * so that a large one costs no memory.  What a name is looked up by is checked
 * here, not in the file system.
 */


#include "ngx_http_acme_ca_slots.h"


/* keeps a revocation from being hidden by caches on the way */
#define NGX_HTTP_ACME_CA_CRL_AGE   3600

/* a digest in hexadecimal, "-128-127.crl" */
#define NGX_HTTP_ACME_CA_CRL_NAME  80


static ngx_int_t ngx_http_acme_ca_crl_setup(ngx_conf_t *cf,
    ngx_acme_ca_t *ca);
static char *ngx_http_acme_ca_crl_parts(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_acme_ca_crl_url(ngx_conf_t *cf, void *post, void *data);
static ngx_int_t ngx_http_acme_ca_crl_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_acme_ca_crl_path(ngx_http_request_t *r,
    ngx_acme_ca_t *ca, ngx_str_t *path);
static ngx_int_t ngx_http_acme_ca_crl_open(ngx_http_request_t *r,
    ngx_str_t *path, ngx_open_file_info_t *of);
static ngx_int_t ngx_http_acme_ca_crl_head(ngx_http_request_t *r,
    ngx_str_t *path, ngx_open_file_info_t *of);
static ngx_int_t ngx_http_acme_ca_crl_age(ngx_http_request_t *r);
static ngx_table_elt_t *ngx_http_acme_ca_crl_field(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_acme_ca_crl_body(ngx_http_request_t *r,
    ngx_str_t *path, ngx_open_file_info_t *of);


ngx_http_acme_ca_service_t  ngx_http_acme_ca_crl_service = {
    ngx_http_acme_ca_crl_handler,
    ngx_http_acme_ca_crl_setup
};

ngx_conf_post_t  ngx_http_acme_ca_crl_parts_post = {
    ngx_http_acme_ca_crl_parts
};

ngx_conf_post_t  ngx_http_acme_ca_crl_url_post = {
    ngx_http_acme_ca_crl_url
};


/* the first location of an authority is the one that certificates name */

static ngx_int_t
ngx_http_acme_ca_crl_setup(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_int_t                  rc;
    ngx_http_core_loc_conf_t  *clcf;

    rc = ngx_http_acme_ca_public_folder(cf, "acme_ca_crl", "/crl/");

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    if (ca->crl_url.len != 0) {
        return NGX_OK;
    }

    if (ngx_http_acme_ca_public_url(cf, &ca->crl_url) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ca->crl_url.len == 0) {
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "acme_ca_crl: certificates will not tell where the CRL "
                      "is: give the server of \"%V\" a server_name, or "
                      "authority \"%V\" a crl_base_url", &clcf->name,
                      &ca->authority.name);
    }

    return NGX_OK;
}


char *
ngx_http_acme_ca_crl_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca)
{
    ngx_conf_init_value(ca->crl_lifetime, 3 * 86400);
    ngx_conf_init_value(ca->crl_overlap, ca->crl_lifetime / 3 * 2);
    ngx_conf_init_value(ca->crl_interval, 10);
    ngx_conf_init_value(ca->crl_root_lifetime, 365 * 86400);
    ngx_conf_init_uint_value(ca->crl_shards, 1);

    if (ca->crl_overlap >= ca->crl_lifetime) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "crl_overlap is not less than crl_lifetime in "
                           "authority \"%V\"", &ca->authority.name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_acme_ca_crl_parts(ngx_conf_t *cf, void *post, void *data)
{
    ngx_int_t *shards = data;

    if (*shards < 1 || *shards > ACME_CA_CRL_SHARDS
        || (*shards & (*shards - 1)) != 0)
    {
        return "must be a power of two, at most 128";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_acme_ca_crl_url(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *url = data;

    if (ngx_http_acme_ca_plain_url_post.post_handler(cf, post, data)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return (url->data[url->len - 1] == '/') ? NGX_CONF_OK
                                            : "needs a slash at its end";
}


static ngx_int_t
ngx_http_acme_ca_crl_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     path;
    ngx_open_file_info_t          of;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    rc = ngx_http_acme_ca_document_begin(r);
    if (rc != NGX_OK) {
        return rc;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    rc = ngx_http_acme_ca_crl_path(r, alcf->ca, &path);

    if (rc == NGX_OK) {
        rc = ngx_http_acme_ca_crl_open(r, &path, &of);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_acme_ca_crl_head(r, &path, &of);
    }

    return (rc == NGX_OK) ? ngx_http_acme_ca_crl_body(r, &path, &of) : rc;
}


/*
 * Of what stands behind the location's name: [0-9a-f-]+.crl or .pem, or all of
 * them
 */

static ngx_int_t
ngx_http_acme_ca_crl_path(ngx_http_request_t *r, ngx_acme_ca_t *ca,
    ngx_str_t *path)
{
    u_char                    *p, *last;
    ngx_str_t                  name;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->uri.len <= clcf->name.len
        || r->uri.len - clcf->name.len > NGX_HTTP_ACME_CA_CRL_NAME)
    {
        return NGX_HTTP_NOT_FOUND;
    }

    name.data = r->uri.data + clcf->name.len;
    name.len = r->uri.len - clcf->name.len;

    last = name.data + name.len;

    for (p = name.data; p < last; p++) {
        if ((*p < '0' || *p > '9') && (*p < 'a' || *p > 'f') && *p != '-') {
            break;
        }
    }

    if (!acme_ca_str_is(&name, "all.pem")
        && (p == name.data || last - p != 4
            || (ngx_strncmp(p, ".crl", 4) != 0
                && ngx_strncmp(p, ".pem", 4) != 0)))
    {
        return NGX_HTTP_NOT_FOUND;
    }

    if (acme_ca_format(r->pool, path,
                       ca->authority.path.len + name.len + 8, "%V/crl/%V",
                       &ca->authority.path, &name)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acme_ca_crl_open(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_memzero(of, sizeof(ngx_open_file_info_t));

    of->read_ahead = clcf->read_ahead;
    of->directio = clcf->directio;
    of->valid = clcf->open_file_cache_valid;
    of->min_uses = clcf->open_file_cache_min_uses;
    of->errors = clcf->open_file_cache_errors;
    of->events = clcf->open_file_cache_events;

    if (ngx_open_cached_file(clcf->open_file_cache, path, of, r->pool)
        == NGX_OK)
    {
        return of->is_file ? NGX_OK : NGX_HTTP_NOT_FOUND;
    }

    if (of->err == NGX_ENOENT || of->err == NGX_ENOTDIR) {
        return NGX_HTTP_NOT_FOUND;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, of->err,
                  "%s \"%s\" failed", of->failed ? of->failed : "open()",
                  path->data);

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_acme_ca_crl_head(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of)
{
    ngx_str_t  etag;

    r->root_tested = !r->error_page;
    r->allow_ranges = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = of->size;
    r->headers_out.last_modified_time = of->mtime;

    if (path->data[path->len - 1] == 'l') {
        ngx_str_set(&r->headers_out.content_type, "application/pkix-crl");

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/x-pem-file");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;

    /* two of one second and of one size are files of their own */

    if (acme_ca_format(r->pool, &etag, 3 * NGX_INT64_LEN + 8,
                       "\"%xT-%xO-%xL\"", of->mtime, of->size,
                       (int64_t) of->uniq)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.etag = ngx_http_acme_ca_crl_field(r, "ETag", &etag);

    return (r->headers_out.etag != NULL) ? ngx_http_acme_ca_crl_age(r)
                                         : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * The next CRL is there when as much as the overlap is left of this one: who
 * keeps a copy no longer than that never has one that ended.
 */

static ngx_int_t
ngx_http_acme_ca_crl_age(ngx_http_request_t *r)
{
    time_t                        age;
    ngx_str_t                     expires, cache;
    ngx_table_elt_t              *h;
    ngx_http_acme_ca_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acme_ca_module);

    age = ngx_min(alcf->ca->crl_overlap, NGX_HTTP_ACME_CA_CRL_AGE);

    expires.len = sizeof("Mon, 28 Sep 1970 06:00:00 GMT") - 1;
    expires.data = ngx_pnalloc(r->pool, expires.len);

    if (expires.data == NULL
        || acme_ca_format(r->pool, &cache, NGX_TIME_T_LEN + 32,
                          "public, max-age=%T", age)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_http_time(expires.data, ngx_time() + age);

    h = ngx_http_acme_ca_crl_field(r, "Cache-Control", &cache);

#if (nginx_version >= 1023000)
    r->headers_out.cache_control = h;
#endif

    if (h != NULL) {
        h = ngx_http_acme_ca_crl_field(r, "Expires", &expires);
        r->headers_out.expires = h;
    }

    return (h != NULL) ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_table_elt_t *
ngx_http_acme_ca_crl_field(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


static ngx_int_t
ngx_http_acme_ca_crl_body(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->file_last = of->size;
    b->in_file = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    b->file->fd = of->fd;
    b->file->name = *path;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
