# Copyright (C) the nginx-acme-ca authors
#
# Commands about many certificates, jobs, issuers and the radar, by the admin
# location; the files of these words have the commands themselves.

# by_admin_certificates [TAIL [COLUMNS]]: a table; for programs with all that is
# known of them

by_admin_certificates() {
    columns="$(of e.value id) AS id, $(of e.value serial) AS serial,
        $(of e.value status) AS status, $(of e.value category) AS category,
        $(of e.value account) AS account, $(words names) AS names,
        $(of e.value profile) AS profile,
        $(of e.value not_before) AS not_before,
        $(of e.value not_after) AS not_after"

    [ -z "$json" ] || columns=$(by_admin_certificate_fields)

    rows "SELECT $columns${2-} FROM json_each($reply) AS e ${1-}"
}


by_admin_certificate_fields() {
    cat <<END
$(of e.value id) AS id, $(of e.value serial) AS serial,
$(of e.value serial_decimal) AS serial_decimal, $(of e.value uuid) AS uuid,
$(of e.value status) AS status, $(of e.value category) AS category,
$(of e.value account) AS account, $(of e.value 'order') AS 'order',
$(words names) AS names, $(of e.value common_name) AS common_name,
$(of e.value profile) AS profile, $(of e.value key_type) AS key_type,
$(of e.value issuer) AS issuer,
$(of e.value fingerprint) AS fingerprint_sha256,
$(of e.value not_before) AS not_before, $(of e.value not_after) AS not_after,
$(of e.value created_at) AS created, $(of e.value imported_at) AS imported,
$(of e.value revoked_at) AS revoked,
$(of e.value revocation_reason) AS revocation_reason,
$(of e.value invalidity_at) AS invalidity,
$(of e.value first_download_at) AS first_download,
$(of e.value last_download_at) AS last_download,
$(of e.value replaced_by) AS replaced_by, $(of e.value remarks) AS remarks,
nullif($(words radar), '') AS radar
END
}


by_admin_certificate_by_name() {
    option_name "$arg"

    by_admin_query status valid name "$names"
    ask_all certificates "$query"
    by_admin_certificates
}


by_admin_certificate_expiring() {
    seconds --within "${within:-30d}"

    by_admin_query profile "$profiles" account "$account" \
        expires_before "$(value "SELECT $(as_date "$now + $number")")"
    ask_all certificates/expiring "$query"

    by_admin_certificates '' ",
        (strftime('%s', $(of e.value not_after)) - $now) / 86400 AS days,
        $(of e.value replaced_by) IS NOT NULL AS replaced"
}


by_admin_certificate_expire() {
    updated=0
    more=1

    while [ "$more" = 1 ]; do
        ask POST certificates/expire '{}'
        updated=$((updated + $(value "SELECT $(of "$reply" updated)")))
        more=$(value "SELECT $(of "$reply" more)")
    done

    row "SELECT $updated AS updated, $(of "$reply" expired) AS expired"
}


# sets $pem: it and its issuers

by_admin_pem() {
    command -v openssl > /dev/null || die "openssl is needed"
    ask_certificate GET /pem
    pem=$(value "SELECT $reply")
}


by_admin_certificate_inspect() {
    by_admin_pem
    say text "$(printf '%s\n' "$pem" |
                openssl x509 -noout -text -fingerprint -sha256)"
}


by_admin_certificate_verify() {
    ask_certificate GET /verify

    fault=$(value "SELECT coalesce($(of "$reply" fault), '')")
    certificate_verdict
}


by_admin_certificate_import() {
    [ -r "$arg" ] || die "cannot read \"$arg\""

    ask POST certificates "$(value "SELECT json_patch('{}', json_object(
        'pem', $(sql_text "$(cat "$arg")"),
        'category', nullif($(sql_text "$category"), ''),
        'remarks', nullif($(sql_text "$remarks"), '')))")"

    arg=$(value "SELECT $(of "$reply" uuid)")
    by_admin_certificate_show
}


by_admin_certificate_set() {
    [ -n "$category$remarks" ] ||
        misuse "certificate set: --category or --remarks is needed"

    ask_certificate POST '' "$(value "SELECT json_patch('{}', json_object(
        'category', nullif($(sql_text "$category"), ''),
        'remarks', nullif($(sql_text "$remarks"), '')))")"

    by_admin_certificate_show
}


by_admin_certificate_delete() {
    body='{}'
    [ -z "$force" ] || body='{"force":true}'

    ask_certificate POST /delete "$body"

    certificate_deleted
}


# by_admin_bulk PATH: those that the options choose, page by page

by_admin_bulk() {
    check_chosen "$1"

    kid=
    if [ -n "$eab" ]; then
        by_admin_eab "$eab"
        case $kid in %*) kid=$eab ;; esac
    fi

    [ -z "$reason" ] || revocation_reason "$reason"

    at=
    if [ -n "$since" ]; then
        seconds --since "$since"
        at=$(value "SELECT $(as_date "$now - $number")")
    fi

    only=null
    [ -z "$dry_run" ] || only=true

    items=

    while :; do
        ask POST "$1" "$(value "SELECT json_patch('{}', json_object(
            'name', nullif($(sql_text "$names"), ''),
            'profile', nullif($(sql_text "$profiles"), ''),
            'account', nullif($(sql_text "$account"), ''),
            'eab', nullif($(sql_text "$kid"), ''),
            'issuer', nullif($(sql_text "$issuer"), ''),
            'serial', nullif($(sql_text "$serial"), ''),
            'reason', ${reason:-NULL},
            'invalidity_at', nullif('$at', ''),
            'dry_run', json('$only'),
            'cursor', nullif('$cursor', '')))")"

        add_items
        [ -n "$cursor" ] || break
    done

    [ -n "$items" ] || none_chosen "$1"

    reply=$(sql_text "[$items]")

    rows "SELECT $(of e.value serial) AS serial,
              $(of e.value account) AS account, $(words names) AS names,
              $(of e.value profile) AS profile,
              $(of e.value not_after) AS not_after
          FROM json_each($reply) AS e"
}


by_admin_revoke() {
    by_admin_bulk revoke
}


by_admin_unrevoke() {
    reason=
    since=
    by_admin_bulk unrevoke
}


by_admin_issuer_list() {
    ask_all issuers

    rows "SELECT $(of e.value id) AS id, $(of e.value name) AS name,
              $(of e.value state) AS state,
              $(of e.value not_after) AS not_after,
              (SELECT $(of l.value number)
               FROM json_each(e.value, '\$.crls') AS l
               WHERE $(of l.value shards) = 1) AS crl_number,
              (SELECT $(of l.value next_update)
               FROM json_each(e.value, '\$.crls') AS l
               WHERE $(of l.value shards) = 1) AS crl_until,
              $(of e.value published_at) AS published,
              $(of e.value signs_until) AS key_until
          FROM json_each($reply) AS e"
}


by_admin_issuer_rotate() {
    ask GET issuers?limit=1000
    active=$(value "SELECT coalesce((SELECT $(of e.value id)
        FROM json_each($reply, '\$.items') AS e
        WHERE $(of e.value state) = 'active'), 0)")

    ask POST issuers/rotate '{}'

    if [ "$heard" = 202 ]; then
        issuer_awaited
        return
    fi

    next=$(value "SELECT $(of "$reply" id)")
    ask GET issuers?limit=1000

    rows "SELECT $(of e.value id) AS id, $(of e.value name) AS name,
              $(of e.value state) AS state
          FROM json_each($reply, '\$.items') AS e
          WHERE $(of e.value id) IN ($active, $next)"
}


# by_admin_issuer ID|NAME: sets $id

by_admin_issuer() {
    ask GET issuers?limit=1000

    id=$(value "SELECT group_concat($(of e.value id))
                FROM json_each($reply, '\$.items') AS e
                WHERE $(of e.value name) = $(sql_text "$1")
                      OR CAST($(of e.value id) AS TEXT) = $(sql_text "$1")")

    one_issuer "$1"
}


by_admin_issuer_retire() {
    body='{}'
    [ -z "$force" ] || body='{"force":true}'

    by_admin_issuer "$arg"
    ask POST "issuers/$id/retire" "$body"
    [ -z "$json" ] || echo '{"retired":true}'
}


by_admin_issuer_compromised() {
    by_admin_issuer "$arg"
    ask POST "issuers/$id/compromised" '{}'
    [ -z "$json" ] || echo '{"compromised":true}'
    issuer_exposed
}


# by_admin_radar_of WORD [ARGUMENTS]: sets $reply, certificates of which that was
# noted

by_admin_radar_of() {
    limit=0
    ask_all certificates "&radar=$1$query"
}


# what workers noted: of how late it is they say nothing

by_admin_radar() {
    most=$limit
    until=
    ends="$now + 7776000"

    if [ -n "$within" ]; then
        seconds --within "$within"
        ends="$now + $number"
        until=$(value "SELECT $(as_date "$ends")")
    fi

    by_admin_query expires_before "$until"

    by_admin_radar_of late
    late=$reply
    by_admin_radar_of not-fetched
    unfetched=$reply
    ask_all issuers
    limit=$most
    limit

    rows "SELECT * FROM (
          SELECT 'late' AS what, $(of e.value serial) AS serial,
              $(words names) AS names, $(of e.value account) AS account,
              NULL AS since, $(of e.value not_after) AS ends
          FROM json_each($late) AS e
          UNION ALL
          SELECT 'not fetched', $(of e.value serial), $(words names),
              $(of e.value account), $(of e.value created_at),
              $(of e.value not_after)
          FROM json_each($unfetched) AS e
          UNION ALL
          SELECT 'issuer', NULL, $(of e.value name), NULL,
              $(of e.value not_before), $(of e.value not_after)
          FROM json_each($reply) AS e
          WHERE $(of e.value chain) IS NOT NULL
                AND coalesce($(of e.value state), '')
                    NOT IN ('retired', 'compromised')
                AND $(of e.value not_after) > $(as_date "$now")
                AND $(of e.value not_after) <= $(as_date "$ends")
          ) ORDER BY ends $page"
}


by_admin_jobs_list() {
    by_admin_query kind "$kind" name "$names"
    ask_all jobs "$query"

    rows "SELECT $(of e.value id) AS id, $(of e.value kind) AS kind,
              $(of e.value type) AS type, $(words names) AS names,
              $(of e.value account) AS account,
              $(of e.value state) AS state, $(of e.value age) AS age,
              $(of e.value attempts) AS attempts, $(of e.value run_at) AS next,
              $(of e.value deadline_at) AS deadline,
              $(of e.value last_error) AS last_error
          FROM json_each($reply) AS e ORDER BY next, id"
}


by_admin_jobs_queues() {
    ask GET queues

    rows "SELECT $(of e.value kind) AS kind, $(of e.value depth) AS depth,
              $(of e.value running) AS running, $(of e.value age) AS age,
              $(of e.value attempts) AS attempts,
              $(of e.value last_error) AS last_error
          FROM json_each($reply, '\$.items') AS e"
}


by_admin_jobs_attempts() {
    by_admin_query action validate account "$account" name "$names"
    ask_all audit "$query"

    rows "SELECT $(of e.value id) AS id, $(of e.value at) AS at,
              $(of e.value outcome) AS outcome,
              $(of e.value account) AS account, $(of e.value name) AS name,
              $(of e.value reason) AS reason, $(of e.value details) AS details
          FROM json_each($reply) AS e"
}


by_admin_jobs_retry() {
    check_number jobs "$arg"
    ask POST "jobs/$arg/retry" '{}'
    [ -z "$json" ] || echo '{"retried":true}'
}


by_admin_jobs_cancel() {
    check_number jobs "$arg"
    ask POST "jobs/$arg/cancel" '{}'
    [ -z "$json" ] || echo '{"cancelled":true}'
}
