# Copyright (C) the nginx-acme-ca authors
#
# Event hooks: how far each was told of what happened.

commands="$commands
events list   -
events retry  HOOK
"


usage_events() {
    cat <<END
    events list                 hooks: rows of the audit log that each did not
                                look at yet, since when, and why
    events retry HOOK           tell it now; by its URI or number
END
}


events_list() {
    rows "SELECT h.id, h.uri,
              max(coalesce((SELECT max(id) FROM acme_audit_logs), 0)
                  - h.log_id, 0) AS behind,
              (SELECT $(as_date l.at) FROM acme_audit_logs AS l
               WHERE l.id > h.log_id ORDER BY l.id LIMIT 1) AS since,
              h.delivered, $(as_date h.delivered_at) AS last, h.attempts,
              $(as_date "nullif(h.run_at, 0)") AS next, h.error,
              trim(h.types) AS types
          FROM acme_event_hooks AS h ORDER BY h.id"
}


events_retry() {
    id=$(value "SELECT id FROM acme_event_hooks
                WHERE uri = $(sql_text "$arg")
                      OR CAST(id AS TEXT) = $(sql_text "$arg")")

    [ -n "$id" ] || absent "no hook \"$arg\""

    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
UPDATE acme_event_hooks SET run_at = 0 WHERE id = $id;
$(audit event-retry NULL "'hook', $(sql_text "$arg")")
COMMIT;
END

    [ -z "$json" ] || echo '{"retried":true}'
}


by_admin_events_list() {
    ask_all hooks

    rows "SELECT $(of e.value id) AS id, $(of e.value uri) AS uri,
              $(of e.value behind) AS behind,
              $(of e.value behind_since) AS since,
              $(of e.value delivered) AS delivered,
              $(of e.value delivered_at) AS last,
              $(of e.value attempts) AS attempts,
              $(of e.value next_at) AS next, $(of e.value error) AS error,
              (SELECT group_concat(t.value, ' ')
               FROM json_each($(of e.value types)) AS t) AS types
          FROM json_each($reply) AS e ORDER BY 1"
}


by_admin_events_retry() {
    id=$arg

    if ! is_number "$id"; then
        ask GET "hooks?name=$(url_text "$arg")"
        id=$(value "SELECT $(of "$reply" 'items[0].id')")

        [ -n "$id" ] || absent "no hook \"$arg\""
    fi

    ask POST "hooks/$id/retry" '{}'

    [ -z "$json" ] || echo '{"retried":true}'
}
