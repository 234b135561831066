# Copyright (C) the nginx-acme-ca authors
#
# The admin location, by the curl program.  Answers are read by sqlite3, whose
# database is in memory then: $reply is an expression of SQL.

cursor=

open_admin() {
    command -v curl > /dev/null || die "curl is needed: apt-get install curl"
    command -v sqlite3 > /dev/null ||
        die "sqlite3 is needed: apt-get install sqlite3"

    is_like "$admin" 'https?://[!-~]+' || misuse "--admin: \"$admin\" is no URL"

    admin=${admin%/}
    database=:memory:
    as=
    owner=
}


# of JSON PATH: an expression: what stands there

of() {
    printf "json_extract(%s, '\$.%s')" "$1" "$2"
}


# config NAME VALUE: a line of curl's configuration

config() {
    [ -z "$2" ] ||
        printf '%s = "%s"\n' "$1" \
            "$(printf '%s' "$2" | sed -e 's/[\\"]/\\&/g')"
}


# the name and password are for no list of processes

curl_config() {
    config cert "$cert"
    config key "$key"
    config cacert "$cacert"
    config unix-socket "$unix_socket"

    if [ -n "$user_file" ]; then
        [ -r "$user_file" ] || die "cannot read \"$user_file\""
        config user "$(head -n 1 "$user_file")"
    fi
}


# ask METHOD PATH [BODY]: sets $reply

ask() {
    if [ $# -eq 3 ]; then
        set -- "$1" "$2" -H 'Content-Type: application/json' \
            --data-binary "$3"
    fi

    method=$1
    place=$2
    shift 2

    # shellcheck disable=SC2119
    answer=$(curl_config | curl -sS -K - -X "$method" -A "$me" \
                 -w '\n%{http_code}' "$@" "$admin/$place") ||
        die "no answer of $admin"

    heard=${answer##*
}
    reply=$(sql_text "${answer%
*}")

    case $heard in
        2??) return ;;
    esac

    detail=$(value "SELECT coalesce($(of "$reply" detail),
                                    $(of "$reply" title))" 2> /dev/null) ||
        detail="HTTP status $heard"

    case $heard in
        400) misuse "$detail" ;;
        404) absent "$detail" ;;
        *)   die "$admin: $detail" ;;
    esac
}


# add_items: those of $reply to $items; sets $cursor

add_items() {
    page=$(value "SELECT rtrim(ltrim($(of "$reply" items), '['), ']')")
    [ -z "$page" ] || items="${items:+$items,}$page"

    cursor=$(value "SELECT coalesce($(of "$reply" next), '')")
}


# ask_all PATH [&ARGUMENTS]: at most $limit items, of several pages from $cursor
# on, as one array

ask_all() {
    plain_number --limit "$limit"

    items=
    limit=$number
    left=$limit

    while :; do
        size=500
        [ "$left" -eq 0 ] || [ "$left" -ge 500 ] || size=$left

        ask GET "$1?limit=$size${2-}${cursor:+&cursor=$cursor}"

        add_items
        [ -n "$cursor" ] || break
        [ "$limit" -ne 0 ] || continue

        left=$((left - $(value "SELECT json_array_length($reply, '\$.items')")))
        [ "$left" -gt 0 ] || break
    done

    reply=$(sql_text "[$items]")
    cursor=
}


# every byte as %XX

url_text() {
    printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed -e 's/ /%/g'
}


# json_words LIST: an expression, of words that are separated by blanks

json_words() {
    set -f

    list=
    for one in $1; do
        list="${list:+$list, }$(sql_text "$one")"
    done

    set +f

    printf 'json_array(%s)' "$list"
}
