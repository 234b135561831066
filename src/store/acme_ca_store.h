
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The registry's records.  The only room that knows which database it is:
 * SQLite, one file per authority, WAL, synchronous=FULL.  A handle belongs to
 * one thread at a time and is never carried across fork().
 *
 * Every function is one statement of sql/, named like it.  NGX_DECLINED: no
 * such row (find), or a compare-and-set that found another value.  NGX_BUSY:
 * the database is locked or full for now: the caller answers 503.  NGX_ERROR:
 * logged with the statement's name.  Texts and blobs are copied into pool.
 */


#ifndef _ACME_CA_STORE_H_INCLUDED_
#define _ACME_CA_STORE_H_INCLUDED_


#include "acme_ca_objects.h"


typedef enum {
    ACME_CA_STORE_MIGRATE = 0,   /* the master: creates and migrates */
    ACME_CA_STORE_READ,          /* event loop: query_only */
    ACME_CA_STORE_WRITE          /* store thread */
} acme_ca_store_mode_e;

/* what an id of an URL stands for: one kind's id never passes for another's */
typedef enum {
    ACME_CA_ID_ACCOUNT = 1,
    ACME_CA_ID_ORDER,
    ACME_CA_ID_AUTHZ,
    ACME_CA_ID_CHALLENGE,
    ACME_CA_ID_CERTIFICATE,
    ACME_CA_ID_ISSUER
} acme_ca_id_kind_e;

#define ACME_CA_ID_LEN  22       /* base64url of an AES block */

#define ACME_CA_STORE_MASTER_TIMEOUT  15000      /* ms */


/*
 * MIGRATE creates the file if need be (0600), runs the migrations that are
 * missing, each in a transaction of its own, and refuses a newer database.
 * All modes prepare every statement.  NULL: logged, with what to do.
 */
acme_ca_store_t *acme_ca_store_open(ngx_str_t *path, acme_ca_store_mode_e mode,
    ngx_log_t *log);
void acme_ca_store_close(acme_ca_store_t *store);

/*
 * A new handle may do better: the file was moved or removed, or this handle
 * met it read-only, out of reach or damaged.  Nothing is written to a file
 * that nobody can find any more: begin() answers NGX_BUSY then.
 */
ngx_uint_t acme_ca_store_is_stale(acme_ca_store_t *store);

/*
 * The state of a database without touching it, for nginx -t: NGX_OK,
 * NGX_DECLINED (absent), or NGX_ERROR with *error: newer, not a database,
 * corrupt header.
 */
ngx_int_t acme_ca_store_check(ngx_pool_t *pool, ngx_str_t *path,
    ngx_str_t *error);

/* of the schema that this release knows: the number of its migrations */
ngx_uint_t acme_ca_store_version(void);

/*
 * Transactions (BEGIN IMMEDIATE) and savepoints inside them.  A commit that
 * fails has rolled back.  rollback_to() ends its savepoint, a release() after
 * it does nothing.  When SQLite ended the transaction by itself (disk full),
 * every call until the commit or rollback fails: nothing is half written.
 */
ngx_int_t acme_ca_store_begin(acme_ca_store_t *store);
/* how long begin() waits for another process: five seconds if not told, for the
   master longer: at a reload it has no turn among the workers */
void acme_ca_store_set_patience(acme_ca_store_t *store, ngx_msec_t ms);
ngx_int_t acme_ca_store_commit(acme_ca_store_t *store);
void acme_ca_store_rollback(acme_ca_store_t *store);
ngx_int_t acme_ca_store_savepoint(acme_ca_store_t *store);
ngx_int_t acme_ca_store_release(acme_ca_store_t *store);
ngx_int_t acme_ca_store_rollback_to(acme_ca_store_t *store);

/*
 * Of a READ handle: what is read in between sees one state of the database and
 * takes SQLite's locks once.  If it cannot begin, which is logged, each read is
 * for itself.  Nothing may be waited for before the end: it stops checkpoints.
 */
void acme_ca_store_begin_read(acme_ca_store_t *store);
void acme_ca_store_end_read(acme_ca_store_t *store);

/*
 * Moves the WAL into the database, on a store thread between batches; does
 * nothing until the WAL has grown by a thousand pages.
 */
void acme_ca_store_checkpoint(acme_ca_store_t *store);

/*
 * Opaque ids: the row id and its kind enciphered with a key of the database.
 * They self-authenticate: a guessed one is refused without a look-up.
 */
ngx_int_t acme_ca_store_id_write(acme_ca_store_t *store,
    acme_ca_id_kind_e kind, int64_t id, u_char text[ACME_CA_ID_LEN]);
ngx_int_t acme_ca_store_id_parse(acme_ca_store_t *store,
    acme_ca_id_kind_e kind, ngx_str_t *text, int64_t *id);


/* accounts.  add: NGX_DECLINED when the key has an account already */
ngx_int_t acme_ca_store_account_add(acme_ca_store_t *store,
    acme_ca_account_t *account);
ngx_int_t acme_ca_store_account_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_account_t *account);
ngx_int_t acme_ca_store_account_find_key(acme_ca_store_t *store,
    ngx_pool_t *pool, const u_char *thumbprint, acme_ca_account_t *account);
ngx_int_t acme_ca_store_account_set_contact(acme_ca_store_t *store, int64_t id,
    ngx_str_t *contact, time_t terms_agreed_at, time_t now);
ngx_int_t acme_ca_store_account_set_status(acme_ca_store_t *store, int64_t id,
    acme_ca_status_e from, acme_ca_status_e to, time_t now);
/* NGX_DECLINED: the account's key is no longer old, or new has an account */
ngx_int_t acme_ca_store_account_set_key(acme_ca_store_t *store, int64_t id,
    const u_char *old_thumbprint, const u_char *new_thumbprint,
    ngx_str_t *jwk, time_t now);


/* orders */
ngx_int_t acme_ca_store_order_add(acme_ca_store_t *store,
    acme_ca_order_t *order);
ngx_int_t acme_ca_store_order_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_order_t *order);
/* one that replaces this certificate or still may: RFC 9773, 5 */
ngx_int_t acme_ca_store_order_find_replacing(acme_ca_store_t *store,
    int64_t certificate_id, time_t now, int64_t *id);
/* ids of an account's orders below "before" (0: from the newest on) that are
   not invalid; an ngx_array_t of int64_t */
ngx_int_t acme_ca_store_order_list(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t account_id, int64_t before, ngx_uint_t limit, ngx_array_t **ids);
ngx_int_t acme_ca_store_order_add_identifier(acme_ca_store_t *store,
    int64_t order_id, ngx_uint_t position, acme_ca_identifier_t *identifier,
    int64_t authz_id);
/* an ngx_array_t of acme_ca_order_identifier_t, in the order's order */
ngx_int_t acme_ca_store_order_list_identifiers(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t order_id, ngx_array_t **identifiers);
/* those whose name nobody looked at since then: acme_ca_job_t with challenge,
   authorization, type and identifier */
ngx_int_t acme_ca_store_order_list_stale(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t order_id, time_t since, ngx_array_t **jobs);
/* orders in "status" that need this authorization: int64_t ids */
ngx_int_t acme_ca_store_order_list_by_authz(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t authz_id, acme_ca_status_e status,
    ngx_array_t **ids);
/* how many of an order's authorizations are not valid */
ngx_int_t acme_ca_store_order_get_open(acme_ca_store_t *store,
    int64_t order_id, ngx_uint_t *n);
/* error: problem document or NULL.  certificate_id: 0 leaves it */
ngx_int_t acme_ca_store_order_set_status(acme_ca_store_t *store, int64_t id,
    acme_ca_status_e from, acme_ca_status_e to, ngx_str_t *error,
    int64_t certificate_id, time_t now);
/* one more subproblem of an invalid order that has some, and the problem that
   they are of from now on: documents.  NGX_DECLINED: it has none */
ngx_int_t acme_ca_store_order_add_error(acme_ca_store_t *store, int64_t id,
    ngx_str_t *subproblem, ngx_str_t *problem, time_t now);


/* authorizations */
ngx_int_t acme_ca_store_authz_add(acme_ca_store_t *store,
    acme_ca_authz_t *authz);
ngx_int_t acme_ca_store_authz_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_authz_t *authz);
/* a valid, unexpired one of this account for this very identifier: its id.
   subdomains: only one that holds for the names below it, too */
ngx_int_t acme_ca_store_authz_find_valid(acme_ca_store_t *store,
    int64_t account_id, const acme_ca_identifier_t *identifier,
    ngx_uint_t subdomains, time_t now, int64_t *id);
/* such a one for a domain that the dns name is below (RFC 9444) */
ngx_int_t acme_ca_store_authz_find_ancestor(acme_ca_store_t *store,
    int64_t account_id, const acme_ca_identifier_t *identifier, time_t now,
    int64_t *id);
/* expires_at: 0 leaves it */
ngx_int_t acme_ca_store_authz_set_status(acme_ca_store_t *store, int64_t id,
    acme_ca_status_e from, acme_ca_status_e to, time_t expires_at, time_t now);


/* challenges: id = authz_id * ACME_CA_CHALLENGE_SLOTS + type */
ngx_int_t acme_ca_store_challenge_add(acme_ca_store_t *store,
    acme_ca_challenge_t *challenge);
ngx_int_t acme_ca_store_challenge_find(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t id, acme_ca_challenge_t *challenge);
/* an ngx_array_t of acme_ca_challenge_t */
ngx_int_t acme_ca_store_challenge_list(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t authz_id, ngx_array_t **challenges);
/* error: problem document or NULL */
ngx_int_t acme_ca_store_challenge_set_status(acme_ca_store_t *store,
    int64_t id, acme_ca_status_e from, acme_ca_status_e to, ngx_str_t *error,
    time_t now);


/*
 * Certificates.  add: NGX_DECLINED when its issuer has one with this serial.
 * find_exact: by its bytes, of which the serial is a part.  list_serial: ids
 * of those of any issuer, an array of int64_t.
 */
ngx_int_t acme_ca_store_certificate_add(acme_ca_store_t *store,
    acme_ca_certificate_t *certificate);
ngx_int_t acme_ca_store_certificate_find(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t id, acme_ca_certificate_t *certificate);
ngx_int_t acme_ca_store_certificate_find_exact(acme_ca_store_t *store,
    ngx_pool_t *pool, const ngx_str_t *serial, const u_char *fingerprint,
    acme_ca_certificate_t *certificate);
ngx_int_t acme_ca_store_certificate_find_serial(acme_ca_store_t *store,
    ngx_pool_t *pool, const ngx_str_t *serial, int64_t issuer_id,
    acme_ca_certificate_t *certificate);
ngx_int_t acme_ca_store_certificate_list_serial(acme_ca_store_t *store,
    ngx_pool_t *pool, const ngx_str_t *serial, ngx_array_t **ids);
/* valid -> revoked.  reason -1: none given */
ngx_int_t acme_ca_store_certificate_set_revoked(acme_ca_store_t *store,
    int64_t id, ngx_int_t reason, time_t now);
ngx_int_t acme_ca_store_certificate_set_download(acme_ca_store_t *store,
    int64_t id, time_t now);
/* RFC 9773, 4.2: of any certificate, but that a revoked one is due at once */
ngx_int_t acme_ca_store_certificate_find_window(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t id, acme_ca_window_t *window);


/* issuers: adds the certificate unless it is known, answers its id */
ngx_int_t acme_ca_store_issuer_add(acme_ca_store_t *store, ngx_str_t *name,
    ngx_str_t *der, ngx_str_t *chain_pem, time_t not_before, time_t not_after,
    time_t now, int64_t *id);
/* ids of those with this name, or number: an array of int64_t */
ngx_int_t acme_ca_store_issuer_list_named(acme_ca_store_t *store,
    ngx_pool_t *pool, const ngx_str_t *text, ngx_array_t **ids);
ngx_int_t acme_ca_store_issuer_find_chain(acme_ca_store_t *store,
    ngx_pool_t *pool, int64_t id, ngx_str_t *chain_pem);


/*
 * When a row that waits is due: at its run_at, unless it is leased.  No pause
 * and no lease is longer than these seconds; a time that is further ahead, by
 * more than a minute, was written by a clock that was set back since, and has
 * come.
 */
typedef struct {
    time_t  now;
    time_t  pause;
    time_t  lease;
} acme_ca_due_t;

/* the latest time that is believed */
time_t acme_ca_due_most(time_t now, time_t longest);

/*
 * Leases: whose those are that this handle takes from now on, a process; 0:
 * nobody's.  list_owners(): an ngx_array_t of int64_t, who has any.  free():
 * what an owner had that is no more is due.
 */
void acme_ca_store_set_owner(acme_ca_store_t *store, int64_t owner);
ngx_int_t acme_ca_store_lease_list_owners(acme_ca_store_t *store,
    ngx_pool_t *pool, ngx_array_t **owners);
ngx_int_t acme_ca_store_lease_free(acme_ca_store_t *store, int64_t owner,
    time_t now);


/*
 * Jobs: validations to be done.  run_at, lease_until in seconds.  A job's id
 * is its challenge's, set by add: NGX_DECLINED when it has one already.  Who
 * adds it may start it: nobody else can claim it before run_at.
 */
ngx_int_t acme_ca_store_job_add(acme_ca_store_t *store, acme_ca_job_t *job,
    time_t run_at);
/*
 * Takes up to limit jobs that are due and not leased, and leases each for
 * due->lease; an ngx_array_t of acme_ca_job_t.
 */
ngx_int_t acme_ca_store_job_claim(acme_ca_store_t *store, ngx_pool_t *pool,
    const acme_ca_due_t *due, ngx_uint_t limit, ngx_array_t **jobs);
/* whether job_claim() would find any: 1 or 0; for the event loop's reader */
ngx_int_t acme_ca_store_job_find_due(acme_ca_store_t *store,
    const acme_ca_due_t *due, ngx_uint_t *n);
/* counts an attempt, gives the lease back and puts the next try at run_at;
   error: why, for people, or NULL */
ngx_int_t acme_ca_store_job_set_retry(acme_ca_store_t *store, int64_t id,
    ngx_uint_t attempts, time_t run_at, const ngx_str_t *error);
/* of the operator: at once, whoever has leased it.  NGX_DECLINED: none */
ngx_int_t acme_ca_store_job_set_due(acme_ca_store_t *store, int64_t id,
    time_t now);
ngx_int_t acme_ca_store_job_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t id, acme_ca_job_t *job);
/* NGX_DECLINED: somebody else was done with it first */
ngx_int_t acme_ca_store_job_remove(acme_ca_store_t *store, int64_t id);
ngx_int_t acme_ca_store_job_remove_authz(acme_ca_store_t *store,
    int64_t authz_id);


/* the CA's own server certificate: the newest one, PEM */
ngx_int_t acme_ca_store_server_find(acme_ca_store_t *store, ngx_pool_t *pool,
    int64_t *certificate_id, ngx_str_t *names, ngx_str_t *chain_pem,
    ngx_str_t *key_pem, time_t *not_before, time_t *not_after);
ngx_int_t acme_ca_store_server_add(acme_ca_store_t *store,
    int64_t certificate_id, ngx_str_t *names, ngx_str_t *chain_pem,
    ngx_str_t *key_pem, time_t not_before, time_t not_after);


/* the audit log: rows are never changed or removed (triggers see to it) */
ngx_int_t acme_ca_store_audit_add(acme_ca_store_t *store,
    const acme_ca_audit_t *audit, time_t now);


#endif /* _ACME_CA_STORE_H_INCLUDED_ */
