
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * RSA moduli that are easily factored: small prime factors, and factors so
 * close to each other that Fermat's method finds them (as the keys of some
 * printers, CVE-2022-26320).
 */


#include "acme_ca_modulus.h"
#include "acme_ca_crypto.h"


#define ACME_CA_MODULUS_SMALL   752
#define ACME_CA_MODULUS_ROUNDS  100

/* moduli of the filter that tells most numbers from squares */
#define ACME_CA_MODULUS_SIEVES  (sizeof(acme_ca_modulus_sieve)                \
                                 / sizeof(acme_ca_modulus_sieve[0]))


static ngx_int_t acme_ca_modulus_smooth(const BIGNUM *modulus);
static ngx_uint_t acme_ca_modulus_shares(const BIGNUM *modulus,
    BN_ULONG group);
static ngx_int_t acme_ca_modulus_close(const BIGNUM *modulus, BN_CTX *bn);
static ngx_int_t acme_ca_modulus_fermat(const BIGNUM *modulus, BIGNUM *root,
    BN_CTX *bn);
static ngx_int_t acme_ca_modulus_is_square(const BIGNUM *modulus,
    const BIGNUM *root, ngx_uint_t round, BN_CTX *bn);
static ngx_int_t acme_ca_modulus_sqrt(const BIGNUM *n, BIGNUM *root,
    BN_CTX *bn);


static const BN_ULONG  acme_ca_modulus_sieve[] = {
    64, 63, 61, 59, 55, 53, 47, 43, 41, 37, 31, 29, 23, 19, 17, 13
};


ngx_int_t
acme_ca_modulus_check(ngx_log_t *log, const BIGNUM *modulus,
    const char **fault)
{
    BN_CTX     *bn;
    ngx_int_t   rc;

    *fault = "RSA modulus with a small factor";

    if (acme_ca_modulus_smooth(modulus) == NGX_OK) {
        return NGX_DECLINED;
    }

    *fault = "RSA modulus of two close primes";

    bn = BN_CTX_new();
    if (bn == NULL) {
        acme_ca_crypto_error(log, "BN_CTX_new()");
        return NGX_ERROR;
    }

    BN_CTX_start(bn);

    rc = acme_ca_modulus_close(modulus, bn);

    BN_CTX_end(bn);
    BN_CTX_free(bn);

    if (rc == NGX_ERROR) {
        acme_ca_crypto_error(log, "testing an RSA modulus");
        return NGX_ERROR;
    }

    return (rc == NGX_OK) ? NGX_DECLINED : NGX_OK;
}


/*
 * NGX_OK: it has a small factor.  Primes are multiplied into groups of 32
 * bits first, so that the long division is done for a third of them only.
 */

static ngx_int_t
acme_ca_modulus_smooth(const BIGNUM *modulus)
{
    uint64_t    group;
    ngx_uint_t  p, d;

    group = 1;

    for (p = 3; p < ACME_CA_MODULUS_SMALL; p += 2) {

        for (d = 3; d * d <= p && p % d; d += 2) { /* void */ }

        if (d * d <= p) {
            continue;
        }

        if (group * p > 0xffffffff) {

            if (acme_ca_modulus_shares(modulus, (BN_ULONG) group)) {
                return NGX_OK;
            }

            group = 1;
        }

        group *= p;
    }

    return acme_ca_modulus_shares(modulus, (BN_ULONG) group) ? NGX_OK
                                                             : NGX_DECLINED;
}


/* 1: the modulus and the group, both odd, have a common factor (Euclid) */

static ngx_uint_t
acme_ca_modulus_shares(const BIGNUM *modulus, BN_ULONG group)
{
    BN_ULONG  a, b, rest;

    a = group;

    for (b = BN_mod_word(modulus, group); b; b = rest) {
        rest = a % b;
        a = b;
    }

    return a != 1;
}


/* NGX_OK: its factors are close */

static ngx_int_t
acme_ca_modulus_close(const BIGNUM *modulus, BN_CTX *bn)
{
    BIGNUM     *root, *square;
    ngx_int_t   rc;

    root = BN_CTX_get(bn);
    square = BN_CTX_get(bn);
    if (square == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_modulus_sqrt(modulus, root, bn);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!BN_sqr(square, root, bn)) {
        return NGX_ERROR;
    }

    if (BN_cmp(square, modulus) == 0) {
        return NGX_OK;
    }

    if (!BN_add_word(root, 1)) {
        return NGX_ERROR;
    }

    return acme_ca_modulus_fermat(modulus, root, bn);
}


/*
 * Looks for a in root, root + 1, ... with a * a - modulus a square.  The
 * residues of that difference are kept for small numbers: nearly every round
 * ends with them, without a single long operation.
 */

static ngx_int_t
acme_ca_modulus_fermat(const BIGNUM *modulus, BIGNUM *root, BN_CTX *bn)
{
    uint64_t    squares[ACME_CA_MODULUS_SIEVES];
    BN_ULONG    q, a[ACME_CA_MODULUS_SIEVES], rest[ACME_CA_MODULUS_SIEVES];
    ngx_int_t   rc;
    ngx_uint_t  i, round;

    for (i = 0; i < ACME_CA_MODULUS_SIEVES; i++) {
        q = acme_ca_modulus_sieve[i];

        a[i] = BN_mod_word(root, q);
        rest[i] = (a[i] * a[i] + q - BN_mod_word(modulus, q)) % q;

        squares[i] = 0;

        for (round = 0; round < q; round++) {
            squares[i] |= (uint64_t) 1 << (round * round % q);
        }
    }

    for (round = 0; round < ACME_CA_MODULUS_ROUNDS; round++) {

        for (i = 0; i < ACME_CA_MODULUS_SIEVES; i++) {
            if (!((squares[i] >> rest[i]) & 1)) {
                break;
            }
        }

        if (i == ACME_CA_MODULUS_SIEVES) {
            rc = acme_ca_modulus_is_square(modulus, root, round, bn);
            if (rc != NGX_DECLINED) {
                return rc;
            }
        }

        for (i = 0; i < ACME_CA_MODULUS_SIEVES; i++) {
            q = acme_ca_modulus_sieve[i];

            rest[i] = (rest[i] + 2 * a[i] + 1) % q;
            a[i] = (a[i] + 1) % q;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
acme_ca_modulus_is_square(const BIGNUM *modulus, const BIGNUM *root,
    ngx_uint_t round, BN_CTX *bn)
{
    BIGNUM     *a, *b;
    ngx_int_t   rc;

    a = BN_CTX_get(bn);
    b = BN_CTX_get(bn);

    if (b == NULL
        || BN_copy(a, root) == NULL
        || !BN_add_word(a, (BN_ULONG) round)
        || !BN_sqr(a, a, bn)
        || !BN_sub(a, a, modulus))
    {
        return NGX_ERROR;
    }

    rc = acme_ca_modulus_sqrt(a, b, bn);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!BN_sqr(b, b, bn)) {
        return NGX_ERROR;
    }

    return (BN_cmp(a, b) == 0) ? NGX_OK : NGX_DECLINED;
}


/* the integer part of the square root, by Newton's method from above */

static ngx_int_t
acme_ca_modulus_sqrt(const BIGNUM *n, BIGNUM *root, BN_CTX *bn)
{
    BIGNUM  *next;

    next = BN_CTX_get(bn);
    if (next == NULL) {
        return NGX_ERROR;
    }

    BN_zero(next);

    if (!BN_set_bit(next, (BN_num_bits(n) + 1) / 2)) {
        return NGX_ERROR;
    }

    do {
        if (BN_copy(root, next) == NULL
            || !BN_div(next, NULL, n, root, bn)
            || !BN_add(next, next, root)
            || !BN_rshift1(next, next))
        {
            return NGX_ERROR;
        }

    } while (BN_cmp(next, root) < 0);

    return NGX_OK;
}
