-- name: server_find
-- why: each worker presents the newest
SELECT certificate_id, names, chain_pem, key_pem, not_before, not_after
FROM acme_server_certificates
ORDER BY id DESC LIMIT 1;

-- name: server_add
-- why: the key and its certificate appear together or not at all
INSERT INTO acme_server_certificates
    (certificate_id, names, chain_pem, key_pem, not_before, not_after)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);
