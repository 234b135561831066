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
