# Copyright (C) the nginx-acme-ca authors
#
# The registry: every certificate that was ever signed, or imported.  What can
# be derived is not stored: "expired" follows from the clock, the uuid from the
# fingerprint.

commands="$commands
certificate list      -       account status name expires limit profile \
                              issuer serial category before revoked radar
certificate by-name   NAME    limit
certificate expiring  -       within limit profile account
certificate expire    -
certificate show      SERIAL  issuer
certificate inspect   SERIAL  issuer
certificate chain     SERIAL  issuer
certificate verify    SERIAL  issuer
certificate import    FILE    category remarks
certificate set       SERIAL  category remarks issuer
certificate revoke    SERIAL  reason issuer
certificate delete    UUID    force issuer
"

choices="$choices
certificate status    valid revoked expired unknown held
certificate category  ca user service device internal
certificate radar     late expiring not-fetched
"


usage_certificate() {
    cat <<END
    certificate list [--account ID] [--profile NAME]
        [--name NAME]           .NAME: all below it
        [--status S]            valid, revoked, expired, unknown, held
        [--category C]          ca, user, service, device, internal
        [--issuer ID|NAME]
        [--serial SERIAL]       each issuer has its own: there may be several
        [--expires TIME]        30d: those that end until then
        [--revoked TIME]        30d: those that were revoked since then
        [--radar WORD]          late, expiring, not-fetched
        [--before ID]           the next page: those with lower ids
        [--limit N]
    certificate by-name NAME    the valid ones for it, newest first
    certificate expiring [--within TIME] [--profile NAME] [--account ID]
                                soonest first; default: 30d
    certificate expire          notes those that have expired since the last
                                time, and counts them; workers do so, too
    certificate show SERIAL|UUID
                                with its PEM
    certificate inspect SERIAL|UUID
                                all that is in it
    certificate chain SERIAL|UUID
                                it and its issuers, PEM
    certificate verify SERIAL|UUID
                                exit status 1 if it is no good now, and why
    certificate import FILE     PEM, one that was signed elsewhere, and if known
                                its issuers behind it
        [--category C] [--remarks TEXT]
    certificate set SERIAL|UUID [--category C] [--remarks TEXT]
    certificate revoke SERIAL|UUID
        [--reason R]            a word or number of RFC 5280; with
                                certificateHold "unrevoke" takes it back
    certificate delete UUID     for good: what has expired
        [--force]               and what has not; what was revoked would be
                                missing in the CRLs
    where several have the serial number, nothing is done before one is named:
        [--issuer ID|NAME]      of all commands with SERIAL, or its UUID
END
}


category=
remarks=


hex_uuid="(SELECT lower(hex(substr(c.fingerprint, 1, 16))) AS h)"

certificate_uuid="(SELECT printf('%08x-%04x-8', c.id >> 16, c.id & 65535) ||
    substr(h, 14, 3) || '-' ||
    substr('89ab', 1 + (instr('0123456789abcdef', substr(h, 17, 1)) - 1) % 4,
           1) || substr(h, 18, 3) || '-' || substr(h, 21) FROM $hex_uuid)"

# an issuer that only its name is known of has no chain

certificate_status="CASE WHEN c.status = 'revoked' THEN 'revoked'
    WHEN c.not_after <= $now THEN 'expired'
    WHEN c.imported_at IS NOT NULL
         AND (SELECT i.chain_pem FROM issuers AS i WHERE i.id = c.issuer_id)
             = '' THEN 'unknown'
    ELSE 'valid' END"

certificate_category="coalesce(c.category, CASE WHEN c.account_id IS NULL
    AND c.imported_at IS NULL THEN 'internal' ELSE 'service' END)"

certificate_columns="c.id, lower(hex(c.serial)) AS serial,
    $certificate_status AS status, $certificate_category AS category,
    c.account_id AS account, c.sans AS names, c.profile,
    $(as_date c.not_before) AS not_before,
    $(as_date c.not_after) AS not_after"

# all that is known of it, of issuer i; a decimal number is added later

certificate_fields="c.id, lower(hex(c.serial)) AS serial,
    NULL AS serial_decimal, $certificate_uuid AS uuid,
    $certificate_status AS status, $certificate_category AS category,
    c.account_id AS account, c.order_id AS 'order', c.sans AS names,
    c.common_name, c.profile, c.key_type,
    (SELECT i.name FROM issuers AS i WHERE i.id = c.issuer_id) AS issuer,
    lower(hex(c.fingerprint)) AS fingerprint_sha256,
    $(as_date c.not_before) AS not_before,
    $(as_date c.not_after) AS not_after,
    $(as_date c.created_at) AS created,
    $(as_date c.imported_at) AS imported,
    $(as_date c.revoked_at) AS revoked, c.revocation_reason,
    $(as_date c.invalidity_at) AS invalidity,
    $(as_date c.first_download_at) AS first_download,
    $(as_date c.last_download_at) AS last_download,
    (SELECT lower(hex(r.serial)) FROM acme_certificates AS r
     WHERE r.id = c.replaced_by) AS replaced_by, c.remarks,
    (SELECT group_concat(w.kind, ' ') FROM acme_radar AS w
     WHERE w.kind IN ('expiring', 'late', 'not-fetched')
           AND w.object_id = c.id) AS radar"


# those that are noted as such, and those that will be soon, newest first: the
# LIMIT keeps SQLite from forgetting their order, another ORDER BY would sort all

certificates_expired="(
        SELECT id FROM acme_certificates
        WHERE status = 'valid' AND expired_at IS NOT NULL
        UNION ALL
        SELECT id FROM acme_certificates INDEXED BY acme_certificates_end
        WHERE status = 'valid' AND expired_at IS NULL AND not_after <= $now
        ORDER BY id DESC LIMIT -1) AS k
    CROSS JOIN acme_certificates AS c ON c.id = k.id"


# certificates COLUMNS REST: a table; for programs with all that is known of them,
# each on a line of its own

certificates() {
    if [ -n "$json" ]; then
        rows "SELECT $certificate_fields$1 FROM $2" | with_decimals
    else
        rows "SELECT $certificate_columns$1 FROM $2"
    fi
}


# certificate SERIAL|UUID: sets $row, the row's id

certificate() {
    wanted=$(printf '%s' "$1" | tr 'A-F' 'a-f')

    if is_like "$wanted" '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'; then
        row=$(value "SELECT c.id FROM acme_certificates AS c
                     WHERE c.id = $((0x$(printf '%.13s' "$wanted" | tr -d -)))
                           AND $certificate_uuid = '$wanted'")

    else
        find_serial "$wanted"
        certificate_with_serial "$1"
    fi

    [ -n "$row" ] || absent "no certificate \"$1\""
}


# certificate_with_serial SERIAL: sets $row, empty if there is none: the one with
# the serial number $serial that $issuer gave, or the only one

certificate_with_serial() {
    id=NULL
    [ -z "$issuer" ] || find_issuer "$issuer"

    row=$(value "SELECT group_concat(c.id) FROM acme_certificates AS c
                 WHERE c.serial = $serial
                       AND c.issuer_id = coalesce($id, c.issuer_id)")

    case $row in
        *,*) die "several certificates have the serial number \"$1\": name the
issuer, or the uuid:
$(value "SELECT $certificate_uuid || ' of ' || i.name
         FROM acme_certificates AS c
         CROSS JOIN issuers AS i ON i.id = c.issuer_id
         WHERE c.serial = $serial ORDER BY c.id DESC")" ;;
    esac
}


# certificate_pem ID

certificate_pem() {
    bytes "$(value "SELECT hex(der) FROM acme_certificates WHERE id = $1")" |
        openssl x509 -inform DER || die "openssl cannot read the certificate"
}


# issuer ID|NAME: sets $id

find_issuer() {
    id=$(value "SELECT group_concat(id) FROM issuers
                WHERE name = $(sql_text "$1")
                      OR CAST(id AS TEXT) = $(sql_text "$1")")

    one_issuer "$1"
}


# one_issuer ID|NAME: $id is one number

one_issuer() {
    case $id in
        '')   absent "no issuer \"$1\"" ;;
        *,*)  die "several issuers have the name \"$1\": $id" ;;
    esac
}


# certificate_named NAME: a condition; with a dot in front: all below it

certificate_named() {
    case $1 in
        .*) printf "instr(c.sans || ' ', %s)" "$(sql_text "$1 ")" ;;
        *)  printf 'c.id IN (SELECT n.certificate_id
                             FROM acme_certificate_names AS n
                             WHERE n.name = %s)' "$(sql_text "$1")" ;;
    esac
}


certificate_list() {
    limit
    where=1

    certificates="acme_certificates AS c"
    order="ORDER BY c.id DESC"

    [ -z "$status" ] || [ "$status" = held ] ||
        where="$where AND $certificate_status = '$status'"

    case $status in
        held)     where="$where AND c.revocation_reason = 6" ;;
        expired)  certificates=$certificates_expired order= ;;
    esac

    case $status in
        held|revoked)  where="$where AND c.status = 'revoked'" ;;
    esac

    if [ -n "$category" ]; then
        where="$where AND $certificate_category = '$category'"
    fi

    if [ -n "$account" ]; then
        account "$account"
        where="$where AND c.account_id = $account"
    fi

    if [ -n "$issuer" ]; then
        find_issuer "$issuer"
        where="$where AND c.issuer_id = $id"
    fi

    if [ -n "$serial" ]; then
        find_serial "$serial"
        where="$where AND c.serial = $serial"
    fi

    if [ -n "$profiles" ]; then
        where="$where AND c.profile = $(sql_text "$profiles")"
    fi

    if [ -n "$names" ]; then
        where="$where AND $(certificate_named "$names")"
    fi

    if [ -n "$expires" ]; then
        seconds --expires "$expires"
        where="$where AND c.not_after BETWEEN $now AND $now + $number"
    fi

    if [ -n "$revoked" ]; then
        seconds --revoked "$revoked"
        certificates="acme_certificates AS c INDEXED BY acme_certificates_ended"
        where="$where AND c.status = 'revoked'
               AND c.revoked_at >= $now - $number"
    fi

    if [ -n "$radar" ]; then
        where="$where AND c.id IN (SELECT w.object_id FROM acme_radar AS w
                                   WHERE w.kind = '$radar')"
    fi

    if [ -n "$before" ]; then
        check_number --before "$before"
        where="$where AND c.id < $before"
    fi

    certificates '' "$certificates WHERE $where $order $page"
}


certificate_by_name() {
    limit
    option_name "$arg"

    certificates '' "acme_certificates AS c
          WHERE $(certificate_named "$names")
                AND $certificate_status = 'valid'
          ORDER BY c.id DESC $page"
}


certificate_expiring() {
    limit
    seconds --within "${within:-30d}"
    where="c.not_after BETWEEN $now AND $now + $number"

    if [ -n "$account" ]; then
        account "$account"
        where="$where AND c.account_id = $account"
    fi

    [ -z "$profiles" ] ||
        where="$where AND c.profile = $(sql_text "$profiles")"

    certificates ", (c.not_after - $now) / 86400 AS days,
              c.replaced_by IS NOT NULL AS replaced" \
         "acme_certificates AS c
          WHERE $where AND c.status = 'valid' AND c.expired_at IS NULL
          ORDER BY c.not_after, c.id $page"
}


# the workers do the same, some at a time, each minute

certificate_expire() {
    updated=$(run -list -noheader <<END
BEGIN IMMEDIATE;
UPDATE acme_certificates SET expired_at = NULL
WHERE expired_at IS NOT NULL AND not_after > $now;
UPDATE acme_certificates SET expired_at = $now
WHERE status = 'valid' AND expired_at IS NULL AND not_after <= $now;
SELECT changes();
$(audit certificate-expire NULL "'updated', changes()")
COMMIT;
END
    ) || die "nothing was changed"

    row "SELECT $updated AS updated, count(*) AS expired
         FROM acme_certificates AS c
         WHERE c.status = 'valid' AND c.expired_at IS NOT NULL"
}


certificate_show() {
    certificate "$arg"
    pem=$(certificate_pem "$row")

    row "SELECT $certificate_fields${json:+, $(sql_text "$pem
") AS pem}
         FROM acme_certificates AS c WHERE c.id = $row" | with_decimals

    [ -n "$json" ] || printf '\n%s\n' "$pem"
}


certificate_inspect() {
    certificate "$arg"
    say text "$(certificate_pem "$row" |
                openssl x509 -noout -text -fingerprint -sha256)"
}


certificate_chain() {
    certificate "$arg"
    say pem "$(certificate_pem "$row"
               value "SELECT chain_pem FROM issuers
                      WHERE id = (SELECT issuer_id FROM acme_certificates
                                  WHERE id = $row)")"
}


# what a client would find that trusts our roots and knows our revocations; sets
# $fault

certificate_verify() {
    certificate "$arg"
    work_folder

    certificate_pem "$row" > "$folder/leaf"
    value "SELECT chain_pem FROM issuers
           WHERE id = (SELECT issuer_id FROM acme_certificates
                       WHERE id = $row)" > "$folder/chain"

    fault=$(value "SELECT iif(c.status = 'revoked', 'revoked at ' ||
                       $(as_date c.revoked_at), '')
                   FROM acme_certificates AS c WHERE c.id = $row")

    [ -s "$folder/chain" ] && cat "$folder/chain" > "$folder/trust"
    [ ! -r "${path%/}/root.pem" ] ||
        cat "${path%/}/root.pem" >> "$folder/trust"

    [ -n "$fault" ] || certificate_fault
    certificate_verdict
}


# what openssl says of $folder/leaf and $folder/trust

certificate_fault() {
    if [ ! -s "$folder/trust" ]; then
        fault="its issuer is not known"
        return
    fi

    fault=$(openssl verify -partial_chain -no-CApath -no-CAstore \
                -CAfile "$folder/trust" "$folder/leaf" 2>&1) && fault=
    said=$(printf '%s\n' "$fault" |
           sed -n 's/^error [0-9]* at [^:]*: *//p' | head -n 1)
    fault=${fault:+${said:-openssl cannot verify it}}
}


certificate_verdict() {
    if [ -n "$json" ]; then
        value "SELECT json_object('ok', json(iif($((${#fault} == 0)), 'true',
                   'false')), 'fault', nullif($(sql_text "$fault"), ''))"
    else
        echo "${fault:-ok}"
    fi

    [ -z "$fault" ] || exit 1
}


# field NAME: of $folder/leaf, as openssl says it

x509_names() {
    openssl x509 -in "$folder/leaf" -noout -ext subjectAltName 2> /dev/null |
        sed -e 1d -e 's/^ *//' | tr ',' '\n' |
        sed -n -e 's/^ *//' -e 's/ /_/g' -e 's/^DNS:/dns:/' \
            -e 's/^IP_Address:/ip:/' -e 's/^email:/email:/' -e '/:/p' |
        tr '[:upper:]' '[:lower:]' | tr -d '"\\' | canonical_names |
        paste -s -d ' '
}


# an IPv6 address, which openssl writes with eight groups, as RFC 5952 says

canonical_names() {
    awk '
        !/^ip:.*:.*:/ { print; next }
        {
            n = split(substr($0, 4), group, ":")
            best = 0
            longest = 1

            for (i = 1; i <= n; i++) {
                sub(/^0+/, "", group[i])
                run = group[i] == "" ? run + 1 : 0

                if (run > longest) {
                    longest = run
                    best = i - run + 1
                }
            }

            text = ""

            for (i = 1; i <= n; i++) {
                if (i == best) {
                    text = text (i == 1 ? "::" : ":")
                    i += longest - 1
                    continue
                }

                text = text (group[i] == "" ? "0" : group[i]) \
                    (i == n ? "" : ":")
            }

            print "ip:" text
        }'
}


x509_key_type() {
    openssl x509 -in "$folder/leaf" -noout -pubkey |
        openssl pkey -pubin -noout -text |
        awk '/^ED[0-9]+ /    { sub("ED", "Ed"); print $1; exit }
             /Public-Key:/   { gsub(/[()]/, ""); bits = $(NF - 1) }
             /^NIST CURVE:/  { print "EC " $3; found = 1; exit }
             /^Modulus:/     { print "RSA " bits; found = 1; exit }'
}


certificate_import() {
    command -v openssl > /dev/null || die "openssl is needed"
    [ -r "$arg" ] || die "cannot read \"$arg\""

    work_folder

    awk -v folder="$folder" '
        /^-----BEGIN CERTIFICATE-----/ { n++; inside = 1 }
        inside { print > (folder "/" (n == 1 ? "leaf" : "chain")) }
        n == 2 && inside { print > (folder "/issuer") }
        /^-----END CERTIFICATE-----/   { inside = 0 }' "$arg"

    openssl x509 -in "$folder/leaf" -noout 2> /dev/null ||
        die "\"$arg\" has no certificate in PEM"

    der=$(openssl x509 -in "$folder/leaf" -outform DER | hex_of)
    serial=$(openssl x509 -in "$folder/leaf" -noout -serial |
             sed -e 's/^serial=//' | tr 'A-F' 'a-f')

    while [ "${serial#00}" != "$serial" ] && [ "$serial" != 00 ]; do
        serial=${serial#00}
    done

    print=$(openssl x509 -in "$folder/leaf" -noout -fingerprint -sha256 |
            sed -e 's/.*=//' | tr -d ':')
    common=$(openssl x509 -in "$folder/leaf" -noout -subject -nameopt \
                 multiline,utf8,-esc_msb |
             sed -n 's/^ *commonName *= //p' | head -n 1)
    dates=$(openssl x509 -in "$folder/leaf" -noout -dates -dateopt iso_8601)
    begins=$(printf '%s\n' "$dates" | sed -n 's/^notBefore=\(.*\)Z$/\1/p')
    ends=$(printf '%s\n' "$dates" | sed -n 's/^notAfter=\(.*\)Z$/\1/p')
    dn=$(openssl x509 -in "$folder/leaf" -noout -issuer -nameopt \
             RFC2253,utf8,-esc_msb)
    dn=${dn#issuer=}

    [ -z "$(value "SELECT id FROM acme_certificates
                   WHERE serial = x'$serial' AND fingerprint = x'$print'")" ] ||
        die "this certificate is known already"

    import_issuer

    [ -z "$(value "SELECT c.id FROM acme_certificates AS c
                   WHERE c.serial = x'$serial' AND c.issuer_id =
                       (SELECT id FROM issuers WHERE der = x'$issuer_der')")" ] ||
        die "another certificate of its issuer with the serial number $serial" \
            "is known already"

    run -list <<END || die "nothing was imported"
BEGIN IMMEDIATE;
$issuer_sql
INSERT INTO acme_certificates
    (issuer_id, status, serial, fingerprint, common_name, sans, key_type,
     not_before, not_after, created_at, imported_at, category, remarks, der)
VALUES ((SELECT id FROM issuers WHERE der = x'$issuer_der'), 'valid',
        x'$serial', x'$print', nullif($(sql_text "$common"), ''),
        $(sql_text "$(x509_names)"), $(sql_text "$(x509_key_type)"),
        CAST(strftime('%s', '$begins') AS INTEGER),
        CAST(strftime('%s', '$ends') AS INTEGER), $now, $now,
        nullif('$category', ''), nullif($(sql_text "$remarks"), ''), x'$der');
$(audit certificate-import NULL "'serial', '$serial', 'issuer',
        $(sql_text "$dn")")
COMMIT;
END

    arg=$(value "SELECT $certificate_uuid FROM acme_certificates AS c
                 WHERE c.serial = x'$serial' AND c.fingerprint = x'$print'")
    certificate_show
}


# sets $issuer_der and $issuer_sql: the issuer that came with it, one that is
# known, or one of which nothing is known but its name

import_issuer() {
    issuer_sql=
    issuer_der=

    # a CA certificate verifies itself: last, for a root

    value "SELECT id FROM issuers ORDER BY der = x'$der', id" \
        > "$folder/issuers"

    while [ ! -s "$folder/issuer" ] && read -r id; do
        bytes "$(value "SELECT hex(der) FROM issuers WHERE id = $id")" |
            openssl x509 -inform DER 2> /dev/null > "$folder/known" || continue

        if openssl verify -no_check_time -partial_chain -no-CApath \
               -no-CAstore -CAfile "$folder/known" "$folder/leaf" \
               > /dev/null 2>&1
        then
            issuer_der=$(value "SELECT hex(der) FROM issuers WHERE id = $id")
            return
        fi
    done < "$folder/issuers"

    if [ -s "$folder/issuer" ]; then
        openssl verify -no_check_time -partial_chain -no-CApath -no-CAstore \
            -CAfile "$folder/issuer" "$folder/leaf" > /dev/null 2>&1 ||
            die "the second certificate of \"$arg\" did not sign the first"

        issuer_der=$(openssl x509 -in "$folder/issuer" -outform DER | hex_of)
        ends_at=$(openssl x509 -in "$folder/issuer" -noout -enddate \
                      -dateopt iso_8601 | sed 's/^notAfter=\(.*\)Z$/\1/')
        chain="$(cat "$folder/chain")
"
    else
        issuer_der=$(printf 'unknown issuer: %s' "$dn" | hex_of)
        ends_at=$ends
        chain=
    fi

    issuer_sql="INSERT OR IGNORE INTO issuers
        (name, der, chain_pem, not_before, not_after, created_at)
    VALUES ($(sql_text "$dn"), x'$issuer_der', $(sql_text "$chain"),
            CAST(strftime('%s', '$begins') AS INTEGER),
            CAST(strftime('%s', '$ends_at') AS INTEGER), $now);"
}


certificate_set() {
    [ -n "$category$remarks" ] ||
        misuse "certificate set: --category or --remarks is needed"

    certificate "$arg"

    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
UPDATE acme_certificates
SET category = coalesce(nullif('$category', ''), category),
    remarks = coalesce(nullif($(sql_text "$remarks"), ''), remarks)
WHERE id = $row;
$(audit certificate-set "account_id" "'serial', lower(hex(serial)),
        'category', category, 'remarks', remarks" \
        "FROM acme_certificates WHERE id = $row")
COMMIT;
END

    certificate_show
}


certificate_revoked() {
    if [ -n "$json" ]; then
        printf '{"revoked":true,"changed":%s}\n' "$changed"
    elif [ "$changed" -eq 1 ]; then
        echo revoked
    else
        echo "was revoked before"
    fi
}


# what is held may be revoked for good, as of when it was held

certificate_revoke() {
    revocation_reason "${reason:-unspecified}"
    certificate "$arg"

    changed=$(run -list -noheader <<END
BEGIN IMMEDIATE;
CREATE TEMP TABLE fresh AS SELECT c.id FROM acme_certificates AS c
    WHERE c.status = 'valid' AND c.id = $row;
UPDATE acme_certificates
SET status = 'revoked', revoked_at = coalesce(revoked_at, $now),
    revocation_reason = $reason
WHERE id = $row
      AND (status = 'valid' OR (revocation_reason = 6 AND $reason <> 6));
SELECT changes();
$(audit certificate-revoke account_id "'serial', lower(hex(serial)),
        'reason', $reason" \
        "FROM acme_certificates WHERE id = $row AND changes() > 0" id)
$(tell_signer "c.id IN (SELECT id FROM temp.fresh)")
COMMIT;
END
    ) || die "nothing was revoked"

    certificate_revoked
}


# what orders, server certificates and successors say of it goes as well

certificate_delete() {
    certificate "$arg"

    status=$(value "SELECT $certificate_status FROM acme_certificates AS c
                    WHERE c.id = $row")

    ended=$(value "SELECT not_after <= $now FROM acme_certificates
                   WHERE id = $row")

    # RFC 5280, 3.3: a CRL lists it until its end

    [ "$ended" -eq 1 ] || [ -n "$force" ] ||
        die "it is $status and has not expired: say --force"

    run -list <<END || die "nothing was deleted"
BEGIN IMMEDIATE;
$(audit certificate-delete account_id "'serial', lower(hex(serial)), 'names',
        sans, 'fingerprint', lower(hex(fingerprint)), 'status', '$status'" \
        "FROM acme_certificates WHERE id = $row")
UPDATE acme_certificates SET replaced_by = NULL WHERE replaced_by = $row;
UPDATE acme_orders SET replaces_id = NULL WHERE replaces_id = $row;
DELETE FROM acme_ocsp_signers WHERE certificate_id = $row;
DELETE FROM acme_signer_jobs WHERE certificate_id = $row;
DELETE FROM acme_orders WHERE certificate_id = $row;
DELETE FROM acme_server_certificates WHERE certificate_id = $row;
DELETE FROM acme_certificates WHERE id = $row;
COMMIT;
END

    certificate_deleted
}


certificate_deleted() {
    if [ -n "$json" ]; then
        echo '{"deleted":true}'
    else
        echo deleted
    fi
}
