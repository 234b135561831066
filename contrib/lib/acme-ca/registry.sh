# Copyright (C) the nginx-acme-ca authors
#
# Commands about the registry, by the admin location; the files of these words
# have the commands themselves.

# by_admin_query NAME VALUE ...: arguments of an URL, of what is not empty

by_admin_query() {
    query=

    while [ $# -gt 0 ]; do
        [ -z "$2" ] || query="$query&$1=$(url_text "$2")"
        shift 2
    done
}


# words PATH: an expression: an array as a text

words() {
    printf "coalesce((SELECT group_concat(value, ' ')
                      FROM json_each(e.value, '\$.%s')), '')" "$1"
}


by_admin_account_list() {
    kid=
    [ -z "$eab" ] || by_admin_eab "$eab"

    by_admin_query status "$status" eab "$kid"
    ask_all accounts "$query"

    rows "SELECT $(of e.value id) AS id, $(of e.value status) AS status,
              $(of e.value contact) AS contact, $(of e.value eab) AS eab,
              $(of e.value created_at) AS created
          FROM json_each($reply) AS e"
}


by_admin_account_show() {
    ask GET "accounts/$(url_text "$arg")"

    row "SELECT $(of e.value id) AS id, $(of e.value status) AS status,
             $(of e.value contact) AS contact, $(of e.value jwk) AS jwk,
             $(of e.value thumbprint) AS thumbprint_sha256,
             $(of e.value eab) AS eab_kid,
             $(of e.value terms_agreed_at) AS terms_agreed,
             $(of e.value created_at) AS created,
             $(of e.value updated_at) AS updated
         FROM json_each(json_array(json($reply))) AS e"
}


by_admin_account_deactivate() {
    ask GET "accounts/$(url_text "$arg")"

    account=$(value "SELECT $(of "$reply" id)")
    status=$(value "SELECT $(of "$reply" status)")
    ended=0

    if [ "$status" = valid ]; then
        ask POST "accounts/$account/revoke" '{}'
        status=$(value "SELECT $(of "$reply" status)")
        ended=1
    fi

    account_ended
}


by_admin_order_list() {
    by_admin_query status "$status" account "$account"
    ask_all orders "$query"

    rows "SELECT $(of e.value id) AS id, $(of e.value status) AS status,
              $(of e.value account) AS account, $(words names) AS names,
              $(of e.value profile) AS profile,
              $(of e.value created_at) AS created,
              $(of e.value expires_at) AS expires,
              $(of e.value error.detail) AS error
          FROM json_each($reply) AS e"
}


by_admin_certificate_list() {
    until=
    after=

    if [ -n "$expires" ]; then
        seconds --expires "$expires"
        until=$(value "SELECT $(as_date "$now + $number")")
        after=$(value "SELECT $(as_date "$now - 1")")
    fi

    from=
    if [ -n "$revoked" ]; then
        seconds --revoked "$revoked"
        from=$(value "SELECT $(as_date "$now - $number")")
    fi

    cursor=$before
    by_admin_query status "$status" account "$account" name "$names" \
        profile "$profiles" category "$category" issuer "$issuer" \
        serial "$serial" radar "$radar" expires_before "$until" expires_after "$after" \
        revoked_after "$from"
    ask_all certificates "$query"

    by_admin_certificates
}


# ask_certificate METHOD [TAIL [BODY]]: of the one that $arg and $issuer name

ask_certificate() {
    place="certificates/$(url_text "$arg")${2-}"

    if [ "$1" = GET ]; then
        ask GET "$place${issuer:+?issuer=$(url_text "$issuer")}"
    else
        ask POST "$place" "$(value "SELECT json_patch($(sql_text "$3"),
            json_object('issuer', nullif($(sql_text "$issuer"), '')))")"
    fi
}


by_admin_certificate_show() {
    ask_certificate GET
    shown=$reply
    ask_certificate GET /pem
    pem=$(value "SELECT substr($reply, 1, instr($reply,
                     '-----END CERTIFICATE-----') + 24)")

    row "SELECT $(by_admin_certificate_fields)
             ${json:+, $(sql_text "$pem
") AS pem}
         FROM json_each(json_array(json($shown))) AS e"

    [ -n "$json" ] || printf '\n%s\n' "$pem"
}


by_admin_certificate_chain() {
    ask_certificate GET /pem
    say pem "$(value "SELECT $reply")"
}


by_admin_certificate_revoke() {
    revocation_reason "${reason:-unspecified}"

    ask_certificate GET
    changed=0

    if [ "$(value "SELECT $(of "$reply" status) <> 'revoked'
                   OR ($(of "$reply" revocation_reason) IS 6
                       AND $reason <> 6)")" = 1 ]
    then
        ask_certificate POST /revoke "{\"reason\":$reason}"
        changed=1
    fi

    certificate_revoked
}


by_admin_renewal_move() {
    case "$names$profiles" in
        *' '*) misuse "renewal move: one name or address, one profile" ;;
    esac

    number=0
    [ -z "$from" ] || seconds --from "$from"
    start=$number
    seconds --within "${within:-1d}"

    body=$(value "SELECT json_patch('{}', json_object(
        'name', nullif($(sql_text "$names"), ''),
        'profile', nullif($(sql_text "$profiles"), ''),
        'account', nullif($(sql_text "$account"), ''),
        'issuer', nullif($(sql_text "$issuer"), ''),
        'serial', nullif($(sql_text "$serial"), ''),
        'start', $(as_date "$now + $start"),
        'end', $(as_date "$now + $start + $number"),
        'explanation_url', nullif($(sql_text "$url"), '')))")

    ask POST windows "$body"

    row "SELECT $(of e.value id) AS id, $(of e.value start) AS begins,
             $(of e.value end) AS until
         FROM json_each(json_array(json($reply))) AS e"
}


by_admin_renewal_list() {
    ask_all windows

    rows "SELECT $(of e.value id) AS id, $(of e.value name) AS name,
              $(of e.value profile) AS profile,
              $(of e.value account) AS account, $(of e.value issuer) AS issuer,
              coalesce($(of e.value serial), '') AS serial,
              $(of e.value start) AS begins, $(of e.value end) AS until,
              $(of e.value explanation_url) AS url
          FROM json_each($reply) AS e"
}


by_admin_renewal_drop() {
    check_number "renewal drop" "$arg"
    ask POST "windows/$arg/drop" '{}'
    [ -z "$json" ] || echo '{"dropped":true}'
}
