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
