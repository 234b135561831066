
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The passphrases of "issuer_password_file": in memory for as long as the
 * master reads and writes keys, wiped before there are workers.
 */


#include "ngx_acme_ca_home.h"


static ngx_int_t ngx_acme_ca_password_split(ngx_array_t *passwords,
    ngx_str_t *text);
static void ngx_acme_ca_password_cleanup(void *data);


ngx_int_t
ngx_acme_ca_password_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error)
{
    ngx_str_t            text, reason;
    ngx_array_t         *passwords;
    ngx_pool_cleanup_t  *cln;

    if (ca->issuer_password_file.len == 0) {
        return NGX_OK;
    }

    passwords = ngx_array_create(ca->pool, 2, sizeof(ngx_str_t));
    cln = ngx_pool_cleanup_add(ca->pool, 0);

    if (passwords == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    ngx_str_null(&reason);

    if (ngx_acme_ca_home_read(ca->pool, &ca->issuer_password_file, 1, &text,
                              &reason)
        != NGX_OK)
    {
        (void) acme_ca_format(temp, error, reason.len + 32,
                              "issuer_password_file: %V", &reason);
        return NGX_ERROR;
    }

    cln->handler = ngx_acme_ca_password_cleanup;
    cln->data = passwords;

    if (ngx_acme_ca_password_split(passwords, &text) != NGX_OK) {
        ngx_explicit_memzero(text.data, text.len);
        return NGX_ERROR;
    }

    if (passwords->nelts == 0) {
        (void) acme_ca_format(temp, error, ca->issuer_password_file.len + 64,
                              "issuer_password_file: \"%V\" has no passphrase",
                              &ca->issuer_password_file);
        return NGX_ERROR;
    }

    ca->issuer_passwords = passwords;

    return NGX_OK;
}


/* lines, those without a character passed over */

static ngx_int_t
ngx_acme_ca_password_split(ngx_array_t *passwords, ngx_str_t *text)
{
    u_char     *p, *end, *last;
    ngx_str_t  *password;

    last = text->data + text->len;

    for (p = text->data; p < last; p = end + 1) {

        for (end = p; end < last && *end != LF && *end != CR; end++) {
            /* void */
        }

        if (end == p) {
            continue;
        }

        password = ngx_array_push(passwords);
        if (password == NULL) {
            return NGX_ERROR;
        }

        password->data = p;
        password->len = end - p;
    }

    return NGX_OK;
}


void
ngx_acme_ca_password_wipe(ngx_acme_ca_t *ca)
{
    if (ca->issuer_passwords != NULL) {
        ngx_acme_ca_password_cleanup(ca->issuer_passwords);
        ca->issuer_passwords = NULL;
    }
}


static void
ngx_acme_ca_password_cleanup(void *data)
{
    ngx_array_t *passwords = data;

    ngx_str_t   *password;
    ngx_uint_t   i;

    password = passwords->elts;

    for (i = 0; i < passwords->nelts; i++) {
        ngx_explicit_memzero(password[i].data, password[i].len);
    }

    passwords->nelts = 0;
}


ngx_int_t
ngx_acme_ca_home_write_key(ngx_acme_ca_home_t *home, const char *name,
    ngx_str_t *pem)
{
    ngx_str_t  text;

    text = *pem;

    if (home->ca->issuer_passwords != NULL
        && acme_ca_key_seal(home->pool, pem,
                            home->ca->issuer_passwords->elts, &text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_acme_ca_home_write(home, name, &text, 0600);
}
