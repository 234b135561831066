-- name: order_add
-- why: RFC 8555, 7.4
INSERT INTO acme_orders
    (account_id, status, profile, profile_asked, not_before, not_after,
     created_at, expires_at, updated_at, replaces_id, replaces)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?7, ?9, ?10);

-- name: order_find
-- why: each poll of an order
SELECT id, account_id, status, profile, profile_asked, not_before, not_after,
       error, certificate_id, created_at, expires_at, replaces_id, replaces
FROM acme_orders WHERE id = ?1;

-- name: order_find_replacing
-- why: RFC 9773, 5: a certificate is replaced by one order that is not invalid;
-- one that expired before it was finalized is
SELECT id FROM acme_orders
WHERE replaces_id = ?1
      AND (status = 'valid' OR status = 'processing'
           OR (status <> 'invalid' AND expires_at > ?2))
LIMIT 1;

-- name: order_list
-- why: RFC 8555, 7.1.2.1: the account's list, newest first, a page at a time
SELECT id FROM acme_orders
WHERE account_id = ?1 AND id < ?2 AND status <> 'invalid'
ORDER BY id DESC LIMIT ?3;

-- name: order_add_identifier
-- why: what the order asks for, and which authorization answers for it
INSERT INTO acme_order_identifiers
    (order_id, position, identifier_type, identifier, wildcard, authz_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: order_list_identifiers
-- why: an order object names both; CROSS JOIN keeps the order's own order
SELECT i.identifier_type, i.identifier, i.wildcard, i.authz_id, a.status,
       a.expires_at, a.trusted_by
FROM acme_order_identifiers AS i
CROSS JOIN acme_authorizations AS a ON a.id = i.authz_id
WHERE i.order_id = ?1
ORDER BY i.position;

-- name: order_list_stale
-- why: RFC 8659, 3: the names of an order whose CAA was looked at too long ago,
-- or was another name's.  What was trusted has no challenge
SELECT i.authz_id, c.type, i.identifier_type, i.identifier, i.wildcard
FROM acme_order_identifiers AS i
CROSS JOIN acme_authorizations AS a ON a.id = i.authz_id
CROSS JOIN acme_challenges AS c ON c.authz_id = i.authz_id
WHERE i.order_id = ?1 AND c.status = 'valid'
      AND (c.validated_at <= ?2 OR a.identifier <> i.identifier
           OR a.wildcard <> i.wildcard)
ORDER BY i.position;

-- name: order_list_by_authz
-- why: a verdict moves every order that waits for it, once: GROUP BY follows the
-- index, DISTINCT would build a table
SELECT o.id
FROM acme_order_identifiers AS i
CROSS JOIN acme_orders AS o ON o.id = i.order_id
WHERE i.authz_id = ?1 AND o.status = ?2
GROUP BY i.order_id;

-- name: order_get_open
-- why: RFC 8555, 7.1.6: an order is ready when all its authorizations are valid
SELECT count(*)
FROM acme_order_identifiers AS i
CROSS JOIN acme_authorizations AS a ON a.id = i.authz_id
WHERE i.order_id = ?1 AND a.status <> 'valid';

-- name: order_set_status
-- why: RFC 8555, 7.1.6; whoever comes second finds another status
UPDATE acme_orders SET status = ?3, error = ?4, updated_at = ?5
WHERE id = ?1 AND status = ?2;

-- name: order_set_issued
-- why: the same; only this one sets off what looks at the certificate
UPDATE acme_orders
SET status = ?3, error = ?4, updated_at = ?5, certificate_id = ?6
WHERE id = ?1 AND status = ?2;

-- name: order_add_error
-- why: RFC 8555, 6.7.1: another name of an order that failed already; what
-- became invalid otherwise has no list to add to
UPDATE acme_orders
SET error = json_set(?3, '$.subproblems',
                     json_insert(json_extract(error, '$.subproblems'), '$[#]',
                                 json(?2))),
    updated_at = ?4
WHERE id = ?1 AND status = 'invalid'
      AND json_array_length(error, '$.subproblems') > 0;

-- name: order_page
-- why: as account_page
SELECT o.id, CASE WHEN (?2 IS NULL OR o.status = ?2)
         AND (?3 IS NULL OR o.account_id = ?3)
         AND (?4 IS NULL
              OR EXISTS (SELECT 1 FROM acme_order_identifiers AS n
                         WHERE n.order_id = o.id
                               AND iif(n.wildcard, '*.', '') || n.identifier
                                   = ?4))
    THEN json_patch('{}', json_object(
        'id', o.id,
        'status', o.status,
        'account', o.account_id,
        'names', (SELECT json_group_array(iif(i.wildcard, '*.', '')
                                          || i.identifier)
                  FROM acme_order_identifiers AS i WHERE i.order_id = o.id),
        'authorizations', (SELECT json_group_array(i.authz_id)
                           FROM acme_order_identifiers AS i
                           WHERE i.order_id = o.id),
        'profile', o.profile,
        'not_before', strftime('%Y-%m-%dT%H:%M:%SZ', o.not_before, 'unixepoch'),
        'not_after', strftime('%Y-%m-%dT%H:%M:%SZ', o.not_after, 'unixepoch'),
        'replaces', o.replaces,
        'certificate', (SELECT lower(hex(c.serial)) FROM acme_certificates AS c
                        WHERE c.id = o.certificate_id),
        'error', json(o.error),
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', o.created_at, 'unixepoch'),
        'expires_at', strftime('%Y-%m-%dT%H:%M:%SZ', o.expires_at, 'unixepoch'),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                               o.updated_at, 'unixepoch')))
    END
FROM acme_orders AS o WHERE o.id < ?1 ORDER BY o.id DESC;
