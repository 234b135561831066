
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: which files are opened: versions, foreign and damaged ones, links,
 * those that cannot be written; and what is said about them.
 */


#include "store_fixture.h"


static void test_open(void);
static void test_version(void);
static void test_foreign(void);
static void test_corrupt(void);
static void test_checkpoint(void);
static void checkpoint(const char *page, off_t offset);
static void test_checkpointing(void);
static void hold_checkpoint(int out);
static void test_link(void);
static void test_check_path(void);
static void test_read_only(void);
static void read_only(void);
static void test_moved(void);
static void write_file(const char *bytes, size_t n, off_t offset);
static ngx_int_t check(ngx_str_t *error);



int
main(void)
{
    fixture_begin();

    test_open();
    test_version();
    test_foreign();
    test_corrupt();
    test_checkpoint();
    test_checkpointing();
    test_link();
    test_check_path();
    test_read_only();
    test_moved();

    fixture_end();

    return done_testing();
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
    is_int(fixture_count("SELECT journal_mode = 'wal' FROM "
                         "pragma_journal_mode"), 1, "journal_mode");
    is_int(fixture_count("PRAGMA synchronous"), 2, "synchronous");
    is_int(fixture_count("PRAGMA trusted_schema"), 0, "trusted_schema");
    is_int(fixture_count("PRAGMA temp_store"), 2, "temp_store");
    fixture_stop();
}


static void
test_version(void)
{
    char       both[64];
    ngx_str_t  error;

    (void) snprintf(both, sizeof(both), "version 99, this release knows %d",
                    (int) acme_ca_store_version());

    acme_ca_store_close(fixture_new());

    (void) fixture_sql("PRAGMA user_version = 99");
    is_int(check(&error), NGX_ERROR, "check: newer");
    ok(strstr((char *) error.data, both) != NULL,
       "check names both versions");
    ok(fixture_open(ACME_CA_STORE_MIGRATE) == NULL, "MIGRATE refuses newer");
    ok(strstr(shim_logged, both) != NULL,
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
    fixture_tick();
    is_int(acme_ca_store_account_find(store, pool, 1, &account), NGX_ERROR,
           "it is when it is read");
    ok(strstr(shim_logged, "account_find") && strstr(shim_logged, ".recover"),
       "the log says what to do");
    acme_ca_store_close(store);
    ngx_destroy_pool(pool);
}


/* a checkpoint of another process has written the first page, not the last */

static void
test_checkpoint(void)
{
    int          fd, status;
    char         page[4096];
    pid_t        pid;
    ngx_str_t    error;
    struct stat  st;

    acme_ca_store_close(fixture_new());

    fd = open(fixture_file, O_RDWR);
    (void) fstat(fd, &st);
    (void) pread(fd, page, sizeof(page), st.st_size - (off_t) sizeof(page));
    (void) ftruncate(fd, st.st_size - (off_t) sizeof(page));
    (void) close(fd);

    pid = fork();

    if (pid == 0) {
        checkpoint(page, st.st_size - (off_t) sizeof(page));
    }

    is_int(check(&error), NGX_OK, "check waits for the end of a checkpoint");
    (void) waitpid(pid, &status, 0);
    is_int(status, 0, "which came");
}


static void
checkpoint(const char *page, off_t offset)
{
    ngx_msleep(50);
    write_file(page, 4096, offset);
    _exit(0);
}


/* at a reload a worker may be at a checkpoint when the master opens */

static void
test_checkpointing(void)
{
    int               pipes[2], status;
    char              byte;
    pid_t             pid;
    acme_ca_store_t  *s, *master;

    s = fixture_new();

    (void) pipe(pipes);
    pid = fork();

    if (pid == 0) {
        hold_checkpoint(pipes[1]);
    }

    (void) close(pipes[1]);
    is_int(read(pipes[0], &byte, 1), 1, "(a checkpoint of another process)");

    master = fixture_open(ACME_CA_STORE_MIGRATE);
    ok(master != NULL, "is no reason not to open");
    acme_ca_store_close(master);

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);
    (void) close(pipes[0]);

    acme_ca_store_close(s);
}


/* sqlite.org/walformat.html, 2.3.1: WAL_CKPT_LOCK is byte 121 */

static void
hold_checkpoint(int out)
{
    int           fd;
    char          name[128];
    struct flock  lock;

    snprintf(name, sizeof(name), "%s-shm", fixture_file);
    fd = open(name, O_RDWR);

    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 121;
    lock.l_len = 1;

    if (fcntl(fd, F_SETLK, &lock) == 0) {
        (void) write(out, "x", 1);
    }

    for ( ;; ) {
        (void) pause();
    }
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
    is_int(status, 0, "a file that cannot be written: refused, with advice");

    (void) chmod(fixture_folder, 0700);
}


static void
read_only(void)
{
    if (getuid() == 0 && setuid(65534) != 0) {
        _exit(9);
    }

    if (fixture_open(ACME_CA_STORE_WRITE) != NULL) {
        _exit(1);
    }

    if (strstr(shim_logged, "must be writable") == NULL) {
        _exit(2);
    }

    _exit(0);
}


/* what is written to a file without a name is lost with the last handle */

static void
test_moved(void)
{
    char  away[128];

    store = fixture_new();
    fixture_tick();

    is_int(acme_ca_store_is_stale(store), 0, "moved: not yet");

    snprintf(away, sizeof(away), "%s.away", fixture_file);
    (void) rename(fixture_file, away);

    is_int(acme_ca_store_begin(store), NGX_BUSY, "moved: no transaction");
    ok(strstr(shim_logged, "moved or removed"), "moved: advice");
    is_int(acme_ca_store_is_stale(store), 1, "moved: stale");

    /* at most once a second, and the clock stands */

    shim_logged[0] = '\0';
    is_int(acme_ca_store_begin(store), NGX_BUSY, "moved: again");
    is_int(shim_logged[0], 0, "moved: told once a second");

    (void) rename(away, fixture_file);

    is_int(acme_ca_store_begin(store), NGX_OK, "moved: back again");
    acme_ca_store_rollback(store);

    acme_ca_store_close(store);
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
