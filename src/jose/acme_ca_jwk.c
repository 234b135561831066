
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * JSON Web Keys: members in, a public key and its thumbprint out.  A key has
 * one canonical text here, because its thumbprint is the account's name:
 * RFC 7638, 3; RFC 7518, 6; RFC 8037, 2.
 */


#include "acme_ca_jose_private.h"


typedef struct {
    const char           *kty;
    const char           *crv;         /* NULL: has none */
    acme_ca_jwk_type_e    type;
    const char           *group;       /* OpenSSL's name of the curve */
    ngx_uint_t            bits;        /* 0: the modulus' */
    size_t                len;         /* bytes of a coordinate */
    const char           *algs[8];     /* "alg" may say one of these */
} acme_ca_jwk_row_t;


static ngx_int_t acme_ca_jwk_row(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t **row);
static ngx_int_t acme_ca_jwk_members(acme_ca_ctx_t *ctx,
    acme_ca_json_t *value, const acme_ca_jwk_row_t *row);
static ngx_int_t acme_ca_jwk_key_ops(acme_ca_ctx_t *ctx,
    acme_ca_json_t *value);
static ngx_int_t acme_ca_jwk_bytes(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const char *name, ngx_str_t *bytes);
static ngx_int_t acme_ca_jwk_key(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t *row, acme_ca_jwk_t *jwk);
static ngx_int_t acme_ca_jwk_rsa(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    acme_ca_jwk_t *jwk);
static ngx_int_t acme_ca_jwk_rsa_check(acme_ca_ctx_t *ctx, ngx_str_t *n,
    ngx_str_t *e, ngx_uint_t *bits);
static ngx_int_t acme_ca_jwk_curve(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t *row, acme_ca_jwk_t *jwk);
static ngx_int_t acme_ca_jwk_text(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t *row, acme_ca_jwk_t *jwk);
static void acme_ca_jwk_cleanup(void *data);


static const acme_ca_jwk_row_t  acme_ca_jwk_rows[] = {

    { "RSA", NULL, ACME_CA_JWK_RSA, NULL, 0, 0,
      { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", NULL } },

    { "EC", "P-256", ACME_CA_JWK_P256, "P-256", 256, 32,
      { "ES256", NULL } },

    { "EC", "P-384", ACME_CA_JWK_P384, "P-384", 384, 48,
      { "ES384", NULL } },

    { "EC", "P-521", ACME_CA_JWK_P521, "P-521", 521, 66,
      { "ES512", NULL } },

    { "OKP", "Ed25519", ACME_CA_JWK_ED25519, NULL, 256, ACME_CA_ED25519_LEN,
      { "EdDSA", "Ed25519", NULL } }
};


/* RFC 7518, 6.2.2, 6.3.2 and 6.4.1; RFC 8037, 2 */

static const char  *acme_ca_jwk_private[] = {
    "d", "p", "q", "dp", "dq", "qi", "oth", "k"
};


ngx_int_t
acme_ca_jwk_parse_text(acme_ca_ctx_t *ctx, ngx_str_t *text,
    acme_ca_jwk_t **jwk)
{
    ngx_int_t        rc;
    acme_ca_json_t  *value;

    rc = acme_ca_json_parse(ctx, "jwk", text, &value);

    if (rc != NGX_OK) {
        return rc;
    }

    return acme_ca_jwk_parse(ctx, value, jwk);
}


ngx_int_t
acme_ca_jwk_parse(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    acme_ca_jwk_t **jwk)
{
    ngx_int_t                 rc;
    acme_ca_jwk_t            *k;
    ngx_pool_cleanup_t       *cln;
    const acme_ca_jwk_row_t  *row;

    row = NULL;

    rc = acme_ca_jwk_row(ctx, value, &row);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_jwk_members(ctx, value, row);

    if (rc != NGX_OK) {
        return rc;
    }

    cln = ngx_pool_cleanup_add(ctx->pool, sizeof(acme_ca_jwk_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    k = cln->data;
    ngx_memzero(k, sizeof(acme_ca_jwk_t));
    cln->handler = acme_ca_jwk_cleanup;

    rc = acme_ca_jwk_key(ctx, value, row, k);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_jwk_text(ctx, value, row, k);

    if (rc == NGX_OK) {
        *jwk = k;
    }

    return rc;
}


static void
acme_ca_jwk_cleanup(void *data)
{
    acme_ca_jwk_t  *jwk = data;

    EVP_PKEY_free(jwk->key);
}


static ngx_int_t
acme_ca_jwk_row(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t **row)
{
    size_t      i;
    ngx_str_t  *kty, *crv;

    if (value == NULL || value->type != ACME_CA_JSON_OBJECT) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED, "jwk is not an object");
    }

    kty = acme_ca_json_string(value, "kty");
    crv = acme_ca_json_string(value, "crv");

    if (kty == NULL) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "jwk has no \"kty\" string");
    }

    for (i = 0; i < sizeof(acme_ca_jwk_rows) / sizeof(acme_ca_jwk_row_t); i++) {
        *row = &acme_ca_jwk_rows[i];

        if (ngx_strcmp(kty->data, (*row)->kty) != 0) {
            continue;
        }

        if ((*row)->crv == NULL
            || (crv != NULL && ngx_strcmp(crv->data, (*row)->crv) == 0))
        {
            return NGX_OK;
        }
    }

    if (crv != NULL) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                              "keys of type \"%V\" and curve \"%V\" are not "
                              "supported", kty, crv);
    }

    return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                          "keys of type \"%V\" are not supported", kty);
}


/* what a jwk may say beside the key itself: RFC 7517, 4 */

static ngx_int_t
acme_ca_jwk_members(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t *row)
{
    size_t               i;
    acme_ca_json_t      *member;
    const char * const  *alg;

    for (i = 0; i < sizeof(acme_ca_jwk_private) / sizeof(char *); i++) {

        if (acme_ca_json_member(value, acme_ca_jwk_private[i]) != NULL) {
            return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                                  "jwk has the private member \"%s\": that "
                                  "key is not secret any more",
                                  acme_ca_jwk_private[i]);
        }
    }

    member = acme_ca_json_member(value, "use");

    if (member != NULL
        && (member->type != ACME_CA_JSON_STRING
            || !acme_ca_str_is(&member->text, "sig")))
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                              "jwk has a \"use\" other than \"sig\"");
    }

    member = acme_ca_json_member(value, "alg");

    if (member != NULL) {

        for (alg = row->algs; *alg; alg++) {

            if (member->type == ACME_CA_JSON_STRING
                && ngx_strcmp(member->text.data, *alg) == 0)
            {
                break;
            }
        }

        if (*alg == NULL) {
            return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                                  "jwk has an \"alg\" that is not of its "
                                  "kind of key");
        }
    }

    return acme_ca_jwk_key_ops(ctx, acme_ca_json_member(value, "key_ops"));
}


static ngx_int_t
acme_ca_jwk_key_ops(acme_ca_ctx_t *ctx, acme_ca_json_t *value)
{
    acme_ca_json_t  *op;

    if (value == NULL) {
        return NGX_OK;
    }

    op = value->type == ACME_CA_JSON_ARRAY ? value->first : NULL;

    for ( /* void */ ; op; op = op->next) {

        if (op->type == ACME_CA_JSON_STRING
            && acme_ca_str_is(&op->text, "verify"))
        {
            return NGX_OK;
        }
    }

    return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                          "jwk has \"key_ops\" without \"verify\"");
}


static ngx_int_t
acme_ca_jwk_bytes(acme_ca_ctx_t *ctx, acme_ca_json_t *value, const char *name,
    ngx_str_t *bytes)
{
    ngx_int_t   rc;
    ngx_str_t  *text;

    text = acme_ca_json_string(value, name);

    if (text == NULL) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "jwk has no \"%s\" string", name);
    }

    rc = acme_ca_base64url_parse(ctx->pool, text, bytes);

    if (rc == NGX_DECLINED || (rc == NGX_OK && bytes->len == 0)) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "jwk's \"%s\" is not base64url", name);
    }

    return rc;
}


static ngx_int_t
acme_ca_jwk_key(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t *row, acme_ca_jwk_t *jwk)
{
    ngx_int_t  rc;

    jwk->type = row->type;
    jwk->bits = row->bits;

    rc = row->crv == NULL ? acme_ca_jwk_rsa(ctx, value, jwk)
                          : acme_ca_jwk_curve(ctx, value, row, jwk);

    if (rc == NGX_DECLINED) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                              "jwk is no %s public key",
                              row->crv ? row->crv : row->kty);
    }

    return rc;
}


static ngx_int_t
acme_ca_jwk_curve(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t *row, acme_ca_jwk_t *jwk)
{
    ngx_int_t  rc;
    ngx_str_t  x, y;

    rc = acme_ca_jwk_bytes(ctx, value, "x", &x);

    if (rc != NGX_OK) {
        return rc;
    }

    /* RFC 7518, 6.2.1.2: the length is the curve's, zeros are not cut off */

    y.len = row->len;

    if (row->group != NULL) {
        rc = acme_ca_jwk_bytes(ctx, value, "y", &y);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (x.len != row->len || y.len != row->len) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "jwk's coordinates are not of %uz bytes",
                              row->len);
    }

    jwk->key = row->group ? acme_ca_jwk_make_ec(row->group, &x, &y, &rc)
                          : acme_ca_jwk_make_ed25519(&x, &rc);

    return rc;
}


static ngx_int_t
acme_ca_jwk_rsa(acme_ca_ctx_t *ctx, acme_ca_json_t *value, acme_ca_jwk_t *jwk)
{
    ngx_int_t  rc;
    ngx_str_t  n, e;

    rc = acme_ca_jwk_bytes(ctx, value, "n", &n);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_jwk_bytes(ctx, value, "e", &e);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = acme_ca_jwk_rsa_check(ctx, &n, &e, &jwk->bits);

    if (rc != NGX_OK) {
        return rc;
    }

    jwk->key = acme_ca_jwk_make_rsa(&n, &e, &rc);

    return rc;
}


static ngx_int_t
acme_ca_jwk_rsa_check(acme_ca_ctx_t *ctx, ngx_str_t *n, ngx_str_t *e,
    ngx_uint_t *bits)
{
    size_t    i;
    u_char    top;
    uint64_t  exponent;

    /* RFC 7518, 2: Base64urlUInt has no leading zero */

    if (n->data[0] == 0 || e->data[0] == 0) {
        return acme_ca_refuse(ctx, ACME_CA_MALFORMED,
                              "jwk's \"n\" or \"e\" begins with a zero byte");
    }

    *bits = n->len * 8;

    for (top = n->data[0]; !(top & 0x80); top <<= 1) {
        (*bits)--;
    }

    if (*bits < ACME_CA_RSA_MIN || *bits > ACME_CA_RSA_MAX) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                              "RSA keys have 2048 to 8192 bits here, not %ui",
                              *bits);
    }

    if (!(n->data[n->len - 1] & 1)) {
        return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                              "the RSA modulus is even");
    }

    exponent = 0;

    for (i = 0; i < ngx_min(e->len, 8); i++) {
        exponent = exponent << 8 | e->data[i];
    }

    if (e->len > 5 || exponent >> 33 || exponent < 65537
        || !(exponent & 1))
    {
        return acme_ca_refuse(ctx, ACME_CA_BAD_PUBLIC_KEY,
                              "the RSA exponent is not an odd number of 65537 "
                              "to 2^33");
    }

    return NGX_OK;
}


/* RFC 7638, 3.2: required members only, in the order of their names */

static ngx_int_t
acme_ca_jwk_text(acme_ca_ctx_t *ctx, acme_ca_json_t *value,
    const acme_ca_jwk_row_t *row, acme_ca_jwk_t *jwk)
{
    size_t                   i;
    ngx_str_t               *text;
    acme_ca_json_writer_t    w;

    static const char  *names[] = { "crv", "e", "kty", "n", "x", "y" };
    static const char  *members[] = { "ekn", "ckxy", "ckx" };

    const char  *wanted;

    wanted = members[row->crv == NULL ? 0 : row->group ? 1 : 2];

    acme_ca_json_start(&w, ctx->pool, 256);
    acme_ca_json_open_object(&w, NULL);

    for (i = 0; i < sizeof(names) / sizeof(char *); i++) {

        if (ngx_strchr(wanted, names[i][0]) != NULL) {
            text = acme_ca_json_string(value, names[i]);
            acme_ca_json_write_string(&w, names[i], text);
        }
    }

    acme_ca_json_shut(&w);

    if (acme_ca_json_finish(&w, &jwk->text) != NGX_OK) {
        return NGX_ERROR;
    }

    return acme_ca_sha256(jwk->text.data, jwk->text.len, jwk->thumbprint);
}
