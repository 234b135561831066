
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Opaque ids: one AES-128 block of { kind:8, zero:56, id:64 } as base64url.
 * A permutation with a key of the database: nobody can count our orders, or
 * guess an id that exists (56 bits must be zero), or pass one kind's id for
 * another's; and no second index is needed.
 */


#include "acme_ca_store_private.h"


#define ACME_CA_ID_KEY_LEN  16
#define ACME_CA_ID_BLOCK    16


static EVP_CIPHER_CTX *acme_ca_store_id_cipher(const u_char *key, int encrypt);


ngx_int_t
acme_ca_store_id_seed(acme_ca_store_t *store)
{
    u_char           key[ACME_CA_ID_KEY_LEN];
    acme_ca_query_t  q;

    if (acme_ca_store_prepare(store, ACME_CA_SQL_META_ADD) != NGX_OK
        || acme_ca_random(key, ACME_CA_ID_KEY_LEN) != NGX_OK)
    {
        return NGX_ERROR;
    }

    acme_ca_query_begin(store, &q, ACME_CA_SQL_META_ADD);
    acme_ca_query_blob(&q, key, ACME_CA_ID_KEY_LEN);

    return acme_ca_query_run(&q);
}


ngx_int_t
acme_ca_store_id_init(acme_ca_store_t *store)
{
    u_char           key[ACME_CA_ID_KEY_LEN];
    ngx_int_t        rc;
    acme_ca_query_t  q;

    acme_ca_query_begin(store, &q, ACME_CA_SQL_META_GET_KEY);

    rc = acme_ca_query_find(&q);

    if (rc == NGX_OK) {
        acme_ca_column_bytes(&q, key, ACME_CA_ID_KEY_LEN);
        rc = acme_ca_query_end(&q);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store \"%s\": acme_ca_meta has no key of ids",
                      store->path);
        return NGX_ERROR;
    }

    store->encrypt = acme_ca_store_id_cipher(key, 1);
    store->decrypt = acme_ca_store_id_cipher(key, 0);

    ngx_explicit_memzero(key, ACME_CA_ID_KEY_LEN);

    if (store->encrypt == NULL || store->decrypt == NULL) {
        ngx_log_error(NGX_LOG_EMERG, store->log, 0,
                      "acme_ca store \"%s\": no AES-128 in OpenSSL",
                      store->path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static EVP_CIPHER_CTX *
acme_ca_store_id_cipher(const u_char *key, int encrypt)
{
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();

    if (ctx == NULL) {
        return NULL;
    }

    if (EVP_CipherInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL, encrypt) != 1
        || EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
    {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


void
acme_ca_store_id_done(acme_ca_store_t *store)
{
    EVP_CIPHER_CTX_free(store->encrypt);
    EVP_CIPHER_CTX_free(store->decrypt);
}


ngx_int_t
acme_ca_store_id_write(acme_ca_store_t *store, acme_ca_id_kind_e kind,
    int64_t id, u_char text[ACME_CA_ID_LEN])
{
    int         n;
    u_char      plain[ACME_CA_ID_BLOCK], block[ACME_CA_ID_BLOCK];
    ngx_uint_t  i;

    ngx_memzero(plain, ACME_CA_ID_BLOCK);

    plain[0] = (u_char) kind;

    for (i = 0; i < 8; i++) {
        plain[15 - i] = (u_char) ((uint64_t) id >> (8 * i));
    }

    if (EVP_EncryptUpdate(store->encrypt, block, &n, plain, ACME_CA_ID_BLOCK)
        != 1)
    {
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "acme_ca store \"%s\": an id cannot be enciphered",
                      store->path);
        return NGX_ERROR;
    }

    (void) acme_ca_base64url_write(text, block, ACME_CA_ID_BLOCK);

    return NGX_OK;
}


ngx_int_t
acme_ca_store_id_parse(acme_ca_store_t *store, acme_ca_id_kind_e kind,
    ngx_str_t *text, int64_t *id)
{
    int         n;
    u_char      plain[ACME_CA_ID_BLOCK], block[ACME_CA_ID_BLOCK + 2];
    u_char      again[ACME_CA_ID_LEN];
    uint64_t    value;
    ngx_str_t   bytes;
    ngx_uint_t  i, bad;

    if (text->len != ACME_CA_ID_LEN) {
        return NGX_DECLINED;
    }

    bytes.data = block;

    if (ngx_decode_base64url(&bytes, text) != NGX_OK
        || bytes.len != ACME_CA_ID_BLOCK)
    {
        return NGX_DECLINED;
    }

    /* one id has one text: the unused bits of the last character are zero */

    (void) acme_ca_base64url_write(again, block, ACME_CA_ID_BLOCK);

    if (ngx_memcmp(again, text->data, ACME_CA_ID_LEN) != 0) {
        return NGX_DECLINED;
    }

    if (EVP_DecryptUpdate(store->decrypt, plain, &n, block, ACME_CA_ID_BLOCK)
        != 1)
    {
        return NGX_ERROR;
    }

    bad = (plain[0] ^ (u_char) kind) | (plain[8] & 0x80);
    value = 0;

    for (i = 1; i < 8; i++) {
        bad |= plain[i];
        value = value << 8 | plain[i + 8];
    }

    value |= (uint64_t) plain[8] << 56;

    if (bad || value == 0) {
        return NGX_DECLINED;
    }

    *id = (int64_t) value;

    return NGX_OK;
}
