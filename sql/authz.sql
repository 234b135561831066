-- name: authz_add
-- why: RFC 8555, 7.1.4
INSERT INTO acme_authorizations
    (account_id, identifier_type, identifier, wildcard, status, created_at,
     expires_at, updated_at, subdomains, trusted_by, token_seed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?8, ?9, ?10);

-- name: authz_find
-- why: each poll of an authorization
SELECT id, account_id, identifier_type, identifier, wildcard, status,
       created_at, expires_at, subdomains, trusted_by, token_seed
FROM acme_authorizations WHERE id = ?1;

-- name: authz_find_valid
-- why: RFC 8555, 7.4: a new order may use what was proven already; the one that
-- lasts longest.  Trust is of one order only.  status = 'valid' must stand here for the partial index
SELECT id FROM acme_authorizations
WHERE account_id = ?1 AND identifier_type = ?2 AND identifier = ?3
      AND wildcard = ?4 AND status = 'valid' AND expires_at > ?5
      AND subdomains >= ?6 AND trusted_by IS NULL
ORDER BY expires_at DESC LIMIT 1;

-- name: authz_find_ancestor
-- why: RFC 9444: a domain that was proven answers for the names below it, whole
-- labels only.  status and subdomains must stand here for the partial index
SELECT id FROM acme_authorizations
WHERE account_id = ?1 AND status = 'valid' AND subdomains = 1
      AND expires_at > ?3
      AND substr(?2, -length(identifier) - 1) = '.' || identifier
ORDER BY expires_at DESC LIMIT 1;

-- name: authz_set_status
-- why: RFC 8555, 7.1.6
UPDATE acme_authorizations
SET status = ?3, expires_at = coalesce(?4, expires_at), updated_at = ?5
WHERE id = ?1 AND status = ?2;

-- name: authz_page
-- why: as account_page
SELECT a.id, CASE WHEN (?2 IS NULL OR a.status = ?2)
         AND (?3 IS NULL OR a.account_id = ?3)
         AND (?4 IS NULL
              OR iif(a.wildcard, '*.', '') || a.identifier = ?4)
    THEN json_patch('{}', json_object(
        'id', a.id,
        'status', a.status,
        'account', a.account_id,
        'type', a.identifier_type,
        'name', iif(a.wildcard, '*.', '') || a.identifier,
        'subdomains', json(iif(a.subdomains, 'true', 'false')),
        'trusted_by', a.trusted_by,
        'challenges', (SELECT json_group_array(json_patch('{}', json_object(
                'type', json_extract('["http-01","tls-alpn-01","dns-01",'
                                || '"dns-account-01","dns-persist-01"]',
                                '$[' || c.type || ']'),
                'status', c.status,
                'validated_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                                         c.validated_at, 'unixepoch'),
                'error', json(c.error))))
            FROM acme_challenges AS c WHERE c.authz_id = a.id),
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', a.created_at, 'unixepoch'),
        'expires_at', strftime('%Y-%m-%dT%H:%M:%SZ', a.expires_at, 'unixepoch'),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                               a.updated_at, 'unixepoch')))
    END
FROM acme_authorizations AS a WHERE a.id < ?1 ORDER BY a.id DESC;
