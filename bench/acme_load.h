
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * An ACME load generator: a thread per flow, blocking sockets, no library
 * but OpenSSL.  acme_load.c reads options and reports; _flow the exchanges
 * of RFC 8555; _http the connection; _jose keys, JWS and CSR; _known what was
 * acknowledged; _peer, _alpn and _dns answer the CA; _stat figures and /proc.
 */


#ifndef _ACME_LOAD_H_INCLUDED_
#define _ACME_LOAD_H_INCLUDED_


#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>


#define ACME_LOAD_URL    512
#define ACME_LOAD_NONCE  256
#define ACME_LOAD_BODY   65536
#define ACME_LOAD_PIDS   16
#define ACME_LOAD_NAME   128
#define ACME_LOAD_TOKEN  128
#define ACME_LOAD_TOKENS 65536     /* more than flows at a time */
#define ACME_LOAD_PAUSE  20.0      /* ms after a failure */


typedef enum {
    ACME_LOAD_NEW_ORDER = 0,
    ACME_LOAD_AUTHZ,
    ACME_LOAD_CHALLENGE,
    ACME_LOAD_AUTHZ_POLL,
    ACME_LOAD_FINALIZE,
    ACME_LOAD_ORDER_POLL,
    ACME_LOAD_CERTIFICATE,
    ACME_LOAD_REQUEST,              /* modes directory and nonce */
    ACME_LOAD_FLOW,
    ACME_LOAD_STEPS
} acme_load_step_e;


typedef enum {
    ACME_LOAD_MODE_DIRECTORY = 0,
    ACME_LOAD_MODE_NONCE,
    ACME_LOAD_MODE_ORDER,
    ACME_LOAD_MODE_ISSUE
} acme_load_mode_e;


typedef struct {
    const char  *p;
    size_t       len;
} acme_load_span_t;


typedef struct {
    EVP_PKEY    *key;
    char         jwk[160];
    char         thumbprint[48];
    char         url[ACME_LOAD_URL];
} acme_load_account_t;


typedef struct {
    EVP_PKEY       *key;
    unsigned char   spki[128];
    size_t          spki_len;
} acme_load_subject_t;


typedef struct {
    double      *ms;
    size_t       n;
    size_t       size;
} acme_load_series_t;


typedef struct {
    unsigned     account;
    char         url[ACME_LOAD_URL];
} acme_load_known_t;


typedef struct {
    int          fd;
    SSL         *ssl;
    char         authority[256];
    int          used;              /* replies got from this connection */
} acme_load_conn_t;


typedef struct {
    int          status;
    char         nonce[ACME_LOAD_NONCE];
    char         location[ACME_LOAD_URL];
    char        *body;              /* NUL terminated */
    size_t       body_len;
} acme_load_reply_t;


typedef struct {
    unsigned             id;
    pthread_t            thread;
    acme_load_conn_t     conn;
    acme_load_reply_t    reply;
    char                 buffer[ACME_LOAD_BODY];
    char                 request[ACME_LOAD_BODY];
    char                 nonce[ACME_LOAD_NONCE];
    acme_load_series_t   series[ACME_LOAD_STEPS];
    acme_load_known_t   *known;     /* what the server acknowledged */
    size_t               nknown;
    size_t               known_size;
    unsigned             account;   /* of the flow */
    unsigned             record:1;
    unsigned             sent:1;    /* of the last exchange */
    unsigned long        done;
    unsigned long        failed;
    unsigned long        unfinished; /* cut short by the end of the run */
    unsigned long        polls;
    unsigned long        retries;   /* of badNonce */
    unsigned long        handshakes;
    unsigned long        rechecked;
    unsigned long        missing;
    const char          *step;
    char                 why[160];
} acme_load_worker_t;


typedef struct {
    /* options */
    char                 directory[ACME_LOAD_URL];
    char                 url[ACME_LOAD_URL];
    const char          *cacert;
    const char          *domain;
    const char          *challenge;
    const char          *log_name;
    unsigned             insecure;
    unsigned             accounts;
    unsigned             concurrency;
    unsigned             count;
    unsigned             warmup;
    unsigned             subjects;
    double               seconds;
    double               max_seconds;
    double               timeout;
    double               poll_ms;
    unsigned             always_poll;
    unsigned             new_connection;
    unsigned             recheck;
    acme_load_mode_e     mode;
    int                  http_01_port;
    int                  tls_alpn_01_port;
    int                  dns_port;
    int                  pids[ACME_LOAD_PIDS];
    unsigned             npids;

    /* the directory */
    char                 new_nonce[ACME_LOAD_URL];
    char                 new_account[ACME_LOAD_URL];
    char                 new_order[ACME_LOAD_URL];

    /* run */
    SSL_CTX             *ssl_ctx;
    acme_load_account_t *account;
    acme_load_subject_t *subject;
    acme_load_worker_t  *worker;
    FILE                *log;
    char               (*token)[ACME_LOAD_TOKEN];   /* by flow */
    unsigned             next;      /* flow, atomic */
    unsigned             first;     /* flow of this phase */
    unsigned             limit;     /* flow that is not begun any more */
    double               end;       /* ms, no flow begins after */
    double               deadline;  /* ms, none goes on after */
} acme_load_t;


typedef struct {
    double               cpu_ms;
    long                 rss_kib;
    long                 anon_kib;
} acme_load_usage_t;


extern acme_load_t  acme_load;


/* acme_load_stat.c */
double acme_load_now(void);
void acme_load_sleep(double ms);
void acme_load_record(acme_load_worker_t *w, acme_load_step_e step,
    double ms);
void acme_load_failure(acme_load_worker_t *w);
void acme_load_usage(const int *pids, unsigned n, acme_load_usage_t *usage);
void acme_load_report(FILE *out, double seconds,
    const acme_load_usage_t *before, const acme_load_usage_t *after,
    double own_cpu_ms);

/* acme_load_http.c: 0, or -1 with w->why */
int acme_load_exchange(acme_load_worker_t *w, const char *method,
    const char *url, const char *type, const char *body, size_t len);
void acme_load_close(acme_load_worker_t *w);

/* acme_load_jose.c: 0 or -1 */
size_t acme_load_b64url(char *dst, const unsigned char *src, size_t len);
int acme_load_account_key(acme_load_account_t *account);
int acme_load_subject_key(acme_load_subject_t *subject);
int acme_load_jws(char *dst, size_t size, acme_load_account_t *account,
    const char *url, const char *nonce, const char *payload);
int acme_load_csr(char *dst, size_t size, acme_load_subject_t *subject,
    const char *name);
int acme_load_member(acme_load_span_t json, const char *name,
    acme_load_span_t *value);
int acme_load_element(acme_load_span_t *array, acme_load_span_t *value);

/* acme_load_flow.c */
int acme_load_directory(acme_load_worker_t *w);
int acme_load_register(acme_load_worker_t *w, acme_load_account_t *account);
int acme_load_post(acme_load_worker_t *w, acme_load_account_t *account,
    acme_load_step_e step, const char *url, const char *payload, int expect);
void *acme_load_run(void *data);

/* acme_load_known.c */
void acme_load_note(acme_load_worker_t *w, const char *what,
    const char *url);
void *acme_load_recheck(void *data);

/* threads that end with the process: acme_load_peer.c, _alpn.c, _dns.c */
int acme_load_http_01(int port);
int acme_load_alpn(int port);
int acme_load_dns(int port);

/* acme_load_peer.c */
int acme_load_listen(int port, int type);
/* of the key authorization of the flow that this host name is of: 0 or -1 */
int acme_load_proof(const char *host, unsigned char *digest);


#endif /* _ACME_LOAD_H_INCLUDED_ */
