# Copyright (C) the nginx-acme-ca authors
#
# Accounts.

commands="$commands
account list        -   status eab limit
account show        ID
account deactivate  ID
"

choices="$choices
account status  valid deactivated revoked
"


usage_account() {
    cat <<END
    account list [--eab KID|LABEL] [--limit N]
        [--status S]            valid, deactivated, revoked
    account show ID|THUMBPRINT
    account deactivate ID|THUMBPRINT
                                its pending work ends, its certificates stay
END
}


# account ID|THUMBPRINT: sets $account, the row's id

account() {
    if is_number "$1"; then
        account=$(value "SELECT id FROM acme_accounts WHERE id = $1")

    else
        if is_like "$1" '[0-9a-f]{64}'; then
            hex=$1

        elif is_like "$1" '[A-Za-z0-9_-]{43}'; then
            hex=$(printf '%s=\n' "$1" | tr -- '-_' '+/' |
                  openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')

        else
            misuse "\"$1\" is neither an account's number nor its thumbprint"
        fi

        account=$(value "SELECT id FROM acme_accounts
                         WHERE thumbprint = x'$hex'")
    fi

    [ -n "$account" ] || absent "no account \"$1\""
}


# end_accounts SQL DETAIL: what the module does when a client ends its account

end_accounts() {
    error='{"type":"urn:ietf:params:acme:error:unauthorized","detail":"'$2
    error=$error'","status":403}'

    cat <<END
DELETE FROM jobs WHERE (SELECT a.account_id FROM acme_authorizations AS a
                        WHERE a.id = jobs.authz_id) IN ($1);
UPDATE acme_authorizations SET status = 'deactivated', updated_at = $now
WHERE account_id IN ($1) AND status IN ('pending', 'valid');
UPDATE acme_orders SET status = 'invalid', error = $(sql_text "$error"),
    updated_at = $now
WHERE account_id IN ($1) AND status IN ('pending', 'ready');
$(audit revoke-account id "'reason', $(sql_text "$2")" \
        "FROM acme_accounts WHERE id IN ($1) ORDER BY id")
UPDATE acme_accounts SET status = 'revoked', updated_at = $now
WHERE id IN ($1);
END
}


account_list() {
    limit
    where=

    [ -z "$status" ] || where="AND a.status = '$status'"

    if [ -n "$eab" ]; then
        eab "$eab"
        where="$where AND a.eab_id = $eab"
    fi

    rows "SELECT a.id, a.status, a.contact, e.label AS eab,
              $(as_date a.created_at) AS created,
              (SELECT count(*) FROM acme_certificates AS c
               WHERE c.account_id = a.id) AS certificates
          FROM acme_accounts AS a
          LEFT JOIN acme_eab_credentials AS e ON e.id = a.eab_id
          WHERE 1 $where ORDER BY a.id DESC $page"
}


account_show() {
    account "$arg"

    row "SELECT a.id, a.status, a.contact, a.jwk,
             lower(hex(a.thumbprint)) AS thumbprint_sha256,
             e.label AS eab, e.kid AS eab_kid,
             $(as_date a.terms_agreed_at) AS terms_agreed,
             $(as_date a.created_at) AS created,
             $(as_date a.updated_at) AS updated,
             (SELECT count(*) FROM acme_orders AS o
              WHERE o.account_id = a.id) AS orders,
             (SELECT count(*) FROM acme_certificates AS c
              WHERE c.account_id = a.id) AS certificates
         FROM acme_accounts AS a
         LEFT JOIN acme_eab_credentials AS e ON e.id = a.eab_id
         WHERE a.id = $account"
}


# RFC 8555, 7.1.6: what a client does is "deactivated", what the CA "revoked"

account_deactivate() {
    account "$arg"

    ids="SELECT id FROM acme_accounts WHERE id = $account
         AND status = 'valid'"

    ended=$(run -list <<END
BEGIN IMMEDIATE;
SELECT count(*) FROM ($ids);
$(end_accounts "$ids" "the account was deactivated")
COMMIT;
END
    ) || die "nothing was changed"

    status=$(value "SELECT status FROM acme_accounts WHERE id = $account")

    account_ended
}


account_ended() {
    if [ -n "$json" ]; then
        printf '{"id":%s,"status":"%s","changed":%s}\n' "$account" "$status" \
            "$ended"
    elif [ "$ended" -eq 1 ]; then
        echo "account $account is $status"
    else
        echo "account $account was $status before"
    fi
}
