# Copyright (C) the nginx-acme-ca authors
#
# The audit log: who did what.  Each row has the SHA-256 of the hash of the row
# before it, in hexadecimal, and of its own content (acme_audit_contents).

commands="$commands
audit list    -   actor action outcome account since limit
audit tail    -   actor action outcome account since limit follow
audit export  -   since
audit verify  -   file key all
audit seal    -   before to key
"

choices="$choices
audit outcome  done refused failed
"


usage_audit() {
    cat <<END
    audit list                  newest first
    audit tail                  newest last
        [--actor A] [--action A] [--outcome done|refused|failed]
        [--account ID] [--since TIME] [--limit N]
        [--follow]              of tail: and those that come
    audit export                all rows as lines of JSON
        [--since TIME]          not all: those of the last 30d, 12h
    audit verify                is a row changed, missing, or one too many?
        [--all]                 verify the signatures of all checkpoints
        [--key FILE]            with these public keys, not with audit.pem
        [--file FILE]           of a file as well: audit_log, an export
    audit seal --before TIME --to FILE
                                rows older than that go to a new file, up to a
                                checkpoint, and leave the database
END
}


# rows of $1, a number of ids in one go: each is a small file for a moment
audit_chunk=10000


audit_columns="l.id, $(as_date l.at) AS at, l.actor, l.action, l.outcome,
    l.reason, l.details, l.account_id AS account, l.order_id AS 'order',
    l.certificate_id AS certificate, l.client_address AS address,
    l.request_id"


# a row as a line: the module writes the same ones to its file

audit_line="'{\"id\":' || id ||
       ',\"at\":\"' || $(as_date at) || '\"' ||
       ',\"actor\":' || json_quote(actor) ||
       ',\"action\":' || json_quote(action) ||
       ',\"outcome\":\"' || outcome || '\"' ||
       iif(reason IS NULL, '', ',\"reason\":' || json_quote(reason)) ||
       iif(details IS NULL, '', ',\"details\":' || details) ||
       iif(account_id IS NULL, '', ',\"account_id\":' || account_id) ||
       iif(order_id IS NULL, '', ',\"order_id\":' || order_id) ||
       iif(authz_id IS NULL, '', ',\"authz_id\":' || authz_id) ||
       iif(challenge_id IS NULL, '', ',\"challenge_id\":' || challenge_id) ||
       iif(certificate_id IS NULL, '',
           ',\"certificate_id\":' || certificate_id) ||
       iif(client_address IS NULL, '',
           ',\"client_address\":' || json_quote(client_address)) ||
       iif(user_agent IS NULL, '',
           ',\"user_agent\":' || json_quote(user_agent)) ||
       iif(request_id IS NULL, '',
           ',\"request_id\":' || json_quote(request_id)) ||
       iif(hash IS NULL, '', ',\"hash\":\"' || lower(hex(hash)) || '\"') ||
       '}'"


# what is hashed of a row, as the view acme_audit_contents has it; that view is as
# easily changed as the rows that are in doubt

audit_content="''"

for column in id at actor action outcome reason details account_id order_id \
    authz_id challenge_id certificate_id client_address user_agent request_id
do
    audit_content="$audit_content || CASE WHEN coalesce($column, '') = ''
        THEN '-,' ELSE length(CAST($column AS BLOB)) || ':' || $column || ','
        END"
done


# sets $where

audit_where() {
    where=1

    for column in actor action outcome; do
        eval "value=\$$column"
        [ -z "$value" ] || where="$where AND l.$column = $(sql_text "$value")"
    done

    if [ -n "$account" ]; then
        account "$account"
        where="$where AND l.account_id = $account"
    fi

    if [ -n "$since" ]; then
        seconds --since "$since"
        where="$where AND l.at >= $now - $number"
    fi
}


audit_list() {
    audit_where
    limit

    rows "SELECT $audit_columns FROM acme_audit_logs AS l WHERE $where
          ORDER BY l.id DESC $page"
}


audit_tail() {
    audit_where
    limit

    last=$(value "SELECT coalesce(max(id), 0) FROM acme_audit_logs")

    rows "SELECT * FROM (SELECT $audit_columns FROM acme_audit_logs AS l
                         WHERE $where AND l.id <= $last
                         ORDER BY l.id DESC $page)
          ORDER BY id"

    while [ -n "$follow" ]; do
        sleep 1
        first=$last
        last=$(value "SELECT coalesce(max(id), 0) FROM acme_audit_logs")

        [ "$last" -eq "$first" ] ||
            printf '%s\n' "SELECT $audit_line FROM acme_audit_logs AS l
                           WHERE $where AND id > $first AND id <= $last
                           ORDER BY id" | run -list -noheader
    done
}


# audit_lines WHERE: rows, then the last checkpoint among them

audit_lines() {
    run -list -noheader <<END
SELECT $audit_line FROM acme_audit_logs WHERE $1 ORDER BY id;
SELECT json_object('checkpoint', id, 'at', $(as_date at),
           'hash', lower(hex(hash)), 'key', lower(hex(key_id)),
           'signature', lower(hex(signature)))
FROM acme_audit_checkpoints
WHERE id = (SELECT max(c.id) FROM acme_audit_checkpoints AS c
            JOIN acme_audit_logs USING (id) WHERE $1);
END
}


audit_export() {
    where=1

    if [ -n "$since" ]; then
        seconds --since "$since"
        where="acme_audit_logs.at >= $now - $number"
    fi

    audit_lines "$where"
}


# --- verification: lines about what is wrong go to $folder/faults

fault() {
    printf '%s\n' "$*" >> "$folder/faults"
}


# audit_rows: the chain of all rows of $database.  The hash before the first one
# is that of the sealed checkpoint, or zeros; of a file's it is not known

audit_rows() {
    sealed=$(value "SELECT max(audit_sealed) FROM acme_ca_meta")
    ids=$(value "SELECT coalesce(min(id), 0) || ' ' || coalesce(max(id), 0) ||
                     ' ' || count(*) || ' ' || count(hash)
                 FROM acme_audit_logs WHERE id > $sealed;")

    # shellcheck disable=SC2086
    set -- $ids

    first=$1
    last=$2
    count=$3
    open=$(($3 - $4))

    if [ "$first" -gt $((sealed + 1)) ] && [ -z "$part" ]; then
        fault "rows $((sealed + 1)) to $((first - 1)) are missing"
    fi

    value "SELECT 'rows ' || (before + 1) || ' to ' || (id - 1) || ' are missing'
           FROM (SELECT id, lag(id) OVER (ORDER BY id) AS before
                 FROM acme_audit_logs)
           WHERE id > before + 1" >> "$folder/faults"

    value "SELECT 'row ' || id || ' is not chained' FROM acme_audit_logs
           WHERE hash IS NULL
                 AND id < (SELECT max(id) FROM acme_audit_logs
                           WHERE hash IS NOT NULL)" >> "$folder/faults"

    from=$first

    while [ "$from" -le "$last" ] && [ "$count" -gt 0 ]; do
        audit_hashes "$from" $((from + audit_chunk))
        from=$((from + audit_chunk))
    done
}


# audit_hashes FROM UNTIL

audit_hashes() {
    $as mkdir "$own/rows"

    run -list -noheader > "$folder/want" <<END
CREATE TEMP TABLE written (n);
CREATE TEMP VIEW contents AS SELECT id, hash, $audit_content AS content
FROM main.acme_audit_logs;
INSERT INTO written
SELECT writefile('$own/rows/' || c.id,
    coalesce((SELECT lower(hex(p.hash)) FROM acme_audit_logs AS p
              WHERE p.id = c.id - 1 AND p.hash IS NOT NULL),
             (SELECT lower(hex(p.hash)) FROM acme_audit_checkpoints AS p
              WHERE p.id = c.id - 1 AND c.id = $first),
             '$(printf '%064d' 0)') || c.content)
FROM temp.contents AS c
WHERE c.id >= $1 AND c.id < $2 AND c.hash IS NOT NULL
      AND NOT (c.id = $first AND $((${#part} > 0)));
SELECT id || ' ' || lower(hex(hash)) FROM acme_audit_logs
WHERE id >= $1 AND id < $2 AND hash IS NOT NULL
      AND NOT (id = $first AND $((${#part} > 0)));
END

    if [ -s "$folder/want" ]; then
        # shellcheck disable=SC2086
        (cd "$own/rows" && ls) |
            (cd "$own/rows" && xargs $as openssl dgst -sha256 -r) |
            awk 'NR == FNR { want[$1] = $2; next }
                 { sub(/^\*/, "", $2); have[$2] = $1 }
                 END {
                     for (id in want) {
                         if (want[id] != have[id])
                             print id
                     }
                 }' "$folder/want" - | sort -n |
            sed 's/.*/row & or the one before it was changed/' \
            >> "$folder/faults"
    fi

    rm -rf "$own/rows"
}


# audit_keys FILE: its public keys, each as a file with the name of its SHA-256:
# that of today, and those that signed before

audit_keys() {
    [ ! -d "$folder/keys" ] || return 0
    [ -r "$1" ] || die "no public key in \"$1\": name it with --key"

    mkdir "$folder/keys"

    awk -v to="$folder/keys/" '
        /-----BEGIN PUBLIC KEY-----/ { file = to (++n) ".pem" }
        file { print > file }
        /-----END PUBLIC KEY-----/ { close(file); file = "" }' "$1"

    for pem in "$folder"/keys/*.pem; do
        [ -e "$pem" ] || die "no public key in \"$1\": name it with --key"

        key_id=$(openssl pkey -pubin -in "$pem" -outform DER 2> /dev/null |
                 openssl dgst -sha256 -r | cut -c 1-64)
        mv "$pem" "$folder/keys/$key_id"
    done
}


# audit_checkpoints ALL: those that say what the rows do not, and signatures of
# the newest one, of the one that sealed, or of all

audit_checkpoints() {
    audit_keys "${key:-${path%/}/audit.pem}"

    value "SELECT 'rows up to ' || c.id || ' are not those that were signed'
           FROM acme_audit_checkpoints AS c
           JOIN acme_audit_logs AS l USING (id)
           WHERE l.hash IS NULL OR l.hash <> c.hash" >> "$folder/faults"

    # nginx may have signed more since the rows were read

    value "SELECT 'rows $last to ' || max(id) || ' are missing: they were signed'
           FROM acme_audit_checkpoints
           HAVING max(id) > (SELECT coalesce(max(id), 0) FROM acme_audit_logs)" \
        >> "$folder/faults"

    value "SELECT 'rows up to $sealed are gone, and nothing was signed'
           WHERE $sealed > 0 AND NOT EXISTS
               (SELECT 1 FROM acme_audit_checkpoints WHERE id = $sealed)" \
        >> "$folder/faults"

    # whoever can remove them all would leave nothing to be verified

    value "SELECT 'checkpoints up to row ' || max(audit_signed) || ' are missing'
           FROM acme_ca_meta
           HAVING max(audit_signed) > (SELECT coalesce(max(id), 0)
                                       FROM acme_audit_checkpoints)" \
        >> "$folder/faults"

    which="id = (SELECT max(id) FROM acme_audit_checkpoints) OR id = $sealed"
    [ -z "$1" ] || which=1

    signed=0
    newest=0

    value "SELECT id || ' ' || at || ' ' || lower(hex(hash)) || ' ' ||
               lower(hex(key_id)) || ' ' || hex(signature)
           FROM acme_audit_checkpoints WHERE $which ORDER BY id" \
        > "$folder/checkpoints"

    while read -r id at hash by signature; do
        printf 'acme-ca audit %s %s %s' "$id" "$at" "$hash" > "$folder/text"
        bytes "$signature" > "$folder/signature"
        newest=$id

        if [ ! -f "$folder/keys/$by" ]; then
            fault "checkpoint $id was signed by another key: $by"
        elif openssl dgst -sha256 -verify "$folder/keys/$by" \
            -signature "$folder/signature" "$folder/text" > /dev/null 2>&1
        then
            signed=$((signed + 1))
        else
            fault "checkpoint $id has a wrong signature"
        fi
    done < "$folder/checkpoints"
}


# audit_load NAME: a new $database with the rows of $folder/lines

audit_load() {
    chown "$owner" "$folder/lines" 2> /dev/null || :
    database=$own/$1.db

    run -ascii <<END || return 1
.separator "\037" "\n"
CREATE TABLE lines (line TEXT);
.import '$folder/lines' lines
CREATE TABLE acme_ca_meta (audit_sealed, audit_signed);
INSERT INTO acme_ca_meta VALUES (0, 0);
CREATE TABLE acme_audit_checkpoints
    (id INTEGER PRIMARY KEY, at, hash, key_id, signature);
CREATE TABLE acme_event_hooks (uri, log_id);
CREATE TABLE acme_audit_logs (id INTEGER PRIMARY KEY, at, actor, action,
    outcome, reason, details, account_id, order_id, authz_id, challenge_id,
    certificate_id, client_address, user_agent, request_id, hash);
INSERT OR IGNORE INTO acme_audit_logs
SELECT line ->> 'id', CAST(strftime('%s', line ->> 'at') AS INTEGER),
    line ->> 'actor', line ->> 'action', line ->> 'outcome',
    line ->> 'reason', line -> 'details', line ->> 'account_id',
    line ->> 'order_id', line ->> 'authz_id', line ->> 'challenge_id',
    line ->> 'certificate_id', line ->> 'client_address',
    line ->> 'user_agent', line ->> 'request_id', NULL
FROM lines WHERE line ->> 'id' IS NOT NULL;
END

    value "SELECT 'UPDATE acme_audit_logs SET hash = x''' ||
               (line ->> 'hash') || ''' WHERE id = ' ||
               CAST(line ->> 'id' AS INTEGER) || ';'
           FROM lines
           WHERE length(line ->> 'hash') = 64
                 AND line ->> 'hash' NOT GLOB '*[^0-9a-f]*'" > "$folder/hashes"

    { echo 'BEGIN;'; cat "$folder/hashes"; echo 'COMMIT;'; } | run -list
}


# audit_signed ROWS ID: a new $database's checkpoints, from ROWS with a column
# "value", of whose members ID is that of the row

audit_signed() {
    value "SELECT 'INSERT OR IGNORE INTO acme_audit_checkpoints VALUES (' ||
               CAST($(of c.value "$2") AS INTEGER) || ', ' ||
               strftime('%s', $(of c.value at)) || ', x''' ||
               $(of c.value hash) || ''', x''' || $(of c.value key) ||
               ''', x''' || $(of c.value signature) || ''');'
           FROM $1 AS c
           WHERE $(of c.value hash) || $(of c.value key) ||
               $(of c.value signature) NOT GLOB '*[^0-9a-f]*'" \
        > "$folder/checkpoints"

    { echo 'BEGIN;'; cat "$folder/checkpoints"; echo 'COMMIT;'; } | run -list
}


# audit_file FILE: its own chain and checkpoints, and whether the database has the
# same rows, or signed these before they were sealed

audit_file() {
    [ -r "$1" ] || die "cannot read \"$1\""

    cat -- "$1" > "$folder/lines"
    ours=$database
    audit_load file || die "\"$1\" has no lines of an audit log"

    part=yes
    [ "$(value 'SELECT min(id) FROM acme_audit_logs')" != 1 ] || part=

    audit_rows
    audit_signed "(SELECT line AS value FROM lines
                   WHERE line ->> 'checkpoint' >= $first AND $count > 0)" \
        checkpoint
    audit_checkpoints "${all-}"
    audit_summary

    summary="$summary, 'file', json_object($counts)"
    said="\"$1\": $sentence
$said"

    value "ATTACH $(sql_text "$ours") AS ca;
           SELECT 'row ' || f.id || ' of the file is not in the database'
           FROM main.acme_audit_logs AS f
           LEFT JOIN ca.acme_audit_logs AS d ON d.id = f.id
           WHERE d.id IS NULL
                 AND f.id > (SELECT audit_sealed FROM ca.acme_ca_meta);
           SELECT 'row ' || f.id || ' of the file is another one'
           FROM main.acme_audit_logs AS f
           JOIN ca.acme_audit_logs AS d ON d.id = f.id
           WHERE d.hash IS NOT f.hash AND f.hash IS NOT NULL;
           SELECT 'row ' || f.id || ' of the file is not chained'
           FROM main.acme_audit_logs AS f
           WHERE f.hash IS NULL
                 AND f.id <= (SELECT audit_sealed FROM ca.acme_ca_meta);
           SELECT 'rows up to ' || f.id || ' of the file are not those that' ||
               ' were signed'
           FROM main.acme_audit_logs AS f
           JOIN ca.acme_audit_checkpoints AS c ON c.id = f.id
           WHERE c.hash <> f.hash;" >> "$folder/faults"

    database=$ours
}


audit_check() {
    part=
    audit_rows
    audit_checkpoints "${all-}"
    audit_summary

    summary="$counts, 'sealed', $sealed"
    said=$sentence
}


# of what was looked at: sets $counts and $sentence

audit_summary() {
    counts="'first', $first, 'last', $last, 'rows', $count,
            'not_chained', $open, 'checkpoint', $newest"
    sentence="rows $first to $last, signed up to $newest; $open not chained yet"
}


audit_verify() {
    work_folder
    : > "$folder/faults"
    audit_check

    [ -z "$file" ] || audit_file "$file"

    audit_verdict
}


# what $folder/faults says of the rows that were read

audit_verdict() {
    faults=$(wc -l < "$folder/faults")

    if [ -n "$json" ]; then
        list=$(head -n 100 "$folder/faults" | sed 's/.*/"&"/' | paste -s -d ,)
        value "SELECT json_object('ok', json(iif($faults, 'false', 'true')),
                   $summary, 'faults', json($(sql_text "[$list]")))"
    else
        head -n 100 "$folder/faults"
        echo "$said"
    fi

    [ "$faults" -eq 0 ] || exit 1
}


check_seal() {
    [ -n "$before" ] || misuse "audit seal: --before is needed"
    [ -n "$to" ] || misuse "audit seal: --to is needed"
    [ ! -e "$to" ] || die "\"$to\" is there already"

    seconds --before "$before"
    age=$number

    work_folder
    : > "$folder/faults"
}


# after audit_check: what goes is written to $to; sets $id and $sum

audit_segment() {
    if [ -s "$folder/faults" ]; then
        cat "$folder/faults" >&2
        die "the audit log is not sound, nothing was sealed"
    fi

    id=$(value "SELECT max(id) FROM acme_audit_checkpoints
                WHERE at <= $now - $age
                      AND id < (SELECT max(id) FROM acme_audit_logs)
                      AND id > (SELECT audit_sealed FROM acme_ca_meta)")

    [ -n "$id" ] || absent "no rows that are so old and signed"

    hooks=$(value "SELECT group_concat(uri, ', ') FROM acme_event_hooks
                   WHERE log_id < $id")

    [ -z "$hooks" ] || die "rows up to $id are not told yet to: $hooks"

    audit_lines "acme_audit_logs.id BETWEEN $sealed + 1 AND $id" > "$to" ||
        die "cannot write to \"$to\""
    sync "$to"
    sum=$(openssl dgst -sha256 -r "$to" | cut -c 1-64)
}


audit_seal() {
    check_seal
    audit_check
    audit_segment

    sealed=$(run -list -noheader <<END
BEGIN IMMEDIATE;
UPDATE acme_ca_meta SET audit_sealed = $id WHERE audit_sealed < $id;
DELETE FROM acme_audit_logs WHERE id <= $id;
SELECT changes();
$(audit audit-seal NULL "'up_to', $id, 'file', $(sql_text "$to"),
        'sha256', '$sum'")
COMMIT;
END
    ) || die "nothing was sealed"

    audit_sealed
}


audit_sealed() {
    if [ -n "$json" ]; then
        value "SELECT json_object('sealed', $id, 'rows', $sealed, 'sha256',
                   '$sum', 'file', $(sql_text "$to"))"
    else
        echo "$sealed rows up to $id went to \"$to\", SHA-256 $sum"
    fi
}
