-- name: registry_revoke
-- why: RFC 5280, 5.3.1, by the operator; what is held may be revoked for good,
-- as of when it was held
UPDATE acme_certificates
SET status = 'revoked', revoked_at = coalesce(revoked_at, ?4),
    revocation_reason = nullif(?2, -1), invalidity_at = ?3
WHERE id = ?1
      AND (status = 'valid' OR (revocation_reason = 6 AND ?2 <> 6));

-- name: registry_release
-- why: certificateHold is the one reason that is not for ever
UPDATE acme_certificates
SET status = 'valid', revoked_at = NULL, revocation_reason = NULL,
    invalidity_at = NULL
WHERE id = ?1 AND status = 'revoked' AND revocation_reason = 6;

-- name: registry_set
-- why: what the operator knows of a certificate; NULL leaves it
UPDATE acme_certificates
SET category = coalesce(?2, category), remarks = coalesce(?3, remarks)
WHERE id = ?1;

-- name: registry_forget_successor
-- why: what is deleted replaced nothing
UPDATE acme_certificates SET replaced_by = NULL WHERE replaced_by = ?1;

-- name: registry_forget_replacing
-- why: nor was it replaced
UPDATE acme_orders SET replaces_id = NULL WHERE replaces_id = ?1;

-- name: registry_remove_order
-- why: a valid order has a certificate
DELETE FROM acme_orders WHERE certificate_id = ?1;

-- name: registry_remove_job
-- why: the signer need not hear of it any more
DELETE FROM acme_signer_jobs WHERE certificate_id = ?1;

-- name: registry_remove_server
-- why: the CA's own server makes itself another one
DELETE FROM acme_server_certificates WHERE certificate_id = ?1;

-- name: registry_remove_ocsp_signer
-- why: so does an OCSP responder
DELETE FROM acme_ocsp_signers WHERE certificate_id = ?1;

-- name: registry_remove
-- why: at last; its names go by a trigger
DELETE FROM acme_certificates WHERE id = ?1;

-- name: registry_find_uuid
-- why: the operator's word for it: a row's number, and what it is made of; less
-- the six bits that RFC 9562 gives to version and variant
SELECT id FROM acme_certificates
WHERE id = ?1
      AND substr(fingerprint, 8, 1) = substr(?2, 8, 1)
      AND substr(fingerprint, 10, 7) = substr(?2, 10, 7);

-- name: registry_get_expired
-- why: how many the operator's sweep left behind; those that are not noted yet
-- are not among them
SELECT count(*) FROM acme_certificates
WHERE status = 'valid' AND expired_at IS NOT NULL;

-- name: registry_list_issuers
-- why: who may have signed what is imported; one that only its name is known of
-- has no certificate
SELECT id, der FROM issuers WHERE chain_pem <> '' ORDER BY id;

-- name: registry_import
-- why: it was signed elsewhere.  UNIQUE (serial, issuer_id)
INSERT INTO acme_certificates
    (issuer_id, status, serial, fingerprint, common_name, sans, key_type,
     not_before, not_after, created_at, imported_at, category, remarks, der)
VALUES (?1, 'valid', ?2, ?3, ?4, coalesce(?5, ''), ?6, ?7, ?8, ?9, ?9, ?10, ?11,
        ?12);
