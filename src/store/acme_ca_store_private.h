
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the files of the store share: the handle and a query on it.  A query
 * is one run of one statement of sql/: begin it, bind its parameters in order,
 * step or run it, read its columns in order.  The first error is kept and
 * every later call does nothing, so that only the end has to be checked.
 */


#ifndef _ACME_CA_STORE_PRIVATE_H_INCLUDED_
#define _ACME_CA_STORE_PRIVATE_H_INCLUDED_


#include "acme_ca_store_audit.h"
#include "acme_ca_text.h"

#include <openssl/evp.h>
#include <sqlite3.h>


typedef struct {
    const char  *name;
    const char  *text;
} acme_ca_sql_t;

#include "acme_ca_sql.h"

extern const acme_ca_sql_t  acme_ca_sql_statements[];
extern const acme_ca_sql_t  acme_ca_sql_scripts[];
extern const acme_ca_sql_t  acme_ca_sql_migrations[];


/* "ACME" in the file's header; stands in sql/001_init.sql also */
#define ACME_CA_STORE_APPLICATION  0x41434d45


/* a row of the audit log as it is chained */
typedef struct {
    int64_t                id;
    time_t                 at;
    const char            *outcome;
    const acme_ca_audit_t *audit;
    u_char                 hash[ACME_CA_SHA256_LEN];
} acme_ca_audit_row_t;


/* what the transaction knows of the audit log: nobody else adds to it */
typedef struct {
    int64_t                last;           /* its last row, chained */
    u_char                 hash[ACME_CA_SHA256_LEN];
    ngx_array_t           *lines;          /* who watches: of what is chained */
    ngx_pool_t            *pool;
    ngx_str_t             *name;
    unsigned               known:1;        /* last and hash */
    unsigned               lost:1;         /* a line */
} acme_ca_store_audit_t;


struct acme_ca_store_s {
    sqlite3               *db;
    ngx_log_t             *log;
    acme_ca_store_mode_e   mode;
    EVP_CIPHER_CTX        *encrypt;
    EVP_CIPHER_CTX        *decrypt;
    EVP_MD_CTX            *md;             /* of the audit log's chain */
    acme_ca_store_audit_t  audit;
    ngx_uint_t             savepoints;     /* open ones, inside each other */
    int                    wal_pages;      /* after the last commit */
    int                    wal_checked;    /* pages at the last checkpoint */
    int                    lost;           /* what ended the transaction */
    int64_t                owner;          /* of leases, or 0 */
    time_t                 complained_at;  /* of log lines once a second */
    unsigned               transaction:1;  /* between begin and its end */
    unsigned               stale:1;        /* a new handle may do better */
    char                  *path;
    sqlite3_stmt          *statements[ACME_CA_SQL_N];
};


typedef struct {
    acme_ca_store_t       *store;
    acme_ca_statement_e    statement;
    sqlite3_stmt          *stmt;
    int                    n;              /* parameters bound, columns read */
    int                    rc;             /* SQLite's first error */
} acme_ca_query_t;


void acme_ca_query_begin(acme_ca_store_t *store, acme_ca_query_t *q,
    acme_ca_statement_e statement);

/* 0 is bound as NULL by optional(), an empty text by text() */
void acme_ca_query_integer(acme_ca_query_t *q, int64_t value);
void acme_ca_query_optional(acme_ca_query_t *q, int64_t value);
void acme_ca_query_text(acme_ca_query_t *q, const ngx_str_t *value);
void acme_ca_query_word(acme_ca_query_t *q, const char *value);
void acme_ca_query_blob(acme_ca_query_t *q, const u_char *data, size_t n);
void acme_ca_query_status(acme_ca_query_t *q, acme_ca_status_e status);
/* authz_id and type: two parameters */
void acme_ca_query_challenge(acme_ca_query_t *q, int64_t id);
/* ?1 to ?3 of what looks for rows that are due */
void acme_ca_query_due(acme_ca_query_t *q, const acme_ca_due_t *due);
/* type, value and wildcard: three parameters */
void acme_ca_query_identifier(acme_ca_query_t *q,
    const acme_ca_identifier_t *identifier);

/* NGX_OK: a row; NGX_DONE: no more; NGX_BUSY, NGX_ERROR: logged */
ngx_int_t acme_ca_query_step(acme_ca_query_t *q);

/* step() for the only row: NGX_DECLINED if there is none */
ngx_int_t acme_ca_query_find(acme_ca_query_t *q);

/* find() and end(), for a row of one column; untouched without a row */
ngx_int_t acme_ca_query_find_integer(acme_ca_query_t *q, int64_t *value);
ngx_int_t acme_ca_query_find_count(acme_ca_query_t *q, ngx_uint_t *n);

/* columns of the row, in order; NULL reads as 0 or as empty */
int64_t acme_ca_column_integer(acme_ca_query_t *q);
void acme_ca_column_text(acme_ca_query_t *q, ngx_pool_t *pool,
    ngx_str_t *value);
/* until the next step */
const char *acme_ca_column_word(acme_ca_query_t *q);
/* exactly n bytes */
void acme_ca_column_bytes(acme_ca_query_t *q, u_char *data, size_t n);
/* a hash, or NGX_DECLINED and zeros where it is empty */
ngx_int_t acme_ca_column_digest(acme_ca_query_t *q,
    u_char hash[ACME_CA_SHA256_LEN]);
/* hashes the bytes of a text: OpenSSL's answer */
int acme_ca_column_update(acme_ca_query_t *q, EVP_MD_CTX *md);
acme_ca_status_e acme_ca_column_status(acme_ca_query_t *q);
int64_t acme_ca_column_challenge(acme_ca_query_t *q);
void acme_ca_column_identifier(acme_ca_query_t *q, ngx_pool_t *pool,
    acme_ca_identifier_t *identifier);

/* lets the row go, at once: an open read would stop checkpoints */
ngx_int_t acme_ca_query_end(acme_ca_query_t *q);

/* for a statement without rows.  add(): NGX_DECLINED when a unique key is
   taken.  set(): NGX_DECLINED when no row was changed */
ngx_int_t acme_ca_query_run(acme_ca_query_t *q);
ngx_int_t acme_ca_query_add(acme_ca_query_t *q, int64_t *id);
ngx_int_t acme_ca_query_set(acme_ca_query_t *q);

/* NULL: out of memory, which the next step answers */
void *acme_ca_query_push(acme_ca_query_t *q, ngx_array_t *array);

/* all rows, whose one column is an id */
ngx_int_t acme_ca_query_list_ids(acme_ca_query_t *q, ngx_pool_t *pool,
    ngx_array_t **ids);

/* logs SQLite's error, answers NGX_BUSY or NGX_ERROR */
ngx_int_t acme_ca_store_failed(acme_ca_store_t *store, const char *what,
    int rc);

/* prepares it; what is prepared already stays */
ngx_int_t acme_ca_store_prepare(acme_ca_store_t *store,
    acme_ca_statement_e statement);

/*
 * Runs a text of sql/, statement by statement; numbers: the first n columns
 * of the last row.  load() answers SQLite's code, script() logs it.
 */
int acme_ca_store_load(acme_ca_store_t *store, const acme_ca_sql_t *sql,
    int64_t *numbers, ngx_uint_t n);
ngx_int_t acme_ca_store_script(acme_ca_store_t *store,
    const acme_ca_sql_t *sql, int64_t *numbers, ngx_uint_t n);

/* brings the database up to date, or refuses it; logs why */
ngx_int_t acme_ca_store_migrate(acme_ca_store_t *store);

/*
 * The audit log's last row: 0 and zeros if there is none; NGX_DECLINED: it is
 * not chained.  undone(): after a rollback.  start() begins the hash of the row
 * behind that of "hash".
 */
ngx_int_t acme_ca_store_audit_find_last(acme_ca_store_t *store, int64_t *id,
    u_char hash[ACME_CA_SHA256_LEN]);
ngx_int_t acme_ca_store_audit_undone(acme_ca_store_t *store);
EVP_MD_CTX *acme_ca_store_audit_start(acme_ca_store_t *store,
    const u_char hash[ACME_CA_SHA256_LEN]);

/*
 * Lines, where somebody watches: of a row; of rows of the table; undo() after a
 * rollback, of all rows that are there no more.
 */
void acme_ca_store_line_add(acme_ca_store_t *store,
    const acme_ca_audit_row_t *row);
ngx_int_t acme_ca_store_line_list(acme_ca_store_t *store, int64_t first,
    int64_t last);
ngx_int_t acme_ca_store_line_undo(acme_ca_store_t *store);

/* chains all rows, in a migration */
ngx_int_t acme_ca_store_audit_migrate(acme_ca_store_t *store);

/* the key of the opaque ids: made at the first migration, read at open */
ngx_int_t acme_ca_store_id_seed(acme_ca_store_t *store);
ngx_int_t acme_ca_store_id_init(acme_ca_store_t *store);
void acme_ca_store_id_done(acme_ca_store_t *store);


/* acme_ca_store_wal.c: the name of a writer's VFS; NULL: the default one */
const char *acme_ca_store_wal_vfs(void);


#endif /* _ACME_CA_STORE_PRIVATE_H_INCLUDED_ */
