-- name: signing_add
-- why: the order is "processing" and its job is durable at once.  Who adds it
-- may start it: it is leased until its run_at
INSERT INTO acme_signer_jobs
    (id, order_id, certificate_id, account_id, csr, attempts, run_at,
     lease_until, deadline_at, created_at, client_address, request_id, owner)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12);

-- name: signing_claim
-- why: as job_claim
UPDATE acme_signer_jobs SET lease_until = ?4, owner = ?6
WHERE id IN (SELECT id FROM acme_signer_jobs
             WHERE run_at NOT BETWEEN ?1 + 1 AND ?2
                   AND lease_until NOT BETWEEN ?1 + 1 AND ?3
             ORDER BY run_at LIMIT ?5)
RETURNING id, order_id, certificate_id, account_id, csr, attempts,
          deadline_at, created_at, client_address, request_id;

-- name: signing_find_due
-- why: a worker's timer looks before it takes the write lock
SELECT EXISTS (SELECT 1 FROM acme_signer_jobs
               WHERE run_at NOT BETWEEN ?1 + 1 AND ?2
                     AND lease_until NOT BETWEEN ?1 + 1 AND ?3);

-- name: signing_set_retry
-- why: the signer is asked again, by any worker; why this attempt failed
UPDATE acme_signer_jobs
SET attempts = ?2, run_at = ?3, lease_until = 0,
    last_error = ?4
WHERE id = ?1;

-- name: signing_find
-- why: the operator gives it up, unless the signer is being asked
SELECT id, order_id, certificate_id, account_id, csr, attempts, deadline_at,
       created_at, client_address, request_id, lease_until
FROM acme_signer_jobs WHERE id = ?1;

-- name: signing_set_due
-- why: as job_set_due
UPDATE acme_signer_jobs
SET run_at = ?2, lease_until = 0, deadline_at = max(deadline_at, ?2 + 60)
WHERE id = ?1;

-- name: signing_remove
-- why: the one who removes it is the one whose answer counts
DELETE FROM acme_signer_jobs WHERE id = ?1;
