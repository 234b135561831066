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
