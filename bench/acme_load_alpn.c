
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A tls-alpn-01 responder (RFC 8737) on 127.0.0.1.  A certificate is made for
 * each handshake: the flow, and so its token and account, is in the server
 * name.
 */


#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "acme_load.h"


#define ACME_LOAD_ALPN          "\x0a" "acme-tls/1"
#define ACME_LOAD_ALPN_THREADS  4


static void *acme_load_alpn_run(void *data);
static int acme_load_alpn_select(SSL *ssl, const unsigned char **out,
    unsigned char *len, const unsigned char *in, unsigned int n, void *data);
static int acme_load_alpn_use(SSL *ssl, void *data);
static X509 *acme_load_alpn_certificate(const char *name,
    const unsigned char *digest);
static int acme_load_alpn_extensions(X509 *cert, const char *name,
    const unsigned char *digest);


static int       acme_load_alpn_fd;
static SSL_CTX  *acme_load_alpn_ctx;
static EVP_PKEY *acme_load_alpn_key;


int
acme_load_alpn(int port)
{
    int        i;
    pthread_t  thread;

    acme_load_alpn_fd = acme_load_listen(port, SOCK_STREAM);
    acme_load_alpn_key = EVP_EC_gen("P-256");
    acme_load_alpn_ctx = SSL_CTX_new(TLS_server_method());

    if (acme_load_alpn_fd == -1
        || acme_load_alpn_key == NULL
        || acme_load_alpn_ctx == NULL)
    {
        return -1;
    }

    (void) SSL_CTX_set_session_cache_mode(acme_load_alpn_ctx,
                                          SSL_SESS_CACHE_OFF);
    (void) SSL_CTX_set_num_tickets(acme_load_alpn_ctx, 0);
    SSL_CTX_set_alpn_select_cb(acme_load_alpn_ctx, acme_load_alpn_select,
                               NULL);
    SSL_CTX_set_cert_cb(acme_load_alpn_ctx, acme_load_alpn_use, NULL);

    for (i = 0; i < ACME_LOAD_ALPN_THREADS; i++) {
        if (pthread_create(&thread, NULL, acme_load_alpn_run, NULL) != 0) {
            return -1;
        }
    }

    return 0;
}


static void *
acme_load_alpn_run(void *data)
{
    int             fd;
    SSL            *ssl;
    char            byte;
    struct timeval  tv = { 5, 0 };

    (void) data;

    for ( ;; ) {
        fd = accept(acme_load_alpn_fd, NULL, NULL);
        if (fd == -1) {
            continue;
        }

        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));

        ssl = SSL_new(acme_load_alpn_ctx);

        if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {

            /* until the CA closes */

            (void) SSL_read(ssl, &byte, 1);
        }

        SSL_free(ssl);
        close(fd);
    }

    return NULL;
}


static int
acme_load_alpn_select(SSL *ssl, const unsigned char **out,
    unsigned char *len, const unsigned char *in, unsigned int n, void *data)
{
    (void) ssl;
    (void) data;

    return SSL_select_next_proto((unsigned char **) out, len,
                                 (const unsigned char *) ACME_LOAD_ALPN,
                                 sizeof(ACME_LOAD_ALPN) - 1, in, n)
           == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK
                                     : SSL_TLSEXT_ERR_ALERT_FATAL;
}


/* 1, or 0: the handshake fails */

static int
acme_load_alpn_use(SSL *ssl, void *data)
{
    int             rc;
    X509           *cert;
    const char     *name;
    unsigned char   digest[SHA256_DIGEST_LENGTH];

    (void) data;

    name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    if (name == NULL || acme_load_proof(name, digest) != 0) {
        return 0;
    }

    cert = acme_load_alpn_certificate(name, digest);

    rc = cert != NULL
         && SSL_use_certificate(ssl, cert) == 1
         && SSL_use_PrivateKey(ssl, acme_load_alpn_key) == 1;

    X509_free(cert);

    return rc;
}


static X509 *
acme_load_alpn_certificate(const char *name, const unsigned char *digest)
{
    X509  *cert;

    cert = X509_new();
    if (cert == NULL) {
        return NULL;
    }

    if (X509_set_version(cert, 2) == 1
        && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1
        && X509_gmtime_adj(X509_getm_notBefore(cert), -60) != NULL
        && X509_gmtime_adj(X509_getm_notAfter(cert), 3600) != NULL
        && X509_set_pubkey(cert, acme_load_alpn_key) == 1
        && acme_load_alpn_extensions(cert, name, digest) == 1
        && X509_sign(cert, acme_load_alpn_key, EVP_sha256()) != 0)
    {
        return cert;
    }

    X509_free(cert);

    return NULL;
}


static int
acme_load_alpn_extensions(X509 *cert, const char *name,
    const unsigned char *digest)
{
    int                 rc;
    char                dns[ACME_LOAD_NAME + 8];
    ASN1_OBJECT        *oid;
    unsigned char       value[2 + SHA256_DIGEST_LENGTH];
    X509_EXTENSION     *names, *proof;
    ASN1_OCTET_STRING  *octets;

    (void) snprintf(dns, sizeof(dns), "DNS:%s", name);

    value[0] = V_ASN1_OCTET_STRING;
    value[1] = SHA256_DIGEST_LENGTH;
    memcpy(&value[2], digest, SHA256_DIGEST_LENGTH);

    oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    octets = ASN1_OCTET_STRING_new();
    names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, dns);

    rc = oid && octets && names
         && ASN1_OCTET_STRING_set(octets, value, sizeof(value)) == 1;

    proof = rc ? X509_EXTENSION_create_by_OBJ(NULL, oid, 1, octets) : NULL;

    rc = proof
         && X509_add_ext(cert, names, -1) == 1
         && X509_add_ext(cert, proof, -1) == 1;

    X509_EXTENSION_free(proof);
    X509_EXTENSION_free(names);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(oid);

    return rc;
}
