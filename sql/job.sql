-- name: job_add
-- why: the validation is durable before the client hears of it.  Who adds it
-- starts it: it is leased until its run_at
INSERT INTO jobs
    (authz_id, type, attempts, run_at, lease_until, deadline_at,
     client_address, request_id, account_url)
VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8);

-- name: job_claim
-- why: what a worker left behind is taken by exactly one other
UPDATE jobs SET lease_until = ?2
WHERE (authz_id, type) IN (SELECT authz_id, type FROM jobs
                           WHERE run_at <= ?1 AND lease_until <= ?1
                           ORDER BY run_at LIMIT ?3)
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
SELECT EXISTS (SELECT 1 FROM jobs WHERE run_at <= ?1 AND lease_until <= ?1);

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
-- why: as account_page
SELECT j.authz_id * 16 + j.type, CASE WHEN (?2 IS NULL
          OR ?2 = iif(a.wildcard, '*.', '') || a.identifier)
    THEN json_patch('{}', json_object(
        'id', j.authz_id * 16 + j.type,
        'kind', 'validation',
        'type', json_extract('["http-01","tls-alpn-01","dns-01",'
                    || '"dns-account-01","dns-persist-01"]',
                    '$[' || j.type || ']'),
        'state', iif(j.lease_until > ?3, 'running', 'waiting'),
        'name', iif(a.wildcard, '*.', '') || a.identifier,
        'account', a.account_id,
        'authorization', j.authz_id,
        'attempts', j.attempts,
        'last_error', j.last_error,
        'age', max(?3 - a.created_at, 0),
        'run_at', strftime('%Y-%m-%dT%H:%M:%SZ', j.run_at, 'unixepoch'),
        'leased_until', strftime('%Y-%m-%dT%H:%M:%SZ',
                                 nullif(j.lease_until, 0), 'unixepoch'),
        'deadline_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                                j.deadline_at, 'unixepoch'),
        'client_address', j.client_address,
        'request_id', j.request_id))
    END
FROM jobs AS j
CROSS JOIN acme_authorizations AS a ON a.id = j.authz_id
WHERE (j.authz_id, j.type) < (?1 / 16, ?1 % 16)
ORDER BY j.authz_id DESC, j.type DESC;

-- name: job_set_due
-- why: the operator does not wait for the next attempt; it has a minute
UPDATE jobs
SET run_at = ?3, lease_until = 0, deadline_at = max(deadline_at, ?3 + 60)
WHERE authz_id = ?1 AND type = ?2;
