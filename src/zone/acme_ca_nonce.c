
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Anti-replay nonces (RFC 8555, 6.5).  AES is a permutation: no two counters
 * make the same nonce, nobody without the key foretells one, and what was not
 * made with the key decrypts to a wrong epoch or counter (2^-32 of 2^-44).
 *
 * Invariants:
 *     1. a nonce is good only while its counter lies in the window: the last
 *        "size" ones issued;
 *     2. two counters that share a bit of the ring are at least "size" apart,
 *        so at most one of them is in the window;
 *     3. a word changes from a generation to a younger one only, and within
 *        one only from 0 to 1 bits.  A process that stood still between its
 *        look at the counter and its swap meets a younger generation and
 *        answers OLD: it never spends, and never revives, another's bit;
 *     4. a swap that succeeded is the one that spent the nonce.
 */


#include "acme_ca_nonce.h"

#include <openssl/evp.h>


#define ACME_CA_NONCE_BLOCK  16
#define ACME_CA_NONCE_MIN    1024
#define ACME_CA_NONCE_BITS   32      /* of a word of the ring */


struct acme_ca_nonce_zone_s {
    u_char     key[ACME_CA_NONCE_BLOCK];
    uint32_t   epoch;
    uint32_t   lifetime;             /* seconds */
    uint64_t   size;                 /* nonces: a power of two */
    u_char     padding[64];          /* the counter's cache line is its own */
    uint64_t   counter;              /* of the next nonce */
    u_char     padding2[56];
    uint64_t   ring[1];              /* size / ACME_CA_NONCE_BITS words */
};


struct acme_ca_nonces_s {
    acme_ca_nonce_zone_t  *zone;
    EVP_CIPHER_CTX        *encrypt;
    EVP_CIPHER_CTX        *decrypt;
};


static EVP_CIPHER_CTX *acme_ca_nonce_cipher(acme_ca_nonce_zone_t *zone,
    int encrypt);
static void acme_ca_nonces_cleanup(void *data);
static ngx_int_t acme_ca_nonce_crypt(EVP_CIPHER_CTX *cipher, u_char *dst,
    const u_char *src);
static acme_ca_nonce_verdict_e acme_ca_nonce_spend(acme_ca_nonce_zone_t *zone,
    uint64_t counter);
static u_char *acme_ca_nonce_put(u_char *p, uint64_t n, size_t len);
static uint64_t acme_ca_nonce_get(const u_char *p, size_t len);


size_t
acme_ca_nonce_zone_size(ngx_uint_t n)
{
    ngx_uint_t  size;

    for (size = ACME_CA_NONCE_MIN; size < n; size *= 2) { /* void */ }

    return offsetof(acme_ca_nonce_zone_t, ring)
           + size / ACME_CA_NONCE_BITS * sizeof(uint64_t);
}


ngx_uint_t
acme_ca_nonce_zone_capacity(size_t size)
{
    ngx_uint_t  n;

    if (size < acme_ca_nonce_zone_size(ACME_CA_NONCE_MIN)) {
        return 0;
    }

    for (n = ACME_CA_NONCE_MIN;
         acme_ca_nonce_zone_size(n * 2) <= size;
         n *= 2)
    {
        /* void */
    }

    return n;
}


ngx_int_t
acme_ca_nonce_zone_init(acme_ca_nonce_zone_t *zone, ngx_uint_t n,
    time_t lifetime)
{
    size_t  size;

    size = acme_ca_nonce_zone_size(n);

    ngx_memzero(zone, size);

    size -= offsetof(acme_ca_nonce_zone_t, ring);

    zone->size = size / sizeof(uint64_t) * ACME_CA_NONCE_BITS;

    acme_ca_nonce_zone_lifetime(zone, lifetime);

    if (acme_ca_random(zone->key, ACME_CA_NONCE_BLOCK) != NGX_OK
        || acme_ca_random((u_char *) &zone->epoch, sizeof(zone->epoch))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
acme_ca_nonce_zone_lifetime(acme_ca_nonce_zone_t *zone, time_t lifetime)
{
    __atomic_store_n(&zone->lifetime,
                     (uint32_t) ngx_min(lifetime, NGX_MAX_INT32_VALUE),
                     __ATOMIC_RELAXED);
}


acme_ca_nonces_t *
acme_ca_nonces_open(ngx_pool_t *pool, acme_ca_nonce_zone_t *zone)
{
    acme_ca_nonces_t    *nonces;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, sizeof(acme_ca_nonces_t));
    if (cln == NULL) {
        return NULL;
    }

    nonces = cln->data;

    nonces->zone = zone;
    nonces->encrypt = acme_ca_nonce_cipher(zone, 1);
    nonces->decrypt = acme_ca_nonce_cipher(zone, 0);

    cln->handler = acme_ca_nonces_cleanup;

    if (nonces->encrypt == NULL || nonces->decrypt == NULL) {
        return NULL;
    }

    return nonces;
}


static EVP_CIPHER_CTX *
acme_ca_nonce_cipher(acme_ca_nonce_zone_t *zone, int encrypt)
{
    EVP_CIPHER_CTX  *cipher;

    cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL) {
        return NULL;
    }

    /* one block, and each is another one: ECB is the permutation itself */

    if (EVP_CipherInit_ex(cipher, EVP_aes_128_ecb(), NULL, zone->key, NULL,
                          encrypt)
        != 1
        || EVP_CIPHER_CTX_set_padding(cipher, 0) != 1)
    {
        EVP_CIPHER_CTX_free(cipher);
        return NULL;
    }

    return cipher;
}


static void
acme_ca_nonces_cleanup(void *data)
{
    acme_ca_nonces_t  *nonces = data;

    EVP_CIPHER_CTX_free(nonces->encrypt);
    EVP_CIPHER_CTX_free(nonces->decrypt);
}


ngx_int_t
acme_ca_nonce_issue(acme_ca_nonces_t *nonces, time_t now, u_char *nonce)
{
    u_char                 block[ACME_CA_NONCE_BLOCK], *p;
    uint64_t               counter;
    acme_ca_nonce_zone_t  *zone;

    zone = nonces->zone;

    counter = __atomic_fetch_add(&zone->counter, 1, __ATOMIC_SEQ_CST);

    p = acme_ca_nonce_put(block, zone->epoch, 4);
    p = acme_ca_nonce_put(p, counter, 8);
    (void) acme_ca_nonce_put(p, (uint64_t) now, 4);

    if (acme_ca_nonce_crypt(nonces->encrypt, block, block) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) acme_ca_base64url_write(nonce, block, ACME_CA_NONCE_BLOCK);

    return NGX_OK;
}


acme_ca_nonce_verdict_e
acme_ca_nonce_use(acme_ca_nonces_t *nonces, time_t now, ngx_str_t *nonce)
{
    u_char                 block[ACME_CA_NONCE_BLOCK + 1];
    int32_t                age;
    uint64_t               counter, next;
    acme_ca_nonce_zone_t  *zone;

    zone = nonces->zone;

    if (nonce->len != ACME_CA_NONCE_LEN
        || acme_ca_base64url_read(block, nonce->data, nonce->len) == NULL)
    {
        return ACME_CA_NONCE_MALFORMED;
    }

    if (acme_ca_nonce_crypt(nonces->decrypt, block, block) != NGX_OK) {
        return ACME_CA_NONCE_FOREIGN;
    }

    counter = acme_ca_nonce_get(block + 4, 8);
    next = __atomic_load_n(&zone->counter, __ATOMIC_SEQ_CST);

    if (acme_ca_nonce_get(block, 4) != zone->epoch || counter >= next) {
        return ACME_CA_NONCE_FOREIGN;
    }

    /* a clock that was set back makes nonces of the future: good ones */

    age = (int32_t) ((uint32_t) now
                     - (uint32_t) acme_ca_nonce_get(block + 12, 4));

    if (next - counter > zone->size
        || age > (int32_t) __atomic_load_n(&zone->lifetime, __ATOMIC_RELAXED))
    {
        return ACME_CA_NONCE_OLD;
    }

    return acme_ca_nonce_spend(zone, counter);
}


static ngx_int_t
acme_ca_nonce_crypt(EVP_CIPHER_CTX *cipher, u_char *dst, const u_char *src)
{
    int  len;

    if (EVP_CipherUpdate(cipher, dst, &len, src, ACME_CA_NONCE_BLOCK) != 1
        || len != ACME_CA_NONCE_BLOCK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static acme_ca_nonce_verdict_e
acme_ca_nonce_spend(acme_ca_nonce_zone_t *zone, uint64_t counter)
{
    int32_t    younger;
    uint32_t   generation;
    uint64_t   old, new, bit, word, *slot;

    word = counter / ACME_CA_NONCE_BITS;
    generation = (uint32_t) (counter / zone->size);
    bit = (uint64_t) 1 << counter % ACME_CA_NONCE_BITS;

    slot = &zone->ring[word % (zone->size / ACME_CA_NONCE_BITS)];

    old = __atomic_load_n(slot, __ATOMIC_SEQ_CST);

    for ( ;; ) {

        /* by their distance, because generations wrap */

        younger = (int32_t) ((uint32_t) (old >> 32) - generation);

        if (younger > 0) {
            return ACME_CA_NONCE_OLD;
        }

        if (younger == 0 && (old & bit)) {
            return ACME_CA_NONCE_USED;
        }

        new = younger == 0 ? (old | bit) : (uint64_t) generation << 32 | bit;

        if (__atomic_compare_exchange_n(slot, &old, new, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
        {
            return ACME_CA_NONCE_GOOD;
        }
    }
}


static u_char *
acme_ca_nonce_put(u_char *p, uint64_t n, size_t len)
{
    while (len) {
        *p++ = (u_char) (n >> 8 * --len);
    }

    return p;
}


static uint64_t
acme_ca_nonce_get(const u_char *p, size_t len)
{
    uint64_t  n;

    for (n = 0; len; len--) {
        n = n << 8 | *p++;
    }

    return n;
}
