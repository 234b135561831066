-- name: crl_add
-- why: an issuer's CRLs are known from its first day on.  A part that gets
-- another URL keeps those that certificates have already
INSERT INTO acme_crls
    (issuer_id, shards, shard, number, this_update, next_update, due_at,
     lease_until, entries, points)
VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, 0, coalesce(?4, ''))
ON CONFLICT (issuer_id, shards, shard) DO UPDATE
SET points = points || ' ' || excluded.points, due_at = 0
WHERE instr(' ' || points || ' ', ' ' || excluded.points || ' ') = 0;

-- name: crl_find_due
-- why: each second, by each worker: is there one to be made?  Not sooner than
-- an interval after the last one, but for the first, and for one that was made
-- while the clock was ahead: after ?4, or of the future as a whole
SELECT shards, shard, number, this_update, next_update, entries FROM acme_crls
WHERE issuer_id = ?1 AND lease_until <= ?2
      AND ((due_at <= ?2 AND this_update NOT BETWEEN ?3 + 1 AND ?4)
           OR this_update > ?2)
LIMIT 1;

-- name: crl_claim
-- why: one maker at a time, until the lease ends.  Numbers rise, also when a
-- backup was restored; what becomes due from here on is due again.  Who asked is
-- not forgotten by a failure
UPDATE acme_crls
SET number = max(number + 1, ?4), due_at = ?5, lease_until = ?5,
    asked = max(asked, due_at = 0)
WHERE issuer_id = ?1 AND shards = ?2 AND shard = ?3
      AND (due_at <= ?4 OR this_update > ?4) AND lease_until <= ?4
RETURNING number, this_update, points, asked;

-- name: crl_set_made
-- why: the claim that made it still counts; then it is due again in time, or
-- at once if something was revoked meanwhile
UPDATE acme_crls
SET this_update = ?5, next_update = ?6, entries = ?7, lease_until = 0, asked = 0,
    due_at = CASE WHEN due_at = 0 THEN 0 ELSE ?8 END
WHERE issuer_id = ?1 AND shards = ?2 AND shard = ?3 AND number = ?4;

-- name: crl_set_due
-- why: what failed is tried again soon; a file that is gone is made again
UPDATE acme_crls SET due_at = min(due_at, ?4), lease_until = 0
WHERE issuer_id = ?1 AND shards = ?2 AND shard = ?3;

-- name: crl_find
-- why: until when a CRL that is sent may be kept
SELECT shards, shard, number, this_update, next_update, entries FROM acme_crls
WHERE issuer_id = ?1 AND shards = ?2 AND shard = ?3;

-- name: crl_find_ending
-- why: at start: a CRL whose maker is away, and which ends soon
SELECT i.name, c.next_update
FROM acme_crls AS c
CROSS JOIN issuers AS i ON i.id = c.issuer_id
WHERE c.this_update > 0 AND c.next_update < ?1 AND c.due_at >= c.next_update
      AND i.not_after > c.next_update
      AND coalesce(i.signs_until, c.next_update) >= c.next_update
ORDER BY c.next_update LIMIT 1;

-- name: crl_list_revoked
-- why: a page of entries, in the order of the serial numbers.  RFC 5280, 3.3:
-- an entry stays until one CRL was made after the certificate's end
SELECT serial, revoked_at, coalesce(revocation_reason, -1), invalidity_at
FROM acme_certificates
WHERE status = 'revoked' AND issuer_id = ?1 AND serial > ?2 AND serial < ?3
      AND not_after >= ?4
ORDER BY serial LIMIT ?5;

-- name: crl_count_revoked
-- why: how much memory a CRL needs
SELECT count(*) FROM acme_certificates
WHERE status = 'revoked' AND issuer_id = ?1 AND serial > ?2 AND serial < ?3
      AND not_after >= ?4;
