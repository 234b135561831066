
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Locations with what an authority publishes: what others call them.
 */


#include "ngx_http_acme_ca_slots.h"


/* a name, or an address with its brackets */
#define NGX_HTTP_ACME_CA_HOST_MAX  256


static void ngx_http_acme_ca_public_host(ngx_http_core_srv_conf_t *cscf,
    ngx_str_t *host);
static ngx_http_conf_addr_t *ngx_http_acme_ca_public_listen(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf);
static ngx_uint_t ngx_http_acme_ca_public_serves(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf);


ngx_uint_t
ngx_http_acme_ca_is_prefix(ngx_http_core_loc_conf_t *clcf)
{
#if (NGX_PCRE)
    if (clcf->regex != NULL) {
        return 0;
    }
#endif

    return !clcf->named && !clcf->exact_match && clcf->name.len != 0;
}


/* what it serves has names below it */

ngx_int_t
ngx_http_acme_ca_public_folder(ngx_conf_t *cf, const char *directive,
    const char *example)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {
        return NGX_DECLINED;
    }

    if (ngx_http_acme_ca_is_prefix(clcf)
        && clcf->name.data[clcf->name.len - 1] == '/')
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "%s: \"%V\" is not a prefix location with a slash at its "
                  "end, such as \"location %s\"",
                  directive, &clcf->name, example);

    return NGX_ERROR;
}


/*
 * A relying party that asks for it may not be able to verify a certificate yet:
 * a listener without TLS is the first choice (RFC 5280, 8).
 */

ngx_int_t
ngx_http_acme_ca_public_url(ngx_conf_t *cf, ngx_str_t *url)
{
    in_port_t                  port;
    ngx_str_t                  host;
    ngx_http_conf_addr_t      *addr;
    ngx_http_core_srv_conf_t  *cscf;
    ngx_http_core_loc_conf_t  *clcf;

    ngx_str_null(url);

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_http_acme_ca_public_host(cscf, &host);

    addr = ngx_http_acme_ca_public_listen(cf, cscf);

    if (host.len == 0 || addr == NULL) {
        return NGX_OK;
    }

    port = ngx_inet_get_port(addr->opt.sockaddr);

    if (port == 0 || port == (addr->opt.ssl ? 443 : 80)) {
        return acme_ca_format(cf->pool, url, host.len + clcf->name.len + 16,
                              "http%s://%V%V", addr->opt.ssl ? "s" : "", &host,
                              &clcf->name);
    }

    return acme_ca_format(cf->pool, url, host.len + clcf->name.len + 24,
                          "http%s://%V:%d%V", addr->opt.ssl ? "s" : "", &host,
                          (int) port, &clcf->name);
}


/* the first name that is one: no pattern, no "_" */

static void
ngx_http_acme_ca_public_host(ngx_http_core_srv_conf_t *cscf, ngx_str_t *host)
{
    ngx_uint_t               i;
    ngx_http_server_name_t  *names;

    names = cscf->server_names.elts;

    for (i = 0; i < cscf->server_names.nelts; i++) {

#if (NGX_PCRE)
        if (names[i].regex != NULL) {
            continue;
        }
#endif

        if (names[i].name.len < NGX_HTTP_ACME_CA_HOST_MAX
            && ngx_http_acme_ca_is_zone(&names[i].name)
            && !acme_ca_str_is(&names[i].name, "_"))
        {
            *host = names[i].name;
            return;
        }
    }

    ngx_str_null(host);
}


static ngx_http_conf_addr_t *
ngx_http_acme_ca_public_listen(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                  i, n;
    ngx_http_conf_addr_t       *addr, *found;
    ngx_http_conf_port_t       *port;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return NULL;
    }

    found = NULL;
    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (n = 0; n < port[i].addrs.nelts; n++) {

            if (ngx_http_acme_ca_public_serves(&addr[n], cscf)
                && (found == NULL || (found->opt.ssl && !addr[n].opt.ssl)))
            {
                found = &addr[n];
            }
        }
    }

    return found;
}


static ngx_uint_t
ngx_http_acme_ca_public_serves(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                  i;
    ngx_http_core_srv_conf_t  **servers;

    servers = addr->servers.elts;

    for (i = 0; i < addr->servers.nelts; i++) {
        if (servers[i] == cscf) {
            return 1;
        }
    }

    return 0;
}
