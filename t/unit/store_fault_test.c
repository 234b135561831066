
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store when things go wrong: versions, foreign and damaged files, a full
 * disk, a file that cannot be written, two that contend, a writer that is
 * killed, and memory that runs out at each allocation, nginx's and SQLite's.
 */


#include "store_fixture.h"

#include <signal.h>
#include <sys/resource.h>


static void *fault_malloc(int n);
static void fault_free(void *p);
static void *fault_realloc(void *p, int n);
static int fault_size(void *p);
static int fault_roundup(int n);
static int fault_init(void *data);
static void fault_shutdown(void *data);
static void test_open(void);
static void test_version(void);
static void test_foreign(void);
static void test_corrupt(void);
static void test_link(void);
static void test_check_path(void);
static void test_read_only(void);
static void read_only(void);
static void test_full(void);
static void test_full_file(void);
static void test_contention(void);
static void test_reader(void);
static void test_checkpoint(void);
static void test_killed(void);
static void test_memory_open(void);
static void test_memory(void);
static ngx_int_t flow(ngx_pool_t *memory);
static void write_file(const char *bytes, size_t n, off_t offset);
static ngx_int_t check(ngx_str_t *error);


static const sqlite3_mem_methods  fault_methods = {
    fault_malloc, fault_free, fault_realloc, fault_size, fault_roundup,
    fault_init, fault_shutdown, NULL
};


int
main(void)
{
    /* SQLite's memory comes from the same counter as nginx's pools */

    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &fault_methods) != SQLITE_OK) {
        printf("Bail out!  sqlite3_config()\n");
        return 1;
    }

    fixture_begin();

    test_open();
    test_version();
    test_foreign();
    test_corrupt();
    test_link();
    test_check_path();
    test_read_only();
    test_full();
    test_full_file();
    test_contention();
    test_reader();
    test_checkpoint();
    test_killed();
    test_memory_open();
    test_memory();

    fixture_end();

    return done_testing();
}


static void *
fault_malloc(int n)
{
    int64_t  *p;

    p = shim_malloc(n + sizeof(int64_t));
    if (p == NULL) {
        return NULL;
    }

    *p = n;

    return p + 1;
}


static void
fault_free(void *p)
{
    free((int64_t *) p - 1);
}


static void *
fault_realloc(void *p, int n)
{
    void  *q;

    q = fault_malloc(n);

    if (q) {
        memcpy(q, p, ngx_min(n, fault_size(p)));
        fault_free(p);
    }

    return q;
}


static int
fault_size(void *p)
{
    return p ? (int) ((int64_t *) p)[-1] : 0;
}


static int
fault_roundup(int n)
{
    return (n + 7) & ~7;
}


static int
fault_init(void *data)
{
    return SQLITE_OK;
}


static void
fault_shutdown(void *data)
{
    /* void */
}


static void
test_open(void)
{
    struct stat      st;
    ngx_str_t        error;
    acme_ca_store_t  *s;

    fixture_remove();

    is_int(check(&error), NGX_DECLINED, "check: absent");
    ok(access(fixture_file, F_OK) != 0, "check makes no file");
    ok(fixture_open(ACME_CA_STORE_READ) == NULL, "READ makes none");
    ok(fixture_open(ACME_CA_STORE_WRITE) == NULL, "WRITE makes none");
    ok(access(fixture_file, F_OK) != 0, "none is there");

    (void) umask(0);
    s = fixture_open(ACME_CA_STORE_MIGRATE);
    ok(s != NULL, "MIGRATE makes it");
    acme_ca_store_close(s);

    (void) stat(fixture_file, &st);
    is_int(st.st_mode & 0777, 0600, "with mode 0600 whatever umask says");
    is_int(check(&error), NGX_OK, "check: good");
    is_int(fixture_sql("PRAGMA user_version"), acme_ca_store_version(),
           "user_version");
    is_int(fixture_sql("PRAGMA application_id"), 0x41434d45,
           "application_id");
    is_int(fixture_sql("SELECT created_at > 1700000000 FROM acme_ca_meta"), 1,
           "its birth");

    s = fixture_open(ACME_CA_STORE_MIGRATE);
    ok(s != NULL, "MIGRATE again");
    acme_ca_store_close(s);

    fixture_start();
    is_int(fixture_count("SELECT journal_mode = 'wal' FROM pragma_journal_mode"
                         "()"), -1, "(no such table)");
    is_int(fixture_count("PRAGMA synchronous"), 2, "synchronous");
    is_int(fixture_count("PRAGMA trusted_schema"), 0, "trusted_schema");
    is_int(fixture_count("PRAGMA temp_store"), 2, "temp_store");
    fixture_stop();
}


static void
test_version(void)
{
    ngx_str_t  error;

    acme_ca_store_close(fixture_new());

    (void) fixture_sql("PRAGMA user_version = 99");
    is_int(check(&error), NGX_ERROR, "check: newer");
    ok(strstr((char *) error.data, "version 99, this release knows 1"),
       "check names both versions");
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "MIGRATE refuses newer");
    ok(strstr(shim_logged, "version 99, this release knows 1"),
       "and names both versions");
    ok(fixture_open(ACME_CA_STORE_READ) == NULL, "READ refuses newer");

    fixture_remove();
    write_file("", 0, 0);
    is_int(check(&error), NGX_OK, "check: an empty file is to be filled");
    ok(fixture_open(ACME_CA_STORE_WRITE) == NULL, "WRITE refuses older");
    ok(strstr(shim_logged, "restart or reload nginx"), "and says what to do");

    /* a migration that fails leaves everything as it was */

    fixture_remove();
    (void) fixture_sql("CREATE TABLE jobs (x)");
    (void) fixture_sql("PRAGMA application_id = 0x41434d45");
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "a migration fails");
    ok(strstr(shim_logged, "001_init failed"), "the log names it");
    is_int(fixture_sql("SELECT count(*) FROM sqlite_schema"), 1,
           "nothing of it is left");
    is_int(fixture_sql("PRAGMA user_version"), 0, "nor the version");
}


static void
test_foreign(void)
{
    ngx_str_t  error;

    fixture_remove();
    (void) fixture_sql("CREATE TABLE t (x)");
    is_int(check(&error), NGX_ERROR, "check: tables of somebody else");
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "MIGRATE refuses them");
    ok(strstr(shim_logged, "another application"), "and says so");
    is_int(fixture_sql("SELECT count(*) FROM sqlite_schema"), 1,
           "they are as they were");

    fixture_remove();
    (void) fixture_sql("PRAGMA application_id = 5");
    is_int(check(&error), NGX_ERROR, "check: another application's id");
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "MIGRATE refuses it");
    is_int(fixture_sql("PRAGMA application_id"), 5, "it is as it was");
}


static void
test_corrupt(void)
{
    char               text[8192];
    ngx_str_t          error;
    acme_ca_account_t  account;

    fixture_remove();
    memset(text, 'x', sizeof(text));
    write_file(text, sizeof(text), 0);
    is_int(check(&error), NGX_ERROR, "check: no database");
    ok(strstr((char *) error.data, "restore a backup"), "and what to do");
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "MIGRATE refuses it");
    ok(strstr(shim_logged, "restore a backup"), "and says what to do");

    acme_ca_store_close(fixture_new());
    write_file(text, 300, 100);
    is_int(check(&error), NGX_ERROR, "check: the schema is damaged");
    ok(fixture_open(ACME_CA_STORE_READ) == NULL, "READ refuses it");

    /* a page that is read later: the last one of the accounts' index */

    fixture_start();
    (void) sqlite3_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL,
                        NULL, NULL);
    write_file(text, 4096, 4096 * (fixture_count(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'acme_accounts'")
        - 1));
    acme_ca_store_close(store);
    store = fixture_open(ACME_CA_STORE_WRITE);
    ok(store != NULL, "a damaged page is not seen at open");
    shim_logged[0] = '\0';
    is_int(acme_ca_store_account_find(store, pool, 1, &account), NGX_ERROR,
           "it is when it is read");
    ok(strstr(shim_logged, "account_find") && strstr(shim_logged, ".recover"),
       "the log says what to do");
    acme_ca_store_close(store);
    ngx_destroy_pool(pool);
}


static void
test_link(void)
{
    char  target[128];

    acme_ca_store_close(fixture_new());

    snprintf(target, sizeof(target), "%s/target", fixture_folder);
    (void) rename(fixture_file, target);
    is_int(symlink(target, fixture_file), 0, "(a link)");
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "a link is not followed");
    (void) unlink(target);
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "nor one to nowhere");
    ok(access(target, F_OK) != 0, "which makes no file there");

    fixture_remove();
    (void) mkdir(fixture_file, 0700);
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "a folder is refused");
    (void) rmdir(fixture_file);
}


static void
test_check_path(void)
{
    ngx_str_t  error, saved;

    static char  name[128];

    saved = fixture_path;

    snprintf(name, sizeof(name), "%s/a?b%%41#c.db", fixture_folder);
    fixture_str(&fixture_path, name);
    acme_ca_store_close(fixture_open(ACME_CA_STORE_MIGRATE));
    is_int(check(&error), NGX_OK, "check: a path that is no URI");
    (void) unlink(name);
    is_int(check(&error), NGX_DECLINED, "check: it was that one");

    fixture_path = saved;
}


/* in a child, because root may write everything */

static void
test_read_only(void)
{
    int    status;
    pid_t  pid;

    acme_ca_store_close(fixture_new());
    (void) chmod(fixture_file, 0444);
    (void) chmod(fixture_folder, 0777);

    pid = fork();

    if (pid == 0) {
        read_only();
    }

    (void) waitpid(pid, &status, 0);
    is_int(status, 0, "a file that cannot be written: NGX_BUSY and advice");

    (void) chmod(fixture_folder, 0700);
}


static void
read_only(void)
{
    if (getuid() == 0 && setuid(65534) != 0) {
        _exit(9);
    }

    store = fixture_open(ACME_CA_STORE_WRITE);
    if (store == NULL) {
        _exit(1);
    }

    shim_logged[0] = '\0';

    if (acme_ca_store_begin(store) != NGX_BUSY) {
        _exit(2);
    }

    if (strstr(shim_logged, "must be writable") == NULL) {
        _exit(3);
    }

    /* at most once a second, and the clock stands */

    shim_logged[0] = '\0';
    _exit(acme_ca_store_begin(store) == NGX_BUSY && shim_logged[0] == '\0'
          ? 0 : 4);
}


static void
test_full(void)
{
    ngx_uint_t         i;
    ngx_int_t          rc;
    acme_ca_account_t  account;

    fixture_start();

    (void) fixture_count("PRAGMA max_page_count = 1");
    (void) acme_ca_store_begin(store);
    (void) acme_ca_store_savepoint(store);

    rc = NGX_OK;

    for (i = 2; i < 250 && rc == NGX_OK; i++) {
        fixture_account(&account, i);
        rc = acme_ca_store_account_add(store, &account);
    }

    is_int(rc, NGX_BUSY, "full: NGX_BUSY");
    ok(strstr(shim_logged, "free space"), "the log says what to do");

    /* whether SQLite ended the transaction or not, nothing of it is left */

    (void) acme_ca_store_rollback_to(store);
    (void) acme_ca_store_commit(store);
    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), 1,
           "nothing of the request is there");

    (void) fixture_count("PRAGMA max_page_count = 1000000");
    is_int(acme_ca_store_begin(store), NGX_OK, "space again: begin");
    fixture_account(&account, 2);
    is_int(acme_ca_store_account_add(store, &account), NGX_OK, "a row");
    is_int(acme_ca_store_commit(store), NGX_OK, "commit");

    /* a transaction that SQLite ended takes no further statement */

    (void) acme_ca_store_begin(store);
    (void) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    fixture_account(&account, 3);
    is_int(acme_ca_store_account_add(store, &account), NGX_ERROR,
           "a row outside of its transaction is refused");
    ok(acme_ca_store_savepoint(store) != NGX_OK, "so is a savepoint");
    ok(acme_ca_store_commit(store) != NGX_OK, "so is the commit");
    is_int(acme_ca_store_begin(store), NGX_OK, "the next one begins");
    acme_ca_store_rollback(store);
    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), 2, "two rows");

    fixture_stop();
}


static void
test_full_file(void)
{
    ngx_uint_t         i;
    ngx_int_t          rc;
    struct rlimit      limit;
    acme_ca_account_t  account;

    fixture_start();

    (void) signal(SIGXFSZ, SIG_IGN);
    (void) getrlimit(RLIMIT_FSIZE, &limit);

    limit.rlim_cur = 64 * 1024;
    (void) setrlimit(RLIMIT_FSIZE, &limit);

    rc = NGX_OK;

    for (i = 2; i < 200 && rc == NGX_OK; i++) {
        (void) acme_ca_store_begin(store);
        fixture_account(&account, i);
        (void) acme_ca_store_account_add(store, &account);
        rc = acme_ca_store_commit(store);
    }

    is_int(rc, NGX_BUSY, "a commit that cannot be written: NGX_BUSY");
    i -= 2;

    limit.rlim_cur = limit.rlim_max;
    (void) setrlimit(RLIMIT_FSIZE, &limit);

    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), i,
           "what was acknowledged is there, and nothing else");
    is_int(acme_ca_store_begin(store), NGX_OK, "space again: begin");
    (void) acme_ca_store_account_add(store, &account);
    is_int(acme_ca_store_commit(store), NGX_OK, "commit");

    fixture_stop();
}


static void
test_contention(void)
{
    acme_ca_store_t    *other;
    acme_ca_account_t   account, found;

    fixture_start();

    other = fixture_open(ACME_CA_STORE_WRITE);
    (void) sqlite3_busy_timeout(other->db, 20);

    is_int(acme_ca_store_begin(store), NGX_OK, "one begins");
    is_int(acme_ca_store_begin(other), NGX_BUSY, "the other has to wait");
    ok(strstr(shim_logged, "begin"), "the log says for what");
    is_int(acme_ca_store_begin(other), NGX_BUSY, "again");

    fixture_account(&account, 2);
    (void) acme_ca_store_account_add(store, &account);
    is_int(acme_ca_store_account_find(other, pool, account.id, &found),
           NGX_DECLINED, "no row before the commit");
    is_int(acme_ca_store_commit(store), NGX_OK, "the first commits");
    is_int(acme_ca_store_account_find(other, pool, account.id, &found),
           NGX_OK, "then there is");

    is_int(acme_ca_store_begin(other), NGX_OK, "and the other begins");
    is_int(acme_ca_store_account_set_status(other, account.id, ACME_CA_VALID,
               ACME_CA_DEACTIVATED, NOW), NGX_OK, "it changes a row");
    is_int(acme_ca_store_commit(other), NGX_OK, "and commits");
    is_int(acme_ca_store_account_set_status(store, account.id, ACME_CA_VALID,
               ACME_CA_DEACTIVATED, NOW), NGX_DECLINED,
           "the first finds that it was done");

    acme_ca_store_close(other);
    fixture_stop();
}


static void
test_reader(void)
{
    acme_ca_store_t    *reader;
    acme_ca_account_t   account, found;

    fixture_start();

    reader = fixture_open(ACME_CA_STORE_READ);
    ok(reader != NULL, "READ");

    fixture_account(&account, 2);
    is_int(acme_ca_store_account_add(reader, &account), NGX_BUSY,
           "a reader does not write");
    is_int(acme_ca_store_account_find(reader, pool, 1, &found), NGX_OK,
           "it reads");

    /* the master migrates under it */

    is_int(sqlite3_exec(store->db, "ALTER TABLE acme_accounts ADD COLUMN extra "
                        "TEXT; CREATE TABLE more (x)", NULL, NULL, NULL),
           SQLITE_OK, "(the schema changes)");
    is_int(acme_ca_store_account_find(reader, pool, 1, &found), NGX_OK,
           "it still reads");
    is_int(found.thumbprint[0], 1, "the right columns");

    is_int(sqlite3_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL,
                        NULL, NULL), SQLITE_OK,
           "no read is left open: the checkpoint can reset the WAL");
    acme_ca_store_close(reader);
    fixture_stop();
}


static void
test_checkpoint(void)
{
    off_t              size;
    ngx_uint_t         i;
    struct stat        st;
    acme_ca_account_t  account;

    fixture_start();

    (void) stat(fixture_file, &st);
    size = st.st_size;

    for (i = 0; i < 400; i++) {
        fixture_account(&account, 9);
        (void) acme_ca_random(account.thumbprint, 32);
        (void) acme_ca_store_account_add(store, &account);

        if (i == 100) {
            acme_ca_store_checkpoint(store);
            (void) stat(fixture_file, &st);
            is_int(st.st_size, size, "a small WAL is left alone");
        }
    }

    ok(store->wal_pages > 1000, "the WAL has %d pages", store->wal_pages);
    acme_ca_store_checkpoint(store);
    (void) stat(fixture_file, &st);
    ok(st.st_size > size, "the checkpoint moved them");

    fixture_account(&account, 3);
    (void) acme_ca_store_account_add(store, &account);
    ok(store->wal_pages < 100, "and the WAL begins anew");
    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), 402,
           "nothing is lost");

    fixture_stop();
}


static void
test_killed(void)
{
    int                pipes[2], status;
    char               byte;
    pid_t              pid;
    acme_ca_account_t  account;

    fixture_start();
    acme_ca_store_close(store);
    (void) pipe(pipes);

    pid = fork();

    if (pid == 0) {
        store = fixture_open(ACME_CA_STORE_WRITE);

        (void) acme_ca_store_begin(store);
        fixture_account(&account, 2);
        (void) acme_ca_store_account_add(store, &account);
        (void) acme_ca_store_commit(store);

        (void) acme_ca_store_begin(store);
        (void) acme_ca_store_savepoint(store);
        fixture_account(&account, 3);
        (void) acme_ca_store_account_add(store, &account);
        (void) write(pipes[1], "x", 1);
        (void) pause();
        _exit(0);
    }

    is_int(read(pipes[0], &byte, 1), 1, "(a writer in mid-transaction)");
    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);
    (void) close(pipes[0]);
    (void) close(pipes[1]);

    store = fixture_open(ACME_CA_STORE_WRITE);
    ok(store != NULL, "open after the kill");
    is_int(acme_ca_store_begin(store), NGX_OK, "the lock is free");
    acme_ca_store_rollback(store);
    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), 2,
           "what was committed is there, and nothing else");
    is_int(fixture_count("SELECT integrity_check = 'ok' FROM "
                         "pragma_integrity_check"), 1, "integrity_check");

    fixture_stop();
}


static void
test_memory_open(void)
{
    ngx_int_t         n;
    ngx_uint_t        opened;
    acme_ca_store_t  *s;

    acme_ca_store_close(fixture_new());
    opened = 0;

    /* thousands of allocations, mostly of 50 statements that are prepared */

    for (n = 0; ; n += n < 300 ? 1 : 13) {
        shim_fail_at(n);
        s = fixture_open(ACME_CA_STORE_WRITE);
        opened += s != NULL && shim_failed();
        acme_ca_store_close(s);

        if (!shim_failed()) {
            break;
        }
    }

    shim_fail_at(SHIM_NEVER);
    ok(s != NULL, "open fails cleanly at each of %d allocations (%d did not "
       "matter)", (int) n, (int) opened);

    for (n = 0; ; n += n < 100 ? 1 : 29) {
        fixture_remove();
        shim_fail_at(n);
        s = fixture_open(ACME_CA_STORE_MIGRATE);
        acme_ca_store_close(s);

        if (!shim_failed()) {
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (s == NULL) {
            s = fixture_open(ACME_CA_STORE_MIGRATE);
            acme_ca_store_close(s);
        }

        if (s == NULL) {
            break;
        }
    }

    shim_fail_at(SHIM_NEVER);
    ok(s != NULL, "so does MIGRATE at %d, and it can be repeated", (int) n);
}


static void
test_memory(void)
{
    ngx_int_t    n, rc;
    ngx_pool_t  *memory;

    fixture_start();

    for (n = 0; ; n++) {
        memory = ngx_create_pool(4096, &shim_log);

        shim_fail_at(n);
        rc = acme_ca_store_begin(store);

        if (rc == NGX_OK) {
            rc = flow(memory);
        }

        shim_fail_at(shim_failed() ? SHIM_NEVER : n);
        acme_ca_store_rollback(store);
        ngx_destroy_pool(memory);

        if (rc == NGX_OK) {
            break;
        }

        if (rc != NGX_ERROR && rc != NGX_BUSY) {
            break;
        }

        shim_fail_at(SHIM_NEVER);
    }

    shim_fail_at(SHIM_NEVER);
    is_int(rc, NGX_OK, "an issuance fails cleanly at each of %d allocations",
           (int) n);
    is_int(fixture_count("SELECT count(*) FROM acme_orders"), 0,
           "none was committed");
    is_int(fixture_count("SELECT integrity_check = 'ok' FROM "
                         "pragma_integrity_check"), 1, "integrity_check");

    fixture_stop();
}


#define must(call)                                                            \
    do {                                                                      \
        ngx_int_t  rc_ = (call);                                              \
                                                                              \
        if (rc_ != NGX_OK) {                                                  \
            return rc_;                                                       \
        }                                                                     \
    } while (0)


static ngx_int_t
flow(ngx_pool_t *memory)
{
    ngx_uint_t              n;
    ngx_array_t            *list;
    acme_ca_job_t           job;
    acme_ca_audit_t         audit;
    acme_ca_authz_t         authz;
    acme_ca_order_t         order;
    acme_ca_account_t       account;
    acme_ca_challenge_t     challenge;
    acme_ca_certificate_t   certificate;

    must(acme_ca_store_savepoint(store));
    must(acme_ca_store_account_find(store, memory, account_id, &account));
    fixture_order(&order, account_id);
    must(acme_ca_store_order_add(store, &order));
    fixture_authz(&authz, account_id, "10.0.0.1");
    authz.identifier.type = ACME_CA_IDENTIFIER_IP;
    must(acme_ca_store_authz_add(store, &authz));
    must(acme_ca_store_order_add_identifier(store, order.id, 0,
                                            &authz.identifier, authz.id));
    fixture_challenge(&challenge, authz.id);
    must(acme_ca_store_challenge_add(store, &challenge));

    ngx_memzero(&job, sizeof(acme_ca_job_t));
    job.challenge_id = challenge.id;
    must(acme_ca_store_job_add(store, &job, NOW));
    must(acme_ca_store_job_claim(store, memory, NOW, NOW + 30, 9, &list));
    must(acme_ca_store_job_remove(store, job.id));
    must(acme_ca_store_challenge_list(store, memory, authz.id, &list));
    must(acme_ca_store_authz_set_status(store, authz.id, ACME_CA_PENDING,
                                        ACME_CA_VALID, 0, NOW));
    must(acme_ca_store_order_list_by_authz(store, memory, authz.id,
                                           ACME_CA_PENDING, &list));
    must(acme_ca_store_order_list_identifiers(store, memory, order.id, &list));
    must(acme_ca_store_release(store));

    must(acme_ca_store_savepoint(store));
    fixture_certificate(&certificate, account_id, "serial");
    must(acme_ca_store_certificate_add(store, &certificate));
    must(acme_ca_store_certificate_find(store, memory, certificate.id,
                                        &certificate));
    ngx_memzero(&audit, sizeof(acme_ca_audit_t));
    audit.actor = "account";
    audit.action = "issue";
    must(acme_ca_store_audit_add(store, &audit, NOW));
    must(acme_ca_store_rollback_to(store));

    return acme_ca_store_sweep(store, NOW + 1, 9, &n);
}


static void
write_file(const char *bytes, size_t n, off_t offset)
{
    int  fd;

    fd = open(fixture_file, O_WRONLY|O_CREAT, 0600);

    if (fd == -1 || pwrite(fd, bytes, n, offset) != (ssize_t) n) {
        perror(fixture_file);
        exit(1);
    }

    (void) close(fd);
}


static ngx_int_t
check(ngx_str_t *error)
{
    ngx_int_t     rc;
    ngx_pool_t   *p;
    static char   text[1024];

    p = ngx_create_pool(4096, &shim_log);

    ngx_memzero(text, sizeof(text));
    rc = acme_ca_store_check(p, &fixture_path, error);
    ngx_memcpy(text, error->data, error->len);
    error->data = (u_char *) text;

    ngx_destroy_pool(p);

    return rc;
}
