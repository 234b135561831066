
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store when the power fails.  A disk between SQLite and the real one knows
 * what was synced; what was written since then is there afterwards, or not, or
 * parts of it are, sector by sector.  Power fails at each write and sync of a
 * run, and each time all that was acknowledged is there, and all of a
 * transaction or nothing.
 */


#include "store_fixture.h"


#define DISK_FILES   8
#define DISK_SECTOR  512
#define RUN_COMMITS  14
#define RUN_MOMENTS  1200


typedef struct {
    u_char          *data;          /* NULL: cut to "at" */
    size_t           len;
    size_t           at;
} disk_piece_t;

typedef struct {
    u_char          *data;
    size_t           len;
    ngx_uint_t       there;
} disk_image_t;

typedef struct {
    char             name[128];
    disk_image_t     synced;
    ngx_uint_t       gone;          /* by a folder that is not synced yet */
    disk_piece_t    *pieces;        /* in their order, since then */
    ngx_uint_t       n;
} disk_file_t;

typedef struct {
    sqlite3_file     base;
    disk_file_t     *disk;          /* NULL: a temporary file */
    sqlite3_file    *real;          /* behind this */
    ngx_uint_t       folder;        /* goes with the next sync */
} disk_handle_t;

typedef struct {
    int64_t          known;         /* rows that were acknowledged */
    int64_t          next;          /* with those of the open transaction */
    disk_image_t     images[DISK_FILES];
} moment_t;


static void test_power(const char *synchronous, ngx_uint_t lossless);
static void run(void);
static void moment_take(void);
static void moment_image(disk_file_t *file, disk_image_t *image,
    ngx_uint_t some);
static ngx_uint_t moment_is_kept(ngx_uint_t some);
static void moment_restore(moment_t *m);

static void disk_register(void);
static disk_file_t *disk_find(const char *name);
static void disk_apply(disk_image_t *image, const u_char *data, size_t len,
    size_t at);
static void disk_note(disk_file_t *file, const void *data, size_t len,
    size_t at);
static void disk_forget(void);
static void disk_forget_pieces(disk_file_t *file);
static void disk_sync_folder(void);
static sqlite3_file *disk_real(sqlite3_file *file);

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
    int flags, int *out);
static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync);
static int disk_close(sqlite3_file *file);
static int disk_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at);
static int disk_write(sqlite3_file *file, const void *data, int n,
    sqlite3_int64 at);
static int disk_truncate(sqlite3_file *file, sqlite3_int64 size);
static int disk_sync(sqlite3_file *file, int flags);
static int disk_size(sqlite3_file *file, sqlite3_int64 *size);
static int disk_lock(sqlite3_file *file, int level);
static int disk_unlock(sqlite3_file *file, int level);
static int disk_check(sqlite3_file *file, int *out);
static int disk_control(sqlite3_file *file, int op, void *arg);
static int disk_sector(sqlite3_file *file);
static int disk_traits(sqlite3_file *file);
static int disk_shm_map(sqlite3_file *file, int page, int size, int extend,
    void volatile **p);
static int disk_shm_lock(sqlite3_file *file, int offset, int n, int flags);
static void disk_shm_barrier(sqlite3_file *file);
static int disk_shm_unmap(sqlite3_file *file, int flag);


/* version 2: no memory maps, whose writes nobody sees */

static const sqlite3_io_methods  disk_methods = {
    2, disk_close, disk_read, disk_write, disk_truncate, disk_sync, disk_size,
    disk_lock, disk_unlock, disk_check, disk_control, disk_sector, disk_traits,
    disk_shm_map, disk_shm_lock, disk_shm_barrier, disk_shm_unmap, NULL, NULL
};

static sqlite3_vfs   disk_vfs, *real_vfs;
static disk_file_t   disk[DISK_FILES];

static moment_t      moments[RUN_MOMENTS];
static ngx_uint_t    moments_n;
static ngx_uint_t    watching;      /* power may fail */
static ngx_uint_t    looking;       /* at what was left: nothing is noted */
static int64_t       known, next;


int
main(void)
{
    fixture_begin();
    disk_register();

    test_power("FULL", 1);

    /* the same with less shows that the test can see a loss */

    test_power("NORMAL", 0);

    fixture_end();

    return done_testing();
}


static void
test_power(const char *synchronous, ngx_uint_t lossless)
{
    char         text[64];
    int64_t      rows;
    ngx_uint_t   i, lost, half, damaged;

    looking = 0;

    fixture_start();

    if (!lossless) {
        snprintf(text, sizeof(text), "PRAGMA synchronous = %s", synchronous);
        (void) fixture_count(text);
    }

    run();

    looking = 1;

    ok(moments_n > 100 && moments_n < RUN_MOMENTS,
       "synchronous %s: power fails %d times", synchronous, (int) moments_n);

    lost = 0;
    half = 0;
    damaged = 0;

    for (i = 0; i < moments_n; i++) {
        moment_restore(&moments[i]);

        rows = fixture_sql("SELECT iif((SELECT integrity_check FROM"
                           " pragma_integrity_check) = 'ok',"
                           " (SELECT count(*) FROM acme_accounts), -1)");

        damaged += rows < 0;
        lost += rows < moments[i].known;
        half += rows > moments[i].known && rows != moments[i].next;
    }

    if (lossless) {
        is_int(lost, 0, "nothing that was acknowledged is lost");

    } else {
        ok(lost > 0, "with less it is");
    }

    is_int(half, 0, "no transaction is there in part");
    is_int(damaged, 0, "no database is damaged");

    store = fixture_open(ACME_CA_STORE_WRITE);
    ok(store != NULL, "the last one opens");
    pool = ngx_create_pool(4096, &shim_log);
    fixture_stop();

    disk_forget();
}


/* transactions of several sizes, checkpoints, a rollback */

static void
run(void)
{
    ngx_uint_t         i, j;
    acme_ca_account_t  account;

    known = fixture_count("SELECT count(*) FROM acme_accounts");
    next = known;
    watching = 1;

    for (i = 0; i < RUN_COMMITS; i++) {
        (void) acme_ca_store_begin(store);

        for (j = 0; j < 1 + i % 4 * 8; j++) {
            fixture_account(&account, 2);
            account.thumbprint[0] = (u_char) i;
            account.thumbprint[1] = (u_char) j;

            (void) acme_ca_store_account_add(store, &account);
        }

        if (i % 5 == 4) {
            acme_ca_store_rollback(store);
            continue;
        }

        next = known + j;

        if (acme_ca_store_commit(store) == NGX_OK) {
            known = next;
        }

        if (i % 3 == 2) {
            (void) sqlite3_wal_checkpoint_v2(store->db, NULL,
                                             SQLITE_CHECKPOINT_PASSIVE, NULL,
                                             NULL);
        }
    }

    watching = 0;

    acme_ca_store_close(store);
    ngx_destroy_pool(pool);
}


/* none of what was not synced, and then some of it */

static void
moment_take(void)
{
    moment_t    *m;
    ngx_uint_t   i, some;

    for (some = 0; watching && some < 2; some++) {

        if (moments_n == RUN_MOMENTS) {
            return;
        }

        m = &moments[moments_n++];
        m->known = known;
        m->next = next;

        for (i = 0; i < DISK_FILES; i++) {
            moment_image(&disk[i], &m->images[i], some);
        }
    }
}


static void
moment_image(disk_file_t *file, disk_image_t *image, ngx_uint_t some)
{
    size_t         at, len;
    ngx_uint_t     i;
    disk_piece_t  *piece;

    ngx_memzero(image, sizeof(disk_image_t));

    image->there = file->synced.there;
    disk_apply(image, file->synced.data, file->synced.len, 0);

    for (i = 0; i < file->n; i++) {
        piece = &file->pieces[i];

        if (piece->data == NULL) {

            if (moment_is_kept(some)) {
                image->len = ngx_min(image->len, piece->at);
                image->there = 1;
            }

            continue;
        }

        for (at = 0; at < piece->len; at += len) {
            len = ngx_min(piece->len - at, DISK_SECTOR);

            if (moment_is_kept(some)) {
                disk_apply(image, piece->data + at, len, piece->at + at);
                image->there = 1;
            }
        }
    }
}


/* always the same ones */

static ngx_uint_t
moment_is_kept(ngx_uint_t some)
{
    static uint32_t  seed = 1;

    seed = seed * 1103515245 + 12345;

    return some && (seed >> 16 & 3) != 0;
}


/* the machine is on again: what is on its disk, and no shared memory */

static void
moment_restore(moment_t *m)
{
    FILE        *f;
    ngx_uint_t   i;

    fixture_remove();

    for (i = 0; i < DISK_FILES; i++) {

        if (m->images[i].there) {
            f = fopen(disk[i].name, "w");

            if (f == NULL
                || (m->images[i].len != 0
                    && fwrite(m->images[i].data, m->images[i].len, 1, f)
                       != 1))
            {
                perror(disk[i].name);
                exit(1);
            }

            (void) fclose(f);
        }

        free(m->images[i].data);
    }
}


static void
disk_register(void)
{
    real_vfs = sqlite3_vfs_find(NULL);

    disk_vfs = *real_vfs;
    disk_vfs.zName = "disk";
    disk_vfs.szOsFile = sizeof(disk_handle_t) + real_vfs->szOsFile;
    disk_vfs.xOpen = disk_open;
    disk_vfs.xDelete = disk_delete;

    (void) sqlite3_vfs_register(&disk_vfs, 1);
}


static disk_file_t *
disk_find(const char *name)
{
    ngx_uint_t  i;

    for (i = 0; i < DISK_FILES - 1 && disk[i].name[0] != '\0'; i++) {
        if (strcmp(disk[i].name, name) == 0) {
            return &disk[i];
        }
    }

    snprintf(disk[i].name, sizeof(disk[i].name), "%s", name);

    return &disk[i];
}


static void
disk_apply(disk_image_t *image, const u_char *data, size_t len, size_t at)
{
    if (len == 0) {
        return;
    }

    if (image->len < at + len) {
        image->data = realloc(image->data, at + len);
        memset(image->data + image->len, 0, at + len - image->len);
        image->len = at + len;
    }

    memcpy(image->data + at, data, len);
}


static void
disk_forget(void)
{
    ngx_uint_t  i;

    for (i = 0; i < DISK_FILES; i++) {
        disk_forget_pieces(&disk[i]);
        free(disk[i].pieces);
        free(disk[i].synced.data);
    }

    memset(disk, 0, sizeof(disk));
    moments_n = 0;
}


static void
disk_forget_pieces(disk_file_t *file)
{
    while (file->n != 0) {
        free(file->pieces[--file->n].data);
    }
}


static void
disk_note(disk_file_t *file, const void *data, size_t len, size_t at)
{
    disk_piece_t  *piece;

    if (looking) {
        return;
    }

    file->pieces = realloc(file->pieces, (file->n + 1) * sizeof(disk_piece_t));
    piece = &file->pieces[file->n++];

    piece->data = NULL;
    piece->len = len;
    piece->at = at;

    if (data != NULL) {
        piece->data = malloc(len);
        memcpy(piece->data, data, len);
    }
}


static sqlite3_file *
disk_real(sqlite3_file *file)
{
    disk_handle_t *handle = (disk_handle_t *) file;

    return handle->real;
}


static int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *out)
{
    disk_handle_t *handle = (disk_handle_t *) file;

    int  rc;

    handle->base.pMethods = NULL;
    handle->real = (sqlite3_file *) (handle + 1);
    handle->disk = (name != NULL) ? disk_find(name) : NULL;

    /* as SQLite has it for Unix */

    handle->folder = (flags & SQLITE_OPEN_CREATE)
                     && (flags & (SQLITE_OPEN_WAL|SQLITE_OPEN_MAIN_JOURNAL));

    if (handle->disk != NULL) {
        handle->disk->gone = 0;
    }

    rc = real_vfs->xOpen(real_vfs, name, handle->real, flags, out);

    if (handle->real->pMethods != NULL) {
        handle->base.pMethods = &disk_methods;
    }

    return rc;
}


/* it may be there again: SQLite does not sync the folder of all that goes */

static int
disk_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    disk_file_t  *file;

    file = disk_find(name);
    disk_note(file, NULL, 0, 0);

    file->gone = 1;

    if (sync) {
        disk_sync_folder();
    }

    return real_vfs->xDelete(real_vfs, name, 0);
}


static void
disk_sync_folder(void)
{
    ngx_uint_t  i;

    for (i = 0; i < DISK_FILES; i++) {
        if (disk[i].gone) {
            disk_forget_pieces(&disk[i]);
            disk[i].synced.there = 0;
            disk[i].synced.len = 0;
        }
    }
}


static int
disk_close(sqlite3_file *file)
{
    return disk_real(file)->pMethods->xClose(disk_real(file));
}


static int
disk_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at)
{
    return disk_real(file)->pMethods->xRead(disk_real(file), data, n, at);
}


static int
disk_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
    disk_handle_t *handle = (disk_handle_t *) file;

    if (handle->disk != NULL) {
        disk_note(handle->disk, data, n, at);
        moment_take();
    }

    return disk_real(file)->pMethods->xWrite(disk_real(file), data, n, at);
}


static int
disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    disk_handle_t *handle = (disk_handle_t *) file;

    if (handle->disk != NULL) {
        disk_note(handle->disk, NULL, 0, size);
        moment_take();
    }

    return disk_real(file)->pMethods->xTruncate(disk_real(file), size);
}


/* nothing of the real disk's time: this one knows what is on it */

static int
disk_sync(sqlite3_file *file, int flags)
{
    disk_handle_t *handle = (disk_handle_t *) file;

    ngx_uint_t     i;
    disk_file_t   *d;
    disk_piece_t  *piece;

    d = looking ? NULL : handle->disk;

    for (i = 0; d != NULL && i < d->n; i++) {
        piece = &d->pieces[i];

        if (piece->data == NULL) {
            d->synced.len = ngx_min(d->synced.len, piece->at);

        } else {
            disk_apply(&d->synced, piece->data, piece->len, piece->at);
        }
    }

    if (d != NULL) {
        disk_forget_pieces(d);
        d->synced.there = 1;

        if (handle->folder) {
            handle->folder = 0;
            disk_sync_folder();
        }

        moment_take();
    }

    return SQLITE_OK;
}


static int
disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return disk_real(file)->pMethods->xFileSize(disk_real(file), size);
}


static int
disk_lock(sqlite3_file *file, int level)
{
    return disk_real(file)->pMethods->xLock(disk_real(file), level);
}


static int
disk_unlock(sqlite3_file *file, int level)
{
    return disk_real(file)->pMethods->xUnlock(disk_real(file), level);
}


static int
disk_check(sqlite3_file *file, int *out)
{
    return disk_real(file)->pMethods->xCheckReservedLock(disk_real(file), out);
}


static int
disk_control(sqlite3_file *file, int op, void *arg)
{
    return disk_real(file)->pMethods->xFileControl(disk_real(file), op, arg);
}


static int
disk_sector(sqlite3_file *file)
{
    return DISK_SECTOR;
}


static int
disk_traits(sqlite3_file *file)
{
    return disk_real(file)->pMethods->xDeviceCharacteristics(disk_real(file));
}


static int
disk_shm_map(sqlite3_file *file, int page, int size, int extend,
    void volatile **p)
{
    return disk_real(file)->pMethods->xShmMap(disk_real(file), page, size,
                                              extend, p);
}


static int
disk_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return disk_real(file)->pMethods->xShmLock(disk_real(file), offset, n,
                                               flags);
}


static void
disk_shm_barrier(sqlite3_file *file)
{
    disk_real(file)->pMethods->xShmBarrier(disk_real(file));
}


static int
disk_shm_unmap(sqlite3_file *file, int flag)
{
    return disk_real(file)->pMethods->xShmUnmap(disk_real(file), flag);
}
