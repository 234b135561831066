-- name: audit_add
-- why: who did what and how it ended, in the transaction that did it
INSERT INTO acme_audit_logs
    (at, actor, action, outcome, reason, details, account_id, order_id,
     authz_id, challenge_id, certificate_id, client_address, user_agent,
     request_id, id, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16);

-- name: audit_get_last
-- why: each row continues the chain of the one before
SELECT id, coalesce(hash, '') FROM acme_audit_logs
WHERE id > 0 ORDER BY id DESC LIMIT 1;

-- name: audit_get_open
-- why: the first row that is not chained yet; there is one seldom
SELECT coalesce(min(id), 0) FROM acme_audit_logs WHERE hash IS NULL;

-- name: audit_get_content
-- why: what is hashed of a row that others added; one that ends the chain for
-- good, because its number is missing, is not there
SELECT content FROM acme_audit_contents WHERE id = ?1;

-- name: audit_get_hash
-- why: what the first of them continues; what was sealed has its checkpoint
SELECT hash FROM acme_audit_logs WHERE id = ?1 AND hash IS NOT NULL
UNION ALL
SELECT hash FROM acme_audit_checkpoints WHERE id = ?1
LIMIT 1;

-- name: audit_set_hash
-- why: once
UPDATE acme_audit_logs SET hash = ?2 WHERE id = ?1 AND hash IS NULL;

-- name: audit_list
-- why: what was chained for others, for the log file
SELECT id, at, actor, action, outcome, reason, details, account_id, order_id,
       authz_id, challenge_id, certificate_id, client_address, user_agent,
       request_id, hash
FROM acme_audit_logs WHERE id >= ?1 AND id <= ?2 ORDER BY id;

-- name: audit_get_state
-- why: how far the log is chained and signed
SELECT coalesce((SELECT max(id) FROM acme_audit_logs), 0),
       coalesce((SELECT min(id) FROM acme_audit_logs WHERE hash IS NULL), 0),
       coalesce((SELECT max(id) FROM acme_audit_checkpoints), 0),
       coalesce((SELECT at FROM acme_audit_checkpoints
                 ORDER BY id DESC LIMIT 1), 0),
       (SELECT max(audit_sealed) FROM acme_ca_meta);

-- name: audit_add_checkpoint
-- why: nobody who lacks the key can write another log up to here
INSERT INTO acme_audit_checkpoints (id, at, hash, key_id, signature)
VALUES (?1, ?2, ?3, ?4, ?5);

-- name: audit_page
-- why: as account_page
SELECT l.id, CASE WHEN (?2 IS NULL OR l.action = ?2)
         AND (?3 IS NULL OR l.outcome = ?3)
         AND (?4 IS NULL OR l.actor = ?4)
         AND (?5 IS NULL OR l.account_id = ?5)
         AND (?6 IS NULL OR l.authz_id = ?6)
         AND (?7 IS NULL
              OR ?7 = (SELECT n.identifier FROM acme_authorizations AS n
                       WHERE n.id = l.authz_id))
    THEN json_patch('{}', json_object(
        'id', l.id,
        'at', strftime('%Y-%m-%dT%H:%M:%SZ', l.at, 'unixepoch'),
        'actor', l.actor,
        'action', l.action,
        'outcome', l.outcome,
        'reason', l.reason,
        'details', json(l.details),
        'account', l.account_id,
        'order', l.order_id,
        'authorization', l.authz_id,
        'name', (SELECT iif(a.wildcard, '*.', '') || a.identifier
                 FROM acme_authorizations AS a WHERE a.id = l.authz_id),
        'certificate', (SELECT lower(hex(c.serial)) FROM acme_certificates AS c
                        WHERE c.id = l.certificate_id),
        'client_address', l.client_address,
        'user_agent', l.user_agent,
        'request_id', l.request_id,
        'hash', nullif(lower(hex(l.hash)), '')))
    END
FROM acme_audit_logs AS l WHERE l.id < ?1 ORDER BY l.id DESC;
