
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The root: which resources there are.
 */


#include "acme_ca_admin_private.h"


static void acme_ca_admin_index_methods(acme_ca_json_writer_t *w,
    ngx_uint_t methods);
static void acme_ca_admin_index_words(acme_ca_json_writer_t *w,
    const char *name, const char *words);


ngx_int_t
acme_ca_admin_index(acme_ca_admin_t *a)
{
    acme_ca_json_writer_t         w;
    const acme_ca_admin_route_t  *route;

    acme_ca_json_start(&w, a->ctx.pool, 2048);
    acme_ca_json_open_object(&w, NULL);
    acme_ca_json_write_string(&w, "authority", &a->authority->name);
    acme_ca_json_write_text(&w, "role", a->full ? "full" : "read");
    acme_ca_json_open_array(&w, "resources");

    for (route = acme_ca_admin_routes; route->title; route++) {
        acme_ca_json_open_object(&w, NULL);
        acme_ca_json_write_string(&w, "path", (ngx_str_t *) &route->path);
        acme_ca_json_write_text(&w, "title", route->title);
        acme_ca_admin_index_methods(&w, acme_ca_admin_methods(route));
        acme_ca_admin_index_words(&w, "arguments", route->args);
        acme_ca_admin_index_words(&w, "members", route->members);
        acme_ca_json_shut(&w);
    }

    acme_ca_json_shut(&w);
    acme_ca_json_shut(&w);

    return acme_ca_admin_reply(a, 200, &w);
}


static void
acme_ca_admin_index_methods(acme_ca_json_writer_t *w, ngx_uint_t methods)
{
    acme_ca_json_open_array(w, "methods");

    if (methods & ACME_CA_GET) {
        acme_ca_json_write_text(w, NULL, "GET");
    }

    if (methods & ACME_CA_POST) {
        acme_ca_json_write_text(w, NULL, "POST");
    }

    acme_ca_json_shut(w);
}


static void
acme_ca_admin_index_words(acme_ca_json_writer_t *w, const char *name,
    const char *words)
{
    ngx_str_t  list;

    if (words) {
        list.data = (u_char *) words;
        list.len = ngx_strlen(words);

        acme_ca_admin_write_words(w, name, &list);
    }
}
