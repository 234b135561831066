-- name: lease_list_owners
-- why: a worker that starts asks which of them are no more
SELECT owner FROM jobs WHERE owner IS NOT NULL AND lease_until > 0
UNION
SELECT owner FROM acme_signer_jobs WHERE owner IS NOT NULL AND lease_until > 0
UNION
SELECT owner FROM acme_event_hooks WHERE owner IS NOT NULL AND lease_until > 0;

-- name: lease_free_jobs
-- why: its owner is no more.  Who adds a job has it until its run_at
UPDATE jobs SET run_at = min(run_at, ?2), lease_until = 0
WHERE owner = ?1 AND lease_until > 0;

-- name: lease_free_signer_jobs
-- why: the same
UPDATE acme_signer_jobs SET run_at = min(run_at, ?2), lease_until = 0
WHERE owner = ?1 AND lease_until > 0;

-- name: lease_free_event_hooks
-- why: the same
UPDATE acme_event_hooks SET lease_until = 0
WHERE owner = ?1 AND lease_until > 0;
