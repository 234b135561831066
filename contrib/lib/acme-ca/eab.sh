# Copyright (C) the nginx-acme-ca authors
#
# External accounts (RFC 8555, 7.3.4).

commands="$commands
eab create   -    label name profile max-accounts expires directory
eab list     -
eab show     KID
eab revoke   KID  accounts
"


usage_eab() {
    cat <<END
    eab create --label TEXT     make an external account; its key is shown once
        [--name PATTERN]...     only these names: a.b, .b (below b), *, or
                                addresses: 10.0.0.0/8; default: any
        [--profile NAME]...     only these profiles; default: any
        [--max-accounts N]      default: any number
        [--expires TIME]        as 30d, 12h, 1y; default: never
        [--directory URL]       of the CA, for the lines that are printed
    eab list
    eab show KID|LABEL          with its accounts
    eab revoke KID|LABEL        no new accounts
        [--accounts]            and an end to those that it has
END
}


directory=https://CA.EXAMPLE/acme/directory


eab_status="CASE WHEN e.revoked_at IS NOT NULL THEN 'revoked'
                 WHEN e.expires_at <= $now THEN 'expired'
                 WHEN e.accounts >= e.max_accounts THEN 'used up'
                 ELSE 'valid' END"


# eab KID|LABEL: sets $eab, the row's id

eab() {
    eab=$(value "SELECT id FROM acme_eab_credentials
                 WHERE kid = $(sql_text "$1")")

    [ -z "$eab" ] || return 0

    eab=$(value "SELECT id FROM acme_eab_credentials
                 WHERE label = $(sql_text "$1")")

    case $eab in
        '')   absent "no external account \"$1\"" ;;
        *'
'*)           die "several external accounts have the label \"$1\": name the" \
                  "kid" ;;
    esac
}


# sets $maximum and $number, empty if there is none

eab_check() {
    [ -n "$label" ] || misuse "eab create: --label is needed"
    is_like "$label" '[ -~]{1,64}' ||
        misuse "--label: up to 64 printable characters of ASCII"

    is_like "$directory" 'https?://[!-~]+' ||
        misuse "--directory: \"$directory\" is no URL"

    maximum=
    number=

    if [ -n "$max_accounts" ]; then
        plain_number --max-accounts "$max_accounts"
        maximum=$number
        number=
        [ "$maximum" -gt 0 ] || misuse "--max-accounts: 1 at least"
    fi

    [ -z "$expires" ] || seconds --expires "$expires"
}


eab_create() {
    command -v openssl > /dev/null || die "openssl is needed"

    eab_check

    kid=$(openssl rand -hex 16)
    key=-

    # programs take an argument that begins with "-" for an option
    while [ "${key#-}" != "$key" ]; do
        base64=$(openssl rand -base64 32)
        key=$(printf '%s' "$base64" | tr '+/' '-_' | tr -d '=')
    done

    hex=$(printf '%s\n' "$base64" | openssl base64 -d | od -An -v -tx1 |
          tr -d ' \n')

    [ "${#kid} ${#key} ${#hex}" = "32 43 64" ] || die "openssl made no key"

    run -list <<END || die "nothing was made"
BEGIN IMMEDIATE;
INSERT INTO acme_eab_credentials
    (kid, hmac_key, label, names, profiles, max_accounts, accounts, created_at,
     expires_at)
VALUES ('$kid', x'$hex', $(sql_text "$label"), $(sql_text "$names"),
        $(sql_text "$profiles"), ${maximum:-NULL}, 0, $now,
        ${number:+$now + }${number:-NULL});
$(audit eab-create NULL "'eab', $(sql_text "$label"), 'kid', '$kid',
        'names', $(sql_text "$names"), 'profiles', $(sql_text "$profiles")")
COMMIT;
END

    eab_tell
}


# of a new one; $kid, $key

eab_tell() {
    if [ -n "$json" ]; then
        value "SELECT json_object('kid', '$kid', 'hmac_key', '$key',
                   'label', $(sql_text "$label"))"
        return
    fi

    name=${names%% *}
    case $name in
        ''|\*)  name=name.example ;;
        .*)     name=name$name ;;
    esac

    cat <<END
label     $label
kid       $kid
HMAC key  $key

The key is not shown again.  With certbot, lego, acme.sh:

certbot certonly --server $directory --eab-kid $kid --eab-hmac-key $key -d $name
lego --server $directory --eab --kid $kid --hmac $key --domains $name run
acme.sh --register-account --server $directory --eab-kid $kid --eab-hmac-key $key
END
}


eab_list() {
    rows "SELECT e.kid, e.label, $eab_status AS status, e.accounts,
              e.max_accounts, e.names, e.profiles,
              $(as_date e.expires_at) AS expires
          FROM acme_eab_credentials AS e ORDER BY e.id DESC"
}


eab_show() {
    eab "$arg"

    row "SELECT e.kid, e.label, $eab_status AS status, e.accounts,
             e.max_accounts, e.names, e.profiles,
             $(as_date e.created_at) AS created,
             $(as_date e.expires_at) AS expires,
             $(as_date e.revoked_at) AS revoked,
             (SELECT group_concat(a.id, ' ') FROM acme_accounts AS a
              WHERE a.eab_id = e.id) AS account_ids
         FROM acme_eab_credentials AS e WHERE e.id = $eab"
}


eab_revoke() {
    eab "$arg"

    ids="SELECT id FROM acme_accounts WHERE eab_id = $eab AND status = 'valid'"
    all=

    [ -z "$accounts" ] ||
        all=$(end_accounts "$ids" "the external account was revoked")

    ended=$(run -list <<END
BEGIN IMMEDIATE;
UPDATE acme_eab_credentials SET revoked_at = $now
WHERE id = $eab AND revoked_at IS NULL;
$(audit eab-revoke NULL "'eab', label, 'kid', kid" \
        "FROM acme_eab_credentials WHERE id = $eab AND changes() > 0")
SELECT count(*) FROM ($ids);
$all
COMMIT;
END
    ) || die "nothing was revoked"

    [ -n "$accounts" ] || ended=0

    if [ -n "$json" ]; then
        printf '{"revoked":true,"accounts":%s}\n' "$ended"
    else
        echo "revoked; accounts ended: $ended"
    fi
}


# --- the same by the admin location

# by_admin_eab KID|LABEL: sets $kid

by_admin_eab() {
    ask GET "eab?limit=2&label=$(url_text "$1")"

    kid=$(value "SELECT $(of e.value kid)
                 FROM json_each($reply, '\$.items') AS e")

    case $kid in
        '')   kid=$(url_text "$1") ;;
        *'
'*)           die "several external accounts have the label \"$1\": name the" \
                  "kid" ;;
    esac
}


# columns of an element: $1 is its JSON

by_admin_eab_columns() {
    cat <<END
$(of "$1" kid) AS kid, $(of "$1" label) AS label,
$(of "$1" status) AS status, $(of "$1" accounts) AS accounts,
$(of "$1" max_accounts) AS max_accounts,
coalesce((SELECT group_concat(value, ' ')
          FROM json_each($1, '\$.names')), '') AS names,
coalesce((SELECT group_concat(value, ' ')
          FROM json_each($1, '\$.profiles')), '') AS profiles
END
}


by_admin_eab_create() {
    eab_check

    body=$(value "SELECT json_patch('{}', json_object(
        'label', $(sql_text "$label"),
        'names', json($(json_words "$names")),
        'profiles', json($(json_words "$profiles")),
        'max_accounts', ${maximum:-NULL}, 'expires_in', ${number:-NULL}))")

    ask POST eab "$body"

    kid=$(value "SELECT $(of "$reply" kid)")
    key=$(value "SELECT $(of "$reply" hmac_key)")

    eab_tell
}


by_admin_eab_list() {
    limit=0
    ask_all eab

    rows "SELECT $(by_admin_eab_columns e.value),
              $(of e.value expires_at) AS expires
          FROM json_each($reply) AS e"
}


by_admin_eab_show() {
    by_admin_eab "$arg"
    ask GET "eab/$kid"

    row "SELECT $(by_admin_eab_columns r.json),
             $(of r.json created_at) AS created,
             $(of r.json expires_at) AS expires,
             $(of r.json revoked_at) AS revoked
         FROM (SELECT $reply AS json) AS r"
}


by_admin_eab_revoke() {
    by_admin_eab "$arg"

    if [ -n "$accounts" ]; then
        body='{"accounts":true}'
    else
        body='{}'
    fi

    ask POST "eab/$kid/revoke" "$body"

    ended=$(value "SELECT $(of "$reply" accounts_ended)")

    if [ -n "$json" ]; then
        printf '{"revoked":true,"accounts":%s}\n' "$ended"
    else
        echo "revoked; accounts ended: $ended"
    fi
}
