# Copyright (C) the nginx-acme-ca authors
#
# What will be trouble soon: renewals that are late, certificates that nobody
# fetched, issuers that end.

commands="$commands
radar  -  -  within limit
"


usage_radar() {
    cat <<END
    radar                       renewals that are late: past the window that
                                renewalInfo tells, without a successor;
                                certificates that nobody fetched for an hour;
                                issuers that end: 90 days, or a quarter of their
                                life, before
        [--within TIME]         of these certificates, those that end until
                                then; all issuers that do
        [--limit N]             soonest first
END
}


do_radar() {
    limit

    ends=9223372036854775807
    issuers="i.due <= $now"

    if [ -n "$within" ]; then
        seconds --within "$within"
        ends="$now + $number"
        issuers="i.not_after <= $ends"
    fi

    rows "SELECT * FROM (
          SELECT 'late' AS what, lower(hex(r.serial)) AS serial,
              r.sans AS names, r.account_id AS account,
              $(as_date r.due) AS since, $(as_date r.not_after) AS ends
          FROM acme_renewals AS r
          WHERE r.expired_at IS NULL AND r.not_after > $now
                AND r.not_after <= $ends
                AND r.soonest <= $now AND r.due <= $now
          UNION ALL
          SELECT 'not fetched', lower(hex(u.serial)), u.sans, u.account_id,
              $(as_date u.created_at), $(as_date u.not_after)
          FROM acme_unfetched AS u
          WHERE u.not_after > $now AND u.not_after <= $ends AND u.due <= $now
          UNION ALL
          SELECT 'issuer', NULL, i.name, NULL, $(as_date i.not_before),
              $(as_date i.not_after)
          FROM acme_issuer_ends AS i
          WHERE i.not_after > $now AND $issuers
          ) ORDER BY ends $page"
}
