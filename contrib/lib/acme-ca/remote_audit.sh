# Copyright (C) the nginx-acme-ca authors
#
# The audit log by the admin location.  Nginx tells rows, checkpoints and public
# keys; whether they are sound is found out here, from a database of them
# that has the tables of the real one.

# by_admin_audit ORDER

by_admin_audit() {
    from=

    if [ -n "$since" ]; then
        seconds --since "$since"
        from=$(value "SELECT $(as_date "$now - $number")")
    fi

    by_admin_query actor "$actor" action "$action" outcome "$outcome" \
        account "$account" since "$from"
    ask_all audit "$query"

    rows "SELECT $(of e.value id) AS id, $(of e.value at) AS at,
              $(of e.value actor) AS actor, $(of e.value action) AS action,
              $(of e.value outcome) AS outcome, $(of e.value reason) AS reason,
              $(of e.value details) AS details,
              $(of e.value account) AS account, $(of e.value 'order') AS 'order',
              $(of e.value certificate) AS certificate,
              $(of e.value client_address) AS address,
              $(of e.value request_id) AS request_id
          FROM json_each($reply) AS e ORDER BY id $1"
}


by_admin_audit_list() {
    by_admin_audit DESC
}


by_admin_audit_tail() {
    where=1

    for column in actor action outcome; do
        eval "value=\$$column"
        [ -z "$value" ] ||
            where="$where AND $(of l.value "$column") = $(sql_text "$value")"
    done

    if [ -n "$account" ]; then
        ask GET "accounts/$(url_text "$account")"
        where="$where AND $(of l.value account_id) = $(of "$reply" id)"
    fi

    ask GET audit/state
    last=$(value "SELECT $(of "$reply" last)")
    cursor=$((last + 1))
    by_admin_audit ASC

    while [ -n "$follow" ]; do
        sleep 1
        by_admin_audit_lines "$last" "$where"
    done
}


# by_admin_audit_lines AFTER WHERE: lines after that row that WHERE says of l; sets
# $last

by_admin_audit_lines() {
    last=$1

    while :; do
        at=
        [ "$last" -eq 0 ] || at="&cursor=$last"
        ask GET "audit/lines?limit=1000$at"

        value "SELECT l.value FROM json_each($reply, '\$.items') AS l WHERE $2"

        last=$(value "SELECT coalesce(max($(of l.value id)), $last)
                      FROM json_each($reply, '\$.items') AS l")

        [ -n "$(value "SELECT $(of "$reply" next)")" ] || break
    done
}


# checkpoints before the rows that they sign

by_admin_audit_load() {
    limit=0

    ask GET audit/state
    state=$reply
    value "SELECT $(of "$state" keys)" > "$folder/audit.pem"
    sealed=$(value "SELECT $(of "$state" sealed)")

    ask_all audit/checkpoints
    checkpoints=$reply

    by_admin_audit_lines "$sealed" 1 > "$folder/lines"
    audit_load ca || die "$admin: no audit log came"
    audit_signed "json_each($checkpoints)" id
    value "UPDATE acme_ca_meta SET audit_sealed = $sealed"
}


# --key is that of TLS here

by_admin_audit_check() {
    by_admin_audit_load

    tls_key=$key
    key=$folder/audit.pem
    audit_check
    key=$tls_key
}


by_admin_audit_export() {
    work_folder
    by_admin_audit_load
    audit_export
}


by_admin_audit_verify() {
    work_folder
    : > "$folder/faults"
    by_admin_audit_check

    [ -z "$file" ] || audit_file "$file"

    audit_verdict
}


by_admin_audit_seal() {
    check_seal
    by_admin_audit_check
    audit_segment

    sealed=0
    more=1

    while [ "$more" = 1 ]; do
        ask POST audit/seal "$(value "SELECT json_object('up_to', $id,
            'sha256', '$sum', 'file', $(sql_text "$to"))")"
        sealed=$((sealed + $(value "SELECT $(of "$reply" rows)")))
        more=$(value "SELECT $(of "$reply" more)")
    done

    audit_sealed
}
