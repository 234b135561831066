# Copyright (C) the nginx-acme-ca authors
#
# The database, by the sqlite3 program, as the user that owns it.

# run MODE: SQL from the standard input; MODE is an option of sqlite3

run() {
    { printf '%s\n' '.timeout 10000' 'PRAGMA foreign_keys = ON;'; cat; } |
        $as sqlite3 -init /dev/null -batch -bail "$@" "$database"
}


# value SQL: of one column and row; empty if there is none

value() {
    printf '%s\n' "$1" | run -list -noheader
}


# rows SQL: a table, or an array

rows() {
    if [ -n "$json" ]; then
        rows=$(printf '%s\n' "$1" | run -json)
        printf '%s\n' "${rows:-[]}"
    else
        printf '%s\n' "$1" | run -column -header
    fi
}


# row SQL: lines of name and value, or an object

row() {
    if [ -n "$json" ]; then
        printf '%s\n' "$1" | run -json | sed -e '1s/^\[//' -e '$s/\]$//'
    else
        printf '%s\n' "$1" | run -line
    fi
}


# say NAME TEXT: for programs as a member of an object

say() {
    if [ -n "$json" ]; then
        printf 'SELECT json_object(%s, %s);' "$(sql_text "$1")" \
            "$(sql_text "$2")" | sqlite3 -init /dev/null -batch -list :memory:
    else
        printf '%s\n' "$2"
    fi
}


# did WORD TEXT: what became of it, for programs and for people

did() {
    if [ -n "$json" ]; then
        printf '{"%s":true}\n' "$1"
    else
        printf '%s\n' "$2"
    fi
}


absolute_path() {
    case $path in
        /*) ;;
        *)  path=$(pwd -P)/$path ;;
    esac

    command -v sqlite3 > /dev/null ||
        die "sqlite3 is needed: apt-get install sqlite3"
}


open_database() {
    absolute_path

    database=${path%/}/ca.db
    as=

    [ ! -h "$database" ] || die "\"$database\" is a link"

    if [ ! -e "$database" ]; then
        [ ! -e "$path" ] || [ -x "$path" ] ||
            die "\"$path\" belongs to somebody else: run this as root"
        die "no authority in \"$path\": name its state folder with --path"
    fi

    owner_of "$database"
    become_owner

    about=$(value 'PRAGMA application_id; PRAGMA user_version;') ||
        die "cannot read \"$database\""

    case $about in
        "1094929733
"[01])  die "\"$database\" is of an older release: start nginx first" ;;
        "1094929733
"*)     ;;
        *) die "\"$database\" is not the database of an authority" ;;
    esac
}


# owner_of FILE: sets $owner and $group

owner_of() {
    # shellcheck disable=SC2012
    owner=$(ls -ldn "$1" | awk '{ print $3 " " $4 }')
    group=${owner#* }
    owner=${owner% *}
}


# who runs this, for the audit log
user=${SUDO_USER:-$(id -un)}


# a file that root made beside the database would stop nginx's workers

become_owner() {
    [ "$(id -u)" -ne "$owner" ] || return 0

    [ "$(id -u)" -eq 0 ] ||
        die "\"$database\" belongs to user $owner: run this as that user or" \
            "as root"

    if command -v setpriv > /dev/null; then
        as="setpriv --reuid $owner --regid $group --clear-groups --"

    elif command -v runuser > /dev/null && id -un "$owner" > /dev/null; then
        as="runuser -u $(id -un "$owner") --"

    else
        die "neither setpriv nor runuser is there: run this as user $owner"
    fi
}


now="CAST(strftime('%s', 'now') AS INTEGER)"

# as_date COLUMN: RFC 3339, or NULL

as_date() {
    printf "strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', %s, 'unixepoch')" "$1"
}


# audit ACTION ACCOUNT DETAILS [SQL [CERTIFICATE]]: a row, or one for each of a
# selection

audit() {
    cat <<END
INSERT INTO acme_audit_logs
    (at, actor, action, outcome, details, account_id, certificate_id,
     user_agent)
SELECT $now, 'operator', '$1', 'done', json_object($3, 'user',
       $(sql_text "$user")), $2, ${5-NULL}, '$me'
${4-};
END
}


# sets $page

limit() {
    check_number --limit "$limit"

    page=
    [ "$limit" -eq 0 ] || page="LIMIT $limit"
}


# sets $folder, for temporary files that nobody else changes, and $own in it, for
# those of the user that owns the database, whom root does not trust

work_folder() {
    folder=$(mktemp -d /dev/shm/acme-ca.XXXXXX 2> /dev/null || mktemp -d) ||
        die "no folder for temporary files"

    trap 'rm -rf "$folder"' EXIT
    trap 'exit 1' HUP INT TERM

    own=$folder/own
    mkdir "$own"

    if [ -n "$as" ]; then
        chmod 0711 "$folder"
        chown "$owner" "$own"
    fi
}
