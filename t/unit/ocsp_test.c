
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_ocsp*.c: requests that OpenSSL wrote and requests that nobody
 * should write, responses that OpenSSL reads and verifies, signers, and all of
 * it when memory is short.
 */


#include "pki.h"
#include "tap.h"

#include "acme_ca_ocsp.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>


#define LIFETIME  (30 * 86400)


static acme_ca_issuer_t        *issuer;
static X509                    *issuer_x509;
static acme_ca_ocsp_issuer_t    hashes;
static acme_ca_ocsp_signer_t    signer;
static acme_ca_certificate_t    signer_cert;
static acme_ca_ctx_t            ctx;


static void test_issuer(void);
static void test_signer(void);
static void test_parse(void);
static void test_cut(void);
static void test_write(void);
static void test_memory(void);
static size_t question(u_char *der, ngx_uint_t n, size_t nonce,
    const EVP_MD *md);
static OCSP_BASICRESP *answer(acme_ca_ocsp_request_t *request,
    acme_ca_ocsp_single_t *singles);


int
main(void)
{
    shim_openssl();

    ngx_memzero(&ctx, sizeof(acme_ca_ctx_t));
    ctx.pool = ngx_create_pool(4096, &shim_log);
    ctx.log = &shim_log;
    ctx.now = time(NULL);

    test_issuer();
    test_signer();
    test_parse();
    test_cut();
    test_write();
    test_memory();

    X509_free(issuer_x509);
    acme_ca_ocsp_signer_free(&signer);
    ngx_destroy_pool(ctx.pool);

    return done_testing();
}


static void
test_issuer(void)
{
    EVP_PKEY             *key;
    ngx_str_t             name = ngx_string("test"), pem, error;
    const u_char         *p;
    acme_ca_hierarchy_t   h;

    if (acme_ca_hierarchy_new(&ctx, &name, &pki_plan, &h) != NGX_OK
        || acme_ca_format(ctx.pool, &pem, 8192, "%V%V", &h.certificate,
                          &h.root_certificate)
           != NGX_OK)
    {
        abort();
    }

    key = pki_key_pem(&h.key);

    is_int(acme_ca_issuer_load(ctx.pool, &pem, key, ctx.now, &issuer, &error),
           NGX_OK, "an issuer");

    EVP_PKEY_free(key);

    is_int(acme_ca_ocsp_issuer_init(&hashes, &issuer->der, &shim_log), NGX_OK,
           "its hashes");

    p = issuer->der.data;
    issuer_x509 = d2i_X509(NULL, &p, (long) issuer->der.len);
}


static void
test_signer(void)
{
    X509           *x509;
    ngx_str_t       pem;
    const u_char   *p;

    is_int(acme_ca_ocsp_signer_new(&ctx, issuer, LIFETIME, &signer_cert, &pem),
           NGX_OK, "a signer");
    is_int(signer_cert.not_after, ctx.now + LIFETIME, "its end");
    is_int(signer_cert.serial.len, 16, "serial number");

    p = signer_cert.der.data;
    x509 = d2i_X509(NULL, &p, (long) signer_cert.der.len);

    is_int(X509_verify(x509, issuer->key), 1, "signed by the issuer");
    ok(X509_get_extended_key_usage(x509) & XKU_OCSP_SIGN, "its purpose");
    ok(X509_get_ext_by_NID(x509, NID_id_pkix_OCSP_noCheck, -1) >= 0,
       "not to be asked about");
    is_int(X509_check_issued(issuer_x509, x509), X509_V_OK, "its issuer");
    is_int(X509_check_ca(x509), 0, "no CA");

    X509_free(x509);

    is_int(acme_ca_ocsp_signer_load(&signer, &signer_cert.der, &pem,
                                    &shim_log),
           NGX_OK, "and read again");

    ctx.now = issuer->not_after - 100;
    is_int(acme_ca_ocsp_signer_new(&ctx, issuer, LIFETIME, &signer_cert, &pem),
           NGX_OK, "of an issuer that ends");
    is_int(signer_cert.not_after, issuer->not_after, "not beyond it");
    ctx.now = time(NULL);

    pem.len = 0;
    {
        acme_ca_ocsp_signer_t  other;

        is_int(acme_ca_ocsp_signer_load(&other, &signer_cert.der, &pem,
                                        &shim_log),
               NGX_ERROR, "without a key");
        ok(other.key == NULL, "nothing is left");
    }
}


/* of the first n serial numbers, by OpenSSL */

static size_t
question(u_char *der, ngx_uint_t n, size_t nonce, const EVP_MD *md)
{
    int            len;
    u_char         bytes[200], *p;
    ngx_uint_t     i;
    OCSP_CERTID   *id;
    OCSP_REQUEST  *request;
    ASN1_INTEGER  *serial;

    request = OCSP_REQUEST_new();
    serial = ASN1_INTEGER_new();

    for (i = 1; i <= n; i++) {
        ASN1_INTEGER_set(serial, (long) (i * 100));
        id = OCSP_cert_id_new(md, X509_get_subject_name(issuer_x509),
                              X509_get0_pubkey_bitstr(issuer_x509), serial);
        OCSP_request_add0_id(request, id);
    }

    if (nonce != 0) {
        ngx_memset(bytes, 'n', sizeof(bytes));
        OCSP_request_add1_nonce(request, bytes, (int) nonce);
    }

    p = der;
    len = i2d_OCSP_REQUEST(request, &p);

    ASN1_INTEGER_free(serial);
    OCSP_REQUEST_free(request);

    return len;
}


static void
test_parse(void)
{
    size_t                  n;
    u_char                  der[8192];
    ngx_uint_t              i;
    const EVP_MD           *md[4];
    acme_ca_ocsp_request_t  request;

    md[0] = EVP_sha1();
    md[1] = EVP_sha256();
    md[2] = EVP_sha384();
    md[3] = EVP_sha512();

    for (i = 0; i < 4; i++) {
        n = question(der, 1, 0, md[i]);
        is_int(acme_ca_ocsp_parse(der, n, &request), NGX_OK, "a request");
        is_int(request.ids[0].hash, i, "its hash");
        ok(acme_ca_ocsp_is_issuer(&hashes, &request.ids[0]), "our issuer");
        ok(acme_ca_der_is(&request.ids[0].serial, "\x64", 1), "its serial");
    }

    ((u_char *) request.ids[0].key_hash.p)[0] ^= 1;
    ok(!acme_ca_ocsp_is_issuer(&hashes, &request.ids[0]), "another key");
    ((u_char *) request.ids[0].key_hash.p)[0] ^= 1;
    ((u_char *) request.ids[0].name_hash.p)[0] ^= 1;
    ok(!acme_ca_ocsp_is_issuer(&hashes, &request.ids[0]), "another name");
    request.ids[0].hash = ACME_CA_OCSP_HASH_N;
    ok(!acme_ca_ocsp_is_issuer(&hashes, &request.ids[0]), "another hash");

    n = question(der, ACME_CA_OCSP_IDS, 32, md[0]);
    is_int(acme_ca_ocsp_parse(der, n, &request), NGX_OK, "many");
    is_int(request.n, ACME_CA_OCSP_IDS, "all of them");
    is_int(request.nonce.last - request.nonce.p, 32, "and a nonce");

    n = question(der, ACME_CA_OCSP_IDS + 1, 0, md[0]);
    is_int(acme_ca_ocsp_parse(der, n, &request), NGX_DECLINED, "one too many");

    n = question(der, 1, 128, md[0]);
    is_int(acme_ca_ocsp_parse(der, n, &request), NGX_OK, "a long nonce");
    n = question(der, 1, 129, md[0]);
    is_int(acme_ca_ocsp_parse(der, n, &request), NGX_DECLINED, "too long");
}


/* each byte missing, and each byte another, in a block of exactly that size */

static void
test_cut(void)
{
    size_t                  n, i, taken;
    u_char                  der[512], *copy;
    acme_ca_ocsp_request_t  request;

    n = question(der, 2, 16, EVP_sha256());
    taken = 0;

    for (i = 0; i < n; i++) {
        copy = malloc(i + 1);
        ngx_memcpy(copy, der, i);
        taken += acme_ca_ocsp_parse(copy, i, &request) == NGX_OK;
        free(copy);
    }

    is_int(taken, 0, "cut off anywhere");

    for (i = 0; i < n * 256; i++) {
        copy = malloc(n);
        ngx_memcpy(copy, der, n);
        copy[i / 256] = (u_char) i;
        taken += acme_ca_ocsp_parse(copy, n, &request) == NGX_OK;
        free(copy);
    }

    ok(taken > n, "and changed");
}


static OCSP_BASICRESP *
answer(acme_ca_ocsp_request_t *request, acme_ca_ocsp_single_t *singles)
{
    ngx_str_t               der;
    const u_char           *p;
    OCSP_RESPONSE          *response;
    OCSP_BASICRESP         *basic;
    acme_ca_ocsp_answer_t   a;

    a.request = request;
    a.singles = singles;
    a.signer = &signer;
    a.now = ctx.now;
    a.next_update = ctx.now + 3600;

    if (acme_ca_ocsp_write(&ctx, &a, &der) != NGX_OK) {
        return NULL;
    }

    p = der.data;
    response = d2i_OCSP_RESPONSE(NULL, &p, (long) der.len);

    if (response == NULL || p != der.data + der.len) {
        return NULL;
    }

    basic = OCSP_response_get1_basic(response);

    OCSP_RESPONSE_free(response);

    return basic;
}


static void
test_write(void)
{
    int                     status, reason;
    size_t                  n;
    u_char                  der[8192];
    ngx_uint_t              i;
    X509_STORE             *store;
    OCSP_BASICRESP         *basic;
    OCSP_SINGLERESP        *single;
    STACK_OF(X509)         *chain;
    ASN1_GENERALIZEDTIME   *revoked, *this, *next;
    acme_ca_ocsp_single_t   singles[ACME_CA_OCSP_IDS];
    acme_ca_ocsp_request_t  request;
    ngx_str_t               refusal;

    static const int  wanted[] = {
        V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED,
        V_OCSP_CERTSTATUS_UNKNOWN
    };

    n = question(der, ACME_CA_OCSP_IDS, 128, EVP_sha512());
    (void) acme_ca_ocsp_parse(der, n, &request);

    for (i = 0; i < ACME_CA_OCSP_IDS; i++) {
        singles[i].state = i % 3;
        singles[i].revoked_at = ctx.now - 1000;
        singles[i].reason = (i == 1) ? -1 : (i == 4) ? 0 : 4;
    }

    basic = answer(&request, singles);

    ok(basic != NULL, "read by OpenSSL");
    is_int(OCSP_resp_count(basic), ACME_CA_OCSP_IDS, "all are answered");

    for (i = 0; i < 9; i++) {
        single = OCSP_resp_get0(basic, (int) i);
        status = OCSP_single_get0_status(single, &reason, &revoked, &this,
                                         &next);
        is_int(status, wanted[i % 3], "status");

        if (i % 3 == 1) {
            is_int(reason, (i == 7) ? 4 : -1, "reason");
        }
    }

    is_int(OCSP_check_validity(this, next, 10, -1), 1, "dates");

    store = X509_STORE_new();
    X509_STORE_add_cert(store, issuer_x509);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    chain = sk_X509_new_null();
    sk_X509_push(chain, issuer_x509);

    is_int(OCSP_basic_verify(basic, chain, store, 0), 1, "verified");

    sk_X509_free(chain);
    X509_STORE_free(store);
    OCSP_BASICRESP_free(basic);

    for (i = 0; i <= ACME_CA_OCSP_UNAUTHORIZED; i++) {
        const u_char   *p;
        OCSP_RESPONSE  *response;

        acme_ca_ocsp_refusal(i, &refusal);
        p = refusal.data;
        response = d2i_OCSP_RESPONSE(NULL, &p, (long) refusal.len);
        is_int(OCSP_response_status(response), i, "a refusal");
        OCSP_RESPONSE_free(response);
    }
}


static void
test_memory(void)
{
    size_t                  len;
    u_char                  der[512];
    ngx_int_t               n, rc;
    ngx_str_t               pem, text;
    acme_ca_ocsp_answer_t   a;
    acme_ca_ocsp_signer_t   other;
    acme_ca_ocsp_issuer_t   init;
    acme_ca_ocsp_single_t   single = { ACME_CA_OCSP_GOOD, 0, -1 };
    acme_ca_certificate_t   cert;
    acme_ca_ocsp_request_t  request;

    len = question(der, 1, 16, EVP_sha1());
    (void) acme_ca_ocsp_parse(der, len, &request);

    a.request = &request;
    a.singles = &single;
    a.signer = &signer;
    a.now = ctx.now;
    a.next_update = ctx.now + 3600;

    for (n = 0, rc = NGX_ERROR; n < 1000; n++) {
        shim_fail_at(n);
        rc = acme_ca_ocsp_write(&ctx, &a, &text);
        shim_fail_at(SHIM_NEVER);

        if (rc == NGX_OK && !shim_failed()) {
            break;
        }
    }

    ok(rc == NGX_OK, "written after %d allocations", (int) n);

    for (n = 0, rc = NGX_ERROR; n < 5000; n++) {
        ngx_memzero(&cert, sizeof(acme_ca_certificate_t));
        shim_fail_at(n);
        rc = acme_ca_ocsp_signer_new(&ctx, issuer, LIFETIME, &cert, &pem);

        if (rc == NGX_OK) {
            rc = acme_ca_ocsp_signer_load(&other, &cert.der, &pem, &shim_log);

            if (rc == NGX_OK) {
                acme_ca_ocsp_signer_free(&other);
            }
        }

        if (rc == NGX_OK) {
            rc = acme_ca_ocsp_issuer_init(&init, &cert.der, &shim_log);
        }

        if (rc == NGX_OK && shim_allocations() <= n) {
            break;
        }
    }

    shim_fail_at(SHIM_NEVER);
    ok(rc == NGX_OK, "a signer after %d allocations", (int) n);
}
