# Copyright (C) the nginx-acme-ca authors
#
# Is the authority well?

commands="$commands
doctor  -  -  url name
"


usage_doctor() {
    cat <<END
    doctor                      checks files, database, chain, clock, queues;
        [--url URL]             and whether the directory there answers
        [--name NAME]           and whether it resolves.  With --admin: what
                                nginx says of all this, and a preflight of NAME.
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


# mode and owner of a file: numbers, and the owner's name

mode() {
    stat -c '%a %u %U' "$1" 2> /dev/null || stat -f '%Lp %u %Su' "$1"
}


# nobody else may lay files where keys and the database are looked for

doctor_folder() {
    mode=$(mode "$1")

    case ${mode%% *} in
        *[2367]?|*[2367])
            found fault "$2" "others can write there: chmod go-w" ;;
        *)  found ok "$2" "mode ${mode%% *} ${mode##* }" ;;
    esac
}


doctor_files() {
    doctor_folder "$path" folder
    [ ! -d "${path%/}/issuers" ] || doctor_folder "${path%/}/issuers" issuers

    for name in "$database" "${path%/}"/*.key "${path%/}"/issuers/*.key; do
        [ -e "$name" ] || continue
        what=${name#"${path%/}"/}
        mode=$(mode "$name")

        case $mode in
            [46]00\ "$owner"\ *) ours=yes ;;
            [46]00\ *)           ours= ;;
            *)  found fault "$what" "others can read it: chmod 0600"
                continue ;;
        esac

        if [ "$name" != "$database" ] && [ -n "$ours" ] && [ "$owner" -ne 0 ] &&
            [ "$(id -u)" -eq 0 ]
        then
            found warning "$what" "belongs to the workers' user: chown root"
        else
            found ok "$what" "mode ${mode%% *} ${mode##* }"
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
    hint=
    [ "$open" -eq 0 ] || hint=": is nginx running?"
    at_most "$open" 0 audit "$open rows wait to be chained$hint" warning
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

    active=$(value "SELECT coalesce(max(name), '') FROM issuers
                    WHERE state = 'active'")

    if [ -n "$active" ]; then
        found ok issuer "$active signs"
    else
        found fault issuer "nobody signs: see \"$me issuer list\""
    fi

    if [ -r "${path%/}/issuer.pem" ]; then
        doctor_root
    fi

    for name in "${path%/}/issuer.pem" "${path%/}"/issuers/*.pem; do
        name=${name%.pem}

        if [ -r "$name.pem" ] && [ -r "$name.key" ]; then
            doctor_key "$name" "${name#"${path%/}"/}"
        fi
    done
}


doctor_root() {
    if openssl verify -partial_chain -no-CApath -no-CAstore \
           -CAfile "${path%/}/root.pem" "${path%/}/issuer.pem" > /dev/null 2>&1
    then
        found ok chain "root.pem signed issuer.pem"
    else
        found fault chain "root.pem did not sign issuer.pem, or one has expired"
    fi
}


# doctor_key FILE NAME: a file of one line says in which token the key is

doctor_key() {
    if grep -q ENCRYPTED "$1.key"; then
        found ok key "$2.key has a passphrase: nginx -t looks at it"

    elif ! grep -q -e -----BEGIN "$1.key"; then
        found ok key "$2.key is in a token: nginx -t looks at it"

    elif [ "$(openssl pkey -in "$1.key" -pubout 2> /dev/null)" \
         = "$(openssl x509 -in "$1.pem" -noout -pubkey 2> /dev/null)" ]
    then
        found ok key "$2.key is that of $2.pem"
    else
        found fault key "$2.key is not that of $2.pem"
    fi
}


# where there are CRLs: one that ended is taken for a revocation of all

doctor_crl() {
    [ -n "$(value "SELECT name FROM sqlite_schema WHERE name = 'acme_crls'")" ] ||
        return 0

    # who has nothing to sign any more makes none, and needs no key

    stale=$(value "SELECT count(*) FROM acme_crls AS l
                   JOIN issuers AS i ON i.id = l.issuer_id
                   WHERE l.this_update > 0 AND l.next_update < $now
                         AND i.not_after > $now
                         AND coalesce(i.signs_until, $now) >= $now")
    at_most "$stale" 0 CRL "$stale have ended"
}


doctor_url() {
    command -v curl > /dev/null || die "curl is needed for --url"
    [ "${cacert:-}" ] || cacert=${path%/}/root.pem

    if said=$(curl -sS --max-time 10 --cacert "$cacert" \
                  -D "$folder/head" "$url" 2>&1) &&
        printf '%s\n' "$said" | grep -q '"newNonce"'
    then
        found ok url "the directory answers"
        doctor_clock
    else
        found fault url "no directory there: $(printf '%s' "$said" |
                                               head -n 1 | cut -c 1-200)"
    fi
}


# of the server's Date in $folder/head, where date(1) can read it

doctor_clock() {
    said=$(sed -n 's/^[Dd]ate: *//p' "$folder/head" | tr -d '\r' | tail -n 1)
    theirs=$(date -d "$said" +%s 2> /dev/null) || return 0
    skew=$(($(date +%s) - theirs))

    at_most "${skew#-}" 30 clock "${skew#-} s between the server and here" \
        warning
}


# by the resolver of this machine, which nginx has too unless it was told others

doctor_name() {
    if said=$(getent ahosts "$names" 2>&1); then
        found ok resolver "$names is $(printf '%s\n' "$said" |
            awk '!seen[$1]++ { printf "%s%s", sep, $1; sep = " " }')"
    else
        found fault resolver "$names does not resolve here"
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
    [ -z "$names" ] || doctor_name

    exit "$faulty"
}


# --- the same by the admin location

by_admin_doctor_counts() {
    ask GET statistics

    late=$(value "SELECT max(0, coalesce($now - strftime('%s',
                      $(of "$reply" oldest_job_at)), 0))")
    at_most "$late" 300 jobs "the oldest waits for $late s" warning

    old=$(value "SELECT $now - strftime('%s', $(of "$reply" counted_at))")
    at_most "$old" 900 counts "were taken $old s ago" warning
    found ok size \
        "$(value "SELECT $(of "$reply" database.bytes) / 1024") KiB"

    ask GET audit/state
    open=$(value "SELECT $(of "$reply" last) - $(of "$reply" chained)")
    at_most "$open" 1000 audit "$open rows wait to be chained" warning
}


by_admin_doctor_issuers() {
    limit=0
    ask_all issuers

    value "SELECT $(of e.value id) || ' ' ||
               (strftime('%s', $(of e.value not_after)) - $now) || ' ' ||
               (SELECT count(*) FROM json_each(e.value, '\$.crls') AS l
                WHERE $(of l.value next_update) < $(as_date "$now")
                      AND $(of l.value this_update) > '1970-01-02') || ' ' ||
               $(of e.value name)
           FROM json_each($reply) AS e
           WHERE $(of e.value chain) IS NOT NULL" > "$folder/issuers"

    while read -r id left stale name; do
        level=warning
        [ "$left" -gt 0 ] || level=fault
        at_most $((30 * 86400 - left)) 0 "issuer $id" \
            "$name: $((left / 86400)) days left" "$level"
        at_most "$stale" 0 "CRL $id" "$stale have ended"
    done < "$folder/issuers"
}


by_admin_doctor_name() {
    preflight_ask "$names"

    value "SELECT iif($(of e.value ok), 'ok', 'fault') || ' ' ||
               $(of e.value challenge) || ' ' ||
               coalesce($(of e.value problem.detail), 'reached')
           FROM json_each($reply, '\$.checks') AS e
           UNION ALL
           SELECT iif($(of "$reply" 'checks[0].caa.ok'), 'ok', 'fault') ||
               ' CAA ' ||
               coalesce($(of "$reply" 'checks[0].caa.problem.detail'),
                        'permits')
           WHERE $(of "$reply" 'checks[0].caa') IS NOT NULL" \
        > "$folder/checks"

    works=fault
    ! preflight_works || works=warning

    while read -r level what text; do
        [ "$level" = ok ] || [ "$what" = CAA ] || level=$works
        found "$level" "$what" "$text"
    done < "$folder/checks"
}


by_admin_doctor() {
    faulty=0
    work_folder

    # shellcheck disable=SC2119
    curl_config | curl -sS -K - --max-time 10 -D "$folder/head" \
        -o "$folder/body" "$admin/" || die "no answer of $admin"
    doctor_clock

    by_admin_doctor_counts
    by_admin_doctor_issuers
    [ -z "$url" ] || doctor_url
    [ -z "$names" ] || by_admin_doctor_name

    exit "$faulty"
}
