# Copyright (C) the nginx-acme-ca authors
#
# Certificates.

commands="$commands
certificate list  -       account status name expires limit
certificate show  SERIAL
"


usage_certificate() {
    cat <<END
    certificate list [--account ID] [--status S] [--name NAME]
        [--expires TIME] [--limit N]
                                --expires 30d: those that end until then
    certificate show SERIAL     with its PEM
END
}


certificate_list() {
    limit
    where=

    [ -z "$status" ] || where="AND c.status = $(sql_text "$status")"

    if [ -n "$account" ]; then
        account "$account"
        where="$where AND c.account_id = $account"
    fi

    if [ -n "$names" ]; then
        where="$where AND instr(' ' || c.sans || ' ',
                   ':' || $(sql_text "$names") || ' ') > 0"
    fi

    if [ -n "$expires" ]; then
        seconds --expires "$expires"
        where="$where AND c.not_after BETWEEN $now AND $now + $number"
    fi

    rows "SELECT lower(hex(c.serial)) AS serial, c.status,
              c.account_id AS account, c.sans AS names, c.profile,
              $(as_date c.not_before) AS not_before,
              $(as_date c.not_after) AS not_after
          FROM acme_certificates AS c
          WHERE 1 $where ORDER BY c.id DESC $page"
}


certificate_show() {
    hex=$(printf '%s' "$arg" | tr 'A-F' 'a-f' | tr -d ':')

    is_like "$hex" '[0-9a-f]{1,42}' || misuse "\"$arg\" is no serial number"

    [ $((${#hex} % 2)) -eq 0 ] || hex=0$hex

    while [ "${hex#00}" != "$hex" ]; do
        hex=${hex#00}
    done

    row=$(value "SELECT id FROM acme_certificates WHERE serial = x'$hex'")

    [ -n "$row" ] || absent "no certificate with the serial number \"$arg\""

    der=$(value "SELECT hex(der) FROM acme_certificates WHERE id = $row")
    pem=$(bytes "$der" | openssl x509 -inform DER) ||
        die "openssl cannot read the certificate"

    row "SELECT lower(hex(c.serial)) AS serial, c.status,
             c.account_id AS account, c.order_id AS 'order', c.sans AS names,
             c.common_name, c.profile, c.key_type, i.name AS issuer,
             lower(hex(c.fingerprint)) AS fingerprint_sha256,
             $(as_date c.not_before) AS not_before,
             $(as_date c.not_after) AS not_after,
             $(as_date c.created_at) AS created,
             $(as_date c.revoked_at) AS revoked, c.revocation_reason,
             $(as_date c.first_download_at) AS first_download,
             $(as_date c.last_download_at) AS last_download
             ${json:+, $(sql_text "$pem
") AS pem}
         FROM acme_certificates AS c
         JOIN issuers AS i ON i.id = c.issuer_id
         WHERE c.id = $row"

    [ -n "$json" ] || printf '\n%s\n' "$pem"
}
