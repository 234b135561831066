-- name: challenge_add
-- why: RFC 8555, 7.5.1: the client answered it
INSERT INTO acme_challenges (authz_id, type, status, token)
VALUES (?1, ?2, ?3, ?4);

-- name: challenge_find
-- why: each answer to, and poll of, a challenge
SELECT authz_id, type, status, token, validated_at, error
FROM acme_challenges WHERE authz_id = ?1 AND type = ?2;

-- name: challenge_list
-- why: an authorization object names its challenges: those with a row
SELECT authz_id, type, status, token, validated_at, error
FROM acme_challenges WHERE authz_id = ?1
ORDER BY type;

-- name: challenge_set_status
-- why: RFC 8555, 7.1.6; validated_at is when it became valid
UPDATE acme_challenges
SET status = ?4, error = ?5, validated_at = iif(?4 = 'valid', ?6, validated_at)
WHERE authz_id = ?1 AND type = ?2 AND status = ?3;
