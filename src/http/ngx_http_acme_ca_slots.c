
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Setters of the directives that nginx has no slot for.
 */


#include "ngx_http_acme_ca_slots.h"


/* the number of one is a digit in an URL */
#define NGX_HTTP_ACME_CA_ALTERNATES  9

/* a zone under this has no room for 1024 nonces beside nginx's slab */
#define NGX_HTTP_ACME_CA_ZONE_MIN  (8 * ngx_pagesize)


static ngx_array_t **ngx_http_acme_ca_resolver_zone(ngx_conf_t *cf,
    ngx_acme_ca_t *ca, ngx_str_t *value);
static char *ngx_http_acme_ca_url(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_acme_ca_base_url(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_acme_ca_seconds(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_acme_ca_msec(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_acme_ca_zone(ngx_conf_t *cf, void *post, void *data);


ngx_conf_post_t  ngx_http_acme_ca_url_post = {
    ngx_http_acme_ca_url
};

ngx_conf_post_t  ngx_http_acme_ca_base_url_post = {
    ngx_http_acme_ca_base_url
};

ngx_conf_post_t  ngx_http_acme_ca_seconds_post = {
    ngx_http_acme_ca_seconds
};

ngx_conf_post_t  ngx_http_acme_ca_msec_post = {
    ngx_http_acme_ca_msec
};

ngx_conf_post_t  ngx_http_acme_ca_zone_post = {
    ngx_http_acme_ca_zone
};


char *
ngx_http_acme_ca_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t  *value, *path;

    value = cf->args->elts;
    path = &ca->authority.path;

    if (path->data != NULL) {
        return "is duplicate";
    }

    *path = value[1];

    if (path->len == 0 || ngx_conf_full_name(cf->cycle, path, 0) != NGX_OK) {
        return "needs a folder";
    }

    while (path->len > 1 && path->data[path->len - 1] == '/') {
        path->len--;
        path->data[path->len] = '\0';
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_acme_ca_url(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *url = data;

    size_t  i, scheme;

    scheme = (url->len > 8 && ngx_strncmp(url->data, "https://", 8) == 0) ? 8
           : (url->len > 7 && ngx_strncmp(url->data, "http://", 7) == 0) ? 7
           : 0;

    if (scheme == 0 || url->data[scheme] == '/' || url->data[scheme] == ':') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no http or https URL", url);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f
            || url->data[i] == '"' || url->data[i] == '\\'
            || url->data[i] == '<' || url->data[i] == '>')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid character in URL \"%V\"", url);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* JWS and clients compare it byte by byte: one form, with a slash at the end */

static char *
ngx_http_acme_ca_base_url(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *url = data;

    ngx_str_t  given;

    if (ngx_http_acme_ca_url(cf, post, data) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strlchr(url->data, url->data + url->len, '?') != NULL
        || ngx_strlchr(url->data, url->data + url->len, '#') != NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "base_url \"%V\" has a query or fragment", url);
        return NGX_CONF_ERROR;
    }

    given = *url;

    while (given.data[given.len - 1] == '/') {
        given.len--;
    }

    if (acme_ca_format(cf->pool, url, given.len + 2, "%V/", &given) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "resolver address ... [zone=name]": one for each zone and one for the rest */

char *
ngx_http_acme_ca_resolver(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t     *value, *server;
    ngx_uint_t     i, n;
    ngx_array_t  **servers;

    value = cf->args->elts;
    n = cf->args->nelts;

    servers = &ca->resolvers;

    if (ngx_strncmp(value[n - 1].data, "zone=", 5) == 0) {
        n--;
        servers = ngx_http_acme_ca_resolver_zone(cf, ca, &value[n]);

        if (servers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (*servers != NULL) {
        return "is duplicate";
    }

    if (n == 1) {
        return "has no address";
    }

    *servers = ngx_array_create(cf->pool, n - 1, sizeof(ngx_str_t));
    if (*servers == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < n; i++) {

        if (ngx_acme_ca_dns_server_check(&value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid resolver \"%V\": an address with or "
                               "without a port is needed", &value[i]);
            return NGX_CONF_ERROR;
        }

        server = ngx_array_push(*servers);
        if (server == NULL) {
            return NGX_CONF_ERROR;
        }

        *server = value[i];
    }

    return NGX_CONF_OK;
}


/* where the servers of that zone are kept; NULL: said why */

static ngx_array_t **
ngx_http_acme_ca_resolver_zone(ngx_conf_t *cf, ngx_acme_ca_t *ca,
    ngx_str_t *value)
{
    ngx_str_t                name;
    ngx_uint_t               i;
    ngx_acme_ca_dns_zone_t  *zone;

    name.data = value->data + 5;
    name.len = value->len - 5;

    ngx_strlow(name.data, name.data, name.len);

    if (!ngx_http_acme_ca_is_zone(&name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\": a domain name is needed",
                           &name);
        return NULL;
    }

    if (ca->resolver_zones == NULL) {
        ca->resolver_zones = ngx_array_create(cf->pool, 2,
                                              sizeof(ngx_acme_ca_dns_zone_t));
        if (ca->resolver_zones == NULL) {
            return NULL;
        }
    }

    zone = ca->resolver_zones->elts;

    for (i = 0; i < ca->resolver_zones->nelts; i++) {
        if (acme_ca_str_eq(&zone[i].name, &name)) {
            return &zone[i].servers;
        }
    }

    zone = ngx_array_push(ca->resolver_zones);
    if (zone == NULL) {
        return NULL;
    }

    zone->name = name;
    zone->servers = NULL;

    return &zone->servers;
}


ngx_uint_t
ngx_http_acme_ca_is_zone(const ngx_str_t *name)
{
    size_t  i, label;
    u_char  ch;

    label = 0;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if (ch == '.') {
            if (label == 0) {
                return 0;
            }

            label = 0;
            continue;
        }

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9')
            && ch != '-' && ch != '_')
        {
            return 0;
        }

        if (++label > 63) {
            return 0;
        }
    }

    return label != 0 && name->len <= 253;
}


char *
ngx_http_acme_ca_password_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t  *value;

    if (ca->issuer_password_file.len != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ca->issuer_password_file = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_acme_ca_alternate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_str_t  *value, *file;

    value = cf->args->elts;

    if (ca->alternate_chains == NULL) {
        ca->alternate_chains = ngx_array_create(cf->pool, 1,
                                                sizeof(ngx_str_t));
        if (ca->alternate_chains == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ca->alternate_chains->nelts == NGX_HTTP_ACME_CA_ALTERNATES) {
        return "is there more than nine times";
    }

    file = ngx_array_push(ca->alternate_chains);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    *file = value[1];

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_acme_ca_ports(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t     n;
    ngx_str_t    *value;
    in_port_t    *port;
    ngx_uint_t    i;
    ngx_array_t **ports;

    ports = (ngx_array_t **) ((char *) conf + cmd->offset);

    if (*ports != NULL) {
        return "is duplicate";
    }

    *ports = ngx_array_create(cf->pool, cf->args->nelts, sizeof(in_port_t));
    if (*ports == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        n = ngx_atoi(value[i].data, value[i].len);

        if (n < 1 || n > 65535) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid port \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        port = ngx_array_push(*ports);
        if (port == NULL) {
            return NGX_CONF_ERROR;
        }

        *port = (in_port_t) n;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_acme_ca_strings(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t     *value, *string;
    ngx_uint_t     i;
    ngx_array_t  **strings;

    strings = (ngx_array_t **) ((char *) conf + cmd->offset);

    if (*strings != NULL) {
        return "is duplicate";
    }

    *strings = ngx_array_create(cf->pool, cf->args->nelts, sizeof(ngx_str_t));
    if (*strings == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        string = ngx_array_push(*strings);
        if (string == NULL) {
            return NGX_CONF_ERROR;
        }

        *string = value[i];

        ngx_strlow(string->data, string->data, string->len);
    }

    return NGX_CONF_OK;
}


/* contact required | optional [max=N] */

char *
ngx_http_acme_ca_contact(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acme_ca_t *ca = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (ca->contact_set) {
        return "is duplicate";
    }

    ca->contact_set = 1;

    value = cf->args->elts;

    if (acme_ca_str_is(&value[1], "required")) {
        ca->authority.contact_required = 1;

    } else if (!acme_ca_str_is(&value[1], "optional")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": required or optional is "
                           "needed", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {

        n = NGX_ERROR;

        if (value[2].len > 4 && ngx_strncmp(value[2].data, "max=", 4) == 0) {
            n = ngx_atoi(value[2].data + 4, value[2].len - 4);
        }

        if (n < 1 || n > 100) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        ca->authority.contact_max = n;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_acme_ca_seconds(ngx_conf_t *cf, void *post, void *data)
{
    time_t *value = data;

    return (*value > 0) ? NGX_CONF_OK : "needs more than zero seconds";
}


static char *
ngx_http_acme_ca_msec(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *value = data;

    return (*value >= 100) ? NGX_CONF_OK : "needs at least 100ms";
}


static char *
ngx_http_acme_ca_zone(ngx_conf_t *cf, void *post, void *data)
{
    size_t *value = data;

    if (*value < NGX_HTTP_ACME_CA_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone is too small: at least %uzk are needed",
                           (size_t) NGX_HTTP_ACME_CA_ZONE_MIN / 1024);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
