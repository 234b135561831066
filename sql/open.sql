-- script: open
-- why: what each handle needs before its first statement.  cell_size_check:
-- a damaged page is found when it is read.  secure_delete: overwrites what is
-- deleted where that costs no write of its own
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA temp_store = MEMORY;
PRAGMA secure_delete = FAST;

-- script: open_wal
-- why: the master makes the database a WAL one, once it is known to be ours.
-- auto_vacuum: of a new one only, pages can be given back a few at a time
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;

-- script: open_write
-- why: a commit that returned is on the disk.  The WAL file is kept, because
-- overwriting it costs half of growing it, but not after an unusual batch.
-- 8 MiB of cache hold the pages that random serials and key thumbprints touch
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA journal_size_limit = 16777216;
PRAGMA cache_size = -8192;

-- script: open_read
-- why: the event loop reads only.  It maps no page: every commit of another
-- handle would unmap them all, and a disk that fails would be a SIGBUS
PRAGMA query_only = ON;
PRAGMA mmap_size = 0;

-- script: version
-- why: whose database it is, before anything is believed or changed
SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
FROM pragma_application_id AS a, pragma_user_version AS v;

-- script: foreign_keys
-- why: a migration that leaves a row without its parent is not committed
SELECT count(*) FROM pragma_foreign_key_check;
