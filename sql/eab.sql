-- name: eab_find
-- why: the limits of an account that is bound to it
SELECT id, kid, hmac_key, label, names, profiles, max_accounts, accounts,
       created_at, expires_at, revoked_at
FROM acme_eab_credentials WHERE id = ?1;

-- name: eab_find_kid
-- why: RFC 8555, 7.3.4: the key that a new account's binding was made with
SELECT id, kid, hmac_key, label, names, profiles, max_accounts, accounts,
       created_at, expires_at, revoked_at
FROM acme_eab_credentials WHERE kid = ?1;

-- name: eab_use
-- why: one account more, if there may be one more at this moment
UPDATE acme_eab_credentials SET accounts = accounts + 1
WHERE id = ?1 AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > ?2)
      AND (max_accounts IS NULL OR accounts < max_accounts);

-- name: eab_add
-- why: one that the operator makes by the admin location
INSERT INTO acme_eab_credentials
    (kid, hmac_key, label, names, profiles, max_accounts, accounts, created_at,
     expires_at)
VALUES (?1, ?2, ?3, coalesce(?4, ''), coalesce(?5, ''), ?6, 0, ?7, ?8);

-- name: eab_list
-- why: a page for the operator, newest first; of that label, if there is one
SELECT id, kid, hmac_key, label, names, profiles, max_accounts, accounts,
       created_at, expires_at, revoked_at
FROM acme_eab_credentials
WHERE id < ?1 AND (?2 IS NULL OR label = ?2) ORDER BY id DESC LIMIT ?3;

-- name: eab_revoke
-- why: no more accounts from now on
UPDATE acme_eab_credentials SET revoked_at = ?2
WHERE id = ?1 AND revoked_at IS NULL;

-- name: eab_list_accounts
-- why: those that it bound and that are not ended, a page of them
SELECT id FROM acme_accounts
WHERE eab_id = ?1 AND id > ?2 AND status = 'valid' ORDER BY id LIMIT ?3;
