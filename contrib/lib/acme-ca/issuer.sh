# Copyright (C) the nginx-acme-ca authors
#
# CA certificates: those that sign here, one after the other, and roots.  The
# workers follow the states within a second; keys are the master's affair.

commands="$commands
issuer list         -
issuer rotate       -
issuer retire       ID  force
issuer compromised  ID
"


usage_issuer() {
    cat <<END
    issuer list                 CA certificates: their state, their
                                certificates, until when the last CRL holds, and
                                until when their key is needed
    issuer rotate               the next one signs from now on; if there is none
                                nginx makes it when it is reloaded
    issuer retire ID|NAME       signs no more certificates, only its CRL and
                                OCSP responses
        [--force]               also if nobody follows it
    issuer compromised ID|NAME  the same, for good: its key is in other hands
END
    usage_ceremony
}


issuer_list() {
    rows "SELECT i.id, i.name, i.state, $(as_date i.not_after) AS not_after,
              count(c.id) FILTER (WHERE c.status = 'valid'
                                        AND c.not_after > $now) AS valid,
              count(c.id) FILTER (WHERE c.status = 'revoked') AS revoked,
              l.number AS crl_number,
              $(as_date "nullif(l.next_update, 0)") AS crl_until,
              $(as_date i.published_at) AS published,
              $(as_date i.signs_until) AS key_until
          FROM issuers AS i
          LEFT JOIN acme_certificates AS c ON c.issuer_id = i.id
          LEFT JOIN acme_crls AS l ON l.issuer_id = i.id AND l.shards = 1
          GROUP BY i.id ORDER BY i.id DESC"
}


# issuer_change SQL: what it changes is in the audit log, or nothing changes

issuer_change() {
    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
$1
COMMIT;
END
}


# issuer_audit ACTION ID

issuer_audit() {
    audit "$1" NULL "'issuer', i.id, 'name', i.name" \
        "FROM issuers AS i WHERE i.id = $2"
}


issuer_retired() {
    cat <<END
UPDATE issuers SET state = 'retired', retired_at = $now WHERE id = $1;
$(issuer_audit issuer-retired "$1")
END
}


issuer_awaited() {
    [ -z "$json" ] || echo '{"wanted":true}'

    echo "$me: nginx makes the next issuer when it is reloaded; it needs" \
        "root.key for that. Then rotate again, or wait" >&2
}


issuer_rotate() {
    next=$(value "SELECT id || ' ' || (published_at IS NOT NULL) FROM issuers
                  WHERE state = 'next' AND not_after > $now
                  ORDER BY published_at IS NULL, id LIMIT 1")
    active=$(value "SELECT id FROM issuers WHERE state = 'active'")

    case $next in
        '')
            issuer_change "UPDATE acme_ca_meta
                           SET issuer_wanted = coalesce(issuer_wanted, $now);
                           $(audit issuer-wanted NULL "'active', ${active:-NULL}")"
            issuer_awaited
            return ;;

        *' 0')
            die "nginx has not read the key of issuer ${next% *} yet: reload it"
            ;;
    esac

    next=${next% *}

    issuer_change "${active:+$(issuer_retired "$active")}
        UPDATE issuers SET state = 'active', activated_at = $now
        WHERE id = $next AND state = 'next';
        $(issuer_audit issuer-active "$next")"

    rows "SELECT id, name, state FROM issuers
          WHERE id IN (${active:-$next}, $next) ORDER BY id DESC"
}


# issuer_known NAME: sets $id and $state

issuer_known() {
    find_issuer "$1"
    state=$(value "SELECT state FROM issuers WHERE id = $id")

    [ -n "$state" ] || die "issuer $id signs no certificates here"
}


issuer_followed() {
    [ "$(value "SELECT count(*) FROM issuers WHERE state = 'next'
                AND published_at IS NOT NULL AND not_after > $now")" -gt 0 ]
}


issuer_retire() {
    issuer_known "$arg"

    case $state in
        retired|compromised) die "issuer $id is $state" ;;
    esac

    [ "$state" != active ] || [ -n "$force" ] || issuer_followed ||
        die "nobody follows issuer $id, and nobody would sign: \"$me issuer" \
            "rotate\" first, or --force"

    issuer_change "$(issuer_retired "$id")"
    [ -z "$json" ] || echo '{"retired":true}'
}


issuer_compromised() {
    issuer_known "$arg"

    [ "$state" != compromised ] || die "issuer $id is compromised"

    issuer_change "UPDATE issuers
        SET state = 'compromised', retired_at = coalesce(retired_at, $now)
        WHERE id = $id;
        $(issuer_audit issuer-compromised "$id")"

    if [ "$state" = active ] && ! issuer_followed; then
        echo "$me: nobody signs now: put root.key into \"$path\" and reload" \
            "nginx, which makes a new issuer" >&2
    fi

    [ -z "$json" ] || echo '{"compromised":true}'
    issuer_exposed
}


issuer_exposed() {
    echo "$me: reload nginx with root.key in its state folder: the root's CRL" \
        "tells of it then; a root elsewhere has to do that itself" >&2
    echo "$me: to revoke what it has signed: $me revoke --issuer $id --reason" \
        "cACompromise" >&2
}
