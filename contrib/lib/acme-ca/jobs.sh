# Copyright (C) the nginx-acme-ca authors
#
# The queue of validations, and what became of each attempt.

commands="$commands
jobs list      -   limit
jobs attempts  -   name account limit
jobs retry     ID
jobs cancel    ID
"


usage_jobs() {
    cat <<END
    jobs list                   validations that wait or run, oldest first
    jobs attempts [--name NAME] [--account ID] [--limit N]
                                what was tried, with addresses and errors
    jobs retry ID               try again now
    jobs cancel ID              its challenge fails
END
}


jobs_kind="json_extract('[\"http-01\",\"tls-alpn-01\",\"dns-01\",' ||
    '\"dns-account-01\",\"dns-persist-01\"]', '\$[' || j.type || ']')"


jobs_list() {
    limit

    rows "SELECT j.authz_id * 16 + j.type AS id, $jobs_kind AS kind,
              iif(a.wildcard, '*.', '') || a.identifier AS name,
              a.account_id AS account,
              iif(j.lease_until > $now, 'running', 'waiting') AS state,
              $now - a.created_at AS age, j.attempts,
              $(as_date j.run_at) AS next, $(as_date j.deadline_at) AS deadline,
              j.last_error
          FROM jobs AS j
          JOIN acme_authorizations AS a ON a.id = j.authz_id
          ORDER BY j.run_at $page"
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


# sets $authz and $type

job() {
    plain_number jobs "$1"
    authz=$((number / 16))
    type=$((number % 16))
    arg=$number

    [ -n "$(value "SELECT 1 FROM jobs
                   WHERE authz_id = $authz AND type = $type")" ] ||
        absent "no job $1"
}


jobs_retry() {
    job "$arg"

    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
UPDATE jobs SET run_at = $now, lease_until = 0,
    deadline_at = max(deadline_at, $now + 60)
WHERE authz_id = $authz AND type = $type;
$(audit job-retry NULL "'job', $arg")
COMMIT;
END

    [ -z "$json" ] || echo '{"retried":true}'
}


# RFC 8555, 7.1.6: an authorization whose challenge fails is invalid, and so are
# the orders that need it

jobs_cancel() {
    job "$arg"

    error='{"type":"urn:ietf:params:acme:error:unauthorized","detail":"the'
    error="$error validation was cancelled by the CA\",\"status\":403}"

    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
DELETE FROM jobs WHERE authz_id = $authz;
UPDATE acme_challenges SET status = 'invalid', error = $(sql_text "$error")
WHERE authz_id = $authz AND status = 'processing';
UPDATE acme_authorizations SET status = 'invalid', updated_at = $now
WHERE id = $authz AND status = 'pending';
UPDATE acme_orders SET status = 'invalid', error = $(sql_text "$error"),
    updated_at = $now
WHERE status = 'pending'
      AND id IN (SELECT order_id FROM acme_order_identifiers
                 WHERE authz_id = $authz);
$(audit job-cancel account_id "'job', $arg" \
        "FROM acme_authorizations WHERE id = $authz")
COMMIT;
END

    [ -z "$json" ] || echo '{"cancelled":true}'
}
