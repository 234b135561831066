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
         AND (?8 IS NULL OR l.at >= ?8)
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

-- name: audit_list_lines
-- why: what is hashed of a row, and its hash: the same as the tool exports
SELECT id, '{"id":' || id ||
       ',"at":"' || strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') || '"' ||
       ',"actor":' || json_quote(actor) ||
       ',"action":' || json_quote(action) ||
       ',"outcome":"' || outcome || '"' ||
       iif(reason IS NULL, '', ',"reason":' || json_quote(reason)) ||
       iif(details IS NULL, '', ',"details":' || details) ||
       iif(account_id IS NULL, '', ',"account_id":' || account_id) ||
       iif(order_id IS NULL, '', ',"order_id":' || order_id) ||
       iif(authz_id IS NULL, '', ',"authz_id":' || authz_id) ||
       iif(challenge_id IS NULL, '', ',"challenge_id":' || challenge_id) ||
       iif(certificate_id IS NULL, '',
           ',"certificate_id":' || certificate_id) ||
       iif(client_address IS NULL, '',
           ',"client_address":' || json_quote(client_address)) ||
       iif(user_agent IS NULL, '',
           ',"user_agent":' || json_quote(user_agent)) ||
       iif(request_id IS NULL, '',
           ',"request_id":' || json_quote(request_id)) ||
       iif(hash IS NULL, '', ',"hash":"' || lower(hex(hash)) || '"') ||
       '}'
FROM acme_audit_logs WHERE id > ?1 ORDER BY id;

-- name: audit_checkpoint_page
-- why: as account_page: what was signed
SELECT c.id, json_object(
        'id', c.id,
        'at', strftime('%Y-%m-%dT%H:%M:%SZ', c.at, 'unixepoch'),
        'hash', lower(hex(c.hash)),
        'key', lower(hex(c.key_id)),
        'signature', lower(hex(c.signature)))
FROM acme_audit_checkpoints AS c WHERE c.id < ?1 ORDER BY c.id DESC;

-- name: audit_get_sealing
-- why: whether a checkpoint is there, and whether its rows were told
SELECT EXISTS (SELECT 1 FROM acme_audit_checkpoints WHERE id = ?1),
       NOT EXISTS (SELECT 1 FROM acme_event_hooks WHERE log_id < ?1);

-- name: audit_set_sealed
-- why: from now on rows up to it may be removed
UPDATE acme_ca_meta SET audit_sealed = ?1 WHERE id = 1 AND audit_sealed < ?1;

-- name: audit_remove_sealed
-- why: some at a time
DELETE FROM acme_audit_logs
WHERE id IN (SELECT id FROM acme_audit_logs WHERE id <= ?1
             ORDER BY id LIMIT ?2);
