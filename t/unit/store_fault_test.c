
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store at work when things go wrong: a full disk, two that contend, a
 * schema that changes, a WAL that grows, a writer that is killed.
 */


#include "store_fixture.h"

#include <signal.h>
#include <sys/resource.h>


static void test_full(void);
static void test_full_file(void);
static void test_contention(void);
static void test_reader(void);
static void test_checkpoint(void);
static void test_killed(void);
static void test_killed_often(void);
static void write_until_killed(int fd, ngx_uint_t round);



int
main(void)
{
    fixture_begin();

    test_full();
    test_full_file();
    test_contention();
    test_reader();
    test_checkpoint();
    test_killed();
    test_killed_often();

    fixture_end();

    return done_testing();
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

    for (i = 0; i < 600; i++) {
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
    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), 602,
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


/* two writers at a time; what was acknowledged is there afterwards */

static void
test_killed_often(void)
{
    int          fds[2];
    pid_t        pids[2];
    int64_t      id;
    ngx_uint_t   i, round, lost, acknowledged;

    fixture_start();
    acme_ca_store_close(store);

    lost = 0;
    acknowledged = 0;

    for (round = 0; round < 20; round++) {
        (void) pipe(fds);

        for (i = 0; i < 2; i++) {
            pids[i] = fork();

            if (pids[i] == 0) {
                write_until_killed(fds[1], round * 2 + i);
            }
        }

        (void) usleep(20000 + 1000 * (round * 7 % 20));

        for (i = 0; i < 2; i++) {
            (void) kill(pids[i], SIGKILL);
            (void) waitpid(pids[i], NULL, 0);
        }

        (void) close(fds[1]);
        store = fixture_open(ACME_CA_STORE_WRITE);

        while (store && read(fds[0], &id, sizeof(int64_t)) > 0) {
            acme_ca_account_t  account;

            acknowledged++;
            lost += acme_ca_store_account_find(store, pool, id, &account)
                    != NGX_OK;
        }

        (void) close(fds[0]);
        acme_ca_store_close(store);
    }

    store = fixture_open(ACME_CA_STORE_WRITE);

    is_int(lost, 0, "20 times two killed writers, %d accounts: none is lost",
           (int) acknowledged);
    is_int(fixture_count("SELECT integrity_check = 'ok' FROM "
                         "pragma_integrity_check"), 1, "integrity_check");

    fixture_stop();
}


static void
write_until_killed(int fd, ngx_uint_t round)
{
    acme_ca_account_t  account;

    store = fixture_open(ACME_CA_STORE_WRITE);

    fixture_account(&account, 0);

    while (store) {
        (void) acme_ca_random(account.thumbprint, ACME_CA_SHA256_LEN);

        if (acme_ca_store_begin(store) == NGX_OK
            && acme_ca_store_account_add(store, &account) == NGX_OK
            && acme_ca_store_commit(store) == NGX_OK)
        {
            (void) write(fd, &account.id, sizeof(int64_t));
            acme_ca_store_checkpoint(store);
        }
    }

    _exit((int) round);
}
