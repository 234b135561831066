# Copyright (C) the nginx-acme-ca authors
#
# Revocation of one certificate or of many.  A trigger of the database makes
# the CRLs due: the workers see to it within a second.

commands="$commands
revoke    -  -  serial account eab name profile issuer reason since dry-run
unrevoke  -  -  serial account eab name profile issuer dry-run
"


usage_revoke() {
    cat <<END
    revoke                      an end to the valid certificates that fit all
        [--serial SERIAL] [--account ID] [--eab KID|LABEL] [--name PATTERN]
        [--profile NAME] [--issuer ID|NAME]      that is given
        [--reason REASON]       keyCompromise, cACompromise, superseded,
                                affiliationChanged, cessationOfOperation,
                                certificateHold, privilegeWithdrawn,
                                aACompromise, or its number; default: none
        [--since TIME]          the key is in other hands since then: 12h, 2d
        [--dry-run]             only shows them
END
}


usage_unrevoke() {
    cat <<END
    unrevoke                    gives back those with the reason
                                certificateHold; options as those of revoke
END
}


# find_serial SERIAL: sets $serial, a blob as it is in the database.  What can be
# hexadecimal and decimal is decimal if only that is in the registry

find_serial() {
    hex=$(printf '%s' "$1" | tr 'A-F' 'a-f' | tr -d ':')

    is_like "$hex" '[0-9a-f]{1,49}' || misuse "\"$1\" is no serial number"

    serial_bytes "$hex"

    ! is_like "$hex" '[0-9]+' || [ -n "$(value "SELECT 1
        FROM acme_certificates WHERE serial = $serial")" ] ||
        serial_or_decimal "$hex"
}


# serial_bytes HEX: sets $serial

serial_bytes() {
    hex=$1
    [ $((${#hex} % 2)) -eq 0 ] || hex=0$hex

    while [ "${hex#00}" != "$hex" ]; do
        hex=${hex#00}
    done

    serial="x'$hex'"
}


# serial_or_decimal DIGITS: sets $serial if there is such a one

serial_or_decimal() {
    first=$serial
    serial_bytes "$(hexadecimal "$1")"

    [ -n "$(value "SELECT 1 FROM acme_certificates
                   WHERE serial = $serial")" ] || serial=$first
}


# RFC 5280, 5.3.1.  There is no 7, and 8 is what unrevoke does; sets $reason

revocation_reason() {
    case $1 in
        0|unspecified)           reason=0 ;;
        1|keyCompromise)         reason=1 ;;
        2|cACompromise)          reason=2 ;;
        3|affiliationChanged)    reason=3 ;;
        4|superseded)            reason=4 ;;
        5|cessationOfOperation)  reason=5 ;;
        6|certificateHold)       reason=6 ;;
        9|privilegeWithdrawn)    reason=9 ;;
        10|aACompromise)         reason=10 ;;
        8)  misuse "--reason: 8 is no reason of its own: unrevoke" ;;
        *)  misuse "--reason: \"$1\" is no reason" ;;
    esac
}


check_chosen() {
    [ -n "$names$profiles$account$eab$issuer$serial" ] ||
        misuse "$1: which certificates? --name '*' is all of them"

    case "$names$profiles" in
        *' '*|*/*) misuse "$1: one name or address, one profile" ;;
    esac
}


# chosen COMMAND: sets $where, of certificate c, by the options

chosen() {
    check_chosen "$1"

    where=

    if [ -n "$account" ]; then
        account "$account"
        where="$where AND c.account_id = $account"
    fi

    if [ -n "$eab" ]; then
        eab "$eab"
        where="$where AND c.account_id IN
                   (SELECT id FROM acme_accounts WHERE eab_id = $eab)"
    fi

    if [ -n "$issuer" ]; then
        find_issuer "$issuer"
        where="$where AND c.issuer_id = $id"
    fi

    if [ -n "$serial" ]; then
        certificate "$serial"
        where="$where AND c.id = $row"
    fi

    [ -z "$profiles" ] ||
        where="$where AND c.profile = $(sql_text "$profiles")"

    chosen_name
}


# a name stands for itself, one with a dot in front for all below it

chosen_name() {
    text=$(sql_text "$names")

    case $names in
        ''|'*')  ;;
        .*) where="$where AND instr(c.sans || ' ', $text || ' ')" ;;
        *)  where="$where AND (instr(' ' || c.sans || ' ',
                                     ' dns:' || $text || ' ')
                               OR instr(' ' || c.sans || ' ',
                                        ' ip:' || $text || ' '))" ;;
    esac
}


# none_chosen COMMAND

none_chosen() {
    case $1 in
        revoke) absent "no valid certificate fits all of that" ;;
        *)      absent "no certificate that is held fits all of that" ;;
    esac
}


# show_chosen COMMAND WHERE: 3 if there is none

show_chosen() {
    n=$(value "SELECT count(*) FROM acme_certificates AS c WHERE $2")

    [ "$n" -gt 0 ] || none_chosen "$1"

    rows "SELECT lower(hex(c.serial)) AS serial, c.account_id AS account,
              c.sans AS names, c.profile, $(as_date c.not_after) AS not_after
          FROM acme_certificates AS c WHERE $2 ORDER BY c.id"
}


# change_chosen ACTION WHERE DETAILS SET: those are told that were changed

change_chosen() {
    run -list <<END || die "nothing was changed"
BEGIN IMMEDIATE;
CREATE TEMP TABLE chosen AS SELECT c.id FROM acme_certificates AS c WHERE $2;
CREATE TEMP TABLE fresh AS SELECT c.id FROM acme_certificates AS c
    WHERE c.status = 'valid' AND c.id IN (SELECT id FROM temp.chosen);
UPDATE acme_certificates SET $4 WHERE id IN (SELECT id FROM temp.chosen);
$([ "$1" != revoke ] || tell_signer 'c.id IN (SELECT id FROM temp.fresh)')
$(audit "$1" c.account_id "'serial', lower(hex(c.serial)), 'names', c.sans$3" \
    "FROM acme_certificates AS c WHERE c.id IN (SELECT id FROM temp.chosen)" \
    c.id)
COMMIT;
END
}


# tell_signer WHERE: an external signer hears of what it signed, certificate c, if
# it wants to; what has a state is an issuer of ours

tell_signer() {
    cat <<END
INSERT OR IGNORE INTO acme_signer_jobs
    (id, certificate_id, attempts, run_at, lease_until, deadline_at, created_at)
SELECT c.id * 2 + 1, c.id, 0, $now, 0, $now + m.signer_deadline, $now
FROM acme_ca_meta AS m, acme_certificates AS c
WHERE m.signer_deadline > 0 AND $1
      AND (SELECT i.state FROM issuers AS i WHERE i.id = c.issuer_id) IS NULL;
END
}


# what is held may be revoked for good, as of when it was held

do_revoke() {
    chosen revoke

    [ -z "$reason" ] || revocation_reason "$reason"

    invalidity=NULL

    if [ -n "$since" ]; then
        seconds --since "$since"
        invalidity="$now - $number"
    fi

    where="c.not_after > $now $where
           AND (c.status = 'valid'
                OR (c.revocation_reason = 6
                    AND coalesce(nullif('$reason', ''), 0) + 0 <> 6))"

    show_chosen revoke "$where"

    [ -z "$dry_run" ] || return 0

    change_chosen revoke "$where" ", 'reason', ${reason:-NULL}" \
        "status = 'revoked', revoked_at = coalesce(revoked_at, $now),
         revocation_reason = ${reason:-NULL}, invalidity_at = $invalidity"
}


do_unrevoke() {
    chosen unrevoke

    where="c.status = 'revoked' AND c.revocation_reason = 6 $where"

    show_chosen unrevoke "$where"

    [ -z "$dry_run" ] || return 0

    change_chosen unrevoke "$where" "" \
        "status = 'valid', revoked_at = NULL, revocation_reason = NULL,
         invalidity_at = NULL"
}
