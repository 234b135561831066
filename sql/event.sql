-- name: event_list
-- why: the log behind a hook's place, and what of it is an event that the hook
-- wants.  One that it does not want has no document.  Checkpoints are no rows
-- of the log and follow the row that they are of.  A nonce that is too old is
-- every client's daily bread, an attempt that is followed by another no refusal
SELECT l.id, 0, l.at, l.type, CASE WHEN instr(?3, ' ' || l.type || ' ')
    THEN json_patch('{}', json_object(
        'action', l.action,
        'actor', l.actor,
        'outcome', l.outcome,
        'reason', l.reason,
        'account', l.account_id,
        'eab', (SELECT e.label FROM acme_accounts AS a
                JOIN acme_eab_credentials AS e ON e.id = a.eab_id
                WHERE a.id = l.account_id),
        'order', l.order_id,
        'names', CASE
            WHEN l.certificate_id IS NOT NULL THEN NULL
            WHEN l.order_id IS NOT NULL THEN
                (SELECT json_group_array(i.identifier_type || ':' ||
                                         iif(i.wildcard, '*.', '') ||
                                         i.identifier)
                 FROM acme_order_identifiers AS i
                 WHERE i.order_id = l.order_id)
            WHEN l.authz_id IS NOT NULL THEN
                (SELECT json_array(z.identifier_type || ':' ||
                                   iif(z.wildcard, '*.', '') || z.identifier)
                 FROM acme_authorizations AS z WHERE z.id = l.authz_id)
            END,
        'certificate', (SELECT json_object(
                'serial', lower(hex(c.serial)),
                'fingerprint', lower(hex(c.fingerprint)),
                'names', json('["' || replace(c.sans, ' ', '","') || '"]'),
                'profile', c.profile,
                'key_type', c.key_type,
                'issuer', (SELECT i.name FROM issuers AS i
                           WHERE i.id = c.issuer_id),
                'not_before', strftime('%Y-%m-%dT%H:%M:%SZ',
                                       c.not_before, 'unixepoch'),
                'not_after', strftime('%Y-%m-%dT%H:%M:%SZ',
                                      c.not_after, 'unixepoch'),
                'replaces', (SELECT lower(hex(p.serial))
                             FROM acme_orders AS o
                             JOIN acme_certificates AS p
                                 ON p.id = o.replaces_id
                             WHERE o.id = c.order_id),
                'revoked_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                                       c.revoked_at, 'unixepoch'),
                'revocation_reason', c.revocation_reason)
            FROM acme_certificates AS c WHERE c.id = l.certificate_id),
        'client_address', l.client_address,
        'request_id', l.request_id,
        'details', iif(l.type = 'issued', NULL, json(l.details))))
    END
FROM (SELECT *,
        CASE outcome
        WHEN 'done' THEN
            CASE action
            WHEN 'issue' THEN 'issued'
            WHEN 'revoke' THEN 'revoked'
            WHEN 'certificate-revoke' THEN 'revoked'
            WHEN 'unrevoke' THEN 'unrevoked'
            WHEN 'renewal-late' THEN 'renewal_late'
            WHEN 'expiring' THEN 'expiring'
            WHEN 'expired' THEN 'expired'
            WHEN 'not-fetched' THEN 'not_fetched'
            WHEN 'issuer-expiring' THEN 'issuer_expiring'
            WHEN 'issuer-next' THEN 'issuer'
            WHEN 'issuer-active' THEN 'issuer'
            WHEN 'issuer-retired' THEN 'issuer'
            WHEN 'issuer-compromised' THEN 'issuer'
            END
        ELSE
            CASE iif(reason LIKE 'badNonce: %', '', action || ' ' || outcome)
            WHEN 'issue refused' THEN 'refused'
            WHEN 'issue failed' THEN 'refused'
            WHEN 'new-order refused' THEN 'refused'
            WHEN 'new-authz refused' THEN 'refused'
            WHEN 'new-account refused' THEN 'refused'
            WHEN 'finalize refused' THEN 'refused'
            WHEN 'validate failed' THEN
                iif(details ->> 'next_at' IS NULL, 'refused', NULL)
            END
        END AS type
      FROM acme_audit_logs WHERE id > ?1) AS l
UNION ALL
SELECT k.id, 1, k.at, 'checkpoint', CASE WHEN instr(?3, ' checkpoint ')
    THEN json_object('checkpoint', json_object(
        'row', k.id,
        'hash', lower(hex(k.hash)),
        'key', lower(hex(k.key_id)),
        'signature', lower(hex(k.signature))))
    END
FROM acme_audit_checkpoints AS k WHERE k.id > ?2
ORDER BY 1;

-- name: event_hook_set
-- why: a new hook begins at the end of the log, a known one where it was
INSERT INTO acme_event_hooks
    (uri, types, log_id, checkpoint_id, delivered, attempts, run_at,
     lease_until, created_at)
VALUES (?1, ?2, coalesce((SELECT max(id) FROM acme_audit_logs), 0),
        coalesce((SELECT max(id) FROM acme_audit_checkpoints), 0), 0, 0, 0, 0,
        ?3)
ON CONFLICT (uri) DO UPDATE SET types = excluded.types;

-- name: event_hook_remove
-- why: nobody waits any more for what the configuration does not name
DELETE FROM acme_event_hooks WHERE id = ?1;

-- name: event_hook_list
-- why: few rows: all that the timer of a worker asks for
SELECT id, uri, log_id, checkpoint_id, attempts, run_at, lease_until
FROM acme_event_hooks;

-- name: event_hook_claim
-- why: two workers do not tell the same, and none what was told meanwhile.  ?4:
-- the lease that was found to be over
UPDATE acme_event_hooks SET lease_until = ?5, owner = ?6
WHERE id = ?1 AND log_id = ?2 AND checkpoint_id = ?3 AND lease_until = ?4;

-- name: event_hook_set_delivered
-- why: the place moves when the receiver has it.  Whoever lost the lease does
-- not move it back
UPDATE acme_event_hooks
SET log_id = ?4, checkpoint_id = ?5, delivered = delivered + ?6, attempts = 0,
    run_at = 0, lease_until = ?8, delivered_at = ?7, error = NULL
WHERE id = ?1 AND log_id = ?2 AND checkpoint_id = ?3;

-- name: event_hook_set_passed
-- why: what it does not want is behind it
UPDATE acme_event_hooks SET log_id = ?4, checkpoint_id = ?5, lease_until = 0
WHERE id = ?1 AND log_id = ?2 AND checkpoint_id = ?3;

-- name: event_hook_set_failed
-- why: it is told again, by any worker, and the operator knows why
UPDATE acme_event_hooks
SET attempts = attempts + 1, run_at = ?4, lease_until = 0, failed_at = ?5,
    error = ?6
WHERE id = ?1 AND log_id = ?2 AND checkpoint_id = ?3;

-- name: event_hook_page
-- why: as account_page
SELECT h.id, CASE WHEN (?2 IS NULL OR h.uri = ?2)
    THEN json_patch('{}', json_object(
        'id', h.id,
        'uri', h.uri,
        'types', json('["' || replace(trim(h.types), ' ', '","') || '"]'),
        'row', h.log_id,
        'checkpoint', h.checkpoint_id,
        'behind', max(coalesce((SELECT max(id) FROM acme_audit_logs), 0)
                      - h.log_id, 0),
        'behind_since', (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', l.at, 'unixepoch')
                         FROM acme_audit_logs AS l WHERE l.id > h.log_id
                         ORDER BY l.id LIMIT 1),
        'delivered', h.delivered,
        'attempts', h.attempts,
        'next_at', strftime('%Y-%m-%dT%H:%M:%SZ', nullif(h.run_at, 0),
                            'unixepoch'),
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', h.created_at, 'unixepoch'),
        'delivered_at',
            strftime('%Y-%m-%dT%H:%M:%SZ', h.delivered_at, 'unixepoch'),
        'failed_at', strftime('%Y-%m-%dT%H:%M:%SZ', h.failed_at, 'unixepoch'),
        'error', h.error))
    END
FROM acme_event_hooks AS h WHERE h.id < ?1 ORDER BY h.id DESC;

-- name: event_hook_list_lags
-- why: for the metrics: rows of the log behind a hook's place, and since when
-- the first of them is there
SELECT h.uri, max(coalesce((SELECT max(id) FROM acme_audit_logs), 0)
                  - h.log_id, 0),
       coalesce((SELECT l.at FROM acme_audit_logs AS l WHERE l.id > h.log_id
                 ORDER BY l.id LIMIT 1), 0),
       h.attempts, h.delivered
FROM acme_event_hooks AS h ORDER BY h.id;

-- name: event_hook_set_due
-- why: the operator does not wait for the end of a pause
UPDATE acme_event_hooks SET run_at = 0 WHERE id = ?1;
