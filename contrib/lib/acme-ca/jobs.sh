# Copyright (C) the nginx-acme-ca authors
#
# What waits to be done, validations and calls of an external signer, and what
# became of each attempt.  An id has that of the object, and in its last four
# bits what is to be done: the type of a challenge, 6: sign for an order, 14:
# tell of a revocation.

commands="$commands
jobs list      -   kind name limit
jobs queues    -
jobs attempts  -   name account limit
jobs retry     ID
jobs cancel    ID
"

choices="$choices
jobs kind  test-challenge issue done
"


usage_jobs() {
    cat <<END
    jobs list                   what waits or runs, soonest first
        [--kind KIND]           test-challenge: a validation; issue: an external
                                signer is to sign; done: it is to be told of a
                                revocation
        [--name NAME] [--limit N]
    jobs queues                 how many of each kind, how old, how often in
                                vain; make-challenge: authorizations whose
                                client has not answered yet
    jobs attempts [--name NAME] [--account ID] [--limit N]
                                what was tried, with addresses and errors
    jobs retry ID               try again now
    jobs cancel ID              its challenge or order fails; a signer is told
                                no more
END
}


kind=

jobs_type="json_extract('[\"http-01\",\"tls-alpn-01\",\"dns-01\",' ||
    '\"dns-account-01\",\"dns-persist-01\"]', '\$[' || j.type || ']')"

# both queues as one table

jobs_all="(SELECT j.authz_id * 16 + j.type AS id, 'test-challenge' AS kind,
        $jobs_type AS type, iif(a.wildcard, '*.', '') || a.identifier AS names,
        a.account_id AS account, j.lease_until, a.created_at, j.attempts,
        j.run_at, j.deadline_at, j.last_error
    FROM jobs AS j JOIN acme_authorizations AS a ON a.id = j.authz_id
    UNION ALL
    SELECT s.id * 8 + 6, iif(s.order_id IS NULL, 'done', 'issue'), NULL,
        coalesce((SELECT group_concat(iif(i.wildcard, '*.', '')
                                      || i.identifier, ' ')
                  FROM acme_order_identifiers AS i
                  WHERE i.order_id = s.order_id),
                 (SELECT replace(replace(c.sans, 'dns:', ''), 'ip:', '')
                  FROM acme_certificates AS c WHERE c.id = s.certificate_id)),
        s.account_id, s.lease_until, s.created_at, s.attempts, s.run_at,
        s.deadline_at, s.last_error
    FROM acme_signer_jobs AS s)"


jobs_list() {
    limit
    where=1

    if [ -n "$kind" ]; then
        where="$where AND k.kind = '$kind'"
    fi

    [ -z "$names" ] || where="$where AND instr(' ' || k.names || ' ',
                                              ' ' || $(sql_text "$names") || ' ')"

    # the newest, soonest first

    rows "SELECT * FROM (SELECT k.id, k.kind, k.type, k.names, k.account,
              iif(k.lease_until > $now, 'running', 'waiting') AS state,
              max($now - k.created_at, 0) AS age, k.attempts,
              $(as_date k.run_at) AS next, $(as_date k.deadline_at) AS deadline,
              k.last_error
          FROM $jobs_all AS k WHERE $where ORDER BY k.id DESC $page)
          ORDER BY next, id"
}


jobs_queues() {
    rows "SELECT q.kind, count(k.id) AS depth,
              count(k.id) FILTER (WHERE k.lease_until > $now) AS running,
              max($now - min(k.created_at), 0) AS age,
              max(k.attempts) AS attempts,
              (SELECT e.last_error FROM $jobs_all AS e
               WHERE e.kind = q.kind AND e.last_error IS NOT NULL
               ORDER BY e.id DESC LIMIT 1) AS last_error
          FROM (SELECT 1 AS id, 'make-challenge' AS kind
                UNION ALL SELECT 2, 'test-challenge'
                UNION ALL SELECT 3, 'issue' UNION ALL SELECT 4, 'done') AS q
          LEFT JOIN (SELECT * FROM $jobs_all
                     UNION ALL
                     SELECT a.id, 'make-challenge', NULL, a.identifier,
                         a.account_id, 0, a.created_at, NULL, NULL, NULL, NULL
                     FROM acme_authorizations AS a
                     WHERE a.status = 'pending' AND a.expires_at > $now
                           AND NOT EXISTS (SELECT 1 FROM jobs AS j
                                           WHERE j.authz_id = a.id)) AS k
          ON k.kind = q.kind GROUP BY q.id ORDER BY q.id"
}


jobs_attempts() {
    limit
    where="l.action = 'validate'"

    if [ -n "$account" ]; then
        account "$account"
        where="$where AND l.account_id = $account"
    fi

    if [ -n "$names" ]; then
        where="$where AND EXISTS (SELECT 1 FROM acme_authorizations AS a
            WHERE a.id = l.authz_id AND a.identifier = $(sql_text "$names"))"
    fi

    rows "SELECT l.id, $(as_date l.at) AS at, l.outcome, l.account_id AS account,
              (SELECT a.identifier FROM acme_authorizations AS a
               WHERE a.id = l.authz_id) AS name, l.reason, l.details
          FROM acme_audit_logs AS l WHERE $where ORDER BY l.id DESC $page"
}


# job ID: sets $arg, $queue and $where in it, of the row

job() {
    plain_number jobs "$1"
    arg=$number

    if [ $((number % 8)) -eq 6 ]; then
        queue=acme_signer_jobs
        where="id = $((number / 8))"
    else
        queue=jobs
        where="authz_id = $((number / 16)) AND type = $((number % 16))"
    fi

    [ -n "$(value "SELECT 1 FROM $queue WHERE $where")" ] || absent "no job $1"
}


jobs_retry() {
    job "$arg"

    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
UPDATE $queue SET run_at = $now, lease_until = 0,
    deadline_at = max(deadline_at, $now + 60)
WHERE $where;
$(audit job-retry NULL "'job', $arg")
COMMIT;
END

    [ -z "$json" ] || echo '{"retried":true}'
}


jobs_cancel() {
    job "$arg"

    if [ "$queue" = jobs ]; then
        cancel_validation $((arg / 16))
    else
        cancel_signing
    fi

    [ -z "$json" ] || echo '{"cancelled":true}'
}


# cancelled WHAT: sets $error, a problem document

cancelled() {
    error='{"type":"urn:ietf:params:acme:error:unauthorized","detail":"the'
    error="$error $1 was cancelled by the CA\",\"status\":403}"
}


# RFC 8555, 7.1.6: an authorization whose challenge fails is invalid, and so are
# the orders that need it

cancel_validation() {
    cancelled validation

    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
DELETE FROM jobs WHERE authz_id = $1;
UPDATE acme_challenges SET status = 'invalid', error = $(sql_text "$error")
WHERE authz_id = $1 AND status = 'processing';
UPDATE acme_authorizations SET status = 'invalid', updated_at = $now
WHERE id = $1 AND status = 'pending';
UPDATE acme_orders SET status = 'invalid', error = $(sql_text "$error"),
    updated_at = $now
WHERE status = 'pending'
      AND id IN (SELECT order_id FROM acme_order_identifiers
                 WHERE authz_id = $1);
$(audit job-cancel account_id "'job', $arg" \
        "FROM acme_authorizations WHERE id = $1")
COMMIT;
END
}


# what the signer is signing would be a certificate that nobody knows of

cancel_signing() {
    cancelled signature

    changed=$(run -list -noheader <<END
BEGIN IMMEDIATE;
UPDATE acme_orders SET status = 'invalid', error = $(sql_text "$error"),
    updated_at = $now
WHERE status = 'processing'
      AND id = (SELECT order_id FROM acme_signer_jobs
                WHERE $where AND lease_until <= $now);
$(audit job-cancel account_id "'job', $arg" \
        "FROM acme_signer_jobs WHERE $where AND lease_until <= $now")
DELETE FROM acme_signer_jobs WHERE $where AND lease_until <= $now;
SELECT changes();
COMMIT;
END
    ) || die "nothing was changed"

    [ "$changed" -eq 1 ] || die "the signer is being asked"
}
