
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Account keys that were parsed lately: a direct-mapped cache of one worker's
 * event loop, because parsing a key costs a third of verifying with it.  An
 * entry answers only for the thumbprint that the account's row has now, so a
 * key that was changed, here or in another worker, is never taken again.
 */


#include "acme_ca_protocol_private.h"


typedef struct {
    int64_t             account_id;
    u_char              thumbprint[ACME_CA_SHA256_LEN];
    EVP_PKEY           *key;                     /* NULL: empty */
    acme_ca_jws_kept_t  kept;
} acme_ca_keys_slot_t;


struct acme_ca_keys_s {
    ngx_uint_t            n;
    acme_ca_keys_slot_t  *slots;
};


static void acme_ca_keys_cleanup(void *data);
static void acme_ca_keys_empty(acme_ca_keys_slot_t *slot);
static acme_ca_keys_slot_t *acme_ca_keys_slot(acme_ca_keys_t *keys,
    acme_ca_account_t *account);
static ngx_uint_t acme_ca_keys_match(acme_ca_keys_slot_t *slot,
    acme_ca_account_t *account);


acme_ca_keys_t *
acme_ca_keys_create(ngx_pool_t *pool, ngx_uint_t n)
{
    acme_ca_keys_t      *keys;
    ngx_pool_cleanup_t  *cln;

    keys = ngx_palloc(pool, sizeof(acme_ca_keys_t));
    if (keys == NULL) {
        return NULL;
    }

    keys->n = n;
    keys->slots = ngx_pcalloc(pool, n * sizeof(acme_ca_keys_slot_t));
    if (keys->slots == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = acme_ca_keys_cleanup;
    cln->data = keys;

    return keys;
}


static void
acme_ca_keys_cleanup(void *data)
{
    acme_ca_keys_t *keys = data;

    ngx_uint_t  i;

    for (i = 0; i < keys->n; i++) {
        acme_ca_keys_empty(&keys->slots[i]);
    }
}


ngx_int_t
acme_ca_keys_verify(acme_ca_ctx_t *ctx, acme_ca_keys_t *keys,
    acme_ca_account_t *account, acme_ca_jws_t *jws)
{
    ngx_int_t             rc;
    acme_ca_jwk_t        *jwk;
    acme_ca_keys_slot_t  *slot;

    slot = acme_ca_keys_slot(keys, account);

    if (slot == NULL || !acme_ca_keys_match(slot, account)) {
        rc = acme_ca_jwk_parse_text(ctx, &account->jwk, &jwk);
        if (rc != NGX_OK) {
            return rc;
        }

        if (slot == NULL || EVP_PKEY_up_ref(jwk->key) != 1) {
            return acme_ca_jws_verify(ctx, jws, jwk->key);
        }

        acme_ca_keys_empty(slot);

        slot->key = jwk->key;
        slot->account_id = account->id;
        ngx_memcpy(slot->thumbprint, account->thumbprint, ACME_CA_SHA256_LEN);
    }

    return acme_ca_jws_verify_again(ctx, jws, slot->key, &slot->kept);
}


static void
acme_ca_keys_empty(acme_ca_keys_slot_t *slot)
{
    EVP_PKEY_CTX_free(slot->kept.verify);
    EVP_PKEY_free(slot->key);

    ngx_memzero(slot, sizeof(acme_ca_keys_slot_t));
}


static acme_ca_keys_slot_t *
acme_ca_keys_slot(acme_ca_keys_t *keys, acme_ca_account_t *account)
{
    if (keys == NULL || keys->n == 0) {
        return NULL;
    }

    return &keys->slots[(uint64_t) account->id % keys->n];
}


static ngx_uint_t
acme_ca_keys_match(acme_ca_keys_slot_t *slot, acme_ca_account_t *account)
{
    return slot->key != NULL
           && slot->account_id == account->id
           && ngx_memcmp(slot->thumbprint, account->thumbprint,
                         ACME_CA_SHA256_LEN)
              == 0;
}
