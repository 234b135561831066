# Copyright (C) the nginx-acme-ca authors
#
# Values: nothing of a user's gets into SQL but numbers and hexadecimal.

is_number() {
    case $1 in
        ''|*[!0-9]*|????????????????*) return 1 ;;
    esac
}


# is_like TEXT REGEX: the whole of a text without line feeds

is_like() {
    case $1 in
        *'
'*) return 1 ;;
    esac

    printf '%s\n' "$1" | grep -Eqx -e "$2"
}


sql_text() {
    printf "CAST(x'%s' AS TEXT)" \
        "$(printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n')"
}


check_number() {
    is_number "$2" || misuse "$1: \"$2\" is no number"
}


# plain_number NAME VALUE: sets $number; the shell takes "010" for eight

plain_number() {
    check_number "$1" "$2"
    number=$2

    while :; do
        case $number in
            0?*) number=${number#0} ;;
            *)   break ;;
        esac
    done
}


# seconds of 90s, 5m, 12h, 30d, 2w, 1y

seconds() {
    number=${2%[smhdwy]}

    if ! is_number "$number" || [ ${#number} -gt 6 ]; then
        misuse "$1: \"$2\" is not a time such as 30d"
    fi

    plain_number "$1" "$number"

    case $2 in
        *m) number=$((number * 60)) ;;
        *h) number=$((number * 3600)) ;;
        *d) number=$((number * 86400)) ;;
        *w) number=$((number * 604800)) ;;
        *y) number=$((number * 31536000)) ;;
    esac

    [ "$number" -gt 0 ] || misuse "$1: \"$2\" is no time"
}


# the patterns that the module reads: see "allow" in the README

check_pattern() {
    part='[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?'
    octet='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
    bits='(12[0-8]|1[01][0-9]|[1-9]?[0-9])'

    case $1 in
        \*)    return ;;
        \*.*)  misuse "--name: the names below a domain are written" \
                      "\"${1#\*}\"" ;;
    esac

    if is_like "$1" '[0-9./]+'; then
        is_like "$1" "($octet\\.){3}$octet(/(3[0-2]|[12]?[0-9]))?" &&
            return

    elif is_like "$1" '[0-9a-f:./]*:[0-9a-f:./]*'; then
        is_like "$1" "[0-9a-f:]*:[0-9a-f:.]*(/$bits)?" && return

    else
        is_like "$1" "\\.?($part\\.)*$part" && [ ${#1} -le 254 ] && return
    fi

    misuse "--name: \"$1\" is no name, no \".\" and a domain, no range of" \
           "addresses, and not \"*\""
}


# bytes HEX

bytes() {
    # shellcheck disable=SC2059
    printf "$(printf '%s\n' "$1" | awk '{
        for (i = 1; i <= length($0); i += 2) {
            n = index("0123456789ABCDEF", substr($0, i, 1)) * 16 - 17 \
                + index("0123456789ABCDEF", substr($0, i + 1, 1))
            printf "\\%03o", n
        }
    }')"
}


# the standard input in hexadecimal

hex_of() {
    od -An -v -tx1 | tr -d ' \n'
}


# the standard input, of rows with "serial" and an empty "serial_decimal", which
# is filled: SQLite has no numbers of such a length

with_decimals() {
    awk '
        function decimal(hex,    n, i, j, carry, digit, text) {
            n = 1
            digit[1] = 0

            for (i = 1; i <= length(hex); i++) {
                carry = index("0123456789abcdef", substr(hex, i, 1)) - 1

                for (j = 1; j <= n; j++) {
                    carry += digit[j] * 16
                    digit[j] = carry % 10
                    carry = int(carry / 10)
                }

                while (carry > 0) {
                    digit[++n] = carry % 10
                    carry = int(carry / 10)
                }
            }

            text = ""

            for (j = n; j > 0; j--)
                text = text digit[j]

            return text
        }

        match($0, /"serial":"[0-9a-f]+"/) {
            hex = substr($0, RSTART + 10, RLENGTH - 11)
            sub(/"serial_decimal":null/, "\"serial_decimal\":\"" \
                decimal(hex) "\"")
        }

        $1 == "serial" && $2 == "="         { hex = $3 }
        $1 == "serial_decimal" && $2 == "=" { $0 = $0 decimal(hex) }

        { print }'
}


# a decimal number as a hexadecimal one

hexadecimal() {
    printf '%s\n' "$1" | awk '{
        n = 1
        digit[1] = 0

        for (i = 1; i <= length($0); i++) {
            carry = substr($0, i, 1) + 0

            for (j = 1; j <= n; j++) {
                carry += digit[j] * 10
                digit[j] = carry % 16
                carry = int(carry / 16)
            }

            while (carry > 0) {
                digit[++n] = carry % 16
                carry = int(carry / 16)
            }
        }

        for (j = n; j > 0; j--)
            printf "%x", digit[j]

        print ""
    }'
}
