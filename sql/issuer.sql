-- name: issuer_find
-- why: at each start the issuer is known and nothing has to be written
SELECT id FROM issuers WHERE name = ?1 AND der = ?2 AND chain_pem = ?3;

-- name: issuer_add
-- why: a chain belongs to its issuer and is stored once.  Another chain for
-- the same certificate replaces it
INSERT INTO issuers (name, der, chain_pem, not_before, not_after, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (der) DO UPDATE
SET name = excluded.name, chain_pem = excluded.chain_pem
RETURNING id;

-- name: issuer_find_chain
-- why: what follows the leaf in a download
SELECT chain_pem FROM issuers WHERE id = ?1;
