# Copyright (C) the nginx-acme-ca authors
#
# When certificates are renewed (RFC 9773).

commands="$commands
renewal move  -   name profile account issuer serial from within url
renewal list  -
renewal drop  ID
"


usage_renewal() {
    cat <<END
    renewal move                clients with RFC 9773 renew within a window;
        [--name PATTERN] [--profile NAME] [--account ID] [--issuer ID|NAME]
        [--serial SERIAL]       of those that fit all that is given
        [--from TIME]           in 12h, 2d; default: now
        [--within TIME]         as long is the window; default: 1d
        [--url URL]             that tells why
    renewal list
    renewal drop ID             the usual windows again
END
}


renewal_move() {
    [ -n "$names$profiles$account$issuer$serial" ] ||
        misuse "renewal move: which certificates? --name '*' is all of them"

    case "$names$profiles" in
        *' '*|*/*) misuse "renewal move: one name or address, one profile" ;;
    esac

    if [ -n "$account" ]; then
        account "$account"
    fi

    if [ -n "$issuer" ]; then
        find_issuer "$issuer"
        issuer=$id
    fi

    if [ -n "$serial" ]; then
        certificate "$serial"
        serial="(SELECT serial FROM acme_certificates WHERE id = $row)"
        issuer="(SELECT issuer_id FROM acme_certificates WHERE id = $row)"
    fi

    start=$now

    if [ -n "$from" ]; then
        seconds --from "$from"
        start="$now + $number"
    fi

    seconds --within "${within:-1d}"

    # some clients take a window of a second for a mistake
    [ "$number" -ge 2 ] || misuse "--within: shorter than two seconds"

    [ -z "$url" ] || is_like "$url" 'https?://[!-~]+' ||
        misuse "--url: \"$url\" is no URL"

    [ "$names" != '*' ] || names=

    run -list <<END || die "nothing was moved"
BEGIN IMMEDIATE;
INSERT INTO acme_renewal_windows
    (issuer_id, account_id, profile, serial, name, window_start, window_end,
     explanation_url, created_at)
VALUES (${issuer:-NULL}, ${account:-NULL}, nullif($(sql_text "$profiles"), ''),
        ${serial:-NULL}, nullif($(sql_text "$names"), ''), $start,
        $start + $number, nullif($(sql_text "$url"), ''), $now);
$(audit renewal-move "${account:-NULL}" "'id', last_insert_rowid(),
        'issuer', ${issuer:-NULL}, 'profile', $(sql_text "$profiles"),
        'serial', lower(hex(${serial:-NULL})), 'name', $(sql_text "$names"),
        'within', $number, 'url', $(sql_text "$url")")
COMMIT;
END

    row "SELECT w.id, $(as_date w.window_start) AS begins,
             $(as_date w.window_end) AS until,
             (SELECT count(*) FROM acme_suggested_windows AS c
              WHERE c.status = 'valid' AND c.not_after > $now
                    AND c.moved_by = w.id) AS certificates
         FROM acme_renewal_windows AS w ORDER BY w.id DESC LIMIT 1"
}


renewal_list() {
    rows "SELECT w.id, w.name, w.profile, w.account_id AS account,
              w.issuer_id AS issuer, lower(hex(w.serial)) AS serial,
              $(as_date w.window_start) AS begins,
              $(as_date w.window_end) AS until, w.explanation_url AS url
          FROM acme_renewal_windows AS w ORDER BY w.id DESC"
}


renewal_drop() {
    check_number "renewal drop" "$arg"

    [ -n "$(value "SELECT id FROM acme_renewal_windows WHERE id = $arg")" ] ||
        absent "no window $arg"

    run -list <<END || die "nothing was dropped"
BEGIN IMMEDIATE;
DELETE FROM acme_renewal_windows WHERE id = $arg;
$(audit renewal-drop NULL "'id', $arg")
COMMIT;
END

    [ -z "$json" ] || echo '{"dropped":true}'
}
