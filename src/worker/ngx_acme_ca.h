
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One authority at run time.  The configuration fills the first part, the
 * master makes the state folder, each worker opens its own handles.
 *
 * Invariants:
 *   1. the event loop writes nothing: it reads by ca->reader, and hands every
 *      write to the store task (ngx_acme_ca_write_add)
 *   2. one store task is in flight at a time, so ca->writer has one user
 *   3. a reply leaves after the commit of what it acknowledges
 *   4. a validation that was acknowledged is a row of jobs until its verdict
 *      is one: whoever lives resumes it when its lease ends or is freed
 */


#ifndef _NGX_ACME_CA_H_INCLUDED_
#define _NGX_ACME_CA_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include "acme_ca_issuer.h"
#include "acme_ca_limit.h"
#include "acme_ca_metrics.h"
#include "acme_ca_mutex.h"
#include "acme_ca_protocol.h"

#include "ngx_acme_ca_audit.h"
#include "ngx_acme_ca_dns.h"
#include "ngx_acme_ca_fetch.h"
#include "ngx_acme_ca_probe.h"
#include "ngx_acme_ca_write.h"


#define NGX_ACME_CA_USER_AGENT  "nginx-acme-ca"

/* files of the state folder that more than one of ours knows */
#define NGX_ACME_CA_ROOT_PEM    "root.pem"
#define NGX_ACME_CA_ROOT_KEY    "root.key"


typedef struct ngx_acme_ca_wait_s   ngx_acme_ca_wait_t;
typedef struct ngx_acme_ca_crl_s    ngx_acme_ca_crl_t;
typedef struct ngx_acme_ca_ocsp_s   ngx_acme_ca_ocsp_t;
typedef struct ngx_acme_ca_events_s ngx_acme_ca_events_t;
typedef struct ngx_acme_ca_radar_s  ngx_acme_ca_radar_t;


/* what all workers share; the zones of nonces and limits lie behind it */
typedef struct {
    acme_ca_mutex_t        mutex;
    acme_ca_nonce_zone_t  *nonces;
    acme_ca_limit_zone_t  *limits;
    acme_ca_metrics_t     *metrics;
    ngx_atomic_t           leader;     /* pid, and until when */
} ngx_acme_ca_shared_t;


/* somebody who would like to hear of a validation's end */
struct ngx_acme_ca_wait_s {
    void                 (*handler)(ngx_acme_ca_wait_t *wait);
    void                  *data;
    ngx_acme_ca_wait_t   **place;      /* where the validation keeps it; NULL
                                          when there is none (any more) */
};


/* paths as nginx.conf names them; the key may be a store's URI */
typedef struct {
    ngx_str_t              certificate;
    ngx_str_t              key;
} ngx_acme_ca_issuer_files_t;


struct ngx_acme_ca_s {
    acme_ca_authority_t        authority;

    /* configuration, beside what the pure rooms see */
    u_char                    *file_name;       /* where it was written */
    ngx_uint_t                 line;
    ngx_array_t               *issuer_files;    /* ngx_acme_ca_issuer_files_t,
                                                   or NULL: ours */
    acme_ca_hierarchy_plan_t   issuer_plan;          /* of those made here */
    ngx_str_t                  issuer_password_file;
    ngx_array_t               *issuer_passwords;     /* ngx_str_t, or NULL: the
                                                        master's only */
    ngx_array_t               *alternate_chains;     /* ngx_str_t: files, or
                                                        NULL */
    acme_ca_anchors_t         *signer_anchors;       /* as written, or NULL */
    size_t                     zone_size;
    time_t                     nonce_lifetime;
    ngx_array_t               *resolvers;       /* ngx_str_t, or NULL */
    ngx_array_t               *resolver_zones;  /* ngx_acme_ca_dns_zone_t, or
                                                   NULL */
    ngx_flag_t                 dns_require_ad;
    ngx_str_t                  hostname;        /* of the machine */
    ngx_str_t                  profile_name;    /* of default_profile */
    ngx_array_t               *server_names;    /* ngx_str_t: of the servers it
                                                   was put into, or NULL */
    ngx_acme_ca_audit_t        audit;
    ngx_acme_ca_events_t      *events;          /* NULL: nobody is told */
    ngx_acme_ca_fetch_conf_t  *fetch;
    time_t                     crl_lifetime;    /* seconds */
    time_t                     crl_overlap;     /* left when the next is made */
    time_t                     crl_interval;    /* at least, between two */
    time_t                     crl_root_lifetime;
    ngx_uint_t                 crl_shards;      /* 1, 2, 4 ... 128 */
    ngx_str_t                  crl_url;         /* of the location, or empty */
    ngx_uint_t                 contact_set;     /* "contact" was written */
    ngx_uint_t                 used;            /* a location names it */
    ngx_uint_t                 counted;         /* one of acme_ca_metrics */
    ngx_uint_t                 ocsp_served;     /* one of acme_ca_ocsp */
    time_t                     ocsp_lifetime;   /* seconds */
    ngx_uint_t                 ready;           /* the master prepared it */
    ngx_pool_t                *pool;            /* of the configuration */
    ngx_shm_zone_t            *zone;
    ngx_acme_ca_shared_t      *shared;

    /* a worker's */
    acme_ca_store_t           *reader;
    acme_ca_store_t           *writer;
    acme_ca_nonces_t          *nonces;
    acme_ca_keys_t            *keys;
    ngx_thread_task_t         *census;          /* NULL: nobody wants it */
    ngx_acme_ca_radar_t       *radar;
    ngx_acme_ca_ocsp_t        *ocsp;            /* NULL: not served */
    ngx_acme_ca_dns_t         *dns;
    ngx_acme_ca_probe_tls_t   *tls;

    ngx_acme_ca_apart_t       *apart;           /* writes being prepared */
    ngx_uint_t                 preparing;       /* how many */
    ngx_queue_t                waiting;         /* writes to be done */
    ngx_queue_t                lazy;            /* and those that can wait */
    ngx_queue_t                batch;           /* writes being done */
    ngx_thread_pool_t         *threads;
    ngx_thread_task_t         *task;
    ngx_event_t                hold;            /* keeps a draining worker */
    ngx_event_t                linger;          /* ends the wait of the lazy */
    ngx_event_t                gather;          /* of the next batch */
    ngx_msec_t                 posted;          /* when the last one began */

    ngx_acme_ca_crl_t         *crl;
    ngx_event_t                chores;
    ngx_queue_t                validations;     /* running */
    ngx_queue_t                claimed;         /* leased, not yet running */
    ngx_uint_t                 validations_n;
    ngx_uint_t                 preflights_n;
    ngx_uint_t                 signings_n;      /* the signer is asked for */
    ngx_uint_t                 claiming;        /* validations */
    ngx_uint_t                 signer_claiming;
    time_t                     swept_at;

    /* the CA's own server certificate: "data:" PEM texts for ssl_certificate */
    int64_t                    server_id;
    ngx_pool_t                *server_pool;
    ngx_str_t                  server_certificate;
    ngx_str_t                  server_key;
    time_t                     server_renew_at;
    time_t                     server_not_after;

    unsigned                   expired:1;       /* an issuer of the files has */
    unsigned                   ended:1;         /* all have */
    unsigned                   in_flight:1;
    unsigned                   more:1;          /* writes came of late */
    unsigned                   sweeping:1;
    unsigned                   renewing:1;
    unsigned                   rotating:1;
    unsigned                   counting:1;
    unsigned                   inherited:1;     /* leases of the dead */
    unsigned                   complained:1;    /* of a store that is away */
};


/* ngx_acme_ca_zone.c: adds the shared zone, in the configuration phase */
ngx_int_t ngx_acme_ca_zone_add(ngx_conf_t *cf, ngx_acme_ca_t *ca, void *tag);


/*
 * ngx_acme_ca_home.c: the state folder.  check() changes nothing: what nginx
 * -t can know.  prepare() is for the master: folder, keys, certificates,
 * database, ownership.  So is begin(), once the configuration is the one that
 * runs: states of the issuers, the certificates of the CA itself.
 */
char *ngx_acme_ca_home_check(ngx_conf_t *cf, ngx_acme_ca_t *ca);
ngx_int_t ngx_acme_ca_home_prepare(ngx_cycle_t *cycle, ngx_acme_ca_t *ca);
ngx_int_t ngx_acme_ca_home_begin(ngx_cycle_t *cycle, ngx_acme_ca_t *ca);
/* a small file; secret: closed to all but root and who runs this */
ngx_int_t ngx_acme_ca_home_read(ngx_pool_t *pool, ngx_str_t *path,
    ngx_uint_t secret, ngx_str_t *text, ngx_str_t *error);

/* ngx_acme_ca_home_row.c: sets its id; a renewed certificate has the row of the
   one before it */
ngx_int_t ngx_acme_ca_home_row(acme_ca_store_t *store, ngx_pool_t *pool,
    acme_ca_issuer_t *issuer, time_t now);


/*
 * ngx_acme_ca_audit.c: on the store thread: after the begin, before the commit.
 * flush() and tick() are the event loop's.  load() is for nginx -t and the
 * master: NGX_DECLINED: there is no key yet.
 */
void ngx_acme_ca_audit_begin(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_log_t *log);
ngx_int_t ngx_acme_ca_audit_end(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_log_t *log);
/* a checkpoint of the last row, as after end(); signed(): it was committed */
ngx_int_t ngx_acme_ca_audit_sign(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_pool_t *pool, time_t now, acme_ca_audit_checkpoint_t *checkpoint);
void ngx_acme_ca_audit_signed(ngx_acme_ca_t *ca, ngx_pool_t *pool,
    acme_ca_audit_checkpoint_t *checkpoint);
void ngx_acme_ca_audit_flush(ngx_acme_ca_t *ca);
void ngx_acme_ca_audit_tick(ngx_acme_ca_t *ca);
ngx_int_t ngx_acme_ca_audit_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);

/*
 * ngx_acme_ca_audit_life.c: the master's rows: of a reload that nginx refused,
 * ca being the one that runs on, and of the end of this nginx.
 */
void ngx_acme_ca_audit_reload_failed(ngx_acme_ca_t *ca, ngx_log_t *log);
void ngx_acme_ca_audit_stopped(ngx_acme_ca_t *ca, ngx_log_t *log);


/*
 * ngx_acme_ca_thread.c: the end of a pool's threads.  init() is a worker's.
 * enter() begins every task of ours; it costs nothing when the thread is
 * known.  wait() is for the worker's exit, when the pools were told to end: no
 * thread that entered uses OpenSSL after it.
 */
ngx_int_t ngx_acme_ca_thread_init(ngx_log_t *log);
void ngx_acme_ca_thread_enter(void);
void ngx_acme_ca_thread_wait(ngx_log_t *log);


/*
 * ngx_acme_ca_validator.c: start() runs a job that this worker has leased;
 * wait (may be NULL) is told once when this attempt has ended and was written,
 * never before start() returns.  forget() takes it back.  tick() claims what
 * nobody works on.
 */
void ngx_acme_ca_validator_start(ngx_acme_ca_t *ca, acme_ca_job_t *job,
    ngx_acme_ca_wait_t *wait);
void ngx_acme_ca_validator_forget(ngx_acme_ca_wait_t *wait);
void ngx_acme_ca_validator_tick(ngx_acme_ca_t *ca);
/* seconds that a lease lasts: one attempt and a little more */
time_t ngx_acme_ca_validator_lease(const ngx_acme_ca_t *ca);


/*
 * ngx_acme_ca_signer.c: start() asks the external signer for a job that this
 * worker has leased; wait as above.  tick() claims what nobody works on.  For
 * the configuration: trust() reads whom its certificates may lead to, load()
 * does without such a file, once the issuer is known.
 */
void ngx_acme_ca_signer_start(ngx_acme_ca_t *ca, acme_ca_signing_t *signing,
    ngx_acme_ca_wait_t *wait);
void ngx_acme_ca_signer_tick(ngx_acme_ca_t *ca);
ngx_int_t ngx_acme_ca_signer_trust(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *path, ngx_str_t *error);
ngx_int_t ngx_acme_ca_signer_load(ngx_acme_ca_t *ca, ngx_pool_t *temp,
    ngx_str_t *error);


/*
 * ngx_acme_ca_ask.c: handler is called once, maybe before ask() returns, when
 * all that the exchange asks for is known.
 */
typedef struct ngx_acme_ca_ask_s  ngx_acme_ca_ask_t;

struct ngx_acme_ca_ask_s {
    acme_ca_exchange_t        *exchange;
    void                     (*handler)(ngx_acme_ca_ask_t *ask);
    void                      *data;
    ngx_uint_t                 n;               /* still to come */
};

void ngx_acme_ca_ask(ngx_acme_ca_t *ca, ngx_acme_ca_ask_t *ask);


/*
 * ngx_acme_ca_server.c: the CA's own server certificate.  issue() is for the
 * master at start; load() and tick() are a worker's.
 */
ngx_int_t ngx_acme_ca_server_issue(ngx_acme_ca_t *ca, acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_log_t *log, time_t now);
void ngx_acme_ca_server_load(ngx_acme_ca_t *ca);
void ngx_acme_ca_server_tick(ngx_acme_ca_t *ca);


/*
 * ngx_acme_ca_worker.c: opens and closes what a worker has.  A store that
 * cannot be opened does not fail the worker: requests are answered 503 and the
 * chores try again.
 */
ngx_int_t ngx_acme_ca_worker_init(ngx_acme_ca_t *ca, ngx_cycle_t *cycle);
void ngx_acme_ca_worker_exit(ngx_acme_ca_t *ca);
ngx_uint_t ngx_acme_ca_is_open(const ngx_acme_ca_t *ca);


#endif /* _NGX_ACME_CA_H_INCLUDED_ */
