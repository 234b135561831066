# Copyright (C) the nginx-acme-ca authors
#
# Orders.

commands="$commands
order list   -   account status limit
"

choices="$choices
order status  pending ready processing valid invalid
"


usage_order() {
    cat <<END
    order list [--account ID] [--limit N]
        [--status S]            pending, ready, processing, valid, invalid
END
}


order_list() {
    limit
    where=

    [ -z "$status" ] || where="AND o.status = '$status'"

    if [ -n "$account" ]; then
        account "$account"
        where="$where AND o.account_id = $account"
    fi

    rows "SELECT o.id, o.status, o.account_id AS account,
              (SELECT group_concat(iif(i.wildcard, '*.', '') || i.identifier,
                                   ' ')
               FROM acme_order_identifiers AS i
               WHERE i.order_id = o.id) AS names,
              o.profile, $(as_date o.created_at) AS created,
              $(as_date o.expires_at) AS expires,
              json_extract(o.error, '\$.detail') AS error
          FROM acme_orders AS o
          WHERE 1 $where ORDER BY o.id DESC $page"
}
