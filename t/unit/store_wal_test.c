
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The writer's WAL file, with a disk behind it that counts its writes and fails
 * them.  A commit is one write, and whole before anybody is told of it, however
 * little is synced; one that does not fit is several; one that fails leaves
 * nothing; without memory, or on a disk that fills its sectors, all is as
 * SQLite has it.
 */


#include "store_fixture.h"


#define ROW_LEN  3000
#define BIG      100           /* rows of a commit that is not kept whole */


static void test_commit(const char *synchronous);
static void test_big(const char *what, const char *pragma);
static void test_failure(void);
static void test_plain(const char *what);
static void begin(const char *pragma);
static void end(void);
static ngx_int_t add(ngx_uint_t n);
static int64_t others(void);

static void disk_register(void);
static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
    int flags, int *out);
static int disk_write(sqlite3_file *file, const void *data, int n,
    sqlite3_int64 at);
static int disk_traits(sqlite3_file *file);
static void *memory_get(int n);


static sqlite3_vfs                *real_vfs, disk_vfs;
static const sqlite3_io_methods   *real_methods;
static sqlite3_io_methods          disk_methods;
static sqlite3_mem_methods         real_memory, memory;

static ngx_uint_t                  writes;      /* to WAL files */
static ngx_uint_t                  failing;     /* they fail */
static ngx_uint_t                  sectors;     /* the disk fills them */
static int                         refused;     /* so many bytes, or more */


int
main(void)
{
    (void) sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    memory = real_memory;
    memory.xMalloc = memory_get;
    (void) sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);

    fixture_begin();
    disk_register();

    test_commit("FULL");
    test_commit("NORMAL");
    test_commit("OFF");

    test_big("what does not fit", "PRAGMA cache_spill = OFF");
    test_big("what is read before it is committed", "PRAGMA cache_size = 4");

    test_failure();

    sectors = 1;
    test_plain("a disk that fills its sectors");
    sectors = 0;

    refused = 131072;
    test_plain("no memory");
    refused = 0;

    fixture_end();

    return done_testing();
}


/* SQLite writes two pieces for each page, and there are several */

static void
test_commit(const char *synchronous)
{
    char        text[64];
    ngx_uint_t  i;

    snprintf(text, sizeof(text), "PRAGMA synchronous = %s", synchronous);
    begin(text);

    (void) add(1);

    for (i = 2; i < 5; i++) {
        writes = 0;

        ok(add(1) == NGX_OK && writes == 1, "%s: a commit is %d write",
           synchronous, (int) writes);
        is_int(others(), i, "%s: others see it", synchronous);
    }

    (void) sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                     NULL, NULL);
    (void) add(1);
    is_int(others(), 5, "%s: and one after a checkpoint", synchronous);

    end();
}


static void
test_big(const char *what, const char *pragma)
{
    begin(pragma);

    writes = 0;

    is_int(add(BIG), NGX_OK, "%s: committed", what);
    ok(writes > 1 && writes < 2 * BIG, "%s: %d writes", what, (int) writes);
    is_int(others(), BIG, "%s: others see it", what);

    acme_ca_store_rollback(store);
    is_int(add(1), NGX_OK, "%s: and one after it", what);
    is_int(others(), BIG + 1, "%s: others see this", what);

    end();
}


static void
test_failure(void)
{
    begin("PRAGMA synchronous = FULL");

    is_int(add(2), NGX_OK, "one before");

    failing = 1;
    ok(add(3) != NGX_OK, "a commit that cannot be written fails");
    ok(add(BIG) != NGX_OK, "so does a big one");
    failing = 0;

    is_int(others(), 2, "nobody sees it");
    is_int(add(4), NGX_OK, "the next one does not fail");
    is_int(others(), 6, "and is seen alone");

    end();
}


static void
test_plain(const char *what)
{
    begin("PRAGMA synchronous = FULL");

    (void) add(1);
    writes = 0;

    ok(add(1) == NGX_OK && writes > 1, "%s: a commit is %d writes", what,
       (int) writes);
    is_int(others(), 2, "%s: others see it", what);

    end();
}


static void
begin(const char *pragma)
{
    store = fixture_new();

    (void) sqlite3_exec(store->db, "CREATE TABLE wal_rows (data BLOB)", NULL,
                        NULL, NULL);
    (void) sqlite3_exec(store->db, pragma, NULL, NULL, NULL);
}


static void
end(void)
{
    acme_ca_store_close(store);

    is_int(fixture_sql("SELECT integrity_check = 'ok' FROM"
                       " pragma_integrity_check"), 1, "the database is whole");
}


/* rows of a page each, in one transaction, some of it undone */

static ngx_int_t
add(ngx_uint_t n)
{
    char        text[128];
    ngx_int_t   rc;
    ngx_uint_t  i;

    snprintf(text, sizeof(text), "INSERT INTO wal_rows VALUES (randomblob(%d))",
             ROW_LEN);

    rc = acme_ca_store_begin(store);

    for (i = 0; i < n && rc == NGX_OK; i++) {

        if (sqlite3_exec(store->db, text, NULL, NULL, NULL) != SQLITE_OK
            || acme_ca_store_savepoint(store) != NGX_OK
            || sqlite3_exec(store->db, text, NULL, NULL, NULL) != SQLITE_OK
            || acme_ca_store_rollback_to(store) != NGX_OK)
        {
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_OK) {
        rc = acme_ca_store_commit(store);
    }

    if (rc != NGX_OK) {
        acme_ca_store_rollback(store);
    }

    return rc;
}


/* by a handle that does not know of ours, of bytes that are all there */

static int64_t
others(void)
{
    return fixture_sql("SELECT count(*) FROM wal_rows WHERE length(data) = 3000"
                       " AND hex(data) <> hex(zeroblob(3000))");
}


static void
disk_register(void)
{
    real_vfs = sqlite3_vfs_find(NULL);

    disk_vfs = *real_vfs;
    disk_vfs.zName = "disk";
    disk_vfs.xOpen = disk_open;

    (void) sqlite3_vfs_register(&disk_vfs, 1);
}


static int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *out)
{
    int  rc;

    rc = real_vfs->xOpen(real_vfs, name, file, flags, out);

    if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL)) {
        real_methods = file->pMethods;

        disk_methods = *real_methods;
        disk_methods.xWrite = disk_write;
        disk_methods.xDeviceCharacteristics = disk_traits;

        file->pMethods = &disk_methods;
    }

    return rc;
}


static int
disk_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
    writes++;

    return failing ? SQLITE_IOERR_WRITE
                   : real_methods->xWrite(file, data, n, at);
}


static int
disk_traits(sqlite3_file *file)
{
    return sectors ? 0 : real_methods->xDeviceCharacteristics(file);
}


static void *
memory_get(int n)
{
    return (refused && n >= refused) ? NULL : real_memory.xMalloc(n);
}
