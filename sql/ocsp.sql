-- name: ocsp_find_status
-- why: RFC 6960: each certificate that is asked for; others may have its serial
SELECT status, revoked_at, coalesce(revocation_reason, -1)
FROM acme_certificates WHERE serial = ?1 AND issuer_id = ?2;

-- name: ocsp_signer_find
-- why: each worker signs by the newest; one that was revoked is due
SELECT s.id, c.der, s.key_pem, iif(c.status = 'valid', c.not_before, 0),
       c.not_after
FROM acme_ocsp_signers AS s
CROSS JOIN acme_certificates AS c ON c.id = s.certificate_id
WHERE s.issuer_id = ?1
ORDER BY s.id DESC LIMIT 1;

-- name: ocsp_signer_add
-- why: the key and its certificate appear together or not at all
INSERT INTO acme_ocsp_signers (issuer_id, certificate_id, key_pem)
VALUES (?1, ?2, ?3);

-- name: ocsp_signer_remove
-- why: keys that nobody signs by any more; their certificates stay
DELETE FROM acme_ocsp_signers WHERE issuer_id = ?1 AND id <> ?2;

-- name: data_version
-- why: whether another handle has committed since: what was read may be old
PRAGMA data_version;
