
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What a commit appends to the WAL file is one write: SQLite writes the head of
 * each page and each page for itself.  A VFS that is the default one but for
 * WAL files: what is appended is kept until the page that ends a commit, or
 * until anything else is asked of the file.  So nothing is kept that SQLite
 * tells other processes of, and what is lost with this one no commit had.
 */


#include "acme_ca_store_private.h"


#define ACME_CA_WAL_KEPT    131072

/* https://www.sqlite.org/fileformat2.html, 4.1 */
#define ACME_CA_WAL_HEAD    24
#define ACME_CA_WAL_COMMIT  4       /* not zero: this page ends one */


/* lies behind what the default VFS keeps of a file */
typedef struct {
    const sqlite3_io_methods  *real;
    sqlite3_io_methods         methods;
    u_char                    *data;
    size_t                     len;
    sqlite3_int64              at;          /* of data, in the file */
    unsigned                   commit:1;    /* the head of its last page was
                                               written */
} acme_ca_wal_t;


static int acme_ca_wal_open(sqlite3_vfs *vfs, const char *name,
    sqlite3_file *file, int flags, int *out);
static int acme_ca_wal_close(sqlite3_file *file);
static int acme_ca_wal_read(sqlite3_file *file, void *data, int n,
    sqlite3_int64 at);
static int acme_ca_wal_write(sqlite3_file *file, const void *data, int n,
    sqlite3_int64 at);
static ngx_uint_t acme_ca_wal_is_commit(const u_char *head);
static int acme_ca_wal_truncate(sqlite3_file *file, sqlite3_int64 size);
static int acme_ca_wal_sync(sqlite3_file *file, int flags);
static int acme_ca_wal_size(sqlite3_file *file, sqlite3_int64 *size);
static int acme_ca_wal_flush(sqlite3_file *file);
static acme_ca_wal_t *acme_ca_wal_of(sqlite3_file *file);
static size_t acme_ca_wal_offset(void);


static sqlite3_vfs   acme_ca_wal_vfs;
static sqlite3_vfs  *acme_ca_wal_real;


const char *
acme_ca_store_wal_vfs(void)
{
    if (acme_ca_wal_real == NULL) {
        acme_ca_wal_real = sqlite3_vfs_find(NULL);

        acme_ca_wal_vfs = *acme_ca_wal_real;
        acme_ca_wal_vfs.zName = "acme-ca-wal";
        acme_ca_wal_vfs.szOsFile = (int) (acme_ca_wal_offset()
                                          + sizeof(acme_ca_wal_t));
        acme_ca_wal_vfs.xOpen = acme_ca_wal_open;
    }

    /* does nothing where it is one already */

    return (sqlite3_vfs_register(&acme_ca_wal_vfs, 0) == SQLITE_OK)
           ? acme_ca_wal_vfs.zName : NULL;
}


static int
acme_ca_wal_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
    int flags, int *out)
{
    int             rc;
    acme_ca_wal_t  *wal;

    rc = acme_ca_wal_real->xOpen(acme_ca_wal_real, name, file, flags, out);

    /* elsewhere pages follow that one, to fill the disk's sector */

    if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_WAL)
        || !(file->pMethods->xDeviceCharacteristics(file)
             & SQLITE_IOCAP_POWERSAFE_OVERWRITE))
    {
        return rc;
    }

    wal = acme_ca_wal_of(file);
    ngx_memzero(wal, sizeof(acme_ca_wal_t));

    wal->data = sqlite3_malloc(ACME_CA_WAL_KEPT);

    /* without memory it is written as it comes */

    if (wal->data) {
        wal->real = file->pMethods;
        wal->methods = *wal->real;

        wal->methods.xClose = acme_ca_wal_close;
        wal->methods.xRead = acme_ca_wal_read;
        wal->methods.xWrite = acme_ca_wal_write;
        wal->methods.xTruncate = acme_ca_wal_truncate;
        wal->methods.xSync = acme_ca_wal_sync;
        wal->methods.xFileSize = acme_ca_wal_size;

        file->pMethods = &wal->methods;
    }

    return SQLITE_OK;
}


static int
acme_ca_wal_close(sqlite3_file *file)
{
    acme_ca_wal_t  *wal;

    wal = acme_ca_wal_of(file);

    sqlite3_free(wal->data);
    file->pMethods = wal->real;

    return file->pMethods->xClose(file);
}


static int
acme_ca_wal_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at)
{
    int  rc;

    rc = acme_ca_wal_flush(file);

    return (rc == SQLITE_OK)
           ? acme_ca_wal_of(file)->real->xRead(file, data, n, at) : rc;
}


static int
acme_ca_wal_write(sqlite3_file *file, const void *data, int n,
    sqlite3_int64 at)
{
    int             rc;
    ngx_uint_t      ends;
    acme_ca_wal_t  *wal;

    rc = SQLITE_OK;
    wal = acme_ca_wal_of(file);

    if (at != wal->at + (sqlite3_int64) wal->len
        || wal->len + n > ACME_CA_WAL_KEPT)
    {
        rc = acme_ca_wal_flush(file);
        wal->at = at;
    }

    if (rc != SQLITE_OK) {
        return rc;
    }

    if (n > ACME_CA_WAL_KEPT) {
        return wal->real->xWrite(file, data, n, at);
    }

    ends = wal->commit;
    wal->commit = (n == ACME_CA_WAL_HEAD && acme_ca_wal_is_commit(data));

    ngx_memcpy(wal->data + wal->len, data, n);
    wal->len += n;

    return ends ? acme_ca_wal_flush(file) : SQLITE_OK;
}


static ngx_uint_t
acme_ca_wal_is_commit(const u_char *head)
{
    size_t  i;

    for (i = 0; i < 4; i++) {
        if (head[ACME_CA_WAL_COMMIT + i] != 0) {
            return 1;
        }
    }

    return 0;
}


static int
acme_ca_wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int  rc;

    rc = acme_ca_wal_flush(file);

    return (rc == SQLITE_OK)
           ? acme_ca_wal_of(file)->real->xTruncate(file, size) : rc;
}


static int
acme_ca_wal_sync(sqlite3_file *file, int flags)
{
    int  rc;

    rc = acme_ca_wal_flush(file);

    return (rc == SQLITE_OK)
           ? acme_ca_wal_of(file)->real->xSync(file, flags) : rc;
}


static int
acme_ca_wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int  rc;

    rc = acme_ca_wal_flush(file);

    return (rc == SQLITE_OK)
           ? acme_ca_wal_of(file)->real->xFileSize(file, size) : rc;
}


/* what cannot be written is not tried again: its commit fails */

static int
acme_ca_wal_flush(sqlite3_file *file)
{
    size_t          len;
    sqlite3_int64   at;
    acme_ca_wal_t  *wal;

    wal = acme_ca_wal_of(file);

    at = wal->at;
    len = wal->len;

    wal->at += len;
    wal->len = 0;
    wal->commit = 0;

    return len ? wal->real->xWrite(file, wal->data, (int) len, at)
               : SQLITE_OK;
}


static acme_ca_wal_t *
acme_ca_wal_of(sqlite3_file *file)
{
    return (acme_ca_wal_t *) ((u_char *) file + acme_ca_wal_offset());
}


static size_t
acme_ca_wal_offset(void)
{
    return ngx_align(acme_ca_wal_real->szOsFile, sizeof(sqlite3_int64));
}
