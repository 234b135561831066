# Copyright (C) the nginx-acme-ca authors
#
# Copies of an authority: whole, or as JSON.

commands="$commands
backup   -  FOLDER
restore  -  FOLDER
export   -  -
import   -  FILE
"


usage_backup() {
    cat <<END
    backup FOLDER               a copy of the database, while nginx issues, of
                                the keys and certificates, and a check of them
END
}


usage_restore() {
    cat <<END
    restore FOLDER              while nginx is stopped; what was there before
                                is kept beside it, as NAME.before-TIME
END
}


usage_export() {
    cat <<END
    export                      the database as lines of JSON: keep it as
                                closed as the database
END
}


usage_import() {
    cat <<END
    import FILE                 a new database in --path, of such lines
END
}


# sound FILE: an authority's database without a fault

sound() {
    said=$($as sqlite3 -init /dev/null -batch -readonly "$1" \
               'PRAGMA application_id; PRAGMA integrity_check;
                SELECT count(*) FROM pragma_foreign_key_check;' 2>&1) || :

    [ "$said" = "1094929733
ok
0" ]
}


# the state folder is of the workers' user, whom root does not trust: while it is
# root's, nobody lays links in the way of what is written there

take_folder() {
    [ "$(id -u)" -eq 0 ] || return 0

    chown 0:0 "${path%/}/."
    trap give_folder EXIT
    trap 'exit 1' HUP INT TERM
}


give_folder() {
    [ -z "${folder-}" ] || rm -rf "$folder"
    chown "$owner:$group" "${path%/}/."
}


# copy_keys FROM TO: certificates and keys, those of the folder "issuers" too;
# what is in the way and is another is kept

copy_keys() {
    [ ! -d "$1/issuers" ] || [ -h "$1/issuers" ] || [ -d "$2/issuers" ] ||
        mkdir -m 0755 "$2/issuers" || return 1

    for name in "$1"/*.pem "$1"/*.key "$1"/issuers/*.pem "$1"/issuers/*.key; do
        [ -f "$name" ] || continue
        file=$2${name#"$1"}

        if [ -e "$file" ] && ! cmp -s "$name" "$file"; then
            mv "$file" "$file.before-$moment" || return 1
        fi

        cp -p "$name" "$file" || return 1
    done
}


# half a backup is none

no_backup() {
    rm -rf "$arg"
    die "$@"
}


do_backup() {
    case $arg in
        /*) ;;
        *)  arg=$(pwd -P)/$arg ;;
    esac

    [ ! -e "$arg" ] || die "\"$arg\" is there already"

    mkdir -m 0700 "$arg" || exit 1
    [ "$(id -u)" -ne 0 ] || chown "$owner:$group" "$arg"

    # a read transaction: nobody who writes waits for it
    value "VACUUM INTO $(sql_text "$arg/ca.db")" ||
        no_backup "no copy was made"

    sound "$arg/ca.db" || no_backup "the copy is damaged: $said"
    sync "$arg/ca.db"

    count=$($as sqlite3 -init /dev/null -batch "$arg/ca.db" \
                'SELECT count(*) FROM acme_certificates')

    # keys lie where the workers' user can put nothing in their way

    [ "$(id -u)" -ne 0 ] || chown 0:0 "$arg"

    if [ "$(ls -A "$arg")" != ca.db ] || [ -h "$arg/ca.db" ]; then
        die "somebody else writes to \"$arg\""
    fi

    copy_keys "${path%/}" "$arg" ||
        no_backup "run this as root, who can read the keys"

    value "BEGIN IMMEDIATE; $(audit backup NULL \
               "'folder', $(sql_text "$arg")") COMMIT;"

    bytes=$(wc -c < "$arg/ca.db")

    if [ -n "$json" ]; then
        value "SELECT json_object('folder', $(sql_text "$arg"), 'bytes',
                   $bytes, 'certificates', $count)"
    else
        echo "$count certificates, $bytes bytes in \"$arg\""
    fi
}


# the database is free when nobody else has it open

check_unused() {
    run -list > /dev/null 2>&1 <<END ||
.timeout 100
PRAGMA locking_mode = EXCLUSIVE;
BEGIN EXCLUSIVE;
ROLLBACK;
END
        die "\"$database\" is in use: stop nginx first"
}


# note_origin ACTION MEMBER: where the database that is not in its place yet comes
# from is the newest row of its audit log.  Who made a CRL when it was copied
# makes it no more, and the numbers go on behind all that were given since.  That
# of a root is the master's

note_origin() {
    origin=$(cd "$(dirname "$arg")" && pwd -P)/$(basename "$arg")

    lists=$(sqlite3 -init /dev/null -batch "$database.new" \
                "SELECT 1 FROM pragma_table_info('acme_crls') LIMIT 1")
    [ -z "$lists" ] ||
        lists="UPDATE acme_crls SET due_at = 0, lease_until = 0,
                   number = max(number, $now) + 60
               WHERE issuer_id IN (SELECT id FROM issuers
                                   WHERE state IS NOT NULL);
               UPDATE acme_ca_meta SET start_after = '$1';"

    {
        audit "$1" NULL "'$2', $(sql_text "$origin")"
        echo "$lists"
    } | sqlite3 -init /dev/null -batch -bail "$database.new" ||
        die "\"$database.new\" cannot be written"
}


do_restore() {
    [ -d "$arg" ] || die "\"$arg\" is no folder"

    as=
    sound "$arg/ca.db" || die "\"$arg\" has no sound database: $said"

    [ -d "$path" ] || mkdir -m 0700 "$path" || exit 1
    database=${path%/}/ca.db

    owner_of "$arg/ca.db"

    if [ -e "$database" ]; then
        [ ! -h "$database" ] || die "\"$database\" is a link"
        owner_of "$database"
        check_unused
    fi

    take_folder
    moment=$(date -u +%Y%m%dT%H%M%SZ)

    # nothing is moved before all of it is there

    rm -f "$database.new"
    cp "$arg/ca.db" "$database.new"
    chmod 0600 "$database.new"
    [ "$(id -u)" -ne 0 ] || chown "$owner:$group" "$database.new"
    sync "$database.new"

    copy_keys "$arg" "${path%/}" || exit 1

    # whoever used it last has left nothing in these, or it was a crash

    for name in ca.db-wal ca.db-shm; do
        [ ! -e "${path%/}/$name" ] ||
            mv "${path%/}/$name" "${path%/}/$name.before-$moment"
    done

    # there is a database at any moment: nginx would make an empty one

    if [ -e "$database" ]; then
        rm -f "$database.before-$moment"
        ln "$database" "$database.before-$moment" ||
            cp -p "$database" "$database.before-$moment"
    fi

    note_origin restore folder
    mv "$database.new" "$database"
    sync "$database" "${path%/}"
    did restored "restored: start nginx"
}


# --- JSON: first the schema, then rows, blobs as {"hex":"..."}

do_export() {
    tables=$(value "SELECT name FROM sqlite_schema
                    WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                    ORDER BY rowid")
    script=

    for table in $tables; do
        columns=$(value "SELECT group_concat('''' || name || ''', iif(typeof(' ||
                'r.' || name || ') = ''blob'', json_object(''hex'', lower(hex(r.'
                || name || '))), r.' || name || ')', ', ')
            FROM pragma_table_info('$table')")
        script="$script
            SELECT json_object('table', '$table', 'row',
                json_object($columns)) FROM $table AS r;"
    done

    # at one moment, whoever writes meanwhile

    value "BEGIN;
           SELECT json_object('version', user_version) FROM pragma_user_version;
           SELECT json_object('schema', sql) FROM sqlite_schema
           WHERE sql IS NOT NULL AND type = 'table';
           $script
           SELECT json_object('schema', sql) FROM sqlite_schema
           WHERE sql IS NOT NULL AND type <> 'table';
           COMMIT;"
}


# literals are made by quote(): nothing of the file is SQL but its schema

do_import() {
    [ -r "$arg" ] || die "cannot read \"$arg\""
    [ -d "$path" ] || mkdir -m 0700 "$path" || exit 1

    database=${path%/}/ca.db
    [ ! -e "$database" ] || die "there is a database in \"$path\" already"

    owner_of "$path/."
    as=
    work_folder
    take_folder

    version=$(head -n 1 "$arg" | grep -Ex '\{"version":[0-9]+\}' | tr -dc 0-9)
    [ -n "$version" ] || die "\"$arg\" is no export"

    cat > "$folder/script" <<END
.separator "\037" "\n"
.mode ascii
.separator "\037" "\n"
CREATE TABLE lines (id INTEGER PRIMARY KEY, line TEXT);
CREATE TEMP TABLE raw (line TEXT);
.import '$folder/lines' raw
INSERT INTO lines (line) SELECT line FROM raw;
.mode list
.output '$folder/sql'
SELECT 'BEGIN;';
SELECT iif(line -> 'schema' IS NOT NULL, (line ->> 'schema') || ';',
    'INSERT INTO "' || replace(line ->> 'table', '"', '') || '" (' ||
    (SELECT group_concat('"' || replace(key, '"', '') || '"', ', ')
     FROM json_each(line, '\$.row')) || ') VALUES (' ||
    (SELECT group_concat(CASE type
         WHEN 'object' THEN 'x''' || replace(value ->> 'hex', '''', '') || ''''
         ELSE quote(value) END, ', ')
     FROM json_each(line, '\$.row')) || ');')
FROM lines WHERE line -> 'version' IS NULL ORDER BY id;
SELECT 'PRAGMA application_id = 1094929733; PRAGMA user_version = $version;';
SELECT 'COMMIT;';
.output
END

    cp "$arg" "$folder/lines"
    sqlite3 -init /dev/null -batch -bail "$folder/import.db" \
        < "$folder/script" || die "\"$arg\" is no export"

    # what the schema of the file says can reach nothing but the new file

    sqlite3 -init /dev/null -batch -bail -safe "$database.new" \
        < "$folder/sql" ||
        { rm -f "$database.new"; die "\"$arg\" was not imported"; }

    sound "$database.new" ||
        { rm -f "$database.new"; die "\"$arg\" is not whole: $said"; }

    note_origin import file
    chmod 0600 "$database.new"
    [ "$(id -u)" -ne 0 ] || chown "$owner:$group" "$database.new"
    mv "$database.new" "$database"
    did imported "imported: copy the keys, then start nginx"
}
