
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * jose/acme_ca_jws.c: RFC 7515, A.1 - A.5; RFC 8037, A.4; RFC 8555, 6.2; and
 * the attacks that one can name.
 */


#include "context.h"
#include "shim_jose.h"
#include "tap.h"

#include "acme_ca_jws.h"

#include <openssl/ec.h>
#include <openssl/err.h>


static ngx_int_t test_parse(acme_ca_ctx_t *ctx, ngx_str_t text,
    acme_ca_jws_t **jws);
static ngx_str_t test_wrap(acme_ca_ctx_t *ctx, const char *header,
    const char *payload, const char *signature);
static ngx_int_t test_row(acme_ca_ctx_t *ctx, const char *alg,
    acme_ca_jws_t **jws);
static void test_vectors(acme_ca_ctx_t *ctx);
static void test_algorithms(acme_ca_ctx_t *ctx);
static void test_one_algorithm(acme_ca_ctx_t *ctx, const char *alg);
static void test_again(acme_ca_ctx_t *ctx, acme_ca_jws_t *jws, EVP_PKEY *key);
static void test_mismatches(acme_ca_ctx_t *ctx);
static void test_ecdsa_range(acme_ca_ctx_t *ctx);
static void test_shape(acme_ca_ctx_t *ctx);
static void test_header(acme_ca_ctx_t *ctx);
static void test_inner(acme_ca_ctx_t *ctx);
static void test_memory(const char *alg);


static const char  *algorithms[] = {
    "ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256"
};

#define N_ALGORITHMS  (sizeof(algorithms) / sizeof(algorithms[0]))

#define OK_HEADER                                                             \
    "{\"alg\":\"ES256\",\"kid\":\"https://ca/acct/1\",\"nonce\":\"AAAA\","    \
    "\"url\":\"https://ca/order\"}"


int
main(void)
{
    acme_ca_ctx_t  ctx;

    shim_openssl();

    test_context(&ctx);

    test_vectors(&ctx);
    test_algorithms(&ctx);
    test_mismatches(&ctx);
    test_ecdsa_range(&ctx);
    test_shape(&ctx);
    test_header(&ctx);
    test_inner(&ctx);

    ngx_destroy_pool(ctx.pool);

    test_memory("ES256");
    test_memory("EdDSA");
    test_memory("RS256");
    test_memory("PS256");

    return done_testing();
}


static ngx_int_t
test_parse(acme_ca_ctx_t *ctx, ngx_str_t text, acme_ca_jws_t **jws)
{
    *jws = NULL;
    ctx->problem = NULL;

    return acme_ca_jws_parse(ctx, &text, 0, jws);
}


static ngx_str_t
test_wrap(acme_ca_ctx_t *ctx, const char *header, const char *payload,
    const char *signature)
{
    ngx_str_t  protected;

    protected = shim_base64url_text(ctx->pool, header, strlen(header));

    return shim_text(ctx->pool, "{\"protected\":\"%V\",\"payload\":\"%s\","
                     "\"signature\":\"%s\"}", &protected, payload, signature);
}


/* a JWS of that algorithm, whatever it says */

static ngx_int_t
test_row(acme_ca_ctx_t *ctx, const char *alg, acme_ca_jws_t **jws)
{
    ngx_str_t  header;

    header = shim_text(ctx->pool, "{\"alg\":\"%s\",\"kid\":\"x\"}", alg);

    return test_parse(ctx, test_wrap(ctx, (char *) header.data, "", "AAAA"),
                      jws);
}


static void
test_vectors(acme_ca_ctx_t *ctx)
{
    size_t          i;
    ngx_str_t       key, signature;
    acme_ca_jws_t  *jws;
    acme_ca_jwk_t  *jwk;

#define JOE                                                                   \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmN" \
    "vbS9pc19yb290Ijp0cnVlfQ"

    static const struct {
        const char  *name;
        const char  *alg;
        const char  *jwk;
        const char  *input;
        const char  *signature;
    } vectors[] = {
        { "RFC 7515, A.2", "RS256",
          "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4"
          "p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4"
          "QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0L"
          "OL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xs"
          "mtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9"
          "_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}",
          "eyJhbGciOiJSUzI1NiJ9." JOE,
          "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAu"
          "HIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRF"
          "diuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
          "eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6I"
          "eYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUP"
          "QGe77Rw" },
        { "RFC 7515, A.3", "ES256",
          "{\"kty\":\"EC\",\"crv\":\"P-256\","
          "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
          "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
          "eyJhbGciOiJFUzI1NiJ9." JOE,
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmW"
          "QxfKTUJqPP3-Kg6NU1Q" },
        { "RFC 7515, A.4", "ES512",
          "{\"kty\":\"EC\",\"crv\":\"P-521\","
          "\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjF"
          "Z6OvLFV1jSfS9tsz4qUxcWceqwQGk\","
          "\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79"
          "ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
          "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
          "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT"
          "2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjy"
          "qOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn" },
        { "RFC 8037, A.4", "EdDSA",
          "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
          "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVs"
          "Pt9g7sVvpAr_MuM0KAg" }
    };

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        key = shim_text(ctx->pool, "%s", vectors[i].jwk);
        is_int(acme_ca_jwk_parse_text(ctx, &key, &jwk), NGX_OK, "%s: the key",
               vectors[i].name);
        is_int(test_row(ctx, vectors[i].alg, &jws), NGX_OK, "a JWS");

        jws->input = shim_text(ctx->pool, "%s", vectors[i].input);
        signature = shim_text(ctx->pool, "%s", vectors[i].signature);
        is_int(acme_ca_base64url_parse(ctx->pool, &signature,
                                       &jws->signature),
               NGX_OK, "its signature");

        is_int(acme_ca_jws_verify(ctx, jws, jwk->key), NGX_OK, "is right");

        jws->input.data[40 % jws->input.len] ^= 1;
        is_int(acme_ca_jws_verify(ctx, jws, jwk->key), NGX_ABORT,
               "and wrong of another text");
    }

    /* A.1 is HS256, A.5 is none */

    is_int(test_row(ctx, "HS256", &jws), NGX_ABORT, "RFC 7515, A.1");
    is_int(ctx->problem->type, ACME_CA_BAD_SIGNATURE_ALGORITHM, "refused");
    is_int(test_row(ctx, "none", &jws), NGX_ABORT, "RFC 7515, A.5");
    is_int(ctx->problem->type, ACME_CA_BAD_SIGNATURE_ALGORITHM, "refused");
}


static void
test_algorithms(acme_ca_ctx_t *ctx)
{
    size_t          i;
    ngx_str_t       list;
    acme_ca_jws_t  *jws;

    static const char  *refused[] = {
        "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "PS384",
        "PS512", "RS1", "ES256K", "es256", "ES256 ", "RSA-OAEP", "dir",
        "Ed448", "A128KW"
    };

    for (i = 0; i < N_ALGORITHMS; i++) {
        test_one_algorithm(ctx, algorithms[i]);
    }

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        is_int(test_row(ctx, refused[i], &jws), NGX_ABORT, "not \"%s\"",
               refused[i]);
        is_int(ctx->problem->type, ACME_CA_BAD_SIGNATURE_ALGORITHM, "%s",
               ctx->problem->detail.data);
    }

    /* the list of the problem document is the table's */

    list = shim_text(ctx->pool, "[");

    for (i = 0; i < N_ALGORITHMS; i++) {
        list = shim_text(ctx->pool, "%V%s\"%s\"", &list, i ? "," : "",
                         algorithms[i]);
    }

    list = shim_text(ctx->pool, "%V]", &list);
    is_str(&acme_ca_jws_algorithms, (char *) list.data, "all are told");
}


static void
test_one_algorithm(acme_ca_ctx_t *ctx, const char *alg)
{
    u_char          byte;
    EVP_PKEY       *key, *other;
    ngx_str_t       text, header, jwk_text;
    acme_ca_jws_t  *jws;
    acme_ca_jwk_t  *jwk;

    key = shim_key(alg);
    other = shim_key(alg);

    jwk_text = shim_jwk(ctx->pool, key);
    header = shim_text(ctx->pool, "{\"alg\":\"%s\",\"nonce\":\"bm9uY2U\","
                       "\"url\":\"https://ca/new\",\"jwk\":%V}", alg,
                       &jwk_text);
    text = shim_jws(ctx->pool, key, alg, (char *) header.data, "{\"a\":1}");

    is_int(test_parse(ctx, text, &jws), NGX_OK, "%s: parsed", alg);
    is_str(&jws->nonce, "bm9uY2U", "its nonce");
    is_str(&jws->url, "https://ca/new", "its url");
    is_int(jws->kid.len, 0, "no kid");
    is_str(&jws->payload, "{\"a\":1}", "its payload");

    is_int(acme_ca_jwk_parse(ctx, jws->jwk, &jwk), NGX_OK, "its key");
    is_int(acme_ca_jws_verify(ctx, jws, jwk->key), NGX_OK, "its signature");

    is_int(acme_ca_jws_verify(ctx, jws, other), NGX_ABORT, "not another's");
    is_int(ctx->problem->type, ACME_CA_UNAUTHORIZED, "unauthorized");

    byte = jws->signature.data[jws->signature.len - 1];
    jws->signature.data[jws->signature.len - 1] ^= 1;
    is_int(acme_ca_jws_verify(ctx, jws, key), NGX_ABORT, "not with a bit less");
    is_int(ctx->problem->type, ACME_CA_UNAUTHORIZED, "unauthorized");
    jws->signature.data[jws->signature.len - 1] = byte;

    jws->signature.len--;
    is_int(acme_ca_jws_verify(ctx, jws, key), NGX_ABORT, "not a byte shorter");
    is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed: %s",
           ctx->problem->detail.data);
    jws->signature.len++;

    jws->input.data[0] ^= 1;
    is_int(acme_ca_jws_verify(ctx, jws, key), NGX_ABORT, "not another text");
    is_int(ERR_peek_error(), 0, "and no error left behind");
    jws->input.data[0] ^= 1;

    test_again(ctx, jws, key);

    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}


/* right and wrong ones by turns, with what the first one left */

static void
test_again(acme_ca_ctx_t *ctx, acme_ca_jws_t *jws, EVP_PKEY *key)
{
    int                 i, bad;
    ngx_int_t           rc;
    acme_ca_jws_kept_t  kept;

    memset(&kept, 0, sizeof(acme_ca_jws_kept_t));
    bad = 0;

    for (i = 0; i < 6; i++) {
        rc = acme_ca_jws_verify_again(ctx, jws, key, &kept);
        bad += rc != ((i & 1) ? NGX_ABORT : NGX_OK);
        jws->input.data[0] ^= 1;
    }

    is_int(bad, 0, "the same answers again and again");

    EVP_PKEY_CTX_free(kept.verify);
}


static void
test_mismatches(acme_ca_ctx_t *ctx)
{
    size_t          i, j;
    EVP_PKEY       *keys[N_ALGORITHMS];
    ngx_uint_t      bad;
    acme_ca_jws_t  *jws;

    bad = 0;

    for (i = 0; i < N_ALGORITHMS; i++) {
        keys[i] = shim_key(algorithms[i]);
    }

    for (i = 0; i < N_ALGORITHMS; i++) {
        (void) test_row(ctx, algorithms[i], &jws);

        for (j = 0; j < N_ALGORITHMS; j++) {

            if (algorithms[i][1] == 'S' && algorithms[j][1] == 'S'
                && algorithms[i][0] != 'E' && algorithms[j][0] != 'E')
            {
                continue;
            }

            if (i != j
                && (acme_ca_jws_verify(ctx, jws, keys[j]) != NGX_ABORT
                    || ctx->problem->type != ACME_CA_BAD_SIGNATURE_ALGORITHM))
            {
                bad++;
            }
        }
    }

    is_int(bad, 0, "no algorithm takes a key of another kind");

    for (i = 0; i < N_ALGORITHMS; i++) {
        EVP_PKEY_free(keys[i]);
    }

    keys[0] = EVP_EC_gen("secp256k1");
    (void) test_row(ctx, "ES256", &jws);
    is_int(acme_ca_jws_verify(ctx, jws, keys[0]), NGX_ABORT,
           "another curve of 256 bits");
    is_int(ctx->problem->type, ACME_CA_BAD_SIGNATURE_ALGORITHM, "does not fit");
    EVP_PKEY_free(keys[0]);
}


static void
test_ecdsa_range(acme_ca_ctx_t *ctx)
{
    size_t          i;
    u_char          sig[64];
    EVP_PKEY       *key;
    acme_ca_jws_t  *jws;

    static const u_char  order[32] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
        0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51
    };

    key = shim_key("ES256");

    /* two bits each: 0, 1, n, 2^256 - 1 for r and for s */

    for (i = 0; i < 16; i++) {
        ngx_memzero(sig, sizeof(sig));

        switch (i & 3) {
        case 1: sig[31] = 1; break;
        case 2: ngx_memcpy(sig, order, 32); break;
        case 3: ngx_memset(sig, 0xff, 32); break;
        }

        switch (i >> 2) {
        case 1: sig[63] = 1; break;
        case 2: ngx_memcpy(sig + 32, order, 32); break;
        case 3: ngx_memset(sig + 32, 0xff, 32); break;
        }

        (void) test_row(ctx, "ES256", &jws);
        jws->signature.data = sig;
        jws->signature.len = 64;

        is_int(acme_ca_jws_verify(ctx, jws, key), NGX_ABORT,
               "r %d, s %d", (int) i & 3, (int) i >> 2);
        is_int(ctx->problem->type, ACME_CA_UNAUTHORIZED, "are refused");
    }

    jws->signature.len = 63;
    is_int(acme_ca_jws_verify(ctx, jws, key), NGX_ABORT, "63 bytes");
    is_int(ctx->problem->type, ACME_CA_MALFORMED, "are malformed");

    EVP_PKEY_free(key);
}


static void
test_shape(acme_ca_ctx_t *ctx)
{
    size_t          i;
    ngx_str_t       p, text;
    acme_ca_jws_t  *jws;

    /* %V is a good protected header */

    static const char  *bad[] = {
        "", "[]", "null", "\"%V..AAAA\"", "%V..AAAA", "{}",
        "{\"protected\":\"%V\",\"payload\":\"\"}",
        "{\"protected\":\"%V\",\"signature\":\"AAAA\"}",
        "{\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"%V\",\"payload\":null,\"signature\":\"AAAA\"}",
        "{\"protected\":\"%V\",\"payload\":{},\"signature\":\"AAAA\"}",
        "{\"protected\":\"%V\",\"payload\":\"\",\"signature\":\"AAAA\","
        "\"header\":{}}",
        "{\"protected\":\"%V\",\"payload\":\"\",\"signature\":\"AAAA\","
        "\"signatures\":[]}",
        "{\"payload\":\"\",\"signatures\":[{\"protected\":\"%V\","
        "\"signature\":\"AAAA\"}]}",
        "{\"protected\":\"%V\",\"payload\":\"\",\"signature\":\"AAAA\","
        "\"x\":1}",
        "{\"protected\":\"%V\",\"protected\":\"%V\",\"payload\":\"\","
        "\"signature\":\"AAAA\"}",
        "{\"protected\":\"%V\",\"payload\":\"e30=\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"%V\",\"payload\":\"e31\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"%V\",\"payload\":\"\",\"signature\":\"A\"}",
        "{\"protected\":\"%V\",\"payload\":\"\",\"signature\":\"A+/A\"}",
        "{\"protected\":\"\",\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"%V=\",\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"W10\",\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"protected\":\"bnVsbA\",\"payload\":\"\",\"signature\":\"AAAA\"}",
        "{\"Protected\":\"%V\",\"payload\":\"\",\"signature\":\"AAAA\"}"
    };

    p = shim_base64url_text(ctx->pool, OK_HEADER, sizeof(OK_HEADER) - 1);

    text = shim_text(ctx->pool, "{\"signature\":\"AAAA\",\"payload\":\"\","
                     "\"protected\":\"%V\"}", &p);
    is_int(test_parse(ctx, text, &jws), NGX_OK, "in any order");
    is_int(jws->payload.len, 0, "POST-as-GET");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text = shim_text(ctx->pool, bad[i], &p, &p);
        is_int(test_parse(ctx, text, &jws), NGX_ABORT, "shape %d", (int) i);
        is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed: %s",
               ctx->problem->detail.data);
        ok(jws == NULL, "nothing answered");
    }
}


static void
test_header(acme_ca_ctx_t *ctx)
{
    size_t          i;
    acme_ca_jws_t  *jws;

#define JWK  "{\"kty\":\"EC\"}"

    static const struct {
        const char  *header;
        ngx_int_t    rc;
    } headers[] = {
        { OK_HEADER, NGX_OK },
        { "{\"alg\":\"ES256\",\"jwk\":" JWK "}", NGX_OK },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"JOSE\"}", NGX_OK },
        { "{\"alg\":\"ES256\",\"jwk\":{\"alg\":\"ES256\"}}", NGX_OK },
        { "{\"alg\":\"ES256\",\"jwk\":{\"alg\":\"ES384\"}}", NGX_ABORT },
        { "{\"kid\":\"k\"}", NGX_ABORT },
        { "{\"alg\":1,\"kid\":\"k\"}", NGX_ABORT },
        { "{\"alg\":[\"ES256\"],\"kid\":\"k\"}", NGX_ABORT },
        { "{\"alg\":\"\",\"kid\":\"k\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"alg\":\"none\",\"kid\":\"k\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"jwk\":" JWK "}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"\",\"jwk\":" JWK "}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":null,\"jwk\":" JWK "}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"jwk\":null}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":1}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"jwk\":null}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"jwk\":[]}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"jwk\":\"x\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[\"b64\"]}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[]}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"b64\":false}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"b64\":true}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"zip\":\"DEF\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"jku\":\"u\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"x5u\":\"u\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"x5c\":[]}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"x5t\":\"t\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"x5t#S256\":\"t\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"url\":1}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"url\":\"\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":1}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":null}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"a b\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"AA==\"}", NGX_ABORT },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"A\"}", NGX_ABORT }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        is_int(test_parse(ctx,
                          test_wrap(ctx, headers[i].header, "", "AAAA"), &jws),
               headers[i].rc, "%s", headers[i].header);

        if (headers[i].rc == NGX_ABORT) {
            is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed: %s",
                   ctx->problem->detail.data);
        }
    }
}


static void
test_inner(acme_ca_ctx_t *ctx)
{
    ngx_str_t        text;
    acme_ca_jws_t   *jws;
    acme_ca_json_t  *value;

    text = test_wrap(ctx, "{\"alg\":\"ES256\",\"jwk\":" JWK ",\"url\":\"u\"}",
                     "e30", "AAAA");

    is_int(acme_ca_jws_parse(ctx, &text, 1, &jws), NGX_OK, "an inner JWS");
    is_str(&jws->payload, "{}", "its payload");

    is_int(acme_ca_json_parse(ctx, "payload", &text, &value), NGX_OK, "JSON");
    is_int(acme_ca_jws_parse_json(ctx, value, 1, &jws), NGX_OK,
           "an inner JWS from JSON");

    text = test_wrap(ctx, "{\"alg\":\"ES256\",\"jwk\":" JWK ",\"url\":\"u\","
                     "\"nonce\":\"AAAA\"}", "e30", "AAAA");

    is_int(acme_ca_jws_parse(ctx, &text, 1, &jws), NGX_ABORT,
           "but not with a nonce");
    is_int(ctx->problem->type, ACME_CA_MALFORMED, "malformed");
}


static void
test_memory(const char *alg)
{
    EVP_PKEY       *key;
    ngx_int_t       n, rc, bad, wrong;
    ngx_str_t       text, copy;
    ngx_pool_t     *pool;
    acme_ca_ctx_t   ctx;
    acme_ca_jws_t  *jws;

    pool = ngx_create_pool(4096, &shim_log);

    key = shim_key(alg);
    text = shim_text(pool, "{\"alg\":\"%s\",\"kid\":\"k\",\"url\":\"u\","
                     "\"nonce\":\"AAAA\"}", alg);
    text = shim_jws(pool, key, alg, (char *) text.data, "{}");

    rc = NGX_ERROR;
    bad = 0;
    wrong = 0;

    for (n = 0; rc != NGX_OK && n < 3000; n++) {
        test_context(&ctx);
        copy = text;
        shim_fail_at(n);

        rc = acme_ca_jws_parse(&ctx, &copy, 0, &jws);

        if (rc == NGX_OK) {
            rc = acme_ca_jws_verify(&ctx, jws, key);
        }

        if (rc == NGX_OK && shim_failed()) {
            rc = NGX_ERROR;

        } else if (rc == NGX_ABORT) {
            bad += ctx.problem->type != ACME_CA_UNAUTHORIZED;
            wrong++;
        }

        shim_fail_at(SHIM_NEVER);
        ERR_clear_error();
        ngx_destroy_pool(ctx.pool);
    }

    is_int(rc, NGX_OK, "%s: every allocation failed once, %d of them", alg,
           (int) n);
    is_int(bad, 0, "and none was told as the client's fault");

    /* OpenSSL says nothing about one of its own: as of a wrong signature */

    ok(wrong <= 1, "but one at most as a wrong signature");

    EVP_PKEY_free(key);
    ngx_destroy_pool(pool);
}
