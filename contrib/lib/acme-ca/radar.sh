# Copyright (C) the nginx-acme-ca authors
#
# What will be trouble soon: renewals that are late, certificates that nobody
# fetched, issuers that end.

commands="$commands
radar  -  -  within limit
"


usage_radar() {
    cat <<END
    radar                       renewals that are late: past three quarters of
                                a life, or a window that was moved, without a
                                successor; certificates that nobody fetched for
                                an hour; issuers that end
        [--within TIME]         certificates that end until then; default: all
                                that are late, and issuers within 90d
        [--limit N]             soonest first
END
}


do_radar() {
    limit

    ends=9223372036854775807
    issuers="$now + 7776000"

    if [ -n "$within" ]; then
        seconds --within "$within"
        ends="$now + $number"
        issuers=$ends
    fi

    # an index tells of most that they are not late, unless renewals were moved

    rows "SELECT * FROM (
          SELECT 'late' AS what, lower(hex(r.serial)) AS serial,
              r.sans AS names, r.account_id AS account,
              $(as_date r.due) AS since, $(as_date r.not_after) AS ends
          FROM acme_renewals AS r
          WHERE r.not_after > $now AND r.not_after <= $ends AND r.due < $now
                AND (r.not_before + (r.not_after - r.not_before) * 3 / 4 < $now
                     OR EXISTS (SELECT 1 FROM acme_renewal_windows))
          UNION ALL
          SELECT 'not fetched', lower(hex(c.serial)), c.sans, c.account_id,
              $(as_date c.created_at), $(as_date c.not_after)
          FROM acme_certificates AS c
          WHERE c.status = 'valid' AND c.not_after > $now
                AND c.not_after <= $ends AND c.account_id IS NOT NULL
                AND c.first_download_at IS NULL AND c.created_at < $now - 3600
          UNION ALL
          SELECT 'issuer', NULL, i.name, NULL, $(as_date i.not_before),
              $(as_date i.not_after)
          FROM issuers AS i
          WHERE i.not_after BETWEEN $now AND $issuers AND i.chain_pem <> ''
                AND coalesce(i.signs_until, $now) >= $now
          ) ORDER BY ends $page"
}
