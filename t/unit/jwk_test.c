
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * jose/acme_ca_jwk.c: RFC 7638, 3.1; RFC 7515, A; RFC 8037, A; RFC 8555, 8.1.
 */


#include "context.h"
#include "shim_jose.h"
#include "tap.h"

#include "acme_ca_jwk.h"

#include <openssl/err.h>


static ngx_int_t test_parse(acme_ca_ctx_t *ctx, const char *text,
    acme_ca_jwk_t **jwk);
static void test_vectors(acme_ca_ctx_t *ctx);
static void test_keys(acme_ca_ctx_t *ctx);
static void test_members(acme_ca_ctx_t *ctx);
static void test_refused(acme_ca_ctx_t *ctx);
static void test_rsa(acme_ca_ctx_t *ctx);
static void test_ed25519(acme_ca_ctx_t *ctx);
static void test_memory(const char *text);


#define EC_X    "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_KEY  "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\","        \
                "\"y\":\"" EC_Y "\""

#define RSA_N                                                                 \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7a" \
    "PFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArw" \
    "l93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0z" \
    "gdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2Nc" \
    "Rwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

#define OKP_X   "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


int
main(void)
{
    acme_ca_ctx_t  ctx;

    shim_openssl();

    test_context(&ctx);

    test_vectors(&ctx);
    test_keys(&ctx);
    test_members(&ctx);
    test_refused(&ctx);
    test_rsa(&ctx);
    test_ed25519(&ctx);

    ngx_destroy_pool(ctx.pool);

    test_memory("{" EC_KEY "}");
    test_memory("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\"}");
    test_memory("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" OKP_X "\"}");

    return done_testing();
}


static ngx_int_t
test_parse(acme_ca_ctx_t *ctx, const char *text, acme_ca_jwk_t **jwk)
{
    ngx_str_t  src;

    src.data = (u_char *) text;
    src.len = strlen(text);

    *jwk = NULL;
    ctx->problem = NULL;

    return acme_ca_jwk_parse_text(ctx, &src, jwk);
}


static void
test_vectors(acme_ca_ctx_t *ctx)
{
    size_t          i;
    ngx_str_t       thumbprint, authorization;
    acme_ca_jwk_t  *jwk;

    static const struct {
        const char  *name;
        const char  *text;
        const char  *thumbprint;
        const char  *canonical;
    } vectors[] = {
        { "RFC 7638, 3.1",
          "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\","
          "\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
          "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
          "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}" },
        { "RFC 8037, A.3",
          "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" OKP_X "\"}",
          "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
          "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" OKP_X "\"}" },
        { "RFC 7515, A.3",
          "{" EC_KEY "}",
          "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
          "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EC_X "\","
          "\"y\":\"" EC_Y "\"}" },
    };

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        is_int(test_parse(ctx, vectors[i].text, &jwk), NGX_OK, "%s",
               vectors[i].name);

        thumbprint = shim_base64url_text(ctx->pool, jwk->thumbprint, 32);
        is_str(&thumbprint, vectors[i].thumbprint, "its thumbprint");
        is_str(&jwk->text, vectors[i].canonical, "its canonical text");

        is_int(test_parse(ctx, vectors[i].canonical, &jwk), NGX_OK,
               "is read again");
        is_str(&jwk->text, vectors[i].canonical, "and stays");
    }

    /* RFC 8555, 8.1: token "." thumbprint */

    authorization = shim_text(ctx->pool, "%s.%V",
                              "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
                              &thumbprint);
    is_int(authorization.len, 43 + 1 + 43, "a key authorization");
}


static void
test_keys(acme_ca_ctx_t *ctx)
{
    size_t          i;
    EVP_PKEY       *key;
    ngx_str_t       text;
    acme_ca_jwk_t  *jwk;

    static const struct {
        const char          *alg;
        acme_ca_jwk_type_e   type;
        ngx_uint_t           bits;
    } keys[] = {
        { "ES256", ACME_CA_JWK_P256, 256 },
        { "ES384", ACME_CA_JWK_P384, 384 },
        { "ES512", ACME_CA_JWK_P521, 521 },
        { "EdDSA", ACME_CA_JWK_ED25519, 256 },
        { "RS256", ACME_CA_JWK_RSA, 2048 }
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        key = shim_key(keys[i].alg);
        text = shim_jwk(ctx->pool, key);

        is_int(test_parse(ctx, (char *) text.data, &jwk), NGX_OK, "%s",
               text.data);
        is_int(jwk->type, keys[i].type, "its type");
        is_int(jwk->bits, keys[i].bits, "its bits");
        is_int(EVP_PKEY_eq(jwk->key, key), 1, "the same key");
        is_str(&jwk->text, (char *) text.data, "the same text");

        EVP_PKEY_free(key);
    }
}


static void
test_members(acme_ca_ctx_t *ctx)
{
    size_t          i;
    acme_ca_jwk_t  *jwk;

    static const char  *good[] = {
        "\"use\":\"sig\"", "\"alg\":\"ES256\"", "\"key_ops\":[\"verify\"]",
        "\"key_ops\":[\"sign\",\"verify\"]", "\"kid\":\"x\"", "\"ext\":true",
        "\"x5c\":[]", "\"z\":{\"d\":1}"
    };

    static const struct {
        const char              *member;
        acme_ca_problem_type_e   type;
    } bad[] = {
        { "\"use\":\"enc\"", ACME_CA_BAD_PUBLIC_KEY },
        { "\"use\":null", ACME_CA_BAD_PUBLIC_KEY },
        { "\"alg\":\"RS256\"", ACME_CA_BAD_PUBLIC_KEY },
        { "\"alg\":\"ES384\"", ACME_CA_BAD_PUBLIC_KEY },
        { "\"alg\":\"HS256\"", ACME_CA_BAD_PUBLIC_KEY },
        { "\"alg\":1", ACME_CA_BAD_PUBLIC_KEY },
        { "\"key_ops\":[]", ACME_CA_BAD_PUBLIC_KEY },
        { "\"key_ops\":[\"sign\"]", ACME_CA_BAD_PUBLIC_KEY },
        { "\"key_ops\":\"verify\"", ACME_CA_BAD_PUBLIC_KEY },
        { "\"d\":\"AA\"", ACME_CA_MALFORMED },
        { "\"k\":null", ACME_CA_MALFORMED },
        { "\"p\":1", ACME_CA_MALFORMED },
        { "\"oth\":[]", ACME_CA_MALFORMED },
        { "\"kty\":\"EC\"", ACME_CA_MALFORMED },
        { "\"x\":\"" EC_X "\"", ACME_CA_MALFORMED }
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_int(test_parse(ctx,
                          (char *) shim_text(ctx->pool, "{" EC_KEY ",%s}",
                                             good[i]).data, &jwk),
               NGX_OK, "with %s", good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(test_parse(ctx,
                          (char *) shim_text(ctx->pool, "{" EC_KEY ",%s}",
                                             bad[i].member).data, &jwk),
               NGX_ABORT, "not with %s", bad[i].member);
        is_int(ctx->problem->type, bad[i].type, "%s",
               ctx->problem->detail.data);
    }
}


static void
test_refused(acme_ca_ctx_t *ctx)
{
    size_t          i;
    acme_ca_jwk_t  *jwk;

#define EC(crv, x, y)                                                         \
    "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"}"

    static const struct {
        const char              *what;
        const char              *text;
        acme_ca_problem_type_e   type;
    } bad[] = {
        { "no object", "[]", ACME_CA_MALFORMED },
        { "null", "null", ACME_CA_MALFORMED },
        { "nothing", "{}", ACME_CA_MALFORMED },
        { "kty a number", "{\"kty\":1}", ACME_CA_MALFORMED },
        { "oct", "{\"kty\":\"oct\",\"k\":\"AA\"}", ACME_CA_BAD_PUBLIC_KEY },
        { "kty in lower case", "{\"kty\":\"ec\",\"crv\":\"P-256\"}",
          ACME_CA_BAD_PUBLIC_KEY },
        { "no curve", "{\"kty\":\"EC\",\"x\":\"" EC_X "\"}",
          ACME_CA_BAD_PUBLIC_KEY },
        { "secp256k1", EC("secp256k1", EC_X, EC_Y), ACME_CA_BAD_PUBLIC_KEY },
        { "P-224", EC("P-224", EC_X, EC_Y), ACME_CA_BAD_PUBLIC_KEY },
        { "X25519", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" OKP_X "\"}",
          ACME_CA_BAD_PUBLIC_KEY },
        { "Ed448", "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" OKP_X "\"}",
          ACME_CA_BAD_PUBLIC_KEY },
        { "no x", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"" EC_Y "\"}",
          ACME_CA_MALFORMED },
        { "no y", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}",
          ACME_CA_MALFORMED },
        { "x a number",
          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":\"" EC_Y "\"}",
          ACME_CA_MALFORMED },
        { "x empty", EC("P-256", "", EC_Y), ACME_CA_MALFORMED },
        { "x padded", EC("P-256", EC_X "=", EC_Y), ACME_CA_MALFORMED },
        { "x in base64", EC("P-256", EC_X, "x/FEzRu9m36HLN/tue659LNpXW6pCyStikY"
                            "jKIWI5a0"), ACME_CA_MALFORMED },
        { "the last bits of x not zero",
          EC("P-256", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV", EC_Y),
          ACME_CA_MALFORMED },
        { "x too short", EC("P-256", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvR"
                            "VA", EC_Y), ACME_CA_MALFORMED },
        { "x with a zero in front",
          EC("P-256", "AH_NzidwvMRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF", EC_Y),
          ACME_CA_MALFORMED },
        { "a point of another length", EC("P-384", EC_X, EC_Y),
          ACME_CA_MALFORMED },
        { "x and y exchanged", EC("P-256", EC_Y, EC_X),
          ACME_CA_BAD_PUBLIC_KEY },
        { "the point (0, 0), infinity to some",
          EC("P-256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
          ACME_CA_BAD_PUBLIC_KEY },
        { "coordinates beyond the field",
          EC("P-256", "__________________________________________8",
             "__________________________________________8"),
          ACME_CA_BAD_PUBLIC_KEY },
        /* x = p, y = sqrt(b): (0, y) in another spelling */
        { "x = p",
          EC("P-256", "_____wAAAAEAAAAAAAAAAAAAAAD_______________8",
             "ZkhcePL4lvpu6Y7rHxdKdjWfLdEBs5bjlHCoxUdYfKw"),
          ACME_CA_BAD_PUBLIC_KEY },
        { "Ed25519 with a y as well",
          "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
          ACME_CA_MALFORMED }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(test_parse(ctx, bad[i].text, &jwk), NGX_ABORT, "%s",
               bad[i].what);
        is_int(ctx->problem->type, bad[i].type, "%s",
               ctx->problem->detail.data);
        ok(jwk == NULL, "nothing answered");
        is_int(ERR_peek_error(), 0, "and no error left behind");
    }
}


static void
test_rsa(acme_ca_ctx_t *ctx)
{
    size_t          i, j;
    u_char          bytes[1026];
    ngx_str_t       n, e;
    acme_ca_jwk_t  *jwk;

    static const struct {
        const char  *what;
        size_t       len;      /* of the modulus */
        u_char       first, last;
        const char  *e;
        size_t       e_len;
        ngx_int_t    rc;
    } keys[] = {
        { "2048 bits", 256, 0x80, 1, "\1\0\1", 3, NGX_OK },
        { "2047 bits", 256, 0x7f, 1, "\1\0\1", 3, NGX_ABORT },
        { "2041 bits", 256, 0x01, 1, "\1\0\1", 3, NGX_ABORT },
        { "1024 bits", 128, 0x80, 1, "\1\0\1", 3, NGX_ABORT },
        { "8 bits", 1, 0x81, 0x81, "\1\0\1", 3, NGX_ABORT },
        { "2049 bits", 257, 0x01, 1, "\1\0\1", 3, NGX_OK },
        { "8192 bits", 1024, 0xff, 1, "\1\0\1", 3, NGX_OK },
        { "8193 bits", 1025, 0x01, 1, "\1\0\1", 3, NGX_ABORT },
        { "an even modulus", 256, 0x80, 2, "\1\0\1", 3, NGX_ABORT },
        { "a zero in front of n", 257, 0, 1, "\1\0\1", 3, NGX_ABORT },
        { "a zero in front of e", 256, 0x80, 1, "\0\1\0\1", 4, NGX_ABORT },
        { "e = 0", 256, 0x80, 1, "\0", 1, NGX_ABORT },
        { "e = 1", 256, 0x80, 1, "\1", 1, NGX_ABORT },
        { "e = 3", 256, 0x80, 1, "\3", 1, NGX_ABORT },
        { "e = 65535", 256, 0x80, 1, "\xff\xff", 2, NGX_ABORT },
        { "e = 65538", 256, 0x80, 1, "\1\0\2", 3, NGX_ABORT },
        { "e = 65539", 256, 0x80, 1, "\1\0\3", 3, NGX_OK },
        { "e = 2^33 - 1", 256, 0x80, 1, "\1\xff\xff\xff\xff", 5, NGX_OK },
        { "e = 2^33 + 1", 256, 0x80, 1, "\2\0\0\0\1", 5, NGX_ABORT },
        { "e of 6 bytes", 256, 0x80, 1, "\1\0\0\0\0\1", 6, NGX_ABORT },
        { "e of 9 bytes", 256, 0x80, 1, "\1\0\0\0\0\0\1\0\1", 9, NGX_ABORT }
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        for (j = 0; j < keys[i].len; j++) {
            bytes[j] = (u_char) (j * 7 + 3);
        }

        bytes[keys[i].len - 1] = keys[i].last;
        bytes[0] = keys[i].first;

        n = shim_base64url_text(ctx->pool, bytes, keys[i].len);
        e = shim_base64url_text(ctx->pool, keys[i].e, keys[i].e_len);
        n = shim_text(ctx->pool, "{\"kty\":\"RSA\",\"n\":\"%V\",\"e\":\"%V\"}",
                      &n, &e);

        is_int(test_parse(ctx, (char *) n.data, &jwk), keys[i].rc, "RSA: %s",
               keys[i].what);
    }

    is_int(test_parse(ctx, "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", &jwk),
           NGX_ABORT, "RSA: no n");
    is_int(test_parse(ctx, "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}", &jwk),
           NGX_ABORT, "RSA: no e");
}


static void
test_ed25519(acme_ca_ctx_t *ctx)
{
    size_t          i, j;
    u_char          y[32];
    ngx_str_t       text;
    acme_ca_jwk_t  *jwk;

    /* y of points, little-endian: a byte, 30 bytes, a byte; or all of it */

    static const struct {
        const char  *what;
        u_char       first, middle, last;
        ngx_int_t    rc;
    } points[] = {
        { "order 1", 1, 0, 0, NGX_ABORT },
        { "order 1, the other sign", 1, 0, 0x80, NGX_ABORT },
        { "order 2", 0xec, 0xff, 0x7f, NGX_ABORT },
        { "order 4", 0, 0, 0, NGX_ABORT },
        { "order 4, the other sign", 0, 0, 0x80, NGX_ABORT },
        { "y = p, 0 in another spelling", 0xed, 0xff, 0x7f, NGX_ABORT },
        { "y = p + 1, 1 in another spelling", 0xee, 0xff, 0x7f, NGX_ABORT },
        { "y = 2^255 - 1", 0xff, 0xff, 0x7f, NGX_ABORT },
        { "y = 2, off the curve", 2, 0, 0, NGX_ABORT },
        { "y = 3", 3, 0, 0, NGX_OK },
        { "y = 3, the other sign", 3, 0, 0x80, NGX_OK }
    };

    static const u_char  order8[] = {
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76,
        0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
        0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0xfa
    };

    for (i = 0; i <= sizeof(points) / sizeof(points[0]); i++) {

        if (i == sizeof(points) / sizeof(points[0])) {
            ngx_memcpy(y, order8, 32);

        } else {
            for (j = 0; j < 32; j++) {
                y[j] = j == 0 ? points[i].first
                              : j == 31 ? points[i].last : points[i].middle;
            }
        }

        text = shim_base64url_text(ctx->pool, y, 32);
        text = shim_text(ctx->pool, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                         "\"x\":\"%V\"}", &text);

        if (i == sizeof(points) / sizeof(points[0])) {
            is_int(test_parse(ctx, (char *) text.data, &jwk), NGX_ABORT,
                   "Ed25519: order 8");

        } else {
            is_int(test_parse(ctx, (char *) text.data, &jwk), points[i].rc,
                   "Ed25519: %s", points[i].what);
        }
    }
}


static void
test_memory(const char *text)
{
    ngx_int_t       n, rc, bad;
    acme_ca_ctx_t   ctx;
    acme_ca_jwk_t  *jwk;

    rc = NGX_ERROR;
    bad = 0;

    for (n = 0; rc != NGX_OK && n < 2000; n++) {
        test_context(&ctx);
        shim_fail_at(n);

        rc = test_parse(&ctx, text, &jwk);

        if (rc == NGX_OK && shim_failed()) {
            /* OpenSSL did without: go on until none has to */
            rc = NGX_ERROR;

        } else if (rc == NGX_ABORT) {
            bad++;
        }

        shim_fail_at(SHIM_NEVER);
        ERR_clear_error();
        ngx_destroy_pool(ctx.pool);
    }

    is_int(rc, NGX_OK, "every allocation failed once, %d of them", (int) n);
    is_int(bad, 0, "and none was told as the client's fault");
}
