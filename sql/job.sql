-- name: job_add
-- why: the validation is durable before the client hears of it.  Who adds it
-- starts it: it is leased until its run_at
INSERT INTO jobs
    (authz_id, type, attempts, run_at, lease_until, deadline_at,
     client_address, request_id, account_url, owner)
VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: job_claim
-- why: what a worker left behind is taken by exactly one other.  Times that are
-- too far ahead, after ?2 and ?3, are of a clock that was set back
UPDATE jobs SET lease_until = ?4, owner = ?6
WHERE (authz_id, type) IN (SELECT authz_id, type FROM jobs
                           WHERE run_at NOT BETWEEN ?1 + 1 AND ?2
                                 AND lease_until NOT BETWEEN ?1 + 1 AND ?3
                           ORDER BY run_at LIMIT ?5)
RETURNING authz_id, type;

-- name: job_get
-- why: all that a validation needs.  The key is the account's current one
SELECT j.authz_id, j.type, a.account_id, a.identifier_type, a.identifier,
       a.wildcard, c.token, k.thumbprint, j.attempts, j.deadline_at,
       j.client_address, j.request_id, j.account_url
FROM jobs AS j
CROSS JOIN acme_challenges AS c ON c.authz_id = j.authz_id AND c.type = j.type
CROSS JOIN acme_authorizations AS a ON a.id = j.authz_id
CROSS JOIN acme_accounts AS k ON k.id = a.account_id
WHERE j.authz_id = ?1 AND j.type = ?2;

-- name: job_find_due
-- why: a worker's timer looks before it takes the write lock
SELECT EXISTS (SELECT 1 FROM jobs
               WHERE run_at NOT BETWEEN ?1 + 1 AND ?2
                     AND lease_until NOT BETWEEN ?1 + 1 AND ?3);

-- name: job_set_retry
-- why: the next attempt may be made by any worker; why this one failed
UPDATE jobs SET attempts = ?3, run_at = ?4, lease_until = 0, last_error = ?5
WHERE authz_id = ?1 AND type = ?2;

-- name: job_remove
-- why: the one who removes it is the one whose verdict counts
DELETE FROM jobs WHERE authz_id = ?1 AND type = ?2;

-- name: job_remove_authz
-- why: RFC 8555, 7.5.2: nobody asks for a deactivated authorization
DELETE FROM jobs WHERE authz_id = ?1;

-- name: job_page
-- why: as account_page, of both queues.  An id has the object's, and in its last
-- four bits what is to be done: the type of a challenge, 6: sign for an order,
-- 14: tell of a revocation.  A page needs no more of each queue than it looks at
SELECT k.id, CASE WHEN (?2 IS NULL
          OR ?2 = iif(a.wildcard, '*.', '') || a.identifier
          OR EXISTS (SELECT 1 FROM acme_order_identifiers AS n
                     WHERE n.order_id = s.order_id
                           AND ?2 = iif(n.wildcard, '*.', '') || n.identifier)
          OR EXISTS (SELECT 1 FROM acme_certificate_names AS n
                     WHERE n.name = ?2
                           AND n.certificate_id = s.certificate_id))
         AND (?4 IS NULL
              OR ?4 = CASE k.id & 15 WHEN 6 THEN 'issue' WHEN 14 THEN 'done'
                      ELSE 'test-challenge' END)
    THEN json_patch('{}', json_object(
        'id', k.id,
        'kind', CASE k.id & 15 WHEN 6 THEN 'issue' WHEN 14 THEN 'done'
                ELSE 'test-challenge' END,
        'type', json_extract('["http-01","tls-alpn-01","dns-01",'
                    || '"dns-account-01","dns-persist-01"]',
                    '$[' || j.type || ']'),
        'state', iif(coalesce(j.lease_until, s.lease_until) > ?3, 'running',
                     'waiting'),
        'names', json(CASE k.id & 15
            WHEN 6 THEN (SELECT json_group_array(iif(n.wildcard, '*.', '')
                                                 || n.identifier)
                         FROM acme_order_identifiers AS n
                         WHERE n.order_id = s.order_id)
            WHEN 14 THEN (SELECT json_group_array(substr(n.value,
                                     instr(n.value, ':') + 1))
                          FROM acme_certificates AS c,
                               json_each(iif(c.sans = '', '[]', '["'
                                   || replace(c.sans, ' ', '","') || '"]'))
                               AS n
                          WHERE c.id = s.certificate_id)
            ELSE json_array(iif(a.wildcard, '*.', '') || a.identifier) END),
        'account', coalesce(a.account_id, s.account_id),
        'authorization', j.authz_id,
        'order', s.order_id,
        'certificate', (SELECT lower(hex(c.serial)) FROM acme_certificates AS c
                        WHERE c.id = s.certificate_id),
        'attempts', coalesce(j.attempts, s.attempts),
        'last_error', coalesce(j.last_error, s.last_error),
        'age', max(?3 - coalesce(a.created_at, s.created_at), 0),
        'run_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                           coalesce(j.run_at, s.run_at), 'unixepoch'),
        'leased_until', strftime('%Y-%m-%dT%H:%M:%SZ',
                                 nullif(coalesce(j.lease_until, s.lease_until),
                                        0), 'unixepoch'),
        'deadline_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                                coalesce(j.deadline_at, s.deadline_at),
                                'unixepoch'),
        'client_address', coalesce(j.client_address, s.client_address),
        'request_id', coalesce(j.request_id, s.request_id)))
    END
FROM (SELECT * FROM (SELECT authz_id * 16 + type AS id, authz_id, type,
                            NULL AS signing
                     FROM jobs WHERE (authz_id, type) < (?1 / 16, ?1 % 16)
                     ORDER BY authz_id DESC, type DESC LIMIT ?5)
      UNION ALL
      SELECT * FROM (SELECT id * 8 + 6, NULL, NULL, id
                     FROM acme_signer_jobs WHERE id <= (?1 - 7) / 8
                     ORDER BY id DESC LIMIT ?5)
      ORDER BY id DESC LIMIT ?5) AS k
LEFT JOIN jobs AS j ON j.authz_id = k.authz_id AND j.type = k.type
LEFT JOIN acme_authorizations AS a ON a.id = k.authz_id
LEFT JOIN acme_signer_jobs AS s ON s.id = k.signing;

-- name: job_list_queues
-- why: how many wait for what, since when, how often in vain.  An authorization
-- that nobody answered has no job: its client has to
SELECT q.id, json_patch('{}', json_object(
    'kind', q.kind, 'depth', q.depth, 'running', q.running,
    'age', max(?1 - q.since, 0), 'attempts', q.attempts,
    'last_error', q.error))
FROM (
    SELECT 1 AS id, 'make-challenge' AS kind,
           max(?2 - (SELECT count(*) FROM jobs), 0) AS depth, NULL AS running,
           NULL AS since, NULL AS attempts, NULL AS error
    UNION ALL
    SELECT 2, 'test-challenge', count(*),
           count(*) FILTER (WHERE lease_until > ?1),
           (SELECT a.created_at FROM acme_authorizations AS a
            WHERE a.id = (SELECT min(m.authz_id) FROM jobs AS m)),
           max(attempts),
           (SELECT e.last_error FROM jobs AS e WHERE e.last_error IS NOT NULL
            ORDER BY e.authz_id DESC, e.type DESC LIMIT 1)
    FROM jobs
    UNION ALL
    SELECT k.id, k.kind, count(s.id),
           count(s.id) FILTER (WHERE s.lease_until > ?1), min(s.created_at),
           max(s.attempts),
           (SELECT e.last_error FROM acme_signer_jobs AS e
            WHERE e.last_error IS NOT NULL AND (e.order_id IS NULL) = k.told
            ORDER BY e.id DESC LIMIT 1)
    FROM (SELECT 3 AS id, 'issue' AS kind, 0 AS told
          UNION ALL SELECT 4, 'done', 1) AS k
    LEFT JOIN acme_signer_jobs AS s ON (s.order_id IS NULL) = k.told
    GROUP BY k.id) AS q
ORDER BY q.id;

-- name: job_set_due
-- why: the operator does not wait for the next attempt; it has a minute
UPDATE jobs
SET run_at = ?3, lease_until = 0, deadline_at = max(deadline_at, ?3 + 60)
WHERE authz_id = ?1 AND type = ?2;
