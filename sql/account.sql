-- name: account_add
-- why: RFC 8555, 7.3: UNIQUE (thumbprint) decides between two that come at once
INSERT INTO acme_accounts
    (status, thumbprint, jwk, contact, terms_agreed_at, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6);

-- name: account_find
-- why: each request signed with a kid
SELECT id, status, thumbprint, jwk, contact, terms_agreed_at, created_at
FROM acme_accounts WHERE id = ?1;

-- name: account_find_key
-- why: RFC 8555, 7.3.1: the account of a key
SELECT id, status, thumbprint, jwk, contact, terms_agreed_at, created_at
FROM acme_accounts WHERE thumbprint = ?1;

-- name: account_set_contact
-- why: RFC 8555, 7.3.2; terms that were agreed to stay agreed to
UPDATE acme_accounts
SET contact = ?2, terms_agreed_at = coalesce(?3, terms_agreed_at),
    updated_at = ?4
WHERE id = ?1 AND status = 'valid';

-- name: account_set_status
-- why: RFC 8555, 7.3.6
UPDATE acme_accounts SET status = ?3, updated_at = ?4
WHERE id = ?1 AND status = ?2;

-- name: account_set_key
-- why: RFC 8555, 7.3.5; the old key is compared because requests run in batches
UPDATE acme_accounts SET thumbprint = ?3, jwk = ?4, updated_at = ?5
WHERE id = ?1 AND thumbprint = ?2 AND status = 'valid';
