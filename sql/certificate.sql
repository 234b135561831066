-- name: certificate_add
-- why: nothing that was signed leaves before it stands here.  UNIQUE (serial,
-- issuer_id)
INSERT INTO acme_certificates
    (order_id, account_id, issuer_id, status, serial, fingerprint, common_name,
     sans, key_type, profile, not_before, not_after, created_at, der)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);

-- name: certificate_find
-- why: each download
SELECT id, order_id, account_id, issuer_id, status, serial, fingerprint,
       common_name, sans, key_type, profile, not_before, not_after, created_at,
       revoked_at, coalesce(revocation_reason, -1), first_download_at,
       last_download_at, replaced_by, der
FROM acme_certificates WHERE id = ?1;

-- name: certificate_find_exact
-- why: RFC 8555, 7.6: a revocation names the certificate by its bytes, as does a
-- client that shows it
SELECT id, order_id, account_id, issuer_id, status, serial, fingerprint,
       common_name, sans, key_type, profile, not_before, not_after, created_at,
       revoked_at, coalesce(revocation_reason, -1), first_download_at,
       last_download_at, replaced_by, der
FROM acme_certificates WHERE serial = ?1 AND fingerprint = ?2;

-- name: certificate_find_serial
-- why: RFC 5280, 4.1.2.2: who knows the issuer as well means one certificate
SELECT id, order_id, account_id, issuer_id, status, serial, fingerprint,
       common_name, sans, key_type, profile, not_before, not_after, created_at,
       revoked_at, coalesce(revocation_reason, -1), first_download_at,
       last_download_at, replaced_by, der
FROM acme_certificates WHERE serial = ?1 AND issuer_id = ?2;

-- name: certificate_list_serial
-- why: who knows the number alone may mean several: two CAs that were imported
-- may both have begun with 1
SELECT id FROM acme_certificates WHERE serial = ?1 ORDER BY issuer_id;

-- name: certificate_set_revoked
-- why: RFC 8555, 7.6; once
UPDATE acme_certificates
SET status = 'revoked', revocation_reason = nullif(?2, -1), revoked_at = ?3
WHERE id = ?1 AND status = 'valid';

-- name: certificate_set_download
-- why: whether a certificate was ever fetched
UPDATE acme_certificates
SET first_download_at = coalesce(first_download_at, ?2), last_download_at = ?2
WHERE id = ?1;

-- name: certificate_find_window
-- why: RFC 9773, 4.2: each question of a client.  There are few moved windows
SELECT window_start, window_end, explanation_url FROM acme_suggested_windows
WHERE id = ?1;

-- name: certificate_page
-- why: as account_page; "expired" follows from the clock, "unknown" is one
-- whose issuer nobody has, "held" is a word for those that may come back.  A
-- uuid of RFC 9562, 5.8 is the row's number in 48 bits, then bytes 7 to 16 of
-- the fingerprint, less the six bits of version and variant.  ?15 says which
-- index finds them, a part of the UNION: one of acme_ca_store_index_e.  Its LIMIT
-- keeps SQLite from forgetting their order, and from sorting more than a page
-- looks at
SELECT c.id, CASE WHEN (?2 IS NULL
          OR instr(' ' || ?2 || ' ', ' ' || CASE
                       WHEN c.status = 'revoked' THEN 'revoked'
                       WHEN c.not_after <= ?7 THEN 'expired'
                       WHEN c.imported_at IS NOT NULL
                            AND (SELECT u.chain_pem = '' FROM issuers AS u
                                 WHERE u.id = c.issuer_id) THEN 'unknown'
                       ELSE 'valid' END || ' ')
          OR (c.revocation_reason = 6 AND instr(' ' || ?2 || ' ', ' held ')))
         AND (?3 IS NULL OR c.account_id = ?3)
         AND (?4 IS NULL
              OR EXISTS (SELECT 1 FROM acme_certificate_names AS n
                         WHERE n.name = ?4 AND n.certificate_id = c.id))
         AND (?5 IS NULL OR c.profile = ?5)
         AND (?6 IS NULL OR c.not_after <= ?6)
         AND (?8 IS NULL
              OR ?8 = coalesce(c.category,
                  iif(c.account_id IS NULL AND c.imported_at IS NULL,
                      'internal', 'service')))
         AND (?9 IS NULL
              OR ?9 = CAST(c.issuer_id AS TEXT)
              OR ?9 = (SELECT i.name FROM issuers AS i
                       WHERE i.id = c.issuer_id))
         AND (?20 IS NULL OR c.issuer_id = ?20)
         AND (?10 IS NULL
              OR ?10 = (SELECT a.eab_id FROM acme_accounts AS a
                        WHERE a.id = c.account_id))
         AND (?11 IS NULL OR instr(c.sans || ' ', ?11 || ' '))
         AND (?13 IS NULL OR c.id = ?13)
         AND (?14 IS NULL OR c.not_after > ?14)
         AND (?17 IS NULL
              OR EXISTS (SELECT 1 FROM acme_radar AS w
                         WHERE w.kind = ?17 AND w.object_id = c.id))
         AND (?18 IS NULL OR c.revoked_at >= ?18)
         AND (?19 IS NULL OR c.revoked_at < ?19)
    THEN json_patch('{}', json_object(
        'id', c.id,
        'serial', lower(hex(c.serial)),
        'uuid', lower(printf('%08x-%04x-8', c.id >> 16, c.id & 65535)
                      || substr(hex(substr(c.fingerprint, 7, 2)), 2) || '-'
                      || substr('89AB', 1 + (instr('0123456789ABCDEF',
                                 substr(hex(substr(c.fingerprint, 9, 1)), 1, 1))
                                             - 1) % 4, 1)
                      || substr(hex(substr(c.fingerprint, 9, 2)), 2) || '-'
                      || hex(substr(c.fingerprint, 11, 6))),
        'status', CASE WHEN c.status = 'revoked' THEN 'revoked'
                       WHEN c.not_after <= ?7 THEN 'expired'
                       WHEN c.imported_at IS NOT NULL
                            AND (SELECT u.chain_pem = '' FROM issuers AS u
                                 WHERE u.id = c.issuer_id) THEN 'unknown'
                       ELSE 'valid' END,
        'category', coalesce(c.category,
                  iif(c.account_id IS NULL AND c.imported_at IS NULL,
                      'internal', 'service')),
        'common_name', c.common_name,
        'names', json(iif(c.sans = '', '[]',
                          '["' || replace(c.sans, ' ', '","') || '"]')),
        'account', c.account_id,
        'order', c.order_id,
        'profile', c.profile,
        'key_type', c.key_type,
        'issuer', (SELECT i.name FROM issuers AS i WHERE i.id = c.issuer_id),
        'fingerprint', lower(hex(c.fingerprint)),
        'not_before', strftime('%Y-%m-%dT%H:%M:%SZ', c.not_before, 'unixepoch'),
        'not_after', strftime('%Y-%m-%dT%H:%M:%SZ', c.not_after, 'unixepoch'),
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', c.created_at, 'unixepoch'),
        'imported_at',
            strftime('%Y-%m-%dT%H:%M:%SZ', c.imported_at, 'unixepoch'),
        'revoked_at', strftime('%Y-%m-%dT%H:%M:%SZ', c.revoked_at, 'unixepoch'),
        'revocation_reason', c.revocation_reason,
        'invalidity_at',
            strftime('%Y-%m-%dT%H:%M:%SZ', c.invalidity_at, 'unixepoch'),
        'remarks', c.remarks,
        'first_download_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                                      c.first_download_at, 'unixepoch'),
        'last_download_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                                     c.last_download_at, 'unixepoch'),
        'replaced_by', (SELECT lower(hex(r.serial)) FROM acme_certificates AS r
                        WHERE r.id = c.replaced_by),
        'radar', (SELECT json(nullif(json_group_array(w.kind), '[]'))
                  FROM acme_radar AS w
                  WHERE w.kind IN ('expiring', 'late', 'not-fetched')
                        AND w.object_id = c.id)))
    END
FROM (SELECT id FROM acme_certificates
      WHERE ?15 = 1 AND serial = ?12 AND id < ?1
      UNION ALL
      SELECT certificate_id FROM acme_certificate_names
      WHERE ?15 = 2 AND name = ?4 AND certificate_id < ?1
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 3 AND account_id = ?3 AND id < ?1
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 4 AND id < ?1
            AND account_id IN (SELECT id FROM acme_accounts
                               WHERE eab_id = ?10)
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE (?15 = 5 OR ?15 = 6) AND category = ?8 AND id < ?1
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 6 AND account_id IS NULL AND id < ?1
            AND (category IS NULL OR ?8 IS NULL)
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 7 AND status = 'revoked' AND id < ?1
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 8 AND status = 'valid' AND expired_at IS NOT NULL
            AND id < ?1
      UNION ALL
      SELECT id FROM acme_certificates INDEXED BY acme_certificates_end
      WHERE ?15 = 8 AND status = 'valid' AND expired_at IS NULL
            AND not_after <= ?7 AND id < ?1
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 9 AND profile = ?5 AND id < ?1
            AND issuer_id IN (SELECT id FROM issuers)
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 10 AND id < ?1
            AND issuer_id IN (SELECT id FROM issuers
                              WHERE name = ?9 OR CAST(id AS TEXT) = ?9)
            AND profile IN (
                WITH RECURSIVE p (profile) AS (
                    SELECT min(profile) FROM acme_certificates
                    UNION ALL
                    SELECT (SELECT min(n.profile) FROM acme_certificates AS n
                            WHERE n.profile > p.profile)
                    FROM p WHERE p.profile IS NOT NULL)
                SELECT profile FROM p)
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 10 AND id < ?1 AND profile IS NULL
            AND issuer_id IN (SELECT id FROM issuers
                              WHERE name = ?9 OR CAST(id AS TEXT) = ?9)
      UNION ALL
      SELECT id FROM acme_certificates
      WHERE ?15 = 11 AND id = ?13 AND id < ?1
      UNION ALL
      SELECT object_id FROM acme_radar
      WHERE ?15 = 12 AND kind = ?17 AND object_id < ?1
      UNION ALL
      SELECT id FROM acme_certificates WHERE ?15 = 0 AND id < ?1
      ORDER BY id DESC LIMIT ?16) AS k
CROSS JOIN acme_certificates AS c ON c.id = k.id;

-- name: certificate_list_ending
-- why: those that live, soonest first, after the last one of the page before
SELECT c.id, iif((?4 IS NULL OR c.account_id = ?4)
                 AND (?5 IS NULL OR c.profile = ?5), '{}', NULL)
FROM acme_certificates AS c INDEXED BY acme_certificates_end
WHERE c.status = 'valid' AND c.expired_at IS NULL
      AND (c.not_after, c.id) > (?1, ?2) AND c.not_after <= ?3
ORDER BY c.not_after, c.id;
