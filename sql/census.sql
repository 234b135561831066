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
-- why: when the certificates of issuers end, and how old their lists are: the
-- oldest, and the one that ends first.  One of an import that came without its
-- issuer has no certificate, and no chain; some have nothing to sign any more
SELECT i.id, i.name, i.not_after, i.state, coalesce(min(c.this_update), 0),
       coalesce(min(c.next_update), 0)
FROM issuers AS i
LEFT JOIN acme_crls AS c ON c.issuer_id = i.id AND c.this_update > 0
WHERE i.chain_pem <> '' AND coalesce(i.signs_until, ?1 + 1) > ?1
GROUP BY i.id ORDER BY i.id;

-- name: census_eab
-- why: external accounts; those that ended are swept only if they bound nobody
SELECT CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
            WHEN expires_at <= ?1 THEN 'expired' ELSE 'valid' END AS now,
       count(*)
FROM acme_eab_credentials GROUP BY now;

-- name: census_radar
-- why: what will be trouble: renewals that are late, certificates that nobody
-- fetched.  What an index tells of most of them is asked first
SELECT (SELECT count(*) FROM acme_renewals AS r
        WHERE r.expired_at IS NULL AND r.not_after > ?1 AND r.soonest <= ?1
              AND r.due <= ?1),
       (SELECT count(*) FROM acme_unfetched AS u
        WHERE u.not_after > ?1 AND u.due <= ?1);

-- name: census_rows
-- why: what the database is full of, by acme_ca_store_tables.  The numbers of
-- audit rows have no gap
SELECT (SELECT count(*) FROM acme_accounts),
       (SELECT count(*) FROM acme_eab_credentials),
       (SELECT count(*) FROM acme_orders),
       (SELECT count(*) FROM acme_order_identifiers),
       (SELECT count(*) FROM acme_authorizations),
       (SELECT count(*) FROM acme_challenges),
       (SELECT count(*) FROM acme_certificates),
       (SELECT count(*) FROM acme_certificate_names),
       (SELECT count(*) FROM acme_renewal_windows),
       (SELECT count(*) FROM jobs),
       (SELECT count(*) FROM acme_signer_jobs),
       (SELECT count(*) FROM acme_audit_checkpoints),
       coalesce((SELECT max(id) FROM acme_audit_logs)
                - (SELECT min(id) FROM acme_audit_logs) + 1, 0),
       (SELECT count(*) FROM issuers),
       (SELECT count(*) FROM acme_crls),
       (SELECT count(*) FROM acme_ocsp_signers),
       (SELECT count(*) FROM acme_server_certificates),
       (SELECT count(*) FROM acme_event_hooks),
       (SELECT count(*) FROM acme_radar),
       (SELECT count(*) FROM acme_sweeps);
