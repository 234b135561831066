# Copyright (C) the nginx-acme-ca authors
#
# What an order would be answered, and by which rule; nothing is written.

commands="$commands
explain -  NAME...  account eab address profile client-certificate client-name
"


usage_explain() {
    cat <<END
    explain NAME...             what an order would be answered, which rule says
                                so; needs --admin
        [--account ID|URL|THUMBPRINT]
        [--eab KID|LABEL]       that a new account is bound to
        [--address ADDRESS]     of the client
        [--profile NAME]
        [--client-certificate SUBJECT]
        [--client-name dns:NAME]...
END
}


client_names=

option_client_name() {
    client_names="${client_names:+$client_names
}$1"
}


# json_lines LINES: an expression: an array of them

json_lines() {
    printf '%s\n' "$1" | while IFS= read -r line; do
        printf '%s, ' "$(sql_text "$line")"
    done | sed -e 's/^/json_array(/' -e 's/, $/)/'
}


by_admin_explain() {
    kid=

    case $profiles in
        *' '*) misuse "explain: one profile" ;;
    esac

    [ -z "$eab" ] || by_admin_eab "$eab"

    certificate_names=NULL
    [ -z "$client_names" ] ||
        certificate_names=$(json_lines "$client_names")

    body=$(value "SELECT json_patch('{}', json_object(
        'names', json($(json_lines "$arg")),
        'account', nullif($(sql_text "$account"), ''),
        'eab', nullif($(sql_text "$kid"), ''),
        'address', nullif($(sql_text "$address"), ''),
        'profile', nullif($(sql_text "$profiles"), ''),
        'certificate', nullif($(sql_text "$client_certificate"), ''),
        'certificate_names', json($certificate_names)))")

    ask POST explain "$body"

    if [ -n "$json" ]; then
        value "SELECT $reply"
        return
    fi

    row "SELECT $(of "$reply" decision) AS decision,
             $(of "$reply" profile) AS profile, $(of "$reply" eab) AS eab,
             replace($(of "$reply" problem.type),
                     'urn:ietf:params:acme:error:', '') AS problem,
             $(of "$reply" problem.detail) AS detail"
    echo
    rows "SELECT $(of e.value value) AS name,
              $(of e.value decision) AS decision,
              $(of e.value rule) AS rule,
              coalesce($(of e.value problem.detail),
                       (SELECT group_concat(value, ' ')
                        FROM json_each(e.value, '\$.challenges'))) AS about
          FROM json_each($reply, '\$.names') AS e"
}
