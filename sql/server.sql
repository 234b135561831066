-- name: server_find
-- why: each worker presents the newest; one that was revoked is none
SELECT s.certificate_id, s.names, s.chain_pem, s.key_pem, s.not_before,
       s.not_after
FROM acme_server_certificates AS s
WHERE (SELECT c.status FROM acme_certificates AS c
       WHERE c.id = s.certificate_id) = 'valid'
ORDER BY s.id DESC LIMIT 1;

-- name: server_add
-- why: the key and its certificate appear together or not at all
INSERT INTO acme_server_certificates
    (certificate_id, names, chain_pem, key_pem, not_before, not_after)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);
