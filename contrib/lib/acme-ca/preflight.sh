# Copyright (C) the nginx-acme-ca authors
#
# What a validation would find for a name, without an order.

commands="$commands
preflight -  NAME  challenge account
"


usage_preflight() {
    cat <<END
    preflight NAME              what a validation would find for it: addresses,
                                ports, answers, CAA; needs --admin.  Exit status
                                1: no challenge would work
        [--challenge NAME]...   only http-01, tls-alpn-01, dns-01,
                                dns-account-01, dns-persist-01
        [--account ID|URL|THUMBPRINT]
END
}


challenges=

option_challenge() {
    is_like "$1" '[a-z0-9-]+' || misuse "--challenge: \"$1\" is none"
    challenges="${challenges:+$challenges }$1"
}


# preflight_ask NAME: sets $reply

preflight_ask() {
    kinds=NULL
    [ -z "$challenges" ] || kinds=$(json_words "$challenges")

    ask POST preflight "$(value "SELECT json_patch('{}', json_object(
        'identifier', $(sql_text "$1"),
        'challenges', json($kinds),
        'account', nullif($(sql_text "${account-}"), '')))")"
}


preflight_works() {
    [ "$(value "SELECT $(of "$reply" ok)")" -eq 1 ]
}


by_admin_preflight() {
    preflight_ask "$arg"

    if [ -n "$json" ]; then
        value "SELECT $reply"
        preflight_works || exit 1
        return
    fi

    rows "SELECT $(of e.value challenge) AS challenge,
              iif($(of e.value ok), 'yes', 'no') AS works,
              $(of e.value ms) AS ms,
              $(of e.value problem.detail) AS found,
              iif($(of e.value caa.ok), 'permits', $(of e.value \
                  caa.problem.detail)) AS caa
          FROM json_each($reply, '\$.checks') AS e"
    echo
    rows "SELECT $(of e.value challenge) AS challenge,
              coalesce($(of t.value host), $(of t.value caa)) AS name,
              coalesce($(of t.value address),
                  (SELECT group_concat($(of a.value address) ||
                       iif($(of a.value allowed), '', ' (not allowed)'), ' ')
                   FROM json_each(t.value, '\$.addresses') AS a),
                  iif($(of t.value caa) IS NULL, NULL, 'CAA')) AS asked,
              $(of t.value result) AS result, $(of t.value status) AS status,
              $(of t.value ms) AS ms
          FROM json_each($reply, '\$.checks') AS e,
               json_each(e.value, '\$.tried') AS t"

    preflight_works || exit 1
}
