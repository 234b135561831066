# Copyright (C) the nginx-acme-ca authors
#
# Is the authority well?

commands="$commands
doctor  -  -  url
"


usage_doctor() {
    cat <<END
    doctor                      checks files, database, chain, clock, queues;
        [--url URL]             and whether the directory there answers.
                                Exit status 1: there is a fault
END
}


# found LEVEL WHAT TEXT: LEVEL is ok, warning or fault

found() {
    [ "$1" != fault ] || faulty=1

    if [ -n "$json" ]; then
        value "SELECT json_object('level', '$1', 'what', $(sql_text "$2"),
                   'text', $(sql_text "$3"))"
    else
        printf '%-8s %-12s %s\n' "$1" "$2" "$3"
    fi
}


# at_most N LIMIT WHAT TEXT: a fault if N is greater

at_most() {
    if [ "$1" -gt "$2" ]; then
        found "${5:-fault}" "$3" "$4"
    else
        found ok "$3" "$4"
    fi
}


# mode and owner of a file, as numbers

mode() {
    stat -c '%a %u' "$1" 2> /dev/null || stat -f '%Lp %u' "$1"
}


doctor_files() {
    for name in "$database" "${path%/}"/*.key; do
        [ -e "$name" ] || continue
        what=${name##*/}

        case $(mode "$name") in
            [46]00\ "$owner") ours=yes ;;
            [46]00\ *)        ours= ;;
            *)  found fault "$what" "others can read it: chmod 0600"
                continue ;;
        esac

        if [ "$name" != "$database" ] && [ -n "$ours" ] && [ "$owner" -ne 0 ] &&
            [ "$(id -u)" -eq 0 ]
        then
            found warning "$what" "belongs to the workers' user: chown root"
        else
            found ok "$what" "mode $(mode "$name")"
        fi
    done

    free=$(df -Pk "$path" | awk 'NR == 2 { print $4 }')
    at_most $((102400 - free)) 0 disk "$((free / 1024)) MiB free"

    size=$(wc -c < "$database")
    wal=0
    [ ! -e "$database-wal" ] || wal=$(wc -c < "$database-wal")
    at_most "$wal" 67108864 WAL "$((wal / 1024)) KiB" warning
    found ok size "$((size / 1024)) KiB"
}


doctor_database() {
    said=$(value 'PRAGMA quick_check(3)')

    if [ "$said" = ok ]; then
        found ok database "sound, version $(value 'PRAGMA user_version')"
    else
        found fault database "$said"
    fi

    orphans=$(value 'SELECT count(*) FROM pragma_foreign_key_check')
    at_most "$orphans" 0 rows "$orphans without what they belong to"

    late=$(value "SELECT count(*) FROM jobs WHERE run_at < $now - 300
                  AND lease_until < $now - 300")
    at_most "$late" 0 jobs "$late wait for more than five minutes" warning

    ahead=$(value "SELECT max(0, coalesce(max(created_at), 0) - $now)
                   FROM acme_certificates")
    at_most "$ahead" 5 clock "$ahead s behind the newest certificate"

    open=$(value "SELECT count(*) FROM acme_audit_logs
                  WHERE hash IS NULL AND at < $now - 60")
    at_most "$open" 0 audit "$open rows wait to be chained: is nginx running?" \
        warning
}


doctor_chain() {
    value "SELECT i.id || ' ' || (i.not_after - $now) || ' ' ||
               EXISTS (SELECT 1 FROM acme_certificates AS c
                       WHERE c.issuer_id = i.id AND c.not_after > $now) || ' ' ||
               i.name
           FROM issuers AS i WHERE i.chain_pem <> ''" > "$folder/issuers"

    while read -r id left used name; do
        level=warning
        [ "$left" -gt 0 ] || level=fault
        [ "$used" -ne 0 ] || [ "$left" -gt 0 ] || level=ok
        at_most $((30 * 86400 - left)) 0 "issuer $id" \
            "$name: $((left / 86400)) days left" "$level"
    done < "$folder/issuers"

    [ -r "${path%/}/issuer.pem" ] || return 0

    if openssl verify -partial_chain -no-CApath -no-CAstore \
           -CAfile "${path%/}/root.pem" "${path%/}/issuer.pem" > /dev/null 2>&1
    then
        found ok chain "root.pem signed issuer.pem"
    else
        found fault chain "root.pem did not sign issuer.pem, or one has expired"
    fi

    [ -r "${path%/}/issuer.key" ] || return 0

    if [ "$(openssl pkey -in "${path%/}/issuer.key" -pubout 2> /dev/null)" \
         = "$(openssl x509 -in "${path%/}/issuer.pem" -noout -pubkey)" ]
    then
        found ok key "issuer.key is that of issuer.pem"
    else
        found fault key "issuer.key is not that of issuer.pem"
    fi
}


# where there are CRLs: one that ended is taken for a revocation of all

doctor_crl() {
    [ -n "$(value "SELECT name FROM sqlite_schema WHERE name = 'acme_crls'")" ] ||
        return 0

    stale=$(value "SELECT count(*) FROM acme_crls
                   WHERE this_update > 0 AND next_update < $now")
    at_most "$stale" 0 CRL "$stale have ended"
}


doctor_url() {
    command -v curl > /dev/null || die "curl is needed for --url"
    [ "${cacert:-}" ] || cacert=${path%/}/root.pem

    if said=$(curl -sS --max-time 10 --cacert "$cacert" "$url" 2>&1) &&
        printf '%s\n' "$said" | grep -q '"newNonce"'
    then
        found ok url "the directory answers"
    else
        found fault url "no directory there: $(printf '%s' "$said" |
                                               head -n 1 | cut -c 1-200)"
    fi
}


do_doctor() {
    faulty=0
    work_folder

    doctor_files
    doctor_database
    doctor_chain
    doctor_crl
    [ -z "$url" ] || doctor_url

    exit "$faulty"
}
