-- name: begin
-- why: IMMEDIATE takes the write lock at once: no upgrade that could fail later
BEGIN IMMEDIATE;

-- name: begin_read
-- why: DEFERRED takes no lock: the first read does, and the others share it
BEGIN DEFERRED;

-- name: commit
-- why: one sync for the whole batch
COMMIT;

-- name: rollback
-- why: nothing of the batch happened
ROLLBACK;

-- name: savepoint
-- why: one request of a batch fails alone
SAVEPOINT request;

-- name: release
-- why: the request's rows become the batch's
RELEASE request;

-- name: rollback_to
-- why: undoes a request; its savepoint is released afterwards
ROLLBACK TO request;

-- name: meta_add
-- why: the key of the opaque ids is made with the database
INSERT INTO acme_ca_meta (id, id_key, created_at)
VALUES (1, ?1, CAST(strftime('%s', 'now') AS INTEGER));

-- name: meta_get_key
-- why: every handle enciphers ids with the same key
SELECT id_key FROM acme_ca_meta WHERE id = 1;

-- name: meta_set_signer
-- why: the operator's tool tells the signer of what it revokes, as the workers do
UPDATE acme_ca_meta SET signer_deadline = ?1
WHERE id = 1 AND signer_deadline <> ?1;

-- name: meta_get_start
-- why: what the start that is being written down follows
SELECT start_after FROM acme_ca_meta WHERE id = 1;

-- name: meta_set_start
-- why: what the next start will follow
UPDATE acme_ca_meta SET start_after = ?1 WHERE id = 1;
