
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_csr*.c, acme_ca_spki.c, acme_ca_signature.c, acme_ca_modulus.c:
 * requests as clients make them are read, everything else is refused.
 */


#include "pki.h"
#include "tap.h"

#include <dirent.h>


#define OK  (-1)                             /* no problem */

#define SAN          "\x55\x1d\x11"
#define KEY_USAGE    "\x55\x1d\x0f"
#define PURPOSES     "\x55\x1d\x25"
#define CONSTRAINTS  "\x55\x1d\x13"
#define KEY_ID       "\x55\x1d\x0e"
#define TLS_FEATURE  "\x2b\x06\x01\x05\x05\x07\x01\x18"

#define CRITICAL     pki_lit("\x01\x01\xff")
#define NONE         pki_lit("")


static int taken(acme_ca_ctx_t *ctx, ngx_str_t der, int problem,
    const char *what);
static void names_are(acme_ca_ctx_t *ctx, const char *names,
    const char *what);

static void test_keys(acme_ca_ctx_t *ctx);
static void test_key_refused(acme_ca_ctx_t *ctx);
static void test_modulus(acme_ca_ctx_t *ctx);
static void test_names(acme_ca_ctx_t *ctx);
static void test_common_name(acme_ca_ctx_t *ctx);
static void test_subject(acme_ca_ctx_t *ctx);
static void test_extensions(acme_ca_ctx_t *ctx);
static void test_attributes(acme_ca_ctx_t *ctx);
static void test_structure(acme_ca_ctx_t *ctx);
static void test_signature(acme_ca_ctx_t *ctx);
static void test_pss(acme_ca_ctx_t *ctx);
static void test_match(acme_ca_ctx_t *ctx);
static void test_mutations(acme_ca_ctx_t *ctx);
static void test_corpus(acme_ca_ctx_t *ctx);
static void test_memory(acme_ca_ctx_t *ctx);


static EVP_PKEY       *key, *rsa;
static acme_ca_csr_t  *csr;
static ngx_uint_t      key_types = ACME_CA_KEY_ANY;


int
main(void)
{
    acme_ca_ctx_t  ctx;

    shim_openssl();
    pki_start(&ctx);

    key = pki_key("P-256");
    rsa = pki_key("2048");

    test_keys(&ctx);
    test_key_refused(&ctx);
    test_modulus(&ctx);
    test_names(&ctx);
    test_common_name(&ctx);
    test_subject(&ctx);
    test_extensions(&ctx);
    test_attributes(&ctx);
    test_structure(&ctx);
    test_signature(&ctx);
    test_pss(&ctx);
    test_match(&ctx);
    test_mutations(&ctx);
    test_corpus(&ctx);
    test_memory(&ctx);

    is_int(ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");

    EVP_PKEY_free(key);
    EVP_PKEY_free(rsa);
    pki_stop(&ctx);

    return done_testing();
}


/* a request is read, or refused with this problem */
static int
taken(acme_ca_ctx_t *ctx, ngx_str_t der, int problem, const char *what)
{
    ngx_int_t   rc;
    ngx_str_t   copy;

    csr = NULL;
    ctx->problem = NULL;

    /* a block of exactly its length, for the sanitizer's sake */

    copy.len = der.len;
    copy.data = ngx_palloc(ctx->pool, der.len);
    memcpy(copy.data, der.data, der.len);

    rc = acme_ca_csr_parse(ctx, &copy, key_types, &csr);

    if (!is_int(pki_problem(ctx), problem, "%s", what)
        && ctx->problem != NULL)
    {
        printf("# %.*s\n", (int) ctx->problem->detail.len,
               ctx->problem->detail.data);
    }

    if (rc != (problem == OK ? NGX_OK : NGX_ABORT)
        || (csr != NULL) != (problem == OK)
        || ERR_peek_error() != 0)
    {
        ok(0, "%s: outcome %d, csr %p, %lx", what, (int) rc, (void *) csr,
           ERR_peek_error());
    }

    return rc == NGX_OK;
}


/* names of the last request, separated by spaces */
static void
names_are(acme_ca_ctx_t *ctx, const char *names, const char *what)
{
    ngx_str_t    name, all;
    ngx_uint_t   i;

    all = pki_lit("");

    for (i = 0; csr != NULL && i < csr->n; i++) {
        acme_ca_identifier_name(ctx->pool, &csr->identifiers[i], &name);

        if (i) {
            all = pki_cat(ctx->pool, all, pki_lit(" "));
        }

        all = pki_cat(ctx->pool, all, name);
    }

    is_str(&all, names, "%s: names", what);
}


static ngx_str_t
simple(acme_ca_ctx_t *ctx, EVP_PKEY *k)
{
    return pki_csr(ctx->pool, k, NONE, pki_san(ctx->pool, "a.example"));
}


/* the thumbprint by another way: RFC 7638 */
static void
thumbprint(EVP_PKEY *k, u_char digest[32])
{
    int       n;
    char      text[4096];
    size_t    len;
    BIGNUM   *e, *m, *x, *y;
    u_char    bytes[1200], part[4][1200], b64[4][1700], *p;

    memset(b64, 0, sizeof(b64));

    switch (EVP_PKEY_get_base_id(k)) {

    case EVP_PKEY_RSA:
        e = m = NULL;
        EVP_PKEY_get_bn_param(k, "e", &e);
        EVP_PKEY_get_bn_param(k, "n", &m);
        n = BN_bn2bin(e, part[0]);
        *acme_ca_base64url_write(b64[0], part[0], n) = '\0';
        n = BN_bn2bin(m, part[1]);
        *acme_ca_base64url_write(b64[1], part[1], n) = '\0';
        snprintf(text, sizeof(text),
                 "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", b64[0],
                 b64[1]);
        BN_free(e);
        BN_free(m);
        break;

    case EVP_PKEY_EC:
        x = y = NULL;
        EVP_PKEY_get_bn_param(k, "qx", &x);
        EVP_PKEY_get_bn_param(k, "qy", &y);
        n = (EVP_PKEY_get_bits(k) + 7) / 8;
        BN_bn2binpad(x, part[0], n);
        BN_bn2binpad(y, part[1], n);
        *acme_ca_base64url_write(b64[0], part[0], n) = '\0';
        *acme_ca_base64url_write(b64[1], part[1], n) = '\0';
        snprintf(text, sizeof(text),
                 "{\"crv\":\"P-%d\",\"kty\":\"EC\",\"x\":\"%s\","
                 "\"y\":\"%s\"}", EVP_PKEY_get_bits(k), b64[0], b64[1]);
        BN_free(x);
        BN_free(y);
        break;

    default:
        len = sizeof(bytes);
        EVP_PKEY_get_raw_public_key(k, bytes, &len);
        p = acme_ca_base64url_write(b64[0], bytes, len);
        *p = '\0';
        snprintf(text, sizeof(text),
                 "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}",
                 b64[0]);
    }

    acme_ca_sha256((u_char *) text, strlen(text), digest);
}


static void
test_keys(acme_ca_ctx_t *ctx)
{
    size_t      i;
    u_char      digest[32];
    EVP_PKEY   *k;
    ngx_str_t   spki;

    static const struct {
        const char  *kind;
        ngx_uint_t   key;
        const char  *type;
    } kinds[] = {
        { "P-256", ACME_CA_KEY_EC_P256, "EC P-256" },
        { "P-384", ACME_CA_KEY_EC_P384, "EC P-384" },
        { "P-521", ACME_CA_KEY_EC_P521, "EC P-521" },
        { "ED25519", ACME_CA_KEY_ED25519, "Ed25519" },
        { "2048", ACME_CA_KEY_RSA_2048, "RSA 2048" },
        { "2560", ACME_CA_KEY_RSA_2048, "RSA 2560" },
        { "3072", ACME_CA_KEY_RSA_3072, "RSA 3072" },
        { "4096", ACME_CA_KEY_RSA_4096, "RSA 4096" }
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        k = pki_key(kinds[i].kind);

        if (taken(ctx, simple(ctx, k), OK, kinds[i].type)) {
            is_int(csr->key, kinds[i].key, "%s", kinds[i].type);
            is_str(&csr->key_type, kinds[i].type, "%s", kinds[i].type);

            spki = pki_spki(ctx->pool, k);
            ok(acme_ca_str_eq(&csr->spki, &spki), "its public key");

            thumbprint(k, digest);
            ok(memcmp(csr->thumbprint, digest, 32) == 0, "its thumbprint");
            is_int(csr->common_name.len, 0, "no common name");
            names_are(ctx, "a.example", kinds[i].type);
        }

        key_types = ACME_CA_KEY_ANY & ~kinds[i].key;
        taken(ctx, simple(ctx, k), ACME_CA_BAD_CSR, "not in the list");
        key_types = ACME_CA_KEY_ANY;

        EVP_PKEY_free(k);
    }
}


/* a request with this SubjectPublicKeyInfo; the signature does not matter */
static ngx_str_t
with_spki(acme_ca_ctx_t *ctx, ngx_str_t spki)
{
    ngx_pool_t  *p = ctx->pool;

    return pki_request(p, key,
                       pki_der(p, 0x30, pki_lit("\x02\x01\0\x30\0"), spki,
                               pki_der(p, 0xa0,
                                       pki_attribute(p, pki_san(p,
                                                                "a.example")),
                                       PKI_END),
                               PKI_END));
}


static ngx_str_t
ec_spki(acme_ca_ctx_t *ctx, ngx_str_t point)
{
    return pki_der(ctx->pool, 0x30,
                   pki_lit("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                           "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
                   pki_der(ctx->pool, 0x03, pki_lit("\0"), point, PKI_END),
                   PKI_END);
}


static void
test_key_refused(acme_ca_ctx_t *ctx)
{
    size_t       i;
    EVP_PKEY    *k;
    ngx_str_t    spki, point;
    ngx_pool_t  *p = ctx->pool;

    static const char  *kinds[] = { "1024", "secp256k1", "P-224", "ED448" };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        k = pki_key(kinds[i]);
        taken(ctx, with_spki(ctx, pki_spki(p, k)), ACME_CA_BAD_CSR,
              kinds[i]);
        EVP_PKEY_free(k);
    }

    spki = pki_spki(p, key);
    point = pki_str((char *) spki.data + spki.len - 65, 65);

    taken(ctx, with_spki(ctx, ec_spki(ctx, point)), OK, "a point");

    point = pki_cat(p, point, NONE);
    point.data[64] ^= 1;
    taken(ctx, with_spki(ctx, ec_spki(ctx, point)), ACME_CA_BAD_CSR,
          "a point off the curve");

    point.data[64] ^= 1;
    point.data[0] = 2;
    taken(ctx, with_spki(ctx, ec_spki(ctx, point)), ACME_CA_BAD_CSR,
          "a point of unknown form");
    taken(ctx, with_spki(ctx, ec_spki(ctx, pki_str((char *) point.data,
                                                   33))),
          ACME_CA_BAD_CSR, "a compressed point");
    point.data[0] = 6 + (point.data[64] & 1);
    taken(ctx, with_spki(ctx, ec_spki(ctx, point)), ACME_CA_BAD_CSR,
          "a hybrid point");
    taken(ctx, with_spki(ctx, ec_spki(ctx, pki_lit("\0"))), ACME_CA_BAD_CSR,
          "the point at infinity");
    point.data[0] = 4;
    taken(ctx, with_spki(ctx, ec_spki(ctx, pki_cat(p, point,
                                                   pki_lit("\0")))),
          ACME_CA_BAD_CSR, "a point too long");
    taken(ctx, with_spki(ctx, ec_spki(ctx, NONE)), ACME_CA_BAD_CSR,
          "no point");
    memset(point.data + 1, 0, 64);
    taken(ctx, with_spki(ctx, ec_spki(ctx, point)), ACME_CA_BAD_CSR,
          "a point of zeros");
    memset(point.data + 1, 0xff, 64);
    taken(ctx, with_spki(ctx, ec_spki(ctx, point)), ACME_CA_BAD_CSR,
          "coordinates beyond the field");

    taken(ctx, with_spki(ctx, pki_lit("\x30\x02\x30\0")), ACME_CA_BAD_CSR,
          "no key");
    taken(ctx, with_spki(ctx, pki_lit("\x30\0")), ACME_CA_BAD_CSR,
          "an empty key");
    taken(ctx, with_spki(ctx,
                         pki_lit("\x30\x0a\x30\x05\x06\x03\x2b\x65\x70"
                                 "\x03\x01\0")),
          ACME_CA_BAD_CSR, "an Ed25519 key that is empty");
    taken(ctx, with_spki(ctx,
                         pki_lit("\x30\x09\x30\x05\x06\x03\x2b\x65\x70"
                                 "\x03\0")),
          ACME_CA_BAD_CSR, "a bit string without its first byte");
}


static ngx_str_t
number(acme_ca_ctx_t *ctx, const BIGNUM *n)
{
    u_char  bytes[2048];

    bytes[0] = 0;
    BN_bn2bin(n, bytes + 1);

    if (bytes[1] & 0x80) {
        return pki_der(ctx->pool, 0x02,
                       pki_str((char *) bytes, 1 + BN_num_bytes(n)), PKI_END);
    }

    return pki_der(ctx->pool, 0x02,
                   pki_str((char *) bytes + 1, BN_num_bytes(n)), PKI_END);
}


static ngx_str_t
rsa_spki(acme_ca_ctx_t *ctx, ngx_str_t n, ngx_str_t e)
{
    return pki_der(ctx->pool, 0x30,
                   pki_lit("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
                           "\x01\x05\0"),
                   pki_der(ctx->pool, 0x03, pki_lit("\0"),
                           pki_der(ctx->pool, 0x30, n, e, PKI_END), PKI_END),
                   PKI_END);
}


static void
rsa_refused(acme_ca_ctx_t *ctx, const BIGNUM *n, ngx_str_t e, int problem,
    const char *what)
{
    taken(ctx, with_spki(ctx, rsa_spki(ctx, number(ctx, n), e)), problem,
          what);
}


static void
test_modulus(acme_ca_ctx_t *ctx)
{
    int         i;
    BIGNUM     *n, *p, *q, *gap;
    BN_CTX     *bn;
    ngx_str_t   e;

    static const int  factors[] = { 3, 5, 7, 251, 257, 509, 743, 751 };

    bn = BN_CTX_new();
    n = NULL;
    p = BN_new();
    q = BN_new();
    gap = BN_new();

    EVP_PKEY_get_bn_param(rsa, "n", &n);
    e = pki_lit("\x02\x03\x01\0\x01");

    /* the key is sound, but the request is signed with another */

    rsa_refused(ctx, n, e, ACME_CA_BAD_CSR, "a sound modulus");

    rsa_refused(ctx, n, pki_lit("\x02\x01\x03"), ACME_CA_BAD_CSR,
                "exponent 3");
    rsa_refused(ctx, n, pki_lit("\x02\x03\0\xff\xff"),
                ACME_CA_BAD_CSR, "exponent 65535");
    rsa_refused(ctx, n, pki_lit("\x02\x03\x01\0\x02"),
                ACME_CA_BAD_CSR, "an even exponent");
    rsa_refused(ctx, n, pki_lit("\x02\x05\x01\xff\xff\xff\xff"),
                ACME_CA_BAD_CSR, "the largest exponent (the key is taken)");
    rsa_refused(ctx, n, pki_lit("\x02\x05\x02\0\0\0\x01"),
                ACME_CA_BAD_CSR, "an exponent too large");
    rsa_refused(ctx, n, pki_lit("\x02\x06\x01\0\0\0\0\x01"),
                ACME_CA_BAD_CSR, "an exponent far too large");
    rsa_refused(ctx, n, pki_lit("\x02\x04\0\x01\0\x01"), ACME_CA_BAD_CSR,
                "an exponent with a leading zero");
    rsa_refused(ctx, n, pki_lit("\x02\x03\x81\0\x01"), ACME_CA_BAD_CSR,
                "a negative exponent");
    rsa_refused(ctx, n, pki_lit("\x02\0"), ACME_CA_BAD_CSR,
                "an empty exponent");
    rsa_refused(ctx, n, pki_lit("\x02\x01\0"), ACME_CA_BAD_CSR,
                "exponent 0");

    taken(ctx, with_spki(ctx, rsa_spki(ctx, pki_lit("\x02\x01\0"), e)),
          ACME_CA_BAD_CSR, "modulus 0");
    taken(ctx, with_spki(ctx, rsa_spki(ctx, pki_lit("\x02\x01\x01"), e)),
          ACME_CA_BAD_CSR, "modulus 1");
    taken(ctx, with_spki(ctx, rsa_spki(ctx, number(ctx, n),
                                       pki_cat(ctx->pool, e, e))),
          ACME_CA_BAD_CSR, "three numbers");

    BN_sub_word(n, 1);
    rsa_refused(ctx, n, e, ACME_CA_BAD_CSR, "an even modulus");

    for (i = 0; i < (int) (sizeof(factors) / sizeof(factors[0])); i++) {
        BN_generate_prime_ex(p, 1500, 0, NULL, NULL, NULL);
        BN_set_bit(p, 2047 - 8);
        BN_set_word(q, factors[i]);
        BN_set_bit(p, 0);
        BN_mul(n, p, q, bn);

        while (BN_num_bits(n) < 2048) {
            BN_lshift(p, p, 1);
            BN_set_bit(p, 0);
            BN_mul(n, p, q, bn);
        }

        rsa_refused(ctx, n, e, ACME_CA_BAD_CSR, "a small factor");
    }

    /* close primes: p and the one after it; p squared */

    BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL);
    BN_copy(q, p);

    do {
        BN_add_word(q, 2);
    } while (BN_check_prime(q, NULL, NULL) != 1);

    BN_mul(n, p, q, bn);

    if (BN_num_bits(n) == 2048) {
        rsa_refused(ctx, n, e, ACME_CA_BAD_CSR, "twin primes");
    }

    BN_sqr(n, p, bn);

    if (BN_num_bits(n) == 2048) {
        rsa_refused(ctx, n, e, ACME_CA_BAD_CSR, "a square");
    }

    /*
     * The number of rounds is (p - q)^2 / (8 * sqrt(n)): with a difference of
     * 2^516 at 2048 bits it is 2^(1032 - 3 - 1024) = 32, with 2^520 8192.
     */

    for (i = 516; i <= 520; i += 4) {

        do {
            BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL);
            BN_set_word(gap, 1);
            BN_lshift(gap, gap, i);
            BN_add(q, p, gap);

            do {
                BN_add_word(q, 2);
            } while (BN_check_prime(q, NULL, NULL) != 1);

            BN_mul(n, p, q, bn);
        } while (BN_num_bits(n) != 2048);

        rsa_refused(ctx, n, e, i == 516 ? ACME_CA_BAD_CSR
                                        : ACME_CA_BAD_CSR,
                    i == 516 ? "close primes" : "primes not that close");
    }

    /* sizes just beyond the limits */

    BN_rand(n, 2047, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    rsa_refused(ctx, n, e, ACME_CA_BAD_CSR, "2047 bits");

    BN_rand(n, 8193, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    rsa_refused(ctx, n, e, ACME_CA_BAD_CSR, "8193 bits");

    BN_free(n);
    BN_free(p);
    BN_free(q);
    BN_free(gap);
    BN_CTX_free(bn);
}


static ngx_str_t
san(acme_ca_ctx_t *ctx, ngx_str_t list)
{
    return pki_csr(ctx->pool, key, NONE,
                   pki_extension(ctx->pool, pki_lit(SAN), NONE,
                                 pki_der(ctx->pool, 0x30, list, PKI_END)));
}


static void
test_names(acme_ca_ctx_t *ctx)
{
    int          i;
    char        *all, *p;
    ngx_pool_t  *pool = ctx->pool;

    taken(ctx, pki_csr(pool, key, NONE,
                       pki_san(pool, "b.example,A.example,*.a.example,"
                                     "a.example")),
          OK, "names");
    names_are(ctx, "a.example *.a.example b.example", "sorted, each once");

    taken(ctx, san(ctx, pki_lit("\x87\x04\x0a\0\0\x01\x82\x03" "a.b")), OK,
          "an address");
    names_are(ctx, "a.b 10.0.0.1", "an address");

    taken(ctx, san(ctx, pki_lit("\x87\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0"
                                "\0\x01")), OK, "an IPv6 address");
    names_are(ctx, "2001:db8::1", "an IPv6 address");

    all = malloc(300000);
    p = all;

    for (i = 0; i < 2000; i++) {
        p += sprintf(p, "%sh%d.example", i ? "," : "", 2000 - i);
    }

    taken(ctx, pki_csr(pool, key, NONE, pki_san(pool, all)), OK,
          "two thousand names");
    is_int(csr ? csr->n : 0, 2000, "are all there");
    free(all);

    taken(ctx, san(ctx, NONE), ACME_CA_BAD_CSR, "no names in the SAN");
    taken(ctx, pki_csr(pool, key, NONE, NONE), ACME_CA_BAD_CSR,
          "no SAN and no common name");
    taken(ctx, san(ctx, pki_lit("\x82\0")), ACME_CA_BAD_CSR, "an empty name");
    taken(ctx, san(ctx, pki_lit("\x82\x0a" "a.example.")), ACME_CA_BAD_CSR,
          "a dot at the end");
    taken(ctx, san(ctx, pki_lit("\x82\x0b" "a.example\0b")), ACME_CA_BAD_CSR,
          "a NUL in a name");
    taken(ctx, san(ctx, pki_lit("\x82\x0a" "a*.example")), ACME_CA_BAD_CSR,
          "an asterisk elsewhere");
    taken(ctx, san(ctx, pki_lit("\x82\x0d" "*.*.a.example")), ACME_CA_BAD_CSR,
          "two asterisks");
    taken(ctx, san(ctx, pki_lit("\x82\x01*")), ACME_CA_BAD_CSR,
          "an asterisk alone");
    taken(ctx, san(ctx, pki_lit("\x82\x08" "10.0.0.5")), ACME_CA_BAD_CSR,
          "an address as a name");
    taken(ctx, san(ctx, pki_lit("\x82\x06" "0x7f.1")), ACME_CA_BAD_CSR,
          "another");
    taken(ctx, san(ctx, pki_lit("\x82\x05" "a_b.c")), ACME_CA_BAD_CSR,
          "an underscore");
    taken(ctx, san(ctx, pki_lit("\x82\x05" "\xc3\xa4.bc")), ACME_CA_BAD_CSR,
          "an umlaut");
    taken(ctx, san(ctx, pki_lit("\x87\x03\x0a\0\0")), ACME_CA_BAD_CSR,
          "an address of three bytes");
    taken(ctx, san(ctx, pki_lit("\x87\x08\x0a\0\0\0\xff\0\0\0")),
          ACME_CA_BAD_CSR, "an address with a mask");
    taken(ctx, san(ctx, pki_lit("\x82\x03" "a.b\x81\x05" "a@b.c")),
          ACME_CA_BAD_CSR, "an e-mail address");
    taken(ctx, san(ctx, pki_lit("\x82\x03" "a.b\x86\x05" "http:")),
          ACME_CA_BAD_CSR, "a URI");
    taken(ctx, san(ctx, pki_lit("\x82\x03" "a.b\xa0\x0c\x06\x03\x55\x04\x03"
                                "\xa0\x05\x0c\x03" "c.d")),
          ACME_CA_BAD_CSR, "another name");
    taken(ctx, san(ctx, pki_lit("\x82\x03" "a.b\xa4\x02\x30\0")),
          ACME_CA_BAD_CSR, "a directory name");
    taken(ctx, san(ctx, pki_lit("\xa2\x03" "a.b")), ACME_CA_BAD_CSR,
          "a constructed name");
    taken(ctx, san(ctx, pki_lit("\x0c\x03" "a.b")), ACME_CA_BAD_CSR,
          "a name without its tag");
    taken(ctx, san(ctx, pki_lit("\x82\x03" "a.b\x82\x05" "c.d")),
          ACME_CA_BAD_CSR, "a name cut off");
    taken(ctx, san(ctx, pki_lit("\x82\x81\x03" "a.b")), ACME_CA_BAD_CSR,
          "a length not in its shortest form");
    taken(ctx, san(ctx, pki_lit("\xa2\x80\x04\x03" "a.b\0\0")),
          ACME_CA_BAD_CSR, "an indefinite length");
}


static void
common_name(acme_ca_ctx_t *ctx, ngx_str_t subject, const char *sans,
    const char *cn, const char *names, const char *what)
{
    ngx_pool_t  *p = ctx->pool;

    if (taken(ctx, pki_csr(p, key, subject, *sans ? pki_san(p, sans) : NONE),
              cn ? OK : ACME_CA_BAD_CSR, what)
        && cn != NULL)
    {
        is_str(&csr->common_name, cn, "%s: common name", what);
        names_are(ctx, names, what);
    }
}


static void
test_common_name(acme_ca_ctx_t *ctx)
{
    ngx_str_t    oid;
    ngx_pool_t  *p = ctx->pool;

    oid = pki_lit("\x55\x04\x03");

    common_name(ctx, pki_cn(p, "a.example"), "a.example,b.example",
                "a.example", "a.example b.example", "the first name");
    common_name(ctx, pki_cn(p, "A.Example"), "b.example", "a.example",
                "a.example b.example", "one more name");
    common_name(ctx, pki_cn(p, "a.example"), "", "a.example", "a.example",
                "the only name");
    common_name(ctx, pki_cn(p, "*.a.example"), "", "*.a.example",
                "*.a.example", "a wildcard");
    common_name(ctx, pki_cn(p, "10.0.0.1"), "", "10.0.0.1", "10.0.0.1",
                "an address");
    common_name(ctx, pki_cn(p, "2001:db8::1"), "a.example", "2001:db8::1",
                "a.example 2001:db8::1", "an IPv6 address");
    common_name(ctx,
                pki_cn(p, "a123456789.b123456789.c123456789.d123456789."
                          "e123456789.f123456789.g123456789.example"), "",
                "a123456789.b123456789.c123456789.d123456789."
                "e123456789.f123456789.g123456789.example",
                "a123456789.b123456789.c123456789.d123456789."
                "e123456789.f123456789.g123456789.example",
                "more than 64 bytes");
    common_name(ctx, pki_rdn(p, oid, 0x13, pki_lit("a.example")), "",
                "a.example", "a.example", "PrintableString");
    common_name(ctx, pki_rdn(p, oid, 0x16, pki_lit("a.example")), "",
                "a.example", "a.example", "IA5String");

    common_name(ctx, pki_cn(p, "Foo Inc"), "a.example", NULL, NULL,
                "not a name");
    common_name(ctx, pki_cn(p, ""), "a.example", NULL, NULL, "empty");
    common_name(ctx, pki_cn(p, "a.example."), "a.example", NULL, NULL,
                "a dot at the end");
    common_name(ctx, pki_cn(p, "a.example, CN=b.example"), "a.example", NULL,
                NULL, "a comma");
    common_name(ctx, pki_cn(p, "a.example\nb.example"), "a.example", NULL,
                NULL, "a newline");
    common_name(ctx, pki_rdn(p, oid, 0x0c, pki_lit("a.example\0.b")),
                "a.example", NULL, NULL, "a NUL");
    common_name(ctx, pki_cn(p, "2130706433"), "", NULL, NULL, "a number");
    common_name(ctx, pki_rdn(p, oid, 0x1e, pki_lit("\0a\0.\0b")), "a.b", NULL,
                NULL, "BMPString");
    common_name(ctx, pki_rdn(p, oid, 0x14, pki_lit("a.b")), "a.b", NULL, NULL,
                "T61String");
    common_name(ctx, pki_rdn(p, oid, 0x1c, pki_lit("\0\0\0a")), "a.b", NULL,
                NULL, "UniversalString");
    common_name(ctx, pki_rdn(p, oid, 0x04, pki_lit("a.b")), "a.b", NULL, NULL,
                "OCTET STRING");
    common_name(ctx, pki_cat(p, pki_cn(p, "a.b"), pki_cn(p, "a.b")), "a.b",
                NULL, NULL, "two");
    common_name(ctx, pki_cat(p, pki_cn(p, "a.b"), pki_cn(p, "c.d")), "a.b",
                NULL, NULL, "two different ones");
    common_name(ctx,
                pki_der(p, 0x31,
                        pki_der(p, 0x30,
                                pki_lit("\x06\x03\x55\x04\x03\x0c\x03"
                                        "a.b"), PKI_END),
                        pki_der(p, 0x30,
                                pki_lit("\x06\x03\x55\x04\x03\x0c\x03"
                                        "c.d"), PKI_END), PKI_END),
                "a.b,c.d", NULL, NULL, "two in one set");
}


static void
test_subject(acme_ca_ctx_t *ctx)
{
    size_t       i;
    ngx_str_t    exts;
    ngx_pool_t  *p = ctx->pool;

    static const ngx_str_t  bad[] = {
        ngx_string("\x31\0"),
        ngx_string("\x30\0"),
        ngx_string("\x31\x02\x30\0"),
        ngx_string("\x31\x05\x30\x03\x06\x01\x55"),
        ngx_string("\x31\x0a\x30\x08\x06\x03\x55\x04\x0a\x0c\x03" "a"),
        ngx_string("\x31\x0b\x30\x09\x06\x03\x55\x04\x0a\x0c\0\x0c\0"),
        ngx_string("\x31\x0a\x30\x08\x0c\x03\x55\x04\x0a\x0c\x01" "a")
    };

    exts = pki_san(p, "a.example");

    taken(ctx, pki_csr(p, key,
                       pki_rdn(p, pki_lit("\x55\x04\x0a"), 0x0c,
                               pki_lit("acme.sh")), exts),
          OK, "O=acme.sh");
    is_int(csr->common_name.len, 0, "is passed over");

    taken(ctx, pki_csr(p, key,
                       pki_rdn(p, pki_lit("\x2a\x86\x48\x86\xf7\x0d\x01\x09"
                                          "\x01"), 0x16,
                               pki_lit("root@b.example")), exts),
          OK, "an e-mail address");
    names_are(ctx, "a.example", "is passed over");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        taken(ctx, pki_csr(p, key, bad[i], exts), ACME_CA_BAD_CSR,
              "a malformed subject");
    }
}


static void
extension(acme_ca_ctx_t *ctx, const char *oid, size_t len, ngx_str_t critical,
    ngx_str_t value, int problem, const char *what)
{
    ngx_pool_t  *p = ctx->pool;

    taken(ctx, pki_csr(p, key, NONE,
                       pki_cat(p, pki_san(p, "a.example"),
                               pki_extension(p, pki_str(oid, len), critical,
                                             value))),
          problem, what);
}

#define extension(ctx, oid, critical, value, problem, what)                   \
    extension(ctx, oid, sizeof(oid) - 1, critical, pki_lit(value), problem,   \
              what)


static void
test_extensions(acme_ca_ctx_t *ctx)
{
    ngx_str_t    names, exts;
    ngx_pool_t  *p = ctx->pool;

    /* as clients ask: node acme-client, uacme, acme.sh, lacme */

    extension(ctx, KEY_USAGE, NONE, "\x03\x02\x05\xa0", OK, "key usage");
    extension(ctx, KEY_USAGE, CRITICAL, "\x03\x02\x05\xa0", OK,
              "critical key usage");
    extension(ctx, KEY_USAGE, CRITICAL, "\x03\x02\x03\xe8", OK,
              "every usage but a CA's");
    extension(ctx, PURPOSES, NONE,
              "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
              "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02", OK,
              "server and client");
    extension(ctx, CONSTRAINTS, CRITICAL, "\x30\0", OK, "not a CA");
    extension(ctx, CONSTRAINTS, NONE, "\x30\x03\x01\x01\0", OK,
              "not a CA, at length");
    extension(ctx, KEY_ID, NONE, "\x04\x04" "abcd", OK, "a key id");
    extension(ctx, TLS_FEATURE, NONE, "\x30\x03\x02\x01\x05", OK,
              "must-staple");
    extension(ctx, KEY_USAGE, pki_lit("\x01\x01\0"), "\x03\x02\x05\xa0", OK,
              "not critical, at length");

    extension(ctx, KEY_USAGE, NONE, "\x03\x02\x02\x04", ACME_CA_BAD_CSR,
              "keyCertSign");
    extension(ctx, KEY_USAGE, NONE, "\x03\x02\x01\x82", ACME_CA_BAD_CSR,
              "cRLSign");
    extension(ctx, KEY_USAGE, NONE, "\x03\0", ACME_CA_BAD_CSR, "no bits");
    extension(ctx, KEY_USAGE, NONE, "\x03\x02\x08\x80", ACME_CA_BAD_CSR,
              "too many unused bits");
    extension(ctx, KEY_USAGE, NONE, "\x04\x02\x05\xa0", ACME_CA_BAD_CSR,
              "not bits");
    extension(ctx, PURPOSES, NONE,
              "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x03",
              ACME_CA_BAD_CSR, "codeSigning");
    extension(ctx, PURPOSES, NONE,
              "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09",
              ACME_CA_BAD_CSR, "OCSPSigning");
    extension(ctx, PURPOSES, NONE, "\x30\x06\x06\x04\x55\x1d\x25\0",
              ACME_CA_BAD_CSR, "any purpose");
    extension(ctx, PURPOSES, NONE, "\x30\0", ACME_CA_BAD_CSR, "no purpose");
    extension(ctx, CONSTRAINTS, NONE, "\x30\x03\x01\x01\xff",
              ACME_CA_BAD_CSR, "a CA");
    extension(ctx, CONSTRAINTS, NONE, "\x30\x03\x01\x01\x01",
              ACME_CA_BAD_CSR, "a CA, not in DER");
    extension(ctx, CONSTRAINTS, NONE, "\x30\x03\x02\x01\0", ACME_CA_BAD_CSR,
              "a path length");
    extension(ctx, CONSTRAINTS, NONE, "\x30\x06\x01\x01\0\x02\x01\0",
              ACME_CA_BAD_CSR, "a path length, not a CA");
    extension(ctx, CONSTRAINTS, NONE, "\x30\0\0", ACME_CA_BAD_CSR,
              "something behind");
    extension(ctx, KEY_ID, NONE, "abcd", ACME_CA_BAD_CSR,
              "a malformed key id");
    extension(ctx, TLS_FEATURE, NONE, "\x30\x03\x04\x01\x05",
              ACME_CA_BAD_CSR, "a malformed TLS feature");
    extension(ctx, TLS_FEATURE, NONE, "\x30\0", ACME_CA_BAD_CSR,
              "no TLS feature");
    extension(ctx, TLS_FEATURE, NONE, "\x30\x03\x02\x01\x05\x05\0",
              ACME_CA_BAD_CSR, "something behind a TLS feature");
    extension(ctx, TLS_FEATURE, NONE, "\x30\x03\x02\x01\x11",
              ACME_CA_BAD_CSR, "status_request_v2");
    extension(ctx, TLS_FEATURE, NONE, "\x30\x06\x02\x01\x05\x02\x01\x11",
              ACME_CA_BAD_CSR, "another TLS feature beside");
    extension(ctx, "\x55\x1d\x20", NONE, "\x30\0", ACME_CA_BAD_CSR,
              "certificatePolicies");
    extension(ctx, "\x55\x1d\x1e", CRITICAL, "\x30\0", ACME_CA_BAD_CSR,
              "nameConstraints");
    extension(ctx, "\x2a\x03\x04", NONE, "\x05\0", ACME_CA_BAD_CSR,
              "an unknown one");
    ok(strstr((char *) ctx->problem->detail.data, "1.2.3.4") != NULL,
       "is named in the problem");
    extension(ctx, "", NONE, "\x05\0", ACME_CA_BAD_CSR, "one without a name");
    extension(ctx, "\xff\xff", NONE, "\x05\0", ACME_CA_BAD_CSR,
              "one with a malformed name");
    extension(ctx, KEY_ID, pki_lit("\x01\0"), "\x04\x04" "abcd",
              ACME_CA_BAD_CSR, "a malformed flag");
    extension(ctx, KEY_ID, pki_lit("\x01\x01\xff\x01\x01\xff"),
              "\x04\x04" "abcd", ACME_CA_BAD_CSR, "two flags");

    names = pki_san(p, "a.example");
    exts = pki_cat(p, names, names);
    taken(ctx, pki_csr(p, key, NONE, exts), ACME_CA_BAD_CSR,
          "an extension twice");

    taken(ctx, pki_csr(p, key, NONE, pki_lit("\x30\0")), ACME_CA_BAD_CSR,
          "an empty extension");
    taken(ctx, pki_csr(p, key, NONE,
                       pki_der(p, 0x30, names, pki_lit("\x05\0"), PKI_END)),
          ACME_CA_BAD_CSR, "a malformed extension");
}


static ngx_str_t
with_attributes(acme_ca_ctx_t *ctx, ngx_str_t attributes)
{
    ngx_pool_t  *p = ctx->pool;

    return pki_request(p, key,
                       pki_der(p, 0x30, pki_lit("\x02\x01\0"),
                               pki_der(p, 0x30, pki_cn(p, "a.example"),
                                       PKI_END),
                               pki_spki(p, key), attributes, PKI_END));
}


static void
test_attributes(acme_ca_ctx_t *ctx)
{
    ngx_str_t    a, password, list;
    ngx_pool_t  *p = ctx->pool;

    a = pki_attribute(p, pki_san(p, "a.example"));
    password = pki_der(p, 0x30,
                       pki_lit("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
                               "\x31\x06\x0c\x04" "abcd"), PKI_END);

    taken(ctx, with_attributes(ctx, pki_der(p, 0xa0, password, a, PKI_END)),
          OK, "a challenge password");
    taken(ctx, with_attributes(ctx, NONE), OK, "no attributes");
    taken(ctx, with_attributes(ctx, pki_lit("\xa0\0")), OK,
          "empty attributes");
    names_are(ctx, "a.example", "empty attributes");

    taken(ctx, with_attributes(ctx, pki_der(p, 0xa0, a, a, PKI_END)),
          ACME_CA_BAD_CSR, "two extension requests");

    list = pki_der(p, 0x30, pki_san(p, "a.example"), PKI_END);
    a = pki_lit("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e");

    taken(ctx, with_attributes(ctx,
                               pki_der(p, 0xa0,
                                       pki_der(p, 0x30, a,
                                               pki_der(p, 0x31, list, list,
                                                       PKI_END), PKI_END),
                                       PKI_END)),
          ACME_CA_BAD_CSR, "two values of one");
    taken(ctx, with_attributes(ctx,
                               pki_der(p, 0xa0,
                                       pki_der(p, 0x30, a,
                                               pki_lit("\x31\0"), PKI_END),
                                       PKI_END)),
          ACME_CA_BAD_CSR, "no value");
    taken(ctx, with_attributes(ctx,
                               pki_der(p, 0xa0,
                                       pki_der(p, 0x30, a, list, PKI_END),
                                       PKI_END)),
          ACME_CA_BAD_CSR, "not a set");
    taken(ctx, with_attributes(ctx, pki_lit("\xa0\x02\x05\0")),
          ACME_CA_BAD_CSR, "a malformed attribute");
    taken(ctx, with_attributes(ctx, pki_lit("\xa1\0")), ACME_CA_BAD_CSR,
          "attributes with another tag");
    taken(ctx, with_attributes(ctx, pki_lit("\xa0\0\xa0\0")),
          ACME_CA_BAD_CSR, "attributes twice");
}


static void
test_structure(acme_ca_ctx_t *ctx)
{
    int          i;
    char         version[3];
    size_t       len;
    ngx_str_t    der, info, cut;
    ngx_pool_t  *p = ctx->pool;

    for (i = 0; i < 5; i++) {
        memcpy(version, "\x02\x01", 2);
        version[2] = (char) (i < 4 ? i : 0x80);

        info = pki_der(p, 0x30, pki_str(version, 3), pki_lit("\x30\0"),
                       pki_spki(p, key),
                       pki_der(p, 0xa0, pki_attribute(p, pki_san(p, "a.b")),
                               PKI_END), PKI_END);

        taken(ctx, pki_request(p, key, info), i < 3 ? OK : ACME_CA_BAD_CSR,
              "versions");
    }

    der = simple(ctx, key);

    taken(ctx, pki_cat(p, der, pki_lit("\0")), ACME_CA_BAD_CSR,
          "a byte behind");
    taken(ctx, NONE, ACME_CA_BAD_CSR, "nothing");
    taken(ctx, pki_lit("-----BEGIN CERTIFICATE REQUEST-----\n"),
          ACME_CA_BAD_CSR, "PEM");

    for (len = 0; len < der.len; len++) {
        cut.data = ngx_palloc(p, len ? len : 1);
        cut.len = len;
        memcpy(cut.data, der.data, len);
        ctx->problem = NULL;

        if (acme_ca_csr_parse(ctx, &cut, key_types, &csr) != NGX_ABORT
            || pki_problem(ctx) != ACME_CA_BAD_CSR)
        {
            ok(0, "cut off at %d", (int) len);
        }
    }

    ok(1, "cut off everywhere");
}


static ngx_str_t
signed_with(acme_ca_ctx_t *ctx, EVP_PKEY *subject, EVP_PKEY *signer,
    const EVP_MD *digest, int salt_len, ngx_str_t algorithm)
{
    ngx_str_t    info;
    ngx_pool_t  *p = ctx->pool;

    info = pki_der(p, 0x30, pki_lit("\x02\x01\0\x30\0"), pki_spki(p, subject),
                   pki_der(p, 0xa0, pki_attribute(p, pki_san(p, "a.b")),
                           PKI_END), PKI_END);

    return pki_der(p, 0x30, info, algorithm,
                   pki_sign(p, signer, digest, salt_len, info), PKI_END);
}


static void
test_signature(acme_ca_ctx_t *ctx)
{
    EVP_PKEY    *other;
    ngx_str_t    der;

#define ECDSA(n)  pki_lit("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" n)
#define RSA_(n)                                                               \
    pki_lit("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" n "\x05\0")

    taken(ctx, signed_with(ctx, key, key, EVP_sha384(), -1, ECDSA("\x03")),
          OK, "ECDSA with SHA-384");
    taken(ctx, signed_with(ctx, key, key, EVP_sha512(), -1, ECDSA("\x04")),
          OK, "ECDSA with SHA-512");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha384(), -1, RSA_("\x0c")),
          OK, "RSA with SHA-384");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha512(), -1, RSA_("\x0d")),
          OK, "RSA with SHA-512");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), -1,
                           pki_lit("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d"
                                   "\x01\x01\x0b")),
          OK, "RSA without NULL");

    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha1(), -1, RSA_("\x05")),
          ACME_CA_BAD_CSR, "RSA with SHA-1");
    taken(ctx, signed_with(ctx, key, key, EVP_sha1(), -1,
                           pki_lit("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04"
                                   "\x01")),
          ACME_CA_BAD_CSR, "ECDSA with SHA-1");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_md5(), -1, RSA_("\x04")),
          ACME_CA_BAD_CSR, "RSA with MD5");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha224(), -1, RSA_("\x0e")),
          ACME_CA_BAD_CSR, "RSA with SHA-224");
    taken(ctx, signed_with(ctx, key, key, EVP_sha256(), -1, ECDSA("\x03")),
          ACME_CA_BAD_CSR, "another digest than it says");
    taken(ctx, signed_with(ctx, key, key, EVP_sha256(), -1, RSA_("\x0b")),
          ACME_CA_BAD_CSR, "another kind of key than it says");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), -1, ECDSA("\x02")),
          ACME_CA_BAD_CSR, "the other way round");
    taken(ctx, signed_with(ctx, key, key, EVP_sha256(), -1,
                           pki_lit("\x30\x05\x06\x03\x2b\x65\x70")),
          ACME_CA_BAD_CSR, "Ed25519 with an EC key");
    taken(ctx, signed_with(ctx, key, key, EVP_sha256(), -1,
                           pki_lit("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04"
                                   "\x03\x02\x05\0")),
          ACME_CA_BAD_CSR, "ECDSA with NULL");
    taken(ctx, signed_with(ctx, key, key, EVP_sha256(), -1,
                           pki_lit("\x30\0")),
          ACME_CA_BAD_CSR, "no algorithm");

    other = pki_key("P-256");
    taken(ctx, signed_with(ctx, key, other, EVP_sha256(), -1, ECDSA("\x02")),
          ACME_CA_BAD_CSR, "signed by another key");
    EVP_PKEY_free(other);

    der = simple(ctx, key);
    der.data[der.len - 3] ^= 1;
    taken(ctx, der, ACME_CA_BAD_CSR, "a flipped bit in the signature");

    taken(ctx, signed_with(ctx, key, key, EVP_sha256(), -1, ECDSA("\x02")),
          OK, "and a right one");
}


#define HASH(n)   "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" n "\x05\0"
#define HASH_(n)  "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" n


static ngx_str_t
pss(acme_ca_ctx_t *ctx, ngx_str_t params)
{
    return pki_der(ctx->pool, 0x30,
                   pki_lit("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"),
                   params, PKI_END);
}


static ngx_str_t
pss_params(acme_ca_ctx_t *ctx, ngx_str_t hash, ngx_str_t mask, ngx_str_t salt)
{
    ngx_pool_t  *p = ctx->pool;

    return pki_der(p, 0x30, pki_der(p, 0xa0, hash, PKI_END),
                   pki_der(p, 0xa1,
                           pki_der(p, 0x30,
                                   pki_lit("\x06\x09\x2a\x86\x48\x86\xf7\x0d"
                                           "\x01\x01\x08"), mask, PKI_END),
                           PKI_END),
                   pki_der(p, 0xa2, salt, PKI_END), PKI_END);
}


static void
test_pss(acme_ca_ctx_t *ctx)
{
    size_t     i;
    ngx_str_t  h256, h384, s32, good;

    h256 = pki_lit(HASH("\x01"));
    h384 = pki_lit(HASH("\x02"));
    s32 = pki_lit("\x02\x01\x20");

    good = pss(ctx, pss_params(ctx, h256, h256, s32));

    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32, good), OK,
          "PSS with SHA-256");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha384(), 48,
                           pss(ctx, pss_params(ctx, h384, h384,
                                               pki_lit("\x02\x01\x30")))),
          OK, "PSS with SHA-384");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha512(), 64,
                           pss(ctx, pss_params(ctx, pki_lit(HASH("\x03")),
                                               pki_lit(HASH("\x03")),
                                               pki_lit("\x02\x01\x40")))),
          OK, "PSS with SHA-512");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 222,
                           pss(ctx, pss_params(ctx, h256, h256,
                                               pki_lit("\x02\x02\0\xde")))),
          OK, "PSS with the longest salt");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 0,
                           pss(ctx, pss_params(ctx, h256, h256,
                                               pki_lit("\x02\x01\0")))),
          OK, "PSS without salt");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32,
                           pss(ctx, pss_params(ctx, pki_lit(HASH_("\x01")),
                                               pki_lit(HASH_("\x01")), s32))),
          OK, "PSS without NULLs");

    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 20, good),
          ACME_CA_BAD_CSR, "PSS with another salt than it says");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32,
                           pss(ctx, pss_params(ctx, h256, h384, s32))),
          ACME_CA_BAD_CSR, "PSS with two digests");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32,
                           pss(ctx, pki_lit("\x30\0"))),
          ACME_CA_BAD_CSR, "PSS with the defaults, SHA-1");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32, pss(ctx, NONE)),
          ACME_CA_BAD_CSR, "PSS without parameters");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32,
                           pss(ctx, pki_lit("\x05\0"))),
          ACME_CA_BAD_CSR, "PSS with NULL");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32,
                           pss(ctx, pss_params(ctx, h256, h256,
                                               pki_lit("\x02\x02\x01\0")))),
          ACME_CA_BAD_CSR, "PSS with too long a salt");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32,
                           pss(ctx, pss_params(ctx, h256, h256,
                                               pki_lit("\x02\x01\xff")))),
          ACME_CA_BAD_CSR, "PSS with a negative salt");
    taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), -1, good),
          ACME_CA_BAD_CSR, "PSS that is PKCS#1");
    taken(ctx, signed_with(ctx, key, key, EVP_sha256(), -1, good),
          ACME_CA_BAD_CSR, "PSS with an EC key");

    for (i = 0; i < good.len; i++) {
        good.data[i] ^= 0x55;
        taken(ctx, signed_with(ctx, rsa, rsa, EVP_sha256(), 32, good),
              ACME_CA_BAD_CSR, "PSS with a changed byte");
        good.data[i] ^= 0x55;
    }
}


static void
test_match(acme_ca_ctx_t *ctx)
{
    int                    i;
    acme_ca_identifier_t   ids[4];

    static const struct {
        const char  *order[4];
        const char  *names;
        const char  *named;                  /* in the problem, or NULL */
    } cases[] = {
        { { "a.b" }, "a.b", NULL },
        { { "c.d", "a.b" }, "a.b,c.d", NULL },
        { { "a.b", "*.a.b" }, "*.a.b,a.b", NULL },
        { { "a.b", "a.b" }, "a.b", NULL },
        { { "a.b" }, "a.b,c.d", "\"c.d\"" },
        { { "c.d" }, "a.b,c.d", "\"a.b\"" },
        { { "a.b", "c.d" }, "a.b", "\"c.d\"" },
        { { "a.b", "c.d" }, "c.d", "\"a.b\"" },
        { { "*.a.b" }, "a.b", "\"a.b\"" },
        { { "a.b" }, "*.a.b", "a.b\"" },
        { { NULL }, "a.b", "\"a.b\"" }
    };

    size_t                 k;
    ngx_int_t              rc;

    for (k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {

        taken(ctx, pki_csr(ctx->pool, key, NONE,
                           pki_san(ctx->pool, cases[k].names)), OK,
              cases[k].names);

        for (i = 0; i < 4 && cases[k].order[i]; i++) {
            acme_ca_identifier_from_dns(ctx->pool,
                                        (u_char *) cases[k].order[i],
                                        strlen(cases[k].order[i]), &ids[i]);
        }

        ctx->problem = NULL;
        rc = acme_ca_csr_match(ctx, csr, ids, i);

        if (cases[k].named == NULL) {
            is_int(rc, NGX_OK, "matches");
            continue;
        }

        is_int(rc, NGX_ABORT, "does not match");
        is_int(pki_problem(ctx), ACME_CA_BAD_CSR, "badCSR");
        ok(strstr((char *) ctx->problem->detail.data, cases[k].named) != NULL,
           "the problem names %s", cases[k].named);
    }
}


/* each bit of a request: none may be taken, for the signature is wrong */
static void
test_mutations(acme_ca_ctx_t *ctx)
{
    size_t         i, n;
    EVP_PKEY      *keys[2];
    ngx_str_t      der;
    acme_ca_ctx_t  one;

    keys[0] = key;
    keys[1] = rsa;

    for (n = 0; n < 2; n++) {
        der = simple(ctx, keys[n]);

        for (i = 0; i < der.len * 8; i++) {
            pki_start(&one);
            der.data[i / 8] ^= 1 << (i % 8);

            if (acme_ca_csr_parse(&one, &der, key_types, &csr) != NGX_ABORT) {
                ok(0, "bit %d of byte %d", (int) i % 8, (int) i / 8);
            }

            der.data[i / 8] ^= 1 << (i % 8);
            pki_stop(&one);
        }
    }

    ok(1, "no flipped bit is taken");
}


/* requests made by the real programs, which the fuzzer begins with as well */
static void
test_corpus(acme_ca_ctx_t *ctx)
{
    DIR            *dir;
    FILE           *file;
    char            path[512];
    u_char          bytes[4096];
    size_t          len;
    struct dirent  *entry;

    dir = opendir("t/fuzz/corpus/csr");
    if (dir == NULL) {
        ok(1, "no corpus here # SKIP");
        return;
    }

    for ( ;; ) {
        entry = readdir(dir);
        if (entry == NULL) {
            break;
        }

        snprintf(path, sizeof(path), "t/fuzz/corpus/csr/%s", entry->d_name);

        file = fopen(path, "r");
        len = (entry->d_name[0] != '.') ? fread(bytes, 1, sizeof(bytes), file)
                                        : 0;
        fclose(file);

        if (strncmp(entry->d_name, "client-", 7) == 0) {
            taken(ctx, pki_str((char *) bytes, len), OK, entry->d_name);

        } else if (strncmp(entry->d_name, "refused-", 8) == 0) {
            taken(ctx, pki_str((char *) bytes, len),
                  (strstr(entry->d_name, "-1024")
                   || strstr(entry->d_name, "secp"))
                  ? ACME_CA_BAD_CSR : ACME_CA_BAD_CSR,
                  entry->d_name);
        }
    }

    closedir(dir);
}


static void
test_memory(acme_ca_ctx_t *ctx)
{
    size_t                 i;
    ngx_int_t              n, rc;
    EVP_PKEY              *keys[3];
    ngx_str_t              der;
    acme_ca_ctx_t          one;
    acme_ca_csr_t         *read;
    acme_ca_identifier_t   ids[2];

    keys[0] = key;
    keys[1] = rsa;
    keys[2] = pki_key("ED25519");

    acme_ca_identifier_from_dns(ctx->pool, (u_char *) "*.a.example", 11,
                                &ids[0]);
    acme_ca_identifier_from_dns(ctx->pool, (u_char *) "b.example", 9,
                                &ids[1]);

    for (i = 0; i < 3; i++) {
        der = pki_csr(ctx->pool, keys[i], pki_cn(ctx->pool, "*.a.example"),
                      pki_san(ctx->pool, "*.a.example,b.example"));

        for (n = 0; /* void */ ; n++) {
            pki_start(&one);

            read = NULL;

            shim_fail_at(n);
            rc = acme_ca_csr_parse(&one, &der, key_types, &read);

            if (rc == NGX_OK) {
                rc = acme_ca_csr_match(&one, read, ids, 2);
            }

            if (!shim_failed()) {
                shim_fail_at(SHIM_NEVER);
                is_int(rc, NGX_OK, "taken with memory");
                pki_stop(&one);
                break;
            }

            shim_fail_at(SHIM_NEVER);

            /* OpenSSL's Ed25519 does not say why it fails */

            if (rc == NGX_ABORT && i < 2) {
                ok(0, "key %d without allocation %d: %s", (int) i, (int) n,
                   (char *) one.problem->detail.data);
            }

            ERR_clear_error();
            pki_stop(&one);
        }

        ok(n > 10, "%d allocations can fail", (int) n);
    }

    EVP_PKEY_free(keys[2]);
}
