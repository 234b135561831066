# Copyright (C) the nginx-acme-ca authors
#
# How much there is of all.

commands="$commands
statistics  -  -
"


usage_statistics() {
    cat <<END
    statistics                  how many there are of all, by status
END
}


# counts TABLE NAME STATUS: a part of the selection

counts() {
    printf "SELECT '%s' AS what, %s AS status, count(*) AS n FROM %s AS c
            GROUP BY 2 UNION ALL " "$2" "$3" "$1"
}


do_statistics() {
    rows "$(counts acme_accounts accounts c.status)
          $(counts acme_orders orders c.status)
          $(counts acme_authorizations authorizations c.status)
          $(counts acme_challenges challenges c.status)
          $(counts acme_certificates certificates "$certificate_status")
          $(counts jobs jobs "json_extract('[\"http-01\",\"tls-alpn-01\",' ||
                '\"dns-01\",\"dns-account-01\",\"dns-persist-01\"]',
                '\$[' || c.type || ']')")
          SELECT 'database', 'bytes', page_count * page_size
          FROM pragma_page_count, pragma_page_size"
}


by_admin_statistics() {
    ask GET statistics

    rows "SELECT w.key AS what, s.key AS status, s.value AS n
          FROM json_each($reply) AS w, json_each(w.value) AS s
          WHERE w.type = 'object'"
}
