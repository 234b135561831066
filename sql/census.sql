-- name: census_accounts
-- why: how many there are, for the metrics; taken now and then, on a thread
SELECT status, count(*) FROM acme_accounts GROUP BY status;

-- name: census_orders
-- why: RFC 8555, 7.1.6: what expired is invalid, though nobody wrote it
SELECT iif(status NOT IN ('valid', 'invalid') AND expires_at <= ?1, 'invalid',
           status) AS now, count(*)
FROM acme_orders GROUP BY now;

-- name: census_authz
-- why: pending ones that expired are invalid, valid ones are expired
SELECT CASE WHEN expires_at > ?1 THEN status
            WHEN status = 'pending' THEN 'invalid'
            WHEN status = 'valid' THEN 'expired' ELSE status END AS now,
       count(*)
FROM acme_authorizations GROUP BY now;

-- name: census_challenges
-- why: those of authorizations that were not swept yet
SELECT status, count(*) FROM acme_challenges GROUP BY status;

-- name: census_certificates
-- why: those that are good, those that were until their end, and revoked ones,
-- expired or not; by indexes alone
SELECT (SELECT count(*) FROM acme_certificates
        WHERE status = 'valid' AND expired_at IS NULL AND not_after > ?1),
       (SELECT count(*) FROM acme_certificates
        WHERE status = 'valid' AND expired_at IS NULL AND not_after <= ?1)
       + (SELECT count(*) FROM acme_certificates
          WHERE status = 'valid' AND expired_at IS NOT NULL),
       (SELECT count(*) FROM acme_certificates WHERE status = 'revoked');

-- name: census_jobs
-- why: validations that wait or run, and the one that waits longest
SELECT type, count(*), min(run_at) FROM jobs GROUP BY type;

-- name: census_size
-- why: bytes of the database, and how many of them are free
SELECT c.page_count * s.page_size, f.freelist_count * s.page_size
FROM pragma_page_count AS c, pragma_page_size AS s, pragma_freelist_count AS f;

-- name: census_issuers
-- why: when the certificates of issuers end.  One of an import that came
-- without its issuer has no certificate, and no chain
SELECT id, name, not_after FROM issuers WHERE chain_pem <> '' ORDER BY id;
