-- name: certificate_add
-- why: nothing that was signed leaves before it stands here.  UNIQUE (serial)
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

-- name: certificate_find_serial
-- why: RFC 8555, 7.6: a revocation names the certificate by its bytes
SELECT id, order_id, account_id, issuer_id, status, serial, fingerprint,
       common_name, sans, key_type, profile, not_before, not_after, created_at,
       revoked_at, coalesce(revocation_reason, -1), first_download_at,
       last_download_at, replaced_by, der
FROM acme_certificates WHERE serial = ?1;

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
-- why: RFC 9773, 4.2: the operator's newest word on when this certificate is to
-- be renewed; one that begins after its end says nothing.  There are few rows.
-- A name stands for itself, one with a dot in front for all below it
SELECT window_start, window_end, explanation_url FROM acme_renewal_windows
WHERE id > 0
      AND coalesce(issuer_id, ?1) = ?1
      AND (account_id IS NULL OR account_id = ?2)
      AND (profile IS NULL OR profile = ?3)
      AND (serial IS NULL OR serial = ?4)
      AND (name IS NULL
           OR instr(' ' || ?5 || ' ', ' dns:' || name || ' ')
           OR instr(' ' || ?5 || ' ', ' ip:' || name || ' ')
           OR (name LIKE '.%' AND instr(?5 || ' ', name || ' ')))
      AND window_start < ?6
ORDER BY id DESC LIMIT 1;
