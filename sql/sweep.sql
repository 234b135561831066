-- name: sweep_orders
-- why: orders that ended or expired.  Only those are read that are older than
-- the first one to keep; the newest stays always, so that no id is used twice
DELETE FROM acme_orders
WHERE id IN (
    SELECT id FROM acme_orders
    WHERE id < coalesce((SELECT id FROM acme_orders
                         WHERE created_at >= ?1 ORDER BY id LIMIT 1),
                        (SELECT max(id) FROM acme_orders))
          AND (expires_at < ?1
               OR (status IN ('valid', 'invalid') AND updated_at < ?1))
    ORDER BY id LIMIT ?2);

-- name: sweep_authz
-- why: authorizations that ended or expired and that no order names any more;
-- challenges and jobs go with them.  The same bound as above
DELETE FROM acme_authorizations
WHERE id IN (
    SELECT a.id FROM acme_authorizations AS a
    WHERE a.id < coalesce((SELECT id FROM acme_authorizations
                           WHERE created_at >= ?1 ORDER BY id LIMIT 1),
                          (SELECT max(id) FROM acme_authorizations))
          AND (a.expires_at < ?1
               OR (a.status NOT IN ('pending', 'valid') AND a.updated_at < ?1))
          AND NOT EXISTS (SELECT 1 FROM acme_order_identifiers AS i
                          WHERE i.authz_id = a.id)
    ORDER BY a.id LIMIT ?2);

-- name: sweep_eab
-- why: external accounts that expired or were revoked.  Those that bound an
-- account are kept, it names them; so is the newest
DELETE FROM acme_eab_credentials
WHERE id IN (
    SELECT e.id FROM acme_eab_credentials AS e
    WHERE e.accounts = 0
          AND min(coalesce(e.expires_at, 9223372036854775807),
                  coalesce(e.revoked_at, 9223372036854775807)) < ?1
          AND e.id < (SELECT max(id) FROM acme_eab_credentials)
          AND NOT EXISTS (SELECT 1 FROM acme_accounts AS a
                          WHERE a.eab_id = e.id)
    LIMIT ?2);

-- name: sweep_server
-- why: keys of the CA's own server that nobody presents any more
DELETE FROM acme_server_certificates
WHERE id IN (
    SELECT id FROM acme_server_certificates
    WHERE not_after < ?1
          AND id < (SELECT max(id) FROM acme_server_certificates)
    LIMIT ?2);

-- name: sweep_count
-- why: a row of the audit log for each round would be a third of it
UPDATE acme_sweeps
SET orders = orders + ?1, authorizations = authorizations + ?2,
    external_accounts = external_accounts + ?3, server_keys = server_keys + ?4
WHERE id = 1;

-- name: sweep_get_untold
-- why: one for each day on which something was removed; the clock may have been
-- set back
SELECT told_at, orders, authorizations, external_accounts, server_keys
FROM acme_sweeps
WHERE id = 1 AND told_at NOT BETWEEN ?1 - 86399 AND ?1
      AND orders + authorizations + external_accounts + server_keys > 0;

-- name: sweep_set_told
-- why: the audit log has it
UPDATE acme_sweeps
SET told_at = ?1, orders = 0, authorizations = 0, external_accounts = 0,
    server_keys = 0
WHERE id = 1;

-- name: sweep_expire
-- why: what lives no more leaves the indexes of what does, soonest first
UPDATE acme_certificates SET expired_at = ?1
WHERE id IN (
    SELECT c.id FROM acme_certificates AS c
    WHERE c.status = 'valid' AND c.expired_at IS NULL AND c.not_after <= ?1
    ORDER BY c.not_after LIMIT ?2);

-- name: sweep_revive
-- why: the clock was ahead when it was noted
UPDATE acme_certificates SET expired_at = NULL
WHERE id IN (
    SELECT c.id FROM acme_certificates AS c
    WHERE c.expired_at IS NOT NULL AND c.not_after > ?1
    ORDER BY c.not_after DESC LIMIT ?2);

-- name: vacuum_get_surplus
-- why: free pages beyond those that what comes will use: a sixteenth of the
-- database.  One that was made before this was asked for keeps its pages
SELECT CASE WHEN a.auto_vacuum = 2
            THEN f.freelist_count - max(c.page_count / 16, 64) ELSE 0 END
FROM pragma_auto_vacuum AS a, pragma_freelist_count AS f,
     pragma_page_count AS c;

-- name: vacuum
-- why: each step gives a page back to the file system
PRAGMA incremental_vacuum;
