
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OCSP responses (RFC 6960, 4.2), written back to front.  The signer is named
 * by the hash of its key, and its certificate goes with each response.
 */


#include "acme_ca_ocsp.h"
#include "acme_ca_crypto.h"


/* what a response has of its own, and for each certificate */
#define ACME_CA_OCSP_FIXED   512
#define ACME_CA_OCSP_SINGLE  96

/* of EC P-256 */
#define ACME_CA_OCSP_SIGNATURE  80

#define ACME_CA_OCSP_TAG(n)  (0xa0 | (n))
#define ACME_CA_OCSP_BARE(n)  (0x80 | (n))

#define ACME_CA_OCSP_ENUMERATED  0x0a


static ngx_int_t acme_ca_ocsp_sign(acme_ca_ctx_t *ctx, EVP_PKEY *key,
    const u_char *data, size_t n, u_char *signature, size_t *len);
static void acme_ca_ocsp_put_data(acme_ca_der_writer_t *w,
    const acme_ca_ocsp_answer_t *answer);
static void acme_ca_ocsp_put_nonce(acme_ca_der_writer_t *w,
    const acme_ca_der_t *nonce);
static void acme_ca_ocsp_put_single(acme_ca_der_writer_t *w,
    const acme_ca_ocsp_answer_t *answer, ngx_uint_t i);
static void acme_ca_ocsp_put_revoked(acme_ca_der_writer_t *w,
    const acme_ca_ocsp_single_t *single);
static void acme_ca_ocsp_put_time(acme_ca_der_writer_t *w, time_t at);


/* a SEQUENCE with its ENUMERATED; the last byte is the status */

static const u_char  acme_ca_ocsp_refusals[][5] = {
    { 0x30, 0x03, 0x0a, 0x01, ACME_CA_OCSP_SUCCESSFUL },
    { 0x30, 0x03, 0x0a, 0x01, ACME_CA_OCSP_MALFORMED },
    { 0x30, 0x03, 0x0a, 0x01, ACME_CA_OCSP_INTERNAL },
    { 0x30, 0x03, 0x0a, 0x01, ACME_CA_OCSP_TRY_LATER },
    { 0x30, 0x03, 0x0a, 0x01, 4 },
    { 0x30, 0x03, 0x0a, 0x01, 5 },
    { 0x30, 0x03, 0x0a, 0x01, ACME_CA_OCSP_UNAUTHORIZED }
};

/* id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1, with its header */
static const u_char  acme_ca_ocsp_basic[] = {
    0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01
};

static const u_char  acme_ca_ocsp_nonce[] = {
    0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02
};

/* AlgorithmIdentifier: ecdsa-with-SHA256 */
static const u_char  acme_ca_ocsp_algorithm[] = {
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02
};


void
acme_ca_ocsp_refusal(acme_ca_ocsp_status_e status, ngx_str_t *der)
{
    der->data = (u_char *) acme_ca_ocsp_refusals[status];
    der->len = sizeof(acme_ca_ocsp_refusals[status]);
}


ngx_int_t
acme_ca_ocsp_write(acme_ca_ctx_t *ctx, const acme_ca_ocsp_answer_t *answer,
    ngx_str_t *der)
{
    size_t                 size, len;
    u_char                *buf, *end, *bits;
    ngx_uint_t             i;
    acme_ca_der_writer_t   data, w;
    u_char                 signature[ACME_CA_OCSP_SIGNATURE];

    size = ACME_CA_OCSP_FIXED
           + (answer->request->nonce.last - answer->request->nonce.p);

    for (i = 0; i < answer->request->n; i++) {
        size += ACME_CA_OCSP_SINGLE + (answer->request->ids[i].whole.last
                                       - answer->request->ids[i].whole.p);
    }

    len = size + answer->signer->certificate.len;

    buf = ngx_pnalloc(ctx->pool, size + len);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    data.start = buf;
    data.p = buf + size;
    data.failed = 0;

    acme_ca_ocsp_put_data(&data, answer);

    w.start = buf + size;
    w.p = w.start + len;
    w.failed = data.failed;

    if (w.failed
        || acme_ca_ocsp_sign(ctx, answer->signer->key, data.p,
                             buf + size - data.p, signature, &len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    end = w.p;

    acme_ca_der_put(&w, answer->signer->certificate.data,
                    answer->signer->certificate.len);
    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(&w, ACME_CA_OCSP_TAG(0), end);

    bits = w.p;
    acme_ca_der_put(&w, signature, len);
    acme_ca_der_put(&w, "\0", 1);
    acme_ca_der_wrap(&w, ACME_CA_DER_BIT_STRING, bits);

    acme_ca_der_put(&w, acme_ca_ocsp_algorithm,
                    sizeof(acme_ca_ocsp_algorithm));
    acme_ca_der_put(&w, data.p, buf + size - data.p);
    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(&w, ACME_CA_DER_OCTET_STRING, end);

    acme_ca_der_put(&w, acme_ca_ocsp_basic, sizeof(acme_ca_ocsp_basic));
    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(&w, ACME_CA_OCSP_TAG(0), end);

    bits = w.p;
    acme_ca_der_put(&w, "\0", 1);
    acme_ca_der_wrap(&w, ACME_CA_OCSP_ENUMERATED, bits);
    acme_ca_der_wrap(&w, ACME_CA_DER_SEQUENCE, end);

    der->data = w.p;
    der->len = end - w.p;

    return w.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
acme_ca_ocsp_sign(acme_ca_ctx_t *ctx, EVP_PKEY *key, const u_char *data,
    size_t n, u_char *signature, size_t *len)
{
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    *len = ACME_CA_OCSP_SIGNATURE;

    md = EVP_MD_CTX_new();

    /* without memory OpenSSL's ECDSA can answer 1 and a length of -1 */

    rc = (md != NULL
          && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1
          && EVP_DigestSign(md, signature, len, data, n) == 1
          && *len != 0 && *len <= ACME_CA_OCSP_SIGNATURE)
         ? NGX_OK : NGX_ERROR;

    EVP_MD_CTX_free(md);

    if (rc != NGX_OK) {
        acme_ca_crypto_error(ctx->log, "signing an OCSP response");
    }

    return rc;
}


/* ResponseData */

static void
acme_ca_ocsp_put_data(acme_ca_der_writer_t *w,
    const acme_ca_ocsp_answer_t *answer)
{
    u_char      *all, *end;
    ngx_uint_t   i;

    all = w->p;

    acme_ca_ocsp_put_nonce(w, &answer->request->nonce);

    end = w->p;

    for (i = answer->request->n; i != 0; i--) {
        acme_ca_ocsp_put_single(w, answer, i - 1);
    }

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);

    acme_ca_ocsp_put_time(w, answer->now);

    end = w->p;
    acme_ca_der_put(w, answer->signer->key_id, ACME_CA_OCSP_KEY_LEN);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_der_wrap(w, ACME_CA_OCSP_TAG(2), end);

    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, all);
}


static void
acme_ca_ocsp_put_nonce(acme_ca_der_writer_t *w, const acme_ca_der_t *nonce)
{
    u_char  *end;

    if (nonce->p == NULL) {
        return;
    }

    end = w->p;

    acme_ca_der_put(w, nonce->p, nonce->last - nonce->p);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_der_wrap(w, ACME_CA_DER_OCTET_STRING, end);
    acme_ca_der_put(w, acme_ca_ocsp_nonce, sizeof(acme_ca_ocsp_nonce));
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, end);
    acme_ca_der_wrap(w, ACME_CA_OCSP_TAG(1), end);
}


static void
acme_ca_ocsp_put_single(acme_ca_der_writer_t *w,
    const acme_ca_ocsp_answer_t *answer, ngx_uint_t i)
{
    u_char                       *all, *end;
    const acme_ca_der_t          *id;
    const acme_ca_ocsp_single_t  *single;

    id = &answer->request->ids[i].whole;
    single = &answer->singles[i];

    all = w->p;

    acme_ca_ocsp_put_time(w, answer->next_update);
    acme_ca_der_wrap(w, ACME_CA_OCSP_TAG(0), all);

    acme_ca_ocsp_put_time(w, answer->now);

    end = w->p;

    if (single->state == ACME_CA_OCSP_REVOKED) {
        acme_ca_ocsp_put_revoked(w, single);
        acme_ca_der_wrap(w, ACME_CA_OCSP_TAG(1), end);

    } else {
        acme_ca_der_wrap(w, (single->state == ACME_CA_OCSP_GOOD)
                            ? ACME_CA_OCSP_BARE(0) : ACME_CA_OCSP_BARE(2),
                         end);
    }

    acme_ca_der_put(w, id->p, id->last - id->p);
    acme_ca_der_wrap(w, ACME_CA_DER_SEQUENCE, all);
}


/* RFC 5280, 5.3.1: "unspecified" is better left out */

static void
acme_ca_ocsp_put_revoked(acme_ca_der_writer_t *w,
    const acme_ca_ocsp_single_t *single)
{
    u_char  reason, *end;

    if (single->reason > 0) {
        reason = (u_char) single->reason;
        end = w->p;

        acme_ca_der_put(w, &reason, 1);
        acme_ca_der_wrap(w, ACME_CA_OCSP_ENUMERATED, end);
        acme_ca_der_wrap(w, ACME_CA_OCSP_TAG(0), end);
    }

    acme_ca_ocsp_put_time(w, single->revoked_at);
}


/* GeneralizedTime: always, RFC 6960, 4.2.1.  That of RFC 3339 without marks */

static void
acme_ca_ocsp_put_time(acme_ca_der_writer_t *w, time_t at)
{
    u_char       *end, *p, text[ACME_CA_RFC3339_LEN];
    ngx_uint_t    i;

    (void) acme_ca_rfc3339_write(text, at);

    end = w->p;
    p = text;

    for (i = 0; i < ACME_CA_RFC3339_LEN; i++) {
        if (text[i] != '-' && text[i] != ':' && text[i] != 'T') {
            *p++ = text[i];
        }
    }

    acme_ca_der_put(w, text, p - text);
    acme_ca_der_wrap(w, ACME_CA_DER_TIME, end);
}
