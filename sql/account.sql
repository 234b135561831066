-- name: account_add
-- why: RFC 8555, 7.3: UNIQUE (thumbprint) decides between two that come at once
INSERT INTO acme_accounts
    (status, thumbprint, jwk, contact, terms_agreed_at, created_at, updated_at,
     eab_id, eab_binding)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8);

-- name: account_find
-- why: each request signed with a kid
SELECT id, status, thumbprint, jwk, contact, terms_agreed_at, created_at,
       eab_id
FROM acme_accounts WHERE id = ?1;

-- name: account_find_key
-- why: RFC 8555, 7.3.1: the account of a key
SELECT id, status, thumbprint, jwk, contact, terms_agreed_at, created_at,
       eab_id
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

-- name: account_get_binding
-- why: RFC 8555, 7.3.4: the account object shows what the client sent
SELECT eab_binding FROM acme_accounts WHERE id = ?1;

-- name: account_end_orders
-- why: RFC 8555, 7.3.6: pending work of an account that ends, ends
UPDATE acme_orders SET status = 'invalid', error = ?2, updated_at = ?3
WHERE account_id = ?1 AND (status = 'pending' OR status = 'ready');

-- name: account_end_authzs
-- why: the same for its authorizations; run before its orders end.  The
-- valid ones have an index, the pending ones are found through the orders;
-- one without an order ends by time
UPDATE acme_authorizations SET status = 'deactivated', updated_at = ?2
WHERE id IN (
    SELECT v.id FROM acme_authorizations AS v
    WHERE v.account_id = ?1 AND v.status = 'valid'
    UNION ALL
    SELECT i.authz_id
    FROM acme_orders AS o
    CROSS JOIN acme_order_identifiers AS i ON i.order_id = o.id
    CROSS JOIN acme_authorizations AS p ON p.id = i.authz_id
    WHERE o.account_id = ?1 AND p.status = 'pending');

-- name: account_end_jobs
-- why: the same for validations; the table holds what runs now and no more
DELETE FROM jobs
WHERE authz_id IN (SELECT a.id FROM jobs AS j
                   CROSS JOIN acme_authorizations AS a ON a.id = j.authz_id
                   WHERE a.account_id = ?1);

-- name: account_page
-- why: pages for the operator; what its filters leave out has no document.
-- Rows below ?1, newest first, as many as the caller steps through
SELECT a.id, CASE WHEN (?2 IS NULL OR a.status = ?2)
         AND (?3 IS NULL
              OR a.eab_id = (SELECT id FROM acme_eab_credentials
                             WHERE kid = ?3))
    THEN json_patch('{}', json_object(
        'id', a.id,
        'status', a.status,
        'thumbprint', lower(hex(a.thumbprint)),
        'contact', json(a.contact),
        'jwk', json(a.jwk),
        'eab', (SELECT kid FROM acme_eab_credentials WHERE id = a.eab_id),
        'terms_agreed_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                                    a.terms_agreed_at, 'unixepoch'),
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', a.created_at, 'unixepoch'),
        'updated_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                               a.updated_at, 'unixepoch')))
    END
FROM acme_accounts AS a WHERE a.id < ?1 ORDER BY a.id DESC;
